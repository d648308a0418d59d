"""What the shipped assignments take under the profile `full` on real MNIST, with a submission on each core. Writes results/full.json.

    python benchmarks/measure_full.py --data DIR [--runs 2]

DIR holds the MNIST files. The reference of each assignment is graded with as many students as there are cores, `--runs` times.
`seconds` are those from the start of its sandbox to its record, less those that its notebook was ready to run and had no core: what it
takes on a slot with a core of its own. `waited_s` says how many these were, `cpu_s` the CPU time of notebook, models and scoring.
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


def graded(root: Path, assignment: str, data: Path, run: int) -> list[dict[str, Any]]:
    """Records of one class of the reference, one student for each core, each with a cell of its own."""
    notebook = build_submission(load_course(root)[1], assignment, Variant("reference", "", True))
    for number in range(cores()):
        own = {"cell_type": "code", "id": "own", "metadata": {}, "outputs": [], "execution_count": None, "source": f"own = {run}, {number}"}
        folder = root / "submitted" / f"run{run}student{number}" / assignment
        folder.mkdir(parents=True)
        (folder / f"{assignment}.ipynb").write_text(json.dumps({**notebook, "cells": [*notebook["cells"], own]}))
    students = [option for number in range(cores()) for option in ("--student", f"run{run}student{number}")]
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
        str(cores()),
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
    parser.add_argument("--output", type=Path, default=RESULTS / "full.json", metavar="FILE")
    options = parser.parse_args()
    measured: dict[str, dict[str, list[float]]] = {"seconds": {}, "waited_s": {}, "cpu_s": {}}
    scores: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory(prefix="autograder-bench-") as folder:
        root = Path(folder) / "course"
        for name in COPIED:
            original = REPOSITORY / name
            shutil.copytree(original, root / name) if original.is_dir() else (root.mkdir(exist_ok=True), shutil.copy(original, root / name))
        for each in load_course(root)[0].assignments:
            subprocess.run(
                [sys.executable, "-m", "autograder.cli", "release", each.id, "--quiet"], cwd=root, check=True, env=clean_environment()
            )
            records = [record for run in range(options.runs) for record in graded(root, each.id, options.data, run)]
            found = {"seconds": [_taken_s(record) for record in records]}
            found["waited_s"] = [record["usage"]["waited_s"] for record in records]
            found["cpu_s"] = [sum(record["usage"][f"{part}cpu_s"] for part in ("", "model_", "scoring_")) for record in records]
            for name, values in found.items():
                measured[name][each.id] = values
            scores[each.id] = [f"{record['outcome']}: {record['score']} of {record['max_score']}" for record in records]
            print(f"{each.id}: {', '.join(f'{one:.0f} s' for one in found['seconds'])}; {', '.join(scores[each.id])}", flush=True)
            write_result(options.output, rounded({"machine": describe_machine(), **measured, "scores": scores}))
    return 0


def _taken_s(record: dict[str, Any]) -> float:
    parts: dict[str, float] = record["seconds"]
    return sum(parts.values()) - parts["queue"] - float(record["usage"]["waited_s"])


if __name__ == "__main__":
    sys.exit(main())
