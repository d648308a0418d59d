"""Starts a folder of tests again as an account that owns nothing; only root can do that."""

from __future__ import annotations

import os
import site
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest

from autograder.isolation import syscalls
from autograder.isolation.bubblewrap import interpreter_paths, outermost

REPOSITORY = Path(__file__).parents[2]
UID = 0x6FFF_0000  # nobody's: below those of runs, above those of systemd's containers
# What an ordinary user cannot do at all; the same tests ran as root.
ROOTS = ("changing the uid and mounting need root", "no control groups: uid ")


@contextmanager
def home() -> Iterator[Path]:
    """The user's own folder, not below pytest's, which only root may enter."""
    with tempfile.TemporaryDirectory(prefix="isolation-user-", ignore_cleanup_errors=True) as folder:
        os.chown(folder, UID, UID)
        yield Path(folder)


def closed_above(paths: Iterable[Path]) -> list[Path]:
    """The outermost folders above these paths that only their owner may pass: /root, say."""
    above = {parent for path in paths for parent in path.parents if not parent.stat().st_mode & 0o001}
    return [path for path in sorted(above) if not any(other in path.parents for other in above)]


def show(paths: list[Path], stage: Path) -> None:
    """In a mount namespace of this process's own: makes paths reachable that lie in closed folders, without what lies beside them."""
    closed = closed_above(paths)
    if not closed:
        return
    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.mount(None, "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
    hidden = [path for path in paths if any(folder in path.parents for folder in closed)]
    for index, path in enumerate(hidden):
        place = stage / str(index)
        place.mkdir()
        syscalls.mount(str(path), str(place), None, syscalls.MS_BIND)
    for folder in closed:
        syscalls.mount("tmpfs", str(folder), "tmpfs", 0, "mode=0755")
    for index, path in enumerate(hidden):
        path.mkdir(parents=True)
        syscalls.mount(str(stage / str(index)), str(path), None, syscalls.MS_BIND)


def as_user(paths: list[Path], stage: Path) -> Callable[[], None]:
    def change() -> None:
        os.umask(0o022)
        show(paths, stage)
        syscalls.become(UID, UID)

    return change


def _is_skipped(case: ElementTree.Element) -> bool:
    """Whether it did not run at all; a test that is expected to fail has run."""
    found = case.find("skipped")
    return found is not None and found.get("type") != "pytest.xfail"


def run_again(tests: str, chosen: str, some: str) -> None:
    """Runs the chosen tests (`-k`) of a folder as the user. One with `some` in its name must have run."""
    with home() as folder:
        _run_again(folder, tests, chosen, some)


def _run_again(home: Path, tests: str, chosen: str, some: str) -> None:
    needed = outermost([REPOSITORY, *(path for path in interpreter_paths() if path.is_dir()), *map(Path, site.getsitepackages())])
    report = home / "report.xml"
    stage = home / "stage"
    stage.mkdir()
    arguments = [
        tests,
        "-q",
        "--tb=short",
        "-k",
        chosen,
        "-p",
        "no:cacheprovider",
        f"--basetemp={home}/tmp",
        f"--junitxml={report}",
    ]
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("AUTOGRADER_", "PYTEST_", "XDG_"))},
        "HOME": str(home),
        "TMPDIR": "/tmp",
        "USER": "ordinary",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=REPOSITORY,
        env=environment,
        preexec_fn=as_user(needed, stage),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    cases = list(ElementTree.parse(report).iter("testcase"))
    skipped = {case: case.find("skipped") for case in cases if _is_skipped(case)}
    unexpected = [
        found.get("message", "") for found in skipped.values() if found is not None and not found.get("message", "").startswith(ROOTS)
    ]
    if unexpected:
        pytest.skip(f"as an ordinary user: {unexpected[0]}")
    assert any(some in case.get("name", "") for case in cases if case not in skipped)
