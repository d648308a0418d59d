"""Section 1: output sizes, parameters and pooling, worked out by hand."""

import numpy as np
import pytest

from autograder.checks import expect_close, expect_equal

CHANCE = np.random.default_rng(51)
BOARD = CHANCE.integers(-40, 40, (8, 8))
ODD = [CHANCE.integers(0, 256, (7, 5)), CHANCE.integers(-9, 9, (25, 4))]


def tiles(image):
    """The 2 × 2 tiles as an array (height // 2, 2, width // 2, 2)."""
    height, width = image.shape[0] // 2, image.shape[1] // 2
    return image[: 2 * height, : 2 * width].reshape(height, 2, width, 2)


@pytest.mark.grade_cell("conv_output_size")
@pytest.mark.hint("Write the places down for 5 pixels and a kernel of 3: at which pixels can it begin? Then for kernels of 1 and of 5.")
@pytest.mark.ask("conv_output_size", [(7, 3), (5, 3), (28, 4), (12, 4), (28, 1), (6, 6)])
def test_a_side_shrinks_by_the_kernel_less_one(answers):
    for (n, k), answer in answers:
        expect_equal(answer, n - k + 1, f"conv_output_size({n}, {k})")


@pytest.mark.grade_cell("conv_parameters")
@pytest.mark.hint("Count for a single filter first: a weight for each pixel under it, in how many channels? And what has it besides?")
@pytest.mark.ask("conv_parameters", [(4, 1, 10), (4, 10, 20), (4, 16, 32), (5, 3, 64), (1, 1, 1)])
def test_weights_and_biases_of_a_convolution_are_counted(answers):
    for (k, channels, filters), answer in answers:
        expect_equal(answer, k * k * channels * filters + filters, f"conv_parameters({k}, {channels}, {filters})")


@pytest.mark.grade_cell("max_pooling", weight=3)
@pytest.mark.hint("Of each tile of 2 × 2 pixels the largest number, also where all of them are negative.")
@pytest.mark.ask("max_pool", [(BOARD,), (CHANCE.random((2, 6)),)])
def test_the_largest_number_of_each_tile_is_kept(answers):
    for image, answer in answers:
        expect_close(answer, tiles(image).max(axis=(1, 3)), "max_pool")


@pytest.mark.grade_cell("max_pooling")
@pytest.mark.hint("An odd side loses its last row or column. Try 5 × 4 numbers: which of them does no tile contain?")
@pytest.mark.ask("max_pool", [(image,) for image in ODD])
def test_max_pooling_leaves_an_odd_row_or_column_out(answers):
    for image, answer in answers:
        expect_close(answer, tiles(image).max(axis=(1, 3)), f"max_pool of {image.shape[0]} × {image.shape[1]} pixels")


@pytest.mark.grade_cell("mean_pooling", weight=2)
@pytest.mark.hint("Take a single tile of four numbers first. Over which axes do the four of a tile lie, once you have reshaped?")
@pytest.mark.ask("mean_pool", [(BOARD,), (CHANCE.random((2, 6)),)])
def test_the_mean_of_each_tile_is_kept(answers):
    for image, answer in answers:
        expect_close(answer, tiles(image).mean(axis=(1, 3)), "mean_pool")


@pytest.mark.grade_cell("mean_pooling")
@pytest.mark.hint("An odd side loses its last row or column. Try 5 × 4 numbers: which of them does no tile contain?")
@pytest.mark.ask("mean_pool", [(image,) for image in ODD])
def test_mean_pooling_leaves_an_odd_row_or_column_out(answers):
    for image, answer in answers:
        expect_close(answer, tiles(image).mean(axis=(1, 3)), f"mean_pool of {image.shape[0]} × {image.shape[1]} pixels")
