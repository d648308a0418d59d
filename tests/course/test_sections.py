from __future__ import annotations

from typing import Any

import pytest

from autograder.course.sections import find_sections, section_problems


def code(grade_id: str, source: str = "", solution: bool = False, needs: Any = None) -> dict[str, Any]:
    metadata: dict[str, Any] = {"nbgrader": {"grade_id": grade_id, "solution": solution, "locked": not solution}}
    if needs is not None:
        metadata["autograder"] = {"needs": needs}
    return {"cell_type": "code", "source": source, "metadata": metadata}


def notebook(needs_of_c: Any = None, needs_of_b: Any = None) -> dict[str, Any]:
    return {
        "cells": [
            {"cell_type": "markdown", "source": "# Title", "metadata": {}},
            code("load"),
            code("write_a", solution=True),
            code("check_a"),
            code("hand_in_a", 'hand_in("a", functions=["f"])'),
            code("write_b", solution=True),
            code("hand_in_b", 'hand_in("b")', needs=needs_of_b),
            code("helper"),
            code("write_c", solution=True),
            code("hand_in_c", 'hand_in("c")', needs=needs_of_c),
            code("write_last", solution=True),
        ]
    }


def test_a_section_ends_with_its_hand_in_cell_and_set_up_comes_before_the_first_answer() -> None:
    a, b, c = find_sections(notebook())
    assert [(each.name, each.own) for each in (a, b, c)] == [("hand_in_a", (2, 3, 4)), ("hand_in_b", (5, 6)), ("hand_in_c", (7, 8, 9))]
    assert a.before == (0, 1)
    assert (a.names, a.functions) == ({"a"}, {"f"})


def test_without_a_declaration_all_earlier_sections_are_needed() -> None:
    assert [section.needs for section in find_sections(notebook())] == [(), ("hand_in_a",), ("hand_in_a", "hand_in_b")]


def test_needs_of_needs_are_included_and_an_empty_list_is_the_set_up_alone() -> None:
    _, b, c = find_sections(notebook(needs_of_c=["hand_in_b"], needs_of_b=["hand_in_a"]))
    assert c.needs == ("hand_in_a", "hand_in_b")
    assert find_sections(notebook(needs_of_c=[]))[2].cells == (0, 1, 7, 8, 9)
    assert b.cells == (0, 1, 2, 3, 4, 5, 6)


def test_an_unlocked_cell_that_hands_in_ends_no_section() -> None:
    made = notebook()
    made["cells"][4]["metadata"]["nbgrader"]["locked"] = False
    assert [section.name for section in find_sections(made)] == ["hand_in_b", "hand_in_c"]


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        (["hand_in_d"], "needs 'hand_in_d', which is no earlier hand-in cell\n  → Did you mean"),
        (["hand_in_c"], "needs 'hand_in_c', which is no earlier"),
        ("hand_in_a", "needs 'hand_in_a', which is no earlier"),
        ([3], "needs 3, which is no earlier"),
    ],
)
def test_wrong_needs_are_named(needs: Any, said: str) -> None:
    (problem, *others) = section_problems("here", notebook(needs_of_c=needs))
    assert said in str(problem) if needs != "hand_in_a" else "needs 'hand_in_a'" in str(problem)
    assert others == []
    assert find_sections(notebook(needs_of_c=needs))[2].name == "hand_in_c"


def test_right_needs_are_no_problem() -> None:
    assert section_problems("here", notebook(needs_of_c=["hand_in_a"], needs_of_b=[])) == []
