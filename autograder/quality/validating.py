"""Validates one assignment: its known answers come out as they must, and its graders notice the mistakes that students make.

Everything goes the way of a submission: release version, intake, sandbox, models, scoring.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from autograder.batch.plan import Plan
from autograder.course.notebook import read_notebook
from autograder.course.sections import Section
from autograder.quality.cases import Bench, Case
from autograder.quality.equivalents import Equivalent, read_equivalents
from autograder.quality.mutants import Mutant, choose, kinds_of, make_mutants
from autograder.quality.mutation import MutationTest
from autograder.quality.results import AnswerResult, Kind, MutantResult, Validation
from autograder.quality.shortcut import sections_by_cell
from autograder.quality.variants import Variant, build_submission, read_variants
from autograder.quality.workplace import forget_unused
from autograder.records import Record

_BLANK = Variant("blank", "The student version as it was released.", right=False, start="release")


@dataclass(frozen=True)
class Extent:
    """How much is validated: seeds of the reference, at most so many mutants (None: one of every kind and one in every cell, at
    least 40), and whether those run in whole notebooks too.
    """

    seeds: int = 2
    mutants: int | None = None
    full: bool = False


@dataclass(frozen=True)
class _Answer:
    """A known answer to be graded, and what of it must be earned or lost."""

    kind: Kind
    name: str
    variant: Variant
    case: Case


def validate_assignment(bench: Bench, extent: Extent) -> Validation:
    """Validates the assignment of the bench's plan. Raises ConfigurationError for malformed files in `solutions/<id>/`."""
    began = time.monotonic()
    assignment, workplace = bench.plan.assignment.id, bench.workplace
    variants = read_variants(workplace, assignment)
    declared = read_equivalents(workplace.solutions(assignment), bench.plan.assignment.profiles)
    equivalents = [each for each in declared if each.profile in ("", bench.plan.profile.name)]
    generated, unread = make_mutants(read_notebook(workplace.source_notebook(assignment)))
    answers = _answers(bench, variants, extent)
    excused = {mutant.id: each for mutant in generated for each in equivalents if each.fits(mutant)}
    sections = sections_by_cell(bench.plan)
    mutation = MutationTest(bench, _tested(bench.plan, generated, sections, excused, extent), sections, excused, extent.full)
    ways, undeclared = mutation.ways(bench.grade(mutation.references))
    cases = {each.case.name: each.case for each in answers}
    records = bench.grade([*cases.values(), *mutation.cases(ways)])
    results = tuple(_judge(bench, each, records.get(each.case.name)) for each in answers)
    mutants, differing = mutation.results(ways, records)
    unused = _unused(equivalents, generated, mutants) if extent.mutants != 0 else []
    forget_unused(bench.plan.store)
    return Validation(
        assignment=assignment,
        profile=bench.plan.profile.name,
        answers=results,
        generated=len(generated),
        mutants=mutants,
        problems=(*unread, *undeclared, *differing, *unused),
        compared=len(mutants) if extent.full else 0,
        seconds=time.monotonic() - began,
        kinds=kinds_of(generated),
    )


# --- known answers ----------------------------------------------------------------------------------------------------


def _answers(bench: Bench, variants: Sequence[Variant], extent: Extent) -> list[_Answer]:
    """The reference with each seed, warm and cold; the blank version (once, where a wrong answer is the same); all other known answers."""
    reference, others = variants[0], variants[1:]
    plan, first = bench.plan, bench.plan.profile.seed
    cold = replace(plan, store=bench.workplace.store(plan.profile.name, plan.assignment.id, "cold"))
    known = []
    for seed in range(first, first + extent.seeds):
        known.append(_known(bench, "reference", f"seed {seed}", reference, _with_seed(plan, seed)))
        known.append(_known(bench, "reference", f"seed {seed}, cold", reference, _with_seed(cold, seed), cold=True))
    written = [_known(bench, "alternative" if each.right else "wrong", each.name, each, plan) for each in others]
    blank = _known(bench, "blank", "blank", _BLANK, plan)
    same = next((each.case for each in written if each.case.notebook == blank.case.notebook), blank.case)
    return [*known, replace(blank, case=same), *written]


