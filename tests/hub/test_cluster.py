"""The service's batches on a cluster: real ones, on a stand-in for an engine whose jobs end when the test says so."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from autograder.batch import cluster_grading, cluster_workers, dask, remote
from autograder.batch.cluster_grading import Grading
from autograder.batch.cluster_workers import NOBODY, WorkerLost, Workers
from autograder.batch.keeping import unscored
from autograder.batch.network import Tls
from autograder.batch.starts import Start
from autograder.batch.store import Store
from autograder.course.loading import load_course
from autograder.errors import MachineError, UsageError
from autograder.hub import cluster
from autograder.hub.cluster import DaskGrader
from autograder.hub.graders import Job, Plans
from autograder.records import Record, Seconds, Submission

WAIT_S = 120.0  # for what comes at once, or never; on a busy machine a thread may wait for its turn


class Engine:
    """Workers with slots; each job runs until the test ends it."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.fitness: dict[str, remote.Fitness] = {}
        self.asked: list[tuple[str, str, bool]] = []  # student, worker, alone
        self.running: list[tuple[Any, str, remote.Job, Future[Any]]] = []
        self.broken: MachineError | None = None

    def add(self, address: str, **about: Any) -> None:
        self.fitness[address] = replace(remote.Fitness(f"host of {address}", slots=1, level=3, shared=True), **about)

    def addresses(self) -> set[str]:
        if self.broken is not None:
            raise self.broken
        return set(self.fitness)

    def enter(self, address: str, batch: Any) -> Future[remote.Fitness]:
        found: Future[remote.Fitness] = Future()
        found.set_result(self.fitness[address])
        return found

    def of(self, plan: Any) -> Any:
        """The engine as one batch sees it."""

        def run(address: str, job: remote.Job) -> Future[Any]:
            with self.changed:
                self.asked.append((job.submission.student, address, job.turn.alone))
                self.running.append((plan, address, job, Future()))
                self.changed.notify_all()
                return self.running[-1][3]

        return SimpleNamespace(
            addresses=self.addresses, enter=self.enter, run=run, listen=lambda heard: None, give_up=lambda future: None, receive=None
        )

    def wait_for(self, students: str) -> list[tuple[str, str, bool]]:
        """What runs, by student, when these and nobody else do."""
        with self.changed:
            assert self.changed.wait_for(lambda: sorted(self.at_work()) == sorted(students), WAIT_S), self.at_work()
            return sorted((job.submission.student, address, job.turn.alone) for _, address, job, _ in self.running)

    def at_work(self) -> list[str]:
        return [job.submission.student for _, _, job, _ in self.running]

    def end(self, student: str, lost: bool = False) -> None:
        with self.changed:
            (found,) = [each for each in self.running if each[2].submission.student == student]
            self.running.remove(found)
        plan, _, job, future = found
        if lost:
            future.set_exception(WorkerLost())
            return
        record = replace(unscored(plan, job.submission, "completed", ""), seconds=Seconds(queue=job.turn.queued_s))
        plan.store.write(record)
        future.set_result(remote.JobResult(record, None, interrupted=False))


class Heard:
    def began(self) -> None: ...

    def cell(self, index: int, count: int) -> None: ...


class Class:
    """A grader on an engine, and those whose records are waited for. `versions`: of the assignments' plans."""

    def __init__(self, root: Path, engine: Engine, versions: dict[str, int], **about: Any) -> None:
        course, paths = load_course(root)
        self.engine, self.versions = engine, versions
        self.grader = DaskGrader(Plans(course, paths, Store(root / "store")), "tcp://nowhere", Tls(), **about)
        self.pool = ThreadPoolExecutor(16)
        self.in_line: dict[int, threading.Event] = {}
        want = self.grader.want

        def noticing(wanted: Any) -> None:
            want(wanted)
            self.in_line[id(wanted.job)].set()

        self.grader.want = noticing  # type: ignore[method-assign]

    def submit(self, student: str, assignment: str = "tiny", force: bool = False, queued_s: float = 0.0) -> Future[Record]:
        """One that is in line when this returns."""
        job = Job(f"{assignment}.{student}", Submission(student, assignment, "", f"id {student}", None), force, queued_s)
        there = self.in_line[id(job)] = threading.Event()
        found = self.pool.submit(self.grader.grade, job, Heard())
        found.add_done_callback(lambda _: there.set())  # or refused
        assert there.wait(WAIT_S)
        return found


