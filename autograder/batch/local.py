"""Runs a batch on this machine: several submissions side by side, each a chain of processes, progress as it goes."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Protocol

from autograder.batch.pipeline import grade_submission
from autograder.batch.plan import Plan
from autograder.execution.sandbox import Sandbox, kill_everything
from autograder.records import Record, Submission


class Progress(Protocol):
    """What a progress display hears; called from several threads."""

    def began(self, student: str) -> None: ...
    def cell(self, student: str, index: int, count: int) -> None: ...
    def ended(self, record: Record) -> None: ...


def grade_batch(
    plan: Plan, submissions: Sequence[Submission], sandbox: Sandbox, jobs: int | None, force: bool, progress: Progress
) -> list[Record]:
    """Records of all submissions, in their order. Interrupted: everything started is killed, what is recorded stays."""
    began = time.monotonic()
    stopped = threading.Event()

    def one(submission: Submission) -> Record | None:
        if stopped.is_set():
            return None
        progress.began(submission.student)
        record = grade_submission(
            plan, submission, sandbox, _on_cell(progress, submission.student), force, queued_s=time.monotonic() - began
        )
        progress.ended(record)
        return record

    with ThreadPoolExecutor(max_workers=jobs or os.cpu_count() or 1) as pool:
        futures = [pool.submit(one, submission) for submission in submissions]
        try:
            _wait(futures)
        except BaseException:
            stopped.set()
            kill_everything()
            raise
    return [record for future in futures if (record := future.result()) is not None]


def _wait(futures: list[Future[Record | None]]) -> None:
    """Waits for all; the first that raised ends the batch, since submissions never do."""
    pending = set(futures)
    while pending:
        done, pending = wait(pending, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()


def _on_cell(progress: Progress, student: str) -> Callable[[int, int], None]:
    return lambda index, count: progress.cell(student, index, count)
