"""Plain nbgrader in a course of ours: a stub stands for `autograder grade`, everything of nbgrader's is real."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from autograder.course.paths import CoursePaths
from autograder.gradebook import plugin
from autograder.gradebook.session import nbgrader_environment, nbgrader_log, open_gradebook
from tests.gradebook.tiny_course import ASSIGNMENT, COURSE

ROOT = Path(__file__).parents[2]

STUB = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import json
import os
from pathlib import Path
from autograder.imports import leave_out_address_grammars
leave_out_address_grammars()
from tests.gradebook.tiny_course import ASSIGNMENT, record, submitted_notebook, write_gradebook
from autograder.course.paths import CoursePaths
from autograder.gradebook.autograded import write_autograded

root, status, *students = sys.argv[1:]
url = os.environ["AUTOGRADER_GRADEBOOK"]
paths = CoursePaths(Path(root))
if status == "2":
    print("Submissions would run without isolation.", file=sys.stderr)
    sys.exit(2)
for student in students:
    broken = "no notebook" in (paths.submitted / student / ASSIGNMENT / "tiny.ipynb").read_text()
    write_gradebook(url, [record(None if broken else 3.25, student=student)])
    if not broken:
        notebook = json.dumps(submitted_notebook(paths)).encode()
        write_autograded(paths, student, ASSIGNMENT, notebook, record().submitted_at)
    print("graded", student)
sys.exit(int(status))
"""

CONFIG = f"""
import sys
from pathlib import Path
from autograder.gradebook import plugin

def stub(assignment, students, root):
    return [sys.executable, str(root / "stub.py"), str(root), "0", *students]

plugin.runner_command = stub
c = get_config()
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.course_id = {COURSE!r}
c.CourseDirectory.source_directory = "source_assignments"
plugin.configure(c)
plugin.configure(c)
"""


on_one_database = pytest.mark.parametrize("course", ["sqlite"], indirect=True)  # where nothing of what is shown is written there


@pytest.fixture
def hands_over() -> Iterator[Any]:
    """nbgrader's converters as `configure` leaves them, put back afterwards."""
    from traitlets.config import Config

    config = Config()
    plugin.configure(config)
    yield config
    for converter, start in plugin._stock.items():
        converter.start = start
    plugin._stock.clear()


@pytest.fixture
def submissions(course: CoursePaths) -> CoursePaths:
    (course.root / "stub.py").write_text(STUB)
    for student in ("ana", "bo", "cy"):
        folder = course.submitted / student / ASSIGNMENT
        folder.mkdir(parents=True)
        text = "no notebook" if student == "bo" else course.release_notebook(ASSIGNMENT).read_text()
        (folder / f"{ASSIGNMENT}.ipynb").write_text(text)
    return course


def stub(status: int) -> Callable[..., list[str]]:
    def command(assignment: str, students: Sequence[str], root: Path) -> list[str]:
        return [sys.executable, str(root / "stub.py"), str(root), str(status), *students]

    return command


def called(calls: list[Sequence[str]]) -> Callable[..., list[str]]:
    """A command that does nothing; whom it was to grade is noted."""

    def command(assignment: str, students: Sequence[str], root: Path) -> list[str]:
        calls.append(students)
        return [sys.executable, "-c", ""]

    return command


def start(course: CoursePaths, config: Any, converter: str = "Autograde", **options: Any) -> list[str]:
    """Runs a converter as nbgrader's commands and formgrader do; returns the errors logged."""
    with nbgrader_environment(), nbgrader_log() as (log, errors):
        import nbgrader.converters
        from nbgrader.coursedir import CourseDirectory

        folders = {"root": str(course.root), "db_url": course.gradebook_url, "source_directory": "source_assignments"}
        folder = CourseDirectory(log=log, course_id=COURSE, assignment_id=ASSIGNMENT, **(folders | options))
        try:
            getattr(nbgrader.converters, converter)(coursedir=folder, log=log, config=config).start()
        except nbgrader.converters.base.NbGraderException:
            assert errors
        return errors


