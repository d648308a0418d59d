"""The arithmetic of a final score: automatic + manual − late + extra, each part with its reason. Pure functions, no clock, no files.

Late penalty = min(at_most, per_day × started 24-hour periods after due + extension + grace) × (automatic + manual). Periods are real
time: where the clocks change in between, a day on the calendar has 23 or 25 hours, and a period has 24.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from autograder.term.dates import shown
from autograder.term.decisions import Decision, Standing
from autograder.term.facts import Attempt, CellPoints, Facts, HandGrade, Policy

State = Literal["scored", "waiting", "unscored", "missing", "excused", "withheld"]
_DAY_S = 24 * 3600


@dataclass(frozen=True)
class Line:
    """One line of the explanation: what, how many points (None: none of its own), why."""

    what: str
    points: float | None
    why: str


@dataclass(frozen=True)
class Final:
    """One student's score of one assignment. `score` None is no score, which is not 0; `state` says why.

    `automatic`, `manual`, `late` and `extra` are its parts, those of the counting `attempt`; None while they are unknown. `final` is the
    id of the decision that made it final, and `would_be` what the present records give where that differs.
    """

    student: str
    assignment: str
    state: State
    score: float | None
    max_score: float
    automatic: float | None = None
    manual: float | None = None
    late: float | None = None
    extra: float | None = None
    attempt: int | None = None
    submission_id: str | None = None
    lines: tuple[Line, ...] = ()
    final: str | None = None
    would_be: float | None = None


@dataclass(frozen=True)
class Lateness:
    """How late an attempt is: seconds of real time after the deadline and its grace, and the share of the points that it costs."""

    seconds: float
    periods: int
    share: float


def deadline(policy: Policy, standing: Standing) -> datetime | None:
    """Due date or the latest extension, whichever is later, in UTC; None for an assignment without due date."""
    if policy.due is None:
        return None
    return max(each.astimezone(UTC) for each in (policy.due, *_untils(standing.of("extend"))))


def closing(policy: Policy, standing: Standing) -> datetime | None:
    """The last moment at which a submission counts, in UTC; None for an assignment that never closes."""
    until = deadline(policy, standing)
    if until is None or policy.closes_s is None:
        return None
    return max(each.astimezone(UTC) for each in (until + timedelta(seconds=policy.closes_s), *_untils(standing.of("reopen"))))


def lateness(policy: Policy, standing: Standing, at: datetime) -> Lateness:
    """What handing in at a moment costs. Never negative, never more than `at_most`, nothing where it is waived."""
    until = deadline(policy, standing)
    late_s = 0.0 if until is None else (at.astimezone(UTC) - until).total_seconds() - policy.grace_s
    periods = math.ceil(late_s / _DAY_S) if late_s > 0 else 0
    share = 0.0 if standing.of("waive_late") else min(policy.at_most, policy.per_day * periods)
    return Lateness(max(0.0, late_s), periods, share)


def accepts(policy: Policy, standing: Standing, at: datetime) -> bool:
    """Whether a submission of that moment counts at all."""
    closed = closing(policy, standing)
    return closed is None or at.astimezone(UTC) <= closed


def final_score(student: str, assignment: str, facts: Facts, policy: Policy, standing: Standing, max_score: float) -> Final:
    """The score and every line of its explanation. Of a finalised assignment the kept facts and policy count, not the present ones."""
    frozen = standing.final.frozen if standing.final else None
    if standing.final is None or frozen is None:
        return _computed(student, assignment, facts, policy, standing, max_score)
    points = max_score if frozen.points is None else frozen.points
    kept = _computed(student, assignment, frozen.facts[student], frozen.policy, standing, points)
    present = _computed(student, assignment, facts, policy, standing, max_score)
    if kept.state == "missing":
        kept = replace(kept, state="scored", score=0.0)
    lines = [*kept.lines, Line("final", None, _decided(standing.final, policy))]
    would_be = present.score if present.score not in (None, kept.score) else None
    if would_be is not None:
        lines.append(Line("since then", None, f"the present records would give {would_be:g}; that changes nothing"))
    return replace(kept, final=standing.final.id, lines=tuple(lines), would_be=would_be)


def _computed(student: str, assignment: str, facts: Facts, policy: Policy, standing: Standing, max_score: float) -> Final:
    blank = Final(student, assignment, "missing", None, max_score)
    excused, withheld, override = (standing.of(kind)[-1:] for kind in ("excuse", "withhold", "override"))
    if excused:
        return replace(blank, state="excused", lines=(Line("excused", None, _decided(excused[0], policy)),))
    found = _counting(blank, facts, policy, standing)
    if override:
        was = "" if found.score is None else f" in place of {found.score:g}"
        most = found.max_score if (override[0].score or 0) <= found.max_score else max_score  # it may be of the newest version's points
        found = replace(found, state="scored", score=override[0].score, max_score=most)
        found = _with(found, Line("override", override[0].score, f"the whole score{was}: {_decided(override[0], policy)}"))
    if withheld:
        found = replace(found, state="withheld", score=None)
        found = _with(found, Line("withheld", None, _decided(withheld[0], policy)))
    return found


def _counting(blank: Final, facts: Facts, policy: Policy, standing: Standing) -> Final:
    """The attempt that counts: the last one that was accepted, or the best of those."""
    accepted = [each for each in facts.attempts if accepts(policy, standing, each.at)]
    refused = [Line("too late", None, _refusal(each, policy)) for each in facts.attempts if each not in accepted]
    if not accepted:
        why = Line("missing", None, "nothing was handed in" if not refused else "nothing that was handed in counts")
        return _with(blank, *refused, why)
    scores = [_of_attempt(blank, each, facts, policy, standing) for each in accepted]
    chosen = scores[-1] if policy.counting == "last" else max(scores, key=lambda each: -math.inf if each.score is None else each.score)
    return _with(chosen, *refused)


def _of_attempt(blank: Final, attempt: Attempt, facts: Facts, policy: Policy, standing: Standing) -> Final:
    hand, on_top = facts.hand, {each.grade_id for each in attempt.cells if each.extra}
    by_graders = [each for each in attempt.cells if not each.manual and _given(hand, each.grade_id) is None]
    automatic = round(sum(each.score or 0 for each in by_graders if not each.extra), 2)
    given = {name: each.score for name, each in hand.items() if each.score is not None and name not in on_top}
    manual, extra = round(sum(given.values()), 2), _extra_credit(by_graders, hand, on_top)
    found = lateness(policy, standing, attempt.at)
    base = round(automatic + manual, 2)
    late = round(found.share * max(0.0, base), 2)
    state, open_lines = _what_is_open(attempt, hand)
    lines = [
        Line("automatic", automatic, _which(attempt, facts, policy)),
        Line("by hand", manual, ", ".join(f"{name} {points:g}" for name, points in sorted(given.items())) or "nothing was given by hand"),
        Line("late", -late if late else 0.0, _why_late(attempt, found, base, policy, standing)),
        *(Line(each.kind.replace("_", " "), None, _decided(each, policy)) for each in standing.decisions if each.kind in _DATES),
        Line("extra", extra, "extra credit, which lateness does not reduce" if extra else "no extra credit"),
        *open_lines,
    ]
    score = round(base - late + extra, 2) if state == "scored" else None
    most = round(sum(each.max_score for each in attempt.cells if not each.extra), 2) or blank.max_score  # an older version may have others
    return replace(
        blank, state=state, score=score, max_score=most, automatic=automatic, manual=manual, late=late, extra=extra,
        attempt=attempt.number, submission_id=attempt.submission_id, lines=tuple(lines),
    )  # fmt: skip


def _extra_credit(by_graders: Sequence[CellPoints], hand: Mapping[str, HandGrade], on_top: Set[str]) -> float:
    """What graders gave in cells of extra credit, or a person in their place, and what formgrader calls extra credit."""
    automatic = sum(each.score or 0 for each in by_graders if each.extra)
    return round(automatic + sum(each.extra + (each.score or 0 if name in on_top else 0) for name, each in hand.items()), 2)


_DATES = ("extend", "reopen", "waive_late")


def _given(hand: Mapping[str, HandGrade], grade_id: str) -> float | None:
    return hand[grade_id].score if grade_id in hand else None


def _what_is_open(attempt: Attempt, hand: Mapping[str, HandGrade]) -> tuple[State, list[Line]]:
    """Automatic cells without a result come before those that wait for a person, because grading again may settle them.

    The gradebook has every cell of the newest release: one that the attempt's version lacks waits only where somebody gave points.
    """
    there = {each.grade_id for each in attempt.cells}
    open_cells = [each for each in attempt.cells if each.score is None and _given(hand, each.grade_id) is None]
    unscored = [each.grade_id for each in open_cells if not each.manual]
    waiting = [each.grade_id for each in open_cells if each.manual]
    again = {name for name, each in hand.items() if each.waits and (name in there or each.score is not None)}
    waiting += sorted(again.difference(unscored, waiting))
    if not attempt.cells or unscored:
        return "unscored", [Line("not scored", None, ", ".join(unscored) or "the submission could not be read")]
    if waiting:
        return "waiting", [Line("waiting", None, f"for a person to grade {', '.join(waiting)}")]
    return "scored", []


def _which(attempt: Attempt, facts: Facts, policy: Policy) -> str:
    if len(facts.attempts) == 1:
        return "the only attempt"
    return f"attempt {attempt.number} of {len(facts.attempts)}, the {policy.counting} one counts"


def _why_late(attempt: Attempt, found: Lateness, base: float, policy: Policy, standing: Standing) -> str:
    until = deadline(policy, standing)
    if until is None:
        return "the assignment has no due date"
    grace = f" and {_span(policy.grace_s)} of grace" if policy.grace_s else ""
    handed = (
        f"{'handed in' if attempt.stamped else 'received (it brought no readable time of submission)'} {shown(attempt.at, policy.timezone)}"
    )
    if not found.periods:
        return f"{handed}, in time: due {shown(until, policy.timezone)}{grace}"
    after = f"{handed}, {_span(found.seconds)} after {shown(until, policy.timezone)}{grace}"
    if standing.of("waive_late"):
        return f"{after}; waived"
    capped = f", at most {policy.at_most:.4g}" if policy.per_day * found.periods > policy.at_most else ""
    periods = f"{found.periods} started period{'s' if found.periods > 1 else ''} of 24 hours"
    return f"{after}: {periods} × {policy.per_day:.4g}{capped}, of {base:g} points"


def _refusal(attempt: Attempt, policy: Policy) -> str:
    return f"attempt {attempt.number} of {shown(attempt.at, policy.timezone)} does not count: the assignment was closed"


def _decided(decision: Decision, policy: Policy) -> str:
    until = f"until {shown(decision.until, policy.timezone)}, " if decision.until else ""
    return f"{until}decided by {decision.who} on {decision.at[:10]} ({decision.id}): {decision.why}"


def _untils(decisions: Sequence[Decision]) -> list[datetime]:
    return [each.until for each in decisions if each.until is not None]


def _with(found: Final, *lines: Line) -> Final:
    return replace(found, lines=(*found.lines, *lines))


def _span(seconds: float) -> str:
    """'34 h 13 min', rounded up to a minute."""
    hours, minutes = divmod(math.ceil(seconds / 60), 60)
    return " ".join(part for part in (f"{hours} h" if hours else "", f"{minutes} min" if minutes else "") if part)
