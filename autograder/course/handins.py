"""The hand-in cells of a source notebook, read without running it: names, functions and `Input`s."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any

from autograder.course.notebook import nbgrader_of
from autograder.inputs import Input


@dataclass(frozen=True)
class DeclaredHandins:
    """What the locked cells of a notebook hand in.

    `layers_only`: names of models, if they are some, that come without weights. `repeated`: names that several cells hand in, of which
    only the last one would count.
    """

    names: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    inputs: dict[str, Input] = field(default_factory=dict)
    layers_only: frozenset[str] = frozenset()
    repeated: frozenset[str] = frozenset()


def declared_handins(notebook: dict[str, Any]) -> DeclaredHandins:
    """All `hand_in(…)` calls of the locked code cells together; what is no literal there is left out."""
    names: set[str] = set()
    functions: set[str] = set()
    inputs: dict[str, Input] = {}
    layers_only: set[str] = set()
    repeated: set[str] = set()
    for calls in _hand_in_calls(notebook):
        before = names | functions
        for call in calls:
            named = {arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)}
            names |= named
            layers_only |= named if any(each.arg == "weights" and _literal(each.value, True) is False for each in call.keywords) else set()
            asked = {name for keyword in call.keywords if keyword.arg == "functions" for name in _literal(keyword.value, [])}
            functions |= asked
            repeated |= before & (named | asked)
            for keyword in call.keywords:
                if keyword.arg == "inputs" and isinstance(keyword.value, ast.Dict):
                    inputs |= _inputs(keyword.value)
    return DeclaredHandins(frozenset(names), frozenset(functions), inputs, frozenset(layers_only), frozenset(repeated))


def _hand_in_calls(notebook: dict[str, Any]) -> list[list[ast.Call]]:
    """The calls of each locked cell."""
    calls = []
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code" or not nbgrader_of(cell).get("locked"):
            continue
        try:
            tree = ast.parse(cell["source"])
        except SyntaxError:
            continue
        calls.append([node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "hand_in"])
    return calls


def _inputs(node: ast.Dict) -> dict[str, Input]:
    found = {}
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(key, ast.Constant) and isinstance(value, ast.Call):
            given = {keyword.arg: _literal(keyword.value, None) for keyword in value.keywords}
            shape = given.get("shape") or (_literal(value.args[0], None) if value.args else None)
            if shape is not None:
                found[str(key.value)] = Input(tuple(shape), given.get("range"))
    return found


def _literal(node: ast.expr, default: Any) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return default
