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
from autograder.description import describe
from autograder.errors import MachineError
from autograder.execution.rundir import RunFolder
from autograder.grading import model as model_process
from autograder.grading.model import _batch_size
from autograder.grading.models import _Opening, _Said, open_models
from autograder.handin import _write_model
from autograder.inputs import Input
from autograder.isolation.process import Ended
from autograder.isolation.sandbox import Sandbox
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
    _write_model(built["good"], "layers", folder.handin, with_weights=False)
    (folder.handin / "good/compile.json").write_text("[")
    entries = tuple(HandinEntry(name, "model", 1, name) for name in (*built, "layers"))
    run = Run("run", "completed", "", None, entries, (), Isolation(0), Usage(), Seconds(), {}, 0, (), "", "")
    wanted = (
        *(
            Prediction(name, (28, 28, 1) if name == "channels_first" else (784,), (0.0, 1.0))
            for name in ("good", "layers", *list(built)[1:])
        ),
        Prediction("images", (28, 28, 1), (0.0, 1.0)),
    )

    opened = open_models(folder, run, wanted, split, profile, sandbox, "tensorflow")

    refusals, unpredicted = (json.loads((opened.folder / name).read_text()) for name in ("refusals.json", "unpredicted.json"))
    assert refusals == {}
    assert not list(opened.folder.glob("*.partial"))
    why = {each.model: unpredicted[each.key] for each in wanted if each.key in unpredicted}
    assert "The model 'two_outputs' cannot predict: it has several outputs" in why["two_outputs"]
    assert "several outputs" in why["named_outputs"]
    assert "is a last layer missing?" in why["feature_map"]
    assert "(28, 28, 1), (784,) were expected" in why["images"]
    assert "handed in without its weights" in why["layers"]
    assert set(why) - {"half"} == {"two_outputs", "named_outputs", "feature_map", "images", "layers"}
    built["layers"] = built["good"]
    for name in ("images", "two_outputs", "layers"):
        counted = from_json(ModelDescription, (opened.folder / f"{name}.json").read_bytes()).parameters
        assert counted == built[name].count_params(), "what cannot be predicted has its architecture"
    description = from_json(ModelDescription, (opened.folder / "good.json").read_bytes())
    assert (description.parameters, description.compiled) == (7_850, None)
    with np.load(opened.folder / f"{wanted[0].key}.npz") as predicted:
        assert predicted["hidden"].shape == (300, 10)
        visible = np.load(split.student / "x_test.npy").reshape(-1, 784) / np.float32(255)
        assert np.allclose(predicted["visible"], built["good"](visible), atol=1e-5)
    with np.load(opened.folder / f"{wanted[-2].key}.npz") as predicted:  # the same images, with their channels first
        last = keras.Sequential([keras.Input((28, 28, 1)), *convolutional("channels_last")])
        last.set_weights(built["channels_first"].get_weights())
        assert np.allclose(predicted["visible"], last(visible.reshape(-1, 28, 28, 1)), atol=1e-4)
    assert opened.flags == ()
    with np.load(opened.folder / f"{wanted[-1].key}.npz") as predicted:
        large = np.load(split.hidden / "x.npy")[..., None] / np.float32(255)
        assert np.allclose(predicted["hidden"], built["images"](large), atol=1e-5)
    again = open_models(folder, run, wanted, split, profile, sandbox, "tensorflow")
    assert (again.folder, again.seconds) == (opened.folder, 0.0)


