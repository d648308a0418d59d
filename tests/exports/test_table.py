"""CSV files: harmless when written, and changed in one cell without touching another byte."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.errors import UsageError
from autograder.exports.table import harmless, read_table, to_csv
from tests.exports.rules import no_formulas, rows_of

NASTY = ["=1+1", "+1", "-cmd", "@SUM(A1)", "\t=1", " =1", "a,b", 'say "x"', "two\nlines", "Žofie 😀", "<b>x</b>", "＝1", "-1.5", ""]


def test_what_is_written_is_read_back_and_is_no_formula() -> None:
    rows = rows_of(to_csv(["name", "=x"], [[name, "1"] for name in NASTY]))
    no_formulas(rows)
    assert [row[0] for row in rows[1:]] == [harmless(name) for name in NASTY]
    assert [harmless(name) for name in ("=1+1", "-1.5", "a-b", "ada")] == ["'=1+1", "-1.5", "a-b", "ada"]


@given(st.lists(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=2, max_size=4), min_size=2))
@pytest.mark.parametrize("dialect", [("\ufeff", "\r\n", csv.QUOTE_ALL), ("", "\n", csv.QUOTE_NONNUMERIC), ("", "\r", csv.QUOTE_ALL)])
def test_one_cell_changes_and_nothing_else(dialect: tuple[str, str, int], rows: list[list[str]]) -> None:
    mark, end, quoting = dialect
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator=end, quoting=quoting).writerows([["first", "second"], *rows])  # type: ignore[arg-type]  # a constant
    data = (mark + stream.getvalue()).encode()
    table = read_table(data)
    assert [[cell.value for cell in row] for row in table.rows] == rows
    assert table.replace({}) == data
    cell = table.rows[-1][1]
    before, after = table.text[: cell.start].encode(), table.text[cell.end :].encode()
    assert table.replace({(len(rows) - 1, 1): "7.5"}) == before + b"7.5" + after


def test_bytes_of_another_encoding_stay() -> None:
    data = b"name;points\r\nM\xfcller;1\r\n\r\nZ\xe9;2"
    table = read_table(data)
    assert table.header == ("name", "points")
    assert table.replace({(0, 1): "3"}) == b"name;points\r\nM\xfcller;3\r\n\r\nZ\xe9;2"


@pytest.mark.parametrize("data", [b"", b'a,b\n"x,1\n', b'a,b\n"x"y,1\n', "a,b\n".encode("utf-16")])
def test_what_is_no_csv_is_said(data: bytes) -> None:
    with pytest.raises(UsageError, match="The template"):
        read_table(data)
