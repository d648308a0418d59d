"""One submission on a worker: what a worker has to know of a batch, what it is asked, what comes back. Knows no engine.

The command reads what was submitted, and sends it. A worker whose machine sees the store and what the graders need works with those. To
every other worker the split and the graders are sent once, packed, and with a submission its finished runs, if there are any; the runs
come back packed, and the command puts them into the store. Whoever may send a worker its plan may run anything there, graders for
instance: an engine has to know whom it listens to.
"""

from __future__ import annotations

import io
import pickle
import shutil
import socket
import tarfile
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from autograder.batch.local import plan_slots
from autograder.batch.pipeline import OnCell, Turn, grade_submission, unscored
from autograder.batch.plan import Plan
from autograder.batch.slots import Slots
from autograder.batch.store import Store
from autograder.course.paths import CoursePaths
from autograder.data.sealed import SealedSplit
from autograder.errors import AutograderError, MachineError, UsageError
from autograder.execution.devices import Slot
from autograder.execution.environment import code_digest, font_cache, require_safe_keras, versions
from autograder.files import PARTIAL, scratch_folder, write_atomic
from autograder.isolation.choice import choose_sandbox
from autograder.isolation.sandbox import Sandbox
from autograder.records import Record, Submission

BUNDLE_BYTES = 512 * 2**20
JOB_BYTES = 128 * 2**20


@dataclass(frozen=True)
class Batch:
    """What a worker is told once. `plan` is pickled; `proof`: a file of the store, and what stands in it where the folder is shared.

    `trust`: whether somebody consented to run submissions without isolation.
    """

    id: str
    plan: bytes
    proof: tuple[str, str]
    backend: str
    versions: dict[str, str]
    code: str
    jobs: int | None
    trust: bool

    @classmethod
    def of(cls, plan: Plan, batch_id: str, proof: Path, jobs: int | None, trust: bool) -> Batch:
        """`proof`: a file of the store with the batch's id in it."""
        return cls(batch_id, pickle.dumps(plan), (str(proof), batch_id), plan.backend, versions(plan.backend), _CODE, jobs, trust)


@dataclass(frozen=True)
class Fitness:
    """What a worker answers: how many submissions it takes side by side and in what slots, whether it sees the store, or a `problem`."""

    host: str
    slots: int = 0
    slot: Slot = field(default_factory=Slot)
    level: int = 0
    shared: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Job:
    """One submission to grade. `turn` has its files; the slot is the worker's to give. `runs`: finished ones, for who has no store."""

    batch: str
    submission: Submission
    turn: Turn
    runs: bytes | None = None


@dataclass(frozen=True)
class JobResult:
    """The record, and its runs, packed, where the worker has no way to the store. `interrupted`: the record says nothing."""

    record: Record
    runs: bytes | None
    interrupted: bool


@dataclass
class Workplace:
    """What a worker holds while a batch lasts."""

    plan: Plan
    sandbox: Sandbox
    slots: Slots
    shared: bool
    closing: ExitStack = field(default_factory=ExitStack)


class NotPrepared(Exception):
    """The worker does not know the batch: it began anew under the same address."""


_SCRATCH = "autograder-worker-"
_CODE = code_digest()  # of what this process runs, whatever is installed meanwhile
_places: dict[str, Workplace] = {}
_lock = threading.Lock()
_at_work: Counter[str] = Counter()
_changed = threading.Condition()


def enter(batch: Batch, most: int) -> Fitness:
    """Prepares this process for a batch, as the first thing that it is asked; `most`: jobs that it can take at all. Never raises."""
    host = socket.gethostname()
    try:
        with _lock:
            if batch.id not in _places:
                _places[batch.id] = _prepare(batch)
        place = _places[batch.id]
        slots = min(most, place.slots.count)
        return Fitness(host, slots, place.slots.first, place.sandbox.isolation.level, place.shared)
    except AutograderError as error:
        return Fitness(host, problem=f"{error.message} {error.cure}".strip())
    except Exception as error:  # what cannot be unpickled, a folder that cannot be written: this worker's trouble, not the batch's
        return Fitness(host, problem=f"{type(error).__name__}: {error}")


def _prepare(batch: Batch) -> Workplace:
    if problem := _other_versions(batch):
        raise MachineError(problem, "Install on the worker what the command has, and start it again.")
    require_safe_keras()
    plan: Plan = pickle.loads(batch.plan)
    shared = _sees(plan, batch.proof)
    slots = plan_slots(plan, batch.jobs)
    with ExitStack() as stack:
        if not shared:
            plan = _moved(plan, stack.enter_context(scratch_folder(Path(tempfile.gettempdir()), _SCRATCH)))
        sandbox = stack.enter_context(choose_sandbox(plan.min_isolation, batch.trust))
        return Workplace(plan, sandbox, slots, shared, stack.pop_all())


def _other_versions(batch: Batch) -> str:
    """What this worker has in other versions; a result would not be the command's own."""
    here = versions(batch.backend)
    if here == batch.versions:
        return "" if batch.code == _CODE else "Its autograder has other code than the command's."
    told = batch.versions
    names = sorted(name for name in {*here, *told} if here.get(name) != told.get(name))
    return "Other versions: " + ", ".join(f"{name} {here.get(name, 'none')} instead of {told.get(name, 'none')}" for name in names)


