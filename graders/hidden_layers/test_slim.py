"""Section 7: a hidden layer on a budget."""

import pytest

from autograder import Input
from autograder.checks import accuracy, expect_output_shape, expect_parameters

BUDGET = 60_000


@pytest.mark.grade_cell("slim_network")
@pytest.mark.hint("784 inputs and 10 outputs need 795 parameters for each hidden unit, and 10 more: how many units fit into 60,000?")
def test_slim_keeps_to_the_budget(submission):
    slim = submission.model("slim")
    expect_parameters(slim, at_most=BUDGET)
    expect_output_shape(slim, (None, 10))


@pytest.mark.grade_cell("slim_accuracy")
@pytest.mark.hint("Watch the validation part: does its loss still fall at the end? Then more epochs or larger steps help.")
@pytest.mark.predict("slim", Input(shape=(784,), range=(0, 1)))
def test_slim_reads_hidden_digits(submission, predictions, hidden, award):
    expect_parameters(submission.model("slim"), at_most=BUDGET)
    award("slim_accuracy", accuracy(predictions.hidden, hidden.y))
