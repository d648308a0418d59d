"""A small class of right, wrong, unlucky and hostile submissions, graded once, side by side, with real kernels.

One bad submission never touches another's result: every student's record is checked on its own.
"""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from autograder.course.loading import load_course
from autograder.quality.variants import Variant, build_submission
from autograder.records import Record, from_json
from tests.conftest import autograder, cell_of

Notebook = dict[str, Any]
RIGHT_DOUBLE = "def double(n):\n    return 2 * n"


def _answers(**cells: str) -> Callable[[Notebook], None]:
    def change(notebook: Notebook) -> None:
        for grade_id, source in cells.items():
            cell_of(notebook, grade_id)["source"] = source

    return change


def _no_ids(notebook: Notebook) -> None:
    for cell in notebook["cells"]:
        cell.pop("id")
    notebook["nbformat_minor"] = 4


def _duplicate(notebook: Notebook) -> None:
    notebook["cells"].insert(8, json.loads(json.dumps(cell_of(notebook, "write_double"))))


def _delete(notebook: Notebook) -> None:
    notebook["cells"].remove(cell_of(notebook, "hand_in_model"))


def _kernel(notebook: Notebook) -> None:
    notebook["metadata"]["kernelspec"] = {"name": "julia-1.9", "display_name": "Julia", "language": "julia"}


def _noise(notebook: Notebook) -> None:
    source = cell_of(notebook, "prepare")["source"]
    noise = "import sys, warnings\nwarnings.warn('careful')\nprint('to stderr', file=sys.stderr)\n"
    cell_of(notebook, "prepare")["source"] = noise + source


CHANGES: dict[str, Callable[[Notebook], None]] = {
    "right": lambda notebook: None,
    "noisy": _noise,
    "no_ids": _no_ids,
    "duplicate": _duplicate,
    "deleted": _delete,
    "kernel": _kernel,
    "wrong_name": _answers(prepare="pictures = x_test.reshape(len(x_test), 784) / 255.0"),
    "wrong_type": _answers(prepare="images = 'all of them'\nx_test = [1] * 3", train="model = {'layers': 10}\nhistory = lambda: 3"),
    "sys_exit": _answers(write_double=RIGHT_DOUBLE + "\nimport sys\nsys.exit(0)"),
    "os_exit": _answers(train="import os\nos._exit(0)"),
    "killed": _answers(train="import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"),
    "endless": _answers(write_double="while True:\n    pass"),
    "stubborn": _answers(
        write_double=RIGHT_DOUBLE + "\nimport signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    pass"
    ),
    "slow_answer": _answers(write_double="import time\n\ndef double(n):\n    time.sleep(600)"),
    "flood": _answers(write_double=RIGHT_DOUBLE + "\nwhile True:\n    print('x' * 100_000)"),
}
FILES = {"not_json": b"{", "empty": b"", "binary": b"\x89PNG\r\n\x1a\n", "old": b'{"nbformat": 3, "worksheets": []}'}


@pytest.fixture(scope="module")
def graded(released_once: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Record], Any]:
    root = Path(shutil.copytree(released_once, tmp_path_factory.mktemp("class") / "tiny"))
    _, paths = load_course(root)
    for student, change in CHANGES.items():
        notebook = build_submission(paths, "tiny", Variant("reference", "", True))
        change(notebook)
        _submit(root, student, json.dumps(notebook).encode())
    for student, data in FILES.items():
        _submit(root, student, data)
    _submit(root, "renamed", b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "notes"}]}')
    right = (root / "submitted/right/tiny/tiny.ipynb").read_text(encoding="utf-8")
    (root / "submitted/renamed/tiny/<b>my work (1).ipynb").write_bytes(right.encode("utf-16"))
    (root / "submitted/nothing/tiny").mkdir(parents=True)
    config = root / "grading_config.py"
    config.write_text(config.read_text().replace('cell="15 s"', 'cell="6 s"'))
    done = autograder(root, "grade", "tiny", "--trust-submissions", "--json", "-")
    assert done.returncode == 0, done.stderr
    return root, {each["student"]: from_json(Record, json.dumps(each)) for each in json.loads(done.stdout)}, done


