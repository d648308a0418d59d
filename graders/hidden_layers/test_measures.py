"""Section 5: accuracy, loss, and how far to trust them."""

import numpy as np
import pytest

from autograder.checks import expect_close, expect_equal, expect_range, expect_shape

CHANCE = np.random.default_rng(32)
SMALLEST = 1e-7
LABELS = CHANCE.integers(0, 10, 40)
PROBABILITIES = CHANCE.dirichlet(np.ones(10), size=40)
SURE = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
TOY_LABELS = np.array([0, 1, 2, 0])
PAIRS = [(0.924, 0.981, 10_000), (0.981, 0.982, 10_000), (0.982, 0.981, 1_000_000), (0.9, 0.8, 50), (0.99, 0.97, 1_000), (0.5, 0.5, 10)]
PAIRS += [(0.99, 0.9, 70), (0.99, 0.9, 30), (1.0, 1.0, 100)]  # either standard error alone would say otherwise; no difference at all


def measures(probabilities, labels):
    """(accuracy, mean cross-entropy)."""
    of_label = np.maximum(probabilities[np.arange(len(labels)), labels], SMALLEST)
    return float((probabilities.argmax(axis=1) == labels).mean()), float(-np.log(of_label).mean())


@pytest.mark.grade_cell("accuracy_and_loss", weight=3)
@pytest.mark.hint(
    "Accuracy asks which class is on top of each row, loss how much each row gives to its own label. "
    "NumPy takes a list of rows and a list of columns at once."
)
@pytest.mark.ask("accuracy_and_loss", [(PROBABILITIES, LABELS), (PROBABILITIES[:7, :4], LABELS[:7] % 4)])
def test_accuracy_and_loss_are_means_over_the_rows(answers):
    for (probabilities, labels), answer in answers:
        expect_close(answer, measures(probabilities, labels), f"accuracy_and_loss of {len(labels)} rows", tolerance=1e-5)


@pytest.mark.grade_cell("accuracy_and_loss")
@pytest.mark.hint("Lift what lies below the line that the task draws, before the logarithm.")
@pytest.mark.ask("accuracy_and_loss", [(SURE, np.array([0, 1, 1]))])
def test_a_probability_of_zero_costs_much_but_not_infinitely_much(answers):
    for (probabilities, labels), answer in answers:
        expect_close(answer, measures(probabilities, labels), "accuracy_and_loss with a probability of 0", tolerance=1e-4)


@pytest.mark.grade_cell("both_rise")
@pytest.mark.hint("What does accuracy see of one image, and what does the loss see? Then let two images change for opposite reasons.")
def test_accuracy_and_loss_rise_together(submission):
    results = {}
    for name in ("before", "after"):
        expect_shape(submission.sample(name), (4, 3), name)
        probabilities = submission.array(name)
        expect_range(probabilities, 0, 1, name)
        expect_close(probabilities.sum(axis=1), np.ones(4), f"The sum of each row of {name}", tolerance=1e-5)
        results[name] = measures(probabilities.astype("float64"), TOY_LABELS)
    for index, measure in enumerate(("accuracy", "loss")):
        one, other = results["before"][index], results["after"][index]
        assert other > one + 1e-9, f"The {measure} goes from {one:.3f} before to {other:.3f} after: it should rise."


@pytest.mark.grade_cell("chance")
@pytest.mark.hint("The first formula of the task; its n counts images.")
@pytest.mark.ask("standard_error", [(0.5, 100), (0.924, 10_000), (0.981, 10_000), (0.95, 300), (1.0, 50)])
def test_standard_error(answers):
    for (share, n), answer in answers:
        expect_close(answer, float(np.sqrt(share * (1 - share) / n)), f"standard_error of {share} with {n} images", tolerance=1e-5)


@pytest.mark.grade_cell("chance")
@pytest.mark.hint("Both accuracies vary, so both standard errors count; and either accuracy may be the larger one.")
@pytest.mark.ask("clear_difference", PAIRS)
def test_clear_and_unclear_differences(answers):
    for (first, second, n), answer in answers:
        of_difference = np.sqrt((first * (1 - first) + second * (1 - second)) / n)
        right = bool(abs(first - second) > 2 * of_difference)
        expect_equal(answer, right, f"clear_difference of {first} and {second} with {n} images")
