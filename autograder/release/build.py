"""Makes the release version of an assignment with nbgrader's own converter, and publishes it only when nothing leaks.

    source folder ─ copy ─► draft, against an empty gradebook ─ leak check ─► the course's gradebook ─► release/<id>/

Everything happens in a temporary folder up to the last two steps. What the converter says about the source it says to the
draft's gradebook, so a broken source never touches the course's own.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from autograder.course.paths import CoursePaths
from autograder.course.versions import keep_version, next_number, stamp, versions
from autograder.errors import ConfigurationError, MachineError, Problem, UsageError
from autograder.gradebook.session import gradebook_errors, gradebook_is_missing, nbgrader_environment, nbgrader_log, open_gradebook
from autograder.release.leaks import find_leaks
from autograder.release.secrets import read_secrets

_SOURCE = "source_assignments"
_STUB = '# YOUR CODE HERE\nraise NotImplementedError("Write your code in place of these two lines, then run the cell again.")'
_IGNORED = shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__", "*.pyc")


@dataclass(frozen=True)
class Released:
    """What was published: the notebook, every file (relative to the release folder), cells, grade cells and their points.

    `version`: the number of the release version, which goes up when anything of it changed.
    """

    assignment: str
    notebook: Path
    files: tuple[str, ...]
    cells: int
    grade_cells: int
    points: float
    version: int = 1


@dataclass(frozen=True)
class _Workshop:
    """The temporary folder of one release: a copy of the source, and what the converter makes of it."""

    root: Path
    assignment: str
    course_id: str

    @property
    def draft(self) -> Path:
        return self.root / "draft.db"

    @property
    def draft_url(self) -> str:
        return f"sqlite:///{self.draft}"

    def made(self, step: str) -> Path:
        return self.root / step / self.assignment


def release_assignment(paths: CoursePaths, assignment: str, course_id: str, gradebook_url: str, due: datetime | None = None) -> Released:
    """Publishes `release/<assignment>/` and records its cells in the gradebook; `due` in UTC, without a time zone.

    What was published before is kept under its version's number, since students may have it.

    Raises ConfigurationError for a source that nbgrader refuses or that leaks, UsageError when submissions exist and the
    cells are no longer the same. Then nothing is published and the gradebook is as it was.
    """
    source = _read_source(paths, assignment)
    with tempfile.TemporaryDirectory(prefix="autograder-release-") as folder, nbgrader_environment(), _file_errors():
        workshop = _Workshop(Path(folder).resolve(), assignment, course_id)
        shutil.copytree(paths.source / assignment, workshop.root / _SOURCE / assignment, ignore=_IGNORED)
        _make_draft_gradebook(workshop)
        _convert(workshop, workshop.draft_url, "draft")
        _raise_any(find_leaks(source, workshop.made("draft"), read_secrets(paths, assignment)))
        _require_same_cells(workshop, gradebook_url)
        with _staged(workshop.made("draft"), paths.release) as staged:
            number = next_number(paths, assignment, staged)
            stamp(staged / f"{assignment}.ipynb", number)
            for present in versions(paths, assignment)[-1:]:
                keep_version(paths, assignment, present.number, present.folder)
            _convert(workshop, gradebook_url, "recorded")
            _set_due(gradebook_url, assignment, due)
            keep_version(paths, assignment, number, staged)
            _swap(staged, paths.release / assignment)
    return _describe(paths, assignment, number)


@contextmanager
def _file_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        cure = "Look at the disk's space and the folder's permissions."
        raise MachineError(f"The release could not be written: {error}", cure) from error


def _raise_any(problems: list[Problem]) -> None:
    if problems:
        raise ConfigurationError(problems)


# --- the source -------------------------------------------------------------------------------------------------------


def _read_source(paths: CoursePaths, assignment: str) -> dict[str, Any]:
    notebook = paths.source_notebook(assignment)
    place = notebook.relative_to(paths.root).as_posix()
    if not notebook.is_file():
        raise UsageError(f"'{place}' does not exist.", "An assignment is one notebook, in the folder of the same name.")
    try:
        content = json.loads(notebook.read_text(encoding="utf-8"))
        if not all(isinstance(cell, dict) for cell in content["cells"]):
            raise ValueError("a cell is no object")
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigurationError([Problem(place, f"not a notebook of format 4: {error}", "Open and save it in JupyterLab.")]) from None
    others = sorted(path.name for path in notebook.parent.glob("*.ipynb") if path != notebook)
    _raise_any([Problem(place, f"'{name}' lies beside it", "An assignment is one notebook: move the other away.") for name in others])
    _raise_any(_hidden_tests(content, place))
    return dict(content)


def _hidden_tests(notebook: dict[str, Any], place: str) -> list[Problem]:
    cure = "Move it to the assignment's graders; a grade cell of one line, graded_later(…), stays."
    return [
        Problem(f"{place}, cell {index}", "a hidden-test region, which our grading would not run", cure)
        for index, cell in enumerate(notebook["cells"], start=1)
        if "BEGIN HIDDEN TESTS" in "".join(cell.get("source", ""))
    ]


# --- nbgrader's converter ---------------------------------------------------------------------------------------------


def _make_draft_gradebook(workshop: _Workshop) -> None:
    """A gradebook with one table counts as migrated: nbgrader adds its own without starting alembic, which takes seconds."""
    with closing(sqlite3.connect(workshop.draft)) as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")


def _convert(workshop: _Workshop, gradebook_url: str, step: str) -> None:
    """Runs GenerateAssignment from the copied source into `workshop.made(step)`."""
    with nbgrader_log() as (log, errors), gradebook_errors(gradebook_url):
        from nbgrader.converters import GenerateAssignment
        from nbgrader.converters.base import NbGraderException
        from nbgrader.coursedir import CourseDirectory
        from traitlets.config import Config

        folders = {"root": str(workshop.root), "source_directory": _SOURCE, "release_directory": step}
        course = CourseDirectory(log=log, course_id=workshop.course_id, assignment_id=workshop.assignment, db_url=gradebook_url, **folders)
        try:
            GenerateAssignment(coursedir=course, log=log, config=Config({"ClearSolutions": {"code_stub": {"python": _STUB}}})).start()
        except NbGraderException as error:
            raise (_refused if step == "draft" else _unrecorded)(workshop.assignment, errors or [str(error)]) from error


def _unrecorded(assignment: str, errors: list[str]) -> Exception:
    """The draft went well, so what failed now is the gradebook."""
    cure = "Close other programs that use it and release again; for one of an older nbgrader run `nbgrader db upgrade`."
    return MachineError(f"The gradebook did not take '{assignment}', nothing is published: {_exceptions(errors)}", cure)


def _refused(assignment: str, errors: list[str]) -> Exception:
    said = _exceptions(errors)
    if "alembic" in said:
        cure = "Install nbgrader again in this environment: alembic comes with it."
        return MachineError(f"nbgrader cannot make a gradebook: {said}", cure)
    shown = next((f". The cell begins '{_first_line(line)}'" for line in errors if "Cell contents are:" in line), "")
    cure = "Correct it in the source notebook (JupyterLab: View → Create Assignment) and release again."
    return ConfigurationError([Problem(f"{_SOURCE}/{assignment}", f"nbgrader cannot convert it: {said}{shown}", cure)])


def _exceptions(errors: list[str]) -> str:
    """What nbgrader logged, as one line: the exceptions of its first traceback without modules' names, or its last message."""
    text = next((line for line in errors if line.startswith("Traceback")), errors[-1])
    found = re.findall(r"^(?:\w+\.)*(\w+(?:Error|Exception|Entry|TooOld|TooNew)\b.*)$", text, flags=re.MULTILINE)
    return "; ".join(dict.fromkeys(found)) or text.strip().splitlines()[-1]


