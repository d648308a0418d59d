from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from autograder.course.notebook import read_notebook
from autograder.course.profile import RunLimits, RunProfile
from autograder.doctor.structure import from_flags
from autograder.intake.parsing import parse_notebook
from autograder.intake.restore import grade_id_of, put_parameters, restore
from autograder.records import PreparedNotebook
from tests.conftest import SAMPLES, cell_of

Notebook = dict[str, Any]
RELEASE = read_notebook(SAMPLES / "tiny/source_assignments/tiny/tiny.ipynb")  # stands for a release: restoring only looks at structure


def restored(change: Callable[[Notebook], Any]) -> PreparedNotebook:
    submitted = copy.deepcopy(RELEASE)
    change(submitted)
    return restore(parse_notebook(json.dumps(submitted).encode()), RELEASE)


def sources(prepared: PreparedNotebook) -> list[str]:
    return [cell["source"] for cell in prepared.notebook["cells"]]


def kinds(prepared: PreparedNotebook) -> list[str]:
    return [flag.kind for flag in prepared.flags]


def test_an_untouched_notebook_comes_back_as_it_is() -> None:
    prepared = restored(lambda notebook: None)
    assert sources(prepared) == [cell["source"] for cell in RELEASE["cells"]]
    assert kinds(prepared) == []


def test_answers_come_from_the_student_and_locked_cells_from_the_release() -> None:
    def change(notebook: Notebook) -> None:
        cell_of(notebook, "prepare")["source"] = "images = 7"
        cell_of(notebook, "images")["source"] = "print('passed')"
        cell_of(notebook, "images")["metadata"]["nbgrader"]["locked"] = False

    prepared = restored(change)
    assert cell_of(prepared.notebook, "prepare")["source"] == "images = 7"
    assert cell_of(prepared.notebook, "images") == {**cell_of(RELEASE, "images"), "outputs": [], "execution_count": None}
    assert kinds(prepared) == ["edited_locked_cell"]


def test_metadata_and_tags_of_students_do_not_survive() -> None:
    def change(notebook: Notebook) -> None:
        cell_of(notebook, "prepare")["metadata"]["tags"] = ["skip-execution", "parameters"]
        notebook["cells"].insert(
            3, {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": "seed = 5", "id": "mine", "outputs": []}
        )

    prepared = restored(change)
    tagged = [grade_id_of(cell) for cell in prepared.notebook["cells"] if "parameters" in cell["metadata"].get("tags", [])]
    assert tagged == ["parameters"]
    assert "seed = 5" in sources(prepared)


def test_deleted_cells_are_put_back() -> None:
    prepared = restored(lambda notebook: notebook["cells"].remove(cell_of(notebook, "hand_in_images")))
    assert sources(prepared) == [cell["source"] for cell in RELEASE["cells"]]
    assert kinds(prepared) == ["deleted_cell"]


def test_cells_without_any_id_find_their_place_by_their_text() -> None:
    def change(notebook: Notebook) -> None:
        for cell in notebook["cells"]:
            cell.pop("id")

    assert sources(restored(change)) == [cell["source"] for cell in RELEASE["cells"]]


def test_of_duplicated_cells_the_last_changed_one_counts_and_the_others_still_run() -> None:
    def change(notebook: Notebook) -> None:
        place = notebook["cells"].index(cell_of(notebook, "write_double"))
        second = copy.deepcopy(notebook["cells"][place])
        second["source"] = "def double(n): return n + n"
        notebook["cells"].insert(place + 1, second)

    prepared = restored(change)
    assert cell_of(prepared.notebook, "write_double")["source"] == "def double(n): return n + n"
    assert kinds(prepared) == ["duplicate_cell"]
    assert len(prepared.notebook["cells"]) == len(RELEASE["cells"]) + 1


def test_moved_cells_stand_in_the_released_order() -> None:
    prepared = restored(lambda notebook: notebook["cells"].reverse())
    assert [grade_id_of(cell) for cell in prepared.notebook["cells"]] == [grade_id_of(cell) for cell in RELEASE["cells"]]
    assert "reordered_cells" in kinds(prepared)


def test_own_cells_keep_their_place_behind_the_cell_they_followed() -> None:
    def change(notebook: Notebook) -> None:
        place = notebook["cells"].index(cell_of(notebook, "prepare"))
        for offset, text in enumerate(["first = 1", "second = 2"]):
            notebook["cells"].insert(place + 1 + offset, {"cell_type": "code", "metadata": {}, "source": text, "outputs": []})

    found = sources(restored(change))
    place = found.index(cell_of(RELEASE, "prepare")["source"])
    assert found[place + 1 : place + 3] == ["first = 1", "second = 2"]


def test_a_retyped_answer_is_code_again() -> None:
    def change(notebook: Notebook) -> None:
        cell_of(notebook, "prepare")["cell_type"] = "markdown"

    prepared = restored(change)
    assert cell_of(prepared.notebook, "prepare")["cell_type"] == "code"
    assert kinds(prepared) == ["retyped_cell"]


def test_a_flag_is_short_whatever_it_names() -> None:
    prepared = restored(lambda notebook: notebook["metadata"]["kernelspec"].update(name="k" * 1_000_000))
    assert len(prepared.flags[0].detail) < 300


def test_a_wrong_kernel_is_replaced() -> None:
    def change(notebook: Notebook) -> None:
        notebook["metadata"]["kernelspec"]["name"] = "julia"

    prepared = restored(change)
    assert prepared.notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert kinds(prepared) == ["wrong_kernel"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("seed = 1\nepoch_limit = 3", "seed = 5\nepoch_limit = 2"),
        ("seed = 1  # any number\nepoch_limit=3", "seed = 5  # any number\nepoch_limit = 2"),
        ("sample_limit = None\nseed = 12", "sample_limit = None\nseed = 5"),
        ("my_seed = 1", "my_seed = 1"),
    ],
)
def test_profile_values_go_into_the_parameters_cell(source: str, expected: str) -> None:
    limits = RunLimits(cell_s=1, total_s=1, hand_in_bytes=1, submission_bytes=1, files=1)
    profile = RunProfile("smoke", "digits", None, epoch_limit=2, sample_limit=None, seed=5, limits=limits, curves={})
    notebook = {"cells": [{"source": source, "metadata": {"tags": ["parameters"]}}, {"source": "seed = 1", "metadata": {}}]}
    assert [cell["source"] for cell in put_parameters(notebook, profile)["cells"]] == [expected, "seed = 1"]


