"""Mistakes in a network: a layer dropped, softmax forgotten, no bias, another kernel. Each is one small edit."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from autograder.quality.code import Code, Edit, argument, called, dotted, keyword_of, number, word

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
        other = _ACTIVATIONS.get(word(value).lower())
        if other:
            yield code.replace(value, f'"{other}"')


def activation_forgotten(code: Code) -> Iterator[Edit]:
    for call, value in _activations(code):
        if word(value).lower() != "softmax" and called(call) != "Activation":
            yield code.without_argument(call, keyword_of(call, "activation") or value)


def softmax_forgotten(code: Code) -> Iterator[Edit]:
    for call, value in _activations(code):
        if word(value).lower() == "softmax" and called(call) != "Activation":
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