def _first_line(message: str) -> str:
    lines = message.partition("Cell contents are:")[2].strip().splitlines()
    return lines[0][:80] if lines else ""


# --- the gradebook ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Cells:
    """Ids of an assignment's cells by nbgrader's kinds, and whether submissions hang on them."""

    ids: dict[str, frozenset[str]]
    submissions: int


def _require_same_cells(workshop: _Workshop, gradebook_url: str) -> None:
    """nbgrader cannot add or remove cells once submissions exist; said before anything is written."""
    new, old = _cells(workshop.draft_url, workshop.assignment), _cells(gradebook_url, workshop.assignment)
    if new is None or old is None or not old.submissions or new.ids == old.ids:
        return
    before, after = frozenset().union(*old.ids.values()), frozenset().union(*new.ids.values())
    changes = [f"{what} {', '.join(sorted(ids))}" for what, ids in (("new:", after - before), ("gone:", before - after)) if ids]
    raise UsageError(
        f"The cells of '{workshop.assignment}' changed ({'; '.join(changes) or 'other kinds'}), "
        f"but the gradebook holds {old.submissions} submissions with the old ones.",
        "Restore the old ids, or give the changed notebook a new assignment id. Where all its grades may go: "
        f"`nbgrader db assignment remove {workshop.assignment} --force`, then release again.",
    )


def _cells(url: str, assignment: str) -> _Cells | None:
    if gradebook_is_missing(url):
        return None
    with open_gradebook(url) as gradebook:
        from nbgrader.api import MissingEntry

        try:
            found = gradebook.find_assignment(assignment)
        except MissingEntry:
            return None
        kinds = ("grade_cells", "solution_cells", "task_cells", "source_cells")
        ids = {kind: frozenset(cell.name for notebook in found.notebooks for cell in getattr(notebook, kind)) for kind in kinds}
        return _Cells(ids, len(found.submissions))


def _set_due(url: str, assignment: str, due: datetime | None) -> None:
    if due is not None:
        with open_gradebook(url) as gradebook:
            gradebook.update_or_create_assignment(assignment, duedate=due)


# --- publishing -------------------------------------------------------------------------------------------------------


@contextmanager
def _staged(made: Path, release: Path) -> Iterator[Path]:
    """A complete copy beside the published folders, which students' tools do not see; gone afterwards unless it was moved."""
    release.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=release, prefix=f".{made.name}.new."))
    try:
        shutil.copytree(made, beside / made.name)
        yield beside / made.name
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _swap(staged: Path, published: Path) -> None:
    """Puts the staged folder in the place of the published one, which comes back when that fails."""
    old = staged.with_name("old")
    if published.exists():
        published.rename(old)
    try:
        staged.rename(published)
    except OSError:
        if old.exists():
            old.rename(published)
        raise


def _describe(paths: CoursePaths, assignment: str, version: int) -> Released:
    notebook = paths.release_notebook(assignment)
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    graded = [found for cell in cells if (found := cell["metadata"].get("nbgrader", {})).get("grade") or found.get("task")]
    files = tuple(sorted(path.relative_to(notebook.parent).as_posix() for path in notebook.parent.rglob("*") if path.is_file()))
    return Released(assignment, notebook, files, len(cells), len(graded), float(sum(cell.get("points", 0) for cell in graded)), version)
