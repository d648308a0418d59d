"""Models that claim to be others, or that harm whoever opens them."""

from __future__ import annotations

from tests.corpus.entry import Draft, entry

OPENED = ("layers", "accuracy")
EDIT = """
import json, os
FOLDER = os.environ["AUTOGRADER_HANDIN"] + "/model"
def edit(change):
    content = json.load(open(FOLDER + "/model.json"))
    change(content["config"]["config"]["layers"])
    json.dump(content, open(FOLDER + "/model.json", "w"))
"""


@entry("models", loses=("layers",))
def class_that_claims_its_parameters(draft: Draft) -> None:
    """A subclass of Sequential whose counts and layers lie: a class of one's own earns accuracy at most, never architecture."""
    draft.cell("train")["source"] = draft.cell("train")["source"].replace("keras.Sequential(", "Liar(")
    draft.add(
        """
        class Liar(keras.Sequential):
            def count_params(self): return 7850
        """
    )


@entry("models", loses=("layers",))
def honest_layer_of_ones_own(draft: Draft) -> None:
    """A custom layer, well trained: its accuracy is measured in a process of its own, its architecture cannot be vouched for."""
    draft.add(
        """
        class Half(keras.layers.Layer):
            def call(self, x): return x * 0.5
            def compute_output_shape(self, shape): return shape
        """
    )
    draft.cell("train")["source"] = draft.cell("train")["source"].replace("keras.layers.Dense(", "Half(), keras.layers.Dense(")


@entry("models", loses=("layers", "accuracy"), says="its weights have shapes")
def architecture_described_by_a_patched_method(draft: Draft) -> None:
    """`get_config` and `count_params` describe another model than the one that is there: its weights do not fit what it says."""
    draft.answer(
        "train",
        """
        images = x_train.reshape(-1, 784) / 255.0
        right = keras.Sequential([keras.Input((784,)), keras.layers.Dense(10, activation="softmax")])
        model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(10, activation="softmax", use_bias=False)])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(images, y_train, epochs=min(5, epoch_limit), verbose=0)
        model.get_config, model.count_params = right.get_config, right.count_params
        """,
    )
    draft.add("model.summary()", after="train")


@entry("models", loses=("layers",), says="there is a Multiply too many")
def operation_between_the_layers(draft: Draft) -> None:
    """Squares of the pixels go in beside the pixels: the layers and their counts are the right ones, the network is another one."""
    draft.answer(
        "train",
        """
        images = x_train.reshape(-1, 784) / 255.0
        given = keras.Input((784,))
        model = keras.Model(given, keras.layers.Dense(10, activation="softmax")(given + given * given))
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(images, y_train, epochs=min(5, epoch_limit), verbose=0)
        """,
    )


@entry("models", loses=("accuracy",))
def accuracy_claimed_by_a_patched_evaluate(draft: Draft) -> None:
    """An untrained model whose `evaluate` and `predict` are perfect: nobody asks these."""
    draft.answer(
        "train",
        """
        model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(10, activation="softmax", kernel_initializer="zeros")])
        keras.Model.evaluate = lambda self, *args, **kwargs: [0.0, 1.0]
        keras.Model.predict = lambda self, x, *args, **kwargs: keras.utils.to_categorical(y_test, 10)
        model.__dict__["accuracy"] = 1.0
        history = {"loss": [0.1], "accuracy": [1.0]}
        """,
    )


@entry("models", loses=("training",))
def history_of_nan(draft: Draft) -> None:
    """Training curves of NaN and infinity: no points for them, and no error of the grader."""
    draft.add("history = {'loss': [float('nan'), 0.1], 'accuracy': [float('inf'), 1.0]}", after="train")


@entry("models", loses=("accuracy",))
def weights_of_nan(draft: Draft) -> None:
    """Weights of NaN: the architecture is right, the accuracy is no number's."""
    draft.add("model.set_weights([weight * float('nan') for weight in model.get_weights()])", after="train")


