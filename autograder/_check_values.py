"""Checks of values and arrays. Imported by `autograder.checks`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograder import wire
from autograder._check_failed import Array, as_array, fail, is_sample, lacks, many, show, show_shape

Shape = tuple[int | None, ...]


def expect_equal(got: Any, expected: Any, what: str = "The answer") -> None:
    """Equal numbers, texts, arrays, or lists of them, of equal shape; a list and a tuple count as the same, 2 and 2.0 too."""
    _compare(got, expected, what, 0.0)


def expect_close(got: Any, expected: Any, what: str = "The answer", tolerance: float = 1e-6) -> None:
    """Like `expect_equal`, but numbers may differ by `tolerance`, relative for numbers beyond 1."""
    _compare(got, expected, what, tolerance)


def _compare(got: Any, expected: Any, what: str, tolerance: float) -> None:
    got, expected = wire.unwrapped(got), expected.item() if isinstance(expected, np.generic) else expected
    if isinstance(expected, np.ndarray):
        _compare_arrays(as_array(got, what), expected, what, tolerance)
    elif isinstance(expected, dict):
        _compare_dicts(got, expected, what, tolerance)
    elif isinstance(expected, list | tuple):
        _compare_lists(got, expected, what, tolerance)
    elif not _same_scalar(got, expected, tolerance):
        fail(what, f"is {show(got)}", show(expected), _scalar_reason(got, expected))


def _same_scalar(got: Any, expected: Any, tolerance: float) -> bool:
    if type(got) in (int, float) and type(expected) in (int, float):
        return bool(got == expected or abs(_float(got) - _float(expected)) <= tolerance * max(1.0, abs(_float(expected))))
    return type(got) is type(expected) and bool(got == expected)


def _float(number: float) -> float:
    """Whole numbers of any size are handed in; one beyond the floats counts as infinite."""
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _scalar_reason(got: Any, expected: Any) -> str:
    if got is None:
        return "does the function end with `return`?"
    if isinstance(got, np.ndarray) and got.size == 1:
        return "it is an array with one element: take the number out of it"
    if isinstance(got, str) and not isinstance(expected, str):
        return "it is text: leave out the quotation marks"
    if type(got) not in (int, float) or type(expected) not in (int, float):
        return ""
    if got != got:
        return "was something divided by zero?"
    if isinstance(expected, int) and got in (expected - 1, expected + 1):
        return "off by one?"
    if got == -expected:
        return "is the sign the wrong way round?"
    return "is it a percentage? A fraction is asked for" if math.isclose(_float(got), 100 * _float(expected)) else ""


def _compare_lists(got: Any, expected: Sequence[Any], what: str, tolerance: float) -> None:
    got = wire.as_array(got).tolist() if hasattr(got, "__array__") else got
    if not isinstance(got, list | tuple):
        fail(what, f"is {show(got)}", f"a list of {len(expected)}", "does the function end with `return`?" if got is None else "")
    if len(got) != len(expected):
        fail(what, f"has {many(len(got), 'element')}", str(len(expected)))
    for index, (one, other) in enumerate(zip(got, expected, strict=True)):
        _compare(one, other, _at(what, f"[{index}]"), tolerance)


def _compare_dicts(got: Any, expected: dict[Any, Any], what: str, tolerance: float) -> None:
    if not isinstance(got, dict):
        fail(what, f"is {show(got)}", f"a dictionary with {', '.join(map(repr, expected))}")
    for key, value in expected.items():
        if key not in got:
            lacks(what, key, got)
        _compare(got[key], value, _at(what, f"[{key!r}]"), tolerance)


def _compare_arrays(got: Array, expected: Array, what: str, tolerance: float) -> None:
    expect_shape(got, expected.shape, what)
    one, other = got.astype(np.float64), expected.astype(np.float64)
    differs = ~((one == other) | (np.abs(one - other) <= tolerance * np.maximum(1.0, np.abs(other))))
    if not differs.any():
        return
    first = tuple(int(side) for side in np.argwhere(differs)[0])
    place = _at(what, str(list(first))) if first else what
    share = f"{int(differs.sum()):,} of {differs.size:,} numbers differ" if differs.size > 1 else ""
    fail(place, f"is {show(got[first])}", show(expected[first]), "; ".join(filter(None, [share, _array_reason(one, other)])))


def _at(what: str, place: str) -> str:
    """'The answer at [1][0]'"""
    return f"{what}{'' if what.endswith(']') else ' at '}{place}"


def _array_reason(got: Array, expected: Array) -> str:
    if np.isnan(got).any():
        return "there is NaN in it, was something divided by zero?"
    if got.ndim == 2 and got.shape[0] == got.shape[1] and np.allclose(got.T, expected):
        return "rows and columns are swapped"
    for factor in (255.0, 1 / 255, 100.0):
        if np.allclose(got, expected * factor, rtol=1e-3):
            return {255.0: "divide by 255", 1 / 255: "divided by 255 twice?", 100.0: "percentages instead of fractions?"}[factor]
    return "the right numbers in another order" if np.allclose(np.sort(got, axis=None), np.sort(expected, axis=None)) else ""


def _shaped(array: Any, what: str) -> Any:
    """An array or a sample, as it is: both have the shape and the dtype of the whole."""
    if is_sample(array):
        return array
    if isinstance(array, list | tuple):
        fail(what, "is a Python list", "an array", "make one with np.array(…)")
    return as_array(array, what)


def expect_shape(array: Any, shape: Shape, what: str = "The array") -> None:
    """`None` in `shape` stands for any length: `expect_shape(x, (None, 784))`."""
    got = tuple(_shaped(array, what).shape)
    if len(got) != len(shape) or any(side not in (None, have) for have, side in zip(got, shape, strict=True)):
        fail(what, f"has shape {show_shape(got)}", show_shape(shape), _shape_reason(got, shape))


_MANY = 100  # so many rows are examples


def _shape_reason(got: tuple[int, ...], shape: Shape) -> str:
    if len(got) == 1 and len(shape) == 2 and shape[0] in (None, got[0]):
        return f"one number for each example instead of {shape[1]}: are the labels not one-hot encoded?"
    if len(got) > len(shape) == 2 and math.prod(got[1:]) == shape[1]:
        return "the images are not flattened: reshape each of them to one row of pixels"
    if len(got) == 2 and len(shape) == 1 and shape[0] in (None, got[0]):
        return "is an `argmax` along axis 1 missing?"
    if len(got) == 2 == len(shape) and got[0] != got[1] and all(side in (None, have) for have, side in zip(got[::-1], shape, strict=True)):
        return "rows and columns are swapped"
    if len(got) == 2 == len(shape) and (shape[1] or 0) > got[1] and got[0] in (shape[0] or got[0], got[1]):
        return f"{got[1]} columns instead of {shape[1]}: are those missing that do not occur?"
    if len(got) == len(shape) and got[1:] == shape[1:] and got[0] >= _MANY:
        return f"{got[0]:,} examples instead of {shape[0]:,}: is it the other part of the data?"
    if None not in shape and math.prod(got) == math.prod(side or 0 for side in shape):
        return "the numbers are all there: reshape them"
    return ""


_DTYPE_KINDS = {"integer": "iu", "floating": "f"}


def expect_dtype(array: Any, dtype: str, what: str = "The array") -> None:
    """`dtype` is NumPy's name, such as 'float32', or a kind: 'integer', 'floating'."""
    found = np.dtype(_shaped(array, what).dtype)
    if found.kind not in _DTYPE_KINDS[dtype] if dtype in _DTYPE_KINDS else found.name != dtype:
        fail(what, f"has dtype {found.name}", dtype, _dtype_reason(found, dtype))


