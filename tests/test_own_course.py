"""docs/own-course.md, followed to the letter: its files are written, its commands run, in the order in which they stand there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs/own-course.md"
_BLOCK = re.compile(r"(?:^`([^`\n]+)`:\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory, started: tuple[Path, subprocess.CompletedProcess[str]]) -> Path:
    """The course that the page leads to. What `init` makes was validated before, so the first `validate` has runs to use again."""
    here = tmp_path_factory.mktemp("walk")
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AUTOGRADER_")}
    (here / "seed").write_text("5" * 64)  # in one walk of a hundred the hidden patients are such that a right answer loses points, by luck
    (here / "seed").chmod(0o600)
    environment = {**clean, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": ""}
    environment["AUTOGRADER_SEED_FILE"] = str(here / "seed")
    for name, language, text in _BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        for line in text.splitlines() if language == "sh" else ():
            done = subprocess.run(["bash", "-euc", f"{line}\npwd"], cwd=here, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
            here = Path(done.stdout.splitlines()[-1])
            if line.startswith("autograder init "):
                shutil.copytree(started[0] / ".autograder", here / started[0].name / ".autograder", symlinks=True)
        if language != "sh":
            assert name, f"the page does not say into which file this goes:\n{text[:200]}"
            (here / name).write_text(text, encoding="utf-8")
    return here


def test_the_assignment_is_released_without_its_solutions(course: Path) -> None:
    released = (course / "release/diabetes/diabetes.ipynb").read_text(encoding="utf-8")
    assert "YOUR CODE HERE" in released
    assert "targets.mean()" not in released
    assert (course / "release/diabetes/data/x_train.npy").is_file()


def test_its_class_is_graded_by_the_error(course: Path) -> None:
    records = [json.loads(path.read_text()) for path in (course / "demo_course/.autograder/records").glob("*/diabetes/*/*.json")]
    scores = {record["student"]: record["score"] for record in records}
    assert scores == {"reference": 90, "functional_api": 90, "squeezed_output": 30}
    measured = [test["measured"] for record in records for cell in record["grade_cells"] for test in cell["tests"] if test["measured"]]
    assert all(15 < each["mean_absolute_error"] < 300 for each in measured)


def test_feedback_and_report_are_there_for_a_regression(course: Path) -> None:
    page = (course / "demo_course/feedback/squeezed_output/diabetes/diabetes.html").read_text(encoding="utf-8")
    assert "Mean absolute error" in page
    assert (course / "demo_course/reports/diabetes.html").is_file()
