"""Models with classes or functions of the student's own: what the notebook that hands one in and the process that builds it again share."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograder.inputs import Input

_PROBES = 4
# `activation=tf.nn.softmax` stands in tutorials of TensorFlow's own, and is written down by the name that the function has inside.
_OF_TENSORFLOW = {"softmax_v2": "softmax", "log_softmax_v2": "log_softmax", "swish": "silu"}


def own_names(config: Any) -> Iterator[str]:
    """Names of classes and functions in a model's configuration that are not Keras' own."""
    for each in dictionaries(config):
        name, inner = each.get("class_name"), each.get("config")
        if name == "function" and isinstance(inner, str):
            yield inner.rpartition(">")[2]
        elif isinstance(name, str) and not name.startswith("__") and not str(each.get("module") or "").startswith("keras"):
            yield name


def in_keras_names(config: Any, layer: Any) -> Any:
    """The configuration, changed in place: TensorFlow's activations by the names of Keras' own, which are the same functions.

    Other functions of a library get the module in which they are found again. `layer`: the layer or model itself, whose functions show
    whose they are; a student's own may be called `swish` as well.
    """
    try:
        used = [function for each in layer._flatten_layers() for function in _activations(each)]
    except Exception:  # a student's class raises what it likes
        return config
    modules: dict[str, set[str]] = {}
    for name, module in used:
        modules.setdefault(name, set()).add(module)
    for each in list(dictionaries(config)):
        for key, value in each.items():
            if not isinstance(value, dict) or value.get("class_name") != "function" or not isinstance(value.get("config"), str):
                continue
            found = modules.get(value["config"], set())
            if value["config"] in _OF_TENSORFLOW and all(module.startswith("tensorflow.") for module in found) and found:
                each[key] = _OF_TENSORFLOW[value["config"]]
            elif len(found) == 1 and found != {""}:
                value["module"] = found.pop()
    return config


def of_libraries(config: Any) -> dict[str, Any]:
    """The functions of libraries that a configuration names with their module (see `in_keras_names`), by their names.

    Imports those modules, so it is called only where student code may run. What is not found is left out.
    """
    found = {}
    for each in dictionaries(config):
        name, module = each.get("config"), each.get("module")
        if each.get("class_name") == "function" and isinstance(name, str) and isinstance(module, str) and module != "builtins":
            with suppress(Exception):  # a module runs code of its own when it is imported
                found[name] = getattr(importlib.import_module(module), name)
            each["module"] = "builtins"  # as Keras writes a function whose name it is given
    return found


def _activations(layer: Any) -> Iterator[tuple[str, str]]:
    """Name and module of the functions that a layer applies to its outputs; an empty module where they are not found in one."""
    for key in ("activation", "recurrent_activation"):
        function = getattr(layer, key, None)
        if isinstance(function, types.FunctionType):
            name, module = function.__name__, str(function.__module__)
            found = module != "__main__" and getattr(sys.modules.get(module), name, None) is function
            yield name, module if found else ""


def dictionaries(value: Any) -> Iterator[dict[str, Any]]:
    """Every dictionary in a model's configuration, outer ones first; not those of its compile settings, which nobody builds."""
    if isinstance(value, dict):
        yield value
        for key, each in value.items():
            if key != "compile_config":
                yield from dictionaries(each)
    elif isinstance(value, list):
        for each in value:
            yield from dictionaries(each)


def remember_arguments() -> None:
    """From now on a subclassed model's configuration holds the arguments of its constructor, as Keras documents.

    Seen in Keras 3.15: `Model.__new__` does not pass them on, and the configuration holds their defaults instead.
    """
    import keras

    stock = keras.Model.__new__

    def __new__(cls: Any, /, *args: Any, **kwargs: Any) -> Any:
        if cls is keras.Model:  # which becomes a functional model
            return stock(cls, *args, **kwargs)
        above: Any = super(keras.Model, cls)
        return above.__new__(cls, *args, **kwargs)

    keras.Model.__new__ = __new__


def probe(model: Any, wanted: Input) -> NDArray[np.float32] | None:
    """Answers of a model to a few made-up examples; None when it gives none. The same ones again show that it was built again truly."""
    import keras

    low, high = wanted.range or (0.0, 1.0)
    examples = low + (high - low) * np.random.default_rng(0).random((_PROBES, *wanted.shape), np.float32)
    try:
        answers = keras.ops.convert_to_numpy(model(examples.astype(np.float32), training=False))
        return np.asarray(answers).astype(np.float32)
    except Exception:  # a student's model raises what it likes; that it cannot predict is found out elsewhere
        return None
