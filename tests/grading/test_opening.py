"""What B opens and what it refuses; the refusals are checked before Keras could build anything."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from autograder.description import describe, describe_live
from autograder.grading.opening import Refused, read_config, read_weights, rebuild
from autograder.handin import _write_model

LIMIT = 10_000_000


def handed_in(model: Any, folder: Path) -> Path:
    _write_model(model, "model", folder)
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


@pytest.mark.parametrize("make", [dense, nested, normalising, batch_normalising, recurrent])
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


def test_a_live_model_describes_its_compile_settings() -> None:
    compiled = describe_live(dense()).compiled
    assert compiled is not None
    assert (compiled.optimizer, compiled.loss, compiled.metrics) == ("Adam", "categorical_crossentropy", ("accuracy",))
    assert compiled.optimizer_config["learning_rate"] == pytest.approx(0.001)


class Own(keras.layers.Layer):
    def call(self, inputs: Any) -> Any:
        return inputs


def change_config(folder: Path, old: str, new: str) -> None:
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
    change_config(folder, old, new)
    with pytest.raises(Refused, match=r"not among the layers|not built in|no Sequential or functional"):
        read_config(folder)


def test_a_layer_of_ones_own_is_refused_with_its_name(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,)), Own(), keras.layers.Dense(2)])
    with pytest.raises(Refused, match="Own"):
        read_config(handed_in(model, tmp_path))


def test_a_configuration_that_needs_other_weights_is_refused_before_they_are_allocated(tmp_path: Path) -> None:
    folder = handed_in(dense(), tmp_path)
    change_config(folder, '"units": 3', '"units": 200000000000')
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


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"config": 3}', json.dumps({"config": None}), "[" * 100_000])
def test_a_configuration_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(Refused):
        read_config(tmp_path)
