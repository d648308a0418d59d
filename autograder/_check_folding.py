"""One spelling for activations: a layer of their own is written into the layer before it. Imported by `autograder._check_models`."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import replace

from autograder.records import LayerDescription, ModelDescription

# By themselves, with their defaults, the same as these activations: layers, and operations such as `keras.ops.relu(h)`.
_AS_LAYERS = {
    "ReLU": "relu", "Softmax": "softmax", "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Silu": "silu", "Selu": "selu",
    "Softplus": "softplus", "Softsign": "softsign",
}  # fmt: skip


def folded(model: ModelDescription, keep: Collection[str] = ()) -> ModelDescription:
    """Dense(512) and Activation('relu') become Dense(512, 'relu'), which is the same function; so do ReLU() and Softmax().

    Only a layer without an activation of its own takes one in, and layers of a kind in `keep` stay as they are.
    """
    layers: list[LayerDescription] = []
    for layer in map(_with_named_activation, model.layers):
        activation = None if layer.kind in keep else _only_activation(layer)
        if activation is not None and layers and layers[-1].activation == "linear":
            layers[-1] = replace(layers[-1], config={**layers[-1].config, "activation": activation})
        else:
            layers.append(layer)
    return replace(model, layers=tuple(layers))


def doubled(model: ModelDescription) -> int | None:
    """The place (0, 1, …) of the first layer such as ReLU() or Softmax() right behind a layer that has an activation already.

    `Activation('relu')` is not meant: it has its activation in its configuration, and counts as the others do.
    """
    for place, (before, layer) in enumerate(itertools.pairwise(model.layers), start=1):
        active = before.kind in _AS_LAYERS or before.activation not in (None, "linear")
        if active and layer.kind in _AS_LAYERS:
            return place
    return None


def _with_named_activation(layer: LayerDescription) -> LayerDescription:
    """Dense(512, activation=ReLU()) as Dense(512, activation='relu')."""
    given = layer.config.get("activation")
    if not isinstance(given, dict) or not isinstance(given.get("config"), dict):
        return layer
    within = replace(layer, kind=str(given.get("class_name")), config=given["config"])
    activation = _only_activation(within)
    return layer if activation is None else replace(layer, config={**layer.config, "activation": activation})


def _only_activation(layer: LayerDescription) -> str | None:
    """The activation that this layer is, when it is nothing else."""
    if layer.kind == "Activation":
        return layer.activation
    changed = layer.config.get("max_value") is not None or layer.config.get("negative_slope") or layer.config.get("threshold")
    last = len(layer.output_shape) - 1 if layer.output_shape else -1
    return None if changed or layer.config.get("axis", -1) not in (-1, last) else _AS_LAYERS.get(layer.kind)
