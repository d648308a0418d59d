"""What Dask adds to each submission: the same class by the command's own slots and by `--dask local`, in turns. Writes results/dask.json.

Starting a scheduler and a worker costs the same for every class, so that each way grades two classes of different size: what the larger
one takes longer is what its additional submissions take.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from measuring import RESULTS, describe_machine, measure, rounded, write_result
from workload.stand_ins import ASSIGNMENT, command, make_course, submit

BOUND = 1.05
_WAYS = {"local": [], "dask": ["--dask", "local"]}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--students", type=int, default=80, help="of the larger class; the smaller one has a quarter (default 80)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, help="submissions side by side (default: the command's)")
    parser.add_argument("--output", type=Path, default=RESULTS / "dask.json", metavar="FILE")
    options = parser.parse_args()
    sizes = (options.students // 4, options.students)
    each: dict[str, list[float]] = {way: [] for way in _WAYS}
    cpu: dict[str, list[float]] = {way: [] for way in _WAYS}
    with tempfile.TemporaryDirectory(prefix="autograder-bench-") as folder:
        roots = {size: Path(folder) / str(size) for size in sizes}
        for size, root in roots.items():
            make_course(root)
            submit(root, size)
        for number in range(options.rounds):
            for way, extra in _WAYS.items():
                grade = [*command(), "grade", ASSIGNMENT, "--trust-submissions", "--quiet", "--store", f"{way}{number}", *extra]
                grade += ["--jobs", str(options.jobs)] if options.jobs else []
                found = {size: measure([grade], [root]) for size, root in roots.items()}
                if any(one.failed for one in found.values()):
                    sys.exit(f"A command failed:\n{''.join(one.said[-2000:] for one in found.values())}")
                more = sizes[1] - sizes[0]
                each[way].append((found[sizes[1]].wall_s - found[sizes[0]].wall_s) / more)
                cpu[way].append((found[sizes[1]].cpu_s - found[sizes[0]].cpu_s) / more)
                print(f"{way}: {each[way][-1]:.3f} s for each submission, {cpu[way][-1]:.3f} s of CPU")
    wall, work = ({way: statistics.median(values) for way, values in figures.items()} for figures in (each, cpu))
    ratio = wall["dask"] / wall["local"]
    print(f"{'holds ' if ratio <= BOUND else 'MISSED'}  Dask against local: {ratio:.3f} (at most {BOUND})")
    result = {
        "machine": describe_machine(),
        "students": sizes,
        "wall_s_each": wall,
        "cpu_s_each": work,
        "all": each,
        "ratio": ratio,
        "bound": BOUND,
    }
    write_result(options.output, rounded(result))
    return 0 if ratio <= BOUND else 1


if __name__ == "__main__":
    sys.exit(main())
