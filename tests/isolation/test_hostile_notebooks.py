"""Notebooks that try to get out, to take more than they may, or to spoil the run; executed as any other."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import subprocess
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import Any

import psutil
import pytest

import autograder.execution.run as run_module
from autograder.errors import MachineError
from autograder.execution.devices import Slot
from autograder.isolation.process import Process
from autograder.isolation.sandbox import Caps, Sandbox
from autograder.records import Question
from tests.isolation.attacks import ATTACKS, Attack, cells_of, targets_in
from tests.isolation.conftest import examined
from tests.isolation.running import (
    LEVELS,
    MIB,
    NAMED,
    NAMESPACES,
    PROTECTED,
    Place,
    Runner,
    jobs_below,
    links_of,
    new_token,
    processes_named,
    server_processes,
)

SOON = 300  # a server's imports and a kernel's start, on a busy machine
SHORT_S = 5  # for a whole notebook whose last cell does not end: the cells before it have time enough on a busy machine too
HAND_IN = "from autograder.student import hand_in\nx = 3\ndef f(n):\n    return n + 1\nhand_in('x', functions=['f'])"
ASKED = (Question("q", "f", (41,), 1.0),)
at_protected_levels = pytest.mark.parametrize("level", PROTECTED)
at_all_levels = pytest.mark.parametrize("level", LEVELS)
with_namespaces = pytest.mark.parametrize("level", NAMESPACES)


@pytest.fixture
def capped(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Gives the next runs other caps than their profile and slot say."""

    def use(**caps: int) -> None:
        monkeypatch.setattr(run_module, "Caps", lambda **usual: Caps(**{**usual, **caps}))

    return use


# --- what is outside --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def achieved(runners: Callable[[int], Runner], place: Place) -> Callable[[int], dict[str, str]]:
    """What each attack achieved at a level; all of them are tried by one notebook."""

    @cache
    def at(level: int) -> dict[str, str]:
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as victim:
            try:
                with targets_in(place, os.getpid(), victim.pid) as targets:
                    ran = runners(level)(*cells_of(ATTACKS, targets))
            finally:
                victim.kill()
        assert ran.run.outcome == "completed", ran.run.reason
        found: dict[str, str] = json.loads(ran.printed[-1])
        assert found.keys() == {attack.name for attack in ATTACKS}
        return found

    return at


@pytest.mark.parametrize(
    ("level", "attack"),
    [
        pytest.param(level, attack, id=f"{level}-{attack.name}")
        for level in LEVELS
        for attack in ATTACKS
        if not attack.opens(level) or attack.possible_here()
    ],
)
def test_each_attack_reaches_what_its_level_leaves_open_and_no_more(
    achieved: Callable[[int], dict[str, str]], level: int, attack: Attack
) -> None:
    assert bool(achieved(level)[attack.name]) == attack.opens(level), achieved(level)[attack.name]


@with_namespaces
def test_of_this_machines_files_only_the_data_and_what_python_needs_are_there(run: Runner, place: Place, level: int) -> None:
    look = """
import os, sys, site
needed = [sys.prefix, sys.base_prefix, "/usr", "/proc", "/dev", "/etc", "/sandbox", *site.getsitepackages()]
import autograder
needed += [os.path.dirname(autograder.__file__), *map(os.path.realpath, needed)]
found = []
for folder, folders, names in os.walk("/"):
    if folder in needed:
        folders.clear()
    else:
        found += [os.path.join(folder, name) for name in names]
import contextlib
import json
print(json.dumps([found, sorted(os.listdir("/etc")), os.listdir("."), sorted(os.listdir("/dev"))]))
"""
    found, etc, own, devices = json.loads(run(look).printed[0])
    assert sorted(found) == sorted(str(path) for path in place.split.student.iterdir())
    assert set(etc) <= {"alternatives", "fonts", "ld.so.cache", "localtime", "ssl"}
    assert own == ["notes.txt"]
    assert set(devices) == {
        *("console", "core", "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom", "zero")
    } - ({"console"} - set(devices))


