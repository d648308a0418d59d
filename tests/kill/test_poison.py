"""A submission that ends whatever is at work on it stops being executed; nobody else waits for that, or is suspected for long.

Without a sandbox, since inside one a submission cannot do it.
"""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.kill.conftest import CLASS, DOUBLE, Graded, grade, hand_in, records

KILLS_ITS_WORKER = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)"
KILLS_THE_COMMAND = """\
import os, signal, psutil
command = next(each for each in psutil.Process().parents() if any("command.py" in word for word in each.cmdline()))
command.kill()
import time
time.sleep(60)"""
OPEN = {"STAND_IN_LEVEL": "0"}


@pytest.fixture
def small(course: Path) -> Path:
    """Two who do no harm and one who will."""
    for student in set(CLASS) - {"ada", "bob"}:
        shutil.rmtree(course / "submitted" / student)
    return course


def verdicts(course: Path) -> dict[str, dict[str, Any]]:
    found = records(course)
    assert {len(each) for each in found.values()} == {1}
    return {student: each[0].verdict() for student, each in found.items()}


def executed(course: Path) -> int:
    return sum(path.is_dir() for path in (course / ".autograder/runs").glob("[!.]*"))


def test_one_that_kills_its_worker(small: Path, graded_once: Graded) -> None:
    hand_in(small, "aaron", KILLS_ITS_WORKER, DOUBLE)  # the first in every order
    first = grade(small, "--trust-submissions", **OPEN)
    assert first.returncode == 3
    assert "aaron: its process ended; again when the others are done" in first.stderr
    assert "aaron: not scored, the machine failed" in first.stderr
    assert verdicts(small)["aaron"]["outcome"] == "infra_error"  # not final yet
    second = grade(small, "--trust-submissions", **OPEN)
    assert second.returncode == 0, second.stderr
    assert "aaron: not scored, rejected: The grading process ended without a result each of the 2 times" in second.stderr
    final = verdicts(small)
    assert (final["aaron"]["outcome"], final["aaron"]["score"]) == ("rejected", None)
    assert {student: final[student] for student in ("ada", "bob")} == {student: graded_once.verdicts[student] for student in ("ada", "bob")}
    assert executed(small) == 2
    assert grade(small, "--trust-submissions", **OPEN).returncode == 0
    assert verdicts(small) == final


def test_the_instructor_may_have_it_tried_again(small: Path) -> None:
    hand_in(small, "aaron", KILLS_ITS_WORKER, DOUBLE)
    for _ in range(2):
        grade(small, "--trust-submissions", **OPEN)
    assert verdicts(small)["aaron"]["outcome"] == "rejected"
    done = grade(small, "--force", "--student", "aaron")  # where it is sandboxed it ends itself at most
    assert done.returncode == 0, done.stderr
    assert verdicts(small)["aaron"]["outcome"] in ("cell_error", "kernel_died")
    assert list((small / ".autograder/starts").iterdir()) == []


def test_one_that_kills_the_command(small: Path, graded_once: Graded) -> None:
    hand_in(small, "aaron", KILLS_THE_COMMAND, DOUBLE)
    statuses = [grade(small, "--trust-submissions", **OPEN).returncode for _ in range(4)]
    assert statuses == [-signal.SIGKILL, -signal.SIGKILL, -signal.SIGKILL, 0]  # once in company, twice alone, and no more
    final = verdicts(small)
    assert final["aaron"]["outcome"] == "rejected"
    assert {student: final[student] for student in ("ada", "bob")} == {student: graded_once.verdicts[student] for student in ("ada", "bob")}


def test_others_are_graded_before_a_suspect_kills_the_command_again(small: Path, graded_once: Graded) -> None:
    hand_in(small, "aaron", KILLS_THE_COMMAND, DOUBLE)
    for _ in range(3):  # in company, alone, and alone after those who were only in company
        assert grade(small, "--trust-submissions", **OPEN).returncode == -signal.SIGKILL
    assert verdicts(small) == {student: graded_once.verdicts[student] for student in ("ada", "bob")}
