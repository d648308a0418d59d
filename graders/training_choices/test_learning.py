"""Section 3: steps down the slope, counting, and a two-layer network forward and backward."""

import numpy as np
import pytest

from autograder.checks import expect_close, expect_equal, expect_shape

CHANCE = np.random.default_rng(33)
NAMES = ("w1", "b1", "w2", "b2")


def a_network(inputs, hidden, classes):
    """w1, b1, w2, b2 of a two-layer network."""
    return tuple(CHANCE.normal(size=shape) for shape in ((inputs, hidden), (hidden,), (hidden, classes), (classes,)))


STEPS = [(CHANCE.normal(size=(3, 2)), CHANCE.normal(size=(3, 2)), 0.3), (np.array([1.0, -1.0, 4.0]), np.array([0.5, 2.0, 0.0]), 2.0)]
WALKS = [(0.0, 0.1, 5), (-2.0, 0.75, 3), (10.0, 1.1, 4), (1.0, 0.2, 1)]
NETWORKS = [(CHANCE.normal(size=(7, 4)), *a_network(4, 6, 3)), (CHANCE.normal(size=(3, 5)), *a_network(5, 2, 4))]
LABELLED = [(x, np.eye(len(weights[-1]))[CHANCE.integers(0, len(weights[-1]), len(x))], *weights) for x, *weights in NETWORKS]


def went(x, w1, b1, w2, b2):
    """(z1, hidden, probabilities) of a forward pass."""
    z1 = x @ w1 + b1
    hidden = np.maximum(z1, 0)
    powers = np.exp(hidden @ w2 + b2)
    return z1, hidden, powers / powers.sum(axis=1, keepdims=True)


def slopes(x, y, w1, b1, w2, b2):
    """The right gradients by name."""
    z1, hidden, p = went(x, w1, b1, w2, b2)
    slope2 = (p - y) / len(x)
    slope1 = (slope2 @ w2.T) * (z1 > 0)
    return dict(zip(NAMES, (x.T @ slope1, slope1.sum(axis=0), hidden.T @ slope2, slope2.sum(axis=0)), strict=True))


def four(answer):
    """The four gradients by name; an answer of another length or kind fails."""
    assert isinstance(answer, list), "backward returns something else than a tuple of four arrays: is a `return` missing?"
    assert len(answer) == 4, f"backward returns {len(answer)} gradients, four were expected: of w1, b1, w2 and b2."
    return dict(zip(NAMES, answer, strict=True))


@pytest.mark.grade_cell("gradient_descent")
@pytest.mark.hint("The gradient points uphill: which sign takes you down?")
@pytest.mark.ask("gradient_step", STEPS)
def test_a_step_goes_against_the_gradient(answers):
    for (weights, gradient, rate), answer in answers:
        expect_close(answer, weights - rate * gradient, f"gradient_step at rate {rate:g}")


@pytest.mark.grade_cell("gradient_descent", weight=2)
@pytest.mark.hint(
    "Work out the slope of (w − 3)² with pencil and paper. The path begins with the start and has one position more than there are steps."
)
@pytest.mark.ask("descend", WALKS)
def test_the_path_down_the_parabola(answers):
    for (start, rate, steps), answer in answers:
        path = [start]
        for _ in range(steps):
            path.append(path[-1] - rate * 2 * (path[-1] - 3))
        expect_close(answer, np.array(path), f"descend from {start:g} at rate {rate:g}")


@pytest.mark.grade_cell("network_parameters")
@pytest.mark.hint("Weights and biases of one layer; then its width is the number of inputs of the next one.")
@pytest.mark.ask("network_parameters", [(8, [12]), (784, [128, 128, 10]), (784, [10]), (784, [128, 128, 128, 10]), (3, [1, 1])])
def test_parameters_of_layers_in_a_row(answers):
    for (inputs, widths), answer in answers:
        right = sum(fan_in * width + width for fan_in, width in zip([inputs, *widths], widths, strict=False))
        expect_equal(answer, right, f"network_parameters({inputs}, {widths})")


@pytest.mark.grade_cell("forward")
@pytest.mark.hint("The four formulas of the task, one after the other, with your own relu and softmax; @ multiplies matrices.")
@pytest.mark.ask("forward", NETWORKS)
def test_forward_gives_the_probabilities(answers):
    for (x, *weights), answer in answers:
        expect_shape(answer, (len(x), len(weights[-1])), "forward")
        expect_close(answer, went(x, *weights)[2], "forward")


@pytest.mark.grade_cell("backward", weight=2)
@pytest.mark.hint(
    "The loss is a mean, so its slope is divided by the number of examples. "
    "The gradient of b2 adds up over the examples, not over the classes."
)
@pytest.mark.ask("backward", LABELLED)
def test_gradients_of_the_second_layer(answers):
    for arguments, answer in answers:
        got, right = four(answer), slopes(*arguments)
        for name in ("w2", "b2"):
            expect_close(got[name], right[name], f"The gradient of {name}")


@pytest.mark.grade_cell("backward", weight=3)
@pytest.mark.hint(
    "Two things happen on the way back: a product with a matrix, then one with relu's slope, element by element. "
    "After that, go on as in the second layer."
)
@pytest.mark.ask("backward", LABELLED)
def test_gradients_of_the_first_layer(answers):
    for arguments, answer in answers:
        got, right = four(answer), slopes(*arguments)
        for name in ("w1", "b1"):
            expect_close(got[name], right[name], f"The gradient of {name}")
