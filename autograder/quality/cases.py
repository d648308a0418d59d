"""Cases of a validation: notebooks to grade by the real path, several side by side, nothing twice that was graded before."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from autograder.batch.local import side_by_side
from autograder.batch.pipeline import OnCell, grade_unwritten
from autograder.batch.plan import Plan
from autograder.batch.progress import Progress
from autograder.execution.devices import Slot
from autograder.intake.collect import find_submissions
from autograder.isolation.process import Process
from autograder.isolation.sandbox import Command, Sandbox
from autograder.isolation.servers import ServerKind
from autograder.quality.workplace import Workplace
from autograder.records import Record, Submission

# What a busy machine may be the reason of.
_UNSTEADY = ("timed_out", "kernel_died", "memory_exceeded", "infra_error")


class ColdSandbox(Sandbox):
    """A sandbox of the same level that starts every process without a warm server."""

    def __init__(self, like: Sandbox) -> None:
        super().__init__(like.isolation.level, like.isolation.probes)

    def start(self, command: Command) -> Process:
        return super().start(replace(command, cold=command.cold or "validated without a warm server"))

    def warm_up(self, kinds: Iterable[ServerKind]) -> None:
        return


@dataclass(frozen=True)
class Case:
    """One notebook to grade, and by which plan. `name` is the student's id; `outcome`: what should become of its execution."""

    name: str
    notebook: dict[str, Any]
    plan: Plan
    cold: bool = False
    outcome: str = "completed"


@dataclass(frozen=True)
class Bench:
    """What all cases of an assignment share. `cold`: for those that start without warm servers."""

    workplace: Workplace
    plan: Plan
    sandbox: Sandbox
    cold: Sandbox
    jobs: int | None
    progress: Callable[[int], AbstractContextManager[Progress[Record]]]

    def grade(self, cases: Sequence[Case]) -> dict[str, Record]:
        """The record of each case, by its name. Runs and scores that are kept and still right are used again.

        What failed as it may on a busy machine is executed a second time, with nothing beside it.
        """
        began = time.time()
        records = self._grade(cases, self.jobs)
        doubtful = [case for case in cases if self._may_be_the_machine(case, records[case.name], began)]
        for case in doubtful:
            self.forget(case, records[case.name])
        return records | self._grade(doubtful, 1)

    def _grade(self, cases: Sequence[Case], jobs: int | None) -> dict[str, Record]:
        if not cases:
            return {}
        by_name = {case.name: case for case in cases}

        def work(submission: Submission, slot: Slot, on_cell: OnCell, queued_s: float) -> Record:
            case = by_name[submission.student]
            record = grade_unwritten(case.plan, submission, self.cold if case.cold else self.sandbox, on_cell, False, slot)
            _mark_as_used(case.plan, record)
            return record

        with self.progress(len(cases)) as progress:
            longest_first = sorted(self._submissions(cases), key=lambda each: _how_short(by_name[each.student]))
            records = side_by_side(self.plan, longest_first, self.sandbox, jobs, work, progress)
        return {record.student: record for record in records}

    def _may_be_the_machine(self, case: Case, record: Record, began: float) -> bool:
        if record.outcome not in _UNSTEADY or record.outcome == case.outcome:
            return False
        files = [case.plan.store.run(run.run_key).run_file for run in record.runs]
        return not files or any(file.is_file() and file.stat().st_mtime > began for file in files)

    def forget(self, case: Case, record: Record) -> None:
        """Lets an execution that may have failed for the machine's sake be repeated next time."""
        if record.outcome in _UNSTEADY:
            for run in record.runs:
                shutil.rmtree(case.plan.store.run(run.run_key).path, ignore_errors=True)

    def _submissions(self, cases: Sequence[Case]) -> list[Submission]:
        """The cases as students would hand them in, in a folder that holds nothing else."""
        assignment = self.plan.assignment.id
        place = self.workplace.submitted / assignment
        shutil.rmtree(place, ignore_errors=True)
        for case in cases:
            folder = place / case.name / assignment
            folder.mkdir(parents=True)
            (folder / f"{assignment}.ipynb").write_text(json.dumps(case.notebook), encoding="utf-8")
        return find_submissions(place, assignment, (), self.plan.profile.limits.submission_bytes)


def _how_short(case: Case) -> tuple[bool, bool, int]:
    """Sorts what meets a limit first, then what starts without servers, then by the cells that run: so that a batch ends together."""
    return case.outcome not in _UNSTEADY, not case.cold, -len(case.notebook["cells"])


def _mark_as_used(plan: Plan, record: Record) -> None:
    for run in record.runs:
        path = plan.store.run(run.run_key).path
        if path.is_dir():
            os.utime(path)