@at_all_levels
def test_nothing_of_the_commands_environment_gets_in(run: Runner, place: Place, level: int) -> None:
    assert place.canary in os.environ.values()
    printed = run("import os\nprint(dict(os.environ), open('/proc/self/environ').read())").printed[0]
    assert "AUTOGRADER_RUN" in printed
    assert place.canary not in printed


@at_protected_levels
def test_papermill_and_the_kernel_are_confined_alike(run: Runner, level: int) -> None:
    """Seen from outside, while a cell runs: the worker that drives papermill, and the kernel."""
    seen: dict[str, dict[str, str]] = {}
    links: dict[str, set[str]] = {}
    token = new_token()

    def look(index: int, count: int) -> None:
        if index == 1:
            (kernel,) = processes_named(token)
            tree = [process for server in run.sandbox.server_pids() for process in jobs_below(server)]
            jobs = [process for process in tree if _status(process).get("Seccomp") == "2"]
            assert kernel in jobs
            assert len(jobs) == 2
            for process in jobs:
                name = "kernel" if process == kernel else "worker"
                seen[name] = _status(process)
                links[name] = _held_by(process)
            servers = [server_processes(psutil.Process(server))[-1] for server in run.sandbox.server_pids()]
            links["servers"] = {link for server in servers for link in links_of(server) if link.startswith("socket:")}

    assert run(NAMED + f"name_this_process('{token}')", "x = 1", on_cell=look).run.outcome == "completed"
    for process in (seen["worker"], seen["kernel"]):
        assert (int(process["CapEff"], 16), int(process["CapPrm"], 16), process["NoNewPrivs"]) == (0, 0, "1")
        if level == 3:
            assert len(set(process["Uid"].split())) == 1
            assert int(process["Uid"].split()[0]) >= 0x7000_0000
    assert links["servers"]
    for name in ("worker", "kernel"):
        assert not links[name] & links["servers"], f"{name} holds the server's socket"
        assert links[name]
        assert _others(links[name]) == set()


def _held_by(process: psutil.Process) -> set[str]:
    """What a process has open when it is done with what it opens for a moment (times in /proc, a module): by then it waits for the command,
    which is here. What it holds all the time is open then too.
    """
    ends, pause = time.monotonic() + SOON, threading.Event()
    while True:
        links = links_of(process)
        if not _others(links) or time.monotonic() > ends:
            return links
        pause.wait(0.01)


def _others(links: set[str]) -> set[str]:
    """What neither worker nor kernel may hold open: all but files of their own, and what has no name."""
    return {link for link in links if not re.match(r"(socket|pipe|anon_inode):|/dev/null$|/sandbox/", link)}


def _status(process: psutil.Process) -> dict[str, str]:
    """Nothing where it has ended, as the guard of the run before may just do."""
    lines: list[str] = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


# --- what other runs do, and leave ------------------------------------------------------------------------------------

LEAVE = """
import ctypes, os, socket, subprocess, tempfile
left = []
for folder in ("/tmp", "/dev/shm", "/var/tmp", tempfile.gettempdir(), os.path.expanduser("~"), "..", "."):
    try:
        open(os.path.join(folder, TOKEN), "w").write(TOKEN)
        left.append(folder)
    except OSError:
        pass
listener = socket.socket(socket.AF_UNIX)
listener.bind(chr(0) + TOKEN)
listener.listen()
try:
    master, slave = os.openpty()
    os.write(master, (TOKEN + chr(10)).encode())
except OSError:
    pass
ctypes.CDLL(None).prctl(15, TOKEN.encode(), 0, 0, 0)
print(left)
"""
FIND = """
import os, socket, tempfile
found = []
for folder in ("/tmp", "/dev/shm", "/var/tmp", tempfile.gettempdir(), os.path.expanduser("~"), "..", "."):
    if os.path.exists(os.path.join(folder, TOKEN)):
        found.append(folder)
try:
    socket.socket(socket.AF_UNIX).connect(chr(0) + TOKEN)
    found.append("socket")
except OSError:
    pass
for number in range(100):
    try:
        terminal = os.open(f"/dev/pts/{number}", os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
        if TOKEN.encode() in os.read(terminal, 1000):
            found.append("terminal")
    except OSError:
        pass
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        if open(f"/proc/{pid}/comm").read().strip() == TOKEN:
            found.append("process")
            os.kill(int(pid), 0)
            found.append("signal")
    except OSError:
        pass
print(found)
"""


