"""Habits that work at home and not where notebooks are graded: absolute paths, sizes written as numbers, input(), installing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from autograder.doctor.code import CodeCell
from autograder.doctor.finding import Finding, Severity

_ABSOLUTE = re.compile(
    r"(?:/(?:home|Users|content|kaggle|root|mnt|media|srv|data|workspace|drive|opt|usr/local)/|[A-Za-z]:[\\/](?![\\/])|~[\\/])\S"
)
_ASKING = ("exists", "isfile", "isdir", "startswith", "print", "display", "append", "insert")  # sys.path.append does no harm
_INSTALL = re.compile(r"^\s*(?:[!%]\s*(?:pip3?|conda|mamba|apt(?:-get)?)\s|[!%]?\s*!?(?:wget|curl|git\s+clone)\s)")
_TRAINING = {60_000: "training images"}
_SIZES = {**_TRAINING, 10_000: "test images"}
_SHAPING = ("reshape", "zeros", "ones", "empty", "full", "range", "arange")


def find_habits(cells: Sequence[CodeCell]) -> list[Finding]:
    """What the cells that are not locked do; each kind once per line."""
    findings: list[Finding] = []
    for cell in cells:
        if cell.locked:
            continue
        findings += _shell_lines(cell)
        if cell.tree is not None:
            asked_for = _defines_input(cell.tree)
            for node in ast.walk(cell.tree):
                findings += [*_paths(node, cell), *_sizes(node, cell), *([] if asked_for else _input(node, cell))]
    return list(dict.fromkeys(findings))


def _shell_lines(cell: CodeCell) -> Iterator[Finding]:
    for number, text in enumerate(cell.source.splitlines(), start=1):
        if text.lstrip().startswith(("!", "%")) and _INSTALL.match(text):
            reason = "There is no network while notebooks are graded, so this line does nothing there."
            yield Finding("shell", "worth knowing", cell.at_line(number), reason, "Use what is installed, and the assignment's own data.")


def _paths(node: ast.AST, cell: CodeCell) -> Iterator[Finding]:
    if isinstance(node, ast.Call) and _last_name(node.func) not in _ASKING:
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        yield from (_path(each, cell, "costs points") for each in given if _absolute(each))
    elif isinstance(node, ast.Assign) and _absolute(node.value):
        yield _path(node.value, cell, "worth knowing")


def _path(node: ast.expr, cell: CodeCell, severity: Severity) -> Finding:
    reason = "This path leads to a folder of one machine; where notebooks are graded there is no such folder."
    return Finding(
        "absolute_path", severity, cell.at(node), reason, "Name files beside the notebook, or take the data from the assignment."
    )


def _absolute(node: ast.expr) -> bool:
    """Whether the text that it gives begins with an absolute path; a sum of texts begins with its first."""
    while isinstance(node, ast.BinOp | ast.JoinedStr):
        if isinstance(node, ast.JoinedStr) and not node.values:
            return False
        node = node.left if isinstance(node, ast.BinOp) else node.values[0]
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and _ABSOLUTE.match(node.value) is not None


def _sizes(node: ast.AST, cell: CodeCell) -> Iterator[Finding]:
    for each, sizes in _size_nodes(node):
        value = each.value if isinstance(each, ast.Constant) else None
        what = next((what for size, what in sizes.items() if value in (size, size * 784)), None)
        if what and isinstance(value, int):
            reason = f"{value:,d} is written as a number: it fits only as long as there are that many {what}."
            yield Finding(
                "hard_coded_size", "worth knowing", cell.at(each), reason, "Write `len(x_train)`, `len(x_test)`, or -1 in `reshape`."
            )


def _size_nodes(node: ast.AST) -> Iterator[tuple[ast.expr | None, dict[int, str]]]:
    """Where an array's size stands, and which numbers are sizes there: the first 10,000 of the training images are a choice."""
    if isinstance(node, ast.Call) and (name := _last_name(node.func)) in _SHAPING:
        given = [part for each in node.args for part in (each.elts if isinstance(each, ast.Tuple | ast.List) else [each])]
        yield from ((each, _SIZES if name == "reshape" else _TRAINING) for each in given)
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        of_test = "test" in (_last_name(node.value) or "")
        yield from ((each, _SIZES if of_test else _TRAINING) for each in (node.slice.lower, node.slice.upper))
    elif isinstance(node, ast.Compare):
        yield from ((each, _SIZES) for side in node.comparators if isinstance(side, ast.Tuple) for each in side.elts)


def _input(node: ast.AST, cell: CodeCell) -> Iterator[Finding]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "input":
        reason = "`input()` waits for somebody to type, and while notebooks are graded nobody does: the cell fails."
        yield Finding("input", "costs points", cell.at(node), reason, "Write the value into the code.")


def _defines_input(tree: ast.Module) -> bool:
    """Whether `input` is a name of the cell's own, as in `input = keras.Input(…)`."""
    stored = (node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    arguments = (node.arg for node in ast.walk(tree) if isinstance(node, ast.arg))
    return "input" in {*stored, *arguments}


def _last_name(node: ast.expr) -> str | None:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None
