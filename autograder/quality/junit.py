"""A validation as JUnit XML, which CI services show as tests."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from autograder.quality.results import ENOUGH, AnswerResult, MutantResult, Validation

# What XML 1.0 cannot hold, not even written as a reference: students' output may have it.
_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(validations: Sequence[Validation]) -> bytes:
    """One suite for each assignment, one case for each known answer and each mutant."""
    root = ElementTree.Element("testsuites", name="autograder validate")
    for validation in validations:
        root.append(_suite(validation))
    return to_xml(root)


def to_xml(root: ElementTree.Element) -> bytes:
    """A tree of suites as the bytes of a file."""
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _suite(validation: Validation) -> ElementTree.Element:
    suite = ElementTree.Element("testsuite", name=validation.assignment, time=f"{validation.seconds:.1f}")
    for answer in validation.answers:
        suite.append(_answer(validation.assignment, answer))
    for mutant in validation.mutants:
        suite.append(_mutant(validation, mutant))
    for index, problem in enumerate(validation.problems, 1):
        case = ElementTree.SubElement(suite, "testcase", classname=f"{validation.assignment}.problems", name=f"problem {index}")
        note(case, "failure", problem)
    count_cases(suite)
    return suite


def count_cases(suite: ElementTree.Element) -> None:
    """Writes on a suite how many cases it has, and of which kinds."""
    cases = suite.findall("testcase")
    for kind, child in (("tests", None), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(kind, str(sum(child is None or case.find(child) is not None for case in cases)))


def _answer(assignment: str, answer: AnswerResult) -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname=f"{assignment}.{answer.kind}", name=answer.name, time=f"{answer.seconds:.2f}")
    if answer.machine_failed:
        note(case, "error", answer.message)
    elif not answer.holds:
        note(case, "failure", answer.message)
    return case


def _mutant(validation: Validation, mutant: MutantResult) -> ElementTree.Element:
    case = ElementTree.Element(
        "testcase", classname=f"{validation.assignment}.mutants.{mutant.cell}", name=mutant.id, time=f"{mutant.seconds:.2f}"
    )
    if mutant.verdict == "machine":
        note(case, "error", mutant.reason)
    elif mutant.verdict == "grader_error":
        note(case, "failure", f"a grader fails on it: {mutant.reason}", mutant.diff)
    elif mutant.verdict == "equivalent":
        note(case, "skipped", f"equivalent: {mutant.reason}")
    elif mutant.verdict == "survived":
        enough = f"no grader notices that {mutant.about}"
        tolerated = f"{enough}; at least {ENOUGH:.0%} of all mutants are noticed"
        note(case, "skipped" if validation.enough_killed else "failure", tolerated if validation.enough_killed else enough, mutant.diff)
    return case


def note(case: ElementTree.Element, kind: str, message: str, text: str = "") -> None:
    """Adds what became of a case: `kind` is failure, error or skipped."""
    element = ElementTree.SubElement(case, kind, message=printable(message))
    element.text = printable(text) or None


def printable(text: str) -> str:
    """The text with a mark in place of what XML cannot hold."""
    return _FORBIDDEN.sub("�", text)
