"""Progress and tables on the terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

from autograder.cli.pace import Pace
from autograder.records import Record
from autograder.term.names import called

if TYPE_CHECKING:
    from rich.console import Console

    from autograder.quality.results import AnswerResult, Validation

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

    def postponed(self, student: str) -> None:
        return

    def ended(self, record: Record) -> None:
        return

    def finished(self, student: str, line: str) -> None:
        return


class TerminalProgress:
    """A bar for the batch, and one for each submission that is running with the time it has taken.

    Where there is no terminal, one line for each that has ended. `clock` gives seconds.
    """

    def __init__(self, total: int, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._bars = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
            TextColumn("{task.fields[what]}", markup=False), TimeElapsedColumn(), console=console, transient=True,
        )  # fmt: skip
        self._tasks: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._pace, self._total, self._done, self._failed = Pace(clock), total, 0, 0
        self._whole = self._bars.add_task("submissions", total=total, what=self._counts())

    def __enter__(self) -> TerminalProgress:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()

    def began(self, student: str) -> None:
        with self._lock:
            self._tasks[student] = self._bars.add_task(f"  {student}", total=None, what="starting")
            self._bars.update(self._whole, what=self._counts())

    def cell(self, student: str, index: int, count: int) -> None:
        with self._lock:
            self._bars.update(self._tasks[student], completed=index, total=count, what="cells")

    def postponed(self, student: str) -> None:
        """Its process was lost: it is tried again, alone, when all others are done."""
        with self._lock:
            self._bars.remove_task(self._tasks.pop(student))
            self._tell(student, "its process ended; again when the others are done")

    def ended(self, record: Record) -> None:
        failed = record.outcome == "infra_error" or record.grading == "grader_error"
        self.finished(record.student, f"{score_text(record)}, {OUTCOMES[record.outcome]}", failed)

    def finished(self, student: str, line: str, failed: bool = False) -> None:
        """`failed`: by fault of the machine or of a grader, never of the student."""
        with self._lock:
            self._bars.remove_task(self._tasks.pop(student))
            self._done += 1
            self._failed += failed
            self._pace.ended()
            self._bars.update(self._whole, completed=self._done, what=self._counts())
            self._tell(student, line)

    def _tell(self, student: str, line: str) -> None:
        if not self._bars.console.is_terminal:
            done = f"{self._done} of {self._total}"
            self._bars.console.print(f"{student}: {line} ({done}, {self._counts()})", highlight=False, markup=False, soft_wrap=True)

    def _counts(self) -> str:
        """'2 running, 17 waiting, 1 failed, about 5 min left'."""
        running = len(self._tasks)
        left = self._pace.left(self._total - self._done)
        parts = [f"{running} running", f"{self._total - self._done - running} waiting"]
        return ", ".join([*parts, *([f"{self._failed} failed"] if self._failed else []), *([f"about {left} left"] if left else [])])


def open_progress(total: int, quiet: bool) -> NoProgress | TerminalProgress:
    """The display for a batch, on standard error."""
    if quiet:
        return NoProgress()
    from rich.console import Console

    return TerminalProgress(total, Console(stderr=True))


@contextmanager
def open_counter(total: int, what: str, quiet: bool) -> Iterator[Callable[[], None]]:
    """A bar on standard error while something goes through `total` students; the function that it gives counts one more."""
    if quiet:
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield partial(bars.advance, bars.add_task(what, total=total))


def print_records(records: Iterable[Record], title: str, names: Mapping[str, str] | None = None) -> None:
    """The class as a table, on standard error. `names` by student, where the roster has them."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    table.add_column("student", no_wrap=True, max_width=32 if names else 24)
    table.add_column("score", no_wrap=True, justify="right")
    table.add_column("execution", no_wrap=True)
    table.add_column("points lost in", overflow="fold")
    for record in records:
        row = (called(names or {}, record.student), score_text(record), OUTCOMES[record.outcome], _lost(record))
        table.add_row(*(Text(cell) for cell in row))
    Console(stderr=True).print(table)


def print_validations(found: Sequence[Validation]) -> None:
    """What was validated, as a table of 80 columns, on standard error."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Validated", title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column("assignment", overflow="fold")
    for name in ("refer-\nence", "blank", "alter-\nnatives", "wrong", "mutants\nnoticed", "equi-\nvalent", "kinds", "time"):
        table.add_column(name, no_wrap=True, justify="right")
    for each in found:
        answers = [_held(each.answers_of(kind)) for kind in ("reference", "blank", "alternative", "wrong")]
        judged = len(each.mutants) - len(each.of("equivalent")) - len(each.of("machine"))
        mutants = f"{len(each.of('killed'))}/{judged}" if each.mutants else "–"
        kinds = f"{len(each.kinds) - len(each.left_out)}/{len(each.kinds)}" if each.mutants else "–"
        table.add_row(each.assignment, *answers, mutants, str(len(each.of("equivalent"))), kinds, f"{each.seconds:.0f} s")
    Console(stderr=True).print(table)


def _held(answers: Sequence[AnswerResult]) -> str:
    return f"{sum(answer.holds for answer in answers)}/{len(answers)}"


def _lost(record: Record) -> str:
    """'images, labels, accuracy and 2 more': the cells below full points, the first few by name."""
    regular = [cell for cell in record.grade_cells if not cell.manual and not cell.extra]
    lost = [cell.grade_id for cell in regular if cell.score is not None and cell.score < cell.max_score]
    return ", ".join(lost[:3]) + (f" and {len(lost) - 3} more" if len(lost) > 3 else "")


def score_text(record: Record) -> str:
    """'72.5 / 90', with extra credit '72.5 + 3 / 90', or why there is no score."""
    if record.score is None:
        return "unscored"
    extra = f" + {record.extra_credit:g}" if record.extra_credit else ""
    return f"{record.score:g}{extra} / {record.max_score:g}"
