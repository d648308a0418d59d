"""From the download of an LMS to submissions in nbgrader's layout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Literal

from autograder.course.settings import Assignment
from autograder.intake.archive import Place, unpacked_as
from autograder.intake.lms import Lms, LmsFile, LmsSubmission, entry_times, group, identify, parse, recognise
from autograder.intake.placing import place
from autograder.intake.roster import Roster

_SHOWN = 20
_DOWNLOAD = timedelta(hours=1)  # longer than an LMS takes to write an archive

Times = Literal["auto", "archive", "none"]


@dataclass(frozen=True)
class Download:
    """An opened download: of which LMS, its submissions, where their files lie, what the archive says of their times, what was refused."""

    lms: Lms
    submissions: Sequence[LmsSubmission]
    folder: Path
    times: Mapping[str, datetime | None]
    refused: tuple[str, ...]


@dataclass(frozen=True)
class Collected:
    """What became of one submission. `state`: new, replaced, unchanged, left out (in doubt), or failed (the machine)."""

    lms_name: str
    lms_number: str
    student: str | None
    state: str
    files: tuple[str, ...]
    late: bool
    submitted_at: str | None
    notes: tuple[str, ...]
    aside: str | None = None


@contextmanager
def open_download(
    archive: Path, assignment: Assignment, lms: Lms | None, roster: Roster | None, state: Path, zone: tzinfo
) -> Iterator[Download]:
    """Unpacks a download for as long as it is needed, within the limits of every archive. Raises UsageError for what is no download."""
    times = entry_times(archive, zone)
    lms = lms or recognise(times)
    files: list[LmsFile] = []
    strangers: list[str] = []

    def layout(parts: list[str]) -> Place | None:
        found = parse(lms, parts)
        if found is None:
            strangers.append("/".join(parts))
            return None
        files.append(replace(found, entry="/".join(parts)))
        return Place(f"{found.name}_{found.number}", "")

    def expected(name: str) -> bool:
        return name == f"{assignment.id}.ipynb" or name in assignment.files

    with unpacked_as(archive, layout, f"are not named as {lms.capitalize()} names submissions", state, None) as found:
        folder = found.folder
        there = [file for file in files if (folder / file.entry).is_file()]
        submissions = identify(lms, group(lms, _once(there) + _lost(files, there), expected), roster)
        plain = [name for name in strangers if not name.startswith("__MACOSX/")][:_SHOWN]
        yield Download(lms, submissions, folder, _by_path(times), found.refused + tuple(f"{name!a} is left out." for name in plain))


def _once(files: Sequence[LmsFile]) -> list[LmsFile]:
    """An entry that the archive has twice was unpacked once."""
    return list({file.entry: file for file in files}.values())


def _lost(files: Sequence[LmsFile], there: Sequence[LmsFile]) -> list[LmsFile]:
    """Of a submission whose every entry was refused, one entry as if it had been typed: so it is named, with nothing in it."""
    known = {(file.name, file.number) for file in there}
    lost = {(file.name, file.number): file for file in files if (file.name, file.number) not in known}
    return [replace(file, typed=True) for file in lost.values()]


def _by_path(times: Mapping[str, datetime | None]) -> dict[str, datetime | None]:
    return {"/".join(part for part in name.replace("\\", "/").split("/") if part not in ("", ".")): time for name, time in times.items()}


def times_of_submissions(download: Download, times: Times = "auto") -> dict[tuple[str, str], datetime]:
    """When each submission (name, number) was made, as the archive's entries say it.

    Canvas and newer Moodles give every entry the time of the download. Taken for submissions' they would make everybody late; so without
    being asked for, times count only if they lie further apart than a download takes.
    """
    found = {(each.name, each.number): _newest(download, each) for each in download.submissions}
    known = {key: time for key, time in found.items() if time is not None}
    apart = bool(known) and max(known.values()) - min(known.values()) > _DOWNLOAD
    return known if times == "archive" or (times == "auto" and apart) else {}


def _newest(download: Download, each: LmsSubmission) -> datetime | None:
    times = [time for entry in each.files.values() if (time := download.times.get(entry)) is not None]
    return max(times, default=None)


def bring(download: Download, assignment: str, into: Path, dry_run: bool, times: Times = "auto") -> Iterator[Collected]:
    """Puts each submission that is nobody's doubt into `into/<student>/<assignment>/`, one after the other."""
    submitted_at = times_of_submissions(download, times)
    for each in download.submissions:
        time = submitted_at.get((each.name, each.number))
        state, aside, notes = "left out", None, each.notes
        if each.student is None:
            notes = (each.doubt, *notes)
        else:
            files = {name: download.folder / entry for name, entry in each.files.items()}
            try:
                placed = place(into, each.student, assignment, files, time, dry_run)
                state, aside = placed.state, placed.aside
            except OSError as error:
                state, notes = "failed", (f"{error.strerror}: {error.filename}", *notes)
        said = time.isoformat() if time and state in ("new", "replaced") else None
        yield Collected(each.name, each.number, each.student, state, tuple(each.files), each.late, said, notes, aside)
