"""Section 5: six ways to train one network; their table agrees with their histories, and with what the networks can do."""

from functools import partial
from math import sqrt

import numpy as np
import pytest

from autograder import Input
from autograder.checks import (
    CheckFailed,
    accuracy,
    complaint,
    expect_activations,
    expect_close,
    expect_compiled,
    expect_dropout,
    expect_equal,
    expect_history,
    expect_layers,
    expect_parameters,
    expect_shape,
    expect_table,
    expect_units,
    training_curves,
)

PIXELS = Input(shape=(784,), range=(0, 1))
OPTIMIZERS = {
    "softmax_sgd": ("SGD", 0.01),
    "hidden_sgd": ("SGD", 0.01),
    "dropout_sgd": ("SGD", 0.01),
    "dropout_sgd_long": ("SGD", 0.01),
    "dropout_rmsprop": ("RMSprop", 0.001),
    "dropout_adam": ("Adam", 0.001),
}
EPOCHS = {"softmax_sgd": 30, "hidden_sgd": 20, "dropout_sgd": 20, "dropout_sgd_long": 60, "dropout_rmsprop": 20, "dropout_adam": 20}
ALL = list(OPTIMIZERS)
EACH = [pytest.param(name, marks=pytest.mark.predict(name, PIXELS)) for name in ALL]
SHARE = 1 / len(ALL)  # a variant counts by itself: who has trained four of six has done two thirds
LEARNT, BATCH = 0.8, 128
KEYS = ["loss", "accuracy", "val_loss", "val_accuracy"]
FRACTION = (0, 1)


def curves(history, what):
    """Metric → floats, at least one, of a history in which every name that Keras has for accuracy is allowed."""
    expect_history(history, keys=KEYS, what=what)
    named = training_curves(history, what)
    assert all(named[key] for key in KEYS), f"{what} has no epoch."
    return {key: named[key] for key in KEYS}


def result_of(submission, name):
    """The four curves of a variant."""
    results = submission.value("variant_results")
    assert isinstance(results, dict), f"variant_results is a {type(results).__name__}, a dictionary from variant to history was expected."
    assert name in results, f"variant_results has no '{name}'; its keys are the names of the variants."
    return curves(results[name], f"variant_results['{name}']")


def row_of(submission, name):
    """The row of a variant in the table."""
    table = submission.value("variant_table")
    expect_table(table, [name], {"epochs": (1, 100_000), "training": FRACTION, "validation": FRACTION}, "variant_table")
    return table[name]


@pytest.mark.grade_cell("variants_compiled", weight=2 * SHARE)
@pytest.mark.hint("Given by their names, optimizers have their default rates.")
@pytest.mark.parametrize("name", ALL)
def test_the_variant_has_its_optimizer(submission, name):
    optimizer, rate = OPTIMIZERS[name]
    settings = {"loss": "categorical_crossentropy", "metrics": ["accuracy"], "learning_rate": rate, "defaults": True}
    said = complaint(partial(expect_compiled, optimizer=optimizer, **settings), submission.model(name))
    assert not said, f"{name} is not compiled as section 5 asks. {said}"


@pytest.mark.grade_cell("variants_compiled", weight=SHARE)
@pytest.mark.hint("The table of section 5 says which variants have hidden layers, and which of them dropout.")
@pytest.mark.parametrize("name", ALL)
def test_the_variant_is_the_right_network(submission, name):
    """Hidden layers that `build_network` makes wrong in section 4 too have cost their points there."""
    widths = [] if name == "softmax_sgd" else [128, 128]
    rates = [0.3, 0.3] if name.startswith("dropout") else []
    chosen = [partial(expect_parameters, total=118_282 if widths else 7_850), partial(expect_dropout, rates=rates)]
    built = [
        partial(expect_layers, kinds=["Dense", "Dropout", "Dense", "Dropout", "Dense"] if rates else ["Dense"] * (len(widths) + 1)),
        partial(expect_units, units=[*widths, 10]),
        partial(expect_activations, activations=["relu"] * len(widths) + ["softmax"]),
    ]
    twin = "with_dropout" if rates else "two_hidden" if widths else "softmax_only"
    for check in (*chosen, *built):
        said = complaint(check, submission.model(name))
        if said and (check in chosen or not complaint(check, submission.model(twin))):
            raise CheckFailed(f"{name} is not the network that section 5 asks for. {said}")


@pytest.mark.grade_cell("variant_results", weight=SHARE)
@pytest.mark.hint("Section 5.1 says how many epochs each variant gets; epoch_limit may allow fewer.")
@pytest.mark.parametrize("name", ALL)
def test_the_variant_was_trained_as_long_as_asked(submission, profile, name):
    epochs = min(EPOCHS[name], profile.epoch_limit or EPOCHS[name])
    expect_history(result_of(submission, name), epochs=epochs, what=f"variant_results['{name}']")


@pytest.mark.grade_cell("variant_results")
@pytest.mark.hint(
    "All six alike: all training images, the last fifth of them for validation, batches of 128, and each network trained once."
)
def test_each_epoch_went_through_the_same_images_in_batches_of_128(submission):
    """Of all variants that are there: one that differs makes the comparison unfair, one that is missing does not."""
    results, steps, images = submission.value("variant_results"), submission.value("variant_steps"), submission.value("training_images")
    there = [name for name in ALL if isinstance(results, dict) and name in results]
    assert len(there) > 1, f"variant_results has {len(there)} of the six variants, two at least are needed for a comparison."
    counted = isinstance(steps, dict) and all(is_count(number) for number in (images, *(steps.get(name) for name in there)))
    assert counted, "variant_steps and training_images are not what the locked cells counted: give other things other names."
    right = LEARNT * images / BATCH
    for name in there:
        taken = steps[name] / len(result_of(submission, name)["loss"])
        assert abs(taken - right) <= 1, (  # a last batch may be left out, and a part be cut off by hand
            f"{name} took {taken:,.5g} steps in each of its epochs, about {right:,.5g} were expected with {images:,} training images: "
            + steps_reason(taken, images)
        )


