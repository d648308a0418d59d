"""What the shipped assignments take under the profile `full` on real MNIST, with a submission on each core. Writes results/full.json.

    python benchmarks/measure_full.py --data DIR [--runs 2]

DIR holds the MNIST files. The reference of each assignment is graded with as many students as there are cores, `--runs` times; what an
earlier call has measured of other assignments stays in the result. `seconds` are CPU time of notebook, models and scoring: what a
submission takes on a slot with a core of its own, since everything runs in one thread there. `wall_s` is the time from the start of its
sandbox to its record; on a quiet machine that is the same, on a busy one it is longer. `measured`: the accuracies that earn points.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from measuring import RESULTS, clean_environment, cores, describe_machine, rounded, write_result

from autograder.course.loading import load_course
from autograder.quality.variants import Variant, build_submission

REPOSITORY = Path(__file__).parents[1]
COPIED = ("grading_config.py", "source_assignments", "graders", "solutions")


def graded(root: Path, assignment: str, data: Path, run: int, together: int) -> list[dict[str, Any]]:
    """Records of one class of the reference: students who are graded side by side, each with a cell of their own."""
    notebook = build_submission(load_course(root)[1], assignment, Variant("reference", "", True))
    for number in range(together):
        own = {"cell_type": "code", "id": "own", "metadata": {}, "outputs": [], "execution_count": None, "source": f"own = {run}, {number}"}
        folder = root / "submitted" / f"run{run}student{number}" / assignment
        folder.mkdir(parents=True)
        (folder / f"{assignment}.ipynb").write_text(json.dumps({**notebook, "cells": [*notebook["cells"], own]}))
    students = [option for number in range(together) for option in ("--student", f"run{run}student{number}")]
    command = [
        sys.executable,
        "-m",
        "autograder.cli",
        "grade",
        assignment,
        "--profile",
        "full",
        "--data",
        str(data),
        "--jobs",
        str(together),
    ]
    done = subprocess.run(
        [*command, "--trust-submissions", "--quiet", "--json", "-", *students],
        cwd=root,
        env=clean_environment(),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"{assignment}: {done.stderr}")
    return list(json.loads(done.stdout))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--together", type=int, default=cores(), metavar="N", help="students side by side (default: one on each core)")
    parser.add_argument("--assignment", dest="assignments", action="append", metavar="ID", help="only this one; may be given several times")
    parser.add_argument("--output", type=Path, default=RESULTS / "full.json", metavar="FILE")
    options = parser.parse_args()
    measured = _known(options.output)
    with tempfile.TemporaryDirectory(prefix="autograder-bench-") as folder:
        root = Path(folder) / "course"
        root.mkdir()
        for name in COPIED:
            original = REPOSITORY / name
            shutil.copytree(original, root / name) if original.is_dir() else shutil.copy(original, root / name)
        for name in options.assignments or [each.id for each in load_course(root)[0].assignments]:
            release = [sys.executable, "-m", "autograder.cli", "release", name, "--quiet"]
            subprocess.run(release, cwd=root, check=True, env=clean_environment())
            records = [record for run in range(options.runs) for record in graded(root, name, options.data, run, options.together)]
            measured["seconds"][name] = [sum(record["usage"][f"{part}cpu_s"] for part in ("", "model_", "scoring_")) for record in records]
            measured["wall_s"][name] = [sum(record["seconds"].values()) - record["seconds"]["queue"] for record in records]
            measured["scores"][name] = [f"{record['outcome']}: {record['score']} of {record['max_score']}" for record in records]
            measured["measured"][name] = [
                {metric: value for cell in record["grade_cells"] for test in cell["tests"] for metric, value in test["measured"].items()}
                for record in records
            ]
            print(f"{name}: {', '.join(f'{one:.0f} s' for one in measured['seconds'][name])}; {measured['scores'][name]}", flush=True)
            write_result(options.output, rounded({"machine": describe_machine(), "side_by_side": options.together, **measured}))
    return 0


def _known(output: Path) -> dict[str, dict[str, list[Any]]]:
    """What an earlier call has measured of other assignments stays."""
    known = json.loads(output.read_text(encoding="utf-8")) if output.is_file() else {}
    return {name: known.get(name, {}) for name in ("seconds", "wall_s", "scores", "measured")}


if __name__ == "__main__":
    sys.exit(main())
