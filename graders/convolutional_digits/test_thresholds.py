"""Section 5.5: what honest training misses, and a threshold that it does not."""

import numpy as np
import pytest

from autograder.checks import expect_close

RUNS = [0.981, 0.984, 0.979, 0.986, 0.983]
EVEN = [0.96, 0.96, 0.96]
ENDLESS = 10**12  # so many images that only the seed is left


def fair(accuracies, images):
    """Mean minus three standard deviations, of the seed and of so many images."""
    mean = np.mean(accuracies)
    return float(mean - 3 * np.sqrt(np.var(accuracies, ddof=1) + mean * (1 - mean) / images))


@pytest.mark.grade_cell("honest_misses")
@pytest.mark.hint("A share of all runs, between 0 and 1. What of a run that reaches the threshold exactly?")
@pytest.mark.ask("missed", [(RUNS, 0.983), (RUNS, 0.97), (RUNS, 0.99), ([0.5], 0.5)])
def test_runs_below_the_threshold_are_counted(answers):
    for (accuracies, threshold), answer in answers:
        expect_close(answer, sum(each < threshold for each in accuracies) / len(accuracies), f"missed({accuracies}, {threshold})")


@pytest.mark.grade_cell("fair_threshold")
@pytest.mark.hint("With equal runs only the images are left: the standard deviation of a share p of so many of them.")
@pytest.mark.ask("fair_threshold", [(EVEN, 300), (EVEN, 10_000), ([0.5, 0.5], 100)])
def test_few_images_move_the_threshold_down(answers):
    for (accuracies, images), answer in answers:
        expect_close(answer, fair(accuracies, images), f"fair_threshold({accuracies}, {images})", tolerance=1e-5)


@pytest.mark.grade_cell("fair_threshold")
@pytest.mark.hint("With very many images only the seed is left. The runs are a sample: by which number is their variance divided?")
@pytest.mark.ask("fair_threshold", [(RUNS, ENDLESS), ([0.9, 0.94], ENDLESS)])
def test_runs_that_differ_move_the_threshold_down(answers):
    for (accuracies, images), answer in answers:
        expect_close(answer, fair(accuracies, images), f"fair_threshold({accuracies}, {images:,})", tolerance=1e-5)


@pytest.mark.grade_cell("fair_threshold")
@pytest.mark.hint("Which of them add up where two kinds of chance come together, the deviations or their squares?")
@pytest.mark.ask("fair_threshold", [(RUNS, 300), ([0.9, 0.94, 0.92], 500)])
def test_both_kinds_of_chance_come_together(answers):
    for (accuracies, images), answer in answers:
        expect_close(answer, fair(accuracies, images), f"fair_threshold({accuracies}, {images})", tolerance=1e-5)
