"""Section 4: the recipe, what overfitting looks like in numbers, and when dropout acts."""

import math

import numpy as np
import pytest

from autograder import Input
from autograder.checks import accuracy, expect_close, expect_compiled, expect_equal, expect_history, expect_shape

IMAGES = Input(shape=(28, 28, 1), range=(0, 1))
KEYS = ["loss", "accuracy", "val_loss", "val_accuracy"]
LOSSES = [[0.9, 0.5, 0.4, 0.6], [0.3, 0.4, 0.5], [1.0, 0.25, 0.5, 0.25], [0.7]]
ACCURACIES = [([0.5, 1.0], [0.75, 0.875]), ([0.9, 0.95, 1.0], [0.9, 0.9, 0.85])]
HISTORIES = ["simple_history", "regularised_history"]


def curve(submission, name, metric):
    """One curve of a handed-in history; Keras keeps the name by which the metric was asked for."""
    history = submission.history(name)
    expect_history(history, keys=KEYS, what=name)
    values = history[metric] if metric in history else history[metric.replace("accuracy", "acc")]
    assert values, f"{name}['{metric}'] is empty."
    return np.array(values)


@pytest.mark.grade_cell("compiled_as_asked")
@pytest.mark.hint("keras.optimizers.RMSprop(learning_rate=0.001), in the compile(…) of train.")
def test_networks_are_trained_with_rmsprop(submission):
    expect_compiled(submission.model("trained_regularised"), optimizer="RMSprop", learning_rate=0.001)


@pytest.mark.grade_cell("compiled_as_asked")
@pytest.mark.hint("The labels are one-hot, so the loss is categorical_crossentropy; metrics=['accuracy'] is a list.")
def test_networks_are_compiled_with_loss_and_accuracy(submission):
    expect_compiled(submission.model("trained_regularised"), loss="categorical_crossentropy", metrics=["accuracy"])


@pytest.mark.grade_cell("histories")
@pytest.mark.hint("train hands `epochs` on to fit and returns what fit returns; validation_data adds the curves of the validation part.")
@pytest.mark.parametrize("name", HISTORIES)
def test_trainings_have_ten_epochs_and_a_validation_part(submission, profile, name):
    expect_history(submission.history(name), epochs=min(10, profile.epoch_limit or 10), keys=KEYS, what=name)


