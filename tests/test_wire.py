"""Values on their way between processes: what numpy alone refuses goes too, whatever Keras' backend."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from autograder import wire
from tests.tensors import Tensor


class GradientTensor:
    """Like PyTorch's tensors that have a gradient, or lie on a GPU."""

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")


def test_a_tensor_that_numpy_refuses_is_converted_by_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    ops = SimpleNamespace(is_tensor=lambda value: isinstance(value, GradientTensor), convert_to_numpy=lambda value: np.array([1.0, 2.0]))
    monkeypatch.setitem(sys.modules, "keras", SimpleNamespace(ops=ops))
    assert wire.as_array(GradientTensor()).tolist() == [1.0, 2.0]
    assert wire.decode(wire.encode({"loss": GradientTensor()}))["loss"].tolist() == [1.0, 2.0]
    assert wire.as_array([3, 4]).tolist() == [3, 4]


def test_without_keras_arrays_are_numpys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    assert wire.as_array(np.arange(3)).tolist() == [0, 1, 2]


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_values_are_nested_so_deep_and_no_deeper() -> None:
    """Beyond that, whatever looks at them in a grader would end in a RecursionError, which is nobody's verdict."""
    assert wire.decode(wire.encode(nested(30))) == nested(30)
    for function in (wire.encode, wire.decode):
        with pytest.raises(ValueError, match="30 are allowed"):
            function(nested(31))
        with pytest.raises(ValueError, match="30 are allowed"):
            function({"a": nested(30)})


NUMBERS: list[tuple[Any, Any]] = [
    (np.float32(0.5), 0.5),
    (np.longdouble(0.5), 0.5),
    (np.int64(7), 7),
    (np.bool_(True), True),
    (np.array(0.25), 0.25),
    (np.array(3), 3),
    (np.array(False), False),
    (Tensor(np.float32(0.75)), 0.75),
    (Tensor(np.int32(-2)), -2),
]


@pytest.mark.parametrize(
    ("wrapped", "number"), NUMBERS, ids=lambda value: f"{type(value).__name__} {value}" if np.isscalar(value) else None
)
def test_a_number_without_axes_is_a_number_whatever_wraps_it(wrapped: Any, number: Any) -> None:
    for found in (wire.unwrapped(wrapped), wire.decode(wire.encode(wrapped)), wire.decode(wire.encode({"a": [wrapped]}))["a"][0]):
        assert found == number
        assert type(found) is type(number)


def test_an_array_of_texts_is_a_list_of_them() -> None:
    names = np.array(["wide", "deep"])
    assert wire.decode(wire.encode(names)) == ["wide", "deep"]
    assert wire.decode(wire.encode({"names": names[:, np.newaxis]})) == {"names": [["wide"], ["deep"]]}


def test_arguments_of_a_question_stay_what_they_are() -> None:
    """A grader may ask of an array without axes how many it has."""
    (found,) = wire.decode(wire.encode([np.array(7, dtype="int16")], plain=False))
    assert (type(found), found.shape, found.dtype.name) == (np.ndarray, (), "int16")
    assert wire.encode([np.float32(0.5)], plain=False) == [0.5]


@pytest.mark.parametrize("value", [np.array([1.0]), Tensor([1.0]), [1.0], "1", None, np.array(1j), np.array(object()), Tensor(object())])
def test_everything_else_stays_as_it_is(value: Any) -> None:
    assert wire.unwrapped(value) is value


def test_what_cannot_be_looked_at_stays_as_it_is() -> None:
    class Spiteful:
        shape = ()

        def __array__(self, *_: Any, **__: Any) -> Any:
            raise ValueError("no")

    value = Spiteful()
    assert wire.unwrapped(value) is value
