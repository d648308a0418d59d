"""Fixtures of the tests of batches."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from autograder.course.loading import load_course
from autograder.quality.variants import Variant, build_submission
from tests.conftest import SAMPLES, autograder

STUDENTS = ("ada", "bob", "cem", "dee")


@pytest.fixture(scope="session")
def graded_course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small course whose notebooks need no TensorFlow, with a class of four, graded locally into the store `local`."""
    root = Path(shutil.copytree(SAMPLES / "corpus", tmp_path_factory.mktemp("dask") / "course"))
    assert autograder(root, "release", "basics").returncode == 0
    paths = load_course(root)[1]
    for student in STUDENTS:
        folder = root / "submitted" / student / "basics"
        folder.mkdir(parents=True)
        notebook = build_submission(paths, "basics", Variant(student, "", True, start="release" if student == "cem" else "source"))
        notebook["cells"].append(
            {"cell_type": "code", "id": student, "metadata": {}, "outputs": [], "execution_count": None, "source": f"'{student}'"}
        )
        (folder / "basics.ipynb").write_text(json.dumps(notebook))
    done = autograder(root, "grade", "basics", "--trust-submissions", "--store", "local")
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def course(graded_course: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(graded_course, tmp_path / "course"))
