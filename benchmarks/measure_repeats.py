"""Measures what repeats in the training part do to accuracy and to validation parts: the course's dense network on MNIST.

    python benchmarks/measure_repeats.py --data DIR [--seeds 3] [--epochs 40]

DIR holds the MNIST files. Each seed is Keras' seed and the course's secret at once, so each has another split. Three ways: the 50,000
different training images alone; with 10,000 of them standing twice, as while grading, and a validation part cut off at the end
(`validation_split`); the same with a validation part drawn at random. Everything else is as the reference chooses it. One
TensorFlow thread.
Prints Markdown as in docs/course.md.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from numpy.typing import NDArray

from autograder.data.loaders import load_mnist
from autograder.data.split import _generator as split_generator
from autograder.data.split import split_indices

SIZES = (50_000, 10_000, 10_000)
REPEATS = 10_000
VALIDATION = 0.2

Indices = NDArray[Any]


@dataclass(frozen=True)
class Way:
    """One way to set a validation part aside from the training indices, which are given with the seed."""

    name: str
    repeats: int
    divide: Callable[[Indices, int], tuple[Indices, Indices]]


@dataclass(frozen=True)
class Result:
    """Accuracies at the end of one training; `shared` is the share of validation images that were trained on too."""

    training: float
    validation: float
    hidden: float
    shared: float


def cut_off(train: Indices, seed: int) -> tuple[Indices, Indices]:
    """The last part, as Keras' `validation_split` takes it."""
    kept = int(len(train) * (1 - VALIDATION))
    return train[:kept], train[kept:]


def at_random(train: Indices, seed: int) -> tuple[Indices, Indices]:
    """The last part of the shuffled images, as scikit-learn's `train_test_split` takes it."""
    return cut_off(np.random.default_rng(seed).permutation(train), seed)


WAYS = (
    Way("no repeats, validation part cut off", 0, cut_off),
    Way("10,000 repeats, validation part cut off", REPEATS, cut_off),
    Way("10,000 repeats, validation part at random", REPEATS, at_random),
)


def train(images: NDArray[Any], labels: NDArray[Any], way: Way, seed: int, epochs: int) -> Result:
    """One training of the reference's network with its choices."""
    import keras

    everything, _, hidden = split_indices(len(images), SIZES, way.repeats, split_generator(f"{seed:064x}", "mnist"))
    used, held_out = way.divide(everything, seed)
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [keras.Input(shape=(784,)), keras.layers.Dense(10, activation="sigmoid"), keras.layers.Dense(10, activation="softmax")]
    )
    model.compile(optimizer=keras.optimizers.SGD(learning_rate=0.5), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images[used], labels[used], batch_size=100, epochs=epochs, verbose=0)
    accuracies = [model.evaluate(images[part], labels[part], batch_size=1000, verbose=0)[1] for part in (used, held_out, hidden)]
    return Result(*accuracies, shared=float(np.isin(held_out, used).mean()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder with the MNIST files")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each kind (default 3)")
    parser.add_argument("--epochs", type=int, default=40, help="as the reference trains: 40")
    options = parser.parse_args()

    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    print(f"Python {platform.python_version()}, Keras {keras.__version__}, TensorFlow {tf.__version__}, NumPy {np.__version__}")
    images, labels = load_mnist(options.data)
    flat = images.reshape(len(images), 784).astype("float32") / 255
    found: dict[str, list[Result]] = {way.name: [] for way in WAYS}
    for seed in range(options.seeds):
        for way in WAYS:
            found[way.name].append(train(flat, labels, way, seed, options.epochs))
            print(f"<!-- {way.name}, seed {seed}: {found[way.name][-1]} -->", flush=True)
    print("\n| training part | shared | training accuracy | validation accuracy | hidden accuracy | validation − hidden |")
    print("|---|---|---|---|---|---|")
    for name, results in found.items():
        columns = [
            [result.training for result in results],
            [result.validation for result in results],
            [result.hidden for result in results],
        ]
        gaps = [result.validation - result.hidden for result in results]
        shared = f"{100 * float(np.mean([result.shared for result in results])):.1f} %"
        print(f"| {name} | {shared} | " + " | ".join(spread(column) for column in [*columns, gaps]) + " |")


def spread(values: list[float]) -> str:
    return f"{np.mean(values):.4f} ± {np.std(values, ddof=1) if len(values) > 1 else 0:.4f}"


if __name__ == "__main__":
    main()
