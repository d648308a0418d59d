"""Mutants: the reference with one mistake of the catalogue in one solution cell. Which there are depends on the notebook alone."""

from __future__ import annotations

import ast
import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from autograder.course.notebook import nbgrader_of
from autograder.quality.catalogue import CATALOGUE
from autograder.quality.code import Code

_USUALLY = 40


@dataclass(frozen=True)
class Mutant:
    """One mistake in one cell. `id` counts the places of a mistake in its cell: `write_network:width:2`."""

    id: str
    cell: str
    mistake: str
    about: str
    source: str
    diff: str

    @property
    def added(self) -> str:
        """The lines that the mistake brought, without their signs."""
        return "\n".join(line[1:] for line in self.diff.splitlines() if line.startswith("+"))


def make_mutants(notebook: dict[str, Any]) -> tuple[tuple[Mutant, ...], tuple[str, ...]]:
    """All mutants of a source notebook's code solution cells, in the order of the cells; and cells that cannot be read as Python."""
    cells = {str(nbgrader_of(cell).get("grade_id")): cell["source"] for cell in notebook["cells"] if _is_solution(cell)}
    known = frozenset(re.findall(r"\b[A-Za-z_]\w*", "\n".join(cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code")))
    mutants: list[Mutant] = []
    unread = []
    for name, source in cells.items():
        try:
            code = Code(source, known)
        except SyntaxError as error:
            unread.append(f"'{name}' cannot be read as Python (line {error.lineno}: {error.msg}), so it has no mutants")
            continue
        mutants += _mutants_of(name, code)
    return tuple(mutants), tuple(unread)


def choose(mutants: Sequence[Mutant], limit: int | None, takes: Callable[[str], int] = lambda cell: 0) -> tuple[Mutant, ...]:
    """At most `limit` of them: first one of every kind, in a cell that has none yet where there is one; then one in each cell that has
    none; of several such cells in the one that `takes` least. Then more, each from the cell of which least was chosen so far, and of what
    is there the kind that was chosen least often. Without a limit one of every kind and one in every cell, and at least 40.
    """
    left = list(mutants)
    in_cell: Counter[str] = Counter()
    here: Counter[tuple[str, str]] = Counter()
    everywhere: Counter[str] = Counter()

    def brings_something(each: Mutant) -> bool:
        return not (everywhere[each.mistake] and in_cell[each.cell])

    def urgency(each: Mutant) -> tuple[int, ...]:
        known, seen = everywhere[each.mistake], in_cell[each.cell]
        cost = takes(each.cell) if brings_something(each) else 0
        return (min(known, 1), min(seen, 1), cost, seen, here[each.cell, each.mistake], known)

    while left:
        best, count = min(left, key=urgency), len(mutants) - len(left)
        if count >= (_USUALLY if limit is None else limit) and not (limit is None and brings_something(best)):
            break
        left.remove(best)
        in_cell[best.cell] += 1
        here[best.cell, best.mistake] += 1
        everywhere[best.mistake] += 1
    remaining = {mutant.id for mutant in left}
    return tuple(mutant for mutant in mutants if mutant.id not in remaining)


def kinds_of(mutants: Sequence[Mutant]) -> tuple[str, ...]:
    """The mistakes of which there are mutants, in the order of the catalogue."""
    made = {mutant.mistake for mutant in mutants}
    return tuple(mistake.name for mistake in CATALOGUE if mistake.name in made)


def _is_solution(cell: dict[str, Any]) -> bool:
    found = nbgrader_of(cell)
    return cell["cell_type"] == "code" and bool(found.get("solution")) and not found.get("grade")


def _mutants_of(cell: str, code: Code) -> Iterator[Mutant]:
    """Each changed source once, under the first mistake that leads to it."""
    seen = set()
    for mistake in CATALOGUE:
        count = 0
        for edit in mistake.find(code):
            changed = code.apply(edit)
            if changed is None or (meaning := ast.dump(ast.parse(changed))) in seen:
                continue
            seen.add(meaning)
            count += 1
            yield Mutant(f"{cell}:{mistake.name}:{count}", cell, mistake.name, mistake.about, changed, _diff(code.source, changed))


def _diff(before: str, after: str) -> str:
    """The lines that differ, with - and +, without surroundings."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))
