"""Section 4: the recipe, what overfitting looks like in numbers, when dropout acts, and which change helps.

Curves count together with the network that drew them: locked cells hand in what Keras noted of all trainings.
"""

import itertools
import math
from functools import partial

import numpy as np
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
    expect_table,
    training_curves,
)

IMAGES = Input(shape=(28, 28, 1), range=(0, 1))
KEYS = ["loss", "accuracy", "val_loss", "val_accuracy"]
LOSSES = [[0.9, 0.5, 0.4, 0.6], [0.3, 0.4, 0.5], [1.0, 0.25, 0.5, 0.25], [0.7]]
ACCURACIES = [([0.5, 1.0], [0.75, 0.875]), ([0.9, 0.95, 1.0], [0.9, 0.9, 0.85])]
HISTORIES = ["simple_history", "regularised_history"]
# They give numbers another shape, or stand for an argument of the layer before them.
SPELLING = ("Flatten", "Reshape", "Activation", "ReLU", "Softmax", "Identity")
DROPPED = ["Conv2D", "Dropout", "Dense", "Dense"]
# Row of the table: layers, filters of the convolutions, parameters of each layer that has any.
TABLE = {
    "simple": (["Conv2D", "Dense", "Dense"], [10], [170, 625_100, 1_010]),
    "regularised": (DROPPED, [10], [170, 625_100, 1_010]),
    "wide": (DROPPED, [10], [170, 1_250_200, 2_010]),
    "narrow": (DROPPED, [10], [170, 312_550, 510]),
    "deeper": ([*DROPPED, "Dense"], [10], [170, 312_550, 2_550, 510]),
    "two_convolutions": (["Conv2D", "MaxPooling2D", *DROPPED], [10, 20], [170, 3_220, 162_100, 1_010]),
}
ALREADY = ("baseline", "simple", "regularised")  # trained before the comparison begins
ONE = {
    "a": {"parameters": 70, "training": 0.5, "validation": 0.75},
    "b": {"parameters": 40, "training": 0.9, "validation": 0.625},
    "c": {"parameters": 90, "training": 0.7, "validation": 0.875},
    "d": {"parameters": 20, "training": 0.8, "validation": 0.5},
}
EQUAL = {name: {"parameters": count, "training": 1 / count, "validation": 0.75} for name, count in (("f", 30), ("e", 20), ("g", 50))}
EACH = [pytest.param(name, marks=pytest.mark.predict(f"trained_{name}", IMAGES)) for name in ("simple", "regularised")]


def curve(submission, name, metric):
    """One curve of a handed-in history; Keras keeps the name by which the metric was asked for."""
    history = submission.history(name)
    expect_history(history, keys=KEYS, what=name)
    values = history[metric] if metric in history else history[metric.replace("accuracy", "acc")]
    assert values, f"{name}['{metric}'] is empty."
    return np.array(values)


@pytest.mark.grade_cell("compiled_as_asked")
@pytest.mark.hint("4.1 names optimizer and rate; train compiles every network with them.")
@pytest.mark.parametrize("name", ["trained_simple", "trained_regularised"])
def test_networks_are_trained_with_rmsprop(submission, name):
    expect_compiled(submission.model(name), optimizer="RMSprop", learning_rate=0.001, defaults=True)


@pytest.mark.grade_cell("compiled_as_asked")
@pytest.mark.hint("4.1 names the loss for one-hot labels and the metric; compile wants a list of metrics.")
@pytest.mark.parametrize("name", ["trained_simple", "trained_regularised"])
def test_networks_are_compiled_with_loss_and_accuracy(submission, name):
    expect_compiled(submission.model(name), loss="categorical_crossentropy", metrics=["accuracy"])


@pytest.mark.grade_cell("compiled_as_asked", weight=2)
@pytest.mark.hint("4.2 names the builder of each. What does summary() print of a trained network, and what of that of section 3?")
@pytest.mark.parametrize("name", ["simple", "regularised"])
def test_the_trained_networks_are_those_of_the_table(submission, name):
    expect_row(submission, name)


