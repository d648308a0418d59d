"""What a Keras model applies to its input, one after the other: layers, each as often as it is called, and operations between them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_MOST = 20_000  # a model within a model that is applied again and again has as many layers as somebody likes


@dataclass(frozen=True)
class Applied:
    """A layer or operation at one place. `config`: an operation's, in the words of the layer that is the same; None for a layer."""

    what: Any
    kind: str
    config: dict[str, Any] | None
    output_shape: Any


def applied(model: Any) -> list[Applied]:
    """In the order of `model.layers`, nested models flattened, input layers left out.

    A model of a student's own class does not show how it uses its layers: each counts once. Raises ValueError for more than 20,000.
    """
    found = []
    for each in _flat(model):
        found.append(each)
        if len(found) > _MOST:
            raise ValueError(f"the model applies more than {_MOST:,} layers one after the other")
    return found


def _flat(model: Any) -> Iterator[Applied]:
    for what, node in _places(model):
        if type(what).__name__ == "InputLayer":
            continue
        if hasattr(what, "layers") and hasattr(what, "summary"):
            yield from _flat(what)
        elif hasattr(what, "weights"):
            yield Applied(what, type(what).__name__, None, _output_shape(what, node))
        else:
            yield Applied(what, *_as_layer(what, node), _output_shape(what, node))


def _places(model: Any) -> list[tuple[Any, Any]]:
    """Layers and operations with the node that is their place in the graph; None where there is no graph."""
    by_depth = getattr(model, "_nodes_by_depth", None)
    if by_depth is None:
        return [(layer, None) for layer in model.layers]
    order = {id(operation): position for position, operation in enumerate(model.operations)}
    places = [(-depth, order[id(node.operation)], node) for depth, nodes in by_depth.items() for node in nodes]
    return [(node.operation, node) for _, _, node in sorted(places, key=lambda place: place[:2])]


def _output_shape(what: Any, node: Any) -> Any:
    try:
        return what.output.shape if node is None else node.outputs[0].shape
    except (AttributeError, ValueError, IndexError):  # never called, or called more than once
        return None


def _as_layer(operation: Any, node: Any) -> tuple[str, dict[str, Any]]:
    """Kind and configuration of an operation, those of the layer that is the same where there is one: `x / 255` is Rescaling."""
    kind, config = type(operation).__name__, _numbers_of(operation)
    if kind in ("Reshape", "ExpandDims", "Squeeze"):
        return "Reshape", {}
    rescaling = _rescaling(kind, node.arguments.args)
    return ("Rescaling", rescaling) if rescaling else (kind, config)


def _numbers_of(operation: Any) -> dict[str, Any]:
    """What an operation was given as plain values, such as the axis of a softmax."""
    given: dict[str, Any] = {}
    with contextlib.suppress(Exception):  # one that Keras cannot write down
        given = operation.get_config()
    return {key: value for key, value in given.items() if value is None or isinstance(value, bool | int | float | str)}


def _rescaling(kind: str, arguments: tuple[Any, ...]) -> dict[str, Any] | None:
    """What a sum, difference, product or quotient with one plain number does, as Rescaling says it; None for any other."""
    numbers = [isinstance(each, bool | int | float) for each in arguments]
    if len(numbers) != 2 or sum(numbers) != 1:
        return None
    number = float(arguments[numbers.index(True)])
    if kind == "Multiply":
        return {"scale": number, "offset": 0.0}
    if kind == "Add":
        return {"scale": 1.0, "offset": number}
    if kind == "Subtract":
        return {"scale": 1.0, "offset": -number} if numbers[1] else {"scale": -1.0, "offset": number}
    if kind in ("Divide", "TrueDivide") and numbers[1] and number:
        return {"scale": 1 / number, "offset": 0.0}
    return None
