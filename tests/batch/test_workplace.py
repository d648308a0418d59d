"""What a worker holds of its batches, and when it gives them up."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from autograder.batch import parcels, remote, workplace
from autograder.batch.bench import SlotsClosed
from autograder.batch.locks import locked_at_once
from autograder.batch.machine import Machine
from autograder.batch.pipeline import Turn
from autograder.batch.slots import Slots
from autograder.batch.store import Store
from autograder.batch.workplace import Batch, NotPrepared, Workplace, Workplaces
from autograder.course.paths import CoursePaths
from autograder.course.settings import Resources
from autograder.errors import MachineError
from autograder.records import RunReference, Submission

SMALL = Machine(cpus=2, memory_mib=8 * 1024)


@dataclass(frozen=True)
class Odd:
    """Of a plan, what a job without the store needs."""

    paths: CoursePaths
    store: Any = None


@dataclass
class Box:
    """A sandbox that says what became of it."""

    isolation: Any = field(default_factory=lambda: SimpleNamespace(level=3))
    stopped: bool = False
    closed: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> dict[str, Box]:
    """Nothing is looked at or started to prepare a batch; its sandbox by the batch's id."""
    boxes: dict[str, Box] = {}

    def prepare(batch: Batch, bench: Any) -> Workplace:
        box: Any = Box()
        boxes[batch.id] = box
        closing = ExitStack()
        closing.callback(box.closed.set)
        plan: Any = SimpleNamespace(store=None)
        return Workplace(plan, box, Slots(SMALL, Resources(memory_gib=2), bench=bench), True, "", closing)

    monkeypatch.setattr(workplace, "_prepare", prepare)
    return boxes


def batch(name: str, lease_s: float = 3600.0) -> Batch:
    return Batch(name, b"", ("", ""), "tensorflow", {}, "", None, False, lease_s)


def test_a_batch_whose_command_falls_silent_is_given_up(prepared: dict[str, Box]) -> None:
    places = Workplaces()
    place = places.enter(batch("silent", lease_s=0.05))
    places.enter(batch("other"))
    assert prepared["silent"].closed.wait(60)
    assert prepared["silent"].stopped
    with pytest.raises(NotPrepared):
        places.place("silent")
    with pytest.raises(SlotsClosed), place.slots.take():
        pass
    assert not prepared["other"].closed.is_set()
    assert places.enter(batch("silent")) is not place  # a command that only slept enters again
    places.leave_all()
    assert prepared["other"].closed.is_set()


def test_a_lease_counts_from_the_commands_last_word(prepared: dict[str, Box], monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(workplace, "time", SimpleNamespace(monotonic=lambda: now[0]))
    places = Workplaces()
    place = places.enter(batch("spoken", lease_s=10))

    def look_at(when: float) -> None:
        with places._changed:
            now[0] = when
            places._changed.notify_all()

    place.heard = 100.0
    look_at(109.0)
    places.renew("spoken")
    places.renew("unknown")
    look_at(118.0)  # 18 s after it entered, 9 after it spoke
    assert places.place("spoken") is place
    look_at(119.0)
    assert prepared["spoken"].closed.wait(60)


def test_who_is_at_work_when_a_batch_ends_keeps_the_place_until_the_end(prepared: dict[str, Box], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workplace, "_END_S", 0.0)
    places = Workplaces()
    places.enter(batch("b"))
    with places.at_work("b"):
        places.leave("b")
        assert not prepared["b"].closed.is_set()
        with pytest.raises(NotPrepared), places.at_work("b"):
            pass
    assert prepared["b"].closed.is_set()


def test_entering_twice_is_entering_once(prepared: dict[str, Box]) -> None:
    places = Workplaces()
    assert places.enter(batch("b")) is places.enter(batch("b"))
    places.leave("b")
    places.leave("b")


def test_two_batches_share_the_workers_memory(prepared: dict[str, Box], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would have its three slots; together they have as many as the machine has room for."""
    places = Workplaces()
    monkeypatch.setattr(remote, "_places", places)
    at_work, most, let_go = [0], [0], threading.Barrier(3, timeout=60)
    changed = threading.Condition()

    def grade(plan: Any, submission: Submission, sandbox: Any, on_cell: Any, turn: Turn) -> Any:
        with changed:
            at_work[0] += 1
            most[0] = max(most)
            most.append(at_work[0])
        let_go.wait()  # three are at work at the same time, whosever they are
        with changed:
            at_work[0] -= 1
        return SimpleNamespace(runs=())

    monkeypatch.setattr(remote, "grade_submission", grade)
    assert [remote.enter(batch(name), 99).slots for name in "ab"] == [3, 3]
    jobs = [remote.Job(name, Submission("s", "a", "", "id", None), Turn(), "job") for name in "ababab"]
    done: list[remote.JobResult] = []
    threads = [threading.Thread(target=lambda job=job: done.append(remote.run_job(job, lambda *_: None))) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(done) == 6
    assert max(most) == 3
    places.leave_all()


def test_a_job_that_waits_when_its_batch_is_given_up_is_told_so(prepared: dict[str, Box], monkeypatch: pytest.MonkeyPatch) -> None:
    places = Workplaces()
    monkeypatch.setattr(remote, "_places", places)
    remote.enter(batch("b"), 99)
    place = places.place("b")
    said: list[str] = []

    def run() -> None:
        try:
            remote.run_job(remote.Job("b", Submission("s", "a", "", "id", None), Turn(alone=True), "job"), lambda *_: None)
        except NotPrepared as error:
            said.append(str(error))

    with place.slots.take():
        waiting = threading.Thread(target=run)
        waiting.start()
        places.stop("b")
        waiting.join(60)
    assert said == ["b"]
    places.leave_all()


def test_what_a_job_made_without_the_store_is_its_own_until_it_is_sent(
    prepared: dict[str, Box], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Two equal notebooks have one run key; neither may take the other's run away."""
    places = Workplaces()
    monkeypatch.setattr(remote, "_places", places)
    place, both = places.enter(batch("b")), threading.Barrier(2, timeout=60)
    place.shared, place.plan = False, Odd(CoursePaths(tmp_path))

    def grade(plan: Any, submission: Submission, *_: Any) -> Any:
        run = plan.store.run("same").path
        run.mkdir(parents=True)
        both.wait()
        (run / "run.json").write_text(submission.student)
        both.wait()
        return SimpleNamespace(runs=(RunReference("same", 0, True),))

    monkeypatch.setattr(remote, "grade_submission", grade)
    jobs = [remote.Job("b", Submission(name, "a", "", "id", None), Turn(), f"job {name}") for name in ("ada", "bob")]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda job: remote.run_job(job, lambda *_: None), jobs))
    for name, result in zip(("ada", "bob"), results, strict=True):
        assert result.runs is not None
        parcels.unpack(io.BytesIO(result.runs), tmp_path / "home" / name)
        assert (tmp_path / "home" / name / "same/run.json").read_text() == name
    assert list((tmp_path / "jobs").iterdir()) == []


