"""Item analysis: against figures worked out elsewhere, and who counts in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.batch.store import Store
from autograder.feedback.items import Item, item_analysis, reached_by, reached_cells
from autograder.feedback.report import ReportPage, render_report
from autograder.feedback.student import ManualGrade
from autograder.records import GradeCell, Record
from tests.conftest import autograder
from tests.feedback.samples import record

MARKED = {"grade": True, "solution": False, "locked": True}


def submissions(*rows: tuple[float | None, ...], points: tuple[float, ...] = (1, 1, 1)) -> list[Record]:
    """A record for each row of scores, cells a, b, c."""
    return [
        record(
            student=f"s{number}",
            grade_cells=tuple(GradeCell(name, score, most, False) for name, score, most in zip("abc", row, points, strict=True)),
        )
        for number, row in enumerate(rows)
    ]


def items(records: list[Record], **reached: set[str]) -> dict[str, Item]:
    return {each.grade_id: each for each in item_analysis(records, {}, reached)}


# Twelve people, three right-or-wrong items.
ANSWERS = ((1, 1, 1),) * 3 + ((1, 1, 0),) * 3 + ((1, 0, 0),) * 3 + ((0, 0, 0), (0, 0, 1), (0, 1, 0))


def test_difficulty_and_point_biserial_of_a_small_table() -> None:
    """For 'a' by hand: 9 of 12 right; those have a mean rest of 9/9 = 1, the others of 2/3; the rest's deviation is sqrt(7.0833/12)."""
    found = items(submissions(*ANSWERS))
    assert [found[name].difficulty for name in "abc"] == [0.75, 0.5833, 0.3333]
    rest = [sum(row[1:]) / 2 for row in ANSWERS]
    right, wrong = np.mean(rest[:9]), np.mean(rest[9:])
    assert found["a"].discrimination == pytest.approx((right - wrong) / np.std(rest) * np.sqrt(0.75 * 0.25), abs=1e-4)
    assert (found["a"].full, found["a"].none, found["a"].scored, found["a"].reached) == (9, 3, 12, 12)


@given(st.lists(st.tuples(*[st.floats(0, 10)] * 3), min_size=10, max_size=40))
def test_discrimination_is_the_correlation_with_the_rest(rows: list[tuple[float, float, float]]) -> None:
    found = items(submissions(*rows, points=(10, 10, 10)))
    table = np.array(rows)
    for place, name in enumerate("abc"):
        one, rest = table[:, place], np.delete(table, place, axis=1).sum(axis=1)
        expected = np.corrcoef(one, rest)[0, 1] if one.std() > 1e-4 and rest.std() > 1e-4 else None
        if expected is not None:
            assert found[name].discrimination == pytest.approx(expected, abs=2e-3)
        assert found[name].discrimination is None or -1.001 <= found[name].discrimination <= 1.001


def test_too_few_and_all_alike_have_no_correlation() -> None:
    assert items(submissions(*ANSWERS[:9]))["b"].discrimination is None
    assert items(submissions(*[(1, 1, 0)] * 20))["a"].discrimination is None
    assert items(submissions(*[(1, None, None)] * 20))["a"].discrimination is None


def test_who_did_not_get_that_far_counts_in_neither_figure() -> None:
    far = {f"s{number}": {"a", "b"} for number in (6, 7, 8)}
    found = items(submissions(*ANSWERS), **far)
    assert (found["c"].scored, found["c"].reached, found["c"].difficulty) == (12, 9, 0.4444)
    assert found["c"].discrimination is None
    assert found["a"].reached == 12


def test_unscored_is_no_0() -> None:
    found = items(submissions((1, 1, None), (1, 0, None), (0, None, None)))
    assert (found["b"].scored, found["b"].difficulty, found["c"].scored, found["c"].difficulty) == (2, 0.5, 0, None)


def test_what_a_person_gave_counts() -> None:
    cells = (GradeCell("code", 5.0, 10.0, False), GradeCell("why", None, 4.0, True))
    records = [record(student=name, grade_cells=cells) for name in ("ana", "bo")]
    code, why = item_analysis(records, {"ana": {"why": ManualGrade(3.0), "code": ManualGrade(10.0)}}, {})
    assert (why.manual, why.scored, why.difficulty, code.difficulty) == (True, 1, 0.75, 0.75)


def test_remarks() -> None:
    against = [(0, 1, 1)] * 6 + [(1, 0, 0)] * 6
    assert "works against" in items(submissions(*against))["a"].remark
    assert items(submissions(*ANSWERS))["b"].remark == ""


# --- reached ------------------------------------------------------------------------------------------------------------


def cell(name: str, source: str, **nbgrader: Any) -> dict[str, Any]:
    about = {"grade_id": name, "grade": False, "solution": False, "locked": False, **nbgrader}
    return {"cell_type": "code", "source": source, "metadata": {"nbgrader": about}}


RELEASE = {
    "cells": [
        cell("given", "import keras", locked=True),
        cell("always", "graded_later()", **MARKED),
        cell("one", "# YOUR CODE", solution=True),
        cell("test_one", "graded_later()", **MARKED),
        cell("test_one_again", "graded_later()", **MARKED),
        cell("why", "YOUR ANSWER", solution=True, grade=True),
        cell("two", "# YOUR CODE", solution=True),
        cell("test_two", "graded_later()", **MARKED),
    ]
}


def answered(*names: str) -> dict[str, Any]:
    cells = [each | ({"source": "done"} if each["metadata"]["nbgrader"]["grade_id"] in names else {}) for each in RELEASE["cells"]]
    return {"cells": cells}


@pytest.mark.parametrize(
    ("names", "reached"),
    [
        ((), {"always"}),
        (("one",), {"always", "test_one", "test_one_again"}),
        (("why",), {"always", "test_one", "test_one_again", "why"}),  # left out before the last answer is not "not reached"
        (("one", "two"), {"always", "test_one", "test_one_again", "why", "test_two"}),
    ],
)
def test_reached_is_what_stands_before_the_last_answer(names: tuple[str, ...], reached: set[str]) -> None:
    assert reached_cells(answered(*names), RELEASE) == reached


def test_what_is_no_notebook_counts_as_everything_reached() -> None:
    assert reached_by({"ana": {"cells": [3]}, "bo": {}, "cy": answered("one")}, RELEASE).keys() == {"cy"}
    assert reached_by({"ana": {}}, None) == {}


# --- where it is shown --------------------------------------------------------------------------------------------------


def test_the_report_shows_it() -> None:
    page = render_report(ReportPage("C", "tiny", "full", submissions(*ANSWERS), "now", reached={"s0": set()}))
    assert "<h2>Grade cells</h2>" in page
    assert '<td class="number">11 of 12</td>' in page
    assert '<td class="number">0.73</td>' in page  # 8 of 11


def test_the_json_has_it(tiny: Path) -> None:
    store = Store(tiny / ".autograder")
    for each in submissions(*ANSWERS):
        store.write(record(student=each.student, grade_cells=each.grade_cells, assignment="tiny", profile="smoke"))
    found = autograder(tiny, "report", "tiny", "--json", "-")
    assert found.returncode == 0, found.stderr
    said = json.loads(found.stdout)
    assert Path(said["page"]).is_file()
    assert [each["grade_id"] for each in said["items"]] == ["a", "b", "c"]
    assert said["items"][0]["difficulty"] == 0.75
