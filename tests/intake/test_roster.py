"""Who is who: by equal numbers or a full name that one student has; everything else is doubt."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.errors import UsageError
from autograder.intake.roster import read_roster

NBGRADER = (
    "id,first_name,last_name,email,lms_user_id\n"
    "ada,Ada,Lovelace,ada@example.org,101\n"
    "mm1,Max,Müller,m1@example.org,\n"
    "mm2,Max,Müller,m2@example.org,\n"
    "leen,Leen,van den Berg,,\n"
)


def write(folder: Path, text: str) -> Path:
    (folder / "students.csv").write_bytes(text.encode())
    return folder / "students.csv"


def test_nbgraders_own_list(tmp_path: Path) -> None:
    roster = read_roster(write(tmp_path, NBGRADER))
    assert roster.find("canvas", "101", "whatever") == ("ada", "")
    assert roster.find("moodle", "101", "Nobody")[0] is None, "Moodle's number in a download is no user id"
    assert roster.find("moodle", "7", "Ada Lovelace") == ("ada", "")
    assert roster.find("canvas", "7", "vandenbergleen") == ("leen", "")
    assert roster.find("canvas", "7", "lovelaceada") == (None, "the list gives ada, who has this name, the number 101")
    assert roster.find("canvas", "7", "müllermax") == (None, "2 students of the list have this name: mm1, mm2")
    assert roster.find("canvas", "7", "lovelace") == (None, "no student of the list has this number or name")


@pytest.mark.parametrize(
    ("text", "column", "lms", "number", "name", "student"),
    [
        ('\ufeffStudent,ID,SIS Login ID\r\n  Points Possible,,\r\n"Lovelace, Ada",5,al1\r\n', "SIS Login ID", "canvas", "5", "x", "al1"),
        ('Student;ID;SIS Login ID\n"Lovelace, Ada";;al1\n', "SIS Login ID", "canvas", "5", "lovelaceada", "al1"),
        ("Identifier,Full name,Email address\nTeilnehmer/in 12,Ada Lovelace,a@x.org\n", "Email address", "moodle", "12", "", "a@x.org"),
        ("id,name\nal1,Ada Lovelace\n", None, "moodle", "12", "ada  lovelace", "al1"),
        ("id,Vorname\nal1,Ada\n", None, "moodle", "12", "Ada", None),
        ("sep=;\nid;Vorname;Nachname;LMS id\nal1;Ada;Lovelace;5\n", None, "canvas", "5", "x", "al1"),
        ("id\tnombre\tapellidos\nal1\tAda\tLovelace\n", None, "moodle", "12", "Ada Lovelace", "al1"),
    ],
)
def test_lists_of_an_lms(tmp_path: Path, text: str, column: str | None, lms: str, number: str, name: str, student: str | None) -> None:
    assert read_roster(write(tmp_path, text), column).find(lms, number, name)[0] == student


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252"])
def test_encodings_of_spreadsheets(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "students.csv").write_bytes("id;name\nnu;Ana Núñez\n".encode(encoding))
    assert read_roster(tmp_path / "students.csv").find("moodle", "1", "ana núñez") == ("nu", "")


@pytest.mark.parametrize("text", ["", "name\nAda\n", 'id,name\n"a,b\n', "id,name,id\nada,Ada,x\n"])
def test_what_is_no_list_is_said(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError):
        read_roster(write(tmp_path, text))


@pytest.mark.parametrize(("text", "column"), [("id,ID\nada,1\nbo,2\n ada ,3\n", None), ("ID,Email\n1,ada\n\n2,bo\n3,ada\n", "Email")])
def test_an_id_twice_is_said_with_its_lines(tmp_path: Path, text: str, column: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        read_roster(write(tmp_path, text), column)
    line = text.splitlines().index(text.splitlines()[-1]) + 1
    assert f"students.csv:{line}: id 'ada' stands in line 2 already" in str(caught.value)
    assert "nothing was changed" in str(caught.value)


def test_lines_without_an_id_are_nobody(tmp_path: Path) -> None:
    assert [person.id for person in read_roster(write(tmp_path, "id,name\n,Points Possible\nada,Ada\n,Student\n")).people] == ["ada"]
