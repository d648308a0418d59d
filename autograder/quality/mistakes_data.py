"""Mistakes with data and predictions: not normalised, labels not encoded, measured on the training part. Each is one small edit."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from autograder.quality.code import Code, Edit, argument, called, methods, number
from autograder.quality.mistakes_formulas import is_scaling
from autograder.quality.parts import other_part

_ONE_HOT = ("to_categorical", "one_hot")


def measured_on_training(code: Code) -> Iterator[Edit]:
    for call in methods(code, "predict", "evaluate"):
        if call.args:
            start, end = code.span(call.args[0])[0], code.span(call.args[-1])[1]
            other = other_part(code, code.source[start:end], "test", "train")
            if other:
                yield Edit(start, end, other)


def constant_prediction(code: Code) -> Iterator[Edit]:
    for call in methods(code, "predict"):
        yield code.replace(call, f"0 * {code.text(call)}", operation=True)


def not_normalised(code: Code) -> Iterator[Edit]:
    for node in code.nodes(ast.BinOp):
        if is_scaling(node):
            yield code.put(node, node.left)


def normalised_twice(code: Code) -> Iterator[Edit]:
    for node in code.nodes(ast.BinOp):
        if is_scaling(node):
            yield code.replace(node, f"{code.text(node)} / {code.text(node.right)}", operation=True)


def divided_by_the_largest(code: Code) -> Iterator[Edit]:
    for node in code.nodes(ast.BinOp):
        if is_scaling(node):
            names = [each.id for each in ast.walk(node.left) if isinstance(each, ast.Name)]
            if names:
                yield code.replace(node.right, f"{names[-1]}.max()")


def encoding_forgotten(code: Code) -> Iterator[Edit]:
    for call in code.nodes(ast.Call):
        if called(call) in _ONE_HOT and call.args:
            yield code.put(call, call.args[0])


def folds(code: Code) -> Iterator[Edit]:
    for call in code.nodes(ast.Call):
        asked = argument(call, "cv", "n_splits")
        value = number(asked)
        if asked is not None and value is not None:
            yield code.replace(asked, f"{value + 1:g}")
