"""Sections 6 and 7: one setting changed at a time. What is compared holds for any images, by far more than chance."""

from itertools import pairwise
from math import ceil

import numpy as np
import pytest

from autograder import Input
from autograder.checks import expect_close, expect_equal, expect_experiment, expect_history, expect_initializers, expect_table

PIXELS = Input(shape=(784,), range=(0, 1))
KEYS = ["loss", "accuracy", "val_loss", "val_accuracy"]
FRACTION = (0, 1)
WIDTH_PARAMETERS = {16: 13_002, 512: 669_706}
LONGEST_CELL = 600.0  # seconds; no training takes longer than a cell may run


def curves(history, what):
    """Metric → floats, at least one, of a history in which Keras' short names are allowed too."""
    expect_history(history, keys=KEYS, what=what)
    named = {metric.replace("acc", "accuracy") if metric.endswith("acc") else metric: values for metric, values in history.items()}
    assert all(named[key] for key in KEYS), f"{what} has no epoch."
    return {key: [float(value) for value in named[key]] for key in KEYS}


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
    """Setting → its four curves, of an experiment that is one."""
    results = submission.value(name)
    expect_experiment(results, settings, min(10, profile.epoch_limit or 10), KEYS, name)
    return {setting: curves(of_setting(results, setting, name), f"{name}['{setting}']") for setting in settings}


def expect_rising(values, what):
    """Numbers by setting, each larger than the one before."""
    for low, high in pairwise(values):
        assert values[low] < values[high], f"{what} is {values[low]:.4f} with {low} and {values[high]:.4f} with {high}: are they exchanged?"


@pytest.mark.grade_cell("learning_rates", weight=2)
@pytest.mark.hint("A new optimizer with that rate and a new network for each training; keys are the rates as text.")
def test_rates_make_a_difference(submission, profile):
    results = experiment(submission, "rate_results", [0.0001, 0.001, 0.01, 0.1], profile)
    expect_rising({rate: results[rate]["loss"][-1] for rate in (0.001, 0.0001)}, "The last training loss")
    expect_rising({rate: results[rate]["loss"][-1] for rate in (0.01, 0.1)}, "The last training loss")


@pytest.mark.grade_cell("learning_rates")
@pytest.mark.hint("Let a program compare the last val_accuracy of all rates; Python's max can be told what to compare.")
def test_the_best_rate_is_the_one_with_the_highest_validation_accuracy(submission):
    results, best = submission.value("rate_results"), submission.value("best_rate")
    assert isinstance(results, dict), "rate_results is no dictionary from rates to histories."
    last = {rate: curves(history, f"rate_results['{rate}']")["val_accuracy"][-1] for rate, history in results.items()}
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
    results, table = experiment(submission, "width_results", [16, 128, 512], profile), submission.value("width_table")
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
    table, epochs = submission.value("width_table"), min(10, profile.epoch_limit or 10)
    expect_table(table, list(WIDTH_PARAMETERS), {"seconds": (1e-4, LONGEST_CELL / epochs)}, "width_table")


@pytest.mark.grade_cell("steps_per_epoch")
@pytest.mark.hint("What is left over after the last full batch makes one more, smaller batch.")
@pytest.mark.ask("steps_per_epoch", [(48_000, 128), (48_000, 100), (8_000, 128), (957, 32), (10, 32), (64, 64)])
def test_steps_of_an_epoch(answers):
    for (examples, batch_size), answer in answers:
        expect_equal(answer, ceil(examples / batch_size), f"steps_per_epoch({examples}, {batch_size})")


@pytest.mark.grade_cell("batch_sizes")
@pytest.mark.hint("Does train hand its batch_size on to fit? Smaller batches make more steps, so that the first epoch gets further.")
def test_smaller_batches_get_further_in_one_epoch(submission, profile):
    results = experiment(submission, "batch_results", [32, 128, 512], profile)
    expect_rising({size: history["loss"][0] for size, history in results.items()}, "The training loss of the first epoch")


@pytest.mark.grade_cell("dropout_rates", weight=2)
@pytest.mark.hint("Does build_network use its rate? The more units are missing while training, the larger the training loss.")
def test_dropout_makes_training_harder(submission, profile):
    results = experiment(submission, "dropout_results", [0, 0.3, 0.6], profile)
    expect_rising({rate: history["loss"][-1] for rate, history in results.items()}, "The last training loss")


@pytest.mark.grade_cell("dropout_rates")
@pytest.mark.hint("The last number of 'accuracy' minus the last number of 'val_accuracy', for each rate.")
def test_gaps_are_training_minus_validation(submission, profile):
    results, gaps = experiment(submission, "dropout_results", [0, 0.3, 0.6], profile), submission.value("dropout_gaps")
    for rate, history in results.items():
        right = history["accuracy"][-1] - history["val_accuracy"][-1]
        expect_close(of_setting(gaps, rate, "dropout_gaps"), right, f"dropout_gaps['{rate}']", tolerance=1e-3)


@pytest.mark.grade_cell("regularization", weight=2)
@pytest.mark.hint("Does build_network use its regularizer? The task names three kinds with their strengths; the price is part of the loss.")
def test_the_price_of_weights_is_in_the_loss(submission, profile):
    results = experiment(submission, "regularizer_results", ["none", "l1", "l2", "l1_l2"], profile)
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
    shares = submission.value("small_weights")
    named = {name: of_setting(shares, name, "small_weights") for name in ("none", "l1", "l2", "l1_l2")}
    expect_table({name: {"share": share} for name, share in named.items()}, list(named), {"share": FRACTION}, "small_weights")
    for name in ("l1", "l2", "l1_l2"):
        assert named[name] > named["none"], (
            f"With '{name}' {named[name]:.1%} of the weights are nearly 0, without a price {named['none']:.1%}: is it the trained network?"
        )


@pytest.mark.grade_cell("long_training")
@pytest.mark.hint("The base once more: a new network, Adam, the few images, and only more epochs.")
def test_training_goes_on_for_sixty_epochs(submission, profile):
    history = submission.history("long_history")
    expect_history(history, min(60, profile.epoch_limit or 60), KEYS, "long_history")


@pytest.mark.grade_cell("long_training")
@pytest.mark.hint("The smallest 'val_loss', not the last one. Python counts places from 0, epochs count from 1.")
def test_the_best_epoch_has_the_lowest_validation_loss(submission):
    losses = curves(submission.history("long_history"), "long_history")["val_loss"]
    expect_equal(submission.value("best_epoch"), losses.index(min(losses)) + 1, "best_epoch")


@pytest.mark.grade_cell("initializers")
@pytest.mark.hint("Does build_network use its initializer, in all layers? Only the two random beginnings learn.")
def test_random_beginnings_learn_and_zeros_do_not(submission, profile):
    results = experiment(submission, "initializer_results", ["uniform", "normal", "zeros"], profile)
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
