"""What the probes say of each level, warm and cold, and that each of them can say something else."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from autograder.execution.environment import notebook_server, server_kind
from autograder.grading.models import model_server
from autograder.grading.scoring import score_server
from autograder.isolation import choice, probes
from autograder.isolation.bubblewrap import interpreter_paths
from autograder.isolation.probes import PROBES
from autograder.isolation.sandbox import Caps, Command, Sandbox
from autograder.isolation.servers import ServerKind
from tests.isolation.conftest import examined
from tests.isolation.running import LEVELS, PROTECTED, ROOT, Place

SOON = 120
CAPS = Caps(processes=24, disk_mib=32)
PLAIN = server_kind("tensorflow", (), ())
# Not open even at level 0: servers inherit nothing from the command, and what is killed is dead.
NEVER_OPEN = {"environment", "descriptors", "terminal", "outlives", "memory_in_all"}
ACCORDING_TO_THE_LEVEL: dict[int, set[str]] = {
    3: set(),
    2: {"memory_in_all"},
    1: {"memory_in_all", "socket_files", "file_modes", "process_list", "process_limit", "disk_limit"},
}


@dataclass(frozen=True)
class Said:
    """What the probes found possible, and how their process had been started."""

    open: dict[str, str]
    start: str


def ask(sandbox: Sandbox, server: ServerKind, cold: str = "", **asked: Any) -> Said:
    """The probes in a sandbox; `asked` replaces what they aim at."""
    with choice._outside() as outside:
        process = sandbox.start(Command("autograder.isolation.probes", server, caps=CAPS, cold=cold))
        reader = process.reader(2**20)
        try:
            process.send(outside | {"processes": CAPS.processes, "disk_mib": CAPS.disk_mib} | asked)
            frame = reader.read(time.monotonic() + SOON)
            assert frame is not None, process.last_words()
            process.let_go()
            assert reader.read(time.monotonic() + SOON) is None, "something outlived the sandbox"
        finally:
            reader.close()
            process.kill()
    return Said({name: found for name, found in frame.fields["found"].items() if found}, process.start)


def server_of(which: str, place: Place) -> ServerKind:
    """The fork server for process A, B or S."""
    servers = {
        "A": lambda: notebook_server("tensorflow", place.split.student, None),
        "B": lambda: model_server("tensorflow", place.split),
        "S": lambda: score_server(place.graders, place.split),
    }
    return servers[which]()


@pytest.mark.parametrize("level", PROTECTED)
def test_every_probe_holds_that_the_level_promises(sandboxes: Callable[[int], Sandbox], level: int) -> None:
    sandboxes(level)
    found = examined(level)
    assert found.obstacle == ""
    assert set(found.probes) == {*PROBES, "outlives", "memory_in_all"}
    left_open = {name for name, what in found.probes.items() if what}
    assert left_open - {"memory_in_all"} == ACCORDING_TO_THE_LEVEL[level] - {"memory_in_all"}
    assert {name for name, said in found.results().items() if said != "held"} == left_open


def test_the_same_probes_report_what_level_0_leaves_open(sandboxes: Callable[[int], Sandbox]) -> None:
    said = ask(sandboxes(0), PLAIN)
    wanted = set(PROBES) - NEVER_OPEN - (set() if ROOT else {"mounts", "read_only"} - _owned())
    if not Path("/proc/sys/user/max_user_namespaces").exists() or subprocess.run(["unshare", "-U", "true"], capture_output=True).returncode:
        wanted -= {"namespaces"}
    assert set(said.open) == wanted


def _owned() -> set[str]:
    """What an ordinary user may write of what Python needs, as in an environment of their own."""
    return {"read_only"} if any(os.access(path, os.W_OK) for path in interpreter_paths()) else set()


# A process with a terminal, a secret variable, an inherited file, and mounts of its own.
EXPOSED = """
import os, sys
from autograder.isolation import probes, syscalls
inherited = [number for number in range(3, 64) if probes._is_open(number)]
if sys.argv[1] == "mounts":
    syscalls.unshare(syscalls.CLONE_NEWNS | (syscalls.CLONE_NEWUSER if os.geteuid() else 0))
