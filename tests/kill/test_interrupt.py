"""Ctrl-C on a terminal: the first one ends what runs and says how to go on, the second one ends at once."""

from __future__ import annotations

import codecs
import contextlib
import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.isolation.running import NAMED, new_token, processes_named
from tests.kill.conftest import DOUBLE, TOTAL, Graded, hand_in, records, start
from tests.kill.test_kill import below, finish, left_behind

ENDLESS = "while True:\n    pass"


class Running:
    """A command whose standard error is a terminal, and what has been read from that."""

    def __init__(self, course: Path) -> None:
        self._ours, theirs = pty.openpty()
        listening = ("env", "--default-signal=INT,TERM,HUP")  # also where whoever runs these tests ignores one of them, as `nohup` does
        self.command = start(course, "grade", "standin", "--jobs", "2", before=listening, stdout=subprocess.DEVNULL, stderr=theirs)
        os.close(theirs)
        self.said, self._decoder = "", codecs.getincrementaldecoder("utf-8")()

    def read_until(self, part: str) -> None:
        """Reads on, to the end of what the command says if need be."""
        while part not in self.said:
            try:
                self.said += self._decoder.decode(os.read(self._ours, 65_536))
            except OSError:  # the other end is closed
                break
        assert part in self.said

    def close(self) -> None:
        self.command.kill()
        self.command.wait()
        os.close(self._ours)


@pytest.fixture
def running(course: Path) -> Iterator[Running]:
    """A class of which one never ends, at the moment when that one's kernel is at work; processes of others come and go."""
    token = new_token()
    hand_in(course, "aaron", f"{NAMED}\nname_this_process('{token}')\n{ENDLESS}", DOUBLE)
    started = Running(course)
    started.read_until("aaron")
    while not processes_named(token):
        with contextlib.suppress(subprocess.TimeoutExpired):
            started.command.wait(0.05)
        assert started.command.poll() is None
    yield started
    started.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_ends_cleanly(running: Running, course: Path, graded_once: Graded, number: signal.Signals) -> None:
    running.command.send_signal(number)
    running.read_until("run the same command again to go on")
    assert "Interrupted: ending what runs. Once more ends at once." in running.said
    assert running.command.wait(60) == 130
    assert "Traceback" not in running.said
    assert running.said.rindex("\x1b[?25h") > running.said.rindex("\x1b[?25l")  # the terminal has its cursor back
    assert left_behind(course) == []
    assert list((course / ".autograder/starts").iterdir()) == []
    finish_with_another(course, graded_once)


def test_the_second_ends_at_once(running: Running, course: Path, graded_once: Graded) -> None:
    stuck = [guard for server in below(running.command)["server"] for guard in server.children()]
    assert stuck
    for guard in stuck:
        with contextlib.suppress(psutil.NoSuchProcess):  # another one's, who has ended meanwhile
            guard.suspend()  # so that the job cannot be ended, and the command waits for that
    running.command.send_signal(signal.SIGINT)
    running.read_until("Once more ends at once")
    running.command.send_signal(signal.SIGINT)
    running.read_until("Ended at once")
    assert running.command.wait(60) == 128 + signal.SIGINT
    for guard in stuck:
        with contextlib.suppress(psutil.NoSuchProcess):
            guard.resume()
    assert left_behind(course) == []
    finish_with_another(course, graded_once)


def finish_with_another(course: Path, graded: Graded) -> None:
    """What the one hands in instead ends."""
    hand_in(course, "aaron", TOTAL, DOUBLE)
    finish(course, calls=1)
    found = {student: each[0].verdict() for student, each in records(course).items()}
    assert found == graded.verdicts | {"aaron": graded.verdicts["ada"]}