def _dtype_reason(found: np.dtype[Any], dtype: str) -> str:
    if dtype == "float32" and found.kind in "iu":
        return "pixels are whole numbers: .astype('float32') before you divide"
    if dtype == "float32" and found.kind == "f":
        return "NumPy calculates in float64 by itself: .astype('float32') halves the memory"
    if dtype in ("integer", "int64", "int32") and found.kind == "f":
        return "are these probabilities instead of digits?"
    return f"convert it with .astype('{dtype}')" if dtype not in _DTYPE_KINDS else ""


def expect_range(array: Any, low: float, high: float, what: str = "The array", reached: bool = False) -> None:
    """All numbers lie between `low` and `high`; with `reached`, both of them occur. Of a sample, its rows count."""
    values = as_array(array, what)
    if values.size == 0:
        fail(what, "is empty", "numbers")
    smallest, largest = float(values.min()), float(values.max())
    if math.isnan(smallest):
        fail(what, "contains NaN", "numbers", "was something divided by zero?")
    slack = 1e-6 * (high - low)  # float32 arithmetic may step over an end by its last digit
    below, above = low - smallest, largest - high
    if max(below, above) > slack or (reached and min(below, above) < -slack):
        exactly = "exactly " if reached else ""
        got = f"is {largest:.4g}" if values.size == 1 else f"goes from {smallest:.4g} to {largest:.4g}"
        fail(what, got, f"{exactly}{low:g} to {high:g}", _range_reason(values, low, high))


def _range_reason(values: Array, low: float, high: float) -> str:
    if (low, high) != (0, 1):
        return ""
    smallest, largest = float(values.min()), float(values.max())
    if values.size == 1:
        return "is it a percentage? A share is wanted: divide by 100" if 1 < largest <= 100 else ""
    if smallest >= 0 and 1 < largest <= 255:
        return "not normalised: divide by 255"
    if 0 < largest <= 1 / 254:
        return "divided by 255 twice?"
    if smallest < 0 and values.ndim == 2 and values.shape[1] == 10:
        return "negative numbers: are these a network's outputs before softmax?"
    return "negative numbers: was something subtracted?" if smallest < 0 else ""


def expect_one_hot(array: Any, classes: int = 10, what: str = "The labels") -> None:
    """Shape (n, classes); each row holds one 1 and otherwise zeros."""
    expect_shape(array, (None, classes), what)
    rows = as_array(array, what)
    if not np.isin(rows, (0, 1)).all():
        wrong = rows[~np.isin(rows, (0, 1))][0]
        fail(what, f"contain {show(wrong)}", "only 0 and 1", "are these probabilities?" if 0 < float(wrong) < 1 else "")
    ones = rows.sum(axis=1)
    if (ones != 1).any():
        row = int(np.argmax(ones != 1))
        fail(
            f"Row {row} of {what[:1].lower() + what[1:]}",
            f"has {many(int(ones[row]), 'one')}",
            "exactly 1",
            "each example has one class, which names the column",
        )
