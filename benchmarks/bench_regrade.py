"""Time and memory of `autograder regrade` over a large class: a changed curve, a changed grader. Writes results/regrade.json.

The class is made of one real graded run of the shipped course's reference: its run, record and notebook are copied for each
student, with accuracies of their own. What is timed is the whole command, gradebook and autograded notebooks included.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from autograder.batch.store import Store
from autograder.course.loading import load_course
from autograder.files import digest
from autograder.grading.verdict import award
from autograder.intake.collect import find_submissions
from autograder.quality.variants import Variant, build_submission
from autograder.records import Record, Run, Scoring, from_json, to_json

REPOSITORY = Path(__file__).parents[1]
ASSIGNMENT, PROFILE, METRIC = "first_dense_network", "smoke", "test_accuracy"
COPIED = ("grading_config.py", "source_assignments", "graders")
CURVE = {0.50: 0.0, 1.00: 1.0}  # the changed one
GRADER, RIGHT, WRONG, LOST = "test_network.py", "total=7_960", "total=7_961", "network_parameters"
CURVE_TOTAL_S, GRADER_EACH_S, MEMORY_MIB = 15.0, 0.15, 300.0
# The command, which in the end tells its own CPU time and peak memory; those of the sandboxes that it opens are not its own.
COMMAND = """
import atexit, json, pathlib, re, sys, time
told = pathlib.Path(sys.argv.pop(1))
def tell():
    peak = re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]
    told.write_text(json.dumps({"cpu_s": round(time.process_time(), 2), "peak_memory_mib": round(int(peak) / 1024, 1)}))
atexit.register(tell)
from autograder.cli import main
main()
"""


def command(root: Path, *arguments: str) -> dict[str, float]:
    """Runs `autograder` in a course; its wall time, CPU time and peak memory."""
    told = root / "told.json"
    options = ["--profile", PROFILE, "--gradebook", f"sqlite:///{root / 'gradebook.db'}", "--trust-submissions"]
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", COMMAND, str(told), *arguments, *options], cwd=root, check=True, stderr=subprocess.DEVNULL)
    return {"total_s": round(time.perf_counter() - began, 2), **json.loads(told.read_text())}


def make_course(root: Path) -> Record:
    """A released copy of the shipped course with one student, graded for real."""
    for name in COPIED:
        original = REPOSITORY / name
        shutil.copytree(original, root / name) if original.is_dir() else shutil.copy(original, root / name)
    subprocess.run([sys.executable, "-m", "autograder.cli", "release", ASSIGNMENT], cwd=root, check=True, stderr=subprocess.DEVNULL)
    _, paths = load_course(root)
    submit(root, "original", build_submission(paths, ASSIGNMENT, Variant("reference", "", True)))
    command(root, "grade", ASSIGNMENT)
    return next(store_of(root).latest(PROFILE, ASSIGNMENT))


def store_of(root: Path) -> Store:
    return Store(root / ".autograder")


def submit(root: Path, student: str, notebook: dict[str, Any]) -> None:
    folder = root / "submitted" / student / ASSIGNMENT
    folder.mkdir(parents=True)
    (folder / f"{ASSIGNMENT}.ipynb").write_text(json.dumps(notebook, indent=1))
    (folder / "timestamp.txt").write_text("2027-02-10 18:00:00.000000 UTC")


def make_class(root: Path, original: Record, count: int) -> dict[str, float]:
    """Copies the one student's submission, run and record `count` times; accuracy by student."""
    store, accuracies = store_of(root), {}
    run = store.run(original.runs[0].run_key)
    submitted = json.loads((root / f"submitted/original/{ASSIGNMENT}/{ASSIGNMENT}.ipynb").read_text())
    for number in range(count):
        student = f"student{number:04}"
        submit(root, student, {**submitted, "metadata": {**submitted["metadata"], "number": number}})
        accuracies[student] = round(0.7 + 0.3 * number / count, 6)
    shutil.rmtree(root / "submitted/original")
    for submission in find_submissions(root / "submitted", ASSIGNMENT, (), 10**9):
        accuracy, key = accuracies[submission.student], digest(submission.student)
        copy = store.run(key)
        shutil.copytree(run.path, copy.path)
        copy.run_file.write_text(to_json(replace(from_json(Run, run.run_file.read_bytes()), run_key=key)))
        for file in (copy.path / "scores").glob("*.json"):
            file.write_text(to_json(with_accuracy(from_json(Scoring, file.read_bytes()), accuracy)))
        store.write(recorded(root, original, submission.student, submission.submission_id, key, accuracy))
    shutil.rmtree(root / f".autograder/records/{PROFILE}/{ASSIGNMENT}/original")
    return accuracies


def with_accuracy(scoring: Scoring, accuracy: float) -> Scoring:
    return replace(scoring, tests=tuple(replace(test, measured={METRIC: accuracy}) if test.measured else test for test in scoring.tests))


