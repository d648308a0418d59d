"""Known submissions of an assignment, written as differences from its reference: `solutions/<id>/{alternatives,wrong}/*.py`.

A variant file is read, never executed: a docstring, literal assignments (START, LOSES, OUTCOME, CLAIMS, DEMO), and then cells,
each a line `# %% grade_id` followed by the whole source that replaces that solution cell.
"""

from __future__ import annotations

import ast
import copy
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.course.notebook import nbgrader_of, read_notebook
from autograder.course.paths import CoursePaths
from autograder.errors import ConfigurationError, Problem

_CELL = re.compile(r"^# %% (\S+)[ \t]*$", re.MULTILINE)
_KNOWN = ("START", "LOSES", "OUTCOME", "CLAIMS", "DEMO")
_MARK_SCHEME = re.compile(r"(?m)^.*BEGIN MARK SCHEME.*\n(?:.*\n)*?.*END MARK SCHEME.*$\n?")


@dataclass(frozen=True)
class Variant:
    """One known submission: which cells it replaces in which start, and what must come out."""

    name: str
    about: str
    right: bool
    start: str = "source"
    outcome: str = "completed"
    demo: bool = False
    loses: dict[str, float] = field(default_factory=dict)
    claims: tuple[str, ...] | None = None  # grade cells that a right answer earns; None: all
    cells: dict[str, str] = field(default_factory=dict)


def read_variants(paths: CoursePaths, assignment: str) -> list[Variant]:
    """The reference, then every alternative and every wrong answer. Raises ConfigurationError with all malformed files."""
    folder = paths.solutions(assignment)
    variants, problems = [Variant("reference", "The reference solution.", True, demo=True)], []
    for file in [*sorted(folder.glob("alternatives/*.py")), *sorted(folder.glob("wrong/*.py"))]:
        try:
            variants.append(_read(file))
        except ValueError as error:
            problems.append(Problem(str(file.relative_to(paths.root)), str(error)))
    if problems:
        raise ConfigurationError(problems)
    return variants


def _read(file: Path) -> Variant:
    head, *parts = _CELL.split(file.read_text(encoding="utf-8"))
    try:
        tree = ast.parse(head)
    except SyntaxError as error:
        raise ValueError(f"line {error.lineno}: {error.msg}") from None
    values = {
        target.id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    unknown = sorted(set(values) - set(_KNOWN))
    if unknown:
        raise ValueError(f"unknown assignment {unknown[0]}; known are {', '.join(_KNOWN)}")
    if values.get("START", "source") not in ("source", "release"):
        raise ValueError(f"START is {values['START']!r}, 'source' or 'release' was expected")
    return Variant(
        name=file.stem,
        about=ast.get_docstring(tree) or "",
        right=file.parent.name == "alternatives",
        start=values.get("START", "source"),
        outcome=values.get("OUTCOME", "completed"),
        demo=bool(values.get("DEMO", False)),
        claims=_claims(values.get("CLAIMS", "all")),
        loses={str(cell): float(points) for cell, points in values.get("LOSES", {}).items()},
        cells={name: source.strip("\n") for name, source in zip(parts[::2], parts[1::2], strict=True)},
    )


def _claims(value: object) -> tuple[str, ...] | None:
    if value == "all":
        return None
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise ValueError(f"CLAIMS is {value!r}, 'all' or a list of grade ids was expected")
    return tuple(value)


def build_submission(paths: CoursePaths, assignment: str, variant: Variant) -> dict[str, Any]:
    """The notebook that a student with this answer would hand in: the release version with solution cells filled in.

    Raises ConfigurationError when the variant replaces a cell that the notebook does not have, or the release version is an older one.
    """
    notebook = copy.deepcopy(read_notebook(paths.release_notebook(assignment)))
    source = {nbgrader_of(cell).get("grade_id"): cell["source"] for cell in read_notebook(paths.source_notebook(assignment))["cells"]}
    solution_cells = {nbgrader_of(cell).get("grade_id"): cell for cell in notebook["cells"] if nbgrader_of(cell).get("solution")}
    unknown = sorted(set(variant.cells) - set(solution_cells))
    if unknown:
        raise ConfigurationError([Problem(f"solutions of {assignment}: {variant.name}", f"there is no solution cell '{unknown[0]}'")])
    gone = [name for name in solution_cells if name not in source]
    if gone:
        cure = f"The source notebook has changed. Run: autograder release {assignment}"
        raise ConfigurationError([Problem(f"release of {assignment}", f"the source notebook has no solution cell '{gone[0]}'", cure)])
    for grade_id, cell in solution_cells.items():
        if grade_id in variant.cells:
            cell["source"] = variant.cells[grade_id]
        elif variant.start == "source" and cell["cell_type"] == "code":
            cell["source"] = source[grade_id]
        elif variant.start == "source":
            cell["source"] = _MARK_SCHEME.sub("", source[grade_id]).strip()
    return notebook
