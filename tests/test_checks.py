"""The checks that notebooks and graders share: what passes, what fails, and that the message names the likely reason."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from autograder import checks
from autograder._check_models import OF_ALL_OPTIMIZERS, OPTIMIZER_DEFAULTS
from autograder.checks import (
    CheckFailed,
    accuracy,
    complaint,
    confusion_matrix,
    expect_activations,
    expect_close,
    expect_compiled,
    expect_dtype,
    expect_equal,
    expect_history,
    expect_layers,
    expect_learnt,
    expect_one_hot,
    expect_output_shape,
    expect_parameters,
    expect_range,
    expect_shape,
    expect_units,
    mean_absolute_error,
)
from autograder.records import CompileDescription, LayerDescription, ModelDescription, WeightDescription
from tests.tensors import Tensor

_HUGE = 10**400  # JSON carries whole numbers of any size; no float holds this one


def dense(name: str, inputs: int, units: int, activation: str = "linear", bias: bool = True) -> LayerDescription:
    weights = [WeightDescription("kernel", (inputs, units), True)] + [WeightDescription("bias", (units,), True)] * bias
    return LayerDescription(name, "Dense", {"units": units, "activation": activation}, tuple(weights), (None, units))


def convolution(filters: int, side: int, channels: int = 1) -> LayerDescription:
    weights = (WeightDescription("kernel", (side, side, channels, filters), True), WeightDescription("bias", (filters,), True))
    return LayerDescription("conv2d", "Conv2D", {"filters": filters, "activation": "relu"}, weights, (None, 24, 24, filters))


def network(*layers: LayerDescription, compiled: CompileDescription | None = None) -> ModelDescription:
    return ModelDescription("Sequential", (None, 784), layers[-1].output_shape if layers else None, layers, compiled)


def compiled(
    optimizer: str = "SGD", loss: str = "categorical_crossentropy", metrics: tuple[str, ...] = ("accuracy",), rate: Any = 0.01
) -> Any:
    return network(dense("a", 2, 1), compiled=CompileDescription(optimizer, {"learning_rate": rate}, loss, metrics))


GOOD = network(dense("dense", 784, 10, "sigmoid"), dense("dense_1", 10, 10, "softmax"))


@dataclass
class Sample:
    """Like the hand-in of a large array: its shape and dtype, and some of its rows."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    rows: np.ndarray[Any, Any]
    indices: np.ndarray[Any, Any]


def sample_of(array: np.ndarray[Any, Any]) -> Sample:
    return Sample(array.shape, array.dtype, array[::2], np.arange(0, len(array), 2))


def failure(check: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(CheckFailed) as caught:
        check(*args, **kwargs)
    return str(caught.value)


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (24, 24),
        (24.0, 24),
        (np.int64(24), 24),
        ("uint8", "uint8"),
        ([3, [28, 28], "uint8"], (3, (28, 28), "uint8")),
        (np.array([1, 2]), [1, 2]),
        ([1, 2], np.array([1, 2])),
        ({"a": 1, "b": [2]}, {"a": 1, "b": (2,)}),
        (np.array([[1, 0]], "float32"), np.array([[1, 0]])),
        (None, None),
        (True, True),
    ],
)
def test_equal_values_pass(got: Any, expected: Any) -> None:
    expect_equal(got, expected)


@pytest.mark.parametrize(
    ("got", "expected", "words"),
    [
        (25, 24, "The answer is 25, 24 expected: off by one?"),
        (None, 24, "does the function end with `return`?"),
        ("24", 24, "quotation marks"),
        (-24, 24, "sign"),
        (math.nan, 0.5, "divided by zero"),
        (50.0, 0.5, "percentage"),
        (np.array([24]), 24, "array with one element"),
        (True, 1, "is True, 1 expected"),
        ([1, 2], [1, 2, 3], "has 2 elements, 3 expected"),
        ([1, 3], [1, 2], "The answer at [1] is 3, 2 expected"),
        (7, [7], "a list of 1"),
        ({"a": 1}, {"b": 1}, "has no 'b'"),
        (_HUGE, 1.5, "a very large whole number, 1.5 expected"),
        (1.5, _HUGE, "is 1.5, a very large whole number expected"),
        (object(), 3, "is an object, 3 expected"),
        (np.array([[0, 1], [1, 1]]), np.eye(2), "3 of 4 numbers differ"),
        (np.array([[0, 1], [0, 0]]), np.array([[0, 0], [1, 0]]), "rows and columns are swapped"),
        (np.array([255.0, 51.0]), np.array([1, 0.2]), "divide by 255"),
        (np.array([1 / 255]), np.array([1.0]), "divided by 255 twice"),
        (np.array([np.nan, 1]), np.array([1.0, 1]), "NaN"),
        ([[1], [1, 2]], np.eye(2), "different lengths"),
        (len, np.eye(2), "parentheses"),
        ("text", np.eye(2), "an array of numbers expected"),
        (None, np.eye(2), "`return`"),
        ([_HUGE], np.ones(1), "an array of numbers expected"),
        (np.array([2, 1, 3]), np.array([1, 2, 3]), "another order"),
    ],
)
def test_other_values_fail_with_the_reason(got: Any, expected: Any, words: str) -> None:
    assert words in failure(expect_equal, got, expected)


