"""Step 1: the same images as rows and as pictures, in either layout, and one-hot labels."""

import numpy as np
import pytest

from autograder import Input
from autograder.checks import CheckFailed, expect_close, expect_dtype, expect_equal, expect_one_hot, expect_shape

ROWS = Input(shape=(784,), range=(0, 1))
PICTURES = Input(shape=(28, 28, 1), range=(0, 1))
CHANCE = np.random.default_rng(40)
FAINT = CHANCE.integers(0, 90, (3, 6, 4), dtype="uint8")
WIDE = CHANCE.integers(0, 256, (5, 2, 7), dtype="uint8")
SIZES = [(28, 28), (5, 8), (200, 300)]
LAYOUTS = ("channels_last", "channels_first")


def shape_of_one(height, width, layout):
    return (1, height, width) if layout == "channels_first" else (height, width, 1)


def expect_layout(answer, count, height, width, layout, what):
    """The shape is that of this layout, and not that of the other one."""
    other = next(each for each in LAYOUTS if each != layout)
    if isinstance(answer, np.ndarray) and answer.shape == (count, *shape_of_one(height, width, other)):
        raise CheckFailed(f"{what} has the shape of {other!r}, {answer.shape}: does the argument layout decide where the channel stands?")
    expect_shape(answer, (count, *shape_of_one(height, width, layout)), what)


def pictures(sample, count, name):
    """The sample of pictures, after a look at its shape; both layouts are right."""
    layout = "channels_first" if tuple(sample.shape[1:]) == (1, 28, 28) else "channels_last"
    expect_shape(sample, (count, *shape_of_one(28, 28, layout)), name)
    return sample


@pytest.mark.grade_cell("image_shape")
@pytest.mark.hint("The table at the top of step 1 shows where each layout has its one channel.")
@pytest.mark.ask("image_shape", [(*size, layout) for size in SIZES for layout in LAYOUTS])
def test_both_layouts_have_their_shape(answers):
    for (height, width, layout), answer in answers:
        expect_equal(answer, shape_of_one(height, width, layout), f"image_shape({height}, {width}, {layout!r})")


@pytest.mark.grade_cell("prepared_images")
@pytest.mark.hint("Print the shapes: which axis is that of the examples, and what does step 1 say of the others?")
def test_rows_and_pictures_have_their_shapes(submission, visible):
    expect_shape(submission.sample("x_train_rows"), (None, 784), "x_train_rows")
    expect_shape(submission.sample("x_test_rows"), (len(visible.x), 784), "x_test_rows")
    pictures(submission.sample("x_train_images"), None, "x_train_images")
    pictures(submission.sample("x_test_images"), len(visible.x), "x_test_images")


@pytest.mark.grade_cell("prepared_images")
@pytest.mark.hint("uint8 holds whole numbers only. Which type does the exercise ask for, and before which step is it needed?")
@pytest.mark.parametrize("name", ["x_train_rows", "x_train_images"])
def test_images_are_float32(submission, name):
    expect_dtype(submission.sample(name), "float32", name)


@pytest.mark.grade_cell("prepared_images")
@pytest.mark.hint("By what does 1.2 divide? Compare the first row with the first image, pixel by pixel.")
def test_test_rows_have_the_right_values(submission, visible):
    sample = submission.sample("x_test_rows")
    expect_shape(sample, (len(visible.x), 784), "x_test_rows")
    expect_close(sample.rows, ROWS.prepare(visible.x[sample.indices]), "x_test_rows", tolerance=1e-5)


@pytest.mark.grade_cell("prepared_images")
@pytest.mark.hint("Compare the first picture with the first image, pixel by pixel: is something turned round, moved, or divided twice?")
def test_test_pictures_have_the_right_values(submission, visible):
    sample = pictures(submission.sample("x_test_images"), len(visible.x), "x_test_images")
    expected = PICTURES.prepare(visible.x[sample.indices], tuple(sample.shape[1:]))
    expect_close(sample.rows, expected, "x_test_images", tolerance=1e-5)


@pytest.mark.grade_cell("other_images")
@pytest.mark.hint("Try as_rows on a few faint images of other sides: which number in it is true of these data only?")
@pytest.mark.ask("as_rows", [(FAINT,), (WIDE,)])
def test_rows_of_images_of_any_size(answers):
    for images, answer in answers:
        height, width = images.shape[1:]
        expected = images.reshape(len(images), height * width).astype("float32") / 255
        expect_close(answer, expected, f"as_rows of images of {height} × {width} pixels", tolerance=1e-5)


@pytest.mark.grade_cell("other_images", weight=2)
@pytest.mark.hint("Try as_images on images that are not square, with the layout to which Keras is not set: what decides, the argument?")
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.ask("as_images", [(images, layout) for images in (FAINT, WIDE) for layout in LAYOUTS])
def test_pictures_of_any_size_in_either_layout(answers, layout):
    for (images, asked), answer in answers:
        if asked == layout:
            height, width = images.shape[1:]
            what = f"as_images of images of {height} × {width} pixels with {layout!r}"
            expect_layout(answer, len(images), height, width, layout, what)
            expected = Input(shape=(height, width, 1), range=(0, 1)).prepare(images, shape_of_one(height, width, layout))
            expect_close(answer, expected, what, tolerance=1e-5)


@pytest.mark.grade_cell("one_hot_labels")
@pytest.mark.hint("What does the row of a 3 look like? How many columns are there when no 9 occurs?")
def test_test_labels_are_one_hot(submission, visible):
    sample = submission.sample("y_test_ready")
    expect_shape(sample, (len(visible.y), 10), "y_test_ready")
    expect_one_hot(sample, 10, "y_test_ready")
    expect_equal(sample.rows.argmax(axis=1), visible.y[sample.indices], "The digits that y_test_ready stands for")


@pytest.mark.grade_cell("one_hot_labels")
@pytest.mark.hint("The training labels need the same encoding as the test labels.")
def test_training_labels_are_one_hot(submission):
    expect_one_hot(submission.sample("y_train_ready"), 10, "y_train_ready")
