"""Ten thousand submissions of a stand-in notebook through the whole path: pace, memory, size, and what a rerun and the report take.

Writes results/many.json. On two quiet cores the class takes an hour and 5 GB of the disk; `--students 500` gives the same figures for
each submission.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from measuring import RESULTS, describe_machine, measure, rounded, write_result
from workload.stand_ins import ASSIGNMENT, command, make_course, submit

from autograder.batch.store import Store

MEMORY_MIB, GROWTH_MIB, RERUN_S, REPORT_S, OPENS_S, STORE_KB = 300.0, 100.0, 10.0, 60.0, 10.0, 60.0
_SMALL = 50  # students of the class with which memory is compared; of a large one some kilobytes of each are held until the end
_OF_EACH = ("runs", "records", "arrivals", "starts", "scores")  # of a store; what else lies there is the course's, however large the class


def store_bytes(store: Path) -> tuple[int, int]:
    """Bytes of the store beside hand-ins and predictions, and of those: the blocks that files and folders take, as `du` counts them."""
    ours = theirs = 0
    for path in (path for name in _OF_EACH for path in (store / name).rglob("*")):
        size = path.lstat().st_blocks * 512
        below = path.relative_to(store).parts
        if below[0] == "runs" and ({"handin", "custom"} & set(below) or path.suffix == ".npz"):
            theirs += size
        else:
            ours += size
    return ours, theirs


def seconds_to_open(page: Path) -> float | None:
    """Until a browser has laid the page out and gone to its last row; None where there is no browser."""
    chromium = shutil.which("chromium")
    if chromium is None:
        return None
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        opened = browser.new_page()
        began = time.perf_counter()
        opened.goto(page.as_uri(), timeout=120_000)
        last = opened.locator("tr").last
        last.scroll_into_view_if_needed(timeout=120_000)
        last.bounding_box()
        seconds = time.perf_counter() - began
        browser.close()
    return seconds


def peak_of_small_class(root: Path) -> float:
    """MiB."""
    make_course(root)
    submit(root, _SMALL)
    return measure([[*command(), "grade", ASSIGNMENT, "--trust-submissions", "--quiet"]], [root]).peak_mib


def run(students: int, root: Path) -> dict[str, Any]:
    make_course(root)
    submit(root, students)
    grade = [*command(), "grade", ASSIGNMENT, "--trust-submissions", "--quiet"]
    first, again = measure([grade], [root]), measure([grade], [root])
    report = measure([[*command(), "report", ASSIGNMENT, "--quiet"]], [root])
    outcomes = Counter(f"{record.outcome}, {record.grading}" for record in Store(root / ".autograder").latest("smoke", ASSIGNMENT))
    if first.failed or again.failed or report.failed or outcomes != {"completed, ok": students}:
        sys.exit(f"Not everybody was graded: {dict(outcomes)}\n{first.said[-2000:]}{again.said[-2000:]}{report.said[-2000:]}")
    ours, theirs = store_bytes(root / ".autograder")
    page = root / "reports" / f"{ASSIGNMENT}.html"
    return {
        "students": students,
        "grade": {
            "wall_s": first.wall_s,
            "submissions_per_minute": 60 * students / first.wall_s,
            "cpu_s_each": first.cpu_s / students,
            "cpu_from": first.cpu_from,
            "foreign_cpu_s": first.foreign_cpu_s(),
            "command_peak_mib": first.peak_mib,
        },
        "rerun_with_nothing_to_do_s": again.wall_s,
        "rerun_cpu_s": again.cpu_s,
        "rerun_peak_mib": again.peak_mib,
        "report_s": report.wall_s,
        "report_cpu_s": report.cpu_s,
        "report_peak_mib": report.peak_mib,
        "report_mb": page.stat().st_size / 1e6,
        "report_opens_s": seconds_to_open(page),
        "store_kb_each": ours / students / 1000,
        "hand_in_kb_each": theirs / students / 1000,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--students", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where the class lies meanwhile (default: /tmp)")
    parser.add_argument("--output", type=Path, default=RESULTS / "many.json", metavar="FILE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="autograder-bench-", dir=options.folder) as folder:
        small_mib = peak_of_small_class(Path(folder) / "small")
        found = {"command_peak_of_small_class_mib": small_mib, **run(options.students, Path(folder) / "course")}
    grade = found["grade"]
    targets = [
        ("memory of the command, MiB", grade["command_peak_mib"], MEMORY_MIB),
        (f"what that is more than for {_SMALL} students, MiB", grade["command_peak_mib"] - small_mib, GROWTH_MIB),
        ("a rerun with nothing to do, s", found["rerun_with_nothing_to_do_s"], RERUN_S),
        ("memory of that, MiB", found["rerun_peak_mib"], MEMORY_MIB),
        ("the report, s", found["report_s"], REPORT_S),
        ("until a browser shows its last row, s", found["report_opens_s"], OPENS_S),
        ("store for each submission, KB", found["store_kb_each"], STORE_KB),
    ]
    held = [{"what": what, "measured": each, "bound": bound, "holds": each <= bound} for what, each, bound in targets if each is not None]
    for each in held:
        print(f"{'holds ' if each['holds'] else 'MISSED'}  {each['what']}: {each['measured']:.1f} (at most {each['bound']:g})")
    print(f"{grade['submissions_per_minute']:.0f} submissions a minute, {grade['cpu_s_each']:.3f} s of CPU each")
    write_result(options.output, rounded({"machine": describe_machine(), "targets": held, **found}))
    return 0 if all(each["holds"] for each in held) else 1


if __name__ == "__main__":
    sys.exit(main())
