"""The term grade of a student: what each assignment gives, which are dropped, what extra credit adds. Pure functions over final scores.

    grade = points × Σ weight × share ÷ Σ weight, over the assignments that count for the student,
            + min(extra_at_most, points × Σ weight × extra share ÷ Σ weight)

A share is the assignment's final score without its extra credit, of its points. Who is excused from an assignment is graded by the others.
A score that nobody knows yet leaves the grade open; it is never taken for 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from autograder.course.settings import Term
from autograder.course.term import weight_of
from autograder.term.score import Final, Line

PartState = Literal["counts", "dropped", "excused", "no weight", "open"]
TermState = Literal["graded", "open", "excused"]


@dataclass(frozen=True)
class Part:
    """One assignment in a term grade. `share` and `extra`: of its points, None while the score is open; `gives`: points of the term."""

    assignment: str
    state: PartState
    final: Final
    weight: float
    share: float | None = None
    extra: float = 0.0
    gives: float = 0.0

    @property
    def bonus(self) -> float:
        """Points of the assignment that are extra credit."""
        return round(self.extra * (self.final.max_score or 1.0), 2)

    @property
    def whole(self) -> float:
        """By what the lowest is found: the share with extra credit."""
        return (self.share or 0.0) + self.extra


@dataclass(frozen=True)
class TermGrade:
    """`grade` None is no grade, which is not 0. `settled`: every score in it is final, so only decisions change it."""

    student: str
    state: TermState
    grade: float | None
    points: float
    settled: bool
    parts: tuple[Part, ...]
    lines: tuple[Line, ...]


def term_grade(student: str, term: Term, finals: Sequence[Final]) -> TermGrade:
    """The grade from final scores of all assignments, in the course's order, and every line of its explanation."""
    parts = [_part(term, each) for each in finals]
    open_ones = [each for each in parts if each.state == "open"]
    counting = [each for each in parts if each.state == "counts"]
    if not open_ones:
        parts = _without_lowest(term, parts)
        counting = [each for each in parts if each.state == "counts"]
    settled = all(each.final.final is not None for each in parts if each.state in ("counts", "dropped", "open"))
    state: TermState = "open" if open_ones else "graded" if counting else "excused"
    blank = TermGrade(student, state, None, term.points, settled, tuple(parts), tuple(_line(each, 0.0) for each in parts))
    if state != "graded":
        names = ", ".join(each.assignment for each in open_ones)
        why = f"open, because of {names}" if names else "nothing counts: excused from everything"
        return replace(blank, lines=(*blank.lines, Line("term", None, why)))
    return _summed(blank, term, counting)


def _summed(blank: TermGrade, term: Term, counting: Sequence[Part]) -> TermGrade:
    whole = sum(each.weight for each in counting)
    given = {each.assignment: term.points * each.weight * (each.share or 0.0) / whole for each in counting}
    parts = tuple(replace(each, gives=given.get(each.assignment, 0.0)) for each in blank.parts)
    extra = term.points * sum(each.weight * each.extra for each in counting) / whole
    added = extra if term.extra_at_most is None else min(extra, term.extra_at_most)
    exact = sum(each.gives for each in parts) + added
    grade = rounded(exact, term.decimals)
    lines = [_line(each, whole) for each in parts]
    if extra:
        capped = f", of which at most {term.extra_at_most:g} count" if term.extra_at_most is not None and added < extra else ""
        each = ", ".join(f"{one.assignment} {one.bonus:g}, weight {one.weight:g} of {whole:g}" for one in counting if one.extra)
        lines.append(Line("extra credit", added, f"{each}: {extra:.4g} of {term.points:g} points{capped}"))
    rounding = "" if abs(exact - grade) < 1e-9 else f", rounded once from {exact:.6g}"
    lines.append(Line("term", grade, f"of {term.points:g} points, the sum of these lines{rounding}"))
    return replace(blank, grade=grade, parts=parts, lines=tuple(lines))


def rounded(value: float, decimals: int) -> float:
    """Halves up, as people round; binary fractions do not decide."""
    return float(Decimal(f"{value:.9f}").quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))


def _part(term: Term, final: Final) -> Part:
    weight = weight_of(term, final.assignment)
    blank = Part(final.assignment, "no weight" if weight == 0 else "counts", final, weight)
    if weight == 0:
        return blank
    if final.state == "excused":
        return replace(blank, state="excused")
    if final.score is None:
        return replace(blank, state="open")
    # An override is the whole score: what was extra in the sum that it replaces is no longer there.
    extra = 0.0 if any(line.what == "override" for line in final.lines) else final.extra or 0.0
    of = final.max_score or 1.0
    return replace(blank, share=(final.score - extra) / of, extra=extra / of)


def _without_lowest(term: Term, parts: Sequence[Part]) -> list[Part]:
    """The lowest ones dropped; of equal ones the lighter, then the earlier. One is always left."""
    counting = [each for each in parts if each.state == "counts"]
    candidates = [each for each in counting if each.assignment not in term.never_drop]
    count = min(term.drop_lowest, len(counting) - 1)
    lowest = {each.assignment for each in sorted(candidates, key=lambda each: (round(each.whole, 9), each.weight))[: max(0, count)]}
    return [replace(each, state="dropped") if each.assignment in lowest else each for each in parts]


_OPEN: dict[str, str] = {
    "waiting": "a person still has to grade a part of it",
    "unscored": "it could not be scored so far",
    "missing": "nothing was handed in that counts; 0 once it is finalised",
    "withheld": "withheld",
}


def _line(part: Part, whole: float) -> Line:
    final = part.final
    settled = f", final ({final.final})" if final.final else ", not final"
    scored = "" if final.score is None else f"{final.score:g} of {final.max_score:g} points{settled}"
    if part.state == "counts" and whole:
        rest = f"; {final.score - part.bonus:g} without extra credit" if part.bonus and final.score is not None else ""
        return Line(part.assignment, part.gives, f"{scored}{rest}; weight {part.weight:g} of {whole:g}")
    if part.state == "dropped":
        return Line(part.assignment, None, f"dropped, the lowest: {scored}")
    if part.state == "excused":
        return Line(part.assignment, None, f"excused: {'; '.join(line.why for line in final.lines if line.what == 'excused')}")
    if part.state == "open":
        return Line(part.assignment, None, f"open: {_OPEN[final.state]}")
    if part.state == "no weight":
        return Line(part.assignment, None, f"does not count (weight 0){': ' if scored else ''}{scored}")
    return Line(part.assignment, None, f"{scored}; weight {part.weight:g}")


def term_grades(term: Term, finals: Mapping[str, Sequence[Final]], students: Sequence[str]) -> list[TermGrade]:
    """Of these students; `finals` by assignment, in the course's order. Who has no score of an assignment handed nothing in."""
    by_student = {assignment: {each.student: each for each in all_of} for assignment, all_of in finals.items()}
    points = {assignment: next((each.max_score for each in all_of), 0.0) for assignment, all_of in finals.items()}

    def of(student: str) -> list[Final]:
        missing = {name: Final(student, name, "missing", None, points[name]) for name in by_student}
        return [found.get(student, missing[name]) for name, found in by_student.items()]

    return [term_grade(student, term, of(student)) for student in students]
