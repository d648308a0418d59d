"""Checks of experiments, tables, initialisers and regularisation: what passes, and that the message names the likely reason."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from autograder.checks import CheckFailed, expect_experiment, expect_initializers, expect_regularizers, expect_table
from autograder.records import LayerDescription, ModelDescription, WeightDescription

SLOW, FAST = {"loss": [2.3, 2.2], "val_accuracy": [0.1, 0.2]}, {"loss": [1.9, 0.4], "val_accuracy": [0.6, 0.9]}
ODD = [
    None,
    3,
    "text",
    [],
    {},
    {"a": None},
    {1: SLOW},
    {"0.1": [1]},
    {"0.1": {"loss": ["x"]}},
    object(),
    np.zeros(3),
    {"0.1": {"loss": [10**400]}},
]


def failure(check: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(CheckFailed) as caught:
        check(*args, **kwargs)
    return str(caught.value)


# --- experiments ------------------------------------------------------------------------------------------------------


def test_settings_are_numbers_however_they_are_written_or_names() -> None:
    expect_experiment({"1e-04": SLOW, "0.1": FAST, "extra": {"loss": [1, 0.5]}}, [0.0001, 0.1], epochs=2)
    expect_experiment({"zeros": SLOW, "normal": FAST}, ["zeros", "normal"], keys=["loss", "val_accuracy"])
    expect_experiment({"32": SLOW, "128.0": FAST}, [32, 128])


def test_an_experiment_has_no_thousands_of_settings() -> None:
    """Each is compared with each: what fits into a hand-in would take the scorer minutes."""
    several = {str(number): {"loss": [1.0 / number]} for number in range(1, 102)}
    assert "The rates has 101 settings, at most 100 expected" in failure(expect_experiment, several, what="The rates")
    del several["101"]
    expect_experiment(several)


def test_a_setting_in_two_spellings_is_refused() -> None:
    """Graders take an entry by its setting: it must not be another one than the check has looked at."""
    assert "holds '16.0' beside the same setting in another spelling, one entry for each expected" in failure(
        expect_table, {"16": 5, "16.0": {"n": 1}}, [16], {"n": (0, 9)}
    )
    assert "'1e-1' beside" in failure(expect_experiment, {"0.1": SLOW, "1e-1": FAST}, [0.1])


@pytest.mark.parametrize(
    ("results", "words"),
    [
        ({"0.1": SLOW}, "The rates has no '0.01', it holds '0.1'."),
        ({0.1: SLOW, 0.01: FAST}, "The rates has the key 0.1, text expected: write str(…)"),
        ({"0.1": SLOW, "0.01": SLOW}, "The rates['0.1'] and The rates['0.01'] are the same training: does the setting reach"),
        ({"0.1": SLOW, "0.01": {"loss": [1.0]}}, "The rates['0.01'] has 1 epoch, 2 expected"),
        ({"0.1": SLOW, "0.01": {"accuracy": [0.5, 0.6]}}, "has no 'loss', it holds 'accuracy'"),
        ({"0.1": SLOW, "0.01": 0.93}, "The rates['0.01'] is 0.93, a dictionary of lists expected: `fit` returns an object"),
        ([SLOW, FAST], "a dictionary with one entry for each setting expected"),
        (None, "`return`"),
    ],
)
def test_an_experiment_that_was_none_has_its_reason(results: Any, words: str) -> None:
    assert words in failure(expect_experiment, results, [0.1, 0.01], epochs=2, what="The rates")


def test_losses_that_differ_by_the_order_of_additions_alone_are_the_same_training() -> None:
    nearly = {"loss": [value * (1 + 1e-6) for value in SLOW["loss"]]}
    assert "are the same training" in failure(expect_experiment, {"a": SLOW, "b": nearly})
    expect_experiment({"a": SLOW, "b": {"loss": [2.3, 2.19]}})


# --- tables -----------------------------------------------------------------------------------------------------------

COLUMNS = {"validation": (0.0, 1.0), "seconds": (0.0, math.inf)}


def test_a_table_may_hold_more_than_was_asked_for() -> None:
    expect_table({"16": {"validation": 1, "seconds": 0.2, "note": "fast"}, "32": {}}, [16], COLUMNS)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"validation": 93.1, "seconds": 1}, "The table['16']['validation'] is 93.1, a number from 0 to 1 expected: a percentage?"),
        ({"validation": 0.9, "seconds": -1}, "['seconds'] is -1, a number from 0 to inf expected."),
        ({"validation": math.nan, "seconds": 1}, "is nan"),
        ({"validation": "0.9", "seconds": 1}, "is '0.9', a number expected"),
        ({"validation": True, "seconds": 1}, "is True, a number expected"),
        ({"validation": 0.9}, "has no 'seconds', it holds 'validation'."),
        (0.9, "The table['16'] is 0.9, a dictionary with 'validation', 'seconds' expected"),
    ],
)
def test_a_wrong_cell_is_named(row: Any, words: str) -> None:
    assert words in failure(expect_table, {"16": row}, [16], COLUMNS)


def test_a_missing_row_is_named() -> None:
    assert "has no '32', it holds '16'." in failure(expect_table, {"16": {}}, ["32"], {})


# --- weights ----------------------------------------------------------------------------------------------------------

UNIFORM = {"class_name": "RandomUniform", "config": {"minval": -0.05, "maxval": float(np.float32(0.05)), "seed": None}}
GLOROT = {"class_name": "GlorotUniform", "config": {"seed": None}}


def dense(name: str, initializer: Any = None, regularizer: Any = None) -> LayerDescription:
    config = {"units": 2, "kernel_initializer": initializer, "kernel_regularizer": regularizer}
    return LayerDescription(name, "Dense", config, (WeightDescription("kernel", (2, 2), True),), (None, 2))


def network(*layers: LayerDescription) -> ModelDescription:
    return ModelDescription("Sequential", (None, 2), (None, 2), layers, None)


def test_initializers_of_all_kernels() -> None:
    dropout = LayerDescription("dropout", "Dropout", {"rate": 0.3}, (), (None, 2))
    model = network(dense("a", UNIFORM), dropout, dense("b", UNIFORM))
    expect_initializers(model, "RandomUniform", minval=-0.05, maxval=0.05)
    assert "Layer 1 'a' begins with RandomUniform, Zeros expected." in failure(expect_initializers, model, "Zeros")
    assert "maxval of RandomUniform is 0.05, 0.5 expected" in failure(expect_initializers, model, "RandomUniform", maxval=0.5)
    mixed = network(dense("a", UNIFORM), dense("b", GLOROT))
    assert "Layer 2 'b' begins with GlorotUniform" in failure(expect_initializers, mixed, "RandomUniform")
    assert "no layer with a kernel" in failure(expect_initializers, network(dropout), "Zeros")


def penalty(kind: str, **strengths: float) -> dict[str, Any]:
    return {"class_name": kind, "config": strengths}


@pytest.mark.parametrize("found", [penalty("L2", l2=float(np.float32(0.001))), penalty("L1L2", l1=0.0, l2=0.001)])
def test_penalties_that_mean_the_same_pass(found: Any) -> None:
    expect_regularizers(network(dense("a", regularizer=found), dense("b")), [(0, 0.001), (0, 0)])


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, "Layer 1 'a' has no penalty, L1 0.0001 and L2 0.001 expected: is kernel_regularizer given to this layer?"),
        (penalty("L1", l1=0.0001), "has L1 0.0001, L1 0.0001 and L2 0.001 expected."),
        (penalty("L1L2", l1=0.001, l2=0.0001), "L1 and L2 are swapped"),
        ("of_my_own", "has no penalty"),
    ],
)
def test_another_penalty_has_its_reason(found: Any, words: str) -> None:
    assert words in failure(expect_regularizers, network(dense("a", regularizer=found)), [(0.0001, 0.001)])


def test_the_number_of_kernels_is_compared() -> None:
    assert "has 1 layer with a kernel ('a'), 2 expected" in failure(expect_regularizers, network(dense("a")), [(0, 0), (0, 0)])


def test_keras_objects_are_described_alike() -> None:
    keras = pytest.importorskip("keras")
    first = keras.layers.Dense(2, kernel_initializer="zeros", kernel_regularizer=keras.regularizers.L1(0.0001))
    model = keras.Sequential([keras.Input((2,)), first, keras.layers.Dense(1, kernel_initializer=keras.initializers.Zeros())])
    expect_initializers(model, "Zeros")
    expect_regularizers(model, [(0.0001, 0), (0, 0)])


@pytest.mark.parametrize("value", ODD, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    "check",
    [
        lambda value: expect_experiment(value, [0.1], epochs=2),
        lambda value: expect_table(value, [0.1], {"loss": (0.0, 1.0)}),
        lambda value: expect_initializers(value, "Zeros"),
        lambda value: expect_regularizers(value, [(0, 0)]),
    ],
)
def test_odd_values_fail_as_checks_and_never_otherwise(check: Any, value: Any) -> None:
    assert len(failure(check, value)) < 400
