"""Mistakes in formulas and array code: wrong axis, off by one, swapped operands, a term or a step forgotten. Each is one small edit."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from autograder.quality.code import Code, Edit, called, dotted, keyword_of, number

_FUNCTIONS = {
    "argmax": "argmin", "argmin": "argmax", "max": "min", "min": "max", "maximum": "minimum", "minimum": "maximum", "mean": "sum",
    "sum": "mean", "median": "mean", "std": "var", "var": "std", "amax": "amin", "amin": "amax", "zeros": "ones", "ones": "zeros",
    "log": "log10", "log2": "log", "exp": "exp2", "sqrt": "abs", "abs": "sign", "trace": "sum", "floor": "ceil", "ceil": "floor",
    "all": "any", "any": "all", "cumsum": "cumprod", "prod": "sum", "dot": "outer", "outer": "dot", "tanh": "sin", "argsort": "sort",
}  # fmt: skip
_OPERATORS: dict[type[ast.operator], str] = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.FloorDiv: "/", ast.MatMult: "*"}
_FLIPPED: dict[type[ast.cmpop], str] = {
    ast.Gt: "<", ast.GtE: "<", ast.Lt: ">", ast.LtE: ">", ast.Eq: "!=", ast.NotEq: "==", ast.Is: "is not", ast.In: "not in",
}  # fmt: skip
_BOUNDARIES: dict[type[ast.cmpop], str] = {ast.Gt: ">=", ast.GtE: ">", ast.Lt: "<=", ast.LtE: "<"}
_SHOWN_ONLY = (
    "print", "show", "plot", "title", "suptitle", "legend", "figure", "imshow", "axis", "set", "set_title", "xlabel", "ylabel", "grid",
    "summary", "display", "hist", "bar", "scatter", "savefig", "subplots", "tight_layout",
)  # fmt: skip
_OPTIONS = ("minlength", "num_classes", "keepdims", "ddof", "strides", "replace", "stratify", "weights", "return_counts")
_LIMITS = "_limit"  # names of the parameters cell, which are not the student's


def wrong_axis(code: Code) -> Iterator[Edit]:
    for call in code.nodes(ast.Call):
        keyword = keyword_of(call, "axis")
        if keyword is not None:
            yield code.replace(keyword.value, "1" if number(keyword.value) == 0 else "0")


def axis_forgotten(code: Code) -> Iterator[Edit]:
    for call in code.nodes(ast.Call):
        keyword = keyword_of(call, "axis")
        if keyword is not None:
            yield code.without_argument(call, keyword)


def function_swapped(code: Code) -> Iterator[Edit]:
    for call in code.nodes(ast.Call):
        if called(call) in _FUNCTIONS and not _touches_limits(code, call):
            yield code.rename(call, _FUNCTIONS[called(call)])


def option_forgotten(code: Code) -> Iterator[Edit]:
    for call in code.nodes(ast.Call):
        for keyword in call.keywords:
            if keyword.arg in _OPTIONS:
                yield code.without_argument(call, keyword)


def term_forgotten(code: Code) -> Iterator[Edit]:
    for node in code.nodes(ast.BinOp):
        if isinstance(node.op, ast.Add | ast.Sub):
            yield code.put(node, node.left)


def factor_forgotten(code: Code) -> Iterator[Edit]:
    for node in code.nodes(ast.BinOp):
        if isinstance(node.op, ast.Mult | ast.Div | ast.FloorDiv) and not is_scaling(node):
            yield code.put(node, node.left)


def operator_swapped(code: Code) -> Iterator[Edit]:
    for node in code.nodes(ast.BinOp):
        symbol = _OPERATORS.get(type(node.op))
        if symbol and not is_scaling(node):
            yield code.replace(node, f"{code.operand(node.left)} {symbol} {code.operand(node.right)}", operation=True)


def operands_swapped(code: Code) -> Iterator[Edit]:
    for node in code.nodes(ast.BinOp):
        if isinstance(node.op, ast.Sub | ast.Div | ast.MatMult) and number(node.right) is None:
            symbol = {ast.Sub: "-", ast.Div: "/"}.get(type(node.op), "@")
            yield code.replace(node, f"{code.operand(node.right)} {symbol} {code.operand(node.left)}", operation=True)


def exponent(code: Code) -> Iterator[Edit]:
    for node in code.nodes(ast.BinOp):
        power = number(node.right)
        if isinstance(node.op, ast.Pow) and power is not None:
            yield code.replace(node.right, f"{power + 1:g}")
            yield code.replace(node, f"{code.operand(node.left)} * {code.operand(node.right)}", operation=True)


def off_by_one(code: Code) -> Iterator[Edit]:
    """A result of arithmetic, and the end of a range, one too high."""
    for returned in code.nodes(ast.Return):
        if isinstance(returned.value, ast.BinOp):
            yield code.replace(returned.value, f"{code.text(returned.value)} + 1")
    for call in code.nodes(ast.Call):
        if dotted(call.func) == "range" and call.args:
            yield code.replace(call.args[-1 if len(call.args) < 3 else 1], f"{code.text(call.args[-1 if len(call.args) < 3 else 1])} - 1")


def sign(code: Code) -> Iterator[Edit]:
    for node in code.nodes(ast.UnaryOp):
        if isinstance(node.op, ast.USub) and number(node.operand) is None:
            yield code.put(node, node.operand)


def comparison_flipped(code: Code) -> Iterator[Edit]:
    yield from _compared_otherwise(code, _FLIPPED)


def boundary(code: Code) -> Iterator[Edit]:
    yield from _compared_otherwise(code, _BOUNDARIES)


def _compared_otherwise(code: Code, others: dict[type[ast.cmpop], str]) -> Iterator[Edit]:
    for node in code.nodes(ast.Compare):
        symbol = others.get(type(node.ops[0]))
        if symbol and len(node.ops) == 1:
            yield code.replace(node, f"{code.operand(node.left)} {symbol} {code.operand(node.comparators[0])}", operation=True)


def arguments_swapped(code: Code) -> Iterator[Edit]:
    """The first two positional arguments of a call, or the members of a pair of names."""
    for call in code.nodes(ast.Call):
        if len(call.args) >= 2 and all(isinstance(each, ast.Name) for each in call.args[:2]):
            yield _swapped(code, call.args[0], call.args[1])
    for pair in code.nodes(ast.Tuple):
        if isinstance(pair.ctx, ast.Load) and len(pair.elts) == 2 and all(isinstance(each, ast.Name) for each in pair.elts):
            yield _swapped(code, pair.elts[0], pair.elts[1])


def name_confused(code: Code) -> Iterator[Edit]:
    """A parameter of the function in the place of another one: how recall comes to be defined like precision."""
    for name in code.nodes(ast.Name):
        function = code.function_of(name)
        names = [each.arg for each in function.args.args if each.arg != "self"] if function else []
        if isinstance(name.ctx, ast.Load) and len(names) > 1 and name.id in names:
            yield code.replace(name, names[(names.index(name.id) + 1) % len(names)])


def slice_forgotten(code: Code) -> Iterator[Edit]:
    for node in code.nodes(ast.Subscript):
        if isinstance(node.slice, ast.Slice) and isinstance(node.ctx, ast.Load) and not _touches_limits(code, node.slice):
            yield code.put(node, node.value)


def transpose_forgotten(code: Code) -> Iterator[Edit]:
    for node in code.nodes(ast.Attribute):
        if node.attr == "T":
            yield code.put(node, node.value)
    yield from _method_forgotten(code, "transpose", "swapaxes")


def type_forgotten(code: Code) -> Iterator[Edit]:
    yield from _method_forgotten(code, "astype")


def shape_forgotten(code: Code) -> Iterator[Edit]:
    yield from _method_forgotten(code, "reshape", "ravel", "flatten")


def copy_forgotten(code: Code) -> Iterator[Edit]:
    yield from _method_forgotten(code, "copy")


def condition_ignored(code: Code) -> Iterator[Edit]:
    for choice in code.nodes(ast.IfExp):
        yield code.put(choice, choice.body)
    for branch in code.nodes(ast.If):
        yield code.replace(branch.test, "True")


def return_forgotten(code: Code) -> Iterator[Edit]:
    for returned in code.nodes(ast.Return):
        if returned.value is not None:
            start = code.span(returned)[0]
            word = re.match(r"return\s*", code.source[start:])
            yield Edit(start, start + (word.end() if word else 0), "")


def constant_answer(code: Code) -> Iterator[Edit]:
    for returned in code.nodes(ast.Return):
        if returned.value is not None:
            yield Edit(*code.span(returned), "return 0")


def step_forgotten(code: Code) -> Iterator[Edit]:
    """A statement left out whose effect something later needs: a call for its own sake, `x += …`, `x = f(x)`."""
    for statement in code.nodes(ast.Expr, ast.AugAssign, ast.Assign):
        if isinstance(statement, ast.Expr):
            value = statement.value
            if not isinstance(value, ast.Call) or called(value) in _SHOWN_ONLY or called(value) == "add":
                continue
        elif isinstance(statement, ast.Assign) and not _builds_on_itself(statement):
            continue
        yield Edit(*code.span(statement), "pass")


def is_scaling(node: ast.BinOp) -> bool:
    """`… / 255` and the like, which are mistakes of their own."""
    value = number(node.right)
    return isinstance(node.op, ast.Div) and value is not None and value >= 100


def _method_forgotten(code: Code, *names: str) -> Iterator[Edit]:
    for call in code.nodes(ast.Call):
        if isinstance(call.func, ast.Attribute) and call.func.attr in names and dotted(call.func.value) not in ("np", "numpy", "keras.ops"):
            yield code.put(call, call.func.value)


def _builds_on_itself(statement: ast.Assign) -> bool:
    names = {node.id for target in statement.targets for node in ast.walk(target) if isinstance(node, ast.Name)}
    return any(isinstance(node, ast.Name) and node.id in names for node in ast.walk(statement.value))


def _touches_limits(code: Code, node: ast.AST) -> bool:
    return any(isinstance(each, ast.Name) and each.id.endswith(_LIMITS) for each in ast.walk(node))


def _swapped(code: Code, one: ast.AST, other: ast.AST) -> Edit:
    (start, end), (begins, ends) = code.span(one), code.span(other)
    return Edit(start, ends, code.text(other) + code.source[end:begins] + code.text(one))
