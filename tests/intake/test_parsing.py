from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.errors import SubmissionError
from autograder.intake import reading
from autograder.intake.parsing import parse_notebook
from autograder.intake.reading import _without_outputs

DEEP = ("[" * 100_000 + "]" * 100_000).encode()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"{", "not valid JSON"),
        (b"\x89PNG\r\n\x1a\n", "not UTF-8"),
        (b'{"a": "\xe9\x00"}', "not UTF-8"),
        ("{}".encode("utf-16"), "no notebook of format 4"),
        (b"\xff\xfe{", "not valid JSON"),
        (b"[]", "is a list"),
        (b"{}", "no notebook of format 4"),
        (b'{"nbformat": 3}', "its nbformat is 3"),
        (b'{"nbformat": 5, "cells": []}', "format 5, newer than 4"),
        (b'{"nbformat": 1' + b"0" * 5_000 + b', "cells": []}', "its nbformat is 0"),
        (b'{"nbformat": 1' + b"0" * 299 + b', "cells": []}', "format 1000"),
        (b'{"nbformat": 1' + b"0" * 350 + b', "cells": []}', "its nbformat is 0"),
        (b'{"nbformat": NaN, "cells": []}', "its nbformat is nan"),
        (b'{"nbformat": {"a": 1}, "cells": []}', "its nbformat is a dict"),
        (b'{"nbformat": 4, "cells": [], "cells": {}}', "no notebook of format 4"),
        (b'{"nbformat": 4, "cells": 7}', "no notebook of format 4"),
        (DEEP, "nested too deeply"),
        (json.dumps({"nbformat": 4, "cells": [{}] * 3000}).encode(), "3,000 cells"),
    ],
)
def test_what_is_no_notebook_says_so(data: bytes, reason: str) -> None:
    with pytest.raises(SubmissionError, match=reason) as caught:
        parse_notebook(data)
    assert caught.value.outcome == ("rejected" if "cells" in reason else "unreadable")


SMALL: dict[str, Any] = {"nbformat": 4, "cells": [{"cell_type": "markdown", "source": "Größe → 5"}]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_every_unicode_encoding_is_read(encoding: str) -> None:
    parsed = parse_notebook(json.dumps(SMALL, ensure_ascii=False).encode(encoding))
    assert [cell.source for cell in parsed.cells] == ["Größe → 5"]
    assert [flag.kind for flag in parsed.flags] == ([] if encoding.startswith("utf-8") else ["odd_encoding"])


def test_what_would_have_to_be_decoded_whole_has_a_limit_of_its_own() -> None:
    output = {"output_type": "stream", "name": "stdout", "text": "x" * 11 * 2**20}
    large = json.dumps({**SMALL, "cells": [*SMALL["cells"], {"cell_type": "code", "source": "x = 1", "outputs": [output]}]})
    assert len(parse_notebook(large.encode()).cells) == 2
    with pytest.raises(SubmissionError, match="The notebook has 22 MiB and is written as utf-16, of which at most 20 are read") as caught:
        parse_notebook(large.encode("utf-16"))
    assert caught.value.outcome == "rejected"
    assert "save it, which writes UTF-8" in caught.value.cure


def test_text_of_an_old_editor_is_read_as_what_it_is() -> None:
    parsed = parse_notebook(b'{"nbformat": 4, "cells": [{"cell_type": "markdown", "source": "Gr\xf6\xdfe \x80\x81"}]}')
    assert [cell.source for cell in parsed.cells] == ["Größe €\ufffd"]
    assert [flag.detail for flag in parsed.flags] == ["the file was read as windows-1252; notebooks are UTF-8"]


def test_the_old_format_3_is_converted() -> None:
    cells = [
        {"cell_type": "heading", "level": 2, "source": ["Images"]},
        {"cell_type": "heading", "level": [], "source": 7},
        {
            "cell_type": "code",
            "input": ["a = 1\n", "b = 2"],
            "language": "python",
            "outputs": [],
            "metadata": {"nbgrader": {"grade_id": "x"}},
        },
        {"cell_type": "markdown", "source": "text"},
        7,
    ]
    parsed = parse_notebook(json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}, {"cells": 7}, 7]}).encode())
    found = [(cell.cell_type, cell.source, cell.grade_id) for cell in parsed.cells]
    assert found == [("markdown", "## Images", None), ("markdown", "# 7", None), ("code", "a = 1\nb = 2", "x"), ("markdown", "text", None)]
    assert [flag.kind for flag in parsed.flags] == ["old_format", "damaged_cells"]


