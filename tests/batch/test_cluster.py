"""How submissions are handed out to workers, without an engine: a stand-in for one whose workers do what each test says."""

from __future__ import annotations

import io
import secrets
import tarfile
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from autograder.batch import cluster_grading, cluster_workers, locks, losses, parcels, remote
from autograder.batch.cluster_grading import Arrival, Grading
from autograder.batch.cluster_workers import Standing, Told, WorkerLost, Workers
from autograder.batch.keeping import unscored
from autograder.batch.losses import suspects_last
from autograder.batch.store import Store
from autograder.batch.workplace import NotPrepared
from autograder.errors import MachineError, StoreError
from autograder.records import Record, RunReference, Submission
from tests.batch.test_local import Display

Work = Callable[["Engine", str, remote.Job], remote.JobResult | None]


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(cluster_grading, "_POLL_S", 0.01)
    monkeypatch.setattr(cluster_grading, "take_in", lambda *_: "taken")
    monkeypatch.setattr(cluster_grading, "kept_runs", lambda *_: [])
    return SimpleNamespace(
        store=Store(tmp_path / "store"),
        profile=SimpleNamespace(name="smoke", limits=None),
        assignment=SimpleNamespace(id="a"),
        version=1,
        specs=(),
        grade_key="grade",
        context="context",
        execution_key="key",
        attempts=2,
        min_isolation=2,
    )


@dataclass
class Engine:
    """Workers by address; a job without a result is one whose worker says nothing more."""

    plan: Any
    work: Work
    workers: dict[str, remote.Fitness] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    entered: list[str] = field(default_factory=list)
    given_up: int = 0
    received: list[tuple[str, str, int, bytes, bool]] = field(default_factory=list)
    lost: bool = False

    def addresses(self) -> set[str]:
        if self.lost:
            raise MachineError("The scheduler is lost.")
        return set(self.workers)

    def enter(self, address: str, batch: Any) -> Future[remote.Fitness]:
        self.entered.append(address)
        return _future(lambda: self.workers[address])

    def receive(self, address: str, batch_id: str, name: str, at: int, part: bytes, last: bool) -> Future[None]:
        return _future(lambda: self.received.append((address, name, at, part, last)))

    def run(self, address: str, job: remote.Job) -> Future[remote.JobResult]:
        self.asked.append((job.submission.student, address))
        found: Future[remote.JobResult] = Future()
        try:
            result = self.work(self, address, job)
        except Exception as error:
            found.set_exception(error)
        else:
            if result is not None:
                found.set_result(result)
        return found

    def give_up(self, running: Future[Any]) -> None:
        self.given_up += 1

    def listen(self, heard: Callable[[str, str, int, int], None]) -> None:
        pass

    def add(self, address: str, **about: Any) -> None:
        self.workers[address] = replace(remote.Fitness(f"host of {address}", slots=1, level=3, shared=True), **about)


def _future(make: Callable[[], Any]) -> Future[Any]:
    found: Future[Any] = Future()
    try:
        found.set_result(make())
    except Exception as error:
        found.set_exception(error)
    return found


def submission(student: str) -> Submission:
    return Submission(student, "a", "nowhere", f"id_of_{student}", None)


def finished(engine: Engine, job: remote.Job, outcome: Any = "completed", runs: tuple[RunReference, ...] = ()) -> remote.JobResult:
    record = replace(unscored(engine.plan, job.submission, outcome, "said by a worker"), runs=runs)
    engine.plan.store.write(record)
    return remote.JobResult(record, None, interrupted=False)


def completes(engine: Engine, address: str, job: remote.Job) -> remote.JobResult | None:
    return finished(engine, job)


def grade(
    engine: Engine,
    *students: str,
    watch: Callable[[], None] = lambda: None,
    say: Any = None,
    force: bool = False,
    standing: Callable[[Standing], None] = lambda _: None,
) -> list[Record]:
    """As `grade_on_cluster` does it."""
    batch: Any = SimpleNamespace(id=secrets.token_hex(8))
    workers = Workers(engine.plan, engine, batch, Told(watch, say or (lambda line: None), standing))
    display = Display()

    def grade_some(some: Any, alone: bool) -> tuple[list[Record], set[str]]:
        return Grading(engine.plan, engine, batch.id, workers, force, alone, display).all(some)

    return suspects_last(engine.plan, [submission(each) for each in students], grade_some)


def outcomes(records: list[Record]) -> dict[str, str]:
    return {record.student: record.outcome for record in records}


