"""Section 4: the recipe to the letter, and better choices."""

import math
from functools import partial

import numpy as np
import pytest

from autograder import Input
from autograder.checks import (
    CheckFailed,
    accuracy,
    complaint,
    expect_activations,
    expect_compiled,
    expect_equal,
    expect_history,
    expect_layers,
    expect_learnt,
    expect_parameters,
    expect_shape,
    expect_units,
)

NETWORK = [
    partial(expect_layers, kinds=["Dense", "Dense"]),
    partial(expect_units, units=[10, 10]),
    partial(expect_activations, activations=["sigmoid", "softmax"]),
    partial(expect_parameters, per_layer=[7_850, 110], total=7_960),
]


def expect_network(submission, name):
    """The trained network is the one of section 3. A mistake that the handed-in `network` has too has cost its points there."""
    for check in NETWORK:
        said = complaint(check, submission.model(name))
        if said and not complaint(check, submission.model("network")):
            raise CheckFailed(f"{name} is another network than build_network() was to make. {said}")


@pytest.mark.grade_cell("recipe_compiled")
@pytest.mark.hint("An optimizer that is given by its name has its default rate. The metric is given in a list.")
def test_recipe_uses_plain_sgd_and_accuracy(submission):
    expect_compiled(submission.model("recipe"), optimizer="SGD", metrics=["accuracy"], learning_rate=0.01, defaults=True)


@pytest.mark.grade_cell("recipe_compiled", weight=2)
@pytest.mark.hint("Which loss does the task name? The 'sparse' ones are for labels that are plain digits.")
def test_recipe_uses_categorical_crossentropy(submission):
    expect_compiled(submission.model("recipe"), loss="categorical_crossentropy")


@pytest.mark.grade_cell("recipe_compiled")
@pytest.mark.hint("Which function makes the network that the recipe trains? Its layers stand in section 3.")
def test_recipe_is_the_network_of_section_3(submission):
    expect_network(submission, "recipe")


@pytest.mark.grade_cell("recipe_history")
@pytest.mark.hint("Keep what fit returns; the task says for how many epochs.")
def test_recipe_was_trained_for_five_epochs(submission):
    expect_history(submission.history("recipe_history"), epochs=5, keys=["loss", "accuracy"], what="recipe_history")


@pytest.mark.grade_cell("recipe_history")
@pytest.mark.hint(
    "All prepared training images with their own labels, in batches of the size that the task names; by itself, fit takes batches of 32."
)
@pytest.mark.predict("recipe", Input(shape=(784,), range=(0, 1)))
def test_recipe_took_batches_of_100(submission, predictions, visible):
    """So many steps over MNIST teach the network far more than guessing, 0.73 ± 0.03; over few images they teach nothing yet."""
    prepared = submission.sample("x_train_ready")
    assert prepared.shape, "x_train_ready is a single number, one row for each training image was expected."
    images = prepared.shape[0]
    expect_equal(submission.value("recipe_steps"), 5 * math.ceil(images / 100), "The number of steps of the recipe's training")
    if images >= 50_000 and np.all(prepared.rows <= 1):  # pixels up to 255 have lost their points elsewhere
        reached = accuracy(predictions.visible, visible.y)
        assert reached > 0.2, f"recipe reads {reached:.3f} of the test images, hardly more than guessing: did images keep their own labels?"


@pytest.mark.grade_cell("best_network", weight=2)
@pytest.mark.hint("The network stays as it is; only the way it is trained may change. build_network() makes a new one.")
def test_best_is_the_same_network(submission):
    expect_parameters(submission.model("best"), per_layer=[7_850, 110], total=7_960)
    expect_network(submission, "best")


@pytest.mark.grade_cell("best_network", weight=0.5)
@pytest.mark.hint("fit can set a part of the training images aside by itself: which of its arguments does that?")
def test_choices_were_made_on_a_validation_part(submission):
    expect_history(submission.history("best_history"), keys=["loss", "val_loss", "val_accuracy"], what="best_history")


@pytest.mark.grade_cell("best_network", weight=0.5)
@pytest.mark.hint("Test images that helped to choose say nothing about new ones: choose on a part of the training images.")
@pytest.mark.predict("best", Input(shape=(784,), range=(0, 1)))
def test_choices_were_not_made_on_the_test_images(submission, predictions, visible):
    """The last validation loss is that of the test images, to five digits, only if these were the validation part."""
    history = submission.history("best_history")
    expect_history(history, keys=["val_loss"], what="best_history")
    expect_shape(predictions.visible, (len(visible.y), 10), "What best answers")
    of_the_true_digit = predictions.visible[np.arange(len(visible.y)), visible.y].astype("float64")
    losses = [-np.log(np.maximum(of_the_true_digit, least)).mean() for least in (1e-7, 1e-40)]  # Keras does not always keep above 1e-7
    assert not any(np.isclose(last, losses, rtol=1e-5).any() for last in history["val_loss"][-1:]), (
        "The validation loss in best_history is that of the test images: they were the validation part."
    )


@pytest.mark.grade_cell("accuracy")
@pytest.mark.hint(
    "Look at the loss: does it still fall at the end? Then larger steps or more epochs will help. Compare on the validation part."
)
@pytest.mark.predict("best", Input(shape=(784,), range=(0, 1)))
def test_accuracy_on_hidden_digits(predictions, hidden, award):
    award("test_accuracy", accuracy(predictions.hidden, hidden.y))
    expect_learnt(predictions.hidden, hidden.y, "best")