class Held:
    """A run that stays in a cell of its own until it is let go, however long that takes, so that another one has it for a neighbour."""

    def __init__(self, run: Runner, monkeypatch: pytest.MonkeyPatch, *cells: str) -> None:
        self._processes: list[Process] = []
        self._within = threading.Event()
        real = Sandbox.start

        def start(sandbox: Sandbox, *arguments: Any) -> Process:
            process = real(sandbox, *arguments)
            if threading.current_thread() is self._thread:
                self._processes.append(process)
            return process

        def look(index: int, count: int) -> None:
            if index == count - 1:
                self._within.set()

        monkeypatch.setattr(Sandbox, "start", start)

        def execute() -> None:
            with contextlib.suppress(MachineError):  # as which it counts when it is ended from outside
                run(*cells, on_cell=look, cell_s=1800, total_s=1800)

        self._thread = threading.Thread(target=execute)
        self._thread.start()
        assert self._within.wait(SOON)

    def still_there(self) -> bool:
        return self._thread.is_alive()

    def let_go(self) -> None:
        """Ends it from outside, and once more when it is executed again for that, and waits for its end."""
        ended = 0
        while self._thread.is_alive():
            for process in self._processes[ended:]:
                process.let_go()
                ended += 1
            self._thread.join(0.1)


@at_all_levels
def test_two_runs_at_once_see_nothing_of_each_other(run: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, level: int) -> None:
    token = new_token()
    known = f"TOKEN = '{token}'\n"
    try:
        held = Held(run, monkeypatch, known + LEAVE, "import signal\nsignal.pause()")
        found = run(known + FIND).printed[0]
        assert held.still_there()
        held.let_go()
        after = run(known + FIND).printed[0]
    finally:
        for folder in ("/tmp", "/dev/shm", "/var/tmp"):
            Path(folder, token).unlink(missing_ok=True)
    if level >= 2:
        assert found == after == "[]\n"
    elif level == 1:  # processes can be seen, by their names as well
        assert (found, after) == ("['process']\n", "[]\n")
    else:
        assert {"/tmp", "/dev/shm", "socket", "terminal", "process", "signal"} <= set(json.loads(found.replace("'", '"')))


@with_namespaces
def test_a_run_finds_its_own_traces(run: Runner, level: int) -> None:
    """So the search above finds what there is."""
    known = f"TOKEN = '{new_token()}'\n"
    left, found = run(known + LEAVE, known + FIND).printed
    assert "/dev/shm" in left
    assert {"/dev/shm", "..", ".", "socket", "terminal", "process", "signal"} <= set(json.loads(found.replace("'", '"')))


DAEMON = """
import os, sys, time
reading, writing = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        import signal
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
        name_this_process(TOKEN)
        os.write(writing, b"x")
        held = [open(os.environ["AUTOGRADER_HANDIN"] + "/x.json", "r+") for _ in range(20)]
        while True:
            open(os.environ["AUTOGRADER_HANDIN"] + "/late.json", "w").write("1")
            time.sleep(0.001)
    os._exit(0)
os.read(reading, 1)
"""


