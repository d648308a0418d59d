"""The CSV beside the one that nbgrader itself exports from the same gradebook."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

from autograder.course.paths import CoursePaths
from autograder.exports.nbgrader import Student, read_students, to_nbgrader
from autograder.exports.scores import Score, final_scores
from autograder.gradebook.session import open_gradebook
from autograder.gradebook.writing import read_manual_scores
from tests.exports.rules import no_formulas, rows_of
from tests.gradebook.tiny_course import ASSIGNMENT, record, write_gradebook

DUE = datetime(2027, 2, 12, 22, 59)


def fill(url: str) -> list[Score]:
    """Three students with a name, one without, one who submitted nothing; manual points for all but one."""
    records = [record(student="ana"), record(2.5, student="bo", submitted_at=None), record(4.0, student="cy")]
    with open_gradebook(url) as gradebook:
        gradebook.update_or_create_assignment(ASSIGNMENT, duedate=DUE)
        gradebook.add_student("ana", first_name="Ana", last_name="García", email="ana@example.org")
        gradebook.add_student("nobody", first_name="No", last_name="Body")
    write_gradebook(url, records)
    with open_gradebook(url) as gradebook:
        for student, points, extra in (("ana", 1.5, 0.25), ("bo", 0.0, None)):
            grade = gradebook.find_grade("why", ASSIGNMENT, ASSIGNMENT, student)
            grade.manual_score, grade.extra_credit, grade.needs_manual_grade = points, extra, False
        gradebook.db.commit()
    return final_scores(records, read_manual_scores(url, ASSIGNMENT), {})


def test_the_same_rows_as_nbgrader_but_no_zero_for_who_has_no_score(course: CoursePaths, tmp_path: Path) -> None:
    from nbgrader.plugins.export import CsvExportPlugin

    scores = {score.student: score for score in fill(course.gradebook_url)}
    with open_gradebook(course.gradebook_url) as gradebook:
        CsvExportPlugin(to=str(tmp_path / "theirs.csv")).export(gradebook)
    with (tmp_path / "theirs.csv").open(newline="") as stream:
        theirs = {row["student_id"]: row for row in csv.DictReader(stream) if row["assignment"] == ASSIGNMENT}
    ours_bytes = to_nbgrader({ASSIGNMENT: scores}, {ASSIGNMENT: DUE}, read_students(course.gradebook_url))
    ours = {row["student_id"]: row for row in csv.DictReader(ours_bytes.decode().splitlines())}
    assert list(ours["ana"]) == list(theirs["ana"])
    assert list(ours) == list(theirs)
    assert [ours["ana"], ours["bo"]] == [theirs["ana"], theirs["bo"]]
    points = ("raw_score", "late_submission_penalty", "score")
    assert ours["cy"] == theirs["cy"] | dict.fromkeys(points, "")
    assert ours["nobody"] == theirs["nobody"] | dict.fromkeys(points, "")
    assert {name: theirs[name]["score"] for name in ("cy", "nobody")} == {"cy": "4.0", "nobody": "0.0"}


def test_names_are_data() -> None:
    score = Score("=1+1", "hw", 4.0, raw=3.0, points=3.0)
    people = [Student("=1+1", 'O"Brien, Bo', "@SUM(A1)", "+x@example.org"), Student("zofie", "Žofie\n<b>名</b>")]
    rows = rows_of(to_nbgrader({"hw": {"=1+1": score}}, {"hw": None}, people))
    no_formulas(rows)
    assert rows[1][3:] == ["'=1+1", 'O"Brien, Bo', "'@SUM(A1)", "'+x@example.org", "3.0", "0.0", "3.0", "4.0"]
    assert rows[2][3:] == ["zofie", "Žofie\n<b>名</b>", "", "", "", "", "", "4.0"]
