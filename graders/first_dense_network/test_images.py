"""Section 1: arrays, ink, and how often each digit occurs."""

import numpy as np
import pytest

from autograder.checks import expect_close, expect_equal

ARRAYS = [
    np.array(7, dtype="int64"),
    np.zeros(5, dtype="uint8"),
    np.ones((4, 9), dtype="float32"),
    np.zeros((3, 28, 28), dtype="uint8"),
    np.zeros((2, 6, 5, 3), dtype="float64"),
]


def image_with(*pixels):
    """An 8 × 8 image that begins with these pixels and is empty otherwise."""
    image = np.zeros(64, dtype="uint8")
    image[: len(pixels)] = pixels
    return image.reshape(8, 8)


@pytest.mark.grade_cell("describe_array")
@pytest.mark.hint(
    "A NumPy array has an attribute for each of the three; print them for a small one. Which Python types does the task want?"
)
@pytest.mark.ask("describe_array", [(array,) for array in ARRAYS])
def test_arrays_of_rank_0_to_4_are_described(answers):
    for array, answer in answers:
        expect_equal(answer, (array.ndim, array.shape, array.dtype.name), f"describe_array of an array with {array.ndim} axes")


@pytest.mark.grade_cell("ink_share", weight=2)
@pytest.mark.hint("What does 0 mean in these data? And a share is a part of what?")
@pytest.mark.ask("ink_share", [(image_with(),), (image_with(*[255] * 16),), (image_with(*[120] * 64),)])
def test_ink_is_where_pixels_are_not_zero(answers):
    for image, answer in answers:
        expect_close(answer, float((image > 0).mean()), "The share of ink")


@pytest.mark.grade_cell("ink_share")
@pytest.mark.hint("Try an image whose pixels are all 1: how much ink is that?")
@pytest.mark.ask("ink_share", [(image_with(1, 2, 60, 127),), (image_with(*[3] * 8, *[255] * 8),)])
def test_faint_ink_counts_too(answers):
    for image, answer in answers:
        expect_close(answer, float((image > 0).mean()), "The share of ink in an image with faint strokes")


@pytest.mark.grade_cell("digit_counts")
@pytest.mark.hint(
    "There are always ten counts. NumPy's bincount stops at the largest number that occurs, unless it is told how many counts there are."
)
@pytest.mark.ask(
    "digit_counts", [(np.array([0, 9, 9, 4, 4, 4], "uint8"),), (np.array([2, 2, 7], "uint8"),), (np.arange(50, dtype="uint8") % 10,)]
)
def test_every_digit_has_a_count(answers):
    for labels, answer in answers:
        expect_equal(answer, np.bincount(labels, minlength=10), "digit_counts")
