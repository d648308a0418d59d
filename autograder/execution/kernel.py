"""The notebook's kernel, companion of process A: makes Keras' loaders answer, then is an ordinary ipykernel. `main()` runs in a fork."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from autograder.execution.devices import limit_gpu_memory
from autograder.isolation.enter import LINK
from autograder.own_classes import remember_arguments

CONNECTION_FILE = "kernel.json"


def main() -> None:
    from ipykernel.kernelapp import launch_new_instance

    from autograder.data.answering import answer_keras

    limit_gpu_memory(os.environ["KERAS_BACKEND"])
    _require_readable([os.environ["AUTOGRADER_DATA_DIR"], *(place for place in sys.path if place.endswith("-packages"))])
    limit = os.environ.get("AUTOGRADER_SAMPLE_LIMIT")
    answer_keras(Path(os.environ["AUTOGRADER_DATA_DIR"]), os.environ.get("AUTOGRADER_ANSWERS"), int(limit) if limit else None)
    remember_arguments()
    connection = Path.cwd() / CONNECTION_FILE
    with socket.socket(fileno=LINK) as link:
        if link.recv(16) != b"go":  # the connection file is complete, and the submission's files are there
            return
    os.environ["AUTOGRADER_HANDIN"] = str(Path.cwd() / "handin")
    os.chdir("submission")
    # No history: it would start a thread and a database in every kernel.
    extensions = [f"--IPKernelApp.extensions=autograder.execution.{name}" for name in ("lending", "flood")]
    launch_new_instance(["-f", str(connection), "--HistoryManager.enabled=False", *extensions])
    sys.exit(0)


def _require_readable(folders: list[str]) -> None:
    """What cannot be read is the machine's fault, and must be found before a student's cell runs into it."""
    for folder in folders:
        for path in (folder, *(entry.path for entry in os.scandir(folder))):
            if not os.access(path, os.R_OK):
                raise PermissionError(f"'{path}' cannot be read in the sandbox: run chmod -R a+rX on it")
