"""Looks in what students are about to get for what they must not get: solutions, graders, known answers, labels.

A line is the solution's when it stands between BEGIN and END SOLUTION (or HIDDEN TESTS, or MARK SCHEME), or anywhere in a
solution cell without such a region, because nbgrader then replaces the whole cell. Lines are compared without white
space, backslashes and backticks, with one kind of quotes, in small letters, and without the signs that begin a comment, heading or
list.

Two lines are the same when these forms are equal; a line of 20 characters or more is also found inside a longer text.
What says nothing does not count: fewer than 6 characters, no letter, imports, lone keywords, code fences, nbgrader's stubs.
A line is excused when it also stands outside the regions in a source cell of the same type: code that students are given
anyway is no secret, but prose that quotes a line of code gives it away.

Of graders and known answers lines of 25 characters or more count. Three lines in a row count whatever their length, if two of
them say something. Both are excused when they stand anywhere in the source notebook outside the regions; files beside it excuse
nothing, since a grader copied there is a leak. Zip files are looked into, other archives as far as they are plain text.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.errors import Problem
from autograder.release.labels import LabelFinder
from autograder.release.secrets import Secrets

MARKERS = tuple(f"{edge} {kind}" for kind in ("SOLUTION", "HIDDEN TESTS", "MARK SCHEME") for edge in ("BEGIN", "END"))

_SHORTEST, _DISTINCTIVE, _LONG = 6, 20, 25
_MOST_MEMBERS, _MOST_BYTES = 1_000, 20_000_000
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


@dataclass(frozen=True)
class _Hidden:
    """A line, or three of them, that must not get out, and whose it is."""

    line: str
    whose: str


Triple = tuple[str, str, str]


@dataclass(frozen=True)
class _Index:
    """Everything hidden by its compared form; `long` are the distinctive lines by their first 20 characters."""

    lines: dict[str, _Hidden]
    triples: dict[Triple, _Hidden]
    long: dict[str, list[str]]

    def found_in(self, content: str) -> list[_Hidden]:
        """What of it stands in a text, each line once."""
        forms = [form for line in content.splitlines() if (form := _line_form(line))]
        found = [form for form in dict.fromkeys(forms) if form in self.lines]
        whole = _form(content)
        found += [form for at in range(len(whole) - _DISTINCTIVE + 1) for form in self._beginning(whole, at)]
        rows = [self.triples[row] for row in _rows(forms) if row in self.triples]
        return list(dict.fromkeys([*(self.lines[form] for form in dict.fromkeys(found)), *rows]))

    def _beginning(self, whole: str, at: int) -> Iterator[str]:
        for form in self.long.get(whole[at : at + _DISTINCTIVE], ()):
            if whole.startswith(form, at):
                yield form


def find_leaks(source_notebook: dict[str, Any], release_folder: Path, secrets: Secrets | None = None) -> list[Problem]:
    """Solution lines, markers and outputs of `source_notebook` (JSON) in the files below `release_folder`, and of the instructor's files
    and labels in `secrets`."""
    secrets = secrets or Secrets()
    index, labels = _index(source_notebook, secrets), LabelFinder.of(secrets.labels, secrets.shown)
    files = [path for path in sorted(release_folder.rglob("*")) if path.is_file()]
    texts = [text for path in files for text in _texts(path, release_folder)]
    leaks = [problem for text in texts for problem in _leaks(text, index)]
    leaks += [_label_leak(text.place) for text in texts if labels.in_text(text.content)]
    leaks += [_label_leak(place) for path in files for place, data in _contents(path, release_folder) if labels.in_bytes(data)]
    return leaks + [problem for path in sorted(release_folder.rglob("*.ipynb")) for problem in _outputs(path, release_folder)]


def _label_leak(place: str) -> Problem:
    return Problem(place, "labels of the hidden images stand here", "Take them out: they decide about the accuracy.")


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


def _index(notebook: dict[str, Any], secrets: Secrets) -> _Index:
    lines = {form: _Hidden(line, "the solution") for form, line in _solution_lines(notebook).items()}
    given, given_rows = _given(notebook)
    triples: dict[Triple, _Hidden] = {}
    hidden = [("the solution", "\n".join(line for line, secret in solution_regions(cell) if secret)) for cell in notebook.get("cells", [])]
    for whose, text in [*hidden, *((file.place, text) for file in secrets.files for text in file.texts)]:
        said = [line for line in text.splitlines() if _line_form(line)]
        forms = [_line_form(line) for line in said]
        for at, row in enumerate(_rows(forms)):
            if row not in given_rows and sum(map(_says_something, said[at : at + 3])) > 1:
                triples.setdefault(row, _Hidden(said[at].strip(), whose))
        for line, form in zip(said, forms, strict=True):
            if whose != "the solution" and len(form) >= _LONG and _says_something(line) and form not in given:
                lines.setdefault(form, _Hidden(line.strip(), whose))
    long: dict[str, list[str]] = {}
    for form in lines:
        if len(form) >= _DISTINCTIVE:
            long.setdefault(form[:_DISTINCTIVE], []).append(form)
    return _Index(lines, triples, long)


def _given(notebook: dict[str, Any]) -> tuple[str, set[Triple]]:
    """What students see in the notebook anyway, as one text, and its rows of three."""
    shown = [
        [form for line, secret in solution_regions(cell) if not secret and (form := _line_form(line))] for cell in notebook.get("cells", [])
    ]
    return "\n".join("".join(forms) for forms in shown), {row for forms in shown for row in _rows(forms)}


def _rows(forms: list[str]) -> Iterator[Triple]:
    return zip(forms, forms[1:], forms[2:], strict=False)


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
    return re.sub(r"[\s\\`]+", "", text).replace("'", '"').casefold()


def _line_form(line: str) -> str:
    return _form(line).lstrip("#>*-+")


def _leaks(text: _Text, index: _Index) -> Iterator[Problem]:
    yield from (Problem(text.place, f"the marker '{marker}' remains", _CURE) for marker in MARKERS if marker in text.content)
    found = index.found_in(text.content)
    if found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        yield Problem(text.place, f"a line of {found[0].whose} stands here: '{found[0].line:.100}'{more}", _CURE)


def _texts(path: Path, folder: Path) -> Iterator[_Text]:
    """Every string of a notebook or JSON file, the whole text of any other; of a zip file that of each file in it."""
    for place, data in _contents(path, folder):
        yield from _texts_in(place, data)


def _contents(path: Path, folder: Path) -> Iterator[tuple[str, bytes]]:
    """The bytes of a file and where they stand; of a zip file (an npz is one) those of each file in it too."""
    place = path.relative_to(folder).as_posix()
    yield place, path.read_bytes()
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist()[:_MOST_MEMBERS]:
            try:
                with archive.open(member) as stream:
                    data = stream.read(_MOST_BYTES)
            except (OSError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error):
                continue  # encrypted or damaged: students cannot read it either
            yield f"{place}, {member.filename}", data


def _texts_in(place: str, data: bytes) -> Iterator[_Text]:
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    content = data.decode(encoding, "ignore")
    try:
        parsed = json.loads(content) if place.endswith((".ipynb", ".json")) else None
    except ValueError:
        parsed = None
    if isinstance(parsed, dict) and place.endswith(".ipynb"):
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