def test_everybody_gets_to_whoever_has_room(plan: Any) -> None:
    engine = Engine(plan, completes)
    engine.add("one")
    engine.add("two")
    assert set(outcomes(grade(engine, *"abcd")).values()) == {"completed"}
    assert [student for student, _ in engine.asked] == list("abcd")
    assert engine.entered.count("one") == engine.entered.count("two") == 1


def test_a_worker_never_has_more_than_it_takes(plan: Any) -> None:
    held: list[tuple[remote.Job, Future[Any]]] = []
    most: dict[str, int] = {}

    class Slow(Engine):
        def run(self, address: str, job: remote.Job) -> Future[remote.JobResult]:
            self.asked.append((job.submission.student, address))
            held.append((job, Future()))
            running = [each for each, future in held if not future.done()]
            most[address] = max(most.get(address, 0), len(running))
            return held[-1][1]

    def let_one_go() -> None:
        for job, future in held:
            if not future.done():
                future.set_result(finished(engine, job))
                break

    engine = Slow(plan, completes)
    engine.add("one", slots=3)
    assert len(grade(engine, *"abcdefgh", watch=let_one_go)) == 8
    assert most == {"one": 3}


class Coming:
    """Those that come, each when its condition holds."""

    def __init__(self, *rest: tuple[str, Callable[[], bool]]) -> None:
        self.rest = list(rest)

    def next(self, take: bool) -> Arrival | None:
        if not self.rest or not self.rest[0][1]():
            return None
        student, _ = self.rest.pop(0) if take else self.rest[0]
        return Arrival(submission(student), 0.0)

    def over(self) -> bool:
        return not self.rest


def grade_coming(engine: Engine, coming: Coming, display: Any, watch: Callable[[], None] = lambda: None) -> list[Record]:
    """As `grade_arriving` does it."""
    batch: Any = SimpleNamespace(id=secrets.token_hex(8))
    workers = Workers(engine.plan, engine, batch, Told(watch, lambda _: None))
    return list(Grading(engine.plan, engine, batch.id, workers, False, False, display, coming).all(())[0])


def test_who_comes_while_a_batch_runs_gets_the_idle_worker_at_once(plan: Any) -> None:
    held: list[tuple[remote.Job, Future[Any]]] = []

    class Slow(Engine):
        def run(self, address: str, job: remote.Job) -> Future[remote.JobResult]:
            self.asked.append((job.submission.student, address))
            held.append((job, Future()))
            return held[-1][1]

    def both_run() -> None:
        if len(held) == 2 and not held[0][1].done():
            for job, future in held:
                future.set_result(finished(engine, job))

    engine = Slow(plan, completes)
    engine.add("one")
    engine.add("two")
    coming = Coming(("ana", lambda: True), ("bo", lambda: bool(held)))
    assert set(outcomes(grade_coming(engine, coming, Display(), both_run)).values()) == {"completed"}
    assert engine.asked == [("ana", "one"), ("bo", "two")]


def test_who_lost_something_and_comes_again_with_another_submission_is_not_held_for_lost(plan: Any) -> None:
    def loses_the_first(engine: Engine, address: str, job: remote.Job) -> remote.JobResult | None:
        if len(engine.asked) == 1:
            raise WorkerLost
        return finished(engine, job)

    said: list[tuple[str, str]] = []
    display: Any = SimpleNamespace(
        began=lambda student: said.append(("began", student)),
        cell=lambda *_: None,
        postponed=lambda student: said.append(("postponed", student)),
        ended=lambda record: said.append((record.outcome, record.student)),
    )
    engine = Engine(plan, loses_the_first)
    engine.add("one")
    grade_coming(engine, Coming(("ana", lambda: True), ("ana", lambda: len(said) == 2)), display)
    assert said == [("began", "ana"), ("postponed", "ana"), ("began", "ana"), ("completed", "ana")]


# --- what is lost -----------------------------------------------------------------------------------------------------


def test_who_was_with_a_lost_worker_comes_again_alone_and_nothing_is_held_against_anybody(plan: Any) -> None:
    def loses_once(engine: Engine, address: str, job: remote.Job) -> remote.JobResult | None:
        if job.submission.student == "b" and not job.turn.alone:
            del engine.workers[address]
            return None
        return finished(engine, job)

    engine = Engine(plan, loses_once)
    engine.add("one")
    engine.add("two")
    assert set(outcomes(grade(engine, *"abc")).values()) == {"completed"}
    assert engine.given_up == 1
    assert engine.asked[-1][0] == "b"
    assert plan.store.starts.all_lost() == []


