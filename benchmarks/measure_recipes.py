"""Measures on real MNIST what every recipe of the course's tutorials reaches, beside what its tutorial claims.

    python benchmarks/measure_recipes.py --data DIR [--hours 2] [--only WORD …]     trains what is missing, then prints the table
    python benchmarks/measure_recipes.py                                            only prints the table
    python benchmarks/measure_recipes.py --docs                                     and writes it into docs/course.md

DIR holds the MNIST files. Each training is added to results/recipes.json as soon as it ends, so the measurement can be interrupted and
goes on when called again; first every recipe gets one seed, then a second, and so on: 20 where a training takes under a minute, 5 under
five minutes, 1 elsewhere. Official split (60,000 and 10,000 images); one process, one TensorFlow thread, seeds 0, 1, …
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from measuring import RESULTS
from numpy.typing import NDArray

from autograder.course.loading import load_course
from autograder.data.loaders import load_mnist
from autograder.execution.environment import versions
from autograder.files import write_atomic

ROOT = Path(__file__).parents[1]
FILE = RESULTS / "recipes.json"
DOCS = ROOT / "docs/course.md"
Layers = Callable[[], list[Any]]


@dataclass(frozen=True)
class Recipe:
    """One published training.

    `claimed`: test accuracy, as the tutorial gives it; `metric`: the curve of profile `full` by which this network's accuracy earns points,
    where one does; `image`: shape of one example.
    """

    assignment: str
    name: str
    layers: Layers
    parameters: int
    optimizer: str
    batch: int
    epochs: int
    claimed: str
    metric: str = ""
    image: tuple[int, ...] = (784,)
    validation_split: float = 0.0
    rate: float | None = None  # None: the optimizer's own

    @property
    def key(self) -> str:
        return f"{self.assignment}: {self.name}"


def dense(*widths: int, dropout: float = 0.0, activation: str = "relu") -> Layers:
    """Hidden layers of these widths, each followed by dropout where there is any, and ten outputs."""

    def build() -> list[Any]:
        from keras import layers

        made: list[Any] = []
        for width in widths:
            made += [layers.Dense(width, activation=activation), *([layers.Dropout(dropout)] if dropout else [])]
        return [*made, layers.Dense(10, activation="softmax")]

    return build


def dense_then_dropout() -> list[Any]:
    from keras import layers

    hidden = [layers.Dense(400, activation="relu"), layers.Dense(100, activation="relu"), layers.Dropout(0.5)]
    return [*hidden, layers.Dense(10, activation="softmax")]


def convolutional() -> list[Any]:
    from keras import layers

    return [
        layers.Conv2D(10, 5, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(20, 5, activation="relu"),
        layers.Dropout(0.5),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(320, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ]


def one_convolution(*widths: int, dropout: float = 0.0) -> Layers:
    def build() -> list[Any]:
        from keras import layers

        start = [layers.Conv2D(10, 4, activation="relu"), layers.Flatten(), *([layers.Dropout(dropout)] if dropout else [])]
        return [*start, *dense(*widths)()]

    return build


def two_convolutions(filters: tuple[int, int], dropout: float, second_pooling: bool) -> Layers:
    def build() -> list[Any]:
        from keras import layers

        start = [layers.Conv2D(filters[0], 4, activation="relu"), layers.MaxPooling2D(), layers.Conv2D(filters[1], 4, activation="relu")]
        pooling = [layers.MaxPooling2D()] if second_pooling else []
        return [*start, *pooling, layers.Flatten(), layers.Dropout(dropout), *dense(100)()]

    return build


IMAGE = (28, 28, 1)
FIRST, HIDDEN, CHOICES = "first_dense_network", "hidden_layers", "training_choices"
BOTH, CONVOLUTIONS = "dense_vs_convolutional", "convolutional_digits"
TWO = dense(128, 128)
TWO_DROPOUT = dense(128, 128, dropout=0.3)
RECIPES = [
    Recipe(FIRST, "10 sigmoid, SGD", dense(10, activation="sigmoid"), 7_960, "sgd", 100, 5, "0.9018"),
    Recipe(HIDDEN, "softmax only", dense(), 7_850, "rmsprop", 128, 20, "0.924", "softmax_accuracy"),
    Recipe(HIDDEN, "512, dropout 0.2", dense(512, dropout=0.2), 407_050, "rmsprop", 128, 20, "0.981", "one_hidden_accuracy"),
    Recipe(HIDDEN, "512, 512, dropout 0.2", dense(512, 512, dropout=0.2), 669_706, "rmsprop", 128, 20, "0.982", "two_hidden_accuracy"),
    Recipe(CHOICES, "softmax only, SGD", dense(), 7_850, "sgd", 128, 200, "0.9222", validation_split=0.2),
    Recipe(CHOICES, "128, 128, SGD", TWO, 118_282, "sgd", 128, 20, "0.9441", validation_split=0.2),
    Recipe(CHOICES, "128, 128, dropout 0.3, SGD", TWO_DROPOUT, 118_282, "sgd", 128, 20, "0.9425", validation_split=0.2),
    Recipe(CHOICES, "128, 128, dropout 0.3, SGD, long", TWO_DROPOUT, 118_282, "sgd", 128, 250, "0.977", validation_split=0.2),
    Recipe(CHOICES, "128, 128, dropout 0.3, RMSprop", TWO_DROPOUT, 118_282, "rmsprop", 128, 20, "0.9784", validation_split=0.2),
    Recipe(CHOICES, "128, 128, dropout 0.3, Adam", TWO_DROPOUT, 118_282, "adam", 128, 20, "0.9793", validation_split=0.2),
    Recipe(BOTH, "400, 100, dropout 0.5", dense_then_dropout, 355_110, "adam", 64, 10, "–", "dense_accuracy"),
    Recipe(BOTH, "two convolutions, 320", convolutional, 111_210, "adam", 64, 10, "–", "convolutional_accuracy", image=IMAGE),
    Recipe(CONVOLUTIONS, "simple", one_convolution(100), 626_280, "rmsprop", 50, 10, "> 0.98", image=IMAGE),
    Recipe(CONVOLUTIONS, "simple, dropout 0.5", one_convolution(100, dropout=0.5), 626_280, "rmsprop", 50, 10, "–", image=IMAGE),
    Recipe(CONVOLUTIONS, "dropout 0.5, 200", one_convolution(200, dropout=0.5), 1_252_380, "rmsprop", 50, 10, "no gain", image=IMAGE),
    Recipe(CONVOLUTIONS, "dropout 0.5, 50", one_convolution(50, dropout=0.5), 313_230, "rmsprop", 50, 10, "–", image=IMAGE),
    Recipe(CONVOLUTIONS, "dropout 0.5, 50, 50", one_convolution(50, 50, dropout=0.5), 315_780, "rmsprop", 50, 10, "no gain", image=IMAGE),
    Recipe(CONVOLUTIONS, "two convolutions", two_convolutions((10, 20), 0.5, False), 166_500, "rmsprop", 50, 10, "> 0.99", image=IMAGE),
    Recipe(CONVOLUTIONS, "best", two_convolutions((16, 32), 0.4, True), 60_806, "rmsprop", 200, 40, "0.994", "test_accuracy", image=IMAGE),
]


@dataclass(frozen=True)
class Data:
    """MNIST's official split: images float32 (n, 784) in [0, 1], labels one-hot (n, 10)."""

    x_train: NDArray[Any]
    y_train: NDArray[Any]
    x_test: NDArray[Any]
    y_test: NDArray[Any]


