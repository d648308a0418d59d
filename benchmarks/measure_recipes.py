"""Measures on real MNIST what every recipe of the course's tutorials reaches, beside what its tutorial claims.

    python benchmarks/measure_recipes.py --data DIR [--hours 2] [--only WORD …]     trains what is missing, then prints the tables
    python benchmarks/measure_recipes.py                                            only prints the tables
    python benchmarks/measure_recipes.py --docs                                     and writes them into docs/course.md

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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
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

    `claimed`: test accuracy, as the tutorial gives it; `also`: what else it claims, by what the training notes; `metric`: the curve of
    profile `full` by which this network's accuracy earns points, where one does; `image`: shape of one example.
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
    also: Mapping[str, str] = field(default_factory=dict)

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
RMSPROP_20, RMSPROP_50 = ("rmsprop", 128, 20), ("rmsprop", 50, 10)
THREE_TENTHS = (TWO_DROPOUT, 118_282)
ON_A_FIFTH = partial(Recipe, CHOICES, validation_split=0.2)
ON_PICTURES = partial(Recipe, CONVOLUTIONS, image=IMAGE)


def last(training: str, validation: str) -> dict[str, str]:
    """Claims about the accuracies of the last epoch."""
    return {"accuracy": training, "val_accuracy": validation}


def loss(claimed: str) -> dict[str, str]:
    """A claim about the loss on the test images."""
    return {"test_loss": claimed}


SIGMOID = {"accuracy": "0.70", "loss": "1.35"}
RECIPES = [
    Recipe(FIRST, "10 sigmoid, SGD", dense(10, activation="sigmoid"), 7_960, "sgd", 100, 5, "0.9018", also=SIGMOID),
    Recipe(HIDDEN, "softmax only", dense(), 7_850, *RMSPROP_20, "0.924", "softmax_accuracy", also=loss("0.276")),
    Recipe(HIDDEN, "512, dropout 0.2", dense(512, dropout=0.2), 407_050, *RMSPROP_20, "0.981", "one_hidden_accuracy", also=loss("0.068")),
    Recipe(
        HIDDEN,
        "512, 512, dropout 0.2",
        dense(512, 512, dropout=0.2),
        669_706,
        *RMSPROP_20,
        "0.982",
        "two_hidden_accuracy",
        also=loss("0.0719"),
    ),
    ON_A_FIFTH("softmax only, SGD", dense(), 7_850, "sgd", 128, 200, "0.9222", also=last("0.9236", "0.9227, 0.9237")),
    ON_A_FIFTH("128, 128, SGD", TWO, 118_282, "sgd", 128, 20, "0.9441", also=last("0.9450", "0.9463")),
    ON_A_FIFTH("128, 128, dropout 0.3, SGD", *THREE_TENTHS, "sgd", 128, 20, "0.9425", also=last("0.9154", "0.9448")),
    ON_A_FIFTH("128, 128, dropout 0.3, SGD, long", *THREE_TENTHS, "sgd", 128, 250, "0.977", also=last("0.9810", "0.9773")),
    ON_A_FIFTH("128, 128, dropout 0.3, RMSprop", *THREE_TENTHS, "rmsprop", 128, 20, "0.9784", also=last("0.9797", "0.9759")),
    ON_A_FIFTH("128, 128, dropout 0.3, Adam", *THREE_TENTHS, "adam", 128, 20, "0.9793", also=last("0.9828", "0.9803")),
    ON_A_FIFTH("128, 128, dropout 0.3, Adam, long", *THREE_TENTHS, "adam", 128, 200, "no gain"),
    Recipe(BOTH, "400, 100, dropout 0.5", dense_then_dropout, 355_110, "adam", 64, 10, "–", "dense_accuracy"),
    Recipe(BOTH, "two convolutions, 320", convolutional, 111_210, "adam", 64, 10, "–", "convolutional_accuracy", image=IMAGE),
    ON_PICTURES("simple", one_convolution(100), 626_280, *RMSPROP_50, "> 0.98"),
    ON_PICTURES("simple, dropout 0.5", one_convolution(100, dropout=0.5), 626_280, *RMSPROP_50, "–"),
    ON_PICTURES("dropout 0.5, 200", one_convolution(200, dropout=0.5), 1_252_380, *RMSPROP_50, "no gain"),
    ON_PICTURES("dropout 0.5, 50", one_convolution(50, dropout=0.5), 313_230, *RMSPROP_50, "–", also={"accuracy": "0.985"}),
    ON_PICTURES("dropout 0.5, 50, 50", one_convolution(50, 50, dropout=0.5), 315_780, *RMSPROP_50, "no gain"),
    ON_PICTURES("two convolutions", two_convolutions((10, 20), 0.5, False), 166_500, *RMSPROP_50, "> 0.99"),
    ON_PICTURES("best", two_convolutions((16, 32), 0.4, True), 60_806, "rmsprop", 200, 40, "0.994"),
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


def table(found: Found) -> str:
    """Test accuracies, Markdown."""
    head = ["recipe", "parameters", "optimizer, batch, epochs", "claimed", "measured", "seeds", "CPU of one", "all points from"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for recipe in RECIPES:
        runs = found.get(recipe.key, [])
        seconds = f"{statistics.mean(run['cpu_s'] for run in runs):.0f} s" if runs else "–"
        how = f"{recipe.optimizer}, {recipe.batch}, {recipe.epochs}"
        what = f"`{recipe.assignment}`: {recipe.name} | {recipe.parameters:,}"
        points = f"{full_at(recipe):g}" if recipe.metric else "–"
        measured = mean_and_spread(runs, "test_accuracy")
        lines.append(f"| {what} | {how} | {recipe.claimed} | {measured} | {len(runs)} | {seconds} | {points} |")
    return "\n".join(lines)


def other_claims(found: Found) -> str:
    """What the tutorials claim beside test accuracies, Markdown."""
    names = {"accuracy": "training accuracy", "loss": "training loss", "val_accuracy": "validation accuracy", "test_loss": "test loss"}
    lines = ["| recipe | | claimed | measured |", "|---" * 4 + "|"]
    for recipe in RECIPES:
        for key, claimed in recipe.also.items():
            measured = mean_and_spread(found.get(recipe.key, []), key)
            lines.append(f"| `{recipe.assignment}`: {recipe.name} | {names[key]} | {claimed} | {measured} |")
    return "\n".join(lines)


def mean_and_spread(runs: Sequence[Mapping[str, Any]], key: str) -> str:
    """'0.9273 ± 0.0007': mean and standard deviation over the trainings."""
    values = [run[key] for run in runs]
    spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4f}{spread}" if values else "–"


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
    found = read(FILE)
    tables = {"recipes": table(found), "other claims": other_claims(found)}
    print("\n\n".join(tables.values()))
    if options.docs:
        for name, text in tables.items():
            into_docs(text, name)


if __name__ == "__main__":
    main()
