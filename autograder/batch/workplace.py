"""What a worker holds of the batches that it serves: prepared when a batch enters, gone when it ends or its command has fallen silent."""

from __future__ import annotations

import fcntl
import os
import pickle
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from autograder.batch.bench import Bench
from autograder.batch.local import plan_slots
from autograder.batch.plan import Plan
from autograder.batch.reruns import RERUNS
from autograder.batch.slots import Slots
from autograder.batch.store import Store
from autograder.course.paths import CoursePaths
from autograder.data.sealed import SealedSplit
from autograder.errors import MachineError
from autograder.execution.environment import code_digest, font_cache, require_safe_keras, versions
from autograder.files import PARTIAL, scratch_folder
from autograder.isolation.choice import choose_sandbox
from autograder.isolation.sandbox import Sandbox

LEASE_S = 45.0  # without a word from its command for so long, a batch has ended; the command speaks every 5 s
RUNS_BYTES = 128 * 2**20  # that can be sent at once
_END_S = 10.0
_SCRATCH = "autograder-worker-"
_NO_LOCKS = "It sees the course's folder, but not the command's locks there: it works without the folder, on what it is sent."
_NO_WRITING = "It sees the course's folder, but cannot write into the store ({reason}): it works without the folder, on what it is sent."
_CODE = code_digest()  # of what this process runs, whatever is installed meanwhile


@dataclass(frozen=True)
class Batch:
    """What a worker is told once. `plan` is pickled; `proof`: a locked file of the store, and what stands in it where the folder is shared.

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
    lease_s: float = LEASE_S

    @classmethod
    def of(cls, plan: Plan, batch_id: str, proof: Path, jobs: int | None, trust: bool) -> Batch:
        """`proof`: a file of the store with the batch's id in it."""
        return cls(batch_id, pickle.dumps(plan), (str(proof), batch_id), plan.backend, versions(plan.backend), _CODE, jobs, trust)


@dataclass
class Workplace:
    """What a worker holds of one batch. `note`: what is worth telling its command; `running`: how many of its submissions; `heard`: when
    the command last spoke.
    """

    plan: Plan
    sandbox: Sandbox
    slots: Slots
    shared: bool
    note: str
    closing: ExitStack
    running: int = 0
    left: bool = False
    heard: float = field(default_factory=time.monotonic)


class NotPrepared(Exception):
    """The worker does not know the batch: it began anew under the same address, or has given the batch up."""


class Workplaces:
    """The workplaces of one process, which all divide one machine; safe to use from several threads."""

    def __init__(self) -> None:
        self._places: dict[str, Workplace] = {}
        self._bench = Bench()
        self._entering = threading.Lock()
        self._changed = threading.Condition()

    def enter(self, batch: Batch) -> Workplace:
        """Prepares this process for a batch. Raises AutograderError when it cannot grade it, and whatever a broken machine gives."""
        with self._entering:
            known = self._places.get(batch.id)
            if known is not None:
                return known
            place = _prepare(batch, self._bench)
            with self._changed:
                self._places[batch.id] = place
        threading.Thread(target=self._end_in_silence, args=(batch, place), name=f"lease {batch.id}", daemon=True).start()
        return place

    def place(self, batch_id: str) -> Workplace:
        """Raises NotPrepared."""
        place = self._places.get(batch_id)
        if place is None:
            raise NotPrepared(batch_id)
        return place

    @contextmanager
    def at_work(self, batch_id: str) -> Iterator[Workplace]:
        """Its workplace, which stays as long as somebody works there. Raises NotPrepared."""
        with self._changed:
            place = self.place(batch_id)
            place.running += 1
        try:
            yield place
        finally:
            with self._changed:
                place.running -= 1
                self._changed.notify_all()
                last = place.left and not place.running
            if last:
                place.closing.close()

    def renew(self, batch_id: str) -> None:
        """The batch's command is still there."""
        with self._changed:
            if batch_id in self._places:
                self._places[batch_id].heard = time.monotonic()

    def stop(self, batch_id: str) -> None:
        """Kills what runs of a batch; those who wait for it get results that say so."""
        place = self._places.get(batch_id)
        if place is not None:
            place.slots.close()
            place.sandbox.stop()

    def leave(self, batch_id: str) -> None:
        """The batch has ended: its servers end, its files go; at the latest when the last of its submissions has ended."""
        with self._changed:
            place = self._places.pop(batch_id, None)
            if place is None:
                return
            self._changed.notify_all()
            self._changed.wait_for(lambda: not place.running, _END_S)
            place.left = True
            idle = not place.running
        if idle:
            place.closing.close()

    def leave_all(self) -> None:
        """For the process's own end: kills what runs and leaves every batch."""
        for batch_id in list(self._places):
            self.stop(batch_id)
        for batch_id in list(self._places):
            self.leave(batch_id)

    def _end_in_silence(self, batch: Batch, place: Workplace) -> None:
        """Gives a batch up of which nothing more is heard: its command was killed, or cannot be reached."""
        with self._changed:
            while self._places.get(batch.id) is place and (rest := place.heard + batch.lease_s - time.monotonic()) > 0:
                self._changed.wait(rest)
            if self._places.get(batch.id) is not place:
                return
        self.stop(batch.id)
        self.leave(batch.id)