def recorded(root: Path, original: Record, student: str, submission_id: str, key: str, accuracy: float) -> Record:
    """The record that grading such a run would have left."""
    course, _ = load_course(root)
    fraction, message = award({METRIC: accuracy}, course.assignments[0].profiles[PROFILE].curves)
    assert fraction is not None
    cells = []
    for cell in original.grade_cells:
        if any(test.measured for test in cell.tests):
            test = replace(cell.tests[0], measured={METRIC: accuracy}, fraction=fraction, message=message, passed=fraction == 1)
            cell = replace(cell, tests=(test,), score=round(cell.max_score * fraction, 2))
        cells.append(cell)
    return replace(
        original,
        student=student,
        submission_id=submission_id,
        submitted_at="2027-02-10T18:00:00+00:00",
        runs=(replace(original.runs[0], run_key=key),),
        grade_cells=tuple(cells),
        score=round(sum(cell.score or 0 for cell in cells), 2),
    )


def edit(file: Path, change: Callable[[str], str]) -> None:
    before = file.read_text()
    after = change(before)
    assert after != before
    file.write_text(after)


def check(root: Path, expected: dict[str, float], looked: int) -> None:
    """Every score, in the records and in the gradebook, is the expected one; and the graders looked at each run so many times."""
    from autograder.gradebook.session import open_gradebook

    scores = {record.student: record.score for record in store_of(root).latest(PROFILE, ASSIGNMENT)}
    assert scores == expected, {student: (score, expected[student]) for student, score in scores.items() if score != expected[student]}
    looks = {len(list(folder.glob("*.json"))) for folder in (root / ".autograder/runs").glob("*/scores")} - {0}
    assert looks == {1, looked}, f"scored {looks} times; was the package edited meanwhile?"  # 1: the original run
    with open_gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        booked = {each.student_id: round(each.score, 2) for each in gradebook.assignment_submissions(ASSIGNMENT)}
    assert booked == {**booked, **expected}


def measure(root: Path, count: int) -> dict[str, Any]:
    original = make_course(root)
    assert original.score is not None
    accuracies = make_class(root, original, count)
    measured = {"grade, all recorded": command(root, "grade", ASSIGNMENT)}  # which writes them into the gradebook for the first time
    points = next(cell.max_score for cell in original.grade_cells if any(test.measured for test in cell.tests))
    others = original.score - sum(cell.score or 0 for cell in original.grade_cells if any(test.measured for test in cell.tests))

    edit(root / "grading_config.py", lambda text: re.sub(r"Curve\(\{.*?\}\)", f"Curve({CURVE})", text, count=1))
    measured["regrade, changed curve"] = command(root, "regrade", ASSIGNMENT)
    check(root, {student: round(others + round(points * (accuracy - 0.5) / 0.5, 2), 2) for student, accuracy in accuracies.items()}, 1)

    edit(root / f"graders/{ASSIGNMENT}/{GRADER}", lambda text: text.replace(RIGHT, WRONG, 1))
    measured["regrade, changed grader"] = command(root, "regrade", ASSIGNMENT)
    true = next(value for cell in original.grade_cells for test in cell.tests for value in test.measured.values())
    lost = next(cell.max_score for cell in original.grade_cells if cell.grade_id == LOST)
    assert true is not None
    lower = dict.fromkeys(accuracies, round(others - lost + round(points * (true - 0.5) / 0.5, 2), 2))
    check(root, lower, 2)
    measured["regrade, nothing new"] = command(root, "regrade", ASSIGNMENT)
    check(root, lower, 2)
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="recorded submissions (default: 1000)")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results/regrade.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-regrade-") as folder:
        measured = measure(Path(folder), options.count)
    curve, grader = measured["regrade, changed curve"], measured["regrade, changed grader"]
    each = grader["total_s"] / options.count
    peak = max(one["peak_memory_mib"] for one in measured.values())
    held = {
        "changed curve in total": (curve["total_s"], CURVE_TOTAL_S, "s"),
        "changed grader each": (round(each, 3), GRADER_EACH_S, "s"),
        "memory of the command": (peak, MEMORY_MIB, "MiB"),
    }
    result = {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
        "submissions": options.count,
        "measured": measured,
        "targets": {name: {"measured": found, "target": target, "holds": found <= target} for name, (found, target, _) in held.items()},
    }
    options.output.parent.mkdir(exist_ok=True)
    options.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for name, one in measured.items():
        print(f"{name:24} {one['total_s']:7.2f} s wall  {one['cpu_s']:7.2f} s CPU  {one['peak_memory_mib']:6.1f} MiB")
    for name, (found, target, unit) in held.items():
        print(f"{name:24} {found:g} {unit}; target ≤ {target:g} {unit}: {'holds' if found <= target else 'missed'}")


if __name__ == "__main__":
    main()
