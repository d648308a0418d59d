"""Section 1: data prepared once for all networks, and a validation part that stays the same."""

import numpy as np
import pytest

from autograder import Input
from autograder.checks import expect_close, expect_dtype, expect_equal, expect_one_hot, expect_range, expect_shape

PIXELS = Input(shape=(784,), range=(0, 1))
CHANCE = np.random.default_rng(30)
FAINT = CHANCE.integers(0, 100, (3, 28, 28), dtype="uint8")
SMALL = CHANCE.integers(0, 256, (4, 5, 3), dtype="uint8")
X, Y = CHANCE.random((20, 4)).astype("float32"), np.eye(10, dtype="float32")[np.arange(20) % 10]


@pytest.mark.grade_cell("prepared_data", weight=2)
@pytest.mark.hint("Each image becomes one row of float32, divided by the largest value that a pixel can have.")
def test_test_images_are_prepared(submission, visible):
    sample = submission.sample("x_test_ready")
    expect_shape(sample, (len(visible.x), 784), "x_test_ready")
    expect_range(sample, 0, 1, "x_test_ready")
    expect_dtype(sample, "float32", "x_test_ready")
    expect_close(sample.rows, PIXELS.prepare(visible.x[sample.indices]), "x_test_ready", tolerance=1e-5)


@pytest.mark.grade_cell("prepared_data")
@pytest.mark.hint("One row for each label, with a single 1 in the column that the label names.")
def test_test_labels_are_one_hot(submission, visible):
    sample = submission.sample("y_test_ready")
    expect_shape(sample, (len(visible.y), 10), "y_test_ready")
    expect_one_hot(sample, 10, "y_test_ready")
    expect_equal(sample.rows.argmax(axis=1), visible.y[sample.indices], "The digits that y_test_ready stands for")


@pytest.mark.grade_cell("prepared_data", weight=2)
@pytest.mark.hint("What in your function is true of these data only: the sides, the largest pixel, the digits that occur?")
@pytest.mark.ask("prepare", [(FAINT, np.array([2, 2, 0], "uint8")), (SMALL, np.array([9, 1, 1, 4], "uint8"))])
def test_other_images_and_labels_are_prepared(answers):
    for (images, labels), answer in answers:
        right = (images.reshape(len(images), -1) / 255, np.eye(10)[labels])
        by_largest = isinstance(answer, list) and len(answer) == 2 and same(answer[0], right[0] * 255 / images.max())
        assert not by_largest or images.max() == 255, (
            "prepare divides by the largest pixel that it finds, so the same grey means something else in other images. Divide by 255."
        )
        expect_close(answer, right, f"prepare of {len(images)} images with labels up to {labels.max()}", tolerance=1e-5)


def same(answer, numbers):
    """Whether an answer is this array, whatever kind of thing it is."""
    return isinstance(answer, np.ndarray) and answer.shape == numbers.shape and np.allclose(answer, numbers, atol=1e-4)


@pytest.mark.grade_cell("validation_part", weight=3)
@pytest.mark.hint("How many examples does the task set aside, and at which end? Images and labels are cut at the same place.")
@pytest.mark.ask("split_off", [(X, Y, 0.2), (X, Y, 0.25), (X[:7], Y[:7], 0.5)])
def test_the_last_examples_are_the_validation_part(answers):
    for (x, y, share), answer in answers:
        border = len(x) - round(share * len(x))
        expect_close(answer, ((x[:border], y[:border]), (x[border:], y[border:])), f"split_off with a share of {share}")


@pytest.mark.grade_cell("validation_part")
@pytest.mark.hint("Which elements does a slice from -0 on select? Where does the border lie, counted from the front?")
@pytest.mark.ask("split_off", [(X, Y, 0.0)])
def test_a_share_of_nothing_leaves_everything_for_fitting(answers):
    for (x, y, _), answer in answers:
        expect_close(answer, ((x, y), (x[:0], y[:0])), "split_off with a share of 0")
