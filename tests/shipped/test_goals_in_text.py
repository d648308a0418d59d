"""Accuracies for which notebooks promise points are those at which the curves of the profile `full` give them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autograder import Assignment
from autograder.course.loading import load_course
from autograder.course.notebook import nbgrader_of, read_notebook
from autograder.grading.scoring import read_declarations

COURSE, PATHS = load_course(Path(__file__).parents[2])

_SENTENCE = re.compile(r"(?<=[.;!?])\s+|\n+")
_PROMISE = re.compile(r"\b(?:all|full|no) points\b|\bpoints begin\b|\bearns all\b")
_NUMBER = re.compile(r"\b0\.\d+")
_ALL_FROM = re.compile(r"\b(0\.\d+) earns all\b")


def named_goals(text: str) -> list[float]:
    """The accuracies in those sentences that promise points for them."""
    return [float(number) for sentence in _SENTENCE.split(text) if _PROMISE.search(sentence) for number in _NUMBER.findall(sentence)]


def goals_that_differ(assignment: Assignment, cells: list[dict[str, Any]], metrics: dict[str, set[str]]) -> Iterator[tuple[str, float]]:
    """(cell, accuracy) of all promises that no curve keeps. A grade cell speaks of the metrics it awards, other text of any."""
    curves = assignment.profiles["full"].curves
    for cell in cells:
        name = nbgrader_of(cell).get("grade_id", cell["id"])
        own = [curves[metric] for metric in metrics.get(name, curves)]
        ends = {end for curve in own for end in curve.points}
        full = {curve.full_at() for curve in own}
        yield from ((name, goal) for goal in named_goals(cell["source"]) if goal not in ends)
        yield from ((name, float(goal)) for goal in _ALL_FROM.findall(cell["source"]) if float(goal) not in full)


def test_goals_in_the_notebooks_are_those_of_the_curves(tmp_path: Path) -> None:
    named, wrong = 0, {}
    for assignment in COURSE.assignments:
        cells = read_notebook(PATHS.source_notebook(assignment.id))["cells"]
        metrics: dict[str, set[str]] = {}
        for test in read_declarations(PATHS.graders(assignment.id), tmp_path).tests:
            if test.metrics:
                metrics.setdefault(test.grade_cell, set()).update(test.metrics)
        named += sum(len(named_goals(cell["source"])) for cell in cells)
        if differ := list(goals_that_differ(assignment, cells, metrics)):
            wrong[assignment.id] = differ
    assert named, "no notebook names a goal: has the wording changed that this test looks for?"
    assert wrong == {}


def test_a_goal_that_no_curve_has_is_found() -> None:
    first = next(each for each in COURSE.assignments if each.id == "first_dense_network")
    cells = [
        {"id": "a", "source": "On MNIST, 0.90 earns all points. A rate of 0.5 is large."},
        {"id": "b", "source": "points begin at 0.85, and 0.85 earns all"},
        {"id": "c", "source": "all points from 0.91 on"},
    ]
    assert list(goals_that_differ(first, cells, {})) == [("b", 0.85), ("c", 0.91)]
