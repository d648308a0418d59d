"""Section 7: moved images, and the contest."""

import math

import numpy as np
import pytest

from autograder import Input
from autograder.checks import accuracy, cross_entropies, expect_dtype, expect_equal, expect_history, expect_learnt

IMAGES = Input(shape=(28, 28, 1), range=(0, 1))
FULL = np.random.default_rng(58).integers(1, 256, (2, 5, 4), dtype="uint8")


def moved(images, down, right):
    """Images moved by so many pixels, 0 where nothing was."""
    height, width = images.shape[1:]
    empty = np.pad(images, ((0, 0), (height, height), (width, width)))
    top, left = height - np.clip(down, -height, height), width - np.clip(right, -width, width)
    return empty[:, top : top + height, left : left + width]


@pytest.mark.grade_cell("shifted_images", weight=2)
@pytest.mark.hint("Move a small image of ones by 1, in each of the four directions: what stands at the side from which it came?")
@pytest.mark.ask("shift", [(FULL, 1, 0), (FULL, 0, 2), (FULL, -2, 0), (FULL, 0, -1), (FULL, 2, -3)])
def test_what_leaves_is_lost_and_what_comes_in_is_empty(answers):
    for (images, down, right), answer in answers:
        expect_equal(answer, moved(images, down, right), f"shift by {down} down and {right} to the right")


@pytest.mark.grade_cell("shifted_images")
@pytest.mark.hint("What do your slices select when the images are moved by 0? Shape and dtype stay as they are, too.")
@pytest.mark.ask("shift", [(FULL, 0, 0)])
def test_images_that_are_not_moved_stay_as_they_are(answers):
    for (images, _, _), answer in answers:
        expect_equal(answer, images, "shift by 0 and 0")
        expect_dtype(answer, "uint8", "shift by 0 and 0")


@pytest.mark.grade_cell("accuracy", weight=0.5)
@pytest.mark.hint("fit notes a val_accuracy only where it has a part to validate on; 4.1 says which one we may choose by.")
def test_choices_were_made_on_a_validation_part(submission):
    expect_history(submission.history("contest_history"), keys=["loss", "val_accuracy"], what="contest_history")


@pytest.mark.grade_cell("accuracy", weight=0.5)
@pytest.mark.hint("Learn from the training images, and judge by the validation part: the test images are for neither of the two.")
@pytest.mark.predict("contest", IMAGES)
def test_the_test_images_took_no_part(submission, predictions, visible, hidden):
    """Curves with just the loss and the accuracy on the test images tell; so does a network that reads these far better than new ones.

    All epochs are looked at, since weights of an earlier one may have been restored. Without a val_loss no curve tells anything.
    """
    history = submission.history("contest_history")
    expect_history(history, what="contest_history")
    seen, unseen = accuracy(predictions.visible, visible.y), accuracy(predictions.hidden, hidden.y)
    losses = cross_entropies(predictions.visible, visible.y)
    accuracies = history.get("val_accuracy") or history.get("val_acc", [])
    for epoch, (noted, loss) in enumerate(zip(accuracies, history.get("val_loss", []), strict=False), start=1):
        watched = abs(noted - seen) <= 1e-5 and any(math.isclose(loss, each, rel_tol=1e-5) for each in losses)
        assert not watched, f"In epoch {epoch} contest_history has just the loss and the accuracy on the test images: they were watched."
    middle = (seen + unseen) / 2
    chance = 5 * math.sqrt(middle * (1 - middle) * (1 / len(visible.y) + 1 / len(hidden.y)))  # five deviations of the difference
    assert seen - unseen <= chance, (
        f"contest reads {seen:.3f} of the test images and {unseen:.3f} of new ones: did it learn from the test images?"
    )


@pytest.mark.grade_cell("accuracy", weight=9)
@pytest.mark.hint("Begin with build_best() and all of x_fit; as long as the validation loss falls, more epochs help.")
@pytest.mark.predict("contest", IMAGES)
def test_accuracy_on_hidden_digits(predictions, hidden, award):
    award("test_accuracy", accuracy(predictions.hidden, hidden.y))
    expect_learnt(predictions.hidden, hidden.y, "contest")


@pytest.mark.grade_cell("contest_points")
@pytest.mark.hint("Moved copies of the training images, a smaller learning rate for the last epochs, more filters, less or more dropout.")
@pytest.mark.predict("contest", IMAGES)
def test_the_contest_is_won_by_going_on(predictions, hidden, award):
    award("contest_accuracy", accuracy(predictions.hidden, hidden.y))
