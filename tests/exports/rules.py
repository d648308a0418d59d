"""What the formats demand, as their own documents and programs say; each checker raises AssertionError with the rule."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from typing import Any
from xml.etree import ElementTree

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # https://owasp.org/www-community/attacks/CSV_Injection
NUMBER = re.compile(r"-?\d+(\.\d+)?")


def rows_of(data: bytes, delimiter: str = ",") -> list[list[str]]:
    """A strict reader of RFC 4180; every row must have as many fields as the first one."""
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=delimiter, strict=True))
    assert {len(row) for row in rows} == {len(rows[0])}, "RFC 4180, 2.4: each line has the same number of fields"
    return rows


def no_formulas(rows: list[list[str]]) -> None:
    for cell in (cell for row in rows for cell in row):
        assert NUMBER.fullmatch(cell) or not cell.lstrip(" ").startswith(FORMULA), f"OWASP, CSV injection: {cell!r}"


def canvas_import(data: bytes, delimiter: str = ",") -> dict[str, dict[str, str]]:
    """Grades by the student's ID, then header. Rules of `lib/gradebook_importer.rb` in instructure/canvas-lms."""
    rows = rows_of(data, delimiter)
    header = rows[0]
    assert len(header) > 3, "row_has_student_headers?"
    assert ("Student" in header[0], "ID" in header[1]) == (True, True), "row_has_student_headers?"
    points = next(row for row in rows if "Points Possible" in row[0])
    students = [
        row for row in rows[1:] if row is not points and not all(re.fullmatch(r"(?i)\s*(Muted|Manual Posting.*)?\s*", c) for c in row)
    ]
    columns = [place for place, name in enumerate(header) if re.fullmatch(r".*\s\(\d+\)", name) and "read only" not in points[place]]
    for row in students:
        for place in columns:
            assert row[place].strip() == "" or row[place] in ("EX", "-") or NUMBER.fullmatch(row[place]), f"no grade: {row[place]!r}"
    return {row[1]: {header[place]: row[place] for place in columns} for row in students}


def moodle_grade_import(data: bytes) -> dict[str, str]:
    """Grades by username. Rules of `grade/import/csv/classes/load_data.php` in moodle/moodle."""
    rows = rows_of(data)
    assert rows[0][0] == "username", "check_user_exists: userid, username, useridnumber or useremail identifies a student"
    names = [row[0] for row in rows[1:]]
    assert all(names), "a row with a blank user field is skipped"
    assert len(set(names)) == len(names), "one student, one row"
    for row in rows[1:]:
        assert NUMBER.fullmatch(row[-1]), "update_grade_item: an empty grade or '-' erases, anything but a number cancels the import"
    return {row[0]: row[-1] for row in rows[1:]}


def moodle_worksheet_import(data: bytes) -> dict[str, str]:
    """Grades that would be taken over, by identifier. Rules of `mod/assign/feedback/offline` in moodle/moodle."""
    rows = rows_of(data)
    for needed in ("Identifier", "Grade", "Last modified (grade)"):
        assert needed in rows[0], "init(): record id, grade and last modified (grade) must be there"
    place = {name: column for column, name in enumerate(rows[0])}
    taken = {}
    for row in rows[1:]:
        grade = row[place["Grade"]]
        if grade == "" or row[place["Grade can be changed"]] == "No":
            continue
        assert 0 <= float(grade) <= float(row[place["Maximum Grade"]]), "out of range is skipped"
        taken[row[place["Identifier"]]] = grade
    return taken


TOP = {"score", "execution_time", "output", "output_format", "test_output_format", "test_name_format", "visibility", "stdout_visibility",
       "extra_data", "tests", "leaderboard"}  # fmt: skip
TEST = {"score", "max_score", "status", "name", "name_format", "number", "output", "output_format", "tags", "visibility", "extra_data"}
VISIBILITIES = {"hidden", "after_due_date", "after_published", "visible"}
FORMATS = {"text", "html", "simple_format", "md", "ansi"}


def gradescope(data: bytes) -> dict[str, Any]:
    """https://gradescope-autograders.readthedocs.io/en/latest/specs/, "Output format" and the sections after it."""
    found: dict[str, Any] = json.loads(data, parse_constant=lambda name: (_ for _ in ()).throw(AssertionError(f"{name} is no JSON")))
    assert found.keys() <= TOP
    tests = found.get("tests", [])
    assert "score" in found or (tests and all("score" in test for test in tests)), "a score at the top or on every test"
    for part in (found, *tests):
        assert part.get("visibility", "visible") in VISIBILITIES
        assert {part[key] for key in part if key.endswith("_format")} <= FORMATS
        for key in ("score", "max_score", "execution_time"):
            assert isinstance(part.get(key, 0), int | float), f"{key} is a number"
            assert math.isfinite(part.get(key, 0)), f"{key} is a number"
    assert found.get("stdout_visibility", "hidden") in VISIBILITIES
    for test in tests:
        assert test.keys() <= TEST
        assert test.get("status", "passed") in ("passed", "failed")
        assert all(isinstance(test.get(key, ""), str) for key in ("name", "output"))
    for entry in found.get("leaderboard", []):
        assert {"name", "value"} <= entry.keys() <= {"name", "value", "order"}
        assert entry.get("order", "desc") in ("asc", "desc")
    return found


def junit(data: bytes) -> ElementTree.Element:
    """https://github.com/testmoapp/junitxml: testsuites > testsuite > testcase, at most one failure, error or skipped, right counts."""
    root = ElementTree.fromstring(data)
    assert root.tag == "testsuites"
    for suite in root:
        cases = suite.findall("testcase")
        assert suite.tag == "testsuite"
        assert suite.get("name")
        assert len(cases) == len(suite)
        assert int(suite.attrib["tests"]) == len(cases)
        for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.attrib[key]) == len(suite.findall(f"testcase/{tag}"))
        for case in cases:
            assert case.get("name")
            assert case.get("classname")
            assert float(case.attrib["time"]) >= 0
            assert len(case) <= 1
            assert {child.tag for child in case} <= {"failure", "error", "skipped"}
    return root
