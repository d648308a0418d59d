"""The plot of a calibration: every run of every right solution against the curve, one panel for each metric."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from autograder.quality.figures import MetricFigures, ProfileCalibration

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot(calibration: ProfileCalibration) -> bytes:
    """A PNG; the same figures give the same bytes."""
    from matplotlib import rc_context, rcdefaults
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context():
        rcdefaults()  # whatever the user's configuration says
        rows = [max(2, len(each.solutions)) for each in calibration.metrics.values()] or [1]
        figure = Figure(figsize=(8, 1.6 + sum(0.45 * count + 1.1 for count in rows)), layout="constrained", dpi=120)
        FigureCanvasAgg(figure)
        figure.suptitle(f"{calibration.assignment}, profile {calibration.profile}: {calibration.runs} runs of each right solution")
        panels = figure.subplots(len(rows), 1, squeeze=False, height_ratios=rows)[:, 0]
        for axes, (metric, figures) in zip(panels, calibration.metrics.items(), strict=False):
            _panel(axes, metric, figures)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", metadata={"Software": None})
        return stream.getvalue()


def _panel(axes: Axes, metric: str, figures: MetricFigures) -> None:
    for row, each in enumerate(figures.solutions.values()):
        axes.plot(each.values, [row] * each.n, "o", color="#2563eb", alpha=0.45, markersize=5, markeredgewidth=0)
        axes.errorbar([each.mean], [row], xerr=[each.spread], fmt="|", color="#111827", capsize=4, markersize=12)
    lines = [
        (figures.full_at, "full points", "#1a7f37", "-"),
        (figures.one_point_at, "takes its part of a point", "#d97706", "-"),
        (figures.one_point_limit, "may take it", "#d97706", ":"),
        (figures.noise, "chance reaches here", "#6b7280", "--"),
    ]
    for value, label, colour, style in lines:
        if value is not None:
            axes.axvline(value, color=colour, linestyle=style, linewidth=1.4, label=label, zorder=0)
    axes.set_yticks(range(len(figures.solutions)), list(figures.solutions))
    axes.set_ylim(len(figures.solutions) - 0.4, -0.6)
    axes.set_xlabel(metric)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=8)
