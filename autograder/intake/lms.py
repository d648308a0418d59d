"""What the names in an LMS's download of submissions say: whose a file is, what it is called, which upload is the last.

Canvas (`lib/content_zipper.rb` of https://github.com/instructure/canvas-lms): `<name>[_LATE]_<user>_<upload>_<file>`, the name in small
letters without spaces and signs, or `anon_<id>`; text typed into its form ends in `_text.html` or `_link.html`. A file of a name that the
student has used before gets -1, -2, … before its ending. Moodle (`mod/assign/locallib.php` of https://github.com/moodle/moodle):
`<full name>_<participant>_assignsubmission_<kind>_` and then, in a folder or in the name, the file.
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Literal

from autograder.errors import UsageError
from autograder.intake.roster import Roster, name_key

Lms = Literal["canvas", "moodle"]

_CANVAS = re.compile(r"(?P<name>\w+?)_(?:(?P<late>LATE)_)?(?P<number>\d+)_(?P<upload>\d+)_(?P<file>.+)", re.DOTALL)
_CANVAS_TYPED = re.compile(r"(?P<name>\w+?)_(?:(?P<late>LATE)_)?(?P<number>\d+)_(?:text|link)\.html")
_CANVAS_ANONYMOUS = re.compile(r"(?:(?P<late>LATE)_)?(?P<number>anon_\w+?)_(?P<upload>\d+)_(?P<file>.+)", re.DOTALL)
_MOODLE = re.compile(r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_(?P<kind>[a-z0-9]+)_(?P<file>.*)", re.DOTALL)
_AGAIN = re.compile(r"(?P<stem>.+)-(?P<count>\d{1,4})(?P<ending>\.[^.]+)", re.DOTALL)
_BLIND = "Participant"  # Moodle's word for everybody while marking is anonymous
_STAMP = 0x5455  # an entry's extra field with its time in UTC


@dataclass(frozen=True)
class LmsFile:
    """One entry of a download. `upload`: Canvas' number of the file, later ones are larger; `typed`: text from a form, no file."""

    entry: str
    name: str
    number: str
    file: str
    late: bool = False
    upload: int = 0
    typed: bool = False


@dataclass(frozen=True)
class LmsSubmission:
    """One student's submission: `student` is the course's id, or None with the reason in `doubt`. `files`: entry by own file name."""

    name: str
    number: str
    late: bool
    files: dict[str, str]
    notes: tuple[str, ...] = ()
    student: str | None = None
    doubt: str = ""


def parse(lms: Lms, parts: Sequence[str]) -> LmsFile | None:
    """What an entry's name says, its components given; perhaps with one folder around everything. None for a name of another kind."""
    if parts[0] == "__MACOSX":  # what macOS adds to an archive of its own
        return None
    read = _parse_canvas if lms == "canvas" else _parse_moodle
    return read(parts) or (read(parts[1:]) if len(parts) > 1 else None)


def _parse_canvas(parts: Sequence[str]) -> LmsFile | None:
    if len(parts) != 1:
        return None
    if found := _CANVAS_ANONYMOUS.fullmatch(parts[0]):
        return LmsFile(parts[0], "", found["number"], found["file"], bool(found["late"]), int(found["upload"]))
    if found := _CANVAS.fullmatch(parts[0]):
        return LmsFile(parts[0], found["name"], found["number"], found["file"], bool(found["late"]), int(found["upload"]))
    if found := _CANVAS_TYPED.fullmatch(parts[0]):
        return LmsFile(parts[0], found["name"], found["number"], parts[0], bool(found["late"]), typed=True)
    return None


def _parse_moodle(parts: Sequence[str]) -> LmsFile | None:
    found = _MOODLE.fullmatch(parts[0])
    inside = [*([found["file"]] if found and found["file"] else []), *parts[1:]]
    if not found or not inside:
        return None
    name = "" if found["name"] == _BLIND else found["name"]
    return LmsFile("/".join(parts), name, found["number"], "/".join(inside), typed=found["kind"] != "file")


def recognise(names: Iterable[str]) -> Lms:
    """Which LMS names its entries so. Raises UsageError when none does, or both."""
    counts: Counter[Lms] = Counter()
    kinds: tuple[Lms, ...] = ("canvas", "moodle")
    for name in names:
        counts.update(lms for lms in kinds if parse(lms, name.split("/")))
    if len(counts) != 1:
        what = "no names" if not counts else "names of Canvas and of Moodle"
        raise UsageError(f"The archive has {what} as LMS downloads have them.", "Say which with --from canvas or --from moodle.")
    return next(iter(counts))


