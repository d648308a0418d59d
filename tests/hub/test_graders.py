"""Who grades for the service: room on this machine."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from autograder.batch.starts import Start
from autograder.batch.store import Store
from autograder.course.loading import load_course
from autograder.errors import MachineError
from autograder.hub.graders import Job, LocalGrader, Plans
from autograder.records import Submission


def job(student: str, assignment: str = "tiny", force: bool = False) -> Job:
    return Job(f"{assignment}.{student}", Submission(student, assignment, "", f"id {student}", None), force)


def plans(tiny: Path) -> Plans:
    course, paths = load_course(tiny)
    return Plans(course, paths, Store(tiny / "store"))


def local(root: Path, **counts: int) -> LocalGrader:
    """With so many slots for each assignment."""
    grader = LocalGrader(plans(root))
    grader._slots = {name: (SimpleNamespace(), SimpleNamespace(count=count)) for name, count in counts.items()}  # type: ignore[misc]
    return grader


def test_assignments_share_the_machine_by_their_own_slots(tiny: Path) -> None:
    grader = local(tiny, tiny=4, large=1)
    some = [job(name) for name in "abc"]
    assert grader.has_room(job("d"), some)
    assert not grader.has_room(job("e"), [*some, job("d")])
    assert not grader.has_room(job("l", "large"), some[:1])
    assert grader.has_room(job("l", "large"), [])
    assert not grader.has_room(job("a"), [job("l", "large")])


def test_an_assignment_whose_slots_are_not_known_waits_for_an_empty_machine(tiny: Path) -> None:
    grader = local(tiny, tiny=4)
    assert not grader.has_room(job("n", "new"), [job("a")])
    assert grader.has_room(job("n", "new"), [])


def test_assignments_with_gpus_do_not_mix(tiny: Path) -> None:
    grader = local(tiny, tiny=4, other=4)
    assert grader.has_room(job("a"), [job("b", "other")])
    object.__setattr__(grader.plans.course.assignments[0].resources, "gpus", 0.25)
    assert not grader.has_room(job("a"), [job("b", "other")])
    assert grader.has_room(job("a"), [job("b")])


def test_a_file_that_goes_while_the_service_looks_is_no_failure(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an editor's own file beside the graders does."""
    (tiny / "graders/tiny/going.py").touch()
    stat = Path.stat

    def going(path: Path, **options: Any) -> Any:
        found = stat(path, **options)
        if path.name == "going.py":
            path.unlink()
        return found

    monkeypatch.setattr(Path, "stat", going)
    made = plans(tiny)
    before = made._state("tiny")
    assert made._state("tiny") != before
    assert made._state("tiny") == made._state("tiny")


def test_what_the_service_grades_gives_way(tiny: Path) -> None:
    grader = LocalGrader(plans(tiny))
    with grader._open(grader.plans.course, True) as sandbox:
        assert sandbox._policy.nice > 0


def test_a_suspect_runs_alone(tiny: Path) -> None:
    grader = local(tiny, tiny=4)
    start = Start("smoke", "tiny", "bad", "id bad", "key", False, 2)
    with grader.plans.store.starts.attempt(start) as attempt:
        attempt.lost = True
    assert not grader.has_room(job("bad"), [job("a")])
    assert not grader.has_room(job("a"), [job("bad")])
    assert grader.has_room(job("bad"), [])


def test_a_sandbox_is_made_anew_after_a_failure_of_the_machine(tiny: Path) -> None:
    opened: list[SimpleNamespace] = []

    def open_one(*_: object) -> Any:
        opened.append(SimpleNamespace(closed=False, stopped=False, isolation=SimpleNamespace(level=2)))
        opened[-1].close = lambda one=opened[-1]: setattr(one, "closed", True)
        return opened[-1]

    grader = LocalGrader(plans(tiny), sandbox=open_one)
    grader._entered(job("a"))
    grader._tired = True
    grader._entered(job("b"))
    assert len(opened) == 1  # somebody is still at work in it
    grader._parts.clear()
    grader._entered(job("c"))
    assert [each.closed for each in opened] == [True, False]


def test_one_job_is_ended_and_the_others_go_on(tiny: Path) -> None:
    let_go: list[str] = []

    def start(command: str) -> SimpleNamespace:
        return SimpleNamespace(let_go=lambda: let_go.append(command), kill=lambda: let_go.append(f"killed {command}"))

    whole = SimpleNamespace(isolation=SimpleNamespace(level=2), stopped=False, start=start, stop=lambda: None, close=lambda: None)
    grader = LocalGrader(plans(tiny), sandbox=lambda *_: whole)  # type: ignore[arg-type,return-value]  # as much of a sandbox as is needed
    first, second = grader._entered(job("a")), grader._entered(job("b"))
    first.start("notebook of a")  # type: ignore[arg-type]
    second.start("notebook of b")  # type: ignore[arg-type]
    assert grader.cancel("tiny.a")
    assert not grader.cancel("tiny.c")
    assert let_go == ["notebook of a"]
    with pytest.raises(MachineError, match="cancelled"):
        first.start("scoring of a")  # type: ignore[arg-type]
    second.start("scoring of b")  # type: ignore[arg-type]
    grader.stop()
    assert second.stopped
    assert let_go[-2:] == ["notebook of b", "scoring of b"]
