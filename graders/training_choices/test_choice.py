"""Section 8: the network of one's own choice."""

import numpy as np
import pytest

from autograder import Input
from autograder.checks import accuracy, expect_close, expect_history, expect_range, expect_shape, expect_table

PIXELS = Input(shape=(784,), range=(0, 1))


@pytest.mark.grade_cell("best_network")
@pytest.mark.hint("Ten outputs with softmax, one for each digit.")
@pytest.mark.predict("best", PIXELS)
def test_answers_of_best_are_probabilities(predictions):
    expect_shape(predictions.hidden, (None, 10), "The answers of best")
    expect_range(predictions.hidden, 0, 1, "The answers of best")
    expect_close(predictions.hidden.sum(axis=1), np.ones(len(predictions.hidden)), "The sum of each answer of best", tolerance=1e-3)


@pytest.mark.grade_cell("best_network")
@pytest.mark.hint("Train with a validation part: fit(…, validation_split=0.2), as `train` does.")
def test_best_was_chosen_on_a_validation_part(submission):
    expect_history(submission.history("best_history"), keys=["loss", "val_loss", "val_accuracy"], what="best_history")


@pytest.mark.grade_cell("accuracy")
@pytest.mark.hint("Adam with enough steps, layers that are wide enough, and some dropout; compare on the validation part.")
@pytest.mark.predict("best", PIXELS)
def test_accuracy_on_hidden_digits(predictions, hidden, award):
    award("test_accuracy", accuracy(predictions.hidden, hidden.y))


@pytest.mark.grade_cell("test_once")
@pytest.mark.hint("The share of test images for which the argmax of best's answers is the label; x_test_ready, not the validation part.")
@pytest.mark.predict("best", PIXELS)
def test_the_reported_test_accuracy_is_that_of_the_test_images(submission, predictions, visible):
    reported = submission.value("test_accuracy")
    expect_table({"best": {"accuracy": reported}}, ["best"], {"accuracy": (0, 1)}, "test_accuracy")
    expect_close(reported, accuracy(predictions.visible, visible.y), "test_accuracy", tolerance=0.002 + 2 / len(visible.y))
