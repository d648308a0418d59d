"""The measure of a regression that graders take from predictions. Imported by `autograder.checks`."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograder._check_failed import Array, as_array, fail, many, show_shape


def mean_absolute_error(predictions: Any, targets: Any) -> float:
    """How far predictions are off on average, in the targets' own unit.

    `predictions`: (n,) or (n, 1) numbers, `targets`: the same. Raises CheckFailed for NaN, infinity, and shapes that do not fit.
    """
    predicted, true = _column(predictions, "The prediction"), _column(targets, "The targets")
    if len(predicted) != len(true) or len(true) == 0:
        fail("The prediction", f"has {many(len(predicted), 'row')}", f"{len(true):,} (one for each target)")
    return float(np.abs(predicted - true).mean())


def _column(values: Any, what: str) -> Array:
    """One number for each example, as float64; (n, 1) minus (n,) would be a table of all differences."""
    array = as_array(values, what)
    if array.ndim != 1 and not (array.ndim == 2 and array.shape[1] == 1):
        fail(what, f"has shape {show_shape(array.shape)}", "(n, 1)", "one number for each example is needed")
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        fail(what, f"contains {bad:,} times NaN or infinity", "finite numbers", "did the loss grow without limit while training?")
    return array.reshape(-1).astype(np.float64)
