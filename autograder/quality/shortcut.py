"""The fast path of validation: one section of a notebook alone, with what it needs before it, and the tests that can judge it there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from autograder.batch.plan import Plan
from autograder.course.notebook import nbgrader_of
from autograder.course.sections import Section, find_sections
from autograder.files import digest
from autograder.records import Declarations, DeclaredTest, Record


def sections_by_cell(plan: Plan) -> dict[str, Section]:
    """The section in which each cell with a grade id stands; cells of the set-up and after the last hand-in cell are in none."""
    cells = plan.release["cells"]
    return {str(nbgrader_of(cells[index]).get("grade_id")): section for section in find_sections(plan.release) for index in section.own}


def section_plan(plan: Plan, section: Section) -> Plan:
    """The plan for this section alone: its cells and those that it needs, the tests of its grade cells or about its hand-ins."""
    own = {nbgrader_of(plan.release["cells"][index]).get("grade_id") for index in section.own}
    return with_tests(
        replace(plan, release=cut(plan.release, section)),
        [test for test in plan.declarations.tests if test.grade_cell in own or _is_about(test, section)],
    )


def with_tests(plan: Plan, tests: list[DeclaredTest]) -> Plan:
    """The plan with some of its tests only."""
    cells = {test.grade_cell for test in tests}
    return replace(
        plan,
        specs=tuple(spec for spec in plan.specs if spec.grade_id in cells),
        declarations=Declarations(tuple(tests)),
        scoring_key=digest(plan.scoring_key, [test.name for test in tests]),
    )


def cut(notebook: dict[str, Any], section: Section) -> dict[str, Any]:
    """A notebook of the release's cells, or the release itself, without the cells that the section does not need."""
    return {**notebook, "cells": [notebook["cells"][index] for index in section.cells]}


def _is_about(test: DeclaredTest, section: Section) -> bool:
    return any(question.function in section.functions for question in test.questions) or (
        test.prediction is not None and test.prediction.model in section.names
    )


def fractions(record: Record) -> dict[str, float | None]:
    """What each test gave, by its name."""
    return {test.name: test.fraction for cell in record.grade_cells for test in cell.tests}


def own_losses(plan: Plan, section: Section, record: Record) -> list[str]:
    """What the reference loses in the section's own grade cells when only the section runs: then its needs are not all declared."""
    own = {nbgrader_of(plan.release["cells"][index]).get("grade_id") for index in section.own}
    return [
        f"{cell.grade_id}: {test.name}: {test.message}"
        for cell in record.grade_cells
        if cell.grade_id in own
        for test in cell.tests
        if test.fraction != 1
    ]