def loses_every_worker(student: str) -> Work:
    def work(engine: Engine, address: str, job: remote.Job) -> remote.JobResult | None:
        if job.submission.student != student:
            return finished(engine, job)
        del engine.workers[address]
        engine.add(f"{address}+")
        raise WorkerLost

    return work


def test_one_that_loses_every_worker_costs_three_alone_in_each_call_and_is_then_rejected(plan: Any) -> None:
    engine = Engine(plan, loses_every_worker("b"))
    engine.add("w")
    first = {record.student: record for record in grade(engine, *"abc")}
    assert outcomes(list(first.values())) == {"a": "completed", "b": "infra_error", "c": "completed"}
    assert "3 workers were lost while at work on this submission, the last one on host of w+++" in first["b"].reason
    assert [student for student, _ in engine.asked] == ["a", "b", "c", "b", "b", "b"]
    assert len(plan.store.starts.all_lost()) == 1
    second = grade(engine, "b")
    assert outcomes(second) == {"b": "infra_error"}
    assert len(plan.store.starts.all_lost()) == plan.attempts
    engine.asked.clear()
    third = grade(engine, "b")
    assert outcomes(third) == {"b": "rejected"}
    assert engine.asked == []
    engine.work = completes
    assert outcomes(grade(engine, "b", force=True)) == {"b": "completed"}
    assert plan.store.starts.all_lost() == []


def test_workers_of_one_call_that_died_with_it_are_one_loss(plan: Any) -> None:
    """As three shared workers whose machine has no memory left: each leaves its start in the store, and the command notes the loss."""
    who = submission("b")
    for call in range(plan.attempts):
        assert losses.rejected_for_losses(plan, who) is None
        noted = losses.Losses(plan, f"call {call}", alone=True)
        for _ in range(losses.WORKERS):
            with plan.store.starts.attempt(losses.start_of(plan, who, True, 3, f"call {call}")) as attempt:
                attempt.lost = True
            said = noted.of_worker(who, "host", 3)
        assert said
    assert len(plan.store.starts.all_lost()) == plan.attempts * (losses.WORKERS + 1)
    rejected = losses.rejected_for_losses(plan, who)
    assert rejected is not None
    assert "each of the 2 times" in rejected.reason


@pytest.mark.parametrize("shared", [True, False])
def test_a_lost_process_is_noted_once_by_whoever_has_the_store(plan: Any, shared: bool) -> None:
    def loses_its_process(engine: Engine, address: str, job: remote.Job) -> remote.JobResult | None:
        return finished(engine, job, "infra_error", (RunReference("0123", 0, True),))

    engine = Engine(plan, loses_its_process)
    engine.add("one", shared=shared)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Workers, "send", lambda *_: None)
        patched.setattr(remote, "bundle", lambda plan: None)
        assert outcomes(grade(engine, "a")) == {"a": "infra_error"}
    assert [student for student, _ in engine.asked] == ["a", "a"]  # in company, then alone
    lost = plan.store.starts.all_lost()
    assert sorted(each.alone for each in lost) == ([] if shared else [False, True])  # what a shared worker loses it has noted itself
    assert all(each.level == 3 for each in lost)


def test_with_a_lost_scheduler_it_ends(plan: Any) -> None:
    def loses_everything(engine: Engine, address: str, job: remote.Job) -> remote.JobResult | None:
        engine.lost = True
        raise WorkerLost

    engine = Engine(plan, loses_everything)
    engine.add("one")
    with pytest.raises(MachineError, match="The scheduler is lost"):
        grade(engine, "a")
    assert plan.store.read("smoke", "a", "a", "id_of_a") is None


# --- workers that come, go and cannot ---------------------------------------------------------------------------------


def test_a_worker_that_comes_later_gets_work_and_the_wait_is_said(plan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_workers, "_SILENCE_S", 0.0)
    engine, said = Engine(plan, completes), list[str]()

    def comes_when_it_was_said() -> None:
        if said:
            engine.add("late")

    assert outcomes(grade(engine, "a", watch=comes_when_it_was_said, say=said.append)) == {"a": "completed"}
    assert len(said) == 1
    assert said[0].startswith("No worker yet")


