"""Measures the audit's rule: accuracies of honest training with the given and with permuted labels, over seeds, and of cheats.

    python benchmarks/measure_audit.py [--seeds 20] [--transforms] [--json FILE]     on the digits, as profile smoke has them
    python benchmarks/measure_audit.py --data DIR [--seeds 3] [--transforms]         on MNIST, as profile full has it
    python benchmarks/measure_audit.py --only imported hash_table --seeds 5               some submissions alone
    python benchmarks/measure_audit.py --read FILE [FILE …]                          the tables once more, from one or several --json
    python benchmarks/measure_audit.py --calibrated                                  all assignments, by the runs of their calibrations

DIR holds the MNIST files. Honest are the shipped right solutions of first_dense_network, and one wrong one that trains too little
(`misses_accuracy`). Their own cells are executed in this process, without sandbox, kernel or scoring: what is measured is training.
Each seed is Keras' seed and the course's secret at once, so each has another split, another start and another permutation. One
TensorFlow thread. Prints Markdown tables as in docs/instructors.md. Exit status 1 when honest training fell.

--calibrated runs nothing. To training an audited run is one with another seed, so each two runs of one right solution in a calibration
stand for a run and its audit: how many of these pairs would the rule call a fall, and below what do 999 of 1,000 falls stay, if they are
normal (tolerance bound with 95 % confidence, as above)?
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from numpy.typing import NDArray

from autograder.course.loading import load_course
from autograder.course.notebook import nbgrader_of, read_notebook
from autograder.course.settings import AUDIT_TRANSFORMS
from autograder.data.permute import permute, secret_generator
from autograder.data.split import _generator as split_generator
from autograder.data.split import split_indices
from autograder.grading.audit import DEFAULT_SPREAD, Comparison, HiddenPart, Spread, compare, margin
from autograder.quality.variants import read_variants

ROOT = Path(__file__).parents[1]
ASSIGNMENT = "first_dense_network"
CELLS = ("write_prepare_images", "write_one_hot", "write_build_network", "train_best")
HONEST = ("reference", "functional_api", "numpy_style", "misses_accuracy")

Array = NDArray[Any]
Arrays = dict[str, dict[str, Array]]
Predict = Callable[[Array], Array]
Submission = Callable[[Arrays, int], Predict]


@dataclass(frozen=True)
class Case:
    """One submission under one seed."""

    name: str
    seed: int
    hidden: HiddenPart
    result: Comparison
    seconds: float


def split(dataset: Any, images: Array, labels: Array, seed: int) -> Arrays:
    """The sealed split of one secret seed, as the product makes it."""
    secret = f"{seed:064x}"
    train, visible, hidden = split_indices(len(images), dataset.sizes, dataset.train_repeats, split_generator(secret, dataset.name))
    student = {"x_train": images[train], "y_train": labels[train], "x_test": images[visible], "y_test": labels[visible]}
    return {"student": student, "hidden": {"x": images[hidden], "y": labels[hidden]}}


def honest(cells: dict[str, str], epoch_limit: int) -> Submission:
    """A submission whose own cells are executed; the model `best` predicts."""

    def submit(arrays: Arrays, seed: int) -> Predict:
        import keras

        keras.backend.clear_session()
        keras.utils.set_random_seed(seed)
        names: dict[str, Any] = {"keras": keras, "np": np, "epoch_limit": epoch_limit, **arrays["student"]}
        with contextlib.redirect_stdout(io.StringIO()):
            for cell in CELLS:
                exec(cells[cell], names)
        return lambda images: as_labels(names["best"], images)

    return submit


def as_labels(model: Any, images: Array) -> Array:
    found: Array = model.predict(images.reshape(len(images), 784).astype("float32") / 255, batch_size=1000, verbose=0).argmax(axis=1)
    return found


def shipped(epoch_limit: int) -> dict[str, Submission]:
    """The shipped solutions by name."""
    _, paths = load_course(ROOT)
    notebook = read_notebook(paths.source_notebook(ASSIGNMENT))
    source = {str(nbgrader_of(cell).get("grade_id")): cell["source"] for cell in notebook["cells"]}
    variants = {each.name: each for each in read_variants(paths, ASSIGNMENT)}
    return {name: honest({**source, **variants[name].cells}, epoch_limit) for name in HONEST}


def cheats(everything: tuple[Array, Array], reference: Submission) -> dict[str, Submission]:
    """What somebody can bring along who has all of the data at home: `everything` with its public labels."""
    images, labels = everything
    at_home: dict[int, Any] = {}

    def trained_at_home(seed: int) -> Predict:
        if seed not in at_home:
            at_home[seed] = reference(
                {"student": {"x_train": images, "y_train": labels, "x_test": images[:10], "y_test": labels[:10]}}, seed
            )
        found: Predict = at_home[seed]
        return found

    def imported(arrays: Arrays, seed: int) -> Predict:
        """Weights trained elsewhere; the given labels are not looked at."""
        return trained_at_home(seed)

    def hash_table(arrays: Arrays, seed: int) -> Predict:
        """A label for each image, by the image's bytes; where the image is not known, 0."""
        known = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
        return lambda asked: np.array([known.get(np.ascontiguousarray(image).tobytes(), 0) for image in asked])

    def neighbours(arrays: Arrays, seed: int) -> Predict:
        """The label of the nearest of 300 images that are brought along."""
        chosen = np.random.default_rng(seed).choice(len(images), 300, replace=False)
        kept = images[chosen].reshape(300, -1).astype("float32")

        def predict(asked: Array) -> Array:
            found: Array = labels[chosen][
                (asked.reshape(len(asked), -1).astype("float32") @ kept.T - (kept**2).sum(axis=1) / 2).argmax(axis=1)
            ]
            return found

        return predict

    def own_labels(arrays: Arrays, seed: int) -> Predict:
        """Trains for real, on labels that were brought along instead of the given ones."""
        known = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
        x = arrays["student"]["x_train"]
        y = np.array([known.get(np.ascontiguousarray(image).tobytes(), 0) for image in x], dtype=labels.dtype)
        return reference({"student": {**arrays["student"], "y_train": y}}, seed)

    def adaptive(arrays: Arrays, seed: int) -> Predict:
        """Weights trained elsewhere, and for each of their answers the label that it most often goes with in the given data."""
        home = trained_at_home(seed)
        x, y = arrays["student"]["x_train"], arrays["student"]["y_train"]
        counts = np.zeros((10, 10), int)
        np.add.at(counts, (home(x), y), 1)
        return lambda asked: counts.argmax(axis=1)[home(asked)]

    return {each.__name__: each for each in (imported, hash_table, neighbours, own_labels, adaptive)}