def test_places_in_nested_lists_are_named() -> None:
    assert failure(expect_equal, [1, {"a": [2]}], [1, {"a": [5]}]) == "The answer at [1]['a'][0] is 2, 5 expected."


def test_close_is_relative_for_large_numbers() -> None:
    expect_close(1_000_001.0, 1_000_000, tolerance=1e-5)
    expect_close([0.1 + 0.2], [0.3])
    assert "is 0.31, 0.3 expected" in failure(expect_close, 0.31, 0.3)
    assert "The sum at [1] is 1.1" in failure(expect_close, np.array([1, 1.1]), np.ones(2), "The sum")


# --- arrays -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", [np.asarray, sample_of], ids=["array", "sample"])
def test_arrays_and_samples_pass_alike(wrap: Any) -> None:
    x = wrap(np.linspace(0, 1, 8, dtype="float32").reshape(4, 2))
    expect_shape(x, (4, 2))
    expect_shape(x, (None, 2))
    expect_dtype(x, "float32")
    expect_dtype(x, "floating")
    expect_range(x, 0, 1)
    expect_one_hot(wrap(np.eye(10)[[3, 3, 7, 0]]))


@pytest.mark.parametrize(
    ("shape", "expected", "words"),
    [
        ((5, 28, 28), (None, 784), "has shape (5, 28, 28), (n, 784) expected: the images are not flattened"),
        ((5,), (5, 10), "one-hot"),
        ((5, 10), (5,), "argmax"),
        ((784, 5), (5, 784), "swapped"),
        ((300, 10), (200, 10), "300 examples instead of 200"),
        ((4, 7), (2, 14), "reshape them"),
        ((4,), (5,), "(4,), (5,) expected."),
        ((4, 4), (10, 10), "4 columns instead of 10: are those missing that do not occur?"),
        ((300, 9), (None, 10), "9 columns instead of 10"),
        ((2, 5), (2, 4), "(2, 5), (2, 4) expected."),
    ],
)
def test_a_wrong_shape_has_its_reason(shape: tuple[int, ...], expected: tuple[int | None, ...], words: str) -> None:
    assert words in failure(expect_shape, np.zeros(shape), expected, "x")
    assert words in failure(expect_shape, sample_of(np.zeros(shape)), expected, "x")


@pytest.mark.parametrize(
    ("made", "dtype", "words"),
    [
        ("uint8", "float32", "has dtype uint8, float32 expected"),
        ("float64", "float32", "float64 by itself"),
        ("float32", "integer", "probabilities"),
        ("int64", "uint8", ".astype('uint8')"),
        ("int64", "floating", "floating expected"),
    ],
)
def test_a_wrong_dtype_has_its_reason(made: str, dtype: str, words: str) -> None:
    assert words in failure(expect_dtype, np.zeros(3, made), dtype)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0, 255], "goes from 0 to 255, exactly 0 to 1 expected: not normalised: divide by 255"),
        ([0, 1 / 255], "divided by 255 twice?"),
        ([[-3.5, 1, 0, 0, 0, 0, 0, 0, 0, 0]], "before softmax"),
        ([[-1, 1, 0]], "goes from -1 to 1, exactly 0 to 1 expected: negative numbers: was something subtracted?"),
        ([98.3], "is 98.3, exactly 0 to 1 expected: is it a percentage?"),
        ([-1], "is -1, exactly 0 to 1 expected."),
        ([0, np.nan], "NaN"),
        ([0.2, 0.4], "goes from 0.2 to 0.4"),
        ([], "is empty"),
    ],
)
def test_a_wrong_range_has_its_reason(values: list[float], words: str) -> None:
    assert words in failure(expect_range, np.array(values, float), 0, 1, reached=True)


