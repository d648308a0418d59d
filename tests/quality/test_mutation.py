"""Mutants whose whole notebook must run, where not even the reference comes through."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from autograder.quality import mutation
from autograder.quality.mutants import Mutant

MUTANT = Mutant("write_train:epochs:1", "write_train", "epochs", "one epoch too few", "", "")
SPENT = SimpleNamespace(start=0.0, notebook=0.0, model=0.0, scoring=0.0)


@pytest.mark.parametrize(
    ("outcome", "grading", "said"),
    [
        ("completed", "ok", []),
        ("timed_out", "ok", ["the whole reference did not come through: it took too long. "]),
        ("cell_error", "ok", ["the whole reference did not come through: it ended as cell_error. "]),
        ("completed", "grader_error", ["the whole reference did not come through: a grader failed. "]),
    ],
)
def test_a_reference_that_does_not_come_through_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, outcome: str, grading: str, said: list[str]
) -> None:
    record = SimpleNamespace(
        outcome=outcome,
        grading=grading,
        reason="it took too long" if outcome == "timed_out" else None,
        grading_reason="a grader failed" if grading == "grader_error" else None,
        grade_cells=(),
        seconds=SPENT,
    )
    forgotten = []
    bench: Any = SimpleNamespace(
        plan=SimpleNamespace(assignment=SimpleNamespace(id="any")),
        workplace=None,
        grade=lambda cases: {case.name: record for case in cases},
        forget=lambda case, record: forgotten.append(case.name),
    )
    monkeypatch.setattr(mutation, "build_submission", lambda workplace, assignment, variant: {})
    _, problems = mutation.MutationTest(bench, [MUTANT], {}, {}, full=False).results({}, {})
    assert [problem.partition("Whether")[0] for problem in problems] == said
    assert forgotten == ["reference"] * len(said)
