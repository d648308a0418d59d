"""Whatever lies in a hand-in folder, or comes out of process A, is understood, missing or refused; nothing of it raises anything else."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.built_in import Refused
from autograder.execution.received import Received, answers_of, ended_in, entries_of, flags_of
from autograder.grading.opening import read_config, read_weights
from autograder.handin import MANIFEST
from autograder.records import to_json
from tests.fuzz.mutations import damaged_bytes, damaged_json, fuzz, is_explained, values

LIMIT = 1_000_000


def _layer(kind: str, **config: Any) -> dict[str, Any]:
    return {"module": "keras.layers", "class_name": kind, "config": {"name": kind.lower(), **config}, "registered_name": None}


CONFIG = {
    "config": {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "model", "layers": [_layer("InputLayer", batch_shape=[None, 4]), _layer("Dense", units=2, activation="relu")]},
        "registered_name": None,
        "compile_config": {"optimizer": "adam"},
    },
    "weights": [{"path": "dense/kernel", "shape": [4, 2], "trainable": True}],
}
ENTRIES = [
    {"name": "model", "kind": "model", "section": 1, "file": "model", "reason": None},
    {"name": "x", "kind": "array", "section": 1, "file": "x.npz", "reason": None},
    {"name": "f", "kind": "function", "section": 1, "file": None, "reason": None},
    {"name": "y", "kind": "missing", "section": 2, "file": None, "reason": "'y' is not defined"},
]
MANIFESTED = {"schema": 1, "entries": ENTRIES}
SAID = b'[{"question": "q", "value": 1}, {"question": "r", "reason": "no"}]'
RESULT = {
    "outcome": "cell_error",
    "reason": "train: NameError",
    "timed_out": ["train"],
    "first_error": {"cell": "train", "name": "NameError", "message": "x"},
    "ended_in": 3,
    "student_cpu_s": 1.0,
    "cut": [2],
}


def _npz() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, w0000=np.ones((4, 2), np.float32), w0001=np.zeros(2, np.float32))
    return stream.getvalue()


WEIGHTS = _npz()


def folder_with(name: str, data: bytes) -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory()
    Path(folder.name, name).write_bytes(data)
    return folder


@fuzz(300)
@given(damaged_bytes(json.dumps(CONFIG).encode()) | damaged_json(CONFIG).map(lambda found: json.dumps(found).encode()))
def test_a_models_configuration_is_read_or_refused(data: bytes) -> None:
    with folder_with("model.json", data) as folder:
        try:
            config = read_config(Path(folder))
        except Refused as refused:
            is_explained(refused)
        else:
            assert config["class_name"] in ("Sequential", "Functional")
            assert "compile_config" not in config


@fuzz(300)
@given(damaged_bytes(WEIGHTS))
def test_a_models_weights_are_read_or_refused(data: bytes) -> None:
    with folder_with("weights.npz", data) as folder:
        try:
            weights = read_weights(Path(folder), LIMIT)
        except Refused as refused:
            is_explained(refused)
        else:
            assert sum(array.nbytes for array in weights) <= LIMIT
            assert all(array.dtype.kind != "O" for array in weights)


@fuzz(300)
@given(
    damaged_bytes(json.dumps({"entries": ENTRIES}).encode())
    | damaged_json({"entries": ENTRIES}).map(lambda found: json.dumps(found).encode())
)
def test_a_manifest_names_only_what_is_there(data: bytes) -> None:
    there = {MANIFEST: data, "model/model.json": b"{}", "model/weights.npz": WEIGHTS, "x.npz": b""}
    for entry in entries_of(Received(files=there)):
        to_json(entry)
        assert entry.name.isidentifier()
        assert entry.file is None or entry.file == "model" or entry.file in there


@fuzz(300)
@given(
    damaged_json(RESULT) | values,
    st.binary(max_size=30) | damaged_bytes(b'[{"question": "q", "value": 1}, {"question": "r", "reason": "no"}]'),
)
def test_whatever_process_a_says_becomes_flags_and_answers(result: Any, answers: bytes) -> None:
    received = Received(result=result if isinstance(result, dict) else {}, answers=answers)
    for each in (*flags_of(received), *answers_of(received)):
        to_json(each)
    assert ended_in(received) is None or isinstance(ended_in(received), int)


@fuzz(100)
@given(st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=5))
def test_names_of_files_that_were_left_out_can_be_written(left_out: dict[str, str]) -> None:
    for flag in flags_of(Received(result={}, answers=b"[]", left_out=left_out)):
        to_json(flag)
        assert "\n" not in flag.detail