def test_a_range_forgives_the_last_digit_of_float32() -> None:
    expect_range(np.array([0, 1.0000001], "float32"), 0, 1, reached=True)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.array([3, 1]), "are the labels not one-hot encoded?"),
        (np.full((2, 10), 0.1), "are these probabilities?"),
        (np.zeros((2, 10)), "Row 0 of the labels has 0 ones, exactly 1 expected"),
        (np.eye(11)[[2, 3]], "(2, 11), (n, 10) expected"),
        (np.eye(10)[[2, 3]] * 2, "only 0 and 1"),
    ],
)
def test_labels_that_are_not_one_hot(labels: Any, words: str) -> None:
    assert words in failure(expect_one_hot, labels)


# --- classifiers ------------------------------------------------------------------------------------------------------


def test_accuracy_takes_labels_of_either_kind() -> None:
    predictions, labels = np.eye(3)[[0, 1, 2, 2]], np.array([0, 1, 2, 0], "uint8")
    assert accuracy(predictions, labels) == accuracy(predictions, np.eye(3)[labels]) == 0.75
    assert accuracy(np.array([0, 1, 2, 2]), labels) == 0.75


def test_confusion_matrix_has_all_classes() -> None:
    found = confusion_matrix(np.eye(4)[[0, 2, 2]], np.array([0, 0, 2]))
    assert found.dtype.kind == "i"
    assert found.tolist() == [[1, 0, 1, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    assert np.trace(found) / found.sum() == pytest.approx(accuracy(np.eye(4)[[0, 2, 2]], [0, 0, 2]))


@pytest.mark.parametrize(
    ("labels", "right", "learnt"),
    [
        (np.arange(1_000) % 10, 190, False),  # the most frequent class: 100, and a tenth of the other 900
        (np.arange(1_000) % 10, 191, True),
        (np.arange(1_000) % 10, 1, False),
        (np.arange(1_000) // 900, 910, False),
        (np.arange(1_000) // 900, 911, True),
        (np.array([0, 1, 0, 1]), 2, False),
        (np.array([0, 1, 0, 1]), 3, True),
        (np.zeros(4, dtype="int64"), 4, True),  # nothing to learn
        (np.zeros(4, dtype="int64"), 1, True),
    ],
)
def test_who_learnt_is_better_than_guessing(labels: Any, right: int, learnt: bool) -> None:
    predicted = np.where(np.arange(len(labels)) < right, labels, (labels + 1) % 10)
    outputs = np.eye(10)[predicted]
    if learnt:
        expect_learnt(outputs, labels, "best")
    else:
        assert failure(expect_learnt, outputs, labels, "best").startswith(f"best gets {right} of {len(labels):,} right, more than ")


def test_a_complaint_is_what_a_check_says_and_no_failure() -> None:
    assert complaint(accuracy_of_three, np.eye(3)) == ""
    assert complaint(accuracy_of_three, np.eye(3)[:2]) == failure(accuracy_of_three, np.eye(3)[:2])
    with pytest.raises(ZeroDivisionError):
        complaint(lambda value: 1 / value, 0)


def accuracy_of_three(predictions: Any) -> float:
    return accuracy(predictions, [0, 1, 2])


def test_who_learnt_nothing_reads_what_may_be_the_reason() -> None:
    labels = np.arange(300) % 10
    assert failure(expect_learnt, np.eye(10)[(labels + 1) % 10], labels, "best") == (
        "best gets 0 of 300 right, more than 57 (the most frequent class alone gets 30) expected: is it the network that was trained, did "
        "its loss fall, and did examples and labels stay in the same order, prepared as while training?"
    )


@pytest.mark.parametrize(
    ("predictions", "labels", "words"),
    [
        (np.full((3, 10), np.nan), [1, 2, 3], "contains 30 times NaN"),
        (np.eye(10)[[1, 2]], [1, 2, 3], "has 2 rows, 3 (one for each label) expected"),
        (np.eye(3), [0, 1, 9], "one output for each class"),
        (np.zeros((3, 1)), [0, 1, 0], "one column for each class"),
        (np.zeros((3, 2, 2)), [0, 1, 0], "(n, classes)"),
        (np.array([0.5, 1, 0]), [0, 1, 0], "(n, classes)"),
        (np.array([0, 1, 10**12]), [0, 1, 0], "(n, classes)"),
        (np.zeros((0, 10)), [], "one for each label"),
        ("all right", [0, 1], "an array of numbers"),
        (np.eye(2), np.array([[0.5, 0.5], [1, 0]]), "probabilities"),
    ],
)
def test_predictions_that_cannot_be_measured(predictions: Any, labels: Any, words: str) -> None:
    for measure in (accuracy, confusion_matrix, expect_learnt):
        assert words in failure(measure, predictions, np.array(labels))


def test_the_error_of_a_regression_takes_columns_and_rows_alike() -> None:
    targets = np.array([1.0, 2.0, 6.0], "float32")
    assert mean_absolute_error(np.array([[2.0], [2.0], [4.0]]), targets) == 1.0
    assert mean_absolute_error([2.0, 2.0, 4.0], targets[:, None]) == 1.0


@pytest.mark.parametrize(
    ("predictions", "words"),
    [
        (np.zeros((3, 2)), "(n, 1)"),
        (np.zeros(2), "3 (one for each target)"),
        (np.array([1, np.nan, np.inf]), "2 times NaN or infinity"),
        ("all right", "an array of numbers"),
    ],
)
def test_errors_that_cannot_be_measured(predictions: Any, words: str) -> None:
    assert words in failure(mean_absolute_error, predictions, np.arange(3))


# --- models -----------------------------------------------------------------------------------------------------------


def test_the_right_network_passes() -> None:
    expect_layers(GOOD, ["Dense", "Dense"])
    expect_parameters(GOOD, per_layer=[7_850, 110], total=7_960)
    expect_units(GOOD, [10, 10])
    expect_activations(GOOD, ["sigmoid", "softmax"])
    expect_output_shape(GOOD, (None, 10))


HIDDEN = dense("dense", 784, 10, "sigmoid")


@pytest.mark.parametrize(
    ("layer", "expected", "words"),
    [
        (dense("dense_1", 10, 10, bias=False), 110, "Layer 1 'dense_1' has 100 parameters, 110 expected: is its bias missing?"),
        (dense("d", 10, 10), 100, "a bias too many"),
        (dense("d", 784, 11), 7_850, "it has 11 units, one too many"),
        (dense("d", 784, 9), 7_850, "one too few"),
        (dense("d", 784, 100), 7_850, "it has 100 units, 10 would fit"),
        (dense("d", 28, 10), 7_850, "it takes 28 inputs, 784 would fit (are the images not flattened?)"),
        (dense("d", 784, 10), 7_777, "has 7,850 parameters, 7,777 expected."),
        (convolution(10, 5), 170, "with 10 filters, a kernel of 4 × 4 would fit"),
        (convolution(10, 5), 171, "size of its kernel (5, 5)"),
        (convolution(12, 5), 260, "it has 12 filters, 10 would fit"),
    ],
)
def test_a_wrong_parameter_count_has_its_reason(layer: LayerDescription, expected: int, words: str) -> None:
    assert words in failure(expect_parameters, network(layer), per_layer=[expected])


def test_layers_without_parameters_do_not_count_but_keep_the_numbering() -> None:
    flatten = LayerDescription("flatten", "Flatten", {}, (), (None, 784))
    expect_parameters(network(flatten, HIDDEN), per_layer=[7_850])
    assert "Layer 2 'dense'" in failure(expect_parameters, network(flatten, HIDDEN), per_layer=[110])
    assert "has 1 layer with parameters ('dense'), 2 expected" in failure(expect_parameters, network(flatten, HIDDEN), per_layer=[1, 2])
    assert "The model has 7,850 parameters, 7,960 expected" in failure(expect_parameters, network(HIDDEN), total=7_960)


@pytest.mark.parametrize(
    ("model", "kinds", "words"),
    [
        (GOOD, ["Dense"], "there is a Dense too many"),
        (network(HIDDEN), ["Dense", "Dropout"], "has the layers Dense, Dense, Dropout expected: Dropout is missing"),
        (network(convolution(2, 3), HIDDEN), ["Dense", "Conv2D"], "in another order"),
        (network(), ["Dense"], "has the layers none"),
    ],
)
def test_wrong_layers_have_their_reason(model: ModelDescription, kinds: list[str], words: str) -> None:
    assert words in failure(expect_layers, model, kinds)


def test_some_kinds_of_layers_may_stand_anywhere() -> None:
    reshaped = network(LayerDescription("reshape", "Reshape", {}, (), None), *GOOD.layers)
    expect_layers(reshaped, ["Dense", "Dense"], besides=["Reshape", "Flatten"])
    assert "there is a Reshape too many" in failure(expect_layers, reshaped, ["Dense", "Dense"], besides=["Flatten"])


@pytest.mark.parametrize(
    ("hidden", "last", "words"),
    [
        ("sigmoid", "linear", "Layer 2 'b' has the activation 'linear', 'softmax' expected: is activation='softmax' missing? Its outputs"),
        ("linear", "softmax", "Without one, two layers in a row"),
        ("sigmoid", "sigmoid", "need not add up to 1"),
        ("relu", "softmax", "has the activation 'relu', 'sigmoid' expected."),
    ],
)
def test_a_wrong_activation_has_its_reason(hidden: str, last: str, words: str) -> None:
    model = network(dense("a", 784, 10, hidden), dense("b", 10, 10, last))
    assert words in failure(expect_activations, model, ["sigmoid", "softmax"])


def test_wrong_outputs_have_their_reason() -> None:
    model = network(HIDDEN, dense("last", 10, 1, "softmax"))
    assert "has 1 unit, 10 expected: the last layer needs one unit for each class" in failure(expect_units, model, [10, 10])
    assert "(n, 1), (n, 10) expected: the last layer" in failure(expect_output_shape, model, (None, 10))
    assert "shape unknown" in failure(expect_output_shape, replace(GOOD, output_shape=None), (None, 10))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (GOOD, "not compiled"),
        (compiled(optimizer="Adam"), "The optimizer is 'Adam', 'sgd' expected"),
        (compiled(loss="sparse_categorical_crossentropy"), "these are one-hot"),
        (compiled(loss="mean_squared_error"), "not for classes"),
        (compiled(metrics=()), "compile(…, metrics=['accuracy'])"),
        (compiled(metrics=("binary_accuracy",)), "holds 'binary_accuracy'"),
        (compiled(rate=0.5), "The learning rate is 0.5, 0.01 expected."),
        (compiled(rate=float(np.float32(0.001))), "0.01 expected: is it the optimizer's default?"),
        (compiled(rate={"class_name": "ExponentialDecay"}), "a schedule"),
        (compiled(rate=None), "is None"),
        (compiled(rate=10**400), "more than 300 digits"),
    ],
)
def test_wrong_compile_settings_have_their_reason(model: ModelDescription, words: str) -> None:
    settings: Any = {"optimizer": "sgd", "loss": "categorical_crossentropy", "metrics": ["accuracy"], "learning_rate": 0.01}
    assert words in failure(expect_compiled, model, **settings)


def test_compile_settings_that_mean_the_same_pass() -> None:
    expect_compiled(compiled(metrics=("precision", "categorical_accuracy"), rate=float(np.float32(0.01))), "sgd", None, ["accuracy"], 0.01)


def test_compile_settings_may_be_classes_or_lists_for_one_output() -> None:
    """Keras takes all of these, but cannot write a class down."""
    import keras

    for loss, metrics in (
        (keras.losses.CategoricalCrossentropy, [keras.metrics.CategoricalAccuracy, keras.metrics.Precision()]),
        (["categorical_crossentropy"], [["accuracy", "mse"]]),
        ({"digits": keras.losses.CategoricalCrossentropy}, {"digits": ["accuracy", "mse"]}),
    ):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="softmax", name="digits")])
        model.compile("sgd", loss, metrics=metrics)
        expect_compiled(model, "SGD", "categorical_crossentropy", ["accuracy"], 0.01, defaults=True)
        assert "The loss is 'categorical_crossentropy'" in failure(expect_compiled, model, loss="mean_squared_error")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"momentum": 0.9}, "The optimizer's momentum is 0.9, 0.0, Keras' default, expected: leave momentum out"),
        ({"momentum": 10**400}, "The optimizer's momentum is a very large whole number"),
        ({"nesterov": True}, "The optimizer's nesterov is True"),
        ({"weight_decay": 0.004}, "The optimizer's weight_decay is 0.004, Keras' default expected"),
    ],
)
def test_an_optimizer_that_was_told_more_is_not_the_plain_one(settings: dict[str, Any], words: str) -> None:
    model = compiled()
    assert model.compiled is not None
    changed = replace(model, compiled=replace(model.compiled, optimizer_config={"learning_rate": 0.01, **settings}))
    expect_compiled(changed, "sgd")
    assert words in failure(expect_compiled, changed, "sgd", defaults=True)


