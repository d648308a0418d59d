"""Values that cross a process boundary as JSON: scalars, lists, dicts with text keys and numeric arrays. No pickle anywhere."""

from __future__ import annotations

import base64
import hashlib
import math
from typing import Any

import numpy as np

ARRAY_BYTES = 1_000_000
VALUE_BYTES = 100_000
SAMPLE_ROWS = 256
_LEVELS = 30  # of lists and dictionaries inside each other
_KINDS = "biuf"
_SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def encode(value: Any, levels: int = _LEVELS, plain: bool = True) -> Any:
    """A value as JSON. Raises TypeError or ValueError, naming what does not fit (whoever made the value is at fault).

    With `plain`, arrays and tensors without axes become numbers, as in all that students give; a grader's arguments stay what they are.
    """
    number = unwrapped(value) if plain or isinstance(value, np.generic) else value
    if number is not value:
        return encode(number)
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"__float__": str(value)}
    if isinstance(value, list | tuple | dict):
        _check_levels(levels)
    if isinstance(value, list | tuple):
        return [encode(each, levels - 1, plain) for each in value]
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("a dictionary needs text keys to be handed in")
        return {key: encode(each, levels - 1, plain) for key, each in value.items()}
    if isinstance(value, np.ndarray) or hasattr(value, "__array__"):
        array = as_array(value)
        return encode(array.tolist(), levels, plain) if array.dtype.kind == "U" else _encode_array(array)  # texts are a list as well
    raise TypeError(f"a {type(value).__name__} cannot be handed in; numbers, text, lists, dictionaries and numeric arrays can")


def _check_levels(levels: int) -> None:
    """Whoever looks at a value on the other side calls itself for each level, and Python allows that so often only."""
    if levels <= 0:
        raise ValueError(f"lists or dictionaries inside each other are too deep to be handed in, {_LEVELS} are allowed")


def unwrapped(value: Any) -> Any:
    """A number or a text as Python's own, where NumPy or a framework has wrapped it: a NumPy scalar, an array or a tensor without axes.

    Everything else comes back as it is.
    """
    if type(value) in (bool, int, float, str, list, tuple, dict) or not hasattr(value, "__array__"):
        return value
    try:
        if tuple(value.shape) != ():
            return value
        array = as_array(value)
        plain = {"b": bool, "i": int, "u": int, "f": float, "U": str}.get(array.dtype.kind)
        return plain(array.item()) if plain else value
    except Exception:  # whatever a foreign object raises while it is looked at
        return value


def as_array(value: Any) -> np.ndarray[Any, Any]:
    """numpy's array of anything that has one, also of a tensor with a gradient or on a GPU, which numpy alone refuses."""
    import sys

    keras = sys.modules.get("keras")
    if keras is not None and keras.ops.is_tensor(value):
        return np.asarray(keras.ops.convert_to_numpy(value))
    return np.asarray(value)


def _encode_array(array: np.ndarray[Any, Any]) -> dict[str, Any]:
    check_numeric(array)
    if array.nbytes > ARRAY_BYTES:
        raise ValueError(f"an array of {array.nbytes:,} bytes is too large, {ARRAY_BYTES:,} are allowed")
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"__array__": data, "dtype": array.dtype.str, "shape": list(array.shape)}


def check_numeric(array: np.ndarray[Any, Any]) -> None:
    """Raises TypeError unless the array holds booleans, integers or floats."""
    if array.dtype.kind not in _KINDS:
        raise TypeError(f"an array of dtype {array.dtype} cannot be handed in; booleans, integers and floats can")


def decode(value: Any, levels: int = _LEVELS) -> Any:
    """The reverse of `encode`. Raises ValueError for what `encode` cannot have made."""
    if not isinstance(value, list | dict):
        return value
    _check_levels(levels)
    if isinstance(value, list):
        return [decode(each, levels - 1) for each in value]
    if "__float__" in value:
        return _SPECIAL[str(value["__float__"])]
    if "__array__" in value:
        return _decode_array(value)
    return {key: decode(each, levels - 1) for key, each in value.items()}


def _decode_array(value: dict[str, Any]) -> np.ndarray[Any, Any]:
    dtype = np.dtype(str(value["dtype"]))
    if dtype.kind not in _KINDS:
        raise ValueError(f"dtype {dtype} is not numeric")
    data = base64.b64decode(str(value["__array__"]), validate=True)
    if len(data) > ARRAY_BYTES:
        raise ValueError("the array is too large")
    return np.frombuffer(data, dtype=dtype).reshape([int(side) for side in value["shape"]]).copy()


def sample_indices(assignment: str, name: str, length: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The sorted rows that stand for a large array: at most 256, seeded by assignment and name, so that both sides know them."""
    seed = int.from_bytes(hashlib.sha256(f"{assignment}/{name}".encode()).digest()[:8], "big")
    chosen = np.random.default_rng(seed).choice(length, size=min(SAMPLE_ROWS, length), replace=False)
    return np.sort(chosen).astype(np.int64)
