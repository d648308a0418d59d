"""Numbers that were handed in, and losses that belong to predictions: what passes, and that whatever else comes is the student's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from autograder.checks import CheckFailed, cross_entropies, expect_loss, expect_number

LABELS = np.array([0, 1, 2, 0])
UNSURE = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5], [0.5, 0.25, 0.25]], dtype="float32")
SURE = UNSURE.copy()
SURE[3] = [1e-20, 1, 0]  # sure of a wrong answer
NO_NUMBERS = [None, "200", True, [200], {"steps": 200}, np.zeros(3), object(), math.nan, math.inf, 10**400]


@pytest.mark.parametrize("value", [3, 3.0, np.float32(3), np.int64(3)])
def test_numbers_of_every_kind_are_numbers(value: Any) -> None:
    assert expect_number(value) == 3.0


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: type(value).__name__)
def test_all_else_is_refused_in_a_sentence(value: Any) -> None:
    with pytest.raises(CheckFailed, match=r"^dense_steps is .*number expected"):
        expect_number(value, "dense_steps")


def test_text_has_its_reason() -> None:
    with pytest.raises(CheckFailed, match="is '200', a number expected: it is text: leave out the quotation marks"):
        expect_number("200", "dense_steps")


def test_sure_mistakes_are_cut_or_not() -> None:
    assert cross_entropies(UNSURE, LABELS) == pytest.approx((math.log(2), math.log(2)))
    cut, whole = cross_entropies(SURE, LABELS)
    assert cut == pytest.approx((3 * math.log(2) + 7 * math.log(10)) / 4)
    assert whole == pytest.approx((3 * math.log(2) + 20 * math.log(10)) / 4)


def test_a_probability_of_nothing_has_a_loss_too() -> None:
    none = np.array([[0.0, 1.0]], dtype="float32")
    assert cross_entropies(none, np.array([0]))[1] == pytest.approx(103.28, abs=0.01)


@pytest.mark.parametrize("loss", [*cross_entropies(SURE, LABELS), np.float32(6.0)])
def test_each_way_to_compute_a_loss_is_right(loss: float) -> None:
    expect_loss(loss, SURE, LABELS, "evaluation['loss']")


@pytest.mark.parametrize("loss", [4.4, 12.2, -0.5, *NO_NUMBERS])
def test_other_losses_are_not(loss: Any) -> None:
    with pytest.raises(CheckFailed, match=r"^evaluation\['loss'\] is "):
        expect_loss(loss, SURE, LABELS, "evaluation['loss']")


@pytest.mark.parametrize(
    ("predictions", "words"),
    [
        (UNSURE[:3], "3 rows"),
        (LABELS, "a loss needs the probability of each class"),
        (UNSURE[:, :2], "one output for each class is needed"),
        (UNSURE * math.nan, "NaN or infinity"),
    ],
)
def test_predictions_that_fit_no_labels_are_the_students(predictions: Any, words: str) -> None:
    with pytest.raises(CheckFailed, match=words):
        cross_entropies(predictions, LABELS)
