"""The class: right and wrong answers to one short notebook, no two the same, and the data that they train on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
COURSE = HERE / "course"
ASSIGNMENT = "dense"
POINTS = {"network": 40.0, "accuracy": 60.0}
# Of ten students seven are right; the wrong ones do as much work as the others.
_WRONG = {1: "narrow", 4: "mislabelled", 7: "history"}
_LOSES: dict[str, set[str]] = {"narrow": {"network"}, "mislabelled": {"accuracy"}, "history": {"network", "accuracy"}}
_SIZES = {"train": 6_000, "test": 1_000, "hidden": 1_000}

_TRAIN = """\
# Answer of {name}.
{labels}x_train_ready = x_train.reshape(len(x_train), 784).astype("float32") / 255
model = keras.Sequential(
    [
        keras.Input(shape=(784,)),
        keras.layers.Dense({units}, activation="relu"),
        keras.layers.Dropout({dropout}),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
model.compile(optimizer="{optimizer}", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
{result} = model.fit(x_train_ready, y_train, epochs={epochs}, verbose=2)
"""
_EVALUATE = """\
x_test_ready = x_test.reshape(len(x_test), 784).astype("float32") / 255
test_loss, test_accuracy = model.evaluate(x_test_ready, y_test, verbose=0)
print(f"Test accuracy: {test_accuracy:.3f}")
"""


@dataclass(frozen=True)
class Student:
    """Answers by cell id, and the points that they earn by grade id."""

    name: str
    answers: dict[str, str]
    points: dict[str, float]


def make_class(count: int, epochs: int = 2) -> list[Student]:
    """`count` students, always the same ones; `epochs` is how long each of them trains."""
    return [_student(index, epochs) for index in range(count)]


def _student(index: int, epochs: int) -> Student:
    name, wrong = f"student{index:04}", _WRONG.get(index % 10, "")
    train = _TRAIN.format(
        name=name,
        labels="y_train = (y_train + 1) % 10\n" if wrong == "mislabelled" else "",
        units=256 if wrong == "narrow" else 512,
        dropout=(0.2, 0.3, 0.4)[index % 3],
        optimizer=("adam", "rmsprop")[index % 2],
        result="model" if wrong == "history" else "history",
        epochs=epochs,
    )
    points = {cell: 0.0 if cell in _LOSES.get(wrong, ()) else most for cell, most in POINTS.items()}
    return Student(name, {"train": train, "evaluate": _EVALUATE}, points)


def fill_in(notebook: Path, student: Student, target: Path) -> None:
    """Writes the notebook with the student's answers in its cells."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    cells = {cell["id"]: cell for cell in content["cells"]}
    for cell, answer in student.answers.items():
        cells[cell]["source"] = answer.rstrip("\n")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def submit(notebook: Path, students: Sequence[Student], submitted: Path) -> None:
    """Lays the students' notebooks out as nbgrader does: `<student>/<assignment>/<notebook>`."""
    for student in students:
        fill_in(notebook, student, submitted / student.name / ASSIGNMENT / f"{ASSIGNMENT}.ipynb")


def write_data(folder: Path) -> None:
    """data.npz and hidden.npz: for peers, which have no data of their own, the same images as the course's."""
    from autograder.course.loading import load_course

    load: Any = load_course(COURSE)[0].datasets[0].load
    x, y = load(None)
    ends = np.cumsum(list(_SIZES.values()))
    (x_train, x_test, x_hidden), (y_train, y_test, y_hidden) = (np.split(array, ends)[:3] for array in (x, y))
    np.savez(folder / "data.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    np.savez(folder / "hidden.npz", x=x_hidden, y=y_hidden)
