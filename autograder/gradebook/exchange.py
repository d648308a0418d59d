"""Feedback in nbgrader's directory exchange, where `nbgrader fetch_feedback` and the assignment list look for it.

A page's name there is a digest of the secret that nbgrader put into the submission: only who knows that secret can fetch it, since the
folder cannot be listed. Students' names and scores are in no name.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from autograder.course.paths import CoursePaths
from autograder.errors import MachineError, UsageError
from autograder.files import write_atomic
from autograder.gradebook.location import nbgraders_config

VARIABLE = "AUTOGRADER_EXCHANGE"
_DEFAULT = "/usr/local/share/nbgrader/exchange"
_FOLDER, _FILE = 0o711, 0o644  # as nbgrader has them: students may open what they can name
_LEAST_SECRET = 32


def exchange_root(paths: CoursePaths, named: str | None = None) -> Path:
    """The exchange that is named, else AUTOGRADER_EXCHANGE, else nbgrader's `c.Exchange.root`, else nbgrader's default."""
    configured = named or os.environ.get(VARIABLE) or nbgraders_config(paths.root).Exchange.get("root") or _DEFAULT
    return Path(str(configured)).resolve()


def course_id(paths: CoursePaths) -> str | None:
    """The course's id in nbgrader's configuration; None where none is written."""
    found = nbgraders_config(paths.root).CourseDirectory.get("course_id")
    return str(found) if found else None


def feedback_folder(exchange: Path, course_id: str) -> Path:
    """Where a course's feedback lies in an exchange."""
    return exchange / course_id / "feedback"


def page_name(secret: str, notebook: str) -> str | None:
    """The file's name for a notebook's id; None without a secret that nobody can guess."""
    if len(secret) < _LEAST_SECRET:
        return None
    from nbgrader.utils import notebook_hash

    return f"{notebook_hash(secret=secret, notebook_id=notebook)}.html"


def release_page(folder: Path, page: Path, secret: str, notebooks: Iterable[str]) -> list[Path]:
    """Puts a page there under the name of each notebook's id (students rename files). Files that are as new as the page stay.

    Raises UsageError when the folder is not one that only this account writes, MachineError when it cannot be written.
    """
    names = [name for each in notebooks if (name := page_name(secret, each)) is not None]
    try:
        if names:
            _require_own(folder)
        for name in names:
            if not _as_new(folder / name, page):
                write_atomic(folder / name, page.read_bytes(), mode=_FILE)
    except OSError as error:
        raise MachineError(f"Feedback cannot be written to '{folder}': {error.strerror}.", "Look at its permissions.") from error
    return [folder / name for name in names]


def withdraw_page(folder: Path, secret: str, notebooks: Iterable[str]) -> None:
    """Takes back what was released for a submission. Raises MachineError when it cannot be removed."""
    for each in notebooks:
        name = page_name(secret, each)
        try:
            if name is not None:
                (folder / name).unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise MachineError(f"Feedback cannot be removed from '{folder}': {error.strerror}.", "Look at its permissions.") from error


def _require_own(folder: Path) -> None:
    """A folder of this account's that nobody else may write: otherwise others could put pages under a student's eyes."""
    if not folder.exists() and not folder.is_symlink():
        folder.mkdir(parents=True)
        folder.chmod(_FOLDER)
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid() or about.st_mode & stat.S_IWOTH:
        cure = f"Make it a folder of this account's that others may not write: chmod 711 '{folder}'."
        raise UsageError(f"'{folder}' is no folder that only this account writes.", cure)


def _as_new(file: Path, page: Path) -> bool:
    try:
        about = file.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(about.st_mode) and about.st_mtime_ns >= page.stat().st_mtime_ns
