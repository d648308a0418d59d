import numpy as np
import pytest

from autograder import Input


@pytest.mark.grade_cell("images")
@pytest.mark.hint("Divide by 255.")
def test_images_are_prepared(submission, visible):
    images = submission.array("images")
    assert images.shape == (len(visible.x), 784), f"images have shape {images.shape}"
    assert np.allclose(images, visible.x.reshape(-1, 784) / 255, atol=1e-6), "images are not the test images, scaled to 0…1"


@pytest.mark.grade_cell("double")
@pytest.mark.ask("double", [4, (2.5,), [1, 2]], seconds=2)
def test_double(answers):
    for argument, answer in answers:
        assert answer == 2 * argument, "double(n) is not twice n"


@pytest.mark.grade_cell("double", weight=3)
@pytest.mark.visibility("instructor")
@pytest.mark.ask("double", [-1])
def test_double_of_negative(answers):
    assert [answer for _, answer in answers] == [-2], "double(n) is wrong for a negative n"


@pytest.mark.grade_cell("counts")
def test_parameters(submission):
    assert submission.model("model").parameters == 7_850, "the model does not have 7,850 parameters"


@pytest.mark.grade_cell("accuracy")
@pytest.mark.predict("model", Input(shape=(784,), range=(0, 1)))
def test_accuracy(predictions, hidden, award):
    award("test_accuracy", float((predictions.hidden.argmax(axis=1) == hidden.y).mean()))
