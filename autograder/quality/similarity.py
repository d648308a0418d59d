"""Pairs of notebooks whose own code is nearly the same, whatever its names, comments and formatting.

Each notebook's code is brought into one form (Python's own parser and printer), cut into runs of ten tokens, and what the
release version has is taken out. What few students have in common weighs more than what everybody writes. The threshold is
measured on the shipped answers (docs/instructors.md).
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from autograder.intake.restore import is_locked

_THRESHOLD = 0.9
_RUN = 10
_LEAST_RUNS = 40  # below, an answer is so short that many must write the same
_RARE = 0.1  # what a larger part of the class writes is no sign of anything
_MOST_CHARACTERS = 100_000
_PARSED_CHARACTERS = 10_000  # of one cell: Python's parser takes gigabytes for what somebody nests deeply
_AT_ONCE = 500  # students compared with all others: so a class of thousands takes no gigabytes
_MOST_PAIRS = 50  # that are shown
_MOST_LINES = 2_000
_SHOWN = 300
_KEPT_NAMES = frozenset(dir(builtins))


@dataclass(frozen=True)
class Line:
    """One line of own code as it is shown (formatted anew, without comments), and what of it is compared."""

    shown: str
    compared: str


@dataclass(frozen=True)
class Pair:
    """Two students, and the share that the smaller of their notebooks has in common with the other, 0 to 1."""

    one: str
    other: str
    share: float


@dataclass(frozen=True)
class Row:
    """Two lines side by side; `same` when they differ in names alone."""

    left: str
    right: str
    same: bool


@dataclass(frozen=True)
class Similarity:
    """The pairs above the threshold, highest share first; side by side, as many as anybody reads."""

    pairs: tuple[Pair, ...] = ()
    rows: tuple[tuple[Row, ...], ...] = ()


def compare_notebooks(notebooks: Mapping[str, dict[str, Any]], release: dict[str, Any]) -> Similarity:
    """Executed notebooks by student, each with each. Those that hold nothing of a student's own are in no pair."""
    return compare_lines({student: own_lines(notebook, release) for student, notebook in notebooks.items()}, release)


def compare_lines(lines: Mapping[str, Sequence[Line]], release: dict[str, Any]) -> Similarity:
    """The same of what `own_lines` gives of each notebook, by student."""
    pairs = similar_pairs(lines, release)
    return Similarity(tuple(pairs), tuple(tuple(side_by_side(lines[pair.one], lines[pair.other])) for pair in pairs[:_MOST_PAIRS]))


def own_lines(notebook: dict[str, Any], release: dict[str, Any]) -> tuple[Line, ...]:
    """What a student wrote into code cells, with a line for the name of each cell; unchanged cells left out."""
    given = {cell["source"].strip() for cell in release["cells"]}
    lines: list[Line] = []
    left = _MOST_CHARACTERS
    for number, cell in enumerate(notebook["cells"], 1):
        source = "".join(cell.get("source", ""))
        if cell.get("cell_type") != "code" or is_locked(cell) or not source.strip() or source.strip() in given:
            continue
        name = cell.get("metadata", {}).get("nbgrader", {}).get("grade_id") or f"cell {number}"
        lines += [Line(f"# {name}", ""), *_lines(source[:left])]
        left = max(0, left - len(source))
    return tuple(lines)


def similar_pairs(lines: Mapping[str, Sequence[Line]], release: dict[str, Any], threshold: float = _THRESHOLD) -> list[Pair]:
    """Pairs of students above the threshold, highest share first; `lines` by student. What is too short is in no pair."""
    import numpy as np
    from sklearn.feature_extraction.text import CountVectorizer

    given = _runs([line for cell in release["cells"] if cell["cell_type"] == "code" for line in _lines(cell["source"])])
    runs = {student: _runs(own) - given for student, own in lines.items()}
    students = sorted(student for student, found in runs.items() if len(found) >= _LEAST_RUNS)
    if len(students) < 2:
        return []
    table = CountVectorizer(analyzer=sorted, binary=True).fit_transform([runs[student] for student in students])
    table = table.astype(np.float64)
    weights = np.log((len(students) + 1) / np.asarray(table.sum(axis=0)).ravel())
    weighted = table.multiply(weights).tocsr()
    blocks = [slice(first, first + _AT_ONCE) for first in range(0, len(students), _AT_ONCE)]
    sizes = np.concatenate([(weighted[block] @ table[block].T).diagonal() for block in blocks])
    enough = _LEAST_RUNS * np.log((len(students) + 1) / max(2, _RARE * len(students)))
    pairs = []
    for block in blocks:
        common = (weighted[block] @ table.T).toarray()
        shares = common / np.minimum.outer(sizes[block], sizes)
        found = np.argwhere(np.triu((shares >= threshold) & (common >= enough), block.start + 1))
        pairs += [Pair(students[block.start + row], students[other], float(shares[row, other])) for row, other in found]
    return sorted(pairs, key=lambda pair: (-pair.share, pair.one, pair.other))


def side_by_side(left: Sequence[Line], right: Sequence[Line]) -> Iterator[Row]:
    """Both notebooks' lines, those that correspond beside each other."""
    left, right = left[:_MOST_LINES], right[:_MOST_LINES]
    matcher = SequenceMatcher(None, [line.compared for line in left], [line.compared for line in right])
    for tag, i, j, k, m in matcher.get_opcodes():
        for index in range(max(j - i, m - k)):
            one = left[i + index].shown if i + index < j else ""
            other = right[k + index].shown if k + index < m else ""
            yield Row(one[:_SHOWN], other[:_SHOWN], tag == "equal")


def _lines(source: str) -> list[Line]:
    """Lines in one form for whatever differs in formatting only; those of what is no Python as they are."""
    try:
        if len(source) > _PARSED_CHARACTERS:
            raise ValueError("too long to be parsed")
        tree = _filled(_Plain().visit(ast.parse(source)))
        shown = ast.unparse(tree).splitlines()
        compared = ast.unparse(_Nameless().visit(tree)).splitlines()
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        shown = compared = [line for line in map(str.rstrip, source.splitlines()) if line.strip()]
    return [Line(*pair) for pair in zip(shown, compared, strict=False)]


class _Plain(ast.NodeTransformer):
    """Without docstrings and annotations, keyword arguments in the order of the alphabet."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if text else self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        node.keywords.sort(key=lambda keyword: keyword.arg or "~")
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)


def _filled(tree: ast.AST) -> ast.AST:
    """With `pass` wherever nothing but a docstring stood."""
    for node in ast.walk(tree):
        if getattr(node, "body", None) == []:
            node.body = [ast.Pass()]  # type: ignore[attr-defined]  # what has a body
    return tree


class _Nameless(ast.NodeTransformer):
    """Every name but Python's own becomes the same one; attributes and keywords stay, since libraries give them."""

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return node if node.id in _KEPT_NAMES else ast.Name("v", node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg = "v"
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = "v"
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.name = "v"
        return self.generic_visit(node)

    def visit_alias(self, node: ast.alias) -> ast.AST:
        node.asname = "v" if node.asname else None
        return node


def _runs(lines: Sequence[Line]) -> set[str]:
    """All runs of consecutive tokens, as text."""
    tokens = [token for line in lines for token in re.findall(r"\w+|[^\w\s]", line.compared)]
    return {" ".join(tokens[at : at + _RUN]) for at in range(len(tokens) - _RUN + 1)}
