"""Progress and tables on the terminal."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from autograder.records import Record

if TYPE_CHECKING:
    from rich.console import Console

OUTCOMES = {
    "completed": "ran to the end",
    "cell_error": "a cell failed",
    "timed_out": "over its time limit",
    "memory_exceeded": "over its memory limit",
    "output_exceeded": "over its output limit",
    "disk_exceeded": "over its disk limit",
    "kernel_died": "Python process ended",
    "unreadable": "not readable",
    "rejected": "rejected",
    "infra_error": "not run (machine)",
}


class NoProgress:
    """For --quiet."""

    def __enter__(self) -> NoProgress:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def began(self, student: str) -> None:
        return

    def cell(self, student: str, index: int, count: int) -> None:
        return

    def ended(self, record: Record) -> None:
        return


class TerminalProgress:
    """A bar for the batch, and one for each submission that is running; one line for each that has ended."""

    def __init__(self, total: int, console: Console) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._bars = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[what]}"), TimeElapsedColumn(),
            console=console, transient=True,
        )  # fmt: skip
        self._whole = self._bars.add_task("submissions", total=total, what="")
        self._tasks: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> TerminalProgress:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()

    def began(self, student: str) -> None:
        with self._lock:
            self._tasks[student] = self._bars.add_task(f"  {student}", total=None, what="starting")

    def cell(self, student: str, index: int, count: int) -> None:
        with self._lock:
            self._bars.update(self._tasks[student], completed=index, total=count, what="cells")

    def ended(self, record: Record) -> None:
        with self._lock:
            self._bars.remove_task(self._tasks.pop(record.student))
            self._bars.advance(self._whole)
        if not self._bars.console.is_terminal:
            self._bars.console.print(f"{record.student}: {score_text(record)}, {OUTCOMES[record.outcome]}", highlight=False)


def open_progress(total: int, quiet: bool) -> NoProgress | TerminalProgress:
    """The display for a batch, on standard error."""
    if quiet:
        return NoProgress()
    from rich.console import Console

    return TerminalProgress(total, Console(stderr=True))


def print_records(records: Sequence[Record], title: str) -> None:
    """The class as a table, on standard error."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    for heading in ("student", "score", "execution", "cells below full points", "flags", "s"):
        table.add_column(heading, justify="right" if heading in ("score", "s") else "left", overflow="fold")
    for record in records:
        lost = ", ".join(
            cell.grade_id for cell in record.grade_cells if not cell.manual and cell.score is not None and cell.score < cell.max_score
        )
        flags = ", ".join(dict.fromkeys(flag.kind for flag in record.flags))
        row = (record.student, score_text(record), OUTCOMES[record.outcome], lost, flags, f"{record.usage.wall_s:.0f}")
        table.add_row(*(Text(cell) for cell in row))
    Console(stderr=True).print(table)


def score_text(record: Record) -> str:
    """'72.5 / 90', or why there is no score."""
    if record.score is None:
        return f"unscored ({record.grading.replace('_', ' ')})"
    return f"{record.score:g} / {record.max_score:g}"
