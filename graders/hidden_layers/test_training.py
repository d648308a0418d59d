"""Section 4: the same recipe for three networks, and what they reach."""

import math

import pytest

from autograder import Input
from autograder.checks import accuracy, cross_entropies, expect_compiled, expect_equal, expect_history, expect_learnt

PIXELS = Input(shape=(784,), range=(0, 1))
HISTORIES = {"softmax_only": "softmax_history", "one_hidden": "one_hidden_history", "two_hidden": "two_hidden_history"}
STEPS = {"softmax_only": "softmax_steps", "one_hidden": "one_hidden_steps", "two_hidden": "two_hidden_steps"}
EPOCHS, BATCH = 20, 128
MANY = 10**9  # steps or images; nobody has taken so many
EACH = [pytest.param(name, marks=pytest.mark.predict(name, PIXELS)) for name in HISTORIES]


@pytest.mark.grade_cell("recipe_compiled")
@pytest.mark.hint("An optimizer that is given by its name has its default rate. The metric is given in a list.")
@pytest.mark.parametrize("name", HISTORIES)
def test_rmsprop_at_its_default_rate(submission, name):
    expect_compiled(submission.model(name), optimizer="RMSprop", metrics=["accuracy"], learning_rate=0.001, defaults=True)


@pytest.mark.grade_cell("recipe_compiled")
@pytest.mark.hint("Which loss does the recipe of 4.1 name, and for which labels is it made?")
@pytest.mark.parametrize("name", HISTORIES)
def test_categorical_crossentropy(submission, name):
    expect_compiled(submission.model(name), loss="categorical_crossentropy")


@pytest.mark.grade_cell("recipe_histories")
@pytest.mark.hint("Keep what fit returns. Epochs, batches and the part to watch on stand in the recipe of 4.1.")
@pytest.mark.parametrize("name", HISTORIES)
def test_twenty_epochs_were_watched(submission, profile, name):
    history = submission.history(HISTORIES[name])
    allowed = min(EPOCHS, profile.epoch_limit or EPOCHS)
    epochs = None if len(history.get("loss", ())) == EPOCHS else allowed  # whoever forgot the limit still followed the recipe
    expect_history(history, epochs=epochs, keys=["loss", "accuracy", "val_loss", "val_accuracy"], what=f"The history of {name}")


@pytest.mark.grade_cell("recipe_histories")
@pytest.mark.hint(
    "By itself, Keras takes 32 images for each step, and four times as many steps: which size of batches does the recipe name?"
)
@pytest.mark.parametrize("name", HISTORIES)
def test_each_step_took_128_images(submission, name):
    taken = submission.value(STEPS[name])
    known = isinstance(taken, dict) and all(type(taken.get(key)) is int and 0 <= taken[key] < MANY for key in ("steps", "images"))
    assert known, f"{STEPS[name]} is not what steps_taken({name}) gave: leave the cell that makes it as it is."
    epochs = len(submission.history(HISTORIES[name]).get("loss", ()))
    expect_equal(taken["steps"], epochs * math.ceil(taken["images"] / BATCH), f"The number of steps of {name} in {epochs} epochs")


@pytest.mark.grade_cell("recipe_histories")
@pytest.mark.hint("Each history must be what fit returned for this network; run the cell again from the top, and change nothing in it.")
@pytest.mark.parametrize("name", EACH)
def test_the_history_belongs_to_the_network(submission, predictions, visible, name):
    end = last_value(submission, name, "val_accuracy")
    reached = accuracy(predictions.visible, visible.y)
    assert abs(end - reached) <= 0.15, (
        f"The history of {name} ends with a validation accuracy of {end:.3f}, but the network that was handed in gets {reached:.3f} "
        "of the test images right: the two do not belong together."
    )


@pytest.mark.grade_cell("recipe_histories")
@pytest.mark.hint("Watch on the validation part of section 1. The test images wait for section 6, or they are no test any more.")
@pytest.mark.parametrize("name", EACH)
def test_the_test_images_were_not_watched(submission, predictions, visible, name):
    losses = cross_entropies(predictions.visible, visible.y)
    same_accuracy = abs(last_value(submission, name, "val_accuracy") - accuracy(predictions.visible, visible.y)) < 1e-5
    same_loss = any(math.isclose(last_value(submission, name, "val_loss"), loss, rel_tol=1e-5) for loss in losses)
    assert not (same_accuracy and same_loss), (
        f"The validation curves of {name} end exactly with its accuracy and loss for the test images: they were watched while training."
    )


def last_value(submission, name, key):
    """The last number of one curve."""
    history = submission.history(HISTORIES[name])
    expect_history(history, keys=[key], what=f"The history of {name}")
    values = history.get(key) or history.get(key.replace("accuracy", "acc"))  # metrics=["acc"] is accuracy too
    assert values, f"The history of {name} holds no epoch."
    return values[-1]


@pytest.mark.grade_cell("softmax_accuracy")
@pytest.mark.hint("Nine of ten digits should be right after 20 epochs. If far fewer are: are pixels divided by 255? Is it softmax?")
@pytest.mark.predict("softmax_only", PIXELS)
def test_softmax_only_reads_hidden_digits(predictions, hidden, award):
    award("softmax_accuracy", accuracy(predictions.hidden, hidden.y))
    expect_learnt(predictions.hidden, hidden.y, "softmax_only")


@pytest.mark.grade_cell("one_hidden_accuracy")
@pytest.mark.hint("It should do clearly better than softmax_only. If not: did it get all its epochs, and has the hidden layer its relu?")
@pytest.mark.predict("one_hidden", PIXELS)
def test_one_hidden_reads_hidden_digits(predictions, hidden, award):
    award("one_hidden_accuracy", accuracy(predictions.hidden, hidden.y))
    expect_learnt(predictions.hidden, hidden.y, "one_hidden")


@pytest.mark.grade_cell("two_hidden_accuracy")
@pytest.mark.hint("It should do about as well as one_hidden. If not: did it get all its epochs, and have both hidden layers their relu?")
@pytest.mark.predict("two_hidden", PIXELS)
def test_two_hidden_reads_hidden_digits(predictions, hidden, award):
    award("two_hidden_accuracy", accuracy(predictions.hidden, hidden.y))
    expect_learnt(predictions.hidden, hidden.y, "two_hidden")
