"""A validation as numbers and as JUnit XML."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

from autograder.quality.junit import to_junit
from autograder.quality.results import AnswerResult, MutantResult, MutantVerdict, Noticed, Validation

REFERENCE = AnswerResult("reference", "seed 0", True, "", 10.0, 10.0)
WRONG = AnswerResult("wrong", "no_bias", False, "'counts' loses 0 of 2 points, 2 were expected", 10.0, 10.0)


def mutant(number: int, verdict: MutantVerdict) -> MutantResult:
    noticed = (Noticed("cell", "test_it", "It is 1, 2 expected.", None),) if verdict == "killed" else ()
    return MutantResult(
        f"write_it:sign:{number}", "write_it", "sign", "a sign is forgotten", "-    return -x\n+    return x", verdict, noticed
    )


def validation(killed: int, survived: int, *others: MutantVerdict) -> Validation:
    verdicts: list[MutantVerdict] = [*["killed"] * killed, *["survived"] * survived, *others]  # type: ignore[list-item]
    return Validation("basics", "smoke", (REFERENCE,), 99, tuple(mutant(index, each) for index, each in enumerate(verdicts)), ())


def cases(found: Validation) -> tuple[ElementTree.Element, list[ElementTree.Element]]:
    suite = ElementTree.fromstring(to_junit([found])).find("testsuite")
    assert suite is not None
    return suite, suite.findall("testcase")


def test_nineteen_of_twenty_are_enough_and_equivalents_do_not_count() -> None:
    assert validation(19, 1, "equivalent", "equivalent").holds
    assert not validation(18, 1).holds
    assert validation(0, 0).share is None


def test_a_grader_that_fails_and_a_problem_are_never_tolerated() -> None:
    assert not validation(99, 0, "grader_error").holds
    assert not replace(validation(99, 0), problems=("declared equivalent, but …",)).holds
    assert not replace(validation(99, 0), answers=(REFERENCE, WRONG)).holds


def test_the_machine_is_not_the_course() -> None:
    found = validation(5, 0, "machine")
    assert (found.machine_failed, found.share) == (True, 1.0)


def test_json_has_what_the_documentation_names() -> None:
    found = replace(validation(2, 1, "equivalent"), answers=(REFERENCE, WRONG)).to_dict()
    assert [answer["name"] for answer in found["reference"]] == ["seed 0"]
    assert (found["blank"], found["alternatives"]) == (None, [])
    assert found["wrong"][0]["holds"] is False
    counts = {key: found["mutants"][key] for key in ("generated", "executed", "killed", "equivalent", "survived", "share")}
    assert counts == {"generated": 99, "executed": 4, "killed": 2, "equivalent": 1, "survived": 1, "share": 0.6667}
    assert found["mutants"]["kinds"] == {"generated": 0, "executed": 0, "left_out": []}
    assert found["mutants"]["survivors"][0]["diff"].startswith("-    return -x")


def test_kinds_that_were_not_tried_are_named() -> None:
    found = replace(validation(2, 0), kinds=("width", "sign"))
    assert found.left_out == ("width",)
    assert found.to_dict()["mutants"]["kinds"] == {"generated": 2, "executed": 1, "left_out": ["width"]}


def test_junit_counts_failures_where_the_exit_status_does() -> None:
    suite, listed = cases(replace(validation(1, 1, "equivalent", "machine"), answers=(REFERENCE, WRONG), problems=("undeclared needs",)))
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "7", "failures": "3", "errors": "1", "skipped": "1",
    }  # fmt: skip
    assert [case.get("name") for case in listed if case.find("failure") is not None] == ["no_bias", "write_it:sign:1", "problem 1"]


def test_a_survivor_among_many_is_shown_and_is_no_failure() -> None:
    suite, listed = cases(validation(19, 1))
    assert suite.get("failures") == "0"
    assert listed[-1].find("skipped") is not None


def test_junit_holds_whatever_a_message_has() -> None:
    said = AnswerResult("wrong", "odd", False, "it printed \x1b[31m<&> \ud800", 0.0, 1.0)
    _, (case,) = cases(replace(validation(0, 0), answers=(said,)))
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("message") == "it printed �[31m<&> �"
