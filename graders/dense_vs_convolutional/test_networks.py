"""Step 2: counting what a convolutional layer needs, and both networks."""

import pytest

from autograder.checks import (
    expect_activations,
    expect_convolutions,
    expect_dropout,
    expect_equal,
    expect_layers,
    expect_output_shape,
    expect_parameters,
    expect_pooling,
    expect_units,
)


@pytest.mark.grade_cell("dense_layers", weight=2)
@pytest.mark.hint("Compare summary() with the table of 2.1, line by line.")
def test_dense_network_has_its_layers(submission):
    network = submission.model("dense")
    expect_layers(network, ["Dense", "Dense", "Dropout", "Dense"])
    expect_units(network, [400, 100, 10])
    expect_output_shape(network, (None, 10))


@pytest.mark.grade_cell("dense_layers")
@pytest.mark.hint("The table of 2.1 names the activation of each layer. What has a layer for which none is given?")
def test_dense_network_has_its_activations(submission):
    expect_activations(submission.model("dense"), ["relu", "relu", "softmax"])


@pytest.mark.grade_cell("dense_layers")
@pytest.mark.hint("What does the rate of Dropout count, the share that stays or the share that is switched off? Step 2 says it.")
def test_dense_network_drops_out_half(submission):
    expect_dropout(submission.model("dense"), [0.5])


@pytest.mark.grade_cell("dense_parameters")
@pytest.mark.hint(
    "At which layer do summary() and the table disagree? How many numbers go into it, and what has a unit besides its weights?"
)
def test_dense_network_has_the_right_parameter_counts(submission):
    expect_parameters(submission.model("dense"), per_layer=[314_000, 40_100, 1_010], total=355_110)


@pytest.mark.grade_cell("convolution_parameters")
@pytest.mark.hint("The second of the three rules above 2.2; do not forget what is added once for each filter.")
@pytest.mark.ask("convolution_parameters", [(5, 1, 10), (5, 10, 20), (3, 3, 64), (1, 7, 2)])
def test_parameters_of_convolutions_are_counted(answers):
    for (kernel, channels, filters), answer in answers:
        expect_equal(answer, kernel * kernel * channels * filters + filters, f"convolution_parameters({kernel}, {channels}, {filters})")


@pytest.mark.grade_cell("flat_length")
@pytest.mark.hint(
    "Write down the side after each layer, for 28 and for 29: what becomes of a row without a partner? Then count all channels."
)
@pytest.mark.ask("flat_length", [(28,), (32,), (17,), (29,), (64,)])
def test_the_flat_row_has_the_right_length(answers):
    for side, answer in answers:
        left = ((side - 4) // 2 - 4) // 2
        expect_equal(answer, left * left * 20, f"flat_length({side})")


@pytest.mark.grade_cell("convolution_multiplications")
@pytest.mark.hint(
    "How many pixels has the output in all its channels, and how many weights meet in each of them? Begin with a single window."
)
@pytest.mark.ask("convolution_multiplications", [(28, 5, 1, 10), (12, 5, 10, 20), (9, 3, 4, 2), (6, 1, 3, 5)])
def test_multiplications_are_counted(answers):
    for (side, kernel, channels, filters), answer in answers:
        expected = (side - kernel + 1) ** 2 * kernel**2 * channels * filters
        expect_equal(answer, expected, f"convolution_multiplications({side}, {kernel}, {channels}, {filters})")


@pytest.mark.grade_cell("convolutional_layers", weight=2)
@pytest.mark.hint("Follow the table before 2.2 from top to bottom; the first dropout stands before the second pooling.")
def test_convolutional_network_has_its_layers_in_order(submission):
    network = submission.model("convolutional")
    kinds = ["Conv2D", "MaxPooling2D", "Conv2D", "Dropout", "MaxPooling2D", "Dense", "Dropout", "Dense"]
    expect_layers(network, kinds, besides=["Flatten", "Reshape"])
    expect_output_shape(network, (None, 10))


@pytest.mark.grade_cell("convolutional_layers", weight=2)
@pytest.mark.hint("The table before 2.2 names filters and windows. May a window leave the picture, and what follows each convolution?")
def test_convolutional_network_has_its_filters_and_pools(submission):
    network = submission.model("convolutional")
    expect_convolutions(network, filters=[10, 20], kernel=(5, 5))
    expect_pooling(network, [(2, 2), (2, 2)])
    expect_units(network, [10, 20, 320, 10])


@pytest.mark.grade_cell("convolutional_layers")
@pytest.mark.hint("The table before 2.2 names the activation of each layer. What has a layer for which none is given?")
def test_convolutional_network_has_its_activations(submission):
    expect_activations(submission.model("convolutional"), ["relu", "relu", "relu", "softmax"])


@pytest.mark.grade_cell("convolutional_layers")
@pytest.mark.hint("How many Dropout layers does the table name, and what does their rate count?")
def test_convolutional_network_drops_out_half_twice(submission):
    expect_dropout(submission.model("convolutional"), [0.5, 0.5])


@pytest.mark.grade_cell("convolutional_parameters")
@pytest.mark.hint("Your convolution_parameters and flat_length tell the counts beforehand: at which layer does summary() say otherwise?")
def test_convolutional_network_has_the_right_parameter_counts(submission):
    expect_parameters(submission.model("convolutional"), per_layer=[260, 5_020, 102_720, 3_210], total=111_210)
