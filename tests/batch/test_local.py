"""A batch on this machine: who gets which slot, what is refused before anything starts, and how it ends early."""

from __future__ import annotations

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from autograder.batch import local
from autograder.batch.local import as_they_end, grade_batch, plan_slots
from autograder.batch.pipeline import Turn
from autograder.course.settings import Resources
from autograder.errors import UsageError
from autograder.execution.devices import Slot
from autograder.records import Submission

H100S = "0:NVIDIA H100:81559,1:NVIDIA H100:81559"


@dataclass
class Display:
    heard: list[tuple[str, str]] = field(default_factory=list)

    def began(self, student: str) -> None:
        self.heard.append(("began", student))

    def cell(self, student: str, index: int, count: int) -> None:
        pass

    def postponed(self, student: str) -> None:
        self.heard.append(("postponed", student))

    def ended(self, record: Any) -> None:
        self.heard.append(("ended", record.student))


class Box:
    """A sandbox that remembers whether it was stopped."""

    def __init__(self) -> None:
        self.stopped = threading.Event()

    def stop(self) -> None:
        self.stopped.set()


def plan(**resources: Any) -> Any:
    starts = SimpleNamespace(suspects=lambda *_: [])
    store = SimpleNamespace(note_arrival=lambda submission: None, starts=starts, in_use=nullcontext)
    assignment = SimpleNamespace(resources=Resources(**resources))
    return SimpleNamespace(assignment=assignment, backend="tensorflow", store=store, profile=SimpleNamespace(name="smoke"))


def record(submission: Submission, outcome: str = "completed") -> Any:
    return SimpleNamespace(student=submission.student, outcome=outcome, runs=("run",))


def submissions(count: int) -> list[Submission]:
    return [Submission(f"s{number}", "a", "nowhere", "id", None) for number in range(count)]


@pytest.fixture
def slots_given(monkeypatch: pytest.MonkeyPatch) -> list[Slot]:
    """The slot of each submission in the order in which they began; executing one only makes a record."""
    given: list[Slot] = []

    def grade(plan: Any, submission: Submission, sandbox: Any, on_cell: Any, turn: Turn) -> Any:
        given.append(turn.slot)
        on_cell(0, 1)
        return record(submission)

    monkeypatch.setattr(local, "grade_submission", grade)
    monkeypatch.setattr(local, "why_gpu_unusable", lambda slot, backend: "")
    monkeypatch.setenv("AUTOGRADER_DEVICES", "none")
    return given


def run(plan: Any, count: int, jobs: int | None = None, display: Display | None = None) -> list[Any]:
    box: Any = Box()
    return grade_batch(plan, submissions(count), box, jobs, False, display or Display())


def test_records_come_in_the_order_of_the_submissions(slots_given: list[Slot]) -> None:
    display = Display()
    records = run(plan(memory_gib=1), 20, jobs=3, display=display)
    assert [record.student for record in records] == [f"s{number}" for number in range(20)]
    assert len(display.heard) == 40
    assert set(slots_given) == {Slot(memory_mib=1024)}


def test_results_are_handed_over_and_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    class Result:
        pass

    monkeypatch.setenv("AUTOGRADER_DEVICES", "none")
    made: list[weakref.ref[Result]] = []
    taken: list[int] = []
    alive: list[int] = []
    turn = threading.Semaphore(1)

    def work(*_: Any) -> Result:
        turn.acquire()  # when the one before was taken
        result = Result()
        made.append(weakref.ref(result))
        return result

    def take(at: int, result: Result) -> None:
        taken.append(at)
        alive.append(sum(each() is not None for each in made))
        turn.release()

    box: Any = Box()
    display: Any = SimpleNamespace(began=lambda *_: None, ended=lambda *_: None)
    as_they_end(plan(memory_gib=0.5), submissions(20), box, 1, work, display, take)
    assert taken == list(range(20))
    assert max(alive) <= 2  # this one, and the one before where its thread has not let go of it


def test_who_was_lost_comes_again_after_all_others_and_alone(slots_given: list[Slot], monkeypatch: pytest.MonkeyPatch) -> None:
    heard, display = [], Display()

    def grade(plan: Any, submission: Submission, sandbox: Any, on_cell: Any, turn: Turn) -> Any:
        heard.append((submission.student, turn.alone))
        return record(submission, "infra_error" if submission.student in ("s0", "s3") and not turn.alone else "completed")

    monkeypatch.setattr(local, "grade_submission", grade)
    given = plan(memory_gib=0.5)
    given.store.starts.suspects = lambda profile, submissions: submissions[1:2]
    records = run(given, 4, jobs=2, display=display)
    assert [(each.student, each.outcome) for each in records] == [(f"s{number}", "completed") for number in range(4)]
    assert sorted(heard[:3]) == [("s0", False), ("s2", False), ("s3", False)]
    assert heard[3:] == [("s0", True), ("s3", True), ("s1", True)]
    assert sorted(student for what, student in display.heard if what == "ended") == ["s0", "s1", "s2", "s3"]
    assert sorted(student for what, student in display.heard if what == "postponed") == ["s0", "s3"]