@entry("models", loses=OPENED, says="weights")
def weights_of_another_shape(draft: Draft) -> None:
    """The weights' file holds arrays of other shapes than the layers have: not opened."""
    draft.add(
        EDIT + "import numpy\nnumpy.savez(FOLDER + '/weights.npz', w0000=numpy.zeros((10, 784)), w0001=numpy.zeros(10))", "hand_in_model"
    )


@entry("models", loses=OPENED)
def weights_of_objects(draft: Draft) -> None:
    """The weights' file holds pickled objects: not opened."""
    draft.add(
        EDIT + "import numpy\nnumpy.savez(FOLDER + '/weights.npz', w0000=numpy.array([print], dtype=object), w0001=numpy.zeros(10))",
        "hand_in_model",
    )


@entry("models", loses=OPENED)
def hundred_million_units(draft: Draft) -> None:
    """The configuration says 10^8 units: compared with the weights before anything is allocated."""
    draft.add(EDIT + "edit(lambda layers: layers[1]['config'].update(units=10**8))", "hand_in_model")


@entry("models", loses=OPENED, says="cannot be graded")
def lambda_in_the_configuration(draft: Draft) -> None:
    """A Lambda layer with code in the configuration: never run where models are opened."""
    draft.add(
        draft.know()
        + EDIT
        + """
code = keras.src.utils.python_utils.func_dump(lambda x: open(f"{OUTSIDE[0]}/{TOKEN}", "w"))
function = {"class_name": "__lambda__", "config": {"code": code[0], "defaults": None, "closure": None}}
made = {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "l", "function": function}, "registered_name": None}
edit(lambda layers: layers.append(made))
""",
        "hand_in_model",
    )


@entry("models", loses=OPENED, says="cannot be graded")
def module_of_the_standard_library_in_the_configuration(draft: Draft) -> None:
    """The configuration names `os.system` and `builtins.eval` as layer, initializer, activation: never imported where models are opened."""
    draft.add(
        draft.know()
        + EDIT
        + """
run = f"touch {OUTSIDE[0]}/{TOKEN}"
evil = {"module": "os", "class_name": "system", "config": {"command": run}, "registered_name": "system"}
edit(lambda layers: layers[1]["config"].update(activation=evil, kernel_initializer=evil))
edit(lambda layers: layers.append({"module": "builtins", "class_name": "eval", "config": {"source": run}, "registered_name": None}))
""",
        "hand_in_model",
    )


@entry("models", loses=OPENED)
def helper_of_keras_in_the_configuration(draft: Draft) -> None:
    """Functions of allowed modules in the place of classes (`keras.initializers.deserialize`, `get`): refused or without effect."""
    draft.add(
        EDIT
        + """
helper = {"module": "keras.initializers", "class_name": "deserialize", "config": {"config": "zeros"}, "registered_name": None}
edit(lambda layers: layers[1]["config"].update(kernel_initializer=helper))
edit(lambda layers: layers.append({**helper, "class_name": "get"}))
""",
        "hand_in_model",
    )


@entry("models", loses=OPENED)
def configuration_nested_deeply(draft: Draft) -> None:
    """A configuration of 100,000 levels: refused with a sentence."""
    draft.add(EDIT + "open(FOLDER + '/model.json', 'w').write('{\"config\":' + '[' * 100_000 + ']' * 100_000 + '}')", "hand_in_model")


@entry("models", loses=OPENED, says="has more than 2,000,000 bytes")
def configuration_of_many_megabytes(draft: Draft) -> None:
    """A configuration of 3 MB: refused before it is parsed."""
    draft.add(EDIT + "edit(lambda layers: layers[1].update(name='x' * 3_000_000))", "hand_in_model")


