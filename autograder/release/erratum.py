"""What a corrected release means for those who have an older version: who they are, as far as that is known, and which cells changed.

Fetching leaves no trace in nbgrader's exchange. Known is whoever handed something in: into `submitted/`, into the exchange, into the
results store.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from autograder.batch.store import Store
from autograder.course.paths import CoursePaths
from autograder.course.profile import find_assignment, resolve_profile
from autograder.course.settings import Course
from autograder.course.versions import read_versions
from autograder.errors import SubmissionError
from autograder.files import read_bounded, write_atomic
from autograder.intake.choosing import choose_notebook
from autograder.intake.collect import timestamp_of
from autograder.intake.entries import list_entries
from autograder.intake.parsing import SubmittedNotebook
from autograder.intake.reading import NOTEBOOK_BYTES
from autograder.intake.versions import CellChange, Notebook, brought_up, changes, recognise
from autograder.term.dates import parse_moment
from autograder.term.roster import members, roster_journal

_FEW = 50  # files of one submission that are looked at


@dataclass(frozen=True)
class Erratum:
    """`version`: the newest one. `changes`: from each older version to it. `holders`: students by the newest version that they handed in.

    `unknown`: who handed in what belongs to no version for certain. `silent`: the class's other members, of whom nothing is known.
    """

    assignment: str
    version: int
    changes: dict[int, tuple[CellChange, ...]] = field(default_factory=dict)
    holders: dict[int, tuple[str, ...]] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Found:
    """A notebook that somebody handed in, and the version that it began as; None where that cannot be told."""

    student: str
    notebook: SubmittedNotebook
    version: int | None


def erratum(course: Course, paths: CoursePaths, store: Store, assignment: str, inbound: Path | None) -> Erratum:
    """The present release against every older version. `inbound`: where the exchange keeps what was submitted, if there is one."""
    releases = read_versions(paths, assignment)
    newest = max(releases)
    found = dict(_recorded(course, store, assignment))
    unknown = set()
    for each in _handed_in(course, paths, assignment, inbound, releases):
        if each.version is None:
            unknown.add(each.student)
        else:
            found[each.student] = max(each.version, found.get(each.student, 0))
    holders = {number: tuple(sorted(name for name, has in found.items() if has == number)) for number in releases}
    active = {name for name, member in members(roster_journal(store.root).read()).items() if member.active}
    silent = tuple(sorted(active - found.keys() - unknown))
    differences = {number: changes(each, releases[newest]) for number, each in releases.items() if number != newest}
    return Erratum(assignment, newest, differences, holders, tuple(sorted(unknown - found.keys())), silent)


def migrate(course: Course, paths: CoursePaths, assignment: str, inbound: Path | None, into: Path) -> list[Path]:
    """Writes `<into>/<student>/<assignment>/<assignment>.ipynb` for everybody who handed in an older version: the newest, with their work.

    Their work is what they handed in last, in the exchange or collected; whoever handed in the newest version since then needs nothing.
    What was handed in stays as it is, and what lies in `into` already, too. Raises OSError.
    """
    releases = read_versions(paths, assignment)
    newest = max(releases)
    written = []
    latest: dict[str, _Found] = {}
    for each in _handed_in(course, paths, assignment, inbound, releases):
        latest.setdefault(each.student, each)
    for each in latest.values():
        target = into / each.student / assignment / f"{assignment}.ipynb"
        if each.version is not None and each.version != newest and not target.exists():
            made = brought_up(each.notebook, releases[each.version], releases[newest])
            write_atomic(target, json.dumps(made, indent=1, ensure_ascii=False) + "\n")
            written.append(target)
    return written


def _recorded(course: Course, store: Store, assignment: str) -> Iterator[tuple[str, int]]:
    for record in store.latest(course.default_profile, assignment):
        if record.release is not None:
            yield record.student, record.release


def _handed_in(
    course: Course, paths: CoursePaths, assignment: str, inbound: Path | None, releases: dict[int, Notebook]
) -> Iterator[_Found]:
    """From the exchange and from `submitted/`, the latest first. What cannot be read is nobody's version."""
    limit = resolve_profile(course, find_assignment(course, assignment), None).limits.submission_bytes
    folders = [*_arrived(inbound, assignment), *_submitted(paths, assignment)]
    for student, folder in sorted(folders, key=lambda each: _handed_in_at(each[1]), reverse=True):
        try:
            chosen = choose_notebook(_notebooks(folder), assignment, releases[max(releases)], limit)
        except (SubmissionError, OSError, ValueError, IndexError, StopIteration):
            continue
        version, doubts = recognise(chosen, releases)
        yield _Found(student, chosen, None if doubts else version)


def _submitted(paths: CoursePaths, assignment: str) -> list[tuple[str, Path]]:
    return [(folder.parent.name, folder) for folder in sorted(paths.submitted.glob(f"[!.]*/{assignment}")) if folder.is_dir()]


def _arrived(inbound: Path | None, assignment: str) -> list[tuple[str, Path]]:
    """nbgrader names folders `<student>+<assignment>+<time>+…`."""
    found = sorted(inbound.glob(f"[!.]*+{assignment}+*"), reverse=True) if inbound is not None and inbound.is_dir() else []
    return [(folder.name.partition("+")[0], folder) for folder in found if not folder.is_symlink()]


def _handed_in_at(folder: Path) -> datetime:
    """When it was submitted, by its `timestamp.txt`, else by the exchange's name for it; what tells no time comes before all others."""
    of_exchange = folder.name.split("+")[2] if folder.name.count("+") > 1 else None
    return parse_moment(timestamp_of(folder)) or parse_moment(of_exchange) or datetime.min.replace(tzinfo=UTC)


def _notebooks(folder: Path) -> dict[str, bytes]:
    entries = [each for each in list_entries(folder)[:_FEW] if each.kind == "file" and each.name.lower().endswith(".ipynb")]
    return {each.name: read_bounded(folder / each.name, min(each.size, NOTEBOOK_BYTES)) for each in entries}
