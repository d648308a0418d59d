"""nbgrader's own feedback, made from what we write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from autograder.batch.store import Store
from autograder.course.notebook import read_notebook
from autograder.course.paths import CoursePaths
from autograder.gradebook.autograded import unanswered, write_autograded
from autograder.gradebook.publishing import publish
from autograder.gradebook.session import nbgrader_environment, nbgrader_log
from autograder.records import Record, RunReference
from tests.gradebook.tiny_course import ASSIGNMENT, COURSE, record, submitted_notebook, write_gradebook

AT = "2027-02-10T18:00:00"


def text_of(notebook: dict[str, Any]) -> bytes:
    return json.dumps(notebook).encode()


def test_notebook_and_timestamp_are_written_and_replaced(course: CoursePaths) -> None:
    target = write_autograded(course, "ana", ASSIGNMENT, text_of(submitted_notebook(course)), AT)
    assert target == course.root / "autograded/ana/tiny/tiny.ipynb"
    assert (target.parent / "timestamp.txt").read_text() == "2027-02-10 18:00:00.000000 UTC"
    target.chmod(0o444)  # as stock nbgrader leaves it
    write_autograded(course, "ana", ASSIGNMENT, text_of(submitted_notebook(course, "weights = 1")), None)
    assert "weights = 1" in target.read_text()
    assert sorted(path.name for path in target.parent.iterdir()) == ["tiny.ipynb"]


def test_nbgrader_reads_our_timestamp_as_the_time_of_the_submission(course: CoursePaths) -> None:
    from nbgrader.utils import parse_utc

    for at in (AT, "2027-02-10T18:00:00.123456"):
        target = write_autograded(course, "ana", ASSIGNMENT, text_of(submitted_notebook(course)), at)
        assert parse_utc((target.parent / "timestamp.txt").read_text()).isoformat() == at


def executed(course: CoursePaths, notebook: bytes, student: str = "ana") -> Record:
    """A record whose counted run left this notebook."""
    run = Store(course.state).run(f"run-of-{student}")
    run.path.mkdir(parents=True, exist_ok=True)
    run.notebook_file.write_bytes(notebook)
    return record(student=student, runs=(RunReference(f"run-of-{student}", 0, True),))


def published(course: CoursePaths, *records: Record) -> tuple[Path, Path]:
    release = read_notebook(course.release_notebook(ASSIGNMENT))
    store = Store(course.state)
    for each in records:
        store.write(each)
    publish(course, store, release, "full", ASSIGNMENT, [each.student for each in records], course.gradebook_url)
    folder = course.autograded("ana", ASSIGNMENT)
    return folder / f"{ASSIGNMENT}.ipynb", folder / "timestamp.txt"


def test_a_class_larger_than_one_transaction_is_published_and_what_is_equal_is_not_written_again(course: CoursePaths) -> None:
    records = [executed(course, text_of(submitted_notebook(course)), student) for student in ("ana", *(f"s{n:03}" for n in range(120)))]
    files = published(course, *records)
    assert len(list((course.root / "autograded").glob("*/tiny/tiny.ipynb"))) == 121
    before = [path.stat().st_mtime_ns for path in files]
    assert [path.stat().st_mtime_ns for path in published(course, *records)] == before
    notebook, timestamp = published(course, executed(course, text_of(submitted_notebook(course, "weights = 1"))))
    assert "weights = 1" in notebook.read_text()
    assert timestamp.stat().st_mtime_ns == before[1]


def test_what_came_back_and_is_no_notebook_never_takes_the_class_with_it(course: CoursePaths) -> None:
    released = json.loads(course.release_notebook(ASSIGNMENT).read_text())
    for bad in (b"{", b"[" * 100_000, b"7", b"{}", b'{"cells": [3]}', b'{"cells": [{"metadata": {"nbgrader": {"solution": true}}}]}'):
        notebook, _ = published(course, executed(course, bad))
        assert [cell["id"] for cell in json.loads(notebook.read_text())["cells"]] == [cell["id"] for cell in released["cells"]]


def test_unanswered_are_the_solution_cells_as_released(course: CoursePaths) -> None:
    released = json.loads(course.release_notebook(ASSIGNMENT).read_text())
    assert unanswered(released, released) == {"units", "why"}
    answered = submitted_notebook(course)
    answered["cells"].append({"cell_type": "markdown", "id": "own", "metadata": {}, "source": "mine"})
    assert unanswered(answered, read_notebook(course.release_notebook(ASSIGNMENT))) == {"why"}


def test_generate_feedback_works_on_what_we_write(course: CoursePaths) -> None:
    notebook = submitted_notebook(course)
    own = {"cell_type": "code", "id": "own-1", "metadata": {}, "source": "1 + 1", "outputs": [], "execution_count": None}
    notebook["cells"].insert(3, own)
    write_autograded(course, "ana", ASSIGNMENT, text_of(notebook), AT)
    write_gradebook(course.gradebook_url, [record(2.5)], unanswered={"ana": unanswered(notebook, submitted_notebook(course, ""))})
    with nbgrader_environment(), nbgrader_log() as (log, errors):
        from nbgrader.converters import GenerateFeedback
        from nbgrader.coursedir import CourseDirectory

        folders = {"root": str(course.root), "db_url": course.gradebook_url}
        GenerateFeedback(coursedir=CourseDirectory(log=log, assignment_id=ASSIGNMENT, course_id=COURSE, **folders), log=log).start()
    assert errors == []
    page = course.feedback("ana", ASSIGNMENT).read_text()
    assert "(Score: 2.5 / 6.0)" in page
    assert "No response." in page
    assert "785" in page
