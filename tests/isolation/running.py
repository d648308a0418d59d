"""What the tests of the sandbox share: a course with secrets, and notebooks of plain cells run in a sandbox of each level."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from autograder.course.profile import RunLimits, RunProfile
from autograder.data.sealed import SealedSplit
from autograder.execution.devices import Slot
from autograder.execution.run import Execution, execute
from autograder.execution.rundir import RunFolder
from autograder.isolation.sandbox import Sandbox
from autograder.records import Question, Run

ROOT = os.geteuid() == 0
LEVELS = [3 if ROOT else 2, 1, 0]  # what this account could reach; level 2 of root would be root outside, and is never offered
PROTECTED = LEVELS[:2]
NAMESPACES = LEVELS[:1]
MIB = 2**20
_LIMITS = RunLimits(cell_s=60, total_s=120, hand_in_bytes=4 * MIB, submission_bytes=4 * MIB, files=50, disk_mib=64)
_PROFILE = RunProfile("smoke", "digits", None, None, None, 0, _LIMITS, {})


@dataclass(frozen=True)
class Place:
    """A course on disk, readable for every account: only a sandbox is in the way. `canary` stands in every secret file."""

    root: Path
    canary: str
    split: SealedSplit
    secrets: dict[str, Path]

    @property
    def graders(self) -> Path:
        return self.root / "graders"


def make_place(root: Path) -> Place:
    """The course's files below an empty folder."""
    canary = f"canary-{secrets.token_hex(8)}"
    split = SealedSplit("0123456789abcdef", root / ".autograder/data/0123456789abcdef")
    files = {
        "graders": root / "graders/test_secret.py",
        "solutions": root / "solutions/tiny.ipynb",
        "gradebook": root / "gradebook.db",
        "other_submission": root / "submitted/another/tiny/tiny.ipynb",
        "record": root / ".autograder/records/smoke/tiny/another/0123.json",
        "run": root / ".autograder/runs/0123/notebook.ipynb",
        "seed": root / ".autograder/seed",
        "configuration": root / "grading_config.py",
        "hidden_images": split.hidden / "x.npy",
        "hidden_labels": split.hidden / "y.npy",
    }
    for path in files.values():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(canary, encoding="ascii")
    split.student.mkdir()
    for name in ("x_train", "x_test", "y_train", "y_test"):
        np.save(split.student / f"{name}.npy", np.arange(8, dtype=np.uint8))
    for path in (root, *root.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return Place(root, canary, split, files)


@dataclass(frozen=True)
class Ran:
    """A finished run: what `execute` returned, what each cell printed (or the name of its error), and the folder that was kept."""

    run: Run
    printed: list[str]
    folder: RunFolder


@dataclass(frozen=True)
class Runner:
    """Runs notebooks of plain cells in one sandbox."""

    sandbox: Sandbox
    place: Place
    store: Path

    def __call__(
        self,
        *cells: str,
        questions: tuple[Question, ...] = (),
        slot: Slot | None = None,
        on_cell: Callable[[int, int], None] = lambda index, count: None,
        **limits: Any,
    ) -> Ran:
        execution = Execution(
            assignment="tiny",
            notebook=notebook_of(*cells),
            files={"notes.txt": b"mine"},
            profile=replace(_PROFILE, limits=replace(_LIMITS, **limits)),
            split_fingerprint=self.place.split.fingerprint,
            student_data=self.place.split.student,
            questions=questions,
            slot=slot or Slot(),
        )
        folder = RunFolder(self.store / secrets.token_hex(8))
        run = execute(execution, folder, self.sandbox, on_cell)
        return Ran(run, _printed(folder), folder)


def notebook_of(*cells: str) -> dict[str, Any]:
    """A notebook of code cells."""
    made = [
        {"cell_type": "code", "id": f"c{index}", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
        for index, source in enumerate(cells)
    ]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made}


def _printed(folder: RunFolder) -> list[str]:
    cells = (folder.notebook() or {"cells": []})["cells"]
    return ["".join("".join(output.get("text", output.get("ename", ""))) for output in cell["outputs"]) for cell in cells]


def processes_named(token: str) -> list[psutil.Process]:
    """Processes on this machine whose name is the token; see `NAMED`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, psutil.Error):  # it has ended meanwhile
            if (folder / "comm").read_text().strip() == token:
                found.append(psutil.Process(int(folder.name)))
    return found


# What a cell needs to give its process a name that can be found from outside: name_this_process("…15 bytes").
NAMED = """
import ctypes
def name_this_process(token):
    ctypes.CDLL(None).prctl(15, token.encode(), 0, 0, 0)
"""


def new_token() -> str:
    """A process name (at most 15 bytes) that nobody else has."""
    return f"t{secrets.token_hex(6)}"


def links_of(process: psutil.Process) -> set[str]:
    """What a process has open, as its descriptors say; without those that it closes meanwhile, and nothing where it has ended."""
    found = set()
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found.add(os.readlink(descriptor))
    return found


def jobs_below(server: int) -> list[psutil.Process]:
    """The processes of a server's jobs, without what belongs to the server itself."""
    top = psutil.Process(server)
    return [process for process in top.children(recursive=True) if process.pid not in {each.pid for each in server_processes(top)}]


def server_processes(top: psutil.Process) -> list[psutil.Process]:
    """Bubblewrap's two processes and the server, or the server alone."""
    found = [top]
    while found[-1].name() == "bwrap" and (below := found[-1].children()):
        found.append(below[0])
    return found


def to_literal(value: object) -> str:
    """For a cell's source."""
    return repr(json.loads(json.dumps(value)))