def _submit(root: Path, student: str, data: bytes) -> None:
    folder = root / "submitted" / student / "tiny"
    folder.mkdir(parents=True)
    (folder / "tiny.ipynb").write_bytes(data)


def points(record: Record) -> dict[str, float | None]:
    return {cell.grade_id: cell.score for cell in record.grade_cells if not cell.manual}


FULL = {"images": 10, "double": 20, "counts": 20, "accuracy": 30}


@pytest.mark.parametrize(
    ("student", "outcome", "expected"),
    [
        ("right", "completed", FULL),
        ("noisy", "completed", FULL),
        ("no_ids", "completed", FULL),
        ("duplicate", "completed", FULL),
        ("deleted", "completed", FULL),
        ("kernel", "completed", FULL),
        ("renamed", "completed", FULL),
        ("wrong_name", "cell_error", FULL | {"images": 0}),
        ("wrong_type", "cell_error", {"images": 0, "double": 20, "counts": 0, "accuracy": 0}),
        ("sys_exit", "cell_error", FULL),
        ("os_exit", "kernel_died", {"images": 10, "double": 20, "counts": 0, "accuracy": 0}),  # double was handed in before
        ("killed", "kernel_died", {"images": 10, "double": 20, "counts": 0, "accuracy": 0}),
        ("endless", "timed_out", FULL | {"double": 0}),
        ("stubborn", "timed_out", {"images": 0, "double": 0, "counts": 0, "accuracy": 0}),
        ("slow_answer", "completed", FULL | {"double": 0}),
        ("flood", "output_exceeded", {"images": 0, "double": 0, "counts": 0, "accuracy": 0}),
    ],
)
def test_each_submission_gets_what_it_deserves(
    graded: tuple[Path, dict[str, Record], Any], student: str, outcome: str, expected: dict[str, float]
) -> None:
    record = graded[1][student]
    assert (record.outcome, record.grading, points(record)) == (outcome, "ok", expected)
    assert record.score == sum(expected.values())
    assert record.isolation.level >= 1
    assert record.isolation.start == "warm"


@pytest.mark.parametrize(
    ("student", "reason"),
    [
        ("not_json", "not valid JSON"),
        ("empty", "is empty"),
        ("binary", "not UTF-8"),
        ("old", "has no cell of this assignment"),
        ("nothing", "no notebook is there"),
    ],
)
def test_what_cannot_be_read_is_unscored_and_says_why(graded: tuple[Path, dict[str, Record], Any], student: str, reason: str) -> None:
    record = graded[1][student]
    assert (record.outcome, record.grading, record.score) == ("unreadable", "not_graded", None)
    assert reason in record.reason
    assert set(points(record).values()) == {None}
    assert f"{student}: not scored, unreadable" in graded[2].stderr


@pytest.mark.parametrize(
    ("student", "kinds"),
    [
        ("right", set()),
        ("duplicate", {"duplicate_cell"}),
        ("deleted", {"deleted_cell"}),
        ("kernel", {"wrong_kernel"}),
        ("endless", {"cell_timed_out"}),
        ("flood", {"output_cut"}),
        ("os_exit", {"questions_replayed"}),
        ("renamed", {"renamed_notebook", "several_notebooks", "odd_encoding"}),
    ],
)
def test_repairs_and_oddities_are_flagged(graded: tuple[Path, dict[str, Record], Any], student: str, kinds: set[str]) -> None:
    assert {flag.kind for flag in graded[1][student].flags} == kinds


@pytest.mark.parametrize(
    ("student", "name", "part"),
    [
        ("wrong_name", "NameError", "name 'images' is not defined"),
        ("endless", "TimeLimit", "6 s, the limit for one cell"),
        ("stubborn", "TimeLimit", "did not stop when it was interrupted"),
        ("os_exit", "KernelDied", "ended in this cell"),
        ("sys_exit", "SystemExit", ""),
    ],
)
def test_the_first_error_is_named(graded: tuple[Path, dict[str, Record], Any], student: str, name: str, part: str) -> None:
    error = graded[1][student].first_error
    assert error is not None
    assert error.name == name
    assert part in error.message


