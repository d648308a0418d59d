"""The release versions of an assignment: every one that was published, kept under its number.

    .autograder/releases/<assignment>/<number>/version.json, files/…

The number also stands in the notebook's metadata, where students' copies keep it. What lies in `release/` is always the newest version,
also where it was put there by another program or by hand.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autograder.course.notebook import read_notebook
from autograder.course.paths import CoursePaths
from autograder.course.settings import Assignment
from autograder.errors import Problem
from autograder.files import PARTIAL, digest, digest_files, scratch_folder

_MOST = 10_000  # a number in a student's notebook beyond it is no version


@dataclass(frozen=True)
class Version:
    """One version: its number, when it was published (ISO, UTC; empty where nobody knows), and the folder with its files."""

    number: int
    at: str
    folder: Path

    def notebook(self, assignment: str) -> Path:
        return self.folder / f"{assignment}.ipynb"


def release_number(metadata: Any) -> int | None:
    """The version's number in a notebook's metadata, whoever wrote them; None where there is none."""
    found = metadata.get("autograder") if isinstance(metadata, dict) else None
    number = found.get("release") if isinstance(found, dict) else None
    return number if type(number) is int and 0 < number <= _MOST else None


def stamp(notebook: Path, number: int) -> None:
    """Writes the version's number into a notebook of ours."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    found = content.setdefault("metadata", {}).get("autograder")
    content["metadata"]["autograder"] = (found if isinstance(found, dict) else {}) | {"release": number}
    notebook.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def kept_versions(paths: CoursePaths, assignment: str) -> tuple[Version, ...]:
    """All versions that were kept, oldest first."""
    found = []
    for folder in paths.releases(assignment).glob("[1-9]*"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            about = json.loads((folder / "version.json").read_bytes())
            if re.fullmatch(r"[0-9]+", folder.name) and (folder / "files" / f"{assignment}.ipynb").is_file():
                found.append(Version(int(folder.name), str(about["at"]), folder / "files"))
    return tuple(sorted(found, key=lambda each: each.number))


def versions(paths: CoursePaths, assignment: str) -> tuple[Version, ...]:
    """All versions, oldest first. The last one is what lies in `release/` now; empty when nothing was released."""
    folder = paths.release / assignment
    if not paths.release_notebook(assignment).is_file():
        return ()
    kept = kept_versions(paths, assignment)
    number = _present_number(paths, assignment, kept)
    at = next((each.at for each in kept if each.number == number), "")
    return (*(each for each in kept if each.number < number), Version(number, at, folder))


def read_versions(paths: CoursePaths, assignment: str) -> dict[int, dict[str, Any]]:
    """The notebooks of all versions by number, the newest last; none before a release. Raises UsageError for one that is damaged."""
    return {each.number: read_notebook(each.notebook(assignment)) for each in versions(paths, assignment)}


def _present_number(paths: CoursePaths, assignment: str, kept: tuple[Version, ...]) -> int:
    """As its notebook says, else that of the last version with the same files, else the next one."""
    with suppress(OSError, ValueError, AttributeError):
        found = release_number(json.loads(paths.release_notebook(assignment).read_bytes()).get("metadata"))
        if found is not None:
            return found
    last = max((each.number for each in kept), default=0)
    present = content_digest(paths.release / assignment, assignment)
    return next((each.number for each in reversed(kept) if content_digest(each.folder, assignment) == present), last + 1)


def content_digest(folder: Path, assignment: str) -> str:
    """Digest of a release's files; the number in its notebook makes no difference."""
    notebook = folder / f"{assignment}.ipynb"
    try:
        content = json.loads(notebook.read_bytes())
        found = content["metadata"].pop("autograder", None)
        rest = {key: value for key, value in found.items() if key != "release"} if isinstance(found, dict) else found
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return digest_files(folder)
    others = sorted(path for path in folder.rglob("*") if path.is_file() and path != notebook)
    return digest(
        content, rest or None, [(path.relative_to(folder).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()) for path in others]
    )


def next_number(paths: CoursePaths, assignment: str, made: Path) -> int:
    """The number of a version that was just made: that of the newest one where nothing has changed, else the next."""
    known = versions(paths, assignment) or kept_versions(paths, assignment)
    if known and content_digest(known[-1].folder, assignment) == content_digest(made, assignment):
        return known[-1].number
    return max((each.number for each in (*known, *kept_versions(paths, assignment))), default=0) + 1


def keep_version(paths: CoursePaths, assignment: str, number: int, folder: Path) -> None:
    """Keeps a copy of a version's files under its number; nothing happens where they are kept already. Raises OSError."""
    target = paths.releases(assignment) / str(number)
    if target.exists():
        return
    with scratch_folder(target.parent, PARTIAL) as partial:
        made = partial / "version"
        shutil.copytree(folder, made / "files")
        at = datetime.now(UTC).isoformat(timespec="seconds")
        (made / "version.json").write_text(json.dumps({"schema": 1, "number": number, "at": at}) + "\n", encoding="utf-8")
        with suppress(OSError):  # another command was faster
            made.rename(target)


def version_problems(paths: CoursePaths, assignment: Assignment) -> list[Problem]:
    """What is wrong with an assignment's `version_points`: they are about older versions, and about cells that these have."""
    older = {each.number: each for each in versions(paths, assignment.id)[:-1]}
    wrong = []
    for number, points in assignment.version_points.items():
        if number not in older:
            known = ", ".join(map(str, older)) or "none"
            cure = f"Older versions are: {known}. The points of the newest one stand in its notebook."
            wrong.append(Problem(assignment.place, f"version_points: there is no older version {number!r}", cure))
            continue
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            cells = json.loads(older[number].notebook(assignment.id).read_bytes())["cells"]
            there = {cell["metadata"].get("nbgrader", {}).get("grade_id") for cell in cells}
            strange = [name for name in points if name not in there]
            wrong += [Problem(assignment.place, f"version_points: version {number} has no cell {name!r}") for name in strange]
    return wrong
