"""Step 6: what the search costs, what it has found, and Adadelta with two rates."""

import math

import numpy as np
import pytest

from autograder import Input
from autograder.checks import (
    CheckFailed,
    accuracy,
    expect_close,
    expect_compiled,
    expect_equal,
    expect_history,
    expect_number,
    expect_parameters,
    expect_range,
    expect_shape,
)

BRIEF, WHOLE = ["SGD", "Adadelta", "Adam"], ["SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam"]
CLEARLY = 0.15  # so far apart are optimizers of which one has learnt and the other has not
BY_CHANCE = 0.15


def is_brief(profile):
    """By the rule of the notebook's cell `search_size`, as the next two."""
    return profile.epoch_limit is not None and profile.epoch_limit < 10


def searched(profile):
    """(optimizers, folds) of the search."""
    return (BRIEF, 2) if is_brief(profile) else (WHOLE, 4)


def expect_steps(submission, name, epochs, share, profile):
    """The optimizer has taken the steps of so many epochs, in batches of 64, of this share of the images that are searched."""
    steps, images = expect_number(submission.value(name), name), searched_images(submission, profile)
    expected = epochs * math.ceil(share * images / 64)
    if abs(steps - expected) > 0.1 * expected:
        raise CheckFailed(
            f"{name} is {steps:,.0f}, {expected:,} expected: {epochs_of(epochs)} of {round(share * images):,} images in batches of 64. "
            "Has fit the right epochs and batch_size, and the first search_examples training images?"
        )


def searched_images(submission, profile):
    """How many training images the search goes through."""
    rows = submission.sample("x_train_rows")
    expect_shape(rows, (None, 784), "x_train_rows")
    return min(rows.shape[0], 640 if is_brief(profile) else 10_000)


def trained_networks(submission, profile):
    """Of the networks that the search trained on its folds: optimizer → accuracies on images with which none of them was trained."""
    (names, folds), found = searched(profile), submission.value("tried_networks")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise CheckFailed("tried_networks is not what its locked cell makes: choose another name for your own variable.")
    wanted = math.ceil(searched_images(submission, profile) * (folds - 1) / folds / 64)
    accuracies = {name: [] for name in names}
    for each in found:
        steps, reached = (expect_number(each.get(key), f"tried_networks, '{key}'") for key in ("steps", "accuracy"))
        if str(each.get("optimizer")) in names and abs(steps - wanted) <= 0.1 * wanted:
            accuracies[str(each["optimizer"])].append(reached)
    for name, reached in accuracies.items():
        if len(reached) < folds:
            raise CheckFailed(
                f"With {name} the search has trained {len(reached)} networks in {wanted} steps, {folds} expected: has search.fit run with "
                "all of optimizer_names and batches of 64 for one epoch, and does candidate end with the lines that were there?"
            )
    return {name: float(np.mean(reached)) for name, reached in accuracies.items()}


def epochs_of(number):
    return "one epoch" if number == 1 else f"{number} epochs"


def scores_of(submission, profile):
    """The array (optimizers, folds) of accuracies, as far as it can be one."""
    names, folds = searched(profile)
    expect_shape(submission.sample("fold_scores"), (len(names), folds), "fold_scores")
    scores = submission.array("fold_scores").astype(np.float64)
    expect_range(scores, 0, 1, "fold_scores")
    return scores


def last_accuracy(submission, what, profile):
    """Validation accuracy after the last of the three epochs, or of as many as the profile allows."""
    history = submission.history(what)
    expect_history(history, epochs=min(3, profile.epoch_limit or 3), keys=["val_accuracy"], what=what)
    return (history.get("val_accuracy") or history["val_acc"])[-1]


@pytest.mark.grade_cell("number_of_fits")
@pytest.mark.hint("Read once more what cross-validation does with each candidate, to the last sentence above 6.1.")
@pytest.mark.ask("number_of_fits", [(7, 4), (3, 2), (1, 10), (12, 5)])
def test_fits_are_counted_with_the_last_one(answers):
    for (candidates, folds), answer in answers:
        expect_equal(answer, candidates * folds + 1, f"number_of_fits({candidates}, {folds})")


@pytest.mark.grade_cell("search_table")
@pytest.mark.hint("What is a row, what is a column? 6.3 says where the search keeps the accuracies of each fold.")
def test_fold_scores_have_a_row_for_each_optimizer(submission, profile):
    scores = scores_of(submission, profile)
    if float(np.ptp(scores, axis=1).max()) == 0:
        raise CheckFailed("Each optimizer has the same score on all folds: are these the means instead of the scores?")


@pytest.mark.grade_cell("search_table", weight=2)
@pytest.mark.hint("At its default rate Adadelta hardly moves in one epoch. Do the rows of fold_scores have the order of optimizer_names?")
def test_adadelta_lies_clearly_behind_the_winner(submission, profile):
    reached = trained_networks(submission, profile)
    best = max(reached.values())
    if best < 0.25:
        raise CheckFailed(
            f"Even the networks of the best optimizer read no more than {best:.2f} of other images, hardly more than guessing: "
            "do the rows and the labels that search.fit gets belong together?"
        )
    if best - reached["Adadelta"] < CLEARLY:
        raise CheckFailed(
            f"Networks trained with Adadelta are {best - reached['Adadelta']:.2f} behind those of the best optimizer, at least {CLEARLY} "
            "expected: does the name in the grid reach compile, so that every network is trained at its optimizer's default rate?"
        )


