"""Section 3: counting parameters, and the three networks as they are built."""

import pytest

from autograder.checks import (
    expect_activations,
    expect_dropout,
    expect_equal,
    expect_layers,
    expect_output_shape,
    expect_parameters,
    expect_units,
)

CHAINS = [[784, 10], [784, 512, 10], [784, 512, 512, 10], [8, 12, 1], [5, 4, 3, 2, 1]]


@pytest.mark.grade_cell("network_parameters")
@pytest.mark.hint("Each unit has one weight for each of its inputs and one bias; the units of one layer are the inputs of the next.")
@pytest.mark.ask("network_parameters", [(widths,) for widths in CHAINS])
def test_parameters_of_a_chain_are_counted(answers):
    for widths, answer in answers:
        right = sum(widths[at] * widths[at + 1] + widths[at + 1] for at in range(len(widths) - 1))
        expect_equal(answer, right, f"network_parameters of a list of {len(widths)} widths")


@pytest.mark.grade_cell("softmax_network")
@pytest.mark.hint("Compare summary() with the table: how many layers has this network, and what does the last one end with?")
def test_softmax_only_is_one_layer(submission):
    network = submission.model("new_softmax_only")
    expect_layers(network, ["Dense"])
    expect_activations(network, ["softmax"])
    expect_output_shape(network, (None, 10))
    expect_parameters(network, per_layer=[7_850], total=7_850)


@pytest.mark.grade_cell("one_hidden_network")
@pytest.mark.hint("Compare summary() with the table, layer by layer; your network_parameters tells the counts beforehand.")
def test_one_hidden_has_its_layers(submission):
    network = submission.model("new_one_hidden")
    expect_layers(network, ["Dense", "Dropout", "Dense"])
    expect_units(network, [512, 10])
    expect_output_shape(network, (None, 10))
    expect_parameters(network, per_layer=[401_920, 5_130], total=407_050)


@pytest.mark.grade_cell("one_hidden_network")
@pytest.mark.hint(
    "The table names an activation for each layer. Without one in the hidden layer, two layers do no more than one (section 2)."
)
def test_one_hidden_has_relu_and_softmax(submission):
    expect_activations(submission.model("new_one_hidden"), ["relu", "softmax"])


@pytest.mark.grade_cell("one_hidden_network")
@pytest.mark.hint(
    "What does the rate of Dropout count, the share that is dropped or the share that stays? And behind which layer does it stand?"
)
def test_one_hidden_drops_a_fifth(submission):
    expect_dropout(submission.model("new_one_hidden"), [0.2])


@pytest.mark.grade_cell("two_hidden_network")
@pytest.mark.hint("Compare summary() with the table, layer by layer; your network_parameters tells the counts beforehand.")
def test_two_hidden_has_its_layers(submission):
    network = submission.model("new_two_hidden")
    expect_layers(network, ["Dense", "Dropout", "Dense", "Dropout", "Dense"])
    expect_units(network, [512, 512, 10])
    expect_output_shape(network, (None, 10))
    expect_parameters(network, per_layer=[401_920, 262_656, 5_130], total=669_706)


@pytest.mark.grade_cell("two_hidden_network")
@pytest.mark.hint("The table names an activation for each layer: have both hidden layers one, and the output another one?")
def test_two_hidden_has_relu_twice_and_softmax(submission):
    expect_activations(submission.model("new_two_hidden"), ["relu", "relu", "softmax"])


@pytest.mark.grade_cell("two_hidden_network")
@pytest.mark.hint("How many Dropout layers does the table name, with which share, and where?")
def test_two_hidden_drops_a_fifth_twice(submission):
    expect_dropout(submission.model("new_two_hidden"), [0.2, 0.2])
