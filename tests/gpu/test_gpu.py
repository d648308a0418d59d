"""The real thing, on a machine with an NVIDIA GPU: `make test-gpu`. No other test command selects these."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from autograder.batch.machine import Device, Machine
from autograder.batch.slots import Slots
from autograder.course.loading import load_course
from autograder.course.settings import BACKENDS, Resources
from autograder.execution.devices import why_gpu_unusable
from autograder.quality.variants import Variant, build_submission
from autograder.records import Record, from_json
from tests.conftest import autograder

pytestmark = pytest.mark.gpu
Grade = Callable[..., dict[str, Record]]

PEAK_MIB = {
    "tensorflow": "import tensorflow as tf\npeak = tf.config.experimental.get_memory_info('GPU:0')['peak']",
    "jax": "import jax\npeak = jax.devices()[0].memory_stats()['peak_bytes_in_use']",
    "torch": "import torch\npeak = torch.cuda.max_memory_allocated()",
}
# Trains as the reference does, and hands in how much of the GPU that took.
TRAIN = """
gpus = []
{before}
model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(10, activation='softmax')])
model.compile('adam', 'sparse_categorical_crossentropy', metrics=['accuracy'])
model.fit(x_train.reshape(len(x_train), 784) / 255.0, y_train, epochs=min(5, epoch_limit), verbose=0)
{peak}
history = {{"peak_mib": [peak / 2**20]}}
"""
# Keeps arrays on the GPU, of so many MiB each, one after the other.
GRAB = """
kept = []
for mib in {sizes}:
    kept.append(keras.ops.ones((mib * 2**18,), dtype="float32"))
    float(keras.ops.sum(kept[-1][:8]))
    print("kept", mib)
"""
NO_GPU = {
    "tensorflow": "import tensorflow as tf\nassert not tf.config.list_physical_devices('GPU')",
    "jax": "import jax\nassert jax.devices()[0].platform == 'cpu'",
    "torch": "import torch\nassert not torch.cuda.is_available()",
}
# What tutorials tell everybody to write; it must go on working under our own cap.
GROWTH = """
import tensorflow as tf
for gpu in tf.config.list_physical_devices('GPU'):
    tf.config.experimental.set_memory_growth(gpu, True)
"""


@pytest.fixture(scope="session")
def gpu() -> Device:
    devices = Machine.here().devices
    assert devices, "no NVIDIA GPU was found: nvidia-smi lists none, and AUTOGRADER_DEVICES declares none"
    return devices[0]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, gpu: Device) -> str:
    """Each backend that has CUDA here; TensorFlow, the default, must."""
    name = str(request.param)
    reason = why_gpu_unusable(Slots(Machine.here(), Resources(gpus=0.25), 1).first, name) if find_spec(name) else "it is not installed"
    if reason and name != "tensorflow":
        pytest.skip(f"{name} stays unverified on a GPU: {reason}")
    assert reason == ""
    return name


@pytest.fixture
def grade(released: Path) -> Grade:
    """Grades submissions to the tiny course, given as {student: source of its training cell}."""

    def run(backend: str, resources: str, jobs: int, **students: str) -> dict[str, Record]:
        config = released / "grading_config.py"
        text = config.read_text().replace("import Assignment,", "import Resources, Assignment,")
        text = text.replace('cell="15 s", total="60 s"', 'cell="300 s", total="600 s"')
        text = text.replace("due=", f'resources={resources}, backend="{backend}", due=')
        config.write_text(text)
        _, paths = load_course(released)
        for student, source in students.items():
            folder = released / "submitted" / student / "tiny"
            folder.mkdir(parents=True)
            notebook = build_submission(paths, "tiny", Variant(student, "", True, cells={"train": f"# {student}\n{source}"}))
            (folder / "tiny.ipynb").write_text(json.dumps(notebook))
        done = autograder(released, "grade", "tiny", "--jobs", str(jobs), "--json", "-")
        assert done.returncode == 0, done.stderr
        return {each["student"]: from_json(Record, json.dumps(each)) for each in json.loads(done.stdout)}

    return run


def trained(backend: str, before: str = "") -> str:
    return TRAIN.format(before=before, peak=PEAK_MIB[backend])


def peak_mib(root: Path, record: Record) -> float:
    history: dict[str, Any] = json.loads((root / f".autograder/runs/{record.runs[0].run_key}/handin/history.json").read_text())
    return float(history["peak_mib"][0])


def outputs(root: Path, record: Record) -> str:
    return (root / f".autograder/runs/{record.runs[0].run_key}/notebook.ipynb").read_text()


def test_a_submission_trains_on_the_gpu_inside_the_sandbox(grade: Grade, gpu: Device, backend: str, released: Path) -> None:
    record = grade(backend, "Resources(gpus=0.25)", 1, ada=trained(backend))["ada"]
    assert (record.outcome, record.reason) == ("completed", "")
    assert record.isolation.level >= 2
    assert record.usage.gpu == f"{gpu.name}, 0.25"
    assert record.score == 80
    assert peak_mib(released, record) > 1


def test_neighbours_share_the_gpu(grade: Grade, backend: str, released: Path) -> None:
    records = grade(backend, "Resources(gpus=0.25)", 4, **{f"s{number}": trained(backend) for number in range(8)})
    assert {(record.outcome, record.score) for record in records.values()} == {("completed", 80)}
    assert all(peak_mib(released, record) > 1 for record in records.values())


def test_more_than_its_share_is_one_submissions_failure_alone(grade: Grade, gpu: Device, backend: str, released: Path) -> None:
    half, tenth = gpu.memory_mib // 2, gpu.memory_mib // 10
    greedy = GRAB.format(sizes=[tenth, half])
    records = grade(backend, "Resources(gpus=0.25)", 2, greedy=greedy, modest=trained(backend))
    assert records["greedy"].outcome in ("cell_error", "memory_exceeded")
    assert records["greedy"].first_error is not None
    assert records["greedy"].first_error.cell == "train"
    assert f"kept {tenth}" in outputs(released, records["greedy"])
    assert f"kept {half}" not in outputs(released, records["greedy"])
    assert (records["modest"].outcome, records["modest"].score) == ("completed", 80)


def test_without_a_gpu_asked_for_a_notebook_sees_none(grade: Grade, backend: str) -> None:
    record = grade(backend, "Resources()", 1, ada=NO_GPU[backend])["ada"]
    assert (record.outcome, record.usage.gpu) == ("completed", None)


def test_a_notebook_may_ask_for_memory_growth_itself(grade: Grade, gpu: Device, released: Path) -> None:
    record = grade("tensorflow", "Resources(gpus=0.25)", 1, ada=trained("tensorflow", before=GROWTH))["ada"]
    assert (record.outcome, record.reason) == ("completed", "")
    assert peak_mib(released, record) > 1
