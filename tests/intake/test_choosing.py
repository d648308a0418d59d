"""Which notebook of a submission is graded: by its grade ids, never by its file's name alone."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from autograder.course.notebook import read_notebook
from autograder.errors import SubmissionError
from autograder.intake.choosing import choose_notebook
from autograder.intake.parsing import SubmittedNotebook
from tests.conftest import SAMPLES, cell_of

RELEASE = read_notebook(SAMPLES / "tiny/source_assignments/tiny/tiny.ipynb")
MIB = 2**20


def notebook(*, without: int = 0, **answers: str) -> bytes:
    """The release with some answers, without its last cells."""
    made = copy.deepcopy(RELEASE)
    for grade_id, source in answers.items():
        cell_of(made, grade_id)["source"] = source
    del made["cells"][len(made["cells"]) - without :]
    return json.dumps(made).encode()


def plain(*sources: str, **grade_ids: str) -> bytes:
    cells: list[dict[str, Any]] = [{"cell_type": "code", "source": source} for source in sources]
    cells += [{"cell_type": "code", "source": "", "metadata": {"nbgrader": {"grade_id": name}}} for name in grade_ids.values()]
    return json.dumps({"nbformat": 4, "cells": cells}).encode()


def choose(**notebooks: bytes) -> SubmittedNotebook:
    return choose_notebook({f"{name}.ipynb": data for name, data in notebooks.items()}, "tiny", RELEASE, MIB)


def answer_of(chosen: SubmittedNotebook) -> str:
    return next(cell.source for cell in chosen.cells if cell.grade_id == "prepare")


def flags(chosen: SubmittedNotebook) -> dict[str, str]:
    return {flag.kind: flag.detail for flag in chosen.flags if flag.kind.endswith(("notebook", "notebooks"))}


def test_the_expected_notebook_alone_is_taken_without_a_word() -> None:
    assert flags(choose(tiny=notebook(prepare="mine"))) == {}


def test_a_renamed_notebook_is_found_by_its_grade_ids() -> None:
    assert flags(choose(mine=notebook(prepare="mine"))) == {"renamed_notebook": "'mine.ipynb' was taken for 'tiny.ipynb'"}


def test_the_expected_name_without_grade_ids_is_not_taken_where_another_has_them() -> None:
    chosen = choose(tiny=plain("x = 1"), work=notebook(prepare="mine"))
    assert answer_of(chosen) == "mine"
    assert flags(chosen) == {
        "renamed_notebook": "'work.ipynb' was taken for 'tiny.ipynb'",
        "several_notebooks": "'work.ipynb' (13 cells of the assignment, 1 answer) was taken, and not 'tiny.ipynb' (0 cells, 0 answers)",
    }


@pytest.mark.parametrize(
    ("tiny", "other", "expected"),
    [
        (notebook(prepare="a", train="a", without=1), notebook(prepare="b"), "a"),  # more answers, though the other is complete
        (notebook(prepare="a", without=1), notebook(prepare="b"), "a"),  # a tie: missing cells are put back anyway
        (notebook(prepare="a"), notebook(prepare="b", train="b"), "b"),  # as many cells, more answers
        (notebook(prepare="a"), notebook(prepare="b"), "a"),  # a tie: the expected name
        (notebook(prepare="a", without=5), notebook(), "a"),  # an untouched copy, though it is complete
        (notebook(prepare="a"), b"{", "a"),
        (b"{", notebook(prepare="b"), "b"),
    ],
)
def test_of_several_the_one_with_the_students_work_is_taken(tiny: bytes, other: bytes, expected: str) -> None:
    chosen = choose(tiny=tiny, copy=other)
    assert answer_of(chosen) == expected
    assert "several_notebooks" in flags(chosen)


def test_equals_are_taken_by_name_so_that_grading_again_says_the_same() -> None:
    first, second = notebook(prepare="a"), notebook(prepare="b")
    assert answer_of(choose(x=first, y=second)) == answer_of(choose(y=second, x=first)) == "a"


@pytest.mark.parametrize(
    ("notebooks", "said"),
    [
        ({"tiny": plain("x = 1")}, "'tiny.ipynb' has no cell of this assignment. The marks that Jupyter keeps"),
        ({"a": plain(), "tiny": plain("x")}, "The 2 notebooks have no cell of this assignment. The marks"),
        ({"tiny": plain(a="pooling", b="kernel")}, "cells of another assignment ('kernel', 'pooling'): perhaps the wrong file"),
        ({"tiny": b"{", "copy": plain("x")}, "not valid JSON"),
        ({"mine": b"{"}, "not valid JSON"),
        ({"mine": b"{", "work": plain("x")}, "'work.ipynb' has no cell of this assignment"),
    ],
)
def test_without_any_cell_of_the_assignment_it_says_what_to_do(notebooks: dict[str, bytes], said: str) -> None:
    with pytest.raises(SubmissionError) as caught:
        choose(**notebooks)
    assert caught.value.outcome == "unreadable"
    assert said in caught.value.message
    assert "submit it" in caught.value.cure
