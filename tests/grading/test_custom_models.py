"""Process C with models that students really write, and with some that only pretend to predict."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from autograder.course.loading import load_course
from autograder.course.profile import RunProfile, resolve_profile
from autograder.data.sealed import SealedSplit, sealed_split
from autograder.errors import MachineError
from autograder.execution.rundir import RunFolder
from autograder.grading import custom_models
from autograder.grading.asking import NoPredictions
from autograder.grading.custom_models import MachineState, NeedsExecution, _whose_fault
from autograder.grading.models import OpenedModels, open_models
from autograder.handin import hand_in_names
from autograder.inputs import Input
from autograder.isolation.process import Ended, Process
from autograder.isolation.sandbox import Sandbox
from autograder.own_classes import remember_arguments
from autograder.records import HandinEntry, Isolation, Prediction, Run, Seconds, Usage
from tests.conftest import SAMPLES
from tests.isolation.conftest import examined

WANTED = Prediction("model", (784,), (0.0, 1.0))
IMPORTS = "import keras\nimport numpy as np\nfrom keras import layers, ops"
HAND_IN = 'hand_in("model", "history", inputs={})'


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> tuple[SealedSplit, RunProfile]:
    root = tmp_path_factory.mktemp("custom")
    settings, paths = load_course(SAMPLES / "tiny")
    (root / "grading_config.py").write_text(paths.config.read_text())
    split = sealed_split(settings, replace(paths, root=root), "digits", b"1" * 32, None)
    return split, resolve_profile(settings, settings.assignments[0], None)


@dataclass(frozen=True)
class Asked:
    """What the graders find of a model that a notebook's cells made, the model itself, and what `hand_in` printed."""

    opened: OpenedModels
    model: Any
    said: list[str]

    @property
    def refusal(self) -> str:
        return str(json.loads((self.opened.folder / "refusals.json").read_text()).get("model", ""))

    @property
    def reason(self) -> str:
        return str(json.loads((self.opened.folder / "unpredicted.json").read_text()).get(WANTED.key, ""))

    @property
    def predictions(self) -> dict[str, Any]:
        with np.load(self.opened.folder / f"{WANTED.key}.npz") as arrays:
            return dict(arrays)


Ask = Callable[..., Asked]