@pytest.mark.grade_cell("search_table", weight=2)
@pytest.mark.hint(
    "The scores of an optimizer come from networks that the search has trained with it. Is the order that of optimizer_names?"
)
def test_scores_are_those_of_networks_that_were_trained(submission, profile):
    reached, scores = trained_networks(submission, profile), scores_of(submission, profile)
    chance = 0.5 * math.sqrt(1 / searched_images(submission, profile) + 1 / 500)  # the networks answered other images than the folds'
    for (name, measured), mean in zip(reached.items(), scores.mean(axis=1), strict=True):
        if abs(mean - measured) > 0.02 + 5 * chance:
            raise CheckFailed(
                f"The scores of {name} have the mean {mean:.2f}, but the networks that the search trained with it read {measured:.2f} of "
                "500 other images: are these its scores, and are the rows in the order of optimizer_names?"
            )


@pytest.mark.grade_cell("search_table")
@pytest.mark.hint("From which numbers are both taken, and by which function does 6.3 want the deviation?")
def test_table_has_mean_and_deviation_of_the_fold_scores(submission, profile):
    names, _ = searched(profile)
    expected = {
        name: {"mean": float(row.mean()), "deviation": float(row.std())}
        for name, row in zip(names, scores_of(submission, profile), strict=True)
    }
    expect_close(submission.value("search_table"), expected, "search_table", tolerance=1e-4)


@pytest.mark.grade_cell("winner")
@pytest.mark.hint("By which number does 6.3 choose, the largest or the smallest of them? The name is written as in optimizer_names.")
def test_winner_has_the_largest_mean(submission, profile):
    names, _ = searched(profile)
    expect_equal(submission.value("winner"), names[int(scores_of(submission, profile).mean(axis=1).argmax())], "winner")


@pytest.mark.grade_cell("winner")
@pytest.mark.hint("Which network has the search trained last, and where does it keep it? 6.3 says so.")
def test_winner_network_is_the_dense_one_with_the_winner_as_optimizer(submission, profile):
    network, names = submission.model("winner_network"), searched(profile)[0]
    expect_parameters(network, per_layer=[314_000, 40_100, 1_010], total=355_110)
    best = names[int(scores_of(submission, profile).mean(axis=1).argmax())]
    expect_compiled(network, optimizer=best, loss="categorical_crossentropy")
    expect_steps(submission, "winner_steps", 1, 1.0, profile)


@pytest.mark.grade_cell("winner")
@pytest.mark.hint("GridSearchCV trains the winner once more on all folds; take that network from it, after search.fit.")
@pytest.mark.predict("winner_network", Input(shape=(784,), range=(0, 1)))
def test_winner_network_is_about_as_good_as_the_table_says(submission, predictions, visible, profile):
    best, measured = float(scores_of(submission, profile).mean(axis=1).max()), accuracy(predictions.visible, visible.y)
    if measured < best - BY_CHANCE:
        raise CheckFailed(
            f"winner_network reads {measured:.2f} of the test images, its mean score in the search was {best:.2f}: "
            "is it the network that the search trained last?"
        )


@pytest.mark.grade_cell("adadelta")
@pytest.mark.hint("The slow network has the rate that the documentation of keras.optimizers.Adadelta names as default.")
def test_slow_network_has_the_default_rate(submission, profile):
    network = submission.model("slow")
    expect_parameters(network, total=355_110)
    expect_compiled(network, optimizer="Adadelta", loss="categorical_crossentropy", learning_rate=0.001)
    last_accuracy(submission, "slow_history", profile)
    expect_steps(submission, "slow_steps", min(3, profile.epoch_limit or 3), 0.8, profile)


@pytest.mark.grade_cell("adadelta")
@pytest.mark.hint("A name always stands for the default rate. What else than a name does your compile_network take as optimizer?")
def test_fast_network_has_the_rate_of_the_paper(submission, profile):
    network = submission.model("fast")
    expect_parameters(network, total=355_110)
    expect_compiled(network, optimizer="Adadelta", loss="categorical_crossentropy", learning_rate=1.0)
    last_accuracy(submission, "fast_history", profile)
    expect_steps(submission, "fast_steps", min(3, profile.epoch_limit or 3), 0.8, profile)


@pytest.mark.grade_cell("adadelta", weight=3)
@pytest.mark.hint("Which rate did each of the two networks train with, and do the rows and labels that fit gets belong together?")
@pytest.mark.predict("fast", Input(shape=(784,), range=(0, 1)))
def test_the_fast_network_has_learnt_and_the_history_says_so(submission, predictions, visible, profile):
    measured = accuracy(predictions.visible, visible.y)
    slow, fast = (last_accuracy(submission, name, profile) for name in ("slow_history", "fast_history"))
    if fast - slow < CLEARLY:
        raise CheckFailed(f"fast_history ends {fast - slow:.2f} above slow_history, at least {CLEARLY} expected: have both the right rate?")
    if abs(fast - measured) > BY_CHANCE:
        raise CheckFailed(
            f"fast_history ends with a validation accuracy of {fast:.2f}, but the network fast reads {measured:.2f} of the test images: "
            "do both come from the same training?"
        )
