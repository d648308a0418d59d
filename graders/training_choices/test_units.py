"""Section 1: a unit, and what it lets through."""

import numpy as np
import pytest

from autograder.checks import expect_close, expect_equal

CHANCE = np.random.default_rng(31)
SPREAD = CHANCE.normal(scale=3, size=(4, 5))
SIDES = np.array([-7.5, -1.0, -0.25, 0.25, 1.0, 7.5])


@pytest.mark.grade_cell("perceptron", weight=2)
@pytest.mark.hint("Weigh, add up, add the bias, and only then compare with 0.")
@pytest.mark.ask(
    "perceptron",
    [
        (np.array([2.0, -1.0, 0.5]), np.array([1.0, 3.0, 4.0]), 0.0),
        (np.array([2.0, -1.0, 0.5]), np.array([1.0, 3.0, 4.0]), -1.5),
        (np.array([1.0]), np.array([-2.0]), 1.0),
        (np.array([0.0, 0.0]), np.array([5.0, 5.0]), 0.25),
    ],
)
def test_perceptron_weighs_its_inputs_and_adds_the_bias(answers):
    for (inputs, weights, bias), answer in answers:
        expect_equal(answer, np.array(int(inputs @ weights + bias > 0)), f"perceptron of {len(inputs)} inputs with the bias {bias:g}")


@pytest.mark.grade_cell("perceptron")
@pytest.mark.hint("'Above 0' leaves 0 itself out: look at your comparison.")
@pytest.mark.ask("perceptron", [(np.array([1.0, 1.0]), np.array([1.0, 1.0]), -2.0)])
def test_a_sum_of_exactly_0_is_not_above_0(answers):
    for _, answer in answers:
        expect_equal(answer, np.array(0), "perceptron where the sum is exactly 0")


@pytest.mark.grade_cell("sigmoid")
@pytest.mark.hint("Mind the minus sign in the exponent. NumPy's exp works on each element of an array.")
@pytest.mark.ask("sigmoid", [(SPREAD,), (SIDES,)])
def test_sigmoid_of_each_element(answers):
    for z, answer in answers:
        expect_close(answer, 1 / (1 + np.exp(-z)), "sigmoid")


@pytest.mark.grade_cell("sigmoid_derivative")
@pytest.mark.hint("Write σ'(z) down with the chain rule and look for σ(z) in it: then you see what the tutorial's x has to be.")
@pytest.mark.ask("sigmoid_derivative", [(SPREAD,)])
def test_the_slope_of_the_sigmoid_is_a_function_of_z(answers):
    expect_slopes(answers)


@pytest.mark.grade_cell("sigmoid_derivative")
@pytest.mark.visibility("after_due")
@pytest.mark.hint(
    "At 2 and at −2 the slope is the same number, above 0. What has to stand for the tutorial's x so that its formula gives that?"
)
@pytest.mark.ask("sigmoid_derivative", [(SIDES,)])
def test_the_slope_of_the_sigmoid_on_both_sides(answers):
    expect_slopes(answers)


def expect_slopes(answers):
    for z, answer in answers:
        output = 1 / (1 + np.exp(-z))
        expect_close(answer, output * (1 - output), "sigmoid_derivative")


@pytest.mark.grade_cell("relu")
@pytest.mark.hint("NumPy has a function for the larger one of two numbers, element by element.")
@pytest.mark.ask("relu", [(SPREAD,), (SIDES,)])
def test_relu_of_each_element(answers):
    for z, answer in answers:
        expect_close(answer, np.maximum(z, 0), "relu")


@pytest.mark.grade_cell("relu")
@pytest.mark.hint("1.4 says what the slope is above 0, below 0, and at 0 itself: one number for each element.")
@pytest.mark.ask("relu_derivative", [(SPREAD,), (np.array([-1.0, 0.0, 1e-9]),)])
def test_the_slope_of_relu_is_0_or_1(answers):
    for z, answer in answers:
        expect_equal(answer, (z > 0).astype(float), "relu_derivative")
