"""A class of any size with a notebook that costs next to nothing: it imports no TensorFlow and hands in no model."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import sys
from pathlib import Path

from measuring import clean_environment

from autograder.course.loading import load_course
from autograder.quality.variants import Variant, build_submission

ASSIGNMENT = "basics"
_COURSE = Path(__file__).parents[2] / "tests" / "samples" / "corpus"


def make_course(root: Path) -> None:
    """The course, with its assignment released."""
    shutil.copytree(_COURSE, root)
    subprocess.run([*command(), "release", ASSIGNMENT, "--quiet"], cwd=root, check=True, env=clean_environment())


def submit(root: Path, count: int) -> None:
    """Right submissions of `count` students, each with a cell of its own, so that no two share a run."""
    right = build_submission(load_course(root)[1], ASSIGNMENT, Variant("reference", "", True))
    for number in range(count):
        notebook = copy.deepcopy(right)
        own = {"cell_type": "code", "id": "own", "metadata": {}, "outputs": [], "execution_count": None, "source": f"own = {number}"}
        notebook["cells"].append(own)
        folder = root / "submitted" / f"student{number:05}" / ASSIGNMENT
        folder.mkdir(parents=True)
        (folder / f"{ASSIGNMENT}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")


def command() -> list[str]:
    return [sys.executable, "-m", "autograder.cli"]