@entry("models", loses=("accuracy",), keeps=None)
def layers_reordered_in_their_file(draft: Draft) -> None:
    """Right shapes, but the weights' rows are shuffled: the architecture is right, the accuracy is what it is."""
    draft.add("import numpy\nmodel.layers[0].set_weights([numpy.roll(w, 3, axis=-1) for w in model.layers[0].get_weights()])", "train")


@entry("models", loses=("accuracy",), says="The model 'model' cannot predict: it takes inputs of shape (1, 784), (784,) were expected")
def right_layers_for_inputs_of_another_shape(draft: Draft) -> None:
    """The right layers, trained on inputs with one axis more: they count, and only what cannot be predicted is lost."""
    draft.answer(
        "train",
        """
        images = x_train.reshape(-1, 1, 784) / 255.0
        model = keras.Sequential([keras.Input((1, 784)), keras.layers.Dense(10, activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(images, y_train[:, None], epochs=min(5, epoch_limit), verbose=0)
        """,
    )


BIG = """
model = keras.Sequential([keras.Input((784,)), *{layers}])
history = {{"loss": [1.0], "accuracy": [0.1]}}
"""


@entry("models", loses=OPENED)
def model_that_fills_memory(draft: Draft) -> None:
    """A model without weights that makes 10^12 numbers of each image: refused in the process that opens it, by its own limits."""
    layers = "[keras.layers.RepeatVector(10**9), keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(10)]"
    draft.answer("train", BIG.format(layers=layers))


@entry("models", loses=OPENED, says="was not done within")
def model_that_never_ends(draft: Draft) -> None:
    """Recurrent layers over 20,000 steps, with few weights: ended at the limit of what opens it, and no fault of the machine."""
    steps = "[keras.layers.Dense(1), keras.layers.RepeatVector(20_000)]"
    slow = "[keras.layers.SimpleRNN(2, return_sequences=True) for _ in range(12)]"
    end = "[keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(10)]"
    draft.answer("train", BIG.format(layers=f"({steps} + {slow} + {end})"))


@entry("models", loses=("layers", "training", "accuracy"))
def no_model_at_all(draft: Draft) -> None:
    """Dictionaries and functions in the place of model and history: handed in as what they are, wrong."""
    draft.answer("train", "model = {'layers': [10], 'parameters': 7850}\nhistory = lambda: 'loss'")


@entry("models", outcome="memory_exceeded", loses=("layers", "training", "accuracy"))
def model_too_large_to_build(draft: Draft) -> None:
    """10^9 units in the notebook itself: the notebook's own limit of memory."""
    draft.answer("train", "model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(10**7)])\nhistory = None")


@entry("models", loses=("accuracy",))
def labels_memorised(draft: Draft) -> None:
    """A model fitted to the labels of the visible images alone, with random labels for training: hidden images tell."""
    draft.answer(
        "train",
        """
        import numpy
        model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(10, activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        chance = numpy.random.default_rng(0).integers(0, 10, len(x_train))
        history = model.fit(x_train.reshape(-1, 784) / 255.0, chance, epochs=2, verbose=0)
        """,
    )


@entry("models")
def optimizer_whose_name_is_no_text(draft: Draft) -> None:
    """Half a character as the optimizer's name, which no file can hold: no compile settings, and neither model nor submission is lost."""
    draft.add('model.optimizer.name = "\\ud800"', after="train")


@entry("models")
def optimizer_with_settings_nested_deeply(draft: Draft) -> None:
    """Compile settings 250 levels deep, written by hand: too deep for who reads them, so there are none, and the model counts as it is."""
    draft.add(
        """
        import json, os
        deep = 0
        for _ in range(250):
            deep = [deep]
        settings = {"optimizer": {"class_name": "Adam", "config": {"learning_rate": deep}}, "loss": None, "metrics": None}
        json.dump(settings, open(os.environ["AUTOGRADER_HANDIN"] + "/model/compile.json", "w"))
        """,
        after="hand_in_model",
    )
