"""The split that an audit executes on: a sealed split with permuted class labels, made once by a child process beside the others.

Training, visible and hidden part share one permutation, which follows from the course's secret seed and leaves no class in its place.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from autograder.course.paths import CoursePaths
from autograder.course.settings import Dataset
from autograder.data.sealed import SealedSplit, make_in_child
from autograder.errors import UsageError
from autograder.files import digest


@dataclass(frozen=True)
class PermutedSplit:
    """Its folders, how many examples are hidden, and the accuracy of guessing: the share of the most frequent class among them."""

    split: SealedSplit
    hidden: int
    chance: float


def permuted_split(paths: CoursePaths, sealed: SealedSplit, dataset: Dataset, seed: bytes, transforms: Sequence[str]) -> PermutedSplit:
    """The permuted copy of a sealed split, made now if it does not exist yet; its images turned by one of `transforms`.

    Raises UsageError when the dataset has no classes to permute, MachineError when the child process breaks.
    """
    if dataset.task != "classification":
        raise UsageError(
            f"Dataset '{dataset.name}' has task '{dataset.task}', and an audit permutes the labels of classes.",
            "Only assignments on classification data can be audited.",
        )
    found = digest("permuted", sealed.fingerprint, sorted(transforms))
    split = SealedSplit(found, paths.state / "data" / found)
    if not (split.folder / "complete").is_file():
        request = {
            "split": str(sealed.folder),
            "folder": str(split.folder),
            "seed": seed.hex(),
            "dataset": dataset.name,
            "transforms": sorted(transforms),
        }
        make_in_child("autograder.data.permute", request, paths, f"Permuting dataset '{dataset.name}'")
    facts = json.loads((split.folder / "facts.json").read_bytes())
    return PermutedSplit(split, int(facts["hidden"]), float(facts["chance"]))
