"""Exports from the instructors' page: the files that `autograder export` writes, in the same place, and who is not in them."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from autograder.course.profile import find_assignment
from autograder.errors import UsageError
from autograder.exports.exporting import ENDINGS, FORMATS, Books, Exported, Graded, Wanted, make_export, read_graded
from autograder.files import write_atomic
from autograder.gradebook.location import gradebook_url
from autograder.hub.office import Office
from autograder.intake.roster import Roster, read_roster

_UPLOAD_BYTES = 20 * 2**20


@dataclass(frozen=True)
class ExportForm:
    """What is wanted. `template`: the file that the LMS exported, `roster`: the list of students, each empty where not given."""

    assignment: str
    form: str = "nbgrader"
    template: bytes = b""
    roster: bytes = b""
    column: str = ""
    scale: bool = False
    partial: bool = False


@dataclass(frozen=True)
class ExportFile:
    """One that was made and can be downloaded."""

    name: str
    form: str
    made_at: datetime
    size: int


@dataclass(frozen=True)
class ExportReport:
    """What came of an export: how many are in the file, and by student why somebody is not."""

    name: str
    written: int
    unscored: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    absent: Sequence[str] = ()


class ExportDesk:
    """One per service. Files lie in the course's `exports/`."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def files(self, assignment: str) -> tuple[ExportFile, ...]:
        """Those that there are of an assignment, by format."""
        zone = ZoneInfo(self._office.course.timezone)
        found = []
        for form in FORMATS:
            path = self._path(assignment, form)
            if path.is_file():
                about = path.stat()
                found.append(ExportFile(path.name, form, datetime.fromtimestamp(about.st_mtime, zone), about.st_size))
        return tuple(found)

    def read(self, assignment: str, name: str) -> bytes | None:
        """One of them by its name; None for any other name."""
        path = next((self._path(assignment, form) for form in FORMATS if self._path(assignment, form).name == name), None)
        return path.read_bytes() if path is not None and path.is_file() else None

    def make(self, wanted: ExportForm) -> ExportReport:
        """Writes the file, which then can be downloaded. Raises UsageError for what cannot be."""
        office = self._office
        assignment = find_assignment(office.course, wanted.assignment).id
        if wanted.form not in FORMATS:
            raise UsageError(f"There is no format '{wanted.form}'.", f"There are: {', '.join(FORMATS)}.")
        if max(len(wanted.template), len(wanted.roster)) > _UPLOAD_BYTES:
            raise UsageError("The file is too large to be one of a course.", f"At most {_UPLOAD_BYTES >> 20} MiB are read.")
        books = Books(office.course, office.store, gradebook_url(office.paths))
        graded = read_graded(books, assignment, partial=wanted.partial or wanted.form == "junit")
        template = wanted.template if wanted.form in ("canvas", "moodle") else b""
        asked = Wanted(wanted.form, template or None, wanted.column or None, None, _roster(wanted.roster), wanted.scale)
        made = make_export(books, [graded], asked)
        path = self._path(assignment, wanted.form)
        write_atomic(path, _zipped(made.files) if wanted.form == "gradescope" else made.files[""])
        return _report(path.name, graded, made)

    def _path(self, assignment: str, form: str) -> Path:
        return self._office.paths.root / "exports" / f"{assignment}.{form}.{ENDINGS.get(form, 'zip')}"


def _report(name: str, graded: Graded, made: Exported) -> ExportReport:
    unscored = {score.student: score.reason for score in graded.scores if score.points is None}
    return ExportReport(name, len(made.written), unscored, made.missing, tuple(made.absent))


def _zipped(files: Mapping[str, bytes]) -> bytes:
    """`<student>/results.json` of each."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for student, data in sorted(files.items()):
            archive.writestr(f"{student}/results.json", data)
    return whole.getvalue()


def _roster(data: bytes) -> Roster | None:
    if not data:
        return None
    with tempfile.TemporaryDirectory(prefix="students-") as folder:  # the reader takes a file, and names it
        file = Path(folder) / "students.csv"
        file.write_bytes(data)
        return read_roster(file, None)
