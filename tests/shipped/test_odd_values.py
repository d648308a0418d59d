"""Whatever a notebook hands in for a number with which shipped graders calculate is the student's mistake, never the grader's error."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from autograder.grading.fixtures import Sample

GRADERS = Path(__file__).parents[2] / "graders"
ROWS_OF_NO_NETWORK = [{"optimizer": [], "steps": "1", "accuracy": 1}, {"optimizer": np.arange(3), "steps": 118, "accuracy": 1}]
ODD = [
    None,
    "200",
    True,
    [],
    [200],
    {},
    {"steps": 1},
    [[]],
    [{}],
    *([row] for row in ROWS_OF_NO_NETWORK),
    math.nan,
    1e308,
    10**400,
    -(10**400),
]
ROWS = [np.zeros(()), np.zeros(3), np.zeros((4, 784)), np.zeros((4, 28, 28))]
PROFILE = SimpleNamespace(epoch_limit=None)
CHECKS = {
    "steps of the search": lambda load, value: load("dense_vs_convolutional", "search").expect_steps(
        handed_in(value), "winner_steps", 1, 1.0, PROFILE
    ),
    "steps of the recipe": lambda load, value: load("dense_vs_convolutional", "training").expect_steps(
        handed_in(value), "dense_steps", PROFILE
    ),
    "networks of the search": lambda load, value: load("dense_vs_convolutional", "search").trained_networks(handed_in(value), PROFILE),
    "steps of an epoch": lambda load, value: load(
        "convolutional_digits", "training"
    ).test_an_epoch_goes_through_the_few_images_in_batches_of_fifty(handed_in({"images": 100, "steps": value})),
    "number of images": lambda load, value: load(
        "convolutional_digits", "training"
    ).test_an_epoch_goes_through_the_few_images_in_batches_of_fifty(handed_in({"images": value, "steps": [0.5, 0.5]})),
    "facts": lambda load, value: load("convolutional_digits", "training").fact(handed_in(value), "images", int),
    "difference": lambda load, value: load("convolutional_digits", "training").test_answers_vary_in_training(
        handed(differences={"training": value}, answers_training=np.linspace(0, 1, 1_000).reshape(2, 50, 10))
    ),
    "facts of a training": lambda load, value: of_training(load, training_facts=value),
    "what Keras noted": lambda load, value: of_training(load, training_facts={**FACTS, "curves": [value, value]}),
    "steps of a training": lambda load, value: of_training(load, training_facts={**FACTS, "steps_in_all": [value, value]}),
    "facts of the comparison": lambda load, value: of_comparison(load, comparison_facts=value),
    "networks of the comparison": lambda load, value: of_comparison(load, comparison_facts={"images": 100, "networks": value}),
    "images of the comparison": lambda load, value: of_comparison(load, comparison_facts={**compared(), "images": value}),
    "images before the comparison": lambda load, value: of_comparison(load, training_facts={**FACTS, "images": value}),
    **{
        f"{key} of a compared network": lambda load, value, key=key: of_comparison(load, comparison_facts=compared(**{key: value}))
        for key in ("parameters", "steps_in_all", "curves")
    },
    "a comparison": lambda load, value: of_comparison(load, comparison=value),
    "a row of the comparison": lambda load, value: of_comparison(load, comparison={"baseline": value}),
    "an accuracy in the comparison": lambda load, value: of_comparison(load, comparison={"baseline": {**ROW, "validation": value}}),
    "trainings of an experiment": lambda load, value: behind(load, value),
    "one training of an experiment": lambda load, value: behind(load, {"16": value}),
    **{
        f"{key} of a noted network": lambda load, value, key=key: behind(load, {"16": {**NOTED, key: value}})
        for key in ("curves", "steps", "images", "accuracy")
    },
    "a setting": lambda load, value: load("training_choices", "experiments").expect_settings(
        {16: {"units": value}}, "units", lambda _: [16]
    ),
    "optimism": lambda load, value: load("convolutional_digits", "selection").expect_mean(
        value, np.linspace(0, 0.1, 50), 200, "The optimism"
    ),
}


CURVE = {"loss": [1.0, 0.5], "accuracy": [0.5, 0.6], "val_loss": [1.0, 0.6], "val_accuracy": [0.5, 0.6]}
FACTS: dict[str, Any] = {"curves": [CURVE, CURVE], "steps": [20, 20], "steps_in_all": [40, 40]}
ROW = {"parameters": 7_850, "training": 0.6, "validation": 0.6}
NOTED: dict[str, Any] = {"curves": CURVE, "steps": 40, "images": 10_000, "accuracy": 0.6, "units": [16, 16, 10]}


def of_training(load: Any, **values: Any) -> Any:
    """A curve of section 4 of `convolutional_digits`, with its history in order."""
    return load("convolutional_digits", "training").trained_curve(handed(simple_history=CURVE, **values), "simple", "val_loss")


def compared(**values: Any) -> dict[str, Any]:
    """What the locked cell notes of a comparison with one network, which has these values."""
    return {"images": 100, "networks": {"baseline": {"parameters": 7_850, "steps_in_all": 200, "curves": CURVE, **values}}}


def of_comparison(load: Any, **values: Any) -> None:
    """The row of the baseline in the comparison of `convolutional_digits`; all that is not in `values` is in order."""
    module = load("convolutional_digits", "training")
    in_order = {"comparison": {"baseline": ROW}, "comparison_facts": compared(), "training_facts": {**FACTS, "images": 100}}
    submission = handed(**{**in_order, **values})
    module.test_a_row_is_what_keras_noted_of_its_network(submission, PROFILE, "baseline")
    module.expect_trained_alike(submission, PROFILE, "baseline", 10)


def test_a_comparison_in_order_is_taken(load: Any) -> None:
    of_comparison(load)


@pytest.mark.parametrize("called", ["accuracy", "acc", "categorical_accuracy"])
def test_accuracy_by_any_of_its_names_is_read(load: Any, called: str) -> None:
    variants = load("training_choices", "variants")
    history = {metric.replace("accuracy", called): values for metric, values in CURVE.items()}
    assert variants.result_of(handed(variant_results={"hidden_sgd": history}), "hidden_sgd") == CURVE


def behind(load: Any, noted: Any) -> Any:
    """The network behind the setting 16 of an experiment of `training_choices`, of which the history is in order."""
    return load("training_choices", "experiments").behind(noted, 16, CURVE, "width_results['16']")


@pytest.fixture
def load(pytestconfig: pytest.Config) -> Any:
    """Imports a file of the shipped graders, whose marks this suite does not know."""
    for mark in ("grade_cell", "hint", "ask", "predict", "visibility"):
        pytestconfig.addinivalue_line("markers", f"{mark}: of the graders")

    def grader(assignment: str, topic: str) -> Any:
        spec = importlib.util.spec_from_file_location(f"{assignment}_{topic}", GRADERS / assignment / f"test_{topic}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return grader


def handed_in(value: Any, rows: np.ndarray[Any, Any] = ROWS[2]) -> Any:
    """A submission in which every value is this one."""
    return SimpleNamespace(value=lambda name: value, sample=lambda name: Sample(rows.shape, rows.dtype, rows, np.arange(0)))


@pytest.mark.parametrize("value", ODD, ids=[f"value {index}" for index in range(len(ODD))])
@pytest.mark.parametrize("check", CHECKS)
def test_what_is_no_number_is_the_students_mistake(load: Any, check: str, value: Any) -> None:
    with pytest.raises(AssertionError):
        CHECKS[check](load, value)


@pytest.mark.parametrize("rows", ROWS, ids=lambda rows: str(rows.shape))
def test_rows_of_any_shape_are_compared(load: Any, rows: np.ndarray[Any, Any]) -> None:
    with pytest.raises(AssertionError):
        load("dense_vs_convolutional", "training").expect_steps(handed_in(10**6, rows), "dense_steps", PROFILE)


# --- what graders look at otherwise: answers, predictions, tables, samples --------------------------------------------

PART = SimpleNamespace(x=np.zeros((20, 28, 28), np.uint8), y=np.arange(20) % 10)
PICTURES = np.zeros((3, 6, 4), np.uint8)
HUGE = 10**400
WIDTHS = {"16": [2.0, 1.0], "128": [2.0, 0.9], "512": [2.0, 0.5]}


def handed(**values: Any) -> Any:
    """A submission with these hand-ins, each of which may be asked for in every way."""

    def sample(name: str) -> Sample:
        return Sample(values[name].shape, values[name].dtype, values[name], np.arange(len(values[name]) if values[name].ndim else 0))

    return SimpleNamespace(value=values.__getitem__, array=values.__getitem__, history=values.__getitem__, sample=sample)


def predicted(*shape: int) -> Any:
    return SimpleNamespace(visible=np.full(shape, 0.5, np.float32), hidden=np.full(shape, 0.5, np.float32))


VARIANTS = ["hidden_sgd", "dropout_sgd"]
STEPS_OF_VARIANTS = handed(variant_results=dict.fromkeys(VARIANTS, CURVE), variant_steps=dict.fromkeys(VARIANTS, 375), training_images=HUGE)
IMAGES_OF_VARIANTS = handed(
    variant_results=dict.fromkeys(VARIANTS, CURVE), variant_steps=dict.fromkeys(VARIANTS, HUGE), training_images=48_000
)
WIDTH_TABLE = handed(
    width_results={width: {**CURVE, "loss": loss} for width, loss in WIDTHS.items()},
    width_trainings={
        width: {**NOTED, "curves": {**CURVE, "loss": loss}, "units": [int(width), int(width), 10]} for width, loss in WIDTHS.items()
    },
    width_table={
        "16": 5,
        "16.0": {"parameters": 13_002, "validation": 0.6, "seconds": 1.0},
        "512": {"parameters": 669_706, "validation": 0.6, "seconds": 1.0},
    },
)
LAYOUT = "test_pictures_of_any_size_in_either_layout"
RUNS = "test_noisy_calls_differ_around_the_predictions"
SHORT_NAMES = {**CURVE, "val_accuracy": [], "val_acc": [0.5, 0.6]}
ODD_HAND_INS = {
    "a pair instead of pictures": lambda load: getattr(load("dense_vs_convolutional", "data"), LAYOUT)(
        [((PICTURES, "channels_last"), [np.zeros((3, 6, 4, 1)), "channels_last"])], "channels_last"
    ),
    "rows of different lengths": lambda load: getattr(load("dense_vs_convolutional", "data"), LAYOUT)(
        [((PICTURES, "channels_last"), [[1, 2], [3]])], "channels_last"
    ),
    "steps of more images than there are": lambda load: load("hidden_layers", "training").test_each_step_took_128_images(
        handed(softmax_steps={"steps": 1, "images": HUGE}, softmax_history=CURVE), "softmax_only"
    ),
    "more training images than there are": lambda load: load(
        "training_choices", "variants"
    ).test_each_epoch_went_through_the_same_images_in_batches_of_128(STEPS_OF_VARIANTS),
    "more steps than anybody took": lambda load: load(
        "training_choices", "variants"
    ).test_each_epoch_went_through_the_same_images_in_batches_of_128(IMAGES_OF_VARIANTS),
    "noisy calls of truth values": lambda load: getattr(load("hidden_layers", "comparison"), RUNS)(
        handed(noisy=np.ones((30, 20, 10), bool)), predicted(20, 10)
    ),
    "a width in two spellings": lambda load: load("training_choices", "experiments").test_the_table_of_widths_is_right(
        WIDTH_TABLE, SimpleNamespace(epoch_limit=2)
    ),
    "mistakes of a network without a dense part": lambda load: load(
        "convolutional_digits", "mistakes"
    ).test_wrong_lists_the_mistakes_of_the_trained_network(handed(wrong=np.arange(3)), predicted(20, 6, 6, 10), PART),
    "probabilities without an axis": lambda load: load("hidden_layers", "slim").test_slim_gives_probabilities(predicted(20)),
    "a single number instead of images": lambda load: load("first_dense_network", "training").test_recipe_took_batches_of_100(
        handed(x_train_ready=np.array(0.5), recipe_steps=5), predicted(20, 10), PART
    ),
    "steps that are arrays": lambda load: load(
        "convolutional_digits", "training"
    ).test_an_epoch_goes_through_the_few_images_in_batches_of_fifty(
        handed(training_facts={"images": 100, "steps": [np.arange(3), np.arange(3)]})
    ),
    "an empty curve beside a full one": lambda load: load("dense_vs_convolutional", "training").expect_same_network(
        SHORT_NAMES, predicted(20, 10).visible, PART.y, "dense_history"
    ),
}


@pytest.mark.parametrize("odd", ODD_HAND_INS)
def test_odd_hand_ins_are_the_students_mistake(load: Any, odd: str) -> None:
    with pytest.raises(AssertionError):
        ODD_HAND_INS[odd](load)


def test_the_last_validation_accuracy_is_found_by_either_name(load: Any) -> None:
    history = handed(slow_history={"loss": [1.0, 0.5], "val_acc": [0.5, 0.6]})
    assert load("dense_vs_convolutional", "search").last_accuracy(history, "slow_history", SimpleNamespace(epoch_limit=2)) == 0.6


def test_what_is_in_order_passes(load: Any) -> None:
    """Else the values above would prove nothing."""
    assert of_training(load, training_facts=FACTS).tolist() == CURVE["val_loss"]
    assert behind(load, {"16": NOTED}) is NOTED


OTHER = {**CURVE, "val_loss": [1.0, 0.65]}
UNFIT = {
    "curves that Keras has not noted": {"curves": OTHER},
    "a network that answers otherwise": {"accuracy": 0.9},
    "a network that took no steps": {"steps": 1},
}


@pytest.mark.parametrize("unfit", UNFIT)
def test_a_history_needs_a_network_that_was_trained_so(load: Any, unfit: str) -> None:
    with pytest.raises(AssertionError, match="width_results"):
        behind(load, {"16": {**NOTED, **UNFIT[unfit]}})


def test_a_history_of_section_4_needs_the_training_of_its_network(load: Any) -> None:
    for facts in ({"curves": [OTHER, CURVE]}, {"curves": [{}, CURVE]}, {"steps_in_all": [0, 40]}, {"curves": [CURVE]}):
        with pytest.raises(AssertionError, match="train"):
            of_training(load, training_facts={**FACTS, **facts})
