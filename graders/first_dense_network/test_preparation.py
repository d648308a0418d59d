"""Section 2: images as rows between 0 and 1, labels as one-hot rows."""

import numpy as np
import pytest

from autograder import Input
from autograder.checks import expect_close, expect_dtype, expect_equal, expect_one_hot, expect_range, expect_shape

PIXELS = Input(shape=(784,), range=(0, 1))
CHANCE = np.random.default_rng(20)
FAINT = CHANCE.integers(0, 100, (3, 28, 28), dtype="uint8")
SMALL = CHANCE.integers(0, 256, (5, 4, 6), dtype="uint8")


@pytest.mark.grade_cell("prepared_images")
@pytest.mark.hint("The axis of examples stays, the others become one: each image is laid out as one row.")
@pytest.mark.parametrize("name", ["x_train_ready", "x_test_ready"])
def test_images_are_flattened(submission, visible, name):
    expect_shape(submission.sample(name), (len(visible.x) if name == "x_test_ready" else None, 784), name)


@pytest.mark.grade_cell("prepared_images")
@pytest.mark.hint("uint8 holds whole numbers only, fractions need the dtype that the task names.")
@pytest.mark.parametrize("name", ["x_train_ready", "x_test_ready"])
def test_images_are_float32(submission, name):
    expect_dtype(submission.sample(name), "float32", name)


@pytest.mark.grade_cell("prepared_images", weight=3)
@pytest.mark.hint("By what does the task divide? Compare the first row with the first image, pixel by pixel.")
def test_test_images_have_the_right_values(submission, visible):
    sample = submission.sample("x_test_ready")
    expect_shape(sample, (len(visible.x), 784), "x_test_ready")
    expect_range(sample, 0, 1, "x_test_ready")
    expect_close(sample.rows, PIXELS.prepare(visible.x[sample.indices]), "x_test_ready", tolerance=1e-5)


@pytest.mark.grade_cell("prepare_other_images")
@pytest.mark.hint(
    "Divide by the largest value that a pixel can have. The largest one that occurs depends on which images happen to be there."
)
@pytest.mark.ask("prepare_images", [(FAINT,)])
def test_faint_images_stay_faint(answers):
    for images, answer in answers:
        expect_shape(answer, (len(images), 784), "prepare_images of three faint images")
        expect_close(answer, PIXELS.prepare(images), "prepare_images of three faint images", tolerance=1e-5)


@pytest.mark.grade_cell("prepare_other_images")
@pytest.mark.hint("Take the sizes from the images themselves: 28 and 784 are those of these data only.")
@pytest.mark.ask("prepare_images", [(SMALL,)])
def test_images_of_other_sizes_are_prepared(answers):
    for images, answer in answers:
        expect_shape(answer, (5, 24), "prepare_images of five images of 4 × 6 pixels")
        expect_close(answer, images.reshape(5, 24) / 255, "prepare_images of five images of 4 × 6 pixels", tolerance=1e-5)


@pytest.mark.grade_cell("one_hot_labels")
@pytest.mark.hint("What does the row of a 3 look like, and how many columns has it?")
def test_test_labels_are_one_hot(submission, visible):
    sample = submission.sample("y_test_ready")
    expect_shape(sample, (len(visible.y), 10), "y_test_ready")
    expect_one_hot(sample, 10, "y_test_ready")
    expect_equal(sample.rows.argmax(axis=1), visible.y[sample.indices], "The digits that y_test_ready stands for")


@pytest.mark.grade_cell("one_hot_labels")
@pytest.mark.hint("The training labels need the same encoding as the test labels.")
def test_training_labels_are_one_hot(submission):
    expect_one_hot(submission.sample("y_train_ready"), 10, "y_train_ready")


@pytest.mark.grade_cell("one_hot_labels")
@pytest.mark.hint("Ten columns, however small the largest label at hand is: what makes the rows has to be told so.")
@pytest.mark.ask("one_hot", [(np.array([0, 1, 5], "uint8"),), (np.array([9, 3, 3, 0], "uint8"),)])
def test_other_labels_get_ten_columns(answers):
    for labels, answer in answers:
        expect_shape(answer, (len(labels), 10), f"one_hot of labels up to {labels.max()}")
        expect_equal(answer, np.eye(10)[labels], f"one_hot of labels up to {labels.max()}")
