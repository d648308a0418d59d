"""papermill's engine of ours: runs on after a failing cell, limits time and output, asks the graders' questions at the end.

The outcome comes from what happened (a reply, an interrupt, a kernel's death), never from notebook metadata.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any

import psutil
from nbclient.exceptions import CellExecutionError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine

from autograder.execution.clock import CoreClock, Limit
from autograder.execution.companion import CompanionKernel
from autograder.execution.output import OutputBudget, is_displayable, shorten_error
from autograder.execution.questions import ANSWER_BYTES
from autograder.files import read_bounded

_START_S = 120
_INTERRUPT_S = 5
_LOOK_S = 1.0
_NO_MEMORY = ("MemoryError", "_ArrayMemoryError", "ResourceExhaustedError", "OutOfMemoryError")


@dataclass
class Session:
    """What the worker gives to the engine, and what the engine finds out. Times in seconds."""

    link: socket.socket
    work: Path
    cell_s: float
    total_s: float
    budget: OutputBudget
    on_started: Callable[[], None]
    on_cell: Callable[[int, int], None]
    on_cells_done: Callable[[], list[dict[str, Any]]]
    outcome: str = "completed"
    reason: str = ""
    first_error: dict[str, str] | None = None
    timed_out: list[str] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    kernel_cpu_s: float = 0.0
    hand_in_cpu_s: float = 0.0
    notebook_s: float = 0.0
    waited_s: float = 0.0
    killed: bool = False  # the kernel, by SIGKILL, and not by this process
    ended_in: int | None = None  # the cell in which the kernel ended, or the number of cells when it ended after them

    def failed(self, cell: str, name: str, message: str) -> None:
        """Remembers the first error; a later one is usually its consequence."""
        self.first_error = self.first_error or {"cell": cell, "name": name[:200], "message": message[:2000]}

    def ended(self, outcome: str, cell: str, name: str, message: str) -> None:
        """Remembers why the run did not simply end; that weighs more than errors of cells."""
        self.outcome, self.reason = outcome, f"{cell}: {message}"
        self.failed(cell, name, message)


class AutograderEngine(Engine):  # type: ignore[misc]  # papermill has no types
    """Registered with papermill as `autograder`."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, *, session: Session, **_: Any) -> None:
        """Runs all cells and then the questions; `session` carries limits in and findings out."""
        client = CourseClient(nb_man, session)
        asyncio.run(client.run_all())


