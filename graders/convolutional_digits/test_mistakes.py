"""Section 6: which test images the network gets wrong."""

import numpy as np
import pytest

from autograder import Input
from autograder.checks import expect_equal, expect_shape

IMAGES = Input(shape=(28, 28, 1), range=(0, 1))
CHANCE = np.random.default_rng(57)
SCORES = CHANCE.dirichlet(np.ones(10), size=40).astype("float32")
TRUE = np.where(CHANCE.random(40) < 0.6, SCORES.argmax(axis=1), CHANCE.integers(0, 10, 40))
ALL_RIGHT = SCORES.argmax(axis=1)
FEW_DIGITS = np.array([7, 0, 4, 4, 1, 4, 0, 2, 6, 6, 5, 3])  # neither an 8 nor a 9


def surest_first(probabilities, labels):
    """Positions of the misclassified examples, by falling probability of the wrong answer."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1))]


def positions(submission, count):
    """The handed-in `wrong` as whole numbers from 0 to count − 1, given as an array or as a list."""
    try:
        wrong = np.asarray(submission.array("wrong"))
    except AssertionError:  # a list is handed in as a value; whatever else is missing or wrong is said there
        wrong = np.array(whole_numbers(submission.value("wrong")), dtype="float64")
    assert wrong.ndim == 1, f"wrong has {wrong.ndim} axes: it is a list of positions."
    assert wrong.dtype != bool, "wrong says yes or no for each image: np.flatnonzero makes positions of that."
    inside = (wrong >= 0) & (wrong < count) & (wrong == np.floor(wrong))
    assert inside.all(), f"wrong holds something else than positions of the {count:,} test images."
    return wrong.astype("int64")


def whole_numbers(found):
    """The list, when it is one of whole numbers; a huge one becomes −1, which is no position."""
    assert isinstance(found, list), "wrong is no list or array of positions."
    assert all(isinstance(each, int) for each in found), "wrong holds something else than positions."
    return [each if abs(each) < 2**31 else -1 for each in found]


@pytest.mark.grade_cell("mistakes_found", weight=2)
@pytest.mark.hint(
    "Take three examples on paper: in which rows does the largest number stand elsewhere than at the label? Their positions count."
)
@pytest.mark.ask("mistakes", [(SCORES, TRUE), (SCORES[:8], (ALL_RIGHT[:8] + 1) % 10), (SCORES, ALL_RIGHT)])
def test_every_mistake_is_found(answers):
    for (probabilities, labels), answer in answers:
        found = answer.tolist() if isinstance(answer, np.ndarray) else answer
        assert isinstance(found, list), "mistakes returns no list or array of positions."
        assert all(isinstance(each, int | float) for each in found), "mistakes returns something else than positions."
        expect_equal(sorted(found), sorted(surest_first(probabilities, labels).tolist()), "The sorted result of mistakes")


@pytest.mark.grade_cell("mistakes_found")
@pytest.mark.hint("By which number of its row is each mistake to be sorted, and does the largest or the smallest come first?")
@pytest.mark.ask("mistakes", [(SCORES, TRUE)])
def test_the_surest_mistake_comes_first(answers):
    for (probabilities, labels), answer in answers:
        expect_equal(answer, surest_first(probabilities, labels), "mistakes")


@pytest.mark.grade_cell("mistakes_counted")
@pytest.mark.hint("Of the true digits, not of the positions. How long is your result when no 9 is among the mistakes?")
@pytest.mark.ask("count_by_digit", [(np.array([3, 5, 8]), FEW_DIGITS), (np.array([11, 2]), FEW_DIGITS), (np.arange(12), FEW_DIGITS)])
def test_mistakes_are_counted_by_true_digit(answers):
    for (at, labels), answer in answers:
        expect_equal(answer, np.bincount(labels[at], minlength=10), f"count_by_digit for {len(at)} of {len(labels)} images")


@pytest.mark.grade_cell("mistakes_shown")
@pytest.mark.hint("The locked cell calls your mistakes with the probabilities of trained_regularised: it needs both.")
@pytest.mark.predict("trained_regularised", IMAGES)
def test_wrong_lists_the_mistakes_of_the_trained_network(submission, predictions, visible):
    expect_shape(predictions.visible, (len(visible.y), 10), "The output for all test images")
    expected = set(np.flatnonzero(predictions.visible.argmax(axis=1) != visible.y).tolist())
    wrong = set(positions(submission, len(visible.y)).tolist())
    differing = len(expected ^ wrong)  # an image on the edge between two digits may fall on either side
    assert differing <= max(2, len(visible.y) // 500), (
        f"wrong has {len(wrong):,} positions, and trained_regularised errs in {len(expected):,} of the test images; {differing:,} differ."
    )


@pytest.mark.grade_cell("mistakes_shown")
@pytest.mark.hint("The locked cell calls your count_by_digit with these positions and the labels of all test images.")
def test_the_counts_belong_to_these_mistakes(submission, visible):
    wrong = positions(submission, len(visible.y))
    try:
        counts = submission.array("wrong_by_digit")
    except AssertionError:
        counts = submission.value("wrong_by_digit")
    expect_equal(counts, np.bincount(visible.y[wrong], minlength=10), "wrong_by_digit")
