"""Leftovers of older Keras, TensorFlow, NumPy and Python, as tables: what is written, what becomes of it today, what to write instead.

To know one more, add a line; tests/doctor/test_idioms_are_true.py runs each against the installed libraries.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from autograder.doctor.finding import Severity

_LIBRARIES = {"keras": "Keras", "tensorflow": "TensorFlow", "numpy": "NumPy", "sklearn": "scikit-learn", "scipy": "SciPy"}
_IMPORT = ("ImportError", "ModuleNotFoundError", "AttributeError")


@dataclass(frozen=True)
class Idiom:
    """One leftover. `raises`: names of the exceptions it ends in; `sign`: a pattern in their messages that tells this cause from
    others. `silent`: it means something else today and raises nothing itself; `raises` is then where that may show. `now`: the
    module that stands in the place of one that is gone.
    """

    subject: str
    reason: str
    cure: str
    raises: tuple[str, ...] = ()
    sign: str = ""
    severity: Severity = "costs points"
    now: str = ""
    silent: bool = False

    def explains(self, error: str, message: str) -> bool:
        """Whether an exception of this name and message is what the idiom ends in."""
        return error.rpartition(".")[2] in self.raises and re.search(self.sign, message[:2_000]) is not None


def _gone(name: str, cure: str, now: str = "") -> tuple[str, Idiom]:
    last = re.escape(name.rpartition(".")[2])
    reason = f"`{name}` belongs to an older {_LIBRARIES[name.partition('.')[0]]}; the one installed here no longer has it."
    return name, Idiom(name, reason, cure, _IMPORT, rf"['.]{last}['`]", now=now)


def _moved(old: str, now: str, example: str) -> tuple[str, Idiom]:
    return _gone(old, f"Write `{example}`.", now)


_LAYERS = "from keras.layers import …"
_TO_CATEGORICAL = "Write `keras.utils.to_categorical(…)`."
_TF1 = "It belongs to TensorFlow 1 and its sessions. With Keras 3 nothing stands in its place: leave the line out."

# Full dotted names, of Keras and of `tensorflow.keras` alike.
GONE: dict[str, Idiom] = dict(
    [
        _gone("keras.utils.np_utils", _TO_CATEGORICAL, "keras.utils"),
        *(
            _moved(f"keras.layers.{part}", "keras.layers", _LAYERS)
            for part in (
                "core", "convolutional", "pooling", "normalization", "recurrent", "advanced_activations", "embeddings", "merge", "noise",
                "wrappers", "local", "convolutional_recurrent",
            )
        ),
        _gone("keras.layers.Merge", "Write `keras.layers.Concatenate()([a, b])` or `keras.layers.Add()([a, b])`."),
        _gone("keras.layers.experimental", "Its layers are in `keras.layers` itself.", "keras.layers"),
        _gone("keras.layers.CuDNNLSTM", "Write `keras.layers.LSTM(…)`; it uses the GPU by itself."),
        _gone("keras.layers.CuDNNGRU", "Write `keras.layers.GRU(…)`; it uses the GPU by itself."),
        _gone("keras.layers.LocallyConnected1D", "There is no such layer any more; a `Conv1D` comes nearest."),
        _gone("keras.layers.LocallyConnected2D", "There is no such layer any more; a `Conv2D` comes nearest."),
        _gone("keras.layers.AtrousConvolution2D", "Write `keras.layers.Conv2D(…, dilation_rate=…)`."),
        _gone("keras.layers.Deconvolution2D", "Write `keras.layers.Conv2DTranspose(…)`."),
        _gone("keras.layers.MaxoutDense", "There is no such layer any more."),
        _gone("keras.layers.Highway", "There is no such layer any more."),
        _gone("keras.layers.TimeDistributedDense", "Write `keras.layers.TimeDistributed(keras.layers.Dense(…))`."),
        _gone("keras.engine", "`Layer` is `keras.layers.Layer`, `Model` is `keras.Model`."),
        _gone("keras.objectives", "Write `keras.losses`.", "keras.losses"),
        _gone("keras.models.Graph", "Write `keras.Model(inputs=…, outputs=…)`."),
        _gone("keras.models.model_from_yaml", "Write `keras.models.model_from_json`."),
        _gone("keras.utils.vis_utils", "Write `keras.utils.plot_model(…)`.", "keras.utils"),
        _gone("keras.utils.generic_utils", "What is left of it is in `keras.utils`.", "keras.utils"),
        _gone("keras.utils.data_utils", "Write `keras.utils.get_file(…)`.", "keras.utils"),
        _gone("keras.utils.training_utils", "Leave it out: one device is enough here."),
        _gone("keras.utils.multi_gpu_model", "Leave it out: one device is enough here."),
        _gone("keras.wrappers.scikit_learn", "Write `from keras.wrappers import SKLearnClassifier`; it takes `model=`, not `build_fn=`."),
        _gone("keras.callbacks.callbacks", "Write `from keras.callbacks import …`.", "keras.callbacks"),
        _gone("keras.constraints.maxnorm", "Write `keras.constraints.MaxNorm(…)`."),
        _gone("keras.regularizers.l1l2", "Write `keras.regularizers.l1_l2(…)`."),
        _gone("keras.regularizers.WeightRegularizer", "Write `keras.regularizers.l1_l2(…)`."),
        _gone("keras.initializers.normal", "Write `keras.initializers.RandomNormal()`."),
        _gone("keras.initializers.uniform", "Write `keras.initializers.RandomUniform()`."),
        *(
            _gone(f"keras.optimizers.{name}", f"Write `keras.optimizers.{right}(…)`: the classes begin with capitals.")
            for name, right in (
                ("adam", "Adam"), ("sgd", "SGD"), ("rmsprop", "RMSprop"), ("adadelta", "Adadelta"), ("adagrad", "Adagrad"),
                ("adamax", "Adamax"), ("nadam", "Nadam"),
            )
        ),
        _gone("keras.backend.set_image_dim_ordering", "Leave it out: images are (height, width, channels)."),
        _gone("keras.backend.image_dim_ordering", "Write `keras.config.image_data_format()`."),
        _gone("keras.backend.tensorflow_backend", "Write `from keras import backend as K`, and `keras.ops` for its functions."),
        *(_gone(f"keras.backend.{name}", _TF1) for name in ("get_session", "set_session", "learning_phase", "set_learning_phase")),
        *(
            _gone(f"tensorflow.{name}", _TF1)
            for name in (
                "Session", "InteractiveSession", "ConfigProto", "GPUOptions", "placeholder", "get_default_graph", "reset_default_graph",
                "global_variables_initializer", "get_variable", "app", "contrib", "layers", "logging", "examples",
            )
        ),
        _gone("tensorflow.set_random_seed", "Write `keras.utils.set_random_seed(seed)`."),
        _gone("tensorflow.random.set_random_seed", "Write `keras.utils.set_random_seed(seed)`."),
        _gone("tensorflow.train.AdamOptimizer", "Write `keras.optimizers.Adam(…)`."),
        _gone("tensorflow.train.GradientDescentOptimizer", "Write `keras.optimizers.SGD(…)`."),
        *(_gone(f"numpy.{name}", f"Write `{name}`.") for name in ("int", "float", "object", "complex")),
        _gone("numpy.float_", "Write `np.float64`."),
        _gone("numpy.NaN", "Write `np.nan`."),
        _gone("numpy.Inf", "Write `np.inf`."),
        _gone("numpy.product", "Write `np.prod`."),
        _gone("sklearn.cross_validation", "Write `from sklearn.model_selection import …`."),
        _gone("sklearn.grid_search", "Write `from sklearn.model_selection import …`."),
        _gone("sklearn.externals.joblib", "Write `import joblib`."),
        *(_gone(f"scipy.misc.{name}", "Use matplotlib: `plt.imread(…)`, `plt.imshow(…)`.") for name in ("imread", "imresize", "imshow")),
    ]
)  # fmt: skip

GONE["google.colab"] = Idiom(
    "google.colab", "`google.colab` exists in Colab alone.", "Leave the line out, and use the data that the assignment gives you.",
    _IMPORT, r"'google(\.colab)?'",
)  # fmt: skip
# Optimizers' own namespace: importing it works, using anything in it does not.
_LEGACY = "`keras.optimizers.legacy` is only a name in Keras 3: its optimizers cannot be used."
GONE["keras.optimizers.legacy"] = Idiom(
    "keras.optimizers.legacy", _LEGACY, "Write `keras.optimizers.Adam(…)` and so on.", ("ImportError",), "optimizers.legacy",
    now="keras.optimizers",
)  # fmt: skip


# Gone from `keras`, still there below `tensorflow.keras`.
GONE_FROM_KERAS: dict[str, Idiom] = dict(
    [
        _gone("keras.preprocessing.image.ImageDataGenerator", "Begin the model with layers such as `keras.layers.RandomRotation(…)`."),
        _gone("keras.preprocessing.text", "Write `keras.layers.TextVectorization(…)`."),
        _gone("keras.layers.ThresholdedReLU", "Write `keras.layers.ReLU(threshold=…)`."),
        *(
            _gone(f"keras.backend.{old}", f"Write `keras.ops.{now}(…)`.")
            for old, now in (
                ("mean", "mean"), ("sum", "sum"), ("square", "square"), ("sqrt", "sqrt"), ("exp", "exp"), ("log", "log"),
                ("max", "max"), ("min", "min"), ("abs", "abs"), ("clip", "clip"), ("cast", "cast"), ("round", "round"),
                ("argmax", "argmax"), ("equal", "equal"), ("dot", "matmul"), ("reshape", "reshape"), ("tanh", "tanh"),
                ("sigmoid", "sigmoid"), ("relu", "relu"), ("softmax", "softmax"), ("expand_dims", "expand_dims"), ("zeros", "zeros"),
                ("ones", "ones"), ("maximum", "maximum"), ("minimum", "minimum"), ("shape", "shape"), ("int_shape", "shape"),
                ("get_value", "convert_to_numpy"), ("eval", "convert_to_numpy"),
                ("categorical_crossentropy", "categorical_crossentropy"), ("binary_crossentropy", "binary_crossentropy"),
            )
        ),
    ]
)  # fmt: skip


def _keyword(callee: str, keyword: str, cure: str, raises: str = "ValueError", sign: str = "") -> tuple[tuple[str, str], Idiom]:
    reason = f"Keras 3 does not know the argument `{keyword}=`; it is of an older version."
    return (callee, keyword), Idiom(f"{keyword}=", reason, cure, (raises,), sign or f"'{keyword}'")


# (module whose functions and classes are called, keyword).
KEYWORDS: dict[tuple[str, str], Idiom] = dict(
    [
        _keyword("keras.optimizers", "lr", "Write `learning_rate=`."),
        (
            ("keras.optimizers", "decay"),
            Idiom(
                "decay=", "Keras 3 ignores the argument `decay=`: the learning rate stays what it is.",
                "Leave it out, or give `learning_rate=keras.optimizers.schedules.InverseTimeDecay(…)`.",
                severity="worth knowing", silent=True,
            ),
        ),
        _keyword("keras.layers", "border_mode", "Write `padding=`."),
        _keyword("keras.layers", "dim_ordering", "Leave it out: images are (height, width, channels)."),
        _keyword("keras.layers", "subsample", "Write `strides=`."),
        _keyword("keras.layers", "init", "Write `kernel_initializer=`."),
        _keyword("keras.layers", "bias", "Write `use_bias=`."),
        _keyword("keras.layers", "W_regularizer", "Write `kernel_regularizer=`."),
        _keyword("keras.layers", "b_regularizer", "Write `bias_regularizer=`."),
        _keyword("keras.layers", "W_constraint", "Write `kernel_constraint=`."),
        _keyword("keras.layers", "inner_activation", "Write `recurrent_activation=`."),
        _keyword("keras.layers", "nb_filter", "Write `filters=`, and the kernel as `kernel_size=(3, 3)`.", "TypeError", "'filters'"),
        _keyword("keras.layers", "filter_length", "Write `kernel_size=`.", "TypeError", "'kernel_size'"),
        _keyword("keras.layers.Dense", "output_dim", "Write `units=`, or the number alone: `Dense(10)`.", "TypeError", "'units'"),
        _keyword("keras.layers.Dropout", "p", "Write `rate=`, or the number alone: `Dropout(0.5)`.", "TypeError", "'rate'"),
        _keyword("keras.Model", "input", "Write `inputs=`."),
        _keyword("keras.Model", "output", "Write `outputs=`."),
        _keyword("keras.models.Model", "input", "Write `inputs=`."),
        _keyword("keras.models.Model", "output", "Write `outputs=`."),
        _keyword("keras.utils.to_categorical", "nb_classes", "Write `num_classes=`.", "TypeError"),
        _keyword("keras.callbacks.ModelCheckpoint", "period", "Write `save_freq=`.", "TypeError"),
        _keyword("keras.callbacks.TensorBoard", "write_grads", "Leave it out.", "TypeError"),
    ]
)  # fmt: skip

# (method of any object, keyword).
METHOD_KEYWORDS: dict[tuple[str, str], Idiom] = {
    ("fit", keyword): Idiom(f"{keyword}=", f"`fit` has no argument `{keyword}=` any more.", cure, ("TypeError",), f"'{keyword}'")
    for keyword, cure in (
        ("nb_epoch", "Write `epochs=`."),
        ("show_accuracy", 'Leave it out, and write `metrics=["accuracy"]` into `compile`.'),
        ("samples_per_epoch", "Write `steps_per_epoch=`, counted in batches."),
    )
}


def _method(name: str, cure: str) -> tuple[str, Idiom]:
    return name, Idiom(f".{name}()", f"There is no method `{name}` any more.", cure, ("AttributeError",), rf"'{name}'")


# Methods of models, and of Python 2's dictionaries.
METHODS: dict[str, Idiom] = dict(
    [
        _method("fit_generator", "Write `fit(…)`: it takes generators too."),
        _method("evaluate_generator", "Write `evaluate(…)`: it takes generators too."),
        _method("predict_generator", "Write `predict(…)`: it takes generators too."),
        _method("predict_classes", "Write `model.predict(x).argmax(axis=1)`."),
        _method("to_yaml", "Write `to_json()`."),
        _method("has_key", "Write `key in dictionary`."),
        _method("iteritems", "Write `items()`."),
        _method("itervalues", "Write `values()`."),
    ]
)

# Functions of Python 2.
NAMES: dict[str, Idiom] = {
    name: Idiom(name, f"`{name}` is Python 2.", f"Write `{now}`.", ("NameError",), f"'{name}'")
    for name, now in (("xrange", "range"), ("raw_input", "input"), ("unicode", "str"), ("unichr", "chr"), ("basestring", "str"))
}

# What a syntax error's message begins with: Python 2, which Python 3 recognises itself.
SYNTAX: dict[str, Idiom] = {
    message: Idiom(subject, reason, cure, ("SyntaxError",), re.escape(message))
    for message, subject, reason, cure in (
        ("Missing parentheses in call to 'print'", "print", "This is Python 2: there `print` was a statement.", "Write `print(…)`."),
        ("Missing parentheses in call to 'exec'", "exec", "This is Python 2: there `exec` was a statement.", "Write `exec(…)`."),
        (
            "multiple exception types must be parenthesized",
            "except",
            "This is Python 2's `except`.",
            "Write `except ValueError as error:`.",
        ),
        ("leading zeros in decimal integer literals", "0…", "This is Python 2's octal number.", "Write `0o17`, or leave the zero out."),
    )
}

PRINT_INTO = Idiom(
    "print >>", "This is Python 2: there `print >>file, …` wrote into a file.", "Write `print(…, file=file)`.", ("TypeError",),
    r"for >>: 'builtin_function_or_method'",
)  # fmt: skip
LR_OF_OPTIMIZER = Idiom(
    ".optimizer.lr", "An optimizer's rate is no longer called `lr`.", "Write `model.optimizer.learning_rate`.", ("AttributeError",), "'lr'"
)
ACC_IN_HISTORY = Idiom(
    "history['acc']", 'The history has no `acc`: a metric is named as in `compile`, which says `"accuracy"`.',
    'Write `history.history["accuracy"]` and `["val_accuracy"]`.', ("KeyError",), r"\b(val_)?acc\b",
)  # fmt: skip
ACC_MONITORED = Idiom(
    "monitor='val_acc'", "There is no metric `val_acc`: it is named as in `compile`. The callback raises an error, or never acts.",
    'Write `monitor="val_accuracy"`.', ("ValueError",), r"monitor=(val_)?acc\b",
)  # fmt: skip
CHECKPOINT_FILE = Idiom(
    "ModelCheckpoint", "`ModelCheckpoint` takes only file names that end in `.keras`, or in `.weights.h5` with `save_weights_only=True`.",
    "Change the end of the name. Better leave it out: what you hand in is taken from the notebook's variables.",
    ("ValueError",), "filepath provided must end in",
)  # fmt: skip
WEIGHTS_FILE = Idiom(
    "save_weights", "`save_weights` takes only file names that end in `.weights.h5`.", "Change the end of the name, or leave the line out.",
    ("ValueError",), r"must end in `\.weights\.h5`",
)  # fmt: skip
KERNEL_IN_TWO = Idiom(
    "Conv2D(8, 3, 3)",
    "The third number is the stride now, no longer the kernel's second side: the layer skips most positions, and its output is smaller.",
    "Write the kernel as one: `Conv2D(8, (3, 3))`. If you do want a stride, name it: `strides=3`.",
    ("ValueError", "CheckFailed"),
    r"output size would be (?:zero or )?negative|model's output|parameters",
    silent=True,
)
ADADELTA_RATE = Idiom(
    "Adadelta()", "The default learning rate of `Adadelta` was 1.0 and is 0.001 now: the network hardly learns.",
    "Unless the task asks for the default, write `keras.optimizers.Adadelta(learning_rate=1.0)`.", severity="worth knowing", silent=True,
)  # fmt: skip
ADAGRAD_RATE = Idiom(
    "Adagrad()", "The default learning rate of `Adagrad` was 0.01 and is 0.001 now: the network learns more slowly.",
    "Write `keras.optimizers.Adagrad(learning_rate=0.01)`.", severity="worth knowing", silent=True,
)  # fmt: skip
