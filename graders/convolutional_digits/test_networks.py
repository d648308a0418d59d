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
@pytest.mark.hint("Conv2D(10, 4), Flatten, Dense(100), Dense(10): one convolution, two dense layers, nothing else.")
def test_simple_has_one_convolution_and_two_dense_layers(submission):
    simple = submission.model("simple")
    expect_layers(simple, ["Conv2D", "Dense", "Dense"], besides=SPELLING)
    expect_convolutions(simple, filters=[10], kernel=(4, 4))
    expect_output_shape(simple, (None, 10))


@pytest.mark.grade_cell("simple_network")
@pytest.mark.hint("activation='relu' in the convolution and the hidden layer, 'softmax' at the end.")
def test_simple_has_relu_and_softmax(submission):
    expect_activations(submission.model("simple"), ["relu", "relu", "softmax"])


@pytest.mark.grade_cell("simple_network", weight=2)
@pytest.mark.hint("4 · 4 · 1 · 10 + 10, then 25 · 25 · 10 · 100 + 100, then 100 · 10 + 10. No padding, no pooling.")
def test_simple_has_the_right_parameter_counts(submission):
    expect_parameters(submission.model("simple"), per_layer=[170, 625_100, 1_010], total=626_280)


@pytest.mark.grade_cell("single_output")
@pytest.mark.hint("To what do all numbers that softmax makes add up? Try it with a single one, whatever it is.")
def test_softmax_of_one_number_is_always_one(submission):
    expect_close(submission.value("single"), 1.0, "single", tolerance=1e-4)


@pytest.mark.grade_cell("regularised_network")
@pytest.mark.hint("Dropout(0.5) stands between Flatten and the first Dense layer: 'before the dense part'.")
def test_regularised_drops_half_of_what_the_dense_part_gets(submission):
    regularised = submission.model("regularised")
    expect_layers(regularised, ["Conv2D", "Dropout", "Dense", "Dense"], besides=SPELLING)
    expect_dropout(regularised, [0.5])


@pytest.mark.grade_cell("regularised_network")
@pytest.mark.hint("Apart from Dropout it is `simple`: the same layers, activations and parameters.")
def test_regularised_is_simple_apart_from_dropout(submission):
    expect_variant(submission.model("regularised"), "regularised")


@pytest.mark.grade_cell("variants")
@pytest.mark.hint("A Dense layer for each width, in their order, then Dense(10): build_regularised(50, 50) has two hidden layers.")
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
@pytest.mark.hint("Conv2D(10, 4), MaxPooling2D(2), Conv2D(20, 4), Flatten, Dropout(0.5), Dense(100), Dense(10), in this order.")
def test_two_convolutions_have_one_pooling_layer_between_them(submission):
    network = submission.model("two_convolutions")
    expect_layers(network, ["Conv2D", "MaxPooling2D", "Conv2D", "Dropout", "Dense", "Dense"], besides=SPELLING)
    expect_pooling(network, [(2, 2)])
    expect_dropout(network, [0.5])


@pytest.mark.grade_cell("two_convolutions")
@pytest.mark.hint("28 → 25 → 12 → 9 pixels, so that Flatten gives 9 · 9 · 20 = 1,620 numbers to Dense(100).")
def test_two_convolutions_have_the_right_kernels_and_parameters(submission):
    network = submission.model("two_convolutions")
    expect_convolutions(network, filters=[10, 20], kernel=(4, 4))
    expect_parameters(network, per_layer=[170, 3_220, 162_100, 1_010], total=166_500)
    expect_output_shape(network, (None, 10))


@pytest.mark.grade_cell("best_network")
@pytest.mark.hint("A pooling layer behind each convolution, and Dropout(0.4) before the dense part.")
def test_best_pools_after_both_convolutions(submission):
    network = submission.model("best")
    expect_layers(network, ["Conv2D", "MaxPooling2D", "Conv2D", "MaxPooling2D", "Dropout", "Dense", "Dense"], besides=SPELLING)
    expect_pooling(network, [(2, 2), (2, 2)])
    expect_dropout(network, [0.4])


@pytest.mark.grade_cell("best_network")
@pytest.mark.hint("28 → 25 → 12 → 9 → 4 pixels, so that Flatten gives 4 · 4 · 32 = 512 numbers to Dense(100).")
def test_best_has_the_right_kernels_and_parameters(submission):
    network = submission.model("best")
    expect_convolutions(network, filters=[16, 32], kernel=(4, 4))
    expect_parameters(network, per_layer=[272, 8_224, 51_300, 1_010], total=60_806)
    expect_output_shape(network, (None, 10))


@pytest.mark.grade_cell("two_convolutions")
@pytest.mark.hint("activation='relu' in both convolutions and in Dense(100), 'softmax' at the end.")
def test_two_convolutions_have_relu_and_softmax(submission):
    expect_activations(submission.model("two_convolutions"), ["relu", "relu", "relu", "softmax"])


@pytest.mark.grade_cell("best_network")
@pytest.mark.hint("activation='relu' in both convolutions and in Dense(100), 'softmax' at the end.")
def test_best_has_relu_and_softmax(submission):
    expect_activations(submission.model("best"), ["relu", "relu", "relu", "softmax"])
