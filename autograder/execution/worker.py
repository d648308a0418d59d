"""Process A: executes one notebook inside its sandbox and sends out what came of it. `main()` runs in a fork.

One request comes in with the submission's files; frames go out: `started`, `cell`, `notebook`, `left_out`, `file`, `result`.
Then a request with the questions comes in, and `answers` go out. Nothing after that is read.
"""

from __future__ import annotations

import copy
import itertools
import json
import os
import shutil
import socket
import time
from pathlib import Path
from typing import Any

from autograder.files import read_bounded
from autograder.imports import leave_out_address_grammars
from autograder.isolation.caller import Caller
from autograder.isolation.channel import FrameWriter
from autograder.isolation.enter import LINK

_MOST_FILES = 2_000


def prepare_server() -> None:
    """Once for all notebooks: the validator that nbformat generates for them."""
    leave_out_address_grammars()
    import nbformat

    read: Any = nbformat.reads
    read('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', as_version=4)


def main() -> None:
    began = time.monotonic()
    work, caller = Path.cwd(), Caller()
    writer = caller.writer
    leave_out_address_grammars()

    from papermill.engines import papermill_engines
    from papermill.iorw import load_notebook_node

    from autograder.execution.engine import AutograderEngine, Session
    from autograder.execution.output import OutputBudget

    request = caller.receive(work)
    limits = request["limits"]
    for folder in ("submission", "handin"):
        (work / folder).mkdir(exist_ok=True)
    notebook = load_notebook_node(str(work / "notebook.ipynb"))
    (work / "notebook.ipynb").unlink()  # the kernel gets code cells alone: data in pictures and prose is out of its reach

    def cells_done() -> list[dict[str, Any]]:
        _send_notebook(writer, notebook)
        _send_handins(writer, work / "handin", limits["hand_in_bytes"])
        if _is_full(work):
            session.ended("disk_exceeded", "the notebook", "DiskLimit", f"It filled its disk space of {limits['disk_mib']:,} MiB.")
        result: dict[str, Any] = {"outcome": session.outcome, "reason": session.reason, "timed_out": session.timed_out}
        result["first_error"], result["ended_in"] = session.first_error, session.ended_in
        result["student_cpu_s"], result["hand_in_cpu_s"] = session.kernel_cpu_s - session.hand_in_cpu_s, session.hand_in_cpu_s
        writer.send("result", **result, notebook_s=session.notebook_s, waited_s=session.waited_s, cut=sorted(session.budget.cut))
        questions: list[dict[str, Any]] = caller.receive(work)
        return questions

    session = Session(
        link=socket.socket(fileno=LINK),
        work=work,
        cell_s=limits["cell_s"],
        total_s=limits["total_s"],
        budget=OutputBudget(
            per_cell=limits["cell_output_bytes"],
            pictures_per_cell=limits["cell_pictures_bytes"],
            in_total=limits["total_output_bytes"],
            received_limit=limits["received_output_bytes"],
        ),
        on_started=lambda: writer.send("started", seconds=time.monotonic() - began),
        on_cell=lambda index, count: writer.send("cell", index=index, count=count),
        on_cells_done=cells_done,
    )
    # The engine by its registered name, without papermill's file handling: that would add banner cells to a failed notebook.
    papermill_engines.register("autograder", AutograderEngine)
    papermill_engines.execute_notebook_with_engine(
        "autograder", notebook, kernel_name="course", progress_bar=False, autosave_cell_every=0, session=session
    )
    writer.send("answers", json.dumps(session.answers).encode(), killed=session.killed)


def _is_full(work: Path) -> bool:
    """Whether the work folder's own file system, which only this notebook fills, has no space left."""
    return work.is_mount() and shutil.disk_usage(work).free < 2**20


def _send_notebook(writer: FrameWriter, notebook: Any) -> None:
    """The executed notebook without papermill's metadata."""
    import nbformat

    notebook = copy.deepcopy(notebook)
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        if not cell.metadata.get("tags"):
            cell.metadata.pop("tags", None)
    write: Any = nbformat.writes
    writer.send("notebook", write(notebook).encode("utf-8", "replace"))


def _send_handins(writer: FrameWriter, folder: Path, limit: int) -> None:
    """Every regular file of the hand-in folder and of the folders in it, up to the limit in total; what is left out is named."""
    left = limit
    for path in sorted(_files_in(folder), key=lambda each: (each.name != "manifest.json", str(each))):
        name = str(path.relative_to(folder)).encode("utf-8", "replace").decode()
        try:
            data = read_bounded(path, left)
        except (OSError, ValueError) as error:
            writer.send("left_out", name=name[:200], reason=ascii(str(error))[1:300])
            continue
        left -= len(data)
        writer.send("file", data, name=name)


def _files_in(folder: Path) -> list[Path]:
    """What lies in the folder and one level below, the deepest that a hand-in has; whatever else somebody put there is not looked at."""
    found: list[Path] = []
    for place in (folder, *(Path(entry.path) for entry in _entries(folder) if entry.is_dir(follow_symlinks=False))):
        entries = (entry for entry in _entries(place) if not entry.is_dir(follow_symlinks=False))
        found += [Path(entry.path) for entry in entries if not entry.name.endswith(".partial")]
    return found[:_MOST_FILES]


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Nothing where there is no folder, or a link instead of one."""
    try:
        if folder.is_symlink():
            return []
        with os.scandir(folder) as entries:
            return list(itertools.islice(entries, _MOST_FILES))
    except OSError:
        return []
