"""Section 6: the table of the three networks, and dropout while training and predicting."""

import numpy as np
import pytest

from autograder import Input
from autograder.checks import accuracy, expect_close, expect_equal, expect_loss, expect_range, expect_shape

PIXELS = Input(shape=(784,), range=(0, 1))
NETWORKS = ("softmax_only", "one_hidden", "two_hidden")
EACH = [pytest.param(name, marks=pytest.mark.predict(name, PIXELS)) for name in NETWORKS]


@pytest.mark.grade_cell("comparison", weight=2)
@pytest.mark.hint("Keras counts them itself: summary() prints the number, and a method of the network returns it.")
def test_the_table_has_the_right_parameters(submission):
    for name in NETWORKS:
        expect_equal(
            entry(submission, name, "parameters"), submission.model(name).parameters, f"The number of parameters of {name} in comparison"
        )


@pytest.mark.grade_cell("comparison")
@pytest.mark.hint(
    "Take what predict gives for x_test_ready, all of it and unchanged, and compare with y_test; not the last value of the history."
)
@pytest.mark.parametrize("name", EACH)
def test_the_accuracies_are_those_of_the_networks(submission, predictions, visible, name):
    reached = accuracy(predictions.visible, visible.y)
    expect_close(entry(submission, name, "accuracy"), reached, f"The test accuracy of {name} in comparison", tolerance=0.004)


@pytest.mark.grade_cell("comparison")
@pytest.mark.hint("The mean cross-entropy over the test images; the task names two ways to it.")
@pytest.mark.parametrize("name", EACH)
def test_the_losses_are_those_of_the_networks(submission, predictions, visible, name):
    expect_loss(entry(submission, name, "loss"), predictions.visible, visible.y, f"The test loss of {name} in comparison")


def entry(submission, name, key):
    """One number of the table; fails, for the student, where it has none."""
    table = submission.value("comparison")
    row = table.get(name) if isinstance(table, dict) else None
    assert isinstance(row, dict), f"comparison has no dictionary as ['{name}']: did the cell that makes it run to its end?"
    number = row.get(key)
    number = number.item() if isinstance(number, np.ndarray) and number.size == 1 else number
    sensible = type(number) in (int, float) and abs(number) < 1e9  # NaN is not
    assert sensible, f"comparison holds no finite number as ['{name}']['{key}']."
    return number


@pytest.mark.grade_cell("dropout_runs")
@pytest.mark.hint("Which argument of a call decides whether dropout acts? And on which images are both calls made, with which network?")
@pytest.mark.predict("one_hidden", PIXELS)
def test_quiet_calls_are_the_same_and_are_the_predictions(submission, predictions):
    quiet = calls(submission, "quiet", 2, len(predictions.visible))
    expect_close(quiet[1], quiet[0], "The second quiet call", tolerance=1e-4)
    expect_close(quiet[0], predictions.visible[:100].astype("float64"), "The first quiet call", tolerance=2e-3)


@pytest.mark.grade_cell("dropout_runs", weight=2)
@pytest.mark.hint("How many calls does the task ask for, and with which argument does dropout act in them? In predict it never does.")
@pytest.mark.predict("one_hidden", PIXELS)
def test_noisy_calls_differ_around_the_predictions(submission, predictions):
    expect_shape(predictions.visible, (None, 10), "The output of one_hidden")
    noisy = calls(submission, "noisy", 30, len(predictions.visible))
    assert np.abs(noisy - noisy[0]).max() > 1e-3, "All noisy calls give the same: dropout did not act."
    apart = float(np.abs(noisy.mean(axis=0) - predictions.visible[:100]).mean())
    assert apart < 0.05, "On average the noisy calls are far from what one_hidden predicts: are they calls of this network?"


def calls(submission, name, number, examples):
    """The answers (number, 100, 10) of some calls: probabilities."""
    expect_shape(submission.sample(name), (number, min(100, examples), 10), name)
    array = submission.array(name)
    expect_range(array, 0, 1, name)
    return array.astype("float64")
