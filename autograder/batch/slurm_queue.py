"""What Slurm's queue says of jobs that are in it, or were."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable

_ANSWER_S = 60.0
# Source: squeue's manual, "JOB STATE CODES"; a state that is not known here is none in which a job has ended.
_ENDED = frozenset(
    {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED", "TIMEOUT"}
)
_GONE = "it is in the queue no more"


def ended(jobs: Iterable[str]) -> dict[str, str]:
    """Those of this account's jobs that have ended, each with Slurm's words for how. Where Slurm does not answer nothing is known: none."""
    command = ["squeue", "--noheader", f"--user={os.getuid()}", "--states=all", "--format=%A|%T|%r"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_ANSWER_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return {}
    known = {number: how for number, _, how in (line.partition("|") for line in done.stdout.splitlines())}
    return {job: _words(known.get(job, "")) for job in jobs if job not in known or known[job].partition("|")[0] in _ENDED}


def _words(how: str) -> str:
    """`STATE|Reason` as people read it."""
    state, _, reason = how.partition("|")
    return f"{state} ({reason})" if reason not in ("", "None") else state or _GONE
