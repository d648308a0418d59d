"""Measures what the signals, the cap on literals and the comparison of notebooks rest on, and what they cost.

    python benchmarks/measure_signals.py [--students 360]

Prints the figures of docs/instructors.md. Classes are mixed from the known answers of the shipped assignment: for each cell one
of its right versions, seldom a wrong one, with other numbers of epochs, rates and batch sizes. Nothing is executed but one training.
"""

from __future__ import annotations

import argparse
import ast
import base64
import copy
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from autograder.course.calibration import Calibration
from autograder.course.loading import load_course
from autograder.course.notebook import nbgrader_of, read_notebook
from autograder.grading.signals import signals
from autograder.intake.literals import check_literals, weigh_own_code
from autograder.quality.similarity import compare_notebooks, own_lines, similar_pairs
from autograder.quality.variants import Variant, build_submission, read_variants
from autograder.records import ModelMeasures

ROOT = Path(__file__).parents[1]
ASSIGNMENT = "first_dense_network"
PADDING = "\n".join(f"print('value {n}', math.sqrt({n}) + {n * n}, round({n} / 7, {n % 5}))" for n in range(25))
RATES, EPOCHS, BATCHES = (0.001, 0.003, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0), (10, 15, 20, 25, 30, 40, 50), (16, 32, 50, 64, 100, 128)

Notebook = dict[str, Any]


class Renamed(ast.NodeTransformer):
    """Every name that the code binds gets another one."""

    def __init__(self, tree: ast.AST) -> None:
        bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        self.names = {name: f"{name}_mine" for name in bound | {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}}

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self.names.get(node.id, node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg = self.names.get(node.arg, node.arg)
        return node


class Classes:
    """Makes notebooks of students who chose at random, and copies of them."""

    def __init__(self, notebooks: dict[str, Notebook], variants: dict[str, Variant], seed: int) -> None:
        self.reference, self.random = notebooks["reference"], random.Random(seed)
        self.right: dict[str, list[str]] = {}
        self.wrong: dict[str, list[str]] = {}
        for name, notebook in notebooks.items():
            for cell in solution_cells(notebook):
                ways = (self.right if variants[name].right else self.wrong).setdefault(nbgrader_of(cell)["grade_id"], [])
                if variants[name].start == "source" and cell["source"] not in ways:
                    ways.append(cell["source"])

    def honest(self) -> Notebook:
        notebook = copy.deepcopy(self.reference)
        for cell in solution_cells(notebook):
            grade_id = nbgrader_of(cell)["grade_id"]
            wrong = [way for way in self.wrong[grade_id] if way not in self.right[grade_id]]
            source = self.random.choice(wrong if wrong and self.random.random() < 0.15 else self.right[grade_id])
            source = re.sub(r"learning_rate=[\d.]+", lambda _: f"learning_rate={self.random.choice(RATES):g}", source)
            source = re.sub(r"min\(\d+, epoch_limit\)", lambda _: f"min({self.random.choice(EPOCHS)}, epoch_limit)", source)
            cell["source"] = re.sub(r"batch_size=\d+", lambda _: f"batch_size={self.random.choice(BATCHES)}", source)
        return notebook

    def copied(self, original: Notebook, other_cells: int = 0, padding: str = "") -> Notebook:
        notebook, other = copy.deepcopy(original), solution_cells(self.honest())
        cells = solution_cells(notebook)
        for index in self.random.sample(range(len(cells)), other_cells):
            cells[index]["source"] = other[index]["source"]
        for cell in cells:
            tree = ast.parse(cell["source"])
            cell["source"] = "# my own\n" + ast.unparse(Renamed(tree).visit(tree))
        notebook["cells"].append({"cell_type": "code", "source": padding, "metadata": {}})
        return notebook


def solution_cells(notebook: Notebook) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code" and nbgrader_of(cell).get("solution")]


def similarity(notebooks: dict[str, Notebook], variants: dict[str, Variant], release: Notebook, students: int) -> None:
    right = {name: own_lines(notebooks[name], release) for name, variant in variants.items() if variant.right}
    print("right ones among each other:", [round(pair.share, 2) for pair in similar_pairs(right, release, -1)])
    classes = Classes(notebooks, variants, seed=1)
    made = {f"{number}": classes.honest() for number in range(students)}
    kinds: dict[str, dict[str, Any]] = {"renamed": {}, "padded": {"padding": PADDING}, "one": {"other_cells": 1}, "two": {"other_cells": 2}}
    for kind, how in kinds.items():
        made |= {f"{kind}-{number}": classes.copied(made[f"{number}"], **how) for number in range(10)}
    shares = {
        (pair.one, pair.other): pair.share for pair in similar_pairs({n: own_lines(b, release) for n, b in made.items()}, release, -1)
    }
    honest = sorted(share for (one, other), share in shares.items() if one.isdigit() and other.isdigit())
    high, thousandth = [round(share, 2) for share in honest[-6:]], honest[-(students * (students - 1) // 2_000) - 1]
    print(f"{students * (students - 1) // 2:,} honest pairs, {len(honest):,} of them with enough in common to be looked at")
    print(f"    one in a thousand above {thousandth:.2f}, highest {high}")
    for kind in kinds:
        print(f"copies, {kind}:", sorted(round(shares.get((str(n), f"{kind}-{n}"), 0.0), 2) for n in range(10)))
    began = time.process_time()
    compare_notebooks({f"{number}": classes.honest() for number in range(400)}, release)
    print(f"comparing 400 notebooks: {time.process_time() - began:.1f} CPU s")


def literals(root: Path) -> None:
    """Of the right solutions of all assignments."""
    course, paths = load_course(root)
    found = []
    for assignment in course.assignments:
        subprocess.run([sys.executable, "-m", "autograder.cli", "release", assignment.id, "--quiet"], cwd=root, check=True)
        release = read_notebook(paths.release_notebook(assignment.id))
        for variant in read_variants(paths, assignment.id):
            if variant.right:
                found.append(weigh_own_code(build_submission(paths, assignment.id, variant), release))
                print(f"{assignment.id}, {variant.name}: {found[-1]}")
    for name in ("literal_bytes", "text_bytes"):
        sizes = [getattr(each, name) for each in found]
        print(f"{name}: {min(sizes)} to {max(sizes)}")


def embedded_weights() -> None:
    """The assignment's network on scikit-learn's digits: bytes of its rounded weights as text, and what accuracy is left."""
    import keras

    from autograder.data.loaders import load_digits

    x, y = load_digits(Path())
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order].reshape(len(x), -1).astype("float32") / 255, y[order]
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(10, "sigmoid"), keras.layers.Dense(10, "softmax")])
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    model.fit(x[:1_197], y[:1_197], epochs=60, verbose=0)
    weights = model.get_weights()
    for bits in (32, 8, 4, 2):
        most = 2 ** (bits - 1) - 1
        steps = [(array.std() if bits == 2 else np.abs(array).max() / most) if bits < 32 else 1 for array in weights]
        whole = [
            array if bits == 32 else np.clip(np.round(array / step), -most, most).astype(np.int8)
            for array, step in zip(weights, steps, strict=True)
        ]
        model.set_weights([array * np.float32(step) for array, step in zip(whole, steps, strict=True)])
        right = (model.predict(x[1_497:], verbose=0).argmax(axis=1) == y[1_497:]).mean()
        text = base64.b85encode(zlib.compress(b"".join(array.tobytes() for array in whole), 9))
        print(f"weights in {bits} bits: {len(zlib.compress(text, 9)):,} bytes, {right:.2f} right")