@pytest.mark.parametrize(
    ("level", "end"), [*((level, "completed") for level in LEVELS), (LEVELS[0], "kernel_died"), (LEVELS[0], "timed_out")]
)
def test_everything_is_dead_before_files_are_read(run: Runner, monkeypatch: pytest.MonkeyPatch, level: int, end: str) -> None:
    token = new_token()
    last = {"completed": "y = 1", "kernel_died": "import os\nos._exit(1)", "timed_out": "while True:\n    pass"}[end]
    there: list[int] = []
    kept: list[list[psutil.Process]] = []
    real = run_module._keep

    def keep(*arguments: Any) -> Any:
        kept.append(processes_named(token))
        return real(*arguments)

    monkeypatch.setattr(run_module, "_keep", keep)
    ran = run(
        HAND_IN,
        NAMED + f"TOKEN = '{token}'\n" + DAEMON,
        last,
        on_cell=lambda index, count: there.append(len(processes_named(token))),
        total_s=SHORT_S if end == "timed_out" else 60,
    )
    assert ran.run.outcome == end
    assert there[2:] == [1]  # it was there when the last cell began
    assert kept == [[]]
    assert processes_named(token) == []
    assert {entry.name: entry.kind for entry in ran.run.entries} == {"x": "value", "f": "function"}


@at_all_levels
def test_a_run_leaves_no_folder_whatever_it_made_there(run: Runner, level: int) -> None:
    """Deeper than a path may be, and forbidden to its owner."""
    closed = "os.makedirs('closed/within')\nos.chmod('closed/within', 0)\nos.chmod('closed', 0)"
    deep = "for _ in range(2000):\n    os.mkdir('d' * 16)\n    os.chdir('d' * 16)"
    ran = run("import os\nprint(os.path.abspath('..'))", closed, deep)
    assert ran.run.outcome == "completed"
    folder = Path(ran.printed[0].strip())
    assert folder.is_absolute()
    assert not folder.exists()


# --- taking more than there is ----------------------------------------------------------------------------------------


@at_all_levels
def test_each_process_has_the_limits_of_its_run(run: Runner, capped: Callable[..., None], level: int) -> None:
    capped(memory_mib=2000, processes=99, disk_mib=50, cpu_s=777)
    dump = 0 if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0 else 1
    names = {"CORE": dump, "NOFILE": 1024, "DATA": 2000 * MIB, "FSIZE": 50 * MIB, "CPU": 777}
    if level >= 2:
        names["NPROC"] = 99
    ask = f"import json, resource\nprint(json.dumps([resource.getrlimit(getattr(resource, 'RLIMIT_' + name)) for name in {list(names)}]))"
    assert json.loads(run(ask).printed[0]) == [[value, value] for value in names.values()]


@at_all_levels
def test_a_single_file_has_a_limit(run: Runner, level: int) -> None:
    ran = run(HAND_IN, "import os\nwith open('huge', 'w') as stream:\n    os.truncate(stream.fileno(), 2**40)")
    assert ran.run.outcome == "cell_error"
    assert ran.run.first_error is not None
    assert "File too large" in ran.run.first_error.message
    assert [entry.name for entry in ran.run.entries] == ["x", "f"]


@with_namespaces
@pytest.mark.parametrize("how", ["one file", "everywhere", "many files"])
def test_a_full_disk_ends_nothing_but_this_run(run: Runner, level: int, how: str) -> None:
    fill = {
        "one file": "open('big', 'wb').write(bytes(70_000_000))",
        "everywhere": "import tempfile\nfor index, folder in enumerate(['/dev/shm', tempfile.gettempdir(), '..'] * 2):\n"
        "    open(f'{folder}/big{index}', 'wb').write(bytes(20_000_000))",
        "many files": "for index in range(200_000):\n    open(f'empty{index}', 'w').close()",
    }[how]
    ran = run(HAND_IN, f"try:\n    {fill.replace(chr(10), chr(10) + '    ')}\nexcept OSError as error:\n    print(error)")
    assert "No space left" in ran.printed[1] or "File too large" in ran.printed[1]
    assert [entry.name for entry in ran.run.entries] == ["x", "f"]
    if how != "many files":
        assert ran.run.outcome == "disk_exceeded"
    assert run(HAND_IN).run.outcome == "completed"


@at_protected_levels
def test_a_process_that_takes_too_much_memory_fails_alone(run: Runner, level: int) -> None:
    ran = run(HAND_IN, "import numpy\nbig = numpy.ones(2**27)\nprint(big.sum())", slot=Slot(memory_mib=700))
    assert ran.run.outcome == "memory_exceeded"
    assert [entry.name for entry in ran.run.entries] == ["x", "f"]