@pytest.mark.parametrize("name", sorted(OPTIMIZER_DEFAULTS))
def test_defaults_are_those_of_keras(name: str) -> None:
    import keras

    config = keras.optimizers.get(name).get_config()
    assert {**OPTIMIZER_DEFAULTS[name], **OF_ALL_OPTIMIZERS}.items() <= config.items()
    model = compiled(optimizer=name)
    assert model.compiled is not None
    expect_compiled(replace(model, compiled=replace(model.compiled, optimizer_config=config)), name, defaults=True)


# --- histories --------------------------------------------------------------------------------------------------------


class History:
    def __init__(self, history: Any) -> None:
        self.history = history


@pytest.mark.parametrize("wrap", [dict, History])
def test_a_history_is_an_object_or_its_dictionary(wrap: Any) -> None:
    expect_history(wrap({"loss": [2, 1.5], "accuracy": (0.1, 0.4)}), epochs=2, keys=["loss", "accuracy"])
    expect_history(wrap({"loss": [2, 1.5], "val_acc": (0.1, 0.4)}), keys=["val_accuracy"])
    expect_history(wrap({"loss": [2, 1.5], "categorical_accuracy": (0.1, 0.4)}), keys=["accuracy"])


@pytest.mark.parametrize(
    ("history", "words"),
    [
        ({"loss": [2.0]}, "has no 'val_loss', it holds 'loss': fit(…, validation_split=…)"),
        ({"loss": [2.0], "val_loss": [2.0]}, "has 1 epoch, 2 expected"),
        ({"loss": [2.0, math.nan], "val_loss": [2.0, 1.0]}, "learning rate is usually too high"),
        ({"loss": [2.0, "low"], "val_loss": [2.0, 1.0]}, "keep what `fit` returns"),
        ({"loss": [_HUGE], "val_loss": [1]}, "keep what `fit` returns"),
        ({}, "holds nothing"),
        (None, "`fit` returns it"),
        ([2.0, 1.0], "a training history expected"),
        (0.98, "is 0.98"),
    ],
)
def test_other_histories_fail_with_the_reason(history: Any, words: str) -> None:
    assert words in failure(expect_history, history, epochs=2, keys=["loss", "val_loss"])


