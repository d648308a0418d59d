"""What one submission of the corpus is: how it differs from a right one, and what must come out."""

from __future__ import annotations

import copy
import json
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Notebook = dict[str, Any]
Make = Callable[["Draft"], None]

CELLS = {
    "basics": {"scaled": 20, "total": 10, "curve": 10, "double": 20, "middle": 20},
    "models": {"layers": 30, "training": 20, "accuracy": 50},
}
ALL = "all"


@dataclass(frozen=True)
class Expected:
    """What must come out. `outcome`: any of these; `loses`: cells without points, all others have theirs in full.

    `unscored`: no points at all, which is not 0. `flags` must be among the record's. `says` must stand in the reason, in the first
    error or in a message of a test. `open_at`: levels at which what the attack prints as achieved is left open by their nature.
    """

    outcome: tuple[str, ...]
    loses: frozenset[str]
    unscored: bool
    flags: frozenset[str]
    says: str
    open_at: frozenset[int]

    def points(self, assignment: str) -> dict[str, float | None]:
        """Points by automatic grade cell."""
        return {cell: None if self.unscored else 0 if cell in self.loses else float(points) for cell, points in CELLS[assignment].items()}


@dataclass(frozen=True)
class Entry:
    """One submission. `levels`: where it can be tried without harm to this machine; `cold`: also in a process of its own start."""

    name: str
    about: str
    assignment: str
    make: Make
    expected: Expected
    levels: frozenset[int]
    cold: bool


ENTRIES: list[Entry] = []


def entry(
    assignment: str = "basics",
    *,
    outcome: str | tuple[str, ...] = "completed",
    loses: str | Sequence[str] = (),
    keeps: Sequence[str] | None = None,
    unscored: bool = False,
    flags: Sequence[str] = (),
    says: str = "",
    levels: Sequence[int] = (3, 2, 1),
    cold: bool = False,
) -> Callable[[Make], Make]:
    """Adds a function that changes a right submission to the corpus, under its own name and docstring.

    `keeps` instead of `loses` names the cells that still have their points. What `Expected` and `Entry` say holds here.
    """

    def add(make: Make) -> Make:
        cells = CELLS[assignment]
        lost = set(cells) - set(keeps) if keeps is not None else set(cells if loses == ALL else loses)
        assert lost <= set(cells)
        add_entry(
            make.__name__,
            make.__doc__ or "",
            make,
            assignment,
            Expected((outcome,) if isinstance(outcome, str) else outcome, frozenset(lost), unscored, frozenset(flags), says, frozenset()),
            levels,
            cold,
        )
        return make

    return add


def add_entry(name: str, about: str, make: Make, assignment: str, expected: Expected, levels: Sequence[int], cold: bool = False) -> None:
    """Adds one entry; for families that are made in a loop."""
    assert about.strip(), f"{name} needs a docstring: what it does, and what must come out"
    assert name not in {each.name for each in ENTRIES}, f"there are two entries called {name}"
    ENTRIES.append(Entry(name, textwrap.dedent(about).strip(), assignment, make, expected, frozenset(levels), cold))


@dataclass
class Draft:
    """A submission in the making: the released notebook with right answers, and what an attack may know of the machine.

    `data` replaces the notebook's bytes; `beside` are other files by name; `spoil` is called with the finished folder.
    """

    notebook: Notebook
    assignment: str
    aims: dict[str, Any]
    data: bytes | None = None
    name: str = ""
    beside: dict[str, bytes] = field(default_factory=dict)
    spoil: Callable[[Path], None] | None = None

    @property
    def cells(self) -> list[dict[str, Any]]:
        return list(self.notebook["cells"])

    def cell(self, grade_id: str) -> dict[str, Any]:
        """The released cell with that id."""
        return next(cell for cell in self.notebook["cells"] if cell.get("id") == grade_id)

    def answer(self, grade_id: str, source: str) -> None:
        """Replaces the answer of a solution cell."""
        self.cell(grade_id)["source"] = _code(source)

    def add(self, source: str, after: str = "load") -> None:
        """A cell of the student's own behind a released one."""
        self.notebook["cells"].insert(self._place(after) + 1, code_cell(source))

    def first(self, source: str) -> None:
        """A cell of the student's own before everything else."""
        self.notebook["cells"].insert(0, code_cell(source))

    def wrong(self) -> None:
        """Wrong answers everywhere, for attacks that want points for them."""
        self.answer("prepare", "scaled, total, curve = np.zeros((50, 784)), -1, {'loss': [1.0, 2.0]}")
        self.answer("write_double", "def double(n):\n    return 0")
        self.answer("write_middle", "def middle(rows):\n    return 0")

    def know(self) -> str:
        """Python source that defines what the attack aims at."""
        return "".join(f"{name} = {value!r}\n" for name, value in self.aims.items())

    def write(self, folder: Path) -> None:
        """Writes the submission's folder."""
        folder.mkdir(parents=True)
        data = json.dumps(self.notebook).encode() if self.data is None else self.data
        (folder / (self.name or f"{self.assignment}.ipynb")).write_bytes(data)
        for name, content in self.beside.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        if self.spoil is not None:
            self.spoil(folder)

    def _place(self, grade_id: str) -> int:
        return next(index for index, cell in enumerate(self.notebook["cells"]) if cell.get("id") == grade_id)


def draft(notebook: Notebook, assignment: str, aims: dict[str, Any]) -> Draft:
    """A right submission to be changed."""
    return Draft(copy.deepcopy(notebook), assignment, aims)


def code_cell(source: str) -> dict[str, Any]:
    """A code cell as a student adds it."""
    return {"cell_type": "code", "metadata": {}, "source": _code(source), "outputs": [], "execution_count": None}


def _code(source: str) -> str:
    return textwrap.dedent(source).strip("\n")
