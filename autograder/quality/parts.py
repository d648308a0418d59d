"""The parts of the data by their names: which expression is the test part, where a cell has the training part, or something made of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from autograder.quality.code import Code

_TRAIN, _TEST = "train", "test"


def other_part(code: Code, text: str, part: str, other: str) -> str | None:
    """The same of the other part of the data, if the notebook has all of these names."""
    changed = re.sub(rf"\b(\w*?){part}(\w*)\b", rf"\1{other}\2", text)
    names = re.findall(rf"\b\w*?{other}\w*\b", changed)
    return changed if changed != text and all(name in code.known for name in names) else None


def in_test_part(code: Code, fit: ast.Call) -> tuple[str, str] | None:
    """Examples and labels of the test part, for a call of `fit` that has its own as the first two arguments.

    `x_train_ready` gives `x_test_ready`. Where the arguments are parameters of a function, their default values say it, and where they are
    names that the cell has assigned before, what was assigned. Where no name has `train` in it, since they are parameters without defaults
    or a part cut off by hand, it is the notebook's own pair. None where there is no such pair.
    """
    if len(fit.args) < 2:
        return None
    given = [_default_of(code, each) or _assigned_to(code, each) or code.text(each) for each in fit.args[:2]]
    if not any(re.search(rf"\b\w*?{_TRAIN}\w*\b", text) for text in given):
        return _named_pair(code)
    examples, labels = (other_part(code, text, _TRAIN, _TEST) for text in given)
    return (examples, labels) if examples and labels else None


def _default_of(code: Code, node: ast.expr) -> str | None:
    """The default value of a parameter, where the node is the name of one that has a default."""
    function = code.function_of(node)
    if function is None or not isinstance(node, ast.Name):
        return None
    asked = function.args
    positional = [*asked.posonlyargs, *asked.args]
    known = dict(zip([each.arg for each in positional[len(positional) - len(asked.defaults) :]], asked.defaults, strict=True))
    known |= {each.arg: value for each, value in zip(asked.kwonlyargs, asked.kw_defaults, strict=True) if value is not None}
    return code.text(known[node.id]) if node.id in known else None


def _assigned_to(code: Code, node: ast.expr) -> str | None:
    """What the cell has assigned last to a name before it is used here, alone or as one of several."""
    if not isinstance(node, ast.Name):
        return None
    found = None
    for statement in code.nodes(ast.Assign):
        if code.span(statement) < code.span(node) and code.function_of(statement) in (None, code.function_of(node)):
            for target in statement.targets:
                found = dict(_pairs(target, statement.value)).get(node.id, found)
    return code.text(found) if found is not None else None


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Names and what they are assigned: `a, b = 1, 2` gives two."""
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        for one, of in zip(target.elts, value.elts, strict=True):
            yield from _pairs(one, of)


def _named_pair(code: Code) -> tuple[str, str] | None:
    """`x_test_ready` and `y_test_ready`: of pairs whose names end alike that with the longest end, which is the most prepared one."""
    ends = [name.removeprefix(f"x_{_TEST}") for name in code.known if name.startswith(f"x_{_TEST}")]
    pairs = [(f"x_{_TEST}{end}", f"y_{_TEST}{end}") for end in sorted(ends, key=lambda end: (-len(end), end))]
    return next((pair for pair in pairs if pair[1] in code.known), None)