@pytest.fixture
def engine() -> Engine:
    made = Engine()
    made.add("one")
    made.add("two")
    return made


@pytest.fixture
def one(tiny: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Class]:
    monkeypatch.setattr(cluster_grading, "_POLL_S", 0.01)
    monkeypatch.setattr(cluster_grading, "take_in", lambda *_: "taken")
    monkeypatch.setattr(cluster, "recorded", lambda *_: None)
    versions: dict[str, int] = {}
    made: dict[tuple[str, int], Any] = {}

    def plan_of(plans: Plans, assignment: str) -> Any:
        version = versions.get(assignment, 1)
        names = {"profile": SimpleNamespace(name="smoke", limits=None), "assignment": SimpleNamespace(id=assignment), "specs": ()}
        keys = {"grade_key": "", "context": "", "execution_key": "key", "attempts": 2, "min_isolation": 2, "version": version}
        return made.setdefault((assignment, version), SimpleNamespace(store=plans.store, **names, **keys))

    def grade_arriving(plan: Any, arrivals: Any, where: dask.Cluster, force: bool, alone: bool, progress: Any) -> None:
        batch: Any = SimpleNamespace(id=secrets.token_hex(8))
        seen = engine.of(plan)
        try:
            workers = Workers(plan, seen, batch, where.told, where.sharing)
            Grading(plan, seen, batch.id, workers, force, alone, progress, arrivals).all(())
        finally:
            where.sharing.leave(batch.id)

    monkeypatch.setattr(Plans, "of", plan_of)
    monkeypatch.setattr(dask, "grade_arriving", grade_arriving)
    found = Class(tiny, engine, versions)
    yield found
    found.grader.stop()
    found.pool.shutdown()


def eventually(one: Class, holds: Callable[[], bool]) -> None:
    """Waits for what a batch will have found out at its next look."""
    looked = threading.Event()
    stands = one.grader.stands

    def noticing(*about: Any) -> None:
        stands(*about)
        if holds():
            looked.set()

    one.grader.stands = noticing  # type: ignore[method-assign]
    assert looked.wait(WAIT_S)


def after_looks(one: Class) -> None:
    """When every open batch has looked around three times, and done what it could in between."""
    looks: dict[int, int] = {}

    def counted() -> bool:
        line = noticed[-1]
        looks[id(line)] = looks.get(id(line), 0) + 1
        return all(looks.get(id(each), 0) >= 3 for each in one.grader.lines)

    noticed: list[Any] = []
    stands = one.grader.stands

    def noticing(line: Any, standing: Any) -> None:
        noticed.append(line)
        stands(line, standing)

    one.grader.stands = noticing  # type: ignore[method-assign]
    eventually(one, counted)


def test_who_comes_while_another_one_runs_gets_the_idle_worker(one: Class, engine: Engine) -> None:
    ana = one.submit("a")
    assert engine.wait_for("a") == [("a", "one", False)]
    bo, cy = one.submit("b"), one.submit("c")
    assert engine.wait_for("ab") == [("a", "one", False), ("b", "two", False)]
    engine.end("b")
    assert bo.result(WAIT_S).student == "b"
    assert engine.wait_for("ac") == [("a", "one", False), ("c", "two", False)]
    assert len(one.grader.lines) == 1  # all in one batch, for which the workers have everything ready
    for student in "ac":
        engine.end(student)
    assert {each.result(WAIT_S).outcome for each in (ana, cy)} == {"completed"}


def test_assignments_do_not_wait_for_each_other_and_no_worker_is_idle(one: Class, engine: Engine) -> None:
    one.submit("a")
    engine.wait_for("a")
    one.submit("b", "other")
    assert engine.wait_for("ab") == [("a", "one", False), ("b", "two", False)]
    for student in "ab":
        engine.end(student)


def test_what_is_graded_once_more_is_forced_and_nothing_else(one: Class, engine: Engine) -> None:
    one.submit("a")
    one.submit("b", force=True)
    engine.wait_for("ab")
    assert {job.submission.student: job.turn.force for _, _, job, _ in engine.running} == {"a": False, "b": True}
    for student in "ab":
        engine.end(student)


