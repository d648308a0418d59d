"""What graders ask of a classifier's predictions: how many are right, which are confused, and whether anything was learnt.

Imported by `autograder.checks`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograder._check_failed import Array, as_array, fail, many, show_shape
from autograder._check_values import expect_one_hot

_MOST_CLASSES = 10_000  # what goes beyond is no class, and a confusion matrix of it would fill the memory


def accuracy(predictions: Any, labels: Any) -> float:
    """Fraction of examples that are classified correctly, 0 to 1.

    `predictions`: (n, classes) numbers, the largest of which counts, or (n,) classes; `labels`: (n,) integers or one-hot
    (n, classes). Raises CheckFailed for NaN, infinity, and shapes that do not fit.
    """
    predicted, true, _ = _classes(predictions, labels)
    return float((predicted == true).mean())


def expect_learnt(predictions: Any, labels: Any, what: str = "The network") -> None:
    """More right answers than always saying the most frequent class, by a tenth of what that gets wrong; arguments as for `accuracy`.

    For a test that awards an accuracy, behind `award`, so that the metric is kept: who learnt nothing reads what may be the reason. A
    tenth, since networks that were never trained reach more than guessing, whole classes at a time, however many examples there are.
    """
    predicted, true, _ = _classes(predictions, labels)
    right, often, count = int((predicted == true).sum()), int(np.bincount(true).max()), len(true)
    bar = often + (count - often) // 10
    if often < count and right <= bar:
        reason = (
            "is it the network that was trained, did its loss fall, and did examples and labels stay in the same order, "
            "prepared as while training?"
        )
        fail(what, f"gets {right:,} of {count:,} right", f"more than {bar:,} (the most frequent class alone gets {often:,})", reason)


def confusion_matrix(predictions: Any, labels: Any) -> Array:
    """Counts (classes, classes), rows the true class, columns the predicted one; arguments as for `accuracy`."""
    from sklearn.metrics import confusion_matrix as count

    predicted, true, classes = _classes(predictions, labels)
    counts: Array = count(true, predicted, labels=np.arange(classes)).astype(np.int64)
    return counts


def _classes(predictions: Any, labels: Any) -> tuple[Array, Array, int]:
    """(predicted, true, number of classes), the first two of shape (n,)."""
    scores, truth = as_array(predictions, "The prediction"), as_array(labels, "The labels")
    if truth.ndim == 2:
        expect_one_hot(truth, truth.shape[1])
    predicted, true = _decided(scores, "The prediction"), _decided(truth, "The labels")
    if len(predicted) != len(true) or len(true) == 0:
        fail("The prediction", f"has {many(len(predicted), 'row')}", f"{len(true):,} (one for each label)")
    classes = scores.shape[1] if scores.ndim == 2 else int(max(predicted.max(), true.max())) + 1
    if true.max() >= classes or min(true.min(), predicted.min()) < 0:
        reason = "one output for each class is needed"
        fail("The prediction", f"has {many(classes, 'column')}", f"more, for labels from {int(true.min())} to {int(true.max())}", reason)
    return predicted, true, max(classes, truth.shape[1] if truth.ndim == 2 else 0)


def _decided(values: Array, what: str) -> Array:
    if not np.isfinite(values).all():
        bad = int((~np.isfinite(values)).sum())
        fail(what, f"contains {bad:,} times NaN or infinity", "finite numbers", "did the loss grow without limit while training?")
    if values.ndim == 2 and values.shape[1] > 1:
        decided: Array = values.argmax(axis=1)
        return decided
    if values.ndim != 1 or (values != np.round(values)).any() or np.abs(values.astype(np.float64)).max(initial=0) > _MOST_CLASSES:
        fail(what, f"has shape {show_shape(values.shape)}", "(n, classes)", "one row for each example, one column for each class")
    return values.astype(np.int64)
