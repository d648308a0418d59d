"""What B opens and what it refuses; the refusals are checked before Keras could build anything."""

from __future__ import annotations

import copy
import json
import resource
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from autograder.built_in import NotBuiltIn, Refused
from autograder.description import describe, describe_live
from autograder.grading.model import _open
from autograder.grading.opening import read_config, read_weights, rebuild
from autograder.handin import _write_model

LIMIT = 10_000_000


def handed_in(model: Any, folder: Path) -> Path:
    _write_model(model, "model", folder)
    return folder / "model"


def without_weights(model: Any, folder: Path) -> Path:
    _write_model(model, "model", folder, with_weights=False)
    return folder / "model"


def dense() -> Any:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="relu"), keras.layers.Dense(2, activation="softmax")])
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


def nested() -> Any:
    inputs = keras.Input((8, 8, 1))
    inner = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3, activation="relu"), keras.layers.Flatten()])
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Dropout(0.5)(inner(inputs))))


def normalising() -> Any:
    layer = keras.layers.Normalization()
    layer.adapt(np.random.default_rng(1).normal(5, 3, (50, 4)).astype("f4"))
    return keras.Sequential([keras.Input((4,)), keras.Sequential([keras.Input((4,)), layer]), keras.layers.Dense(2)])


def batch_normalising() -> Any:
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.BatchNormalization(), keras.layers.LayerNormalization(), keras.layers.Dense(2)]
    )
    model.compile("sgd", "mse")
    model.fit(np.random.default_rng(1).normal(5, 3, (64, 4)).astype("f4"), np.zeros((64, 2)), verbose=0)
    return model


def recurrent() -> Any:
    layers = [keras.Input((6, 3)), keras.layers.Bidirectional(keras.layers.LSTM(4, return_sequences=True)), keras.layers.GRU(2)]
    return keras.Sequential(layers)


def residual() -> Any:
    """Operators and functions in the place of layers, as tutorials write shortcuts."""
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(4, kernel_initializer="lecun_normal")(inputs)
    hidden = keras.activations.relu(keras.layers.AlphaDropout(0.1)(hidden)) + inputs / 2
    hidden = keras.ops.maximum(-hidden * 0.5, 1 - hidden)
    return keras.Model(inputs, keras.ops.softmax(keras.layers.Dense(2)(hidden)))


@pytest.mark.parametrize("make", [dense, nested, normalising, batch_normalising, recurrent, residual])
def test_built_in_layers_are_rebuilt_with_the_same_weights_and_description(make: Any, tmp_path: Path) -> None:
    model = make()
    folder = handed_in(model, tmp_path)
    again = rebuild(read_config(folder), read_weights(folder, LIMIT))
    example = np.random.default_rng(0).random((5, *model.input_shape[1:]), dtype=np.float32)
    assert np.allclose(model(example, training=False), again(example, training=False), atol=1e-6)
    mine, theirs = describe(model), describe(again)
    assert [(layer.kind, layer.parameters, layer.output_shape) for layer in mine.layers] == [
        (layer.kind, layer.parameters, layer.output_shape) for layer in theirs.layers
    ]
    assert mine.parameters == theirs.parameters == model.count_params()


def test_layers_are_described_without_weights_and_nothing_is_predicted_with_them(tmp_path: Path) -> None:
    folder = without_weights(made := dense(), tmp_path)
    assert (folder / "weights.npz").stat().st_size < 100
    assert _open("model", folder, LIMIT) == (None, describe_live(made))
    with pytest.raises(Refused, match="its layers need weights of 92 bytes, 91 are accepted"):
        _open("model", folder, 91)


def test_layers_that_need_too_large_weights_are_refused_without_allocating_them(tmp_path: Path) -> None:
    folder = without_weights(dense(), tmp_path)
    change_text(folder, '"units": 2', '"units": 200000000')
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Refused, match="its layers need weights of"):
        _open("model", folder, LIMIT)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


def test_weights_that_are_missing_unsaid_are_refused(tmp_path: Path) -> None:
    folder = without_weights(dense(), tmp_path)
    change_text(folder, '"layers_only": true', '"layers_only": 1')
    with pytest.raises(Refused, match="its weights have shapes"):
        _open("model", folder, LIMIT)


def test_a_live_model_describes_its_compile_settings() -> None:
    compiled = describe_live(dense()).compiled
    assert compiled is not None
    assert (compiled.optimizer, compiled.loss, compiled.metrics) == ("Adam", "categorical_crossentropy", ("accuracy",))
    assert compiled.optimizer_config["learning_rate"] == pytest.approx(0.001)


