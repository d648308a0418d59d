"""The parts of the data by their names: which expression is the test part, where a cell has the training part, or something made of it."""

from __future__ import annotations

import ast
import re

from autograder.quality.code import Code

_TRAIN, _TEST = "train", "test"


def other_part(code: Code, text: str, part: str, other: str) -> str | None:
    """The same of the other part of the data, if the notebook has all of these names."""
    changed = re.sub(rf"\b(\w*?){part}(\w*)\b", rf"\1{other}\2", text)
    names = re.findall(rf"\b\w*?{other}\w*\b", changed)
    return changed if changed != text and all(name in code.known for name in names) else None


def in_test_part(code: Code, fit: ast.Call) -> tuple[str, str] | None:
    """Examples and labels of the test part, for a call of `fit` that has its own as the first two arguments.

    `x_train_ready` gives `x_test_ready`. Where the arguments are parameters of a function, their default values say it. Where no name
    has `train` in it, since they are parameters without defaults or a part cut off by hand, it is the notebook's own pair. None where
    there is no such pair.
    """
    if len(fit.args) < 2:
        return None
    given = [_default_of(code, each) or code.text(each) for each in fit.args[:2]]
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


def _named_pair(code: Code) -> tuple[str, str] | None:
    """`x_test_ready` and `y_test_ready`: of pairs whose names end alike that with the longest end, which is the most prepared one."""
    ends = [name.removeprefix(f"x_{_TEST}") for name in code.known if name.startswith(f"x_{_TEST}")]
    pairs = [(f"x_{_TEST}{end}", f"y_{_TEST}{end}") for end in sorted(ends, key=lambda end: (-len(end), end))]
    return next((pair for pair in pairs if pair[1] in code.known), None)
