"""A course without TensorFlow, a small class, and the record that each of its submissions has when nobody disturbs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from autograder.batch.store import Store
from autograder.records import Record
from tests.conftest import autograder

COMMAND = Path(__file__).parent / "command.py"

CONFIG = """
import numpy as np
from autograder import Assignment, Course, Curve, Dataset, Limits, Profile, Resources


def load(folder):
    y = np.arange(60) % 10
    return np.repeat(y[:, None], 4, axis=1).astype("float32"), y


course = Course(
    id="standin", title="Stand-in", timezone="UTC", default_profile="smoke", attempts=2,
    datasets=[Dataset("numbers", load=load, answers="keras.datasets.mnist", sizes=(40, 10, 10))],
    assignments=[
        Assignment(
            "standin", due="2027-02-12 23:59", points=15, resources=Resources(memory_gib=0.5), limits=Limits(cell="60 s", total="120 s"),
            profiles={"smoke": Profile(dataset="numbers", curves={"share": Curve({0.0: 0, 1.0: 1})})},
        ),
    ],
)
"""

GRADER = """
import pytest


@pytest.mark.grade_cell("value")
def test_value(submission, award):
    award("share", min(1.0, submission.value("total") / 45))


@pytest.mark.grade_cell("double")
@pytest.mark.ask("double", [1, 2])
def test_double(answers):
    for n, answer in answers:
        assert answer == 2 * n, "double(n) is not twice n"
"""

TOTAL, DOUBLE = "total = sum(range(10))", "def double(n):\n    return 2 * n"
PAUSE = "import time\ntime.sleep(0.4)\n"  # long enough for something to be killed in it
CLASS = {
    "ada": (TOTAL, DOUBLE),
    "bob": (PAUSE + "total = 9", DOUBLE),
    "cleo": (TOTAL, PAUSE + "def double(n):\n    return n + 2"),
    "dan": ("total = 1 / 0", PAUSE + DOUBLE),
    "eve": (PAUSE + TOTAL, "import os\nos._exit(3)"),
    "fay": (TOTAL, DOUBLE),  # as ada's: they share a run
}


def _cell(source: str, kind: str = "code", tags: tuple[str, ...] = (), **nbgrader: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"tags": list(tags)} if tags else {}
    if nbgrader:
        defaults = {"schema_version": 3, "grade": False, "solution": False, "locked": True, "task": False}
        metadata["nbgrader"] = defaults | nbgrader
    cell: dict[str, Any] = {"cell_type": kind, "id": str(nbgrader.get("grade_id", "text")), "metadata": metadata, "source": source}
    return cell if kind == "markdown" else cell | {"execution_count": None, "outputs": []}


def _solution(name: str, source: str) -> dict[str, Any]:
    return _cell(f"### BEGIN SOLUTION\n{source}\n### END SOLUTION", grade_id=name, solution=True, locked=False)


def standin_notebook() -> dict[str, Any]:
    parameters = 'seed = 1\nsample_limit = None\nepoch_limit = None\ndataset = "mnist"'
    cells = [
        _cell("# Numbers", "markdown"),
        _cell("import keras\n\nfrom autograder.student import graded_later, hand_in", grade_id="imports"),
        _cell(parameters, tags=("parameters",), grade_id="parameters"),
        _cell("keras.utils.set_random_seed(seed)", grade_id="seed"),
        _solution("add", TOTAL),
        _cell('graded_later("value", "the sum")', grade_id="value", grade=True, points=10),
        _solution("write_double", DOUBLE),
        _cell('graded_later("double", "that double(n) is twice n")', grade_id="double", grade=True, points=5),
        _cell('hand_in("total", functions=["double"])', grade_id="hand_in_all"),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


@dataclass(frozen=True)
class Graded:
    """A course in which everybody was graded without disturbance, the verdicts that came out, and how long it took."""

    root: Path
    seconds: float
    verdicts: dict[str, dict[str, Any]]


def start(root: Path, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """The command on a course, as a process."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AUTOGRADER_")}
    clean |= options.pop("env", {})
    command = [*options.pop("before", ()), sys.executable, str(COMMAND), *arguments]
    return subprocess.Popen(command, cwd=root, env=clean, text=True, start_new_session=True, **options)


def grade(root: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command to its end."""
    pipe = subprocess.PIPE
    with start(root, "grade", "standin", "--jobs", "3", *arguments, stdout=pipe, stderr=pipe, env=environment) as process:
        out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess([], process.returncode, out, err)


def hand_in(root: Path, student: str, add: str, double: str) -> None:
    notebook = json.loads((root / "release/standin/standin.ipynb").read_text())
    for cell in notebook["cells"]:
        cell["source"] = {"add": add, "write_double": double}.get(cell["id"], cell["source"])
    folder = root / "submitted" / student / "standin"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "standin.ipynb").write_text(json.dumps(notebook))


def records(root: Path) -> dict[str, list[Record]]:
    """All records by student, each of which must be whole."""
    store, found = Store(root / ".autograder"), {}
    for folder in sorted((root / ".autograder/records/smoke/standin").glob("*")):
        found[folder.name] = list(store.of_student("standin", folder.name))
        assert len(found[folder.name]) == len(list(folder.glob("*.json"))), f"a record of {folder.name} is not whole"
    return found


@pytest.fixture(scope="session")
def graded_once(tmp_path_factory: pytest.TempPathFactory) -> Graded:
    root = tmp_path_factory.mktemp("kill") / "course"
    (root / "source_assignments/standin").mkdir(parents=True)
    (root / "graders/standin").mkdir(parents=True)
    (root / "grading_config.py").write_text(CONFIG)
    (root / "graders/standin/test_standin.py").write_text(GRADER)
    (root / "source_assignments/standin/standin.ipynb").write_text(json.dumps(standin_notebook()))
    done = autograder(root, "release", "standin")
    assert done.returncode == 0, done.stderr
    shutil.copy(root / "gradebook.db", root / "released.db")
    for student, cells in CLASS.items():
        hand_in(root, student, *cells)
    assert grade(root).returncode == 0  # makes the split and whatever else is made once
    _forget(root)
    began = time.monotonic()
    finished = grade(root)
    assert finished.returncode == 0, finished.stderr
    seconds = time.monotonic() - began
    return Graded(root, seconds, {student: found[0].verdict() for student, found in records(root).items()})


@pytest.fixture
def whole(graded_once: Graded, tmp_path: Path) -> Path:
    """The class of its own, of which everybody is graded."""
    return Path(shutil.copytree(graded_once.root, tmp_path / "course"))


@pytest.fixture
def course(graded_once: Graded, tmp_path: Path) -> Path:
    """The class of its own, of which nobody is graded; data and declarations are there, so that a command starts at once."""
    root = Path(shutil.copytree(graded_once.root, tmp_path / "course"))
    _forget(root)
    return root


def _forget(root: Path) -> None:
    for name in ("runs", "records", "arrivals", "starts"):
        shutil.rmtree(root / ".autograder" / name, ignore_errors=True)
    shutil.rmtree(root / "autograded", ignore_errors=True)
    shutil.copy(root / "released.db", root / "gradebook.db")
