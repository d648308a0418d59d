"""What a model applies: layers that are called several times, and operations between layers, are seen like any other layer."""

from __future__ import annotations

import json
from typing import Any

import keras
import numpy as np
import pytest

from autograder.applied import applied
from autograder.built_in import require_built_in
from autograder.checks import expect_activations, expect_layers, expect_parameters
from autograder.description import describe
from autograder.grading.opening import rebuild
from autograder.records import ModelDescription, from_json, to_json
from tests.test_checks import failure

INPUT = (28, 28)


def functional(build: Any, shape: tuple[int, ...] = (16,)) -> Any:
    given = keras.Input(shape)
    return keras.Model(given, build(given))


def dense(units: int = 16, activation: str | None = None) -> Any:
    return keras.layers.Dense(units, activation=activation)


def kinds(model: Any) -> list[str]:
    return [layer.kind for layer in describe(model).layers]


def test_a_layer_that_is_applied_twice_is_seen_twice_and_its_weights_once() -> None:
    shared, last = dense(), dense(10)
    model = functional(lambda x: last(shared(shared(x))))
    described = describe(model)
    assert [(layer.kind, layer.calls, layer.parameters) for layer in described.layers] == [
        ("Dense", 2, 272), ("Dense", 2, 0), ("Dense", 1, 170),
    ]  # fmt: skip
    assert described.parameters == model.count_params()
    words = failure(expect_layers, model, ["Dense", "Dense"])
    assert "there is a Dense too many" in words
    assert f"'{shared.name}' is applied 2 times" in words
    words = failure(expect_layers, model, ["Dense", "Dense", "Dense"])
    assert words == f"Layer '{shared.name}' is applied 2 times with the same weights, once expected: make a layer of its own for each place"
    expect_parameters(model, per_layer=[272, 170])


def test_a_layer_without_weights_may_be_used_again() -> None:
    again = keras.layers.Dropout(0.3)
    model = functional(lambda x: dense(10)(again(dense()(again(dense()(x))))))
    expect_layers(model, ["Dense", "Dropout", "Dense", "Dropout", "Dense"])
    assert "Dropout is missing" in failure(expect_layers, model, ["Dense", "Dropout", "Dense", "Dropout", "Dropout", "Dense"])


def test_layers_within_a_shared_model_are_applied_as_often_as_the_model() -> None:
    inner = keras.Sequential([keras.Input((16,)), dense()])
    model = functional(lambda x: dense(10)(inner(inner(x))))
    assert [(layer.kind, layer.calls) for layer in describe(model).layers] == [("Dense", 2), ("Dense", 2), ("Dense", 1)]
    assert describe(model).parameters == model.count_params()


def test_a_sequential_model_that_holds_a_layer_twice() -> None:
    shared = dense()
    assert [layer.calls for layer in describe(keras.Sequential([keras.Input((16,)), shared, shared])).layers] == [2, 2]


def test_a_layer_that_is_used_elsewhere_too_counts_only_here() -> None:
    shared = dense()
    functional(shared)
    expect_layers(functional(lambda x: dense(10)(shared(x))), ["Dense", "Dense"])


@pytest.mark.parametrize(
    ("between", "name"),
    [
        (lambda h, x: h + x, "Add"),
        (lambda h, x: h * x, "Multiply"),
        (lambda h, x: keras.ops.maximum(h, 0), "Maximum"),
        (lambda h, x: h[:, :8], "GetItem"),
        (lambda h, x: keras.ops.concatenate([h, x]), "Concatenate"),
        (lambda h, x: -h, "Negative"),
        (lambda h, x: h / 2, "Rescaling"),
        (lambda h, x: 1 - h, "Rescaling"),
        (lambda h, x: 1 / (h + 2), "Rescaling"),
        (lambda h, x: keras.ops.relu(h), "Relu"),
    ],
)
def test_an_operation_between_layers_is_no_plain_chain(between: Any, name: str) -> None:
    def build(x: Any) -> Any:
        return dense(10)(between(dense(activation="relu")(x), x))

    assert f"there is a {name} too many" in failure(expect_layers, functional(build), ["Dense", "Dense"])


def plain(x: Any) -> Any:
    return dense(10, "softmax")(dense(16, "relu")(x))


HONEST: dict[str, Any] = {
    "a chain": lambda x: plain(keras.layers.Flatten()(x)),
    "activations as functions": lambda x: keras.activations.softmax(dense(10)(keras.activations.relu(dense()(keras.layers.Flatten()(x))))),
    "activations as operations": lambda x: keras.ops.softmax(dense(10)(keras.ops.relu(dense()(keras.layers.Flatten()(x))))),
    "a nested model": lambda x: plain(keras.Sequential([keras.Input(INPUT), keras.layers.Flatten()])(x)),
    "reshaped by an operation": lambda x: plain(keras.ops.reshape(x, (-1, 784))),
    "reshaped by operations": lambda x: plain(keras.layers.Flatten()(keras.ops.expand_dims(x, -1))),
    "scaled by an operation": lambda x: plain(keras.layers.Flatten()(x / 255.0)),
    "scaled by a layer": lambda x: plain(keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(x))),
}


@pytest.mark.parametrize("build", HONEST.values(), ids=HONEST)
def test_honest_networks_are_the_same_however_they_are_spelled(build: Any) -> None:
    """Live in the notebook, and as the grader builds them again from what was handed in."""
    model = functional(build, INPUT)
    weights = [np.asarray(weight) for weight in model.weights]
    again = rebuilt(model, weights)
    for each in (describe(model), describe(again)):
        expect_layers(each, ["Dense", "Dense"], besides=["Flatten", "Reshape", "Rescaling"])
        expect_activations(each, ["relu", "softmax"])
    images = np.random.default_rng(0).random((3, *INPUT), np.float32)
    assert np.allclose(model(images), again(images))


def rebuilt(model: Any, weights: Any) -> Any:
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(model)))
    require_built_in(config)
    return rebuild(config, weights)


def test_what_scaling_does_is_kept() -> None:
    model = functional(lambda x: dense()(1 - (x / 4 - 2) * 3 + 5))
    found = [layer.config for layer in describe(model).layers if layer.kind == "Rescaling"]
    assert found == [
        {"scale": 0.25, "offset": 0.0},
        {"scale": 1.0, "offset": -2.0},
        {"scale": 3.0, "offset": 0.0},
        {"scale": -1.0, "offset": 1.0},
        {"scale": 1.0, "offset": 5.0},
    ]


def test_branches_keep_the_order_of_keras() -> None:
    def build(x: Any) -> Any:
        left, right = dense()(dense()(x)), dense(16, "relu")(x)
        return dense(10)(keras.layers.Concatenate()([left, right, keras.layers.Dropout(0.1)(x)]))

    model = functional(build)
    names = [layer.name for layer in model.layers if type(layer).__name__ != "InputLayer"]
    assert [layer.name for layer in describe(model).layers] == names


def test_models_within_models_do_not_make_layers_without_end() -> None:
    model = functional(dense())
    for _ in range(4):
        inner = model
        model = functional(lambda x, inner=inner: many_times(inner, x))
    with pytest.raises(ValueError, match="more than 20,000 layers"):
        applied(model)


def many_times(inner: Any, x: Any) -> Any:
    for _ in range(12):
        x = inner(x)
    return x


def test_descriptions_of_before_are_read() -> None:
    text = to_json(describe(functional(dense()))).replace('"calls":1', '"name":"dense"').replace('"calls": 1', '"name": "dense"')
    assert "calls" not in text
    assert from_json(ModelDescription, text).layers[0].calls == 1
