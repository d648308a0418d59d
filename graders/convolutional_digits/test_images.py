"""Section 2: images with a channel axis, wherever it stands."""

import numpy as np
import pytest

from autograder import Input
from autograder.checks import expect_close, expect_dtype, expect_range, expect_shape

IMAGES = Input(shape=(28, 28, 1), range=(0, 1))
CHANCE = np.random.default_rng(52)
GREY = CHANCE.integers(0, 90, (3, 6, 4), dtype="uint8")
COLOUR = CHANCE.integers(0, 256, (2, 5, 4, 3), dtype="uint8")


def arranged(images, data_format):
    """Images of either kind as floats from 0 to 1, with the channels where `data_format` has them."""
    images = images.reshape(*images.shape[:3], -1) / 255
    return np.moveaxis(images, -1, 1) if data_format == "channels_first" else images


@pytest.mark.grade_cell("image_layout")
@pytest.mark.hint("Which axis do grey images lack, and where does each format want it? By what are values divided?")
@pytest.mark.ask("arrange", [(GREY, "channels_last"), (GREY, "channels_first")])
def test_grey_images_get_a_channel_axis(answers):
    for (images, data_format), answer in answers:
        expect_close(answer, arranged(images, data_format), f"arrange of three grey images, {data_format},", tolerance=1e-5)


@pytest.mark.grade_cell("image_layout", weight=2)
@pytest.mark.hint("Make one channel of a small image all ones, and look where they are afterwards. 2.1 names what moves an axis.")
@pytest.mark.ask("arrange", [(COLOUR, "channels_last"), (COLOUR, "channels_first")])
def test_colours_stay_where_they_belong(answers):
    for (images, data_format), answer in answers:
        expect_close(answer, arranged(images, data_format), f"arrange of two colour images, {data_format},", tolerance=1e-5)


@pytest.mark.grade_cell("image_layout")
@pytest.mark.hint("Whole numbers of one byte cannot hold fractions: which type does 2.1 ask for?")
@pytest.mark.ask("arrange", [(GREY, "channels_last")])
def test_arranged_images_are_float32(answers):
    for _, answer in answers:
        expect_dtype(answer, "float32", "arrange of three grey images")


@pytest.mark.grade_cell("prepared_images")
@pytest.mark.hint("Which of your functions makes them, and for which layout? 2.1 names their type and their range.")
def test_training_images_are_arranged(submission):
    sample = submission.sample("x_train_ready")
    expect_shape(sample, (None, *one_image(sample)), "x_train_ready")
    expect_dtype(sample, "float32", "x_train_ready")
    expect_range(sample, 0, 1, "x_train_ready")


@pytest.mark.grade_cell("prepared_images")
@pytest.mark.hint("The test images in their order, arranged like the training images.")
def test_test_images_have_the_right_values(submission, visible):
    sample = submission.sample("x_test_ready")
    shape = one_image(sample)
    expect_shape(sample, (len(visible.x), *shape), "x_test_ready")
    expect_dtype(sample, "float32", "x_test_ready")
    expect_close(sample.rows, IMAGES.prepare(visible.x[sample.indices], shape), "x_test_ready", tolerance=1e-5)


def one_image(sample):
    """The shape that one image must have: channels first where the notebook's Keras is set so, else last."""
    return (1, 28, 28) if sample.shape[1:2] == (1,) else (28, 28, 1)
