"""Step 5: the test images, once, and what both networks make of them."""

import numpy as np
import pytest

from autograder import Input
from autograder.checks import accuracy, expect_close, expect_equal, expect_learnt, expect_loss, expect_shape

CHANCE = np.random.default_rng(41)
LABELS, FIRST, SECOND = CHANCE.integers(0, 4, (3, 50), dtype="int64")


def expect_evaluated(evaluation, network, outputs, labels):
    """Loss and accuracy of one network as its predictions of the same images give them."""
    expect_shape(outputs, (len(labels), 10), f"The prediction of the {network} network")
    expected = {network: {"accuracy": accuracy(outputs, labels)}}
    expect_close(evaluation, expected, "evaluation (measured on all test images)", tolerance=0.002)
    expect_loss(evaluation[network].get("loss"), outputs, labels, f"evaluation[{network!r}]['loss'] (on all test images)", tolerance=0.002)


@pytest.mark.grade_cell("evaluation")
@pytest.mark.hint("Which images, and which network? All test images as rows, and the dense network of step 4; a share, no percentage.")
@pytest.mark.predict("trained_dense", Input(shape=(784,), range=(0, 1)))
def test_dense_network_is_evaluated_on_the_test_images(submission, predictions, visible):
    expect_evaluated(submission.value("evaluation"), "dense", predictions.visible, visible.y)


@pytest.mark.grade_cell("evaluation")
@pytest.mark.hint("Which images, and which network? All test images as pictures, and the convolutional network of step 4.")
@pytest.mark.predict("trained_convolutional", Input(shape=(28, 28, 1), range=(0, 1)))
def test_convolutional_network_is_evaluated_on_the_test_images(submission, predictions, visible):
    expect_evaluated(submission.value("evaluation"), "convolutional", predictions.visible, visible.y)


@pytest.mark.grade_cell("dense_accuracy")
@pytest.mark.hint(
    "Layers and settings as in steps 2 to 4, pixels between 0 and 1, labels in the order of their images, and ten epochs do it."
)
@pytest.mark.predict("trained_dense", Input(shape=(784,), range=(0, 1)))
def test_dense_network_reads_hidden_digits(predictions, hidden, award):
    award("dense_accuracy", accuracy(predictions.hidden, hidden.y))
    expect_learnt(predictions.hidden, hidden.y, "trained_dense")


@pytest.mark.grade_cell("convolutional_accuracy")
@pytest.mark.hint(
    "Layers and settings as in steps 2 to 4, pixels between 0 and 1, labels in the order of their images, and ten epochs do it."
)
@pytest.mark.predict("trained_convolutional", Input(shape=(28, 28, 1), range=(0, 1)))
def test_convolutional_network_reads_hidden_digits(predictions, hidden, award):
    award("convolutional_accuracy", accuracy(predictions.hidden, hidden.y))
    expect_learnt(predictions.hidden, hidden.y, "trained_convolutional")


@pytest.mark.grade_cell("agreement")
@pytest.mark.hint("Make four images by hand, one for each of the four cases, and look in which of your counts each of them arrives.")
@pytest.mark.ask("agreement", [(LABELS, FIRST, SECOND), (LABELS, LABELS, FIRST), (LABELS, (LABELS + 1) % 4, (LABELS + 2) % 4)])
def test_agreement_is_counted(answers):
    for (labels, first, second), answer in answers:
        one, other = first == labels, second == labels
        expected = tuple(int(each.sum()) for each in (one & other, one & ~other, ~one & other, ~one & ~other))
        expect_equal(answer, expected, "agreement (both, only the first, only the second, neither)")
