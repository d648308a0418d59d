"""Any bytes are a notebook that is restored, or are refused with a reason and a cure; what is lost on the way is flagged."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from autograder.course.notebook import read_notebook
from autograder.errors import SubmissionError
from autograder.intake.choosing import choose_notebook
from autograder.intake.restore import grade_id_of, is_locked, restore
from autograder.records import PreparedNotebook, to_json
from tests.conftest import SAMPLES, cell_of
from tests.fuzz.mutations import damaged_bytes, damaged_json, fuzz, is_explained

RELEASE = read_notebook(SAMPLES / "tiny/source_assignments/tiny/tiny.ipynb")
ANSWERS = {"prepare": "images = 'the answer of prepare'", "train": "model = 'the answer of train'"}


def _submitted() -> dict[str, Any]:
    notebook = copy.deepcopy(RELEASE)
    for grade_id, source in ANSWERS.items():
        cell_of(notebook, grade_id)["source"] = source
    for cell in notebook["cells"]:
        cell.setdefault("outputs", [{"output_type": "stream", "text": ["a\n", "b"]}])
    return notebook


SUBMITTED = _submitted()
WRITTEN = json.dumps(SUBMITTED).encode()
OLD = json.dumps(
    {"nbformat": 3, "worksheets": [{"cells": [{**cell, "input": cell["source"]} for cell in SUBMITTED["cells"]]}], "metadata": {}}
).encode()


def graded(data: bytes) -> PreparedNotebook | None:
    """What is executed, checked for what holds of all that is; None when it is refused in order."""
    try:
        prepared = restore(choose_notebook({"tiny.ipynb": data}, "tiny", RELEASE, 2**20), RELEASE)
    except SubmissionError as error:
        is_explained(error)
        return None
    json.dumps(prepared.notebook, ensure_ascii=False).encode()
    assert all(to_json(flag) for flag in prepared.flags)
    by_id = [cell for cell in prepared.notebook["cells"] if grade_id_of(cell)]
    released = [cell for cell in RELEASE["cells"] if grade_id_of(cell)]
    assert [grade_id_of(cell) for cell in by_id] == [grade_id_of(cell) for cell in released]
    for cell, original in zip(by_id, released, strict=True):
        assert (cell["cell_type"], cell["metadata"]) == (original["cell_type"], original["metadata"])
        assert not is_locked(original) or cell["source"] == original["source"]
    return prepared


@fuzz(300)
@given(damaged_bytes(WRITTEN) | damaged_bytes(OLD) | damaged_bytes(json.dumps(SUBMITTED).encode("utf-16")) | st.binary(max_size=50))
def test_damaged_bytes(data: bytes) -> None:
    graded(data)


@fuzz(300)
@given(damaged_json(SUBMITTED) | damaged_json(json.loads(OLD)))
def test_damaged_structure(notebook: Any) -> None:
    graded(json.dumps(notebook).encode("utf-8", "surrogatepass"))


@fuzz(200)
@given(st.data())
def test_an_answer_that_gets_lost_is_never_lost_silently(data: st.DataObject) -> None:
    """Only the cells around it are damaged, or its cell as a whole; its text stays."""
    notebook = copy.deepcopy(SUBMITTED)
    lost = data.draw(st.sampled_from(sorted(ANSWERS)))
    cell = cell_of(notebook, lost)
    damage = data.draw(damaged_json({key: value for key, value in cell.items() if key != "source"}))
    notebook["cells"] = data.draw(st.permutations(notebook["cells"])) if data.draw(st.booleans()) else notebook["cells"]
    place = next(index for index, each in enumerate(notebook["cells"]) if each is cell)
    notebook["cells"][place] = {"source": cell["source"], **damage}
    prepared = graded(json.dumps(notebook).encode("utf-8", "surrogatepass"))
    if prepared is not None and "source" not in damage and cell_of(prepared.notebook, lost)["source"] != ANSWERS[lost]:
        assert prepared.flags
