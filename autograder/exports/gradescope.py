"""Gradescope's `results.json`, one for each student.

The format: https://gradescope-autograders.readthedocs.io/en/latest/specs/. All texts are sent as `text`, so markup in them stays text. Each
grade cell is a test with points; tests that students see later or never stand beside it, without points, with Gradescope's visibilities.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from autograder.exports.scores import Score
from autograder.feedback.clean import line, paragraph
from autograder.feedback.words import in_words, outcome_words, test_title
from autograder.gradebook.writing import ManualGrade
from autograder.records import GradeCell, Record, TestResult, Visibility

_VISIBILITIES: dict[Visibility, str] = {"visible": "visible", "after_due": "after_due_date", "instructor": "hidden"}
_OUTPUT = 10_000


def to_gradescope(
    record: Record, score: Score, manual: Mapping[str, ManualGrade | None], leaderboard: tuple[str, float] | None = None
) -> bytes:
    """The file of one student who has points. `leaderboard`: name and value of the contest's metric, for who takes part."""
    words = outcome_words(record)
    results: dict[str, Any] = {
        "score": score.points,
        "execution_time": round(record.usage.wall_s, 1),
        "output": paragraph(f"{words.happened} {words.advice}"),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [test for cell in record.grade_cells for test in _tests(cell, manual.get(cell.grade_id))],
    }
    if leaderboard is not None:
        name, value = leaderboard
        results["leaderboard"] = [{"name": line(in_words(name)), "value": value, "order": "desc"}]
    return (json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8", "replace")


def _tests(cell: GradeCell, given: ManualGrade | None) -> list[dict[str, Any]]:
    title, most = line(in_words(cell.grade_id)), 0.0 if cell.extra else cell.max_score  # extra credit adds nothing to the maximum
    points = given.manual_score if given and given.manual_score is not None else cell.score
    shown = [_said(test) for test in cell.tests if test.visibility == "visible"]
    comment = paragraph(given.comment) if given and given.comment else ""
    whole: dict[str, Any] = {"name": title, "max_score": most, "output": _output([*shown, comment]), "visibility": "visible"}
    if points is not None:
        whole |= {"score": points, "status": "passed" if points >= most else "failed"}
    extra = given.extra_credit if given else None
    return [
        whole,
        *([{"name": f"{title}: extra credit", "score": extra, "max_score": 0, "visibility": "visible"}] if extra else []),
        *(_unscored(title, test) for test in cell.tests if test.visibility != "visible"),
    ]


def _unscored(title: str, test: TestResult) -> dict[str, Any]:
    return {
        "name": f"{title}: {test_title(test.name)}",
        "status": "passed" if test.passed else "failed",
        "output": _output([_said(test)]),
        "visibility": _VISIBILITIES[test.visibility],
    }


def _said(test: TestResult) -> str:
    """One test as the feedback page tells it: its name and message, a hint where it failed."""
    earned = "passed" if test.passed else "not scored" if test.fraction is None else f"{test.fraction:.0%} of its points"
    hint = f"\nHint: {paragraph(test.hint)}" if test.hint and not test.passed else ""
    message = f"\n{paragraph(test.message)}" if test.message and test.fraction is not None else ""  # a grader's error is not the student's
    return f"{test_title(test.name)}: {earned}{message}{hint}"


def _output(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part)[:_OUTPUT]