class CourseClient(PapermillNotebookClient):  # type: ignore[misc]  # papermill has no types
    """nbclient with limits: each cell is watched, every message is weighed before it is kept."""

    def __init__(self, nb_man: Any, session: Session) -> None:
        super().__init__(nb_man, allow_errors=True, raise_on_iopub_timeout=False, store_widget_state=False, coalesce_streams=False)
        self.session = session
        self._interrupted = False
        self._ending: asyncio.Future[None] | None = None
        self.clear_before_next_output: bool = False
        self._ended_by = ""

    async def run_all(self) -> None:
        """Kernel, cells, questions. The kernel is dead when this returns, whatever happened."""
        self.km = CompanionKernel(self.session.link, self.session.work)
        try:
            await self.km.start_kernel()
            self.kc = self.km.client()
            self.kc.start_channels(hb=False, stdin=False)  # so `input()` fails at once, instead of waiting until the limit
            await asyncio.wait_for(self._ready(), _START_S)
            self._process, self._clock = psutil.Process(self.km.pid), CoreClock(self.km.pid)
            await self._run_cells()
            questions = self.session.on_cells_done()
            self.session.answers = [await self._ask(question) for question in questions]
        finally:
            await self._kill()
            if self.kc is not None:
                self.kc.stop_channels()

    async def _ready(self) -> None:
        """Until the kernel answers and what it publishes arrives; jupyter_client's own wait listens 0.2 s longer for nothing."""
        while True:
            self.kc.kernel_info()
            try:
                await self.kc.get_shell_msg(timeout=1)
                await self.kc.get_iopub_msg(timeout=0.2)
                return
            except Empty:
                if not await self._alive():
                    raise RuntimeError("the kernel's process ended before it answered") from None

    async def _run_cells(self) -> None:
        started, before = time.monotonic(), self._cpu_s()
        self._total = self._clock.limit(self.session.total_s)
        self.session.on_started()
        self.reset_execution_trackers()
        try:
            for index, cell in enumerate(self.nb.cells):
                if cell.cell_type == "code":
                    self.session.on_cell(index, len(self.nb.cells))
                    begun = self._cpu_s()
                    await self._run_cell(cell, index)
                    used = self._cpu_s()
                    self.session.kernel_cpu_s = max(self.session.kernel_cpu_s, used - before)
                    if _hands_in(cell):
                        self.session.hand_in_cpu_s += max(0.0, used - begun)
        except _KernelGone:
            self.session.ended_in = index
        else:
            self.session.ended_in = None if await self._alive() else len(self.nb.cells)
        self._total.left()
        self.session.notebook_s, self.session.waited_s = time.monotonic() - started, self._total.waited_s

    async def _run_cell(self, cell: Any, index: int) -> None:
        name = cell.metadata.get("nbgrader", {}).get("grade_id") or f"cell {index + 1}"
        self._interrupted, self._cell = False, self._clock.limit(self.session.cell_s)
        guard = asyncio.ensure_future(self._guard())
        self.nb_man.cell_start(cell, index)
        try:
            await self.async_execute_cell(cell, index)
        except CellExecutionError:
            pass  # allow_errors leaves only control signals here; the reply was noted in _check_raise_for_error
        except DeadKernelError:
            self._note_death(name)
            raise _KernelGone from None
        except Exception as error:  # what a kernel sends need not be a Jupyter message
            message = f"The Python process was ended here: it sent something that is no Jupyter message ({type(error).__name__})."
            self.session.ended("kernel_died", name, "KernelDied", message)
            await self._kill()
            raise _KernelGone from None
        finally:
            guard.cancel()
            self.nb_man.cell_complete(cell, cell_index=index)
        if self._interrupted:
            self._note_timeout(name)

    async def _check_raise_for_error(self, cell: Any, cell_index: int, exec_reply: dict[str, Any] | None) -> None:
        content = (exec_reply or {}).get("content", {})
        if content.get("status") == "error" and not self._interrupted:
            name = cell.metadata.get("nbgrader", {}).get("grade_id") or f"cell {cell_index + 1}"
            self.session.failed(name, str(content.get("ename")), str(content.get("evalue")))
            if self.session.outcome == "completed":
                self.session.outcome = "memory_exceeded" if content.get("ename") in _NO_MEMORY else "cell_error"

    async def _guard(self) -> None:
        """Interrupts the running cell at its limit, kills the kernel when that has no effect or the total limit is reached."""
        await _passed(self._cell, self._total)
        self._interrupted = True
        if not self._total.reached:
            await self.km.interrupt_kernel()
            await _passed(self._clock.limit(_INTERRUPT_S), self._total)
        await self._kill()

    def _note_timeout(self, cell: str) -> None:
        self.session.timed_out.append(cell)
        self.session.ended("timed_out", cell, "TimeLimit", f"The cell was interrupted after {self._cell.told('the limit for one cell')}")

    def _note_death(self, cell: str) -> None:
        session = self.session
        if session.budget.exceeded():
            limit = session.budget.received_limit // 2**20
            session.ended("output_exceeded", cell, "OutputLimit", f"The notebook was ended here: it wrote more than {limit} MiB of output.")
        elif self._interrupted and self._total.reached:
            session.timed_out.append(cell)
            told = self._total.told("the limit for all of it")
            session.ended("timed_out", cell, "TimeLimit", f"The notebook was ended here after {told}")
        elif self._interrupted:
            session.timed_out.append(cell)
            told = self._cell.told("the limit for one cell")
            session.ended(
                "timed_out", cell, "TimeLimit", f"The notebook was ended here: the cell did not stop when it was interrupted after {told}"
            )
        else:
            session.ended("kernel_died", cell, "KernelDied", "The Python process ended in this cell.")

    async def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """One question; its answer, or the reason why there is none."""
        if not await self._alive():
            before = f"{self._ended_by} had ended the notebook" if self._ended_by else "the notebook had ended"
            return {"question": question["id"], "reason": f"{before} before its functions could be called", "asked": False}
        self._ended_by = question["function"]  # unless it lives on, and another is asked
        token = secrets.token_hex(8)  # so that nobody can have put a pipe there, at which this process would wait
        request, reply = self.session.work / f"question-{token}.json", self.session.work / f"answer-{token}.json"
        request.write_text(json.dumps(question), encoding="utf-8")
        code = f"__import__('autograder.execution.questions', fromlist=['answer']).answer({str(request)!r}, {str(reply)!r})"
        message = self.kc.execute(code, silent=True, store_history=False, allow_stdin=False)
        if not await self._replied(message, self._clock.limit(question["seconds"])):
            if not await self._alive():
                return {"question": question["id"], "reason": f"{question['function']} ended the whole notebook"}
            await self.km.interrupt_kernel()
            if not await self._replied(message, self._clock.limit(_INTERRUPT_S)):
                await self._kill()
            return {"question": question["id"], "reason": f"{question['function']} did not return within {question['seconds']:g} s"}
        return {"question": question["id"], **_read_answer(reply)}

    async def _replied(self, message: str, limit: Limit) -> bool:
        """Whether the kernel answers this message in time; its death is no answer."""
        while left := limit.left():
            try:
                reply = await self.kc.get_shell_msg(timeout=min(left, _LOOK_S))
            except Exception:  # an empty queue, or a message that is none: look whether there is a kernel at all
                if not await self._alive():
                    return False
                continue
            if reply["parent_header"].get("msg_id") == message:
                return True
        return False

    async def _alive(self) -> bool:
        return bool(await self.km.is_alive())

    async def _kill(self) -> None:
        if self.km is not None and self.km.has_kernel:
            await self.km.shutdown_kernel(now=True)
            self.session.killed = self.km.killed

    def _cpu_s(self) -> float:
        try:
            times = self._process.cpu_times()
        except psutil.Error:
            return 0.0
        return float(times.user + times.system + times.children_user + times.children_system)

    def output(self, outs: list[Any], msg: dict[str, Any], display_id: str | None, cell_index: int) -> Any:
        """Weighs one output message and keeps what there is room for; ends the kernel that floods."""
        content = msg["content"]
        before = len(outs)
        if self.clear_before_next_output:
            self._clear(outs, cell_index)
            self.clear_before_next_output = False
        if msg["msg_type"] == "stream":
            self.session.budget.add_stream(cell_index, outs, _stream_name(content.get("name")), str(content.get("text", "")))
            _as_nodes(outs)
        elif msg["msg_type"] == "error":
            error = shorten_error(content)
            if self.session.budget.admit(cell_index, outs, error, always=not _has_error(outs)):
                outs.append(_node(error))
            _as_nodes(outs)
        elif not is_displayable(content):
            self.session.budget.received += len(str(content))
        elif self.session.budget.admit(cell_index, outs, content):
            super().output(outs, msg, display_id, cell_index)
        else:
            _as_nodes(outs)
        if self.session.budget.exceeded():
            self._ending = asyncio.ensure_future(self._kill())
        return outs[-1] if len(outs) > before else None

    def clear_output(self, outs: list[Any], msg: dict[str, Any], cell_index: int) -> None:
        if msg["content"].get("wait"):
            self.clear_before_next_output = True
        else:
            self._clear(outs, cell_index)

    def _clear(self, outs: list[Any], cell_index: int) -> None:
        outs[:] = []
        self.session.budget.forget(cell_index)
        self.clear_display_id_mapping(cell_index)

    def _update_display_id(self, display_id: str, msg: dict[str, Any]) -> None:
        content, budget = msg["content"], self.session.budget
        budget.received += len(json.dumps(content, default=str))
        if not is_displayable(content):
            return
        shown = self._display_id_map.get(display_id, {})
        places = [(cell, self.nb.cells[cell].outputs[index]) for cell, indices in shown.items() for index in indices]
        if budget.exchange(places, content):
            super()._update_display_id(display_id, msg)


