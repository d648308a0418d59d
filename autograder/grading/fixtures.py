"""What a grader's fixtures give: the submission's plain files, answers, predictions and the data. No Keras, no pickle."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograder import wire
from autograder.errors import sentence
from autograder.files import read_bounded
from autograder.histories import curves_of
from autograder.records import Answer, HandinEntry, ModelDescription, Question, from_json

_SAMPLE_BYTES = 64 * 2**20
_SAMPLE_LENGTH = 100_000_000
_VALUE_BYTES = {"value": wire.VALUE_BYTES, "history": 10 * wire.VALUE_BYTES}  # as much as a notebook hands in; of a history any length


class HandinProblem(AssertionError):
    """What was handed in is missing or malformed: the student's, and its message is for them."""


class GraderProblem(Exception):
    """The grader asks for something that does not exist: the instructor's."""


@dataclass(frozen=True)
class Sample:
    """256 rows of an array too large to hand in whole; shape and dtype are what the notebook said, the rows are real."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    rows: NDArray[Any]
    indices: NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """One part of the data: examples and labels, read-only."""

    x: NDArray[Any]
    y: NDArray[Any]


class Submission:
    """The hand-ins of one notebook by name. Each method fails, for the student, with the reason why something is not there."""

    def __init__(
        self, assignment: str, handin: Path, entries: list[HandinEntry], opened: Path, sources: dict[str, str], version: int = 1
    ) -> None:
        self._assignment, self._handin, self._opened, self._sources = assignment, handin, opened, sources
        self._version = version
        self._entries = {entry.name: entry for entry in entries}
        self._refusals: dict[str, str] = json.loads((opened / "refusals.json").read_bytes())

    @property
    def version(self) -> int:
        """Number of the release version that the student worked on; 1 until an erratum was released."""
        return self._version

    def require_model(self, name: str) -> None:
        """Fails, for the student, when no model was handed in by this name; says nothing of whether it could be opened."""
        self._entry(name, "model")

    def model(self, name: str) -> ModelDescription:
        """The description of a handed-in model, opened in a process of its own."""
        self._entry(name, "model")
        if name in self._refusals:
            raise HandinProblem(self._refusals[name])
        return from_json(ModelDescription, (self._opened / f"{name}.json").read_bytes())

    def array(self, name: str) -> NDArray[Any]:
        """A handed-in array of up to 1 MB. A larger one fails for the student, who can make any array large."""
        if self._entry(name, "array", "array_sample").kind == "array_sample":
            shape = self.sample(name).shape
            raise HandinProblem(
                f"'{name}' has shape {shape} and is larger than the 1 MB that is handed in whole (sampled: use submission.sample)."
            )
        return self._arrays(name, wire.ARRAY_BYTES, "array")[0]

    def sample(self, name: str) -> Sample:
        """256 rows of a handed-in array; of a small one, which was handed in whole, the same rows."""
        if self._entry(name, "array", "array_sample").kind == "array":
            whole = self._arrays(name, wire.ARRAY_BYTES, "array")[0]
            indices = wire.sample_indices(self._assignment, name, len(whole)) if whole.ndim else np.zeros(0, np.int64)
            return Sample(whole.shape, whole.dtype, whole[indices] if whole.ndim else whole, indices)
        shape, dtype, rows, indices = self._arrays(name, _SAMPLE_BYTES, "shape", "dtype", "rows", "indices")
        return self._checked_sample(name, shape, dtype, rows, indices)

    def _checked_sample(self, name: str, shape: Any, dtype: Any, rows: Any, indices: Any) -> Sample:
        """The rows must be the ones that this assignment samples from an array of that length."""
        try:
            sides = tuple(int(side) for side in shape)
            if not 0 < sides[0] <= _SAMPLE_LENGTH:
                raise ValueError
            kind = np.dtype(str(dtype))
            expected = wire.sample_indices(self._assignment, name, sides[0])
        except Exception:  # what a hand-in holds is the student's, whatever reading it raises
            raise HandinProblem(f"The sample of '{name}' is malformed.") from None
        if not np.array_equal(indices, expected) or rows.shape != (len(expected), *sides[1:]) or rows.dtype != kind:
            raise HandinProblem(f"The sample of '{name}' is malformed: its rows are not those that were asked for.")
        return Sample(sides, kind, rows, expected)

    def value(self, name: str) -> Any:
        """A handed-in number, text, list or dictionary."""
        self._entry(name, "value", "history")  # a dictionary of lists of numbers is handed in as a history
        try:
            return wire.decode(self._json(name))
        except Exception:  # as above
            raise HandinProblem(f"The value '{name}' is malformed.") from None

    def history(self, name: str) -> dict[str, list[float]]:
        """Handed-in training curves: metric → one float for each epoch; every kind of accuracy is called so."""
        self._entry(name, "history", "value")
        found = self._json(name)
        if not isinstance(found, dict) or not all(isinstance(values, list) for values in found.values()):
            raise HandinProblem(f"The history '{name}' is malformed.")
        try:
            return curves_of(found)
        except Exception:  # as above
            raise HandinProblem(f"The history '{name}' holds values that are no numbers.") from None

    def source(self, cell: str) -> str:
        """The source text of a cell by its grade id, as it was executed."""
        if cell not in self._sources:
            raise GraderProblem(f"The notebook has no cell '{cell}'.")
        return self._sources[cell]

    def _entry(self, name: str, *kinds: str) -> HandinEntry:
        entry = self._entries.get(name)
        if entry is None:
            raise HandinProblem(f"'{name}' was not handed in: the notebook ended before its hand-in cell, or that cell failed.")
        if entry.kind == "missing":
            raise HandinProblem(entry.reason or f"'{name}' was not handed in.")
        if entry.kind not in kinds:
            words = {"array_sample": "array", "value": "single value", "history": "training history"}
            raise HandinProblem(
                f"'{name}' is handed in as {words.get(entry.kind, entry.kind)}, {words.get(kinds[0], kinds[0])} was expected."
            )
        return entry

    def _json(self, name: str) -> Any:
        try:
            return json.loads(read_bounded(self._handin / f"{name}.json", _VALUE_BYTES[self._entries[name].kind]))
        except Exception:  # as above
            raise HandinProblem(f"What was handed in as '{name}' cannot be read.") from None

    def _arrays(self, name: str, limit: int, *keys: str) -> list[NDArray[Any]]:
        path = self._handin / f"{name}.npz"
        try:
            return load_arrays(path, limit, keys)
        except Exception:  # as above; a header may claim any size, so MemoryError too
            raise HandinProblem(f"What was handed in as '{name}' cannot be read as an array.") from None


def load_arrays(path: Path, limit: int, keys: tuple[str, ...]) -> list[NDArray[Any]]:
    """Named arrays of numbers of an npz that somebody else wrote: uncompressed, no pickle, at most `limit` bytes (and their headers)."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if (
            any(member.compress_type != zipfile.ZIP_STORED for member in members)
            or sum(member.file_size for member in members) > limit + 10_000
        ):
            raise ValueError("compressed or too large")
    with np.load(path, allow_pickle=False) as arrays:
        found = [arrays[key] for key in keys]
    if not all(isinstance(array, np.ndarray) for array in found):
        raise ValueError("a member is no array")  # NumPy gives the bytes of whatever else lies in the archive
    for key, array in zip(keys, found, strict=True):
        if key != "dtype":  # the name of one
            wire.check_numeric(array)
    return found