SUM = """
import os, signal
for _ in range(4):
    reading, writing = os.pipe()
    if os.fork() == 0:
        held = b"x" * 200_000_000
        os.write(writing, b"x")
        signal.pause()
    os.close(writing)
    os.read(reading, 1)
held = b"x" * 550_000_000
print("all")
"""


@with_namespaces
def test_memory_counts_in_all_where_there_are_control_groups(run: Runner, level: int) -> None:
    """Each of these processes takes less than it may, all together take more."""
    ran = run(HAND_IN, SUM, slot=Slot(memory_mib=1200))
    counted = "memory_in_all" not in {name for name, found in examined(level).probes.items() if found}
    assert counted == (run.sandbox._hierarchy is not None)
    assert ran.run.outcome == ("memory_exceeded" if counted else "completed")
    assert [entry.name for entry in ran.run.entries] == ["x", "f"]


BOMB = "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass"


@with_namespaces
def test_a_fork_bomb_does_not_stop_its_neighbour(
    run: Runner, monkeypatch: pytest.MonkeyPatch, capped: Callable[..., None], level: int
) -> None:
    token = new_token()
    capped(processes=64)
    held = Held(run, monkeypatch, NAMED + f"name_this_process('{token}')", BOMB)
    assert run(HAND_IN, "import subprocess\nsubprocess.run(['true'], check=True)").run.outcome == "completed"
    assert held.still_there()
    assert 1 < len(processes_named(token)) <= 64
    held.let_go()
    assert processes_named(token) == []


@with_namespaces
def test_processor_time_has_a_limit(run: Runner, capped: Callable[..., None], level: int) -> None:
    capped(cpu_s=2)
    ran = run(HAND_IN, "while True:\n    pass")
    assert ran.run.outcome == "kernel_died"
    assert [entry.name for entry in ran.run.entries] == ["x", "f"]


@at_protected_levels
def test_wall_time_has_a_limit_whatever_is_ignored(run: Runner, level: int) -> None:
    ignore = (
        "import signal\nfor number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:\n    signal.signal(number, signal.SIG_IGN)"
    )
    ran = run(
        HAND_IN,
        f"{ignore}\nwhile True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass",
        total_s=SHORT_S,
    )
    assert ran.run.outcome == "timed_out"
    assert [entry.name for entry in ran.run.entries] == ["x", "f"]


@at_protected_levels
def test_a_stopped_process_is_ended_at_its_limit(run: Runner, level: int) -> None:
    ran = run(HAND_IN, "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", total_s=SHORT_S)
    assert ran.run.outcome == "timed_out"
    assert [entry.name for entry in ran.run.entries] == ["x", "f"]


FLOODS = {
    "prints": """
        for _ in range(200):
            print("x" * 2**20)
        """,
    "one print": "print('x' * 200 * 2**20)",
    "past Python": """
        import os
        for _ in range(3200):
            os.write(1, b"x" * 2**16)
        """,
    "displays": """
        from IPython.display import display
        for _ in range(2000):
            display({"text/plain": "y" * 100_000}, raw=True)
        """,
    "one display": """
        from IPython.display import display
        display({"text/plain": "y" * 200 * 2**20}, raw=True)
        """,
    "updates": """
        from IPython.display import display
        shown = display("x", display_id="x")
        for _ in range(2000):
            shown.update("y" * 90_000)
        """,
    "error": "raise ValueError('x' * 200 * 2**20)",
    "hand-ins": """
        import os
        for index in range(20_000):
            open(f"{os.environ['AUTOGRADER_HANDIN']}/{index:05}{'n' * 200}.json", "w").close()
        """,
}


@pytest.mark.parametrize(
    ("level", "flood"), [(level, flood) for level in PROTECTED for flood in FLOODS if level >= 2 or flood in ("prints", "displays")]
)
def test_what_is_collected_outside_stays_small(run: Runner, level: int, flood: str) -> None:
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _memory_mib("VmRSS")
    ran = run(HAND_IN, dedent(FLOODS[flood]), total_s=3)
    assert _memory_mib("VmHWM") - before < 200
    assert ran.run.outcome in ("completed", "output_exceeded", "timed_out", "cell_error", "memory_exceeded")
    kept = sum(path.stat().st_size for path in ran.folder.path.rglob("*"))
    assert kept < 10 * MIB


