"""Names that a notebook, run from top to bottom, uses before any cell defines them: cells out of order, deleted, or no code."""

from __future__ import annotations

import ast
import builtins
import re
import symtable
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from autograder.doctor.code import MAX_TOTAL, CodeCell, read_python, without_magics
from autograder.doctor.finding import Finding, Place
from autograder.doctor.idioms import NAMES

PLACEHOLDER = "raise NotImplementedError"
_KNOWN = frozenset(dir(builtins)) | {"get_ipython", "display", "exit", "quit", "In", "Out", "__builtins__", "__IPYTHON__"}
_NUMBERED = re.compile(r"_+\d*|_i+\d*|_[dio]h|_exit_code")
_AT_ONCE = ("listcomp", "setcomp", "dictcomp", "genexpr")
# What can bind names that cannot be seen in the text.
_UNSEEN = re.compile(r"import\s+\*|\bexec\s*\(|globals\(\)|locals\(\)|NameError|(?m:^\s*%{1,2}(?:run|load|pylab|capture|store)\b)")


@dataclass(frozen=True)
class Uses:
    """Names of one cell: read when it runs, read when a function of it is called, and bound."""

    now: frozenset[str] = frozenset()
    later: frozenset[str] = frozenset()
    bound: frozenset[str] = frozenset()


@dataclass(frozen=True)
class TextCell:
    """A raw or markdown cell, which is never run."""

    place: Place
    cell_type: str
    source: str


def uses_of(source: str) -> Uses | None:
    """What a cell reads and binds, by Python's own symbol table; None when it cannot be seen."""
    table = _table(source) or _table(without_magics(source) or "")
    if table is None:
        return None
    symbols = table.get_symbols()
    bound = {each.get_name() for each in symbols if each.is_assigned() or each.is_imported()}
    now = {each.get_name() for each in symbols if each.is_referenced()} - bound
    later: set[str] = set()
    for child, at_once in _scopes(table, True):
        names = [each for each in child.get_symbols() if each.is_global()]
        bound |= {each.get_name() for each in names if each.is_assigned()}
        (now if at_once else later).update(each.get_name() for each in names if each.is_referenced() and not each.is_assigned())
    return Uses(frozenset(now - bound), frozenset(later - bound), frozenset(bound))


def _table(source: str) -> symtable.SymbolTable | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return symtable.symtable(source, "<cell>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _scopes(table: symtable.SymbolTable, at_once: bool) -> Iterator[tuple[symtable.SymbolTable, bool]]:
    """The scopes within, and whether their lines run together with the cell: bodies of classes and comprehensions do."""
    for child in table.get_children():
        runs = at_once and (child.get_type() == "class" or child.get_name().strip("<>") in _AT_ONCE)
        yield child, runs
        yield from _scopes(child, runs)


def find_undefined(cells: Sequence[CodeCell], texts: Sequence[TextCell]) -> list[Finding]:
    """Names without a value where they are read, in cells that are not locked, each once. `cells` in the order of execution."""
    uses = [uses_of(cell.source) if cell.tree is not None else None for cell in cells]
    anywhere = frozenset().union(*(each.bound for each in uses if each))
    all_seen = all(use is not None and not _hides(cell) for cell, use in zip(cells, uses, strict=True))
    asleep = never_bound(texts)
    findings: dict[str, Finding] = {}
    known, certain = set(_KNOWN), True
    for index, (cell, use) in enumerate(zip(cells, uses, strict=True)):
        certain = certain and use is not None and not _UNSEEN.search(cell.source)
        if use is not None and certain and not cell.locked:
            missing = sorted((use.now - known) | (use.later - anywhere - known if all_seen else frozenset()))
            for name in missing:
                if name not in findings and name not in NAMES and not _NUMBERED.fullmatch(name):
                    below = next((other for other, its in zip(cells[index:], uses[index:], strict=True) if its and name in its.bound), None)
                    findings[name] = _finding(name, cell, below, asleep)
        known |= use.bound if use else set()
        certain = certain and not _hides(cell)
    return list(findings.values())


def _hides(cell: CodeCell) -> bool:
    """Whether a cell may bind more than can be seen; an answer that is still to come does."""
    return PLACEHOLDER in cell.source or _UNSEEN.search(cell.source) is not None


def _finding(name: str, cell: CodeCell, below: CodeCell | None, asleep: dict[str, TextCell]) -> Finding:
    place = cell.at(
        next((node for node in ast.walk(cell.tree or ast.Module([], [])) if isinstance(node, ast.Name) and node.id == name), None)
    )
    text = asleep.get(name)
    if below is not None:
        reason = (
            f"`{name}` is used here, and only a cell further down, {below.at()}, gives it a value. Notebooks are run from top to bottom."
        )
        return Finding("out_of_order", "costs points", place, reason, "Move that cell up, or this one down.")
    if text is not None:
        return Finding("code_in_text_cell", "costs points", text.place, *of_text_cell(text, name))
    reason = f"`{name}` is used here, and no cell gives it a value: it is misspelt, or the cell that did was changed or deleted."
    return Finding(
        "undefined_name", "costs points", place, reason, "Restart the kernel, run all cells from the top, and define it before this cell."
    )


def of_text_cell(text: TextCell, name: str) -> tuple[str, str]:
    """Reason and cure for a cell that is no code cell although others need what it defines."""
    reason = f"This is a {text.cell_type} cell, which is never run; but other cells use `{name}`, which its text would define."
    return reason, "Select it and choose *Code* in the toolbar."


def never_bound(texts: Iterable[TextCell]) -> dict[str, TextCell]:
    """For each name the first raw or markdown cell that would define it, within the first MAX_TOTAL characters of all."""
    found: dict[str, TextCell] = {}
    total = 0
    for text in texts:
        total += len(text.source)
        if total > MAX_TOTAL:
            break
        found = {**dict.fromkeys(names_bound_in(text), text), **found}
    return found


def names_bound_in(text: TextCell) -> frozenset[str]:
    """What a raw or markdown cell would define if it were code; nothing when it is no Python."""
    tree, _ = read_python(text.source)
    found = uses_of(text.source) if tree is not None and tree.body else None
    return found.bound if found else frozenset()


def find_code_in_raw(texts: Sequence[TextCell]) -> list[Finding]:
    """Raw cells with imports or definitions, whoever uses them."""
    return [
        Finding("code_in_text_cell", "worth knowing", text.place, "This is a raw cell with Python in it: it is never run.",
                "If it should run, select it and choose *Code* in the toolbar.")
        for text in texts if text.cell_type == "raw" and names_bound_in(text)
    ]  # fmt: skip
