"""Section 5: predictions, the confusion matrix, and two kinds of error."""

import numpy as np
import pytest

from autograder import Input
from autograder.checks import expect_close, expect_equal, expect_range, expect_shape

CHANCE = np.random.default_rng(21)
SCORES = CHANCE.dirichlet(np.ones(10), size=12).astype("float32")
TRUE, PREDICTED = CHANCE.integers(0, 10, (2, 60))
FEW_TRUE, FEW_PREDICTED = np.array([0, 0, 1, 1, 2, 6, 6]), np.array([0, 2, 1, 1, 2, 0, 6])
MATRICES = [np.diag([5, 0, 2]), np.array([[8, 2], [1, 9]]), np.ones((10, 10), dtype="int64")]
CASES = [(19, 899, 81, 1), (5, 5, 0, 5)]


def counted(labels, predicted):
    """The confusion matrix (10, 10); without scikit-learn, whose import takes a second for each submission."""
    matrix = np.zeros((10, 10), dtype="int64")
    np.add.at(matrix, (labels, predicted), 1)
    return matrix


def handed_in_probabilities(submission, visible):
    """The array (n, 10). Its shape is looked at first: one of a wrong, larger shape was handed in as a sample of its rows."""
    expect_shape(submission.sample("probabilities"), (len(visible.x), 10), "probabilities")
    return submission.array("probabilities")


def handed_in_digits(submission, visible):
    """`predicted`, an array (n,) or a list of so many digits."""
    try:
        sample = submission.sample("predicted")
    except AssertionError:  # a list is handed in as a value; whatever else is missing or wrong is said there
        return submission.value("predicted")
    expect_shape(sample, (len(visible.x),), "predicted")
    return submission.array("predicted")


@pytest.mark.grade_cell("to_digits")
@pytest.mark.hint("The position of the largest number of each row, not the number itself: along which axis do you look?")
@pytest.mark.ask("to_digits", [(SCORES,), (np.eye(10, dtype="float32")[[7, 7, 0, 9]],)])
def test_the_largest_probability_wins(answers):
    for probabilities, answer in answers:
        expect_equal(answer, probabilities.argmax(axis=1), "to_digits")


@pytest.mark.grade_cell("probabilities", weight=2)
@pytest.mark.hint("Ten numbers for each test image, none below 0; softmax makes each row add up to 1.")
def test_rows_are_probabilities(submission, visible):
    probabilities = handed_in_probabilities(submission, visible)
    expect_range(probabilities, 0, 1, "probabilities")
    expect_close(probabilities.sum(axis=1), np.ones(len(visible.x)), "The sum of each row of probabilities", tolerance=1e-3)


@pytest.mark.grade_cell("probabilities", weight=2)
@pytest.mark.hint("Which network, and which images in which order? Ask the network that you hand in once more, and compare.")
@pytest.mark.predict("best", Input(shape=(784,), range=(0, 1)))
def test_probabilities_come_from_the_handed_in_network(submission, predictions, visible):
    expect_close(handed_in_probabilities(submission, visible), predictions.visible, "probabilities", tolerance=2e-3)


@pytest.mark.grade_cell("probabilities")
@pytest.mark.hint("You have written a function that turns probabilities into digits: what does it say to these?")
def test_predicted_digits_follow_from_the_probabilities(submission, visible):
    probabilities = handed_in_probabilities(submission, visible)
    expect_equal(handed_in_digits(submission, visible), probabilities.argmax(axis=1), "predicted")


@pytest.mark.grade_cell("confusion_matrix", weight=3)
@pytest.mark.hint("Put one single mistake into an empty matrix by hand: which of its two digits names the row?")
@pytest.mark.ask("count_confusions", [(TRUE, PREDICTED)])
def test_confusions_are_counted(answers):
    for (labels, predicted), answer in answers:
        expect_equal(answer, counted(labels, predicted), "The confusion matrix of 60 images")


@pytest.mark.grade_cell("confusion_matrix", weight=2)
@pytest.mark.hint("Digits that do not occur keep their row and column of zeros. Whatever counts for you has to know that there are ten.")
@pytest.mark.ask("count_confusions", [(FEW_TRUE, FEW_PREDICTED)])
def test_the_matrix_is_ten_by_ten_even_when_digits_are_missing(answers):
    for (labels, predicted), answer in answers:
        expect_shape(answer, (10, 10), "The confusion matrix of images without 3, 4, 5, 7, 8 and 9")
        expect_equal(answer, counted(labels, predicted), "The confusion matrix of seven images")


@pytest.mark.grade_cell("accuracy_from_matrix")
@pytest.mark.hint("Where in the matrix do the right answers stand, and how many images does the whole matrix count?")
@pytest.mark.ask("accuracy_from", [(matrix,) for matrix in MATRICES])
def test_accuracy_is_trace_over_sum(answers):
    for matrix, answer in answers:
        expect_close(answer, float(np.trace(matrix) / matrix.sum()), "accuracy_from")


@pytest.mark.grade_cell("binary_scores")
@pytest.mark.hint(
    "Read the three definitions once more: among how many is each share taken? The tutorial divides by the same number twice."
)
@pytest.mark.ask("binary_scores", CASES)
def test_sensitivity_and_precision_differ(answers):
    expect_scores(answers)


@pytest.mark.grade_cell("binary_scores")
@pytest.mark.visibility("after_due")
@pytest.mark.hint("Draw the four ill and the nine alarms on paper: which of the two groups does each share divide by?")
@pytest.mark.ask("binary_scores", [(1, 90, 8, 3)])
def test_scores_of_four_ill_and_nine_alarms(answers):
    expect_scores(answers)


def expect_scores(answers):
    for (tp, tn, fp, fn), answer in answers:
        right = ((tp + tn) / (tp + tn + fp + fn), tp / (tp + fn), tp / (tp + fp))
        expect_close(answer, right, "(accuracy, sensitivity, precision)")
