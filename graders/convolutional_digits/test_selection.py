"""Section 5: how much too good a number is that helped to choose."""

import math

import numpy as np
import pytest

from autograder import Input
from autograder.checks import expect_close, expect_equal, expect_history, expect_number, expect_shape, training_curves

CHANCE = np.random.default_rng(55)
CANDIDATES = CHANCE.random((30, 60)) < 0.8
FEW = CHANCE.random((6, 40)) < 0.7
TIED = np.array([[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 1]], dtype=bool)
REPEATS = 300
IMAGES = Input(shape=(28, 28, 1), range=(0, 1))
EACH = [pytest.param(name, marks=pytest.mark.predict(f"trained_{name}", IMAGES)) for name in ("simple", "regularised")]
FEWEST = 190  # images in the validation part, on the digits; on MNIST there are 10,000
SELDOM = 0.01  # a difference that no draw of ours has shown may be in one of theirs


def winner_of(right, chosen_on):
    """(row, accuracy on the images that chose, accuracy on the others) of the best candidate."""
    winner = int(right[:, chosen_on].mean(axis=1).argmax())
    return winner, float(right[winner, chosen_on].mean()), float(right[winner, ~chosen_on].mean())


def drawn(right, size, repeats):
    """Differences (repeats,) between the winner's two accuracies, each from another draw."""
    chance, differences = np.random.default_rng(56), np.empty(repeats)
    for index in range(repeats):
        chosen_on = np.zeros(right.shape[1], dtype=bool)
        chosen_on[chance.permutation(right.shape[1])[:size]] = True
        _, reported, honest = winner_of(right, chosen_on)
        differences[index] = reported - honest
    return differences


def expect_mean(answer, differences, repeats, what):
    """Both are means of random draws: they may differ by six standard deviations of their difference."""
    deviation = max(differences.std(), SELDOM)
    allowed = 6 * deviation * np.sqrt(1 / repeats + 1 / len(differences)) + 1e-6
    number = expect_number(answer, what)
    assert -1 <= number <= 1, f"{what} is a difference of two accuracies, between -1 and 1; {number:.4g} came."
    expected = differences.mean()
    assert abs(number - expected) <= allowed, f"{what} is {number:.4f}, {expected:.4f} ± {allowed:.4f} expected."


def expect_candidates(right, visible):
    """One row for each candidate, one column for each test image."""
    expect_shape(right, (None, len(visible.y)), "right")
    assert len(right), "right has no rows: were the two memories among the callbacks?"


@pytest.mark.grade_cell("choice", weight=2)
@pytest.mark.hint("Two accuracies of one row: which columns belong to the first, which to the second? Each belongs to exactly one of them.")
@pytest.mark.ask("choose", [(FEW, np.arange(40) < 10), (CANDIDATES, np.arange(60) % 3 == 0)])
def test_some_images_choose_and_the_others_judge(answers):
    for (right, chosen_on), answer in answers:
        expect_close(answer, winner_of(right, chosen_on), "choose")


@pytest.mark.grade_cell("choice")
@pytest.mark.hint("Which of several equal candidates does 5.1 want? Try it with two rows that are the same.")
@pytest.mark.ask("choose", [(TIED, np.array([True, False, True, False])), (TIED, np.array([True, False, False, False]))])
def test_of_equal_candidates_the_first_one_wins(answers):
    for (right, chosen_on), answer in answers:
        expect_close(answer, winner_of(right, chosen_on), "choose, where several candidates are equal,")


@pytest.mark.grade_cell("optimism")
@pytest.mark.hint("Which accuracy is subtracted from which? Are the images of a draw all different, and those of the next draw other ones?")
@pytest.mark.ask("measure_optimism", [(CANDIDATES, 10, REPEATS), (CANDIDATES, 30, REPEATS)])
def test_optimism_is_the_mean_difference_over_many_draws(answers):
    for (right, size, repeats), answer in answers:
        expect_mean(answer, drawn(right, size, 2_000), repeats, f"The optimism for {size} of {right.shape[1]} images")


@pytest.mark.grade_cell("candidates", weight=0.5)
@pytest.mark.hint("Both memories belong into the callbacks of their training; x_test_ready and y_test were given to them.")
@pytest.mark.parametrize("name", EACH)
def test_candidates_are_the_epochs_of_the_trained_networks(submission, predictions, visible, name):
    right = submission.array("right")
    expect_candidates(right, visible)
    curves = {each: validation_accuracies(submission, each) for each in ("simple", "regularised")}
    expect_equal(len(right), sum(map(len, curves.values())), "The number of rows in right")
    rows = right[: len(curves["simple"])] if name == "simple" else right[len(curves["simple"]) :]
    expect_last_row(rows, predictions, visible, name)
    for epoch, (row, noted) in enumerate(zip(rows, curves[name], strict=True), start=1):
        seen, noted = float(row.mean()), min(1.0, max(0.0, float(noted)))
        middle = (seen + noted) / 2
        chance = 5 * math.sqrt(2 * middle * (1 - middle) / min(len(visible.y), FEWEST))  # five deviations between two parts
        assert abs(seen - noted) <= 0.02 + chance, (
            f"In epoch {epoch} of {name}, right says {seen:.3f}, but the validation accuracy in its history is {noted:.3f}."
        )


def expect_last_row(rows, predictions, visible, name):
    """The last candidate of a training gets right what the network that was handed in gets right."""
    expect_shape(predictions.visible, (len(visible.y), 10), "The output for all test images")
    agreement = float((rows[-1] == (predictions.visible.argmax(axis=1) == visible.y)).mean())
    assert agreement >= 0.99, f"The last row of {name} in right agrees with trained_{name} in {agreement:.0%} of the test images only."


def validation_accuracies(submission, name):
    """The validation accuracy after each epoch of a handed-in history."""
    history = submission.history(f"{name}_history")
    expect_history(history, keys=["val_accuracy"], what=f"{name}_history")
    accuracies = training_curves(history, f"{name}_history")["val_accuracy"]
    assert accuracies, f"{name}_history has no epoch."
    return accuracies


@pytest.mark.grade_cell("candidates")
@pytest.mark.hint("The locked cell measures with your choose and measure_optimism: when they are right, so is this.")
@pytest.mark.predict("trained_regularised", IMAGES)
def test_the_measurements_follow_from_the_candidates(submission, predictions, visible):
    right, sizes, optimism = submission.array("right"), submission.value("sizes"), submission.value("optimism")
    expect_candidates(right, visible)
    expect_last_row(right, predictions, visible, "regularised")
    expect_equal(sizes, [10, 20, 50, 100, right.shape[1] // 2], "sizes")
    assert isinstance(optimism, list), f"optimism is no list of {len(sizes)} numbers."
    expect_equal(len(optimism), len(sizes), "The number of measurements in optimism")
    for size, measured in zip(sizes, optimism, strict=True):
        expect_mean(measured, drawn(right, size, 400), 200, f"The optimism for {size} images")
