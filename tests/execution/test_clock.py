"""The clock of the limits: what counts as waiting, and how long a limit lasts at most."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.execution.clock import CoreClock, Limit


class Machine:
    """A clock on the wall and the files of one process, both at hand."""

    def __init__(self, proc: Path) -> None:
        self.proc, self.wall_s = proc, 100.0

    def waited(self, **seconds: float) -> None:
        """The threads that there are, and how long each has waited in its life."""
        tasks = self.proc / "7/task"
        tasks.mkdir(parents=True, exist_ok=True)
        for left in tasks.iterdir():
            (left / "schedstat").unlink()
            left.rmdir()
        for name, waited in seconds.items():
            (tasks / name).mkdir()
            (tasks / name / "schedstat").write_text(f"123456789 {waited * 1e9:.0f} 17\n")

    def clock(self) -> CoreClock:
        return CoreClock(7, self.proc, lambda: self.wall_s)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def after(machine: Machine, limit: Limit, wall_s: float, **waited: float) -> float:
    machine.wall_s = 100.0 + wall_s
    machine.waited(**waited)
    return limit.left()


def test_what_threads_wait_is_not_counted(machine: Machine) -> None:
    machine.waited(main=5.0)  # before the limit began
    limit = machine.clock().limit(10)
    assert after(machine, limit, 8, main=7.0, other=1.0) == pytest.approx(5)
    assert after(machine, limit, 12.5, main=8.5, other=2.0) == pytest.approx(3)
    assert not limit.reached
    assert after(machine, limit, 17, main=8.5, other=2.0) == 0
    assert limit.told("the limit for one cell") == (
        "10 s, the limit for one cell. Another 6 s, in which it waited for a processor core, were not counted."
    )


def test_a_thread_that_ended_has_waited_nevertheless_and_its_number_may_come_again(machine: Machine) -> None:
    machine.waited(main=0.0)
    limit = machine.clock().limit(10)
    assert after(machine, limit, 4, main=0.0, other=3.0) == pytest.approx(9)
    assert after(machine, limit, 4, main=0.0) == pytest.approx(9)
    assert after(machine, limit, 5, main=0.0, other=1.0) == pytest.approx(9)


def test_a_limit_lasts_three_times_as_long_at_most(machine: Machine) -> None:
    machine.waited(main=0.0)
    limit = machine.clock().limit(10)
    many = {f"thread{number}": 29.0 for number in range(50)}
    assert after(machine, limit, 29, **many) == pytest.approx(1)
    assert after(machine, limit, 30, **many) == 0
    assert limit.waited_s == 30
    assert limit.told("the limit for all of it") == (
        "30 s on the wall: 10 s, the limit for all of it, may become 3 times as much on a busy machine, and no more."
    )


def test_a_limit_that_was_reached_stays_so(machine: Machine) -> None:
    machine.waited(main=0.0)
    limit = machine.clock().limit(10)
    assert after(machine, limit, 10, main=0.0) == 0
    assert after(machine, limit, 11, main=9.0) == 0
    assert limit.told("the limit for one cell") == "10 s, the limit for one cell."


def test_where_the_system_does_not_tell_the_clock_on_the_wall_decides(machine: Machine) -> None:
    limit = machine.clock().limit(10)
    machine.wall_s += 9
    assert limit.left() == pytest.approx(1)
    machine.waited(main=0.0)
    (machine.proc / "7/task/main/schedstat").write_text("of another kind\n")
    machine.wall_s += 1
    assert limit.left() == 0


def test_two_limits_of_one_clock_each_count_from_their_own_beginning(machine: Machine) -> None:
    machine.waited(main=0.0)
    clock = machine.clock()
    whole = clock.limit(20)
    assert after(machine, whole, 4, main=1.0) == pytest.approx(17)
    part = clock.limit(10)
    assert after(machine, part, 6, main=2.0) == pytest.approx(9)
    assert whole.left() == pytest.approx(16)