def test_a_forgotten_metric_is_no_forgotten_validation_part() -> None:
    history = {"loss": [2.0], "val_loss": [2.0]}
    said = failure(expect_history, history, keys=["val_accuracy"])
    assert "has no 'val_accuracy', it holds 'loss', 'val_loss': compile(…, metrics=['accuracy']) adds it" in said


# --- whatever is handed in --------------------------------------------------------------------------------------------


ODD = [None, 3, "text", [], {}, [[1], [2, 3]], object(), np.array(["a"]), np.array(None), np.zeros(0), print, {"history": 1}, _HUGE**20]


@pytest.mark.parametrize("value", ODD, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    "check",
    [
        lambda value: expect_equal(value, "expected"),
        lambda value: expect_close(value, [1.5, 2.5, 3.5]),
        lambda value: expect_close(value, np.eye(3)),
        lambda value: expect_shape(value, (None, 10)),
        lambda value: expect_dtype(value, "float16"),
        lambda value: expect_range(value, 5, 6),
        lambda value: expect_one_hot(value),
        lambda value: expect_layers(value, ["Dense"]),
        lambda value: expect_parameters(value, [1], 1),
        lambda value: expect_units(value, [1]),
        lambda value: expect_activations(value, ["relu"]),
        lambda value: expect_output_shape(value, (None, 1)),
        lambda value: expect_compiled(value, "sgd"),
        lambda value: expect_history(value, 1),
        lambda value: accuracy(value, np.arange(3)),
        lambda value: confusion_matrix(value, np.arange(3)),
        lambda value: mean_absolute_error(value, np.arange(3)),
    ],
)
def test_odd_values_fail_as_checks_and_never_otherwise(check: Any, value: Any) -> None:
    """A grader's exception other than AssertionError counts as the grader's fault, so no hand-in may cause one."""
    message = failure(check, value)
    assert len(message) < 400


