"""`autograder export` on records in a store; nothing is executed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.batch.store import Store
from autograder.records import GradeCell
from tests.conftest import autograder
from tests.exports.rules import canvas_import, gradescope, junit, moodle_grade_import, rows_of
from tests.feedback.samples import record, unscored

CELLS = (GradeCell("a", 7.5, 10, False),)
TEMPLATE = "Student,ID,SIS Login ID,Section,tiny (1)\r\nPoints Possible,,,,10\r\nA,1,ada,X,\r\nC,3,cy,X,2\r\n"


@pytest.fixture
def graded(tiny: Path) -> Path:
    store = Store(tiny / ".autograder")
    found = [
        record(student="ada", grade_cells=CELLS),
        record(student="bo", grade_cells=CELLS),
        replace(unscored(student="cy", outcome="unreadable", reason="no JSON"), grade_cells=(replace(CELLS[0], score=None),)),
    ]
    for each in found:
        store.write(replace(each, assignment="tiny", profile="smoke"))
    (tiny / "canvas.csv").write_bytes(TEMPLATE.encode())
    (tiny / "twice.csv").write_text("id,lms_user_id\nada,1\nbo,2\nada,3\n")
    return tiny


def test_canvas(graded: Path) -> None:
    done = autograder(graded, "export", "tiny", "--profile", "smoke", "--format", "canvas", "--template", "canvas.csv", "--json", "-")
    assert done.returncode == 1, done.stderr
    said = json.loads(done.stdout)
    assert (said["exported"], [each["student"] for each in said["unscored"]]) == (["ada"], ["cy"])
    assert said["missing"] == [{"student": "bo", "reason": "not in the template"}]
    assert "bo: the score is not in the file: not in the template" in done.stderr
    assert "cy: no score of 'tiny' is exported: unscored: the file could not be read" in done.stderr
    data = (graded / "exports/tiny.canvas.csv").read_bytes()
    assert data == TEMPLATE.replace("ada,X,", "ada,X,7.5").encode()
    assert canvas_import(data) == {"1": {"tiny (1)": "7.5"}, "3": {"tiny (1)": "2"}}


def test_the_other_formats(graded: Path) -> None:
    for form, more in (("moodle", []), ("junit", ["--into", "out/ci.xml"]), ("nbgrader", []), ("gradescope", [])):
        done = autograder(graded, "export", "--profile", "smoke", "--format", form, "--quiet", *more)
        assert done.returncode == 0, done.stderr
        assert done.stderr == "cy: no score of 'tiny' is exported: unscored: the file could not be read\n"
    assert moodle_grade_import((graded / "exports/tiny.moodle.csv").read_bytes()) == {"ada": "7.5", "bo": "7.5"}
    assert len(junit((graded / "out/ci.xml").read_bytes())) == 3
    assert [row[9] for row in rows_of((graded / "exports/tiny.nbgrader.csv").read_bytes())] == ["score", "7.5", "7.5", ""]
    files = sorted((graded / "exports/tiny.gradescope").rglob("*.*"))
    assert [path.relative_to(graded / "exports/tiny.gradescope").as_posix() for path in files] == ["ada/results.json", "bo/results.json"]
    assert gradescope(files[0].read_bytes())["score"] == 7.5


def test_one_student_into_a_file(graded: Path) -> None:
    done = autograder(graded, "export", "tiny", "--profile", "smoke", "--format", "gradescope", "--student", "bo", "--into", "results.json")
    assert done.returncode == 0, done.stderr
    assert gradescope((graded / "results.json").read_bytes())["score"] == 7.5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "canvas"], "Canvas imports only into a gradebook that it exported."),
        (["--format", "junit", "--template", "canvas.csv"], "--template has no meaning for 'junit'"),
        (["--format", "canvas", "--template", "none.csv"], "The template 'none.csv' cannot be read: No such file"),
        (["--format", "canvas", "--template", "canvas.csv", "--into", "canvas.csv"], "The template itself would be overwritten."),
        (["--format", "moodle", "--into", "."], "'.' is a folder."),
        (["--format", "moodle", "--students", "canvas.csv"], "has no column 'id' with the students' ids; it has: 'Student', 'ID', 'SIS"),
        (["--format", "canvas", "--template", "canvas.csv", "--students", "twice.csv"], "twice.csv:4: id 'ada' stands in line 2 already"),
        (["--format", "moodle", "--students", "twice.csv"], "twice.csv:4: id 'ada' stands in line 2 already"),
        (["--format", "moodle", "--gradebook", "sqlite:///none.db"], "There is no gradebook 'sqlite:///none.db'."),
        (["--format", "moodle", "--student", "dan"], "There is no record of 'tiny' from dan"),
    ],
)
def test_wrong_usage_changes_nothing(graded: Path, arguments: list[str], said: str) -> None:
    done = autograder(graded, "export", "tiny", "--profile", "smoke", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert (graded / "canvas.csv").read_bytes() == TEMPLATE.encode()
    assert not (graded / "exports").exists()
