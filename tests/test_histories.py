"""Training histories as plain curves."""

from __future__ import annotations

import pytest

from autograder.histories import curves_of


def test_every_kind_of_accuracy_is_called_so() -> None:
    found = curves_of({"loss": [2, 1.5], "categorical_accuracy": [0.5, 0.75], "val_acc": [0.25, 0.5]})
    assert found == {"loss": [2.0, 1.5], "accuracy": [0.5, 0.75], "val_accuracy": [0.25, 0.5]}


def test_an_accuracy_beside_another_keeps_its_place() -> None:
    found = curves_of({"accuracy": [0.5], "sparse_categorical_accuracy": [0.25], "mse": [1]})
    assert found == {"accuracy": [0.5], "sparse_categorical_accuracy": [0.25], "mse": [1.0]}


@pytest.mark.parametrize("values", [["a"], [None], [10**400], 3])
def test_what_is_no_number_is_refused(values: object) -> None:
    with pytest.raises((TypeError, ValueError, OverflowError)):
        curves_of({"loss": values})