def cost(notebook: Notebook, release: Notebook) -> None:
    history = {
        "best_history": {name: tuple(1 / step for step in range(1, 41)) for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
    }
    models = {"best": ModelMeasures(0.93, 10_000, 0.92, 10_000, 7_960, 7_960)}
    outputs, labels = np.random.default_rng(0).random((20_000, 10), "f"), np.zeros(20_000, int)
    print(f"literals: {milliseconds(lambda: check_literals(notebook, release, 20_480)):.2f} CPU ms")
    print(f"signals: {milliseconds(lambda: signals(history, models, 30.0, 40, 60_000, Calibration())):.2f} CPU ms")
    print(f"accuracies of two parts of 10,000: {milliseconds(lambda: np.mean(outputs.argmax(axis=1) == labels)):.2f} CPU ms")


def milliseconds(work: Callable[[], Any]) -> float:
    """Median processor time of 100 calls."""
    times = []
    for _ in range(100):
        began = time.process_time()
        work()
        times.append(1_000 * (time.process_time() - began))
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=int, default=360)
    students = parser.parse_args().students
    with tempfile.TemporaryDirectory() as folder:
        for name in ("grading_config.py", "source_assignments", "graders", "solutions"):
            (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, Path(folder) / name)
        literals(Path(folder))
        _, paths = load_course(Path(folder))
        variants = {variant.name: variant for variant in read_variants(paths, ASSIGNMENT)}
        notebooks = {name: build_submission(paths, ASSIGNMENT, variant) for name, variant in variants.items()}
        release = read_notebook(paths.release_notebook(ASSIGNMENT))
    cost(notebooks["reference"], release)
    similarity(notebooks, variants, release, students)
    embedded_weights()


if __name__ == "__main__":
    main()