def test_how_things_stand_with_the_workers_is_told(plan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody there, then one that is fit, one that is not, and one whose machine is simply not made for this assignment."""
    monkeypatch.setattr(cluster_workers, "_SILENCE_S", 0.0)
    engine, told = Engine(plan, completes), list[Standing]()

    def come_when_it_was_said() -> None:
        if told and told[-1].problems:
            engine.add("old", problem="Other versions.")
            engine.add("small", problem="It has no GPU.", unsuited=True)
            engine.add("good", slots=3)

    assert outcomes(grade(engine, "a", watch=come_when_it_was_said, standing=told.append)) == {"a": "completed"}
    assert told[0] == Standing(0, (cluster_workers.NOBODY,))
    assert told[-1] == Standing(3, ("The worker on host of old is not used. Other versions.",))


def test_a_worker_that_cannot_is_named_once_and_another_one_does_it(plan: Any) -> None:
    engine, said = Engine(plan, completes), list[str]()
    engine.add("old", problem="Other versions: keras 3.1 instead of 3.13.")
    engine.add("new")
    assert set(outcomes(grade(engine, *"abc", say=said.append)).values()) == {"completed"}
    assert said == ["The worker on host of old gets nothing of this batch. Other versions: keras 3.1 instead of 3.13."]
    assert {address for _, address in engine.asked} == {"new"}


def test_where_nobody_can_the_batch_ends_with_all_reasons(plan: Any) -> None:
    engine = Engine(plan, completes)
    engine.add("old", problem="Other versions.")
    engine.add("open", problem="Level 0.")
    with pytest.raises(MachineError, match=r"No worker can grade this batch\. .*Other versions\..*Level 0\."):
        grade(engine, "a")


def test_another_worker_under_an_address_that_was_unfit_is_asked_too(plan: Any) -> None:
    engine, looks = Engine(plan, completes), list[int]()

    def changes() -> None:
        looks.append(1)
        if len(looks) == 2:
            del engine.workers["one"]
        if len(looks) == 3:
            engine.add("one")

    engine.add("one", problem="Old.")
    engine.add("two", problem="Old.", slots=0)
    engine.workers["two"] = replace(engine.workers["two"], problem="")  # fit, but with no room: the batch waits
    assert outcomes(grade(engine, "a", watch=changes)) == {"a": "completed"}
    assert engine.entered.count("one") == 2


def test_a_worker_that_began_anew_is_asked_again(plan: Any) -> None:
    forgot: list[str] = []

    def forgets_once(engine: Engine, address: str, job: remote.Job) -> remote.JobResult | None:
        if not forgot:
            forgot.append(address)
            raise NotPrepared(job.batch)
        return finished(engine, job)

    engine = Engine(plan, forgets_once)
    engine.add("one")
    assert outcomes(grade(engine, "a")) == {"a": "completed"}
    assert engine.entered == ["one", "one"]
    assert plan.store.starts.all_lost() == []


def test_what_was_interrupted_on_a_worker_is_made_again(plan: Any) -> None:
    interrupted: list[str] = []

    def is_interrupted_once(engine: Engine, address: str, job: remote.Job) -> remote.JobResult | None:
        if not interrupted:
            interrupted.append(address)
            return remote.JobResult(unscored(engine.plan, job.submission, "infra_error", "killed"), None, interrupted=True)
        return finished(engine, job)

    engine = Engine(plan, is_interrupted_once)
    engine.add("one")
    assert outcomes(grade(engine, "a")) == {"a": "completed"}


def test_a_store_that_cannot_be_written_ends_the_batch_where_it_is_the_commands_own(plan: Any) -> None:
    def full(engine: Engine, address: str, job: remote.Job) -> remote.JobResult | None:
        raise StoreError("The store '/x' cannot be written: No space left on device.")

    engine = Engine(plan, full)
    engine.add("one")
    with pytest.raises(StoreError, match="No space left"):
        grade(engine, *"ab")
    assert [student for student, _ in engine.asked] == ["a"]


def test_a_worker_whose_own_disk_is_full_gets_nothing_more_and_another_one_does_it(plan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_on_one(engine: Engine, address: str, job: remote.Job) -> remote.JobResult | None:
        if address == "one":
            raise StoreError("The store '/x' cannot be written: No space left on device.")
        return finished(engine, job)

    monkeypatch.setattr(remote, "bundle", lambda plan: parcels.packed({}, 1))
    monkeypatch.setattr(remote, "put_back", lambda plan, result, replaces: True)
    engine, said = Engine(plan, full_on_one), list[str]()
    engine.add("one", shared=False, slots=2)
    engine.add("two", shared=False)
    assert set(outcomes(grade(engine, *"abcd", say=said.append)).values()) == {"completed"}
    assert said == ["The worker on host of one gets nothing more of this batch. The store '/x' cannot be written: No space left on device."]
    del engine.workers["two"]
    with pytest.raises(MachineError, match=r"No worker can grade this batch\. host of one: The store '/x' cannot be written"):
        grade(engine, "e")


def test_whatever_else_goes_wrong_on_a_worker_costs_one_submission(plan: Any) -> None:
    def fails(engine: Engine, address: str, job: remote.Job) -> remote.JobResult | None:
        if job.submission.student == "a":
            raise ValueError("odd")
        return finished(engine, job)

    engine = Engine(plan, fails)
    engine.add("one")
    records = grade(engine, *"ab")
    assert outcomes(records) == {"a": "infra_error", "b": "completed"}
    assert records[0].reason == "on host of one: ValueError: odd"


@pytest.mark.parametrize("raises", [True, False])
def test_a_worker_that_fails_fast_does_not_go_through_the_class(plan: Any, raises: bool) -> None:
    held: list[tuple[remote.Job, Future[Any]]] = []
    said: list[str] = []

    def fails(engine: Engine, address: str, job: remote.Job) -> remote.JobResult | None:
        if raises:
            raise RuntimeError("no process can be started")
        return finished(engine, job, "infra_error")

    class WithASlowOne(Engine):
        def run(self, address: str, job: remote.Job) -> Future[remote.JobResult]:
            if address == "fast":
                return super().run(address, job)
            held.append((job, Future()))
            return held[-1][1]

    def ends_when_it_was_said() -> None:
        for job, future in held if said else []:
            if not future.done():
                future.set_result(finished(engine, job))

    engine = WithASlowOne(plan, fails)
    engine.add("fast")
    engine.add("slow")
    found = list(outcomes(grade(engine, *"abcdefgh", watch=ends_when_it_was_said, say=said.append)).values())
    assert (found.count("infra_error"), found.count("completed")) == (3, 5)
    assert len(said) == 1
    assert "The worker on host of fast gets nothing more of this batch. 3 submissions in a row failed there, the last one: " in said[0]


def test_the_only_worker_goes_on_whatever_fails_there(plan: Any) -> None:
    """Submissions that fail before anything is executed must not take the rest of the class with them."""

    def fails(engine: Engine, address: str, job: remote.Job) -> remote.JobResult | None:
        return finished(engine, job, "completed" if job.submission.student == "f" else "infra_error")

    engine = Engine(plan, fails)
    engine.add("one")
    assert outcomes(grade(engine, *"abcdef")) == dict.fromkeys("abcde", "infra_error") | {"f": "completed"}


def test_failures_count_in_a_row_only(plan: Any) -> None:
    def fails_at_times(engine: Engine, address: str, job: remote.Job) -> remote.JobResult | None:
        return finished(engine, job, "completed" if job.submission.student in "cf" else "infra_error")

    engine, said = Engine(plan, fails_at_times), list[str]()
    engine.add("one")
    engine.add("two", slots=0)
    assert len(grade(engine, *"abcdefgh", say=said.append)) == 8
    assert said == []


# --- what is sent -----------------------------------------------------------------------------------------------------


@pytest.fixture
def bundled(plan: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What a worker without the folder needs, in more than one part."""
    monkeypatch.setattr(parcels, "PART_BYTES", 5_000)
    plan.graders = tmp_path / "graders"
    plan.split = SimpleNamespace(fingerprint="0f", folder=tmp_path / "split")
    contents = {"graders/graders/test_a.py": b"assert True", "data/0f/complete": b"", "data/0f/labels.npy": bytes(range(256)) * 40}
    for name, data in contents.items():
        file = tmp_path / name.removeprefix("graders/").replace("data/0f", "split")
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(data)
    return contents


def test_a_worker_without_the_folder_gets_it_in_parts(plan: Any, bundled: dict[str, bytes], tmp_path: Path) -> None:
    engine = Engine(plan, completes)
    engine.add("far", shared=False)
    assert outcomes(grade(engine, "a")) == {"a": "completed"}
    assert len(engine.received) > 2
    target, parcel = tmp_path / "there", tmp_path / "there/parcels/1"
    for _, _, at, part, last in engine.received:
        assert len(part) <= 5_000
        parcels.put_together(parcel, at, part, False, target)
        parcels.put_together(parcel, at, part, last, target)  # a part that comes twice
    found = {file.relative_to(target).as_posix(): file.read_bytes() for file in target.rglob("*") if file.is_file()}
    assert found == bundled


def test_a_split_that_is_too_large_is_named_and_the_batch_ends(
    plan: Any, bundled: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "BUNDLE_BYTES", 1_000)
    engine = Engine(plan, completes)
    engine.add("far", shared=False)
    with pytest.raises(MachineError, match="would have to be sent between command and worker") as caught:
        grade(engine, "a")
    assert "Let both see the course's folder" in caught.value.message
    assert engine.received == []


def brought_back(plan: Any, made: Path) -> tuple[Record, bytes]:
    """A record of two runs, one of which is in the store already, with another content; and what a worker sends of them."""
    for key in ("one", "two"):
        (made / key / "handin").mkdir(parents=True)
        (made / key / "handin/value.json").write_text("new")
    old = plan.store.run("one").path
    old.mkdir(parents=True)
    (old / "left_over.txt").write_text("old")
    with parcels.packed({key: made / key for key in ("one", "two")}, 10**6) as stream:
        runs = stream.read()
    references = tuple(RunReference(key, 0, key == "one") for key in ("one", "two", "absent"))
    return replace(unscored(plan, submission("a"), "completed", ""), runs=references), runs


def runs_of(plan: Any) -> dict[str, str]:
    files = [file for file in plan.store.runs.rglob("*") if file.is_file() and file.parent.name != ".locks"]
    return {file.relative_to(plan.store.runs).as_posix(): file.read_text() for file in files}


def test_runs_come_back_whole_in_place_of_what_was_there(plan: Any, tmp_path: Path) -> None:
    record, runs = brought_back(plan, tmp_path / "made")
    remote.put_back(plan, remote.JobResult(record, runs, interrupted=False), replaces={"one"})
    assert runs_of(plan) == {"one/handin/value.json": "new", "two/handin/value.json": "new"}
    remote.put_back(plan, remote.JobResult(record, None, interrupted=False), replaces=set())  # what a shared worker made is there already


def test_a_finished_run_stays_where_the_first_one_counts(plan: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record, runs = brought_back(plan, tmp_path / "made")
    monkeypatch.setattr(remote, "reusable", lambda folder, _: "finished" if folder.path.exists() else None)
    assert not remote.put_back(plan, remote.JobResult(record, runs, interrupted=False), replaces={"two"})
    assert runs_of(plan) == {"one/left_over.txt": "old", "two/handin/value.json": "new"}


def test_a_run_that_somebody_is_at_work_on_is_not_replaced_under_him(plan: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record, runs = brought_back(plan, tmp_path / "made")
    at_work, waits = ExitStack(), list[dict[str, str]]()
    at_work.enter_context(locks.locked_at_once(plan.store.runs / ".locks/one"))

    def waits_until_he_has_ended(_: float) -> None:
        waits.append(runs_of(plan))
        at_work.close()

    monkeypatch.setattr(locks, "time", SimpleNamespace(sleep=waits_until_he_has_ended))
    remote.put_back(plan, remote.JobResult(record, runs, interrupted=False), replaces={"one"})
    assert [each["one/left_over.txt"] for each in waits] == ["old"]
    assert runs_of(plan) == {"one/handin/value.json": "new", "two/handin/value.json": "new"}


def test_what_is_there_already_is_not_written_again(tmp_path: Path) -> None:
    """A worker that enters once more is sent everything once more, while submissions there are at work with it."""
    sent, there = tmp_path / "split", tmp_path / "there"
    (sent / "empty").mkdir(parents=True)
    for name in ("labels.npy", "images.npy"):
        (sent / name).write_bytes(b"numbers")
    with parcels.packed({"data/0f": sent}, 10**6) as stream:
        parcels.unpack(stream, there)
        (there / "data/0f/images.npy").unlink()
        (there / "data/0f/labels.npy").write_bytes(b"those in use")
        stream.seek(0)
        parcels.unpack(stream, there)
    assert (there / "data/0f/labels.npy").read_bytes() == b"those in use"
    assert sorted(path.relative_to(there).as_posix() for path in there.rglob("*")) == [
        *("data", "data/0f", "data/0f/empty", "data/0f/images.npy", "data/0f/labels.npy")
    ]


def test_a_packed_file_that_points_elsewhere_is_refused(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../outside"))
    packed.seek(0)
    with pytest.raises(tarfile.OutsideDestinationError):
        parcels.unpack(packed, tmp_path / "inside")
    assert not (tmp_path / "outside").exists()