class Own(keras.layers.Layer):
    def call(self, inputs: Any) -> Any:
        return inputs


def change_config(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    file = folder / "model.json"
    found = json.loads(file.read_text())
    change(found["config"])
    file.write_text(json.dumps(found))


def change_layer(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Of a Sequential model, the first layer behind its input."""
    change_config(folder, lambda config: change(config["config"]["layers"][1]))


def header(dtype: str, shape: tuple[int, ...]) -> bytes:
    """The head of a NumPy file, without the numbers that it claims."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def change_text(folder: Path, old: str, new: str) -> None:
    file = folder / "model.json"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"class_name": "Dense"', '"class_name": "Lambda"'),
        ('"class_name": "Dense"', '"class_name": "TFSMLayer"'),
        ('"module": "keras.layers"', '"module": "os"'),
        ('"class_name": "Sequential"', '"class_name": "system"'),
        ('"registered_name": null', '"registered_name": "mine>Dense"'),
        ('"module": "keras.initializers", "class_name": "GlorotUniform"', '"module": "subprocess", "class_name": "Popen"'),
    ],
)
def test_whatever_is_not_on_the_list_is_refused(tmp_path: Path, old: str, new: str) -> None:
    folder = handed_in(dense(), tmp_path)
    change_text(folder, old, new)
    with pytest.raises(NotBuiltIn, match=r"not among the layers|not built in|no Sequential or functional"):
        read_config(folder)


