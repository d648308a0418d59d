"""Section 3: counting parameters, and the network itself."""

import pytest

from autograder.checks import expect_activations, expect_equal, expect_layers, expect_output_shape, expect_parameters, expect_units


@pytest.mark.grade_cell("dense_parameters")
@pytest.mark.hint("How many weights does one unit have, and how many biases? And how many units are there?")
@pytest.mark.ask("dense_parameters", [(784, 10), (10, 10), (784, 512), (8, 12), (1, 1)])
def test_weights_and_biases_are_counted(answers):
    for (inputs, units), answer in answers:
        expect_equal(answer, inputs * units + units, "The number of parameters")


@pytest.mark.grade_cell("network_layers")
@pytest.mark.hint("Compare summary() with what the task asks for: how many layers, how many units in each?")
def test_network_has_two_dense_layers_of_ten_units(submission):
    network = submission.model("network")
    expect_layers(network, ["Dense", "Dense"])
    expect_units(network, [10, 10])
    expect_output_shape(network, (None, 10))


@pytest.mark.grade_cell("network_layers")
@pytest.mark.hint("The task names an activation for each of the two layers. What has a layer for which none is given?")
def test_network_has_sigmoid_and_softmax(submission):
    expect_activations(submission.model("network"), ["sigmoid", "softmax"])


@pytest.mark.grade_cell("network_parameters")
@pytest.mark.hint("Your dense_parameters tells both counts beforehand: at which layer does summary() say otherwise?")
def test_network_has_the_right_parameter_counts(submission):
    expect_parameters(submission.model("network"), per_layer=[7_850, 110], total=7_960)