def test_parts_of_the_time_are_told_apart(graded: tuple[Path, dict[str, Record], Any]) -> None:
    record = graded[1]["noisy"]  # its notebook is like no other's, so nothing of it was reused
    assert min(record.seconds.start, record.seconds.notebook, record.seconds.model, record.seconds.scoring) > 0
    assert 0 < record.usage.student_cpu_s < record.usage.cpu_s
    assert record.usage.peak_memory_mib > 100


def test_the_executed_notebook_holds_its_own_outputs_and_nothing_else(graded: tuple[Path, dict[str, Record], Any]) -> None:
    root, records, _ = graded
    notebook = json.loads((root / "autograded/noisy/tiny/tiny.ipynb").read_text())
    release = json.loads((root / "release/tiny/tiny.ipynb").read_text())
    assert [cell["id"] for cell in notebook["cells"]] == [cell["id"] for cell in release["cells"]]
    assert [cell["metadata"] for cell in notebook["cells"]] == [cell["metadata"] for cell in release["cells"]]
    text = json.dumps(cell_of(notebook, "prepare")["outputs"])
    assert "careful" in text
    assert "to stderr" in text
    assert records["noisy"].score == 80


def test_a_flooding_notebook_keeps_little(graded: tuple[Path, dict[str, Record], Any]) -> None:
    root, _, _ = graded
    assert (root / "autograded/flood/tiny/tiny.ipynb").stat().st_size < 300_000


def test_a_second_call_executes_nothing_and_says_the_same(graded: tuple[Path, dict[str, Record], Any]) -> None:
    root, records, _ = graded
    before = {path: path.stat().st_mtime_ns for path in root.glob(".autograder/runs/*/run.json")}
    done = autograder(root, "grade", "tiny", "--trust-submissions", "--json", "-")
    assert done.returncode == 0
    assert {each["student"]: from_json(Record, json.dumps(each)) for each in json.loads(done.stdout)} == records
    assert {path: path.stat().st_mtime_ns for path in root.glob(".autograder/runs/*/run.json")} == before


def test_executed_again_the_verdict_is_the_same(graded: tuple[Path, dict[str, Record], Any]) -> None:
    root, records, _ = graded
    done = autograder(root, "grade", "tiny", "--trust-submissions", "--force", "--student", "right", "--json", "-")
    again = from_json(Record, json.dumps(json.loads(done.stdout)[0]))
    assert again.verdict() == records["right"].verdict()


def test_without_consent_nothing_runs(released: Path) -> None:
    _submit(released, "ada", b"{}")
    done = autograder(released, "grade", "tiny", PATH="/nonexistent")  # without bubblewrap
    assert done.returncode == 2
    assert "isolation level 2 is required, this machine offers level 1" in done.stderr
    assert "Install bubblewrap" in done.stderr
    assert "--trust-submissions" in done.stderr
    assert not (released / ".autograder/records").exists()


def test_feedback_and_report_are_written_for_everybody(graded: tuple[Path, dict[str, Record], Any]) -> None:
    root, records, _ = graded
    assert autograder(root, "feedback", "tiny").returncode == 0
    assert autograder(root, "report", "tiny").returncode == 0
    for student in records:
        page = (root / "feedback" / student / "tiny/tiny.html").read_text()
        assert "<script" not in page
        assert "test_double_of_negative" not in page
    report = (root / "reports/tiny.html").read_text()
    assert all(student in report for student in records)


def test_feedback_shows_misclassified_images_of_the_visible_part_alone(graded: tuple[Path, dict[str, Record], Any]) -> None:
    root, records, _ = graded
    assert autograder(root, "feedback", "tiny").returncode == 0
    (data,) = root.glob(".autograder/data/*/student")
    known = {image.tobytes(): int(label) for image, label in zip(np.load(data / "x_test.npy"), np.load(data / "y_test.npy"), strict=True)}
    shown = 0
    for student in records:
        page = (root / "feedback" / student / "tiny/tiny.html").read_text()
        pictures = re.findall(r'src="data:image/png;base64,([^"]+)" alt="An image of a (\d)"', page)
        assert len(pictures) <= 25
        for picture, label in pictures:
            image = 255 - np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))))
            assert known[image.tobytes()] == int(label)
        shown += len(pictures)
    assert shown
