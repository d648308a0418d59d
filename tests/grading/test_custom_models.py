"""Process C with models that students really write, and with some that only pretend to predict."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from autograder.course.loading import load_course
from autograder.course.profile import RunProfile, resolve_profile
from autograder.data.sealed import SealedSplit, sealed_split
from autograder.execution.rundir import RunFolder
from autograder.grading.models import OpenedModels, open_models
from autograder.handin import hand_in_names
from autograder.inputs import Input
from autograder.isolation.sandbox import Sandbox
from autograder.own_classes import remember_arguments
from autograder.records import HandinEntry, Isolation, Prediction, Run, Seconds, Usage
from tests.conftest import SAMPLES

WANTED = Prediction("model", (784,), (0.0, 1.0))
IMPORTS = "import keras\nimport numpy as np\nfrom keras import layers, ops"
HAND_IN = 'hand_in("model", "history", inputs={})'


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> tuple[SealedSplit, RunProfile]:
    root = tmp_path_factory.mktemp("custom")
    settings, paths = load_course(SAMPLES / "tiny")
    (root / "grading_config.py").write_text(paths.config.read_text())
    split = sealed_split(settings, replace(paths, root=root), "digits", b"1" * 32, None)
    return split, resolve_profile(settings, settings.assignments[0], None)


@dataclass(frozen=True)
class Asked:
    """What the graders find of a model that a notebook's cells made, the model itself, and what `hand_in` printed."""

    opened: OpenedModels
    model: Any
    said: list[str]

    @property
    def refusal(self) -> str:
        return str(json.loads((self.opened.folder / "refusals.json").read_text()).get("model", ""))

    @property
    def reason(self) -> str:
        return str(json.loads((self.opened.folder / "unpredicted.json").read_text()).get(WANTED.key, ""))

    @property
    def predictions(self) -> dict[str, Any]:
        with np.load(self.opened.folder / f"{WANTED.key}.npz") as arrays:
            return dict(arrays)


Ask = Callable[..., Asked]


@pytest.fixture
def ask(course: tuple[SealedSplit, RunProfile], tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Executes cells as a notebook would, hands `model` in, and lets B and C look at it."""
    split, profile = course
    monkeypatch.setattr(keras.Model, "__new__", keras.Model.__new__)  # put back afterwards
    remember_arguments()
    monkeypatch.setenv("AUTOGRADER_HANDIN", str(tmp_path / "run/handin"))

    def asked(*cells: str, then: tuple[str, ...] = (), student_code: bool = True, change: Callable[[Path], None] | None = None) -> Asked:
        sources = [IMPORTS, *(textwrap.dedent(cell) for cell in cells), HAND_IN, *(textwrap.dedent(cell) for cell in then)]
        folder = RunFolder(tmp_path / "run")
        folder.handin.mkdir(parents=True, exist_ok=True)
        namespace: dict[str, Any] = {"__name__": "__main__", "hand_in": lambda *names, **inputs: None}
        for source in sources[: len(cells) + 1]:
            exec(source, namespace)
        said = hand_in_names(namespace, ["model"], [], {"model": Input((784,), (0, 1))})
        folder.notebook_file.write_text(json.dumps({"cells": [{"cell_type": "code", "source": source} for source in sources]}))
        if change is not None:
            change(folder.handin / "model")
        run = Run(
            "run",
            "completed",
            "",
            None,
            (HandinEntry("model", "model", 1, "model"),),
            (),
            Isolation(0),
            Usage(),
            Seconds(),
            {},
            0,
            (),
            "",
            "",
        )
        return Asked(open_models(folder, run, (WANTED,), split, profile, sandbox, "tensorflow", student_code), namespace["model"], said)

    return asked


def expect_the_models_own_predictions(asked: Asked, split: SealedSplit) -> None:
    for part, path in {"hidden": split.hidden / "x.npy", "visible": split.student / "x_test.npy"}.items():
        images = np.load(path).reshape(-1, 784) / np.float32(255)
        assert np.allclose(asked.predictions[part], asked.model(images, training=False), atol=1e-4)
    assert asked.reason == ""
    assert "The architecture of 'model' cannot be graded" in asked.refusal
    assert [flag.kind for flag in asked.opened.flags] == ["custom_model"]


RIGHT = {
    "a custom layer, as a beginner writes it": """
        UNITS = 4 * 8
        class Scaled(layers.Layer):
            def __init__(self, units, scale=2.0):
                super().__init__()
                self.units, self.scale = units, scale
            def build(self, input_shape):
                self.w = self.add_weight(shape=(input_shape[-1], self.units))
            def call(self, inputs):
                return ops.relu(inputs @ self.w) * self.scale * UNITS
            def get_config(self):
                return {**super().get_config(), "units": self.units, "scale": self.scale}
        model = keras.Sequential([keras.Input((784,)), Scaled(UNITS), layers.Dense(10, activation="softmax")])
        """,
    "registered names, a custom activation and an inherited class": """
        @keras.saving.register_keras_serializable(package="mine", name="another_name")
        def gelu_like(x):
            return x * ops.sigmoid(FACTOR * x)
        FACTOR = np.sqrt(2.9)
        @keras.saving.register_keras_serializable()
        class Base(layers.Layer):
            def call(self, x):
                return x * 2
        class Twice(Base):
            pass
        inputs = keras.Input((784,))
        outputs = layers.Dense(10)(Twice()(layers.Dense(12, activation=gelu_like)(inputs)))
        model = keras.Model(inputs, outputs)
        """,
    "a subclassed model": """
        def block(units):
            return keras.Sequential([layers.Dense(units, activation="relu"), layers.Dropout(0.5)])
        class Net(keras.Model):
            def __init__(self, hidden=16):
                super().__init__()
                self.norm = layers.BatchNormalization()
                self.blocks = [block(hidden), block(hidden)]
                self.last = layers.Dense(10, activation="softmax")
            def call(self, x, training=False):
                x = self.norm(x, training=training)
                for each in self.blocks:
                    x = each(x, training=training)
                return self.last(x)
        model = Net(hidden=24)
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(np.random.rand(64, 784), np.random.randint(0, 10, 64), verbose=0)
        """,
    "lambda layers": """
        def double(x):
            return 2 * x
        shifted = layers.Lambda(lambda x: ops.tanh(x) + np.pi)
        model = keras.Sequential([keras.Input((784,)), shifted, layers.Lambda(double), layers.Dense(10)])
        """,
}


@pytest.mark.parametrize("cell", RIGHT.values(), ids=RIGHT)
def test_models_with_classes_of_ones_own_predict_as_in_the_notebook(ask: Ask, course: tuple[SealedSplit, RunProfile], cell: str) -> None:
    asked = ask(cell)
    assert asked.reason == ""
    expect_the_models_own_predictions(asked, course[0])
