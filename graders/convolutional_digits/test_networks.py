"""Section 3: the seven networks, however they are spelled."""

import pytest

from autograder.checks import (
    expect_activations,
    expect_close,
    expect_convolutions,
    expect_dropout,
    expect_layers,
    expect_output_shape,
    expect_parameters,
    expect_pooling,
)

# They give numbers another shape, or stand for an argument of the layer before them.
SPELLING = ("Flatten", "Reshape", "Activation", "ReLU", "Softmax", "Identity")
DENSE = {"regularised": [100], "wide": [200], "narrow": [50], "deeper": [50, 50]}
PARAMETERS = {
    "regularised": [170, 625_100, 1_010],
    "wide": [170, 1_250_200, 2_010],
    "narrow": [170, 312_550, 510],
    "deeper": [170, 312_550, 2_550, 510],
}


@pytest.mark.grade_cell("simple_network")
@pytest.mark.hint("Go through the first row of the table beside what summary() prints: which layer is missing, which one too many?")
def test_simple_has_one_convolution_and_two_dense_layers(submission):
    simple = submission.model("simple")
    expect_layers(simple, ["Conv2D", "Dense", "Dense"], besides=SPELLING)
    expect_convolutions(simple, filters=[10], kernel=(4, 4))
    expect_output_shape(simple, (None, 10))


@pytest.mark.grade_cell("simple_network")
@pytest.mark.hint("The text above the table says which layers have which activation. What has a layer for which none is given?")
def test_simple_has_relu_and_softmax(submission):
    expect_activations(submission.model("simple"), ["relu", "relu", "softmax"])


@pytest.mark.grade_cell("simple_network", weight=2)
@pytest.mark.hint(
    "With a pencil you know each count beforehand (1.2, 3.1): at which layer does summary() say otherwise, and what stands before it?"
)
def test_simple_has_the_right_parameter_counts(submission):
    expect_parameters(submission.model("simple"), per_layer=[170, 625_100, 1_010], total=626_280)


@pytest.mark.grade_cell("single_output")
@pytest.mark.hint("To what do all numbers that softmax makes add up? Try it with a single one, whatever it is.")
def test_softmax_of_one_number_is_always_one(submission):
    expect_close(submission.value("single"), 1.0, "single", tolerance=1e-4)


@pytest.mark.grade_cell("regularised_network")
@pytest.mark.hint("3.3 says between which two layers dropout stands, and which share it drops.")
def test_regularised_drops_half_of_what_the_dense_part_gets(submission):
    regularised = submission.model("regularised")
    expect_layers(regularised, ["Conv2D", "Dropout", "Dense", "Dense"], besides=SPELLING)
    expect_dropout(regularised, [0.5])


@pytest.mark.grade_cell("regularised_network")
@pytest.mark.hint("Apart from Dropout it is `simple`: the same layers, activations and parameters.")
def test_regularised_is_simple_apart_from_dropout(submission):
    expect_variant(submission.model("regularised"), "regularised")


@pytest.mark.grade_cell("variants")
@pytest.mark.hint("What does build_regularised make of several widths, and what of a single one? Compare the summaries with the table.")
@pytest.mark.parametrize("name", ["wide", "narrow", "deeper"])
def test_variants_differ_in_their_hidden_layers_only(submission, name):
    network = submission.model(name)
    expect_layers(network, ["Conv2D", "Dropout", *["Dense"] * len(DENSE[name]), "Dense"], besides=SPELLING)
    expect_dropout(network, [0.5])
    expect_variant(network, name)


def expect_variant(network, name):
    """Kernels, parameters and activations of a network with one convolution and the table's hidden layers."""
    expect_convolutions(network, filters=[10], kernel=(4, 4))
    expect_parameters(network, per_layer=PARAMETERS[name], total=sum(PARAMETERS[name]))
    expect_activations(network, ["relu", *["relu"] * len(DENSE[name]), "softmax"])
    expect_output_shape(network, (None, 10))


@pytest.mark.grade_cell("two_convolutions")
@pytest.mark.hint(
    "Go through the table's row from left to right beside summary(): how often does pooling occur, and where does dropout stand?"
)
def test_two_convolutions_have_one_pooling_layer_between_them(submission):
    network = submission.model("two_convolutions")
    expect_layers(network, ["Conv2D", "MaxPooling2D", "Conv2D", "Dropout", "Dense", "Dense"], besides=SPELLING)
    expect_pooling(network, [(2, 2)])
    expect_dropout(network, [0.5])


@pytest.mark.grade_cell("two_convolutions")
@pytest.mark.hint("Follow a side of 28 pixels through the network with your conv_output_size: at which layer does summary() say otherwise?")
def test_two_convolutions_have_the_right_kernels_and_parameters(submission):
    network = submission.model("two_convolutions")
    expect_convolutions(network, filters=[10, 20], kernel=(4, 4))
    expect_parameters(network, per_layer=[170, 3_220, 162_100, 1_010], total=166_500)
    expect_output_shape(network, (None, 10))


@pytest.mark.grade_cell("best_network")
@pytest.mark.hint(
    "Go through the table's last row from left to right beside summary(): how often does pooling occur, and which share is dropped?"
)
def test_best_pools_after_both_convolutions(submission):
    network = submission.model("best")
    expect_layers(network, ["Conv2D", "MaxPooling2D", "Conv2D", "MaxPooling2D", "Dropout", "Dense", "Dense"], besides=SPELLING)
    expect_pooling(network, [(2, 2), (2, 2)])
    expect_dropout(network, [0.4])


@pytest.mark.grade_cell("best_network")
@pytest.mark.hint("Follow a side of 28 pixels through the network with your conv_output_size: at which layer does summary() say otherwise?")
def test_best_has_the_right_kernels_and_parameters(submission):
    network = submission.model("best")
    expect_convolutions(network, filters=[16, 32], kernel=(4, 4))
    expect_parameters(network, per_layer=[272, 8_224, 51_300, 1_010], total=60_806)
    expect_output_shape(network, (None, 10))


@pytest.mark.grade_cell("two_convolutions")
@pytest.mark.hint("The text above the table says which layers have which activation. What has a layer for which none is given?")
def test_two_convolutions_have_relu_and_softmax(submission):
    expect_activations(submission.model("two_convolutions"), ["relu", "relu", "relu", "softmax"])


@pytest.mark.grade_cell("best_network")
@pytest.mark.hint("The text above the table says which layers have which activation. What has a layer for which none is given?")
def test_best_has_relu_and_softmax(submission):
    expect_activations(submission.model("best"), ["relu", "relu", "relu", "softmax"])
