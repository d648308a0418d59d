"""Programs end together, whatever they started; folders that others may not enter are found."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from autograder.errors import MachineError
from autograder.hub.opened import shut_folders
from autograder.hub.processes import Processes, runs

_PARENT = """
import subprocess, sys, time
stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(600)
"""


def _said(processes: Processes, name: str) -> str:
    """The first line of a log, once all of it is there."""
    for _ in range(6_000):
        line, end, _ = processes.log(name).read_text(encoding="utf-8").partition("\n")
        if end:
            return line
        threading.Event().wait(0.05)
    raise AssertionError("the program says nothing")


def test_what_a_program_started_ends_with_it(tmp_path: Path) -> None:
    with Processes(tmp_path, patience_s=1) as processes:
        started = processes.start("parent", [sys.executable, "-c", _PARENT])
        child = psutil.Process(int(_said(processes, "parent")))
    assert started.poll() is not None
    assert not runs(child)


def test_what_somebody_else_had_started_goes_on(tmp_path: Path) -> None:
    """A server of other tests, for example, which is a child of the same process."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        with Processes(tmp_path, patience_s=1) as processes:
            processes.start("sleeper", [sys.executable, "-c", "import time; time.sleep(600)"])
        assert other.poll() is None
        other.communicate(b"\n")
    assert other.returncode == 0


def test_a_program_that_fails_is_shown_with_its_last_lines(tmp_path: Path) -> None:
    with Processes(tmp_path, patience_s=1) as processes, pytest.raises(MachineError, match="no such course") as failed:
        processes.run("release", [sys.executable, "-c", "import sys; sys.exit('no such course')"])
    assert str(tmp_path / "release.log") in str(failed.value)


def test_a_program_that_ends_before_it_answers_is_said(tmp_path: Path) -> None:
    with Processes(tmp_path, patience_s=1) as processes:
        ended = processes.start("hub", [sys.executable, "-c", "print('port in use')"])
        ended.wait()
        with pytest.raises(MachineError, match="port in use"):
            processes.answers(ended, "http://127.0.0.1:9/", 30, threading.Event())


def test_waiting_ends_when_somebody_ends_it(tmp_path: Path) -> None:
    with Processes(tmp_path, patience_s=1) as processes:
        started = processes.start("hub", [sys.executable, "-c", "import time; time.sleep(600)"])
        ended = threading.Event()
        ended.set()
        processes.answers(started, "http://127.0.0.1:9/", 30, ended)
        processes.wait(ended, started)
        assert started.poll() is None


def test_folders_that_others_may_not_enter_are_found(tmp_path: Path) -> None:
    python = tmp_path / "home" / "python"
    python.mkdir(parents=True)
    for folder in (tmp_path, *(each for each in tmp_path.parents if each.stat().st_uid == os.getuid() and "pytest" in each.name)):
        folder.chmod(0o755)
    assert shut_folders([python]) == ()
    (tmp_path / "home").chmod(0o700)
    assert shut_folders([python, tmp_path]) == (tmp_path / "home",)
