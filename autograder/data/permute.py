"""Child process that copies a sealed split with its class labels permuted, for an audit; the images are turned alike if it is told to.

Reads one JSON request from standard input. Exit status 2: the last line of standard output says what is wrong, as JSON.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograder.course.settings import AUDIT_TRANSFORMS
from autograder.data.split import write_split
from autograder.errors import UsageError

Array = NDArray[Any]

_TURNS: tuple[Callable[[Array], Array], ...] = (
    lambda images: images.swapaxes(1, 2),
    lambda images: np.rot90(images, 1, axes=(1, 2)),
    lambda images: np.rot90(images, 2, axes=(1, 2)),
    lambda images: np.rot90(images, 3, axes=(1, 2)),
)
TRANSFORMS = dict(zip(AUDIT_TRANSFORMS, _TURNS, strict=True))


def main() -> int:
    request = json.load(sys.stdin)
    split = Path(request["split"])
    try:
        arrays = {
            folder: {name: np.load(split / folder / f"{name}.npy") for name in names}
            for folder, names in {"student": ("x_train", "y_train", "x_test", "y_test"), "hidden": ("x", "y")}.items()
        }
        chance = permute(arrays, request["transforms"], secret_generator(request["seed"], request["dataset"]))
    except UsageError as error:
        print(json.dumps({"message": f"Dataset '{request['dataset']}' cannot be audited: {error.message}", "cure": error.cure}))
        return error.exit_status
    facts = {"chance": chance, "hidden": len(arrays["hidden"]["y"])}
    write_split(Path(request["folder"]), arrays, {"facts.json": json.dumps(facts)})
    return 0


def secret_generator(seed: str, dataset: str) -> np.random.Generator:
    """Another stream than the one that made the split of the same seed."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(f"{seed}/{dataset}/audit".encode()).digest(), "big"))


def permute(arrays: dict[str, dict[str, Array]], transforms: list[str], generator: np.random.Generator) -> float:
    """Permutes the labels of all parts alike, in place, and turns all images by one of `transforms` if there are any.

    Returns the share of the hidden part's most frequent class. Raises UsageError for labels or images that this cannot be done to.
    """
    labels = [(part, name) for part, found in arrays.items() for name in found if name.startswith("y")]
    images = [(part, name) for part, found in arrays.items() for name in found if name.startswith("x")]
    _check(arrays, labels, images, bool(transforms))
    classes = np.unique(np.concatenate([arrays[part][name] for part, name in labels]))
    if len(classes) < 2:
        raise UsageError("all of its examples are of one class", "Permuting labels says something from two classes on.")
    others = classes[derangement(len(classes), generator)]
    for part, name in labels:
        arrays[part][name] = others[np.searchsorted(classes, arrays[part][name])]
    if transforms:
        turn = TRANSFORMS[sorted(transforms)[generator.integers(len(transforms))]]
        for part, name in images:
            arrays[part][name] = np.ascontiguousarray(turn(arrays[part][name]))
    return float(np.unique(arrays["hidden"]["y"], return_counts=True)[1].max() / len(arrays["hidden"]["y"]))


def derangement(count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """A permutation of 0 … count − 1 (count ≥ 2) that leaves nothing in its place; all of these are equally likely."""
    while True:  # one of e permutations is such a one
        found = generator.permutation(count)
        if not (found == np.arange(count)).any():
            return found


def _check(arrays: dict[str, dict[str, Array]], labels: list[tuple[str, str]], images: list[tuple[str, str]], turned: bool) -> None:
    for part, name in labels:
        found = arrays[part][name]
        if found.ndim != 1 or found.dtype.kind not in "biuSU":
            raise UsageError(
                f"its labels have shape {found.shape} and dtype {found.dtype}, one whole number or name for each example was expected",
                "Let the loader return class labels (n,); one-hot rows are made in the notebook.",
            )
    for part, name in images:
        shape = arrays[part][name].shape
        if turned and (len(shape) < 3 or shape[1] != shape[2]):
            raise UsageError(
                f"its examples have shape {shape[1:]}, square images (height, width, …) were expected for audit_transforms",
                "Remove audit_transforms from the assignment.",
            )


if __name__ == "__main__":
    sys.exit(main())
