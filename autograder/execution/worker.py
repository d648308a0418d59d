"""Process A: executes one notebook inside its sandbox and sends out what came of it. Run with -m.

Reads one JSON request line from standard input; sends frames on standard output: `started`, `cell`, `notebook`, `file`,
`result`; then reads one line with the questions, and sends `answers`. Nothing after that is read.
"""

from __future__ import annotations

import copy
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from autograder.execution.channel import FrameWriter
from autograder.files import read_bounded


def main() -> None:
    writer = FrameWriter(_private_stdout())
    request = json.loads(sys.stdin.buffer.readline())
    began = time.monotonic()

    from papermill.engines import papermill_engines
    from papermill.iorw import load_notebook_node

    from autograder.execution.engine import AutograderEngine, Session
    from autograder.execution.output import OutputBudget
    from autograder.execution.sandbox import PYTHON

    limits, work = request["limits"], Path(request["work"])
    source = work / "notebook.ipynb"
    source.write_text(json.dumps(request["notebook"]), encoding="utf-8")
    notebook = load_notebook_node(str(source))

    def cells_done() -> list[dict[str, Any]]:
        _send_notebook(writer, notebook)
        _send_handins(writer, work / "handin", limits["hand_in_bytes"])
        result: dict[str, Any] = {"outcome": session.outcome, "reason": session.reason, "timed_out": session.timed_out}
        result["first_error"] = session.first_error
        writer.send("result", **result, notebook_s=session.notebook_s, student_cpu_s=session.kernel_cpu_s, cut=sorted(session.budget.cut))
        questions: list[dict[str, Any]] = json.loads(sys.stdin.buffer.readline())
        return questions

    session = Session(
        python=list(PYTHON),
        work=work,
        cell_s=limits["cell_s"],
        total_s=limits["total_s"],
        budget=OutputBudget(limits["cell_output_bytes"], limits["total_output_bytes"], limits["received_output_bytes"]),
        on_started=lambda: writer.send("started", seconds=time.monotonic() - began),
        on_cell=lambda index, count: writer.send("cell", index=index, count=count),
        on_cells_done=cells_done,
    )
    # The engine by its registered name, without papermill's file handling: that would add banner cells to a failed notebook.
    papermill_engines.register("autograder", AutograderEngine)
    papermill_engines.execute_notebook_with_engine(
        "autograder", notebook, kernel_name="course", progress_bar=False, autosave_cell_every=0, session=session
    )
    writer.send("answers", json.dumps(session.answers).encode())


def _private_stdout() -> int:
    """A descriptor for frames alone: whatever prints to standard output from now on goes to standard error."""
    private = os.dup(1)
    os.dup2(2, 1)
    return private


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
    """Every regular file of the hand-in folder up to the limit in total; what is left out is named."""
    left = limit
    for path in sorted(folder.rglob("*"), key=lambda each: (each.name != "manifest.json", str(each))):
        if path.is_dir() or path.name.endswith(".partial"):
            continue
        name = str(path.relative_to(folder)).encode("utf-8", "replace").decode()
        try:
            data = read_bounded(path, left)
        except (OSError, ValueError) as error:
            writer.send("left_out", name=name[:200], reason=ascii(str(error))[1:300])
            continue
        left -= len(data)
        writer.send("file", data, name=name)


if __name__ == "__main__":
    main()
