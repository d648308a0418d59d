"""Plots as SVG text to stand inside a page: deterministic, without any text but numbers, coloured by the page's own style.

Names that students chose are not drawn: the page writes titles and legends around the chart, where they are escaped.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_POINTS = 300
MAX_CURVES = 2
_HUGE = 1e30  # beyond it, the spans of axes overflow
# Colours that nobody else draws with → what the page's style makes of them, in light and dark.
_INK, _GRID, _MARK, _SERIES = "#010203", "#010204", "#010207", ("#010205", "#010206")
_STYLES = {
    _INK: "currentColor",
    _GRID: "var(--line, #ccc)",
    _SERIES[0]: "var(--series-1, #2563eb)",
    _SERIES[1]: "var(--series-2, #d97706)",
    _MARK: "var(--good, #1a7f37)",
}
_SETTINGS: dict[Any, Any] = {"svg.hashsalt": "autograder", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9}


def finite(value: float | None) -> float | None:
    """The value when it can be drawn, else None."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) and abs(value) < _HUGE else None


def line_chart(curves: Sequence[Sequence[float | None]]) -> str:
    """Values by epoch (from 1), at most two curves; '' when there is nothing to draw. A missing value is a gap."""
    drawn = [[finite(value) for value in curve] for curve in curves[:MAX_CURVES]]
    if not any(value is not None for curve in drawn for value in curve):
        return ""
    with _settings():
        figure, axes = _empty(3.4, 2.0)
        for index, curve in enumerate(drawn):
            _draw(axes, curve, _SERIES[index], "-" if index == 0 else "--")
        _epoch_axis(axes, max(len(curve) for curve in drawn))
        return _svg(figure)


def _draw(axes: Axes, curve: list[float | None], colour: str, style: str) -> None:
    chosen = _thinned(len(curve))
    values = [math.nan if value is None else value for value in (curve[at] for at in chosen)]
    known = sum(map(math.isfinite, values))
    lonely = known < 3 or known < len(values) <= 60  # a value between two gaps is seen only with a marker
    epochs = [at + 1 for at in chosen]
    axes.plot(epochs, values, color=colour, linewidth=1.6, linestyle=style, marker="o" if lonely else "", markersize=3)


def _thinned(length: int) -> list[int]:
    """Positions to draw: all of them, or evenly chosen ones with first and last."""
    if length <= MAX_POINTS:
        return list(range(length))
    return sorted({round(step * (length - 1) / (MAX_POINTS - 1)) for step in range(MAX_POINTS)})


def _epoch_axis(axes: Axes, epochs: int) -> None:
    from matplotlib.ticker import MaxNLocator

    left, right = (1, epochs) if epochs > 1 else (0.5, 1.5)
    axes.set_xlim(left, right)
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.set_xlabel("epoch", color=_INK)


def histogram(values: Sequence[float], low: float, high: float, bins: int = 10, marks: Sequence[float] = ()) -> str:
    """How many values fall between `low` and `high`, outer ones counted at the ends; `marks` are drawn as lines."""
    if not low < high:
        high = low + 1
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, max(0, int((value - low) / (high - low) * bins)))] += 1
    from matplotlib.ticker import MaxNLocator

    with _settings():
        figure, axes = _empty(4.2, 2.0)
        _bars(axes, counts, low, (high - low) / bins)
        for mark in marks:
            axes.axvline(mark, color=_MARK, linewidth=1.4, linestyle="--", zorder=0.5)
        axes.set_xlim(low, high)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
        return _svg(figure)


def _bars(axes: Axes, counts: list[int], low: float, width: float) -> None:
    starts = [low + width * index for index in range(len(counts))]
    axes.bar(starts, counts, width=width * 0.92, align="edge", color=_SERIES[0])
    for start, count in zip(starts, counts, strict=True):
        if count:
            axes.annotate(str(count), (start + width * 0.46, count), (0, 2), textcoords="offset points", ha="center", color=_INK)
    axes.set_ylim(0, max(*counts, 1) * 1.2)
    axes.set_yticks([])


@contextmanager
def _settings() -> Iterator[None]:
    """matplotlib's own defaults and ours, whatever the user's configuration says."""
    from matplotlib import rc_context, rcdefaults, rcParams

    with rc_context():
        rcdefaults()
        rcParams.update(_SETTINGS)
        yield


def _empty(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    axes.grid(axis="y", color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_INK, length=2.5)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(_GRID)
    return figure, axes


def _svg(figure: Figure) -> str:
    stream = io.StringIO()
    figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _for_a_page(stream.getvalue())


def _for_a_page(text: str) -> str:
    """Only the picture: no prolog, no metadata, no addresses of name spaces, no ids that nothing refers to."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    view = re.search(r'viewBox="([^"]+)"', text)
    text = re.sub(r"<svg[^>]*>", f'<svg class="chart" viewBox="{view[1] if view else "0 0 1 1"}" aria-hidden="true">', text, count=1)
    text = text.replace("xlink:href=", "href=")
    used = set(re.findall(r"#([A-Za-z]\w*)", text))
    text = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", text)
    text = re.sub(r" font-family: [^;\"]*;", "", re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", text))
    for colour, style in _STYLES.items():
        text = text.replace(colour, style)
    return re.sub(r"\n\s*", "\n", text).strip()
