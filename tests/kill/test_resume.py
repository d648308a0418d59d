"""A further call does exactly what is missing, and what depends on something that changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kill.conftest import DOUBLE, Graded, grade, hand_in, records

EVERYBODY = {"ada", "bob", "cleo", "dan", "eve", "fay"}


def executions(course: Path) -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for file in (course / ".autograder/runs").glob("*/run.json")}


def called_again(course: Path, *arguments: str, **environment: str) -> tuple[set[str], set[str]]:
    """Who was executed and whose record was written by one more call."""
    ran, written = executions(course), {file: file.stat().st_mtime_ns for file in (course / ".autograder/records").glob("*/*/*/*.json")}
    done = grade(course, *arguments, **environment)
    assert done.returncode == 0, done.stderr
    new = {file.parent.name for file, when in executions(course).items() if ran.get(file) != when}
    executed = {student for student, found in records(course).items() if {run.run_key for each in found for run in each.runs} & new}
    return executed, {file.parent.name for file in written if file.stat().st_mtime_ns != written[file]}


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_where_nothing_changed_nothing_is_done(whole: Path) -> None:
    assert called_again(whole) == (set(), set())


def test_another_grader_scores_again_and_executes_nothing(whole: Path) -> None:
    change(whole / "graders/standin/test_standin.py", "/ 45", "/ 90")
    assert called_again(whole) == (set(), EVERYBODY)
    assert {found[0].score for found in records(whole).values()} == {10.0, 6.0, 5.0, 0.0}


def test_another_curve_executes_nothing(whole: Path) -> None:
    change(whole / "grading_config.py", "Curve({0.0: 0, 1.0: 1})", "Curve({0.0: 0, 0.2: 1})")
    assert called_again(whole) == (set(), EVERYBODY)
    assert records(whole)["bob"][0].score == 15


@pytest.mark.parametrize(
    ("old", "new"), [('cell="60 s"', 'cell="59 s"'), ("sizes=(40, 10, 10)", "sizes=(39, 10, 11)")], ids=["limits", "data"]
)
def test_other_limits_or_data_execute_everybody(whole: Path, graded_once: Graded, old: str, new: str) -> None:
    change(whole / "grading_config.py", old, new)
    assert called_again(whole) == (EVERYBODY, EVERYBODY)
    assert {student: found[0].verdict() for student, found in records(whole).items()} == graded_once.verdicts


def test_another_environment_executes_everybody(whole: Path, graded_once: Graded) -> None:
    assert called_again(whole, STAND_IN_VERSION="99.0") == (EVERYBODY, EVERYBODY)
    assert {student: found[0].verdict() for student, found in records(whole).items()} == graded_once.verdicts
    assert called_again(whole, STAND_IN_VERSION="99.0") == (set(), set())


def test_a_new_submission_executes_that_one(whole: Path) -> None:
    hand_in(whole, "bob", "total = 18", DOUBLE)
    assert called_again(whole) == ({"bob"}, set())
    assert [(record.attempt, record.score) for record in sorted(records(whole)["bob"], key=lambda each: each.attempt)] == [
        (1, 7.0),
        (2, 9.0),
    ]


def test_force_executes_those_who_are_named(whole: Path) -> None:
    assert called_again(whole, "--force", "--student", "bob") == ({"bob"}, {"bob"})
