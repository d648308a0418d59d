"""How long it takes to start a sandboxed notebook process, warm and cold, and what an idle one adds to the machine's memory.

    python benchmarks/bench_sandbox.py [--starts 20] [--output FILE]

Warm: a fork of a server that has imported Keras, isolated before it runs anything. Cold: the same without the server, up to
the point where Keras is imported. The memory is what is private to the processes of one job that waits for its notebook.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import psutil
from measuring import describe_machine, rounded, write_result

from autograder.execution.environment import font_cache, notebook_server
from autograder.isolation.choice import choose_sandbox
from autograder.isolation.sandbox import Command, Sandbox

START_MS, IDLE_MIB = 60.0, 20.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results/sandbox.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as data, choose_sandbox(1, trust=False) as sandbox:
        kind = notebook_server("tensorflow", Path(data), font_cache(Path(data, "fonts")))
        command = Command(
            "autograder.execution.worker", kind, companion="autograder.execution.kernel", environment={"AUTOGRADER_DATA_DIR": data}
        )
        start_ms(sandbox, command)  # the server's own imports
        warm = [start_ms(sandbox, command) for _ in range(options.starts)]
        idle = idle_mib(sandbox, command)
        cold = [start_ms(sandbox, replace(command, cold="measured")) for _ in range(3)]
        imports_s = import_s(sandbox, command)
        result = {
            "machine": describe_machine(),
            "isolation": sandbox.isolation.level,
            "warm_start_ms": {"median": statistics.median(warm), "max": max(warm)},
            "cold_start_ms": statistics.median(cold),
            "imports_spared_s": imports_s,
            "idle_private_mib": idle,
            "targets": {"warm_start_ms": START_MS, "idle_private_mib": IDLE_MIB},
        }
    write_result(options.output, rounded(result))
    print(json.dumps(rounded(result), indent=1))
    median = statistics.median(warm)
    sooner = (statistics.median(cold) + imports_s * 1000) / median
    print(f"\nwarm start {median:.0f} ms (target {START_MS:.0f}), ready {sooner:.0f} times sooner than cold")
    print(f"private memory of an idle slot {idle:.1f} MiB (target {IDLE_MIB:.0f})")
    return 0


def start_ms(sandbox: Sandbox, command: Command) -> float:
    """Milliseconds from the request to a process that is isolated completely."""
    began = time.perf_counter()
    process = sandbox.start(command)
    taken = (time.perf_counter() - began) * 1000
    process.kill()
    return taken


def import_s(sandbox: Sandbox, command: Command) -> float:
    """Seconds that a new server takes for its imports."""
    other = replace(command, server=replace(command.server, environment=(*command.server.environment, ("MEASURED", "1"))))
    return start_ms(sandbox, other) / 1000


def idle_mib(sandbox: Sandbox, command: Command) -> float:
    """Private memory (MiB) of all processes of one job whose kernel and worker wait."""
    known = {child.pid for pid in sandbox.server_pids() for child in psutil.Process(pid).children(recursive=True)}
    process = sandbox.start(command)
    try:
        own = {child.pid: child for pid in sandbox.server_pids() for child in psutil.Process(pid).children(recursive=True)}
        settled = 0.0
        for _ in range(100):  # until the kernel has come to its waiting point
            private = sum(_private_mib(pid) for pid in own if pid not in known)
            if private == settled:
                break
            settled = private
            time.sleep(0.1)
        return settled
    finally:
        process.kill()


def _private_mib(pid: int) -> float:
    """0 for a process that has ended meanwhile."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


if __name__ == "__main__":
    sys.exit(main())
