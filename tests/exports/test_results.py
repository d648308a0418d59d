"""Gradescope's results and JUnit's cases, from the same records as the pages."""

from __future__ import annotations

from dataclasses import replace

from autograder.exports.gradescope import to_gradescope
from autograder.exports.junit import to_junit
from autograder.exports.scores import own_score
from autograder.gradebook.writing import ManualGrade
from autograder.records import GradeCell
from tests.exports.rules import gradescope, junit
from tests.feedback.samples import HOSTILE, record, result, unscored

MANUAL = {"explanation": ManualGrade(7.5, 0.5, "Good <b>idea</b>")}


def test_gradescope_has_the_points_of_each_cell() -> None:
    graded = record()
    score = own_score(graded, MANUAL)
    found = gradescope(to_gradescope(graded, score, MANUAL, ("test_accuracy", 0.8771)))
    assert found["score"] == score.points
    assert found["output"] == "Your notebook ran from the first cell to the last."
    tests = {test["name"]: test for test in found["tests"]}
    assert round(sum(test.get("score", 0) for test in found["tests"]), 2) == score.points
    assert tests["Prepared data"] | {"output": ""} == {
        "name": "Prepared data", "score": 15, "max_score": 15, "status": "passed", "visibility": "visible", "output": "",
    }  # fmt: skip
    assert "7,950 parameters, 7,960 expected." in tests["Parameter counts"]["output"]
    assert "x_train" not in tests["Prepared data"]["output"], "arguments of a test are not for students"
    assert tests["Explanation: extra credit"]["score"] == 0.5
    assert found["leaderboard"] == [{"name": "Test accuracy", "value": 0.8771, "order": "desc"}]


def test_extra_credit_adds_nothing_to_the_maximum_of_gradescope() -> None:
    graded = record(grade_cells=(GradeCell("a", 3, 4, False), GradeCell("contest_points", 1.5, 4, False, extra=True)))
    found = gradescope(to_gradescope(graded, own_score(graded, {}), {}))
    assert found["score"] == 4.5
    assert [(test["score"], test["max_score"], test["status"]) for test in found["tests"]] == [(3, 4, "failed"), (1.5, 0, "passed")]


def test_what_students_must_not_see_yet_is_marked_so() -> None:
    cells = tuple(
        GradeCell(name, 1, 1, False, (result(f"t.py::test_{name}", 0.0, f"says {name}", visibility=name, hint="think"),))
        for name in ("visible", "after_due", "instructor")
    )
    graded = record(grade_cells=cells)
    shown = [test for test in gradescope(to_gradescope(graded, own_score(graded, {}), {}))["tests"] if test["visibility"] == "visible"]
    assert "says visible\nHint: think" in shown[0]["output"]
    assert not any("says after_due" in str(test) or "says instructor" in str(test) for test in shown)
    later = [(test["visibility"], test["output"]) for test in gradescope(to_gradescope(graded, own_score(graded, {}), {}))["tests"]]
    assert ("after_due_date", "After due: 0% of its points\nsays after_due\nHint: think") in later
    assert ("hidden", "Instructor: 0% of its points\nsays instructor\nHint: think") in later


def test_flags_are_in_no_export() -> None:
    graded = record()
    assert b"restored_cell" not in to_gradescope(graded, own_score(graded, MANUAL), MANUAL) + to_junit([graded])


def test_a_hostile_message_stays_text() -> None:
    cells = (GradeCell("a", 0, 1, False, (result("t.py::test_a", 0.0, HOSTILE, hint=HOSTILE),)),)
    graded = record(student="Žofie <b> &", grade_cells=cells)
    found = gradescope(to_gradescope(graded, own_score(graded, {}), {}))
    assert found["test_output_format"] == found["output_format"] == "text"
    assert "\x1b" not in found["tests"][0]["output"]
    failure = junit(to_junit([graded])).find("testsuite/testcase/failure")
    assert failure is not None
    assert "<script>alert(1)</script>" in (failure.text or "")


def test_junit_has_a_case_for_each_test() -> None:
    root = junit(to_junit([record(), record(student="bob")]))
    suite = root.find("testsuite")
    assert suite is not None
    assert [each.get("name") for each in root] == ["first_dense_network.ada", "first_dense_network.bob"]
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "8", "failures": "2", "errors": "0", "skipped": "1",
    }  # fmt: skip
    failed = {case.get("name"): case.get("classname") for case in suite if case.find("failure") is not None}
    assert failed["test_model.py::test_layers_have_the_right_parameter_counts"] == "first_dense_network.ada.parameter_counts"


def test_junit_says_error_for_what_is_unscored() -> None:
    broken = record(
        grade_cells=(GradeCell("a", None, 1, False, (replace(result("t.py::test_a"), passed=False, fraction=None, message="no"),)),)
    )
    for each, errors in ((replace(broken, score=None, grading="grader_error"), "2"), (unscored(outcome="infra_error", reason="disk"), "1")):
        suite = junit(to_junit([each]))[0]
        assert suite.get("errors") == errors
        assert suite.get("failures") == "0"
