"""What the shipped assignments take under the profile `full` on real MNIST, with a submission on each core. Writes results/full.json.

    python benchmarks/measure_full.py --data DIR [--runs 2]

DIR holds the MNIST files. The reference of each assignment is graded with as many students as there are cores, `--runs` times with other
seeds; seconds are those from the start of its sandbox to its record.
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
    seconds: dict[str, list[float]] = {}
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
            seconds[each.id] = [sum(record["seconds"].values()) - record["seconds"]["queue"] for record in records]
            scores[each.id] = [f"{record['outcome']}: {record['score']} of {record['max_score']}" for record in records]
            print(f"{each.id}: {', '.join(f'{one:.0f} s' for one in seconds[each.id])}; {', '.join(scores[each.id])}")
            write_result(options.output, rounded({"machine": describe_machine(), "seconds": seconds, "scores": scores}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
