"""A class whose models have classes of their own, from the notebook to the record and through a regrade."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from autograder.course.loading import load_course
from autograder.quality.variants import Variant, build_submission
from tests.conftest import autograder

FIT = """
model.compile('adam', 'sparse_categorical_crossentropy', metrics=['accuracy'])
history = model.fit(x_train.reshape(len(x_train), 784) / 255.0, y_train, epochs=min(5, epoch_limit), verbose=0)
"""
LAYER = """
class Linear(keras.layers.Layer):
    def __init__(self, units):
        super().__init__()
        self.units = units
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], self.units))
    def call(self, x):
        return keras.ops.softmax(x @ self.w)
model = keras.Sequential([keras.Input((784,)), Linear(10)])
"""
SUBCLASS = """
class Net(keras.Model):
    def __init__(self, hidden, activation="relu"):
        super().__init__()
        self.first = keras.layers.Dense(hidden, activation=activation)
        self.drop = keras.layers.Dropout(0.2)
        self.last = keras.layers.Dense(10, activation='softmax')
    def call(self, x, training=False):
        return self.last(self.drop(self.first(x), training=training))
model = Net(32)
"""
# Whatever opens one of these would leave a mark, or fail.
TRAPS = """
import os, pickle
class Trap:
    def __reduce__(self):
        return os.system, ("touch opened",)
folder = os.environ.get("AUTOGRADER_HANDIN")
if folder:
    os.makedirs(f"{folder}/model/assets", exist_ok=True)
    for name in ("model.pkl", "model.keras", "model.h5", "model/model.keras", "model/saved_model.pb", "model/weights.h5", "x.pkl"):
        with open(f"{folder}/{name}", "wb") as stream:
            pickle.dump(Trap(), stream)
    os.symlink("/etc/passwd", f"{folder}/model/vocabulary.txt")
"""


@pytest.fixture(scope="module")
def graded_once(released_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = Path(shutil.copytree(released_once, tmp_path_factory.mktemp("custom") / "tiny"))
    _, paths = load_course(root)
    for student, train in {"layer": LAYER + FIT, "subclass": SUBCLASS + FIT, "traps": LAYER + FIT + TRAPS}.items():
        folder = root / "submitted" / student / "tiny"
        folder.mkdir(parents=True)
        variant = Variant(student, "", False, cells={"train": train})
        (folder / "tiny.ipynb").write_text(json.dumps(build_submission(paths, "tiny", variant)))
    done = autograder(root, "grade", "tiny", "--trust-submissions")
    assert done.returncode == 0, done.stderr
    return root


def record(root: Path, student: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(next(root.glob(f".autograder/records/smoke/tiny/{student}/*.json")).read_text())
    return found


def cell(found: dict[str, Any], grade_id: str) -> dict[str, Any]:
    return next(each for each in found["grade_cells"] if each["grade_id"] == grade_id)


@pytest.mark.parametrize("student", ["layer", "subclass", "traps"])
def test_accuracy_is_earned_and_architecture_is_not(graded_once: Path, student: str) -> None:
    found = record(graded_once, student)
    assert (found["outcome"], found["grading"]) == ("completed", "ok")
    assert cell(found, "accuracy")["score"] == 30
    assert cell(found, "counts")["score"] == 0
    message = cell(found, "counts")["tests"][0]["message"]
    assert message.startswith("The architecture of 'model' cannot be graded: it uses ")
    assert "Build it from Keras' own layers" in message
    left_out = ["handin_left_out"] if student == "traps" else []  # the link
    assert [flag["kind"] for flag in found["flags"]] == [*left_out, "custom_model"]


def test_nothing_but_the_model_files_of_a_hand_in_is_kept_or_opened(graded_once: Path) -> None:
    folders = list(graded_once.glob(".autograder/runs/*/handin/model"))
    assert len(folders) == 3
    for folder in folders:
        assert {path.name for path in folder.iterdir()} == {"model.json", "compile.json", "weights.npz", "probe.npz"}
        assert {path.name for path in folder.parent.iterdir()} == {"manifest.json", "model", "history.json", "images.npz"}
    assert list(graded_once.rglob("opened")) == []


def test_a_changed_grader_needs_no_student_code_and_a_new_prediction_does(graded_once: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(graded_once, tmp_path / "tiny"))
    grader = root / "graders/tiny/test_tiny.py"
    text = grader.read_text()
    grader.write_text(text.replace("predictions.hidden.argmax(axis=1) == hidden.y", "predictions.hidden.argmax(axis=1) != hidden.y"))
    done = autograder(root, "regrade", "tiny", "--student", "layer", "--trust-submissions")
    assert done.returncode == 0, done.stderr
    after = record(root, "layer")
    assert cell(after, "accuracy")["score"] == 0
    assert [flag["kind"] for flag in after["flags"]] == ["custom_model"]
    grader.write_text(text.replace("range=(0, 1)", "range=(0, 2)"))
    done = autograder(root, "regrade", "tiny", "--student", "layer", "--trust-submissions")
    assert done.returncode == 0, done.stderr
    assert "layer: needs execution (model 'model' has classes of its own, and its predictions are not kept); keeps" in done.stderr
    assert record(root, "layer") == after
