"""Child process that loads a dataset and writes its sealed split; the only place where a loader runs.

Reads one JSON request from standard input. Exit status 2: the last line of standard output says what is wrong, as JSON.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograder.course.loading import load_course
from autograder.course.settings import Dataset
from autograder.errors import AutograderError, UsageError
from autograder.files import PARTIAL, scratch_folder


def main() -> int:
    request = json.load(sys.stdin)
    try:
        course, _ = load_course(Path(request["course"]))
        dataset = next(each for each in course.datasets if each.name == request["dataset"])
        images, labels = _load(dataset, Path(request["data"]) if request["data"] else None)
        train, visible, hidden = split_indices(len(images), dataset.sizes, dataset.train_repeats, _generator(request["seed"], dataset.name))
        _write(Path(request["folder"]), images, labels, train, visible, hidden)
    except AutograderError as error:
        print(json.dumps({"message": error.message, "cure": error.cure}))
        return UsageError.exit_status
    return 0


def _load(dataset: Dataset, folder: Path | None) -> tuple[NDArray[Any], NDArray[Any]]:
    try:
        x, y = dataset.load(folder)
        images, labels = np.asarray(x), np.asarray(y)
    except AutograderError:
        raise
    except Exception as error:  # the loader is an instructor's function
        raise UsageError(f"The loader of dataset '{dataset.name}' failed: {type(error).__name__}: {error}", "Mend load(folder).") from None
    if len(images) != len(labels) or len(images) < sum(dataset.sizes):
        raise UsageError(
            f"Dataset '{dataset.name}' has {len(images):,} examples and {len(labels):,} labels; "
            f"sizes {dataset.sizes} need {sum(dataset.sizes):,}.",
            "Lower the sizes in grading_config.py, or load all of the data.",
        )
    return images, labels


def _generator(seed: str, name: str) -> np.random.Generator:
    """Each dataset has a stream of its own, so that adding one changes no other."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest(), "big"))


def split_indices(
    count: int, sizes: tuple[int, int, int], repeats: int, generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the training, visible and hidden part of `count` examples; no example is in two parts.

    `repeats` of the training examples stand twice, beside their originals, so a validation part cut off at either end
    shares at most one example with the rest.
    """
    order = generator.permutation(count)
    n_train, n_visible, n_hidden = sizes
    twice = np.zeros(n_train, dtype=np.int64)
    twice[generator.choice(n_train, size=repeats, replace=False)] = 1
    train = np.repeat(order[:n_train], 1 + twice)
    return train, order[n_train : n_train + n_visible], order[n_train + n_visible : n_train + n_visible + n_hidden]


def _write(folder: Path, images: NDArray[Any], labels: NDArray[Any], *parts: NDArray[np.int64]) -> None:
    train, visible, hidden = parts
    student = {"x_train": images[train], "y_train": labels[train], "x_test": images[visible], "y_test": labels[visible]}
    write_split(folder, {"student": student, "hidden": {"x": images[hidden], "y": labels[hidden]}}, {})


def write_split(folder: Path, files: dict[str, dict[str, NDArray[Any]]], texts: dict[str, str]) -> None:
    """Writes arrays by folder and name, and `texts` beside them; the split appears as a whole (by a rename)."""
    with scratch_folder(folder.parent, PARTIAL) as partial:
        _fill(partial, files, texts)
        if folder.exists():  # another process was faster, or an earlier one was killed half-way
            shutil.rmtree(folder, ignore_errors=True)
        try:
            partial.rename(folder)
        except OSError:
            if not (folder / "complete").is_file():
                raise


def _fill(partial: Path, files: dict[str, dict[str, NDArray[Any]]], texts: dict[str, str]) -> None:
    for name, text in texts.items():
        (partial / name).write_text(text, encoding="utf-8")
    for name, arrays in files.items():
        (partial / name).mkdir()
        for key, array in arrays.items():
            np.save(partial / name / f"{key}.npy", array)
            (partial / name / f"{key}.npy").chmod(0o644)  # jobs in sandboxes have other uids; `partial` itself keeps others out
    (partial / "student").chmod(0o755)
    (partial / "complete").touch()


if __name__ == "__main__":
    sys.exit(main())
