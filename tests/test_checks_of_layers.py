"""Checks of dropout rates and of a parameter budget, and activations that are layers of their own."""

from __future__ import annotations

from typing import Any

import pytest

from autograder._check_folding import folded
from autograder.checks import expect_activations, expect_dropout, expect_layers, expect_parameters
from autograder.records import LayerDescription, ModelDescription
from tests.test_checks import dense, failure, network


def layer(kind: str, **config: Any) -> LayerDescription:
    return LayerDescription(kind.lower(), kind, config, (), (None, 10))


def dropout(rate: Any) -> LayerDescription:
    return layer("Dropout", rate=rate)


def two_hidden(*rates: Any) -> ModelDescription:
    """784 → 512 → 10 with dropout layers of these rates after the hidden layer."""
    return network(dense("hidden", 784, 512, "relu"), *(dropout(rate) for rate in rates), dense("digits", 512, 10, "softmax"))


@pytest.mark.parametrize("rates", [[], [0.2], [0.2, 0.5], [0]])
def test_right_rates_pass(rates: list[float]) -> None:
    expect_dropout(two_hidden(*rates), rates)


def test_rates_may_miss_by_rounding() -> None:
    expect_dropout(two_hidden(0.1 + 0.2), [0.3])  # 0.30000000000000004


@pytest.mark.parametrize(
    ("got", "expected", "words"),
    [
        ([0.8], [0.2], "The rate of layer 2 'dropout' is 0.8, 0.2 expected: the rate is the share that is dropped, not"),
        ([0.25], [0.2], "is 0.25, 0.2 expected."),
        ([20], [0.2], "not a percentage"),
        ([None], [0.2], "is None, 0.2 expected."),
        ([True], [0.2], "0.2 expected"),
        ([], [0.2], "The model has 0 Dropout layers, 1 expected."),
        ([0.2, 0.2], [0.2], "has 2 Dropout layers (in place 2, 3), 1 expected: one after each hidden layer"),
        ([0.2], [], "has 1 Dropout layer (in place 2), 0 expected"),
    ],
)
def test_wrong_rates_fail(got: list[Any], expected: list[float], words: str) -> None:
    assert words in failure(expect_dropout, two_hidden(*got), expected)


def test_rates_of_what_is_no_model_fail() -> None:
    assert "a Keras model expected" in failure(expect_dropout, 3, [0.2])


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


def test_who_asks_for_activation_layers_gets_them() -> None:
    model = network(dense("a", 784, 512), layer("Activation", activation="relu"), dense("b", 512, 10), layer("Softmax", axis=-1))
    expect_layers(model, ["Dense", "Activation", "Dense", "Softmax"])
    expect_activations(model, ["linear", "relu", "linear"])


@pytest.mark.parametrize(
    "after",
    [
        layer("ReLU", max_value=6.0, negative_slope=0.0, threshold=0.0),
        layer("ReLU", max_value=None, negative_slope=0.1, threshold=0.0),
        layer("Softmax", axis=1),
        layer("LeakyReLU", negative_slope=0.3),
    ],
)
def test_other_functions_are_not_folded(after: LayerDescription) -> None:
    assert "too many" in failure(expect_layers, network(dense("a", 784, 512), after), ["Dense"])


def test_a_second_activation_is_not_folded() -> None:
    twice = network(dense("a", 784, 512, "relu"), layer("Activation", activation="softmax"))
    assert "there is a Activation too many" in failure(expect_layers, twice, ["Dense"])


def test_an_activation_without_a_layer_before_it_stays() -> None:
    first = layer("Activation", activation="relu")
    assert folded(network(first, dense("a", 784, 512))).layers[0] == first


def test_swapped_activations_are_seen_through_the_layers() -> None:
    model = network(dense("a", 784, 512), layer("Activation", activation="sigmoid"), dense("b", 512, 10, "softmax"))
    assert "has the activation 'sigmoid', 'relu' expected" in failure(expect_activations, model, ["relu", "softmax"])
