"""Fixtures that several parts share, and the rule that CI skips nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from autograder.isolation.choice import choose_sandbox
from autograder.isolation.sandbox import Sandbox

SAMPLES = Path(__file__).parent / "samples"
_skipped: list[str] = []

# How long an example takes says nothing on a busy machine; and what is tried is the same each time, unless more is asked for.
settings.register_profile(
    "suite", deadline=None, derandomize=os.environ.get("AUTOGRADER_FUZZ", "0") == "0", suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped.append(f"{report.nodeid}: {report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where everything is installed (AUTOGRADER_TEST_ALL=1, as in CI) a skip is a failure."""
    if _skipped and os.environ.get("AUTOGRADER_TEST_ALL") == "1":
        print("\nSkipped although everything must be tested here:\n  " + "\n  ".join(_skipped))
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_configure() -> None:
    """What a shell starts in the background, or `nohup`, has signals ignored, and the commands under test would inherit that."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A fresh copy of the tiny course, not released."""
    return Path(shutil.copytree(SAMPLES / "tiny", tmp_path / "tiny"))


@pytest.fixture(scope="session")
def released_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny course, released with nbgrader's converter; shared, so copy it before changing it."""
    root = Path(shutil.copytree(SAMPLES / "tiny", tmp_path_factory.mktemp("released") / "tiny"))
    done = autograder(root, "release", "tiny")
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def released(released_once: Path, tmp_path: Path) -> Path:
    """A copy of the released tiny course of one's own."""
    return Path(shutil.copytree(released_once, tmp_path / "tiny"))


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The course that `autograder init` makes, and what its first validation said; copy it before changing it."""
    root = tmp_path_factory.mktemp("started") / "diabetes-course"  # as in docs/own-course.md
    assert autograder(root.parent, "init", root.name).returncode == 0
    return root, autograder(root, "validate", "--json", "-", "--seeds", "2", "--jobs", "3", "--junit", "validated.xml")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder that `autograder demo` makes of the shipped course where there is no bubblewrap, and what it said; not to be changed."""
    folder, seed = tmp_path_factory.mktemp("demo") / "course", tmp_path_factory.mktemp("seed") / "seed"
    seed.write_text("5" * 64)  # the same images are hidden each time
    seed.chmod(0o600)
    without = {"PATH": str(Path(sys.executable).parent), "AUTOGRADER_SEED_FILE": str(seed)}
    done = autograder(Path(__file__).parents[1], "demo", "--into", str(folder), **without)
    assert done.returncode == 0, done.stderr
    return folder, done.stderr


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The best sandbox of this machine, with its warm servers, for all tests that execute something themselves."""
    with choose_sandbox(0, trust=True) as best:
        yield best


def autograder(course: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as a user runs it, in the course's folder."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AUTOGRADER_") or key == "AUTOGRADER_TEST_ALL"}
    return subprocess.run(
        [sys.executable, "-m", "autograder.cli", *arguments], cwd=course, env={**clean, **environment}, capture_output=True, text=True
    )


def nest_folders(folder: Path) -> None:
    """Makes folders in it, each in the one before, deeper than Python calls itself."""
    deepest = os.open(folder, os.O_RDONLY)
    for _ in range(1_200):
        os.mkdir("deeper", dir_fd=deepest)
        above, deepest = deepest, os.open("deeper", os.O_RDONLY, dir_fd=deepest)
        os.close(above)
    os.close(deepest)


def edit_notebook(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Changes a notebook file in place."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    change(notebook)
    path.write_text(json.dumps(notebook), encoding="utf-8")


def cell_of(notebook: dict[str, Any], grade_id: str) -> dict[str, Any]:
    """The first cell with that grade id."""
    return next(cell for cell in notebook["cells"] if cell["metadata"].get("nbgrader", {}).get("grade_id") == grade_id)


@pytest.fixture
def no_autograder_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own environment must not decide what they see."""
    for key in list(os.environ):
        if key.startswith("AUTOGRADER_") and key != "AUTOGRADER_TEST_ALL":
            monkeypatch.delenv(key)
