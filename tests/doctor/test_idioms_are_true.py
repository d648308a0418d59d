"""What the tables say of the installed libraries, seen there: each idiom is run, and ends in the error that is claimed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from autograder.doctor import idioms
from autograder.doctor.code import CodeCell
from autograder.doctor.idioms import Idiom
from autograder.doctor.legacy import find_leftovers

SETUP = """
import keras, numpy as np, tensorflow as tf
import numpy, sklearn, scipy, tensorflow
from keras import layers, callbacks, optimizers
from keras.optimizers import SGD
"""
MODEL = """
model = keras.Sequential([keras.Input((4,)), layers.Dense(2, activation="softmax")])
model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
x, y = np.ones((8, 4), "float32"), np.zeros(8)
"""
# Arguments that a call needs beside the keyword in question; the positional ones stand for what the keyword replaces.
CALLS = {
    "keras.optimizers": "keras.optimizers.SGD({})", "keras.layers": "keras.layers.Conv2D(8, 3, {})",
    "keras.layers.Dense": "keras.layers.Dense({})", "keras.layers.Dropout": "keras.layers.Dropout({})",
    "keras.Model": "keras.Model({}, name='a')", "keras.models.Model": "keras.models.Model({}, name='a')",
    "keras.utils.to_categorical": "keras.utils.to_categorical([1], {})",
    "keras.callbacks.ModelCheckpoint": "callbacks.ModelCheckpoint('a.keras', {})",
    "keras.callbacks.TensorBoard": "callbacks.TensorBoard({})",
}  # fmt: skip
ALONE = {
    "nb_filter": "keras.layers.Conv2D(nb_filter=8, nb_row=3, nb_col=3)", "filter_length": "keras.layers.Conv1D(8, filter_length=3)",
    "inner_activation": "keras.layers.LSTM(3, inner_activation='tanh')", "lr": "SGD(lr=0.1)",
}  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """An idiom, and a cell in which somebody wrote it."""

    idiom: Idiom
    code: str


def claims() -> Iterator[Claim]:
    for table, of_tensorflow in ((idioms.GONE, True), (idioms.GONE_FROM_KERAS, False)):
        for name, idiom in table.items():
            yield from (Claim(idiom, code) for code in ways_to_use(name, of_tensorflow))
    for (callee, keyword), idiom in idioms.KEYWORDS.items():
        if not idiom.silent:
            yield Claim(idiom, ALONE.get(keyword) or CALLS[callee].format(f"{keyword}=1"))
    for (method, keyword), idiom in idioms.METHOD_KEYWORDS.items():
        yield Claim(idiom, f"model.{method}(x, y, {keyword}=1)")
    for method, idiom in idioms.METHODS.items():
        yield Claim(idiom, f"{'{}' if method in ('has_key', 'iteritems', 'itervalues') else 'model'}.{method}(x)")
    for name, idiom in idioms.NAMES.items():
        yield Claim(idiom, f"{name}(3)")
    broken = ("print 'done'", "exec 'a = 1'", "try:\n    pass\nexcept ValueError, e:\n    pass", "mode = 0755")
    yield from (Claim(idiom, code) for idiom, code in zip(idioms.SYNTAX.values(), broken, strict=True))
    yield Claim(idioms.PRINT_INTO, "import sys\nprint >>sys.stdout, 'done'")
    yield Claim(idioms.LR_OF_OPTIMIZER, "model.optimizer.lr")
    yield Claim(idioms.ACC_IN_HISTORY, "history = model.fit(x, y, verbose=0)\nhistory.history['acc']")
    stop = "callbacks.EarlyStopping(monitor='val_acc')"
    yield Claim(idioms.ACC_MONITORED, f"model.fit(x, y, verbose=0, validation_split=0.5, callbacks=[{stop}])")
    yield Claim(idioms.CHECKPOINT_FILE, "callbacks.ModelCheckpoint('best.{epoch}.hdf5')")
    yield Claim(idioms.CHECKPOINT_FILE, "callbacks.ModelCheckpoint(filepath=f'{y[0]}.h5', save_weights_only=True)")
    yield Claim(idioms.WEIGHTS_FILE, "model.save_weights('w.h5')")
    small = "keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(8, 3, 3), layers.Conv2D(8, 3, 3)])"
    yield Claim(idioms.KERNEL_IN_TWO, small)


def ways_to_use(name: str, of_tensorflow: bool) -> Iterator[str]:
    """Imported, taken from its module, and as an attribute; of `tensorflow.keras` as well where it is gone there too."""
    for full in [name, f"tensorflow.{name}"] if of_tensorflow and name.startswith("keras.") else [name]:
        parent, _, last = full.rpartition(".")
        if name == "keras.optimizers.legacy":
            yield f"{full}.Adam()"
        else:
            yield f"from {parent} import {last}"
            if parent != "google":
                yield f"{full}.anything" if last[0].islower() else full


@pytest.fixture(scope="module")
def namespace(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A kernel's namespace with the real libraries and a small compiled model."""
    names: dict[str, Any] = {}
    exec(SETUP + MODEL, names)
    return names


