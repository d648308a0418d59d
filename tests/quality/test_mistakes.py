"""Every mistake of the catalogue on a line of its own: what it makes of it, and that all other text stays."""

from __future__ import annotations

import ast

import pytest

from autograder.quality.catalogue import CATALOGUE
from autograder.quality.code import Code

FIND = {mistake.name: mistake.find for mistake in CATALOGUE}
KNOWN = frozenset({"x_train", "y_train", "x_test", "y_test"})

EXAMPLES = [
    ("layer_dropped", "n = Sequential([Input((8,)), Dense(4)])", ["n = Sequential([Input((8,))])"]),
    ("layer_dropped", "x = keras.layers.Flatten()(x)", ["x = x"]),
    ("layer_dropped", "model.add(Dense(3))", ["pass"]),
    ("layer_dropped", "n = [\n    Dense(4),\n    Dense(2),\n]", ["n = [\n    Dense(2),\n]", "n = [\n    Dense(4),\n]"]),
    ("dropout_forgotten", "n = [Dense(4), Dropout(0.5)]", ["n = [Dense(4)]"]),
    ("width", "Dense(12, activation='relu')", ["Dense(13, activation='relu')"]),
    ("width", "Conv2D(filters=k, kernel_size=3)", ["Conv2D(filters=k + 1, kernel_size=3)"]),
    ("activation_swapped", "Dense(2, 'tanh')", ["Dense(2, \"relu\")"]),
    ("activation_swapped", "Dense(2, activation=keras.activations.relu)", ['Dense(2, activation="sigmoid")']),
    ("activation_forgotten", "Dense(2, activation='relu')", ["Dense(2)"]),
    ("softmax_forgotten", "Dense(2, activation='softmax', name='end')", ["Dense(2, name='end')"]),
    ("bias_forgotten", "Dense(2,)", ["Dense(2,use_bias=False)"]),
    ("dropout_rate", "Dropout(0.3)", ["Dropout(0.7)"]),
    ("kernel_size", "Conv2D(8, (4, 4))", ["Conv2D(8, (5, 4))"]),
    ("pooling_swapped", "keras.layers.MaxPooling2D(2)", ["keras.layers.AveragePooling2D(2)"]),
    ("padding", "Conv2D(8, 3, padding='same')", ["Conv2D(8, 3)"]),
    ("padding", "Conv2D(8, 3)", ['Conv2D(8, 3, padding="same")']),
    ("regularizer_forgotten", "Dense(2, kernel_regularizer='l2')", ["Dense(2)"]),
    ("regularizer_swapped", "keras.regularizers.L1(0.1)", ["keras.regularizers.L2(0.1)"]),
    ("wrong_loss", "m.compile(loss='mse')", ['m.compile(loss="mean_absolute_error")']),
    ("wrong_loss", "m.compile('sgd', keras.losses.MeanSquaredError())", ["m.compile('sgd', keras.losses.MeanAbsoluteError())"]),
    ("wrong_optimizer", "m.compile(optimizer='Adam')", ['m.compile(optimizer="sgd")']),
    ("wrong_optimizer", "o = keras.optimizers.SGD(0.1)", ["o = keras.optimizers.Adam(0.1)"]),
    ("rate_too_high", "SGD(learning_rate=0.01)", ["SGD(learning_rate=0.1)"]),
    ("rate_too_low", "SGD(rate)", ["SGD(0.1 * rate)"]),
    ("metrics_forgotten", "m.compile('sgd', 'mse', metrics=['accuracy'])", ["m.compile('sgd', 'mse')"]),
    ("epochs", "m.fit(x, y, epochs=5)", ["m.fit(x, y, epochs=4)"]),
    ("epochs", "m.fit(x, y, epochs=many)", ["m.fit(x, y, epochs=1)"]),
    ("batch_size", "m.fit(x, y, batch_size=100)", ["m.fit(x, y, batch_size=200)"]),
    ("batch_size_forgotten", "m.fit(x, y, batch_size=100)", ["m.fit(x, y)"]),
    ("validation_forgotten", "m.fit(x, y, validation_split=0.2, verbose=0)", ["m.fit(x, y, verbose=0)"]),
    ("chosen_by_test", "m.fit(x_train, y_train, validation_split=0.2)", ["m.fit(x_train, y_train, validation_data=(x_test, y_test))"]),
    (
        "chosen_by_test",
        "def train(n, x=x_train, y=y_train, *, k=0):\n    n.fit(x, y, validation_split=0.2)",
        ["def train(n, x=x_train, y=y_train, *, k=0):\n    n.fit(x, y, validation_data=(x_test, y_test))"],
    ),
    (
        "chosen_by_test",
        "def train(n, images, labels):\n    n.fit(images, labels, validation_split=0.2)",
        ["def train(n, images, labels):\n    n.fit(images, labels, validation_data=(x_test, y_test))"],
    ),
    ("chosen_by_test", "m.fit(x_fit, y_fit, validation_data=(x_val, y_val))", ["m.fit(x_fit, y_fit, validation_data=(x_test, y_test))"]),
    ("labels_shuffled", "m.fit(x, y, epochs=2)", ["m.fit(x, y[::-1], epochs=2)"]),
    ("trained_on_test", "m.fit(x_train, y_train)", ["m.fit(x_test, y_test)"]),
    ("trained_on_test", "m.fit(x_train_ready, y_train)", []),
    ("trained_on_test", "m.fit(x_fit, y_fit)", ["m.fit(x_test, y_test)"]),
    (
        "trained_on_test",
        "def train(n, *, x=x_train[:9], y=y_train[:9]):\n    n.fit(x, y)",
        ["def train(n, *, x=x_train[:9], y=y_train[:9]):\n    n.fit(x_test[:9], y_test[:9])"],
    ),
    (
        "trained_on_test",
        "rows, labels = x_train[:9], y_train[:9]\nm.fit(rows, labels)",
        ["rows, labels = x_train[:9], y_train[:9]\nm.fit(x_test[:9], y_test[:9])"],
    ),
    (
        "chosen_by_test",
        "x = x_train\nm.fit(x, y_train, validation_split=0.2)\nx = 3",
        ["x = x_train\nm.fit(x, y_train, validation_data=(x_test, y_test))\nx = 3"],
    ),
    ("untrained", "h = m.fit(x, y)", ["h = m.fit(x, y)\nm = keras.models.clone_model(m)"]),
    ("untrained", "def train(m):\n    return m.fit(x, y)", []),
    ("untrained", "def train(m):\n    m.compile()\n    h = m.fit(x, y)\n    return h.history", []),
    (
        "untrained",
        "def train(m):\n    m.fit(x, y)\n    return m",
        ["def train(m):\n    m.fit(x, y)\n    m = keras.models.clone_model(m)\n    return m"],
    ),
    ("measured_on_training", "m.evaluate(x_test, y_test)", ["m.evaluate(x_train, y_train)"]),
    ("constant_prediction", "p = m.predict(x).argmax(axis=1)", ["p = (0 * m.predict(x)).argmax(axis=1)"]),
    ("not_normalised", "r = images.astype('float32') / 255", ["r = images.astype('float32')"]),
    ("normalised_twice", "r = x / 255.0", ["r = x / 255.0 / 255.0"]),
    ("divided_by_the_largest", "r = x / 255", ["r = x / x.max()"]),
    ("encoding_forgotten", "y = keras.utils.to_categorical(y, 10)", ["y = y"]),
    ("folds", "GridSearchCV(m, grid, cv=4)", ["GridSearchCV(m, grid, cv=5)"]),
    ("wrong_axis", "x.argmax(axis=1)", ["x.argmax(axis=0)"]),
    ("wrong_axis", "x.mean(axis=(1, 2))", ["x.mean(axis=0)"]),
    ("axis_forgotten", "np.argmax(x, axis=-1)", ["np.argmax(x)"]),
    ("function_swapped", "np.mean(x)", ["np.sum(x)"]),
    ("function_swapped", "epochs = min(40, epoch_limit)", []),
    ("name_confused", "def f(a, b):\n    return a / b", ["def f(a, b):\n    return b / b", "def f(a, b):\n    return a / a"]),
    ("off_by_one", "def f(n, k):\n    return n - k", ["def f(n, k):\n    return n - k + 1"]),
    ("off_by_one", "for i in range(n): pass", ["for i in range(n - 1): pass"]),
    ("term_forgotten", "s = n - k + 1", ["s = n + 1", "s = n - k"]),
    ("term_forgotten", "s = 2 * (a + b)", ["s = 2 * (a)"]),
    ("factor_forgotten", "s = 2 * a", ["s = 2"]),
    ("operator_swapped", "s = (a + b) * c", ["s = (a + b) / c", "s = (a - b) * c"]),
    ("operands_swapped", "s = (a - b) / c", ["s = c / (a - b)", "s = (b - a) / c"]),
    ("exponent", "s = x ** 2", ["s = x ** 3", "s = x * 2"]),
    ("sign", "s = np.exp(-x)", ["s = np.exp(x)"]),
    ("comparison_flipped", "m = (x > 0).sum()", ["m = (x < 0).sum()"]),
    ("boundary", "m = x >= 0", ["m = x > 0"]),
    ("arguments_swapped", "np.add.at(m, (true, said), 1)", ["np.add.at(m, (said, true), 1)"]),
    ("arguments_swapped", "f(a, b, 1)", ["f(b, a, 1)"]),
    ("option_forgotten", "np.bincount(y, minlength=10)", ["np.bincount(y)"]),
    ("slice_forgotten", "v = x[:n]", ["v = x"]),
    ("slice_forgotten", "x_train = x_train[:sample_limit]", []),
    ("transpose_forgotten", "g = a.T @ d", ["g = a @ d"]),
    ("type_forgotten", "x.astype('float32') / 2", ["x / 2"]),
    ("shape_forgotten", "x.reshape(len(x), -1)", ["x"]),
    ("copy_forgotten", "w = w0.copy()", ["w = w0"]),
    ("condition_ignored", "s = a if a > 0 else 0", ["s = a"]),
    ("condition_ignored", "if a > 0:\n    b()", ["if True:\n    b()"]),
    ("step_forgotten", "m.compile('sgd')\nprint(m)\nx = np.abs(x)", ["pass\nprint(m)\nx = np.abs(x)", "m.compile('sgd')\nprint(m)\npass"]),
    ("constant_answer", "def f(x):\n    return x", ["def f(x):\n    return 0"]),
    ("return_forgotten", "def f(x):\n    return (\n        x + 1\n    )", ["def f(x):\n    (\n        x + 1\n    )"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "source", "expected"), EXAMPLES, ids=[f"{name}-{index}" for index, (name, _, _) in enumerate(EXAMPLES)])
def test_a_mistake_is_one_small_edit(name: str, source: str, expected: list[str]) -> None:
    code = Code(source, KNOWN)
    assert [code.apply(edit) for edit in FIND[name](code)] == expected


def test_every_mistake_has_an_example() -> None:
    assert {name for name, _, expected in EXAMPLES if expected} == set(FIND)


def test_mistakes_are_made_in_solution_regions_only() -> None:
    source = "def f(a):\n    ### BEGIN SOLUTION\n    return a + 1\n    ### END SOLUTION\n\n\nb = f(2) + 1\n"
    code = Code(source)
    assert [code.apply(edit) for edit in FIND["term_forgotten"](code)] == [source.replace("a + 1", "a")]


def test_positions_are_right_behind_letters_of_several_bytes() -> None:
    code = Code("s = 'größe', a + b")
    assert [code.apply(edit) for edit in FIND["term_forgotten"](code)] == ["s = 'größe', a"]


def test_an_edit_that_changes_nothing_or_breaks_the_cell_gives_nothing() -> None:
    from autograder.quality.code import Edit

    code = Code("a = 1")
    assert code.apply(Edit(0, 0, "")) is None
    assert code.apply(Edit(4, 5, "(")) is None


def test_the_test_part_is_the_most_prepared_pair_and_without_a_pair_there_is_no_mistake() -> None:
    source = "network.fit(x_fit, y_fit)"
    prepared = Code(source, frozenset({"x_test", "y_test", "x_test_ready", "y_test_ready", "x_test_rows"}))
    assert [prepared.apply(edit) for edit in FIND["trained_on_test"](prepared)] == ["network.fit(x_test_ready, y_test_ready)"]
    assert list(FIND["trained_on_test"](Code(source, frozenset({"x_test_rows", "y_test"})))) == []
    assert list(FIND["trained_on_test"](Code("network.fit(batches)", prepared.known))) == []


@pytest.mark.parametrize("mistake", CATALOGUE, ids=lambda mistake: mistake.name)
def test_whatever_it_meets_a_mistake_gives_python_or_nothing(mistake: object) -> None:
    """All sources of the examples through every mistake: none raises, none gives what cannot be parsed."""
    for _, source, _ in EXAMPLES:
        code = Code(source, KNOWN)
        for edit in mistake.find(code):  # type: ignore[attr-defined]  # a Mistake
            changed = code.apply(edit)
            assert changed is None or ast.parse(changed)