@pytest.fixture
def ask(course: tuple[SealedSplit, RunProfile], tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Executes cells as a notebook would, hands `model` in, and lets B and C look at it."""
    split, profile = course
    monkeypatch.setattr(keras.Model, "__new__", keras.Model.__new__)  # put back afterwards
    remember_arguments()
    monkeypatch.setenv("AUTOGRADER_HANDIN", str(tmp_path / "run/handin"))

    def asked(*cells: str, student_code: bool = True, change: Callable[[Path], Any] | None = None, where: Sandbox | None = None) -> Asked:
        sources = [IMPORTS, *(textwrap.dedent(cell) for cell in cells), HAND_IN, "class Net: pass"]
        folder = RunFolder(tmp_path / "run")
        folder.handin.mkdir(parents=True, exist_ok=True)
        namespace: dict[str, Any] = {"__name__": "__main__"}
        said: list[str] = []
        if not (folder.handin / "model").exists():
            for source in sources[: len(cells) + 1]:
                exec(source, namespace)
            said = hand_in_names(namespace, ["model"], [], {"model": Input((784,), (0, 1))})
        folder.notebook_file.write_text(json.dumps({"cells": [{"cell_type": "code", "source": source} for source in sources]}))
        if change is not None:
            change(folder.handin / "model")
        run = Run(
            "run",
            "completed",
            "",
            None,
            (HandinEntry("model", "model", 1, "model"),),
            (),
            Isolation(0),
            Usage(),
            Seconds(),
            {},
            0,
            (),
            "",
            "",
        )
        opened = open_models(folder, run, (WANTED,), split, profile, where or sandbox, "tensorflow", student_code)
        return Asked(opened, namespace.get("model"), said)

    return asked


def expect_the_models_own_predictions(asked: Asked, split: SealedSplit) -> None:
    for part, path in {"hidden": split.hidden / "x.npy", "visible": split.student / "x_test.npy"}.items():
        images = np.load(path).reshape(-1, 784) / np.float32(255)
        assert np.allclose(asked.predictions[part], asked.model(images, training=False), atol=1e-4)
    assert asked.reason == ""
    assert "The architecture of 'model' cannot be graded" in asked.refusal
    assert [flag.kind for flag in asked.opened.flags] == ["custom_model"]


RIGHT = {
    "a custom layer, as a beginner writes it": """
        UNITS = 4 * 8
        class Scaled(layers.Layer):
            def __init__(self, units, scale=2.0):
                super().__init__()
                self.units, self.scale = units, scale
            def build(self, input_shape):
                self.w = self.add_weight(shape=(input_shape[-1], self.units))
            def call(self, inputs):
                return ops.relu(inputs @ self.w) * self.scale * UNITS
            def get_config(self):
                return {**super().get_config(), "units": self.units, "scale": self.scale}
        model = keras.Sequential([keras.Input((784,)), Scaled(UNITS), layers.Dense(10, activation="softmax")])
        """,
    "registered names, a custom activation and an inherited class": """
        @keras.saving.register_keras_serializable(package="mine", name="another_name")
        def gelu_like(x):
            return x * ops.sigmoid(FACTOR * x)
        FACTOR = np.sqrt(2.9)
        @keras.saving.register_keras_serializable()
        class Base(layers.Layer):
            def call(self, x):
                return x * 2
        class Twice(Base):
            pass
        inputs = keras.Input((784,))
        outputs = layers.Dense(10)(Twice()(layers.Dense(12, activation=gelu_like)(inputs)))
        model = keras.Model(inputs, outputs)
        """,
    "functions of TensorFlow and Keras that are no activations of Keras": """
        import tensorflow as tf
        from tensorflow import nn
        functions = tf.math.sin, tf.math.erf, keras.ops.cos, nn.softsign
        model = keras.Sequential([keras.Input((784,)), *(layers.Dense(8, activation=each) for each in functions)])
        model.add(layers.Lambda(lambda x: tf.math.atan(x)))
        model.add(layers.Dense(10, activation=tf.nn.softmax))
        """,
    "a subclassed model": """
        def block(units):
            return keras.Sequential([layers.Dense(units, activation="relu"), layers.Dropout(0.5)])
        class Net(keras.Model):
            def __init__(self, hidden=16):
                super().__init__()
                self.norm = layers.BatchNormalization()
                self.blocks = [block(hidden), block(hidden)]
                self.last = layers.Dense(10, activation="softmax")
            def call(self, x, training=False):
                x = self.norm(x, training=training)
                for each in self.blocks:
                    x = each(x, training=training)
                return self.last(x)
        model = Net(hidden=24)
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(np.random.rand(64, 784), np.random.randint(0, 10, 64), verbose=0)
        """,
    "lambda layers": """
        def double(x):
            return 2 * x
        shifted = layers.Lambda(lambda x: ops.tanh(x) + np.pi)
        model = keras.Sequential([keras.Input((784,)), shifted, layers.Lambda(double), layers.Dense(10)])
        """,
}


@pytest.mark.parametrize("cell", RIGHT.values(), ids=RIGHT)
def test_models_with_classes_of_ones_own_predict_as_in_the_notebook(ask: Ask, course: tuple[SealedSplit, RunProfile], cell: str) -> None:
    asked = ask(cell)
    assert asked.reason == ""
    expect_the_models_own_predictions(asked, course[0])


def test_hand_in_says_what_can_be_graded(ask: Ask, tmp_path: Path) -> None:
    only = "⚠ model uses {}, not built in: its predictions can be graded, its architecture cannot."
    assert ask(RIGHT["a custom layer, as a beginner writes it"]).said[1:] == [only.format("Scaled")]
    shutil.rmtree(tmp_path / "run")
    assert ask(RIGHT["a subclassed model"]).said[1:] == [only.format("Net")]


def test_hand_in_and_graders_say_the_same_of_keras_own_layers_that_are_not_on_the_list(ask: Ask) -> None:
    why = "it uses 'Lambda' ('keras.layers'), which is not among the layers that can be graded"
    asked = ask("model = keras.Sequential([keras.Input((784,)), layers.Lambda(lambda x: x * 2), layers.Dense(10)])")
    assert asked.said[1:] == [f"⚠ model: {why}: its predictions can be graded, its architecture cannot."]
    assert asked.refusal.startswith(f"The architecture of 'model' cannot be graded: {why}. Build it from other layers")


def test_where_there_are_no_namespaces_too(ask: Ask, course: tuple[SealedSplit, RunProfile]) -> None:
    if not examined(1).holds:
        pytest.skip(f"no isolation level 1 here: {examined(1).obstacle}")
    with Sandbox(1) as fenced:
        expect_the_models_own_predictions(ask(RIGHT["a subclassed model"], where=fenced), course[0])


EXPLAINED = {
    "cannot be written down by Keras": (
        """
        class Wrapped(keras.Model):
            def __init__(self, layer):
                super().__init__()
                self.layer = layer
            def call(self, x):
                return self.layer(x)
        model = Wrapped(layers.Dense(10))
        model(np.zeros((1, 784)))
        """,
        "Keras cannot write down how its class 'Wrapped' is made: give its constructor plain arguments only",
    ),
    "needs what was computed in the notebook": (
        """
        images = np.random.rand(5, 784).astype("float32")
        mean = images.mean()
        class Centred(layers.Layer):
            def call(self, x):
                return x - mean
        model = keras.Sequential([keras.Input((784,)), Centred(), layers.Dense(10)])
        """,
        "NameError: name 'mean' is not defined. Classes may use imports, other classes and functions, and constants of the notebook",
    ),
    "is made by a class that cannot be found": (
        """
        def make():
            class Inner(layers.Layer):
                def call(self, x):
                    return x
            return Inner()
        model = keras.Sequential([keras.Input((784,)), make(), layers.Dense(10)])
        """,
        "'Inner' is not defined at the top level of a cell above its hand_in(…)",
    ),
    "keeps something outside of its weights": (
        """
        class Scaled(layers.Layer):
            factor = 1
            def call(self, x):
                return x * self.factor
        layer = Scaled()
        layer.factor = 7
        model = keras.Sequential([keras.Input((784,)), layer, layers.Dense(10)])
        """,
        "built again, it gives other answers than in the notebook",
    ),
    "has several outputs": (
        """
        class Two(keras.Model):
            def __init__(self):
                super().__init__()
                self.first, self.second = layers.Dense(10), layers.Dense(10)
            def call(self, x):
                return [self.first(x), self.second(x)]
        model = Two()
        model(np.zeros((1, 784)))
        """,
        "it has several outputs; one is needed",
    ),
    "has other weights when it is built again": (
        """
        SIZES = [784]
        class Grown(keras.Model):
            def __init__(self):
                super().__init__()
                self.parts = []
            def call(self, x):
                for part in self.parts:
                    x = part(x)
                return x
        model = Grown()
        model.parts.append(layers.Dense(10))
        model(np.zeros((1, 784)))
        """,
        "built again, it needs weights of shapes [], those handed in have [(784, 10), (10,)]: make all layers in the constructor",
    ),
}


@pytest.mark.parametrize(("cell", "expected"), EXPLAINED.values(), ids=EXPLAINED)
def test_a_model_that_cannot_be_built_again_is_told_why_and_what_to_do(ask: Ask, cell: str, expected: str) -> None:
    asked = ask(cell)
    assert asked.reason.startswith("The predictions of 'model' cannot be graded: ")
    assert expected in asked.reason
    assert asked.opened.flags == ()
    assert not (asked.opened.folder / f"{WANTED.key}.npz").exists()


ATTACK = """
import os, socket, sys, time
IN_C = "autograder.grading.custom" in sys.modules
class Odd(layers.Layer):
    seen = []
    def call(self, x):
        if not IN_C or not hasattr(x, "numpy"):
            return x[:, :10]
        return self.odd(x)
    def odd(self, x):
        n = len(x)
        {attack}
model = keras.Sequential([keras.Input((784,)), layers.Dense(12), Odd()])
"""
AGAIN = "the model gives other answers when asked again"
ATTACKS = {
    "chance": ("return keras.random.dropout(ops.ones((n, 10)), 0.5)", AGAIN),
    "the row decides": ("return ops.one_hot(ops.arange(n) % 10, 10)", AGAIN),
    "the batch decides": ("return x[:, :10] - ops.mean(x[:, :10], axis=0)", AGAIN),
    "the size of the batch decides": ("return x[:, :10] * (1 if n > 200 else -1)", AGAIN),
    "what was asked before decides": ("self.seen.append(n); return x[:, :10] + len(self.seen)", AGAIN),
    "the process decides": ("self.seen.append(int.from_bytes(os.urandom(4))); return x[:, :10] * self.seen[0]", AGAIN),
    "no number": ("return x[:, :10] / 0.0", "some of its answers are NaN or infinite"),
    "too few answers": ("return x[: n // 2, :10]", "it does not give one answer for each image"),
    "too many numbers": ("return ops.ones((n, 2000))", "more than 1,000 numbers for each image"),
    "another shape each time": ("self.seen.append(n); return ops.ones((n, len(self.seen)))", "do not always have the same shape"),
    "an error": ("raise ValueError('one\\ntwo')", "it cannot be built again from its classes: ValueError: one."),
    "an error for some images": (
        "if n > 2: raise KeyError('one\\ntwo')\n        return x[:, :10]",
        "cannot be graded: it raises KeyError: ",
    ),
    "an exit": ("sys.exit(0)", "its process ended before it had answered"),
    "a hard exit": ("os._exit(0)", "its process ended before it had answered"),
    "a signal": ("os.kill(os.getpid(), 11); os.abort()", "its process ended before it had answered"),
    "a closed channel": ("os.closerange(0, 1000); time.sleep(60)", "its process ended before it had answered"),
    "nonsense on the channel": (
        "[os.write(d, b'nonsense' * 50000) for d in range(3, 40) if os.path.exists(f'/proc/self/fd/{d}') and d != 4]",
        "its process",
    ),
    "a forged answer": (
        "w = [f.f_locals['caller'] for f in iter_frames() if 'caller' in f.f_locals][0].writer; "
        "n > 2 and w.send('answer', b'\\0' * 40, shape=[1, 10]); return x[:, :10]",
        "it does not give one answer for each image",
    ),
}


@pytest.mark.parametrize(("attack", "expected"), ATTACKS.values(), ids=ATTACKS)
def test_what_is_no_prediction_is_refused_with_its_reason(ask: Ask, attack: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer that behaves in the notebook, and does something else where it is graded."""
    monkeypatch.setattr(custom_models, "_END_S", 0.5)  # for those that do not end by themselves
    frames = "def iter_frames():\n    f = sys._getframe()\n    while f:\n        yield f\n        f = f.f_back\n"
    asked = ask(frames + ATTACK.format(attack=attack), change=without_probe)
    assert asked.reason.startswith("The predictions of 'model' cannot be graded: ")
    assert expected in asked.reason
    assert not (asked.opened.folder / f"{WANTED.key}.npz").exists()


TELLING = {
    "its error": "raise type('Digits' + x.numpy().tobytes().hex(), (ValueError,), {})('Digits')",
    "an error of Python's own": "raise KeyError(str(x[0]))",
    "its end": "os._exit(0)",
    "the shape of its answers": "return x[:5, :10]",
    "which answers are none": "return x[:, :10] / 0.0",
    "how many answers change": "return ops.one_hot(keras.random.randint((n,), 0, 10), 10)",
}


@pytest.mark.parametrize("telling", TELLING.values(), ids=TELLING)
def test_how_a_model_fails_at_hidden_images_tells_nothing_of_them(ask: Ask, telling: str) -> None:
    """It answers as many images as are visible, and then does what may depend on hidden ones: the student reads always the same."""
    attack = f"self.seen.append(n)\n        if sum(self.seen) > 400: {telling}\n        return x[:, :10]"
    asked = ask(ATTACK.format(attack=attack), change=without_probe)
    assert asked.reason == f"The predictions of 'model' cannot be graded: {custom_models._HIDDEN_ONLY}."


def without_probe(folder: Path) -> None:
    """Whoever attacks hands in no examples to compare with."""
    (folder / "probe.npz").unlink()


def test_a_model_that_hangs_is_refused(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custom_models, "_DEADLINE_S", 5)
    monkeypatch.setattr(custom_models, "_BUSY", float("inf"))
    asked = ask(ATTACK.format(attack="time.sleep(3600)"), change=without_probe)
    assert "it was not done within 5 s, most of which it waited" in asked.reason


IDLE, BUSY = MachineState(1.0, 3), MachineState(9.0, 3)
LESS = MachineState(1.0, 4)
FAULTS: dict[str, tuple[bool, Ended, MachineState, str]] = {  # the state is that of afterwards
    "an exit of its own": (False, Ended(0, 1.0, 10.0), BUSY, ""),
    "a crash": (False, Ended(-11, 1.0, 10.0), LESS, ""),
    "killed by itself": (False, Ended(-9, 1.0, 10.0), IDLE, ""),
    "killed by the kernel, for others' memory": (False, Ended(-9, 1.0, 10.0), LESS, "no memory left"),
    "the first process of its namespace, so killed": (False, Ended(137, 1.0, 10.0), LESS, "no memory left"),
    "killed for its own memory": (False, Ended(-9, 1.0, 4096.0, out_of_memory=True), LESS, ""),
    "killed by the machine, which is told apart": (False, Ended(-9, 1.0, 10.0, machine_out_of_memory=True), IDLE, "no memory left"),
    "waiting": (True, Ended(-9, 1.0, 10.0), IDLE, ""),
    "waiting, with many children that are busy": (True, Ended(-9, 20.0, 10.0), BUSY, ""),
    "computing without end": (True, Ended(-9, 299.0, 10.0), BUSY, ""),
}


@pytest.mark.parametrize(("slow", "ended", "after", "machines"), FAULTS.values(), ids=FAULTS)
def test_what_the_machine_does_to_a_model_is_not_its_students_fault(slow: bool, ended: Ended, after: MachineState, machines: str) -> None:
    """And what a class does to its own process is: it must not be able to make the machine look broken."""
    fault = _whose_fault("it ended", slow, ended, IDLE, after, 4096)
    assert isinstance(fault, MachineError if machines else NoPredictions)
    assert machines in str(fault)


def test_a_machine_that_was_busy_before_a_model_was_asked_is_not_its_students_fault() -> None:
    fault = _whose_fault("it ended", True, Ended(-9, 20.0, 10.0), BUSY, IDLE, 4096)
    assert isinstance(fault, MachineError)
    assert "too much to do" in str(fault)


def test_a_failure_of_the_machine_is_not_kept(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = ATTACK.format(attack="sys.exit(0)")
    with monkeypatch.context() as failing:
        failing.setattr(custom_models, "_whose_fault", lambda *args: MachineError("no memory left"))
        with pytest.raises(MachineError):
            ask(cell, change=without_probe)
    assert "its process ended before it had answered" in ask(cell).reason


def test_a_model_that_fills_the_memory_is_refused(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custom_models, "_CAPS", replace(custom_models._CAPS, memory_mib=1500))
    asked = ask(ATTACK.format(attack="return len(bytearray(3 * 10**9))"), change=without_probe)
    assert any(words in asked.reason for words in ("more than 1,500 MiB of memory", "MemoryError"))


def test_student_code_sees_one_batch_at_a_time_and_nothing_else(ask: Ask, course: tuple[SealedSplit, RunProfile], sandbox: Sandbox) -> None:
    """Neither the files of images and labels, nor training data, nor whatever another process of the same model did."""
    if sandbox.isolation.level == 0:
        pytest.skip("no isolation here")
    places = [str(path) for path in sorted(course[0].folder.rglob("*.npy"))]
    assert len(places) == 6
    attack = (
        f"found = [place for place in {places} if os.path.exists(place)], sorted(os.listdir()), os.environ.get('ISOLATION_CANARY')\n"
        "        raise RuntimeError(str(found))"
    )
    asked = ask(ATTACK.format(attack=attack), change=without_probe)
    assert "RuntimeError: ([], ['home', 'model', 'shm', 'tmp'], None)" in asked.reason


def test_nothing_of_a_student_is_in_the_server_or_in_the_other_process(ask: Ask) -> None:
    """Each of two processes would find what the first one left in the modules that they got from their server."""
    attack = "hasattr(keras, 'left') and not self.seen and sys.exit(); self.seen.append(1); keras.left = 1; return x[:, :10]"
    asked = ask(ATTACK.format(attack=attack), change=without_probe)
    assert asked.reason == ""


def test_only_process_c_gets_the_notebooks_cells(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[dict[str, Any], list[str]]] = []
    send = Process.send

    def spy(process: Process, request: Any, files: dict[str, bytes] | None = None) -> None:
        sent.append((request or {}, sorted(files or {})))
        send(process, request, files)

    monkeypatch.setattr(Process, "send", spy)
    asked = ask(next(iter(RIGHT.values())), change=lambda folder: [(folder / name).write_bytes(b"x") for name in TRAPS])
    assert asked.reason == ""
    opened, first, *batches = sent
    assert set(opened[0]) == {"models", "predictions", "images", "limit"}
    assert opened[1] == ["handin/model/compile.json", "handin/model/model.json", "handin/model/weights.npz"]
    assert set(first[0]) == {"model", "input", "sources", "limit"}
    assert first[1] == ["model/model.json", "model/probe.npz", "model/weights.npz"]
    assert {name for _, names in batches for name in names if not name.startswith("model/")} == {"images"}


TRAPS = ("model.keras", "model.h5", "model.pkl", "saved_model.pb", "weights.h5", "__init__.py", "own.py")


def test_predictions_are_kept_and_never_made_where_no_student_code_may_run(ask: Ask) -> None:
    cell = (
        "class Own(layers.Layer):\n    def call(self, x):\n        return x[:, :10]\nmodel = keras.Sequential([keras.Input((784,)), Own()])"
    )
    with pytest.raises(NeedsExecution, match="model 'model' has classes of its own, and its predictions are not kept"):
        ask(cell, student_code=False)
    first = ask(cell)
    assert first.opened.seconds > 0
    again = ask(cell, student_code=False)
    assert (again.opened.folder, again.opened.seconds, again.opened.flags) == (first.opened.folder, 0.0, first.opened.flags)
    (again.opened.folder / "refusals.json").unlink()  # as if other predictions had been declared
    kept = ask(cell, student_code=False)
    assert kept.opened.seconds > 0
    assert np.array_equal(kept.predictions["hidden"], first.predictions["hidden"])