def entry_times(archive: Path, zone: tzinfo) -> dict[str, datetime | None]:
    """The files of a zip file and the times that it gives them, in UTC; those without their own zone are in `zone`.

    Raises UsageError when it is no zip file.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            return {info.filename: _time(info, zone) for info in opened.infolist() if not info.is_dir()}
    except OSError as error:
        raise UsageError(f"'{archive}' cannot be read: {error.strerror}.", "Name the LMS's download with --zip FILE.") from None
    except (zipfile.BadZipFile, NotImplementedError, ValueError, RuntimeError) as error:
        raise UsageError(f"'{archive}' is no zip file that can be read: {error}", "Download the submissions again.") from None


def _time(info: zipfile.ZipInfo, zone: tzinfo) -> datetime | None:
    extra = info.extra
    try:
        while len(extra) >= 4:
            size = int.from_bytes(extra[2:4], "little")
            if int.from_bytes(extra[:2], "little") == _STAMP and size >= 5 and extra[4] & 1:
                return datetime.fromtimestamp(int.from_bytes(extra[5:9], "little", signed=True), UTC)
            extra = extra[4 + size :]
        local = datetime(*info.date_time, tzinfo=zone)
        return local.astimezone(UTC) if local.year > 1980 else None  # 1980 is what an entry without a time has
    except (ValueError, OverflowError, OSError):
        return None


def group(lms: Lms, files: Iterable[LmsFile], expected: Callable[[str], bool]) -> list[LmsSubmission]:
    """The files by submission, sorted by name; of a file that Canvas has several times, the last upload.

    `expected`: whether a file of just that name belongs to the assignment.
    """
    found: dict[tuple[str, str], list[LmsFile]] = defaultdict(list)
    for file in files:
        found[file.name, file.number].append(file)
    return [_submission(lms, name, number, each, expected) for (name, number), each in sorted(found.items())]


def _submission(lms: Lms, name: str, number: str, files: list[LmsFile], expected: Callable[[str], bool]) -> LmsSubmission:
    notes = [f"text typed into the LMS's form is no file and is left out ({each.file!a})" for each in files if each.typed]
    files = [each for each in files if not each.typed]
    doubt = "" if files else "no file was submitted"
    chosen: dict[str, str] = {}
    own_names = {each.file for each in files}
    again: dict[str, list[tuple[int, LmsFile]]] = defaultdict(list)
    for file in files:
        own, count = _own_name(file.file, own_names, expected) if lms == "canvas" else (file.file, 0)
        again[own].append((count, file))
    for own, uploads in again.items():
        if own == "timestamp.txt":
            notes.append("the student's own 'timestamp.txt' is left out: it would say when they submitted")
            continue
        uploads.sort(key=lambda each: each[1].upload)
        counts = [count for count, _ in uploads]
        if counts != sorted(set(counts)):
            doubt = f"which upload of {own!a} is the last cannot be told"
        chosen[own] = uploads[-1][1].entry
        notes += [f"{file.file!a} is an earlier upload of {own!a} and does not count" for _, file in uploads[:-1]]
    return LmsSubmission(name, number, any(each.late for each in files), chosen, tuple(notes), doubt=doubt)


def _own_name(file: str, others: set[str], expected: Callable[[str], bool]) -> tuple[str, int]:
    """The name that the student gave a file, and which repetition it is.

    A number is Canvas' only if that makes it an expected file, or one that is there, too: `part-1.csv` may be called so.
    """
    found = _AGAIN.fullmatch(file)
    if not found or expected(file):
        return file, 0
    own = found["stem"] + found["ending"]
    return (own, int(found["count"])) if expected(own) or own in others else (file, 0)


def identify(lms: Lms, submissions: Iterable[LmsSubmission], roster: Roster | None) -> list[LmsSubmission]:
    """Each with its student: the one whom the list names, without a list the name that the LMS writes. Whoever is in doubt has none."""
    found = [_identified(lms, each, roster) for each in submissions]
    owners: dict[str, list[str]] = defaultdict(list)
    for each in found:
        if each.student is not None:
            owners[each.student if roster else name_key(each.student)].append(f"{each.name} ({each.number})")
    return [
        _alone(each, owners[each.student if roster else name_key(each.student)]) if each.student is not None else each for each in found
    ]


def _identified(lms: Lms, each: LmsSubmission, roster: Roster | None) -> LmsSubmission:
    if each.doubt:
        return each
    if roster is not None:
        student, why = roster.find(lms, each.number, each.name)
    else:
        student, why = (each.name, "") if each.name else (None, "the download is anonymous: name a list of students with --students")
    if student is not None and not _is_folder_name(student):
        student, why = None, f"{student!a} cannot be a folder's name"
    return replace(each, student=student, doubt=why)


def _alone(each: LmsSubmission, owners: list[str]) -> LmsSubmission:
    return (
        each
        if len(owners) == 1
        else replace(each, student=None, doubt=f"several submissions would be the same student's: {', '.join(owners)}")
    )


def _is_folder_name(student: str) -> bool:
    plain = student.isprintable() and student.encode("utf-8", "replace").decode() == student and student == student.strip()
    return plain and bool(student) and not student.startswith((".", "-")) and "/" not in student and len(student.encode()) <= 200
