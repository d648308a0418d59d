"""The page that assistants mark from: answer and scheme side by side, and nothing that a student wrote becomes markup."""

from __future__ import annotations

from typing import Any

import pytest

from autograder.course.schemes import MarkScheme
from autograder.feedback.marking import Answer, Sheet, answers_of, render_sheet
from tests.feedback.samples import HOSTILE

SCHEME = MarkScheme("why", 6.0, "2 points: <b>named</b>", "Because.")


def page(*answers: Answer) -> str:
    return render_sheet(Sheet("Deep learning", "first_dense_network", "kim", "2027-03-01 10:00", answers))


def test_each_answer_stands_beside_its_scheme() -> None:
    text = page(
        Answer("ana", "Ana (ana)", SCHEME, "Since x < 1."),
        Answer("bo", "Bo (bo)", SCHEME, "", second=True),
        Answer("cy", "cy", SCHEME, None),
    )
    assert "Since x &lt; 1." in text
    assert text.count("2 points: &lt;b&gt;named&lt;/b&gt;") == 3
    assert text.count("Because.") == 3
    assert text.count("Left empty.") == 1
    assert text.count("There is no notebook.") == 1
    assert text.count("second marking") == 1


def test_an_answer_is_only_ever_text() -> None:
    text = page(Answer(HOSTILE, HOSTILE, SCHEME, HOSTILE * 2_000))
    assert "<script" not in text
    assert "onerror=alert" not in text.replace("&lt;img src=x onerror=alert(1)&gt;", "")
    assert len(text) < 200_000


def test_an_empty_pile_is_said() -> None:
    assert "There is nothing to mark." in page()


@pytest.mark.parametrize("notebook", [None, {}, {"cells": 3}, {"cells": [1]}, {"cells": [{"metadata": {"nbgrader": {"grade_id": "x"}}}]}])
def test_what_is_no_notebook_has_no_answers(notebook: Any) -> None:
    assert answers_of(notebook) == {}


def test_answers_by_grade_id() -> None:
    cells = [{"source": ["a", "b"], "metadata": {"nbgrader": {"grade_id": "why"}}}, {"source": "c", "metadata": {}}]
    assert answers_of({"cells": cells}) == {"why": "ab"}
