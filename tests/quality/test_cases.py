"""Which cases of a validation there are, and in which order they begin."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from autograder.quality import cases, validating
from autograder.quality.cases import Case
from autograder.quality.variants import Variant


@dataclass(frozen=True)
class Profile:
    name: str = "smoke"
    seed: int = 0


@dataclass(frozen=True)
class Plan:
    """As much of a plan as known answers need."""

    assignment: Any
    profile: Profile = Profile()
    store: Any = None


def answers(monkeypatch: pytest.MonkeyPatch, *others: Variant) -> list[Any]:
    monkeypatch.setattr(validating, "build_submission", lambda workplace, assignment, variant: {"cells": [variant.start, variant.cells]})
    bench: Any = SimpleNamespace(plan=Plan(SimpleNamespace(id="any")), workplace=SimpleNamespace(store=lambda *names: names))
    return validating._answers(bench, [Variant("reference", "", right=True), *others], validating.Extent(seeds=1))


def test_the_untouched_version_is_graded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = answers(monkeypatch, Variant("untouched", "", right=False, start="release", outcome="cell_error"))
    assert [(each.kind, each.case.name) for each in found][2:] == [("blank", "wrong, untouched"), ("wrong", "wrong, untouched")]


def test_a_wrong_answer_that_changes_it_is_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    found = answers(monkeypatch, Variant("begun", "", right=False, start="release", cells={"write": "x = 1"}))
    assert [each.case.name for each in found][2:] == ["blank", "wrong, begun"]


def test_what_takes_longest_begins_first() -> None:
    def case(name: str, length: int, cold: bool = False, outcome: str = "completed") -> Case:
        return Case(name, {"cells": [None] * length}, SimpleNamespace(), cold, outcome)  # type: ignore[arg-type]  # nothing is graded

    given = [case("a section", 3), case("whole", 9), case("cold", 9, cold=True), case("endless", 9, outcome="timed_out"), case("half", 5)]
    assert [each.name for each in sorted(given, key=cases._how_short)] == ["endless", "cold", "whole", "half", "a section"]
