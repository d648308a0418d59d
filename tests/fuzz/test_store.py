"""Damaged files of the store are read as if they were not there, never as something else, and never end the command."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from autograder.batch.store import Store
from autograder.execution.rundir import RunFolder
from autograder.records import Record, Run, Scoring, from_json, to_json
from tests.feedback.samples import record
from tests.fuzz.mutations import damaged_bytes, damaged_json, fuzz

RECORD = to_json(record()).encode()
RUN = {
    **{"run_key": "0", "outcome": "completed", "reason": "", "first_error": None, "entries": [], "flags": [], "isolation": {"level": 3}},
    **{"usage": {}, "seconds": {}, "versions": {"keras": "3"}, "seed": 1, "questions": ["q"], "data": "d", "release": "r"},
}
SCORING = {
    "tests": [{"name": "test_x", "outcome": "passed", "measured": {"a": 0.5}}],
    "problems": [],
    "confusions": {"m": [[1, 0], [0, 1]]},
}
KINDS = {Record: json.loads(RECORD), Run: RUN, Scoring: SCORING}


@fuzz(300)
@given(st.sampled_from(list(KINDS)), st.data())
def test_what_is_read_is_of_its_kind(kind: Any, data: st.DataObject) -> None:
    whole = json.dumps(KINDS[kind]).encode()
    damaged = data.draw(damaged_bytes(whole) | damaged_json(KINDS[kind]).map(lambda found: json.dumps(found).encode()))
    try:
        found = from_json(kind, damaged)
    except ValueError:
        return
    assert isinstance(found, kind)
    assert from_json(kind, to_json(found)) == found or "NaN" in damaged.decode("utf-8", "replace")


@fuzz(200)
@given(damaged_bytes(RECORD), st.binary(max_size=30) | st.sampled_from([b"../../x", b"a\0b", b"x" * 300, b"0123"]))
def test_a_damaged_record_is_no_record(data: bytes, pointer: bytes) -> None:
    with tempfile.TemporaryDirectory() as root:
        store = Store(Path(root))
        folder = store.root / "records/smoke/tiny/ada"
        folder.mkdir(parents=True)
        (folder / "0123.json").write_bytes(data)
        (folder / "present").write_bytes(pointer)
        for found in (store.read("smoke", "tiny", "ada", "0123"), store.present("smoke", "tiny", "ada"), *store.of_student("tiny", "ada")):
            assert found is None or isinstance(found, Record)
        assert list(store.latest("smoke", "tiny")) in ([], [store.present("smoke", "tiny", "ada")])
        assert store.students("smoke", "tiny") == ["ada"]


@fuzz(200)
@given(damaged_bytes(b'{"cells": [{"cell_type": "code", "source": ["a"]}], "nbformat": 4, "metadata": {}}'))
@example(b"[" * 100_000)
@example(b"[]")
@example(b"null")
def test_a_damaged_run_is_made_again(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as root:
        folder = RunFolder(Path(root))
        for path in (folder.run_file, folder.notebook_file, folder.answers_file):
            path.write_bytes(data)
        assert folder.read() is None
        assert folder.answers() == {}
        found = folder.notebook()
        assert found is None or isinstance(found, dict)
