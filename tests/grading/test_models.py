"""Process B on models that students really hand in, the odd ones among them: each is described, or refused with its reason."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from autograder.course.loading import load_course
from autograder.course.profile import resolve_profile
from autograder.data.sealed import sealed_split
from autograder.errors import MachineError
from autograder.execution.rundir import RunFolder
from autograder.grading.models import _Opening, _Said, open_models
from autograder.handin import _write_model
from autograder.isolation.sandbox import Ended, Sandbox
from autograder.records import HandinEntry, Isolation, ModelDescription, Prediction, Run, Seconds, Usage, from_json
from tests.conftest import SAMPLES


def convolutional(layout: str) -> list[Any]:
    layers = keras.layers
    return [layers.Conv2D(2, (3, 5), data_format=layout), layers.GlobalMaxPooling2D(data_format=layout), layers.Dense(10)]


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
        "channels_first": keras.Sequential([keras.Input((1, 28, 28)), *convolutional("channels_first")]),
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
    wanted = tuple(Prediction(name, (28, 28, 1) if name == "channels_first" else (784,), (0.0, 1.0)) for name in built)

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
    with np.load(opened.folder / f"{wanted[-1].key}.npz") as predicted:  # the same images, with their channels first
        last = keras.Sequential([keras.Input((28, 28, 1)), *convolutional("channels_last")])
        last.set_weights(built["channels_first"].get_weights())
        assert np.allclose(predicted["visible"], last(visible.reshape(-1, 28, 28, 1)), atol=1e-4)
    assert opened.flags == ()
    again = open_models(folder, run, wanted, split, profile, sandbox, "tensorflow")
    assert (again.folder, again.seconds) == (opened.folder, 0.0)


def opening_of(monkeypatch: pytest.MonkeyPatch, *ends: tuple[_Said, Ended], stopped: bool = False) -> tuple[_Opening, list[list[str]]]:
    """Process B as these ends of it, one after the other; and which models each of them was given."""
    opening: Any = _Opening.__new__(_Opening)
    opening.refusals, opening.cpu_s, opening.sandbox = {}, 0.0, SimpleNamespace(stopped=stopped)
    given: list[list[str]] = []
    left = list(ends)

    def opened(self: _Opening, names: list[str]) -> tuple[_Said, Ended, str]:
        given.append(list(names))
        return *left.pop(0), "its last words"

    monkeypatch.setattr(_Opening, "_open", opened)
    return opening, given


ENDS = {
    "memory": (_Said("bomb"), Ended(-9, 1.0, 4096.0, out_of_memory=True), "it needs more than 4,096 MiB of memory"),
    "a crash": (_Said("bomb"), Ended(-11, 1.0, 10.0), "Keras crashed on it"),
    "endless work": (_Said("bomb", timed_out=True, problem="late"), Ended(-9, 290.0, 10.0), "it was not done within 240 s"),
    "a flood": (_Said("bomb", problem="more bytes than allowed"), Ended(-9, 1.0, 10.0), "it gives too many numbers"),
}


@pytest.mark.parametrize(("said", "ended", "reason"), ENDS.values(), ids=ENDS)
def test_a_model_that_ends_its_process_is_refused_and_the_others_are_opened(
    monkeypatch: pytest.MonkeyPatch, said: _Said, ended: Ended, reason: str
) -> None:
    opening, given = opening_of(monkeypatch, (said, ended), (_Said("last", done=True), Ended(0, 2.0, 10.0)))
    opening.open_all(["first", "bomb", "middle", "last"])
    assert given == [["first", "bomb", "middle", "last"], ["middle", "last"]]
    assert list(opening.refusals) == ["bomb"]
    assert opening.refusals["bomb"].startswith(f"The model 'bomb' cannot be opened: {reason}")
    assert opening.cpu_s == ended.cpu_s + 2.0


@pytest.mark.parametrize(
    ("said", "ended", "stopped"),
    [
        (_Said("bomb"), Ended(-9, 1.0, 10.0), False),  # killed by whoever runs the machine
        (_Said("bomb"), Ended(1, 1.0, 10.0), False),
        (_Said(""), Ended(-11, 1.0, 10.0), False),
        (_Said("another"), Ended(-11, 1.0, 10.0), False),
        (_Said("bomb", timed_out=True, problem="late"), Ended(-9, 5.0, 10.0), False),  # it waited for the machine
        (_Said("bomb"), Ended(-11, 1.0, 10.0), True),
        (_Said("bomb", done=True), Ended(0, 1.0, 10.0), True),
    ],
)
def test_a_machine_that_fails_is_no_ones_refusal(monkeypatch: pytest.MonkeyPatch, said: _Said, ended: Ended, stopped: bool) -> None:
    opening, _ = opening_of(monkeypatch, (said, ended), stopped=stopped)
    with pytest.raises(MachineError, match="Opening models failed"):
        opening.open_all(["bomb", "last"])
    assert opening.refusals == {}
