"""`otter run`, one call for each submission, in a virtual environment of its own with the same versions of what a notebook imports."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import distributions
from pathlib import Path

from measuring import Measured, clean_environment, measure
from workload.students import ASSIGNMENT, HERE, POINTS, Student, fill_in, write_data

from peers import Grades, PeerResult

_OTTER = "otter-grader==7.0.*"
# Keras imports scikit-learn and matplotlib where they are installed, as they are where a course is graded.
_SAME = ("tensorflow-cpu", "tensorflow", "keras", "numpy", "scikit-learn", "matplotlib", "ipykernel", "nbconvert")


def grade_with_otter(folder: Path, students: Sequence[Student]) -> PeerResult:
    """Grades the students one after the other. Raises RuntimeError when otter does not end well."""
    binaries = _environment() / "bin"
    autograder = _make_assignment(folder, binaries)
    runs: list[Measured] = []
    grades: Grades = {}
    for student in students:
        output = folder / "results" / student.name
        output.mkdir(parents=True)
        fill_in(HERE / "otter" / f"{ASSIGNMENT}.ipynb", student, output / f"{ASSIGNMENT}.ipynb")
        command = [str(binaries / "otter"), "run", "--no-logo", "-a", str(autograder), "-o", str(output), f"{ASSIGNMENT}.ipynb"]
        run = measure([command], [output], clean_environment(binaries))
        if run.failed:
            raise RuntimeError(f"otter run ended with {run.statuses}:\n{run.said[-3000:]}")
        runs.append(run)
        grades |= _grades(student, output)
    return PeerResult("otter", len(students), 1, 0.0, _sum(runs), grades)


def _environment() -> Path:
    """The virtual environment, kept for the next time under the user's cache folder; made anew when a version has changed."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
    folder = cache / "autograder-bench" / "otter"
    installed = {each.name.lower().replace("_", "-"): each.version for each in distributions()}
    wanted = [_OTTER, *(f"{name}=={installed[name]}" for name in _SAME if name in installed)]
    stamp = folder / "complete"
    if stamp.is_file() and stamp.read_text(encoding="utf-8").splitlines() == wanted:
        return folder
    print(f"Setting up {', '.join(wanted)} (once; a few minutes) …", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    done = subprocess.run(pip, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"otter-grader could not be installed:\n{done.stderr[-2000:]}")
    stamp.write_text("\n".join(wanted) + "\n", encoding="utf-8")
    return folder


def _make_assignment(folder: Path, binaries: Path) -> Path:
    """autograder.zip with tests and data. Once imported, otter and Keras have their bytecode, so that the first student pays no more."""
    shutil.copytree(HERE / "otter", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    write_data(folder)
    made = measure(
        [[str(binaries / "otter"), "generate", "-t", "tests", "-o", "autograder.zip", "data.npz", "hidden.npz"]],
        [folder],
        clean_environment(binaries),
    )
    warmed = measure([[str(binaries / "python"), "-c", "import keras, otter.run, IPython"]], [folder], clean_environment(binaries))
    if made.failed or warmed.failed:
        raise RuntimeError(f"otter could not be prepared:\n{made.said[-2000:]}{warmed.said[-1000:]}")
    return folder / "autograder.zip"


def _grades(student: Student, output: Path) -> Grades:
    tests = json.loads((output / "results.json").read_text(encoding="utf-8"))["tests"]
    return {student.name: {test["name"]: test.get("score") for test in tests if test["name"] in POINTS}}


def _sum(runs: Sequence[Measured]) -> Measured:
    return Measured(
        wall_s=sum(run.wall_s for run in runs),
        cpu_s=sum(run.cpu_s for run in runs),
        cpu_from=runs[0].cpu_from,
        own_cpu_s=sum(run.own_cpu_s for run in runs),
        peak_mib=max(run.peak_mib for run in runs),
        half_peak_mib=max(run.half_peak_mib for run in runs),
        machine_cpu_s=sum(run.machine_cpu_s for run in runs),
        statuses=tuple(status for run in runs for status in run.statuses),
        said="",
    )
