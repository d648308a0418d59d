"""How images become the input of a model: range, shape, and both layouts of images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autograder import Input

IMAGES = np.random.default_rng(3).integers(0, 256, (4, 5, 6), dtype="uint8")
PICTURE = Input(shape=(5, 6, 1), range=(0, 1))


def test_images_are_scaled_and_shaped() -> None:
    rows = Input(shape=(30,), range=(-1, 1)).prepare(IMAGES)
    assert (rows.shape, rows.dtype) == ((4, 30), np.float32)
    np.testing.assert_allclose(rows, IMAGES.reshape(4, 30) / 127.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(Input(shape=(5, 6)).prepare(IMAGES), IMAGES)


def test_a_model_gets_its_channels_where_it_wants_them() -> None:
    np.testing.assert_allclose(PICTURE.prepare(IMAGES, (5, 6, 1))[..., 0], IMAGES / 255, atol=1e-6)
    np.testing.assert_allclose(PICTURE.prepare(IMAGES, (1, 5, 6))[:, 0], IMAGES / 255, atol=1e-6)
    colour = np.random.default_rng(4).integers(0, 256, (2, 5, 6, 3), dtype="uint8")
    first = Input(shape=(5, 6, 3)).prepare(colour, (3, 5, 6))
    np.testing.assert_array_equal(first[1, 2], colour[1, :, :, 2])


@pytest.mark.parametrize(
    ("declared", "taken", "fits"),
    [
        ((5, 6, 1), (5, 6, 1), True),
        ((5, 6, 1), (1, 5, 6), True),
        ((5, 6, 1), (None, None, 1), True),
        ((5, 6, 1), (1, None, None), True),
        ((5, 6, 1), (1, 6, 5), False),
        ((5, 6, 1), (30,), False),
        ((5, 6, 1), (5, 6), False),
        ((5, 6, 1), None, False),
        ((5, 6, 1), [(5, 6, 1), (2,)], False),
        ((30,), (30,), True),
        ((30,), (None,), True),
        ((30,), (5, 6, 1), False),
        ((5, 6), (6, 5), False),
    ],
)
def test_which_models_can_be_asked(declared: tuple[int, ...], taken: Any, fits: bool) -> None:
    assert Input(shape=declared).fits(taken) is fits


def test_a_shape_that_fits_as_it_is_counts_as_channels_last() -> None:
    cube = np.arange(27).reshape(1, 3, 3, 3)
    np.testing.assert_array_equal(Input(shape=(3, 3, 3)).prepare(cube, (3, 3, 3)), cube)
