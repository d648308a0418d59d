"""Each rule for older versions: what it finds, and what looks alike and is right."""

from __future__ import annotations

import pytest

from autograder.doctor.code import CodeCell
from autograder.doctor.legacy import find_leftovers

from .samples import leftovers

HITS = [
    ("from keras.utils import np_utils", "keras.utils.np_utils"),
    ("from tensorflow.keras.utils import np_utils as helpers", "keras.utils.np_utils"),
    ("y = keras.utils.np_utils.to_categorical(y)", "keras.utils.np_utils"),
    ("from keras.layers.core import Dense", "keras.layers.core"),
    ("L = keras.layers\nL.core.Dense(3)", "keras.layers.core"),
    ("from keras.layers.core import Dropout\nDropout(p=0.5)", "p="),
    ("from keras.wrappers.scikit_learn import KerasClassifier", "keras.wrappers.scikit_learn"),
    ("K.set_image_dim_ordering('th')", "keras.backend.set_image_dim_ordering"),
    ("K.mean(x)", "keras.backend.mean"),
    ("tf.set_random_seed(1)", "tensorflow.set_random_seed"),
    ("sess = tf.Session()", "tensorflow.Session"),
    ("a.astype(np.int)", "numpy.int"),
    ("SGD(lr=0.1)", "lr="),
    ("tf.keras.optimizers.Adam(lr=0.1)", "lr="),
    ("from tensorflow.keras.optimizers import Adam as A\nA(lr=0.1)", "lr="),
    ("keras.optimizers.legacy.SGD(0.1)", "keras.optimizers.legacy"),
    ("SGD(decay=1e-6)", "decay="),
    ("model.fit(x, y, nb_epoch=3)", "nb_epoch="),
    ("model.predict_classes(x)", ".predict_classes()"),
    ("model.fit_generator(g)", ".fit_generator()"),
    ("history.history['acc']", "history['acc']"),
    ("fitted.history['val_acc']", "history['acc']"),
    ("hist['acc']", "history['acc']"),
    ("model.optimizer.lr", ".optimizer.lr"),
    ("ModelCheckpoint('best.hdf5')", "ModelCheckpoint"),
    ("ModelCheckpoint(folder + '/best.hdf5')", "ModelCheckpoint"),
    ("callbacks.ModelCheckpoint(filepath=f'{name}.h5', save_weights_only=True)", "ModelCheckpoint"),
    ("callbacks.EarlyStopping(monitor='val_acc', mode='max')", "monitor='val_acc'"),
    ("model.save_weights('model.h5')", "save_weights"),
    ("layers.Conv2D(8, 3, 3)", "Conv2D(8, 3, 3)"),
    ("from keras.layers import Convolution2D\nConvolution2D(8, 5, 5, activation='relu')", "Conv2D(8, 3, 3)"),
    ("layers.Conv2D(8, 3, border_mode='same')", "border_mode="),
    ("layers.Dense(3, init='uniform')", "init="),
    ("%time model.fit(x, y, nb_epoch=3)", "nb_epoch="),
    ("Adadelta()", "Adadelta()"),
    ("keras.optimizers.Adadelta(rho=0.9)", "Adadelta()"),
    ("model.compile('adadelta', 'mse')", "Adadelta()"),
    ("model.compile(loss='mse', optimizer='Adadelta')", "Adadelta()"),
    ("keras.optimizers.Adagrad()", "Adagrad()"),
    ("for i in xrange(3): pass", "xrange"),
    ("counts.iteritems()", ".iteritems()"),
    ("print 'done'", "print"),
    ("print >>f, 'done'", "print >>"),
    ("%matplotlib inline\nprint 'done'", "print"),
    ("try:\n    pass\nexcept ValueError, e:\n    pass", "except"),
    ("if True:\n    async def f():\n        model.fit(x, y, nb_epoch=[3 for _ in y])", "nb_epoch="),
]
MISSES = [
    "note = 'from keras.utils import np_utils'  # keras.layers.core, lr=",
    '"""model.fit(x, y, nb_epoch=3); SGD(lr=0.1)"""',
    "# print 'done'",
    "from keras.utils import to_categorical",
    "from mylib.utils import np_utils",
    "np_utils = 3\nnp_utils.real",
    "from keras.layers import Dense",
    "tf.keras.backend.mean(x)",
    "from tensorflow.keras.preprocessing.image import ImageDataGenerator",
    "tf.keras.utils.set_random_seed(1)",
    "import tensorflow.compat.v1 as tf\ntf.Session()",
    "a.astype(np.int64)",
    "numpy.int",
    "train(lr=0.1)",
    "torch.optim.SGD(parameters, lr=0.1)",
    "def SGD(lr): return lr\nSGD(lr=0.1)",
    "schedule = dict(lr=0.1)",
    "SGD(learning_rate=0.1)",
    "fit(x, y, nb_epoch=3)",
    "nb_epoch = 3\nmodel.fit(x, y, epochs=nb_epoch)",
    "class Mine(keras.Model):\n    def predict_classes(self, x): return 1\nMine().predict_classes(x)",
    "model.predict_proba(x)",
    "history.history['accuracy']",
    "scores['acc']",
    "model.compile('adam', 'mse', metrics=['acc'])\nhistory.history['acc']\ncallbacks.EarlyStopping(monitor='val_acc', mode='max')",
    "model.optimizer.learning_rate",
    "settings.lr",
    "ModelCheckpoint('best.keras')",
    "ModelCheckpoint('best.h5')",
    "ModelCheckpoint('best.weights.h5', save_weights_only=True)",
    "ModelCheckpoint(path)",
    "ModelCheckpoint('best.hdf5', save_weights_only=only)",
    "model.save_weights('model.weights.h5')",
    "np.save('weights.h5', w)",
    "layers.Conv2D(8, (3, 3))",
    "layers.Conv2D(8, 3, 2)",
    "layers.Conv2D(8, 1, 1)",
    "layers.Conv2D(8, 3, strides=3)",
    "layers.Conv2D(8, size, size)",
    "layers.Dense(8, 3, 3)",
    "torch.nn.Conv2d(8, 3, 3)",
    "Adadelta(learning_rate=1.0)",
    "Adadelta(1.0)",
    "Adadelta(**settings)",
    "model.compile('sgd', 'mse')",
    "import re\nre.compile('adadelta')  # a pattern that only looks like it".replace(
        "re.compile('adadelta')", "re.compile('adadelta|sgd')"
    ),
    "layers.Dense(3, kernel_initializer='uniform')",
    "mylib.Dense(3, init='uniform')",
    "xrange = range\nxrange(3)",
    "print('done')",
    "print(",
    "hist = {'acc': []}\nhist['acc'].append(0.5)",
    "history = dict(acc=[])\nprint(history['acc'])",
    "!pip install keras==2.3\nfiles = !ls\n%time model.fit(x, y)\nmodel.fit?",
    "%%bash\nprint 'not python at all'",
    "",
]


