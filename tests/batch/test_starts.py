"""Which attempts count as lost, and which prove nothing."""

from __future__ import annotations

import fcntl
import os
from dataclasses import replace
from pathlib import Path
from typing import IO

import pytest

from autograder.batch import starts
from autograder.batch.starts import Start, Starts
from autograder.batch.store import Store
from autograder.records import Submission

ADA = Submission("ada", "a", "nowhere", "id", None)
BEGUN = Start("smoke", "a", "ada", "id", "key", alone=True, level=3)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Starts:
    """On a machine that kills nothing for memory meanwhile, whatever else is tested there."""
    monkeypatch.setattr(starts, "memory_kills", lambda: BEGUN.memory_kills)
    return Starts(tmp_path / "starts")


def died(kept: Starts, start: Start) -> None:
    """As a command leaves it that was killed: recorded, and no longer locked."""
    with kept.attempt(start):
        (path,) = kept.folder.glob("[!.]*")
        data = path.read_bytes()
    path.write_bytes(data)


def test_an_attempt_that_ended_leaves_nothing(kept: Starts) -> None:
    with kept.attempt(BEGUN):
        assert kept.lost("smoke", ADA) == []  # under way, so not lost
        assert len(list(kept.folder.iterdir())) == 1
    assert list(kept.folder.iterdir()) == []


def test_an_attempt_that_an_error_ended_leaves_nothing(kept: Starts) -> None:
    with pytest.raises(OSError, match="full"), kept.attempt(BEGUN):
        raise OSError("the disk is full")
    assert list(kept.folder.iterdir()) == []


def test_an_attempt_whose_process_was_lost_stays_until_it_is_forgotten(kept: Starts) -> None:
    with kept.attempt(BEGUN) as attempt:
        attempt.lost = True
    assert kept.lost("smoke", ADA) == [BEGUN]
    assert kept.all_lost() == [BEGUN]
    assert kept.lost("full", ADA) == kept.lost("smoke", replace(ADA, submission_id="other")) == []
    kept.forget("smoke", ADA)
    assert list(kept.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ({}, False),  # somebody killed the command: a sandboxed submission cannot
        ({"level": 0}, True),
        ({"boot": "an earlier start of the machine"}, True),
        ({"host": "another machine"}, False),
    ],
)
def test_an_attempt_that_was_lost_with_its_command(kept: Starts, change: dict[str, object], counts: bool) -> None:
    start = replace(BEGUN, **change)
    died(kept, start)
    assert kept.lost("smoke", ADA) == ([start] if counts else [])
    kept.forget("smoke", ADA)
    left = list(kept.folder.iterdir())
    assert len(left) == (start.host != BEGUN.host)  # it may be under way there, with a lock that is not seen here
    for path in left:
        os.utime(path, (0, 0))
    kept.forget("smoke", ADA)
    assert list(kept.folder.iterdir()) == []


def test_an_attempt_that_ends_while_somebody_looks_was_not_lost(kept: Starts, monkeypatch: pytest.MonkeyPatch) -> None:
    died(kept, replace(BEGUN, level=0))
    (path,) = kept.folder.iterdir()
    lock = fcntl.flock

    def ends_before(stream: IO[bytes], how: int) -> None:
        path.unlink()
        lock(stream, how)

    monkeypatch.setattr(fcntl, "flock", ends_before)
    assert kept.lost("smoke", ADA) == []


def test_where_memory_ran_out_since_it_counts(kept: Starts, monkeypatch: pytest.MonkeyPatch) -> None:
    died(kept, BEGUN)
    assert kept.lost("smoke", ADA) == []
    monkeypatch.setattr(starts, "memory_kills", lambda: BEGUN.memory_kills + 1)
    assert kept.lost("smoke", ADA) == [BEGUN]


def test_who_was_never_lost_alone_comes_first(kept: Starts) -> None:
    for student, alone in (("ada", True), ("bob", False), ("cleo", True), ("cleo", True), ("dan", False)):
        with kept.attempt(replace(BEGUN, student=student, alone=alone)) as attempt:
            attempt.lost = True
    asked = [replace(ADA, student=student) for student in ("ada", "bob", "cleo", "eve")]
    assert [each.student for each in kept.suspects("smoke", asked)] == ["bob", "ada", "cleo"]
    assert kept.suspects("full", asked) == []


def test_what_was_killed_before_its_start_was_recorded_is_no_attempt_and_goes(kept: Starts) -> None:
    kept.folder.mkdir()
    old, new = kept.folder / ".start-old", kept.folder / ".start-new"
    for path in (old, new):
        path.touch()
    os.utime(old, (0, 0))
    assert kept.suspects("smoke", [ADA]) == kept.all_lost() == []
    assert list(kept.folder.iterdir()) == [new]


def test_who_is_at_work_is_not_forgotten(kept: Starts) -> None:
    with kept.attempt(BEGUN):
        kept.forget("smoke", ADA)
        (path,) = kept.folder.iterdir()
        with path.open() as stream, pytest.raises(BlockingIOError):
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)


def test_a_machine_that_fails_costs_nobody_a_deadline_or_an_attempt(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.note_arrival(ADA)
    received, attempt = store.arrival("a", "ada", "id")
    assert attempt == 1
    store.note_arrival(ADA)  # days later, when the machine works again
    store.note_arrival(replace(ADA, submission_id="second"))
    assert store.arrival("a", "ada", "id") == (received, 1)
    assert store.arrival("a", "ada", "second")[1] == 2
    assert store.arrival("a", "ada", "second")[0] > received
