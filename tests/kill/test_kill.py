"""Whatever is killed, and whenever: everybody has one final record, that of an undisturbed run, and no process is left.

Each test kills at moments that follow from its seed and from how long things take here. A failure names the seed; the moment is about
the same when it is run again.
"""

from __future__ import annotations

import contextlib
import random
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from autograder.batch.store import Store
from tests.kill.command import MARK
from tests.kill.conftest import Graded, grade, records, start

SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.loops) for seed in range(1, 40))]


def below(process: subprocess.Popen[str]) -> dict[str, list[psutil.Process]]:
    """What a command has started, by what it does: see `autograder.isolation.guard`."""
    found: dict[str, list[psutil.Process]] = {"server": [], "worker": [], "kernel": [], "anything": []}
    with contextlib.suppress(psutil.NoSuchProcess):
        found["anything"] = psutil.Process(process.pid).children(recursive=True)
    for each in found["anything"]:
        with contextlib.suppress(psutil.NoSuchProcess):
            if each.name() != "bwrap" and (each.ppid() == process.pid or psutil.Process(each.ppid()).name() == "bwrap"):
                found["server"].append(each)
                workers = [worker for guard in each.children() for worker in guard.children()]
                found["worker"] += workers
                found["kernel"] += [leaf for worker in workers for leaf in worker.children(recursive=True) if not leaf.children()]
    return found


def left_behind(course: Path) -> list[psutil.Process]:
    """Processes that commands on this course have started, and that go on after half a minute."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == str(course):
                found.append(process)
    alive: list[psutil.Process] = psutil.wait_procs(found, timeout=30)[1]
    return alive


def gradebook(course: Path) -> dict[str, dict[str, float]]:
    query = """SELECT submitted_assignment.student_id, base_cell.name, grade.auto_score FROM grade
        JOIN base_cell ON base_cell.id = grade.cell_id JOIN submitted_notebook ON submitted_notebook.id = grade.notebook_id
        JOIN submitted_assignment ON submitted_assignment.id = submitted_notebook.assignment_id"""
    found: dict[str, dict[str, float]] = {}
    with contextlib.closing(sqlite3.connect(course / "gradebook.db")) as database:
        for student, cell, score in database.execute(query):
            found.setdefault(student, {})[cell] = score
    return found


def assert_as_undisturbed(course: Path, graded: Graded) -> None:
    assert left_behind(course) == []
    found = records(course)
    assert {student: len(each) for student, each in found.items()} == dict.fromkeys(graded.verdicts, 1)
    assert {student: each[0].verdict() for student, each in found.items()} == graded.verdicts
    scores = {student: {cell.grade_id: cell.score for cell in each[0].grade_cells} for student, each in found.items()}
    assert gradebook(course) == scores
    for each in found.values():
        for run in each[0].runs:
            folder = Store(course / ".autograder").run(run.run_key)
            known = folder.read()
            assert known is not None
            assert known.files == folder.digests()
    assert list((course / ".autograder/starts").glob("[!.]*")) == []


def finish(course: Path, calls: int = 3) -> None:
    """The same command again, as its last words advise, until it has nothing to complain about."""
    for _ in range(calls):
        done = grade(course)
        assert done.returncode in (0, 1, 3), done.stderr
        if done.returncode == 0:
            return
    raise AssertionError(f"still not done after {calls} calls:\n{done.stderr}")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_command_is_simply_called_again(course: Path, graded_once: Graded, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(3):
        command = start(course, "grade", "standin", "--jobs", "3", stderr=subprocess.DEVNULL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            command.wait(chance.uniform(0, graded_once.seconds))
        command.kill()
        command.wait()
        assert left_behind(course) == []
        records(course)
    finish(course, calls=1)
    assert_as_undisturbed(course, graded_once)


def killed_one(course: Path, kind: str, chance: random.Random, least_s: float, *options: str) -> bool:
    """Whether a process of that kind was killed, of a command that had gone on for so long; the command has ended."""
    command = start(course, "grade", "standin", "--jobs", "3", *options, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    killed, least = False, time.monotonic() + least_s
    while command.poll() is None and not killed:
        found = below(command)[kind]
        if found and time.monotonic() > least:
            with contextlib.suppress(psutil.NoSuchProcess):
                chance.choice(found).kill()
                killed = True
        with contextlib.suppress(subprocess.TimeoutExpired):
            command.wait(0.01)
    assert command.wait() in (0, 1, 3)
    return killed


@pytest.mark.parametrize("kind", ["server", "worker", "kernel", "anything"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_process_costs_nobody_anything(course: Path, graded_once: Graded, kind: str, seed: int) -> None:
    chance = random.Random(f"{kind} {seed}")
    if not killed_one(course, kind, chance, chance.uniform(0, graded_once.seconds)):  # it was done before that
        assert killed_one(course, kind, chance, 0, "--force")
    finish(course)
    assert_as_undisturbed(course, graded_once)


def test_two_commands_at_once_share_the_work(course: Path, graded_once: Graded) -> None:
    both = [start(course, "grade", "standin", "--jobs", "2", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(2)]
    said = [command.communicate(timeout=300)[1] for command in both]
    assert [command.returncode for command in both] == [0, 0], said
    assert_as_undisturbed(course, graded_once)
    runs = [path for path in (course / ".autograder/runs").iterdir() if not path.name.startswith(".")]
    assert len(runs) == len(graded_once.verdicts) - 1  # two of them are equal


def test_of_two_commands_one_may_be_killed(course: Path, graded_once: Graded) -> None:
    both = [start(course, "grade", "standin", "--jobs", "2", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(2)]
    while (killed := next((command for command in both if below(command)["kernel"]), None)) is None:  # on a busy machine one may do it all
        assert any(command.poll() is None for command in both), "both have ended unseen"
        with contextlib.suppress(subprocess.TimeoutExpired):
            both[0].wait(0.01)
    killed.kill()
    assert [command.wait(300) for command in both] == [-signal.SIGKILL if command is killed else 0 for command in both]
    assert_as_undisturbed(course, graded_once)
