from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from autograder.errors import ConfigurationError
from autograder.quality.equivalents import Equivalent, read_equivalents
from autograder.quality.mutants import Mutant, choose, kinds_of, make_mutants


def cell(grade_id: str, source: str, kind: str = "code", **marks: bool) -> dict[str, Any]:
    return {"cell_type": kind, "source": source, "metadata": {"nbgrader": {"grade_id": grade_id, "solution": True, **marks}}}


NOTEBOOK = {
    "cells": [
        cell("size", "def size(n, k):\n    return n - k + 1"),
        cell("mean", "def mean(x):\n    return x.sum(axis=1) / x.shape[1]"),
        cell("words", "Answer + 1", kind="markdown", grade=True),
        cell("given", "a = 1 + 1", solution=False),
        cell("magic", "%time x = 1 + 1"),
    ]
}


def test_mutants_come_from_code_solution_cells_in_order_and_each_once() -> None:
    mutants, unread = make_mutants(NOTEBOOK)
    assert [mutant.cell for mutant in mutants] == sorted((mutant.cell for mutant in mutants), key=["size", "mean"].index)
    assert len({(mutant.cell, mutant.source) for mutant in mutants}) == len(mutants)
    assert unread == ("'magic' cannot be read as Python (line 1: invalid syntax), so it has no mutants",)


def test_mutants_are_always_the_same() -> None:
    assert make_mutants(NOTEBOOK) == make_mutants(NOTEBOOK)


def test_a_diff_has_only_the_lines_that_differ() -> None:
    mutant = next(mutant for mutant in make_mutants(NOTEBOOK)[0] if mutant.id == "size:term_forgotten:2")
    assert mutant.diff == "-    return n - k + 1\n+    return n - k"
    assert mutant.added == "    return n - k"


def test_few_are_chosen_from_every_cell_and_of_many_kinds() -> None:
    mutants, _ = make_mutants(NOTEBOOK)
    chosen = choose(mutants, 6)
    assert [mutant.cell for mutant in chosen].count("size") == 3
    assert len({mutant.mistake for mutant in chosen}) == 6
    assert {mutant.cell for mutant in choose(mutants, 2)} == {"size", "mean"}
    assert choose(mutants, 1_000) == mutants
    assert choose(mutants, 0) == ()


def test_every_kind_is_chosen_before_any_twice_wherever_it_stands() -> None:
    """Nine kinds crowd in one cell, one of them also in three others: from each cell in turn, kinds would be left out."""
    places = [("crowded", f"kind{index}") for index in range(9)] + [(cell, "kind0") for cell in ("one", "two", "three") for _ in range(5)]
    mutants = [Mutant(f"{cell}:{kind}:{index}", cell, kind, "", "", "") for index, (cell, kind) in enumerate(places)]
    assert {mutant.mistake for mutant in choose(mutants, 9)} == {f"kind{index}" for index in range(9)}
    assert len({mutant.mistake for mutant in choose(mutants, 5)}) == 5
    cells = [mutant.cell for mutant in choose(mutants, 15)]
    assert {cell: cells.count(cell) for cell in dict.fromkeys(cells)} == {"crowded": 9, "one": 2, "two": 2, "three": 2}


def test_a_kind_is_tried_where_least_has_to_run() -> None:
    mutants = [Mutant(f"{cell}:{kind}", cell, kind, "", "", "") for cell, kinds in (("late", "abcd"), ("early", "abc")) for kind in kinds]
    cells_that_run = {"early": 10, "late": 60}
    assert [mutant.id for mutant in choose(mutants, 4, cells_that_run.__getitem__)] == ["late:b", "late:d", "early:a", "early:c"]


def test_by_itself_no_cell_is_left_out() -> None:
    """Where there are as many cells as that, and no kind of their own in most."""
    mutants = [Mutant(f"{cell}:{kind}", f"cell{cell}", f"kind{kind}", "", "", "") for cell in range(50) for kind in range(3)]
    chosen = choose(mutants, None)
    assert (len(chosen), len({mutant.cell for mutant in chosen})) == (50, 50)


@pytest.mark.parametrize(("kinds", "chosen"), [(3, 40), (60, 60)])
def test_by_itself_no_kind_is_left_out(kinds: int, chosen: int) -> None:
    mutants = [Mutant(str(index), "cell", f"kind{index % kinds}", "", "", "") for index in range(100)]
    assert len(choose(mutants, None)) == chosen
    assert {mutant.mistake for mutant in choose(mutants, None)} == {f"kind{index}" for index in range(kinds)}


def test_kinds_are_named_in_the_order_of_the_catalogue() -> None:
    assert kinds_of(make_mutants(NOTEBOOK)[0])[:3] == ("wrong_axis", "axis_forgotten", "function_swapped")


def test_a_declaration_fits_by_cell_mistake_and_text() -> None:
    first, second = (mutant for mutant in make_mutants(NOTEBOOK)[0] if mutant.id.startswith("size:term_forgotten"))
    whole, part = Equivalent("size", "term_forgotten", "free"), Equivalent("size", "term_forgotten", "free", becomes="n - k")
    assert (whole.fits(first), whole.fits(second)) == (True, True)
    assert (part.fits(first), part.fits(second)) == (False, True)
    assert not Equivalent("mean", "term_forgotten", "free").fits(first)


def test_declarations_are_read(tmp_path: Path) -> None:
    text = '[[equivalent]]\ncell = "size"\nmistake = "sign"\nreason = "free"\n'
    (tmp_path / "equivalents.toml").write_text(f'{text}{text}profile = "smoke"\n')
    free, smoke = read_equivalents(tmp_path, ["smoke", "full"])
    assert free == Equivalent("size", "sign", "free")
    assert smoke.profile == "smoke"
    assert str(smoke) == "sign in 'size' (profile 'smoke')"
    assert read_equivalents(tmp_path / "nowhere", ["full"]) == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[equivalent]]\ncell = "size"\nmistake = "sign"\n', "equivalent.0.reason: Field required"),
        ('[[equivalent]]\ncell = "size"\nmistake = "sgn"\nreason = "free"\n', "there is no mistake 'sgn'"),
        ('[[equivalent]]\ncell = "size"\nmistake = "sign"\nreason = " "\n', "no reason"),
        ('[[equivalent]]\ncell = "size"\nmistake = "sign"\nreason = "free"\nbecome = "x"\n', "become"),
        ('[[equivalents]]\ncell = "size"\n', "equivalents"),
        ('[[equivalent]]\ncell = "size"\nmistake = "sign"\nreason = "free"\nprofile = "smok"\n', "There are: smoke, full."),
        ("[[equivalent", "no TOML"),
    ],
)
def test_a_malformed_file_says_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "equivalents.toml").write_text(text)
    with pytest.raises(ConfigurationError) as error:
        read_equivalents(tmp_path, ["smoke", "full"])
    assert said in str(error.value)
