"""Finds submitted folders, gives each its id, and takes from it only what the assignment allows. Nothing is parsed here."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

from autograder.course.profile import RunLimits
from autograder.course.settings import Assignment
from autograder.errors import MachineError, SubmissionError, UsageError
from autograder.files import read_bounded
from autograder.intake.entries import MOST_ENTRIES, Entry, kind_of, list_entries
from autograder.intake.reading import NOTEBOOK_BYTES
from autograder.records import Flag, Submission

_NOTEBOOK = re.compile(r".+\.ipynb(\.(txt|json))?", re.IGNORECASE | re.DOTALL)  # browsers add the second ending
_MOST_NOTEBOOKS = 20
_IGNORED = ("timestamp.txt", "submission_secret.txt", "*.ipynb_checkpoints/*", ".DS_Store", "*/.DS_Store", "Thumbs.db", "feedback/*")

_YEARS = (2000, 2200)  # in which a submission can have been made; at the ends of the calendar no time zone can be told


@dataclass(frozen=True)
class Intake:
    """What is taken from a submission: its notebooks and allowed files, bytes by relative name, and what was odd."""

    notebooks: dict[str, bytes]
    files: dict[str, bytes]
    flags: tuple[Flag, ...]


def find_submissions(
    submitted: Path, assignment: str, students: Sequence[str], limit: int, refuse: Callable[[str], None] | None = None
) -> list[Submission]:
    """The submissions of one assignment in nbgrader's layout `<student>/<assignment>/`, sorted by student.

    `limit`: bytes of one submission beside notebooks that count for its id. `refuse` gets a line for each folder whose name cannot be
    a student's id; without it they are an error. Raises UsageError when the folder, or one of the named students' submissions,
    does not exist.
    """
    if not submitted.is_dir():
        raise UsageError(
            f"The folder '{submitted}' does not exist.", "Collect submissions first, or name their folder with --submitted DIR."
        )
    try:
        found = {path.name: path / assignment for path in submitted.iterdir() if _may_be_there(path / assignment)}
    except PermissionError:
        raise UsageError(f"The folder '{submitted}' may not be read by this account.", "Look at its permissions.") from None
    odd = [name for name in found if not _is_readable(name)]
    if odd and refuse is None:
        shown = ", ".join(ascii(name) for name in sorted(odd))
        raise UsageError(f"Folders in '{submitted}' have names that are no readable text: {shown}.", "Rename them to the students' ids.")
    for name in odd:
        del found[name]
        if refuse is not None:
            refuse(f"Left out: the folder {name!a}, whose name is no readable text. Rename it to the student's id.")
    absent = sorted(set(students) - set(found))
    if absent:
        raise UsageError(
            f"No submission of '{assignment}' from: {', '.join(absent)}.", f"'{submitted}' has {', '.join(sorted(found)) or 'none'}."
        )
    return [_submission(student, assignment, found[student], limit) for student in sorted(set(students) or found)]


def _may_be_there(path: Path) -> bool:
    """Whether something has that name, or this account may not look: then the submission's record says so."""
    try:
        path.lstat()
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _is_readable(name: str) -> bool:
    return name.isprintable() and name.encode("utf-8", "replace").decode() == name


def _submission(student: str, assignment: str, folder: Path, limit: int) -> Submission:
    return Submission(student, assignment, str(folder), _identity(folder, limit), timestamp_of(folder))


def _identity(folder: Path, limit: int) -> str:
    """Digest over (path, type, size, bytes). Bytes beyond the limits in total do not count: such a submission is rejected anyway."""
    whole = hashlib.sha256()
    left = limit + NOTEBOOK_BYTES
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


def timestamp_of(folder: Path) -> str | None:
    """`timestamp.txt` as nbgrader writes it, as ISO text in UTC without a zone; None when absent or not a time."""
    try:
        text = read_bounded(folder / "timestamp.txt", 200).decode().strip()
    except (OSError, ValueError):
        return None
    from dateutil.parser import parse  # what nbgrader itself reads it with

    try:
        found = parse(text, tzinfos=_zone)
        moment = found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
    except Exception:  # dateutil answers odd text with nearly every kind of error
        return None
    return str(moment.isoformat()) if _YEARS[0] <= moment.year <= _YEARS[1] else None


def _zone(name: str, offset: int | None) -> Any:
    """Zone names such as CET, which dateutil alone only knows for the machine's own zone."""
    from dateutil.tz import gettz, tzoffset

    return tzoffset(name, offset) if offset is not None else gettz(name)


