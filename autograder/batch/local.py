"""Runs a batch on this machine: several submissions side by side, each a chain of processes, progress as it goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from functools import partial
from typing import TypeVar

from autograder.batch.bench import Bench, SlotsClosed
from autograder.batch.losses import Postponing, suspects_last, was_lost
from autograder.batch.machine import Machine
from autograder.batch.packed import PackedRecords
from autograder.batch.pipeline import OnCell, Turn, grade_submission
from autograder.batch.plan import Plan
from autograder.batch.progress import BatchProgress, Progress
from autograder.batch.slots import Slots
from autograder.errors import UsageError
from autograder.execution.devices import GPU_CURE, Slot, why_gpu_unusable
from autograder.isolation.sandbox import Sandbox
from autograder.records import Record, Submission

T = TypeVar("T")


def grade_batch(
    plan: Plan, submissions: Sequence[Submission], sandbox: Sandbox, jobs: int | None, force: bool, progress: BatchProgress
) -> PackedRecords:
    """Records of all submissions, in their order. Interrupted: everything started is killed, what is recorded stays.

    Raises UsageError, before anything is executed, when this machine cannot give what the assignment asks for; StoreError when
    nothing can be kept.
    """

    def grade_some(some: Sequence[Submission], alone: bool) -> tuple[PackedRecords, set[str]]:
        def work(submission: Submission, slot: Slot, on_cell: OnCell, queued_s: float) -> Record:
            return grade_submission(plan, submission, sandbox, on_cell, Turn(slot, queued_s, force, alone))

        told = progress if alone else Postponing(progress)
        records, lost = PackedRecords(), set()

        def take(_: int, record: Record) -> None:
            records.add(record)
            if was_lost(record):
                lost.add(record.student)

        as_they_end(plan, some, sandbox, 1 if alone else jobs, work, told, take)
        return records, lost

    return suspects_last(plan, submissions, grade_some)


def side_by_side(
    plan: Plan,
    submissions: Sequence[Submission],
    sandbox: Sandbox,
    jobs: int | None,
    work: Callable[[Submission, Slot, OnCell, float], T],
    progress: Progress[T],
) -> list[T]:
    """What `work` makes of each submission, in their order; see `as_they_end`."""
    done: dict[int, T] = {}
    as_they_end(plan, submissions, sandbox, jobs, work, progress, done.__setitem__)
    return [done[at] for at in sorted(done)]


def as_they_end(
    plan: Plan,
    submissions: Sequence[Submission],
    sandbox: Sandbox,
    jobs: int | None,
    work: Callable[[Submission, Slot, OnCell, float], T],
    progress: Progress[T],
    take: Callable[[int, T], None],
) -> None:
    """Hands over what `work` makes of each submission, in a slot of its own and with the seconds it waited for that, as soon as it is made:
    `take` gets its place among the submissions and the result, here in this thread. Nothing of it is held any longer.

    `work` never raises for a submission. An interrupt, or whatever it does raise, ends the batch and kills everything started.
    """
    slots = plan_slots(plan, jobs)
    began = time.monotonic()

    def one(at: int, submission: Submission) -> tuple[int, T] | None:
        try:
            with slots.take() as slot:
                progress.began(submission.student)
                done = work(submission, slot, _on_cell(progress, submission.student), time.monotonic() - began)
        except SlotsClosed:
            return None
        progress.ended(done)
        return at, done

    with plan.store.in_use(), ThreadPoolExecutor(max_workers=slots.count) as pool:
        try:
            for future in as_completed([pool.submit(partial(one, at), each) for at, each in enumerate(submissions)]):
                found = future.result()  # submissions never raise; whatever did ends the batch
                if found is not None:
                    take(*found)
        except BaseException:
            slots.close()
            sandbox.stop()
            raise


def plan_slots(plan: Plan, jobs: int | None, bench: Bench | None = None) -> Slots:
    """The slots for a batch on this machine. Raises UsageError when it cannot give what the assignment asks for.

    `bench`: shared with the other batches that this process serves.

    A GPU that Keras' backend does not find is none: then it is the CPU if the assignment allows that.
    """
    resources = plan.assignment.resources
    machine = Machine.here(with_gpus=resources.gpus > 0)
    slots = Slots(machine, resources, jobs, bench)
    if slots.first.gpu is None:
        return slots
    reason = why_gpu_unusable(slots.first, plan.backend)
    if not reason:
        return slots
    if not resources.cpu_fallback:
        raise UsageError(f"{reason}.", GPU_CURE)
    return Slots(replace(machine, devices=()), resources, jobs, bench)


def _on_cell(progress: Progress[T], student: str) -> OnCell:
    return lambda index, count: progress.cell(student, index, count)
