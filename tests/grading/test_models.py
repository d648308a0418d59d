"""Process B on models that students really hand in, the odd ones among them: each is described, or refused with its reason."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from autograder.course.loading import load_course
from autograder.course.profile import resolve_profile
from autograder.data.sealed import sealed_split
from autograder.execution.rundir import RunFolder
from autograder.grading.models import open_models
from autograder.handin import _write_model
from autograder.isolation.sandbox import Sandbox
from autograder.records import HandinEntry, Isolation, ModelDescription, Prediction, Run, Seconds, Usage, from_json
from tests.conftest import SAMPLES


def models() -> dict[str, Any]:
    inputs = keras.Input((784,))
    two = [keras.layers.Dense(10)(inputs), keras.layers.Dense(2)(inputs)]
    image = keras.Input((28, 28, 1))
    return {
        "good": keras.Sequential([keras.Input((784,)), keras.layers.Dense(10, activation="softmax")]),
        "two_outputs": keras.Model(inputs, two),
        "named_outputs": keras.Model(inputs, {"a": two[0], "b": two[1]}),
        "feature_map": keras.Model(inputs, keras.layers.RepeatVector(100_000)(inputs)),
        "images": keras.Model(image, keras.layers.Dense(10)(keras.layers.Flatten()(image))),
        "half": keras.Sequential([keras.Input((784,)), keras.layers.Dense(10, dtype="bfloat16")]),
    }


def test_one_odd_model_never_touches_another(tmp_path: Path, sandbox: Sandbox) -> None:
    course, paths = load_course(SAMPLES / "tiny")
    elsewhere = replace(paths, root=tmp_path)
    (tmp_path / "grading_config.py").write_text(paths.config.read_text())
    split = sealed_split(course, elsewhere, "digits", b"1" * 32, None)
    profile = resolve_profile(course, course.assignments[0], None)
    folder = RunFolder(tmp_path / "run")
    folder.handin.mkdir(parents=True)
    built = models()
    for name, model in built.items():
        _write_model(model, name, folder.handin)
    (folder.handin / "good/compile.json").write_text("[")
    entries = tuple(HandinEntry(name, "model", 1, name) for name in built)
    run = Run("run", "completed", "", None, entries, (), Isolation(0), Usage(), Seconds(), {}, 0, (), "", "")
    wanted = tuple(Prediction(name, (784,), (0.0, 1.0)) for name in built)

    opened = open_models(folder, run, wanted, split, profile, sandbox, "tensorflow")

    refusals = json.loads((opened.folder / "refusals.json").read_text())
    assert "several outputs" in refusals["two_outputs"]
    assert "several outputs" in refusals["named_outputs"]
    assert "is a last layer missing?" in refusals["feature_map"]
    assert "(28, 28, 1), (784,) were expected" in refusals["images"]
    assert set(refusals) - {"half"} == {"two_outputs", "named_outputs", "feature_map", "images"}
    description = from_json(ModelDescription, (opened.folder / "good.json").read_bytes())
    assert (description.parameters, description.compiled) == (7_850, None)
    with np.load(opened.folder / f"{wanted[0].key}.npz") as predicted:
        assert predicted["hidden"].shape == (300, 10)
        visible = np.load(split.student / "x_test.npy").reshape(-1, 784) / np.float32(255)
        assert np.allclose(predicted["visible"], built["good"](visible), atol=1e-5)
    again = open_models(folder, run, wanted, split, profile, sandbox, "tensorflow")
    assert (again.folder, again.seconds) == (opened.folder, 0.0)
