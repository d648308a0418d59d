"""Section 8: the network of one's own choice."""

import numpy as np
import pytest

from autograder import Input
from autograder.checks import accuracy, expect_close, expect_history, expect_learnt, expect_range, expect_shape, expect_table

PIXELS = Input(shape=(784,), range=(0, 1))


@pytest.mark.grade_cell("best_network")
@pytest.mark.hint("The rules of section 8 say what the network gives for an image: which layer makes that of its last numbers?")
@pytest.mark.predict("best", PIXELS)
def test_answers_of_best_are_probabilities(predictions):
    expect_shape(predictions.hidden, (None, 10), "The answers of best")
    expect_range(predictions.hidden, 0, 1, "The answers of best")
    expect_close(predictions.hidden.sum(axis=1), np.ones(len(predictions.hidden)), "The sum of each answer of best", tolerance=1e-3)


@pytest.mark.grade_cell("best_network")
@pytest.mark.hint("As `train` does it: which argument of fit sets a part of the images aside?")
def test_best_was_chosen_on_a_validation_part(submission):
    expect_history(submission.history("best_history"), keys=["loss", "val_loss", "val_accuracy"], what="best_history")


@pytest.mark.grade_cell("best_network")
@pytest.mark.hint("Choose on a part of the training images. Test images that helped to choose say nothing about new ones.")
@pytest.mark.predict("best", PIXELS)
def test_best_was_not_chosen_on_the_test_images(submission, predictions, visible):
    """Any epoch counts: whoever stops early may have gone back to the best one. With a price on weights nothing can be seen."""
    history = submission.history("best_history")
    expect_history(history, keys=["val_loss", "val_accuracy"], what="best_history")
    losses, shares = history["val_loss"], history.get("val_accuracy") or history.get("val_acc") or ()  # metrics=["acc"] is accuracy too
    assert not any(
        is_of_these(float(loss), float(share), predictions.visible, visible.y) for loss, share in zip(losses, shares, strict=False)
    ), "best_history holds just the loss and the accuracy that best has on the test images: they were its validation part."


def is_of_these(loss, share, probabilities, labels):
    """Whether a loss and an accuracy are those of these answers; Keras does not always keep probabilities above 1e-7."""
    expect_shape(probabilities, (None, 10), "What best answers")
    of_label = probabilities[np.arange(len(labels)), labels].astype("float64")
    losses = [-np.log(np.maximum(of_label, least)).mean() for least in (1e-7, 1e-40)]
    return abs(share - accuracy(probabilities, labels)) < 1e-5 and bool(np.isclose(loss, losses, rtol=1e-5).any())


@pytest.mark.grade_cell("accuracy")
@pytest.mark.hint("Which of the experiments of sections 5 and 6 moved the validation accuracy most? Begin with those.")
@pytest.mark.predict("best", PIXELS)
def test_accuracy_on_hidden_digits(predictions, hidden, award):
    award("test_accuracy", accuracy(predictions.hidden, hidden.y))
    expect_learnt(predictions.hidden, hidden.y, "best")


@pytest.mark.grade_cell("test_once")
@pytest.mark.hint("Which network, and which images? All of x_test_ready with their labels, and a share, no percentage.")
@pytest.mark.predict("best", PIXELS)
def test_the_reported_test_accuracy_is_that_of_the_test_images(submission, predictions, visible):
    reported = submission.value("test_accuracy")
    expect_table({"best": {"accuracy": reported}}, ["best"], {"accuracy": (0, 1)}, "test_accuracy")
    expect_close(reported, accuracy(predictions.visible, visible.y), "test_accuracy", tolerance=0.002 + 2 / len(visible.y))