def test_every_check_is_exported() -> None:
    assert checks.__all__ == sorted(checks.__all__)
    assert all(hasattr(checks, name) for name in checks.__all__)


def test_lists_inside_lists_are_no_error_of_the_checks() -> None:
    """Whatever depth reaches a check, in a grader or in a notebook, it fails the check and ends nothing."""
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    assert failure(expect_equal, deep, 3) == "The answer is [[[a list]]], 3 expected."
    wanted: Any = 1
    for _ in range(4_999):
        wanted = [wanted]
    assert "too large to be looked at" in failure(expect_equal, deep, wanted)
    assert failure(expect_equal, [[1, 2], [3]], 3) == "The answer is [[1, 2], [3]], 3 expected."


def test_jupyter_shows_the_message_alone() -> None:
    with pytest.raises(CheckFailed) as caught:
        expect_equal(25, 24)
    assert caught.value._render_traceback_() == ["✗ The answer is 25, 24 expected: off by one?"]


def test_import_is_light() -> None:
    code = "import sys, autograder.checks; print(sorted({'keras', 'tensorflow', 'sklearn', 'pydantic'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


# --- alive in a notebook ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keras() -> Any:
    return pytest.importorskip("keras")


def test_a_keras_model_and_its_description_give_the_same_message(keras: Any) -> None:
    from autograder.description import describe_live

    model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(10, "sigmoid"), keras.layers.Dense(10, use_bias=False, name="last")])
    message = failure(expect_parameters, model, per_layer=[7_850, 110])
    assert message == failure(expect_parameters, describe_live(model), per_layer=[7_850, 110])
    assert message == "Layer 2 'last' has 100 parameters, 110 expected: is its bias missing?"
    assert "not compiled" in failure(expect_compiled, model)