def load(folder: Path) -> Data:
    images, labels = load_mnist(folder)
    x = images.reshape(len(images), 784).astype("float32") / 255
    y = np.eye(10, dtype="float32")[labels]
    return Data(x[:60_000], y[:60_000], x[60_000:], y[60_000:])


def train(recipe: Recipe, data: Data, seed: int) -> dict[str, Any]:
    """One training by the recipe, as the tutorial has it: no choice is made on the test part, which is used once."""
    import keras

    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input(recipe.image), *recipe.layers()])
    if model.count_params() != recipe.parameters:
        raise RuntimeError(f"{recipe.key} has {model.count_params()} parameters, {recipe.parameters} were expected")
    rate = {} if recipe.rate is None else {"learning_rate": recipe.rate}
    optimizer = keras.optimizers.get({"class_name": recipe.optimizer, "config": rate})
    model.compile(optimizer=optimizer, loss="categorical_crossentropy", metrics=["accuracy"])
    x_train, x_test = (images.reshape(-1, *recipe.image) for images in (data.x_train, data.x_test))
    began = time.process_time()
    fitted = model.fit(
        x_train, data.y_train, batch_size=recipe.batch, epochs=recipe.epochs, validation_split=recipe.validation_split, verbose=0
    )
    seconds = time.process_time() - began
    loss, accuracy = model.evaluate(x_test, data.y_test, batch_size=1000, verbose=0)
    last = {name: round(values[-1], 4) for name, values in fitted.history.items()}
    return {"seed": seed, "test_accuracy": round(accuracy, 4), "test_loss": round(loss, 4), "cpu_s": round(seconds, 1), **last}


