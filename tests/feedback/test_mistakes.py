"""Misclassified images on the student's page: visible ones only, at most 25, and nothing where there is nothing to show."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from autograder.feedback.mistakes import mistake_views, read_images
from autograder.feedback.student import render_feedback
from autograder.grading.mistakes import MOST, find_mistakes
from autograder.records import Evidence, Mistake, Mistakes

from .samples import page, read

IMAGES = np.random.default_rng(3).integers(0, 256, (40, 28, 28), dtype="uint8")


def mistakes(count: int) -> Mistakes:
    return Mistakes(count, 40, tuple(Mistake(at, at % 10, (at + 1) % 10) for at in range(min(count, MOST))))


def opened(address: str) -> np.ndarray:  # type: ignore[type-arg]  # of any kind
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))


def test_the_surest_mistakes_come_first() -> None:
    outputs = np.array([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8], [0.4, 0.3, 0.3]], "float32")
    found = find_mistakes(outputs, np.array([1, 1, 0, 2], "uint8"))
    assert found == Mistakes(3, 4, (Mistake(0, 1, 0), Mistake(2, 0, 2), Mistake(3, 2, 0)))


def test_at_most_25_are_kept_and_all_are_counted() -> None:
    found = find_mistakes(np.eye(10, dtype="float32")[np.zeros(400, int)], np.ones(400, "uint8"))
    assert found is not None
    assert (found.count, found.examples, len(found.surest)) == (400, 400, MOST)


@pytest.mark.parametrize(
    ("outputs", "labels"),
    [
        (np.zeros((3, 2)), np.zeros(4, int)),
        (np.zeros(3), np.zeros(3, int)),
        (np.zeros((3, 0)), np.zeros(3, int)),
        (np.full((3, 2), np.nan), np.zeros(3, int)),
        (np.zeros((3, 1)), np.zeros(3)),
    ],
)
def test_what_is_no_classification_has_none(outputs: np.ndarray, labels: np.ndarray) -> None:  # type: ignore[type-arg]  # of any kind
    assert find_mistakes(outputs, labels) is None


def test_pictures_show_the_image_with_ink_dark() -> None:
    (view,) = mistake_views({"model": mistakes(3)}, IMAGES)
    assert [(picture.true, picture.predicted) for picture in view.pictures] == [(0, 1), (1, 2), (2, 3)]
    assert (opened(view.pictures[2].address) == 255 - IMAGES[2]).all()


def test_colours_stay_colours() -> None:
    colour = np.random.default_rng(4).integers(0, 256, (3, 8, 6, 3), dtype="uint8")
    (view,) = mistake_views({"model": mistakes(1)}, colour)
    assert (opened(view.pictures[0].address) == colour[0]).all()


def test_a_page_has_25_pictures_at_most_whatever_the_number_of_models() -> None:
    for models in (1, 2, 7, 60):
        views = mistake_views({str(model): mistakes(40) for model in range(models)}, IMAGES)
        assert 0 < sum(len(view.pictures) for view in views) <= MOST


def test_nothing_is_shown_without_images_or_mistakes() -> None:
    assert mistake_views({"model": mistakes(3)}, None) == ()
    assert mistake_views({"model": mistakes(0)}, IMAGES) == ()


def test_positions_outside_the_images_are_left_out() -> None:
    (view,) = mistake_views({"model": Mistakes(2, 40, (Mistake(99, 1, 2), Mistake(3, 1, 2)))}, IMAGES)
    assert len(view.pictures) == 1


@pytest.mark.parametrize(
    "array", [np.zeros((3, 784), "uint8"), np.zeros((3, 28, 28)), np.zeros((3, 28, 28, 5), "uint8"), np.zeros((2, 900, 4), "uint8")]
)
def test_other_examples_are_no_images(tmp_path: Path, array: np.ndarray) -> None:  # type: ignore[type-arg]  # of any kind
    np.save(tmp_path / "x.npy", array)
    assert read_images(tmp_path / "x.npy") is None


def test_images_that_are_gone_or_damaged_are_none(tmp_path: Path) -> None:
    assert read_images(tmp_path / "x.npy") is None
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY nothing")
    assert read_images(tmp_path / "x.npy") is None
    np.save(tmp_path / "x.npy", IMAGES)
    found = read_images(tmp_path / "x.npy")
    assert found is not None
    assert found.shape == IMAGES.shape


def test_the_page_says_how_many_and_which() -> None:
    html = render_feedback(page(evidence=Evidence(mistakes={"best": mistakes(30)}), images=IMAGES))
    found = read(html)
    assert "30 of the 40 test images that your notebook saw are wrong. These are the 25 of which the model was surest." in found.text
    assert "3 taken for 4" in found.text
    assert sum(value.startswith("data:image/png") for tag, name, value in found.attributes if name == "src") >= MOST
