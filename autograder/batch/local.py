"""Runs a batch on this machine: several submissions side by side, each a chain of processes, progress as it goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from typing import Protocol

from autograder.batch.machine import Machine
from autograder.batch.pipeline import grade_submission
from autograder.batch.plan import Plan
from autograder.batch.slots import Slots, SlotsClosed
from autograder.errors import UsageError
from autograder.execution.devices import GPU_CURE, why_gpu_unusable
from autograder.isolation.sandbox import Sandbox
from autograder.records import Record, Submission


class Progress(Protocol):
    """What a progress display hears; called from several threads."""

    def began(self, student: str) -> None: ...
    def cell(self, student: str, index: int, count: int) -> None: ...
    def ended(self, record: Record) -> None: ...


def grade_batch(
    plan: Plan, submissions: Sequence[Submission], sandbox: Sandbox, jobs: int | None, force: bool, progress: Progress
) -> list[Record]:
    """Records of all submissions, in their order. Interrupted: everything started is killed, what is recorded stays.

    Raises UsageError, before anything is executed, when this machine cannot give what the assignment asks for.
    """
    slots = plan_slots(plan, jobs)
    began = time.monotonic()

    def one(submission: Submission) -> Record | None:
        try:
            with slots.take() as slot:
                progress.began(submission.student)
                on_cell = _on_cell(progress, submission.student)
                queued_s = time.monotonic() - began
                record = grade_submission(plan, submission, sandbox, on_cell, force, queued_s=queued_s, slot=slot)
        except SlotsClosed:
            return None
        progress.ended(record)
        return record

    with ThreadPoolExecutor(max_workers=slots.count) as pool:
        futures = [pool.submit(one, submission) for submission in submissions]
        try:
            for future in as_completed(futures):
                future.result()  # submissions never raise; whatever did ends the batch
        except BaseException:
            slots.close()
            sandbox.stop()
            raise
    return [record for future in futures if (record := future.result()) is not None]


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


def _on_cell(progress: Progress, student: str) -> Callable[[int, int], None]:
    return lambda index, count: progress.cell(student, index, count)
