"""A measured metric on its curve: where it lies, where points begin and where all points are reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from autograder.course.settings import Curve
from autograder.feedback.charts import finite
from autograder.feedback.words import metric_title, number

_FAR = 12.0  # a value further from the curve than so many times its width is drawn at the edge


@dataclass(frozen=True)
class MetricBar:
    """What a page draws for one metric; positions in percent of the bar's width, None without a curve."""

    title: str
    value: str
    note: str
    at: float | None = None
    zone: tuple[float, float] | None = None
    good: float | None = None


def begins_at(curve: Curve) -> float:
    """The metric beyond which points begin; the reverse of `Curve.full_at`."""
    worst = min(curve.points.values())
    rising = curve.points[min(curve.points)] <= curve.points[max(curve.points)]
    reached = [metric for metric, fraction in curve.points.items() if fraction == worst]
    return max(reached) if rising else min(reached)


def metric_bar(name: str, value: float | None, curves: Mapping[str, Curve]) -> MetricBar:
    """The metric against its curve; without a curve, or without a finite value, words alone."""
    drawn, title, curve = finite(value), metric_title(name), curves.get(name)
    if drawn is None:
        return MetricBar(title, "not a finite number", f"{thresholds(curve)}; this gives none" if curve else "")
    if curve is None or len(curve.points) < 2:
        return MetricBar(title, number(drawn), "")
    begin, full = begins_at(curve), curve.full_at()
    low, high = _range(drawn, begin, full)
    first, second = sorted((_position(begin, low, high), _position(full, low, high)))
    return MetricBar(title, number(drawn), thresholds(curve), _position(drawn, low, high), (first, second), _position(full, low, high))


def thresholds(curve: Curve) -> str:
    """'points begin at 0.8, full points from 0.88'."""
    begin, full = begins_at(curve), curve.full_at()
    return f"points begin at {number(begin)}, full points {'from' if full >= begin else 'down to'} {number(full)}"


def _range(value: float, begin: float, full: float) -> tuple[float, float]:
    width = abs(full - begin) or abs(full) or 1.0
    near = min(max(value, min(begin, full) - _FAR * width), max(begin, full) + _FAR * width)
    low, high = min(near, begin, full), max(near, begin, full)
    return low - 0.15 * (high - low), high + 0.15 * (high - low)


def _position(value: float, low: float, high: float) -> float:
    return round(min(98.5, max(1.5, (value - low) / (high - low) * 100)), 2) if high > low else 50.0
