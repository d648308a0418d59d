"""What a slot becomes in the process that executes: variables, memory caps, and the machine's fault where there is no GPU."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import pytest

from autograder.course.settings import BACKENDS
from autograder.errors import MachineError, UsageError
from autograder.execution.devices import (
    Slot,
    driver_environment,
    limit_gpu_memory,
    may_fork_warm,
    require_backend,
    slot_environment,
    why_gpu_unusable,
)

GPU = Slot(gpu="GPU-a", gpu_memory_mib=19_400, gpu_name="NVIDIA H100", gpu_share=0.25, gpu_total_mib=80_000)
# A process that imports Keras, forks, and trains in two forks at once; the losses of the two are the same.
FORKS = """
import os, sys
import numpy as np
import keras
assert len(os.listdir("/proc/self/task")) == 1, os.listdir("/proc/self/task")

def train(pipe):
    keras.utils.set_random_seed(1)
    x = np.linspace(0, 1, 640, dtype="float32").reshape(160, 4)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    os.write(pipe, repr(model.fit(x, x[:, :1], epochs=1, verbose=0).history["loss"]).encode())

losses = []
for _ in range(2):
    pipes = []
    for _ in range(2):
        out, into = os.pipe()
        if os.fork() == 0:
            try:
                train(into)
            finally:
                os._exit(0)
        os.close(into)
        pipes.append(out)
    losses += [os.read(pipe, 1000) for pipe in pipes]
    for _ in pipes:
        os.wait()
assert losses[0] and len(set(losses)) == 1, losses
"""


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": "/usr/bin:/bin", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONHASHSEED": "0"}
    return subprocess.run([sys.executable, "-c", code], env={**clean, **environment}, capture_output=True, text=True)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_cpu_slot_hides_every_gpu_and_fixes_the_threads(backend: str) -> None:
    variables = slot_environment(Slot(threads=3), backend)
    assert variables["CUDA_VISIBLE_DEVICES"] == "-1"
    assert variables["JAX_PLATFORMS"] == "cpu"
    assert {variables[name] for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NPROC")} == {"3"}
    assert not any("FRACTION" in name for name in variables)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_gpu_slot_shows_its_gpu_and_no_backend_takes_all_of_it(backend: str) -> None:
    variables = slot_environment(GPU, backend)
    assert variables["CUDA_VISIBLE_DEVICES"] == "GPU-a"
    assert variables["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert variables["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert variables["AUTOGRADER_GPU_FRACTION"] == "0.2425"
    assert variables.get("XLA_PYTHON_CLIENT_MEM_FRACTION") == ("0.2425" if backend == "jax" else None)
    assert variables.get("XLA_PYTHON_CLIENT_PREALLOCATE") == ("false" if backend == "jax" else None)


@pytest.mark.parametrize(
    ("slot", "said"),
    [
        (Slot(), None),
        (GPU, "NVIDIA H100, 0.25"),
        (replace(GPU, gpu_share=1.0), "NVIDIA H100, 1"),
        (Slot(gpu="0"), "GPU 0, 1"),
        (Slot(cpu_fallback=True), "none (fell back to the CPU)"),
    ],
)
def test_the_record_says_on_what_it_ran(slot: Slot, said: str | None) -> None:
    assert slot.describe() == said


def test_without_figures_nothing_is_capped() -> None:
    assert Slot(gpu="0").gpu_fraction() == 1.0
    assert replace(GPU, gpu_memory_mib=90_000).gpu_fraction() == 1.0


def test_only_the_cpu_is_forked_warm() -> None:
    assert [may_fork_warm(Slot(), backend) for backend in BACKENDS] == ["", "", ""]
    assert all("CUDA" in may_fork_warm(GPU, backend) for backend in BACKENDS)
    assert may_fork_warm(Slot(threads=2), "tensorflow") == ""
    assert "threads" in may_fork_warm(Slot(threads=2), "torch")


@pytest.mark.parametrize("backend", [backend for backend in BACKENDS if find_spec(backend)])
def test_forks_of_a_process_that_has_imported_keras_train(backend: str) -> None:
    done = python(FORKS, **slot_environment(Slot(), backend), KERAS_BACKEND=backend)
    assert done.returncode == 0, done.stderr[-2000:]


def test_on_the_cpu_nothing_is_imported_to_limit_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTOGRADER_GPU_FRACTION", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    limit_gpu_memory("torch")


def test_tensorflow_heeds_the_cap_and_a_notebook_may_still_ask_for_growth() -> None:
    code = """
