"""Sections 6 and 7: one setting changed at a time. What is compared holds for any images, by far more than chance.

Curves count together with the network that was trained for them: a locked cell of the notebook keeps all networks, looks up which of
them has drawn the curves that are handed in, and describes it.
"""

from itertools import pairwise
from math import ceil, isclose, sqrt

import numpy as np
import pytest

from autograder import Input
from autograder.checks import (
    expect_close,
    expect_equal,
    expect_experiment,
    expect_history,
    expect_initializers,
    expect_number,
    expect_table,
    training_curves,
)

PIXELS = Input(shape=(784,), range=(0, 1))
KEYS = ["loss", "accuracy", "val_loss", "val_accuracy"]
FRACTION = (0, 1)
WIDTH_PARAMETERS = {16: 13_002, 512: 669_706}
LEARNT, LARGEST_BATCH = 0.8, 512
PRICES = {"none": [0, 0], "l1": [0.0001, 0], "l2": [0, 0.001], "l1_l2": [0.0001, 0.001]}
BEGINNINGS = {"uniform": "RandomUniform", "normal": "RandomNormal", "zeros": "Zeros"}
LONGEST_CELL = 600.0  # seconds; no training takes longer than a cell may run


def curves(history, what):
    """The four curves of a history, one epoch or more of each."""
    expect_history(history, keys=KEYS, what=what)
    named = training_curves(history, what)
    assert all(named[key] for key in KEYS), f"{what} has no epoch."
    return {key: named[key] for key in KEYS}


def is_setting(key, setting):
    """Whether a key of a dictionary stands for this setting, a number or a name."""
    try:
        return float(key) == float(setting)
    except ValueError:
        return key == setting


def of_setting(found, setting, what):
    """The entry for a setting in a handed-in dictionary."""
    assert isinstance(found, dict), f"{what} is a {type(found).__name__}, a dictionary with an entry for each setting was expected."
    for key, value in found.items():
        if is_setting(key, setting):
            return value
    raise AssertionError(f"{what} has no entry for {setting}; its keys are the settings as text.")


def experiment(submission, name, settings, profile):
    """Setting → its four curves, of an experiment that is one, each with a network behind it, and setting → description of that network."""
    results, epochs = submission.value(name), min(10, profile.epoch_limit or 10)
    expect_experiment(results, settings, epochs, KEYS, name)
    histories = {setting: curves(of_setting(results, setting, name), f"{name}['{setting}']") for setting in settings}
    noted = submission.value(name.replace("_results", "_trainings"))
    return histories, {setting: behind(noted, setting, history, f"{name}['{setting}']") for setting, history in histories.items()}


def behind(noted, setting, history, what):
    """The description of the network whose training a history is, as the notebook's locked cells noted it."""
    found = noted_network(noted, setting, what)
    drawn = curves(found.get("curves"), f"the training behind {what}")
    for metric, values in drawn.items():
        last = history[metric][-len(values) :]
        same = len(last) == len(values) and all(isclose(*both, rel_tol=1e-3, abs_tol=1e-3) for both in zip(last, values, strict=True))
        assert same, f"'{metric}' in {what} is not the one that Keras noted when that network was trained."
    steps, images = number(found, "steps", what, 1, 1e9), number(found, "images", what, 1, 1e9)
    least = len(history["loss"]) * ceil(LEARNT * images / LARGEST_BATCH)
    assert steps >= least, f"The network behind {what} was trained in {steps:,.0f} steps, {least:,} or more were expected."
    reached, said = number(found, "accuracy", what, 0, 1), min(1.0, max(0.0, history["val_accuracy"][-1]))
    middle = (reached + said) / 2
    chance = 5 * sqrt(10 * middle * (1 - middle) / images)  # five deviations between two fifths: it may be another part
    assert abs(reached - said) <= 0.02 + chance, (
        f"{what} ends with a validation accuracy of {said:.3f}, but its network reads {reached:.3f} of the last fifth of few_images."
    )
    return found


