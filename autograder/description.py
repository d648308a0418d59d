"""`ModelDescription` of a built Keras model. Notebook and grader use this same code, so both say the same."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from autograder.applied import Applied, applied
from autograder.own_classes import in_keras_names
from autograder.records import CompileDescription, LayerDescription, ModelDescription, WeightDescription


def describe(model: Any, compiled: CompileDescription | None = None) -> ModelDescription:
    """Layers in the order in which they are applied, nested models flattened, input layers left out, operations such as `h + x` among them.

    Raises ValueError when the model is not built, since an unbuilt one has no shapes and no parameters, or has far too many layers.
    """
    if not getattr(model, "built", False):
        raise ValueError("the model has no input shape yet: begin it with keras.Input(shape=…)")
    return ModelDescription(
        kind=_kind(model),
        input_shape=_shape(getattr(model, "input_shape", None)),
        output_shape=_shape(getattr(model, "output_shape", None)),
        layers=_describe_layers(applied(model)),
        compiled=compiled,
    )


def describe_live(model: Any) -> ModelDescription:
    """Like `describe`, with the compile settings that the model itself carries; for notebooks, where the model is alive."""
    settings = compile_settings(model)
    return describe(model, describe_compile(settings) if settings else None)


def _kind(model: Any) -> str:
    """'Sequential', 'Functional', or the class name of a model that students wrote themselves."""
    return str(type(model).__name__)


def _describe_layers(found: list[Applied]) -> tuple[LayerDescription, ...]:
    calls = Counter(id(each.what) for each in found)
    seen: set[int] = set()
    layers = []
    for each in found:
        again = id(each.what) in seen
        seen.add(id(each.what))
        layers.append(_describe_layer(each, calls[id(each.what)], again))
    return tuple(layers)


def _describe_layer(found: Applied, calls: int, again: bool) -> LayerDescription:
    layer = found.what
    config = in_keras_names(_plain(layer.get_config()), layer) if found.config is None else found.config
    weights = [] if again else getattr(layer, "weights", [])
    return LayerDescription(
        name=str(layer.name),
        kind=found.kind,
        config=config,
        weights=tuple(
            WeightDescription(str(weight.name), tuple(int(side) for side in weight.shape), bool(weight.trainable)) for weight in weights
        ),
        output_shape=_shape(found.output_shape),
        calls=calls,
    )


def _shape(shape: Any) -> tuple[int | None, ...] | None:
    """A single shape; None for models with several inputs or outputs."""
    if not isinstance(shape, tuple | list) or not all(side is None or isinstance(side, int) for side in shape):
        return None
    return tuple(shape)


def _plain(value: Any) -> Any:
    """Layer configuration as JSON values; whatever else stands in it becomes its type's name."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    return type(value).__name__


def compile_settings(model: Any) -> dict[str, Any] | None:
    """Optimizer, loss and metrics of a live model as JSON, defaults included; None when it was not compiled."""
    if not getattr(model, "compiled", False):
        return None
    make_writable(model)
    given = model.get_compile_config() or {}
    optimizer = model.optimizer
    return {
        "optimizer": {"class_name": type(optimizer).__name__, "config": _plain(optimizer.get_config())},
        "loss": _plain(given.get("loss")),
        "metrics": _plain(given.get("metrics")),
    }


def make_writable(model: Any) -> None:
    """Puts an object for each class in the compile settings, such as `loss=CategoricalCrossentropy`; of models within this one too.

    Keras trains with such an object then, but keeps the class, and can write down neither the settings nor the model with it.
    """
    for each in model._flatten_layers():
        settings = getattr(each, "_compile_config", None)
        if settings is not None:
            settings.config = {key: _objects(value) for key, value in settings.config.items()}


def _objects(value: Any) -> Any:
    if isinstance(value, list):
        return [_objects(each) for each in value]
    if isinstance(value, dict):  # by the names of outputs
        return {key: _objects(each) for key, each in value.items()}
    return value() if isinstance(value, type) else value


def describe_compile(settings: dict[str, Any]) -> CompileDescription:
    """Plain names of handed-in compile settings. Raises ValueError when they are not of the shape `compile_settings` gives."""
    optimizer = settings.get("optimizer")
    if not isinstance(optimizer, dict) or not isinstance(optimizer.get("config"), dict):
        raise ValueError("compile settings without an optimizer")
    metrics = _of_one_output(settings.get("metrics") or [])
    return CompileDescription(
        optimizer=str(optimizer.get("class_name")),
        optimizer_config=_plain(optimizer["config"]),
        loss=_name(_of_one_output(settings.get("loss"))),
        metrics=tuple(name for name in map(_name, metrics if isinstance(metrics, list) else [metrics]) if name),
    )


def _of_one_output(value: Any) -> Any:
    """Keras also takes one loss, or one list of metrics, for each output: in a list, or by the outputs' names."""
    if isinstance(value, dict) and "class_name" not in value and len(value) == 1:
        value = next(iter(value.values()))
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _name(value: Any) -> str | None:
    """'categorical_crossentropy' for the text, the class CategoricalCrossentropy() and the function alike."""
    if isinstance(value, dict):
        config = value.get("config")
        value = config if isinstance(config, str) else value.get("class_name")
    if not isinstance(value, str):
        return None
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", value).lower()
    return {"acc": "accuracy"}.get(snake, snake)