def expect_row(submission, name):
    """The trained network is that of the table's row. A mistake that the one of section 3 has too has cost its points there.

    Counts of parameters are those of the table all the same: the notebook's checks show them each time.
    """
    layers, filters, parameters = TABLE[name]
    counted = partial(expect_parameters, per_layer=parameters, total=sum(parameters))
    built = [
        partial(expect_layers, kinds=layers, besides=SPELLING),
        partial(expect_convolutions, filters=filters, kernel=(4, 4)),
        partial(expect_pooling, sizes=[(2, 2)] * layers.count("MaxPooling2D")),
        partial(expect_dropout, rates=[0.5] * layers.count("Dropout")),
        partial(expect_activations, activations=[*["relu"] * (len(parameters) - 1), "softmax"]),
    ]
    for check in (*built, counted):
        said = complaint(check, submission.model(f"trained_{name}"))
        if said and (check is counted or not complaint(check, submission.model(name))):
            raise CheckFailed(f"trained_{name} is not the network '{name}' of the table. {said}")


@pytest.mark.grade_cell("histories")
@pytest.mark.hint("train hands `epochs` on to fit and returns what fit returns; validation_data adds the curves of the validation part.")
@pytest.mark.parametrize("name", HISTORIES)
def test_trainings_have_ten_epochs_and_a_validation_part(submission, profile, name):
    expect_history(submission.history(name), epochs=min(10, profile.epoch_limit or 10), keys=KEYS, what=name)
    trained_curve(submission, name.removesuffix("_history"), "loss")


