"""What a submission is worth, and when nothing can be said."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from autograder.exports import exporting
from autograder.exports.scores import Score, number, own_score, settled
from autograder.gradebook.writing import ManualGrade
from autograder.records import GradeCell
from autograder.term.score import Final, Line
from tests.feedback.samples import grade_cells, record, unscored

DONE = {"explanation": ManualGrade(7.5, None, None)}


def test_automatic_and_manual_points_and_extra_credit_add_up() -> None:
    cells = (GradeCell("a", 3, 4, False), GradeCell("b", 1, 4, False), GradeCell("explanation", None, 2, True))
    score = own_score(record(grade_cells=cells), {"explanation": ManualGrade(1.5, 0.25, None), "b": ManualGrade(4, None, None)})
    assert (score.raw, score.points, score.max_score, score.reason) == (8.75, 8.75, 10, "")


def test_extra_credit_of_a_grader_goes_beyond_the_maximum() -> None:
    cells = (GradeCell("a", 4, 4, False), GradeCell("contest_points", 1.5, 3, False, extra=True))
    score = own_score(record(grade_cells=cells), {})
    assert (score.points, score.max_score) == (5.5, 4)


def test_a_zero_that_was_earned_is_a_score() -> None:
    cells = (GradeCell("a", 0, 4, False), GradeCell("explanation", None, 2, True))
    assert own_score(record(grade_cells=cells), {"explanation": ManualGrade(0.0, None, None)}).points == 0


def test_who_waits_for_a_person_has_no_score_unless_asked_for() -> None:
    score = own_score(record(), {"explanation": ManualGrade(None, None, "I read it tomorrow")})
    assert (score.points, score.reason) == (None, "waits for a person to grade explanation")
    assert own_score(record(), {}, partial=True).points == record().score


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize(
    "found",
    [
        unscored(outcome="unreadable"),
        unscored(outcome="rejected"),
        unscored(outcome="infra_error"),
        unscored(grading="grader_error"),
        record(grade_cells=tuple(replace(cell, score=None) if cell.grade_id == "accuracy" else cell for cell in grade_cells())),
        replace(record(), grade_cells=()),
    ],
    ids=["unreadable", "rejected", "machine", "grader", "one cell", "no cells"],
)
def test_unscored_is_never_a_number(found: object, partial: bool) -> None:
    score = own_score(found, DONE, partial)  # type: ignore[arg-type]  # parametrised
    assert score.points is None
    assert score.reason.startswith("unscored: ")


def test_numbers_are_written_for_every_lms() -> None:
    assert [number(value) for value in (0, 100, 85.5, 12345.67, 1 / 3, -1.0)] == ["0", "100", "85.5", "12345.67", "0.33", "-1"]


DECIDED = [("bo", "scored", 70.0), ("cy", "scored", 0.0), ("di", "missing", None)]  # by an override, by finalising, by nothing


def _final(state: str, score: float | None, late: float | None = None) -> Final:
    lines = (Line("waiting", None, "for a person to grade why"),) if state == "waiting" else ()
    parts = {"automatic": 70.0, "manual": 8.0, "extra": 2.0} if state == "waiting" else {}
    return Final("ada", "tiny", state, score, 100.0, late=late, lines=lines, **parts)  # type: ignore[arg-type]  # parametrised


@pytest.mark.parametrize(
    ("final", "raw", "penalty", "points", "reason"),
    [
        (None, 80, 0, 80, ""),
        (_final("scored", 72, 8), 80, 8, 72, ""),
        (_final("scored", 55), 55, 0, 55, ""),  # a decision's score
        (_final("excused", None), None, 0, None, "excused"),
        (_final("withheld", None), None, 0, None, "withheld"),
        (_final("waiting", None), None, 0, None, "waits for a person to grade why"),  # an answer that changed since it was marked
    ],
)
def test_lateness_and_decisions_are_exported(
    final: Final | None, raw: float | None, penalty: float, points: float | None, reason: str
) -> None:
    found = settled(Score("ada", "tiny", 100.0, raw=80.0, points=80.0), final)
    assert (found.raw, found.penalty, found.points, found.reason) == (raw, penalty, points, reason)


def test_who_waits_has_the_points_so_far_less_lateness_if_asked_for() -> None:
    waiting = _final("waiting", None, 7.8)
    found = settled(Score("ada", "tiny", 100.0, raw=80.0, points=80.0), waiting, partial=True)
    assert (found.raw, found.penalty, found.points, found.reason) == (80, 7.8, 72.2, "")
    broken = Score("ada", "tiny", 100.0, reason="unscored: the machine failed")
    assert settled(broken, waiting, partial=True) == broken


@pytest.mark.parametrize("students", [(), ("ada",)])
def test_a_score_by_decision_needs_no_submission(students: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    finals = [_final("scored", 80, 0), *(replace(_final(state, score), student=name) for name, state, score in DECIDED)]
    store = SimpleNamespace(latest=lambda profile, assignment, chosen: [replace(record(), student="ada", assignment="tiny")])
    monkeypatch.setattr(exporting, "choose_students", lambda *_: ["ada"])
    monkeypatch.setattr(exporting, "read_manual_scores", lambda *_: {})
    monkeypatch.setattr(exporting, "refresh_scores", lambda *_: finals)
    monkeypatch.setattr(exporting.Books, "profile_of", lambda *_: "smoke")
    monkeypatch.setattr(exporting, "_leaderboard", lambda *_: {})
    books = exporting.Books(SimpleNamespace(default_profile="smoke"), store, "")  # type: ignore[arg-type]  # as much of them as is read
    graded = exporting.read_graded(books, "tiny", students)
    others = [] if students else [("bo", 70), ("cy", 0)]
    assert [(score.student, score.points) for score in graded.scores] == [("ada", 80), *others]
    made = exporting.make_export(books, [graded], exporting.Wanted("gradescope"))
    assert (list(made.files), list(made.missing)) == (["ada"], [name for name, _ in others])
