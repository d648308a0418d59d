"""What happens to honest students: none of it costs points that the answers deserve."""

from __future__ import annotations

import json

from tests.corpus.entry import Draft, code_cell, entry

DATA_ONLY = ("scaled", "total", "curve")


@entry()
def warns(draft: Draft) -> None:
    """Right answers that warn, log and print to standard error: all points (nbgrader alone gave none)."""
    noise = "import logging, sys, warnings\nwarnings.warn('careful')\nlogging.warning('odd')\nprint('to stderr', file=sys.stderr)\n"
    draft.answer(
        "prepare", noise + "scaled = x_test[:50].reshape(50, 784) / 255\ntotal = int(y_test.sum())\ncurve = {'loss': [0.9, 0.5, 0.25]}"
    )
    draft.answer("write_double", "def double(n):\n    warnings.warn('doubling', DeprecationWarning)\n    print('noise')\n    return 2 * n")


@entry()
def progress_bars(draft: Draft) -> None:
    """Progress bars with carriage returns and cleared outputs: collapsed, all points."""
    draft.add(
        """
        import sys
        from IPython.display import clear_output
        for step in range(2_000):
            print(f"\\r{step} of 2000 [{'=' * (step // 100)}]", end="")
            sys.stdout.flush()
        clear_output(wait=True)
        print("done")
        """
    )


@entry(outcome="cell_error", loses=("double", "middle"))
def unfinished(draft: Draft) -> None:
    """Half the cells are as released, with NotImplementedError: the finished half counts."""
    draft.answer("write_double", "# YOUR CODE HERE\nraise NotImplementedError()")
    draft.answer("write_middle", "# YOUR CODE HERE\nraise NotImplementedError()")


@entry(outcome="cell_error", loses=("double",))
def syntax_error(draft: Draft) -> None:
    """A cell that is no Python costs its own points only."""
    draft.answer("write_double", "def double(n)\n    return 2 * n")


@entry(flags=("wrong_kernel",))
def wrong_kernel(draft: Draft) -> None:
    """The notebook names a kernel of the student's own machine: the course's is used."""
    draft.notebook["metadata"]["kernelspec"] = {"name": "conda-env-dl-py", "display_name": "Python [dl]", "language": "python"}


@entry(flags=("renamed_notebook",))
def renamed_notebook(draft: Draft) -> None:
    """The only notebook has a name of its own: it is taken."""
    draft.name = "basics (1) final.ipynb"


@entry(flags=("renamed_notebook",))
def renamed_among_others(draft: Draft) -> None:
    """The notebook was renamed, and another one lies beside it: found by its grade ids."""
    draft.name = "my homework.ipynb"
    draft.beside["scratch.ipynb"] = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}).encode()


@entry(flags=("duplicate_cell",), outcome="cell_error")
def duplicated_cell(draft: Draft) -> None:
    """A solution cell was copied before it was changed: the last changed one counts, the copy is a cell like any other."""
    released = json.loads(json.dumps(draft.cell("write_double")))
    released["source"] = "# YOUR CODE HERE\nraise NotImplementedError()"
    draft.notebook["cells"].insert(0, released)


@entry(flags=("deleted_cell",), outcome="cell_error", loses=("double",))
def deleted_answer(draft: Draft) -> None:
    """A solution cell was deleted: it stands there as released, and only its points are lost."""
    draft.notebook["cells"].remove(draft.cell("write_double"))


@entry(unscored=True, outcome="unreadable", says="is empty")
def empty_file(draft: Draft) -> None:
    """A file without a byte: not scored, which is not 0."""
    draft.data = b""


@entry(unscored=True, outcome="unreadable", says="not valid JSON")
def cut_off_file(draft: Draft) -> None:
    """Half a file, as after a broken upload: not scored, which is not 0, with the reason."""
    draft.data = json.dumps(draft.notebook).encode()[:4_000]


@entry(unscored=True, outcome="unreadable", says="no cell of this assignment")
def notebook_without_cells(draft: Draft) -> None:
    """A notebook without any cell: nothing of the assignment is in it, which the student is told instead of getting 0 points."""
    draft.notebook["cells"] = []


@entry()
def windows_line_ends(draft: Draft) -> None:
    """Line ends of Windows, in the file and in the cells."""
    for cell in draft.cells:
        cell["source"] = cell["source"].replace("\n", "\r\n")
    draft.data = json.dumps(draft.notebook, indent=1).replace("\n", "\r\n").encode()


@entry()
def byte_order_mark(draft: Draft) -> None:
    """A byte order mark in front of the JSON: read like any other file."""
    draft.data = b"\xef\xbb\xbf" + json.dumps(draft.notebook, ensure_ascii=False).encode()


@entry()
def utf_16(draft: Draft) -> None:
    """Saved as UTF-16, as some editors of Windows do."""
    draft.data = json.dumps(draft.notebook, ensure_ascii=False).encode("utf-16")


