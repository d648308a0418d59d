"""A stand-in for the tensors of a framework."""

from __future__ import annotations

from typing import Any

import numpy as np


class Tensor:
    """Numpy makes an array of it, and nothing else is known of it but its shape."""

    def __init__(self, numbers: Any) -> None:
        self.numbers = np.asarray(numbers)
        self.shape = self.numbers.shape

    def __array__(self, *_: Any, **__: Any) -> Any:
        return self.numbers