def _memory_mib(name: str) -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


# --- spoiling the run -------------------------------------------------------------------------------------------------

SABOTAGE = {
    "own group": "import os\nos.kill(0, 9)",
    "parent": """
        import os
        for number in (15, 2, 9, 19):
            os.kill(os.getppid(), number)
        """,
    "exit 0": "import os\nos._exit(0)",
    "exit": "import sys\nsys.exit(0)",
    "segfault": "import ctypes\nctypes.string_at(0)",
    "no descriptors": "import os\nos.closerange(0, 1000)",
    "no work folder": """
        import shutil
        shutil.rmtree("..", ignore_errors=True)
        """,
    "no sockets": """
        import glob, os
        for path in glob.glob("../kernel*"):
            os.unlink(path)
        """,
    "forbidden work folder": "import os\nos.chmod('..', 0)",
    "forbidden hand-ins": "import os\nos.chmod(os.environ['AUTOGRADER_HANDIN'], 0)",
    "hand-ins are a file": """
        import os, shutil
        shutil.rmtree(os.environ["AUTOGRADER_HANDIN"])
        open(os.environ["AUTOGRADER_HANDIN"], "w").close()
        """,
    "hand-ins are a pipe": """
        import os, shutil
        shutil.rmtree(os.environ["AUTOGRADER_HANDIN"])
        os.mkfifo(os.environ["AUTOGRADER_HANDIN"])
        """,
    "hand-ins are everything": """
        import os, shutil
        shutil.rmtree(os.environ["AUTOGRADER_HANDIN"])
        os.symlink("/", os.environ["AUTOGRADER_HANDIN"])
        """,
    "hand-ins are the worker": """
        import os, shutil
        shutil.rmtree(os.environ["AUTOGRADER_HANDIN"])
        os.symlink("/proc/self", os.environ["AUTOGRADER_HANDIN"])
        """,
    "deep hand-ins": """
        import os
        os.chdir(os.environ["AUTOGRADER_HANDIN"])
        for _ in range(2000):
            os.mkdir("d" * 16)
            os.chdir("d" * 16)
        """,
    "another key": "get_ipython().kernel.session.key = b'another'",
    "noise": """
        import os, stat
        for number in range(3, 1000):
            try:
                if stat.S_ISSOCK(os.fstat(number).st_mode):
                    os.write(number, b"\\x01\\xff noise" * 100)
            except OSError:
                pass
        """,
    "odd messages": """
        kernel = get_ipython().kernel
        kinds = "stream display_data execute_result error status clear_output update_display_data comm_open nonsense"
        for kind in kinds.split():
            for content in ({}, {"data": 3}, {"name": [], "text": {}}, {"transient": 5}, {"execution_state": 4}):
                kernel.session.send(kernel.iopub_socket, kind, content, parent=kernel.get_parent())
        """,
    "surrogates": "raise ValueError('\\ud800')",
    "many threads": """
        import threading, time
        for _ in range(2000):
            threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        """,
}


DIFFERENT_AT_LEVEL_1 = ("own group", "parent", "no work folder", "hand-ins are everything", "hand-ins are the worker", "deep hand-ins")


@pytest.mark.parametrize(
    ("level", "sabotage"),
    [(level, each) for level in PROTECTED for each in SABOTAGE if level >= 2 or each in DIFFERENT_AT_LEVEL_1],
)
def test_a_spoilt_run_is_the_students_and_has_an_outcome(run: Runner, level: int, sabotage: str) -> None:
    """Never the machine's fault: that would ask somebody to look after it, and the run to be made again."""
    ran = run(HAND_IN, dedent(SABOTAGE[sabotage]), "print(1)", questions=ASKED, total_s=2)
    assert ran.run.outcome in ("completed", "cell_error", "kernel_died", "timed_out"), ran.run.reason
    assert {entry.name for entry in ran.run.entries} <= {"x", "f"}


