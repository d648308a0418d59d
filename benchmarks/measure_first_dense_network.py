"""Measures what the first assignment's network reaches on real MNIST, by the published recipe and by the reference's choices.

    python benchmarks/measure_first_dense_network.py --data DIR [--seeds 20] [--reference-seeds 5]

DIR holds the four MNIST files (IDX, plain or .gz) or mnist.npz. Prints Markdown tables as in docs/course.md. One process,
one TensorFlow thread, so that a seed gives the same numbers again on the same machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from numpy.typing import NDArray

from autograder.data.loaders import load_mnist

Array = NDArray[Any]


@dataclass(frozen=True)
class Choices:
    """One way to train the 784 → 10 sigmoid → 10 softmax network."""

    name: str
    learning_rate: float | None
    batch_size: int
    epochs: int
    validation_split: float


RECIPE = Choices("recipe: SGD, default rate", None, 100, 5, 0.0)
REFERENCE = Choices("reference: SGD, rate 0.5", 0.5, 100, 40, 0.2)


@dataclass(frozen=True)
class Data:
    """Prepared MNIST: images float32 (n, 784) in [0, 1], labels one-hot (n, 10)."""

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array


def load(folder: Path) -> Data:
    """The official split: the first 60,000 examples for training, the other 10,000 for testing."""
    images, labels = load_mnist(folder)
    x = images.reshape(len(images), 784).astype("float32") / 255
    y = np.eye(10, dtype="float32")[labels]
    return Data(x[:60_000], y[:60_000], x[60_000:], y[60_000:])


def train(data: Data, choices: Choices, seed: int) -> dict[str, list[float]]:
    """One training from scratch: the History, with `test_loss` and `test_accuracy` of the end and `seconds` added."""
    import keras

    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [keras.Input(shape=(784,)), keras.layers.Dense(10, activation="sigmoid"), keras.layers.Dense(10, activation="softmax")]
    )
    optimizer = keras.optimizers.SGD() if choices.learning_rate is None else keras.optimizers.SGD(choices.learning_rate)
    model.compile(optimizer=optimizer, loss="categorical_crossentropy", metrics=["accuracy"])
    started = time.perf_counter()
    history = model.fit(
        data.x_train,
        data.y_train,
        batch_size=choices.batch_size,
        epochs=choices.epochs,
        validation_split=choices.validation_split,
        verbose=0,
    ).history
    seconds = time.perf_counter() - started
    loss, accuracy = model.evaluate(data.x_test, data.y_test, batch_size=1000, verbose=0)
    return {**history, "test_loss": [loss], "test_accuracy": [accuracy], "seconds": [seconds]}


def measure(data: Data, choices: Choices, seeds: int) -> None:
    """Trains with seeds 0, 1, … and prints the table."""
    runs = []
    for seed in range(seeds):
        runs.append(train(data, choices, seed))
        print(f"<!-- {choices.name}, seed {seed}: test accuracy {runs[-1]['test_accuracy'][0]:.4f} -->", flush=True)
    print(f"\n### {choices.name}, {choices.epochs} epochs, batch {choices.batch_size}, {seeds} seeds\n")
    print("| epoch | " + " | ".join(_curves(runs)) + " |\n|---|" + "---|" * len(_curves(runs)))
    for epoch in _epochs_to_show(choices.epochs):
        cells = [_spread([run[curve][epoch - 1] for run in runs]) for curve in _curves(runs)]
        print(f"| {epoch} | " + " | ".join(cells) + " |")
    accuracies = [run["test_accuracy"][0] for run in runs]
    print(f"\nTest accuracy {_spread(accuracies, 4)}, lowest {min(accuracies):.4f}, highest {max(accuracies):.4f};")
    losses, seconds = ([run[key][0] for run in runs] for key in ("test_loss", "seconds"))
    print(f"test loss {_spread(losses)}; {_spread(seconds, 1)} s for one training.\n")


def _curves(runs: list[dict[str, list[float]]]) -> list[str]:
    return [name for name in runs[0] if not name.startswith(("test_", "seconds"))]


def _epochs_to_show(epochs: int) -> list[int]:
    """All of a short training; of a long one the first, the last and every tenth."""
    return [epoch for epoch in range(1, epochs + 1) if epochs <= 10 or epoch in (1, 5) or epoch % 10 == 0]


def _spread(values: list[float], digits: int = 3) -> str:
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return f"{np.mean(values):.{digits}f} ± {deviation:.{digits}f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder with the MNIST files")
    parser.add_argument("--seeds", type=int, default=20, help="trainings by the recipe (default 20)")
    parser.add_argument("--reference-seeds", type=int, default=5, help="trainings by the reference's choices (default 5)")
    options = parser.parse_args()

    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    print(f"Python {platform.python_version()}, Keras {keras.__version__}, TensorFlow {tf.__version__}, NumPy {np.__version__}")
    data = load(options.data)
    measure(data, RECIPE, options.seeds)
    measure(data, REFERENCE, options.reference_seeds)


if __name__ == "__main__":
    main()
