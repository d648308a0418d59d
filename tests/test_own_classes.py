"""What notebook and process C share about models with classes of one's own; C itself is tested in tests/grading."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from autograder.description import describe
from autograder.inputs import Input
from autograder.own_classes import dictionaries, in_keras_names, of_libraries, own_names, probe, remember_arguments


def my_loss(true: Any, predicted: Any) -> Any:
    return keras.ops.mean((true - predicted) ** 2)


def my_activation(x: Any) -> Any:
    return x


@keras.saving.register_keras_serializable(package="mine")
def my_registered(x: Any) -> Any:
    return x


class Own(keras.layers.Layer):
    def call(self, x: Any) -> Any:
        return x


def model_of(*layers: Any) -> Any:
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile("adam", loss=my_loss, metrics=["accuracy", my_loss])
    return model


@pytest.mark.parametrize(
    ("layers", "names"),
    [
        ([keras.layers.Dense(2, activation="relu", kernel_regularizer="l2"), keras.layers.Dropout(0.5)], set()),
        ([keras.layers.Dense(2, activation=keras.ops.softmax)], set()),
        ([keras.Sequential([keras.Input((4,)), Own()])], {"Own"}),
        ([keras.layers.Dense(2, activation=my_activation)], {"my_activation"}),
        ([keras.layers.Dense(2, activation=my_registered)], {"my_registered"}),
    ],
)
def test_own_names_are_those_of_the_model_and_not_of_its_compile_settings(layers: list[Any], names: set[str]) -> None:
    assert set(own_names(keras.saving.serialize_keras_object(model_of(*layers)))) == names


def swish(x: Any) -> Any:
    return 2 * x


def test_activations_of_tensorflow_have_keras_names() -> None:
    """As B reads them and as a check in the notebook sees them; a function of one's own keeps its name."""
    tf = pytest.importorskip("tensorflow")
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, activation=tf.nn.silu)])
    model = keras.Sequential([keras.Input((4,)), inner, keras.layers.Dense(2), keras.layers.Activation(tf.nn.softmax)])
    config = in_keras_names(keras.saving.serialize_keras_object(model), model)
    assert set(own_names(config)) == set()
    assert [layer.config.get("activation") for layer in describe(model).layers] == ["silu", "linear", "softmax"]
    again = keras.saving.deserialize_keras_object(config)
    again.set_weights(model.get_weights())
    example = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    assert np.allclose(model(example), again(example), atol=1e-6)

    mine = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, activation=swish), keras.layers.Dense(2, activation=tf.nn.silu)])
    assert set(own_names(in_keras_names(keras.saving.serialize_keras_object(mine), mine))) == {"swish"}


def test_functions_of_libraries_are_found_again() -> None:
    tf = pytest.importorskip("tensorflow")
    layers = [keras.layers.Dense(2, activation=each) for each in (tf.math.sin, tf.nn.crelu, keras.ops.cos)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    config = in_keras_names(keras.saving.serialize_keras_object(model), model)
    assert of_libraries(config) == {"sin": tf.math.sin, "crelu_v2": tf.nn.crelu, "cos": keras.ops.cos}
    assert {each["module"] for each in dictionaries(config) if each.get("class_name") == "function"} == {"builtins"}
    assert of_libraries({"class_name": "function", "config": "x", "module": "no.such.module"}) == {}


class Net(keras.Model):
    def __init__(self, hidden: int, *, rate: float = 0.5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.last = keras.layers.Dense(hidden)

    def call(self, x: Any) -> Any:
        return self.last(x)


def test_a_subclassed_models_configuration_holds_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.Model, "__new__", keras.Model.__new__)  # put back afterwards
    remember_arguments()
    assert {"hidden": 7, "rate": 0.25}.items() <= Net(7, rate=0.25).get_config().items()
    inputs = keras.Input((4,))
    assert type(keras.Model(inputs, keras.layers.Dense(2)(inputs))).__name__ == "Functional"
    assert model_of(keras.layers.Dense(2)).count_params() == 10
    copied = keras.models.clone_model(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]))
    assert copied.count_params() == 15


def test_a_probe_is_the_same_each_time_and_none_for_what_cannot_answer() -> None:
    model = model_of(keras.layers.Dense(2))
    first = probe(model, Input((4,), (0, 255)))
    assert first is not None
    assert first.shape == (4, 2)
    assert np.array_equal(first, probe(model, Input((4,), (0, 255))))
    assert probe(model, Input((5,))) is None