def noted_network(noted, setting, what):
    """What the locked cell has noted of the network behind a setting."""
    assert isinstance(noted, dict), f"The trainings behind {what} are not what the locked cell makes: choose another name for your own."
    found = next((value for key, value in noted.items() if is_setting(key, setting)), None)
    assert isinstance(found, dict), (
        f"No network was trained with the curves in {what}: hand in what train returned, for a network that build_network made."
    )
    return found


def number(found, key, what, low, high):
    """One of the numbers in the description of a network."""
    value = expect_number(found.get(key), f"'{key}' of the network behind {what}")
    assert low <= value <= high, f"'{key}' of the network behind {what} is {value:g}: choose another name for a variable of your own."
    return value


def expect_settings(networks, key, wanted):
    """What the networks behind an experiment have of a setting is what their training is called by."""
    for setting, network in networks.items():
        expect_close(network.get(key), wanted(setting), f"'{key}' of the network behind the setting '{setting}'", tolerance=1e-4)


def expect_rising(values, what):
    """Numbers by setting, each larger than the one before."""
    for low, high in pairwise(values):
        assert values[low] < values[high], f"{what} is {values[low]:.4f} with {low} and {values[high]:.4f} with {high}: are they exchanged?"


@pytest.mark.grade_cell("learning_rates", weight=2)
@pytest.mark.hint("A new optimizer with that rate and a new network for each training; keys are the rates as text.")
def test_rates_make_a_difference(submission, profile):
    results, networks = experiment(submission, "rate_results", [0.0001, 0.001, 0.01, 0.1], profile)
    expect_settings(networks, "rate", float)
    expect_settings(networks, "optimizer", lambda _: "Adam")
    expect_rising({rate: results[rate]["loss"][-1] for rate in (0.001, 0.0001)}, "The last training loss")
    expect_rising({rate: results[rate]["loss"][-1] for rate in (0.01, 0.1)}, "The last training loss")


@pytest.mark.grade_cell("learning_rates")
@pytest.mark.hint("Let a program compare the last val_accuracy of all rates; Python's max can be told what to compare.")
def test_the_best_rate_is_the_one_with_the_highest_validation_accuracy(submission):
    results, best = submission.value("rate_results"), submission.value("best_rate")
    assert isinstance(results, dict), "rate_results is no dictionary from rates to histories."
    histories = {rate: curves(history, f"rate_results['{rate}']") for rate, history in results.items()}
    for rate, history in histories.items():
        behind(submission.value("rate_trainings"), rate, history, f"rate_results['{rate}']")
    last = {rate: history["val_accuracy"][-1] for rate, history in histories.items()}
    expect_table({"best_rate": {"rate": best}}, ["best_rate"], {"rate": (0.0, 100.0)}, "best_rate")
    reached = curves(of_setting(results, best, "rate_results"), "rate_results")["val_accuracy"][-1]
    assert reached >= max(last.values()) - 1e-9, (
        f"best_rate is {best:g}, with a validation accuracy of {reached:.4f}; another rate has {max(last.values()):.4f}."
    )


@pytest.mark.grade_cell("widths", weight=4)
@pytest.mark.hint(
    "Both hidden layers have that width. Parameters and validation accuracy are those of the network that was trained with it."
)
def test_the_table_of_widths_is_right(submission, profile):
    results, networks = experiment(submission, "width_results", [16, 128, 512], profile)
    expect_settings(networks, "units", lambda width: [width, width, 10])
    table = submission.value("width_table")
    expect_table(table, list(WIDTH_PARAMETERS), {"parameters": (1, 1e9), "validation": FRACTION}, "width_table")
    for width, parameters in WIDTH_PARAMETERS.items():
        row = of_setting(table, width, "width_table")
        expect_equal(row["parameters"], parameters, f"The number of parameters with width {width}")
        expect_close(row["validation"], results[width]["val_accuracy"][-1], f"The validation accuracy with width {width}", tolerance=6e-4)
    expect_rising({width: results[width]["loss"][-1] for width in (512, 16)}, "The last training loss")


