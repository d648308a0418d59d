"""Values on their way between processes: what numpy alone refuses goes too, whatever Keras' backend."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from autograder import wire


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