FUNCTION = {"module": "builtins", "class_name": "function", "config": "relu", "registered_name": "function"}
HOLES: dict[str, tuple[str, Any]] = {
    "an activation of one's own": ("activation", {**FUNCTION, "config": "mine"}),
    "a function of another module": ("activation", {**FUNCTION, "module": "os", "config": "system"}),
    "a lambda": ("activation", {"class_name": "__lambda__", "config": {"code": "4w==", "defaults": None, "closure": None}}),
    "an initializer of another module": ("kernel_initializer", {"module": "os", "class_name": "system", "config": {}}),
    "a function as an initializer": ("kernel_initializer", {"module": "keras.initializers", "class_name": "deserialize", "config": {}}),
    "a regularizer by its function": ("kernel_regularizer", {"module": "keras.regularizers", "class_name": "get", "config": {}}),
    "a registered constraint": (
        "kernel_constraint",
        {"module": "keras.constraints", "class_name": "NonNeg", "config": {}, "registered_name": "mine>NonNeg"},
    ),
    "a file's loader": ("bias_constraint", {"module": "keras.utils", "class_name": "get_file", "config": {}}),
    "an array": ("activity_regularizer", {"class_name": "__numpy__", "config": {"value": [1], "dtype": "O"}}),
    "a type of TensorFlow's": ("dtype", {"class_name": "__typespec__", "spec_name": "TensorSpec", "module": "tensorflow", "config": [[1]]}),
    "a quantized policy": ("dtype", {"module": "keras", "class_name": "QuantizedDTypePolicy", "config": {"mode": "int8"}}),
    "a vocabulary's file in a nested layer": (
        "kernel_regularizer",
        [{"deep": {"module": "keras.layers", "class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}}}],
    ),
}


@pytest.mark.parametrize(("key", "value"), HOLES.values(), ids=HOLES)
def test_nothing_but_built_in_parts_of_layers_is_built(tmp_path: Path, key: str, value: Any) -> None:
    folder = handed_in(dense(), tmp_path)
    change_layer(folder, lambda layer: layer["config"].update({key: value}))
    with pytest.raises(NotBuiltIn):
        read_config(folder)


ARRAYS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "as an argument": lambda operation: operation["inbound_nodes"][0]["args"].__setitem__(1, [1.0, 2.0, 3.0, 4.0]),
    "by its name": lambda operation: operation["inbound_nodes"][0]["kwargs"].update(x2=[1.0, 2.0, 3.0, 4.0]),
    "in its configuration": lambda operation: operation["config"].update(slope=[1.0, 2.0]),
    "in Keras 2's form": lambda operation: operation.update(inbound_nodes=[[["dense", 0, 0, {"x2": [1.0, 2.0]}]]]),
    "without a node": lambda operation: operation.update(inbound_nodes=None),
}


@pytest.mark.parametrize("change", ARRAYS.values(), ids=ARRAYS)
def test_operations_take_no_arrays_that_would_be_weights(tmp_path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """A product with constants and a sum are a layer whose parameters nobody would count."""
    inputs = keras.Input((4,))
    folder = handed_in(keras.Model(inputs, keras.layers.Dense(4)(inputs) * 2.0), tmp_path)
    read_config(folder)
    change_config(folder, lambda config: change(config["config"]["layers"][-1]))
    with pytest.raises(NotBuiltIn, match="an array of numbers"):
        read_config(folder)


@pytest.mark.parametrize(
    "name",
    [
        "Lambda",
        "TFSMLayer",
        "TorchModuleWrapper",
        "JaxLayer",
        "FlaxLayer",
        "StringLookup",
        "TextVectorization",
        "Wrapper",
        "MelSpectrogram",
    ],
)
def test_layers_that_run_code_or_read_files_are_not_on_the_list(tmp_path: Path, name: str) -> None:
    folder = handed_in(dense(), tmp_path)
    change_layer(folder, lambda layer: layer.update(class_name=name, config={"vocabulary": "/etc/passwd", "filepath": "/tmp"}))
    with pytest.raises(NotBuiltIn, match=name):
        read_config(folder)


@pytest.mark.parametrize("value", [["Dense"], {"a": 1}, 3, None, True])
def test_names_that_are_no_text_are_refused(tmp_path: Path, value: Any) -> None:
    folder = handed_in(dense(), tmp_path)
    change_layer(folder, lambda layer: layer.update(class_name=value))
    with pytest.raises(Refused, match="malformed"):
        read_config(folder)


def test_compile_settings_are_never_built(tmp_path: Path) -> None:
    folder = handed_in(dense(), tmp_path)
    evil = {"optimizer": {"module": "os", "class_name": "system", "config": {}, "registered_name": None}}
    change_config(folder, lambda config: config.update(compile_config=evil))
    change_layer(folder, lambda layer: layer.update(compile_config=evil))
    model = rebuild(read_config(folder), read_weights(folder, LIMIT))
    assert not model.compiled


@pytest.mark.parametrize(
    "build",
    [{"input_shape": [None, 10**12]}, {"shapes_dict": {"x": [1]}}, {"input_shape": "wide"}, {"input_shape": [[None, 4], [None, 5]]}],
)
def test_a_build_configuration_cannot_make_other_weights(tmp_path: Path, build: dict[str, Any]) -> None:
    """In a Sequential model the input decides; whatever else a layer is told to be built for is refused or without effect."""
    folder = handed_in(dense(), tmp_path)
    change_layer(folder, lambda layer: layer.update(build_config=build))
    try:
        model = rebuild(read_config(folder), read_weights(folder, LIMIT))
    except Refused:
        return
    assert [tuple(weight.shape) for weight in model.weights] == [(4, 3), (3,), (3, 2), (2,)]


def test_a_shared_layer_is_one_layer_or_refused(tmp_path: Path) -> None:
    """Two names for one object must not be described as two layers with parameters of their own."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4), keras.layers.Dense(4)])
    folder = handed_in(model, tmp_path)

    def share(config: dict[str, Any]) -> None:
        for layer in config["config"]["layers"][1:]:
            layer["shared_object_id"] = 7

    change_config(folder, share)
    try:
        again = rebuild(read_config(folder), read_weights(folder, LIMIT))
    except Refused:
        return
    assert sum(layer.parameters for layer in describe(again).layers) == sum(int(np.prod(weight.shape)) for weight in again.weights)


def test_too_many_layers_are_refused(tmp_path: Path) -> None:
    folder = handed_in(dense(), tmp_path)
    small = {"module": "keras.layers", "class_name": "ReLU", "config": {}}
    change_config(folder, lambda config: config["config"].update(layers=[small] * 20_001))
    with pytest.raises(Refused, match=r"more than 20,000 layers and their parts"):
        read_config(folder)


def test_nested_models_are_refused_from_a_depth_on(tmp_path: Path) -> None:
    folder = handed_in(dense(), tmp_path)
    inner: dict[str, Any] = {"module": "keras.layers", "class_name": "ReLU", "config": {}}
    for _ in range(30):
        inner = {"module": "keras", "class_name": "Sequential", "config": {"layers": [inner]}}
    change_config(folder, lambda config: config["config"].update(layers=[inner]))
    with pytest.raises(Refused, match="nested too deeply"):
        read_config(folder)


def test_a_huge_configuration_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "model.json").open("wb") as stream:
        stream.truncate(400 * 2**20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Refused, match=r"more than 2,000,000 bytes"):
        read_config(tmp_path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_a_configuration_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    handed_in(dense(), tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/model.json").symlink_to(tmp_path / "model/model.json")
    with pytest.raises(Refused):
        read_config(tmp_path / "other")


def test_two_hundred_million_units_are_refused_without_allocating_them(tmp_path: Path) -> None:
    """It would take 3.2 GB, also when the next model is built; and an archive of 400 bytes claims to hold the weights."""
    folder = handed_in(dense(), tmp_path)
    change_layer(folder, lambda layer: layer["config"].update(units=200_000_000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    config, weights = read_config(folder), read_weights(folder, LIMIT)
    with pytest.raises(Refused, match=r"its weights have shapes|incompatible"):
        rebuild(config, weights)
    assert rebuild(read_config(handed_in(dense(), tmp_path)), weights).built
    with zipfile.ZipFile(folder / "weights.npz", "w") as archive:
        archive.writestr("w0000.npy", header("<f4", (4, 200_000_000)))
    with pytest.raises(Refused, match="cannot be read"):
        read_weights(folder, LIMIT)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


def test_a_layer_of_ones_own_is_refused_with_its_name(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,)), Own(), keras.layers.Dense(2)])
    with pytest.raises(Refused, match="Own"):
        read_config(handed_in(model, tmp_path))


def test_a_configuration_that_needs_other_weights_is_refused_before_they_are_allocated(tmp_path: Path) -> None:
    folder = handed_in(dense(), tmp_path)
    change_text(folder, '"units": 3', '"units": 200000000000')
    with pytest.raises(Refused, match=r"its weights have shapes|cannot build"):
        rebuild(read_config(folder), read_weights(folder, LIMIT))


def test_compressed_pickled_or_missing_weights_are_refused(tmp_path: Path) -> None:
    folder = handed_in(dense(), tmp_path)
    np.savez_compressed(folder / "weights.npz", w0000=np.zeros((1000, 1000)))
    with pytest.raises(Refused, match="compressed or too large"):
        read_weights(folder, LIMIT)
    np.savez(folder / "weights.npz", w0000=np.array([object()], dtype=object))
    with pytest.raises(Refused, match="cannot be read"):
        read_weights(folder, LIMIT)
    with zipfile.ZipFile(folder / "weights.npz", "w") as archive:
        archive.writestr("other.txt", "x")
    with pytest.raises(Refused, match="cannot be read"):
        read_weights(folder, LIMIT)


@pytest.mark.parametrize(
    "array",
    [np.array(["a"]), np.array([b"a"]), np.array([1j]), np.array(["2027-01-01"], "M8[D]"), np.zeros(2, "V2"), np.zeros(2, [("a", "f4")])],
    ids=lambda array: str(array.dtype),
)
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, array: Any) -> None:
    folder = handed_in(dense(), tmp_path)
    np.savez(folder / "weights.npz", w0000=array)
    with pytest.raises(Refused, match="its weights are not arrays of numbers"):
        read_weights(folder, LIMIT)


def test_an_archive_that_unpacks_to_more_than_allowed_is_refused(tmp_path: Path) -> None:
    """100 entries that are all the same bytes: 1 MB on disk, 100 MB in memory."""
    folder = handed_in(dense(), tmp_path)
    with zipfile.ZipFile(folder / "weights.npz", "w") as archive:
        archive.writestr("w0000.npy", header("<f4", (250_000,)) + bytes(10**6))
        for index in range(1, 100):
            twin = copy.copy(archive.filelist[0])
            twin.filename = f"w{index:04}.npy"
            archive.filelist.append(twin)
            archive.NameToInfo[twin.filename] = twin
    assert (folder / "weights.npz").stat().st_size < 2 * 10**6
    with pytest.raises(Refused, match="compressed or too large"):
        read_weights(folder, LIMIT)


def test_weights_that_are_not_finite_are_the_models_own(tmp_path: Path) -> None:
    """A network that diverged has an architecture like any other; its predictions say what happened."""
    model = dense()
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    folder = handed_in(model, tmp_path)
    again = rebuild(read_config(folder), read_weights(folder, LIMIT))
    assert describe(again).parameters == 23
    assert np.isnan(again(np.zeros((1, 4), "f4"))).all()


def test_half_precision_is_handed_in_as_numbers(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, dtype="bfloat16")])
    folder = handed_in(model, tmp_path)
    again = rebuild(read_config(folder), read_weights(folder, LIMIT))
    assert np.array_equal(np.asarray(again.weights[0], "f4"), np.asarray(model.weights[0], "f4"))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"config": 3}', json.dumps({"config": None}), "[" * 100_000])
def test_a_configuration_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(Refused):
        read_config(tmp_path)