def seeds_for(runs: Sequence[dict[str, Any]]) -> int:
    """How many seeds a recipe gets, from how long its first one took."""
    if not runs:
        return 1
    return 20 if runs[0]["cpu_s"] < 60 else 5 if runs[0]["cpu_s"] < 300 else 1


Found = dict[str, list[dict[str, Any]]]


def read(file: Path) -> Found:
    return json.loads(file.read_bytes())["recipes"] if file.is_file() else {}


def write(file: Path, found: Found) -> None:
    write_atomic(file, json.dumps({"versions": versions("tensorflow"), "recipes": found}, indent=1) + "\n")


def measure(
    recipes: Sequence[Recipe], data: Callable[[Recipe, int], Data], hours: float, file: Path, wanted: Callable[[list[Any]], int]
) -> None:
    """Trains what is missing, the recipe with the fewest seeds first, and keeps each result at once; `data` gives a seed's data."""
    end = time.monotonic() + hours * 3600
    while time.monotonic() < end:
        found = read(file)
        missing = [recipe for recipe in recipes if len(found.get(recipe.key, [])) < wanted(found.get(recipe.key, []))]
        if not missing:
            return
        recipe = min(missing, key=lambda each: len(found.get(each.key, [])))
        seed = len(found.get(recipe.key, []))
        done = train(recipe, data(recipe, seed), seed)
        found = read(file)
        found.setdefault(recipe.key, []).append(done)
        write(file, found)
        print(f"{recipe.key}, seed {done['seed']}: {done['test_accuracy']:.4f} in {done['cpu_s']:.0f} s of CPU", flush=True)


def one_thread() -> None:
    """TensorFlow's, as while grading."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def full_at(recipe: Recipe) -> float:
    """The hidden accuracy from which on profile `full` gives all points for this network, which must have a `metric`."""
    course, _ = load_course(ROOT)
    (assignment,) = (each for each in course.assignments if each.id == recipe.assignment)
    return assignment.profiles["full"].curves[recipe.metric].full_at()


def table(found: dict[str, list[dict[str, Any]]]) -> str:
    head = ["recipe", "parameters", "optimizer, batch, epochs", "claimed", "measured", "seeds", "CPU of one", "all points from"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for recipe in RECIPES:
        runs = found.get(recipe.key, [])
        accuracies = [run["test_accuracy"] for run in runs]
        spread = f" ± {statistics.stdev(accuracies):.4f}" if len(runs) > 1 else ""
        measured = f"{statistics.mean(accuracies):.4f}{spread}" if runs else "–"
        seconds = f"{statistics.mean(run['cpu_s'] for run in runs):.0f} s" if runs else "–"
        how = f"{recipe.optimizer}, {recipe.batch}, {recipe.epochs}"
        what = f"`{recipe.assignment}`: {recipe.name} | {recipe.parameters:,}"
        points = f"{full_at(recipe):g}" if recipe.metric else "–"
        lines.append(f"| {what} | {how} | {recipe.claimed} | {measured} | {len(runs)} | {seconds} | {points} |")
    return "\n".join(lines)


def into_docs(text: str, name: str) -> None:
    """The table into its place in docs/course.md."""
    page, first, last = DOCS.read_text(encoding="utf-8"), f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, begin, rest = page.partition(first)
    _, end, after = rest.partition(last)
    if not end:
        raise SystemExit(f"{DOCS} has no place for the table, between {first} and {last}. Nothing was written.")
    write_atomic(DOCS, f"{before}{begin}\n{text}\n{end}{after}")


def parser(about: str | None) -> argparse.ArgumentParser:
    """What this and `measure_curves.py` understand."""
    made = argparse.ArgumentParser(description=(about or "").splitlines()[0])
    made.add_argument("--data", type=Path, metavar="DIR", help="folder with the MNIST files; without it nothing is trained")
    made.add_argument("--hours", type=float, default=24, help="begin no training after so many hours (default 24)")
    made.add_argument("--only", nargs="*", default=[], metavar="WORD", help="only those with one of these words in their name")
    made.add_argument("--docs", action="store_true", help="write the table into docs/course.md")
    return made


def named(recipes: Sequence[Recipe], words: Sequence[str]) -> list[Recipe]:
    """Those with one of the words in their name; without words all."""
    return [each for each in recipes if not words or any(word in each.key for word in words)]


def main() -> None:
    options = parser(__doc__).parse_args()
    if options.data:
        one_thread()
        data = load(options.data)
        measure(named(RECIPES, options.only), lambda recipe, seed: data, options.hours, FILE, seeds_for)
    text = table(read(FILE))
    print(text)
    if options.docs:
        into_docs(text, "recipes")


if __name__ == "__main__":
    main()
