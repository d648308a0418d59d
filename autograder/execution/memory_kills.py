"""Whether a machine's kernel killed for memory meanwhile."""

from __future__ import annotations

from pathlib import Path


def memory_kills() -> int:
    """How many processes the kernel has killed for want of memory since the machine was started, those in control groups included."""
    try:
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
