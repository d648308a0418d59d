from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.errors import SubmissionError
from autograder.intake.parsing import parse_notebook

DEEP = ("[" * 100_000 + "]" * 100_000).encode()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"{", "not valid JSON"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        (b"[]", "is a list"),
        (b"{}", "no notebook of format 4"),
        (b'{"nbformat": 3, "worksheets": []}', "its nbformat is 3"),
        (b'{"nbformat": 4, "cells": 7}', "no notebook of format 4"),
        (DEEP, "nested too deeply"),
        (json.dumps({"nbformat": 4, "cells": [{}] * 3000}).encode(), "3,000 cells"),
    ],
)
def test_what_is_no_notebook_says_so(data: bytes, reason: str) -> None:
    with pytest.raises(SubmissionError, match=reason) as caught:
        parse_notebook(data)
    assert caught.value.outcome == "unreadable"


def test_malformed_cells_are_left_out_and_counted() -> None:
    cells = [
        {"cell_type": "code", "source": ["a = 1\n", "b = 2"], "metadata": {"nbgrader": {"grade_id": "x"}}},
        {"cell_type": "video", "source": ""},
        {"cell_type": "code", "source": [1, 2]},
        {"cell_type": "markdown", "source": "text", "metadata": {"nbgrader": []}},
        "cell",
    ]
    parsed = parse_notebook(json.dumps({"nbformat": 4, "cells": cells}).encode())
    assert [(cell.source, cell.grade_id) for cell in parsed.cells] == [("a = 1\nb = 2", "x"), ("text", None)]
    assert [flag.detail for flag in parsed.flags] == ["3 cells are malformed and were left out"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
)
odd_cells = st.dictionaries(
    st.sampled_from(["cell_type", "source", "metadata", "id", "outputs"]), json_values | st.sampled_from(["code", "markdown"])
)


@given(st.lists(odd_cells, max_size=5), json_values)
def test_any_json_is_parsed_or_refused(cells: list[object], metadata: object) -> None:
    parsed = parse_notebook(json.dumps({"nbformat": 4, "cells": cells, "metadata": metadata}).encode())
    assert len(parsed.cells) <= len(cells)
    for cell in parsed.cells:
        cell.source.encode("utf-8")
