"""Moodle's two files: the grade import, and the worksheet of an assignment."""

from __future__ import annotations

import pytest

from autograder.errors import UsageError
from autograder.exports.moodle import fill_worksheet, grade_import
from autograder.intake.roster import Person, Roster
from tests.exports.rules import moodle_grade_import, moodle_worksheet_import, no_formulas, rows_of
from tests.exports.test_canvas import scores

WORKSHEET = (
    '\ufeffIdentifier,"Full name",Username,"Email address",Status,Grade,"Maximum Grade","Grade can be changed",'
    '"Last modified (submission)","Last modified (grade)","Feedback comments"\n'
    'Participant 11,"Ada Lovelace",ada,ada@example.org,Submitted,,100.00,Yes,"Friday, 12 February 2027, 9:00 PM",-,\n'
    'Participant 12,"Bob ""Bo"" O\'Brien",bob,bob@example.org,Submitted,55.00,100.00,Yes,-,-,"<p>Well\ndone, =1+1</p>"\n'
    "Participant 13,Eve,eve,eve@example.org,Submitted,,100.00,No,-,-,\n"
    "Participant 14,Žofie 名,zofie,z@example.org,No submission,,100.00,Yes,-,-,"
).encode()


def test_the_grade_import_has_only_those_with_a_score() -> None:
    exported = grade_import("first_dense_network", scores(ada=87.25, bob=None, zofie=0.0))
    assert moodle_grade_import(exported.data) == {"ada": "87.25", "zofie": "0"}
    assert (exported.written, exported.missing) == (("ada", "zofie"), {})


def test_ids_that_a_spreadsheet_would_calculate_are_left_out_and_named() -> None:
    exported = grade_import("first_dense_network", scores(**{"=1+1": 1.0, 'a,"b': 2.0, "Žofie\n名": 3.0, "@x": 4.0}))
    no_formulas(rows_of(exported.data))
    assert moodle_grade_import(exported.data) == {'a,"b': "2", "Žofie\n名": "3"}
    assert list(exported.missing) == ["=1+1", "@x"]


def test_with_a_list_of_students_the_address_stands_beside() -> None:
    people = (Person("ada", email="ada@example.org"), Person("bob"), Person("eve", email="a@b"), Person("eva", email="a@b"))
    exported = grade_import("hw", scores(ada=1.0, bob=2.0, eve=3.0, eva=5.0, zofie=4.0), Roster(people))
    assert rows_of(exported.data) == [["username", "email", "hw"], ["ada", "ada@example.org", "1"]]
    assert exported.missing == {
        "bob": "the list of students has no e-mail address of theirs",
        "eve": "the list of students gives 2 students the address a@b",
        "eva": "the list of students gives 2 students the address a@b",
        "zofie": "the id does not stand in the list of students",
    }


def test_a_worksheet_is_filled_and_every_other_byte_stays() -> None:
    filled = fill_worksheet(WORKSHEET, scores(ada=87.25, bob=None, eve=3.0, zofie=0.0, nobody=1.0))
    assert filled.data == WORKSHEET.replace(b"Submitted,,100.00,Yes", b"Submitted,87.25,100.00,Yes").replace(
        b"No submission,,", b"No submission,0,"
    )
    assert moodle_worksheet_import(filled.data) == {"Participant 11": "87.25", "Participant 12": "55.00", "Participant 14": "0"}
    assert filled.missing == {"nobody": "not in the template", "eve": "Moodle says that the grade cannot be changed"}


def test_a_worksheet_in_another_language_needs_the_names_of_its_columns() -> None:
    other = WORKSHEET.replace(b",Grade,", b",Bewertung,").replace(b",Username,", b",Anmeldename,").replace(b'"Email address"', b"Mail")
    with pytest.raises(UsageError, match="lacks the column 'Grade'"):
        fill_worksheet(other, scores(ada=1.0))
    with pytest.raises(UsageError, match="lacks the column 'Bewertung', or one with the students' ids"):
        fill_worksheet(other, scores(ada=1.0), column="Bewertung")
    filled = fill_worksheet(other, scores(ada=1.0), column="Bewertung", id_column="Anmeldename")
    assert filled.written == ("ada",)


def test_points_of_the_worksheet_count() -> None:
    twenty = WORKSHEET.replace(b"100.00", b"20.00")
    with pytest.raises(UsageError, match="counts 20 points"):
        fill_worksheet(twenty, scores(ada=1.0))
    assert (
        moodle_worksheet_import(fill_worksheet(twenty, scores(ada=50.0), scale=True).data.replace(b"55.00", b""))["Participant 11"] == "10"
    )


def test_more_than_moodle_takes_is_named() -> None:
    filled = fill_worksheet(WORKSHEET, scores(ada=100.5, zofie=100.0))
    assert filled.missing == {"ada": "100.5 points are more than the 100 allowed"}
    assert moodle_worksheet_import(filled.data)["Participant 14"] == "100"
