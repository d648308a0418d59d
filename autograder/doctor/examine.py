"""`examine(notebook)`: everything that a student should know before submitting. Reads text; executes and imports nothing of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from autograder.doctor.code import CodeCell, place_of, within_limits
from autograder.doctor.finding import Finding, Place, worst_first
from autograder.doctor.habits import find_habits
from autograder.doctor.legacy import find_leftovers
from autograder.doctor.modules import find_missing
from autograder.doctor.order import PLACEHOLDER, TextCell, find_code_in_raw, find_undefined
from autograder.doctor.structure import FLAGS, from_flags, no_grade_ids, other_assignment
from autograder.errors import SubmissionError
from autograder.intake.literals import check_literals
from autograder.intake.parsing import SubmittedCell, SubmittedNotebook, parse_notebook
from autograder.intake.reading import NOTEBOOK_BYTES, size_without_outputs
from autograder.intake.restore import grade_id_of, is_locked, restore

_MIB = 2**20


@dataclass(frozen=True)
class Surroundings:
    """What is known beside the notebook itself. `name`: of its file; `assignment`: its id; `siblings`: what lies beside it;
    `allowed`: patterns of files that the assignment takes, None when unknown; `submission_bytes`,
    `literal_bytes`: what a submission and the literals in it may have.
    """

    name: str | None = None
    assignment: str | None = None
    siblings: tuple[str, ...] = ()
    allowed: tuple[str, ...] | None = None
    submission_bytes: int = 20 * _MIB
    literal_bytes: int = 20 * 1024


def examine(data: bytes, release: dict[str, Any] | None = None, around: Surroundings | None = None) -> tuple[Finding, ...]:
    """All findings, worst first. `release`: the release version as nbformat 4 JSON; without it structure is not compared.

    Raises SubmissionError for what cannot be read as a notebook.
    """
    around = around or Surroundings()
    submitted = parse_notebook(data)
    findings = [*_file(data, around), *_name(around)]
    code = _code_cells(submitted.cells)
    own = {cell.grade_id for cell in submitted.cells if cell.grade_id}
    if not own:
        findings.append(no_grade_ids())
    elif release is not None and own.isdisjoint(grade_id_of(cell) for cell in release["cells"]):
        findings.append(other_assignment())
    elif release is not None:
        prepared = restore(submitted, release)
        findings += from_flags(prepared.flags, submitted.cells, release)
        findings += _literals(prepared.notebook, release, around.literal_bytes)
        code = _as_executed(prepared.notebook["cells"], submitted, release)
    else:
        findings += from_flags(submitted.flags, submitted.cells, None)
    code = within_limits(code)
    texts = _text_cells(submitted.cells, {cell.number for cell in code})
    return worst_first([*findings, *_merged(_of_code(code, texts, around))])


def _of_code(code: Sequence[CodeCell], texts: Sequence[TextCell], around: Surroundings) -> list[Finding]:
    undefined = find_undefined(code, texts)
    costly = {finding.place for finding in undefined}
    return [
        *(Finding("legacy", each.idiom.severity, each.place, each.idiom.reason, each.idiom.cure) for each in find_leftovers(code)),
        *_unreadable(code),
        *undefined,
        *(finding for finding in find_code_in_raw(texts) if finding.place not in costly),
        *find_missing(code, around.siblings, around.allowed),
        *find_habits(code),
        *_open_answers(code),
    ]


def _merged(findings: Iterable[Finding]) -> Iterator[Finding]:
    """What is said of several places is said once, at the first of them, with the number of the others."""
    places: dict[Finding, list[Place]] = {}
    for each in findings:
        places.setdefault(replace(each, place=Place()), []).append(each.place)
    for said, its in places.items():
        others = len(its) - 1
        more = f" It stands in {others} more {'place' if others == 1 else 'places'}." if others else ""
        yield replace(said, place=its[0], reason=said.reason + more)


def _unreadable(code: Sequence[CodeCell]) -> Iterator[Finding]:
    """Cells that Python 3 cannot read and that are not Python 2 either."""
    known = {each.place.cell for each in find_leftovers([cell for cell in code if cell.tree is None])}
    for cell in code:
        if cell.error is not None and cell.number not in known and not cell.locked:
            reason = f"Python cannot read this cell: {cell.error.msg}."
            cure = "Look for a missing bracket, quote or colon, at this line or just above it."
            yield Finding("syntax_error", "costs points", cell.at_line(cell.error.lineno), reason, cure)


def _open_answers(code: Sequence[CodeCell]) -> Iterator[Finding]:
    still = [cell for cell in code if PLACEHOLDER in cell.source and "YOUR CODE HERE" in cell.source and not cell.locked]
    if still:
        names = ", ".join(cell.grade_id or f"cell {cell.number}" for cell in still[:5]) + (" …" if len(still) > 5 else "")
        count = "1 cell still has its" if len(still) == 1 else f"{len(still)} cells still have their"
        yield Finding(
            "open_answer",
            "worth knowing",
            still[0].at(),
            f"{count} placeholder: {names}.",
            "Write your code in place of the lines that raise `NotImplementedError`.",
        )


def _code_cells(cells: Sequence[SubmittedCell]) -> list[CodeCell]:
    return [CodeCell(number, cell.source, cell.grade_id) for number, cell in enumerate(cells, start=1) if cell.cell_type == "code"]


def _text_cells(cells: Sequence[SubmittedCell], code: set[int]) -> list[TextCell]:
    return [
        TextCell(place_of(number, cell.grade_id, cell.source), cell.cell_type, cell.source)
        for number, cell in enumerate(cells, start=1)
        if cell.cell_type != "code" and number not in code
    ]


def _as_executed(restored: Sequence[dict[str, Any]], submitted: SubmittedNotebook, release: dict[str, Any]) -> list[CodeCell]:
    """The code cells in the order and with the text that they will have when they are executed, numbered as submitted."""
    locked = {grade_id_of(cell) for cell in release["cells"] if is_locked(cell)}
    numbers: dict[tuple[str | None, str], list[int]] = {}
    for number, each in enumerate(submitted.cells, start=1):
        numbers.setdefault((each.grade_id, each.source), []).append(number)
    made, last = [], 1
    for cell in restored:
        name = grade_id_of(cell)
        same = numbers.get((name, cell["source"]))
        last = same.pop(0) if same else last  # a cell that is put back stands where the one before it was
        if cell["cell_type"] == "code":
            made.append(CodeCell(last, cell["source"], name, name in locked))
    return made


# --- the file ---------------------------------------------------------------------------------------------------------


def _name(around: Surroundings) -> list[Finding]:
    wanted = f"{around.assignment}.ipynb"
    if around.assignment is None or around.name is None or around.name == wanted:
        return []
    severity, reason, cure = FLAGS["renamed_notebook"]
    found = Finding("renamed_notebook", severity, Place(), reason, f"{cure[:-1]}: `{wanted}`.")
    if wanted in around.siblings:
        reason = f"A file `{wanted}` lies beside this notebook. Submitted together, the one with more answers is graded."
        return [replace(found, reason=reason, cure=f"Submit only one of them, with the name `{wanted}`.")]
    return [found]


def _file(data: bytes, around: Surroundings) -> list[Finding]:
    """A file beyond what is read of a notebook, or near it, with the cells whose outputs make it so.

    Outputs do not count against what a submission may have: they are made anew while grading.
    """
    own = size_without_outputs(data)
    if own > around.submission_bytes:
        reason = f"The notebook has {own / _MIB:.1f} MiB without its outputs; {around.submission_bytes / _MIB:.0f} MiB are accepted."
        cure = "Remove large texts and pasted pictures from its cells."
        return [Finding("large_file", "costs points", Place(), reason, cure)]
    if len(data) <= NOTEBOOK_BYTES / 4:
        return []
    biggest = ", ".join(f"cell {number} ({size / _MIB:.1f} MiB)" for size, number in _output_sizes(data)[:3] if size > _MIB / 10)
    reason = f"The file has {len(data) / _MIB:.0f} MiB; at most {NOTEBOOK_BYTES // _MIB} are read."
    reason += f" The largest outputs: {biggest}." if biggest else ""
    cure = "Choose *Edit → Clear Outputs of All Cells* and save: outputs are made anew while grading."
    return [Finding("large_file", "worth knowing", Place(), reason, cure)]


def _literals(restored: dict[str, Any], release: dict[str, Any], limit: int) -> list[Finding]:
    """Data written into cells, beyond what is accepted; the whole notebook would be rejected for it."""
    try:
        check_literals(restored, release, limit)
    except SubmissionError as error:
        return [Finding("large_literals", "costs points", Place(), error.message, error.cure)]
    return []


def _output_sizes(data: bytes) -> list[tuple[int, int]]:
    """(bytes of outputs, number of the cell), largest first; nothing for a file that is no plain notebook."""
    try:
        cells = json.loads(data)["cells"]
        sizes = [(len(json.dumps(cell.get("outputs", []))), number) for number, cell in enumerate(cells, start=1) if isinstance(cell, dict)]
    except (ValueError, TypeError, KeyError, RecursionError):
        return []
    return sorted(sizes, reverse=True)
