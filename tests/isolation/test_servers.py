"""Fork servers: crashes, changes, threads, what they hold, and what they leave."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

import autograder.execution.run as run_module
from autograder.batch.pipeline import Turn, grade_submission
from autograder.batch.plan import make_plan
from autograder.batch.store import Store
from autograder.course.loading import load_course
from autograder.execution.environment import notebook_server, server_kind
from autograder.grading import models
from autograder.grading.models import model_server
from autograder.intake.collect import find_submissions
from autograder.isolation import cgroup, scratch
from autograder.isolation.process import Process
from autograder.isolation.sandbox import Command, Sandbox
from autograder.isolation.servers import ServerKind
from autograder.quality.variants import Variant, build_submission
from tests.isolation.running import LEVELS, NAMED, NAMESPACES, ROOT, Place, Runner, links_of, new_token, processes_named, server_processes
from tests.isolation.test_probes import PLAIN, ask

SOON = 60
WAITING = Command("autograder.isolation.probes", PLAIN)  # a job that waits for its request, which never comes
at_all_levels = pytest.mark.parametrize("level", LEVELS)
with_namespaces = pytest.mark.parametrize("level", NAMESPACES)


@contextmanager
def own_sandbox(sandboxes: Callable[[int], Sandbox], level: int) -> Iterator[Sandbox]:
    """A sandbox of this test's own, whose only server may be killed."""
    sandboxes(level)
    with Sandbox(level) as sandbox:
        yield sandbox


@contextmanager
def waiting(sandbox: Sandbox, command: Command = WAITING) -> Iterator[Process]:
    process = sandbox.start(command)
    try:
        yield process
    finally:
        process.kill()


def parts_of(sandbox: Sandbox) -> list[psutil.Process]:
    """Bubblewrap's processes, if any, and the server itself."""
    (pid,) = sandbox.server_pids()
    return server_processes(psutil.Process(pid))


# --- giving way ------------------------------------------------------------------------------------------------------


@at_all_levels
def test_jobs_in_the_background_give_way(sandboxes: Callable[[int], Sandbox], level: int) -> None:
    sandboxes(level)
    with Sandbox(level) as usual, Sandbox(level, background=True) as background:
        found = []
        for sandbox in (usual, background):
            with waiting(sandbox):
                jobs = parts_of(sandbox)[-1].children(recursive=True)
                assert jobs
                found.append(({each.nice() for each in jobs}, weights_of(sandbox, {each.pid for each in jobs})))
    (nice, weight), (nice_behind, weight_behind) = found
    assert max(nice) < min(nice_behind)
    assert len(weight) == len(weight_behind) == (0 if usual._hierarchy is None or usual._hierarchy.cpu is None else 1)
    assert all(less < more for less, more in zip(weight_behind, weight, strict=True))


def weights_of(sandbox: Sandbox, pids: set[int]) -> list[int]:
    """What the kernel has noted for the groups that hold one of the processes."""
    if sandbox._hierarchy is None or sandbox._hierarchy.cpu is None:
        return []
    file = "cpu.shares" if sandbox._hierarchy.version == 1 else "cpu.weight"
    mine = sandbox._hierarchy.cpu.glob(f"autograder-*-{os.getpid()}-*")  # another command's may be gone before its members are read
    groups = [each for each in mine if pids & set(cgroup._members(each))]
    return [int((each / file).read_text(encoding="utf-8")) for each in groups]


# --- crashes ----------------------------------------------------------------------------------------------------------


@at_all_levels
@pytest.mark.parametrize("part", [0, -1], ids=["outermost", "server"])
def test_a_server_killed_between_jobs_is_replaced(sandboxes: Callable[[int], Sandbox], level: int, part: int) -> None:
    with own_sandbox(sandboxes, level) as sandbox:
        before = ask(sandbox, PLAIN)
        parts = parts_of(sandbox)
        parts[part].kill()
        after = ask(sandbox, PLAIN)
        assert (after.open.keys(), after.start) == (before.open.keys(), "warm")
        assert sandbox.server_pids() != [parts[0].pid]
        assert psutil.wait_procs(parts, timeout=SOON)[1] == []


@at_all_levels
@pytest.mark.parametrize("part", [0, -1], ids=["outermost", "server"])
def test_a_server_killed_while_jobs_run_takes_no_other_with_it(sandboxes: Callable[[int], Sandbox], level: int, part: int) -> None:
    with own_sandbox(sandboxes, level) as sandbox, waiting(sandbox) as first, waiting(sandbox) as second:
        parts_of(sandbox)[part].kill()
        assert ask(sandbox, PLAIN).start == "warm"
        if level >= 2:  # they were in its namespace
            for process in (first, second):
                reader = process.reader(1000)
                assert reader.read(time.monotonic() + SOON) is None
                reader.close()
                assert process.kill().exit != 0
        else:
            for process in (first, second):
                process.send({"secrets": []})  # too little to probe with, but it is there and answers by ending
        assert ask(sandbox, PLAIN).start == "warm"