def _with_plain_cells() -> tuple[Notebook, Notebook]:
    """A release with two code cells that are nobody's answer, and the same without cell ids, as some editors save it."""
    release = copy.deepcopy(RELEASE)
    place = release["cells"].index(cell_of(release, "prepare"))
    plain = [
        {"cell_type": "code", "metadata": {}, "source": source, "id": name, "outputs": [], "execution_count": None}
        for name, source in {"size": "batch_size = 32", "shown": "print(batch_size)"}.items()
    ]
    release["cells"][place:place] = plain
    submitted = copy.deepcopy(release)
    for cell in submitted["cells"]:
        cell.pop("id", None)
    return release, submitted


def test_an_edited_plain_cell_is_the_students_even_when_ids_are_gone() -> None:
    release, submitted = _with_plain_cells()
    place = next(index for index, cell in enumerate(submitted["cells"]) if cell["source"] == "batch_size = 32")
    submitted["cells"][place]["source"] = "batch_size = 128"
    prepared = restore(parse_notebook(json.dumps(submitted).encode()), release)
    assert sources(prepared) == ["batch_size = 128" if source == "batch_size = 32" else source for source in sources(restored_of(release))]
    assert kinds(prepared) == []


def test_a_plain_code_cell_that_was_deleted_is_put_back_and_told() -> None:
    release, submitted = _with_plain_cells()
    submitted["cells"] = [cell for cell in submitted["cells"] if cell["source"] != "batch_size = 32"]
    parsed = parse_notebook(json.dumps(submitted).encode())
    prepared = restore(parsed, release)
    assert sources(prepared) == [cell["source"] for cell in release["cells"]]
    assert [flag.detail for flag in prepared.flags] == ["'batch_size = 32' was missing and was put back as released"]
    assert [each.kind for each in from_flags(prepared.flags, parsed.cells, release)] == ["deleted_cell"]


def restored_of(release: Notebook) -> PreparedNotebook:
    return restore(parse_notebook(json.dumps(release).encode()), release)
