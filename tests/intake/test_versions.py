"""Which release version a submission began as, and what an erratum changes for it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from autograder.course.notebook import read_notebook
from autograder.intake.parsing import SubmittedNotebook, parse_notebook
from autograder.intake.restore import restore
from autograder.intake.versions import brought_up, changes, fetched_sources, migrated, recognise
from tests.conftest import SAMPLES, cell_of

Notebook = dict[str, Any]


def numbered(number: int | None) -> Notebook:
    notebook = read_notebook(SAMPLES / "tiny/source_assignments/tiny/tiny.ipynb")
    return notebook if number is None else {**notebook, "metadata": {**notebook["metadata"], "autograder": {"release": number}}}


OLD, NEW = numbered(1), numbered(2)
cell_of(NEW, "images")["source"] += "\n# corrected"  # a grade cell
cell_of(NEW, "seed")["source"] += "\n# corrected"  # a locked cell without points
cell_of(NEW, "prepare")["source"] = "images = None  # the task, said better"
BOTH = {1: OLD, 2: NEW}


def read(notebook: Notebook) -> SubmittedNotebook:
    return parse_notebook(json.dumps(notebook).encode())


def with_metadata(notebook: Notebook, **metadata: Any) -> SubmittedNotebook:
    return read({**notebook, "metadata": metadata})


@pytest.mark.parametrize("number", [1, 2])
def test_the_number_in_the_notebook_says_it(number: int) -> None:
    assert recognise(read(BOTH[number]), BOTH) == (number, ())


@pytest.mark.parametrize("number", [1, 2])
def test_without_a_number_the_locked_cells_say_it(number: int) -> None:
    assert recognise(with_metadata(BOTH[number]), BOTH) == (number, ())


def test_one_version_needs_no_recognising() -> None:
    assert recognise(with_metadata(OLD, autograder={"release": 7}), {3: OLD}) == (3, ())


@pytest.mark.parametrize("odd", [7, "1", True, -1, 10**30, None, [1], {"release": 1}])
def test_a_number_that_is_none_does_no_harm(odd: Any) -> None:
    assert recognise(with_metadata(OLD, autograder={"release": odd}), BOTH) == (1, ())
    assert recognise(with_metadata(OLD, autograder=odd), BOTH) == (1, ())


def test_where_nothing_tells_the_newest_is_taken_and_flagged() -> None:
    blank = copy.deepcopy(OLD)
    for name in ("images", "seed"):
        blank["cells"].remove(cell_of(blank, name))
    version, (flag,) = recognise(with_metadata(blank), BOTH)
    assert (version, flag.kind) == (2, "unknown_release")


def test_a_number_that_the_cells_contradict_counts_and_is_flagged() -> None:
    version, (flag,) = recognise(with_metadata(NEW, autograder={"release": 1}), BOTH)
    assert (version, flag.kind) == (1, "other_release")
    assert "says that it is release version 1, its locked cells are those of version 2" in flag.detail


def test_only_locked_cells_without_points_migrate() -> None:
    found = {each.grade_id: (each.what, each.migrates) for each in changes(OLD, NEW)}
    assert found == {"seed": ("changed", True), "prepare": ("changed", False), "images": ("changed", False)}
    made = migrated(OLD, NEW)
    assert cell_of(made, "seed")["source"].endswith("# corrected")
    assert [cell for cell in made["cells"] if cell not in OLD["cells"]] == [cell_of(made, "seed")]
    assert made["metadata"] == OLD["metadata"]


def test_a_cell_that_must_not_migrate_stays() -> None:
    newer = copy.deepcopy(NEW)
    cell_of(newer, "seed")["metadata"]["autograder"] = {"migrate": False}
    assert migrated(OLD, newer) == OLD


def test_a_new_locked_cell_comes_behind_the_cell_that_it_follows() -> None:
    newer = copy.deepcopy(OLD)
    added = copy.deepcopy(cell_of(newer, "seed"))
    added["metadata"]["nbgrader"]["grade_id"], added["id"], added["source"] = "more", "more", "import math"
    newer["cells"].insert(newer["cells"].index(cell_of(newer, "seed")) + 1, added)
    names = [cell["metadata"].get("nbgrader", {}).get("grade_id") for cell in migrated(OLD, newer)["cells"]]
    assert names[names.index("seed") + 1] == "more"


def test_a_corrected_cell_is_no_edit_of_the_student_s() -> None:
    submitted, now = read(OLD), migrated(OLD, NEW)
    assert restore(submitted, now, fetched_sources(OLD, now)).flags == ()
    assert [flag.kind for flag in restore(submitted, now).flags] == ["edited_locked_cell"]


def test_a_notebook_brought_up_keeps_every_answer_and_gets_the_rest() -> None:
    mine = copy.deepcopy(OLD)
    cell_of(mine, "prepare")["source"] = "images = 7"
    mine["cells"].append({"cell_type": "code", "metadata": {}, "source": "print(images)", "id": "mine", "outputs": []})
    made = brought_up(read(mine), OLD, NEW)
    assert cell_of(made, "prepare")["source"] == "images = 7"
    assert cell_of(made, "seed")["source"].endswith("# corrected")
    assert made["cells"][-1]["source"] == "print(images)"
    assert made["metadata"]["autograder"] == {"release": 2}
    untouched = brought_up(read(OLD), OLD, NEW)
    assert cell_of(untouched, "prepare")["source"] == "images = None  # the task, said better"


def test_an_answer_to_a_task_that_is_gone_stays_in_the_notebook() -> None:
    newer = copy.deepcopy(NEW)
    newer["cells"].remove(cell_of(newer, "prepare"))
    mine = copy.deepcopy(OLD)
    cell_of(mine, "prepare")["source"] = "images = 7"
    assert "images = 7" in [cell["source"] for cell in brought_up(read(mine), OLD, newer)["cells"]]


def test_plain_text_that_a_student_left_alone_becomes_the_newer_one() -> None:
    newer = copy.deepcopy(NEW)
    newer["cells"][0]["source"] = "# A tiny assignment, its task corrected"
    assert {each.grade_id: each.what for each in changes(OLD, newer)}["cell cell-0"] == "changed"
    assert migrated(OLD, newer) == migrated(OLD, NEW)
    renamed = copy.deepcopy(OLD)
    renamed["cells"][0]["id"] = "another"
    assert changes(OLD, renamed) == ()
    sources = [cell["source"] for cell in brought_up(read(OLD), OLD, newer)["cells"]]
    assert sources == [cell["source"] for cell in newer["cells"]]
    mine = copy.deepcopy(OLD)
    mine["cells"][0]["source"] += "\n\nMy notes."
    assert brought_up(read(mine), OLD, newer)["cells"][0]["source"] == mine["cells"][0]["source"]


def test_an_answer_to_a_cell_that_is_locked_now_stays_beside_it() -> None:
    newer = copy.deepcopy(NEW)
    cell_of(newer, "prepare")["metadata"]["nbgrader"].update(solution=False, locked=True)
    mine = copy.deepcopy(OLD)
    cell_of(mine, "prepare")["source"] = "images = 7"
    cells = brought_up(read(mine), OLD, newer)["cells"]
    assert cell_of({"cells": cells}, "prepare")["source"] == "images = None  # the task, said better"
    [kept] = [cell for cell in cells if cell["source"] == "images = 7"]
    assert "nbgrader" not in kept["metadata"]
