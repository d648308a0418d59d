"""Section 7: a hidden layer on a budget."""

import numpy as np
import pytest

from autograder import Input
from autograder.checks import accuracy, expect_close, expect_learnt, expect_output_shape, expect_parameters, expect_shape

BUDGET = 60_000
PIXELS = Input(shape=(784,), range=(0, 1))
BENDING = ("ReLU", "LeakyReLU", "PReLU", "ELU")


@pytest.mark.grade_cell("slim_network", weight=2)
@pytest.mark.hint("Count with one hidden unit, then with two: by how much does each further unit raise the number of parameters?")
def test_slim_keeps_to_the_budget(submission):
    slim = submission.model("slim")
    expect_parameters(slim, at_most=BUDGET)
    expect_output_shape(slim, (None, 10))


@pytest.mark.grade_cell("slim_network")
@pytest.mark.hint(
    "Between pixels and outputs there has to be a layer that bends: without an activation, two layers do no more than one (section 2)."
)
def test_slim_has_a_hidden_layer_with_an_activation(submission):
    layers = submission.model("slim").layers
    output = max((index for index, layer in enumerate(layers) if layer.parameters), default=0)
    assert any(layer.parameters for layer in layers[:output]), "slim has no hidden layer: only its output layer has parameters."
    bends = [layer.kind in BENDING or layer.activation not in (None, "linear") for layer in layers[:output]]
    assert any(bends), "No hidden layer of slim has an activation, so it can do no more than softmax_only."


@pytest.mark.grade_cell("slim_network")
@pytest.mark.hint("Ten numbers that are not negative and add up to 1: which activation makes them?")
@pytest.mark.predict("slim", PIXELS)
def test_slim_gives_probabilities(predictions):
    expect_shape(predictions.visible, (None, 10), "The output of slim")
    probabilities = predictions.visible.astype("float64")
    expect_close(probabilities.sum(axis=1), np.ones(len(probabilities)), "The sum of slim's ten probabilities", tolerance=0.001)


@pytest.mark.grade_cell("slim_accuracy")
@pytest.mark.hint("Watch the validation part: does its loss still fall at the end? Then more epochs or larger steps help.")
@pytest.mark.predict("slim", PIXELS)
def test_slim_reads_hidden_digits(submission, predictions, hidden, award):
    expect_parameters(submission.model("slim"), at_most=BUDGET)
    award("slim_accuracy", accuracy(predictions.hidden, hidden.y))
    expect_learnt(predictions.hidden, hidden.y, "slim")
