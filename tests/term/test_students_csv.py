"""Class lists as they come, and everything that is wrong with one at once."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.errors import UsageError
from autograder.term.students_csv import ClassList, Student, read_class_list
from tests.fuzz.mutations import fuzz

ADA = Student("ada", "Ada", "Lovelace", "ada@uni.es", "1001", "A", "Eva")


def read(tmp_path: Path, content: str | bytes, ignore_unknown: bool = False) -> ClassList:
    file = tmp_path / "class.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_class_list(file, ignore_unknown)


def problems(tmp_path: Path, content: str | bytes) -> str:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, content)
    assert caught.value.exit_status == 2
    return str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        "id,first name,last name,e-mail,LMS id,section,teaching assistant\nada,Ada,Lovelace,ada@uni.es,1001,A,Eva\n",
        "\ufeffUser ID;Name;E-Mail;Canvas ID;Group;TA\r\nada;Lovelace, Ada;ada@uni.es;1001;A;Eva\r\n\r\n",
        'sep=;\nid;name;email;lms_id;section;assistant\nada;"Lovelace, Ada";ada@uni.es;1001;A;Eva',
        "ID\tName\tEmail address\tID number\tClass\tTutor\n ada \tAda  Lovelace\tada@uni.es\t1001\tA\tEva\n;;;\t\t\t\t\t\n".replace(
            ";", ""
        ),
        "section,teaching_assistant,id,FIRST_NAME,Surname,mail,lms\nA,Eva,a\u200bda,Ada,Lovelace,ada@uni.es,1001\n",
    ],
)
def test_headers_and_separators_as_people_have_them(tmp_path: Path, content: str) -> None:
    assert read(tmp_path, content) == ClassList((ADA,), frozenset(each.name for each in fields(Student)))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    found = read(tmp_path, "id;nombre;apellidos\nana;Ana María;Núñez Peña\n".encode(encoding))
    assert found.students == (Student("ana", "Ana María", "Núñez Peña"),)
    assert bool(found.remarks) == (not encoding.startswith("utf-8"))


def test_only_the_id_is_needed(tmp_path: Path) -> None:
    assert read(tmp_path, "student\nada\n7001\n") == ClassList((Student("ada"), Student("7001")), frozenset({"id"}))
    found = read(tmp_path, "id,name\nada,Lovelace\n")
    assert found == ClassList((Student("ada", "", "Lovelace"),), frozenset({"id", "first_name", "last_name"}))


def test_quotes_may_hold_lines_and_numbers_stay_those_of_the_file(tmp_path: Path) -> None:
    said = problems(tmp_path, 'id,name,email\nada,"Ada\nLovelace",ada@uni.es\n,Bo,bo@uni.es\n')
    assert "class.csv:4: the id is missing" in said


def test_all_problems_at_once_with_their_lines(tmp_path: Path) -> None:
    said = problems(
        tmp_path,
        "id,name,emial,shoe size,email\n"
        "ada,Ada,,,ada@uni.es\n"
        ",Nobody,,,\n"
        "Ada,Ada again,,,other@uni.es\n"
        "bo,Bo,,,ADA@uni.es\n"
        "../eva,Eva,,,no address\n"
        "cy,Cy\n"
        f"dan,{'D' * 200},,,\n"
        "\n"
        "fay,Fa\x1b[31my,,,\n",
    )
    assert "has 10 problems; nothing was changed" in said
    for part in (
        "class.csv:1: column 'emial' is not known\n  → Did you mean 'email'?",
        "class.csv:1: column 'shoe size' is not known",
        "class.csv:3: the id is missing",
        "class.csv:4: id 'Ada' stands in line 2 already (there 'ada')",
        "class.csv:5: e-mail address 'ADA@uni.es' stands in line 2 already",
        "class.csv:6: id '../eva' is no folder name",
        "class.csv:6: 'no address' is no e-mail address",
        "class.csv:7: 2 values stand there, the first line names 5 columns",
        "class.csv:8: the last name has 200 characters",
        "class.csv:10: the last name has",
    ):
        assert part in said
    assert "--ignore-unknown" in said


def test_unknown_columns_can_be_left_out(tmp_path: Path) -> None:
    assert read(tmp_path, "id,shoe size\nada,38\n", ignore_unknown=True).students == (Student("ada"),)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("id,name\n", "no student stands in it"),
        ("name,email\nAda,ada@uni.es\n", "no column holds the student's id"),
        ("id,user id\nada,ada\n", "columns 'id' and 'user id' both hold the id"),
        ('id,name\nada,"Ada\n', "Is a quote left open?"),
        (b"PK\x03\x04rest of a spreadsheet", "Save the table as CSV"),
        ("id,name\nada,Ada\x00\n", "class.csv:2"),
    ],
)
def test_what_is_no_class_list(tmp_path: Path, content: str | bytes, words: str) -> None:
    assert words in problems(tmp_path, content)


@fuzz(200)
@given(
    st.one_of(st.binary(max_size=200), st.text(st.sampled_from("id,;\t\"\n\r'aA@ñ\x00\ufeff=sep"), max_size=60).map(str.encode)),
    st.booleans(),
)
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes, with_header: bool) -> None:
    file = tmp_path / "class.csv"
    file.write_bytes((b"id;name\n" if with_header else b"") + content)
    with suppress(UsageError):
        students = read_class_list(file).students
        assert students
        assert all(each.id and "/" not in each.id for each in students)
        assert len({each.id.casefold() for each in students}) == len(students)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(UsageError, match="cannot be read"):
            read_class_list(path)
