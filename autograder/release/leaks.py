"""Looks for solutions in what students are about to get.

A line is the solution's when it stands between BEGIN and END SOLUTION (or HIDDEN TESTS, or MARK SCHEME), or anywhere in a
solution cell without such a region, because nbgrader then replaces the whole cell. Lines are compared without white
space, backslashes and backticks, with one kind of quotes, and without the signs that begin a comment, heading or list.

Two lines are the same when these forms are equal; a line of 20 characters or more is also found inside a longer text.
What says nothing does not count: fewer than 6 characters, no letter, imports, lone keywords, code fences, nbgrader's stubs.
A line is excused when it also stands outside the regions in a source cell of the same type: code that students are given
anyway is no secret, but prose that quotes a line of code gives it away. Archives are not opened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.errors import Problem

MARKERS = tuple(f"{edge} {kind}" for kind in ("SOLUTION", "HIDDEN TESTS", "MARK SCHEME") for edge in ("BEGIN", "END"))

_SHORTEST, _DISTINCTIVE = 6, 20
_EMPTY = re.compile(
    r"(import|from)\s.*|return( None| True| False)?|finally:|continue|[`~]{3,}\w*"
    r"|# YOUR CODE HERE|YOUR ANSWER HERE|raise NotImplementedError\(.*\)"
)
_CURE = "Take it out of the source folder, or reword it; `### BEGIN SOLUTION` … `### END SOLUTION` removes code from solution cells."


@dataclass(frozen=True)
class _Text:
    """One string of the release and where it stands."""

    place: str
    content: str


def find_leaks(source_notebook: dict[str, Any], release_folder: Path) -> list[Problem]:
    """Solution lines, markers and outputs of `source_notebook` (JSON) in the files below `release_folder`."""
    hidden = _solution_lines(source_notebook)
    texts = [text for path in sorted(release_folder.rglob("*")) if path.is_file() for text in _texts(path, release_folder)]
    leaks = [problem for text in texts for problem in _leaks(text, hidden)]
    return leaks + [problem for path in sorted(release_folder.rglob("*.ipynb")) for problem in _outputs(path, release_folder)]


def solution_regions(cell: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """The lines of a cell, markers left out, each with whether it is the solution's."""
    lines = _joined(cell.get("source", "")).splitlines()
    whole = _is_solution(cell) and not any(MARKERS[0] in line for line in lines)
    inside = False
    for line in lines:
        marker = next((marker for marker in MARKERS if marker in line), None)
        if marker:
            inside = marker.startswith("BEGIN")
        else:
            yield line, inside or whole


def _is_solution(cell: dict[str, Any]) -> bool:
    return bool(cell.get("metadata", {}).get("nbgrader", {}).get("solution"))


def _solution_lines(notebook: dict[str, Any]) -> dict[str, str]:
    """The lines that must not get out, by their compared form."""
    lines = [(cell["cell_type"], line, secret) for cell in notebook.get("cells", []) for line, secret in solution_regions(cell)]
    given = {(kind, _line_form(line)) for kind, line, secret in lines if not secret}
    hidden: dict[str, str] = {}
    for kind, line, secret in lines:
        if secret and _says_something(line) and (kind, _line_form(line)) not in given:
            hidden.setdefault(_line_form(line), line.strip())
    return hidden


def _says_something(line: str) -> bool:
    form = _line_form(line)
    return len(form) >= _SHORTEST and any(sign.isalpha() for sign in form) and not _EMPTY.fullmatch(line.strip())


def _form(text: str) -> str:
    return re.sub(r"[\s\\`]+", "", text).replace("'", '"')


def _line_form(line: str) -> str:
    return _form(line).lstrip("#>*-+")


def _leaks(text: _Text, hidden: dict[str, str]) -> Iterator[Problem]:
    yield from (Problem(text.place, f"the marker '{marker}' remains", _CURE) for marker in MARKERS if marker in text.content)
    lines, whole = {_line_form(line) for line in text.content.splitlines()}, _form(text.content)
    found = [line for form, line in hidden.items() if form in lines or (len(form) >= _DISTINCTIVE and form in whole)]
    if found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        yield Problem(text.place, f"a line of the solution stands here: '{found[0]:.100}'{more}", _CURE)


def _texts(path: Path, folder: Path) -> Iterator[_Text]:
    """Every string of a notebook or JSON file, the whole text of any other."""
    place, content = path.relative_to(folder).as_posix(), path.read_bytes().decode("utf-8", "ignore")
    try:
        parsed = json.loads(content) if path.suffix in (".ipynb", ".json") else None
    except ValueError:
        parsed = None
    if isinstance(parsed, dict) and path.suffix == ".ipynb":
        for index, cell in enumerate(parsed.pop("cells", []), start=1):
            name = f"{place}, cell {index} ({cell.get('cell_type')})"
            yield from (_Text(f"{name}, {where}", string) for where, string in _strings(cell))
    if parsed is None:
        yield _Text(place, content)
    else:
        yield from (_Text(f"{place}, {where}", string) for where, string in _strings(parsed))


def _strings(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Every string in JSON with the first keys on the way to it; a list of strings is one text, as notebooks write it."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        yield where, "\n".join(each.rstrip("\n") for each in value)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each, where)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield where or key, key
            yield from _strings(each, f"{where}.{key}" if where else key)


def _joined(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)


def _outputs(path: Path, folder: Path) -> Iterator[Problem]:
    try:
        cells = json.loads(path.read_bytes()).get("cells", [])
    except (ValueError, AttributeError):
        return
    for index, cell in enumerate(cells, start=1):
        if cell.get("outputs"):
            place = f"{path.relative_to(folder).as_posix()}, cell {index}"
            yield Problem(place, "outputs remain", "Clear all outputs of the source notebook.")
