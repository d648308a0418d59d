"""nbgrader's own feedback, made from what we write."""

from __future__ import annotations

import json
from pathlib import Path

from autograder.course.paths import CoursePaths
from autograder.gradebook.autograded import unanswered, write_autograded
from autograder.gradebook.session import nbgrader_environment, nbgrader_log
from autograder.gradebook.writing import write_gradebook
from tests.gradebook.tiny_course import ASSIGNMENT, COURSE, record, submitted_notebook


def submitted(course: CoursePaths, timestamp: str | bytes | None = "2027-02-10 18:00:00.000000 UTC") -> Path:
    folder = course.submitted / "ana" / ASSIGNMENT
    folder.mkdir(parents=True, exist_ok=True)
    if timestamp is not None:
        (folder / "timestamp.txt").write_bytes(timestamp if isinstance(timestamp, bytes) else timestamp.encode())
    return folder


def test_notebook_and_timestamp_are_written_and_replaced(course: CoursePaths) -> None:
    folder = submitted(course)
    target = write_autograded(course, "ana", ASSIGNMENT, submitted_notebook(course), folder)
    assert target == course.root / "autograded/ana/tiny/tiny.ipynb"
    assert (target.parent / "timestamp.txt").read_bytes() == (folder / "timestamp.txt").read_bytes()
    target.chmod(0o444)  # as stock nbgrader leaves it
    write_autograded(course, "ana", ASSIGNMENT, submitted_notebook(course, "weights = 1"), None)
    assert "weights = 1" in target.read_text()
    assert sorted(path.name for path in target.parent.iterdir()) == ["tiny.ipynb"]


def test_a_timestamp_that_nbgrader_did_not_write_is_left_out(course: CoursePaths) -> None:
    folder = submitted(course, b"x" * 1000)
    target = write_autograded(course, "ana", ASSIGNMENT, submitted_notebook(course), folder)
    (folder / "timestamp.txt").unlink()
    (folder / "timestamp.txt").symlink_to("/etc/hostname")
    write_autograded(course, "ana", ASSIGNMENT, submitted_notebook(course), folder)
    assert not (target.parent / "timestamp.txt").exists()


def test_unanswered_are_the_solution_cells_as_released(course: CoursePaths) -> None:
    released = json.loads(course.release_notebook(ASSIGNMENT).read_text())
    assert unanswered(released) == {"units", "why"}
    answered = submitted_notebook(course)
    answered["cells"].append({"cell_type": "markdown", "id": "own", "metadata": {}, "source": "mine"})
    assert unanswered(answered) == {"why"}


def test_generate_feedback_works_on_what_we_write(course: CoursePaths) -> None:
    notebook = submitted_notebook(course)
    own = {"cell_type": "code", "id": "own-1", "metadata": {}, "source": "1 + 1", "outputs": [], "execution_count": None}
    notebook["cells"].insert(3, own)
    write_autograded(course, "ana", ASSIGNMENT, notebook, submitted(course))
    write_gradebook(course.gradebook_url, [record(2.5)], unanswered={"ana": unanswered(notebook)})
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
