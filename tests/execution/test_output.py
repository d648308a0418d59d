from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import papermill  # noqa: F401  # it loads our engine, which cannot be imported before it
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from autograder.execution.engine import CourseClient, Session
from autograder.execution.output import OutputBudget, collapse, is_displayable, shorten_error


@pytest.mark.parametrize(
    ("before", "text", "expected"),
    [
        ("", "plain\ntext", "plain\ntext"),
        ("done\n10%", "\r20%", "done\n20%"),
        ("", "1/3\r2/3\r3/3\n", "3/3\n"),
        ("", "windows\r\nline\r\n", "windows\nline\n"),
        ("abc", "\b\b12", "a12"),
        ("first\nabc", "\b\b\b\b\b\b", "first\n"),
        ("50%\r", "60%", "60%"),
        ("50%", "\r", "50%\r"),
    ],
)
def test_progress_bars_collapse_to_what_a_terminal_shows(before: str, text: str, expected: str) -> None:
    assert collapse(before, text) == expected


def test_a_long_output_before_a_progress_bar_is_not_searched_again_and_again() -> None:
    """It took seconds for each message once, quadratic in what was there before; with this much it would not end."""
    before = "x" * 3_000_000 + "\n"
    assert collapse(before, "1/2\r2/2") == before + "2/2"


def test_a_keras_progress_bar_becomes_one_line() -> None:
    outputs: list[Any] = []
    budget = OutputBudget(per_cell=500, pictures_per_cell=500, in_total=10_000, received_limit=10**9)
    width = 0
    for step in range(1, 400):
        bar = f"{step}/399 ━━━━ accuracy: 0.5"
        budget.add_stream(0, outputs, "stdout", "\b" * width + "\r" + bar)
        width = len(bar)
    assert [output["text"] for output in outputs] == ["399/399 ━━━━ accuracy: 0.5"]
    assert budget.cut == set()


def test_text_is_cut_inside_the_message_with_a_line_saying_so() -> None:
    outputs: list[Any] = []
    budget = OutputBudget(per_cell=1_000, pictures_per_cell=1_000, in_total=1_500, received_limit=10**9)
    for cell in range(3):
        for _ in range(10):
            budget.add_stream(cell, outputs, "stdout", "é" * 300)
    assert budget.cut == {0, 1, 2}
    assert "output cut here" in outputs[0]["text"]
    assert sum(len(output["text"].encode()) for output in outputs) < 2_500


def test_a_flood_is_noticed_however_it_comes() -> None:
    budget = OutputBudget(per_cell=100, pictures_per_cell=100, in_total=200, received_limit=10_000)
    outputs: list[Any] = []
    for _ in range(300):
        budget.admit(0, outputs, {"data": {"text/html": "x" * 50}})
    assert budget.exceeded()
    assert len(outputs) == 1


def test_a_figure_is_kept_where_as_much_text_is_cut() -> None:
    outputs: list[Any] = []
    budget = OutputBudget(per_cell=100, pictures_per_cell=1_000, in_total=2_000, received_limit=10**9)
    figure = {"output_type": "display_data", "data": {"image/png": "x" * 600, "text/plain": "<Figure>"}}
    assert budget.admit(0, outputs, figure)
    budget.add_stream(0, outputs, "stdout", "text beside it")
    assert budget.cut == set()
    assert not budget.admit(0, outputs, figure)
    assert budget.cut == {0}


def test_an_update_takes_the_place_of_what_was_there() -> None:
    budget = OutputBudget(per_cell=1_000, pictures_per_cell=1_000, in_total=1_500, received_limit=10**9)
    old, text, figure = ({"data": {kind: "x" * size}, "metadata": {}} for kind, size in (("a/b", 9), ("a/b", 800), ("image/png", 800)))
    assert budget.admit(0, [], old)
    room = budget.room(0)
    for _ in range(10):
        assert budget.exchange([(0, old)], text)
        assert budget.exchange([(0, text)], figure)
        assert budget.exchange([(0, figure)], old)
    assert not budget.exchange([(0, old), (1, old), (2, old)], text)  # each has room for it, and all together not
    assert (budget.room(0), budget.room(0, picture=True)) == (room, 1_000)


def test_updates_of_displays_are_kept_within_the_same_limits() -> None:
    """Each could grow to half a megabyte once, uncounted; a hundred of them, and all that was handed in was lost."""
    budget = OutputBudget(per_cell=1_000, pictures_per_cell=5_000, in_total=20_000, received_limit=10**9)
    session = Session(None, Path(), 1, 1, budget, lambda: None, lambda *_: None, list)  # type: ignore[arg-type]  # no kernel here
    notebook = new_notebook(cells=[new_code_cell() for _ in range(10)])
    client = CourseClient(SimpleNamespace(nb=notebook, autosave_cell=lambda: None), session)

    def send(kind: str, cell: int, name: str, data: dict[str, str]) -> None:
        content = {"data": data, "metadata": {}, "transient": {"display_id": name}}
        message = {"msg_type": kind, "header": {"msg_type": kind}, "parent_header": {}, "content": content}
        client.process_message(message, notebook.cells[cell], cell)

    for cell in range(10):
        for name in ("a", "b"):
            send("display_data", cell, f"{cell}{name}", {"text/plain": "0 %"})
            send("update_display_data", cell, f"{cell}{name}", {"image/png": "x" * 4_000})
            send("update_display_data", cell, f"{cell}{name}", {"text/plain": "y" * 4_000})
    assert len(str(notebook)) < 30_000
    kinds = [[next(iter(output["data"])) for output in cell.outputs] for cell in notebook.cells]
    assert kinds[:4] == [["image/png", "text/plain"]] * 4
    send("update_display_data", 9, "0a", {"text/plain": "done"})
    assert notebook.cells[0].outputs[0]["data"] == {"text/plain": "done"}


def test_cleared_output_makes_room_again() -> None:
    outputs: list[Any] = []
    budget = OutputBudget(per_cell=100, pictures_per_cell=100, in_total=1_000, received_limit=10**9)
    budget.add_stream(0, outputs, "stdout", "x" * 200)
    budget.forget(0)
    outputs.clear()
    budget.add_stream(0, outputs, "stdout", "fresh")
    assert outputs[0]["text"] == "fresh"


def test_an_error_with_an_endless_message_stays_an_error() -> None:
    short = shorten_error({"ename": "ValueError", "evalue": "x" * 10**6, "traceback": ["y" * 10**6] * 500})
    assert short["ename"] == "ValueError"
    assert len(short["evalue"]) == 10_000
    assert sum(map(len, short["traceback"])) <= 50_000


@pytest.mark.parametrize(
    ("content", "fits"),
    [
        ({"data": {"text/plain": "x", "application/json": {"a": 1}}}, True),
        ({"data": {"image/png": [1, 2]}}, False),
        ({"data": {"text/plain": 3}}, False),
        ({"data": {}, "metadata": []}, False),
        ({"data": "x"}, False),
    ],
)
def test_only_what_a_notebook_file_may_hold_is_kept(content: dict[str, Any], fits: bool) -> None:
    assert is_displayable(content) is fits
