"""What is graded of a model: its architecture, its training, and what it says of images that nobody saw."""

import pytest

from autograder import Input
from autograder.checks import accuracy, expect_history, expect_layers, expect_parameters


@pytest.mark.grade_cell("layers")
def test_layers(submission):
    expect_layers(submission.model("model"), ["Dense"])
    expect_parameters(submission.model("model"), total=7_850)


@pytest.mark.grade_cell("training")
def test_training(submission):
    expect_history(submission.history("history"), keys=("loss", "accuracy"))


@pytest.mark.grade_cell("accuracy")
@pytest.mark.predict("model", Input(shape=(784,), range=(0, 1)))
def test_accuracy(predictions, hidden, award):
    award("test_accuracy", accuracy(predictions.hidden, hidden.y))
