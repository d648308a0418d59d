"""What the doctor says of a notebook: each finding with its place, its reason and its cure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["costs points", "worth knowing"]


@dataclass(frozen=True)
class Place:
    """Where something stands: cells count from 1 over all kinds, lines from 1 within the cell; None: the notebook as a whole."""

    cell: int | None = None
    grade_id: str | None = None
    first_line: str = ""
    line: int | None = None

    def __str__(self) -> str:
        if self.cell is None:
            return f"cell '{self.grade_id}'" if self.grade_id else "notebook"
        name = f" '{self.grade_id}'" if self.grade_id else f" ({self.first_line})" if self.first_line else ""
        return f"cell {self.cell}{name}" + (f", line {self.line}" if self.line else "")


@dataclass(frozen=True)
class Finding:
    """One thing that a student should know before submitting. Texts name code in `backticks`."""

    kind: str
    severity: Severity
    place: Place
    reason: str
    cure: str

    @property
    def costly(self) -> bool:
        """Whether it would cost points."""
        return self.severity == "costs points"


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """What costs points first, then in the order of the notebook."""
    return tuple(sorted(findings, key=lambda each: (not each.costly, each.place.cell or 0, each.place.line or 0)))


def summed(findings: Sequence[Finding]) -> str:
    """All of them in one sentence, with the marks that stand before them."""
    costly = sum(each.costly for each in findings)
    others = len(findings) - costly
    if not findings:
        return "nothing was found that would cost points."
    cost = "1 thing would cost points" if costly == 1 else f"{costly or 'nothing'} {'things ' if costly else ''}would cost points"
    return f"{cost} (✗), {others} worth knowing (•)." if others else f"{cost} (✗)."