def take_in(submission: Submission, assignment: Assignment, limits: RunLimits) -> Intake:
    """Reads notebooks and allowed files within the limits. Raises SubmissionError (rejected or unreadable), with the reason.

    Raises MachineError when the folder is no longer what its id says.
    """
    folder = Path(submission.folder)
    _check_folder(folder)
    entries = [entry for entry in list_entries(folder) if not any(fnmatch.fnmatch(entry.name, pattern) for pattern in _IGNORED)]
    _check_size(entries, limits)
    notebooks = _notebooks(entries, assignment.id)
    files: dict[str, bytes] = {}
    flags: list[Flag] = []
    for entry in entries:
        if entry in notebooks:
            continue
        if entry.kind == "file" and _is_readable(entry.name) and any(fnmatch.fnmatch(entry.name, pattern) for pattern in assignment.files):
            files[entry.name] = _read(folder, entry)
        else:
            flags.append(
                Flag("extra_file", f"{entry.name!a:.200} ({entry.kind}, {entry.size:,} bytes) is not allowed here and was left out")
            )
    read = {entry.name: _read(folder, entry) for entry in notebooks}
    if _identity(folder, limits.submission_bytes) != submission.submission_id:
        raise MachineError("The submission changed while it was read.", "Grade it again when nobody writes to it.")
    return Intake(read, files, tuple(flags))


def _check_folder(folder: Path) -> None:
    try:
        kind = kind_of(folder.lstat())
        if kind == "folder":
            os.scandir(folder).close()
    except OSError as error:
        cure = "Look at its permissions, and grade again."
        raise SubmissionError("unreadable", f"The submission's folder cannot be opened: {error.strerror}.", cure) from None
    if kind != "folder":
        raise SubmissionError("rejected", f"The submission is a {kind}, a folder was expected.", "Submit a folder with the notebook in it.")


def _is_notebook(entry: Entry) -> bool:
    return bool(_NOTEBOOK.fullmatch(entry.name))


def together(submitted: dict[str, bytes], released: dict[str, bytes]) -> dict[str, bytes]:
    """What lies beside the notebook while it runs: released files as released, and submitted ones that are not in their way."""

    def in_the_way(name: str) -> bool:
        return any(other.startswith(f"{name}/") or name.startswith(f"{other}/") for other in released)

    return {**{name: data for name, data in submitted.items() if not in_the_way(name)}, **released}


def _check_size(entries: list[Entry], limits: RunLimits) -> None:
    """A notebook's outputs may be large: what it has beside them is measured when it is read."""
    if len(entries) > limits.files:
        many = f"more than {MOST_ENTRIES:,}" if len(entries) > MOST_ENTRIES else f"{len(entries):,}"
        raise SubmissionError(
            "rejected", f"The submission has {many} files, {limits.files} are allowed.", "Remove what does not belong to it."
        )
    total = sum(entry.size for entry in entries if entry.kind == "file" and not _is_notebook(entry))
    notebooks = sum(entry.size for entry in entries if entry.kind == "file" and _is_notebook(entry))
    for what, size, allowed in (("files", total, limits.submission_bytes), ("notebooks", notebooks, NOTEBOOK_BYTES)):
        if size > allowed:
            raise SubmissionError(
                "rejected",
                f"The submission has {size / 2**20:,.1f} MiB of {what}, {allowed / 2**20:.0f} MiB are allowed.",
                "Remove large files and clear large outputs, then submit again.",
            )


def _notebooks(entries: list[Entry], assignment: str) -> list[Entry]:
    """The files that may be the assignment's notebook, whatever their names."""
    wanted = f"{assignment}.ipynb"
    found = [entry for entry in entries if entry.kind == "file" and _is_notebook(entry)]
    if len(found) > _MOST_NOTEBOOKS:
        raise SubmissionError("rejected", f"The submission has {len(found)} notebooks.", f"Submit one, {wanted}.")
    if found:
        return found
    instead = next((entry for entry in entries if entry.name == wanted), None)
    if instead is not None:
        raise SubmissionError("rejected", f"'{wanted}' is a {instead.kind}, a plain file was expected.", "Submit the notebook itself.")
    raise SubmissionError("unreadable", f"'{wanted}' was not submitted; no notebook is there.", f"Submit the notebook as {wanted}.")


def _read(folder: Path, entry: Entry) -> bytes:
    try:
        return read_bounded(folder / entry.name, entry.size)
    except PermissionError:
        reason = "this account may not read it"
    except (OSError, ValueError) as error:
        reason = ascii(error.strerror if isinstance(error, OSError) else str(error)).strip("'\"")
    raise SubmissionError("unreadable", f"{entry.name!a} cannot be read: {reason}.", "Submit it again.")
