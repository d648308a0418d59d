"""Misclassified images as a page shows them: only visible ones, which the student has too, at most 25 on a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograder.feedback.clean import line
from autograder.records import Mistake, Mistakes

MAX_PICTURES = 25
_MAX_SIDE = 128
_COLOURS = (3, 4)

Images = NDArray[Any]


@dataclass(frozen=True)
class Picture:
    """One misclassified image as a `data:` address, its true class and what the model says."""

    address: str
    true: int
    predicted: int


@dataclass(frozen=True)
class MistakesView:
    """The mistakes of one model; `pictures` are the surest ones."""

    name: str
    count: int
    examples: int
    pictures: tuple[Picture, ...]


def read_images(file: Path) -> Images | None:
    """The visible examples, not yet in memory; None when they are gone, or are no images of whole numbers from 0 to 255."""
    try:
        images: Images = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return None
    sides, grey = images.shape[1:3], images.ndim == 3
    pictures = images.dtype == np.uint8 and (grey or (images.ndim == 4 and images.shape[3] in (1, *_COLOURS)))
    return images if pictures and all(0 < side <= _MAX_SIDE for side in sides) else None


def mistake_views(mistakes: Mapping[str, Mistakes], images: Images | None) -> tuple[MistakesView, ...]:
    """Each model that errs with its share of the pictures; nothing where there are no images."""
    erring = {name: found for name, found in mistakes.items() if found.surest}
    if images is None or not erring:
        return ()
    each = max(1, MAX_PICTURES // len(erring))
    shown = list(erring.items())[:MAX_PICTURES]
    return tuple(_view(name, found, images, each) for name, found in shown)


def _view(name: str, found: Mistakes, images: Images, most: int) -> MistakesView:
    inside = [mistake for mistake in found.surest if 0 <= mistake.index < len(images)]
    return MistakesView(line(name, 60), found.count, found.examples, tuple(_picture(each, images) for each in inside[:most]))


def _picture(mistake: Mistake, images: Images) -> Picture:
    return Picture(f"data:image/png;base64,{base64.b64encode(_png(images[mistake.index])).decode()}", mistake.true, mistake.predicted)


def _png(image: Images) -> bytes:
    """Grey images with ink dark on white, as the course shows them; colours as they are."""
    from PIL import Image

    values = image if image.ndim == 3 and image.shape[2] in _COLOURS else 255 - image.reshape(image.shape[:2])
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(values)).save(stream, "PNG")
    return stream.getvalue()