def measure(name: str, submit: Submission, seed: int, arrays: Arrays, transforms: list[str], dataset: str) -> Case:
    """A normal and an audited execution with the same seed, and what the rule says of them."""
    began = time.monotonic()
    normal = accuracy(submit(arrays, seed), arrays)
    permuted = {part: dict(found) for part, found in arrays.items()}
    hidden = HiddenPart(len(arrays["hidden"]["y"]), permute(permuted, transforms, secret_generator(f"{seed:064x}", dataset)))
    audited = accuracy(submit(permuted, seed), permuted)
    result = compare("test_accuracy", normal, audited, Spread(DEFAULT_SPREAD, "default"), hidden)
    return Case(name, seed, hidden, result, time.monotonic() - began)


def accuracy(predict: Predict, arrays: Arrays) -> float:
    return float((predict(arrays["hidden"]["x"]) == arrays["hidden"]["y"]).mean())


def table(cases: list[Case]) -> str:
    """One line for each submission."""
    lines = [
        "| submission | seeds | normal | audited | normal − audited, lowest to highest | smallest margin | kept | fell | not comparable |"
    ]
    lines += ["|---|---|---|---|---|---|---|---|---|"]
    for name in dict.fromkeys(case.name for case in cases):
        found = [case.result for case in cases if case.name == name]
        falls = differences(found)
        counts = [sum(each.verdict == verdict for each in found) for verdict in ("kept", "fell", "not comparable")]
        spans = f"{falls.min():+.4f} to {falls.max():+.4f}"
        normal, audited = spread([each.normal for each in found]), spread([each.audited for each in found])
        least = min(each.margin or 0 for each in found)
        lines.append(f"| {name} | {len(found)} | {normal} | {audited} | {spans} | {least:.3f} | " + " | ".join(map(str, counts)) + " |")
    return "\n".join(lines)


def differences(found: list[Comparison]) -> Array:
    return np.array([(each.normal or 0) - (each.audited or 0) for each in found])


def spread(values: list[float | None]) -> str:
    numbers = [value or 0.0 for value in values]
    return f"{np.mean(numbers):.4f} ± {np.std(numbers, ddof=1) if len(numbers) > 1 else 0:.4f}"


