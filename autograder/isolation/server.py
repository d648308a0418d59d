"""A fork server: imports what its jobs need, once, then forks a process for each job, which isolates itself. Run with -m.

Descriptor 0 is a socket of packets. The first packet is the configuration (JSON); the answer says whether forking is safe.
Each later packet is one job, with four descriptors: its standard input, output and error, and its lease (see `guard`).
The end of the socket ends the server. It holds nothing that a job may not know: no labels, no graders, no secrets.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import shutil
import signal
import socket
from pathlib import Path
from typing import Any

from autograder.isolation.enter import Job, Policy
from autograder.isolation.guard import guard
from autograder.isolation.packets import PACKET_BYTES


def main() -> None:
    control = socket.socket(fileno=os.dup(0))
    _leave_standard_input()
    config = json.loads(control.recv(PACKET_BYTES))
    os.nice(config["policy"]["nice"])
    _prepare_home(config["home_files"])
    control.send(json.dumps(_import_all(config["preload"])).encode())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # guards report by themselves; nobody waits for them
    gc.collect()
    gc.freeze()
    while True:
        packet, descriptors, _, _ = socket.recv_fds(control, PACKET_BYTES, 4)
        if not packet:
            os._exit(0)
        try:
            forked = os.fork()
        except OSError as error:  # too many processes, too little memory: this job's misfortune alone
            os.write(descriptors[3], f"failed: {error}".encode())
            forked = -1
        if forked == 0:
            control.close()
            guard(Job(**json.loads(packet)), Policy(**config["policy"]), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _leave_standard_input() -> None:
    """The control socket goes to a number that jobs do not inherit as their standard input."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)


def _prepare_home(files: list[str]) -> None:
    """Copies caches that libraries look for in a folder they may write, such as matplotlib's list of fonts."""
    cache = Path(os.environ.get("MPLCONFIGDIR", os.environ["HOME"]))
    cache.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy(file, cache)


def _import_all(modules: list[str]) -> dict[str, Any]:
    """Imports, lets each module prepare what its jobs would make anew, and counts the threads that all this started.

    A fork would inherit their locks, but not them.
    """
    for name in modules:
        try:
            prepare = getattr(importlib.import_module(name), "prepare_server", None)
            if prepare is not None:
                prepare()
        except Exception as error:
            return {"problem": f"{name} cannot be imported: {type(error).__name__}: {error}"[:500]}
    threads = len(os.listdir("/proc/self/task"))
    return {"problem": f"{threads} threads run after the imports, one is needed" if threads != 1 else ""}


if __name__ == "__main__":
    main()
