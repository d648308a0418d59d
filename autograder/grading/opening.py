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

from autograder.files import read_bounded

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
_INITIALIZERS = frozenset(
    """
    Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer LecunNormal LecunUniform Ones Orthogonal
    OrthogonalInitializer RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros
    """.split()  # noqa: SIM905  # as above
)
_MODULES = {
    "keras.layers": _LAYERS,
    "keras": _MODELS | {"DTypePolicy"},
    "keras.models": _MODELS,
    "keras.src.models.sequential": _MODELS,
    "keras.src.models.functional": _MODELS,
    "keras.initializers": _INITIALIZERS,
    "keras.regularizers": frozenset({"L1", "L1L2", "L2", "OrthogonalRegularizer"}),
    "keras.constraints": frozenset({"MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"}),
}
_STRUCTURE = frozenset({"__keras_tensor__", "__tuple__"})
_CONFIG_BYTES = 2_000_000
_DEPTH = 40
_CLASSES = 20_000  # a layer names about six; building as many takes seconds
_NUMBERS = "biuf"


class Refused(Exception):
    """The model is not opened; the message tells the student why."""


class NotBuiltIn(Refused):
    """The model has classes or functions that are not on the list: its predictions may still be had, where student code may run."""


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
    _Walk().walk(config, 0)
    if config.get("class_name") not in _MODELS:
        raise NotBuiltIn("it is no Sequential or functional model")
    return config


class _Walk:
    """One pass over a whole configuration."""

    def __init__(self) -> None:
        self._classes = 0

    def walk(self, value: Any, depth: int) -> None:
        if depth > _DEPTH:
            raise Refused("its configuration is nested too deeply")
        if isinstance(value, list):
            for each in value:
                self.walk(each, depth + 1)
        elif isinstance(value, dict):
            value.pop("compile_config", None)  # graded from compile.json, never built
            if "class_name" in value:
                self._check_class(value)
            for each in value.values():
                self.walk(each, depth + 1)

    def _check_class(self, value: dict[str, Any]) -> None:
        self._classes += 1
        if self._classes > _CLASSES:
            raise Refused(f"its configuration names more than {_CLASSES:,} layers and their parts")
        name, module, registered = value.get("class_name"), value.get("module"), value.get("registered_name")
        if not isinstance(name, str) or (module is not None and not isinstance(module, str)):
            raise Refused("its configuration is malformed")
        if name == "function":
            raise NotBuiltIn(f"it uses the function {value.get('config')!a:.60}, which is not built in")
        if module is None and name in _STRUCTURE:
            return
        if registered not in (None, name) or module is None:
            raise NotBuiltIn(f"it uses {name!a:.60}, which is not built in")
        if name not in _MODULES.get(module, ()):
            raise NotBuiltIn(f"it uses {name!a:.60} ({module[:60]!a}), which is not among the layers that can be graded")


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
