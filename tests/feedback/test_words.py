"""What a student reads in place of names."""

from __future__ import annotations

from typing import get_args

import pytest

from autograder.feedback import words
from autograder.records import FirstError, Grading, Outcome

from .samples import record, unscored


def test_every_outcome_has_words_and_advice_where_there_is_something_to_do() -> None:
    assert set(words.OUTCOMES) == set(get_args(Outcome))
    assert all(each.advice for name, each in words.OUTCOMES.items() if name != "completed")
    assert {each.tone for each in words.OUTCOMES.values()} <= {"good", "warn", "bad", "calm"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("test_layers_have_x", "Layers have x"),
        ("test_model.py::test_layers_have_x[784-10]", "Layers have x"),
        ("graders/a.py::TestModel::test_sizes[a::b]", "Sizes"),
        ("test_", "Check"),
        ("", "Check"),
        ("test_images_are_flat #2", "Images are flat, case 2"),
    ],
)
def test_names_of_tests_without_file_and_arguments(name: str, said: str) -> None:
    assert words.test_title(name) == said


@pytest.mark.parametrize(
    ("name", "message", "said"),
    [
        ("NameError", "name 'x' is not defined", "no value at this point"),
        ("NotImplementedError", "", "placeholder"),
        ("ValueError", "Shapes (None, 10) and (None, 1) are incompatible", "shapes"),
        ("ValueError", "something else", "cannot work with"),
        ("builtins.ModuleNotFoundError", "No module named 'torch'", "not installed"),
        ("KeyboardInterrupt", "", "took longer"),
        ("MemoryError", "", "memory"),
        ("Exception", "URL fetch failure on https://x", "no network"),
        ("tensorflow.python.framework.errors_impl.InvalidArgumentError", "", "shapes"),
        ("MyOwnError", "", "last lines"),
        ("", "", "last lines"),
    ],
)
def test_errors_in_plain_words(name: str, message: str, said: str) -> None:
    assert said in words.explain_error(FirstError("cell", name, message))


@pytest.mark.parametrize("grading", [grading for grading in get_args(Grading) if grading != "ok"])
def test_unscored_has_a_reason_that_tells_no_secret(grading: Grading) -> None:
    reason = words.unscored_reason(unscored(grading=grading, grading_reason="KeyError: hidden label 7"))
    assert reason
    assert "hidden label" not in reason


def test_only_some_reasons_are_for_students() -> None:
    assert words.told_reason(record(outcome="timed_out", reason="cell 7 ran for 10 min")) == "cell 7 ran for 10 min"
    assert words.told_reason(record(outcome="infra_error", reason="/srv/store: disk full")) == ""


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "no number"), (0.0, "0"), (0.93120001, "0.9312"), (12345.0, "12,345"), (1.2e-7, "1.2e-07"), (-0.5, "-0.5"), (1e30, "1e+30")],
)
def test_numbers(value: float | None, said: str) -> None:
    assert words.number(value) == said


def test_points_durations_and_memory() -> None:
    assert [words.points(value) for value in (10, 7.5, 6.666, 0, 0.0004)] == ["10", "7.5", "6.67", "0", "0"]
    said = ["0.4 s", "10 s", "42 s", "1 min", "3 min 20 s", "2 h 5 min"]
    assert [words.duration(value) for value in (0.44, 9.96, 42, 59.7, 200, 7500)] == said
    assert [words.memory(value) for value in (850, 1434)] == ["850 MiB", "1.4 GiB"]
