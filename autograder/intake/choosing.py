"""Which of the submitted notebooks is the assignment's: the one with its grade ids, whatever its name is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from autograder.errors import SubmissionError
from autograder.intake.parsing import SubmittedNotebook, parse_notebook
from autograder.intake.restore import grade_id_of, is_locked
from autograder.records import Flag

_SHOWN = 5


@dataclass(frozen=True)
class _Candidate:
    """A notebook that could be read: how many cells of the release it has, and how many of them hold an answer."""

    name: str
    notebook: SubmittedNotebook
    known: int
    answers: int

    def rank(self, wanted: str) -> tuple[int, bool, int]:
        """Answers first: a stale copy with all cells is not the work. Then the expected name, then cells."""
        return self.answers, self.name == wanted, self.known


def choose_notebook(notebooks: dict[str, bytes], assignment: str, release: dict[str, Any], limit: int) -> SubmittedNotebook:
    """The assignment's notebook among those submitted (bytes by name), flagged when it is not simply the expected one.

    `limit`: bytes of a notebook without its outputs. Raises SubmissionError when none of them has a cell of the release.
    """
    wanted = f"{assignment}.ipynb"
    found, refused = _candidates(notebooks, release, limit)
    usable = [each for each in found if each.known]
    if not usable:
        raise _none_usable(found, refused, wanted)
    chosen = max(usable, key=lambda each: each.rank(wanted))  # of equals the first by name
    flags = list(chosen.notebook.flags)
    if chosen.name != wanted:
        flags.append(Flag("renamed_notebook", f"{chosen.name!a} was taken for {wanted!r}"))
    if len(notebooks) > 1:
        flags.append(Flag("several_notebooks", _say_choice(chosen, found, refused)))
    return replace(chosen.notebook, flags=tuple(flags))


def _candidates(notebooks: dict[str, bytes], release: dict[str, Any], limit: int) -> tuple[list[_Candidate], dict[str, SubmissionError]]:
    """What can be read, and why the others cannot."""
    sources = {grade_id: cell for cell in release["cells"] if (grade_id := grade_id_of(cell))}
    found: list[_Candidate] = []
    refused: dict[str, SubmissionError] = {}
    for name, data in sorted(notebooks.items()):
        try:
            notebook = parse_notebook(data, limit)
        except SubmissionError as error:
            refused[name] = error
            continue
        cells = [cell for cell in notebook.cells if cell.grade_id in sources]
        answered = {cell.grade_id for cell in cells if _is_answer(cell.source, sources[str(cell.grade_id)])}
        found.append(_Candidate(name, notebook, len({cell.grade_id for cell in cells}), len(answered)))
    return found, refused


def _is_answer(source: str, original: dict[str, Any]) -> bool:
    return not is_locked(original) and source.strip() != original["source"].strip()


def _none_usable(found: list[_Candidate], refused: dict[str, SubmissionError], wanted: str) -> SubmissionError:
    """The expected file's own reason if it cannot be read, else that of the only file, else what all of them lack."""
    if wanted in refused or not found:
        return refused.get(wanted) or next(iter(refused.values()))
    who = f"{found[0].name!a} has" if len(found) == 1 else f"The {len(found)} notebooks have"
    foreign = sorted({cell.grade_id for each in found for cell in each.notebook.cells if cell.grade_id})
    why = "The marks that Jupyter keeps with the assignment's cells are gone, as when text is copied into a new notebook."
    if foreign:
        shown = ", ".join(f"{name[:40]!a}" for name in foreign[:_SHOWN])
        why = f"There are cells of another assignment ({shown}): perhaps the wrong file was submitted."
    cure = f"Open the notebook that you were given, put your answers into its cells, and submit it as {wanted}."
    return SubmissionError("unreadable", f"{who} no cell of this assignment. {why}", cure)


def _say_choice(chosen: _Candidate, found: list[_Candidate], refused: dict[str, SubmissionError]) -> str:
    others = [f"{each.name!a} ({_cells(each.known)}, {_answers(each.answers)})" for each in found if each is not chosen]
    others += [f"{name!a} (not readable)" for name in refused]
    more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    taken = f"{chosen.name!a} ({_cells(chosen.known)} of the assignment, {_answers(chosen.answers)}) was taken"
    return f"{taken}, and not {', '.join(others[:_SHOWN])}{more}"


def _cells(count: int) -> str:
    return f"{count} cell{'s' * (count != 1)}"


def _answers(count: int) -> str:
    return f"{count} answer{'s' * (count != 1)}"
