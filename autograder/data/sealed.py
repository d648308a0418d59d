"""The sealed split of a dataset, made once by a child process into `.autograder/data/<fingerprint>/`.

student/  x_train.npy y_train.npy x_test.npy y_test.npy   what notebooks see (x_test is the visible part)
hidden/   x.npy y.npy                                     what only model (images) and scorer (labels) see
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.course.paths import CoursePaths
from autograder.course.settings import Course, Dataset
from autograder.data.seed import fingerprint
from autograder.errors import MachineError, UsageError
from autograder.files import digest


@dataclass(frozen=True)
class SealedSplit:
    """Folders of one split; `fingerprint` names dataset, sizes, loader and seed."""

    fingerprint: str
    folder: Path

    @property
    def student(self) -> Path:
        return self.folder / "student"

    @property
    def hidden(self) -> Path:
        return self.folder / "hidden"


def sealed_split(course: Course, paths: CoursePaths, name: str, seed: bytes, data_folder: Path | None) -> SealedSplit:
    """The split of the course's dataset `name`, made now if it does not exist yet.

    Raises UsageError when the data cannot be found or are too few, MachineError when the child process breaks.
    """
    dataset = next(each for each in course.datasets if each.name == name)
    found = _split_fingerprint(dataset, seed)
    split = SealedSplit(found, paths.state / "data" / found)
    if not (split.folder / "complete").is_file():
        _make(paths, name, seed, split.folder, data_folder)
    return split


def _split_fingerprint(dataset: Dataset, seed: bytes) -> str:
    """The loader counts by its source, not by the file around it: a changed loader makes another split."""
    try:
        loader = hashlib.sha256(inspect.getsource(dataset.load).encode()).hexdigest()
    except (OSError, TypeError):
        loader = str(getattr(dataset.load, "__qualname__", ""))
    return digest(dataset.name, dataset.sizes, dataset.train_repeats, dataset.answers, loader, fingerprint(seed))


def _make(paths: CoursePaths, name: str, seed: bytes, folder: Path, data_folder: Path | None) -> None:
    request = {"course": str(paths.root), "dataset": name, "seed": seed.hex(), "folder": str(folder)}
    request["data"] = str(data_folder.absolute()) if data_folder else ""
    make_in_child("autograder.data.split", request, paths, f"Splitting dataset '{name}'")


def make_in_child(module: str, request: dict[str, Any], paths: CoursePaths, what: str) -> None:
    """Runs a module that makes a split. Raises UsageError with what it says is wrong, MachineError (`what` failed) when it breaks."""
    done = subprocess.run(
        [sys.executable, "-m", module],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        cwd=paths.root,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    if done.returncode == UsageError.exit_status:
        said = json.loads(done.stdout.splitlines()[-1])
        raise UsageError(said["message"], said["cure"])
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise MachineError(f"{what} failed: {last[0]}", "Is the disk full, or the loader of the course broken?")
