"""A command that is interrupted or killed loses nothing that was recorded, leaves no process, and goes on when called again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from autograder.course.loading import load_course
from autograder.quality.variants import Variant, build_submission
from tests.conftest import autograder

ENDLESS = {"train": "while True:\n    pass"}


@pytest.fixture
def started(released: Path) -> subprocess.Popen[str]:
    """A grading of one quick and one endless submission, stopped here at the moment when the quick one is recorded."""
    _, paths = load_course(released)
    for student, cells in {"ada": {}, "bob": ENDLESS}.items():
        folder = released / "submitted" / student / "tiny"
        folder.mkdir(parents=True)
        (folder / "tiny.ipynb").write_text(json.dumps(build_submission(paths, "tiny", Variant(student, "", True, cells=cells))))
    config = released / "grading_config.py"
    config.write_text(config.read_text().replace('"15 s"', '"50 s"'))
    command = [sys.executable, "-m", "autograder.cli", "grade", "tiny", "--trust-submissions", "--jobs", "2"]
    process = subprocess.Popen(command, cwd=released, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("ada:"):
            return process
    raise AssertionError("the command ended before the first record")


def _finish(root: Path) -> dict[str, str]:
    config = root / "grading_config.py"
    config.write_text(config.read_text().replace('"50 s"', '"5 s"'))
    before = {file: file.stat().st_mtime_ns for file in root.glob(".autograder/runs/*/run.json")}
    done = autograder(root, "grade", "tiny", "--trust-submissions", "--json", "-")
    assert done.returncode == 0, done.stderr
    assert before
    return {record["student"]: record["outcome"] for record in json.loads(done.stdout)}


def test_an_interrupt_kills_what_runs_and_keeps_what_is_recorded(started: subprocess.Popen[str], released: Path) -> None:
    below = psutil.Process(started.pid).children(recursive=True)
    assert below
    started.send_signal(signal.SIGINT)
    _, said = started.communicate(timeout=60)
    assert started.returncode == 130
    assert "Interrupted. What was graded is recorded" in said
    assert "Traceback" not in said
    _, alive = psutil.wait_procs(below, timeout=30)
    assert alive == []
    assert sorted(path.parent.name for path in released.glob(".autograder/records/smoke/tiny/*/*.json")) == ["ada"]
    assert _finish(released) == {"ada": "completed", "bob": "timed_out"}


def test_a_killed_command_leaves_whole_files_only(started: subprocess.Popen[str], released: Path) -> None:
    below = psutil.Process(started.pid).children(recursive=True)
    os.kill(started.pid, signal.SIGKILL)
    started.wait(60)
    for process in below:  # at level 0 nothing ends them with the command
        with contextlib.suppress(psutil.NoSuchProcess):  # and above it everything ends by itself
            process.kill()
    for file in released.glob(".autograder/records/*/*/*/*.json"):
        json.loads(file.read_text())
    assert _finish(released) == {"ada": "completed", "bob": "timed_out"}
