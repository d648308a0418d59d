"""`scores --term` and `export --term` as instructors type them, and what cannot be meant."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from autograder.batch.store import Store
from autograder.records import GradeCell
from tests.conftest import autograder
from tests.gradebook.tiny_course import record

CANVAS = "Student,ID,SIS Login ID,Section,Grade (7)\r\nPoints Possible,,,,10\r\nA,1,ana,X,\r\nB,2,bo,X,\r\nC,3,cy,X,5\r\n"


@pytest.fixture
def course(tiny: Path) -> Path:
    """Ana has 80 of 100 points, Bo is ungraded, =Cy() looks like a formula and has 60."""
    config = tiny / "grading_config.py"
    text = config.read_text().replace("Limits, Profile", "Limits, Profile, Term")
    config.write_text(text.replace("timezone=", "term=Term(points=10, decimals=1), timezone=", 1))
    for student, score in {"ana": 80.0, "bo": None, "cy": 60.0}.items():
        cells = (GradeCell("code", score, 100.0, False),)
        Store(tiny / ".autograder").write(record(score, student=student, grade_cells=cells, assignment="tiny", profile="smoke"))
    (tiny / "class.csv").write_text("id;first name;last name\nana;Ana;Núñez\nbo;Bo;Li\ncy;=HYPERLINK(1);Roth\n", encoding="utf-8-sig")
    assert autograder(tiny, "roster", "import", "class.csv").returncode == 0
    (tiny / "canvas.csv").write_bytes(CANVAS.encode())
    return tiny


def test_a_table_with_everybody_and_no_0_for_who_has_no_grade(course: Path) -> None:
    done = autograder(course, "export", "--term", "--json", "-")
    assert done.returncode == 0, done.stderr
    assert "bo: no term grade is exported: open, because of tiny" in done.stderr
    assert "2 grade(s) rest on scores that are not final yet: ana, cy" in done.stderr
    with (course / "exports/term.csv").open(encoding="utf-8", newline="") as stream:
        rows = {row["id"]: row for row in csv.DictReader(stream)}
    assert [(row["term"], row["of"], row["state"], row["tiny"], row["tiny: part"]) for row in rows.values()] == [
        ("8", "10", "so far", "80", "counts"),
        ("", "10", "open", "", "unscored"),
        ("6", "10", "so far", "60", "counts"),
    ]
    assert rows["cy"]["first name"] == "'=HYPERLINK(1)"
    said = json.loads(done.stdout)
    assert [(each["student"], each["grade"], each["state"]) for each in said["grades"]] == [
        ("ana", 8.0, "so far"),
        ("bo", None, "open"),
        ("cy", 6.0, "so far"),
    ]


def test_into_what_canvas_exported(course: Path) -> None:
    done = autograder(
        course, "export", "--term", "--format", "canvas", "--template", "canvas.csv", "--column", "Grade", "--into", "filled.csv"
    )
    assert done.returncode == 0, done.stderr
    assert (course / "filled.csv").read_bytes() == CANVAS.replace("ana,X,", "ana,X,8").replace("cy,X,5", "cy,X,6").encode()


def test_tables_and_explanations(course: Path) -> None:
    table = autograder(course, "scores", "--term").stdout
    assert "Term grades: of 10 points" in table
    assert "Ana Núñez (ana)" in table
    said = autograder(course, "scores", "--term", "--explain", "--student", "bo").stdout
    assert said.startswith("Bo Li (bo), term: open\n")
    assert "open: it could not be scored so far" in said


def test_who_dropped_has_no_grade_and_is_named(course: Path) -> None:
    (course / "class.csv").write_text("id\nana\nbo\n")
    assert autograder(course, "roster", "import", "class.csv").returncode == 0
    done = autograder(course, "export", "--term", "--json", "-")
    assert "Not in the class any more, so without a term grade: cy" in done.stderr
    assert [each["student"] for each in json.loads(done.stdout)["grades"]] == ["ana", "bo"]


def test_final_grades_are_exported_by_the_term_that_was_agreed(course: Path) -> None:
    finalise = ("decide", "finalise", "tiny", "--early", "--student", "ana", "--student", "cy", "--why", "agreed")
    assert autograder(course, *finalise).returncode == 0
    config = course / "grading_config.py"
    before = config.read_text()
    config.write_text(before.replace("points=10, decimals=1", "points=5, decimals=1"))
    refused = autograder(course, "export", "--term")
    assert refused.returncode == 2
    assert "2 term grades (ana, cy) became final by d1" in refused.stderr
    assert "points 10, now 5" in refused.stderr
    assert not (course / "exports").exists()
    assert autograder(course, "export", "--term", "--student", "bo").returncode == 0  # who has no final grade
    shown = autograder(course, "scores", "--term")
    assert (shown.returncode, "Not as agreed: 2 term grades" in shown.stderr) == (0, True)
    for arguments, words in (
        (("tiny", "--why", "x"), "not about 'tiny'"),
        (("--everybody", "--why", "x"), "needs nothing but a reason"),
        (("--why", " "), "needs a reason"),
    ):
        assert words in autograder(course, "decide", "term", *arguments).stderr
    said = autograder(course, "decide", "term", "--why", "the faculty, 12 June")
    assert "d2: term, everybody: the faculty, 12 June" in said.stderr
    assert autograder(course, "export", "--term").returncode == 0
    assert "d2" in autograder(course, "decisions").stdout
    config.write_text(before)
    assert "became final by d2" in autograder(course, "export", "--term").stderr
    assert autograder(course, "decide", "revoke", "d2", "--why", "not decided after all").returncode == 0
    assert autograder(course, "export", "--term").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("scores", "tiny", "--term"), "--term is about all assignments"),
        (("scores", "--term", "--pseudonyms"), "--term is about all assignments"),
        (("scores", "--term", "--student", "anna"), "did you mean 'ana'?"),
        (("export", "tiny", "--term"), "--term is about whole assignments"),
        (("export", "--term", "--partial"), "--term is about whole assignments"),
        (("export", "--term", "--format", "junit"), "Term grades are not written as 'junit'"),
        (("export", "--term", "--format", "canvas"), "Canvas imports only into a gradebook"),
        (("export", "--term", "--template", "canvas.csv"), "--template has no meaning for 'csv'"),
        (("export", "--term", "--student", "zoe"), "Nobody of the course is called 'zoe'"),
        (("export", "--term", "--gradebook", "sqlite:///none.db"), "There is no gradebook"),
        (("export",), "Say what to write"),
        (("export", "--format", "csv"), "Say what to write"),
    ],
)
def test_what_cannot_be_meant_is_said_and_writes_nothing(course: Path, arguments: tuple[str, ...], words: str) -> None:
    done = autograder(course, *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (course / "exports").exists()


def test_without_a_term_in_the_configuration_there_is_no_grade(tiny: Path) -> None:
    done = autograder(tiny, "export", "--term")
    assert done.returncode == 2
    assert "does not say how its assignments make the term grade" in done.stderr