@pytest.mark.grade_cell("widths")
@pytest.mark.hint("How much time lies between the two readings, and how many epochs share it?")
@pytest.mark.ask("seconds_per_epoch", [(100.0, 130.0, 10), (7.5, 8.0, 1), (0.0, 90.0, 60)])
def test_seconds_of_one_epoch(answers):
    for (begun, ended, epochs), answer in answers:
        expect_close(answer, np.array((ended - begun) / epochs), f"seconds_per_epoch({begun:g}, {ended:g}, {epochs})")


@pytest.mark.grade_cell("widths")
@pytest.mark.hint("Read the clock just before and just after the training; your function turns that into seconds of one epoch.")
def test_an_epoch_takes_its_time(submission, profile):
    experiment(submission, "width_results", [16, 128, 512], profile)
    table, epochs = submission.value("width_table"), min(10, profile.epoch_limit or 10)
    expect_table(table, list(WIDTH_PARAMETERS), {"seconds": (1e-4, LONGEST_CELL / epochs)}, "width_table")


@pytest.mark.grade_cell("steps_per_epoch")
@pytest.mark.hint("What becomes of the images that are left over after the last full batch? Count by hand for 10 images in batches of 4.")
@pytest.mark.ask("steps_per_epoch", [(48_000, 128), (48_000, 100), (8_000, 128), (957, 32), (10, 32), (64, 64)])
def test_steps_of_an_epoch(answers):
    for (examples, batch_size), answer in answers:
        expect_equal(answer, ceil(examples / batch_size), f"steps_per_epoch({examples}, {batch_size})")


@pytest.mark.grade_cell("batch_sizes")
@pytest.mark.hint("Does train hand its batch_size on to fit? Smaller batches make more steps, so that the first epoch gets further.")
def test_smaller_batches_get_further_in_one_epoch(submission, profile):
    results, networks = experiment(submission, "batch_results", [32, 128, 512], profile)
    for size, network in networks.items():
        steps, epochs = network["steps"], len(results[size]["loss"])
        right = epochs * ceil(LEARNT * network["images"] / size)
        assert abs(steps - right) <= epochs, f"The network behind batches of {size} took {steps:,} steps, {right:,} were expected."
    expect_rising({size: history["loss"][0] for size, history in results.items()}, "The training loss of the first epoch")


@pytest.mark.grade_cell("dropout_rates", weight=2)
@pytest.mark.hint("Does build_network use its rate? The more units are missing while training, the larger the training loss.")
def test_dropout_makes_training_harder(submission, profile):
    results, networks = experiment(submission, "dropout_results", [0, 0.3, 0.6], profile)
    for rate, network in networks.items():
        if rate:
            expect_close(network.get("dropout"), [rate, rate], f"The rates in the network behind '{rate}'", tolerance=1e-4)
    expect_rising({rate: history["loss"][-1] for rate, history in results.items()}, "The last training loss")


@pytest.mark.grade_cell("dropout_rates")
@pytest.mark.hint("Which accuracy does 6.4 subtract from which, and of which epoch?")
def test_gaps_are_training_minus_validation(submission, profile):
    results, _ = experiment(submission, "dropout_results", [0, 0.3, 0.6], profile)
    gaps = submission.value("dropout_gaps")
    for rate, history in results.items():
        right = history["accuracy"][-1] - history["val_accuracy"][-1]
        expect_close(of_setting(gaps, rate, "dropout_gaps"), right, f"dropout_gaps['{rate}']", tolerance=1e-3)


@pytest.mark.grade_cell("regularization", weight=2)
@pytest.mark.hint("Does build_network use its regularizer? The task names three kinds with their strengths; the price is part of the loss.")
def test_the_price_of_weights_is_in_the_loss(submission, profile):
    results, networks = experiment(submission, "regularizer_results", list(PRICES), profile)
    expect_settings(networks, "regularizers", lambda name: [PRICES[name], PRICES[name], [0, 0]])
    prices = {name: results[name]["loss"][0] - results["none"]["loss"][0] for name in ("l1", "l2", "l1_l2")}
    for name, price in prices.items():
        assert 0.05 < price < 1.5, (
            f"In the first epoch the loss of '{name}' lies {price:+.3f} beside that of 'none', between 0.05 and 1.5 above it was expected: "
            "is the strength right, and is it given to both hidden layers?"
        )
    assert prices["l1_l2"] > max(prices["l1"], prices["l2"]), "'l1_l2' costs less than one of its two parts: are they exchanged?"


