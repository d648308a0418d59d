"""Mistakes in networks, training and data: a layer dropped, softmax forgotten, labels shuffled, trained on test data. Each is one edit."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from autograder.quality.code import Code, Edit, argument, called, dotted, keyword_of, number
from autograder.quality.mistakes_formulas import is_scaling

_UNITS = ("Dense", "Conv1D", "Conv2D", "Conv3D", "SeparableConv2D", "Conv2DTranspose", "LSTM", "GRU", "SimpleRNN")
_CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv3D", "SeparableConv2D", "Conv2DTranspose")
_DROPOUTS = ("Dropout", "SpatialDropout2D", "GaussianDropout", "AlphaDropout")
_OTHER_LAYERS = (
    "MaxPooling1D", "MaxPooling2D", "MaxPool2D", "AveragePooling2D", "GlobalAveragePooling2D", "GlobalMaxPooling2D", "Flatten", "Reshape",
    "Rescaling", "Normalization", "BatchNormalization", "LayerNormalization", "Activation", "ReLU", "Softmax", "Embedding",
    "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom",
)  # fmt: skip
_LAYERS = (*_UNITS, *_DROPOUTS, *_OTHER_LAYERS)
_POOLING = {"MaxPooling2D": "AveragePooling2D", "MaxPool2D": "AveragePooling2D", "AveragePooling2D": "MaxPooling2D"}
_ACTIVATIONS = {"relu": "sigmoid", "sigmoid": "relu", "tanh": "relu", "softmax": "sigmoid", "linear": "relu", "elu": "sigmoid"}
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
_ONE_HOT = ("to_categorical", "one_hot")


# --- the network ------------------------------------------------------------------------------------------------------


def layer_dropped(code: Code) -> Iterator[Edit]:
    for call in _layers(code):
        if called(call) not in _DROPOUTS:
            yield from _dropped(code, call)


def dropout_forgotten(code: Code) -> Iterator[Edit]:
    for call in _layers(code):
        if called(call) in _DROPOUTS:
            yield from _dropped(code, call)


def width(code: Code) -> Iterator[Edit]:
    for call in _layers(code, *_UNITS):
        units = argument(call, "units", "filters", position=0)
        if units is not None:
            value = number(units)
            yield code.replace(units, f"{value + 1:g}" if value is not None else f"{code.operand(units)} + 1")


def activation_swapped(code: Code) -> Iterator[Edit]:
    for _, value in _activations(code):
        other = _ACTIVATIONS.get(_word(value).lower())
        if other:
            yield code.replace(value, f'"{other}"')


def activation_forgotten(code: Code) -> Iterator[Edit]:
    for call, value in _activations(code):
        if _word(value).lower() != "softmax" and called(call) != "Activation":
            yield code.without_argument(call, keyword_of(call, "activation") or value)


def softmax_forgotten(code: Code) -> Iterator[Edit]:
    for call, value in _activations(code):
        if _word(value).lower() == "softmax" and called(call) != "Activation":
            yield code.without_argument(call, keyword_of(call, "activation") or value)


def bias_forgotten(code: Code) -> Iterator[Edit]:
    for call in _layers(code, *_UNITS):
        if keyword_of(call, "use_bias") is None:
            yield code.with_argument(call, "use_bias=False")


def dropout_rate(code: Code) -> Iterator[Edit]:
    for call in _layers(code, *_DROPOUTS):
        rate = argument(call, "rate", position=0)
        value = number(rate)
        if rate is not None and value is not None:
            yield code.replace(rate, f"{0.2 if value == 0.5 else 1 - value:g}")


def kernel_size(code: Code) -> Iterator[Edit]:
    for call in _layers(code, *_CONVOLUTIONS):
        size = argument(call, "kernel_size", position=1)
        for each in size.elts if isinstance(size, ast.Tuple) else [size]:
            value = number(each)
            if each is not None and value is not None:
                yield code.replace(each, f"{value + 1:g}")
                break


def pooling_swapped(code: Code) -> Iterator[Edit]:
    for call in _layers(code, *_POOLING):
        yield code.rename(call, _POOLING[called(call)])


def padding(code: Code) -> Iterator[Edit]:
    for call in _layers(code, *_CONVOLUTIONS):
        keyword = keyword_of(call, "padding")
        yield code.without_argument(call, keyword) if keyword else code.with_argument(call, 'padding="same"')


def regularizer_forgotten(code: Code) -> Iterator[Edit]:
    for call in _layers(code, *_UNITS):
        for keyword in call.keywords:
            if keyword.arg in ("kernel_regularizer", "bias_regularizer", "activity_regularizer", "kernel_initializer"):
                yield code.without_argument(call, keyword)


def regularizer_swapped(code: Code) -> Iterator[Edit]:
    for call in code.nodes(ast.Call):
        other = {"L1": "L2", "L2": "L1", "l1": "l2", "l2": "l1"}.get(called(call))
        if other and "regularizers" in dotted(call.func):
            yield code.rename(call, other)


# --- training ---------------------------------------------------------------------------------------------------------


def wrong_loss(code: Code) -> Iterator[Edit]:
    for call in _methods(code, "compile"):
        loss = argument(call, "loss", position=1)
        for other in _LOSSES.get(_word(loss), ()):
            if isinstance(loss, ast.Constant):
                yield code.replace(loss, f'"{other}"')
            elif isinstance(loss, ast.Call):
                yield code.rename(loss, other)


def wrong_optimizer(code: Code) -> Iterator[Edit]:
    for call in _methods(code, "compile"):
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
    for call in _methods(code, "compile"):
        keyword = keyword_of(call, "metrics")
        if keyword:
            yield code.without_argument(call, keyword)


def epochs(code: Code) -> Iterator[Edit]:
    """One too few where the number stands there; a single one where it comes from elsewhere."""
    for call in _methods(code, "fit"):
        asked = argument(call, "epochs")
        value = number(asked)
        if asked is not None and value is not None:
            yield code.replace(asked, f"{value - 1:g}" if value > 1 else "2")
        elif asked is not None:
            yield code.replace(asked, "1")


def batch_size(code: Code) -> Iterator[Edit]:
    for call in _methods(code, "fit"):
        asked = argument(call, "batch_size")
        value = number(asked)
        if asked is not None and value is not None:
            yield code.replace(asked, f"{2 * value:g}")


def batch_size_forgotten(code: Code) -> Iterator[Edit]:
    for call in _methods(code, "fit"):
        keyword = keyword_of(call, "batch_size")
        if keyword:
            yield code.without_argument(call, keyword)


def validation_forgotten(code: Code) -> Iterator[Edit]:
    for call in _methods(code, "fit"):
        keyword = keyword_of(call, "validation_split", "validation_data")
        if keyword:
            yield code.without_argument(call, keyword)


def chosen_by_test(code: Code) -> Iterator[Edit]:
    """The test part in the place of the validation part."""
    for call in _methods(code, "fit"):
        keyword = keyword_of(call, "validation_split", "validation_data")
        others = [_other_part(code, code.text(each), "train", "test") for each in call.args[:2]]
        if keyword and len(others) == 2 and all(others):
            yield code.replace(keyword, f"validation_data=({others[0]}, {others[1]})")


def labels_shuffled(code: Code) -> Iterator[Edit]:
    """The labels in another order than their examples."""
    for call in _methods(code, "fit"):
        labels = argument(call, "y", position=1)
        if labels is not None:
            yield code.replace(labels, f"{code.operand(labels)}[::-1]")


def trained_on_test(code: Code) -> Iterator[Edit]:
    for call in _methods(code, "fit"):
        if len(call.args) >= 2:
            start, end = code.span(call.args[0])[0], code.span(call.args[1])[1]
            other = _other_part(code, code.source[start:end], "train", "test")
            if other:
                yield Edit(start, end, other)


def untrained(code: Code) -> Iterator[Edit]:
    """A fresh copy in the place of the network that was just trained."""
    for call in _methods(code, "fit"):
        statement = code.parent(call)
        while statement is not None and not isinstance(statement, ast.stmt):
            statement = code.parent(statement)
        if isinstance(statement, ast.Assign | ast.Expr) and isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
            name = call.func.value.id
            yield code.behind(statement, f"{name} = keras.models.clone_model({name})")


# --- data and predictions ---------------------------------------------------------------------------------------------


def measured_on_training(code: Code) -> Iterator[Edit]:
    for call in _methods(code, "predict", "evaluate"):
        if call.args:
            start, end = code.span(call.args[0])[0], code.span(call.args[-1])[1]
            other = _other_part(code, code.source[start:end], "test", "train")
            if other:
                yield Edit(start, end, other)


def constant_prediction(code: Code) -> Iterator[Edit]:
    for call in _methods(code, "predict"):
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


def _layers(code: Code, *kinds: str) -> Iterator[ast.Call]:
    """Calls that make a layer, of these kinds or of any."""
    for call in code.nodes(ast.Call):
        if called(call) in (kinds or _LAYERS) and not isinstance(call.func, ast.Call):
            yield call


def _dropped(code: Code, call: ast.Call) -> Iterator[Edit]:
    """Out of a list, out of `model.add(…)`, or out of a chain of the functional API."""
    parent = code.parent(call)
    if isinstance(parent, ast.List | ast.Tuple):
        yield code.without(call, list(parent.elts))
    elif isinstance(parent, ast.Call) and parent.func is call and len(parent.args) == 1:
        yield code.put(parent, parent.args[0])
    elif isinstance(parent, ast.Call) and called(parent) == "add" and isinstance(statement := code.parent(parent), ast.Expr):
        yield Edit(*code.span(statement), "pass")


def _activations(code: Code) -> Iterator[tuple[ast.Call, ast.expr]]:
    for call in _layers(code, *_UNITS, "Activation"):
        position = 0 if called(call) == "Activation" else 1 if called(call) == "Dense" else None
        value = argument(call, "activation", position=position)
        if value is not None:
            yield call, value


def _methods(code: Code, *names: str) -> Iterator[ast.Call]:
    for call in code.nodes(ast.Call):
        if isinstance(call.func, ast.Attribute) and call.func.attr in names:
            yield call


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


def _word(node: ast.AST | None) -> str:
    """'relu' of "relu", `keras.activations.relu` and `keras.activations.relu()`."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    return dotted(node.func if isinstance(node, ast.Call) else node).rpartition(".")[2] if node is not None else ""


def _other_part(code: Code, text: str, part: str, other: str) -> str | None:
    """The same of the other part of the data, if the notebook has all of these names."""
    changed = re.sub(rf"\b(\w*?){part}(\w*)\b", rf"\1{other}\2", text)
    names = re.findall(rf"\b\w*?{other}\w*\b", changed)
    return changed if changed != text and all(name in code.known for name in names) else None
