"""Puts collected files into `submitted/<student>/<assignment>/`: whole or not at all, and what was there before is kept aside."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from autograder.files import PARTIAL, read_bounded, scratch_folder, write_atomic
from autograder.intake.entries import kind_of, list_entries

TIMESTAMP = "timestamp.txt"
ASIDE = ".replaced"

State = Literal["new", "unchanged", "replaced"]


@dataclass(frozen=True)
class Placed:
    """What became of a submission: its state, and where the earlier one lies now."""

    state: State
    aside: str | None = None


def place(
    into: Path, student: str, assignment: str, files: Mapping[str, Path], submitted_at: datetime | None, dry_run: bool = False
) -> Placed:
    """Makes `files` (by relative name) the student's submission, with nbgrader's `timestamp.txt` where there is a time.

    Files that are there already stay as they are, their time too. A kill between the two moves leaves the earlier submission aside, and
    the next call puts the new one in its place. Raises OSError when the folder cannot be written.
    """
    target = into / student / assignment
    there = _exists(target)
    if there and _same(target, files):
        return Placed("unchanged")
    state: State = "replaced" if there else "new"
    if dry_run:
        return Placed(state)
    with scratch_folder(into, f"{PARTIAL}collect-") as scratch:
        made = scratch / "one submission" / "folder"  # so deep that nobody takes it for a student's
        made.mkdir(parents=True)
        for name, source in files.items():
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, made / name)
        if submitted_at is not None:
            write_atomic(made / TIMESTAMP, f"{submitted_at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f} UTC\n")
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = _move_aside(into, student, assignment) if there else None
        os.rename(made, target)
    return Placed(state, aside)


def _exists(path: Path) -> bool:
    with suppress(FileNotFoundError, NotADirectoryError):
        path.lstat()
        return True
    return False


def _move_aside(into: Path, student: str, assignment: str) -> str:
    kept = into / ASIDE / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}" / student / assignment
    kept.parent.mkdir(parents=True)
    os.rename(into / student / assignment, kept)
    return str(kept)


def _same(folder: Path, files: Mapping[str, Path]) -> bool:
    """Whether just these files lie there, byte for byte; the timestamp does not count."""
    if kind_of(folder.lstat()) != "folder":
        return False
    found = [entry for entry in list_entries(folder) if entry.name != TIMESTAMP]
    if {entry.name for entry in found} != files.keys() or any(entry.kind != "file" for entry in found):
        return False
    sizes = {entry.name: entry.size for entry in found}
    return all(_equal(folder / name, source, sizes[name]) for name, source in files.items())


def _equal(there: Path, source: Path, size: int) -> bool:
    if source.stat().st_size != size:
        return False
    try:
        return read_bounded(there, size) == source.read_bytes()
    except (OSError, ValueError):
        return False
