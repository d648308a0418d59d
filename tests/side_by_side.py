"""`make test`: the suite in two halves side by side, since a test keeps about one core busy; with options, one pytest that gets them.

The halves share the machine, and one thing on it that tests depend on: the kernel counts the processes that it kills for memory, and who
ends meanwhile is not blamed for it. So whoever is killed for memory, and whoever is blamed for an end, are in the same half, one after
the other. Everything else that tests look for carries a name that nobody else has, and every port is asked for. A script, not a test.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from autograder.isolation import syscalls

# About half of the time: what attacks the sandbox, takes all memory, kills and is killed, and what loses workers.
LOSING = tuple(f"tests/batch/test_{each}.py" for each in ("class", "dask", "interrupted", "local", "reruns", "signals", "slurm", "starts"))
FIRST = ("tests/corpus", "tests/isolation", "tests/grading", "tests/kill", *LOSING)
PYTEST = (sys.executable, "-m", "pytest")
GIB = 12  # of memory, for servers with Keras on both sides and those who take all they may


def fits() -> bool:
    """Whether this machine has room for both."""
    return len(os.sched_getaffinity(0)) >= 2 and os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >= GIB << 30


def main(options: list[str]) -> int:
    """Runs all tests, or one pytest with the options; the exit status is the worse one."""
    if options or not fits():
        return subprocess.call([*PYTEST, *options])
    start = partial(subprocess.Popen, preexec_fn=syscalls.die_with_parent)
    with tempfile.TemporaryFile() as said:
        print(f"Side by side: {' '.join(FIRST)} (shown at the end), and everything else.", flush=True)
        first = start([*PYTEST, *FIRST], stdout=said, stderr=subprocess.STDOUT)
        second = start([*PYTEST, *(f"--ignore={place}" for place in FIRST)])
        statuses = [second.wait(), first.wait()]
        said.seek(0)
        sys.stdout.buffer.write(said.read())
    return max(map(abs, statuses))


if __name__ == "__main__":
    os.chdir(Path(__file__).parents[1])
    sys.exit(main(sys.argv[1:]))