def test_a_student_is_there_once_at_a_time(one: Class, engine: Engine) -> None:
    first, second = one.submit("a"), one.submit("a")
    engine.wait_for("a")
    assert len(one.grader.wanted) == 1
    engine.end("a")
    assert first.result(WAIT_S).student == "a"
    engine.wait_for("a")
    engine.end("a")
    assert second.result(WAIT_S).student == "a"


def test_who_lost_a_worker_comes_again_alone_and_the_others_go_on(one: Class, engine: Engine) -> None:
    lost = one.submit("x")
    engine.wait_for("x")
    one.submit("b")
    engine.wait_for("bx")
    engine.end("x", lost=True)
    assert engine.wait_for("bx") == [("b", "two", False), ("x", "one", True)]
    one.submit("c")
    engine.end("b")
    assert engine.wait_for("cx") == [("c", "two", False), ("x", "one", True)]
    engine.end("x")
    assert lost.result(WAIT_S).outcome == "completed"
    engine.end("c")


def test_a_worker_is_left_to_run_empty_for_a_suspect(one: Class, engine: Engine) -> None:
    start = Start("smoke", "tiny", "x", "id x", "key", False, 2)
    with one.grader.plans.store.starts.attempt(start) as attempt:
        attempt.lost = True
    del engine.fitness["two"]
    engine.add("one", slots=2)
    for student in "ab":
        one.submit(student)
    engine.wait_for("ab")
    suspect = one.submit("x")
    after_looks(one)
    one.submit("c")
    engine.end("a")
    after_looks(one)
    assert engine.at_work() == ["b"]
    engine.end("b")
    assert engine.wait_for("x") == [("x", "one", True)]
    after_looks(one)
    assert engine.at_work() == ["x"]
    engine.end("x")
    assert suspect.result(WAIT_S).outcome == "completed"
    engine.wait_for("c")
    engine.end("c")


def test_no_worker_is_kept_for_who_was_cancelled(one: Class, engine: Engine) -> None:
    del engine.fitness["two"]
    one.submit("a")
    engine.wait_for("a")
    one.submit("b", "other")
    after_looks(one)
    assert one.grader.cancel("other.b")
    after_looks(one)
    one.submit("c")
    engine.end("a")
    assert engine.wait_for("c") == [("c", "one", False)]
    engine.end("c")


def test_a_worker_that_comes_back_under_its_address_is_free(one: Class, engine: Engine) -> None:
    del engine.fitness["two"]
    ana = one.submit("a")
    engine.wait_for("a")
    del engine.fitness["one"]
    after_looks(one)
    engine.running.clear()
    engine.add("one")
    assert engine.wait_for("a") == [("a", "one", True)]
    engine.end("a")
    assert ana.result(WAIT_S).outcome == "completed"


def test_who_comes_after_a_change_is_graded_by_the_new_plan_beside_who_still_runs(one: Class, engine: Engine) -> None:
    one.submit("a")
    engine.wait_for("a")
    one.versions["tiny"] = 2
    one.submit("b")
    engine.wait_for("ab")
    assert [(job.submission.student, plan.version) for plan, _, job, _ in engine.running] == [("a", 1), ("b", 2)]
    for student in "ab":
        engine.end(student)


def test_a_batch_ends_when_nobody_came_for_a_while(one: Class, engine: Engine) -> None:
    one.grader.idle_s = 0.0
    ana = one.submit("a")
    engine.wait_for("a")
    (line,) = one.grader.lines
    engine.end("a")
    assert ana.result(WAIT_S).student == "a"
    with one.grader.changed:
        assert one.grader.changed.wait_for(lambda: line not in one.grader.lines, WAIT_S)
    bo = one.submit("b")
    engine.wait_for("b")
    engine.end("b")
    assert bo.result(WAIT_S).student == "b"


def test_the_wait_before_the_cluster_counts(one: Class, engine: Engine) -> None:
    ana = one.submit("a", queued_s=600)
    engine.wait_for("a")
    engine.end("a")
    assert ana.result(WAIT_S).seconds.queue >= 600


