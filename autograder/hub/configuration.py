"""The course's file as the service read it, and as it is now: what the service goes by, and what waits for its next start."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from autograder.course.loading import load_course
from autograder.course.paths import CoursePaths
from autograder.course.profile import find_assignment
from autograder.course.settings import Assignment, Course, Curve
from autograder.errors import AutograderError

Curves = Mapping[str, Curve]


class Configuration:
    """`grading_config.py` beside the course that was loaded from it."""

    def __init__(self, paths: CoursePaths) -> None:
        self._paths = paths
        self._read = _text(paths.config)

    def curves(self, assignment: str, profile: str) -> Curves:
        """The curves of a profile as the file has them now. Raises ConfigurationError or UsageError where it cannot be used."""
        course, _ = load_course(self._paths.root)
        return curves_of(course, assignment, profile)

    def problem(self, course: Course) -> str:
        """What the file says and this running course does not yet, in a sentence; empty where they are the same."""
        name, text = self._paths.config.name, _text(self._paths.config)
        if text == self._read:
            return ""
        if _besides_curves(text) != _besides_curves(self._read):
            return f"'{name}' was changed: start the service again, which then goes by it."
        try:
            others = [each.id for each in course.assignments if self.curves(each.id, course.default_profile) != _curves(course, each)]
        except AutograderError as error:
            return f"'{name}' cannot be used as it is now: {error}"
        return f"'{name}' has other curves for {', '.join(others)}: look at them and apply them on the page of curves." if others else ""


def curves_of(course: Course, assignment: str, profile: str) -> Curves:
    """Of one profile, by metric; none where the assignment does not have the profile."""
    found = find_assignment(course, assignment).profiles.get(profile)
    return dict(found.curves) if found is not None else {}


def with_curves(course: Course, assignment: str, profile: str, curves: Curves) -> Course:
    """The course with these curves in the place of one profile's."""

    def changed(each: Assignment) -> Assignment:
        if each.id != assignment:
            return each
        return replace(each, profiles={**each.profiles, profile: replace(each.profiles[profile], curves=dict(curves))})

    return replace(course, assignments=[changed(each) for each in course.assignments])


def _curves(course: Course, assignment: Assignment) -> Curves:
    return curves_of(course, assignment.id, course.default_profile)


def _besides_curves(text: str) -> str:
    """The file's meaning without the points of its curves, to be compared; where it is no Python, the text itself."""
    try:
        return ast.dump(_WithoutCurves().visit(ast.parse(text)))
    except (SyntaxError, ValueError):
        return text


class _WithoutCurves(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == "Curve":
            return node.func
        return self.generic_visit(node)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
