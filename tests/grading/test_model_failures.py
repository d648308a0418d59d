"""What a model's failure tells a student: everything where visible images caused it, nothing where only hidden ones did."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autograder.grading import model
from autograder.inputs import Input

SHAPE = Input((2,))
SECRET = "indices[0,3] = 217 is not in [0, 200)"


def failing_at(limit: float) -> Any:
    def predict(_: Any, wanted: Input, images: Any, batch: int) -> Any:
        if images.max() > limit:
            raise ValueError(SECRET)
        return np.zeros((len(images), 10), np.float32)

    return predict


def test_a_failure_at_hidden_images_alone_quotes_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    images = {"hidden": np.array([[0.0, 3.0]]), "visible": np.array([[0.0, 1.0]])}
    monkeypatch.setattr(model, "_predict", failing_at(2))
    with pytest.raises(model._Failed) as failure:
        model._predict_parts(object(), SHAPE, images, [2, 1])
    assert "217" not in str(failure.value)
    assert "visible images" in str(failure.value)


def test_a_failure_at_visible_images_is_said_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    images = {"hidden": np.array([[0.0, 3.0]]), "visible": np.array([[0.0, 1.0]])}
    monkeypatch.setattr(model, "_predict", failing_at(0))
    with pytest.raises(model._Failed, match="217"):
        model._predict_parts(object(), SHAPE, images, [2, 1])
