"""How much data own code cells carry: counted as code could read it back, without what the release gave."""

from __future__ import annotations

import base64
import random
from typing import Any

import pytest

from autograder.errors import SubmissionError
from autograder.intake import literals
from autograder.intake.literals import check_literals, weigh_own_code

LIMIT = 20 * 1024
STARTER = 'def f(n):\n    """Doubles n, as the text above says."""\n    # YOUR CODE HERE\n    raise NotImplementedError()'
RANDOM = random.Random(0).randbytes(30_000)
DIGITS = [RANDOM[at] % 4 for at in range(30_000)]


def _notebook(*sources: str, cell_type: str = "code") -> dict[str, Any]:
    cells = [{"cell_type": cell_type, "source": source, "metadata": {}} for source in sources]
    locked = {"cell_type": "code", "source": "given = 'a locked cell' * 3", "metadata": {"nbgrader": {"locked": True, "grade_id": "g"}}}
    return {"cells": [*cells, locked]}


def _literal_bytes(source: str) -> int:
    return weigh_own_code(_notebook(source), _notebook(STARTER)).literal_bytes


def test_an_untouched_release_carries_nothing() -> None:
    own = weigh_own_code(_notebook(STARTER), _notebook(STARTER))
    assert (own.text_bytes, own.literal_bytes) == (0, 0)


def test_what_the_release_gave_is_subtracted_once() -> None:
    answered = STARTER.replace("raise NotImplementedError()", "return 2 * n")
    assert 0 < weigh_own_code(_notebook(answered), _notebook(STARTER)).literal_bytes <= 10
    given = _notebook("weights = [0, 1, 2, 3]")
    assert weigh_own_code(_notebook(f"weights = {DIGITS}"), given).literal_bytes > 5_000


@pytest.mark.parametrize(
    "source",
    [
        f"w = {base64.b64encode(RANDOM).decode()!r}",
        f"w = {RANDOM!r}",
        f"w = bytes.fromhex('{RANDOM.hex()}')",
        f"w = {[each / 256 for each in RANDOM]}",
        f"w = {int.from_bytes(RANDOM):#x}",
        f"# {base64.b64encode(RANDOM).decode()}",
        f"w = f'{{1}} {RANDOM.hex()}'",
        f"class w: n{RANDOM.hex()} = 0",
        f"!echo {base64.b64encode(RANDOM).decode()}",
        f"%%writefile w\n{base64.b64encode(RANDOM).decode()}",
        f"w = '{RANDOM.hex()}' + (",
        f"w = '{RANDOM.hex(' ')}",
        "\n".join(f"w{at} = {each}" for at, each in enumerate(RANDOM)),
    ],
    ids=[
        "base64",
        "bytes",
        "hex",
        "list",
        "integer",
        "comment",
        "f-string",
        "name",
        "shell",
        "magic",
        "no-python",
        "unterminated",
        "lines",
    ],
)
def test_however_data_are_written_down_they_weigh_about_what_they_are(source: str) -> None:
    assert _literal_bytes(source) > 0.95 * len(RANDOM)
    with pytest.raises(SubmissionError, match=r"KiB after compression, 20 KiB are allowed.*'cell 1'") as raised:
        check_literals(_notebook(source), _notebook(STARTER), LIMIT)
    assert raised.value.outcome == "rejected"


def test_numbers_spelt_in_names_are_caught_by_the_text_as_a_whole() -> None:
    names = "abcdefghijklmnop"
    spelt = ",".join(names[each >> 4] + "," + names[each & 15] for each in (*RANDOM, *RANDOM[::-1]))
    source = f"{','.join(names)} = range(16)\nw = [{spelt}]"
    few = source[:150_000] + "]"
    assert _literal_bytes(few) < 50
    with pytest.raises(SubmissionError, match=r"hold text of .* 20 KiB are allowed"):
        check_literals(_notebook(few), _notebook(STARTER), LIMIT // 2)
    with pytest.raises(SubmissionError):
        check_literals(_notebook(source), _notebook(STARTER), LIMIT)


def test_far_below_the_limit_there_is_a_flag() -> None:
    def flags(size: int) -> list[str]:
        notebook = _notebook("x = 1", f"w = '{base64.b64encode(RANDOM[:size]).decode()}'")
        return [f"{flag.kind}: {flag.detail}" for flag in check_literals(notebook, _notebook(STARTER), LIMIT)]

    assert flags(1_200) == []
    assert flags(1_700) == ["large_literals: 1.7 KiB after compression, most of them in 'cell 2'"]


def test_prose_and_pictures_do_not_count_because_code_never_gets_them() -> None:
    notebook = _notebook(base64.b64encode(RANDOM).decode(), cell_type="markdown")
    assert check_literals(notebook, _notebook(STARTER), LIMIT) == ()


def test_megabytes_of_text_are_weighed_as_a_whole() -> None:
    long = "x = 1\n" * 1_000_000
    assert weigh_own_code(_notebook(long), _notebook(STARTER)).cell == "cell 1"


def test_a_text_that_does_not_end_is_weighed_in_linear_time() -> None:
    """Were it cut into tokens, each escaped quote would be tried as its end: minutes for a cell of this size."""
    source = "x = 1\ny = '" + "\\'" * 90_000
    assert literals._literals(source) == [source]
