"""Do the graders notice a mutant? First by its section alone; only what seems to survive there runs as a whole notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from autograder.batch.plan import Plan
from autograder.course.sections import Section
from autograder.quality.cases import Bench, Case
from autograder.quality.equivalents import Equivalent
from autograder.quality.mutants import Mutant
from autograder.quality.results import MutantResult, Noticed
from autograder.quality.shortcut import cut, fractions, own_losses, section_plan, with_tests
from autograder.quality.variants import Variant, build_submission
from autograder.records import Record

_REFERENCE = Variant("reference", "The reference solution.", right=True)
_ONLY = "reference, only "


@dataclass(frozen=True)
class Way:
    """How mutants are graded: the plan, the section of which only they run, and what the reference gets that way, by test."""

    plan: Plan
    section: Section | None
    reference: Mapping[str, float | None]


class MutationTest:
    """Grades mutants of one assignment, some of them excused; with `full`, each in its whole notebook too, and both must say the same.

    `sections`: by grade ids. `references`: the reference by each of the mutants' sections alone. Their records give the ways of the
    sections, these the cases that whoever calls grades beside others; the records of those go to `results`.
    """

    def __init__(
        self, bench: Bench, mutants: Sequence[Mutant], sections: Mapping[str, Section], excused: Mapping[str, Equivalent], full: bool
    ) -> None:
        self._bench, self._mutants, self._excused, self._full = bench, mutants, excused, full
        self._places = {mutant.id: sections.get(mutant.cell) for mutant in mutants}
        self._sections = {section.name: section for section in self._places.values() if section is not None}

    @cached_property
    def references(self) -> list[Case]:
        plans = {name: section_plan(self._bench.plan, section) for name, section in self._sections.items()}
        reference = build_submission(self._bench.workplace, self._bench.plan.assignment.id, _REFERENCE)
        return [Case(f"{_ONLY}{name}", cut(reference, self._sections[name]), plan) for name, plan in plans.items() if plan.specs]

    def ways(self, records: Mapping[str, Record]) -> tuple[dict[str, Way], list[str]]:
        """For each section the tests that the reference passes when only the section runs; problems: undeclared needs."""
        ways, problems = {}, []
        for case in self.references:
            name, record = case.name.removeprefix(_ONLY), records[case.name]
            section = self._sections[name]
            lost = own_losses(self._bench.plan, section, record)
            if lost or record.grading != "ok":
                self._bench.forget(case, record)
                why = "; ".join(lost) or record.grading_reason or record.reason
                problems.append(f"the section of '{name}' does not stand alone: {why}. Declare in its hand-in cell which it needs")
                continue
            passed = [test for test in case.plan.declarations.tests if fractions(record)[test.name] == 1]
            if passed:
                ways[name] = Way(with_tests(case.plan, passed), section, {test.name: 1.0 for test in passed})
        return ways, problems

    def cases(self, ways: Mapping[str, Way]) -> list[Case]:
        """The mutants that can be judged by their sections alone."""
        return self._cases(self._by_section(ways))

    def results(self, ways: Mapping[str, Way], records: Mapping[str, Record]) -> tuple[tuple[MutantResult, ...], list[str]]:
        """A result for each mutant, in their order, and problems: shortcuts that say something else than whole notebooks."""
        mutants, excused = self._mutants, self._excused
        results = {mutant.id: _result(mutant, way, records[mutant.id]) for mutant, way in self._by_section(ways)}
        unsettled = [
            mutant
            for mutant in mutants
            if mutant.id not in results or (results[mutant.id].verdict == "survived" and mutant.id not in excused)
        ]
        again = list(mutants) if self._full else unsettled
        whole, problems = self._whole(again)
        for mutant in again:
            problems += _differences(results.get(mutant.id), whole[mutant.id], excused.get(mutant.id))
            if mutant in unsettled or (results[mutant.id].verdict, whole[mutant.id].verdict) == ("survived", "killed"):
                results[mutant.id] = whole[mutant.id]
        return tuple(_excuse(results[mutant.id], excused.get(mutant.id)) for mutant in mutants), problems

    def _by_section(self, ways: Mapping[str, Way]) -> list[tuple[Mutant, Way]]:
        return [
            (mutant, ways[section.name])
            for mutant in self._mutants
            if (section := self._places[mutant.id]) is not None and section.name in ways
        ]

    def _whole(self, mutants: Sequence[Mutant]) -> tuple[dict[str, MutantResult], list[str]]:
        """Whole notebooks; a problem where the reference itself does not come through, since then nothing could be noticed."""
        if not mutants:
            return {}, []
        plan = self._bench.plan
        case = Case("reference", build_submission(self._bench.workplace, plan.assignment.id, _REFERENCE), plan)
        record = self._bench.grade([case])[case.name]
        problems = []
        if record.grading != "ok" or record.outcome != case.outcome:
            self._bench.forget(case, record)
            why = record.grading_reason or record.reason or f"it ended as {record.outcome}"
            problems = [f"the whole reference did not come through: {why}. Whether whole notebooks notice mutants is not known"]
        way = Way(plan, None, fractions(record))
        records = self._bench.grade(self._cases([(mutant, way) for mutant in mutants]))
        return {mutant.id: _result(mutant, way, records[mutant.id]) for mutant in mutants}, problems

    def _cases(self, mutants: Sequence[tuple[Mutant, Way]]) -> list[Case]:
        return [Case(mutant.id, self._notebook(mutant, way), way.plan) for mutant, way in mutants]

    def _notebook(self, mutant: Mutant, way: Way) -> dict[str, object]:
        variant = Variant(mutant.id, mutant.about, right=False, cells={mutant.cell: mutant.source})
        notebook = build_submission(self._bench.workplace, self._bench.plan.assignment.id, variant)
        return cut(notebook, way.section) if way.section else notebook


def _differences(short: MutantResult | None, whole: MutantResult, declared: Equivalent | None) -> Iterator[str]:
    """A mutant that its section alone notices is noticed by the whole notebook too, else the shortcut cannot be trusted.

    One that is declared equivalent, and that its section lets pass, is not noticed by the whole notebook either.
    """
    if short is not None and short.verdict == "killed" and whole.verdict == "survived":
        tests = ", ".join(each.test for each in short.noticed)
        yield f"'{short.id}' is noticed when only its section runs ({tests}), and not in the whole notebook"
    if short is not None and short.verdict == "survived" and whole.verdict == "killed" and declared and not declared.by_chance:
        tests = ", ".join(each.test for each in whole.noticed)
        yield f"'{short.id}' is declared equivalent ({declared}), and the whole notebook notices it ({tests})"


def _result(mutant: Mutant, way: Way, record: Record) -> MutantResult:
    noticed = tuple(
        Noticed(cell.grade_id, test.name, test.message, test.hint)
        for cell in record.grade_cells
        for test in cell.tests
        if test.fraction is not None and test.fraction < (way.reference.get(test.name) or 0.0)
    )
    spent, reason = record.seconds, ""
    if record.outcome == "infra_error":
        verdict, reason = "machine", record.reason
    elif record.grading == "grader_error":
        verdict, reason = "grader_error", record.grading_reason
    else:
        verdict = "killed" if noticed else "survived"
    return MutantResult(
        id=mutant.id,
        cell=mutant.cell,
        mistake=mutant.mistake,
        about=mutant.about,
        diff=mutant.diff,
        verdict=verdict,  # type: ignore[arg-type]  # one of the four above
        noticed=noticed,
        reason=reason,
        path="section" if way.section else "notebook",
        seconds=round(spent.start + spent.notebook + spent.model + spent.scoring, 2),
    )


def _excuse(result: MutantResult, declared: Equivalent | None) -> MutantResult:
    if declared is None or result.verdict != "survived":
        return result
    return replace(result, verdict="equivalent", reason=declared.reason)
