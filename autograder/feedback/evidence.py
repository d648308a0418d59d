"""Training curves and confusion matrices as a page shows them. Names are the student's and are only ever text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from autograder.feedback.charts import finite, line_chart
from autograder.feedback.clean import line
from autograder.feedback.words import metric_title, number

MAX_HISTORIES = 10
MAX_CHARTS = 4
MAX_CLASSES = 20

History = Mapping[str, Sequence[float | None]]


@dataclass(frozen=True)
class Chart:
    """One metric by epoch. `legend`: a label and its last value for each curve; `svg` is empty when nothing can be drawn."""

    title: str
    svg: Markup
    legend: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class HistoryView:
    """One handed-in history; `left_out` counts the metrics that are not drawn."""

    name: str
    epochs: int
    charts: tuple[Chart, ...]
    left_out: int


@dataclass(frozen=True)
class MatrixCell:
    """A count; `heat` is its share of the row, 0 to 1."""

    count: int
    heat: float
    right: bool

    @property
    def shade(self) -> float:
        """Opacity of its colour. Confusions are rare: their shade grows with the root of the share, so that they are seen."""
        return round(0.6 * self.heat if self.right else 0.6 * min(1.0, 2 * self.heat) ** 0.5, 3)


@dataclass(frozen=True)
class MatrixView:
    """One confusion matrix: rows are the true classes. `worst` names the most frequent confusion."""

    name: str
    rows: tuple[tuple[MatrixCell, ...], ...]
    right: int
    total: int
    worst: str


def history_views(histories: Mapping[str, History]) -> tuple[HistoryView, ...]:
    """The first histories, each with its losses first, then accuracies, then the rest."""
    return tuple(_history(name, history) for name, history in list(histories.items())[:MAX_HISTORIES])


def _history(name: str, history: History) -> HistoryView:
    bases = dict.fromkeys(key.removeprefix("val_") for key in history)
    ordered = sorted(bases, key=_rank)
    charts = tuple(_chart(base, history) for base in ordered[:MAX_CHARTS])
    epochs = max((len(values) for values in history.values()), default=0)
    return HistoryView(line(name, 60), epochs, charts, len(ordered) - len(charts))


def _rank(metric: str) -> int:
    return 0 if metric == "loss" else 1 if "acc" in metric else 2 if "loss" in metric else 3


def _chart(base: str, history: History) -> Chart:
    found = [(label, history[key]) for label, key in (("training", base), ("validation", f"val_{base}")) if key in history]
    legend = tuple((label, _last(values)) for label, values in found)
    if found[0][0] == "validation":  # the second curve's colour always means validation
        return Chart(metric_title(base), Markup(line_chart([(), found[0][1]])), (("training", "not handed in"), *legend))
    return Chart(metric_title(base), Markup(line_chart([values for _, values in found])), legend)


def _last(values: Sequence[float | None]) -> str:
    last = finite(values[-1]) if values else None
    return "no number" if last is None else number(last)


def matrix_views(confusions: Mapping[str, Sequence[Sequence[int]]]) -> tuple[MatrixView, ...]:
    """The matrices that are square and not too large to read."""
    square = {name: rows for name, rows in confusions.items() if rows and all(len(row) == len(rows) for row in rows)}
    return tuple(_matrix(name, rows) for name, rows in list(square.items())[:MAX_HISTORIES] if len(rows) <= MAX_CLASSES)


def _matrix(name: str, rows: Sequence[Sequence[int]]) -> MatrixView:
    cells = tuple(tuple(_cell(count, sum(row), at == true) for at, count in enumerate(row)) for true, row in enumerate(rows))
    right = sum(row[true] for true, row in enumerate(rows))
    return MatrixView(line(name, 60), cells, right, sum(map(sum, rows)), _worst(rows))


def _cell(count: int, total: int, right: bool) -> MatrixCell:
    return MatrixCell(count, round(min(1.0, max(0.0, count / total)), 3) if total > 0 else 0.0, right)


def _worst(rows: Sequence[Sequence[int]]) -> str:
    wrong = [(count, -true, -at) for true, row in enumerate(rows) for at, count in enumerate(row) if at != true and count > 0]
    if not wrong:
        return ""
    count, true, at = max(wrong)
    return f"Most often, {-true} is taken for {-at} ({count:,} {'time' if count == 1 else 'times'})."