def _known(bench: Bench, kind: Kind, name: str, variant: Variant, plan: Plan, cold: bool = False) -> _Answer:
    notebook = build_submission(bench.workplace, plan.assignment.id, variant)
    return _Answer(kind, name, variant, Case(f"{kind}, {name}" if name != kind else kind, notebook, plan, cold, variant.outcome))


def _with_seed(plan: Plan, seed: int) -> Plan:
    return replace(plan, profile=replace(plan.profile, seed=seed))


def _judge(bench: Bench, answer: _Answer, record: Record | None) -> AnswerResult:
    if record is None:
        return AnswerResult(answer.kind, answer.name, False, "it was not executed", None, 0.0, machine_failed=True)
    wrong = _what_is_wrong(answer, record)
    if wrong:
        bench.forget(answer.case, record)
    spent = record.seconds
    return AnswerResult(
        kind=answer.kind,
        name=answer.name,
        holds=not wrong,
        message="; ".join(wrong),
        score=record.score,
        max_score=record.max_score,
        flags=tuple(f"{flag.kind}: {flag.detail}" for flag in record.flags),
        seconds=round(spent.start + spent.notebook + spent.model + spent.scoring, 2),
        machine_failed=record.outcome == "infra_error",
        run=next((run.run_key for run in record.runs), None),
    )


def _what_is_wrong(answer: _Answer, record: Record) -> list[str]:
    """Where a record differs from what the answer's file says; empty when nothing does."""
    if record.outcome == "infra_error":
        return [f"the machine failed: {record.reason}"]
    if record.grading != "ok":
        return [f"not scored: {record.grading_reason or record.reason}"]
    expected = _expected_losses(answer, record)
    wrong = []
    for cell in record.grade_cells:
        lost = round(cell.max_score - (cell.score or 0), 2)
        if cell.manual or cell.grade_id not in expected or lost == expected[cell.grade_id]:
            continue
        said = next((f" ({test.name}: {test.message})" for test in cell.tests if not test.passed), "")
        wrong.append(f"'{cell.grade_id}' loses {lost:g} of {cell.max_score:g} points, {expected[cell.grade_id]:g} were expected{said}")
    unknown = sorted(
        {*answer.variant.loses, *(answer.variant.claims or ())} - {cell.grade_id for cell in record.grade_cells if not cell.manual}
    )
    wrong += [f"there is no automatically graded cell '{name}'" for name in unknown]
    if answer.kind != "blank" and record.outcome != answer.variant.outcome:
        wrong.append(f"its execution ended as {record.outcome}, {answer.variant.outcome} was expected: {record.reason or 'no cell failed'}")
    return wrong


def _expected_losses(answer: _Answer, record: Record) -> dict[str, float]:
    """Points that must be lost, by grade cell; cells that an alternative does not claim are left out."""
    cells = {cell.grade_id: cell.max_score for cell in record.grade_cells if not cell.manual}
    if answer.kind == "blank":
        return cells
    claimed = answer.variant.claims
    return {name: answer.variant.loses.get(name, 0.0) for name in cells if claimed is None or name in claimed}


# --- mutants ----------------------------------------------------------------------------------------------------------


def _tested(
    plan: Plan, generated: Sequence[Mutant], sections: Mapping[str, Section], excused: Mapping[str, Equivalent], extent: Extent
) -> list[Mutant]:
    """The chosen mutants and all that are declared equivalent."""
    if extent.mutants == 0:
        return []
    cells = plan.release["cells"]

    @cache
    def cells_that_run(name: str) -> int:
        run = sections[name].cells if name in sections else range(len(cells))
        return sum(cells[index]["cell_type"] == "code" for index in run)

    chosen = {mutant.id for mutant in choose([each for each in generated if each.id not in excused], extent.mutants, cells_that_run)}
    return [mutant for mutant in generated if mutant.id in chosen or mutant.id in excused]


def _unused(equivalents: Sequence[Equivalent], generated: Sequence[Mutant], results: Sequence[MutantResult]) -> list[str]:
    """Declarations that no mutant bears out."""
    survived = {result.id for result in results if result.verdict == "equivalent"}
    return [
        f"declared equivalent, but no such mutant survives: {each}"
        for each in equivalents
        if not each.by_chance and not any(each.fits(mutant) and mutant.id in survived for mutant in generated)
    ]
