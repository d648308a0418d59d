"""Puts records where nbgrader looks: the gradebook, and the executed notebooks in `autograded/`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from autograder.batch.store import Store
from autograder.course.paths import CoursePaths
from autograder.gradebook.autograded import unanswered, write_autograded
from autograder.gradebook.session import open_gradebook
from autograder.gradebook.writing import GradebookSummary, write_records
from autograder.records import Record

_TOGETHER = 100  # records in memory, and in one transaction: a second or less, so that formgrader never waits long


def publish(paths: CoursePaths, store: Store, release: dict[str, Any], records: Iterable[Record], url: str) -> GradebookSummary:
    """Writes autograded notebooks and the gradebook, and of both only what changed.

    Raises UsageError when there is no gradebook or the assignment was never released.
    """
    waiting: list[str] = []
    unknown: dict[str, None] = {}
    remaining = iter(records)
    with open_gradebook(url) as gradebook:
        while together := list(islice(remaining, _TOGETHER)):
            written = write_records(gradebook, together, dict(_publish_notebooks(paths, store, release, together)))
            waiting += written.needs_manual_grade
            unknown |= dict.fromkeys(written.unknown_cells)
    return GradebookSummary(tuple(waiting), tuple(unknown))


def _publish_notebooks(
    paths: CoursePaths, store: Store, release: dict[str, Any], records: Iterable[Record]
) -> Iterator[tuple[str, frozenset[str]]]:
    """Writes each notebook; gives the cells that each student with a notebook left as released."""
    for record in records:
        executed = _executed(store, record, release)
        if executed is not None:
            content, blank = executed
            yield record.student, blank
        elif (paths.autograded(record.student, record.assignment) / record.notebook).exists():
            continue  # what an earlier execution left is worth more than nothing
        else:  # without any notebook formgrader lists a student as not graded at all, so the released one stands there
            content = json.dumps(release, indent=1, ensure_ascii=False).encode() + b"\n"
        write_autograded(paths, record.student, record.assignment, content, record.submitted_at)


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
