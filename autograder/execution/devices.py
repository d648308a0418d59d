"""What one execution may use of the machine, and how TensorFlow, JAX and PyTorch are told so.

Everything here holds for a notebook that behaves: a process can undo its own settings. Against one that does not, only what
lies outside of it helps: a GPU divided by MIG, or one submission on a GPU at a time (`gpus=1`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec

from autograder.errors import MachineError, UsageError, installation_of

GPU_CURE = "Install its build for CUDA (docs/administrators.md) and NVIDIA's driver, or allow the CPU: Resources(…, cpu_fallback=True)."
_FRACTION = "AUTOGRADER_GPU_FRACTION"
_NAMES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
_TRY_S = 180


@dataclass(frozen=True)
class Slot:
    """What one submission may use while it is executed.

    `gpu`: its CUDA id ("0", "GPU-…", "MIG-…"), None on the CPU. `gpu_memory_mib`, of `gpu_total_mib` that the GPU has: what the backend
    may allocate there. `cpu_fallback`: a GPU was asked for, and this is the CPU instead, as the assignment allows. `company`: others may be
    graded beside it, so that what memory pressure does to it need not be its own doing.
    """

    threads: int = 1
    memory_mib: int = 4096
    gpu: str | None = None
    gpu_memory_mib: int | None = None
    cpu_fallback: bool = False
    gpu_name: str = ""
    gpu_share: float = 0.0
    gpu_total_mib: int | None = None
    company: bool = False

    def describe(self) -> str | None:
        """For the record: "NVIDIA H100, 0.25", "none (fell back to the CPU)", or None where no GPU was asked for."""
        if self.gpu is not None:
            return f"{self.gpu_name or f'GPU {self.gpu}'}, {self.gpu_share or 1:g}"
        return "none (fell back to the CPU)" if self.cpu_fallback else None

    def gpu_fraction(self) -> float:
        """The share of the GPU's memory that the backend may allocate: more than 0, at most 1."""
        if self.gpu_memory_mib is None or self.gpu_total_mib is None:
            return 1.0
        return min(1.0, self.gpu_memory_mib / self.gpu_total_mib)


def slot_environment(slot: Slot, backend: str) -> dict[str, str]:
    """Variables of a process that executes in this slot; they must be there before the backend is first used.

    "-1" hides every GPU: CUDA stops at the first id that does not exist. An empty value would too, but not on every system.
    """
    threads = str(slot.threads)
    variables = {
        "TF_NUM_INTRAOP_THREADS": threads,
        "TF_NUM_INTEROP_THREADS": threads,
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "NPROC": threads,  # XLA's thread pool, and so JAX's
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # as nvidia-smi numbers them
        "CUDA_VISIBLE_DEVICES": "-1" if slot.gpu is None else slot.gpu,
        "JAX_PLATFORMS": "cpu" if slot.gpu is None else "cuda,cpu",
    }
    if slot.gpu is None:
        return variables
    variables |= {
        _FRACTION: f"{slot.gpu_fraction():.4f}",
        # Under every backend: Keras' fit imports TensorFlow for its datasets, and TensorFlow would take the whole GPU.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    }
    if backend == "jax":  # a fraction without preallocation is an upper limit (XLA, CreateBFCAllocator)
        variables |= {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "XLA_PYTHON_CLIENT_MEM_FRACTION": variables[_FRACTION]}
    return variables


def driver_environment() -> dict[str, str]:
    """What a process needs from its very start to find NVIDIA's driver where the loader's cache does not list it, as in many containers."""
    return {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if os.environ.get(name)}


def limit_gpu_memory(backend: str) -> None:
    """Caps what this process may allocate on the GPU of its slot; nothing to do on the CPU.

    To be called once in the process that runs the notebook, before its first cell, so that a GPU that cannot be used is the machine's
    fault: TensorFlow and PyTorch would silently go on without. Raises MachineError then.
    """
    if _FRACTION not in os.environ:
        return
    limit = {"tensorflow": _limit_tensorflow, "jax": _limit_jax, "torch": _limit_torch}[backend]
    try:
        found = limit(float(os.environ[_FRACTION]))
    except Exception as error:  # whatever a driver or a library says
        raise _no_gpu(backend, f"{type(error).__name__}: {error}"[:300]) from None
    if not found:
        raise _no_gpu(backend, "it finds no GPU")


def _no_gpu(backend: str, reason: str) -> MachineError:
    return MachineError(
        f"{_NAMES[backend]} cannot use the GPU '{os.environ.get('CUDA_VISIBLE_DEVICES')}': {reason}.",
        GPU_CURE,
    )


def _limit_tensorflow(fraction: float) -> bool:
    """A fraction with memory growth, rather than a logical device: that one makes `set_memory_growth`, which many notebooks call, fail."""
    import tensorflow
    from tensorflow.python.eager import context

    options = tensorflow.compat.v1.ConfigProto()
    options.gpu_options.per_process_gpu_memory_fraction = fraction
    context.context()._config = options  # TensorFlow 2 has no public way; a test says whether this one is heeded
    return bool(tensorflow.config.list_physical_devices("GPU"))


def _limit_jax(fraction: float) -> bool:
    """The environment has set the limit (`slot_environment`); without a CUDA plug-in JAX takes the CPU whatever JAX_PLATFORMS says."""
    import jax

    return any(device.platform == "gpu" for device in jax.devices())


def _limit_torch(fraction: float) -> bool:
    import torch

    if not torch.cuda.is_available():
        return False
    torch.cuda.set_per_process_memory_fraction(fraction)
    return True


def may_fork_warm(slot: Slot, backend: str) -> str:
    """Empty if a process that has imported Keras and the backend may be forked for this slot, else the reason to start a new one.

    Seen on the CPU (Keras 3.15, TensorFlow 2.21, JAX 0.10, PyTorch 2.13; one OpenMP and one OpenBLAS thread): after the import each
    backend's process has exactly one thread, and JAX has set up no device; 10 of 10 forks of each trained, also two at a time, with
    the same losses as a process started anew. A fork of JAX then has 16 threads of its own, one of TensorFlow 7, one of PyTorch 1.
    """
    if slot.gpu is not None:
        return "a fork and CUDA: NVIDIA forbids it once CUDA is in use, and before that nobody has tried it here"
    if backend == "torch" and slot.threads > 1:
        return "PyTorch fixes its number of threads when it is imported"
    return ""


def require_backend(backend: str) -> None:
    """Raises UsageError when the backend's package is not installed."""
    if find_spec(backend) is None:
        raise UsageError(
            f"The course asks for Keras with {_NAMES[backend]}, which is not installed here.",
            f"Install it: {installation_of(backend)}." if backend != "tensorflow" else "Run: make venv",
        )


def why_gpu_unusable(slot: Slot, backend: str) -> str:
    """Tries the slot's GPU in a process of its own, without any sandbox: empty if the backend finds it, else the reason.

    That process also makes NVIDIA's driver create its device files, which no process in a sandbox could.
    """
    code = f"from autograder.execution.devices import limit_gpu_memory; limit_gpu_memory({backend!r})"
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **slot_environment(slot, backend), "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
            capture_output=True, text=True, errors="replace", timeout=_TRY_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"{_NAMES[backend]} did not answer within {_TRY_S} s"
    if done.returncode == 0:
        return ""
    said = [line for line in done.stderr.splitlines() if "MachineError: " in line]
    return said[-1].partition("MachineError: ")[2].rstrip(".") if said else f"{_NAMES[backend]} ended with status {done.returncode}"
