"""What instructors have beside the source and students must not get: graders, known answers, labels.

A line of a grader or of `solutions/` counts when it has 25 characters or more, white space left out; shorter ones count as
three in a row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.course.paths import CoursePaths

_MOST_BYTES = 5_000_000  # of one file; text that people wrote is shorter


@dataclass(frozen=True)
class SecretFile:
    """One file of the instructor's: where it stands, and its texts (of a notebook each cell is one)."""

    place: str
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Secrets:
    """All that the release is compared with. `labels` (hidden) and those `shown` are whole numbers, one tuple for each file."""

    files: tuple[SecretFile, ...] = ()
    labels: tuple[tuple[int, ...], ...] = ()
    shown: tuple[tuple[int, ...], ...] = ()


def read_secrets(paths: CoursePaths, assignment: str) -> Secrets:
    """The graders and known answers of one assignment, and the hidden labels as far as a split was made already."""
    folders = (paths.graders(assignment), paths.solutions(assignment))
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
    read = [SecretFile(path.relative_to(paths.root).as_posix(), tuple(_texts(path))) for path in files]
    hidden, shown = (tuple(_labels(paths.state / "data", files)) for files in ("*/hidden/y.npy", "*/student/y_*.npy"))
    return Secrets(tuple(each for each in read if each.texts), hidden, shown)


def _texts(path: Path) -> Iterator[str]:
    data = path.read_bytes()[:_MOST_BYTES]
    if b"\0" in data:
        return
    text = data.decode("utf-8", "replace")
    if path.suffix != ".ipynb":
        yield text
        return
    try:
        yield from ("".join(cell.get("source", "")) for cell in json.loads(text)["cells"])
    except (ValueError, TypeError, KeyError, AttributeError):
        yield text


def _labels(data: Path, files: str) -> Iterator[tuple[int, ...]]:
    import numpy as np

    for path in sorted(data.glob(files)):
        try:
            found = np.load(path, allow_pickle=False)
        except (OSError, ValueError):  # not a finished split
            continue
        if found.ndim == 1 and found.dtype.kind in "biuf" and np.array_equal(found, found.astype(np.int64)):
            yield tuple(int(each) for each in found)
