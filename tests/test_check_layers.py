"""Checks of dropout, convolutions and pools: what passes, what fails, and that the message names the likely reason."""

from __future__ import annotations

from typing import Any

import pytest

from autograder.checks import CheckFailed, expect_convolutions, expect_dropout, expect_pooling
from autograder.records import LayerDescription, ModelDescription


def layer(kind: str, **config: Any) -> LayerDescription:
    return LayerDescription(kind.lower(), kind, config, (), None)


def convolution(filters: Any = 10, side: Any = 5, **config: Any) -> LayerDescription:
    kernel = [side, side] if isinstance(side, int) else side
    return layer("Conv2D", **{"filters": filters, "kernel_size": kernel, "strides": [1, 1], "padding": "valid", **config})


def pool(side: Any = 2, kind: str = "MaxPooling2D", **config: Any) -> LayerDescription:
    return layer(kind, **{"pool_size": [side, side], "strides": [side, side], "padding": "valid", **config})


def network(*layers: LayerDescription) -> ModelDescription:
    return ModelDescription("Sequential", (None, 28, 28, 1), (None, 10), layers, None)


LAYERS = (convolution(10), pool(), convolution(20), layer("Dropout", rate=0.5), pool(), layer("Flatten"), layer("Dropout", rate=0.25))
GOOD = network(*LAYERS)


def failure(check: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(CheckFailed) as caught:
        check(*args, **kwargs)
    return str(caught.value)


def test_the_right_network_passes() -> None:
    expect_dropout(GOOD, [0.5, 0.25])
    expect_convolutions(GOOD, filters=[10, 20], kernel=(5, 5))
    expect_pooling(GOOD, [(2, 2), (2, 2)])


def test_layers_that_are_not_there_are_expected_by_empty_lists() -> None:
    plain = network(layer("Dense", units=3))
    expect_dropout(plain, [])
    expect_convolutions(plain, [], (5, 5))
    expect_pooling(plain, [])
    assert failure(expect_dropout, GOOD, []) == "The model has 2 layers of dropout ('dropout', 'dropout'), 0 expected."


@pytest.mark.parametrize(
    ("rate", "expected", "words"),
    [
        (0.8, 0.2, "Layer 1 'dropout' drops out a share of 0.8, 0.2 expected: the rate is the share that is switched off"),
        (20, 0.2, "a fraction, not a percentage"),
        (0.4, 0.2, "drops out a share of 0.4, 0.2 expected."),
        (None, 0.2, "a share of None, 0.2 expected."),
        ("half", 0.2, "a share of 'half'"),
        (True, 1.0, "a share of True"),
    ],
)
def test_a_wrong_dropout_rate_has_its_reason(rate: Any, expected: float, words: str) -> None:
    assert words in failure(expect_dropout, network(layer("Dropout", rate=rate)), [expected])


def test_rates_are_compared_in_order() -> None:
    assert "Layer 4 'dropout'" in failure(expect_dropout, GOOD, [0.25, 0.5])
    assert "has 2 layers of dropout" in failure(expect_dropout, GOOD, [0.5])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (convolution(11), "Layer 1 'conv2d' has 11 filters, 10 expected: each filter makes one channel of the output"),
        (convolution(None), "has None filters, 10 expected"),
        (convolution(10, 3), "Layer 1 'conv2d' has a kernel of 3 × 3, 5 × 5 expected."),
        (convolution(10, [5, 4]), "has a kernel of 5 × 4, 5 × 5 expected"),
        (convolution(10, kernel_size=5), "has a kernel of 5, 5 × 5 expected"),
        (convolution(10, padding="same"), "has padding 'same', 'valid' expected: a border of zeros is added"),
        (convolution(10, strides=[2, 2]), "has strides of 2 × 2, 1 × 1 expected: strides say by how many pixels it moves on"),
    ],
)
def test_a_wrong_convolution_has_its_reason(wrong: LayerDescription, words: str) -> None:
    assert words in failure(expect_convolutions, network(wrong), [10], (5, 5))


def test_other_paddings_and_strides_are_checked_when_they_are_asked_for() -> None:
    wide = network(convolution(10, padding="same", strides=(2, 2)))
    expect_convolutions(wide, [10], (5, 5), padding="same", strides=(2, 2))
    assert "without a border of zeros" in failure(expect_convolutions, GOOD, [10, 20], (5, 5), padding="same")
    assert "has 2 layers of convolution ('conv2d', 'conv2d'), 1 expected" in failure(expect_convolutions, GOOD, [10], (5, 5))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (pool(3), "Layer 1 'maxpooling2d' has a pool of 3 × 3, 2 × 2 expected."),
        (pool(2, strides=[1, 1]), "has strides of 1 × 1, 2 × 2 expected: strides say"),
        (pool(2, "AveragePooling2D"), "Layer 1 'averagepooling2d' is AveragePooling2D, max pooling expected."),
    ],
)
def test_a_wrong_pool_has_its_reason(wrong: LayerDescription, words: str) -> None:
    assert words in failure(expect_pooling, network(wrong), [(2, 2)])


def test_pools_of_the_other_kind_and_their_number() -> None:
    expect_pooling(network(pool(2, "AveragePooling2D")), [(2, 2)], kind="average")
    assert "is MaxPooling2D, average pooling expected" in failure(expect_pooling, network(pool()), [(2, 2)], kind="average")
    assert "has 2 layers of pooling" in failure(expect_pooling, GOOD, [(2, 2)])


@pytest.mark.parametrize("value", [None, 3, "text", [], {}, object(), print])
@pytest.mark.parametrize(
    "check",
    [
        lambda value: expect_dropout(value, [0.5]),
        lambda value: expect_convolutions(value, [10], (5, 5)),
        lambda value: expect_pooling(value, [(2, 2)]),
    ],
)
def test_what_is_no_model_fails_as_a_check(check: Any, value: Any) -> None:
    assert "a Keras model expected" in failure(check, value)


def test_keras_models_are_described_alike() -> None:
    keras = pytest.importorskip("keras")
    layers = keras.layers
    inner = keras.Sequential([layers.Conv2D(20, 5, activation="relu"), layers.Dropout(0.5), layers.MaxPooling2D()])
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Conv2D(10, (5, 5)), layers.MaxPooling2D((2, 2)), inner])
    expect_convolutions(model, filters=[10, 20], kernel=(5, 5))
    expect_pooling(model, [(2, 2), (2, 2)])
    expect_dropout(model, [0.5])
    assert "has a kernel of 5 × 5, 4 × 4 expected" in failure(expect_convolutions, model, [10, 20], (4, 4))
