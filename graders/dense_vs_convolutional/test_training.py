"""Step 4: steps in an epoch, and the recipe for both networks."""

import math
from functools import partial

import pytest

from autograder import Input
from autograder.checks import (
    CheckFailed,
    accuracy,
    complaint,
    cross_entropies,
    expect_activations,
    expect_close,
    expect_compiled,
    expect_convolutions,
    expect_dropout,
    expect_equal,
    expect_history,
    expect_layers,
    expect_number,
    expect_parameters,
    expect_pooling,
    expect_shape,
    expect_units,
)

CURVES = ["loss", "accuracy", "val_loss", "val_accuracy"]
CURVES_TO_READ = [
    ([0.9, 0.5, 0.25, 0.125], [0.75, 0.5, 0.625, 1.0]),
    ([1.0, 0.5, 0.25], [0.9, 0.8, 0.7]),
    ([0.5, 0.4, 0.3, 0.35], [0.5, 0.25, 0.75, 0.25]),
    ([0.7], [0.9]),
]
NETWORKS = {
    "dense": [
        partial(expect_layers, kinds=["Dense", "Dense", "Dropout", "Dense"], besides=["Flatten", "Reshape"]),
        partial(expect_units, units=[400, 100, 10]),
        partial(expect_activations, activations=["relu", "relu", "softmax"]),
        partial(expect_dropout, rates=[0.5]),
    ],
    "convolutional": [
        partial(
            expect_layers,
            kinds=["Conv2D", "MaxPooling2D", "Conv2D", "Dropout", "MaxPooling2D", "Dense", "Dropout", "Dense"],
            besides=["Flatten", "Reshape"],
        ),
        partial(expect_convolutions, filters=[10, 20], kernel=(5, 5)),
        partial(expect_pooling, sizes=[(2, 2), (2, 2)]),
        partial(expect_units, units=[10, 20, 320, 10]),
        partial(expect_activations, activations=["relu", "relu", "relu", "softmax"]),
        partial(expect_dropout, rates=[0.5, 0.5]),
    ],
}
BY_CHANCE = 0.12  # four standard deviations between the accuracies on 240 and on 300 images
JUST_THE_SAME = 2e-6  # loss and accuracy on different images both come so close in fewer than one of 100,000 trainings


def expect_network(submission, built):
    """The trained network is the one of step 2. A mistake that the new one, `built`, has too has cost its points there."""
    for check in NETWORKS[built]:
        said = complaint(check, submission.model(f"trained_{built}"))
        if said and not complaint(check, submission.model(built)):
            raise CheckFailed(f"trained_{built} is another network than {built}_network() was to make. {said}")


def expect_recipe(network, history, what, profile):
    """Compiled with Adam, trained for the recipe's ten epochs or as many as the profile allows, with a validation part."""
    expect_compiled(network, optimizer="Adam", loss="categorical_crossentropy", learning_rate=0.001, defaults=True)
    expect_history(history, epochs=min(10, profile.epoch_limit or 10), keys=CURVES, what=what)


def expect_steps(submission, name, profile):
    """The optimizer has taken about the steps of the recipe: batches of 64 of four fifths of the training images."""
    steps, epochs, rows = expect_number(submission.value(name), name), min(10, profile.epoch_limit or 10), submission.sample("x_train_rows")
    expect_shape(rows, (None, 784), "x_train_rows")
    images = rows.shape[0]
    expected = epochs * math.ceil(0.8 * images / 64)
    if abs(steps - expected) > 0.1 * expected:
        raise CheckFailed(
            f"The network was trained in {steps:,.0f} steps, the recipe takes {expected:,} for {images:,} images and {epochs} epochs: "
            f"{steps_reason(steps, images, epochs)}"
        )


def steps_reason(steps, images, epochs):
    """What may be wrong with so many steps."""
    if abs(steps - epochs * math.ceil(images / 64)) <= epochs:
        return "was it trained on the validation part too?"
    return "does fit have batch_size=64, and all training images?"