def scores(course: CoursePaths) -> dict[str, float | None]:
    with open_gradebook(course.gradebook_url) as gradebook:
        return {
            student.id: gradebook.find_grade("units_test", ASSIGNMENT, ASSIGNMENT, student.id).auto_score for student in gradebook.students
        }


def autograded(course: CoursePaths) -> list[str]:
    return sorted(path.parent.parent.name for path in (course.root / "autograded").glob("*/*/*.ipynb"))


def test_autograde_in_a_terminal_grades_the_class_a_broken_submission_included(submissions: CoursePaths) -> None:
    (submissions.root / "nbgrader_config.py").write_text(f"{CONFIG}\nc.CourseDirectory.db_url = {submissions.gradebook_url!r}\n")
    command = [sys.executable, "-m", "nbgrader", "autograde", ASSIGNMENT]
    done = subprocess.run(command, cwd=submissions.root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "graded ana" in done.stderr
    assert scores(submissions) == {"ana": 3.25, "bo": None, "cy": 3.25}
    assert autograded(submissions) == ["ana", "cy"]


def test_nbgraders_api_in_a_script_grades_one_student(submissions: CoursePaths, hands_over: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "runner_command", stub(0))
    assert start(submissions, hands_over, student_id="cy") == []
    assert scores(submissions) == {"cy": 3.25}


@on_one_database
def test_nbgraders_patterns_choose_the_students(submissions: CoursePaths, hands_over: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Sequence[str]] = []
    monkeypatch.setattr(plugin, "runner_command", called(calls))
    start(submissions, hands_over, student_id_exclude="bo,nobody")
    start(submissions, hands_over, student_id="[ab]*")
    assert calls == [["ana", "cy"], ["ana", "bo"]]
    (error,) = start(submissions, hands_over, student_id="nobody")
    assert "No submissions" in error


def test_a_refusal_stops_before_the_first_submission(submissions: CoursePaths, hands_over: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "runner_command", stub(0))
    start(submissions, hands_over, student_id="ana")
    monkeypatch.setattr(plugin, "runner_command", stub(2))
    (error,) = start(submissions, hands_over)
    assert "Submissions would run without isolation." in error
    assert "status 2" in error
    assert scores(submissions) == {"ana": 3.25}
    assert autograded(submissions) == ["ana"]


def test_what_was_written_stays_when_the_command_ends_with_an_error(
    submissions: CoursePaths, hands_over: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "runner_command", stub(3))
    (error,) = start(submissions, hands_over)
    assert "status 3" in error
    assert scores(submissions) == {"ana": 3.25, "bo": None, "cy": 3.25}
    assert autograded(submissions) == ["ana", "cy"]


@on_one_database
def test_generating_an_assignment_is_our_release(course: CoursePaths, hands_over: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = course.release_notebook(ASSIGNMENT).read_bytes()
    said = "print('a line of the solution stands here'); raise SystemExit(2)"
    monkeypatch.setattr(plugin, "release_command", lambda assignment, root: [sys.executable, "-c", said])
    (error,) = start(course, hands_over, "GenerateAssignment")
    assert "a line of the solution stands here" in error
    monkeypatch.setattr(plugin, "release_command", lambda assignment, root: [sys.executable, "-c", ""])
    assert start(course, hands_over, "GenerateAssignment") == []
    assert course.release_notebook(ASSIGNMENT).read_bytes() == before


LATE = """
import os, sqlite3, sys
with sqlite3.connect(os.environ["AUTOGRADER_GRADEBOOK"].removeprefix("sqlite:///")) as gradebook:
    gradebook.execute("UPDATE submitted_notebook SET late_submission_penalty = 1.25")
"""


@on_one_database
def test_nbgraders_feedback_and_export_have_the_present_penalties(
    submissions: CoursePaths, hands_over: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "runner_command", stub(0))
    monkeypatch.setattr(plugin, "scores_command", lambda root: [sys.executable, "-c", LATE])
    start(submissions, hands_over, student_id="ana")
    assert penalties(submissions) == [None]
    assert start(submissions, hands_over, "GenerateFeedback") == []
    assert penalties(submissions) == [1.25]
    assert (submissions.root / "feedback/ana" / ASSIGNMENT).is_dir()
    config = CONFIG.replace("plugin.runner_command = stub", f"plugin.scores_command = lambda root: [sys.executable, '-c', {LATE!r}]")
    (submissions.root / "nbgrader_config.py").write_text(config)
    start(submissions, hands_over, student_id="cy")
    done = subprocess.run([sys.executable, "-m", "nbgrader", "export"], cwd=submissions.root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with (submissions.root / "grades.csv").open(newline="") as stream:
        rows = {row["student_id"]: row["late_submission_penalty"] for row in csv.DictReader(stream) if row["raw_score"] != "0.0"}
    assert rows == {"ana": "1.25", "cy": "1.25"}


@on_one_database
def test_where_our_penalties_cannot_be_computed_nbgrader_says_why_and_shows_none(
    submissions: CoursePaths, hands_over: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "print('Line 3 of decisions.jsonl is damaged.'); raise SystemExit(2)"
    monkeypatch.setattr(plugin, "runner_command", stub(0))
    monkeypatch.setattr(plugin, "scores_command", lambda root: [sys.executable, "-c", said])
    start(submissions, hands_over, student_id="ana")
    (error,) = start(submissions, hands_over, "GenerateFeedback")
    assert "Line 3 of decisions.jsonl is damaged." in error
    assert not (submissions.root / "feedback").exists()


def penalties(course: CoursePaths) -> list[float | None]:
    with open_gradebook(course.gradebook_url) as gradebook:
        return [each.notebooks[0].late_submission_penalty for each in gradebook.assignment_submissions(ASSIGNMENT)]


@on_one_database
def test_a_folder_that_is_no_course_of_ours_keeps_nbgraders_own(
    submissions: CoursePaths, hands_over: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (submissions.root / "grading_config.py").unlink()
    calls: list[Sequence[str]] = []
    monkeypatch.setattr(plugin, "runner_command", called(calls))
    start(submissions, hands_over, student_id="ana")
    assert calls == []
    assert scores(submissions) == {"ana": None}  # no preprocessor ran, so nothing was executed and nothing scored


def test_the_gradebook_is_handed_over_where_nobody_else_reads_its_password(
    submissions: CoursePaths, hands_over: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, commands = subprocess.Popen, []

    def popen(command: list[str], **options: Any) -> Any:
        commands.append((command, options["env"]["AUTOGRADER_GRADEBOOK"]))
        return real([sys.executable, "-c", ""], **options)

    monkeypatch.setattr(plugin.subprocess, "Popen", popen)
    assert start(submissions, hands_over) == []
    ((command, url),) = commands
    assert url == submissions.gradebook_url
    assert not [word for word in command if url in word]


def test_the_command_is_ours_and_consent_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(plugin.CONSENT, raising=False)
    course, common = Path("/course"), ["--course", "/course", "--quiet"]
    command = plugin.runner_command("first", ["ana", "bo"], course)
    assert command[1:] == ["-m", "autograder.cli", "grade", "first", *common, "--student", "ana", "--student", "bo"]
    assert plugin.release_command("first", course)[1:] == ["-m", "autograder.cli", "release", "first", *common]
    assert plugin.scores_command(course)[1:] == ["-m", "autograder.cli", "scores", *common]
    monkeypatch.setenv(plugin.CONSENT, "yes")
    assert plugin.runner_command("first", ["ana", "bo"], course) == command
    monkeypatch.setenv(plugin.CONSENT, "1")
    assert plugin.runner_command("first", ["ana", "bo"], course) == [*command, "--trust-submissions"]
