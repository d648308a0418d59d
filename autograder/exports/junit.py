"""Records as JUnit XML, as CI services show it: a suite for each submission, a case for each test of a grader.

The format has no points, and no schema of its own; what is written here is what Jenkins, GitLab and GitHub's reporters have in common
(https://github.com/testmoapp/junitxml).
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree

from autograder.feedback.clean import line, paragraph
from autograder.quality.junit import count_cases, note, printable, to_xml
from autograder.records import GradeCell, Record


def to_junit(records: Iterable[Record]) -> bytes:
    """A test that did not earn everything is a failure, one that nobody could score an error, a cell for a person is skipped."""
    root = ElementTree.Element("testsuites", name="autograder grade")
    for record in records:
        root.append(_suite(record))
    return to_xml(root)


def _suite(record: Record) -> ElementTree.Element:
    name = f"{record.assignment}.{line(record.student)}"
    suite = ElementTree.Element("testsuite", name=printable(name), time=f"{record.usage.wall_s:.1f}")
    for cell in record.grade_cells:
        for case in _cases(name, cell):
            suite.append(case)
    if record.score is None:
        why = record.grading_reason or record.reason or record.outcome
        note(_case(suite, name, "score"), "error", f"no score: {paragraph(why)}")
    count_cases(suite)
    return suite


def _case(suite: ElementTree.Element, classname: str, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname=printable(classname), name=printable(line(name, 300)), time="0")


def _cases(suite: str, cell: GradeCell) -> list[ElementTree.Element]:
    found = ElementTree.Element("testsuite")
    where = f"{suite}.{cell.grade_id}"
    for test in cell.tests:
        case = _case(found, where, test.name)
        if test.fraction is None:
            note(case, "error", "the grader failed", paragraph(test.message))
        elif not test.passed:
            note(case, "failure", f"{test.fraction:.0%} of its points", paragraph(test.message))
    if cell.manual and not cell.tests:
        note(_case(found, where, cell.grade_id), "skipped", "graded by a person")
    return list(found)