@pytest.mark.parametrize("claim", [*claims()], ids=lambda claim: claim.code.replace("\n", "; ")[:70])
def test_the_idiom_is_found_and_fails_as_it_says(claim: Claim, namespace: dict[str, Any]) -> None:
    found = [each.idiom for each in find_leftovers([CodeCell(1, SETUP), CodeCell(2, claim.code)])]
    assert claim.idiom in found
    error = failure(claim.code, dict(namespace))
    assert claim.idiom.explains(type(error).__name__, str(error)), repr(error)


def failure(code: str, names: dict[str, Any]) -> Exception | None:
    """What the code raises."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(compile(code, "<cell>", "exec"), names)
    except Exception as error:
        return error
    return None


def test_what_changed_silently() -> None:
    import keras

    assert keras.layers.Conv2D(8, 3, 3).strides == (3, 3)
    assert float(keras.optimizers.Adadelta().learning_rate.numpy()) == pytest.approx(0.001)
    assert float(keras.optimizers.get("adadelta").learning_rate.numpy()) == pytest.approx(0.001)
    assert float(keras.optimizers.Adagrad().learning_rate.numpy()) == pytest.approx(0.001)
    with pytest.warns(UserWarning, match="`decay` is no longer supported and will be ignored"):
        keras.optimizers.SGD(decay=1e-6)


@pytest.mark.parametrize("idiom", [*idioms.GONE.values(), *idioms.GONE_FROM_KERAS.values()], ids=lambda idiom: idiom.subject)
def test_what_stands_in_its_place_is_there(idiom: Idiom, namespace: dict[str, Any]) -> None:
    if idiom.now:
        assert eval(idiom.now, dict(namespace)) is not None


@pytest.mark.parametrize(
    "name",
    [
        f"keras.ops.{each.cure.partition('keras.ops.')[2].partition('(')[0]}"
        for each in idioms.GONE_FROM_KERAS.values()
        if "keras.ops" in each.cure
    ],
)
def test_the_operations_that_cures_name_are_there(name: str, namespace: dict[str, Any]) -> None:
    assert callable(eval(name, dict(namespace)))


@pytest.mark.parametrize(
    "code",
    [
        "keras.utils.to_categorical([1], num_classes=3)",
        "keras.layers.LSTM(3); keras.layers.GRU(3)",
        "keras.layers.Concatenate(); keras.layers.Add()",
        "keras.layers.Conv2D(8, 3, dilation_rate=2); keras.layers.Conv2DTranspose(8, 3)",
        "keras.layers.TimeDistributed(keras.layers.Dense(3))",
        "keras.models.model_from_json; keras.utils.plot_model; keras.utils.get_file; keras.losses",
        "from keras.wrappers import SKLearnClassifier",
        "keras.constraints.MaxNorm(3); keras.regularizers.l1_l2()",
        "keras.initializers.RandomNormal(); keras.initializers.RandomUniform()",
        "keras.optimizers.Adam(learning_rate=0.1); keras.optimizers.SGD(learning_rate=0.1)",
        "keras.optimizers.RMSprop(); keras.optimizers.Adamax(); keras.optimizers.Nadam(); keras.optimizers.Adadelta(learning_rate=1.0)",
        "keras.optimizers.Adagrad(learning_rate=0.01); keras.optimizers.schedules.InverseTimeDecay(0.1, 10, 0.5)",
        "keras.config.image_data_format(); keras.utils.set_random_seed(0)",
        "keras.layers.RandomRotation(0.1); keras.layers.TextVectorization(); keras.layers.ReLU(threshold=1.0)",
        "np.float64; np.nan; np.inf; np.prod",
        "from sklearn.model_selection import train_test_split; import joblib",
        "keras.layers.Conv2D(8, (3, 3), padding='same', strides=2, kernel_initializer='ones', use_bias=False)",
        "keras.layers.Conv2D(filters=8, kernel_size=(3, 3), kernel_regularizer=None, bias_regularizer=None, kernel_constraint=None)",
        "keras.layers.LSTM(3, recurrent_activation='tanh'); keras.layers.Conv1D(8, kernel_size=3)",
        "keras.layers.Dense(units=3); keras.layers.Dropout(rate=0.5)",
        "keras.Model(inputs=model.inputs, outputs=model.outputs)",
        "callbacks.ModelCheckpoint('a.keras', save_freq='epoch'); callbacks.ModelCheckpoint('a.weights.h5', save_weights_only=True)",
        "model.fit(x, y, epochs=1, steps_per_epoch=1, verbose=0).history['accuracy']; model.to_json()",
        "model.predict(x, verbose=0).argmax(axis=1); model.evaluate(x, y, verbose=0); model.optimizer.learning_rate",
    ],
)
def test_the_cures_work_and_are_no_idioms_themselves(code: str, namespace: dict[str, Any]) -> None:
    assert find_leftovers([CodeCell(1, SETUP), CodeCell(2, code)]) == []
    exec(code, dict(namespace))
