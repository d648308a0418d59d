"""Which records of a student are graded again, and what is said of the student afterwards."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from autograder.batch.plan import Plan


@dataclass(frozen=True)
class Regraded:
    """One student: the score before and after, or why the record stays: it has to be executed instead, or the machine failed.

    `kept`: `after` is only what it would be; nothing was written. Of several attempts both are the best score.
    """

    student: str
    before: float | None
    after: float | None
    changed: bool = False
    needs_execution: str = ""
    failed: str = ""
    kept: bool = False

    @property
    def rises(self) -> bool:
        """To more points than before; from none at all too."""
        return self.after is not None and (self.before is None or self.after > self.before)


@dataclass(frozen=True)
class Attempt:
    """A submission of a student that has a record, or should have one."""

    student: str
    submission_id: str


def attempts_of(plan: Plan, students: Sequence[str], every: bool) -> list[Attempt]:
    """Each student's present submission, or all with a record; a student follows the other."""
    store, profile, assignment = plan.store, plan.profile.name, plan.assignment.id
    found = []
    for student in students:
        ids = [store.present_id(profile, assignment, student) or ""]
        if every:
            ids += store.submissions(profile, assignment, student)
        found += [Attempt(student, each) for each in dict.fromkeys(ids)]
    return found


def by_student(found: Sequence[Regraded], final: Collection[str]) -> list[Regraded]:
    """One for each student, from those of the attempts."""
    return [replace(_together(list(theirs)), kept=student in final) for student, theirs in groupby(found, lambda each: each.student)]


def _together(attempts: Sequence[Regraded]) -> Regraded:
    """The best score before and after; what stands in the way of one of several attempts is said with how many they are."""
    if len(attempts) == 1:
        return attempts[0]
    before, after = _best([each.before for each in attempts]), _best([each.after for each in attempts])
    return Regraded(
        attempts[0].student,
        before,
        after,
        changed=before != after,
        needs_execution=_of_several([each.needs_execution for each in attempts]),
        failed=_of_several([each.failed for each in attempts]),
    )


def _best(scores: Sequence[float | None]) -> float | None:
    return max((score for score in scores if score is not None), default=None)


def _of_several(reasons: Sequence[str]) -> str:
    given = [each for each in reasons if each]
    return f"{len(given)} of {len(reasons)} attempts: {'; '.join(dict.fromkeys(given))}" if given else ""
