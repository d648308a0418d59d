"""Section 2: what a hidden layer calculates, with NumPy."""

import numpy as np
import pytest

from autograder.checks import expect_close, expect_shape

CHANCE = np.random.default_rng(31)
PAIRS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
ANSWERS = np.array([[0.0], [1.0], [1.0], [0.0]])
PLACES = {"The hidden weights": (2, 2), "The hidden biases": (2,), "The output weights": (2, 1), "The output biases": (1,)}


def two_layers(inputs, hidden, outputs):
    """Random weights and biases of two dense layers."""
    return (
        CHANCE.normal(size=(inputs, hidden)),
        CHANCE.normal(size=hidden),
        CHANCE.normal(size=(hidden, outputs)),
        CHANCE.normal(size=outputs),
    )


def forward(x, w1, b1, w2, b2):
    return np.maximum(0, x @ w1 + b1) @ w2 + b2


WEIGHTS = [two_layers(6, 4, 3), two_layers(2, 5, 1)]
VALUES = CHANCE.normal(size=(4, 6))
KEPT = CHANCE.random((4, 6)) > 0.4


@pytest.mark.grade_cell("merged_layers")
@pytest.mark.hint("Multiply the brackets out: which two matrices stand beside x, and in which order?")
@pytest.mark.ask("merge_layers", WEIGHTS)
def test_merged_weights(answers):
    for (w1, _, w2, _), answer in answers:
        expect_shape(merged(answer)[0], (len(w1), w2.shape[1]), "The merged weights")
        expect_close(answer[0], w1 @ w2, "The merged weights")


@pytest.mark.grade_cell("merged_layers")
@pytest.mark.hint("What comes out of the first layer goes through the second one as a whole, the first layer's biases too.")
@pytest.mark.ask("merge_layers", WEIGHTS)
def test_merged_biases(answers):
    for (_, b1, w2, b2), answer in answers:
        expect_close(merged(answer)[1], b1 @ w2 + b2, "The merged biases")


def merged(answer):
    """The answer of merge_layers, which is a pair."""
    assert isinstance(answer, list), "merge_layers does not return a pair, weights and biases."
    assert len(answer) == 2, f"merge_layers returns {len(answer)} values, a pair of weights and biases was expected."
    return answer


@pytest.mark.grade_cell("hidden_by_hand")
@pytest.mark.hint("The first layer ends with relu, the second one without. @ multiplies matrices, * works element by element.")
@pytest.mark.ask("hidden_network", [(CHANCE.normal(size=(5, 6)), *WEIGHTS[0]), (CHANCE.normal(size=(3, 2)), *WEIGHTS[1])])
def test_hidden_layer_with_relu(answers):
    for arguments, answer in answers:
        expect_close(answer, forward(*arguments), "hidden_network")


@pytest.mark.grade_cell("exclusive_or")
@pytest.mark.hint(
    "Both units add up a and b. With which bias does the second one speak up only when both are on? Then see what has to be taken away."
)
def test_exclusive_or_of_two_hidden_units(submission):
    expect_exclusive_or(submission)


@pytest.mark.grade_cell("exclusive_or")
@pytest.mark.visibility("after_due")
@pytest.mark.hint(
    "Write down the four cases with a column for each hidden unit: how much of the second column has to be taken from the first?"
)
def test_exclusive_or_with_pencil_and_paper(submission):
    expect_exclusive_or(submission)


def expect_exclusive_or(submission):
    """The four arrays are there, and give the right answer for each row of the table."""
    arrays = submission.value("exclusive_or")
    assert isinstance(arrays, list), "exclusive_or is not a list of four arrays."
    assert len(arrays) == 4, f"exclusive_or has {len(arrays)} elements, four arrays were expected."
    for array, (name, shape) in zip(arrays, PLACES.items(), strict=True):
        expect_shape(array, shape, name)
    arrays = [np.asarray(array, dtype="float64") for array in arrays]
    expect_close(forward(PAIRS, *arrays), ANSWERS, "What your two units answer for the four rows", tolerance=0.01)


@pytest.mark.grade_cell("dropout_by_hand")
@pytest.mark.hint("While predicting nothing is dropped and nothing made up for: what does `training` say?")
@pytest.mark.ask("dropout", [(VALUES, 0.2, KEPT, False), (VALUES, 0.5, KEPT, False)])
def test_dropout_rests_while_predicting(answers):
    for (values, *_), answer in answers:
        expect_close(answer, values, "dropout while predicting")


@pytest.mark.grade_cell("dropout_by_hand")
@pytest.mark.hint("Which share of the values stays? The sums shrink to that share, so make up for it at once.")
@pytest.mark.ask("dropout", [(VALUES, 0.2, KEPT, True), (VALUES, 0.5, KEPT, True), (VALUES, 0.0, np.ones((4, 6), bool), True)])
def test_dropout_acts_while_training(answers):
    for (values, rate, kept, _), answer in answers:
        found = np.asarray(answer, dtype="float64") if isinstance(answer, np.ndarray) and answer.shape == values.shape else values * np.nan
        untouched, unscaled = np.allclose(found, values), np.allclose(found, values * kept)
        assert not untouched or rate == 0, "dropout leaves all values as they are while training: 0 is expected where `kept` is False."
        assert not unscaled or rate == 0, f"dropout with a rate of {rate} drops values while training and does not make up for them."
        expect_close(answer, values * kept / (1 - rate), f"dropout while training, with a rate of {rate}")
