"""Whether a decision can be meant: known people, known assignments, nothing twice, nothing against what holds already."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from autograder.batch.store import Store
from autograder.course.paths import CoursePaths
from autograder.course.profile import find_assignment
from autograder.course.settings import Course
from autograder.errors import UsageError
from autograder.term.agreed import disagreements
from autograder.term.dates import shown
from autograder.term.decisions import Decision, Frozen, Kind, next_id, revoked, standing
from autograder.term.facts import Policy, policy_of
from autograder.term.roster import members, roster_journal
from autograder.term.rules import rules_of
from autograder.term.score import accepts, closing, deadline

NEEDS_DATE = ("extend", "reopen")
NEEDS_STUDENTS = ("withhold", "override")  # never meant for everybody at once
_NAMED = 5


@dataclass(frozen=True)
class Wish:
    """A decision as somebody wrote it, not yet an entry. `students` None is everybody; `early`: final even while something may come in."""

    who: str
    why: str
    kind: Kind
    assignment: str
    students: tuple[str, ...] | None
    until: datetime | None = None
    score: float | None = None
    frozen: Frozen | None = None
    early: bool = False


def known_students(course: Course, paths: CoursePaths, store: Store) -> frozenset[str]:
    """Everybody who ever was in the roster or was graded; without a roster, whoever handed something in too."""
    found = set(members(roster_journal(store.root).read()))
    found = found or {folder.name for folder in paths.submitted.glob("*") if folder.is_dir()}
    return frozenset(found.union(*(store.students(course.default_profile, each.id) for each in course.assignments)))


def require_students(students: Iterable[str], known: frozenset[str]) -> None:
    """Raises UsageError naming all who are unknown, each with who may be meant."""
    unknown = [name for name in students if name not in known]
    if unknown:
        close = {name: difflib.get_close_matches(name, known, n=1) for name in unknown}
        said = ", ".join(f"'{name}'" + (f" (did you mean '{close[name][0]}'?)" if close[name] else "") for name in unknown)
        cure = "`autograder roster show` lists the class; `autograder roster import CSV` adds to it."
        raise UsageError(f"Nobody of the course is called {said}. Nothing was done.", cure)


def decided(wish: Wish, course: Course, known: frozenset[str], entries: Sequence[Decision], at: str) -> Decision:
    """The entry for a wish. Raises UsageError with everything that speaks against it, and what to do."""
    find_assignment(course, wish.assignment)
    require_students(wish.students or (), known)
    incomplete, against = _incomplete(wish, course), _against(wish, course, entries, datetime.fromisoformat(at))
    if incomplete or against:
        cure = (
            "`autograder decisions` lists what holds." if against else "`autograder decide --help` says what each kind of decision needs."
        )
        raise UsageError("Nothing was written: " + "; ".join(dict.fromkeys((*incomplete, *against))) + ".", cure)
    return Decision(
        next_id(entries),
        at,
        wish.who,
        wish.why.strip(),
        wish.kind,
        wish.assignment,
        wish.students,
        wish.until,
        wish.score,
        None,
        wish.frozen,
        rules_of(course) if wish.kind == "finalise" else None,
    )


def revocation(named: str, who: str, why: str, entries: Sequence[Decision], at: str) -> Decision:
    """The entry that takes another one back. Raises UsageError for one that is not there, or does not hold any more."""
    found = next((each for each in entries if each.id == named), None)
    if found is not None and found.kind == "revoke":
        said = f"{named} took {found.revokes} back, and is not taken back itself. Nothing was written."
        raise UsageError(said, "Decide again what shall hold: autograder decide …")
    if found is None:
        known = ", ".join(each.id for each in entries if each.kind != "revoke")[-200:] or "none"
        raise UsageError(f"There is no decision '{named}' to revoke. Nothing was written.", f"There are: {known}.")
    if named in revoked(entries):
        raise UsageError(f"Decision {named} is revoked already. Nothing was written.", "`autograder decisions` lists what holds.")
    if not why.strip():
        raise UsageError("A decision needs a reason.", "Write it with --why.")
    return Decision(next_id(entries), at, who, why.strip(), "revoke", found.assignment, found.students, revokes=named)


def _incomplete(wish: Wish, course: Course) -> list[str]:
    problems = []
    if not wish.why.strip():
        problems.append("a decision needs a reason (--why)")
    if wish.kind in NEEDS_DATE and wish.until is None:
        problems.append(f"{wish.kind} needs a date (--until)")
    if wish.kind not in NEEDS_DATE and wish.until is not None:
        problems.append(f"{wish.kind} takes no date")
    if (wish.kind == "override") != (wish.score is not None):
        problems.append("override needs a score (--score)" if wish.kind == "override" else f"{wish.kind} takes no score")
    if wish.early and wish.kind != "finalise":
        problems.append(f"{wish.kind} takes no --early")
    if wish.kind in NEEDS_STUDENTS and wish.students is None:
        problems.append(f"{wish.kind} is about students who are named (--student)")
    points = find_assignment(course, wish.assignment).points
    if wish.score is not None and not 0 <= wish.score <= points:
        problems.append(f"a score of {wish.score:g} lies outside 0 to {points:g}, the points of '{wish.assignment}'")
    return problems


def _against(wish: Wish, course: Course, entries: Sequence[Decision], at: datetime) -> list[str]:
    """What holds already, `at` that moment, and does not go together with the wish, for each student whom it names, or for everybody."""
    policy = policy_of(course, wish.assignment)
    problems = [
        f"the score of {name} is final already"
        for name in (wish.frozen.facts if wish.frozen else ())
        if standing(entries, name, wish.assignment).final is not None  # by somebody who finalised at the same time
    ]
    if wish.kind == "finalise":
        problems += [f"{said} (put that back, or autograder decide term --why …)" for said in disagreements(course, entries)]
    if wish.frozen is not None and not wish.early:
        problems += _too_early(wish.frozen, policy, wish.assignment, entries, at)
    if wish.kind == "extend" and policy.due is None:
        problems.append(f"'{wish.assignment}' has no due date that could be extended")
    if wish.students is None:
        return problems + _against_everybody(wish, policy, entries)
    for student in wish.students:
        held = standing(entries, student, wish.assignment)
        if wish.kind in ("extend", "waive_late", "override", "reopen"):
            problems += [f"{student} is excused by {each.id}: revoke that first" for each in held.of("excuse")]
        if wish.kind == "excuse":
            problems += [f"{student} has the score {each.score:g} by {each.id}: revoke that first" for each in held.of("override")]
        if wish.kind in ("excuse", "withhold", "waive_late", "override"):
            problems += [_already(student, each) for each in held.of(wish.kind)]
        until = deadline(policy, held)
        if wish.kind == "extend" and wish.until is not None and until is not None and wish.until <= until:
            problems.append(f"{student} has until {shown(until, policy.timezone)} already")
        if wish.kind == "reopen":
            problems += _reopening(student, wish, policy, [each.until for each in held.of("reopen")], held.final is not None)
    return problems


def _too_early(frozen: Frozen, policy: Policy, assignment: str, entries: Sequence[Decision], at: datetime) -> list[str]:
    """Who may still hand something in that would count: in time, and of those who would get 0 also late, while that is accepted."""
    waiting: dict[datetime, list[str]] = {}
    for student, facts in frozen.facts.items():
        held = standing(entries, student, assignment)
        scored = any(accepts(policy, held, each.at) for each in facts.attempts)
        last = deadline(policy, held) if scored else closing(policy, held) or deadline(policy, held)
        if last is not None and at <= last and not (held.of("excuse") or held.of("override")):
            waiting.setdefault(last, []).append(student)
    return [
        f"{', '.join(names[:_NAMED])}{f' and {len(names) - _NAMED} more' if len(names) > _NAMED else ''} may still hand something in, "
        f"until {shown(last, policy.timezone)} (wait for that, or add --early)"
        for last, names in sorted(waiting.items())
    ]


def _against_everybody(wish: Wish, policy: Policy, entries: Sequence[Decision]) -> list[str]:
    held = standing([each for each in entries if each.students is None], "", wish.assignment)
    finals = {each.id for each in entries if each.kind == "finalise" and each.assignment == wish.assignment} - revoked(entries)
    until = deadline(policy, held)
    problems = [_already("everybody", each) for each in held.of(wish.kind)] if wish.kind in ("excuse", "waive_late") else []
    if wish.kind == "excuse":
        holding = {name: standing(entries, name, wish.assignment).of("override") for name in sorted(_named(entries))}
        problems += [
            f"{name} has the score {each.score:g} by {each.id}: revoke that first" for name, held_by in holding.items() for each in held_by
        ]
    if wish.kind == "extend" and wish.until is not None and until is not None and wish.until <= until:
        problems.append(f"everybody has until {shown(until, policy.timezone)} already")
    if wish.kind == "reopen":
        problems += _reopening("everybody", wish, policy, [each.until for each in held.of("reopen")], bool(finals))
    return problems


def _named(entries: Sequence[Decision]) -> set[str]:
    return {name for each in entries for name in each.students or ()}


def _reopening(who: str, wish: Wish, policy: Policy, others: Sequence[datetime | None], final: bool) -> list[str]:
    """It lifts a final score, or lets a closed assignment take submissions: at least one of them must be there to be lifted."""
    if final:
        return []
    if policy.due is None or policy.closes_s is None:
        return [
            f"'{wish.assignment}' never closes and the score of {who} is not final, so there is nothing to reopen (extend? waive_late?)"
        ]
    later = [each for each in others if each is not None and wish.until is not None and each >= wish.until]
    return [f"'{wish.assignment}' is open for {who} until {shown(each, policy.timezone)} already" for each in later]


def _already(who: str, entry: Decision) -> str:
    score = "" if entry.score is None else f" {entry.score:g}"
    return f"{entry.kind}{score} holds for {who} already ({entry.id}, {entry.who} on {entry.at[:10]}): revoke that first for another one"