os.mkdir("tmp")
print(probes._try(probes.PROBES[sys.argv[1]], {"variable": "SECRET", "inherited": inherited, "shown": ["tmp"]}))
"""


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("environment", "the command's environment variables were inherited"),
        ("descriptors", "descriptor 30 was inherited"),
        ("terminal", "the command's terminal could be opened"),
        ("mounts", "a file system could be mounted"),
        ("read_only", "/ could be written" if ROOT else "tmp could be written"),
    ],
)
def test_the_other_probes_can_fail_as_well(name: str, found: str, tmp_path: Path) -> None:
    assert on_a_terminal(EXPOSED, name, folder=tmp_path, SECRET="x") == found


def test_two_that_write_outside_at_the_same_time_both_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each makes the same file and removes it; who comes second was held, it said."""
    close = os.close

    def close_when_the_other_has_removed_it(descriptor: int) -> None:
        Path(os.readlink(f"/proc/self/fd/{descriptor}")).unlink()
        close(descriptor)

    places = [folder for folder in ("/", "/usr", "/dev") if os.access(folder, os.W_OK)]
    monkeypatch.setattr(os, "close", close_when_the_other_has_removed_it)
    said = probes._try(probes.PROBES["read_only"], {"shown": [str(tmp_path)]})
    monkeypatch.undo()
    assert said == f"{[*places, tmp_path][0]} could be written"


def on_a_terminal(script: str, *arguments: str, folder: Path | None = None, **variables: str) -> str:
    """What a Python script prints whose controlling terminal is a new one."""
    pid, terminal = pty.fork()
    if pid == 0:
        try:
            os.environ["PYTHONPATH"] = os.getcwd()
            os.closerange(3, 1024)
            os.dup2(1, 30)
            os.chdir(folder or "/")
            os.execve(sys.executable, [sys.executable, "-c", script, *arguments], {**os.environ, **variables})
        finally:
            os._exit(1)
    said = b""
    try:
        while chunk := os.read(terminal, 4096):
            said += chunk
    except OSError:  # how a terminal says that nobody is left on its other side
        pass
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)
    return said.decode().strip()


@pytest.mark.parametrize("level", PROTECTED)
@pytest.mark.parametrize("which", ["A", "B", "S"])
def test_a_warm_sandbox_passes_the_same_probes_as_a_cold_one(
    sandboxes: Callable[[int], Sandbox], place: Place, level: int, which: str
) -> None:
    sandbox = sandboxes(level)
    server = server_of(which, place)
    warm, cold = ask(sandbox, server), ask(sandbox, server, cold="for the test")
    assert (warm.start, cold.start) == ("warm", "cold: for the test")
    assert warm.open.keys() == cold.open.keys()
    assert warm.open.keys() == ACCORDING_TO_THE_LEVEL[level] - {"memory_in_all"}


# What each process may read of the course.
MAY_READ = {
    "A": {"x_train", "y_train", "x_test", "y_test"},
    "B": {"hidden_images", "x_test"},
    "S": {"graders", "hidden_images", "hidden_labels", "x_test", "y_test"},
}


@pytest.mark.parametrize("level", PROTECTED)
@pytest.mark.parametrize("which", sorted(MAY_READ))
def test_each_process_reads_its_own_part_of_the_course_and_no_more(
    sandboxes: Callable[[int], Sandbox], place: Place, level: int, which: str
) -> None:
    server = replace(server_of(which, place), preload=())  # imports show nothing more, and take seconds
    files = place.secrets | {path.stem: path for path in place.split.student.iterdir()}
    assert len(files) == 14
    sandbox, allowed = sandboxes(level), MAY_READ[which]
    for name in allowed:
        assert ask(sandbox, server, secrets=[str(files[name])]).open["files"] == f"{files[name]} could be read"
    assert "files" not in ask(sandbox, server, secrets=[str(path) for name, path in files.items() if name not in allowed]).open


TERMINAL = """
import os, sys
from autograder.isolation.sandbox import Sandbox
from tests.isolation.test_probes import PLAIN, ask
os.close(os.open("/dev/tty", os.O_RDWR))
with Sandbox(int(sys.argv[1])) as sandbox:
    print("terminal" in ask(sandbox, PLAIN).open, flush=True)
"""


@pytest.mark.parametrize("level", LEVELS)
def test_no_process_has_the_commands_terminal(sandboxes: Callable[[int], Sandbox], level: int) -> None:
    sandboxes(level)
    assert on_a_terminal(TERMINAL, str(level)) == "False"


def test_what_is_examined_can_be_kept_in_a_record() -> None:
    found = examined(LEVELS[0])
    assert json.loads(json.dumps(found.results())) == found.results()
    assert set(found.results().values()) <= {"held"} | {f"open: {what}" for what in found.probes.values()}