@pytest.mark.grade_cell("regularization")
@pytest.mark.hint("Each of the four networks is looked at after its training; the function for that is given.")
def test_l1_makes_weights_small(submission):
    noted, shares = submission.value("regularizer_trainings"), submission.value("small_weights")
    networks = {name: noted_network(noted, name, f"regularizer_results['{name}']") for name in PRICES}
    named = {name: of_setting(shares, name, "small_weights") for name in PRICES}
    expect_table({name: {"share": share} for name, share in named.items()}, list(named), {"share": FRACTION}, "small_weights")
    for name in ("l1", "l2", "l1_l2"):
        assert named[name] > named["none"], (
            f"With '{name}' {named[name]:.1%} of the weights are nearly 0, without a price {named['none']:.1%}: is it the trained network?"
        )
    for name, network in networks.items():
        expect_close(
            named[name], network.get("small_weights"), f"small_weights['{name}'], of the network that was trained,", tolerance=6e-3
        )


def long_curves(submission):
    """The four curves of the long training, with a network behind them."""
    history = curves(submission.history("long_history"), "long_history")
    behind(submission.value("long_trainings"), "long", history, "long_history")
    return history


@pytest.mark.grade_cell("long_training")
@pytest.mark.hint("The base once more: a new network, Adam, the few images, and only more epochs.")
def test_training_goes_on_for_sixty_epochs(submission, profile):
    expect_history(submission.history("long_history"), min(60, profile.epoch_limit or 60), KEYS, "long_history")
    long_curves(submission)


@pytest.mark.grade_cell("long_training")
@pytest.mark.hint("By which curve is an epoch the best one? And from which number does Python count places, from which are epochs counted?")
def test_the_best_epoch_has_the_lowest_validation_loss(submission):
    losses = long_curves(submission)["val_loss"]
    expect_equal(submission.value("best_epoch"), losses.index(min(losses)) + 1, "best_epoch")


@pytest.mark.grade_cell("initializers")
@pytest.mark.hint("Does build_network use its initializer, in all layers? Only the two random beginnings learn.")
def test_random_beginnings_learn_and_zeros_do_not(submission, profile):
    results, networks = experiment(submission, "initializer_results", list(BEGINNINGS), profile)
    expect_settings(networks, "initializers", lambda name: [BEGINNINGS[name]] * 3)
    zeros = results["zeros"]["loss"]
    assert abs(zeros[-1] - 2.3) < 0.05, f"The loss from zeros ends at {zeros[-1]:.3f}, 2.30 was expected: do all layers begin with zeros?"
    expect_rising({name: results[name]["loss"][-1] for name in ("normal", "zeros")}, "The last training loss")
    expect_rising({name: results[name]["loss"][-1] for name in ("uniform", "zeros")}, "The last training loss")


@pytest.mark.grade_cell("initializers", weight=2)
@pytest.mark.hint(
    "Keep the network that began with zeros in all its layers, as it is after its training: it answers the same to every image."
)
@pytest.mark.predict("zero_network", PIXELS)
def test_the_network_from_zeros_answers_every_image_alike(submission, predictions):
    expect_initializers(submission.model("zero_network"), "Zeros")
    differ = float((predictions.hidden.max(axis=0) - predictions.hidden.min(axis=0)).max())
    assert differ < 1e-4, f"zero_network answers differently to different images, by {differ:.3f}: it did not begin with zeros everywhere."
    even = float(abs(predictions.hidden - 0.1).max())
    assert even > 1e-6, "zero_network was not trained: it still gives each digit exactly one tenth."
