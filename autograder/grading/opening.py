"""What of a handed-in model may be opened: built-in layers by configuration, weights by shape. Nothing is imported by name.

Keras deserialises whatever a configuration names, so the configuration is walked against an allow-list first, and the
shapes of the model's weights are compared with those handed in before any of them is allocated.
"""

from __future__ import annotations

import copy
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

_LAYERS = frozenset(
    """
    Activation Add Average AveragePooling1D AveragePooling2D AveragePooling3D BatchNormalization Bidirectional CenterCrop
    Concatenate Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose Cropping1D Cropping2D Cropping3D Dense
    DepthwiseConv1D DepthwiseConv2D Dot Dropout ELU Embedding Flatten GRU GRUCell GaussianDropout GaussianNoise
    GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D
    GroupNormalization Identity InputLayer LSTM LSTMCell LayerNormalization LeakyReLU MaxPooling1D MaxPooling2D MaxPooling3D
    Maximum Minimum Multiply Normalization PReLU Permute RandomBrightness RandomContrast RandomCrop RandomFlip RandomRotation
    RandomTranslation RandomZoom ReLU RepeatVector Rescaling Reshape Resizing SeparableConv1D SeparableConv2D SimpleRNN
    SimpleRNNCell Softmax SpatialDropout1D SpatialDropout2D SpatialDropout3D Subtract TimeDistributed UnitNormalization
    UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D
    """.split()  # noqa: SIM905  # as text it stays a readable list
)
_MODELS = frozenset({"Sequential", "Functional"})
_MODULES = {
    "keras.layers": _LAYERS,
    "keras": _MODELS | {"DTypePolicy"},
    "keras.models": _MODELS,
    "keras.src.models.sequential": _MODELS,
    "keras.src.models.functional": _MODELS,
}
# Whole modules of plain numbers: nothing in them runs code or reads files.
_HARMLESS = frozenset({"keras.initializers", "keras.regularizers", "keras.constraints"})
_STRUCTURE = frozenset({"__keras_tensor__", "__tuple__"})
_CONFIG_BYTES = 2_000_000
_DEPTH = 40


class Refused(Exception):
    """The model is not opened; the message tells the student why."""


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration of a handed-in model, walked against the allow-list. Raises Refused."""
    try:
        data = (folder / "model.json").read_bytes()
        if len(data) > _CONFIG_BYTES:
            raise Refused(f"its configuration has {len(data):,} bytes, {_CONFIG_BYTES:,} are allowed")
        config = json.loads(data)["config"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise Refused("its configuration cannot be read") from None
    if config is None:
        raise Refused("it is a class of its own; only models made of built-in layers (Sequential, functional) can be opened")
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str) or config["class_name"] not in _MODELS:
        raise Refused("it is no Sequential or functional model")
    _walk(config, 0)
    return config


def _walk(value: Any, depth: int) -> None:
    if depth > _DEPTH:
        raise Refused("its configuration is nested too deeply")
    if isinstance(value, list):
        for each in value:
            _walk(each, depth + 1)
    elif isinstance(value, dict):
        value.pop("compile_config", None)  # graded from compile.json, never built
        if "class_name" in value:
            _check_class(value)
        for each in value.values():
            _walk(each, depth + 1)


def _check_class(value: dict[str, Any]) -> None:
    name, module, registered = value.get("class_name"), value.get("module"), value.get("registered_name")
    if module is None and isinstance(name, str) and name in _STRUCTURE:
        return
    if registered not in (None, name) or not isinstance(name, str) or not isinstance(module, str):
        raise Refused(f"it uses {name!a:.60}, which is not built in")
    if module in _HARMLESS or name in _MODULES.get(module, ()):
        return
    raise Refused(f"it uses {name!a:.60} ({module[:60]!a}), which is not among the layers that can be graded")


def read_weights(folder: Path, limit: int) -> list[np.ndarray[Any, Any]]:
    """The arrays w0000, w0001, … of weights.npz, uncompressed and without pickle. Raises Refused."""
    try:
        with zipfile.ZipFile(folder / "weights.npz") as archive:
            members = archive.infolist()
            if any(member.compress_type != zipfile.ZIP_STORED for member in members) or sum(member.file_size for member in members) > limit:
                raise Refused("its weights are compressed or too large")
        with np.load(folder / "weights.npz", allow_pickle=False) as arrays:
            found = [arrays[f"w{index:04}"] for index in range(len(members))]
        if not all(isinstance(array, np.ndarray) for array in found):
            raise Refused("its weights cannot be read")
        return found
    except Refused:
        raise
    except Exception:  # zipfile and NumPy raise many kinds of errors for what somebody made up
        raise Refused("its weights cannot be read") from None


def rebuild(config: dict[str, Any], weights: list[np.ndarray[Any, Any]]) -> Any:
    """The Keras model, built twice: first only its shapes, compared with the weights, then for real. Raises Refused."""
    import keras
    from keras.src.backend.common.stateless_scope import StatelessScope

    wanted = [tuple(weight.shape) for weight in weights]
    with StatelessScope(initialize_variables=False):
        shapes = [tuple(weight.shape) for weight in _deserialize(keras, config).weights]
    if shapes != wanted:
        raise Refused(f"its weights have shapes {wanted[:6]}, its layers need {shapes[:6]}")
    model = _deserialize(keras, config)
    model.set_weights(weights)
    _finalize(model)
    return model


def _finalize(layer: Any) -> None:
    """Layers such as Normalization keep values computed from their weights, which setting weights alone leaves as they were."""
    for inner in getattr(layer, "layers", None) or [getattr(layer, "layer", None)]:
        if inner is not None:
            _finalize(inner)
    if hasattr(layer, "finalize_state"):
        layer.finalize_state()


def _deserialize(keras: Any, config: dict[str, Any]) -> Any:
    try:
        return keras.saving.deserialize_keras_object(copy.deepcopy(config), safe_mode=True)  # it takes the configuration apart
    except Exception as error:  # Keras raises whatever a malformed configuration leads to
        raise Refused(f"Keras cannot build it again: {type(error).__name__}: {str(error).partition(chr(10))[0][:200]}") from None
