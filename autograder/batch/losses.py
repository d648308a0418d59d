"""What was lost, and what becomes of it: processes that ended without a result, and workers that went away with a submission.

In company nobody knows whose fault a loss was. So who was lost comes after all others, alone, once in each call; only what was lost there
counts (see `starts`), and after `Course(attempts=…)` such losses a submission is not executed any more. A worker may end for reasons of its
own (its time was up, its machine went down), so alone a submission gets another worker, up to three in one call, before that call leaves
it unscored; together they are one loss.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from autograder.batch.keeping import NOT_REUSED, unscored
from autograder.batch.packed import PackedRecords
from autograder.batch.plan import Plan
from autograder.batch.progress import BatchProgress
from autograder.batch.starts import Start
from autograder.records import Record, Submission

WORKERS = 3  # that one submission may lose in one batch, with nothing beside it, before it is left for another call


def was_lost(record: Record) -> bool:
    """Whether a process that had begun to work on the submission ended without a result, its notebook's or a later one."""
    return record.outcome in NOT_REUSED and bool(record.runs)


def lost_in_its_notebook(plan: Plan, record: Record) -> bool:
    """Whether it was the notebook's process that was lost, and no run is kept: later ones are the machine's fault or say whose it is."""
    return was_lost(record) and all(plan.store.run(run.run_key).read() is None for run in record.runs if run.counted)


def start_of(plan: Plan, submission: Submission, alone: bool, level: int, batch: str = "") -> Start:
    """An attempt that begins now. `batch`: of workers, all of whose losses with a submission are one."""
    names = (plan.profile.name, submission.assignment, submission.student, submission.submission_id)
    start = Start(*names, plan.execution_key, alone, level)
    return replace(start, batch=batch) if batch else start


def rejected_for_losses(plan: Plan, submission: Submission) -> Record | None:
    """The final record of a submission that ended, again and again, whatever was at work on it; None for all others."""
    lost = plan.store.starts.lost(plan.profile.name, submission)
    count = len({start.batch for start in lost if start.alone and start.execution_key == plan.execution_key})
    if count < plan.attempts:
        return None
    times = "the one time that" if count == 1 else f"each of the {count} times that"
    reason = (
        f"The grading process ended without a result {times} this submission was executed with nothing beside it. It may need more "
        "memory than there is, or end processes that are not its own. An instructor can have it tried again (grade --force)."
    )
    return unscored(plan, submission, "rejected", reason)


def suspects_last(
    plan: Plan, submissions: Sequence[Submission], grade_some: Callable[[Sequence[Submission], bool], tuple[PackedRecords, set[str]]]
) -> PackedRecords:
    """Records of all submissions, in their order.

    `grade_some(some, alone)` grades some of them, side by side or one after the other, and says at whom a process was lost. Those, and at
    whom one was lost in an earlier call, come after all others, alone, and once in each call; first those with whom that never
    happened when they were alone (see `starts`).
    """
    with plan.store.in_use():
        for submission in submissions:
            plan.store.note_arrival(submission)
        suspects = plan.store.starts.suspects(plan.profile.name, submissions)
        suspected = {each.student for each in suspects}
        others = [each for each in submissions if each.student not in suspected]
        records, lost = grade_some(others, False)
        suspects = [*(each for each in others if each.student in lost), *suspects]
        if suspects:
            records.update(grade_some(suspects, True)[0])
    return records.of(each.student for each in submissions)


@dataclass(frozen=True)
class Postponing:
    """A progress that does not hear of lost attempts as of records: they are not the last ones."""

    told: BatchProgress

    def began(self, student: str) -> None:
        self.told.began(student)

    def cell(self, student: str, index: int, count: int) -> None:
        self.told.cell(student, index, count)

    def ended(self, record: Record) -> None:
        if was_lost(record):
            self.told.postponed(record.student)
        else:
            self.told.ended(record)


@dataclass
class Losses:
    """What is lost while some submissions are graded by workers, `alone` or side by side. `students`: at whom something was lost."""

    plan: Plan
    batch: str
    alone: bool
    students: set[str] = field(default_factory=set)
    _workers: Counter[str] = field(default_factory=Counter)

    def forget(self, student: str) -> None:
        """Another submission of a student begins."""
        self.students.discard(student)
        del self._workers[student]

    def of_process(self, submission: Submission, record: Record, level: int, noted: bool) -> None:
        """Takes notice of a record, if a process was lost. `noted`: by the worker, in the store."""
        if was_lost(record):
            self.students.add(record.student)
            if not noted and lost_in_its_notebook(self.plan, record):
                self._note(submission, level)

    def of_worker(self, submission: Submission, host: str, level: int) -> str:
        """Why a submission is left unscored whose worker went away; empty when it gets another one."""
        student = submission.student
        self.students.add(student)
        self._workers[student] += 1
        if self.alone and self._workers[student] < WORKERS:
            return ""
        if self.alone:
            self._note(submission, level)
        count = f"{WORKERS} workers were" if self.alone else "A worker was"
        return f"{count} lost while at work on this submission, the last one on {host}."

    def _note(self, submission: Submission, level: int) -> None:
        start = start_of(self.plan, submission, self.alone, level, self.batch)
        with self.plan.store.writing(), self.plan.store.starts.attempt(start) as noted:
            noted.lost = True
