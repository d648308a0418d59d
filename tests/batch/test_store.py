"""The store after a command that was killed."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from autograder.batch.plan import store_of
from autograder.course.loading import load_course
from autograder.files import PARTIAL, remove_abandoned, scratch_folder

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
