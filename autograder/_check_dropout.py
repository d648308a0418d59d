"""The check of dropout layers. Imported by `autograder.checks`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from autograder._check_failed import fail, many, show
from autograder._check_models import _described


def expect_dropout(model: Any, rates: Sequence[float]) -> None:
    """Rates of the Dropout layers in order; no rates: there is none."""
    layers = [(place, layer) for place, layer in enumerate(_described(model).layers, start=1) if layer.kind == "Dropout"]
    if len(layers) != len(rates):
        places = ", ".join(str(place) for place, _ in layers)
        got = f"has {many(len(layers), 'Dropout layer')}" + (f" (in place {places})" if places else "")
        fail("The model", got, str(len(rates)), "one after each hidden layer, none after the last" if layers else "")
    for (place, layer), expected in zip(layers, rates, strict=True):
        rate = layer.config.get("rate")
        if not isinstance(rate, int | float) or not math.isclose(rate, expected, abs_tol=1e-6):
            fail(f"The rate of layer {place} '{layer.name}'", f"is {show(rate)}", f"{expected:g}", _reason(rate, expected))


def _reason(rate: Any, expected: float) -> str:
    if not isinstance(rate, int | float):
        return ""
    if math.isclose(rate, 1 - expected, abs_tol=1e-6):
        return "the rate is the share that is dropped, not the share that is kept"
    return "it is a share, not a percentage" if math.isclose(rate, 100 * expected, rel_tol=1e-6) else ""
