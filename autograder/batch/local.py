"""Runs a batch on this machine: several submissions side by side, each a chain of processes, progress as it goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from autograder.batch.machine import Machine
from autograder.batch.pipeline import OnCell, Turn, grade_submission, was_lost
from autograder.batch.plan import Plan
from autograder.batch.slots import Slots, SlotsClosed
from autograder.errors import UsageError
from autograder.execution.devices import GPU_CURE, Slot, why_gpu_unusable
from autograder.isolation.sandbox import Sandbox
from autograder.records import Record, Submission

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class Progress(Protocol[T_contra]):
    """What a progress display hears; called from several threads."""

    def began(self, student: str) -> None: ...
    def cell(self, student: str, index: int, count: int) -> None: ...
    def ended(self, done: T_contra, /) -> None: ...


class BatchProgress(Progress[Record], Protocol):
    """The same for a batch, in which a submission may have to wait once more."""

    def postponed(self, student: str) -> None: ...


def grade_batch(
    plan: Plan, submissions: Sequence[Submission], sandbox: Sandbox, jobs: int | None, force: bool, progress: BatchProgress
) -> list[Record]:
    """Records of all submissions, in their order. Interrupted: everything started is killed, what is recorded stays.

    Raises UsageError, before anything is executed, when this machine cannot give what the assignment asks for; StoreError when
    nothing can be kept.
    """

    def grade_some(some: Sequence[Submission], alone: bool) -> tuple[list[Record], set[str]]:
        def work(submission: Submission, slot: Slot, on_cell: OnCell, queued_s: float) -> Record:
            return grade_submission(plan, submission, sandbox, on_cell, Turn(slot, queued_s, force, alone))

        told = progress if alone else Postponing(progress)
        records = side_by_side(plan, some, sandbox, 1 if alone else jobs, work, told)
        return records, {record.student for record in records if was_lost(record)}

    return suspects_last(plan, submissions, grade_some)


def suspects_last(
    plan: Plan, submissions: Sequence[Submission], grade_some: Callable[[Sequence[Submission], bool], tuple[list[Record], set[str]]]
) -> list[Record]:
    """Records of all submissions, in their order.

    `grade_some(some, alone)` grades some of them, side by side or one after the other, and says at whom a process was lost. Those, and at
    whom one was lost in an earlier call, come after all others, alone, and once in each call; first those with whom that never
    happened when they were alone (see `starts`).
    """
    for submission in submissions:
        plan.store.note_arrival(submission)
    suspects = plan.store.starts.suspects(plan.profile.name, submissions)
    suspected = {each.student for each in suspects}
    others = [each for each in submissions if each.student not in suspected]
    records, lost = grade_some(others, False)
    suspects = [*(each for each in others if each.student in lost), *suspects]
    again = grade_some(suspects, True)[0] if suspects else []
    graded = {record.student: record for record in (*records, *again)}
    return [graded[each.student] for each in submissions]


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


def side_by_side(
    plan: Plan,
    submissions: Sequence[Submission],
    sandbox: Sandbox,
    jobs: int | None,
    work: Callable[[Submission, Slot, OnCell, float], T],
    progress: Progress[T],
) -> list[T]:
    """What `work` makes of each submission, in a slot of its own and with the seconds it waited for that; in their order.

    `work` never raises for a submission. An interrupt, or whatever it does raise, ends the batch and kills everything started.
    """
    slots = plan_slots(plan, jobs)
    began = time.monotonic()

    def one(submission: Submission) -> T | None:
        try:
            with slots.take() as slot:
                progress.began(submission.student)
                done = work(submission, slot, _on_cell(progress, submission.student), time.monotonic() - began)
        except SlotsClosed:
            return None
        progress.ended(done)
        return done

    with ThreadPoolExecutor(max_workers=slots.count) as pool:
        futures = [pool.submit(one, submission) for submission in submissions]
        try:
            for future in as_completed(futures):
                future.result()  # submissions never raise; whatever did ends the batch
        except BaseException:
            slots.close()
            sandbox.stop()
            raise
    return [done for future in futures if (done := future.result()) is not None]


def plan_slots(plan: Plan, jobs: int | None) -> Slots:
    """The slots for a batch on this machine. Raises UsageError when it cannot give what the assignment asks for.

    A GPU that Keras' backend does not find is none: then it is the CPU if the assignment allows that.
    """
    resources = plan.assignment.resources
    machine = Machine.here(with_gpus=resources.gpus > 0)
    slots = Slots(machine, resources, jobs)
    if slots.first.gpu is None:
        return slots
    reason = why_gpu_unusable(slots.first, plan.backend)
    if not reason:
        return slots
    if not resources.cpu_fallback:
        raise UsageError(f"{reason}.", GPU_CURE)
    return Slots(replace(machine, devices=()), resources, jobs)


def _on_cell(progress: Progress[T], student: str) -> OnCell:
    return lambda index, count: progress.cell(student, index, count)
