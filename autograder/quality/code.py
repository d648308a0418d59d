"""One solution cell as text and tree together: where each node stands, and small edits that leave all other text as it is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

N = TypeVar("N", bound=ast.AST)

_REGION = re.compile(r"(?m)^[ \t]*### BEGIN SOLUTION[^\n]*\n(.*?)^[ \t]*### END SOLUTION", re.DOTALL)
_OPERATIONS = (ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Lambda, ast.Await)
# Where an operation needs no parentheses of its own.
_ROOMY = (ast.Call, ast.keyword, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return, ast.Expr, ast.List, ast.Tuple, ast.Set, ast.Dict)


@dataclass(frozen=True)
class Edit:
    """The characters from `start` to `end` replaced by `text`."""

    start: int
    end: int
    text: str


class Code:
    """A solution cell of the reference. `known`: all names that the notebook uses. Raises SyntaxError for what is no Python."""

    def __init__(self, source: str, known: frozenset[str] = frozenset()) -> None:
        self.source, self.known = source, known
        self.tree = ast.parse(source)
        self._parents = {child: parent for parent in ast.walk(self.tree) for child in ast.iter_child_nodes(parent)}
        self._lines = [0]
        for line in source.split("\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)
        self._regions = [found.span(1) for found in _REGION.finditer(source)] or [(0, len(source))]

    def nodes(self, *kinds: type[N]) -> Iterator[N]:
        """The nodes of these kinds that students write (inside the solution regions, if there are any), in the order of the text."""
        found = [node for node in ast.walk(self.tree) if isinstance(node, kinds) and hasattr(node, "lineno")]
        yield from sorted((node for node in found if self._is_inside(node)), key=self.span)

    def parent(self, node: ast.AST) -> ast.AST | None:
        return self._parents.get(node)

    def function_of(self, node: ast.AST) -> ast.FunctionDef | None:
        """The function definition around a node."""
        above = self.parent(node)
        while above is not None and not isinstance(above, ast.FunctionDef):
            above = self.parent(above)
        return above

    def span(self, node: Any) -> tuple[int, int]:
        """First and last position (exclusive) of a node in the source."""
        return self._place(node.lineno, node.col_offset), self._place(node.end_lineno, node.end_col_offset)

    def text(self, node: ast.AST) -> str:
        start, end = self.span(node)
        return self.source[start:end]

    def operand(self, node: ast.AST) -> str:
        """A node's text as it may stand beside any operator."""
        return f"({self.text(node)})" if isinstance(node, _OPERATIONS) else self.text(node)

    def replace(self, node: ast.AST, text: str, operation: bool = False) -> Edit:
        """Another expression in a node's place; `operation`: one that needs parentheses beside an operator or a dot."""
        start, end = self.span(node)
        own = self.source[:start].endswith("(") and self.source[end:].startswith(")")
        roomy = own or (isinstance(self.parent(node), _ROOMY) and not self._is_called(node))
        return Edit(start, end, text if roomy or not operation else f"({text})")

    def put(self, node: ast.AST, other: ast.AST) -> Edit:
        """One of the nodes inside a node in its place."""
        return self.replace(node, self.text(other), isinstance(other, _OPERATIONS))

    def rename(self, call: ast.Call, name: str) -> Edit:
        """Another function called: `np.mean(x)` → `np.sum(x)`."""
        _, end = self.span(call.func)
        return Edit(end - len(called(call)), end, name)

    def without(self, node: ast.AST, among: list[Any]) -> Edit:
        """One element of a list, or one argument of a call, taken out with its comma; `among`: all of them."""
        spans = sorted(self._whole(each) for each in among)
        place = spans.index(self._whole(node))
        if place + 1 < len(spans):
            return Edit(spans[place][0], spans[place + 1][0], "")
        return Edit(spans[place - 1][1] if place else spans[place][0], spans[place][1], "")

    def without_argument(self, call: ast.Call, argument: ast.AST) -> Edit:
        return self.without(argument, [*call.args, *call.keywords])

    def with_argument(self, call: ast.Call, text: str) -> Edit:
        """One more keyword argument."""
        end = self.span(call)[1] - 1
        before = self.source[:end].rstrip()
        return Edit(end, end, text if before.endswith(("(", ",")) else f", {text}")

    def behind(self, statement: ast.stmt, text: str) -> Edit:
        """One more statement after a statement, indented like it."""
        end = self.span(statement)[1]
        return Edit(end, end, f"\n{' ' * statement.col_offset}{text}")

    def apply(self, edit: Edit) -> str | None:
        """The changed source; None when it is no Python, or says the same as before."""
        changed = self.source[: edit.start] + edit.text + self.source[edit.end :]
        try:
            tree = ast.parse(changed)
        except SyntaxError:
            return None
        return changed if ast.dump(tree) != ast.dump(self.tree) else None

    def _whole(self, node: ast.AST) -> tuple[int, int]:
        """The span of an argument with the parentheses around it, if any: their text belongs to it."""
        start, end = self.span(node)
        while (before := self.source[:start].rstrip()).endswith("(") and (after := self.source[end:].lstrip()).startswith(")"):
            if isinstance(parent := self.parent(node), ast.Call) and len(before) - 1 <= self.span(parent.func)[1]:
                break  # those of the call itself
            start, end = len(before) - 1, len(self.source) - len(after) + 1
        return start, end

    def _is_called(self, node: ast.AST) -> bool:
        parent = self.parent(node)
        return isinstance(parent, ast.Call) and parent.func is node

    def _is_inside(self, node: Any) -> bool:
        start, end = self.span(node)
        return any(first <= start and end <= last for first, last in self._regions)

    def _place(self, line: int, column: int) -> int:
        """Python counts columns in bytes of UTF-8."""
        start = self._lines[line - 1]
        return start + len(self.source[start : self._lines[line] - 1].encode()[:column].decode())


def called(call: ast.Call) -> str:
    """The last part of what is called: 'Dense' of `keras.layers.Dense(10)`."""
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def dotted(node: ast.AST) -> str:
    """'keras.layers.Dense', as far as a node is names with dots; else an empty string."""
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return node.id if isinstance(node, ast.Name) else ""


def argument(call: ast.Call, *names: str, position: int | None = None) -> ast.expr | None:
    """The value of a keyword argument by one of its names, else of the positional one at `position`."""
    for keyword in call.keywords:
        if keyword.arg in names:
            return keyword.value
    return call.args[position] if position is not None and position < len(call.args) else None


def keyword_of(call: ast.Call, *names: str) -> ast.keyword | None:
    return next((keyword for keyword in call.keywords if keyword.arg in names), None)


def number(node: ast.AST | None) -> float | int | None:
    """The value of a literal number (not of True or False)."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return node.value  # type: ignore[return-value]  # as just looked at
    return None


def methods(code: Code, *names: str) -> Iterator[ast.Call]:
    """Calls of a method by one of these names: `network.fit(…)`."""
    for call in code.nodes(ast.Call):
        if isinstance(call.func, ast.Attribute) and call.func.attr in names:
            yield call


def word(node: ast.AST | None) -> str:
    """'relu' of "relu", `keras.activations.relu` and `keras.activations.relu()`."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    return dotted(node.func if isinstance(node, ast.Call) else node).rpartition(".")[2] if node is not None else ""
