"""What every level of isolation must do with a process; level 0 is the only one so far."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from autograder.errors import UsageError
from autograder.execution.environment import clean_environment
from autograder.execution.sandbox import Command, Unprotected, choose_sandbox

# A module that anybody may run: it starts a child in a session of its own, says both process ids, and waits for ever.
SLEEPER = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
print(os.getpid(), child.pid, os.environ.get("SECRET"), flush=True)
if len(sys.argv) > 1:
    os.kill(os.getpid(), 9)
import signal; signal.pause()
"""


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("SECRET", "of the caller")
    (tmp_path / "home").mkdir()
    return Command("sleeper", tmp_path, (), clean_environment(tmp_path / "home", 1))


def start(command: Command, monkeypatch: pytest.MonkeyPatch, *, dies: bool) -> tuple[object, list[psutil.Process], str]:
    import subprocess
    import sys

    real = subprocess.Popen

    def popen(arguments: list[str], **options: object) -> subprocess.Popen[bytes]:
        return real([sys.executable, "-c", SLEEPER, *(["die"] if dies else [])], **options)  # type: ignore[call-overload]  # as they came

    monkeypatch.setattr("autograder.execution.sandbox.subprocess.Popen", popen)
    process = Unprotected().start(command)
    first, second, secret = process.stdout.readline().decode().split()
    found = [psutil.Process(int(second))] if dies else [psutil.Process(int(first)), psutil.Process(int(second))]
    return process, found, secret


@pytest.mark.parametrize("dies", [False, True], ids=["running", "its parent was killed"])
def test_everything_below_a_process_is_dead_after_kill(command: Command, monkeypatch: pytest.MonkeyPatch, dies: bool) -> None:
    process, below, _ = start(command, monkeypatch, dies=dies)
    process.kill()  # type: ignore[attr-defined]  # a Process
    _, alive = psutil.wait_procs(below, timeout=30)
    assert alive == []


def test_nothing_of_the_callers_environment_gets_in(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    process, _, secret = start(command, monkeypatch, dies=False)
    process.kill()  # type: ignore[attr-defined]  # a Process
    assert secret == "None"


def test_no_isolation_needs_consent() -> None:
    with pytest.raises(UsageError, match="isolation level 2 is required"):
        choose_sandbox(2, trust=False)
    assert choose_sandbox(2, trust=True).isolation.level == 0
    with pytest.raises(UsageError, match="isolation level 1 is required"):
        choose_sandbox(0, trust=False)