@with_namespaces
def test_a_run_whose_server_is_killed_is_nobodys_fault_and_can_be_made_again(run: Runner, level: int) -> None:
    token = new_token()

    def kill(index: int, count: int) -> None:
        if index == 1:
            above = {process.pid for process in processes_named(token)[0].parents()}
            (server,) = above & set(run.sandbox.server_pids())
            os.kill(server, signal.SIGKILL)

    ran = run(NAMED + f"name_this_process('{token}')", "import signal\nsignal.pause()", on_cell=kill)
    assert ran.run.outcome == "infra_error"
    assert not ran.folder.path.exists()
    again = run("x = 1", "y = 2")
    assert (again.run.outcome, again.run.isolation.start) == ("completed", "warm")


@at_all_levels
def test_a_server_outlives_the_thread_that_asked_for_it(sandboxes: Callable[[int], Sandbox], level: int) -> None:
    """Bubblewrap ends with the thread that started it."""
    with own_sandbox(sandboxes, level) as sandbox:
        started: list[Process] = []
        thread = threading.Thread(target=lambda: started.append(sandbox.start(WAITING)))
        thread.start()
        thread.join()
        parts = parts_of(sandbox)
        try:
            with waiting(sandbox):
                assert parts_of(sandbox) == parts
                assert all(part.is_running() and part.status() != psutil.STATUS_ZOMBIE for part in parts)
        finally:
            started[0].kill()


# --- which server a job gets ------------------------------------------------------------------------------------------


