"""Mutants: the reference with one mistake of the catalogue in one solution cell. Which there are depends on the notebook alone."""

from __future__ import annotations

import ast
import difflib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from autograder.course.notebook import nbgrader_of
from autograder.quality.catalogue import CATALOGUE
from autograder.quality.code import Code


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


def choose(mutants: Sequence[Mutant], limit: int) -> tuple[Mutant, ...]:
    """At most `limit` of them: from each cell in turn, the mistake that was chosen least often so far, in the cell and everywhere."""
    left: dict[str, list[Mutant]] = {}
    for mutant in mutants:
        left.setdefault(mutant.cell, []).append(mutant)
    here: Counter[tuple[str, str]] = Counter()
    everywhere: Counter[str] = Counter()
    chosen: set[str] = set()
    while left and len(chosen) < limit:
        for cell in list(left)[: limit - len(chosen)]:
            best = min(left[cell], key=lambda each: (here[each.cell, each.mistake], everywhere[each.mistake]))
            left[cell].remove(best)
            here[cell, best.mistake] += 1
            everywhere[best.mistake] += 1
            chosen.add(best.id)
        left = {cell: rest for cell, rest in left.items() if rest}
    return tuple(mutant for mutant in mutants if mutant.id in chosen)


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
