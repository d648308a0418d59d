"""The store after a command that was killed."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from autograder import files
from autograder.batch.check import check_store
from autograder.batch.plan import store_of
from autograder.batch.starts import Start
from autograder.batch.store import Store
from autograder.course.loading import load_course
from autograder.errors import MachineError, StoreError, UsageError
from autograder.files import PARTIAL, remove_abandoned, scratch_folder
from tests.conftest import nest_folders

LEFT = ("runs", "runs/0123/models", "data", "graders", "calibration/runs", "audited/runs/4567/models")


def unfinished(folder: Path) -> Path:
    """What a killed process left: a folder that nobody holds a lock on."""
    left = folder / f"{PARTIAL}abc"
    (left / "handin").mkdir(parents=True)
    (left / "handin/manifest.json").write_text("{}")
    return left


@pytest.mark.parametrize("place", LEFT)
@pytest.mark.parametrize("named", [None, "elsewhere"])
def test_the_next_command_removes_what_a_killed_one_left(tiny: Path, place: str, named: str | None) -> None:
    course, paths = load_course(tiny)
    root = paths.state if named is None else paths.root / named
    left, finished = unfinished(root / place), root / "runs/0123/run.json"
    finished.parent.mkdir(parents=True, exist_ok=True)
    finished.write_text("{}")
    assert store_of(course, paths, Path(named) if named else None).root == root
    assert not left.exists()
    assert finished.exists()


def test_what_another_command_works_on_stays_and_appears_as_a_whole(tiny: Path) -> None:
    course, paths = load_course(tiny)
    with scratch_folder(paths.state / "runs", PARTIAL) as partial:
        (partial / "run.json").write_text("{}")
        store = store_of(course, paths, None)
        assert (partial / "run.json").exists()
        partial.rename(store.run("0123").path)
    assert store.run("0123").run_file.exists()
    assert [each.name for each in (store.root / "runs").iterdir()] == ["0123"]


def test_where_folders_cannot_be_locked_work_goes_on_and_nothing_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(os.strerror(9))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    left = unfinished(tmp_path)
    with scratch_folder(tmp_path, PARTIAL) as partial:
        remove_abandoned(tmp_path, f"{PARTIAL}*")
        assert partial.exists()
    assert not partial.exists()
    assert left.exists()


def test_folders_in_folders_stop_nobody_however_deep(tmp_path: Path) -> None:
    with scratch_folder(tmp_path, PARTIAL) as partial:
        nest_folders(partial)
    remove_abandoned(tmp_path, f"{PARTIAL}*")
    subprocess.run(["rm", "-rf", partial], check=True)


@pytest.mark.parametrize("hours", [1, 25])
def test_what_another_machine_may_be_at_work_on_stays_for_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    with monkeypatch.context() as there:
        there.setattr(files, "_HOST", "0123abcd")
        with scratch_folder(tmp_path, PARTIAL) as theirs:
            (theirs / "run.json").write_text("{}")
            copy = Path(shutil.copytree(theirs, tmp_path / "kept"))
    copy.rename(theirs)  # without its lock, as on a file system whose locks are each machine's own
    then = time.time() - hours * 3600
    os.utime(theirs, (then, then))
    remove_abandoned(tmp_path, f"{PARTIAL}*")
    with scratch_folder(tmp_path, PARTIAL):
        assert theirs.exists() == (hours < 24)


def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    store = Store(tmp_path)
    start = Start("smoke", "a", "ada", "id", "key", alone=False, level=3)
    with (
        store.in_use(),
        pytest.raises(StoreError, match=r"keeps no locks: No locks available") as caught,
        store.writing(),
        store.starts.attempt(start),
    ):
        raise AssertionError("nothing may run that nobody could lock")
    assert "docs/scale.md" in caught.value.cure
    with pytest.raises(StoreError), store.out_of_use():
        raise AssertionError("nothing may be repaired that nobody could lock")


def test_a_store_that_may_only_be_read_can_be_used_and_not_repaired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", read_only)
    with Store(tmp_path).in_use():
        pass
    with pytest.raises(StoreError, match="Read-only file system"), Store(tmp_path).out_of_use():
        raise AssertionError("it cannot be repaired")


def test_many_use_a_store_and_one_repairs_it(tmp_path: Path) -> None:
    store, gives_up = Store(tmp_path), threading.Event()
    with store.in_use(), store.in_use(), pytest.raises(UsageError, match="A command is at work on the store"), store.out_of_use():
        raise AssertionError("somebody uses it")
    entered: list[str] = []

    def use() -> None:
        try:
            with store.in_use(gives_up.is_set):
                entered.append("in")
        except MachineError as error:
            entered.append(error.message)

    with store.out_of_use():
        gives_up.set()
        use()  # it would wait, and is told not to
        gives_up.clear()
        waiting = threading.Thread(target=use)
        waiting.start()
        assert entered == ["The command was interrupted."]
    waiting.join(60)
    assert entered == ["The command was interrupted.", "in"]


@pytest.mark.parametrize("inner", ["audited", "calibration"])
def test_nothing_is_repaired_while_a_store_inside_is_in_use(tmp_path: Path, inner: str) -> None:
    store, inside = Store(tmp_path), Store(tmp_path / inner)
    broken = store.run("0123").path
    for folder in (broken, inside.root):
        folder.mkdir(parents=True)
    with inside.in_use(), pytest.raises(UsageError, match=f"A command is at work on the store '{inside.root}'"):
        check_store(store, repair=True)
    assert broken.is_dir()
    assert check_store(store, repair=True).findings[0].repaired
    assert not broken.exists()
