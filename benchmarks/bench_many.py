"""Ten thousand submissions of a stand-in notebook through the whole path: pace, memory, size, and what a rerun and the report take.

Writes results/many.json. The class takes about half an hour on two cores; `--students 500` gives the same figures for each submission.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from measuring import RESULTS, describe_machine, measure, rounded, write_result
from workload.stand_ins import ASSIGNMENT, command, make_course, submit

MEMORY_MIB, RERUN_S, REPORT_S, STORE_KB = 300.0, 10.0, 60.0, 60.0
_OF_THE_STUDENT = ("handin", "predictions", "custom")  # what the size of a hand-in decides, not ours to bound here


def store_bytes(store: Path) -> tuple[int, int]:
    """Bytes of the store beside hand-ins and predictions, and of those; each file counts as the blocks that it takes."""
    ours = theirs = 0
    for path in store.rglob("*"):
        if path.is_file():
            size = path.stat().st_blocks * 512
            if any(part in _OF_THE_STUDENT for part in path.relative_to(store).parts):
                theirs += size
            else:
                ours += size
    return ours, theirs


def run(students: int, root: Path) -> dict[str, Any]:
    make_course(root)
    submit(root, students)
    grade = [*command(), "grade", ASSIGNMENT, "--trust-submissions", "--quiet"]
    first, again = measure([grade], [root]), measure([grade], [root])
    report = measure([[*command(), "report", ASSIGNMENT, "--quiet"]], [root])
    if first.failed or again.failed or report.failed:
        sys.exit(f"A command failed:\n{first.said[-2000:]}{again.said[-2000:]}{report.said[-2000:]}")
    ours, theirs = store_bytes(root / ".autograder" / "runs"), store_bytes(root / ".autograder" / "records")
    return {
        "students": students,
        "grade": {
            "wall_s": first.wall_s,
            "submissions_per_minute": 60 * students / first.wall_s,
            "cpu_s_each": first.cpu_s / students,
            "command_peak_mib": first.peak_mib,
            "command_peak_half_way_mib": first.half_peak_mib,
        },
        "rerun_with_nothing_to_do_s": again.wall_s,
        "rerun_peak_mib": again.peak_mib,
        "report_s": report.wall_s,
        "report_peak_mib": report.peak_mib,
        "report_mb": (root / "reports" / f"{ASSIGNMENT}.html").stat().st_size / 1e6,
        "store_kb_each": (ours[0] + theirs[0]) / students / 1000,
        "hand_in_kb_each": (ours[1] + theirs[1]) / students / 1000,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--students", type=int, default=10_000)
    parser.add_argument("--output", type=Path, default=RESULTS / "many.json", metavar="FILE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="autograder-bench-") as folder:
        found = run(options.students, Path(folder) / "course")
    targets = [
        ("memory of the command, MiB", found["grade"]["command_peak_mib"], MEMORY_MIB),
        ("a rerun with nothing to do, s", found["rerun_with_nothing_to_do_s"], RERUN_S),
        ("the report, s", found["report_s"], REPORT_S),
        ("store for each submission, KB", found["store_kb_each"], STORE_KB),
    ]
    for what, measured, bound in targets:
        print(f"{'holds ' if measured <= bound else 'MISSED'}  {what}: {measured:.1f} (at most {bound:g})")
    print(f"{found['grade']['submissions_per_minute']:.0f} submissions a minute, {found['grade']['cpu_s_each']:.3f} s of CPU each")
    held = [{"what": what, "measured": measured, "bound": bound, "holds": measured <= bound} for what, measured, bound in targets]
    write_result(options.output, rounded({"machine": describe_machine(), "targets": held, **found}))
    return 0 if all(each["holds"] for each in held) else 1


if __name__ == "__main__":
    sys.exit(main())