class Answers:
    """Answers of a student's function, as pairs (arguments, answer). One that is missing fails, for the student, when it is reached."""

    def __init__(self, questions: list[Question], answers: dict[str, Answer]) -> None:
        self._questions, self._answers = questions, answers

    def __len__(self) -> int:
        return len(self._questions)

    def __iter__(self) -> Iterator[tuple[tuple[Any, ...], Any]]:
        for question in self._questions:
            arguments = tuple(wire.decode(list(question.arguments)))
            yield arguments if len(arguments) != 1 else arguments[0], self._value(question)

    def _value(self, question: Question) -> Any:
        answer = self._answers.get(question.id)
        if answer is None:
            raise HandinProblem(f"{question.function} could not be called: the notebook had ended before.")
        if answer.reason is not None:
            raise HandinProblem(sentence(f"No answer from {question.function}: {answer.reason}"))
        try:
            return wire.decode(answer.value)
        except Exception:  # as above
            raise HandinProblem(f"The answer of {question.function} is malformed.") from None


@dataclass(frozen=True)
class Predictions:
    """Outputs of one handed-in model for the hidden and the visible examples, float32 (n, …)."""

    hidden: NDArray[np.float32]
    visible: NDArray[np.float32]


@dataclass(frozen=True)
class ProfileView:
    """What a grader may ask of the profile that it runs under."""

    name: str
    dataset: str
    epoch_limit: int | None
    sample_limit: int | None


def read_predictions(opened: Path, key: str, model: str, submission: Submission) -> Predictions:
    """The predictions of one model; fails, for the student, with the reason why there are none."""
    submission.require_model(model)
    path = opened / f"{key}.npz"
    if not path.is_file():
        why = opened / "unpredicted.json"
        reasons: dict[str, str] = json.loads(why.read_bytes()) if why.is_file() else {}
        if key not in reasons:
            submission.model(model)  # the reason why it was not opened
        raise HandinProblem(reasons.get(key, f"There are no predictions of '{model}'."))
    with np.load(path, allow_pickle=False) as arrays:
        return Predictions(arrays["hidden"], arrays["visible"])
