"""Item analysis: of each grade cell how hard it was, whether it tells strong from weak submissions, and how many got that far.

Classical test theory, with a grade cell as the item:

- *difficulty* is the mean share of its points (the item's p-value; the larger, the easier),
- *discrimination* is the product-moment correlation of that share with the rest score, the share of points in all other cells; for a cell
  that is right or wrong this is the point-biserial correlation. The cell itself is left out of the rest, or it would correlate with itself.

Source: S. Henrysson, "Correction of item-total correlations in item analysis", Psychometrika 28 (1963), 211-218; for the point-biserial
correlation F. M. Lord and M. R. Novick, "Statistical Theories of Mental Test Scores", Addison-Wesley 1968, chapter 15. Below 0.2 an item
is called poor, below 0 it works against the others: R. L. Ebel, "Essentials of Educational Measurement", Prentice-Hall 1972.

*Reached* is a cell when something at or after its place in the notebook was answered: what stands behind the last answer says how far
somebody came, not how hard it was, and is left out of both figures.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from autograder.course.notebook import nbgrader_of
from autograder.feedback.student import ManualGrade
from autograder.gradebook.autograded import unanswered
from autograder.records import Record

LEAST = 10  # submissions, below which a correlation says nothing
POOR = 0.2
Manual = Mapping[str, Mapping[str, ManualGrade | None]]


@dataclass(frozen=True)
class Item:
    """One grade cell over all submissions that have a score for it.

    `scored` submissions, of which `reached` got that far; `difficulty` 0 to 1 over those, None for nobody; `discrimination` -1 to 1,
    None for fewer than 10 of them, and where all are alike. `full` and `none` are how many got all of its points, or none.
    """

    grade_id: str
    max_score: float
    manual: bool
    scored: int
    reached: int
    full: int
    none: int
    difficulty: float | None
    discrimination: float | None

    @property
    def remark(self) -> str:
        """What to look at, or nothing."""
        if self.discrimination is None:
            return ""
        if self.discrimination < 0:
            return "works against the other cells: is it right, and does its text say what it means?"
        return "tells strong and weak submissions hardly apart" if self.discrimination < POOR else ""


def item_analysis(records: Sequence[Record], manual: Manual, reached: Mapping[str, Collection[str]]) -> tuple[Item, ...]:
    """Of every grade cell, in the order of the notebook. `records`: one of each student; `manual` by student and grade id; `reached`: grade
    ids by student, as `reached_by` gives them (who is not in it counts as having reached everything).
    """
    scores = {record.student: _scores(record, manual.get(record.student, {})) for record in records}
    cells = {cell.grade_id: cell for record in records for cell in record.grade_cells if cell.max_score > 0}
    most = {name: cell.max_score for name, cell in cells.items()}
    return tuple(_item(name, cell.max_score, cell.manual, scores, most, reached) for name, cell in cells.items())


def reached_by(notebooks: Mapping[str, Mapping[str, Any]], release: Mapping[str, Any] | None) -> dict[str, frozenset[str]]:
    """`reached_cells` by student; what came back and is no notebook is left out."""
    found = {}
    for student, notebook in notebooks.items() if release is not None else ():
        with suppress(AttributeError, KeyError, TypeError):
            found[student] = reached_cells(notebook, release or {})
    return found


def reached_cells(notebook: Mapping[str, Any], release: Mapping[str, Any]) -> frozenset[str]:
    """Grade ids up to the last answer in an executed notebook. A grade cell belongs to the answer that stands last before it."""
    blank = unanswered(dict(notebook), dict(release))
    found: list[tuple[str, int]] = []
    answer, last = -1, -1
    for place, cell in enumerate(release["cells"]):
        about = nbgrader_of(cell)
        name = str(about.get("grade_id", ""))
        if about.get("solution"):
            answer = place
            last = last if name in blank else place
        if about.get("grade") or about.get("task"):
            found.append((name, answer))
    return frozenset(name for name, answer in found if answer <= last)


def _scores(record: Record, manual: Mapping[str, ManualGrade | None]) -> dict[str, float]:
    """Points by cell, what a person gave first; cells without any are left out."""
    found = {}
    for cell in record.grade_cells:
        given = manual.get(cell.grade_id)
        score = given.score if given is not None and given.score is not None else cell.score
        if score is not None and cell.max_score > 0:
            found[cell.grade_id] = score
    return found


def _item(
    name: str,
    max_score: float,
    manual: bool,
    scores: Mapping[str, Mapping[str, float]],
    most: Mapping[str, float],
    reached: Mapping[str, Collection[str]],
) -> Item:
    scored = {student: found for student, found in scores.items() if name in found}
    there = {student: found for student, found in scored.items() if student not in reached or name in reached[student]}
    shares = [found[name] / max_score for found in there.values()]
    pairs = [(found[name] / max_score, rest) for found in there.values() if (rest := _rest(found, name, most)) is not None]
    return Item(
        grade_id=name,
        max_score=max_score,
        manual=manual,
        scored=len(scored),
        reached=len(there),
        full=sum(share >= 1 - 1e-9 for share in shares),
        none=sum(share <= 1e-9 for share in shares),
        difficulty=round(fmean(shares), 4) if shares else None,
        discrimination=_correlation(pairs) if len(pairs) >= LEAST else None,
    )


def _rest(scores: Mapping[str, float], name: str, most: Mapping[str, float]) -> float | None:
    """Share of the points of all other cells that have a score."""
    others = [other for other in scores if other != name]
    whole = sum(most[other] for other in others)
    return sum(scores[other] for other in others) / whole if whole else None


def _correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Pearson's r; None where one of the two does not vary."""
    one, other = fmean(pair[0] for pair in pairs), fmean(pair[1] for pair in pairs)
    spread = math.sqrt(sum((x - one) ** 2 for x, _ in pairs) * sum((y - other) ** 2 for _, y in pairs))
    if spread < 1e-12:
        return None
    return round(sum((x - one) * (y - other) for x, y in pairs) / spread, 4)