def test_a_model_without_input_shape_says_so(keras: Any) -> None:
    assert "begin it with keras.Input" in failure(expect_units, keras.Sequential([keras.layers.Dense(10)]), [10])


def test_tensors_are_arrays(keras: Any) -> None:
    expect_shape(keras.ops.ones((3, 10)), (None, 10))
    expect_equal(keras.ops.ones((2, 2)), np.ones((2, 2)))


@pytest.mark.parametrize("wrap", [np.float32, np.array, Tensor])
def test_a_number_is_one_whatever_wraps_it(wrap: Any) -> None:
    """What `tf.reduce_mean` gives has no axes; students hand it in, and compare with it, where a number is asked for."""
    checks.expect_equal(wrap(2.0), 2)
    checks.expect_close({"mean": [wrap(0.5)]}, {"mean": [0.5]})
    checks.expect_close(Tensor([0.25, 0.5]), [0.25, 0.5])
    checks.expect_range(wrap(0.5), 0, 1)
    assert checks.expect_number(wrap(0.5)) == 0.5
    checks.expect_table({"a": {"share": wrap(0.5)}}, ["a"], {"share": (0, 1)})
    with pytest.raises(checks.CheckFailed, match=r"The share is 0\.75, 0\.5 expected"):
        checks.expect_equal(wrap(0.75), 0.5, "The share")
    with pytest.raises(checks.CheckFailed, match="is 75, a number from 0 to 1 expected: a percentage"):
        checks.expect_table({"a": {"share": wrap(75.0)}}, ["a"], {"share": (0, 1)})


def test_an_array_with_one_element_is_no_number() -> None:
    with pytest.raises(checks.CheckFailed, match="take the number out of it"):
        checks.expect_equal(np.array([0.5]), 0.5)


def test_the_curves_of_a_history_are_floats() -> None:
    found = checks.training_curves({"loss": [np.float32(0.5), 1], "val_categorical_accuracy": (0.25,)})
    assert found == {"loss": [0.5, 1.0], "val_accuracy": [0.25]}
    assert {type(value) for values in found.values() for value in values} == {float}
    with pytest.raises(checks.CheckFailed, match="a training history expected"):
        checks.training_curves({"loss": 0.5}, "The result")
