"""Mistakes in training: another loss, a rate off by a factor, labels shuffled, trained on the test part. Each is one small edit."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from autograder.quality.code import Code, Edit, argument, called, keyword_of, methods, number, word
from autograder.quality.parts import in_test_part

_LOSSES = {
    "categorical_crossentropy": ("binary_crossentropy", "mean_squared_error"),
    "sparse_categorical_crossentropy": ("mean_squared_error",),
    "binary_crossentropy": ("mean_squared_error",),
    "mean_squared_error": ("mean_absolute_error",),
    "mse": ("mean_absolute_error",),
    "mean_absolute_error": ("mean_squared_error",),
    "mae": ("mean_squared_error",),
    "CategoricalCrossentropy": ("BinaryCrossentropy",),
    "SparseCategoricalCrossentropy": ("MeanSquaredError",),
    "BinaryCrossentropy": ("MeanSquaredError",),
    "MeanSquaredError": ("MeanAbsoluteError",),
    "MeanAbsoluteError": ("MeanSquaredError",),
}
_OPTIMIZERS = {
    "sgd": "adam", "adam": "sgd", "rmsprop": "sgd", "adagrad": "adam", "adadelta": "adam", "adamax": "sgd", "nadam": "sgd", "adamw": "sgd",
    "SGD": "Adam", "Adam": "SGD", "RMSprop": "SGD", "Adagrad": "Adam", "Adadelta": "Adam", "Adamax": "SGD", "Nadam": "SGD", "AdamW": "SGD",
}  # fmt: skip


def wrong_loss(code: Code) -> Iterator[Edit]:
    for call in methods(code, "compile"):
        loss = argument(call, "loss", position=1)
        for other in _LOSSES.get(word(loss), ()):
            if isinstance(loss, ast.Constant):
                yield code.replace(loss, f'"{other}"')
            elif isinstance(loss, ast.Call):
                yield code.rename(loss, other)


def wrong_optimizer(code: Code) -> Iterator[Edit]:
    for call in methods(code, "compile"):
        chosen = argument(call, "optimizer", position=0)
        if isinstance(chosen, ast.Constant) and str(chosen.value).lower() in _OPTIMIZERS:
            yield code.replace(chosen, f'"{_OPTIMIZERS[str(chosen.value).lower()]}"')
    for call in _optimizers(code):
        yield code.rename(call, _OPTIMIZERS[called(call)])


def rate_too_high(code: Code) -> Iterator[Edit]:
    yield from _rates(code, 10)


def rate_too_low(code: Code) -> Iterator[Edit]:
    yield from _rates(code, 0.1)


def metrics_forgotten(code: Code) -> Iterator[Edit]:
    for call in methods(code, "compile"):
        keyword = keyword_of(call, "metrics")
        if keyword:
            yield code.without_argument(call, keyword)


def epochs(code: Code) -> Iterator[Edit]:
    """One too few where the number stands there; a single one where it comes from elsewhere."""
    for call in methods(code, "fit"):
        asked = argument(call, "epochs")
        value = number(asked)
        if asked is not None and value is not None:
            yield code.replace(asked, f"{value - 1:g}" if value > 1 else "2")
        elif asked is not None:
            yield code.replace(asked, "1")


def batch_size(code: Code) -> Iterator[Edit]:
    for call in methods(code, "fit"):
        asked = argument(call, "batch_size")
        value = number(asked)
        if asked is not None and value is not None:
            yield code.replace(asked, f"{2 * value:g}")


def batch_size_forgotten(code: Code) -> Iterator[Edit]:
    for call in methods(code, "fit"):
        keyword = keyword_of(call, "batch_size")
        if keyword:
            yield code.without_argument(call, keyword)


def validation_forgotten(code: Code) -> Iterator[Edit]:
    for call in methods(code, "fit"):
        keyword = keyword_of(call, "validation_split", "validation_data")
        if keyword:
            yield code.without_argument(call, keyword)


def chosen_by_test(code: Code) -> Iterator[Edit]:
    """The test part in the place of the validation part."""
    for call in methods(code, "fit"):
        keyword, pair = keyword_of(call, "validation_split", "validation_data"), in_test_part(code, call)
        if keyword and pair:
            yield code.replace(keyword, f"validation_data=({pair[0]}, {pair[1]})")


def labels_shuffled(code: Code) -> Iterator[Edit]:
    """The labels in another order than their examples."""
    for call in methods(code, "fit"):
        labels = argument(call, "y", position=1)
        if labels is not None:
            yield code.replace(labels, f"{code.operand(labels)}[::-1]")


def trained_on_test(code: Code) -> Iterator[Edit]:
    """Examples and labels of the test part in the place of those to learn from."""
    for call in methods(code, "fit"):
        pair = in_test_part(code, call)
        if pair:
            yield Edit(code.span(call.args[0])[0], code.span(call.args[1])[1], ", ".join(pair))


def untrained(code: Code) -> Iterator[Edit]:
    """A fresh copy in the place of the network that was just trained."""
    for call in methods(code, "fit"):
        statement = code.parent(call)
        while statement is not None and not isinstance(statement, ast.stmt):
            statement = code.parent(statement)
        if isinstance(statement, ast.Assign | ast.Expr) and isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
            name = call.func.value.id
            if _is_read_after(code, statement, name):
                yield code.behind(statement, f"{name} = keras.models.clone_model({name})")


def _is_read_after(code: Code, statement: ast.stmt, name: str) -> bool:
    """Whether what a name is bound to here can matter: always in the notebook itself; in a function only if it is used further on there."""
    function = code.function_of(statement)
    _, end = code.span(statement)
    return function is None or any(
        isinstance(node, ast.Name) and node.id == name and code.span(node)[0] > end for node in ast.walk(function)
    )


def _optimizers(code: Code) -> Iterator[ast.Call]:
    for call in code.nodes(ast.Call):
        if called(call) in _OPTIMIZERS and called(call)[0].isupper():
            yield call


def _rates(code: Code, factor: float) -> Iterator[Edit]:
    for call in _optimizers(code):
        rate = argument(call, "learning_rate", position=0)
        value = number(rate)
        if rate is not None:
            yield code.replace(
                rate, f"{value * factor:g}" if value is not None else f"{factor:g} * {code.operand(rate)}", operation=value is None
            )
