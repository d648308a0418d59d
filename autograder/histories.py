"""Training histories: what `fit` returns, as plain curves, for hand-ins and visible checks alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_ACCURACIES = ("acc", "categorical_accuracy", "sparse_categorical_accuracy")
_ACCURACY_OF = {f"{part}{each}": f"{part}accuracy" for part in ("", "val_") for each in _ACCURACIES}


def curves_of(history: Mapping[Any, Iterable[Any]]) -> dict[str, list[float]]:
    """Metric → one float for each epoch; an accuracy is called `accuracy`, since Keras keeps whichever name or class was given.

    A name stays where the history has an `accuracy` of its own beside it.
    Raises TypeError, ValueError or OverflowError for what is no number.
    """
    curves: dict[str, list[float]] = {}
    for metric, values in history.items():
        usual = _ACCURACY_OF.get(str(metric), str(metric))
        curves[str(metric) if usual in history else usual] = [float(value) for value in values]
    return curves