from autograder.execution.devices import _limit_tensorflow
_limit_tensorflow(0.25)
import tensorflow as tf
from tensorflow.python.eager import context
tf.config.set_visible_devices(tf.config.list_physical_devices("CPU"))
tf.config.threading.set_intra_op_parallelism_threads(1)
assert context.context().config.gpu_options.per_process_gpu_memory_fraction == 0.25
assert float(tf.reduce_sum(tf.ones(4))) == 4.0
assert context.context().config.gpu_options.per_process_gpu_memory_fraction == 0.25
"""
    done = python(code, CUDA_VISIBLE_DEVICES="-1")
    assert done.returncode == 0, done.stderr[-2000:]


def test_tensorflow_without_a_gpu_is_the_machines_fault() -> None:
    assert why_gpu_unusable(replace(GPU, gpu="-1"), "tensorflow") == "TensorFlow cannot use the GPU '-1': it finds no GPU"


def fake_torch(available: bool, fractions: list[float]) -> Any:
    return SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: available, set_per_process_memory_fraction=fractions.append))


def test_pytorch_is_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    fractions: list[float] = []
    monkeypatch.setenv("AUTOGRADER_GPU_FRACTION", "0.2425")
    monkeypatch.setitem(sys.modules, "torch", fake_torch(True, fractions))
    limit_gpu_memory("torch")
    assert fractions == [0.2425]


@pytest.mark.parametrize(
    ("backend", "module", "reason"),
    [
        ("torch", fake_torch(False, []), "PyTorch cannot use the GPU 'GPU-a': it finds no GPU"),
        ("jax", SimpleNamespace(devices=lambda: [SimpleNamespace(platform="cpu")]), "JAX cannot use the GPU 'GPU-a': it finds no GPU"),
        ("jax", SimpleNamespace(), "JAX cannot use the GPU 'GPU-a': AttributeError"),
    ],
)
def test_a_backend_that_would_silently_take_the_cpu_is_an_error(
    monkeypatch: pytest.MonkeyPatch, backend: str, module: Any, reason: str
) -> None:
    monkeypatch.setenv("AUTOGRADER_GPU_FRACTION", "0.2425")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a")
    monkeypatch.setitem(sys.modules, backend, module)
    with pytest.raises(MachineError) as caught:
        limit_gpu_memory(backend)
    assert caught.value.message.startswith(reason)
    assert "cpu_fallback=True" in caught.value.cure


def test_jax_with_a_gpu_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGRADER_GPU_FRACTION", "0.2425")
    monkeypatch.setitem(sys.modules, "jax", SimpleNamespace(devices=lambda: [SimpleNamespace(platform="gpu")]))
    limit_gpu_memory("jax")


def test_a_backend_that_is_not_installed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    require_backend("tensorflow")
    monkeypatch.setattr("autograder.execution.devices.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="Keras with JAX, which is not installed") as caught:
        require_backend("jax")
    assert ".whl[jax]'" in caught.value.cure


def test_a_driver_outside_of_the_loaders_cache_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/usr/local/nvidia/lib64")
    assert driver_environment() == {"LD_LIBRARY_PATH": "/usr/local/nvidia/lib64"}
    monkeypatch.delenv("LD_LIBRARY_PATH")
    assert driver_environment() == {}
