"""Every kind of automatic check that needs no model: an array, a value, a history, functions that are asked."""

import numpy as np
import pytest

from autograder.checks import expect_close, expect_equal, expect_history

CHANCE = np.random.default_rng(7)
ROWS = [CHANCE.normal(size=(4, 5)), np.array([[3.0, -1.0], [0.5, 9.0]])]


@pytest.mark.grade_cell("scaled")
def test_the_first_fifty_images_are_scaled(submission, visible):
    expect_close(submission.array("scaled"), visible.x[:50].reshape(50, 784) / 255, "scaled")


@pytest.mark.grade_cell("total")
def test_the_labels_are_summed(submission, visible):
    expect_equal(submission.value("total"), int(visible.y.sum()), "total")


@pytest.mark.grade_cell("curve")
def test_the_curve_has_three_falling_losses(submission):
    curve = submission.history("curve")
    expect_history(curve, epochs=3, keys=("loss",), what="curve")
    expect_equal(curve["loss"], sorted(curve["loss"], reverse=True), "curve")


@pytest.mark.grade_cell("double")
@pytest.mark.ask("double", [4, 2.5, -1, 10**12], seconds=2)
def test_double(answers):
    for argument, answer in answers:
        expect_equal(answer, 2 * argument, "double(n)")


@pytest.mark.grade_cell("middle")
@pytest.mark.ask("middle", ROWS, seconds=2)
def test_middle(answers):
    for rows, answer in answers:
        expect_close(answer, np.median(rows, axis=1), "middle(rows)")
