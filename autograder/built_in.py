"""What of Keras is built in for graders: layers and operations whose configuration is all that they are. No Keras is imported here.

Keras deserialises whatever a configuration names, so each is walked against this list before: by `hand_in`, which says what of a model will
count, and where models are opened.
"""

from __future__ import annotations

from typing import Any

_LAYERS = frozenset(
    """
    Activation ActivityRegularization Add AlphaDropout Average AveragePooling1D AveragePooling2D AveragePooling3D
    BatchNormalization Bidirectional CenterCrop Concatenate Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D
    Conv3DTranspose Cropping1D Cropping2D Cropping3D Dense DepthwiseConv1D DepthwiseConv2D Dot Dropout ELU Embedding Flatten
    GRU GRUCell GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D
    GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization Identity InputLayer LSTM LSTMCell
    LayerNormalization LeakyReLU Masking MaxPooling1D MaxPooling2D MaxPooling3D Maximum Minimum Multiply Normalization PReLU
    Permute RandomBrightness RandomContrast RandomCrop RandomFlip RandomRotation RandomTranslation RandomZoom ReLU
    RepeatVector Rescaling Reshape Resizing SeparableConv1D SeparableConv2D SimpleRNN SimpleRNNCell Softmax SpatialDropout1D
    SpatialDropout2D SpatialDropout3D Subtract TimeDistributed UnitNormalization UpSampling1D UpSampling2D UpSampling3D
    ZeroPadding1D ZeroPadding2D ZeroPadding3D
    """.split()  # noqa: SIM905  # as text it stays a readable list
)
_MODELS = frozenset({"Sequential", "Functional"})
_INITIALIZERS = frozenset(
    """
    Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer LecunNormal LecunUniform Ones Orthogonal
    OrthogonalInitializer RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros
    """.split()  # noqa: SIM905  # as above
)
# What `h + x`, `2 * h` and `keras.activations.relu(h)` become in a functional model: they have no weights.
_OPERATIONS = {
    "keras.src.ops.numpy": frozenset(
        """
        Add Divide ExpandDims Maximum Minimum Multiply Negative Reshape Squeeze Subtract Tanh TrueDivide
        """.split()  # noqa: SIM905  # as above
    ),
    "keras.src.ops.nn": frozenset(
        """
        Elu Gelu HardSigmoid LeakyRelu LogSoftmax Relu Relu6 Selu Sigmoid Silu Softmax Softplus Softsign
        """.split()  # noqa: SIM905  # as above
    ),
    "keras.src.activations.activations": frozenset({"ReLU"}),
}
_MODULES = {
    "keras.layers": _LAYERS,
    "keras": _MODELS | {"DTypePolicy"},
    "keras.models": _MODELS,
    "keras.src.models.sequential": _MODELS,
    "keras.src.models.functional": _MODELS,
    "keras.initializers": _INITIALIZERS,
    "keras.regularizers": frozenset({"L1", "L1L2", "L2", "OrthogonalRegularizer"}),
    "keras.constraints": frozenset({"MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"}),
    **_OPERATIONS,
}
_STRUCTURE = frozenset({"__keras_tensor__", "__tuple__"})
_DEPTH = 40
_CLASSES = 20_000  # a layer names about six; building as many takes seconds


class Refused(Exception):
    """The model is not opened; the message tells the student why."""


class NotBuiltIn(Refused):
    """The model has classes or functions that are not on the list: its predictions may still be had, where student code may run.

    `own`: they are the student's; otherwise Keras', which a configuration alone does not describe, or whose code it holds.
    """

    def __init__(self, message: str, own: bool = True) -> None:
        super().__init__(message)
        self.own = own


def require_built_in(config: dict[str, Any]) -> None:
    """Raises NotBuiltIn, or Refused for what is malformed; takes compile settings out of the configuration, which nobody builds."""
    _Walk().walk(config, 0)
    if config.get("class_name") not in _MODELS:
        raise NotBuiltIn("it is no Sequential or functional model")


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
            own = module.partition(".")[0] != "keras"
            raise NotBuiltIn(f"it uses {name!a:.60} ({module[:60]!a}), which is not among the layers that can be graded", own)
        if module in _OPERATIONS and not _takes_no_arrays(value):
            raise NotBuiltIn(f"it uses {name!a:.60} with an array of numbers, which would be weights that nobody counts", own=False)


def _takes_no_arrays(operation: dict[str, Any]) -> bool:
    """Whether an operation is given tensors and single numbers: a list of numbers is an array to it, and so would be a weight."""
    given, nodes = operation.get("config"), operation.get("inbound_nodes")
    if isinstance(given, dict) and _is_shape(given.get("newshape")):  # of Reshape
        given = {key: value for key, value in given.items() if key != "newshape"}
    values = list(given.values()) if isinstance(given, dict) else [given]
    for node in nodes if isinstance(nodes, list) else [None]:
        if not (isinstance(node, dict) and isinstance(node.get("args"), list) and isinstance(node.get("kwargs"), dict)):
            return False  # Keras reads older forms too
        values += [*node["args"], *node["kwargs"].values()]
    return not any(isinstance(each, list) or (isinstance(each, dict) and each.get("class_name") != "__keras_tensor__") for each in values)


def _is_shape(value: Any) -> bool:
    return isinstance(value, list) and len(value) < _DEPTH and all(isinstance(side, int) for side in value)
