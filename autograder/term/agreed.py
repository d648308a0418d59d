"""By which `Term(…)` a term grade is final, and whether the configuration has another one now.

A term grade is final when every score in it is. The entry that made the last of them final keeps the rules of that moment; from then on
only a decision `term` puts others in their place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from autograder.course.settings import Course
from autograder.errors import UsageError
from autograder.term.decisions import Decision, next_id, revoked, standing
from autograder.term.rules import differences, rules_of

_NAMED = 5


def agreed(entries: Sequence[Decision], student: str) -> Decision | None:
    """The entry by whose rules a student's term grade is final; None while it is not, and where no entry kept any."""
    gone = revoked(entries)
    held = {name: standing(entries, student, name) for name in {each.assignment for each in entries}}
    final = {each.final.id for each in held.values() if each.final is not None}
    kept = [each for each in entries if each.term is not None and each.id not in gone and (each.id in final or each.kind == "term")]
    if not final or not kept or kept[-1].term is None:
        return None
    settled = (name in held and (held[name].final is not None or held[name].of("excuse")) for name in kept[-1].term.weights)
    return kept[-1] if all(settled) else None


def disagreements(course: Course, entries: Sequence[Decision], students: Iterable[str] | None = None) -> list[str]:
    """A sentence for each other `Term(…)` than the configuration's by which grades are final: whose they are, and what is different.

    `students`: of these only, by default of everybody who has a final score.
    """
    if students is None:
        students = sorted({name for each in entries if each.frozen is not None for name in each.frozen.facts})
    now = rules_of(course)
    resting: dict[tuple[str, ...], dict[str, str]] = {}
    for student in students:
        entry = agreed(entries, student)
        changed = differences(entry.term, now) if entry is not None and entry.term is not None else []
        if entry is not None and changed:
            resting.setdefault(tuple(changed), {})[student] = f"{entry.id} of {entry.at[:10]}"
    return [_sentence(changed, by) for changed, by in resting.items()]


def _sentence(changed: Sequence[str], by: Mapping[str, str]) -> str:
    """`by`: the entries by student."""
    some = ", ".join(sorted(by)[:_NAMED]) + (f" and {len(by) - _NAMED} more" if len(by) > _NAMED else "")
    grades = f"{len(by)} term grade{'s' if len(by) > 1 else ''}"
    return f"{grades} ({some}) became final by {', '.join(dict.fromkeys(by.values()))} with another Term(…): {'; '.join(changed)}"


def require_agreed(course: Course, entries: Sequence[Decision], students: Iterable[str]) -> None:
    """Raises UsageError, with every difference, where final term grades of these students would be computed in another way."""
    found = disagreements(course, entries, students)
    if found:
        cure = "Put Term(…) in grading_config.py back; or, if the change was decided, write that down: autograder decide term --why …"
        raise UsageError(f"Nothing was exported: {'. '.join(found)}.", cure)


def term_decision(course: Course, who: str, why: str, entries: Sequence[Decision], at: str) -> Decision:
    """The entry by which the present `Term(…)` counts for grades that are final. Raises UsageError where none of them has another."""
    if not why.strip():
        raise UsageError("A decision needs a reason.", "Write it with --why.")
    rules = rules_of(course)
    if rules is None:
        raise UsageError("The course has no Term(…), so there is no term grade to decide about. Nothing was written.")
    if not disagreements(course, entries):
        raise UsageError(
            "No final term grade rests on another Term(…) than the one in grading_config.py. Nothing was written.",
            "Change Term(…) first; while grades are not final, a change needs no decision.",
        )
    return Decision(next_id(entries), at, who, why.strip(), "term", "", term=rules)
