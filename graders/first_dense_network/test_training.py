"""Section 4: the recipe to the letter, and better choices."""

import pytest

from autograder import Input
from autograder.checks import accuracy, expect_compiled, expect_history, expect_parameters


@pytest.mark.grade_cell("recipe_compiled")
@pytest.mark.hint("optimizer='sgd' takes the default rate of 0.01; metrics=['accuracy'] is a list.")
def test_recipe_uses_plain_sgd_and_accuracy(submission):
    expect_compiled(submission.model("recipe"), optimizer="SGD", metrics=["accuracy"], learning_rate=0.01)


@pytest.mark.grade_cell("recipe_compiled")
@pytest.mark.hint("One-hot labels go with categorical_crossentropy; the 'sparse' one is for labels that are plain digits.")
def test_recipe_uses_categorical_crossentropy(submission):
    expect_compiled(submission.model("recipe"), loss="categorical_crossentropy")


@pytest.mark.grade_cell("recipe_history")
@pytest.mark.hint("Keep what fit returns: recipe_history = recipe.fit(…, batch_size=100, epochs=5).")
def test_recipe_was_trained_for_five_epochs(submission):
    expect_history(submission.history("recipe_history"), epochs=5, keys=["loss", "accuracy"], what="recipe_history")


@pytest.mark.grade_cell("best_network", weight=2)
@pytest.mark.hint("The network stays as it is; only the way it is trained may change. build_network() makes a new one.")
def test_best_is_the_same_network(submission):
    expect_parameters(submission.model("best"), per_layer=[7_850, 110], total=7_960)


@pytest.mark.grade_cell("best_network")
@pytest.mark.hint("fit(…, validation_split=0.2) sets a part of the training images aside, on which choices can be compared.")
def test_choices_were_made_on_a_validation_part(submission):
    expect_history(submission.history("best_history"), keys=["loss", "val_loss", "val_accuracy"], what="best_history")


@pytest.mark.grade_cell("accuracy")
@pytest.mark.hint(
    "Look at the loss: does it still fall at the end? Then larger steps or more epochs will help. Compare on the validation part."
)
@pytest.mark.predict("best", Input(shape=(784,), range=(0, 1)))
def test_accuracy_on_hidden_digits(predictions, hidden, award):
    award("test_accuracy", accuracy(predictions.hidden, hidden.y))