FORGE = """
import os
frames = b'{"kind": "result", "size": 0, "outcome": "timed_out", "reason": "forged"}\\n'
frames += b'{"kind": "file", "size": 1, "name": "forged.json"}\\n1'
frames += b'{"kind": "answers", "size": 2}\\n[]'
written = []
for name in os.listdir("/proc/self/fd"):
    try:
        if os.readlink("/proc/self/fd/" + name).startswith("pipe:"):
            os.write(int(name), frames)
            written.append(name)
    except OSError:
        pass
print(f"written to {len(written)}")  # at once: what was forged may come between two writes
"""


@at_protected_levels
def test_frames_cannot_be_forged(run: Runner, level: int) -> None:
    ran = run(HAND_IN, FORGE, questions=ASKED)
    assert re.search("written to [1-9]", ran.printed[1])
    assert ran.run.outcome == "completed"
    assert ran.folder.answers()["q"].value == 42
    assert sorted(path.name for path in ran.folder.handin.iterdir()) == ["manifest.json", "x.json"]


@at_protected_levels
def test_questions_cannot_be_led_elsewhere(run: Runner, level: int) -> None:
    """Links and pipes where files of questions and answers could be: their names cannot be known before."""
    links = (
        "import os\nfor index in range(3):\n    os.symlink('/proc/self/fd/1', f'../question-{index}.json')\n"
        "    os.symlink('/etc/passwd', f'../answer-{index}.json')\nos.mkfifo('../question-3.json')"
    )
    ran = run(HAND_IN, links, questions=ASKED)
    assert ran.run.outcome == "completed"
    assert ran.folder.answers()["q"].value == 42
    assert [entry.name for entry in ran.run.entries] == ["x", "f"]


JUNK = """
import os
folder = os.environ["AUTOGRADER_HANDIN"]
os.symlink("/etc/hostname", folder + "/a.json")
os.symlink("/proc/self/environ", folder + "/b.json")
os.mkfifo(folder + "/c.npz")
with open(folder + "/d.npz", "w") as stream:
    os.truncate(stream.fileno(), 2**25)
os.link(folder + "/x.json", folder + "/e.json")
for name in (b"\\xff.json", b"new\\nline.json", b"\\xed\\xa0\\x80.json", b"-rf.json", b"f" * 250):
    open(folder.encode() + b"/" + name, "w").close()
"""


@at_all_levels
def test_of_junk_in_the_handin_folder_only_plain_small_files_are_kept(run: Runner, level: int) -> None:
    ran = run(HAND_IN, JUNK)
    assert ran.run.outcome == "completed"
    assert [entry.name for entry in ran.run.entries] == ["x", "f"]
    assert {path.name for path in ran.folder.handin.iterdir()} <= {"manifest.json", "x.json", "e.json"}
    assert {flag.detail.partition(":")[0] for flag in ran.run.flags} == {"'a.json'", "'b.json'", "'c.npz'", "'d.npz'"}


@pytest.mark.parametrize("level", [level for level in LEVELS if level < 2])
def test_a_long_chain_of_processes_is_dead_as_well(run: Runner, level: int) -> None:
    """Where there is no process namespace, they are looked for."""
    token = new_token()
    there: list[int] = []
    script = NAMED + "import os, signal\nfor _ in range(200):\n    if os.fork():\n        signal.pause()\n"
    script += f"name_this_process('{token}')\nprint('there', flush=True)\nsignal.pause()"
    chain = f"import subprocess, sys\nchild = subprocess.Popen([sys.executable, '-S', '-c', {script!r}], stdout=subprocess.PIPE)\n"
    chain += "print(child.stdout.readline())"
    ran = run(HAND_IN, chain, "y = 1", on_cell=lambda index, count: there.append(len(processes_named(token))))
    assert ran.run.outcome == "completed"
    assert there[2] == 1
    assert processes_named(token) == []
