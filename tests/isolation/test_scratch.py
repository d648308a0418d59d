"""Temporary folders: gone with who used them, or with the next command where that was killed; nobody else's is touched."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from autograder.isolation import choice, scratch
from autograder.isolation.scratch import Scratch, remove_abandoned
from tests.conftest import nest_folders
from tests.isolation.running import ROOT

HOLDS = """
import sys
from autograder.isolation import scratch
scratch.short_folder = lambda: sys.argv[1]
held = [scratch.Scratch(kind) for kind in ("job", "probe", "server")]
for each in held:
    (each.path / "file").touch()
print(*(each.path for each in held), sep="\\t", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the folders of these tests lie, so that those of other commands on this machine are left alone."""
    monkeypatch.setattr(scratch, "short_folder", lambda: str(tmp_path))
    return tmp_path


@pytest.fixture
def after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every folder were a minute older."""
    monkeypatch.setattr(scratch, "_NEW_S", 0)


@contextmanager
def another_command(here: Path) -> Iterator[tuple[subprocess.Popen[str], list[Path]]]:
    """A process that uses a folder of each kind until its standard input ends, and these folders."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(here)], stdin=pipe, stdout=pipe, text=True) as command:
        try:
            assert command.stdout is not None
            yield command, [Path(each) for each in command.stdout.readline().rstrip("\n").split("\t")]
        finally:
            command.kill()


def left(here: Path) -> set[str]:
    return {path.name for path in here.iterdir()}


def abandoned(here: Path) -> Path:
    """A folder that a killed command has left, with a file."""
    with another_command(here) as (command, folders):
        command.kill()
        command.wait()
    return folders[0]


def test_what_a_killed_command_left_is_removed_by_the_next_and_what_another_one_uses_is_not(here: Path, after_a_minute: None) -> None:
    with another_command(here) as (killed, first), another_command(here) as (_, second):
        remove_abandoned()
        assert all(folder.is_dir() for folder in (*first, *second))
        killed.kill()
        killed.wait()
        assert all(folder.is_dir() for folder in first)  # nobody was there to remove them
        remove_abandoned()
        assert not any(folder.exists() for folder in first)
        assert all((folder / "file").exists() for folder in second)


def test_every_command_begins_with_it(here: Path, after_a_minute: None, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = abandoned(here)
    monkeypatch.setattr(choice, "candidates", list)
    choice.choose_sandbox(1, trust=True).close()
    assert not folder.exists()


def test_a_command_that_ends_by_itself_leaves_nothing(here: Path) -> None:
    with another_command(here) as (command, folders):
        assert len(folders) == len(left(here)) == 3
        command.communicate(timeout=60)
    assert left(here) == set()


def test_a_folder_is_removed_once_although_two_ask_for_it(here: Path, after_a_minute: None) -> None:
    once = Scratch("job")
    once.remove()
    with Scratch("server") as other:  # which has the number of the first one's descriptor
        once.remove()
        remove_abandoned()
        assert left(here) == {other.name}


def test_a_new_folder_may_not_be_locked_yet(here: Path) -> None:
    folder = abandoned(here)
    remove_abandoned()
    assert folder.is_dir()


@pytest.mark.skipif(not ROOT, reason="changing the uid and mounting need root")
def test_other_accounts_folders_are_theirs(here: Path, after_a_minute: None) -> None:
    folder = abandoned(here)
    os.chown(folder, 54321, 54321)
    remove_abandoned()
    assert (folder / "file").exists()


def test_nothing_else_is_touched(here: Path, after_a_minute: None) -> None:
    (here / "autograder-job-12345678").mkdir()  # an earlier version's, which locks nothing
    (here / "mine").mkdir()
    (here / "autograder.job-link").symlink_to(here / "mine")
    (here / "autograder.server-file").touch()
    before = left(here)
    remove_abandoned()
    assert left(here) == before


def test_whatever_a_job_left_is_removed_and_no_link_is_followed(here: Path) -> None:
    outside = here / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    outside.chmod(0o500)
    with Scratch("job") as folder:
        (folder / "link").symlink_to(outside)
        (folder / "inner").mkdir()
        (folder / "inner" / "link").symlink_to(outside)
        (folder / "inner" / "closed").mkdir()
        (folder / "inner" / "closed" / "file").touch()
        os.mkfifo(folder / "inner" / "pipe")
        nest_folders(folder)
        for closed in (folder / "inner" / "closed", folder / "inner", folder):
            closed.chmod(0)
    assert left(here) == {"outside"}
    assert outside.stat().st_mode & 0o777 == 0o500
    assert left(outside) == {"kept"}
    outside.chmod(0o700)


def test_who_still_writes_into_a_folder_keeps_nobody(here: Path, after_a_minute: None, monkeypatch: pytest.MonkeyPatch) -> None:
    written, seconds = itertools.count(), itertools.count()

    def write_another(name: str, top: int) -> None:
        os.close(os.open(f"another-{next(written)}", os.O_CREAT | os.O_WRONLY, dir_fd=top))
        os.unlink(name, dir_fd=top)

    with monkeypatch.context() as busy, Scratch("job") as folder:
        busy.setattr(scratch, "_take_out", write_another)
        busy.setattr(scratch, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
        (folder / "file").touch()
        scratch._remove(folder)
        assert next(written) > 1
        busy.undo()
    assert left(here) == set()


def test_a_killed_jobs_folder_may_have_lost_its_permissions(here: Path, after_a_minute: None) -> None:
    folder = abandoned(here)
    folder.chmod(0)
    remove_abandoned()
    assert not folder.exists()