def test_slots_are_those_of_the_workers_that_can(one: Class, engine: Engine) -> None:
    assert one.grader.slots() == 0
    engine.add("two", slots=3)
    engine.add("three", slots=8, problem="Other versions.")
    one.submit("a")
    engine.wait_for("a")
    eventually(one, lambda: one.grader.slots() == 4)
    assert one.grader.trouble() == "The worker on host of three is not used. Other versions."
    del engine.fitness["three"]
    eventually(one, lambda: one.grader.trouble() == "")
    engine.end("a")


def test_with_no_worker_that_is_trouble_until_one_comes(one: Class, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_workers, "_SILENCE_S", 0.0)
    engine.fitness.clear()
    ana = one.submit("a")
    eventually(one, lambda: one.grader.trouble() == NOBODY)
    assert one.grader.slots() == 0
    engine.add("late")
    engine.wait_for("a")
    eventually(one, lambda: one.grader.trouble() == "")
    engine.end("a")
    assert ana.result(WAIT_S).outcome == "completed"


def test_an_error_of_the_cluster_reaches_each_job_and_the_next_one_tries_again(one: Class, engine: Engine) -> None:
    ana, bo, cy = one.submit("a"), one.submit("b"), one.submit("c")
    engine.wait_for("ab")
    engine.broken = MachineError("The scheduler is lost.")
    for each in (ana, bo, cy):
        with pytest.raises(MachineError, match="lost"):
            each.result(WAIT_S)
    assert one.grader.lines == []
    assert one.grader.slots() == 0
    engine.broken = None
    engine.running.clear()
    dee = one.submit("d")
    engine.wait_for("d")
    engine.end("d")
    assert dee.result(WAIT_S).student == "d"


def test_a_plan_that_cannot_be_made_is_said(one: Class, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise UsageError("It was never released.")

    monkeypatch.setattr(Plans, "of", broken)
    with pytest.raises(UsageError, match="released"):
        one.submit("a").result(WAIT_S)


def test_a_batch_that_cannot_be_opened_is_said(one: Class, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoMore(threading.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(cluster, "threading", SimpleNamespace(Thread=NoMore))
        with pytest.raises(MachineError, match="can't start new thread"):
            one.submit("a").result(WAIT_S)
    assert one.grader.wanted == one.grader.lines == []


def test_what_is_on_the_workers_is_given_up_when_the_service_ends(one: Class, engine: Engine) -> None:
    runs, other = one.submit("a"), one.submit("b")
    engine.wait_for("ab")
    waits = one.submit("c")
    one.grader.stop()
    assert not any(thread.is_alive() for thread in one.grader._threads)  # or workers would go on after the process
    for each in (runs, other, waits):
        with pytest.raises(MachineError, match="ending"):
            each.result(WAIT_S)
    with pytest.raises(MachineError, match="ending"):
        one.submit("d").result(WAIT_S)


def test_what_no_worker_has_is_cancelled_what_one_has_goes_on(one: Class, engine: Engine) -> None:
    runs, _ = one.submit("a"), one.submit("b")
    engine.wait_for("ab")
    waits = one.submit("c")
    assert one.grader.cancel("tiny.c")
    assert not one.grader.cancel("tiny.a")
    with pytest.raises(MachineError, match="cancelled"):
        waits.result(WAIT_S)
    engine.end("a")
    assert runs.result(WAIT_S).student == "a"
    engine.end("b")


def test_a_suspect_that_was_cancelled_keeps_no_other_one_waiting(one: Class, engine: Engine) -> None:
    for student, assignment in (("x", "tiny"), ("y", "other")):
        with one.grader.plans.store.starts.attempt(Start("smoke", assignment, student, f"id {student}", "key", False, 2)) as attempt:
            attempt.lost = True
    del engine.fitness["two"]
    one.submit("a")
    engine.wait_for("a")
    cancelled, waits = one.submit("x"), one.submit("y", "other")
    assert one.grader.cancel("tiny.x")
    with pytest.raises(MachineError, match="cancelled"):
        cancelled.result(WAIT_S)
    engine.end("a")
    assert engine.wait_for("y") == [("y", "one", True)]
    engine.end("y")
    assert waits.result(WAIT_S).outcome == "completed"
