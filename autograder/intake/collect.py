"""Finds submitted folders, gives each its id, and takes from it only what the assignment allows. Nothing is parsed here."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

from autograder.course.profile import RunLimits
from autograder.course.settings import Assignment
from autograder.errors import SubmissionError, UsageError
from autograder.files import read_bounded
from autograder.records import Flag, Submission

_CHUNK = 1 << 20
_IGNORED = ("timestamp.txt", "*.ipynb_checkpoints/*", ".DS_Store", "*/.DS_Store", "Thumbs.db", "feedback/*")


@dataclass(frozen=True)
class Entry:
    """One path of a submitted folder: relative name, kind ('file', 'link', 'other'), size in bytes."""

    name: str
    kind: str
    size: int


@dataclass(frozen=True)
class Intake:
    """What is taken from a submission: the notebook's bytes, allowed files by relative name, and what was odd."""

    notebook: bytes
    files: dict[str, bytes]
    flags: tuple[Flag, ...]


def find_submissions(submitted: Path, assignment: str, students: Sequence[str], limit: int) -> list[Submission]:
    """The submissions of one assignment in nbgrader's layout `<student>/<assignment>/`, sorted by student.

    `limit`: bytes of one submission that count for its id. Raises UsageError when the folder, or one of the named
    students' submissions, does not exist.
    """
    if not submitted.is_dir():
        raise UsageError(
            f"The folder '{submitted}' does not exist.", "Collect submissions first, or name their folder with --submitted DIR."
        )
    found = {path.parent.name: path for path in submitted.glob(f"*/{assignment}") if path.is_dir() and not path.is_symlink()}
    odd = [name for name in found if not name.isprintable() or name.encode("utf-8", "replace").decode() != name]
    if odd:
        shown = ", ".join(ascii(name) for name in sorted(odd))
        raise UsageError(f"Folders in '{submitted}' have names that are no readable text: {shown}.", "Rename them to the students' ids.")
    absent = sorted(set(students) - set(found))
    if absent:
        raise UsageError(
            f"No submission of '{assignment}' from: {', '.join(absent)}.", f"'{submitted}' has {', '.join(sorted(found)) or 'none'}."
        )
    return [_submission(student, assignment, found[student], limit) for student in sorted(students or found)]


def _submission(student: str, assignment: str, folder: Path, limit: int) -> Submission:
    return Submission(student, assignment, str(folder), _identity(folder, limit), _timestamp(folder))


def list_entries(folder: Path) -> list[Entry]:
    """Everything below a folder, sorted by name; links are not followed."""
    entries = []
    for parent, folders, files in os.walk(folder, followlinks=False):
        linked = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        for name in files + linked:
            path = os.path.join(parent, name)
            kind, size = _kind_and_size(path)
            entries.append(Entry(os.path.relpath(path, folder), kind, size))
    return sorted(entries, key=lambda entry: entry.name)


def _kind_and_size(path: str) -> tuple[str, int]:
    try:
        found = os.lstat(path)
    except OSError:  # a path longer than the system allows, or gone meanwhile: it is there, and nothing of it can be taken
        return "other", 0
    return "file" if stat.S_ISREG(found.st_mode) else "link" if stat.S_ISLNK(found.st_mode) else "other", found.st_size


def _identity(folder: Path, limit: int) -> str:
    """Digest over (path, type, size, bytes). Bytes beyond `limit` in total do not count: such a submission is rejected anyway."""
    whole = hashlib.sha256()
    left = limit
    for entry in list_entries(folder):
        whole.update(f"{entry.name}\0{entry.kind}\0{entry.size}\0".encode("utf-8", "surrogateescape"))
        if entry.kind == "file" and entry.size <= left:
            left -= entry.size
            whole.update(_bytes_of(folder / entry.name, entry.size))
    return whole.hexdigest()[:16]


def _bytes_of(path: Path, size: int) -> bytes:
    try:
        return read_bounded(path, size)
    except (OSError, ValueError):
        return b""  # unreadable: intake says so by name