@entry()
def old_minor_format(draft: Draft) -> None:
    """nbformat 4.0: no cell ids, sources as lists, `collapsed` in the metadata."""
    draft.notebook |= {"nbformat_minor": 0}
    for cell in draft.cells:
        del cell["id"]
        cell["metadata"]["collapsed"] = False
        cell["source"] = cell["source"].splitlines(keepends=True)


@entry()
def outputs_left_in(draft: Draft) -> None:
    """Handed in with a megabyte of outputs of an earlier run, errors among them: they mean nothing."""
    for cell in draft.cells:
        if cell["cell_type"] == "code":
            cell["outputs"] = [
                {"output_type": "stream", "name": "stdout", "text": "old\n" * 10_000},
                {"output_type": "error", "ename": "AssertionError", "evalue": "old", "traceback": ["old"]},
            ]


@entry()
def shadowed_builtins(draft: Draft) -> None:
    """Variables called `list`, `print`, `len`, `str`, `sum`, `open`, `type` in the student's own cells."""
    draft.add("list, print, len, str, sum, open, type, int_ = [1], 'out', 3, 'text', 7, None, 'type', int", after="prepare")


@entry(loses=("middle",))
def shadowed_numpy(draft: Draft) -> None:
    """`np = 3` after the data was handed in: only the function that uses it loses its points."""
    draft.add("np = 3", after="hand_in_data")


@entry()
def shadowed_hand_in(draft: Draft) -> None:
    """A variable called `hand_in`: the locked cell still hands in."""
    draft.add("hand_in = 'done on Monday'", after="prepare")


@entry("models")
def activation_written_as_a_function(draft: Draft) -> None:
    """A functional model whose softmax is called like a function: the same network, all points."""
    draft.answer(
        "train",
        """
        images = x_train.reshape(-1, 784) / 255.0
        given = keras.Input((784,))
        model = keras.Model(given, keras.activations.softmax(keras.layers.Dense(10)(given)))
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(images, y_train, epochs=min(5, epoch_limit), verbose=0)
        """,
    )


@entry("models")
def shadowed_input(draft: Draft) -> None:
    """`from keras import Input`, as in most tutorials, before a locked cell that says `Input(shape=…, range=…)`: still handed in."""
    draft.add("from keras import Input")


@entry(outcome="cell_error")
def sys_exit(draft: Draft) -> None:
    """`sys.exit()` at the end of a right cell: the cell failed, its answer counts."""
    draft.answer("write_double", "import sys\n\ndef double(n):\n    return 2 * n\n\nsys.exit()")


@entry()
def exit_of_ipython(draft: Draft) -> None:
    """`exit` at the end of a cell: the kernel goes on, and all counts."""
    draft.answer("write_double", "def double(n):\n    return 2 * n\n\nexit")


@entry()
def changes_folder(draft: Draft) -> None:
    """`os.chdir` and `%cd`: hand-ins do not depend on the working folder."""
    draft.add("import os, tempfile\nos.chdir(tempfile.mkdtemp())\n%cd /")


@entry()
def shows_plots(draft: Draft) -> None:
    """Plots, `plt.show()`, and a backend that needs a window."""
    draft.add("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nplt.switch_backend('agg')\nplt.plot([1])\nplt.show()")


@entry(outcome="cell_error")
def asks_for_input(draft: Draft) -> None:
    """`input()` and `getpass()`: an error at once, nobody waits."""
    draft.add("name = input('Your name? ')", after="hand_in_data")


@entry()
def warnings_are_errors(draft: Draft) -> None:
    """Every warning is an error from here on: hand-ins still work."""
    draft.add("import warnings\nwarnings.simplefilter('error')\nnp.seterr(all='raise')", after="imports")


@entry("models")
def reseeds_everything(draft: Draft) -> None:
    """Global random generators changed, also of Keras: another training, the same points."""
    draft.add("import random, numpy\nrandom.seed(4)\nnumpy.random.seed(5)\nkeras.utils.set_random_seed(6)")


@entry()
def leaves_threads(draft: Draft) -> None:
    """Threads that still run and print when the notebook ends."""
    draft.add(
        """
        import threading, time
        def talk():
            while True:
                time.sleep(0.05)
                print("still here")
        for _ in range(3):
            threading.Thread(target=talk).start()
        """
    )


@entry(outcome="cell_error")
def missing_module(draft: Draft) -> None:
    """An import of what is not installed, in a cell of its own."""
    draft.add("import torchvision_of_my_laptop")


@entry(outcome="cell_error")
def absolute_path(draft: Draft) -> None:
    """A file of the student's own machine: that cell fails, the answers count."""
    draft.add("rows = open('C:/Users/me/data.csv').read() + open('/home/me/data.csv').read()")


@entry(outcome="cell_error", keeps=DATA_ONLY)
def crash_after_a_hand_in(draft: Draft) -> None:
    """An error in the second section: the first one counts."""
    draft.answer("write_double", "double = 1 / 0")
    draft.answer("write_middle", "middle = undefined")


@entry(outcome="kernel_died")
def crash_at_the_very_end(draft: Draft) -> None:
    """The process ends after everything was handed in, before its functions were asked: they are asked in a second execution."""
    draft.add("import os\nos._exit(1)", after="hand_in_functions")


