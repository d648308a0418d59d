"""What an evaluation may say: numbers that were handed in, and losses that belong to predictions. Imported by `autograder.checks`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograder import wire
from autograder._check_classifiers import _classes
from autograder._check_failed import as_array, fail, show, show_shape

_SMALLEST = float(np.finfo(np.float32).smallest_subnormal)  # a probability of 0 has no logarithm; nothing smaller is one in float32
_CUT = 1e-7


def expect_number(value: Any, what: str = "The answer") -> float:
    """The value as a float, where it is one finite number, not True, text, a list or an array. Raises CheckFailed for all else."""
    value = wire.unwrapped(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        fail(what, f"is {show(value)}", "a number", _kind_reason(value))
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        fail(what, f"is {show(value)}", "a finite number")
    return number


def _kind_reason(value: Any) -> str:
    if value is None:
        return "does the function end with `return`, or does a cell before assign it?"
    return "it is text: leave out the quotation marks" if isinstance(value, str) else ""


def cross_entropies(predictions: Any, labels: Any) -> tuple[float, float]:
    """Mean cross-entropy of probabilities (n, classes) for integer labels (n,), as Keras computes it in one way and in the other.

    The first has probabilities cut at 1e-7, the second has them as they are. Keras cuts when it runs eagerly, and does not in a graph
    whose last operation is softmax; where a network is sure of a wrong answer the two differ by much. Raises CheckFailed for NaN,
    infinity, and shapes that do not fit.
    """
    _, true, _ = _classes(predictions, labels)
    scores = as_array(predictions, "The prediction")
    if scores.ndim != 2:
        fail("The prediction", f"has shape {show_shape(scores.shape)}", "(n, classes)", "a loss needs the probability of each class")
    of_label = scores[np.arange(len(true)), true].astype(np.float64)
    cut, whole = (float(-np.log(of_label.clip(smallest, 1)).mean()) for smallest in (_CUT, _SMALLEST))
    return cut, whole


def expect_loss(loss: Any, predictions: Any, labels: Any, what: str = "The loss", tolerance: float = 0.005) -> None:
    """A number that is the mean cross-entropy of these predictions, in whichever way Keras computed it: see `cross_entropies`."""
    number = expect_number(loss, what)
    least, most = cross_entropies(predictions, labels)
    allowed = tolerance * max(1.0, least)
    if not least - allowed <= number <= most + allowed:
        fail(what, f"is {show(number)}", f"{least:.4g}", "was it measured with this network, and on these images?")
