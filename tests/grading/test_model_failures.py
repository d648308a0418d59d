"""What a model's failure tells a student: everything where visible images caused it, nothing where only hidden ones did."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from autograder.grading import model
from autograder.inputs import Input
from autograder.records import LayerDescription, ModelDescription

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


LAYER = LayerDescription("dense", "Dense", {"units": 10}, (), (None, 10))
DESCRIPTION = ModelDescription("Sequential", (None, 784), (None, 10), (LAYER,), None)


def nested(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("odd", ["\ud800", nested(205), nested(300)], ids=["half a character", "deep", "deeper"])
def test_compile_settings_that_cannot_be_passed_on_are_none(tmp_path: Path, odd: Any) -> None:
    """One line in a notebook, `model.optimizer.name = ...`, would otherwise end the process, and leave the submission unscored for good."""

    def compiled(name: Any) -> Any:
        settings = {"optimizer": {"class_name": "Adam", "config": {"name": name}}, "loss": "mse", "metrics": []}
        (tmp_path / "compile.json").write_text(json.dumps(settings))
        return model._compiled(tmp_path)

    assert compiled("adam").optimizer == "Adam"
    assert compiled(odd) is None


@pytest.mark.parametrize("odd", ["\ud800", nested(205), nested(300)], ids=["half a character", "deep", "deeper"])
def test_a_description_that_cannot_be_passed_on_is_that_models_refusal(monkeypatch: pytest.MonkeyPatch, odd: Any) -> None:
    """The models after it are still opened."""
    strange = replace(DESCRIPTION, layers=(replace(LAYER, config={"note": odd}),))
    found = {"strange": strange, "usual": DESCRIPTION}
    frames: list[tuple[str, dict[str, Any]]] = []
    writer = SimpleNamespace(send=lambda kind, payload=b"", **fields: frames.append((kind, fields)))
    request = {"models": list(found), "images": {}, "limit": 1000, "predictions": []}
    monkeypatch.setattr(model, "Caller", lambda: SimpleNamespace(writer=writer, receive=lambda _: request))
    monkeypatch.setattr(model, "_open", lambda name, *_: (None, found[name]))
    model.main()
    kinds = [(kind, fields.get("model")) for kind, fields in frames if kind != "opening"]
    assert kinds == [("refused", "strange"), ("described", "usual"), ("done", None)]