def expect_same_network(history, outputs, labels, what):
    """The history ends near the accuracy that the handed-in network has, and was not measured on the test images."""
    measured, losses = accuracy(outputs, labels), cross_entropies(outputs, labels)
    loss, said = history["val_loss"][-1], (history.get("val_accuracy") or history["val_acc"])[-1]
    if max(min(abs(loss - each) for each in losses), abs(said - measured)) < JUST_THE_SAME:
        raise CheckFailed(
            f"{what} ends with just the loss and accuracy that the network has on the test images: were they given to fit as "
            "validation_data? They have to wait for step 5; validation_split=0.2 sets training images aside."
        )
    if abs(said - measured) > BY_CHANCE:
        raise CheckFailed(
            f"{what} ends with a validation accuracy of {said:.2f}, but the network that was handed in reads {measured:.2f} of the test "
            "images: do both come from the same training?"
        )


@pytest.mark.grade_cell("steps_per_epoch")
@pytest.mark.hint("Count the batches of a small example by hand, once with a last batch that is not full.")
@pytest.mark.ask("steps_per_epoch", [(60_000, 12_000, 64), (105, 0, 10), (1_000, 200, 64), (64, 0, 64), (65, 1, 64), (10, 3, 100)])
def test_steps_are_counted_with_the_last_one(answers):
    for (examples, held_out, batch_size), answer in answers:
        expected = -(-(examples - held_out) // batch_size)
        expect_equal(answer, expected, f"steps_per_epoch({examples}, {held_out}, {batch_size})")


@pytest.mark.grade_cell("training")
@pytest.mark.hint(
    "Go through the recipe above 4.1, item by item, and compare the counted steps with what your steps_per_epoch says. "
    "The network is a new one of step 2."
)
@pytest.mark.predict("trained_dense", Input(shape=(784,), range=(0, 1)))
def test_dense_network_is_trained_by_the_recipe(submission, predictions, visible, profile):
    network, history = submission.model("trained_dense"), submission.history("dense_history")
    expect_parameters(network, per_layer=[314_000, 40_100, 1_010], total=355_110)
    expect_network(submission, "dense")
    expect_recipe(network, history, "dense_history", profile)
    expect_same_network(history, predictions.visible, visible.y, "dense_history")
    expect_steps(submission, "dense_steps", profile)


@pytest.mark.grade_cell("training")
@pytest.mark.hint("The same as with the dense network, on images instead of rows: x_train_images has the layout that Keras is set to.")
@pytest.mark.predict("trained_convolutional", Input(shape=(28, 28, 1), range=(0, 1)))
def test_convolutional_network_is_trained_by_the_recipe(submission, predictions, visible, profile):
    network, history = submission.model("trained_convolutional"), submission.history("convolutional_history")
    expect_parameters(network, per_layer=[260, 5_020, 102_720, 3_210], total=111_210)
    expect_network(submission, "convolutional")
    expect_recipe(network, history, "convolutional_history", profile)
    expect_same_network(history, predictions.visible, visible.y, "convolutional_history")
    expect_steps(submission, "convolutional_steps", profile)


@pytest.mark.grade_cell("curves")
@pytest.mark.hint(
    "On paper, with four epochs: at which place is the smallest validation loss, and which epoch is that? Both differences are 0 in it."
)
@pytest.mark.ask("after_the_turn", [tuple(curves) for curves in CURVES_TO_READ])
def test_the_turn_is_read_off_both_curves(answers):
    for (loss, val_loss), answer in answers:
        expect_close(answer, turn_of(loss, val_loss), f"after_the_turn({loss}, {val_loss})")


@pytest.mark.grade_cell("curves", weight=0.5)
@pytest.mark.hint("Your function, applied to loss and val_loss of what fit has returned, for each of the two networks.")
@pytest.mark.parametrize("network", ["dense", "convolutional"])
def test_turns_are_those_of_the_histories(submission, network):
    history = submission.history(f"{network}_history")
    expect_history(history, keys=CURVES, what=f"{network}_history")
    expected = turn_of(history["loss"], history["val_loss"])
    expect_close(submission.value("turns"), {network: expected}, "turns", tolerance=1e-3)


def turn_of(loss, val_loss):
    """What after_the_turn is asked for; both curves have as many epochs."""
    if not val_loss or len(loss) != len(val_loss):
        raise CheckFailed("'loss' and 'val_loss' of a history have not the same number of epochs.")
    turn = val_loss.index(min(val_loss))
    return {"epoch": turn + 1, "fall": loss[turn] - loss[-1], "rise": val_loss[-1] - val_loss[turn]}
