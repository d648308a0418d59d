"""What instructors have beside the source and students must not get: graders, known answers, labels.

A line of a grader or of `solutions/` counts when it has 25 characters or more, white space left out; shorter ones count as
three in a row. Labels count as a run of forty, as text or as the numbers in a file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.course.paths import CoursePaths

_MOST_BYTES = 5_000_000  # of one file; text that people wrote is shorter
_RUN = 40
_STEP = 500
_LABEL_TYPES = ("u1", "<i4", "<i8", "<f4", "<f8")


@dataclass(frozen=True)
class SecretFile:
    """One file of the instructor's: where it stands, and its texts (of a notebook each cell is one)."""

    place: str
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Secrets:
    """All that the release is compared with. `labels` are arrays of whole numbers, one for each data set."""

    files: tuple[SecretFile, ...] = ()
    labels: tuple[tuple[int, ...], ...] = ()


def read_secrets(paths: CoursePaths, assignment: str) -> Secrets:
    """The graders and known answers of one assignment, and the hidden labels as far as a split was made already."""
    folders = (paths.graders(assignment), paths.solutions(assignment))
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
    read = [SecretFile(path.relative_to(paths.root).as_posix(), tuple(_texts(path))) for path in files]
    return Secrets(tuple(each for each in read if each.texts), tuple(_labels(paths.state / "data")))


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


def _labels(data: Path) -> Iterator[tuple[int, ...]]:
    import numpy as np

    for path in sorted(data.glob("*/hidden/y.npy")):
        try:
            found = np.load(path, allow_pickle=False)
        except (OSError, ValueError):  # not a finished split
            continue
        if found.ndim == 1 and found.dtype.kind in "biuf" and np.array_equal(found, found.astype(np.int64)):
            yield tuple(int(each) for each in found)


@dataclass(frozen=True)
class LabelFinder:
    """Finds runs of labels in text and bytes."""

    digits: frozenset[str]
    arrays: tuple[bytes, ...]

    @classmethod
    def of(cls, labels: Sequence[tuple[int, ...]]) -> LabelFinder:
        import numpy as np

        digits = {text[at : at + _RUN] for each in labels if (text := "".join(map(str, each))) for at in range(len(text) - _RUN + 1)}
        starts = [each[at : at + _RUN] for each in labels for at in range(0, max(1, len(each) - _RUN), _STEP)]
        runs = [run for run in starts if len(run) == _RUN and len(set(run)) > 1]
        return cls(
            frozenset(each for each in digits if len(set(each)) > 1),
            tuple(np.array(run).astype(kind).tobytes() for run in runs for kind in _LABEL_TYPES),
        )

    def in_text(self, text: str) -> bool:
        """Whether forty labels stand there one after the other, whatever separates them."""
        if not self.digits:
            return False
        found = "".join(filter(str.isdigit, text))
        return any(found[at : at + _RUN] in self.digits for at in range(len(found) - _RUN + 1))

    def in_bytes(self, data: bytes) -> bool:
        """Whether a stretch of a label array stands there, as NumPy writes it."""
        return any(each in data for each in self.arrays)