@pytest.mark.grade_cell("histories")
@pytest.mark.hint("4.1 says on which images train learns and in which batches. Does each training have its own memory?")
def test_an_epoch_goes_through_the_few_images_in_batches_of_fifty(submission):
    images, steps = fact(submission, "images", int), fact(submission, "steps", list)
    expect_equal(len(steps), 2, "The number of trainings in training_facts")
    for name, got in zip(("simple", "regularised"), steps, strict=True):
        wanted, got = -(-images // 50), got if type(got) in (int, float) else None
        reason = "batch_size=50, and x_few to learn from?" if got else "was its memory among the callbacks?"
        assert got == wanted, f"In an epoch of {name} there were {got} steps, {wanted} expected: {reason}"
        assert of_network(submission, "curves", name), f"trained_{name} was never trained by fit."


@pytest.mark.grade_cell("histories", weight=2)
@pytest.mark.hint("4.1 names the part on which we may choose: neither the images that are learnt nor the test images.")
@pytest.mark.predict("trained_regularised", IMAGES)
def test_the_validation_part_is_used_for_validation(submission, predictions, visible):
    losses = fact(submission, "validation_loss", list)
    assert [type(each) for each in losses] == [float, float], "training_facts is not what its locked cell makes."
    test = cross_entropies(predictions.visible, visible.y)
    for name, right in zip(HISTORIES[::-1], losses[::-1], strict=True):
        noted = curve(submission, name, "val_loss")[-1]
        tested = name == "regularised_history" and any(math.isclose(noted, each, rel_tol=1e-3) for each in test)
        reason = "it is that of the test images." if tested else "was it measured on other images, or with another network?"
        assert math.isclose(noted, right, rel_tol=1e-3, abs_tol=1e-6), (
            f"The last validation loss in {name} is {noted:.4f}, of the trained network on the validation part it is {right:.4f}: {reason}"
        )


def fact(submission, name, kind):
    """What the locked cell below the trainings found out, as long as nobody has used its name for something else."""
    facts = submission.value("training_facts")
    assert isinstance(facts, dict), "training_facts is not what its locked cell makes: choose another name for your own variable."
    assert isinstance(facts.get(name), kind), "training_facts is not what its locked cell makes: choose another name for your own variable."
    return facts[name]


@pytest.mark.grade_cell("histories")
@pytest.mark.hint("Hand in the network that train has trained, as it is afterwards, and what train returned for it.")
@pytest.mark.parametrize("name", EACH)
def test_the_history_belongs_to_the_trained_network(submission, predictions, visible, hidden, name):
    expect_row(submission, name)
    reached, noted = accuracy(predictions.hidden, hidden.y), trained_curve(submission, name, "val_accuracy")[-1]
    assert reached >= 0.7, f"trained_{name} gets {reached:.0%} of new images right: was it trained, and with the right labels?"
    assert abs(reached - noted) <= 0.12, (
        f"The last validation accuracy in {name}_history is {noted:.3f}, but on new images trained_{name} reaches {reached:.3f}."
    )
    seen = accuracy(predictions.visible, visible.y)
    middle = (seen + reached) / 2
    chance = 5 * math.sqrt(middle * (1 - middle) * (1 / len(visible.y) + 1 / len(hidden.y)))  # five deviations of the difference
    assert seen - reached <= chance, (
        f"trained_{name} reads {seen:.3f} of the test images and {reached:.3f} of new ones: did it learn from the test images?"
    )


def trained_curve(submission, name, metric):
    """One curve of a handed-in history, which is that of the network's training as Keras noted it."""
    values = curve(submission, f"{name}_history", metric)
    every, steps, in_all = (of_network(submission, key, name) for key in ("curves", "steps", "steps_in_all"))
    assert every, f"trained_{name} was never trained by fit, so {name}_history is that of no network."
    noted = np.array(training_curves(every, f"The training of trained_{name}").get(metric, []))
    last = values[len(values) - len(noted) :] if len(noted) <= len(values) else values
    same = noted.size > 0 and last.shape == noted.shape and np.allclose(last, noted, rtol=1e-3, atol=1e-3)
    assert same, f"'{metric}' in {name}_history is not the one that Keras noted when trained_{name} was trained."
    wanted = len(values) * expect_number(steps, "The number of steps in an epoch")
    assert abs(expect_number(in_all, "The number of steps in all") - wanted) <= len(values), (
        f"trained_{name} was trained in {in_all:,} steps, {wanted:,.0f} were expected for {len(values)} epochs."
    )
    return values


def of_network(submission, key, name):
    """What the locked cell found out of one of the two networks."""
    both = fact(submission, key, list)
    expect_equal(len(both), 2, f"The number of trainings in training_facts['{key}']")
    return both[HISTORIES.index(f"{name}_history")]


@pytest.mark.grade_cell("curves")
@pytest.mark.hint("From which number does your function count, and from which are epochs counted? Which of several equal ones comes first?")
@pytest.mark.ask("lowest_epoch", [(losses,) for losses in LOSSES])
def test_the_epoch_of_the_lowest_loss_is_found(answers):
    for losses, answer in answers:
        expect_equal(answer, losses.index(min(losses)) + 1, f"lowest_epoch({losses})")


@pytest.mark.grade_cell("curves")
@pytest.mark.hint("What sign has the gap of a network that does better on the images it has learnt from? One number for each epoch.")
@pytest.mark.ask("gaps", ACCURACIES)
def test_gaps_are_training_minus_validation(answers):
    for (training, validation), answer in answers:
        expect_close(answer, np.subtract(training, validation), "gaps")


@pytest.mark.grade_cell("curves")
@pytest.mark.hint("Apply lowest_epoch and gaps to both histories; the gap is the one after the last epoch.")
@pytest.mark.parametrize("name", ["simple", "regularised"])
def test_the_reading_follows_from_the_curves(submission, name):
    gap = trained_curve(submission, name, "accuracy")[-1] - trained_curve(submission, name, "val_accuracy")[-1]
    epoch = int(trained_curve(submission, name, "val_loss").argmin()) + 1
    expect_close(submission.value("reading"), {name: {"epoch": epoch, "gap": float(gap)}}, "reading", tolerance=6e-4)


@pytest.mark.grade_cell("dropout_acts")
@pytest.mark.hint("Call the network twice, each time with the argument `training` as it is given; what does dropout do when it is False?")
@pytest.mark.predict("trained_regularised", IMAGES)
def test_predictions_do_not_vary(submission, predictions):
    kept, largest = answers_of(submission, "predicting"), difference(submission, "predicting")
    expect_shape(kept, (None, 50, 10), "What the network answered with training=False")
    expect_close(kept[0], predictions.visible[:50], "What the network answered with training=False", tolerance=0.02)
    assert 0 <= largest <= 1e-4, f"differences['predicting'] is {largest:.4g}, but without training=True two answers are the same."


@pytest.mark.grade_cell("dropout_acts")
@pytest.mark.hint(
    "Does your function hand its argument `training` on to the network, and take the largest of all differences, without sign?"
)
def test_answers_vary_in_training(submission):
    kept, largest = answers_of(submission, "training"), difference(submission, "training")
    expect_shape(kept, (None, 50, 10), "What the network answered with training=True")
    right = [float(np.abs(one - other).max()) for one, other in itertools.pairwise(kept.astype("float64"))]
    assert any(math.isclose(largest, each, rel_tol=1e-3, abs_tol=1e-5) for each in right), (
        f"differences['training'] is {largest:.4g}, but the network's two answers differ by {right[0]:.4g} at most."
    )
    assert largest >= 1e-3, f"differences['training'] is {largest:.4g}: with dropout two answers differ by more than 0.001."


def answers_of(submission, way):
    """What the network answered one way, (calls, 50, 10) with two calls or more, as the locked cell kept it."""
    kept = submission.array(f"answers_{way}")
    calls = len(kept) if kept.ndim else 0
    assert calls >= 2, f"The network was called {calls} times with training={way == 'training'}, 2 or more were expected."
    return kept


def difference(submission, way):
    """One of the two numbers in `differences`."""
    differences = submission.value("differences")
    assert isinstance(differences, dict), "differences is no dictionary with two numbers."
    return expect_number(differences.get(way), f"differences['{way}']")


@pytest.mark.grade_cell("comparison")
@pytest.mark.hint(
    "Which builder makes the network of this row, and was just this one trained with train? Which curve does each of its two numbers end?"
)
@pytest.mark.parametrize("name", ["baseline", *TABLE])
def test_a_row_is_what_keras_noted_of_its_network(submission, profile, name):
    table = submission.value("comparison")
    expect_table(table, [name], {"parameters": (1, 1e9), "training": (0, 1), "validation": (0, 1)}, "comparison")
    if name != "baseline":
        expect_row(submission, name)
    noted = noted_of(submission, name)
    curves = training_curves(noted.get("curves"), f"The training of {name}")
    ends = {column: curves.get(metric, [])[-1:] for column, metric in (("training", "accuracy"), ("validation", "val_accuracy"))}
    assert all(ends.values()), f"The network of the row '{name}' was never trained by fit with a validation part, so its row says nothing."
    if name not in ALREADY:
        expect_trained_alike(submission, profile, name, len(curves["accuracy"]))
    parameters = sum(TABLE[name][2]) if name in TABLE else 7_850
    expect_equal(noted.get("parameters"), parameters, f"The number of parameters of the network trained as {name}")
    expect_equal(table[name]["parameters"], parameters, f"comparison['{name}']['parameters']")
    for column, (end,) in ends.items():
        expect_close(table[name][column], end, f"comparison['{name}']['{column}']", tolerance=1e-3)


def expect_trained_alike(submission, profile, name, epochs):
    """So many epochs and steps as 4.6 asks for; a brief run has one epoch, by the rule of the notebook's cell `brief_comparison`."""
    limit = min(10, profile.epoch_limit or 10)
    wanted = "10" if limit == 10 else f"1 or {limit}"
    assert epochs == limit or epochs == 1 < limit < 10, f"trained_{name} was trained for {epochs} epochs, {wanted} expected."
    in_all = expect_number(noted_of(submission, name).get("steps_in_all"), f"The number of steps of {name}")
    images = expect_number(submission.value("comparison_facts").get("images"), "The number of images in comparison_facts")
    before = expect_number(fact(submission, "images", int), "The number of images in training_facts")
    steps = expect_number(of_network(submission, "steps", "simple"), "The number of steps in an epoch")
    expected = epochs * images * (steps / max(1, before) or 1 / 50)
    assert abs(in_all - expected) <= epochs, (
        f"trained_{name} was trained in {in_all:,.0f} steps, about {expected:,.0f} were expected: "
        f"{epochs} epochs of {images:,.0f} images, in batches as large as those of trained_simple."
    )


def noted_of(submission, name):
    """What the locked cell found out of one of the networks that are compared."""
    facts = submission.value("comparison_facts")
    networks = facts.get("networks") if isinstance(facts, dict) else None
    assert isinstance(networks, dict), "comparison_facts is not what its locked cell makes: choose another name for your own variable."
    assert isinstance(networks.get(name), dict), f"There was no network trained_{name} when the locked cell looked for it."
    return networks[name]


@pytest.mark.grade_cell("ranking")
@pytest.mark.hint("By which of the three numbers does 4.7 sort, and which end of it comes first? A list of names is wanted.")
@pytest.mark.ask("ranking", [(ONE,)])
def test_the_highest_validation_accuracy_comes_first(answers):
    for table, answer in answers:
        expect_equal(answer, ranked(table), "ranking of four networks")


@pytest.mark.grade_cell("ranking")
@pytest.mark.hint("Sort three rows by hand that have the same validation accuracy. What decides then?")
@pytest.mark.ask("ranking", [(EQUAL,), ({**ONE, **EQUAL},)])
def test_of_equal_networks_the_smaller_one_comes_first(answers):
    for table, answer in answers:
        expect_equal(answer, ranked(table), f"ranking of {len(table)} networks, some of which are equal,")


def ranked(table):
    """Names by validation accuracy, falling, then by parameters."""
    return sorted(table, key=lambda name: (-table[name]["validation"], table[name]["parameters"]))
