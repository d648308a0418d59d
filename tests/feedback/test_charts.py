"""Plots never crash, are the same every time, and hold nothing but numbers."""

from __future__ import annotations

import math
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from autograder.course.settings import Curve
from autograder.feedback.charts import histogram, line_chart
from autograder.feedback.evidence import history_views, matrix_views
from autograder.feedback.metrics import metric_bar

from .samples import CURVES, HOSTILE, confusion, history

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    "values",
    [
        (0.5,), (0.5, 0.6), (0.5, None, 0.7), (None, None, 3.0), (NAN, INF, 0.2), (1.0,) * 5, (1e29, -1e29), (1e-300, 2e-300), (1e308, 0.1),
        (0.99999999, 0.99999998), tuple(step / 7 for step in range(5_000)), (0, 1, 2),
    ],
)  # fmt: skip
def test_any_values_make_a_small_picture(values: tuple[float | None, ...]) -> None:
    svg = line_chart([values, values[::-1]])
    ElementTree.fromstring(svg)
    assert svg.startswith("<svg")
    assert len(svg) < 60_000


@pytest.mark.parametrize("curves", [[], [()], [(None,)], [(NAN, INF), (-INF,)], [(1e300,)]])
def test_nothing_to_draw_draws_nothing(curves: list[tuple[float | None, ...]]) -> None:
    assert line_chart(curves) == ""


def test_pictures_are_deterministic_and_bare() -> None:
    first = line_chart([history()["loss"]])
    assert first == line_chart([history()["loss"]])
    for unwanted in ("<?xml", "<!DOCTYPE", "<metadata", "http", "<style", "DejaVu", "<!--"):
        assert unwanted not in first
    assert "<text" in first
    assert "currentColor" in first


@pytest.mark.parametrize("values", [[], [50.0], [0.0, 100.0], [-5.0, 105.0], [33.3] * 400])
def test_histograms(values: list[float]) -> None:
    ElementTree.fromstring(histogram(values, 0, 100, marks=(50,)))


def test_histogram_of_equal_values() -> None:
    ElementTree.fromstring(histogram([0.9, 0.9], 0.9, 0.9))


def test_losses_first_and_validation_beside_training() -> None:
    (view,) = history_views({"history": {**history(), "learning_rate": (0.1,) * 12}})
    assert [chart.title for chart in view.charts] == ["loss", "accuracy", "learning rate"]
    assert [label for label, _ in view.charts[0].legend] == ["training", "validation"]
    assert view.epochs == 12


def test_validation_alone_keeps_its_colour() -> None:
    ((chart,),) = (view.charts for view in history_views({"h": {"val_loss": (1.0, 0.5, 0.4)}}))
    assert "series-2" in chart.svg
    assert "series-1" not in chart.svg


def test_names_of_students_are_bounded_and_never_drawn() -> None:
    (view,) = history_views({HOSTILE: {f"{HOSTILE}{index}": (1.0, 2.0) for index in range(50)} | {"k" * 10_000: ()}})
    assert len(view.charts) == 4
    assert view.left_out == 47
    assert not any("alert" in chart.svg or "frac" in chart.svg for chart in view.charts)
    assert all(len(chart.title) <= 80 for chart in view.charts)
    assert len(history_views({str(index): history() for index in range(40)})) == 10


def test_empty_history() -> None:
    (view,) = history_views({"history": {}})
    assert view.charts == ()
    (view,) = history_views({"history": {"loss": ()}})
    assert view.charts[0].svg == ""
    assert view.epochs == 0


def test_confusion_matrix() -> None:
    (view,) = matrix_views({"model": confusion()})
    assert view.right == sum(confusion()[digit][digit] for digit in range(10))
    assert "20 times" in view.worst
    assert all(0 <= cell.shade <= 1 for row in view.rows for cell in row)


@pytest.mark.parametrize("rows", [(), ((1, 2),), ((1, 2), (3,)), ((0,) * 100,) * 100])
def test_matrices_that_are_none(rows: tuple[tuple[int, ...], ...]) -> None:
    assert matrix_views({"model": rows}) == ()


def test_empty_classes_and_no_confusion() -> None:
    (view,) = matrix_views({"model": ((3, 0), (0, 0))})
    assert view.worst == ""
    assert view.rows[1][1].shade == 0


def test_metric_on_its_curve() -> None:
    bar = metric_bar("test_accuracy", 0.8771, CURVES)
    assert bar.note == "points begin at 0.85, full points from 0.9"
    assert bar.zone is not None
    assert bar.zone[0] < (bar.at or 0) < bar.zone[1] == bar.good


def test_metric_on_a_falling_curve() -> None:
    bar = metric_bar("error_rate", 0.4, CURVES)
    assert bar.note == "points begin at 0.3, full points down to 0.1"
    assert bar.zone is not None
    assert bar.good == bar.zone[0] < bar.zone[1] < (bar.at or 0)


@pytest.mark.parametrize("value", [None, NAN, INF, -INF])
def test_metric_without_a_number(value: float | None) -> None:
    bar = metric_bar("test_accuracy", value, CURVES)
    assert bar.value == "not a finite number"
    assert bar.at is None


@pytest.mark.parametrize("value", [-1e20, 0.0, 0.9, 1e20])
def test_metric_far_away_stays_on_the_bar(value: float) -> None:
    for curve in (Curve({0.85: 0, 0.9: 1}), Curve({0.5: 1, 0.9: 1}), Curve({0.0: 0.5, 1.0: 0.5})):
        bar = metric_bar("m", value, {"m": curve})
        assert 0 <= (bar.at or 0) <= 100


def test_metric_without_a_curve() -> None:
    assert metric_bar("val_loss", 0.5, {}).title == "validation loss"


def test_importing_the_pages_is_light() -> None:
    heavy = ("matplotlib", "jinja2", "tensorflow", "keras", "nbgrader")
    check = f"import sys, autograder.feedback.student, autograder.feedback.report; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
