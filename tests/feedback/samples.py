"""Records, notebooks and a strict reader of pages, for the tests of the two pages."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import Any

from autograder.course.settings import Curve
from autograder.feedback.report import ReportPage
from autograder.feedback.student import FeedbackPage
from autograder.records import Evidence, FirstError, Flag, GradeCell, Isolation, Record, RunReference, Seconds, TestResult, Usage

CURVES = {"test_accuracy": Curve({0.85: 0, 0.90: 1}), "error_rate": Curve({0.1: 1, 0.3: 0})}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
HOSTILE = "<script>alert(1)</script></style><img src=x onerror=alert(1)> javascript:alert(1) \x1b[31m'\"$\\frac{1}{0}$\x00\u202e\ud800"


def result(name: str, fraction: float | None = 1.0, message: str = "", **other: Any) -> TestResult:
    """One test; passed when its fraction is 1."""
    base = TestResult(name, fraction == 1, fraction, message, None, "visible")
    return replace(base, **other)


def grade_cells(accuracy: float = 0.8771) -> tuple[GradeCell, ...]:
    """Five cells of a realistic assignment, one of them graded by a person."""
    award = CURVES["test_accuracy"](accuracy)
    shapes = tuple(result(f"test_data.py::test_shapes_of_the_arrays[{case}]", message="") for case in ("x_train", "y_train"))
    wrong = result(
        "test_model.py::test_layers_have_the_right_parameter_counts",
        0.0,
        "model: 7,950 parameters, 7,960 expected.\nLayer 2 (Dense): 100 instead of 110. Is its bias missing?",
        hint="A Dense layer has inputs × units weights and one bias per unit.",
    )
    return (
        GradeCell("prepared_data", 15, 15, False, shapes),
        GradeCell("parameter_counts", 10, 20, False, (result("test_model.py::test_layers_are_dense"), wrong)),
        GradeCell("accuracy", round(30 * award, 2), 30, False, (accuracy_test(accuracy, award), result("test_m.py::test_rows_sum_to_one"))),
        GradeCell("output_size", 25, 25, False, (result("test_f.py::test_size_on_odd_images", visibility="after_due"),)),
        GradeCell("explanation", None, 10, True),
    )


def accuracy_test(accuracy: float, award: float) -> TestResult:
    """The test of a measured metric."""
    message = f"{accuracy:.1%} of the hidden digits are right."
    hint = "Train longer, or choose another learning rate."
    return result("test_model.py::test_accuracy_on_hidden_digits", award, message, hint=hint, measured={"test_accuracy": accuracy})


def record(**changes: Any) -> Record:
    """A completed submission with three quarters of its points."""
    cells = changes.pop("grade_cells", grade_cells())
    automatic = [cell for cell in cells if not cell.manual and not cell.extra]
    base = Record(
        assignment="first_dense_network", student="ada", submission_id="0123456789abcdef", attempt=2, notebook="first_dense_network",
        submitted_at="2027-02-10 14:03:22 UTC", received_at="2027-02-10 14:03:25 UTC", profile="full",
        runs=(RunReference("aa", 0, True),), grade_key="k", context="c", outcome="completed", reason="", grading="ok", grading_reason="",
        score=sum(cell.score or 0 for cell in automatic), max_score=sum(cell.max_score for cell in automatic), grade_cells=cells,
        flags=(Flag("restored_cell", "the locked cell 'imports' had been edited"),), first_error=None, isolation=Isolation(3),
        usage=Usage(48.2, 81.0, 74.5, 1320.0), seconds=Seconds(1.2, 6.5, 48.2, 5.9, 1.8), versions={"keras": "3.15"},
    )  # fmt: skip
    return replace(base, **changes)


def unscored(**changes: Any) -> Record:
    """A submission that got no score."""
    cells = tuple(replace(cell, score=None, tests=()) for cell in grade_cells())
    return record(**{"grade_cells": cells, "score": None, "grading": "not_graded", **changes})


def markdown(text: str, **nbgrader: Any) -> dict[str, Any]:
    """A markdown cell."""
    return {"cell_type": "markdown", "source": text, "metadata": {"nbgrader": nbgrader} if nbgrader else {}}


def code(text: str, *outputs: dict[str, Any], **nbgrader: Any) -> dict[str, Any]:
    """A code cell that ran."""
    return {"cell_type": "code", "source": text, "outputs": list(outputs), "metadata": {"nbgrader": nbgrader} if nbgrader else {}}


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    """What a cell printed."""
    return {"output_type": "stream", "name": name, "text": text}


def display(**data: str) -> dict[str, Any]:
    """What a cell displayed, by kind: text_plain, image_png."""
    return {"output_type": "display_data", "data": {kind.replace("_", "/", 1): value for kind, value in data.items()}, "metadata": {}}


def error(name: str = "ValueError", message: str = "no") -> dict[str, Any]:
    """The error a cell ended with, coloured as IPython does it."""
    trace = ["\x1b[0;31m---------\x1b[0m", f"\x1b[0;31m{name}\x1b[0m: {message}"]
    return {"output_type": "error", "ename": name, "evalue": message, "traceback": trace}


def notebook(*cells: dict[str, Any]) -> dict[str, Any]:
    """A notebook of these cells."""
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells)}


def realistic_notebook() -> dict[str, Any]:
    """A short assignment as it ran."""
    epochs = "".join(f"Epoch {epoch}/12 - accuracy: {0.5 + epoch / 30:.4f} - loss: {2 / epoch:.4f}\n" for epoch in range(1, 13))
    return notebook(
        markdown("# First dense network\nLong prose of the instructor."),
        code("import keras\nimport numpy as np\nkeras.utils.set_random_seed(seed)", locked=True, grade_id="imports"),
        markdown("## Prepare the data"),
        code("x_train = x_train.reshape(-1, 784) / 255", stream("(50000, 784) float32\n"), solution=True, grade_id="data"),
        code("graded_later('prepared_data')", stream("Graded after you submit.\n"), locked=True, grade_id="prepared_data"),
        markdown("## Build the model"),
        code("model = keras.Sequential([...])\nmodel.summary()", stream("Model: \"sequential\"\n" * 40), solution=True, grade_id="m"),
        code("graded_later('parameter_counts')", locked=True, grade_id="parameter_counts"),
        markdown("## Train it"),
        code("history = model.fit(x_train, y_train, epochs=12)", stream(epochs), stream("W0000 cuda not found\n", "stderr"), solution=True),
        code("plt.imshow(image)", display(text_plain="<Figure>", image_png=PNG), solution=True),
        code("graded_later('accuracy')", locked=True, grade_id="accuracy"),
        markdown("## Sizes after a convolution"),
        code("def conv_output_size(n, k): ...", error("NotImplementedError", ""), locked=True, grade_id="output_size"),
        markdown("## Explain what you see"),
        markdown("The loss falls **quickly** at first.\nThen it hardly does.", solution=True, grade=True, grade_id="explanation"),
    )  # fmt: skip


def history(epochs: int = 12) -> dict[str, tuple[float | None, ...]]:
    """Training curves as Keras gives them."""
    steps = range(1, epochs + 1)
    return {
        "accuracy": tuple(0.9 - 0.5 * math.exp(-step / 4) for step in steps),
        "loss": tuple(0.4 + 1.9 * math.exp(-step / 4) for step in steps),
        "val_accuracy": tuple(0.885 - 0.5 * math.exp(-step / 3) for step in steps),
        "val_loss": tuple(0.45 + 1.8 * math.exp(-step / 3) for step in steps),
    }


def confusion() -> tuple[tuple[int, ...], ...]:
    """10 × 10 counts of about 1,000 images for each digit."""
    return tuple(tuple(900 - 13 * true if true == at else (true * 7 + at * 3) % 11 * 2 for at in range(10)) for true in range(10))


def page(**changes: Any) -> FeedbackPage:
    """A realistic student's page."""
    base = FeedbackPage(
        record=record(), course_title="Deep learning with Keras: handwritten digits", notebook=realistic_notebook(),
        evidence=Evidence({"history": history()}, {"model": confusion()}), curves=CURVES, due="12 February 2027, 23:59",
    )  # fmt: skip
    return replace(base, **changes)


