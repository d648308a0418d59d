"""Outputs of cells, kept bounded while they arrive: progress bars collapsed, text cut inside the message."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

_CONTROL = re.compile(r"[\r\b]")


def collapse(before: str, text: str) -> str:
    """`before + text` as a terminal shows it: a carriage return starts the line anew, a backspace takes one character back.

    Only the last line of `before` can change. The line behind a carriage return stays until something follows it.
    """
    if not _CONTROL.search(text) and not before.endswith("\r"):
        return before + text
    start = before.rfind("\n") + 1
    lines = (before[start:] + text).replace("\r\n", "\n").split("\n")
    return before[:start] + "\n".join(_collapse_line(line, last=index == len(lines) - 1) for index, line in enumerate(lines))


def _collapse_line(line: str, last: bool) -> str:
    pending = "\r" if last and line.endswith("\r") else ""
    visible = line.rstrip("\r").rpartition("\r")[2]
    if "\b" not in visible:
        return visible + pending
    kept: list[str] = []
    for character in visible:
        if character != "\b":
            kept.append(character)
        elif kept:
            kept.pop()
    return "".join(kept) + pending


@dataclass
class OutputBudget:
    """Counts what the cells keep and what has arrived; all in bytes of UTF-8."""

    per_cell: int
    pictures_per_cell: int
    in_total: int
    received_limit: int
    received: int = 0
    kept: dict[int, int] = field(default_factory=dict)
    pictures: dict[int, int] = field(default_factory=dict)
    cut: set[int] = field(default_factory=set)

    def exceeded(self) -> bool:
        """Whether so much arrived that the run must end."""
        return self.received > self.received_limit

    def room(self, cell: int, picture: bool = False) -> int:
        """Bytes that the cell may still keep: an honest figure is larger than any text that somebody will read."""
        limit, used = (self.pictures_per_cell, self.pictures) if picture else (self.per_cell, self.kept)
        in_total = sum(self.kept.values()) + sum(self.pictures.values())
        return max(0, min(limit - used.get(cell, 0), self.in_total - in_total))

    def forget(self, cell: int) -> None:
        """The cell cleared its output."""
        self.kept.pop(cell, None)
        self.pictures.pop(cell, None)
        self.cut.discard(cell)

    def add_stream(self, cell: int, outputs: list[Any], name: str, text: str) -> None:
        """Appends stream text to the cell's outputs, merged with the last output where that is the same stream."""
        self.received += len(text)
        last = outputs[-1] if outputs else None
        merge = last is not None and last["output_type"] == "stream" and last["name"] == name
        before = last["text"] if merge and last is not None else ""
        if cell in self.cut:
            return
        whole = collapse(before, text[: self.per_cell * 4])
        self.kept[cell] = self.kept.get(cell, 0) - _size(before)
        room = self.room(cell)
        if _size(whole) > room:
            whole = whole.encode()[:room].decode(errors="ignore") + self._cut_line(cell)
        self.kept[cell] = self.kept.get(cell, 0) + _size(whole)
        if merge and last is not None:
            last["text"] = whole
        else:
            outputs.append({"output_type": "stream", "name": name, "text": whole})

    def admit(self, cell: int, outputs: list[Any], output: dict[str, Any], always: bool = False) -> bool:
        """Counts another output (display, result, error); False, and one line instead, when there is no room for it."""
        size = _size(json.dumps(output, default=str))
        self.received += size
        if always:
            self.kept[cell] = self.kept.get(cell, 0) + size
            return True
        if cell in self.cut:
            return False
        if size > self.room(cell, _has_picture(output)):
            outputs.append({"output_type": "stream", "name": "stdout", "text": self._cut_line(cell)})
            return False
        self._count(cell, output, size)
        return True

    def exchange(self, places: list[tuple[int, dict[str, Any]]], output: dict[str, Any]) -> bool:
        """Counts a display that takes the places of others, given with their cells; False, and those stay, when one cell lacks the room."""
        before = dict(self.kept), dict(self.pictures)
        for cell, replaced in places:
            self._count(cell, replaced, -_shown_size(replaced))
        for cell, _ in places:
            if _shown_size(output) > self.room(cell, _has_picture(output)):
                self.kept, self.pictures = before
                return False
            self._count(cell, output, _shown_size(output))
        return True

    def _count(self, cell: int, output: dict[str, Any], size: int) -> None:
        used = self.pictures if _has_picture(output) else self.kept
        used[cell] = used.get(cell, 0) + size

    def _cut_line(self, cell: int) -> str:
        self.cut.add(cell)
        text, pictures, in_total = self.per_cell // 1000, self.pictures_per_cell // 1000, self.in_total // 1_000_000
        return f"\n[output cut here: {text} KB of text and {pictures} KB of pictures per cell and {in_total} MB in all are kept]\n"


def is_displayable(content: Any) -> bool:
    """Whether a display's data are what a notebook file may hold: text for each type, or JSON for JSON types."""
    data = content.get("data") if isinstance(content, dict) else None
    if not isinstance(data, dict) or not isinstance(content.get("metadata", {}), dict):
        return False
    return all(isinstance(kind, str) and (isinstance(value, str) or kind.endswith("json")) for kind, value in data.items())


def _has_picture(output: dict[str, Any]) -> bool:
    data = output.get("data")
    return isinstance(data, dict) and any(str(kind).startswith("image/") for kind in data)


def _shown_size(output: dict[str, Any]) -> int:
    """Of what an update replaces."""
    return _size(json.dumps([output.get("data"), output.get("metadata")], default=str))


def shorten_error(output: dict[str, Any], limit: int = 10_000) -> dict[str, Any]:
    """An error output whose message and traceback are cut, so that an exception with a long text stays an exception."""
    found = output.get("traceback", [])
    lines = [str(line)[: limit // 5] for line in found][-20:] if isinstance(found, list) else []
    return {
        "output_type": "error",
        "ename": str(output.get("ename", ""))[:200],
        "evalue": str(output.get("evalue", ""))[:limit],
        "traceback": lines,
    }


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
