"""An exported gradebook comes back with one column filled in."""

from __future__ import annotations

import difflib

import pytest

from autograder.errors import UsageError
from autograder.exports.canvas import fill_gradebook
from autograder.exports.scores import Score
from autograder.intake.roster import Person, Roster
from tests.exports.rules import canvas_import

NAME = "First dense network (4711)"
HEADER = f"Student,ID,SIS User ID,SIS Login ID,Section,{NAME},Essay (4712),Final Score"
LINES = [
    HEADER,
    ",,,,,Manual Posting,,",
    '"    Points Possible",,,,,100.00,10.00,(read only)',
    '"Lovelace, Ada",101,u-1,ada,Group 1,,9.00,12.3',
    '"O\'Brien ""Bo"", Bob",102,bob,b.obrien@example.org,Group 1,55.00,,',
    '"=1+1, @Eve",103,u-3,eve,"Group, 2",EX,-,',
    '"Žofie, 名",104,u-4,zofie,Group 1,,,',
    '"Student, Test",105,,7f3a,Group 1,,,',
]


def gradebook(lines: list[str] = LINES, end: str = "\r\n", mark: str = "\ufeff") -> bytes:
    return (mark + end.join(lines) + end).encode()


def scores(**points: float | None) -> list[Score]:
    return [Score(name, "first_dense_network", 100.0, raw=value, points=value) for name, value in points.items()]


@pytest.mark.parametrize(("end", "mark"), [("\r\n", "\ufeff"), ("\n", "")])
def test_the_column_is_filled_and_every_other_byte_stays(end: str, mark: str) -> None:
    before = gradebook(end=end, mark=mark)
    filled = fill_gradebook(before, "first_dense_network", scores(ada=87.25, bob=100.0, zofie=0.0))
    grades = {student: row[NAME] for student, row in canvas_import(filled.data).items()}
    assert grades == {"101": "87.25", "102": "100", "103": "EX", "104": "0", "105": ""}
    assert (filled.written, filled.missing) == (("ada", "bob", "zofie"), {})
    changes = [op[0] for op in difflib.SequenceMatcher(None, before, filled.data, autojunk=False).get_opcodes() if op[0] != "equal"]
    assert len(changes) == 3
    assert (
        filled.data.replace(b"Group 1,87.25,", b"Group 1,,")
        .replace(b"Group 1,100,", b"Group 1,55.00,")
        .replace(b"Group 1,0,", b"Group 1,,")
        == before
    )


def test_who_has_no_score_keeps_what_canvas_has() -> None:
    filled = fill_gradebook(gradebook(), "first_dense_network", scores(bob=None))
    assert filled.data == gradebook()


def test_students_who_are_not_there_or_in_doubt_are_named() -> None:
    lines = [*LINES, '"Twin, A",106,twin,,,,,', '"Twin, B",107,,twin,,,,']
    filled = fill_gradebook(gradebook(lines), "first_dense_network", scores(nobody=1.0, twin=2.0, ada=3.0, **{"101": 4.0, "": 5.0}))
    assert filled.data == gradebook(lines)
    assert filled.missing == {
        "nobody": "not in the template",
        "": "not in the template",
        "twin": "2 rows of the template have this id",
        "ada": "the same row of the template would belong to 101, ada",
        "101": "the same row of the template would belong to 101, ada",
    }


def test_a_list_of_students_says_who_is_who() -> None:
    roster = Roster((Person("s1", canvas="103"), Person("s2", email="b.obrien@example.org")))
    filled = fill_gradebook(gradebook(), "first_dense_network", scores(s1=10.0, s2=20.0), roster=roster)
    assert {student: row[NAME] for student, row in canvas_import(filled.data).items() if row[NAME]} == {"103": "10", "102": "20"}


def test_points_are_scaled_only_when_asked_for() -> None:
    with pytest.raises(UsageError, match="The template counts 10 points, 'first_dense_network' has 100"):
        fill_gradebook(gradebook(), "first_dense_network", scores(ada=87.0), column="Essay (4712)")
    filled = fill_gradebook(gradebook(), "first_dense_network", scores(ada=87.0), column="4712", scale=True)
    assert canvas_import(filled.data)["101"] == {NAME: "", "Essay (4712)": "8.7"}


def test_a_file_with_semicolons_and_decimal_commas() -> None:
    header = "Student;ID;SIS Login ID;Section;First Dense Network (1);Essay, part one, two, three, four, five, six (2)"
    lines = [header, "    Points Possible;;;;100,00;10,00", "Lovelace, Ada;1;ada;A;3,5;"]
    filled = fill_gradebook(gradebook(lines), "first_dense_network", scores(ada=87.25))
    assert filled.data == gradebook([*lines[:2], "Lovelace, Ada;1;ada;A;87.25;"])
    assert canvas_import(filled.data, ";")["1"]["First Dense Network (1)"] == "87.25"


@pytest.mark.parametrize(
    ("lines", "column", "said"),
    [
        (["name,points", "ada,1"], None, "is no gradebook of Canvas"),
        ([HEADER.replace(NAME, "Other (1)")], None, "no column for 'first_dense_network'; its assignments are: 'Other (1)', 'Essay"),
        ([HEADER.replace("Essay", "First_dense-network")], None, "2 columns for"),
        ([HEADER, "Points Possible,,,,,(read only),,"], None, "as read only"),
        (LINES, "Final Score", "no column for 'Final Score'"),
        (['Student,ID,"x'], None, "line 1 has a quote that does not end"),
    ],
)
def test_what_does_not_fit_is_refused(lines: list[str], column: str | None, said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("(", r"\(").replace(")", r"\)")):
        fill_gradebook(gradebook(lines), "first_dense_network", scores(ada=1.0), column)
