"""Section 2: softmax and three losses."""

import numpy as np
import pytest

from autograder.checks import expect_close

CHANCE = np.random.default_rng(32)
SCORES = [CHANCE.normal(scale=2, size=(5, 10)), CHANCE.normal(scale=2, size=(3, 3)), np.array([[1.0, -2.0, 0.5, 3.0]])]
LARGE = [np.array([[1000.0, 998.0, 0.0], [-1000.0, -1001.0, -1000.0]]), np.array([[800.0, -800.0]])]
AMOUNTS = [(CHANCE.normal(size=7), CHANCE.normal(size=7)), (CHANCE.normal(size=(4, 3)), CHANCE.normal(size=(4, 3)))]
QUESTIONS = [(CHANCE.integers(0, 2, 9).astype(float), CHANCE.uniform(0.05, 0.95, 9)), (np.array([1.0, 0.0]), np.array([0.9, 0.2]))]
CLASSES = [(np.eye(4)[[0, 3, 1, 1, 2]], CHANCE.dirichlet(np.ones(4), 5)), (np.eye(10)[[7]], CHANCE.dirichlet(np.ones(10) * 3, 1))]
LEAST = 1e-7


def soft(z):
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.grade_cell("softmax", weight=2)
@pytest.mark.hint("Each row is divided by its own sum: along which axis do you add up, and has the sum a shape that fits beside the rows?")
@pytest.mark.ask("softmax", [(scores,) for scores in SCORES])
def test_softmax_of_each_row(answers):
    for z, answer in answers:
        expect_close(answer, soft(z), f"softmax of {len(z)} rows")


@pytest.mark.grade_cell("softmax")
@pytest.mark.hint("The task says what may be taken off each row so that no exponent is above 0.")
@pytest.mark.ask("softmax", [(scores,) for scores in LARGE])
def test_softmax_of_large_numbers(answers):
    for z, answer in answers:
        expect_close(answer, soft(z), f"softmax of numbers up to {z.max():g}")


@pytest.mark.grade_cell("mean_squared_error")
@pytest.mark.hint("The mean over all elements: not their sum, and no square root.")
@pytest.mark.ask("mean_squared_error", AMOUNTS)
def test_mean_of_squared_differences(answers):
    for (y, p), answer in answers:
        expect_close(answer, np.array(np.mean((y - p) ** 2)), f"The mean squared error of {y.size} numbers")


@pytest.mark.grade_cell("binary_crossentropy", weight=2)
@pytest.mark.hint("Both terms count, one where the answer is yes and one where it is no; then the mean, with a minus.")
@pytest.mark.ask("binary_crossentropy", QUESTIONS)
def test_binary_crossentropy_is_the_mean_of_both_terms(answers):
    for (y, p), answer in answers:
        expect_close(answer, np.array(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))), "binary_crossentropy", tolerance=1e-5)


@pytest.mark.grade_cell("binary_crossentropy")
@pytest.mark.hint("Push p into the range of the task before the logarithm: log 0 is minus infinity, and 0 times infinity NaN.")
@pytest.mark.ask("binary_crossentropy", [(np.array([1.0]), np.array([0.0])), (np.array([0.0, 1.0, 0.0]), np.array([1.0, 1.0, 0.0]))])
def test_binary_crossentropy_of_certainty_is_finite(answers):
    for (y, p), answer in answers:
        kept = np.clip(p, LEAST, 1 - LEAST)
        right = -np.mean(y * np.log(kept) + (1 - y) * np.log(1 - kept))
        expect_close(answer, np.array(right), "binary_crossentropy where p is exactly 0 or 1", tolerance=1e-3)


@pytest.mark.grade_cell("categorical_crossentropy", weight=2)
@pytest.mark.hint("Add up over the classes, then take the mean over the examples: there are fewer of them than elements.")
@pytest.mark.ask("categorical_crossentropy", CLASSES)
def test_categorical_crossentropy_is_the_mean_over_examples(answers):
    for (y, p), answer in answers:
        right = -np.sum(y * np.log(p)) / len(y)
        expect_close(answer, np.array(right), f"categorical_crossentropy of {len(y)} × {y.shape[1]}", tolerance=1e-5)


@pytest.mark.grade_cell("categorical_crossentropy")
@pytest.mark.hint("Push p away from 0 before the logarithm, as in 2.3.")
@pytest.mark.ask("categorical_crossentropy", [(np.eye(3)[[0, 1]], np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]))])
def test_categorical_crossentropy_of_certainty_is_finite(answers):
    for (y, p), answer in answers:
        right = -np.sum(y * np.log(np.clip(p, LEAST, 1 - LEAST))) / len(y)
        expect_close(answer, np.array(right), "categorical_crossentropy where p is exactly 0 or 1", tolerance=1e-3)
