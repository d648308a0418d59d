"""Finds the labels of the hidden images wherever they stand: in text, in arrays of any type, shape and order of bytes.

A run of forty counts. Runs that the visible labels have too are no secret, and those that begin with twenty equal labels say nothing.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

_RUN, _KEY = 40, 20
_CHUNK = 1 << 20
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_MOST_COLUMNS = 64
_NUMBER = re.compile(r"(?<![\w.])(\d{1,9})(?:\.0*)?(?:e[+-]?0+)?(?![\w.]*\d)", re.IGNORECASE)
_NO_KEYS = np.zeros(0, np.uint64)

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class LabelFinder:
    """`runs`: forty labels in a row, the low byte of each; `keys`: their beginnings as numbers; `known`: which bytes are labels; `digits`:
    the same as text."""

    runs: frozenset[bytes] = frozenset()
    digits: frozenset[str] = frozenset()
    keys: NDArray[np.uint64] = field(default_factory=lambda: _NO_KEYS)
    known: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(256, bool))

    @classmethod
    def of(cls, labels: Sequence[Sequence[int]], shown: Sequence[Sequence[int]] = ()) -> LabelFinder:
        """For hidden labels, one sequence for each data set; `shown`: labels that students have anyway."""
        runs = {run for each in labels for run in _windows(_low(each))} - {run for each in shown for run in _windows(_low(each))}
        runs = {run for run in runs if len(set(run[:_KEY])) > 1}
        digits = {run for each in labels for run in _windows(_text(each))} - {run for each in shown for run in _windows(_text(each))}
        known = np.zeros(256, bool)
        known[list({value for run in runs for value in run})] = True
        begins = np.frombuffer(b"".join(run[:_KEY] for run in runs), np.uint8).reshape(-1, _KEY)
        return cls(frozenset(runs), frozenset(each for each in digits if len(set(each)) > 1), np.unique(_keys(begins.T)), known)

    def in_text(self, text: str) -> bool:
        """Whether forty labels stand there one after the other, whatever separates them, or in the first or last column of a table."""
        if not self.runs:
            return False
        found = "".join(filter(str.isdigit, text))
        if any(found[at : at + _RUN] in self.digits for at in range(len(found) - _RUN + 1)):
            return True
        rows = [numbers for line in text.splitlines() if (numbers := [int(each) for each in _NUMBER.findall(line)])]
        columns = [[number for row in rows for number in row], [row[0] for row in rows], [row[-1] for row in rows]]
        return any(self._in(np.array(column, np.int64).astype(np.uint8)) for column in columns)

    def in_bytes(self, data: bytes) -> bool:
        """Whether they stand there as the numbers of an array: NumPy's file with any array, or bare ones of any type."""
        return bool(self.runs) and (any(map(self._in, _of_file(data))) or any(map(self._in, _of_any_type(data))))

    def _in(self, values: Bytes) -> bool:
        return any(self._in_chunk(values[at : at + _CHUNK + _RUN]) for at in range(0, len(values), _CHUNK))

    def _in_chunk(self, values: Bytes) -> bool:
        if len(values) < _RUN:
            return False
        inside = np.concatenate([[0], np.cumsum(self.known[values])])
        starts = np.flatnonzero(inside[_KEY:] - inside[:-_KEY] == _KEY)
        starts = starts[starts <= len(values) - _RUN]
        if not len(starts):
            return False
        found = starts[np.isin(_keys([values[starts + at] for at in range(_KEY)]), self.keys)]
        return any(values[start : start + _RUN].tobytes() in self.runs for start in found)


def _low(labels: Sequence[int]) -> bytes:
    return np.array(labels, np.int64).astype(np.uint8).tobytes()


def _text(labels: Sequence[int]) -> str:
    return "".join(map(str, labels))


def _windows(row: Any) -> Iterator[Any]:
    return (row[at : at + _RUN] for at in range(len(row) - _RUN + 1))


def _keys(columns: Any) -> NDArray[np.uint64]:
    """One number for each beginning, whose first values are the first column."""
    keys = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        keys = keys * _FACTOR + column
    return keys


def _of_any_type(data: bytes) -> Iterator[Bytes]:
    """The bytes as low bytes of whole numbers of 1 to 8 bytes, whichever end comes first, and as floating-point numbers."""
    every = np.frombuffer(data, np.uint8)
    yield from (every[at::size] for size in (1, 2, 4, 8) for at in range(size))
    for size in (2, 4, 8):
        for at in range(min(size, len(data))):
            part = data[at : at + (len(data) - at) // size * size]
            yield from (_whole(np.frombuffer(part, f"{end}f{size}")) for end in "<>")


def _of_file(data: bytes) -> Iterator[Bytes]:
    """What an array in NumPy's own format holds: in its order, by columns, one-hot, or as text."""
    if not data.startswith(b"\x93NUMPY"):
        return
    try:
        found = np.load(io.BytesIO(data), allow_pickle=False)
        for each in [found[name] for name in found.dtype.names] if found.dtype.names else [found]:
            array = each.astype(np.float64)
            yield _whole(array.ravel())
            table = array.reshape(len(array), -1) if array.ndim > 1 else array.reshape(1, -1)
            yield from (_whole(column) for column in (table.T if table.shape[1] <= _MOST_COLUMNS else ()))
            yield table.argmax(axis=1).astype(np.uint8)
    except (ValueError, TypeError, OSError, EOFError, MemoryError):  # damaged, or no numbers
        return


def _whole(values: NDArray[Any]) -> Bytes:
    """Low bytes of those that are whole; the others become 255, which ends a run unless it is a label."""
    with np.errstate(all="ignore"):
        whole = (values == np.floor(values)) & (np.abs(values) < 2**31)
        return np.where(whole, values, 255).astype(np.int64).astype(np.uint8)