def report(*records: Record, **changes: Any) -> ReportPage:
    """A report on these records."""
    base = ReportPage("Deep learning with Keras", "first_dense_network", "full", records, "2027-02-13 09:00 CET", CURVES)
    return replace(base, **changes)


def batch() -> list[Record]:
    """Eight students with all kinds of luck."""
    made = [
        record(student=name, grade_cells=grade_cells(accuracy))
        for name, accuracy in (("ada", 0.8771), ("bao", 0.93), ("chidi", 0.86), ("dana", 0.902), ("eline", 0.51))
    ]
    first = FirstError("output_size", "NotImplementedError", "")
    made.append(replace(record(student="farid", outcome="cell_error", first_error=first, grade_cells=grade_cells(0.89)), flags=()))
    made.append(unscored(student="gus", outcome="unreadable", reason="the file is not JSON"))
    made.append(unscored(student="hana", grading="grader_error", grading_reason="test_model.py: KeyError: 'test_acuracy'"))
    return made


@dataclass
class Read(HTMLParser):
    """What a page holds: its text, its tags, and every attribute."""

    tags: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str, str]] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is None:  # set while inside <style>
            self.pieces.append(data)

    @property
    def text(self) -> str:
        """All text in one line."""
        return " ".join(" ".join(self.pieces).split())


def read(html: str) -> Read:
    """Parses a page and asserts that nothing in it can run, be fetched or lead outside."""
    html.encode()
    found = Read()
    found.feed(html)
    found.close()
    assert not {"script", "iframe", "object", "embed", "link", "base", "form", "foreignobject"} & set(found.tags)
    for tag, name, value in found.attributes:
        assert not name.startswith("on"), (tag, name)
        if name in ("href", "src", "xlink:href", "srcset", "action", "data", "background"):
            inside = value.startswith(("#", "data:image/png;base64,", "data:image/jpeg;base64,", "../feedback/"))
            assert inside or re.fullmatch(r"[\w%-]+(\.(similar|leaderboard))?\.html(#[\w-]+)?", value), (tag, name, value)
        if name == "style":
            assert "url(" not in value.replace("url(#", ""), value
    assert found.tags.count("style") == 1
    assert ("meta", "http-equiv", "Content-Security-Policy") in found.attributes
    return found
