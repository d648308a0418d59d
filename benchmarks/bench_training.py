"""A class that really trains: `autograder grade` beside `nbgrader autograde` in as many processes as cores.

    python benchmarks/bench_training.py [--seconds-each 20] [--students 4]

`--seconds-each 180` is the case of a course's later weeks: three minutes for each submission. Checks that both give the same
grades, prints the ratio, writes results/training.json. Exit status 1: the figures are not a result, and why.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench_class import describe_peer, say
from measuring import RESULTS, cores, describe_machine, measure, rounded, use_cores, write_result
from ours import describe, differences, grade_class, problems
from peers import Grades
from peers.stock_nbgrader import grade_with_nbgrader
from workload.students import HERE, make_class, write_data


def seconds_per_epoch(folder: Path) -> float:
    write_data(folder)
    done = measure([[sys.executable, str(HERE / "epoch.py"), str(folder / "data.npz")]], [folder])
    if done.failed:
        raise RuntimeError(f"The length of an epoch could not be measured:\n{done.said[-2000:]}")
    return float(done.said.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds-each", type=float, default=20, help="training time of a submission, alone on one core (default 20)")
    parser.add_argument("--students", type=int, default=4, help="size of the class (default 4)")
    parser.add_argument("--cores", type=int, default=cores(), help="confine everything to so many cores (default: all)")
    parser.add_argument("--jobs", type=int, help="submissions side by side (default: the command's)")
    parser.add_argument("--trust-submissions", action="store_true", help="without isolation; never a result, but good for trying")
    parser.add_argument("--output", type=Path, default=RESULTS / "training.json", metavar="FILE")
    options = parser.parse_args()
    use_cores(options.cores)
    with tempfile.TemporaryDirectory(prefix="autograder-bench-") as temporary:
        result = run(Path(temporary), options)
    write_result(options.output, rounded(result))
    show(result)
    sys.exit(0 if result["valid"] else 1)


def run(work: Path, options: argparse.Namespace) -> dict[str, Any]:
    epochs = max(1, round(options.seconds_each / seconds_per_epoch(work)))
    students = make_class(options.students, epochs)
    expected: Grades = {student.name: dict(student.points) for student in students}
    say(f"autograder: {len(students)} submissions of {epochs} epochs …")
    ours = grade_class(work / "autograder", students, options.jobs, options.trust_submissions)
    say("nbgrader in as many processes as cores …")
    peer = grade_with_nbgrader(work / "nbgrader", students, min(cores(), len(students)))
    described = describe(ours, cores())
    unequal = differences("autograder", ours.grades, expected) + differences(peer.name, peer.grades, expected)
    wrong = problems(ours) + unequal
    return {
        "machine": describe_machine(),
        "valid": not wrong,
        "why_not": wrong,
        "grades_equal": not unequal,
        "seconds_each": options.seconds_each,
        "epochs": epochs,
        "autograder": described,
        "peer": describe_peer(peer, described),
    }


def show(result: dict[str, Any]) -> None:
    ours, peer = result["autograder"], result["peer"]
    print(f"\n{ours['students']} submissions of {result['epochs']} epochs ({result['seconds_each']:g} s on one core)")
    print(f"autograder: {ours['wall_s']:.1f} s, isolation {ours['isolation']}")
    print(f"nbgrader in {peer['processes']} processes: {peer['wall_s']:.1f} s")
    print(f"ratio {peer['ratio']:.2f}; wall over (CPU of the students' cells ÷ cores) {ours['wall_over_student_cpu_per_core']:.2f}")
    print(f"grades equal on all paths: {'yes' if result['grades_equal'] else 'NO'}")
    for problem in result["why_not"]:
        print(f"NOT A RESULT: {problem}")


if __name__ == "__main__":
    main()