async def _passed(*limits: Limit) -> None:
    """Until one of them is reached."""
    while left := min([limit.left() for limit in limits]):
        await asyncio.sleep(min(left, _LOOK_S))


def _hands_in(cell: Any) -> bool:
    """Whether a cell is the framework's rather than the student's own work: a locked one that hands in."""
    return "hand_in(" in cell.source and bool(cell.metadata.get("nbgrader", {}).get("locked"))


class _KernelGone(Exception):
    """The kernel ended; no further cell can run."""


def _has_error(outs: list[Any]) -> bool:
    return any(output["output_type"] == "error" for output in outs)


def _stream_name(name: Any) -> str:
    return "stderr" if name == "stderr" else "stdout"


def _node(output: dict[str, Any]) -> Any:
    import nbformat

    build: Any = nbformat.from_dict
    return build(output)


def _as_nodes(outs: list[Any]) -> None:
    if outs and type(outs[-1]) is dict:
        outs[-1] = _node(outs[-1])


def _read_answer(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_bounded(path, ANSWER_BYTES))
        return {key: found[key] for key in ("value", "reason") if key in found} or {"reason": "there was no answer"}
    except (OSError, ValueError, TypeError, RecursionError) as error:
        return {"reason": f"the answer could not be read: {type(error).__name__}"}
