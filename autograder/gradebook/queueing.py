"""Asks the hub service to grade a submission: what formgrader's buttons do in a Jupyter server, which must not wait for a notebook to run.

The service listens on a socket in the results store. Who may write into the store may ask, and nobody else; there is no password.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autograder.batch.store import store_root
from autograder.course.loading import load_course
from autograder.errors import MachineError, UsageError

MOST_BYTES = 16_384
PATIENCE_S = 5.0


def enqueue(root: Path, assignment: str, student: str) -> str:
    """The service's sentence about a student's submission, which has its place in the queue then.

    Raises UsageError where no service runs for the course in `root` and where it says no, MachineError where it does not answer.
    """
    course, paths = load_course(root)
    wish = {"assignment": assignment, "student": student, "who": os.environ.get("JUPYTERHUB_USER", "")}
    try:
        with reachable(socket_file(store_root(course, paths))) as address, socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE_S)
            connection.connect(address)
            connection.sendall(json.dumps(wish).encode() + b"\n")
            answer = _answer(connection)
    except (FileNotFoundError, ConnectionRefusedError):
        raise UsageError("Nothing was graded: no service grades for this course at the moment.", _how_to_start(paths.root, wish)) from None
    except PermissionError:
        cure = "Run this Jupyter server as the account that the service runs as, or let its group write into the results store."
        raise UsageError("Nothing was graded: this account may not ask the service.", cure) from None
    except (OSError, ValueError) as error:
        raise MachineError(f"Nothing was graded: the service does not answer ({error}).", "Look at its log.") from None
    if not answer.get("ok"):
        raise UsageError(str(answer.get("text")), str(answer.get("cure", "")))
    return str(answer["text"])


def socket_file(store: Path) -> Path:
    """Where the service listens."""
    return store / "hub" / "socket"


@contextmanager
def reachable(file: Path) -> Iterator[str]:
    """An address for a socket's file, however long its path is: the system takes no more than about 100 characters."""
    folder = os.open(file.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{file.name}"
    finally:
        os.close(folder)


def _answer(connection: socket.socket) -> dict[str, Any]:
    """One line of JSON. Raises ValueError for anything else."""
    with connection.makefile("rb") as stream:
        found = json.loads(stream.readline(MOST_BYTES))
    if not isinstance(found, dict):
        raise ValueError("its answer is of another kind")
    return found


def _how_to_start(root: Path, wish: dict[str, str]) -> str:
    return (
        f"Start it and press the button again: `autograder hub serve --course '{root}'`. "
        f"Or grade in a terminal, in the course's folder: `nbgrader autograde {wish['assignment']} --student={wish['student']}`."
    )