def test_without_a_model_nothing_is_opened_and_nothing_kept(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.handin.mkdir(parents=True)
    entries = (HandinEntry("x", "value", 1, "x.json"),)
    run = Run("run", "completed", "", None, entries, (), Isolation(0), Usage(), Seconds(), {}, 0, (), "", "")
    nothing: Any = None  # no data, no profile, no sandbox
    split: Any = SimpleNamespace(fingerprint="f")
    opened = open_models(folder, run, (Prediction("model", (784,), None),), split, nothing, nothing, "tensorflow")
    assert (opened.seconds, opened.flags) == (0.0, ())
    assert [path.name for path in folder.path.iterdir()] == ["handin"]
    assert not opened.folder.exists()


PREDICTIONS = (Prediction("bomb", (784,), None), Prediction("bomb", (28, 28), None), Prediction("last", (784,), None))
FIRST, SECOND, LAST = (each.key for each in PREDICTIONS)


def opening_of(
    monkeypatch: pytest.MonkeyPatch, target: Path, *ends: tuple[_Said, Ended], stopped: bool = False
) -> tuple[_Opening, list[tuple[list[str], list[str]]]]:
    """Process B as these ends of it, one after the other; and which models each was given, and which predictions with small batches."""
    opening: Any = _Opening(None, PREDICTIONS, None, None, SimpleNamespace(stopped=stopped), "tensorflow", target)  # type: ignore[arg-type]
    given: list[tuple[list[str], list[str]]] = []
    left = list(ends)

    def opened(self: _Opening, names: list[str]) -> tuple[_Said, Ended, str]:
        given.append((list(names), sorted(self.small)))
        return *left.pop(0), "its last words"

    monkeypatch.setattr(_Opening, "_open", opened)
    return opening, given


ENDS = {
    "memory": (_Said("bomb"), Ended(-9, 1.0, 4096.0, out_of_memory=True), "it needs more than 4,096 MiB of memory"),
    "a crash": (_Said("bomb"), Ended(-11, 1.0, 10.0), "Keras crashed on it"),
    "endless work": (_Said("bomb", timed_out=True, problem="late"), Ended(-9, 290.0, 10.0), "it was not done within 240 s"),
    "a flood": (_Said("bomb", problem="more bytes than allowed"), Ended(-9, 1.0, 10.0), "it gives too many numbers"),
}
DONE = (_Said("last", done=True), Ended(0, 2.0, 10.0))


@pytest.mark.parametrize(("said", "ended", "reason"), ENDS.values(), ids=ENDS)
def test_a_model_that_ends_its_process_is_refused_and_the_others_are_opened(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: _Said, ended: Ended, reason: str
) -> None:
    opening, given = opening_of(monkeypatch, tmp_path, (said, ended), DONE)
    opening.open_all(["first", "bomb", "middle", "last"])
    assert given == [(["first", "bomb", "middle", "last"], []), (["middle", "last"], [])]
    assert list(opening.refusals) == ["bomb"]
    assert opening.refusals["bomb"].startswith(f"The model 'bomb' cannot be opened: {reason}")
    assert opening.unpredicted == dict.fromkeys((FIRST, SECOND), opening.refusals["bomb"])
    assert opening.cpu_s == ended.cpu_s + 2.0


@pytest.mark.parametrize("end", ["memory", "a crash"])
def test_a_prediction_that_ends_its_process_is_made_again_with_few_images(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, end: str
) -> None:
    said, ended, reason = ENDS[end]
    opening, given = opening_of(monkeypatch, tmp_path, *[(replace(said, predicting=FIRST), ended)] * 2, DONE)
    opening.open_all(["bomb", "last"])
    assert given == [(["bomb", "last"], []), (["bomb", "last"], [FIRST]), (["bomb", "last"], [FIRST])]
    assert opening.refusals == {}, "what ends with a prediction leaves the architecture as it is"
    assert opening.unpredicted == {FIRST: f"The model 'bomb' cannot predict: {reason}."}


def test_a_prediction_that_never_ends_costs_the_models_other_predictions_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said, ended, _ = ENDS["endless work"]
    opening, given = opening_of(monkeypatch, tmp_path, (replace(said, predicting=FIRST), ended), DONE)
    opening.open_all(["bomb", "last"])
    assert [names for names, _ in given] == [["bomb", "last"], ["last"]]
    assert (opening.refusals, sorted(opening.unpredicted)) == ({}, sorted((FIRST, SECOND)))


def test_models_that_never_end_do_not_hold_a_slot_for_days(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A notebook may hand in hundreds of them; what is left after the second is refused without being opened."""
    said, ended, _ = ENDS["endless work"]
    names = [f"slow{index}" for index in range(300)]
    opening, given = opening_of(monkeypatch, tmp_path, *[(replace(said, opening=name), ended) for name in names])
    opening.open_all([*names, "last"])
    assert len(given) == 2
    assert list(opening.refusals) == [*names, "last"]
    assert opening.refusals["last"] == "The model 'last' cannot be opened: this notebook's models before it took more than 480 s together."
    assert opening.unpredicted == {LAST: opening.refusals["last"]}


def test_a_model_that_ends_the_process_when_it_is_opened_again_keeps_its_description(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said, ended, _ = ENDS["a crash"]
    (tmp_path / "bomb.json").write_text("{}")
    opening, given = opening_of(monkeypatch, tmp_path, (replace(said, predicting=FIRST), ended), (said, ended), DONE)
    opening.open_all(["bomb", "last"])
    assert [names for names, _ in given] == [["bomb", "last"], ["bomb", "last"], ["last"]]
    assert (opening.refusals, sorted(opening.unpredicted)) == ({}, sorted((FIRST, SECOND)))


def test_images_that_are_too_many_at_a_time_are_predicted_with_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def predict(model: Any, wanted: Input, images: Any, batch: int) -> Any:
        tried.append(batch)
        if batch > 64:
            raise MemoryError
        return images

    monkeypatch.setattr(model_process, "_predict", predict)
    images = {"hidden": np.zeros(3), "visible": np.ones(3)}
    assert model_process._predict_parts(None, Input((784,)), images, [2_000, 64]) == images
    assert tried == [2_000, 64, 64]
    with pytest.raises(model_process._Failed, match="MemoryError"):
        model_process._predict_parts(None, Input((784,)), images, [2_000])


@pytest.mark.parametrize(("small", "expected"), [(False, 186), (True, 23)])
def test_no_more_images_are_predicted_at_a_time_than_there_is_room_for_what_the_layers_make_of_them(small: bool, expected: int) -> None:
    """2,000 images of a right model with 10,000 parameters took more memory than B has."""
    layers = keras.layers
    wide = [layers.Resizing(96, 96), layers.Conv2D(32, 3), layers.Conv2D(32, 3, strides=2), layers.GlobalAveragePooling2D()]
    description = describe(keras.Sequential([keras.Input((28, 28, 1)), *wide, layers.Dense(10)]))
    assert _batch_size(description, (28, 28, 1), small) == expected
    assert _batch_size(describe(models()["good"]), (784,), False) == 2_000
    anywhere = keras.Sequential([keras.Input((None, None, 1)), layers.Conv2D(64, 3, padding="same"), layers.GlobalMaxPooling2D()])
    assert 1 <= _batch_size(describe(anywhere), (28, 28, 1), False) < 2_000


@pytest.mark.parametrize(
    ("said", "ended", "stopped"),
    [
        (_Said("bomb"), Ended(-9, 1.0, 10.0), False),  # killed by whoever runs the machine
        (_Said("bomb"), Ended(-9, 239.0, 10.0, machine_out_of_memory=True), False),
        (_Said("bomb"), Ended(1, 1.0, 10.0), False),
        (_Said(""), Ended(-11, 1.0, 10.0), False),
        (_Said("another"), Ended(-11, 1.0, 10.0), False),
        (_Said("bomb", timed_out=True, problem="late"), Ended(-9, 5.0, 10.0), False),  # it waited for the machine
        (_Said("bomb"), Ended(-11, 1.0, 10.0), True),
        (_Said("bomb", done=True), Ended(0, 1.0, 10.0), True),
        (_Said("bomb", predicting=FIRST), Ended(-9, 1.0, 10.0), False),
    ],
)
def test_a_machine_that_fails_is_no_ones_refusal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: _Said, ended: Ended, stopped: bool
) -> None:
    opening, _ = opening_of(monkeypatch, tmp_path, (said, ended), stopped=stopped)
    with pytest.raises(MachineError, match="Opening models failed"):
        opening.open_all(["bomb", "last"])
    assert opening.refusals == opening.unpredicted == {}
