"""What was handed in is the student's, whatever reading it raises: malformed files fail as theirs, and never as the grader's."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from autograder import wire
from autograder.grading.fixtures import Answers, HandinProblem, Submission
from autograder.records import Answer, HandinEntry, Question


def submission(folder: Path, *entries: HandinEntry) -> Submission:
    (folder / "refusals.json").write_text('{"refused": "The model \'refused\' cannot be opened: it is odd."}')
    return Submission("a", folder, list(entries), folder, {"cell": "x = 1"})


def test_where_no_model_was_handed_in_nothing_was_opened(tmp_path: Path) -> None:
    found = Submission("a", tmp_path, [HandinEntry("m", "missing", 1, reason="no such name")], tmp_path / "opened", {})
    with pytest.raises(HandinProblem):
        found.model("m")
    with pytest.raises(HandinProblem):
        found.model("other")


def _zip(name: str, content: bytes, **options: int) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", **options) as archive:  # type: ignore[arg-type]  # a compression, if any
            archive.writestr(name, content)

    return write


def _header(shape: str) -> bytes:
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"PK\x03\x04 nothing"),
        lambda path: np.savez(path, other=np.zeros(3)),
        lambda path: np.savez_compressed(path, array=np.zeros(3)),
        lambda path: np.savez(path, array=np.array([object()], dtype=object)),
        lambda path: np.savez(path, array=np.zeros(10**6)),
        lambda path: np.savez(path, array=np.zeros(3, dtype=[("a", "f4")])),
        lambda path: np.savez(path, array=np.array(["a", "b"])),
        _zip("array.npy", _header("(2**70,)")),
        _zip("array.npy", _header(str((2**50,)))),
        _zip("array.npy", b"no array"),
    ],
)
def test_malformed_arrays_are_the_students(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path / "x.npz")
    with pytest.raises(HandinProblem, match="cannot be read as an array"):
        submission(tmp_path, HandinEntry("x", "array", 1, "x.npz")).array("x")


@pytest.mark.parametrize("shape", [[2**64 - 1, 3], [3.5e300], [float("inf")], [-1], [0], [], [10**12, 2]])
def test_malformed_samples_are_the_students(tmp_path: Path, shape: list[float]) -> None:
    np.savez(tmp_path / "x.npz", shape=np.array(shape), dtype=np.array("<f4"), rows=np.zeros((2, 2), "f4"), indices=np.arange(2))
    with pytest.raises(HandinProblem, match="malformed"):
        submission(tmp_path, HandinEntry("x", "array_sample", 1, "x.npz")).sample("x")


def test_a_sample_with_other_rows_than_asked_for_is_refused(tmp_path: Path) -> None:
    array = np.arange(600_000, dtype="f4").reshape(-1, 2)
    indices = wire.sample_indices("a", "x", len(array))
    files = {"shape": np.array(array.shape), "dtype": np.array("<f4"), "rows": array[indices]}
    np.savez(tmp_path / "x.npz", **files, indices=indices)  # type: ignore[arg-type]  # numpy's stub mixes keywords with arrays
    entry = HandinEntry("x", "array_sample", 1, "x.npz")
    sample = submission(tmp_path, entry).sample("x")
    assert sample.shape == array.shape
    assert np.array_equal(sample.rows, array[sample.indices])
    with pytest.raises(HandinProblem, match="larger than the 1 MB"):
        submission(tmp_path, entry).array("x")
    np.savez(tmp_path / "x.npz", **files, indices=np.arange(len(indices)))  # type: ignore[arg-type]  # as above
    with pytest.raises(HandinProblem, match="not those that were asked for"):
        submission(tmp_path, entry).sample("x")


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 2_000 + "]" * 2_000, '{"__array__": "!", "dtype": "f8", "shape": [1e400]}', '{"__float__": "x"}']
)
def test_malformed_values_are_the_students(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(HandinProblem):
        submission(tmp_path, HandinEntry("x", "value", 1, "x.json")).value("x")


def test_a_value_is_read_up_to_the_size_in_which_it_is_handed_in(tmp_path: Path) -> None:
    """What somebody wrote past `hand_in` must not cost the scorer more than what others hand in."""
    (tmp_path / "x.json").write_text(json.dumps("a" * (wire.VALUE_BYTES - 2)))
    (tmp_path / "y.json").write_text(json.dumps("a" * (wire.VALUE_BYTES - 1)))
    (tmp_path / "h.json").write_text(json.dumps({"loss": [0.5] * wire.VALUE_BYTES}))
    handed = submission(
        tmp_path, *(HandinEntry(name, "value", 1, f"{name}.json") for name in "xy"), HandinEntry("h", "history", 1, "h.json")
    )
    assert len(handed.value("x")) == wire.VALUE_BYTES - 2
    with pytest.raises(HandinProblem, match="malformed"):
        handed.value("y")
    assert len(handed.history("h")["loss"]) == wire.VALUE_BYTES


@pytest.mark.parametrize("content", [[1], {"loss": 3}, {"loss": ["a"]}, {"loss": [10**400]}])
def test_malformed_histories_are_the_students(tmp_path: Path, content: object) -> None:
    (tmp_path / "h.json").write_text(json.dumps(content))
    with pytest.raises(HandinProblem):
        submission(tmp_path, HandinEntry("h", "history", 1, "h.json")).history("h")


def test_a_dictionary_of_lists_is_a_value_and_a_history(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"a": [1, 2], "b": [3]}')
    handed = submission(tmp_path, HandinEntry("x", "history", 1, "x.json"))
    assert handed.value("x") == {"a": [1, 2], "b": [3]}
    assert handed.history("x") == {"a": [1.0, 2.0], "b": [3.0]}


def test_what_is_missing_gives_its_reason(tmp_path: Path) -> None:
    handed = submission(
        tmp_path,
        HandinEntry("gone", "missing", 1, None, "'gone' is not defined"),
        HandinEntry("refused", "model", 1, "refused"),
        HandinEntry("text", "value", 1, "text.json"),
    )
    for call, reason in [
        (lambda: handed.array("gone"), "'gone' is not defined"),
        (lambda: handed.array("never"), "the notebook ended before its hand-in cell"),
        (lambda: handed.model("refused"), "cannot be opened"),
        (lambda: handed.model("text"), "is handed in as single value, model was expected"),
    ]:
        with pytest.raises(HandinProblem, match=reason):
            call()


def test_answers_come_in_order_and_a_missing_one_fails_when_it_is_reached() -> None:
    questions = [Question(f"q{index}", "f", (index,), 5.0) for index in range(3)]
    answers = {"q0": Answer("q0", value=1), "q1": Answer("q1", reason="f did not return within 5 s")}
    given = iter(Answers(questions, answers))
    assert next(given) == (0, 1)
    with pytest.raises(HandinProblem, match=r"No answer from f: f did not return within 5 s\.$"):
        next(given)


def test_a_reason_that_is_a_sentence_already_ends_with_one_full_stop() -> None:
    untouched = "f raised NotImplementedError: Write your code in place of these two lines, then run the cell again."
    given = iter(Answers([Question("q", "f", (1,), 5.0)], {"q": Answer("q", reason=untouched)}))
    with pytest.raises(HandinProblem, match=r"run the cell again\.$"):
        next(given)