def _prepare(batch: Batch, bench: Bench) -> Workplace:
    if problem := _other_versions(batch):
        raise MachineError(problem, "Install on the worker what the command has, and start it again.")
    require_safe_keras()
    plan: Plan = pickle.loads(batch.plan)
    seen = _sees(plan, batch.proof)
    note = _why_not_shared(plan, Path(batch.proof[0])) if seen else ""
    shared = seen and not note
    slots = plan_slots(plan, batch.jobs, bench)
    with ExitStack() as stack:
        if not shared:
            _require_that_runs_can_be_sent(plan)
            plan = _moved(plan, stack.enter_context(scratch_folder(_own_folder(), _SCRATCH)))
        sandbox = stack.enter_context(choose_sandbox(plan.min_isolation, batch.trust))
        return Workplace(plan, sandbox, slots, shared, note, stack.pop_all())


def _require_that_runs_can_be_sent(plan: Plan) -> None:
    """A submission's run and its reruns come back together. Raises MachineError where that might be refused only after all were made."""
    size, most = plan.profile.limits.hand_in_bytes, RUNS_BYTES // (1 + RERUNS)
    if size > most:
        raise MachineError(
            f"It does not see the course's folder, and hand-ins of up to {size >> 20} MiB, with reruns, may be too much to be sent.",
            f"Let it have the folder under the same path, or write Limits(hand_in_mib={most >> 20}) or less.",
        )


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


def _why_not_shared(plan: Plan, proof: Path) -> str:
    """What keeps this worker from working in a store that it sees, or nothing."""
    if not _is_locked(proof):
        return _NO_LOCKS
    try:
        with scratch_folder(plan.store.runs, PARTIAL):
            return ""
    except OSError as error:  # it is somebody else's, or mounted to be read
        return _NO_WRITING.format(reason=error.strerror or error)


def _is_locked(proof: Path) -> bool:
    """Whether the command's lock is seen here. Where it is not, two machines would be at work in the store at the same time."""
    try:
        with proof.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _own_folder() -> Path:
    """For temporary files, this account's alone. Raises MachineError where somebody else has made it."""
    folder = Path(tempfile.gettempdir(), f"autograder-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise MachineError(f"'{folder}' belongs to somebody else.", "Remove it, or name another place for temporary files with TMPDIR.")
    return folder


def _moved(plan: Plan, root: Path) -> Plan:
    """The plan with every folder below `root`, where what is sent is unpacked."""
    return replace(
        plan,
        paths=CoursePaths(root),
        store=Store(root / "store"),  # in place of the command's, which is out of reach; each job has its own
        split=SealedSplit(plan.split.fingerprint, root / "data" / plan.split.fingerprint),
        graders=root / "graders" / plan.graders.name,
        fonts=font_cache(root / "matplotlib"),
    )