def code(source: str, outputs: object) -> dict[str, object]:
    return {"outputs": outputs, "cell_type": "code", "source": source, "metadata": {}}


def test_outputs_are_cut_out_whatever_stands_in_them() -> None:
    tricky = 'print({"outputs": [1, "]"]}) # \\" \'"outputs": [\''
    cells = [code(tricky, [{"text": ['"outputs": [', "]}\\"], "outputs": [[]]}]), code("b", []), code("c", {"outputs": 5}), code("d", [7])]
    data = json.dumps({"nbformat": 4, "cells": cells}).encode()
    assert [cell.source for cell in parse_notebook(data).cells] == [tricky, "b", "c", "d"]
    whole = json.loads(_without_outputs(data))
    assert [cell["outputs"] for cell in whole["cells"]] == [[], [], {"outputs": 5}, []]
    damaged = data.replace(b"[7]", b"[nonsense{}]")
    assert len(parse_notebook(damaged).cells) == 4


def test_only_what_is_no_output_counts_against_the_limit() -> None:
    cells = [code("a", [{"data": {"image/png": "A" * 3_000_000}}])]
    data = json.dumps({"nbformat": 4, "cells": cells}).encode()
    assert len(parse_notebook(data, 1_000).cells) == 1
    cells = [code("a" * 3_000_000, [])]
    with pytest.raises(SubmissionError, match=r"2\.9 MiB without its outputs, 1 MiB are allowed") as caught:
        parse_notebook(json.dumps({"nbformat": 4, "cells": cells}).encode(), 2**20)
    assert caught.value.outcome == "rejected"


@pytest.mark.parametrize("where", ["outputs", "metadata"])
def test_millions_of_parts_are_refused_before_python_makes_objects_of_them(where: str) -> None:
    head = b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "a", "' + where.encode() + b'": ['
    with pytest.raises(SubmissionError, match="more than 2,000,000 parts"):
        parse_notebook(head + b"[]," * 1_100_000 + b"[]]}]}")


def test_huge_numbers_cost_nobody_the_notebook() -> None:
    data = b'{"nbformat": 4, "metadata": {"n": 1' + b"0" * 5_000 + b', "f": 1e999, "i": -Infinity}, "cells": []}'
    assert parse_notebook(data).cells == ()


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


def test_names_that_cannot_be_written_as_utf_8_are_replaced() -> None:
    cell = {"cell_type": "raw", "id": "c\ud800", "source": "", "metadata": {"nbgrader": {"grade_id": "m\ud800"}}}
    content = {"nbformat": 4, "cells": [cell], "metadata": {"kernelspec": {"name": "k\ud800"}}}
    parsed = parse_notebook(json.dumps(content).encode())
    assert [(each.cell_id, each.grade_id) for each in parsed.cells] == [("c?", "m?")]
    assert parsed.kernel == "k?"


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


@pytest.mark.parametrize("end", [b"", b"\\"])
def test_an_output_that_was_cut_off_is_one_part_however_many_quotes_it_has(end: bytes) -> None:
    """Were each escaped quote the start of another part, a file of 1 MB would take half an hour."""
    text = b'<div class=\\"chart\\">' * 40_000 + end
    assert len(reading._PART.findall(b'"' + text)) == 1
    with pytest.raises(SubmissionError, match="damaged or cut off"):
        parse_notebook(b'{"nbformat": 4, "cells": [{"cell_type": "code", "outputs": [{"data": {"text/html": ["' + text)
