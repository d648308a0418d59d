"""What Dask adds to each submission: the same class by the command's own slots and by `--dask local`, in turns. Writes results/dask.json.

Starting a scheduler and a worker costs the same for every class, so that each way grades two classes of different size: what the larger
one takes longer is what its additional submissions take, and the rest is the start. Both are told, in wall time and in CPU time of
everything that was started. On a machine that others use too wall time says nothing; `foreign_cpu_s` tells how much they took.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from measuring import RESULTS, Measured, describe_machine, measure, rounded, write_result
from workload.stand_ins import ASSIGNMENT, command, make_course, submit

BOUND = 1.05
_WAYS = {"local": [], "dask": ["--dask", "local"]}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--students", type=int, default=160, help="of the larger class; the smaller one has a quarter (default 160)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, help="submissions side by side (default: the command's)")
    parser.add_argument("--output", type=Path, default=RESULTS / "dask.json", metavar="FILE")
    options = parser.parse_args()
    sizes = (options.students // 4, options.students)
    rounds: list[dict[str, dict[str, float]]] = []
    foreign = 0.0
    with tempfile.TemporaryDirectory(prefix="autograder-bench-") as folder:
        roots = {size: Path(folder) / str(size) for size in sizes}
        for size, root in roots.items():
            make_course(root)
            submit(root, size)
            grade_one = [*command(), "grade", ASSIGNMENT, "--trust-submissions", "--quiet", "--store", "first", "--student", "student00000"]
            measure([grade_one], [root])  # makes what a course needs once: the split of its data, what its graders declare
        for number in range(options.rounds):
            found: dict[str, dict[str, float]] = {}
            for way in sorted(_WAYS, reverse=bool(number % 2)):
                grade = [*command(), "grade", ASSIGNMENT, "--trust-submissions", "--quiet", "--store", f"{way}{number}", *_WAYS[way]]
                grade += ["--jobs", str(options.jobs)] if options.jobs else []
                measured = {size: measure([grade], [root]) for size, root in roots.items()}
                if any(each.failed for each in measured.values()):
                    sys.exit(f"A command failed:\n{''.join(each.said[-2000:] for each in measured.values())}")
                found[way] = of_each(measured)
                foreign += sum(each.foreign_cpu_s() for each in measured.values())
                print(f"{way}: " + ", ".join(f"{name} {value:.3f}" for name, value in found[way].items()), flush=True)
            rounds.append(found)
    result: dict[str, object] = {"machine": describe_machine(), "students": sizes, "bound": BOUND, "foreign_cpu_s": foreign}
    for way in _WAYS:
        result[way] = {name: statistics.median(each[way][name] for each in rounds) for name in rounds[0][way]}
    ratios = {}
    for kind in ("wall", "cpu"):
        ratios[kind] = statistics.median(each["dask"][f"{kind}_s_each"] / each["local"][f"{kind}_s_each"] for each in rounds)
        said = "holds " if ratios[kind] <= BOUND else "MISSED"
        print(f"{said}  Dask against local, {kind} time of each submission: {ratios[kind]:.3f} (at most {BOUND})")
    write_result(options.output, rounded({**result, "ratios": ratios, "rounds": rounds}, 4))
    return 0 if all(ratio <= BOUND for ratio in ratios.values()) else 1


def of_each(measured: dict[int, Measured]) -> dict[str, float]:
    """Seconds of each submission and of the start, from classes of two sizes."""
    (small, few), (large, many) = sorted(measured.items())
    wall, cpu = (many.wall_s - few.wall_s) / (large - small), (many.cpu_s - few.cpu_s) / (large - small)
    return {"wall_s_each": wall, "cpu_s_each": cpu, "start_wall_s": few.wall_s - small * wall, "start_cpu_s": few.cpu_s - small * cpu}


if __name__ == "__main__":
    sys.exit(main())