@pytest.mark.parametrize(("source", "subject"), HITS, ids=[source for source, _ in HITS])
def test_hits(source: str, subject: str) -> None:
    assert subject in leftovers(source)


@pytest.mark.parametrize("source", MISSES)
def test_near_misses(source: str) -> None:
    assert leftovers(source) == []


def test_what_was_imported_from_a_module_that_is_gone_is_still_known() -> None:
    sources = ("from keras.layers.convolutional import Convolution2D as C", "C(8, 3, 3)")
    assert leftovers(*sources) == ["keras.layers.convolutional", "Conv2D(8, 3, 3)"]


def test_a_later_binding_replaces_an_earlier_one() -> None:
    assert leftovers("from torch.optim import SGD", "SGD(lr=0.1)") == []
    assert leftovers("SGD(lr=0.1)", "from torch.optim import SGD") == ["lr="]


def test_places_are_lines_of_the_cell_as_written() -> None:
    source = "%%time\n!ls \\\n  -l\n\nmodel.fit(x, y,\n          nb_epoch=3)"
    (found,) = find_leftovers([CodeCell(7, source, "train")])
    assert str(found.place) == "cell 7 'train', line 5"


def test_locked_cells_tell_names_but_have_no_findings() -> None:
    cells = [CodeCell(1, "from keras import optimizers\noptimizers.SGD(lr=1)", locked=True), CodeCell(2, "optimizers.SGD(lr=1)")]
    assert [each.place.cell for each in find_leftovers(cells)] == [2]


@pytest.mark.parametrize(
    "source",
    [
        "-" * 90_000 + "1",
        "a" + ".b" * 40_000,
        "(" * 50_000,
        "a\x00b",
        "\ud800",
        "x" * 200_000,
        "if 1: pass\n" + "elif 1: pass\n" * 7_000,
        "%%",
        "!\\",
    ],
    ids=["minus", "attributes", "brackets", "null", "surrogate", "long", "elif", "magic", "backslash"],
)
def test_what_python_itself_refuses_is_no_crash(source: str) -> None:
    assert leftovers(source) == []
