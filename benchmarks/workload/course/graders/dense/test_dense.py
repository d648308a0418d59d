"""Scores the two grade cells; the peers' tests beside this course say the same."""

import pytest

from autograder import Input
from autograder.checks import accuracy, expect_layers, expect_parameters


@pytest.mark.grade_cell("network")
@pytest.mark.hint("784 × 512 weights and 512 biases, then 512 × 10 weights and 10 biases.")
def test_network(submission):
    expect_layers(submission.model("model"), ["Dense", "Dropout", "Dense"])
    expect_parameters(submission.model("model"), total=407_050)


@pytest.mark.grade_cell("accuracy")
@pytest.mark.predict("model", Input(shape=(784,), range=(0, 1)))
def test_accuracy(predictions, hidden):
    reached = accuracy(predictions.hidden, hidden.y)
    assert reached >= 0.8, f"{reached:.1%} of the hidden images are recognised, 80 % are needed"
