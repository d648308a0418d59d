"""Time of `autograder --help`, beside a bare interpreter and `nbgrader --help`, in the same run. Writes results/help.json."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 10
TARGET_S = 0.4
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "autograder --help": [sys.executable, "-m", "autograder.cli", "--help"],
    "nbgrader --help": [sys.executable, "-m", "nbgrader", "--help"],
}


def median_s(command: list[str]) -> float:
    """Median wall time of several calls after one that warms the caches; seconds."""
    times = []
    for _ in range(RUNS + 1):
        began = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])


def main() -> None:
    measured = {name: round(median_s(command), 3) for name, command in COMMANDS.items()}
    ours, peer = measured["autograder --help"], measured["nbgrader --help"]
    result = {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
        "median_s": measured,
        "nbgrader_over_autograder": round(peer / ours, 1),
        "target_s": TARGET_S,
        "holds": ours <= TARGET_S,
    }
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / "help.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for name, seconds in measured.items():
        print(f"{name:20} {seconds:.3f} s")
    ratio, verdict = result["nbgrader_over_autograder"], "holds" if result["holds"] else "missed"
    print(f"nbgrader takes {ratio} times as long; target ≤ {TARGET_S} s: {verdict}")


if __name__ == "__main__":
    main()
