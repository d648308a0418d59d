"""Measures on MNIST what the curves of profile `full` rest on: networks whose hidden accuracy earns points, as the references train them.

    python benchmarks/measure_curves.py --data DIR [--runs 5] [--hours 2] [--only WORD …]  trains what is missing, prints the table
    python benchmarks/measure_curves.py --docs                                             and writes it into docs/course.md

DIR holds the MNIST files. Data as while grading: each seed is Keras' seed and the course's secret at once, so each has a split of its own;
50,000 different training images of which 10,000 stand twice, and 10,000 hidden ones that are used once. One process, one TensorFlow
thread. Each training is added to results/curves.json as soon as it ends: the measurement can be interrupted, and goes on when called again.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from measure_recipes import (
    BOTH,
    CHOICES,
    CONVOLUTIONS,
    FIRST,
    HIDDEN,
    IMAGE,
    Data,
    Found,
    Recipe,
    convolutional,
    dense,
    dense_then_dropout,
    full_at,
    into_docs,
    measure,
    named,
    one_thread,
    parser,
    read,
    two_convolutions,
)
from measuring import RESULTS
from numpy.typing import NDArray

from autograder.data.loaders import load_mnist
from autograder.data.split import _generator as split_generator
from autograder.data.split import split_indices
from autograder.quality.luck import CONFIDENCE, STUDENTS, share_below

FILE = RESULTS / "curves.json"
SIZES, REPEATS = (50_000, 10_000, 10_000), 10_000
SIXTH = 1 / 6
RMSPROP = ("rmsprop", 128, 20)
as_grading = partial(Recipe, claimed="")
CONTEST = as_grading(
    CONVOLUTIONS, "contest", two_convolutions((16, 32), 0.4, True), 60_806, "adam", 100, 8, metric="test_accuracy", image=IMAGE, rate=0.002
)
EXTRA = replace(CONTEST, metric="contest_accuracy")
REFERENCES = [
    as_grading(
        FIRST,
        "best",
        dense(10, activation="sigmoid"),
        7_960,
        "sgd",
        100,
        40,
        metric="test_accuracy",
        validation_split=0.2,
        rate=0.5,
    ),
    as_grading(HIDDEN, "softmax_only", dense(), 7_850, *RMSPROP, metric="softmax_accuracy", validation_split=SIXTH),
    as_grading(HIDDEN, "one_hidden", dense(512, dropout=0.2), 407_050, *RMSPROP, metric="one_hidden_accuracy", validation_split=SIXTH),
    as_grading(HIDDEN, "two_hidden", dense(512, 512, dropout=0.2), 669_706, *RMSPROP, metric="two_hidden_accuracy", validation_split=SIXTH),
    as_grading(HIDDEN, "slim", dense(75), 59_635, "adam", 32, 12, metric="slim_accuracy", validation_split=SIXTH),
    as_grading(CHOICES, "best", dense(256, 128, dropout=0.2), 235_146, "adam", 64, 20, metric="test_accuracy", validation_split=0.2),
    as_grading(BOTH, "dense", dense_then_dropout, 355_110, "adam", 64, 10, metric="dense_accuracy", validation_split=0.2),
    as_grading(
        BOTH, "convolutional", convolutional, 111_210, "adam", 64, 10, metric="convolutional_accuracy", image=IMAGE, validation_split=0.2
    ),
    CONTEST,
]


def as_graded(folder: Path) -> Callable[[int], Data]:
    """MNIST as notebook and graders see it under a secret seed, by that seed: `x_test` is the hidden part."""
    images, labels = load_mnist(folder)
    x = images.reshape(len(images), 784).astype("float32") / 255
    y = np.eye(10, dtype="float32")[labels]

    @lru_cache(maxsize=1)
    def of_seed(seed: int) -> Data:
        train, _, hidden = split_indices(len(x), SIZES, REPEATS, split_generator(f"{seed:064x}", "mnist"))
        return Data(x[train], y[train], x[hidden], y[hidden])

    return of_seed


def with_moved_copies(data: Data) -> Data:
    """What the reference's contest fits: all but the last sixth, and one copy of each, moved by a pixel up, down, left or right."""
    kept = len(data.x_train) - len(data.x_train) // 6
    pictures = data.x_train[:kept].reshape(-1, 28, 28)
    steps = [(-1, 0), (1, 0), (0, -1), (0, 1)]
    moved = np.concatenate([shift(part, *step) for part, step in zip(np.array_split(pictures, len(steps)), steps, strict=True)])
    return Data(
        np.concatenate([data.x_train[:kept], moved.reshape(-1, 784)]), np.concatenate([data.y_train[:kept]] * 2), data.x_test, data.y_test
    )


def shift(pictures: NDArray[Any], down: int, right: int) -> NDArray[Any]:
    """Pictures (n, height, width), moved by so many pixels; 0 where nothing was."""
    height, width = pictures.shape[1:]
    padded = np.pad(pictures, ((0, 0), (1, 1), (1, 1)))
    return padded[:, 1 - down : 1 - down + height, 1 - right : 1 - right + width]


def table(found: Found) -> str:
    """Markdown; *of 400*: how many right submissions would at most (95 %) have less than all points by luck, without reruns."""
    head = ["curve", "hidden accuracy", "lowest", "trainings", "CPU of one", "all points from", "deviations away", "of 400, at most"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for recipe in [*REFERENCES, EXTRA]:
        runs = found.get(recipe.key, [])
        if len(runs) < 2:
            continue
        accuracies = [run["test_accuracy"] for run in runs]
        mean, deviation = statistics.mean(accuracies), statistics.stdev(accuracies)
        away = (mean - full_at(recipe)) / deviation
        unlucky = STUDENTS * share_below(away, len(runs), CONFIDENCE)
        lose = "extra credit" if recipe is EXTRA else "< 0.001" if unlucky < 0.001 else f"{unlucky:.1g}"
        seconds = statistics.mean(run["cpu_s"] for run in runs)
        measured = f"{mean:.4f} ± {deviation:.4f} | {min(accuracies):.4f} | {len(runs)} | {seconds:.0f} s"
        lines.append(f"| `{recipe.assignment}`: `{recipe.metric}` | {measured} | {full_at(recipe):g} | {away:.1f} | {lose} |")
    return "\n".join(lines)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--runs", type=int, default=5, help="trainings of each network (default 5)")
    options = arguments.parse_args()
    if options.data:
        one_thread()
        graded = as_graded(options.data)

        def prepared(recipe: Recipe, seed: int) -> Data:
            return with_moved_copies(graded(seed)) if recipe is CONTEST else graded(seed)

        measure(named(REFERENCES, options.only), prepared, options.hours, FILE, lambda runs: options.runs)
    text = table(read(FILE))
    print(text)
    if options.docs:
        into_docs(text, "curves")


if __name__ == "__main__":
    main()
