"""From the bytes of a submitted notebook to JSON, in bounded time and memory, whatever the bytes are.

Outputs are not graded and make most of a large notebook: they are cut out before anything is decoded or parsed, so a notebook of
50 MB costs about what its sources cost.
"""

from __future__ import annotations

import json
import re
from typing import Any

from autograder.errors import SubmissionError
from autograder.records import Flag

NOTEBOOK_BYTES = 100 * 2**20
_WIDE_BYTES = 20 * 2**20  # to leave outputs out it is decoded and encoded whole, which takes four times its size
CURE = "Open it in JupyterLab, save it, and submit it again. If it does not open there, submit an earlier copy."

_MOST_PARTS = 2_000_000  # lists, objects, strings; a notebook of 20 MB with pages of printed text has 400,000
_OUTPUTS = re.compile(rb'"outputs"\s*:\s*\[')  # in JSON never inside a string, where its quotes would be escaped
_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+'
# The second: a string that does not end is one part, or each of its escaped quotes would be looked at as the start of another.
_PART = re.compile(_TEXT + rb'"|' + _TEXT + rb"\\?\Z|[\[\]{}]", re.DOTALL)
_DIGITS = 300  # of a number: what a float can hold; Python alone refuses more than 4,300, and the whole file with it


def read_json(data: bytes, limit: int) -> tuple[dict[str, Any], list[Flag]]:
    """The JSON object in a notebook file, its outputs left out, and what was odd about its text.

    `limit`: bytes without outputs. Raises SubmissionError with the reason for whatever is no JSON object.
    """
    if len(data) > NOTEBOOK_BYTES:
        raise SubmissionError(
            "rejected",
            f"The notebook has {len(data) / 2**20:.0f} MiB, at most {NOTEBOOK_BYTES // 2**20} are read.",
            "Clear its outputs (Kernel → Restart Kernel and Clear Outputs of All Cells), save it, and submit it again.",
        )
    if not data.strip():
        raise SubmissionError("unreadable", "The notebook file is empty.", CURE)
    flags: list[Flag] = []
    rest = _without_outputs(_single_bytes(data, flags))
    if len(rest) > limit:
        raise SubmissionError(
            "rejected",
            f"The notebook has {len(rest) / 2**20:.1f} MiB without its outputs, {limit / 2**20:.0f} MiB are allowed.",
            "Remove large texts and pasted pictures from its cells, then submit it again.",
        )
    return _parse(_decode(rest, flags)), flags


def size_without_outputs(data: bytes) -> int:
    """Bytes of a notebook file as they are counted against its limit. Raises SubmissionError for too many parts, or UTF-16 too large."""
    return len(_without_outputs(_single_bytes(data, [])))


def _single_bytes(data: bytes, flags: list[Flag]) -> bytes:
    """UTF-16 and UTF-32, with or without a mark, as UTF-8; everything else as it is."""
    encoding = json.detect_encoding(data)
    if encoding.startswith("utf-8"):
        return data
    if len(data) > _WIDE_BYTES:
        raise SubmissionError(
            "rejected",
            f"The notebook has {len(data) / 2**20:.0f} MiB and is written as {encoding}, of which at most {_WIDE_BYTES // 2**20} are read.",
            "Open it in JupyterLab and save it, which writes UTF-8, then submit it again.",
        )
    flags.append(_encoded(encoding))
    return data.decode(encoding, "replace").encode("utf-8", "replace")


def _decode(data: bytes, flags: list[Flag]) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    if data.lstrip()[:1] == b"{" and not re.search(rb"[\x00-\x08\x0e-\x1f]", data):  # no binary file: text of an old editor
        flags.append(_encoded("windows-1252"))
        return data.decode("cp1252", "replace")
    raise SubmissionError("unreadable", "The notebook is not UTF-8 text; it may be another kind of file.", CURE)


def _encoded(encoding: str) -> Flag:
    return Flag("odd_encoding", f"the file was read as {encoding}; notebooks are UTF-8")


def _without_outputs(data: bytes) -> bytes:
    """The bytes with every list named "outputs" emptied. A list that does not end is left to the parser, which says where."""
    kept: list[bytes] = []
    copied, parts = 0, 0
    while found := _OUTPUTS.search(data, copied):
        depth = 1
        for part in _PART.finditer(data, found.end()):
            parts += 1
            sign = data[part.start()]
            depth += (sign in b"[{") - (sign in b"]}")
            if not depth or parts > _MOST_PARTS:
                break
        if parts > _MOST_PARTS:
            raise _too_many_parts()
        if depth:
            break
        kept.append(data[copied : found.end()])
        copied = part.start()
    rest = b"".join([*kept, data[copied:]])
    if rest.count(b"[") + rest.count(b"{") + rest.count(b",") > _MOST_PARTS:  # an empty object takes two bytes here, and 70 in Python
        raise _too_many_parts()
    return rest


def _too_many_parts() -> SubmissionError:
    cure = "Clear its outputs (Kernel → Restart Kernel and Clear Outputs of All Cells), save it, and submit it again."
    return SubmissionError("rejected", f"The notebook's file is made of more than {_MOST_PARTS:,} parts.", cure)


def _parse(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text, parse_int=_integer)
    except RecursionError:
        raise SubmissionError("unreadable", "The file is no notebook that can be read: its JSON is nested too deeply.", CURE) from None
    except ValueError as error:  # without its place, which is one in the text that is left
        said = getattr(error, "msg", "a value cannot be read")
        raise SubmissionError("unreadable", f"The notebook's file is damaged or cut off: it is not valid JSON ({said}).", CURE) from None
    if not isinstance(content, dict):
        raise SubmissionError("unreadable", f"The file is no notebook: its JSON is a {type(content).__name__}, no object.", CURE)
    return content


def _integer(digits: str) -> int:
    """No number of a notebook means anything here; a huge one must not cost the student the file."""
    return int(digits) if len(digits) <= _DIGITS else 0
