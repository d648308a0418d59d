"""Checks of how weights begin and how they are held small: initialisers and regularisation. Imported by `autograder.checks`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from autograder._check_failed import fail, show
from autograder._check_models import Indexed, _described, _expect_count, _named


def expect_initializers(model: Any, kind: str, **settings: float) -> None:
    """All layers with a kernel begin with this initialiser: `expect_initializers(model, "RandomUniform", minval=-0.05, maxval=0.05)`."""
    layers = _with_key(model, "kernel_initializer")
    if not layers:
        fail("The model", "has no layer with a kernel", "at least one")
    for indexed in layers:
        got, config = _class_and_config(indexed[1].config["kernel_initializer"])
        if got != kind:
            fail(
                _named(indexed), f"begins with {got}", kind, "is kernel_initializer given to this layer?" if got == "GlorotUniform" else ""
            )
        for key, expected in settings.items():
            if not _is_close(config.get(key), expected):
                fail(f"{_named(indexed)}: {key} of {kind}", f"is {show(config.get(key))}", f"{expected:g}")


def expect_regularizers(model: Any, strengths: Sequence[tuple[float, float]]) -> None:
    """Strengths (of L1, of L2) of the penalty on the kernel, for each layer that may have one, in order; (0, 0) is none."""
    layers = _with_key(model, "kernel_regularizer")
    _expect_count(layers, len(strengths), "with a kernel")
    for indexed, expected in zip(layers, strengths, strict=True):
        _, config = _class_and_config(indexed[1].config["kernel_regularizer"])
        got = (config.get("l1") or 0.0, config.get("l2") or 0.0)
        if not all(_is_close(one, other) for one, other in zip(got, expected, strict=True)):
            fail(_named(indexed), f"has {_strengths(*got)}", _strengths(*expected), _regularizer_reason(got, expected))


def _regularizer_reason(got: tuple[Any, Any], expected: tuple[float, float]) -> str:
    if got == (0.0, 0.0):
        return "is kernel_regularizer given to this layer?"
    return "L1 and L2 are swapped" if any(expected) and all(map(_is_close, got, expected[::-1])) else ""


def _strengths(l1: Any, l2: Any) -> str:
    """'L1 0.0001 and L2 0.001', 'no penalty'"""
    return " and ".join(f"{name} {show(value)}" for name, value in (("L1", l1), ("L2", l2)) if value) or "no penalty"


def _with_key(model: Any, key: str) -> list[Indexed]:
    return [each for each in enumerate(_described(model).layers, start=1) if key in each[1].config]


def _class_and_config(found: Any) -> tuple[str, dict[str, Any]]:
    """Of an object as Keras writes it into a layer's configuration; of anything else its name and no settings."""
    if isinstance(found, dict) and isinstance(found.get("config"), dict):
        return str(found.get("class_name")), found["config"]
    return show(found), {}


def _is_close(got: Any, expected: float) -> bool:
    """Keras keeps some of these numbers as float32, hence the tolerance."""
    return isinstance(got, int | float) and not isinstance(got, bool) and math.isclose(got, expected, rel_tol=1e-4, abs_tol=1e-9)
