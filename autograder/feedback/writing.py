"""Writes the feedback pages and the report from records, beside what people graded by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from autograder.batch.contest import Entry, contest_entries, decision_store
from autograder.batch.evidence import evidence_of
from autograder.batch.store import Store
from autograder.course.notebook import read_notebook
from autograder.course.paths import CoursePaths
from autograder.course.profile import RunProfile, due_time, find_assignment
from autograder.course.settings import Course
from autograder.data.sealed import SealedSplit
from autograder.execution.rundir import RunFolder
from autograder.feedback.beside import Beside, look_beside, manual_grades
from autograder.feedback.items import Item, reached_by
from autograder.feedback.leaderboard import leaderboard_address, render_leaderboard
from autograder.feedback.mistakes import Images, read_images
from autograder.feedback.report import ReportPage, render_report, render_similar, similar_address
from autograder.feedback.student import FeedbackPage, render_feedback
from autograder.feedback.summary import newest
from autograder.feedback.words import in_words
from autograder.files import write_atomic
from autograder.grading.audit import Audit
from autograder.quality.similarity import Line, Similarity, compare_lines, own_lines
from autograder.records import Record
from autograder.term.decisions import ledger
from autograder.term.names import read_names
from autograder.term.score import Final
from autograder.term.scores import extended_dues


def write_feedback(
    course: Course,
    paths: CoursePaths,
    assignment: str,
    profile: RunProfile,
    store: Store,
    records: Iterable[Record],
    gradebook_url: str,
    finals: Mapping[str, Final] | None = None,
) -> list[Path]:
    """Writes one page for each record and returns their paths, in the same order. `finals`: final scores by student."""
    beside = look_beside(course, store, assignment, gradebook_url, finals or {}, datetime.now(UTC))
    pages = []
    for student, html in render_pages(course, paths, profile, store, records, beside):
        pages.append(paths.feedback(student, assignment))
        write_atomic(pages[-1], html)
    return pages


def render_pages(
    course: Course, paths: CoursePaths, profile: RunProfile, store: Store, records: Iterable[Record], beside: Callable[[str], Beside]
) -> Iterator[tuple[str, str]]:
    """Each record's student and page, one after the other: a page takes hundredths of a second, and nobody needs them all at once."""
    for record in records:
        around = beside(record.student)
        counted = next((run.run_key for run in record.runs if run.counted), None)
        page = FeedbackPage(
            record=record,
            course_title=course.title,
            notebook=store.run(counted).notebook() if counted else None,
            evidence=evidence_of(store, record),
            curves=profile.curves,
            manual=around.manual,
            after_due=around.after_due,
            due=around.due.strftime("%d %B %Y, %H:%M") if around.due else None,
            timezone=course.timezone,
            images=_visible_images(paths, store.run(counted)) if counted else None,
            final=around.final,
        )
        yield record.student, render_feedback(page)


def _visible_images(paths: CoursePaths, folder: RunFolder) -> Images | None:
    """The visible images of the split that a run saw."""
    run = folder.read()
    return read_images(SealedSplit(run.data, paths.state / "data" / run.data).student / "x_test.npy") if run else None


def write_report(
    course: Course,
    paths: CoursePaths,
    assignment: str,
    profile: RunProfile,
    store: Store,
    records: Sequence[Record],
    gradebook_url: str,
    audits: Sequence[Audit] = (),
) -> tuple[Path, tuple[Item, ...]]:
    """Writes the page for instructors and returns its path, with the item analysis; beside it similar submissions and the leaderboard, if
    there are any.
    """
    similarity, reached = _compared(store, records, _release(paths, assignment))
    page = ReportPage(
        course_title=course.title,
        assignment=assignment,
        profile=profile.name,
        records=records,
        generated_at=datetime.now(ZoneInfo(course.timezone)).strftime("%d %B %Y, %H:%M"),
        curves=profile.curves,
        manual=manual_grades(gradebook_url, assignment),
        due=due_of(course, assignment),
        similar=similarity,
        audits=audits,
        contest=find_assignment(course, assignment).contest,
        entries=_entries(course, assignment, profile, store, records, audits),
        names=read_names(store.root),
        extended=extended_dues(course, assignment, [record.student for record in records], ledger(store.root).read()),
        reached=reached,
    )
    path = paths.report(assignment)
    similar = path.with_name(similar_address(assignment))
    if page.similar.pairs:
        write_atomic(similar, render_similar(page))
    else:
        similar.unlink(missing_ok=True)  # of an earlier report
    _write_leaderboard(page, path.with_name(leaderboard_address(assignment)))
    write_atomic(path, render_report(page))
    return path, page.items


def _entries(
    course: Course, assignment: str, profile: RunProfile, store: Store, records: Sequence[Record], audits: Sequence[Audit]
) -> list[Entry]:
    metric = find_assignment(course, assignment).contest
    if metric is None:
        return []
    return contest_entries(store, newest(records), metric, audits, decision_store(store, profile.name, assignment).read())


def _write_leaderboard(page: ReportPage, path: Path) -> None:
    board = page.board
    if board is None or page.contest is None:
        path.unlink(missing_ok=True)  # of an assignment that had a contest
    else:
        title, metric = in_words(page.assignment), in_words(page.contest)
        write_atomic(path, render_leaderboard(board, title, page.course_title, page.generated_at, metric))


def _compared(store: Store, records: Iterable[Record], release: dict[str, Any] | None) -> tuple[Similarity, dict[str, frozenset[str]]]:
    """Similar submissions, and the grade cells that each student reached. One notebook is in memory at a time; a class may be large."""
    if release is None:
        return Similarity(), {}
    lines: dict[str, Sequence[Line]] = {}
    reached: dict[str, frozenset[str]] = {}
    for student, notebook in executed_notebooks(store, records):
        lines[student] = own_lines(notebook, release)
        reached |= reached_by({student: notebook}, release)
    return compare_lines(lines, release), reached


def executed_notebooks(store: Store, records: Iterable[Record]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each student with the notebook of the counted run, read one after the other; who has none is left out."""
    counted = {record.student: run.run_key for record in records for run in record.runs if run.counted}
    for student, key in counted.items():
        notebook = store.run(key).notebook()
        if notebook is not None:
            yield student, notebook


def _release(paths: CoursePaths, assignment: str) -> dict[str, Any] | None:
    """The release version: what it gave is not the students'. None where there is none."""
    release = paths.release_notebook(assignment)
    return read_notebook(release) if release.is_file() else None


def due_of(course: Course, assignment: str) -> datetime | None:
    """The deadline in the course's time zone, or None."""
    due = find_assignment(course, assignment).due
    return due_time(course, due) if due else None
