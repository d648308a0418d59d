"""A class of short submissions: `autograder grade` beside `nbgrader autograde` and `otter run`, on the same files.

    python benchmarks/bench_class.py [--students 100] [--peer-students 10] [--peers nbgrader,nbgrader-parallel,otter]

Checks that all of them give the same grades, prints ratios, writes results/class.json. Exit status 1: the figures are not a
result, and why. What the figures mean stands in README.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring import RESULTS, cores, describe_machine, rounded, use_cores, write_result
from ours import ClassResult, describe, differences, grade_class, problems
from peers import Grades, PeerResult
from peers.otter_run import grade_with_otter
from peers.stock_nbgrader import grade_with_nbgrader
from workload.students import Student, make_class

# How many times its throughput is asked for.
PEERS = {"nbgrader": 7.0, "nbgrader-parallel": 3.3, "otter": 15.0}
WALL_RATIO = 1.2
CPU_OUTSIDE_S = 0.6
MEMORY_MIB = 300 * 1e6 / 2**20


@dataclass(frozen=True)
class Target:
    """One line of the table: a measured value and its bound."""

    what: str
    measured: float
    bound: float
    at_least: bool = False

    @property
    def holds(self) -> bool:
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound

    def __str__(self) -> str:
        sign, verdict = "≥" if self.at_least else "≤", "holds" if self.holds else "missed"
        return f"{self.what:68} {self.measured:8.2f}   {sign} {self.bound:<6.4g} {verdict}"


def targets(ours: dict[str, Any], peers: Sequence[PeerResult]) -> list[Target]:
    lines = [Target(f"throughput over that of {peer.name}", ratio(ours, peer), PEERS[peer.name], at_least=True) for peer in peers]
    return [
        *lines,
        Target("wall time over (CPU of the students' cells ÷ cores)", ours["wall_over_student_cpu_per_core"], WALL_RATIO),
        Target("CPU outside the students' cells, for each submission, s", ours["each"]["cpu_outside_s"], CPU_OUTSIDE_S),
        Target("memory of the command, MiB (300 MB)", ours["command_peak_mib"], MEMORY_MIB),
    ]


def ratio(ours: dict[str, Any], peer: PeerResult) -> float:
    """Throughput over the peer's, for a class of the same size."""
    return float(peer.class_wall_s(ours["students"]) / ours["wall_s"])


def run_peer(name: str, folder: Path, students: Sequence[Student], processes: int) -> PeerResult:
    folder.mkdir()
    if name == "otter":
        return grade_with_otter(folder, students)
    return grade_with_nbgrader(folder, students, processes if name == "nbgrader-parallel" else 1)


def describe_peer(peer: PeerResult, ours: dict[str, Any]) -> dict[str, Any]:
    return {
        "students": peer.students,
        "processes": peer.processes,
        "wall_s": peer.measured.wall_s,
        "start_s": peer.start_s,
        "cpu_s_each": peer.measured.cpu_s / peer.students,
        "wall_s_each": (peer.measured.wall_s - peer.start_s) / peer.students,
        "wall_s_of_the_class": peer.class_wall_s(ours["students"]),
        "ratio": ratio(ours, peer),
        "foreign_cpu_s": peer.measured.foreign_cpu_s(),
    }


def conclude(ours: ClassResult, peers: Sequence[PeerResult], expected: Grades) -> dict[str, Any]:
    described = describe(ours, cores())
    unequal = differences("autograder", ours.grades, expected)
    for peer in peers:
        unequal += differences(peer.name, peer.grades, {student: expected[student] for student in list(expected)[: peer.students]})
    wrong = problems(ours) + unequal
    lines = targets(described, peers)
    return {
        "machine": describe_machine(),
        "valid": not wrong,
        "why_not": wrong,
        "grades_equal": not unequal,
        "targets": [{"what": line.what, "measured": line.measured, "bound": line.bound, "holds": line.holds} for line in lines],
        "autograder": described,
        "peers": {peer.name: describe_peer(peer, described) for peer in peers},
    }


def show(result: dict[str, Any], lines: Sequence[Target]) -> None:
    ours = result["autograder"]
    pace = f"{ours['wall_s']:.1f} s, {ours['submissions_per_minute']:.1f} a minute"
    print(f"\nautograder: {ours['students']} submissions in {pace}, isolation {ours['isolation']}")
    for name, peer in result["peers"].items():
        print(f"{name}: {peer['wall_s_each']:.2f} s for each of {peer['students']}, in {peer['processes']} process(es)")
    print(f"grades equal on all paths: {'yes' if result['grades_equal'] else 'NO'}\n")
    for line in lines:
        print(line)
    print("\nCPU for each submission, s:")
    for part, seconds in {"the student's own cells": ours["each"]["student_cpu_s"], **ours["each"]["cpu_outside_by_part_s"]}.items():
        print(f"  {part:56} {seconds:7.3f}")
    for problem in result["why_not"]:
        print(f"NOT A RESULT: {problem}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--students", type=int, default=100, help="size of the class (default 100)")
    parser.add_argument("--peer-students", type=int, default=10, help="how many of them each peer grades (default 10; peers are slow)")
    parser.add_argument("--peers", default=",".join(PEERS), help="which, separated by commas; empty for none (default: all)")
    parser.add_argument("--cores", type=int, default=cores(), help="confine everything to so many cores (default: all)")
    parser.add_argument("--jobs", type=int, help="submissions side by side (default: the command's)")
    parser.add_argument("--trust-submissions", action="store_true", help="without isolation; never a result, but good for trying")
    parser.add_argument("--work", type=Path, help="an empty folder for courses and submissions, kept (default: a temporary one)")
    parser.add_argument("--output", type=Path, default=RESULTS / "class.json", metavar="FILE")
    options = parser.parse_args()
    names = [name for name in options.peers.split(",") if name]
    if unknown := set(names) - set(PEERS):
        parser.error(f"unknown peers: {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    use_cores(options.cores)
    students = make_class(options.students)
    with tempfile.TemporaryDirectory(prefix="autograder-bench-") as temporary:
        work = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        say(f"autograder: {len(students)} submissions …")
        ours = grade_class(work / "autograder", students, options.jobs, options.trust_submissions)
        peers = []
        for name in names:
            say(f"{name}: {len(students[: options.peer_students])} submissions …")
            peers.append(run_peer(name, work / name, students[: options.peer_students], cores()))
    result = conclude(ours, peers, {student.name: dict(student.points) for student in students})
    write_result(options.output, rounded(result))
    show(result, targets(result["autograder"], peers))
    sys.exit(0 if result["valid"] else 1)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