@pytest.mark.grade_cell("histories")
@pytest.mark.hint("fit(x_few, y_few, batch_size=50, …) takes as many steps in each epoch as there are fifties of images.")
def test_an_epoch_goes_through_the_few_images_in_batches_of_fifty(submission):
    steps = submission.value("training_steps")
    assert isinstance(steps, dict), "training_steps is not what its locked cell makes: choose another name for your own variable."
    images = steps.get("images")
    assert isinstance(images, int), "training_steps does not say how many images there are: choose another name for your own variable."
    for name in ("simple", "regularised"):
        got, wanted = steps.get(name), -(-images // 50)
        reason = "was its memory among the callbacks?" if not got else "batch_size=50, and x_few to learn from?"
        assert got == wanted, f"In an epoch of {name} there were {got} steps, {wanted} expected: {reason}"


@pytest.mark.grade_cell("histories")
@pytest.mark.hint("validation_data=(x_validation, y_validation): images that the network does not learn from.")
def test_the_simple_network_learns_by_heart(submission):
    training, validation = curve(submission, "simple_history", "loss")[-1], curve(submission, "simple_history", "val_loss")[-1]
    assert validation > training, (
        f"At the end the validation loss of simple is {validation:.4f}, and its training loss {training:.4f}. A network without dropout "
        "is better on the images that it has learnt: was it validated on just these?"
    )


@pytest.mark.grade_cell("histories")
@pytest.mark.hint("Give train the validation part, not the test images; the test part is for the end.")
@pytest.mark.predict("trained_regularised", IMAGES)
def test_the_test_images_are_not_the_validation_part(submission, predictions, visible):
    expect_shape(predictions.visible, (len(visible.y), 10), "The output for all test images")
    right = predictions.visible[np.arange(len(visible.y)), visible.y]
    loss = float(-np.log(np.clip(right, 1e-7, 1)).mean())
    validated = curve(submission, "regularised_history", "val_loss")[-1], curve(submission, "regularised_history", "val_accuracy")[-1]
    reached = accuracy(predictions.visible, visible.y)
    same = math.isclose(loss, validated[0], rel_tol=1e-4) and math.isclose(reached, validated[1], abs_tol=1e-4)
    assert not same, f"The validation loss at the end, {validated[0]:.4f}, is that of the test images: they were used for validation."


@pytest.mark.grade_cell("histories", weight=2)
@pytest.mark.hint("trained_regularised is the network that train has trained, and regularised_history what train returned for it.")
@pytest.mark.predict("trained_regularised", IMAGES)
def test_the_history_belongs_to_the_trained_network(submission, predictions, hidden):
    reached, noted = accuracy(predictions.hidden, hidden.y), curve(submission, "regularised_history", "val_accuracy")[-1]
    assert reached >= 0.7, f"trained_regularised gets {reached:.0%} of new images right: was it trained, and with the right labels?"
    assert abs(reached - noted) <= 0.12, (
        f"The last validation accuracy in regularised_history is {noted:.3f}, but on new images trained_regularised reaches {reached:.3f}."
    )


@pytest.mark.grade_cell("curves")
@pytest.mark.hint("np.argmin counts from 0, epochs are counted from 1; of several equal ones argmin finds the first.")
@pytest.mark.ask("lowest_epoch", [(losses,) for losses in LOSSES])
def test_the_epoch_of_the_lowest_loss_is_found(answers):
    for losses, answer in answers:
        expect_equal(answer, losses.index(min(losses)) + 1, f"lowest_epoch({losses})")


@pytest.mark.grade_cell("curves")
@pytest.mark.hint("Training minus validation, for each epoch: positive where the network does better on what it has learnt from.")
@pytest.mark.ask("gaps", ACCURACIES)
def test_gaps_are_training_minus_validation(answers):
    for (training, validation), answer in answers:
        expect_close(answer, np.subtract(training, validation), "gaps")


@pytest.mark.grade_cell("curves")
@pytest.mark.hint("Apply lowest_epoch and gaps to both histories; the gap is the one after the last epoch.")
@pytest.mark.parametrize("name", ["simple", "regularised"])
def test_the_reading_follows_from_the_curves(submission, name):
    gap = curve(submission, f"{name}_history", "accuracy")[-1] - curve(submission, f"{name}_history", "val_accuracy")[-1]
    epoch = int(curve(submission, f"{name}_history", "val_loss").argmin()) + 1
    expect_close(submission.value("reading"), {name: {"epoch": epoch, "gap": float(gap)}}, "reading", tolerance=1e-4)


@pytest.mark.grade_cell("dropout_acts")
@pytest.mark.hint("Call the network twice with training=False; without dropout the same images give the same answers.")
def test_predictions_do_not_vary(submission):
    largest = difference(submission, "predicting")
    assert 0 <= largest <= 1e-4, f"differences['predicting'] is {largest:.4g}, but without training=True two answers are the same."


@pytest.mark.grade_cell("dropout_acts")
@pytest.mark.hint("Call the network twice with training=True; each time other units are dropped, and the answers differ.")
def test_answers_vary_in_training(submission):
    largest = difference(submission, "training")
    assert 1e-3 <= largest <= 1, (
        f"differences['training'] is {largest:.4g}: with dropout, probabilities differ by more than 0.001, at most by 1."
    )


def difference(submission, way):
    """One of the two numbers in `differences`."""
    differences = submission.value("differences")
    assert isinstance(differences, dict), "differences is no dictionary with two numbers."
    assert isinstance(differences.get(way), float | int), f"differences['{way}'] is no number: the largest of all absolute differences."
    return min(differences[way], 1e6)
