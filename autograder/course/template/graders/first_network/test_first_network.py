"""What each grade cell is worth earning. A failed assertion is the student's, any other exception is this file's."""

import numpy as np
import pytest

from autograder import Input
from autograder.checks import (
    accuracy,
    expect_activations,
    expect_close,
    expect_dtype,
    expect_history,
    expect_learnt,
    expect_parameters,
    expect_shape,
)

PIXELS = Input(shape=(784,), range=(0, 1))
FAINT = np.full((2, 28, 28), 51, dtype="uint8")
ROWS = np.arange(3 * 4 * 5, dtype="uint8").reshape(3, 4, 5)


@pytest.mark.grade_cell("prepared", weight=2)
@pytest.mark.hint("Each pixel as float32 and divided by 255, each image one row, in the order in which the images came.")
def test_test_images_are_prepared(submission, visible):
    sample = submission.sample("x_test_ready")
    expect_dtype(sample, "float32", "x_test_ready")
    expect_shape(sample, (len(visible.x), 784), "x_test_ready")
    expect_close(sample.rows, PIXELS.prepare(visible.x[sample.indices]), "x_test_ready", tolerance=1e-5)


@pytest.mark.grade_cell("prepared")
@pytest.mark.hint("Divide by 255, not by the largest value that happens to be there; take the sizes from the images.")
@pytest.mark.ask("prepare", [(FAINT,), (ROWS,)])
def test_other_images_are_prepared(answers):
    for images, answer in answers:
        expect_close(answer, images.reshape(len(images), -1) / 255, "prepare of a few other images", tolerance=1e-5)


@pytest.mark.grade_cell("network", weight=2)
@pytest.mark.hint("784 · 32 weights and 32 biases, then 32 · 10 weights and 10 biases.")
def test_network_has_the_right_layers(submission):
    expect_parameters(submission.model("network"), per_layer=[25_120, 330], total=25_450)


@pytest.mark.grade_cell("network")
@pytest.mark.hint("activation='relu' in the hidden layer; softmax at the end makes probabilities that add up to 1.")
def test_network_has_relu_and_softmax(submission):
    expect_activations(submission.model("network"), ["relu", "softmax"])


@pytest.mark.grade_cell("training")
@pytest.mark.hint("history = network.fit(…) keeps what fit returns; compile(…, metrics=['accuracy']) adds the accuracy.")
def test_training_was_watched(submission):
    expect_history(submission.history("history"), keys=["loss", "accuracy"], what="history")


@pytest.mark.grade_cell("accuracy")
@pytest.mark.hint("Does the loss still fall at the end? Then more epochs help. Does it jump about? Then smaller steps do.")
@pytest.mark.predict("network", PIXELS)
def test_accuracy_on_hidden_images(predictions, hidden, award):
    award("test_accuracy", accuracy(predictions.hidden, hidden.y))
    expect_learnt(predictions.hidden, hidden.y, "network")
