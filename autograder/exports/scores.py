"""What is exported of each student: the final points, or why there are none. Never 0 for what nobody has scored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from autograder.feedback.words import NOTHING_TO_READ, unscored_reason
from autograder.gradebook.writing import ManualGrade
from autograder.records import GradeCell, Record
from autograder.term.score import Final


@dataclass(frozen=True)
class Score:
    """A student's points in an assignment, with extra credit more than `max_score`.

    `raw` before and `points` after `penalty`, both None where `reason` says why.
    """

    student: str
    assignment: str
    max_score: float
    submitted_at: str | None = None
    raw: float | None = None
    penalty: float = 0.0
    points: float | None = None
    reason: str = ""


def own_score(record: Record, manual: Mapping[str, ManualGrade | None], partial: bool = False) -> Score:
    """What a submission is worth by itself: automatic points and those that people gave, as nbgrader adds them up.

    A cell that nobody has scored leaves the whole without points; with `partial` the written answers that wait count nothing yet.
    """
    points, waiting, broken = 0.0, [], []
    for cell in record.grade_cells:
        given = manual.get(cell.grade_id)
        score = _of_cell(cell, given)
        if score is not None:
            points += score
        elif cell.manual and record.outcome not in NOTHING_TO_READ:
            waiting.append(cell.grade_id)
        else:
            broken.append(cell.grade_id)
        points += (given.extra_credit if given else None) or 0.0
    reason = _reason(record, broken, [] if partial else waiting)
    raw = None if reason else round(points, 2)
    return Score(
        student=record.student,
        assignment=record.assignment,
        max_score=round(sum(cell.max_score for cell in record.grade_cells if not cell.extra), 2),
        submitted_at=record.submitted_at,
        raw=raw,
        points=raw,
        reason=reason,
    )


def settled(score: Score, final: Final | None, partial: bool = False) -> Score:
    """The score after lateness and decisions, where they say anything about it. With `partial` who waits has the points so far, less
    what lateness costs of those."""
    if final is None or final.state == "unscored" or (final.state == "waiting" and score.points is None):
        return score
    if final.state == "waiting":
        return _so_far(score, final) if partial else replace(score, raw=None, points=None, reason=_waits(final))
    if final.score is None:
        return replace(score, raw=None, penalty=0.0, points=None, reason=final.state)
    late = final.late or 0.0
    return replace(score, raw=round(final.score + late, 2), penalty=late, points=final.score, reason="")


def decided_score(final: Final) -> Score:
    """The score of somebody without a graded submission: by an override, or 0 since it was finalised."""
    return settled(Score(final.student, final.assignment, final.max_score), final)


def _so_far(score: Score, final: Final) -> Score:
    raw, late = round(sum(part or 0.0 for part in (final.automatic, final.manual, final.extra)), 2), final.late or 0.0
    return replace(score, raw=raw, penalty=late, points=round(raw - late, 2), reason="")


def _waits(final: Final) -> str:
    return next((f"waits {line.why}" for line in final.lines if line.what == "waiting"), "waits for a person")


def _of_cell(cell: GradeCell, given: ManualGrade | None) -> float | None:
    if given is not None and given.manual_score is not None:
        return given.manual_score
    return None if cell.manual else cell.score


def _reason(record: Record, broken: Sequence[str], waiting: Sequence[str]) -> str:
    if broken or not record.grade_cells:
        return f"unscored: {unscored_reason(record)}"
    return f"waits for a person to grade {', '.join(waiting)}" if waiting else ""


def final_scores(
    records: Iterable[Record], manual: Mapping[str, Mapping[str, ManualGrade]], finals: Mapping[str, Final], partial: bool = False
) -> list[Score]:
    """The scores of these records; `manual` by student, then grade id, `finals` by student."""
    return [settled(own_score(record, manual.get(record.student, {}), partial), finals.get(record.student), partial) for record in records]


def number(points: float) -> str:
    """Points as every LMS reads them: a point for the decimals, two at most."""
    return f"{points:.2f}".rstrip("0").rstrip(".")