def test_declared_gpus_are_given_to_submissions(slots_given: list[Slot], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGRADER_DEVICES", H100S)
    run(plan(gpus=0.5, memory_gib=0.5), 8, jobs=2)
    assert {(slot.gpu, slot.describe()) for slot in slots_given} <= {("0", "NVIDIA H100, 0.5"), ("1", "NVIDIA H100, 0.5")}


def test_without_a_gpu_nothing_starts(slots_given: list[Slot]) -> None:
    with pytest.raises(UsageError, match=r"0\.25 of a GPU, this machine has none"):
        run(plan(gpus=0.25), 3)
    assert slots_given == []


def test_the_fallback_is_in_every_slot(slots_given: list[Slot]) -> None:
    run(plan(gpus=0.25, memory_gib=0.5, cpu_fallback=True), 3)
    assert {slot.describe() for slot in slots_given} == {"none (fell back to the CPU)"}


def test_a_gpu_that_the_backend_does_not_find_is_none(slots_given: list[Slot], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGRADER_DEVICES", H100S)
    monkeypatch.setattr(local, "why_gpu_unusable", lambda slot, backend: "TensorFlow cannot use the GPU '0': it finds no GPU")
    with pytest.raises(UsageError, match="it finds no GPU") as caught:
        plan_slots(plan(gpus=0.25), None)
    assert "cpu_fallback=True" in caught.value.cure
    assert plan_slots(plan(gpus=0.25, memory_gib=0.5, cpu_fallback=True), None).first.describe() == "none (fell back to the CPU)"


def test_the_driver_is_not_asked_when_no_gpu_is_wanted(slots_given: list[Slot], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGRADER_DEVICES", "malformed")
    assert plan_slots(plan(memory_gib=0.5), 1).count == 1


def test_an_interrupt_stops_what_runs_and_starts_nothing_more(slots_given: list[Slot], monkeypatch: pytest.MonkeyPatch) -> None:
    box = Box()
    running = threading.Event()
    started: list[str] = []

    def grade(plan: Any, submission: Submission, sandbox: Any, *_: Any, **__: Any) -> Any:
        started.append(submission.student)
        running.set()
        assert sandbox.stopped.wait(30)
        return record(submission)

    def interrupted(futures: Any) -> Any:
        assert running.wait(30)
        raise KeyboardInterrupt

    monkeypatch.setattr(local, "grade_submission", grade)
    monkeypatch.setattr(local, "as_completed", interrupted)
    sandbox: Any = box
    with pytest.raises(KeyboardInterrupt):
        grade_batch(plan(memory_gib=0.5), submissions(50), sandbox, 1, False, Display())
    assert box.stopped.is_set()
    assert started == ["s0"]


def test_an_interrupt_while_a_class_is_handed_out_stops_what_runs(slots_given: list[Slot], monkeypatch: pytest.MonkeyPatch) -> None:
    box, running = Box(), threading.Event()

    def grade(plan: Any, submission: Submission, sandbox: Any, *_: Any, **__: Any) -> Any:
        running.set()
        assert sandbox.stopped.wait(30)
        return record(submission)

    class Interrupted(ThreadPoolExecutor):
        def submit(self, work: Any, submission: Any) -> Any:  # type: ignore[override]
            if submission.student == "s1":
                assert running.wait(30)
                raise KeyboardInterrupt
            return super().submit(work, submission)

    monkeypatch.setattr(local, "grade_submission", grade)
    monkeypatch.setattr(local, "ThreadPoolExecutor", Interrupted)
    sandbox: Any = box
    with pytest.raises(KeyboardInterrupt):
        grade_batch(plan(memory_gib=0.5), submissions(50), sandbox, 1, False, Display())
    assert box.stopped.is_set()


def test_a_display_that_fails_ends_the_batch(slots_given: list[Slot]) -> None:
    class Broken(Display):
        def ended(self, record: Any) -> None:
            raise OSError("the terminal is gone")

    box: Any = Box()
    with pytest.raises(OSError, match="terminal"):
        grade_batch(plan(memory_gib=0.5), submissions(5), box, 1, False, Broken())
    assert box.stopped.is_set()


def test_nothing_of_an_executed_submission_is_kept_but_its_record(slots_given: list[Slot], monkeypatch: pytest.MonkeyPatch) -> None:
    class Notebook:
        pass

    notebooks: list[weakref.ref[Notebook]] = []

    def grade(plan: Any, submission: Submission, sandbox: Any, *_: Any, **__: Any) -> Any:
        gc.collect()
        assert sum(reference() is not None for reference in notebooks) <= 1  # at most that of a neighbour on its way out
        notebook = Notebook()
        notebooks.append(weakref.ref(notebook))
        return record(submission)

    monkeypatch.setattr(local, "grade_submission", grade)
    records = run(plan(memory_gib=0.5), 30, jobs=1)
    assert len(records) == 30
    assert [reference() for reference in notebooks] == [None] * 30