def tolerance(cases: list[Case]) -> str:
    """For each honest submission the bound that 999 of 1,000 falls stay below with 95 % confidence, if falls are normal.

    One-sided tolerance factor by the noncentral t distribution (NIST/SEMATECH e-Handbook, 7.2.6.3).
    """
    from scipy.stats import shapiro

    lines = ["| submission | seeds | fall: mean ± deviation | bound for 999 of 1,000 | smallest margin | bound below it | Shapiro-Wilk p |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for name in dict.fromkeys(case.name for case in cases):
        found = [case.result for case in cases if case.name == name]
        falls, least = differences(found), min(each.margin or 0 for each in found)
        count = len(falls)
        if count < 3:
            continue
        bound = falls.mean() + tolerance_factor(count) * falls.std(ddof=1)
        says = f"{falls.mean():+.4f} ± {falls.std(ddof=1):.4f} | {bound:.4f} | {least:.4f} | {'yes' if bound < least else 'no'}"
        lines.append(f"| {name} | {count} | {says} | {shapiro(falls).pvalue:.2f} |")
    return "\n".join(lines)


def calibrated() -> int:
    """Prints the table of all calibrated assignments, profile `smoke`; how many pairs the rule calls a fall."""
    course, paths = load_course(ROOT)
    print("| assignment | accuracy | solutions that differ × seeds | mean | spread | 999 of 1,000 stay below | margin | pairs that fell |")
    print("|---|---|---|---|---|---|---|---|")
    total = 0
    for assignment in course.assignments:
        file = paths.solutions(assignment.id) / "calibration.json"
        figures = json.loads(file.read_text())["profiles"].get("smoke", {}) if file.is_file() else {}
        dataset = next(each for each in course.datasets if each.name == assignment.profiles["smoke"].dataset)
        labels = split(dataset, *dataset.load(None), 0)["hidden"]["y"]
        hidden = HiddenPart(len(labels), float(np.bincount(labels).max() / len(labels)))
        for name, metric in figures.items():
            if "accuracy" not in name or not isinstance(metric, dict) or "solutions" not in metric:
                continue
            different = {tuple(each["values"]) for each in metric["solutions"].values()}  # some train just the same
            pairs = [pair for values in different for pair in permutations(values, 2)]
            found = [compare(name, *pair, Spread(metric["spread"], "calibration"), hidden) for pair in pairs]
            fell = sum(each.verdict == "fell" for each in found)
            bound = tolerance_factor(metric["n"]) * math.sqrt(2) * metric["spread"]
            least = margin(metric["mean"], metric["spread"], hidden.size)
            solutions = f"{len(different)} of {len(metric['solutions'])} × {metric['n']}"
            figures_of_it = f"{metric['mean']:.3f} | {metric['spread']:.4f} | {bound:.3f} | {least:.3f} | {fell} of {len(pairs):,}"
            print(f"| `{assignment.id}` | `{name}` | {solutions} | {figures_of_it} |")
            total += fell
    return total


def tolerance_factor(count: int) -> float:
    """How many deviations above the mean 999 of 1,000 stay, with 95 % confidence from so many values, if they are normal."""
    from scipy.stats import nct, norm

    return float(nct.ppf(0.95, count - 1, norm.ppf(0.999) * math.sqrt(count)) / math.sqrt(count))


def run(options: argparse.Namespace) -> list[Case]:
    """Every submission with every seed."""
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    print(f"Python {platform.python_version()}, Keras {keras.__version__}, TensorFlow {tf.__version__}, NumPy {np.__version__}")
    course, _ = load_course(ROOT)
    profile = course.assignments[0].profiles["full" if options.data else "smoke"]
    dataset = next(each for each in course.datasets if each.name == profile.dataset)
    images, labels = dataset.load(options.data)
    solutions = shipped(profile.epoch_limit or 1000)
    submissions = {**solutions, **cheats((images, labels), solutions["reference"])}
    transforms = list(AUDIT_TRANSFORMS) if options.transforms else []
    cases = []
    for seed in range(options.first_seed, options.first_seed + (options.seeds or (3 if options.data else 20))):
        arrays = split(dataset, images, labels, seed)
        for name in options.only or submissions:
            cases.append(measure(name, submissions[name], seed, arrays, transforms, dataset.name))
            says = cases[-1].result
            print(
                f"<!-- {name}, seed {seed}: {says.normal:.4f} → {says.audited:.4f}: {says.verdict}, {cases[-1].seconds:.0f} s -->",
                flush=True,
            )
            if options.json:
                options.json.write_text(json.dumps([asdict(case) for case in cases], indent=1))
    return cases


def read(files: list[Path]) -> list[Case]:
    """Results of earlier calls, judged by the rule as it is now."""
    return [judged(each) for file in files for each in json.loads(file.read_text())]


def judged(found: dict[str, Any]) -> Case:
    hidden, before = HiddenPart(**found["hidden"]), found["result"]
    result = compare("test_accuracy", before["normal"], before["audited"], Spread(DEFAULT_SPREAD, "default"), hidden)
    return Case(found["name"], found["seed"], hidden, result, found["seconds"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with the MNIST files (default: the digits instead)")
    parser.add_argument("--seeds", type=int, metavar="N", help="seeds of each submission (default: 20, on MNIST 3)")
    parser.add_argument("--first-seed", type=int, default=0, metavar="N", help="the first of them (default 0)")
    parser.add_argument("--transforms", action="store_true", help="turn the images too, each seed by one of all transforms")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="only these submissions")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every single result")
    parser.add_argument("--read", nargs="+", type=Path, metavar="FILE", help="run nothing; judge these results again")
    parser.add_argument("--calibrated", action="store_true", help="run nothing; judge the runs of all calibrations")
    options = parser.parse_args()
    if options.calibrated:
        return int(calibrated() > 0)
    cases = read(options.read) if options.read else run(options)
    fair = [case for case in cases if case.name in HONEST]
    print(f"\n{table(cases)}\n\n{tolerance(fair)}\n")
    return int(any(case.result.verdict == "fell" for case in fair))


if __name__ == "__main__":
    raise SystemExit(main())
