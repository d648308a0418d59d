"""Puts records where nbgrader looks: the gradebook, and the executed notebooks in `autograded/`."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from autograder.batch.store import Store
from autograder.course.notebook import read_notebook
from autograder.course.paths import CoursePaths
from autograder.course.versions import versions
from autograder.errors import AutograderError, MachineError
from autograder.gradebook.autograded import unanswered, write_autograded
from autograder.gradebook.location import shown_url
from autograder.gradebook.session import open_gradebook
from autograder.gradebook.writing import write_records
from autograder.records import Record

_TOGETHER = 100  # records in memory, and in one transaction: a second or less, so that formgrader never waits long


@dataclass(frozen=True)
class Published:
    """What became of an assignment's records in the gradebook. `gradebook` is shown without password; students by id.

    `written`: their rows changed. `not_written`: the gradebook refused, and `problem` says why; their records wait in the store.
    `unreadable`: the store holds no record that can be read, so the gradebook keeps what it had.
    """

    assignment: str
    profile: str
    gradebook: str
    students: int
    written: tuple[str, ...] = ()
    not_written: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    needs_manual_grade: tuple[str, ...] = ()
    unknown_cells: tuple[str, ...] = ()
    problem: AutograderError | None = None


def publish(
    paths: CoursePaths,
    store: Store,
    release: dict[str, Any],
    profile: str,
    assignment: str,
    students: Iterable[str],
    url: str,
    done: Callable[[], None] = lambda: None,
) -> Published:
    """Writes these students' present records: autograded notebooks and the gradebook, and of both only what changed.

    Whatever the gradebook refuses ends up in `problem`, never as an exception: the records are in the store, and publishing again
    writes what is missing. `done` is called after each student.
    """
    waiting, problem = list(students), None
    count = len(waiting)
    found: dict[str, list[str]] = {"written": [], "unreadable": [], "needs_manual_grade": [], "unknown_cells": []}
    try:
        with open_gradebook(url) as gradebook:
            while together := waiting[:_TOGETHER]:
                with _one_writer(store, assignment):
                    records = list(store.latest(profile, assignment, together))
                    summary = write_records(gradebook, records, _publish_notebooks(paths, store, release, records))
                found["written"] += summary.changed
                found["unreadable"] += sorted(set(together) - {record.student for record in records})
                found["needs_manual_grade"] += summary.needs_manual_grade
                found["unknown_cells"] += summary.unknown_cells
                del waiting[:_TOGETHER]
                for _ in together:
                    done()
    except AutograderError as error:
        problem = error
    lists = {name: tuple(dict.fromkeys(values)) for name, values in found.items()}
    return Published(assignment, profile, shown_url(url), count, not_written=tuple(waiting), problem=problem, **lists)


@contextmanager
def _one_writer(store: Store, assignment: str) -> Iterator[None]:
    """Records are read from the store and written to the gradebook by one command at a time.

    Otherwise one that read before the other recorded, and wrote after it, would leave the older score. Not the gradebook itself is
    locked meanwhile: notebooks are written too, and formgrader should not wait for a disk.
    """
    with ExitStack() as stack:
        with suppress(OSError):  # a store that may only be read: nobody records in it from here
            folder = store.root / "locks"
            folder.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context((folder / f"gradebook.{assignment}").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)  # holds among commands and ends with them
        yield


def _publish_notebooks(paths: CoursePaths, store: Store, release: dict[str, Any], records: Iterable[Record]) -> dict[str, frozenset[str]]:
    """Writes each notebook; gives the cells that each student with a notebook left as released. Raises MachineError."""
    blank: dict[str, frozenset[str]] = {}
    older = _Older(paths)
    for record in records:
        executed = _executed(store, record, older.release(record) or release)
        if executed is not None:
            content, blank[record.student] = executed
        elif (paths.autograded(record.student, record.assignment) / record.notebook).exists():
            continue  # what an earlier execution left is worth more than nothing
        else:  # without any notebook formgrader lists a student as not graded at all, so the released one stands there
            content = json.dumps(release, indent=1, ensure_ascii=False).encode() + b"\n"
        try:
            write_autograded(paths, record.student, record.assignment, content, record.submitted_at)
        except OSError as error:
            cure = "Look at the disk's space and the folder's permissions."
            raise MachineError(f"The autograded notebook of {record.student} could not be written: {error}.", cure) from error
    return blank


@dataclass
class _Older:
    """Release versions before the present one, each read once: what is unanswered says the version that a submission began as."""

    paths: CoursePaths
    known: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)

    def release(self, record: Record) -> dict[str, Any] | None:
        """None for the present version, and for one that is not kept any more."""
        if record.release is None:
            return None
        key = (record.assignment, record.release)
        if key not in self.known:
            kept = [each for each in versions(self.paths, record.assignment)[:-1] if each.number == record.release]
            self.known[key] = read_notebook(kept[0].notebook(record.assignment)) if kept else {}
        return self.known[key] or None


def _executed(store: Store, record: Record, release: dict[str, Any]) -> tuple[bytes, frozenset[str]] | None:
    """The notebook of the counted run and its unanswered cells; None when there is none, or what came back is none."""
    counted = next((run.run_key for run in record.runs if run.counted), None)
    if counted is None:
        return None
    try:
        content = store.run(counted).notebook_file.read_bytes()
        return content, unanswered(json.loads(content), release)
    except (OSError, ValueError, RecursionError):
        return None  # not there, or no JSON
    except (AttributeError, KeyError, TypeError):
        return None  # JSON, but no notebook
