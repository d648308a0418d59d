"""What Dask adds to each submission: the same class by the command's own slots and by `--dask local`, in turns. Writes results/dask.json.

Two kinds of class: short notebooks that train a network each, as in bench_class.py, and stand-ins that do next to nothing, so that what is
added shows best. Starting a scheduler and a worker costs the same for every class, so each way grades two classes of different size: what
the larger one takes longer is what its additional submissions take, and the rest is the start. Both are told, in wall time and in CPU time
of everything that was started. On a machine that others use too wall time says nothing; `foreign_cpu_s` tells how much they took.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring import RESULTS, Measured, describe_machine, measure, rounded, write_result
from ours import release_and_submit
from workload import stand_ins, students
from workload.stand_ins import command

BOUND = 1.05
_WAYS = {"local": [], "dask": ["--dask", "local"]}


@dataclass(frozen=True)
class Kind:
    """A kind of class. `make` writes a course with so many submissions into a folder; `large` is how many by default."""

    assignment: str
    first: str
    large: int
    make: Callable[[Path, int], None]


def _stand_ins(root: Path, count: int) -> None:
    stand_ins.make_course(root)
    stand_ins.submit(root, count)


def _networks(root: Path, count: int) -> None:
    release_and_submit(root, students.make_class(count))


KINDS = {
    "networks": Kind(students.ASSIGNMENT, "student0000", 60, _networks),
    "stand-ins": Kind(stand_ins.ASSIGNMENT, "student00000", 160, _stand_ins),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kind", choices=list(KINDS), help="of class (default: both)")
    parser.add_argument("--students", type=int, help="of the larger class (default: 60 or 160); the smaller one has a quarter")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, help="submissions side by side (default: the command's)")
    parser.add_argument("--output", type=Path, default=RESULTS / "dask.json", metavar="FILE")
    options = parser.parse_args()
    kinds = {name: compared(name, kind, options) for name, kind in KINDS.items() if options.kind in (None, name)}
    write_result(options.output, rounded({"machine": describe_machine(), "bound": BOUND, "classes": kinds}, 4))
    return 0 if all(ratio <= BOUND for found in kinds.values() for ratio in found["ratios"].values()) else 1


def compared(name: str, kind: Kind, options: argparse.Namespace) -> dict[str, Any]:
    """The rounds of one kind of class, and medians over them."""
    large = options.students or kind.large
    sizes = (large // 4, large)
    rounds: list[dict[str, dict[str, float]]] = []
    foreign = 0.0
    with tempfile.TemporaryDirectory(prefix="autograder-bench-") as folder:
        roots = {size: Path(folder) / str(size) for size in sizes}
        grade = [*command(), "grade", kind.assignment, "--trust-submissions", "--quiet"]
        for size, root in roots.items():
            kind.make(root, size)
            # One of them makes what a course needs once: the split of its data, what its graders declare.
            measure([[*grade, "--store", "first", "--student", kind.first]], [root])
        grade += ["--jobs", str(options.jobs)] if options.jobs else []
        for number in range(options.rounds):
            found: dict[str, dict[str, float]] = {}
            for way in sorted(_WAYS, reverse=bool(number % 2)):
                measured = {size: measure([[*grade, "--store", f"{way}{number}", *_WAYS[way]]], [root]) for size, root in roots.items()}
                if any(each.failed for each in measured.values()):
                    sys.exit(f"A command failed:\n{''.join(each.said[-2000:] for each in measured.values())}")
                found[way] = of_each(measured)
                foreign += sum(each.foreign_cpu_s() for each in measured.values())
                print(f"{name}, {way}: " + ", ".join(f"{what} {value:.3f}" for what, value in found[way].items()), flush=True)
            rounds.append(found)
    result: dict[str, Any] = {"students": sizes, "foreign_cpu_s": foreign}
    for way in _WAYS:
        result[way] = {what: statistics.median(each[way][what] for each in rounds) for what in rounds[0][way]}
    ratios = {
        clock: statistics.median(each["dask"][f"{clock}_s_each"] / each["local"][f"{clock}_s_each"] for each in rounds)
        for clock in ("wall", "cpu")
    }
    for clock, ratio in ratios.items():
        said = "holds " if ratio <= BOUND else "MISSED"
        print(f"{said}  {name}: Dask against local, {clock} time of each submission: {ratio:.3f} (at most {BOUND})", flush=True)
    return {**result, "ratios": ratios, "rounds": rounds}


def of_each(measured: dict[int, Measured]) -> dict[str, float]:
    """Seconds of each submission and of the start, from classes of two sizes."""
    (small, few), (large, many) = sorted(measured.items())
    wall, cpu = (many.wall_s - few.wall_s) / (large - small), (many.cpu_s - few.cpu_s) / (large - small)
    return {"wall_s_each": wall, "cpu_s_each": cpu, "start_wall_s": few.wall_s - small * wall, "start_cpu_s": few.cpu_s - small * cpu}


if __name__ == "__main__":
    sys.exit(main())
