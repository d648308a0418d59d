"""Runs a batch on this machine: several submissions side by side, each a chain of processes, progress as it goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from typing import TypeVar

from autograder.batch.bench import Bench, SlotsClosed
from autograder.batch.losses import Postponing, suspects_last, was_lost
from autograder.batch.machine import Machine
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

    with plan.store.in_use(), ThreadPoolExecutor(max_workers=slots.count) as pool:
        try:
            futures = [pool.submit(one, submission) for submission in submissions]
            for future in as_completed(futures):
                future.result()  # submissions never raise; whatever did ends the batch
        except BaseException:
            slots.close()
            sandbox.stop()
            raise
    return [done for future in futures if (done := future.result()) is not None]


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
