"""In which order a model that runs student code is asked, and whether what it answers can be believed. Plain arrays, no Keras.

The order and the repetitions are known to the command alone. Two processes are asked, which share nothing: an answer that depends
on the row, on the rest of the batch, on what was asked before, or on chance is another one in the second process.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_OUTPUT = 1_000
SEVERAL_OUTPUTS = "it has several outputs; one is needed"
NO_NUMBERS = "its answers are no numbers"
NO_ROWS = "it does not give one answer for each image"
TOO_MANY_NUMBERS = f"it gives more than {MAX_OUTPUT:,} numbers for each image (is a last layer missing?)"
OTHER_SHAPES = "its answers do not always have the same shape"
_BATCHES = (500, 187)
_REPEATED = 0.1
_TOLERANCE = 0.01  # what half precision loses when it sums in another order
_QUANTILES = (0.005, 0.1, 0.9, 0.995)
_BLOCK = 2**16  # numbers that are compared at a time: 1,000 for each of 20,000 images, twice, would take the command's memory
_STEADY = 0.005  # a step function may fall on either side of its step, when sums differ in the last digit


class NoPredictions(Exception):
    """The model's answers cannot be graded; the message tells the student why."""


@dataclass(frozen=True)
class Order:
    """Rows in the order in which one process is asked, a tenth of them twice, and how many at a time."""

    rows: NDArray[np.int64]
    batch: int

    def batches(self) -> Iterator[NDArray[np.int64]]:
        for start in range(0, len(self.rows), self.batch):
            yield self.rows[start : start + self.batch]


def secret_orders(count: int) -> tuple[Order, ...]:
    """One order for each process, new ones each time. `count`: images in all."""
    generator = np.random.default_rng(secrets.randbits(128))
    orders = []
    for batch in _BATCHES:
        again = generator.choice(count, size=max(1, round(_REPEATED * count)), replace=False)
        orders.append(Order(generator.permutation(np.concatenate([np.arange(count), again])).astype(np.int64), batch))
    return tuple(orders)


def read_answers(payload: bytes, shape: object, rows: int) -> NDArray[np.float32]:
    """One batch of answers (rows, …) as raw float32. Raises NoPredictions for what is none."""
    sides = [side for side in shape if type(side) is int and side > 0] if isinstance(shape, list) else []
    if sides != shape or sides[:1] != [rows]:
        raise NoPredictions(NO_ROWS)
    size = math.prod(sides)
    if size > rows * MAX_OUTPUT or len(payload) != 4 * size:
        raise NoPredictions(TOO_MANY_NUMBERS)
    return np.frombuffer(payload, "<f4").reshape(sides)


def settle(
    count: int, orders: Sequence[Order], answers: Sequence[NDArray[np.float32]], room: Callable[..., NDArray[np.float32]] = np.empty
) -> tuple[NDArray[np.float32], int]:
    """Answers (count, …) in the images' own order, and for how many images they are not always the same. Raises NoPredictions.

    `answers`: one array for each order, in that order. The first answer to an image is the one that counts. All of it is looked at block
    by block, so the arrays may be files; `room(shape, dtype)` gives the array that is returned.
    """
    if len({given.shape[1:] for given in answers}) != 1:
        raise NoPredictions(OTHER_SHAPES)
    rows = max(1, _BLOCK // max(1, math.prod(answers[0].shape[1:])))
    if not all(np.isfinite(given[part]).all() for given in answers for part in _blocks(len(given), rows)):
        raise NoPredictions("some of its answers are NaN or infinite (did the loss grow without limit while training?)")
    first = np.unique(orders[0].rows, return_index=True)[1]
    settled = room((count, *answers[0].shape[1:]), np.float32)
    for part in _blocks(count, rows):
        settled[part] = answers[0][first[part]]
    unsteady, scale = np.zeros(count, bool), _Scale.of(settled)
    for order, given in zip(orders, answers, strict=True):
        for part in _blocks(len(given), rows):
            asked = order.rows[part]
            unsteady[asked[_differ(given[part], settled[asked], scale)]] = True
    differing = int(unsteady.sum())
    if differing > _STEADY * count:
        raise NoPredictions(
            f"the model gives other answers when asked again, for {differing:,} of {count:,} images. A prediction must depend on its "
            "image alone: not on chance (is Dropout called with training=True?), nor on the other images of its batch"
        )
    return settled, differing


def _blocks(length: int, rows: int) -> Iterator[slice]:
    return (slice(start, min(start + rows, length)) for start in range(0, length, rows))


@dataclass(frozen=True)
class _Scale:
    """How far the numbers in each place of an answer lie apart from image to image.

    `wide`: all but the outermost images, `narrow`: only the middle ones; `usual`: `wide` in a place as it usually is.
    Numbers that are large in one place, or the same for all images, or large for a few images only, say nothing of the others.
    """

    wide: NDArray[np.float64]
    narrow: NDArray[np.float64]
    usual: float

    @classmethod
    def of(cls, settled: NDArray[np.float32]) -> _Scale:
        """`settled`: answers (n, …)."""
        flat = settled.reshape(len(settled), -1)
        found = [np.quantile(flat[:, part].astype(np.float64), _QUANTILES, axis=0) for part in _blocks(flat.shape[1], _columns(flat))]
        lowest, low, high, highest = np.concatenate(found, axis=1)
        wide = highest - lowest
        return cls(wide, high - low, float(np.quantile(wide, 0.5, method="lower")))


def _columns(flat: NDArray[np.float32]) -> int:
    return max(1, _BLOCK // max(1, len(flat)))


def _differ(given: NDArray[np.float32], first: NDArray[np.float32], scale: _Scale) -> NDArray[np.bool_]:
    """Which rows are another answer than the first one: in a number, or in which of their numbers is the largest."""
    now, then = (each.reshape(len(each), -1).astype(np.float64) for each in (given, first))
    apart = np.abs(now - then) > _TOLERANCE * np.maximum(np.abs(then), np.maximum(scale.wide, scale.usual))
    rows, top, other = np.arange(len(then)), then.argmax(axis=1), now.argmax(axis=1)
    tie = _TOLERANCE * np.minimum(np.abs(then[rows, top]), scale.narrow[top])
    return np.asarray(apart.any(axis=1) | (then[rows, top] - then[rows, other] > tie))