def _sees(plan: Plan, proof: tuple[str, str]) -> bool:
    """Whether everything lies here where it lies for the command; the names of splits and graders say what is in them."""
    try:
        return Path(proof[0]).read_text(encoding="utf-8") == proof[1] and all(
            each.exists() for each in (plan.split.folder / "complete", plan.graders, plan.fonts)
        )
    except (OSError, ValueError):
        return False


def _moved(plan: Plan, root: Path) -> Plan:
    """The plan with every folder below `root`, where `receive` unpacks what is sent."""
    return replace(
        plan,
        paths=CoursePaths(root),
        store=Store(root / "store"),
        split=SealedSplit(plan.split.fingerprint, root / "data" / plan.split.fingerprint),
        graders=root / "graders" / plan.graders.name,
        fonts=font_cache(root / "matplotlib"),
    )


def bundle(plan: Plan) -> bytes:
    """What a worker without the course's folder needs of it, packed. Raises UsageError when that is too much to be sent."""
    return pack({f"data/{plan.split.fingerprint}": plan.split.folder, f"graders/{plan.graders.name}": plan.graders}, BUNDLE_BYTES)


def receive(batch_id: str, packed: bytes) -> None:
    """Unpacks what `bundle` packed on the command's side."""
    _unpack(packed, _places[batch_id].plan.paths.root)


def run_job(job: Job, on_cell: OnCell) -> JobResult:
    """Grades one submission here. Never raises for a submission; raises NotPrepared where `enter` has to be asked first."""
    try:
        place = _places[job.batch]
    except KeyError:
        raise NotPrepared(job.batch) from None
    if job.runs is not None:
        _unpack(job.runs, place.plan.store.runs)
    with _one_batch(job.batch), place.slots.take() as slot:
        record = grade_submission(place.plan, job.submission, place.sandbox, on_cell, replace(job.turn, slot=slot))
    runs = None
    if not place.shared:
        folders = {run.run_key: place.plan.store.run(run.run_key).path for run in record.runs}
        try:
            runs = pack(folders, JOB_BYTES)
        except UsageError as error:
            record = unscored(place.plan, job.submission, "infra_error", "not_graded", f"{error.message} {error.cure}")
        for folder in folders.values():
            shutil.rmtree(folder, ignore_errors=True)
    return JobResult(record, runs, place.sandbox.stopped)


@contextmanager
def _one_batch(batch_id: str) -> Iterator[None]:
    """Each batch divides the whole machine among its jobs: those of another one wait until it has none here."""
    with _changed:
        _changed.wait_for(lambda: not _at_work or batch_id in _at_work)
        _at_work[batch_id] += 1
    try:
        yield
    finally:
        with _changed:
            _at_work[batch_id] -= 1
            if not _at_work[batch_id]:
                del _at_work[batch_id]
            _changed.notify_all()


def put_back(plan: Plan, result: JobResult) -> None:
    """Puts the packed runs into the store, each as a whole, in place of what is there under its key."""
    if result.runs is None:
        return
    plan.store.runs.mkdir(parents=True, exist_ok=True)
    with scratch_folder(plan.store.runs, PARTIAL) as partial:
        _unpack(result.runs, partial)
        for run in result.record.runs:
            came, kept = partial / run.run_key, plan.store.run(run.run_key).path
            if not came.is_dir():
                continue
            if kept.exists():
                kept.rename(partial / f"{run.run_key}.replaced")
            came.rename(kept)


def stop(batch_id: str) -> None:
    """Kills what runs of a batch; those who wait for it get results that say so."""
    place = _places.get(batch_id)
    if place is not None:
        place.sandbox.stop()


def leave(batch_id: str) -> None:
    """The batch has ended: its servers end, its files go."""
    with _lock:
        place = _places.pop(batch_id, None)
    if place is not None:
        place.closing.close()


def leave_all() -> None:
    """For a worker's own end: kills what runs and leaves every batch."""
    for batch_id in list(_places):
        stop(batch_id)
    for batch_id in list(_places):
        leave(batch_id)


def show(store: Store, batch_id: str) -> Path:
    """Writes the file by which a worker sees that it shares the store's folder; remove it when the batch has ended."""
    proof = store.root / f".batch-{batch_id}"
    write_atomic(proof, batch_id)
    return proof.absolute()


def pack(folders: dict[str, Path], limit: int) -> bytes:
    """A tar file of the folders, each under its name. Raises UsageError beyond `limit` bytes."""
    size = sum(path.stat().st_size for folder in folders.values() for path in folder.rglob("*") if path.is_file())
    if size > limit:
        raise UsageError(
            f"{size / 2**20:,.0f} MiB would have to be sent between command and worker, at most {limit // 2**20} MiB are.",
            "Let both see the course's folder, under the same path.",
        )
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, folder in folders.items():
            if folder.is_dir():
                archive.add(folder, arcname=name)
    return packed.getvalue()


def _unpack(packed: bytes, folder: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
