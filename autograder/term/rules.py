"""What makes the term grade of final scores, as it is kept in the ledger: `Term(…)` without what may change and mean the same."""

from __future__ import annotations

from dataclasses import dataclass

from autograder.course.settings import Course
from autograder.course.term import weight_of


@dataclass(frozen=True)
class TermRules:
    """`Term(…)` as it was. `weights`: of every assignment that counted, by id; `never_drop` sorted."""

    weights: dict[str, float]
    drop_lowest: int
    never_drop: tuple[str, ...]
    extra_at_most: float | None
    points: float
    decimals: int


def rules_of(course: Course) -> TermRules | None:
    """What the configuration says now; None for a course without term grade."""
    term = course.term
    if term is None:
        return None
    weights = {each.id: weight for each in course.assignments if (weight := weight_of(term, each.id)) > 0}
    return TermRules(weights, term.drop_lowest, tuple(sorted(term.never_drop)), term.extra_at_most, term.points, term.decimals)


def differences(then: TermRules, now: TermRules | None) -> list[str]:
    """Each as 'what then, now what'; none where both give the same grades for any scores: weights are relative to each other."""
    if now is None:
        return ["there was a Term(…), now there is none"]
    found = []
    if _relative(then) != _relative(now):
        names = dict.fromkeys((*then.weights, *now.weights))
        pairs = [(name, then.weights.get(name, 0.0), now.weights.get(name, 0.0)) for name in names]
        found = [f"weight of '{name}' {before:g}, now {after:g}" for name, before, after in pairs if before != after]
    settings = (
        ("drop_lowest", then.drop_lowest, now.drop_lowest),
        ("never_drop", ", ".join(then.never_drop) or "nothing", ", ".join(now.never_drop) or "nothing"),
        ("extra_at_most", _limit(then), _limit(now)),
        ("points", f"{then.points:g}", f"{now.points:g}"),
        ("decimals", then.decimals, now.decimals),
    )
    return found + [f"{name} {before}, now {after}" for name, before, after in settings if before != after]


def _relative(rules: TermRules) -> dict[str, float]:
    whole = sum(rules.weights.values()) or 1.0
    return {name: round(weight / whole, 9) for name, weight in rules.weights.items()}


def _limit(rules: TermRules) -> str:
    return "without limit" if rules.extra_at_most is None else f"{rules.extra_at_most:g}"