def is_count(number):
    """Whether it is a whole number of steps or of images."""
    return type(number) is int and 0 <= number < 10**9


def steps_reason(taken, images):
    """What may be wrong with so many steps in an epoch."""
    if abs(taken - images / BATCH) <= 1:
        return "did it learn from the validation part too?"
    return "is batch_size 128, did it get all images, and was this network trained only once?"


@pytest.mark.grade_cell("variant_results", weight=SHARE)
@pytest.mark.hint("validation_split=0.2 sets training images aside. The test images wait for section 8, or they are no test any more.")
@pytest.mark.parametrize("name", EACH)
def test_the_test_images_were_not_the_validation_part(submission, predictions, visible, name):
    history = result_of(submission, name)
    assert not is_of_these(history["val_loss"][-1], history["val_accuracy"][-1], predictions.visible, visible.y), (
        f"The curves of {name} end with just the loss and the accuracy that it has on the test images: they were its validation part."
    )


def is_of_these(loss, share, probabilities, labels):
    """Whether a loss and an accuracy are those of these answers; Keras does not always keep probabilities above 1e-7."""
    expect_shape(probabilities, (None, 10), "What the network answers")
    of_label = probabilities[np.arange(len(labels)), labels].astype("float64")
    losses = [-np.log(np.maximum(of_label, least)).mean() for least in (1e-7, 1e-40)]
    return abs(share - accuracy(probabilities, labels)) < 1e-5 and bool(np.isclose(loss, losses, rtol=1e-5).any())


@pytest.mark.grade_cell("variant_results", weight=SHARE)
@pytest.mark.hint("Each variant a network of its own, given to train only once; then its loss falls, and Adam's falls fastest.")
@pytest.mark.parametrize("name", ALL)
def test_the_loss_falls_as_it_should(submission, name):
    loss = result_of(submission, name)["loss"]
    assert len(loss) == 1 or loss[-1] < loss[0], f"The training loss of {name} does not fall, from {loss[0]:.3f} to {loss[-1]:.3f}."
    if name == "dropout_adam" and "dropout_sgd" in submission.value("variant_results"):
        slow, fast = result_of(submission, "dropout_sgd")["loss"][-1], loss[-1]
        assert fast < slow, f"The loss of dropout_adam ends at {fast:.3f}, that of dropout_sgd at {slow:.3f}: is one in the other's place?"


@pytest.mark.grade_cell("variant_table", weight=SHARE)
@pytest.mark.hint(
    "Of which epoch are the numbers, which of the two accuracies is which, and are they fractions? variant_results has all of them."
)
@pytest.mark.parametrize("name", ALL)
def test_the_table_says_what_the_history_says(submission, name):
    row, history = row_of(submission, name), result_of(submission, name)
    expect_equal(row["epochs"], len(history["loss"]), f"variant_table['{name}']['epochs']")
    expect_close(row["training"], history["accuracy"][-1], f"variant_table['{name}']['training']", tolerance=6e-4)
    expect_close(row["validation"], history["val_accuracy"][-1], f"variant_table['{name}']['validation']", tolerance=6e-4)


@pytest.mark.grade_cell("variant_table")
@pytest.mark.hint(
    "Hand in the network that was trained, and its own row; a network that was built anew since then has forgotten everything."
)
@pytest.mark.parametrize("name", EACH)
def test_the_network_can_do_what_its_row_says(submission, predictions, hidden, name):
    claimed, found = row_of(submission, name)["validation"], accuracy(predictions.hidden, hidden.y)
    middle = (claimed + found) / 2
    chance = 4 * sqrt(2 * middle * (1 - middle) / len(hidden.y))  # four deviations of the difference of two accuracies
    assert abs(claimed - found) <= 0.03 + chance, (
        f"variant_table says {claimed:.3f} for {name}, but the network that was handed in gets {found:.3f} of new images right."
    )


@pytest.mark.grade_cell("dropout_training")
@pytest.mark.hint("The first four fifths of the prepared training images, all of them; evaluate gives loss and accuracy, in this order.")
@pytest.mark.predict("dropout_adam", PIXELS)
def test_evaluated_training_accuracy_is_above_the_reported_one(submission, predictions, hidden):
    evaluated, reported = submission.value("evaluated_training"), result_of(submission, "dropout_adam")["accuracy"][-1]
    expect_table({"dropout_adam": {"accuracy": evaluated}}, ["dropout_adam"], {"accuracy": FRACTION}, "evaluated_training")
    found = accuracy(predictions.hidden, hidden.y)
    assert evaluated > reported, (
        f"evaluated_training is {evaluated:.4f}, not above the {reported:.4f} that came while training: dropout is off in evaluate."
    )
    chance = 5 * sqrt(found * (1 - found) / len(hidden.y))  # five deviations of an accuracy on so few new images
    assert evaluated > found - max(0.02, chance), (
        f"evaluated_training is {evaluated:.4f}, but the network gets {found:.4f} of new images right; images that it learnt are no harder."
    )
