"""Which of a notebook's statements make the classes of a model: imports, classes, functions and plain constants, nothing that was computed.

Runs where student code may run: even parsing what somebody wrote can end a process.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

_DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_IMPORTS = (ast.Import, ast.ImportFrom)
_ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign)
# A constant is what these make of other constants. Calls are looked at in `_is_plain`.
_PLAIN = (
    ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.UnaryOp, ast.BinOp,
    ast.BoolOp, ast.Compare, ast.IfExp, ast.Lambda, ast.Call, ast.keyword, ast.expr_context, ast.operator, ast.unaryop, ast.boolop,
    ast.cmpop, ast.arguments, ast.arg,
)  # fmt: skip
_CALLABLE = frozenset("abs bool dict float int len list max min range round set str sum tuple".split())  # noqa: SIM905  # as text it is readable


def choose_definitions(sources: Sequence[str], model: str, wanted: Iterable[str]) -> list[ast.stmt]:
    """The top-level statements that define the names `wanted`, and what those need, in the order of the cells.

    `sources`: code cells in order; those after the one that hands in `model` came too late to have made it. A decorated
    definition is always among them: its decorator may have registered it under another name.
    """
    candidates = list(_candidates(_until_handed_in([_parse(source) for source in sources], model)))
    imported = {name for statement in candidates if isinstance(statement, _IMPORTS) for name in _bound(statement)}
    candidates = [each for each in candidates if not isinstance(each, _ASSIGNMENTS) or _is_plain(each, imported)]
    chosen = {index for index, each in enumerate(candidates) if _is_always_needed(each)}
    names = set(wanted) | {name for index in chosen for name in _used(candidates[index])}
    while True:
        more = {index for index, each in enumerate(candidates) if index not in chosen and _bound(each) & names}
        if not more:
            return [candidates[index] for index in sorted(chosen)]
        chosen |= more
        names |= {name for index in more for name in _used(candidates[index])}


def run_definitions(statements: Sequence[ast.stmt], namespace: dict[str, Any]) -> list[str]:
    """Executes the statements one by one; returns what went wrong, which matters only if something needed is missing afterwards."""
    problems = []
    for statement in statements:
        try:
            module = ast.fix_missing_locations(ast.Module([statement], []))
            exec(compile(module, "<notebook>", "exec"), namespace)
        except Exception as error:
            problems.append(f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}")
    return problems


def _parse(source: str) -> list[ast.stmt]:
    """The statements of a cell, IPython's own syntax translated; none of a cell that is no Python."""
    from IPython.core.inputtransformer2 import TransformerManager

    lines = source.lstrip().splitlines(keepends=True)
    if lines and lines[0].startswith(("%%time", "%%capture")):  # cell magics that run the cell as it is
        lines = lines[1:]
    try:
        manager: Any = TransformerManager
        translated: str = manager().transform_cell("".join(lines))
        return ast.parse(translated).body
    except (SyntaxError, ValueError):
        return []


def _until_handed_in(cells: list[list[ast.stmt]], model: str) -> list[ast.stmt]:
    """The statements up to the last cell that hands the model in; all of them where no cell does so by a literal name."""
    last = max((index for index, cell in enumerate(cells) if any(_hands_in(statement, model) for statement in cell)), default=len(cells))
    return [statement for cell in cells[:last] for statement in cell]


def _hands_in(statement: ast.stmt, model: str) -> bool:
    call = statement.value if isinstance(statement, ast.Expr) else None
    return (
        isinstance(call, ast.Call)
        and getattr(call.func, "id", getattr(call.func, "attr", "")) == "hand_in"
        and any(isinstance(argument, ast.Constant) and argument.value == model for argument in call.args)
    )


def _candidates(statements: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Imports, definitions and assignments, also as they stand in an `if` or `try` of the top level."""
    for statement in statements:
        if isinstance(statement, (*_DEFINITIONS, *_IMPORTS, *_ASSIGNMENTS)):
            yield statement
        elif isinstance(statement, ast.Try):
            yield from _candidates([*statement.body, *(each for handler in statement.handlers for each in handler.body)])
        elif isinstance(statement, ast.If):
            yield from _candidates(statement.body)


def _bound(statement: ast.stmt) -> set[str]:
    """The names that a candidate binds."""
    if isinstance(statement, _IMPORTS):
        return {alias.asname or alias.name.partition(".")[0] for alias in statement.names}
    if isinstance(statement, _DEFINITIONS):
        return {statement.name}
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _used(statement: ast.stmt) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}


def _is_always_needed(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.ImportFrom):
        return any(alias.name == "*" for alias in statement.names)
    return isinstance(statement, _DEFINITIONS) and bool(statement.decorator_list)


def _is_plain(statement: ast.stmt, imported: set[str]) -> bool:
    """Whether an assignment is a constant: no call but of a few built-ins and of what a module offers, such as `np.sqrt(2 / np.pi)`."""
    value = getattr(statement, "value", None)
    if value is None:
        return False
    return all(isinstance(node, _PLAIN) and (not isinstance(node, ast.Call) or _may_call(node, imported)) for node in ast.walk(value))


def _may_call(call: ast.Call, imported: set[str]) -> bool:
    place = call.func
    while isinstance(place, ast.Attribute):
        place = place.value
    return isinstance(place, ast.Name) and place.id in imported | _CALLABLE
