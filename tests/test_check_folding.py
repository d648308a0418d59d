"""A budget of parameters, and activations that are layers of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autograder._check_folding import folded
from autograder.checks import expect_activations, expect_layers, expect_parameters
from autograder.records import LayerDescription, ModelDescription
from tests.test_checks import dense, failure, network


def layer(kind: str, **config: Any) -> LayerDescription:
    return LayerDescription(kind.lower(), kind, config, (), (None, 10))


def dropout(rate: Any) -> LayerDescription:
    return layer("Dropout", rate=rate)


def two_hidden(*rates: Any) -> ModelDescription:
    """784 → 512 → 10 with dropout layers of these rates after the hidden layer."""
    return network(dense("hidden", 784, 512, "relu"), *(dropout(rate) for rate in rates), dense("digits", 512, 10, "softmax"))


def test_a_budget_is_kept_or_named_with_the_layer_that_costs_most() -> None:
    expect_parameters(two_hidden(), at_most=407_050)
    words = failure(expect_parameters, two_hidden(), at_most=407_049)
    assert words == "The model has 407,050 parameters, at most 407,049 expected: layer 1 'hidden' alone has 401,920"


@pytest.mark.parametrize(
    "activation",
    [layer("Activation", activation="relu"), layer("ReLU", max_value=None, negative_slope=0.0, threshold=0.0)],
)
def test_an_activation_may_be_a_layer_of_its_own(activation: LayerDescription) -> None:
    for last in (dense("b", 512, 10, "softmax"),), (dense("b", 512, 10), layer("Softmax", axis=-1)):
        model = network(dense("a", 784, 512), activation, dropout(0.2), *last)
        expect_layers(model, ["Dense", "Dropout", "Dense"])
        expect_activations(model, ["relu", "softmax"])


def test_softmax_along_the_last_axis_may_be_given_its_number() -> None:
    expect_activations(network(dense("a", 784, 10), layer("Softmax", axis=1)), ["softmax"])


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"class_name": "Activation", "config": {"activation": "sigmoid"}}, "sigmoid"),
        ({"class_name": "ReLU", "config": {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}}, "relu"),
        ({"class_name": "ReLU", "config": {"max_value": 6.0}}, "ReLU"),
    ],
)
def test_the_activation_of_a_layer_may_be_given_as_a_layer(given: dict[str, Any], name: str) -> None:
    hidden = dense("a", 784, 10)
    expect_activations(network(replace(hidden, config={**hidden.config, "activation": given})), [name])


def test_who_asks_for_activation_layers_gets_them() -> None:
    model = network(dense("a", 784, 512), layer("Activation", activation="relu"), dense("b", 512, 10), layer("Softmax", axis=-1))
    expect_layers(model, ["Dense", "Activation", "Dense", "Softmax"])
    expect_activations(model, ["linear", "relu", "linear"])


@pytest.mark.parametrize(
    "after",
    [
        layer("ReLU", max_value=6.0, negative_slope=0.0, threshold=0.0),
        layer("ReLU", max_value=None, negative_slope=0.1, threshold=0.0),
        layer("Softmax", axis=0),
        layer("LeakyReLU", negative_slope=0.3),
    ],
)
def test_other_functions_are_not_folded(after: LayerDescription) -> None:
    assert "too many" in failure(expect_layers, network(dense("a", 784, 512), after), ["Dense"])


def test_a_layer_that_is_one_more_activation_is_not_overlooked() -> None:
    softmax, relu = layer("Softmax", axis=-1), layer("ReLU", max_value=None, negative_slope=0.0, threshold=0.0)
    wanted = ["relu", "softmax"]
    expect_activations(network(dense("a", 784, 512), relu, dense("b", 512, 10), softmax), wanted)
    twice = network(dense("a", 784, 512, "relu"), dense("b", 512, 10, "softmax"), softmax)
    assert "is one more activation, none expected: the layer before it has one already" in failure(expect_activations, twice, wanted)
    again = network(dense("a", 784, 512), relu, relu, dense("b", 512, 10), softmax)
    assert "Layer 3 " in failure(expect_activations, again, wanted)
    residual = network(dense("a", 784, 512, "relu"), layer("Add"), relu, dense("b", 512, 10, "softmax"))
    expect_activations(residual, wanted)


def test_a_second_activation_is_not_folded() -> None:
    twice = network(dense("a", 784, 512, "relu"), layer("Activation", activation="softmax"))
    assert "there is a Activation too many" in failure(expect_layers, twice, ["Dense"])


def test_an_activation_without_a_layer_before_it_stays() -> None:
    first = layer("Activation", activation="relu")
    assert folded(network(first, dense("a", 784, 512))).layers[0] == first


def test_swapped_activations_are_seen_through_the_layers() -> None:
    model = network(dense("a", 784, 512), layer("Activation", activation="sigmoid"), dense("b", 512, 10, "softmax"))
    assert "has the activation 'sigmoid', 'relu' expected" in failure(expect_activations, model, ["relu", "softmax"])
