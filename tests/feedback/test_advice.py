"""After a notebook that stopped, the page also says what would stop it next."""

from __future__ import annotations

from typing import Any

from autograder.feedback.advice import further_findings
from autograder.feedback.explained import explain_first_failure
from autograder.feedback.student import render_feedback
from autograder.records import FirstError

from .samples import code, error, notebook, page, read, record

GONE = "No module named 'keras.layers.core'"
FIRST = FirstError("libraries", "ModuleNotFoundError", GONE)
HEADING = "Look at this too before you submit again"


def stopped() -> dict[str, Any]:
    """It fails at once, and would fail twice more."""
    return notebook(
        code("import keras\nfrom keras.layers.core import Dense", error("ModuleNotFoundError", GONE), solution=True, grade_id="libraries"),
        code("model = keras.Sequential([Dense(10)])\nmodel.fit(x, y, nb_epoch=3)", solution=True, grade_id="training"),
        code("answer = input('How many?')", solution=True, grade_id="asks"),
    )


def kinds(cells: dict[str, Any], first: FirstError | None) -> list[tuple[str, int | None]]:
    found = further_findings(cells, first, explain_first_failure(cells, first))
    return [(each.kind, each.place.cell) for each in found]


def test_what_comes_next_is_found_and_the_explained_error_is_not_said_twice() -> None:
    found = kinds(stopped(), FIRST)
    assert ("legacy", 2) in found
    assert ("input", 3) in found
    assert ("legacy", 1) not in found


def test_what_the_error_says_itself_is_not_repeated() -> None:
    cells = notebook(code("def f(:\n    pass", error("SyntaxError", "invalid syntax"), solution=True, grade_id="f"))
    assert kinds(cells, FirstError("f", "SyntaxError", "invalid syntax")) == []
    assert ("syntax_error", 1) in kinds(cells, FirstError("cell 9", "SyntaxError", "invalid syntax"))


def test_a_notebook_without_an_error_gets_no_advice() -> None:
    assert kinds(stopped(), None) == []
    assert HEADING not in read(render_feedback(page(record=record(), notebook=stopped()))).text


def test_at_most_five_findings_are_told() -> None:
    many = [code(f"a{number} = missing_{number}", solution=True, grade_id=f"c{number}") for number in range(9)]
    assert kinds(notebook(*many), FirstError("cell 20", "ValueError", "no")) == [("undefined_name", number) for number in range(1, 6)]


def test_the_page_says_place_reason_and_cure() -> None:
    text = read(render_feedback(page(record=record(outcome="cell_error", first_error=FIRST), notebook=stopped()))).text
    assert HEADING in text
    assert "cell 2 'training', line 2" in text
    assert "nb_epoch" in text


def test_names_in_the_notebook_stay_text() -> None:
    cells = notebook(
        code("1/0", error("ZeroDivisionError", "no"), solution=True, grade_id="<script>alert(1)</script>"),
        code("b = input()", solution=True, grade_id="<b>x</b>"),
    )
    first = FirstError("cell 1", "ZeroDivisionError", "no")
    assert "<script>" not in render_feedback(page(record=record(outcome="cell_error", first_error=first), notebook=cells))
