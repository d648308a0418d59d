"""Step 3: compile settings, and an optimizer for each network."""

import pytest

from autograder.checks import expect_compiled, expect_equal


@pytest.mark.grade_cell("compile_settings")
@pytest.mark.hint(
    "Which optimizer does the exercise name for a call without that argument, and at which rate? The page's text and its code do not agree."
)
def test_the_default_optimizer_is_adam(submission):
    expect_compiled(submission.model("compiled"), optimizer="Adam", learning_rate=0.001)


@pytest.mark.grade_cell("compile_settings")
@pytest.mark.hint("Which loss goes with one-hot labels? The exercise names it, and the metric; compile wants a list of metrics.")
def test_loss_and_metric_are_set(submission):
    expect_compiled(submission.model("compiled"), loss="categorical_crossentropy", metrics=["accuracy"])


@pytest.mark.grade_cell("own_optimizer", weight=3)
@pytest.mark.hint("When does Python evaluate a default argument? Read again what follows the example, and what compile makes of a name.")
@pytest.mark.ask("compiled_twice", [()], seconds=20)
def test_two_networks_have_two_optimizers(answers):
    for _, answer in answers:
        expect_equal(answer, {"optimizers": ["Adam", "Adam"], "shared": False}, "compiled_twice()")


@pytest.mark.grade_cell("own_optimizer")
@pytest.mark.hint("Whatever the caller gives as optimizer has to arrive at compile.")
@pytest.mark.ask("compiled_twice", [("sgd",), ("nadam",)], seconds=20)
def test_another_optimizer_can_be_given(answers):
    for name, answer in answers:
        expected = {"sgd": "SGD", "nadam": "Nadam"}[name]
        expect_equal(answer, {"optimizers": [expected, expected], "shared": False}, f"compiled_twice({name!r})")