def _timestamp(folder: Path) -> str | None:
    """`timestamp.txt` as nbgrader writes it, as ISO text in UTC without a zone; None when absent or not a time."""
    try:
        text = read_bounded(folder / "timestamp.txt", 200).decode().strip()
    except (OSError, ValueError):
        return None
    from dateutil.parser import parse  # what nbgrader itself reads it with

    try:
        found = parse(text, tzinfos=_zone)
        return str((found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found).isoformat())
    except (ValueError, OverflowError):  # dateutil's own error is a ValueError; so is a zone of 24 hours, and the year 10,000 overflows
        return None


def _zone(name: str, offset: int | None) -> Any:
    """Zone names such as CET, which dateutil alone only knows for the machine's own zone."""
    from dateutil.tz import gettz, tzoffset

    return tzoffset(name, offset) if offset is not None else gettz(name)


def take_in(submission: Submission, assignment: Assignment, limits: RunLimits) -> Intake:
    """Reads notebook and allowed files within the limits. Raises SubmissionError (rejected or unreadable), with the reason."""
    folder = Path(submission.folder)
    entries = [entry for entry in list_entries(folder) if not any(fnmatch.fnmatch(entry.name, pattern) for pattern in _IGNORED)]
    _check_size(entries, limits)
    notebook, flags = _find_notebook(entries, assignment.id)
    files: dict[str, bytes] = {}
    for entry in entries:
        if entry.name == notebook:
            continue
        if entry.kind == "file" and _is_text(entry.name) and any(fnmatch.fnmatch(entry.name, pattern) for pattern in assignment.files):
            files[entry.name] = _read(folder, entry)
        else:
            shown = f"{entry.name!r:.200} ({entry.kind}, {entry.size:,} bytes)"
            flags.append(Flag("extra_file", f"{shown} is not allowed here and was left out"))
    data = _read(folder, next(entry for entry in entries if entry.name == notebook))
    return Intake(data, files, tuple(flags))


def _is_text(name: str) -> bool:
    """Names that are no UTF-8 cannot be passed on."""
    return name.encode("utf-8", "replace").decode() == name


def together(submitted: dict[str, bytes], released: dict[str, bytes]) -> dict[str, bytes]:
    """What lies beside the notebook while it runs: released files as released, and submitted ones that are not in their way."""

    def in_the_way(name: str) -> bool:
        return any(other.startswith(f"{name}/") or name.startswith(f"{other}/") for other in released)

    return {**{name: data for name, data in submitted.items() if not in_the_way(name)}, **released}


def _check_size(entries: list[Entry], limits: RunLimits) -> None:
    total = sum(entry.size for entry in entries if entry.kind == "file")
    if total > limits.submission_bytes:
        raise SubmissionError(
            "rejected",
            f"The submission has {total / 2**20:.1f} MiB, {limits.submission_bytes / 2**20:.0f} MiB are allowed.",
            "Remove large files and clear large outputs, then submit again.",
        )
    if len(entries) > limits.files:
        raise SubmissionError(
            "rejected", f"The submission has {len(entries)} files, {limits.files} are allowed.", "Remove what does not belong to it."
        )


def _find_notebook(entries: list[Entry], assignment: str) -> tuple[str, list[Flag]]:
    names = [entry.name for entry in entries if entry.kind == "file" and entry.name.endswith(".ipynb") and os.sep not in entry.name]
    wanted = f"{assignment}.ipynb"
    if wanted in names:
        return wanted, []
    if len(names) == 1:
        return names[0], [Flag("renamed_notebook", f"{names[0]!r} was taken for {wanted!r}")]
    there = f"{len(names)} other notebooks are there" if names else "no notebook is there"
    raise SubmissionError("unreadable", f"'{wanted}' was not submitted; {there}.", f"Submit the notebook under its own name, {wanted}.")


def _read(folder: Path, entry: Entry) -> bytes:
    try:
        return read_bounded(folder / entry.name, entry.size)
    except (OSError, ValueError) as error:
        raise SubmissionError("unreadable", f"{entry.name!r} cannot be read: {error}", "Submit it again.") from None
