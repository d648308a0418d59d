"""Signals and the cap on literals through the whole line, with real kernels: what an instructor finds in the records."""

from __future__ import annotations

import base64
import json
import random
import shutil
from pathlib import Path

import pytest

from autograder.course.loading import load_course
from autograder.files import write_atomic
from autograder.quality.variants import Variant, build_submission
from autograder.records import Record, from_json
from tests.conftest import autograder, cell_of

_TRAINED = """
model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(10, activation='softmax')])
model.compile({optimizer}, 'sparse_categorical_crossentropy', metrics=['accuracy'])
history = model.fit({part}.reshape(-1, 784) / 255.0, {labels}, epochs={epochs}, batch_size=300, verbose=0)
"""
_LOOKS_AROUND = """
import os
for folder, _, files in os.walk('..'):
    for name in files:
        if name.endswith(('.ipynb', '.npz', '.txt')):
            print(os.path.join(folder, name))
"""
_ON_VISIBLE = _TRAINED.format(optimizer="keras.optimizers.Adam(0.02)", part="x_test", labels="y_test", epochs=60)
_STANDS_STILL = _TRAINED.format(optimizer="keras.optimizers.SGD(0.0)", part="x_train", labels="y_train", epochs=3)
CHANGES = {
    "right": "",
    "looks_around": _LOOKS_AROUND,
    "trained_on_visible": _ON_VISIBLE,
    "stands_still": _STANDS_STILL,
    "made_up": _STANDS_STILL.replace("history = model.fit", "model.fit") + "history = {'loss': [2 / step for step in range(1, 901)]}",
    "pasted": f"weights = {base64.b64encode(random.Random(0).randbytes(25_000)).decode()!r}",
}


@pytest.fixture(scope="module")
def graded(released_once: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Record]]:
    root = Path(shutil.copytree(released_once, tmp_path_factory.mktemp("signals") / "tiny"))
    shutil.rmtree(root / ".autograder", ignore_errors=True)
    write_atomic(root / ".autograder/seed", f"{1:064x}\n", mode=0o600)  # one split in eight hides it
    _, paths = load_course(root)
    config = root / "grading_config.py"
    config.write_text(config.read_text().replace('cell="15 s"', 'cell="60 s"').replace('total="60 s"', 'total="180 s"'))
    for student, code in CHANGES.items():
        notebook = build_submission(paths, "tiny", Variant("reference", "", True))
        cell_of(notebook, "train")["source"] += code
        folder = root / "submitted" / student / "tiny"
        folder.mkdir(parents=True)
        (folder / "tiny.ipynb").write_text(json.dumps(notebook))
    (root / "submitted/looks_around/tiny/weights.npz").write_bytes(b"weights")
    (root / "submitted/looks_around/tiny/notes.txt").write_bytes(b"allowed")
    done = autograder(root, "grade", "tiny", "--trust-submissions", "--json", "-")
    assert done.returncode == 0, done.stderr
    return root, {each["student"]: from_json(Record, json.dumps(each)) for each in json.loads(done.stdout)}


def _kinds(record: Record) -> set[str]:
    return {flag.kind for flag in record.flags}


@pytest.mark.parametrize(
    ("student", "expected"),
    [
        ("right", set()),
        ("trained_on_visible", {"visible_above_hidden", "beyond_epoch_limit"}),
        ("stands_still", {"weights_unchanged"}),
        ("made_up", {"too_fast", "beyond_epoch_limit"}),
        ("looks_around", {"extra_file"}),
    ],
)
def test_signals_come_from_what_is_recorded(graded: tuple[Path, dict[str, Record]], student: str, expected: set[str]) -> None:
    record = graded[1][student]
    assert (record.outcome, record.grading, _kinds(record)) == ("completed", "ok", expected)


def test_pasted_weights_are_rejected_with_a_reason_that_helps(graded: tuple[Path, dict[str, Record]]) -> None:
    record = graded[1]["pasted"]
    assert (record.outcome, record.score, record.runs) == ("rejected", None, ())
    assert "24.8 KiB after compression, 20 KiB are allowed; most of it stands in 'train'" in record.reason


def test_code_sees_allowed_files_alone_and_no_notebook(graded: tuple[Path, dict[str, Record]]) -> None:
    """Neither a file that is not allowed nor the notebook itself: pictures and prose cannot carry weights in."""
    root, records = graded
    notebook = json.loads((root / ".autograder/runs" / records["looks_around"].runs[0].run_key / "notebook.ipynb").read_text())
    found = ["".join(output["text"]) for cell in notebook["cells"] for output in cell.get("outputs", []) if output.get("name") == "stdout"]
    listed = "".join(found).split("✓ model")[0].splitlines()
    assert [line for line in listed if line.startswith("..") and "/handin/" not in line] == ["../submission/notes.txt"]


def test_a_calibration_that_comes_later_counts_without_executing_anything(graded: tuple[Path, dict[str, Record]]) -> None:
    root, records = graded
    (root / "solutions/tiny").mkdir(parents=True, exist_ok=True)
    band = {"profiles": {"smoke": {"first_epoch": {"history": {"accuracy": [0.05, 0.10]}}}}}
    (root / "solutions/tiny/calibration.json").write_text(json.dumps(band))
    done = autograder(root, "regrade", "tiny", "--trust-submissions", "--json", "-")
    assert done.returncode == 0, done.stderr
    again = autograder(root, "grade", "tiny", "--trust-submissions", "--json", "-")
    after = {each["student"]: from_json(Record, json.dumps(each)) for each in json.loads(again.stdout)}
    assert _kinds(after["right"]) == {"early_accuracy"}
    assert _kinds(after["stands_still"]) == {"weights_unchanged"}
    assert after["right"].runs == records["right"].runs
    assert after["right"].score == records["right"].score