# --- whose folder it is, and whose locks ------------------------------------------------------------------------------


@pytest.fixture
def shown(tmp_path: Path) -> Any:
    """A plan whose folders all exist."""
    for name in ("split", "graders", "fonts"):
        (tmp_path / name).mkdir()
    (tmp_path / "split/complete").touch()
    split = SimpleNamespace(folder=tmp_path / "split")
    return SimpleNamespace(store=Store(tmp_path / "store"), split=split, graders=tmp_path / "graders", fonts=tmp_path / "fonts")


def test_the_folder_is_shared_where_its_file_is_seen_and_its_lock_holds(shown: Any) -> None:
    with remote.shown(shown.store, "id") as proof:
        assert workplace._sees(shown, (str(proof), "id"))
        assert workplace._is_locked(proof)
        assert not workplace._sees(shown, (str(proof), "another"))
        shown.graders.rmdir()
        assert not workplace._sees(shown, (str(proof), "id"))
    assert not proof.exists()
    assert list((shown.store.root / "batches").iterdir()) == []


def test_where_the_commands_lock_is_not_seen_the_folder_is_not_used(shown: Any) -> None:
    """As over NFS without locks, where each machine has its own."""
    proof = shown.store.root / "proof"
    proof.parent.mkdir()
    proof.write_text("id")
    assert workplace._sees(shown, (str(proof), "id"))
    assert not workplace._is_locked(proof)
    with locked_at_once(proof):
        assert workplace._is_locked(proof)
    proof.unlink()
    assert not workplace._is_locked(proof)


def test_where_the_store_cannot_be_written_it_is_not_used(shown: Any) -> None:
    """As where the worker has another account than the command, or the folder is mounted to be read only."""
    with remote.shown(shown.store, "id") as proof:
        assert workplace._why_not_shared(shown, proof) == ""
        assert list(shown.store.runs.iterdir()) == []
        shown.store.runs.rmdir()
        shown.store.runs.touch()
        said = workplace._why_not_shared(shown, proof)
    assert said.startswith("It sees the course's folder, but cannot write into the store (File exists):")


def test_a_killed_commands_file_is_removed_by_the_next(shown: Any) -> None:
    left = shown.store.root / "batches" / ".partial-abc"
    left.mkdir(parents=True)
    (left / "proof").write_text("id")
    with remote.shown(shown.store, "other"):
        assert not left.exists()


def test_a_folder_for_temporary_files_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workplace.tempfile, "gettempdir", lambda: str(tmp_path))
    folder = workplace._own_folder()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert workplace._own_folder() == folder
    folder.rmdir()
    folder.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(MachineError, match="belongs to somebody else"):
        workplace._own_folder()


@pytest.mark.parametrize(("mib", "refused"), [(42, False), (43, True)])
def test_who_could_not_send_back_what_it_made_is_refused_beforehand(mib: int, refused: bool) -> None:
    """After the training it would be lost, each time anew."""
    plan: Any = SimpleNamespace(profile=SimpleNamespace(limits=SimpleNamespace(hand_in_bytes=mib * 2**20)))
    with pytest.raises(MachineError, match=r"hand-ins of up to 43 MiB") if refused else nullcontext():
        workplace._require_that_runs_can_be_sent(plan)