@with_namespaces
def test_another_version_of_a_package_gets_another_server(
    sandboxes: Callable[[int], Sandbox], level: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    packages = tmp_path / "site-packages"
    packages.mkdir()
    monkeypatch.syspath_prepend(str(packages))
    before = server_kind("tensorflow", (), ())
    assert server_kind("tensorflow", (), ()) == before
    (packages / "keras-9.9.dist-info").mkdir()
    after = server_kind("tensorflow", (), ())
    other = server_kind("jax", (), ())
    assert len({before, after, other}) == 3
    with own_sandbox(sandboxes, level) as sandbox:
        pids = []
        for kind in (before, after, other, before):
            with waiting(sandbox, replace(WAITING, server=kind)):
                pids.append(set(sandbox.server_pids()))
    assert [len(each) for each in pids] == [1, 2, 3, 3]


@at_all_levels
def test_a_server_with_threads_is_not_forked_and_the_record_says_so(sandboxes: Callable[[int], Sandbox], place: Place, level: int) -> None:
    modules = place.root / "modules"
    modules.mkdir(exist_ok=True)
    (modules / "restless.py").write_text("import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n")
    with own_sandbox(sandboxes, level) as sandbox:
        found = ask(sandbox, _importing("restless", modules))
        assert found.start == "cold: 2 threads run after the imports, one is needed"
        assert found.open.keys() == ask(sandbox, PLAIN).open.keys()


@with_namespaces
def test_a_server_that_cannot_import_is_not_forked(sandboxes: Callable[[int], Sandbox], place: Place, level: int) -> None:
    with own_sandbox(sandboxes, level) as sandbox:
        found = ask(sandbox, _importing("no_such_module", place.graders))
        assert found.start == "cold: no_such_module cannot be imported: ModuleNotFoundError: No module named 'no_such_module'"


def _importing(module: str, folder: Path) -> ServerKind:
    return replace(PLAIN, preload=(module,), readable=(folder,), environment=(*PLAIN.environment, ("PYTHONPATH", str(folder))))


@pytest.fixture(scope="module")
def course_with_a_submission(released_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import shutil

    root = Path(shutil.copytree(released_once, tmp_path_factory.mktemp("warm and cold") / "tiny"))
    _, paths = load_course(root)
    folder = root / "submitted/ada/tiny"
    folder.mkdir(parents=True)
    (folder / "tiny.ipynb").write_text(json.dumps(build_submission(paths, "tiny", Variant("reference", "", True))))
    return root


def test_warm_and_cold_give_the_same_record(
    sandboxes: Callable[[int], Sandbox], course_with_a_submission: Path, monkeypatch: pytest.MonkeyPatch, no_autograder_variables: None
) -> None:
    course, paths = load_course(course_with_a_submission)
    plan = make_plan(course, paths, "tiny", None, Store(paths.state), None, False, lambda said: None)
    (submission,) = find_submissions(paths.root / "submitted", "tiny", [], 2**24)
    with own_sandbox(sandboxes, LEVELS[0]) as sandbox:
        records = [grade_submission(plan, submission, sandbox, lambda index, count: None, Turn(force=True)) for _ in range(2)]
        for module in (run_module, models):
            monkeypatch.setattr(module, "may_fork_warm", lambda slot, backend: "for the test")
        records.append(grade_submission(plan, submission, sandbox, lambda index, count: None, Turn(force=True)))
    assert [record.isolation.start for record in records] == ["warm", "warm", "cold: for the test"]
    assert {record.isolation.level for record in records} == {LEVELS[0]}
    assert records[0].score == 80
    assert records[0].verdict() == records[1].verdict() == records[2].verdict()


# --- what servers hold ------------------------------------------------------------------------------------------------


@at_all_levels
@pytest.mark.parametrize("which", ["A", "B"])
def test_servers_hold_no_secret(sandboxes: Callable[[int], Sandbox], place: Place, level: int, which: str) -> None:
    kind = notebook_server("tensorflow", place.split.student, None) if which == "A" else model_server("tensorflow", place.split)
    allowed = {"hidden_images"} if which == "B" else set()
    with own_sandbox(sandboxes, level) as sandbox, waiting(sandbox, replace(WAITING, server=replace(kind, preload=()))):
        for part in parts_of(sandbox):
            folder = Path(f"/proc/{part.pid}")
            assert place.canary not in (folder / "environ").read_text()
            links = links_of(part)
            assert links
            assert all(
                re.match(r"(socket|pipe|anon_inode|mnt|user|pid|net|ipc|uts|cgroup):|/dev/null$|.* \(deleted\)$", each) for each in links
            ), links
        if level >= 2:
            mounts = (folder / "mountinfo").read_text()
            assert str(place.split.student) in mounts
            for name, path in place.secrets.items():
                assert (str(path) in mounts) == (name in allowed), name
            assert not any(line.split()[3] == str(place.root) for line in mounts.splitlines())


# --- what they leave --------------------------------------------------------------------------------------------------

BUSY = """
import os, sys
from autograder.isolation import scratch
from autograder.isolation.sandbox import Sandbox
from tests.isolation.test_servers import WAITING, replace
scratch.short_folder = lambda: os.environ["TMPDIR"]
sandbox = Sandbox(int(sys.argv[1]))
jobs = [sandbox.start(replace(WAITING, cold=cold)) for cold in ("", "", "for the test")]
print(*(job.work for job in jobs), sep="\\t", flush=True)
sys.stdin.readline()
for job in jobs if sys.argv[2] == "kill" else []:
    job.kill()
sandbox.close()
print("closed", flush=True)
sys.stdin.readline()
"""


@dataclass(frozen=True)
class Busy:
    """A command with two servers and three jobs, everything below it, and the folders in which its jobs work."""

    command: subprocess.Popen[str]
    below: list[psutil.Process]
    works: list[Path]


@contextmanager
def busy_command(folder: Path, level: int, kill: bool) -> Iterator[Busy]:
    """All its temporary folders lie in `folder`."""
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": os.getcwd()}
    arguments = [sys.executable, "-c", BUSY, str(level), "kill" if kill else "leave"]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True) as command:
        try:
            assert command.stdout is not None
            works = [Path(each) for each in command.stdout.readline().rstrip("\n").split("\t")]
            yield Busy(command, psutil.Process(command.pid).children(recursive=True), works)
        finally:
            command.kill()


def groups_of(command: int) -> list[Path]:
    hierarchy, _ = cgroup.find() if ROOT else (None, "")
    return [] if hierarchy is None else [path for folder in hierarchy.folders for path in folder.glob(f"autograder-*-{command}-*")]


@pytest.mark.parametrize(("level", "kill"), [(level, kill) for level in LEVELS for kill in (True, False) if kill or level >= 2])
def test_nothing_is_left_after_close(sandboxes: Callable[[int], Sandbox], tmp_path: Path, level: int, kill: bool) -> None:
    sandboxes(level)
    with busy_command(tmp_path, level, kill) as busy:
        command = busy.command
        assert len(busy.below) >= 5
        assert len(list(tmp_path.iterdir())) == (0 if level >= 2 else 5)
        assert bool(groups_of(command.pid)) == (sandboxes(level)._hierarchy is not None)
        assert command.stdin is not None
        assert command.stdout is not None
        command.stdin.write("\n")
        command.stdin.flush()
        assert command.stdout.readline() == "closed\n"
        assert psutil.wait_procs(busy.below, timeout=SOON)[1] == []
        assert not any(work.exists() for work in busy.works)
        assert list(tmp_path.iterdir()) == []
        if kill:
            assert groups_of(command.pid) == []


@at_all_levels
def test_no_process_is_left_when_the_command_is_killed_and_its_folders_are_free_for_removal(
    sandboxes: Callable[[int], Sandbox], tmp_path: Path, level: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandboxes(level)
    monkeypatch.setattr(scratch, "short_folder", lambda: str(tmp_path))
    monkeypatch.setattr(scratch, "_NEW_S", 0)
    with busy_command(tmp_path, level, kill=False) as busy:
        scratch.remove_abandoned()
        assert all(work.is_dir() == (level < 2) for work in busy.works)
        opened = [links_of(process) for process in busy.below]
        assert any(opened)
        folders = {each for links in opened for each in links if Path(each).parent == tmp_path and not each.endswith(" (deleted)")}
        assert folders == set()  # they hold no lock
        busy.command.kill()
        busy.command.wait()
        assert psutil.wait_procs(busy.below, timeout=SOON)[1] == []
        assert len(list(tmp_path.iterdir())) == (0 if level >= 2 else 5)
        scratch.remove_abandoned()
        assert list(tmp_path.iterdir()) == []
        assert groups_of(busy.command.pid) == []  # the next command removes them
