"""What came out of process A, within limits, and what it means: hand-ins, answers, flags. All of it may be a hostile notebook's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from autograder.handin import MANIFEST
from autograder.isolation.channel import Frame
from autograder.records import Answer, Flag, HandinEntry, from_json

T = TypeVar("T")
_MANIFEST_BYTES = 1_000_000


@dataclass
class Received:
    """What has come out of A so far."""

    notebook: bytes | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    result: dict[str, Any] | None = None
    answers: bytes | None = None
    replayed: tuple[Answer, ...] = ()
    start_s: float = 0.0
    problem: str = ""
    started: bool = False
    timed_out: bool = False
    killed: bool = False


def take(frame: Frame, received: Received, on_cell: Callable[[int, int], None]) -> None:
    """Adds one frame; what is of no known kind is dropped. `on_cell(index, count)` hears of each cell that begins."""
    if frame.kind == "started":
        received.started, received.start_s = True, received.start_s + number(frame.fields.get("seconds"))
    elif frame.kind == "cell":
        on_cell(int(number(frame.fields.get("index"))), int(number(frame.fields.get("count"))))
    elif frame.kind == "notebook":
        received.notebook = frame.payload
    elif frame.kind == "file":
        received.files[str(frame.fields.get("name"))] = frame.payload
    elif frame.kind == "left_out":
        received.left_out[str(frame.fields.get("name"))] = str(frame.fields.get("reason"))
    elif frame.kind == "result":
        received.result = frame.fields
    elif frame.kind == "answers":
        received.answers, received.killed = frame.payload, frame.fields.get("killed") is True


def ended_in(received: Received) -> int | None:
    """The cell in which the kernel ended; None when it lived, or A did not say."""
    found = (received.result or {}).get("ended_in")
    return None if found is None else int(number(found))


def entries_of(received: Received) -> tuple[HandinEntry, ...]:
    """The manifest, as far as it is one; an entry whose file did not come is missing, with the reason."""
    try:
        listed = json.loads(received.files.get(MANIFEST, b"{}")[:_MANIFEST_BYTES]).get("entries")
    except (ValueError, AttributeError, RecursionError):
        listed = None
    entries = [entry for part in (listed if isinstance(listed, list) else []) if (entry := _parse(HandinEntry, part)) is not None]
    return tuple(_checked(entry, received) for entry in entries if re.fullmatch(r"[A-Za-z_]\w{0,99}", entry.name, re.ASCII))


def _checked(entry: HandinEntry, received: Received) -> HandinEntry:
    if entry.kind in ("missing", "function"):
        return HandinEntry(entry.name, entry.kind, entry.section, None, (entry.reason or "")[:1000] or None)
    needed = {
        "model": (f"{entry.name}/model.json", f"{entry.name}/weights.npz"),
        "value": (f"{entry.name}.json",),
        "history": (f"{entry.name}.json",),
    }.get(entry.kind, (f"{entry.name}.npz",))
    if all(name in received.files for name in needed):
        return HandinEntry(entry.name, entry.kind, entry.section, entry.name if entry.kind == "model" else needed[0])
    own = (f"{entry.name}/", f"{entry.name}.")
    reason = next((why for name, why in received.left_out.items() if name.startswith(own)), "its file is missing")
    return HandinEntry(entry.name, "missing", entry.section, None, f"'{entry.name}' was not handed in: {reason}"[:1000])


def flags_of(received: Received) -> tuple[Flag, ...]:
    """What instructors should know of how it went."""
    found = received.result or {}
    flags = [Flag("output_cut", f"the output of cell {int(number(index)) + 1} was cut") for index in _listed(found.get("cut"))]
    flags += [Flag("cell_timed_out", f"cell {ascii(name)[:100]} reached its time limit") for name in _listed(found.get("timed_out"))]
    flags += [Flag("handin_left_out", f"{name!a}: {ascii(why)[1:-1]}"[:500]) for name, why in list(received.left_out.items())[:20]]
    if received.result is not None and received.answers is None:
        flags.append(Flag("no_answers", "the notebook's process ended while its functions were called"))
    return tuple(flags)


def _listed(value: Any) -> list[Any]:
    return value[:50] if isinstance(value, list) else []


def answers_of(received: Received) -> tuple[Answer, ...]:
    """Each answer on its own: one that cannot be read does not take the others with it. Those of later runs replace the first's."""
    first = (answer for part in _parts(received.answers or b"[]") if (answer := _answer(part)) is not None)
    return tuple({answer.question: answer for answer in (*first, *received.replayed)}.values())


def _answer(part: Any) -> Answer | None:
    """The answer, or why it cannot be read; None where not even its question can. It is read as in the file, one of several."""
    found = _parse(tuple[Answer, ...], [part])
    if found:
        return found[0]
    question = part.get("question") if isinstance(part, dict) else None
    return _parse(Answer, {"question": question, "reason": "it cannot be read: it holds broken text, or lists inside lists without end"})


def _parts(data: bytes) -> list[Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return []
    return found if isinstance(found, list) else []


def _parse(kind: type[T], part: Any) -> T | None:
    try:
        return from_json(kind, json.dumps(part))
    except (ValueError, TypeError, RecursionError):
        return None


def number(value: Any) -> float:
    """A number that A sent, or 0 for whatever else it sent."""
    return float(value) if isinstance(value, int | float) and abs(value) < 1e9 else 0.0
