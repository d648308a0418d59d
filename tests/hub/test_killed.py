"""A kill between any two of the service's writes, and in the middle of each: nothing is lost, nothing is done twice for a student."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from autograder.hub.desk import Desk, digest_of
from autograder.hub.inbound import read_tree
from autograder.hub.service import Service
from autograder.intake.collect import find_submissions
from tests.hub.test_arrivals import LIMITS
from tests.hub.world import ASSIGNMENT, FakePublisher, World

_EFFECTS = ("rename", "replace", "mkdir", "write", "fsync", "unlink")


class Killed(BaseException):
    """The process is dead: whatever it would still do to a file, in `finally` or elsewhere, does not happen either."""


@contextmanager
def killed_at(number: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    """Ends the process before its `number`-th effect on files, a write half way; gives how many effects there were."""
    count = 0

    def dying(effect: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **more: Any) -> Any:
            nonlocal count
            count += 1
            if count >= number:
                if effect.__name__ == "write" and count == number:
                    effect(arguments[0], arguments[1][: len(arguments[1]) // 2])
                raise Killed
            return effect(*arguments, **more)

        return called

    with monkeypatch.context() as patched:
        for name in _EFFECTS:
            patched.setattr(os, name, dying(getattr(os, name)))
        yield lambda: count


@dataclass
class OnDisk(FakePublisher):
    """Results are files: whose they are, and of which submission."""

    def publish(self, assignment: str, students: Sequence[str]) -> None:
        for student in students:
            self._file(student).parent.mkdir(parents=True, exist_ok=True)
            self._file(student).write_text(self._present(student))

    def behind(self, assignment: str) -> list[str]:
        return [each for each in ("ana",) if self._present(each) and self._written(each) != self._present(each)]

    def _written(self, student: str) -> str:
        return self._file(student).read_text() if self._file(student).is_file() else ""

    def _file(self, student: str) -> Path:
        return self.desk._root / "results" / student

    def _present(self, student: str) -> str:
        pointer = self.desk._root.parent / "records/smoke" / ASSIGNMENT / student / "present"
        return pointer.read_text() if pointer.is_file() else ""


def steps(service: Service) -> None:
    service.receive()
    service.check()
    service.dispatch()
    service.publish()


def day(world: World) -> None:
    """Two pieces of work, one of them twice, and a rerun."""
    for text in ("first", "second", "second"):
        world.handed_in(text=text)
        steps(world.service)
    world.service.rerun("tiny.1", "garcia", "mended graders")
    steps(world.service)


def went_on(world: World) -> None:
    """What is left of the day, with a new service."""
    world.served()
    world.service.outbound.publisher = OnDisk(world.service.office.desk)
    for _ in range(4):
        world.clock.forward(minutes=6)
        steps(world.service)


def begun(tmp_path: Path) -> World:
    world = World(tmp_path, 'counting="best"')
    world.service.outbound.publisher = OnDisk(world.service.office.desk)
    return world


def effects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many there are in a day without a kill."""
    world = begun(tmp_path)
    with killed_at(10**9, monkeypatch) as count:
        day(world)
        return count()


def test_a_kill_at_any_moment_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    total = effects(tmp_path / "whole", monkeypatch)
    assert total > 100
    for number in range(1, total + 1):
        world = begun(tmp_path / str(number))
        with killed_at(number, monkeypatch), pytest.raises(Killed):
            day(world)
        went_on(world)
        check(world, f"killed before effect {number} of {total}")


def check(world: World, when: str) -> None:
    receipts, folders = world.receipts(), sorted(each.name for each in world.inbound.iterdir())
    finished = [each for each in folders if (world.inbound / each).stat().st_mode & 0o002]
    assert sorted(each.source for each in receipts) == finished, when  # each arrival once
    assert len({each.id for each in receipts}) == len(receipts), when
    desk = Desk(world.store.root / "hub", [ASSIGNMENT])
    for each in receipts:
        folder = desk.kept(each)
        assert folder is not None, when
        assert digest_of(read_tree(folder, LIMITS).files) == each.digest, when
        assert find_submissions(folder.parents[1], ASSIGNMENT, ["ana"], 2**20)[0].submission_id == each.submission_id, when
        assert desk.checked(each.id) is not None, when
    assert world.phases() == ["graded", "graded", "repeated"][: len(receipts)], when
    wanted = [each.kind for each in desk.orders(ASSIGNMENT)]
    assert wanted in ([], ["rerun", "done"]), when
    if receipts:
        assert OnDisk(desk).behind(ASSIGNMENT) == [], when
        placed = find_submissions(world.paths.submitted, ASSIGNMENT, [], 2**20)
        newest = [each for each, phase in zip(receipts, world.phases(), strict=True) if phase == "graded"][-1]
        assert [each.submission_id for each in placed] == [newest.submission_id], when
    left = [str(each) for each in world.store.root.rglob(".partial-*")]
    assert left == [], when


def test_files_that_went_with_the_kill_are_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The receipt was written, its files were not kept yet, and the student has taken the folder away meanwhile."""
    world = World(tmp_path)
    keep = Desk._keep
    monkeypatch.setattr(Desk, "_keep", lambda *_: (_ for _ in ()).throw(Killed()))
    folder = world.handed_in()
    with pytest.raises(Killed):
        world.service.receive()
    (folder / "tiny.ipynb").write_text("changed")
    monkeypatch.setattr(Desk, "_keep", keep)
    steps(world.served())
    assert world.phases() == ["refused"]
    assert "submit again" in world.seen().note
    assert world.submit(text="again").id == "tiny.2"
    world.service.dispatch()
    assert world.phases() == ["refused", "graded"]
