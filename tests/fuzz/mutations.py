"""Damage for the fuzz tests: to bytes, and to JSON values.

`make test` tries the same examples each time. AUTOGRADER_FUZZ=20000 tries that many others for each property.
"""

from __future__ import annotations

import copy
import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

_EXAMPLES = int(os.environ.get("AUTOGRADER_FUZZ", "0"))


def fuzz(examples: int) -> settings:
    """The settings of one property; `examples` are what a few seconds allow."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
    return settings(max_examples=_EXAMPLES or examples, derandomize=not _EXAMPLES, deadline=None, suppress_health_check=slow)


_PIECES = [b'"', b"\\", b"]}", b"\xff\xfe", b"\0" * 8, b"NaN", b"9" * 5_000, b"[" * 3_000]
texts = st.text(st.characters(codec=None), max_size=12)  # lone surrogates too
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.sampled_from(["../x", "\0", "code", "1e999", 2**80, "[/]<b>"])
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12)


@st.composite
def damaged_bytes(draw: st.DrawFn, whole: bytes) -> bytes:
    """Some bytes overwritten, taken out, put in or doubled, or the end cut off."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        piece = draw(
            st.binary(max_size=6) | st.sampled_from([b'"', b"\\", b"]}", b"\xff\xfe", b"\0" * 8, b"NaN", b"9" * 5_000, b"[" * 3_000])
        )
        kind = draw(st.sampled_from(["overwrite", "insert", "remove", "double", "cut"]))
        if kind == "overwrite":
            data[at : at + len(piece)] = piece
        elif kind == "insert":
            data[at:at] = piece
        elif kind == "remove":
            del data[at : at + draw(st.integers(1, 200))]
        elif kind == "double":
            data[at:at] = data[at : at + 200]
        else:
            del data[at:]
    return bytes(data)


@st.composite
def damaged_json(draw: st.DrawFn, whole: Any) -> Any:
    """Some values anywhere in it replaced, taken out, doubled or renamed."""
    changed = copy.deepcopy(whole)
    for _ in range(draw(st.integers(1, 5))):
        places = list(_places(changed))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        kind = draw(st.sampled_from(["replace", "remove", "double"]))
        if kind == "replace":
            holder[key] = draw(values)
        elif kind == "remove":
            del holder[key]
        elif isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        else:
            holder[draw(texts)] = copy.deepcopy(holder[key])
    return changed


def _places(value: Any) -> Any:
    """Every (container, key) in a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield value, key
        yield from _places(each)


def is_explained(error: Exception) -> None:
    """A refusal says what is wrong and what to do, in one line each."""
    said, cure = getattr(error, "message", str(error)), getattr(error, "cure", "-")
    assert said.isprintable()
    assert said
    assert cure
    assert getattr(error, "outcome", "rejected") in ("unreadable", "rejected")
