"""What of a handed-in model may be opened: built-in layers by configuration, weights by shape. Nothing is imported by name.

The configuration is walked against an allow-list first (see `built_in`), and the shapes of the model's weights are compared with
those handed in before any of them is allocated.
"""

from __future__ import annotations

import copy
import json
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from autograder.built_in import NotBuiltIn, Refused, require_built_in
from autograder.files import read_bounded

_CONFIG_BYTES = 2_000_000
_NUMBERS = "biuf"
_BYTES_OF_A_WEIGHT = 4


def read_model_file(folder: Path) -> dict[str, Any]:
    """model.json of a handed-in model, a JSON object of bounded size. Raises Refused."""
    try:
        found: dict[str, Any] = json.loads(read_bounded(folder / "model.json", _CONFIG_BYTES))
        if isinstance(found, dict) and isinstance(found["config"], dict | None):
            return found
    except (OSError, ValueError, KeyError, RecursionError):
        pass
    raise Refused(f"its configuration cannot be read, or has more than {_CONFIG_BYTES:,} bytes")


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration of a handed-in model, walked against the allow-list. Raises Refused, or NotBuiltIn among them."""
    found = read_model_file(folder)
    config: dict[str, Any] | None = found["config"]
    if config is None:
        raise NotBuiltIn(f"it is of a class of your own, {found.get('class_name')!a:.60}")
    require_built_in(config)
    return config


def read_weights(folder: Path, limit: int) -> list[np.ndarray[Any, Any]]:
    """The arrays w0000, w0001, … of weights.npz, uncompressed and without pickle. Raises Refused."""
    try:
        with zipfile.ZipFile(folder / "weights.npz") as archive:
            members = archive.infolist()
            if any(member.compress_type != zipfile.ZIP_STORED for member in members) or sum(member.file_size for member in members) > limit:
                raise Refused("its weights are compressed or too large")
        with np.load(folder / "weights.npz", allow_pickle=False) as arrays:
            found = [arrays[f"w{index:04}"] for index in range(len(members))]
        if not all(isinstance(array, np.ndarray) and array.dtype.kind in _NUMBERS for array in found):
            raise Refused("its weights are not arrays of numbers")
        return found
    except Refused:
        raise
    except Exception:  # zipfile and NumPy raise many kinds of errors for what somebody made up; MemoryError for a header's claim
        raise Refused("its weights cannot be read") from None


def rebuild(config: dict[str, Any], weights: list[np.ndarray[Any, Any]]) -> Any:
    """The Keras model, built twice: first only its shapes, compared with the weights, then for real. Raises Refused."""
    import keras

    wanted, shapes = [tuple(weight.shape) for weight in weights], _shapes(keras, config)
    if shapes != wanted:
        raise Refused(f"its weights have shapes {wanted[:6]}, its layers need {shapes[:6]}")
    model = _deserialize(keras, config)
    model.set_weights(weights)
    finalize(model)
    return model


def rebuild_layers(config: dict[str, Any], limit: int) -> Any:
    """The Keras model without the weights that it had: to be described, never to predict with. Raises Refused.

    `limit`: bytes that its weights may take, as if they had been handed in.
    """
    import keras

    needed = sum(math.prod(shape) for shape in _shapes(keras, config)) * _BYTES_OF_A_WEIGHT
    if needed > limit:
        raise Refused(f"its layers need weights of {needed:,} bytes, {limit:,} are accepted")
    return _deserialize(keras, config)


def _shapes(keras: Any, config: dict[str, Any]) -> list[tuple[int, ...]]:
    """What Keras says of the model's weights, without any of them being allocated, now or later."""
    from keras.src.backend.common.global_state import set_global_attribute
    from keras.src.backend.common.stateless_scope import StatelessScope

    try:
        with StatelessScope(initialize_variables=False):
            return [tuple(weight.shape) for weight in _deserialize(keras, config).weights]
    finally:  # the next model that is built would give them values, whatever their size
        set_global_attribute("uninitialized_variables", [])


def finalize(layer: Any) -> None:
    """Layers such as Normalization keep values computed from their weights, which setting weights alone leaves as they were."""
    for inner in getattr(layer, "layers", None) or [getattr(layer, "layer", None)]:
        if inner is not None:
            finalize(inner)
    if hasattr(layer, "finalize_state"):
        layer.finalize_state()


def _deserialize(keras: Any, config: dict[str, Any]) -> Any:
    try:
        return keras.saving.deserialize_keras_object(copy.deepcopy(config), safe_mode=True)  # it takes the configuration apart
    except Exception as error:  # Keras raises whatever a malformed configuration leads to
        raise Refused(f"Keras cannot build it again: {type(error).__name__}: {str(error).partition(chr(10))[0][:200]}") from None
