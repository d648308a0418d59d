"""One submission on a worker: what it is asked, what comes back. Knows no engine.

The command reads what was submitted, and sends it. A worker whose machine sees the store, its locks and what the graders need works with
those. To every other worker the split and the graders are sent once, in parts, and ahead of a submission its finished runs, if there are
any; the runs come back packed, and the command puts them into the store. Whoever may send a worker its plan may run anything there,
graders for instance: an engine has to know whom it listens to.
"""

from __future__ import annotations

import io
import shutil
import socket
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from autograder.batch.bench import SlotsClosed
from autograder.batch.keeping import unscored
from autograder.batch.locks import locked, locked_at_once
from autograder.batch.parcels import packed, put_together, unpack
from autograder.batch.pipeline import OnCell, Turn, grade_submission, reusable
from autograder.batch.plan import Plan
from autograder.batch.slots import Unsuited
from autograder.batch.store import Store
from autograder.batch.workplace import RUNS_BYTES, Batch, NotPrepared, Workplace, Workplaces
from autograder.errors import AutograderError, UsageError
from autograder.execution.devices import Slot
from autograder.execution.rundir import RunFolder
from autograder.files import PARTIAL, scratch_folder, write_atomic
from autograder.records import Record, Submission

BUNDLE_BYTES = 512 * 2**20
_JOBS = "jobs"


@dataclass(frozen=True)
class Fitness:
    """What a worker answers: how many submissions it takes side by side and in what slots, whether it sees the store, or a `problem`.

    `unsuited`: the problem is that its machine has not what the assignment asks for. `note`: what is worth knowing all the same.
    """

    host: str
    slots: int = 0
    slot: Slot = field(default_factory=Slot)
    level: int = 0
    shared: bool = False
    problem: str = ""
    unsuited: bool = False
    note: str = ""


@dataclass(frozen=True)
class Job:
    """One submission to grade. `turn` has its files; the slot is the worker's to give. `name`: of this attempt, unlike all others."""

    batch: str
    submission: Submission
    turn: Turn
    name: str


@dataclass(frozen=True)
class JobResult:
    """The record, and its runs, packed, where the worker has no way to the store. `interrupted`: the record says nothing."""

    record: Record
    runs: bytes | None
    interrupted: bool


_places = Workplaces()


def enter(batch: Batch, most: int) -> Fitness:
    """Prepares this process for a batch, as the first thing that it is asked; `most`: jobs that it can take at all. Never raises."""
    host = socket.gethostname()
    try:
        place = _places.enter(batch)
        slots = min(most, place.slots.count)
        return Fitness(host, slots, place.slots.first, place.sandbox.isolation.level, place.shared, note=place.note)
    except AutograderError as error:
        return Fitness(host, problem=f"{error.message} {error.cure}".strip(), unsuited=isinstance(error, Unsuited))
    except Exception as error:  # what cannot be unpickled, a folder that cannot be written: this worker's trouble, not the batch's
        return Fitness(host, problem=f"{type(error).__name__}: {error}")


def receive(batch_id: str, name: str, at: int, part: bytes, last: bool) -> None:
    """A part of what `bundle` or `runs_of` packed on the command's side; the last one unpacks it. Raises NotPrepared."""
    with _places.at_work(batch_id) as place:
        put_together(place.plan.paths.root / "parcels" / name, at, part, last, place.plan.paths.root)


def run_job(job: Job, on_cell: OnCell) -> JobResult:
    """Grades one submission here. Never raises for a submission; raises NotPrepared where `enter` has to be asked first."""
    with _places.at_work(job.batch) as place, _own_store(place, job) as plan:
        try:
            with place.slots.take(job.turn.alone) as slot:
                record = grade_submission(plan, job.submission, place.sandbox, on_cell, replace(job.turn, slot=slot))
        except SlotsClosed:
            raise NotPrepared(job.batch) from None
        if place.shared:
            return JobResult(record, None, place.sandbox.stopped)
        try:
            with packed({run.run_key: plan.store.run(run.run_key).path for run in record.runs}, RUNS_BYTES) as stream:
                return JobResult(record, stream.read(), place.sandbox.stopped)
        except UsageError as error:
            return JobResult(unscored(plan, job.submission, "infra_error", f"{error.message} {error.cure}"), None, place.sandbox.stopped)


@contextmanager
def _own_store(place: Workplace, job: Job) -> Iterator[Plan]:
    """The plan with the store, or with one for this job alone where that is out of reach: nobody else uses or removes what it makes."""
    if place.shared:
        yield place.plan
        return
    folder = place.plan.paths.root / _JOBS / job.name
    try:
        yield replace(place.plan, store=Store(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def renew(batch_id: str) -> None:
    """The command is still there; without this a worker gives the batch up."""
    _places.renew(batch_id)


def stop(batch_id: str) -> None:
    """Kills what runs of a batch; those who wait for it get results that say so."""
    _places.stop(batch_id)


def leave(batch_id: str) -> None:
    """The batch has ended: its servers end, its files go."""
    _places.leave(batch_id)


def leave_all() -> None:
    """For a worker's own end: kills what runs and leaves every batch."""
    _places.leave_all()


def bundle(plan: Plan) -> AbstractContextManager[IO[bytes]]:
    """What a worker without the course's folder needs of it, packed. Raises UsageError when that is too much to be sent."""
    return packed({f"data/{plan.split.fingerprint}": plan.split.folder, f"graders/{plan.graders.name}": plan.graders}, BUNDLE_BYTES)


def runs_of(job: Job, folders: list[RunFolder]) -> AbstractContextManager[IO[bytes]]:
    """Finished runs that a worker without the store gets for a job, packed. Raises UsageError when they are too much to be sent."""
    return packed({f"{_JOBS}/{job.name}/runs/{each.path.name}": each.path for each in folders}, RUNS_BYTES)


def put_back(plan: Plan, result: JobResult, replaces: Collection[str]) -> bool:
    """Puts the packed runs into the store, each as a whole, when nobody is at work on what is there under its key.

    What is there is replaced, but for a finished run whose key is not in `replaces`: the first one counts. False where one stayed.
    """
    if result.runs is None:
        return True
    all_first = True
    plan.store.runs.mkdir(parents=True, exist_ok=True)
    with scratch_folder(plan.store.runs, PARTIAL) as partial:
        unpack(io.BytesIO(result.runs), partial)
        for run in result.record.runs:
            came, kept = partial / run.run_key, plan.store.run(run.run_key)
            if not came.is_dir():
                continue
            with locked(plan.store.runs / ".locks" / run.run_key, lambda: False):
                if run.run_key not in replaces and reusable(kept, plan.min_isolation) is not None:
                    all_first = False
                    continue
                if kept.path.exists():
                    kept.path.rename(partial / f"{run.run_key}.replaced")
                came.rename(kept.path)
    return all_first


@contextmanager
def shown(store: Store, batch_id: str) -> Iterator[Path]:
    """A file by which a worker sees that it shares the store's folder, and that locks hold there; gone afterwards."""
    with ExitStack() as stack:
        with store.writing():
            proof = (stack.enter_context(scratch_folder(store.root / "batches", PARTIAL)) / "proof").absolute()
            write_atomic(proof, batch_id)
        with suppress(OSError):  # where nothing can be locked, workers see that too
            stack.enter_context(locked_at_once(proof))
        yield proof
