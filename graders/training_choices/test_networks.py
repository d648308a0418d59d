"""Section 4: the function that builds all networks, and the one that trains them."""

import math

import pytest

from autograder import Input
from autograder.checks import (
    accuracy,
    cross_entropies,
    expect_activations,
    expect_compiled,
    expect_dropout,
    expect_history,
    expect_initializers,
    expect_layers,
    expect_output_shape,
    expect_parameters,
    expect_regularizers,
    expect_units,
)

WIDTHS = {"softmax_only": [], "one_hidden": [128], "two_hidden": [128, 128], "three_hidden": [128, 128, 128]}
COUNTS = {
    "softmax_only": [7_850],
    "one_hidden": [100_480, 1_290],
    "two_hidden": [100_480, 16_512, 1_290],
    "three_hidden": [100_480, 16_512, 16_512, 1_290],
    "with_dropout": [100_480, 16_512, 1_290],
}


@pytest.mark.grade_cell("networks")
@pytest.mark.hint("Build networks with no, one and three hidden layers, and compare their summaries with 4.1.")
@pytest.mark.parametrize("name", list(WIDTHS))
def test_hidden_layers_are_those_that_were_asked_for(submission, name):
    network, widths = submission.model(name), WIDTHS[name]
    expect_units(network, [*widths, 10])
    expect_activations(network, ["relu"] * len(widths) + ["softmax"])
    expect_output_shape(network, (None, 10))
    expect_layers(network, ["Dense"] * (len(widths) + 1))


@pytest.mark.grade_cell("networks", weight=2)
@pytest.mark.hint(
    "4.1 says behind which layers dropout stands: how many Dropout layers are there with two hidden ones, and with which rate?"
)
def test_dropout_stands_after_each_hidden_layer(submission):
    network = submission.model("with_dropout")
    expect_layers(network, ["Dense", "Dropout", "Dense", "Dropout", "Dense"])
    expect_dropout(network, [0.3, 0.3])


@pytest.mark.grade_cell("network_counts")
@pytest.mark.hint("Your network_parameters tells the number beforehand: at which layer does summary() say otherwise?")
@pytest.mark.parametrize("name", list(COUNTS))
def test_networks_have_the_right_parameter_counts(submission, name):
    expect_parameters(submission.model(name), per_layer=COUNTS[name], total=sum(COUNTS[name]))


@pytest.mark.grade_cell("network_settings")
@pytest.mark.hint("Which argument of Dense takes a price on the weights, and which layers does 4.1 name for it?")
def test_hidden_layers_are_regularised(submission):
    expect_regularizers(submission.model("with_settings"), [(0.0001, 0.001), (0.0001, 0.001), (0, 0)])


@pytest.mark.grade_cell("network_settings")
@pytest.mark.hint("Which argument of Dense says how its weights begin, and which layers does 4.1 name for it?")
def test_all_layers_begin_as_was_asked_for(submission):
    expect_initializers(submission.model("with_settings"), "RandomUniform", minval=-0.05, maxval=0.05)


@pytest.mark.grade_cell("base")
@pytest.mark.hint("train hands its optimizer on to compile; loss and metric stand in the task.")
def test_train_compiles_with_what_was_asked_for(submission):
    expect_compiled(submission.model("base"), optimizer="Adam", loss="categorical_crossentropy", metrics=["accuracy"], learning_rate=0.001)


@pytest.mark.grade_cell("base")
@pytest.mark.hint(
    "train hands images, labels, epochs and batch_size on to fit. What fit returns is an object; one of its attributes is asked for. "
    "The test images are for neither learning nor validation."
)
@pytest.mark.predict("base", Input(shape=(784,), range=(0, 1)))
def test_train_returns_four_curves(submission, predictions, visible, profile):
    """The last validation numbers are those of the test images, or of their last fifth, only if `train` took these."""
    history, epochs = submission.history("base_history"), min(10, profile.epoch_limit or 10)
    expect_history(history, epochs, ["loss", "accuracy", "val_loss", "val_accuracy"], "base_history")
    noted, loss = (history.get("val_accuracy") or history.get("val_acc", []))[-1:], history["val_loss"][-1:]
    for first, reason in ((0, "they were the validation part"), (int(0.8 * len(visible.y)), "train learnt from the others")):
        answers, labels = predictions.visible[first:], visible.y[first:]
        same_accuracy = any(abs(each - accuracy(answers, labels)) <= 1e-5 for each in noted)
        same_loss = any(math.isclose(each, found, rel_tol=1e-5) for each in loss for found in cross_entropies(answers, labels))
        which = "the test images" if first == 0 else "the last fifth of the test images"
        assert not (same_accuracy and same_loss), (
            f"base_history ends with just the validation loss and accuracy that base has on {which}: {reason}."
        )