@entry(outcome=("completed", "cell_error"))
def shell_commands_and_magics(draft: Draft) -> None:
    """`!`, `%timeit`, `%%bash`, `%matplotlib`: they fail or not, the answers count."""
    draft.add("%%bash\necho hello")
    draft.add("!false\n%timeit -n1 -r1 sum(range(10))\n%matplotlib inline")


@entry()
def shadowing_file_beside(draft: Draft) -> None:
    """Files called numpy.py and autograder.py beside the notebook: not allowed here, left out."""
    draft.beside |= {"numpy.py": b"raise ValueError('mine')", "autograder.py": b"raise ValueError('mine')"}


@entry()
def checkpoints_and_system_files(draft: Draft) -> None:
    """`.ipynb_checkpoints`, `.DS_Store`, feedback of an earlier attempt: ignored."""
    draft.beside |= {".ipynb_checkpoints/basics-checkpoint.ipynb": b"{}", ".DS_Store": b"x", "feedback/basics.html": b"<html>"}


@entry()
def numpy_scalars_and_lists(draft: Draft) -> None:
    """Right answers of other types: numpy's integers, lists in the place of arrays."""
    draft.add("total = y_test.sum()\ncurve = {'loss': (0.9, np.float32(0.5), 0.25)}", after="prepare")
    draft.answer("write_double", "def double(n):\n    return np.float64(2) * n if isinstance(n, float) else np.int64(2 * n)")
    draft.answer("write_middle", "def middle(rows):\n    return np.median(rows, axis=1).tolist()")


@entry(outcome="cell_error", loses=("double",))
def function_never_defined_because_of_a_typo(draft: Draft) -> None:
    """`doubel`: reported as missing by the hand-in, the other function counts."""
    draft.answer("write_double", "def doubel(n):\n    return 2 * n\n\ndouble(3)")


@entry(loses=("double",), says="double raised ZeroDivisionError")
def function_that_raises(draft: Draft) -> None:
    """A function that fails for the arguments of the graders: its points are lost, with the reason."""
    draft.answer("write_double", "def double(n):\n    return n / 0")


@entry()
def exit_in_the_last_cell(draft: Draft) -> None:
    """`exit()` where somebody was done: the graders' questions are still answered."""
    draft.notebook["cells"].append(code_cell("exit()"))


@entry(outcome="unreadable", unscored=True, says="damaged or cut off")
def upload_cut_off_within_an_output(draft: Draft) -> None:
    """1 MB of an HTML output, and then nothing: told at once, though every escaped quote in it could be the start of a text."""
    draft.data = b'{"nbformat": 4, "cells": [{"cell_type": "code", "outputs": [{"data": {"text/html": ["' + b'<a b=\\"c\\">' * 90_000


@entry()
def time_at_the_end_of_the_calendar(draft: Draft) -> None:
    """A `timestamp.txt` that no time zone can tell: no time is known, and pages are written."""
    draft.beside["timestamp.txt"] = b"9999-12-31 23:59:59"


@entry()
def time_that_dateutil_cannot_bear(draft: Draft) -> None:
    """A `timestamp.txt` at which the library that reads it fails in a way of its own."""
    draft.beside["timestamp.txt"] = b"24:00" + b"9" * 150 + b" /+"


@entry(loses=("double",), flags=("questions_replayed",))
def one_function_ends_the_notebook(draft: Draft) -> None:
    """A function that ends its process when it is called: it loses its own points, and no other function does."""
    draft.answer("write_double", "import os\ndef double(n):\n    os._exit(1)")


@entry("models")
def softmax_of_tensorflow(draft: Draft) -> None:
    """`activation=tf.nn.softmax`, as TensorFlow's own tutorials once wrote it: the same function as Keras' own, all points."""
    source = draft.cell("train")["source"]
    assert 'activation="softmax"' in source
    draft.cell("train")["source"] = "import tensorflow as tf\n" + source.replace('activation="softmax"', "activation=tf.nn.softmax")


@entry(
    "models",
    loses=("layers",),
    flags=("custom_model",),
    says="it uses 'Lambda' ('keras.layers'), which is not among the layers that can be graded",
)
def lambda_layer(draft: Draft) -> None:
    """A `Lambda` that does nothing: accuracy counts, the architecture does not, and nobody speaks of a class of the student's own."""
    draft.cell("train")["source"] = draft.cell("train")["source"].replace(
        "keras.layers.Dense(", "keras.layers.Lambda(lambda x: x), keras.layers.Dense("
    )


@entry("models", loses=("layers",))
def operators_between_layers(draft: Draft) -> None:
    """A functional model with `x * 2.0 - 0.5` and `keras.ops.softmax`: as built in as layers, and one `Rescaling` more than asked for."""
    draft.answer(
        "train",
        """
        images = x_train.reshape(-1, 784) / 255.0
        inputs = keras.Input((784,))
        model = keras.Model(inputs, keras.ops.softmax(keras.layers.Dense(10)(inputs * 2.0 - 0.5)))
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(images, y_train, epochs=min(5, epoch_limit), verbose=0)
        """,
    )
