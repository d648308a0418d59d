"""The command's side of an execution: starts process A, takes what it sends within limits, kills it, keeps a run folder."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from autograder import wire
from autograder.course.profile import RunProfile
from autograder.errors import MachineError
from autograder.execution.clock import CEILING
from autograder.execution.devices import Slot, may_fork_warm, slot_environment
from autograder.execution.environment import font_files, notebook_server, versions
from autograder.execution.memory_kills import memory_kills
from autograder.execution.received import Received, answers_of, ended_in, entries_of, flags_of, number, take
from autograder.execution.replay import left_to_ask, replay_of
from autograder.execution.rundir import RunFolder
from autograder.files import PARTIAL, scratch_folder, write_atomic
from autograder.handin import MANIFEST
from autograder.isolation.channel import ChannelError, ChannelTimeout
from autograder.isolation.process import Ended, Process
from autograder.isolation.sandbox import Caps, Command, Sandbox
from autograder.records import FirstError, Flag, Isolation, Question, Run, Seconds, Usage, to_json

_START_S = 180
_GRACE_S = 30
_MOST_REPLAYS = 3  # so many functions may end the kernel, one after the other, and the rest is still asked
_END_S = 2.0  # to end by itself: the CPU time of killed processes is told to nobody
_HANDIN_FILE = re.compile(r"[A-Za-z_]\w*(\.json|\.npz|/(model\.json|compile\.json|weights\.npz|probe\.npz))", re.ASCII)


@dataclass(frozen=True)
class Execution:
    """All that decides about one run, and nothing else: two equal ones may share their run. `replay` follows from the notebook."""

    assignment: str
    notebook: dict[str, Any]
    files: dict[str, bytes]
    profile: RunProfile
    split_fingerprint: str
    student_data: Path
    questions: tuple[Question, ...]
    slot: Slot
    backend: str = "tensorflow"
    fonts: Path | None = None
    release: str = ""
    replay: dict[str, Any] | None = None  # the notebook with an epoch limit of 1, for asking after its kernel ended early

    def run_key(self) -> str:
        """Names the run: prepared notebook, files, profile, visible data, limits, environment, seed, questions."""
        import hashlib

        from autograder.files import digest

        files = {name: hashlib.sha256(data).hexdigest() for name, data in self.files.items()}
        profile = {key: value for key, value in asdict(self.profile).items() if key != "curves"}
        asked = [each.id for each in self.questions]
        device = (self.slot.threads, self.slot.memory_mib, "gpu" if self.slot.gpu else "cpu")
        return digest(self.assignment, self.notebook, files, profile, self.split_fingerprint, asked, *device, versions(self.backend))


def execute(
    execution: Execution,
    target: RunFolder,
    sandbox: Sandbox,
    on_cell: Callable[[int, int], None],
    known: Callable[[], Run | None] = lambda: None,
) -> Run:
    """Executes once and keeps the result in `target`. Never raises for what the notebook does; MachineError for the machine.

    `known` is asked before it is kept: where another command was faster, on another machine, its run is the one that counts.
    """
    target.path.parent.mkdir(parents=True, exist_ok=True)
    once = _run_undisturbed(execution, sandbox, on_cell)
    run = _conclude(execution, once, replace(sandbox.isolation, start=once.process.start), target.path.name)
    if run.outcome == "infra_error" and not once.received.started:  # nothing of the notebook was executed
        raise MachineError(run.reason)
    run = _ask_again(execution, run, once.received, sandbox)
    if run.outcome == "infra_error":  # that one says nothing about the notebook, and must not replace one that does
        return run
    return known() or _keep(target, run, once.received)


@dataclass(frozen=True)
class _Once:
    """One process A from its start to its end."""

    received: Received
    process: Process
    ended: Ended
    wall_s: float


def _run_once(execution: Execution, sandbox: Sandbox, on_cell: Callable[[int, int], None]) -> _Once:
    began, kills = time.monotonic(), memory_kills()
    process = sandbox.start(_command(execution))
    received = Received(start_s=time.monotonic() - began)
    try:
        _converse(process, execution, received, on_cell)
    finally:
        ended = process.kill(_END_S if received.answers is not None else 0.0)
    if sandbox.stopped:
        raise MachineError("The command was interrupted.")
    # Without a control group nobody knows whose memory it was: in company it may be that of others.
    if execution.slot.company and received.killed and not ended.out_of_memory and memory_kills() > kills:
        ended = replace(ended, machine_out_of_memory=True)
    return _Once(received, process, ended, time.monotonic() - began)


def _run_undisturbed(execution: Execution, sandbox: Sandbox, on_cell: Callable[[int, int], None]) -> _Once:
    """A second time where something was killed without a reason that is known here: what a notebook does to itself it does again."""
    once = _run_once(execution, sandbox, on_cell)
    received = once.received
    vanished = received.answers is None and not received.timed_out and not received.problem
    if (received.killed or vanished) and not once.ended.out_of_memory:
        return _run_once(execution, sandbox, on_cell)
    return once


def _ask_again(execution: Execution, run: Run, received: Received, sandbox: Sandbox) -> Run:
    """Where the kernel ended too early for some questions, runs the sections handed in again and takes the answers, nothing else.

    When that fails by fault of the machine the whole run has: it would stay without answers that it could have.
    """
    if run.outcome == "infra_error":
        return run
    ended, usage, asked = ended_in(received), run.usage, set[str]()
    questions = left_to_ask(execution.questions, answers_of(received)) if ended is None else execution.questions
    for _ in range(_MOST_REPLAYS):
        again = replay_of(execution, run.entries, questions, ended)
        if again is None:
            break
        once = _run_undisturbed(again, sandbox, lambda index, count: None)
        outcome, reason, _ = _outcome(again, once.received, once.process, once.ended)
        if outcome == "infra_error" and not once.received.started:
            raise MachineError(f"Functions could not be asked again: {reason}")
        if outcome == "infra_error":
            return replace(run, outcome="infra_error", reason=f"Functions could not be asked again: {reason}")
        usage = _with(usage, once)
        mine = {question.id for question in again.questions}
        asked |= mine
        answers = [answer for answer in answers_of(once.received) if answer.question in mine]
        if ended_in(once.received) is not None:  # its cells end it: one more time would be no better
            break
        received.replayed += tuple(answer for answer in answers if answer.asked)
        questions = left_to_ask(again.questions, answers)
    if not asked:
        return run
    why = "a function ended the notebook when it was called" if ended is None else "the notebook ended before its functions were called"
    got = f"gave {len(received.replayed)} of {len(asked)} answers" if received.replayed else "ended early too"
    return replace(run, flags=(*run.flags, Flag("questions_replayed", f"{why}; running again what was handed in {got}")), usage=usage)


def _with(usage: Usage, once: _Once) -> Usage:
    """What was used, with one more process A."""
    return replace(
        usage,
        wall_s=usage.wall_s + once.wall_s,
        cpu_s=usage.cpu_s + once.ended.cpu_s,
        peak_memory_mib=max(usage.peak_memory_mib, once.ended.peak_mib),
    )


def _command(execution: Execution) -> Command:
    profile, slot = execution.profile, execution.slot
    return Command(
        module="autograder.execution.worker",
        companion="autograder.execution.kernel",
        server=notebook_server(execution.backend, execution.student_data, execution.fonts, slot.gpu is not None),
        environment={
            "AUTOGRADER_RUN": "1",
            "AUTOGRADER_ASSIGNMENT": execution.assignment,
            "AUTOGRADER_DATA_DIR": str(execution.student_data.absolute()),
            "AUTOGRADER_ANSWERS": profile.answers or "",
            "AUTOGRADER_HANDIN_BYTES": str(profile.limits.hand_in_bytes),
            "AUTOGRADER_SAMPLE_LIMIT": str(profile.sample_limit or ""),
            "AUTOGRADER_OUTPUT_LIMIT": str(profile.limits.received_output_bytes),
            **slot_environment(slot, execution.backend),
        },
        caps=Caps(
            memory_mib=slot.memory_mib,
            disk_mib=profile.limits.disk_mib,
            cpu_s=int(CEILING * profile.limits.total_s + _START_S) * (os.cpu_count() or 1),  # the clock on the wall comes first
            cores=slot.threads,
        ),
        cold=may_fork_warm(slot, execution.backend),
    )


def _files(execution: Execution) -> dict[str, bytes]:
    """What lies in the work folder at the start."""
    files = {"notebook.ipynb": json.dumps(execution.notebook).encode()}
    files |= {f"submission/{name}": data for name, data in execution.files.items()}
    return files | {f"home/matplotlib/{path.name}": path.read_bytes() for path in font_files(execution.fonts)}


def _converse(process: Process, execution: Execution, received: Received, on_cell: Callable[[int, int], None]) -> None:
    """Sends the request, reads until the answers are there, the stream ends, or a limit is reached."""
    limits = execution.profile.limits
    asked_s = sum(question.seconds + 10 for question in execution.questions)
    deadline = time.monotonic() + _START_S + CEILING * (limits.total_s + asked_s) + _GRACE_S
    total = (
        limits.hand_in_bytes
        + limits.submission_bytes
        + 4 * limits.total_output_bytes
        + wire.ARRAY_BYTES * (2 + 2 * len(execution.questions))
    )
    reader = process.reader(total)
    try:
        process.send({"limits": asdict(limits)}, _files(execution))
        while received.answers is None and (frame := reader.read(deadline)) is not None:
            take(frame, received, on_cell)
            if frame.kind == "result":
                process.send([asdict(question) for question in execution.questions])
    except ChannelTimeout:
        received.timed_out = True
    except ChannelError as error:
        received.problem = str(error)
    except OSError:  # the process ended while it was written to; without a result that is the machine's fault
        pass
    finally:
        reader.close()


def _conclude(execution: Execution, once: _Once, isolation: Isolation, run_key: str) -> Run:
    received, ended = once.received, once.ended
    outcome, reason, error = _outcome(execution, received, once.process, ended)
    found = received.result or {}
    usage = Usage(once.wall_s, ended.cpu_s, 0.0, ended.peak_mib, execution.slot.describe(), waited_s=number(found.get("waited_s")))
    entries = entries_of(received)
    return Run(
        run_key=run_key,
        outcome=outcome,
        reason=reason,
        first_error=error,
        entries=entries,
        flags=flags_of(received),
        isolation=isolation,
        usage=replace(usage, student_cpu_s=number(found.get("student_cpu_s")), hand_in_cpu_s=number(found.get("hand_in_cpu_s"))),
        seconds=Seconds(start=received.start_s, notebook=number(found.get("notebook_s"))),
        versions=versions(execution.backend),
        seed=execution.profile.seed,
        questions=tuple(question.id for question in execution.questions),
        data=execution.split_fingerprint,
        release=execution.release,
    )


_OUTCOMES = ("completed", "cell_error", "timed_out", "kernel_died", "output_exceeded", "memory_exceeded", "disk_exceeded")


def _outcome(execution: Execution, received: Received, process: Process, ended: Ended) -> tuple[Any, str, FirstError | None]:
    """(outcome, reason, first error); without a result from A it is the limit's fault, or the machine's."""
    memory = f"The notebook needed more than {execution.slot.memory_mib:,} MiB of memory."
    if ended.machine_out_of_memory and (received.result or {}).get("outcome") != "completed":
        return "infra_error", "The machine had no memory left, and its kernel killed a process of the notebook.", None
    if received.result is None:
        if ended.out_of_memory:
            return "memory_exceeded", memory, None
        if received.timed_out and received.started:
            return "timed_out", f"The notebook did not end within {execution.profile.limits.total_s:g} s and was killed.", None
        if received.problem:
            return "output_exceeded", f"The notebook's process sent more than it may, or something else: {received.problem}", None
        return "infra_error", f"The execution ended without a result: {_errors_in(process.last_words())}", None
    outcome = received.result.get("outcome")
    if outcome not in _OUTCOMES:
        return "infra_error", "The execution reported an outcome that does not exist.", None
    reason, error = str(received.result.get("reason") or "")[:500], received.result.get("first_error")
    first = FirstError(*(str(error.get(key, ""))[:2000] for key in ("cell", "name", "message"))) if isinstance(error, dict) else None
    if outcome == "kernel_died" and ended.out_of_memory:
        cell = first.cell if first else "the notebook"
        return "memory_exceeded", f"{cell}: {memory}", FirstError(cell, "MemoryLimit", memory)
    if first is None:
        return outcome, reason, None
    return outcome, reason or f"{first.cell}: {first.name}: {first.message}"[:500], first


def _errors_in(words: str) -> str:
    """The errors at the ends of tracebacks, without their frames; else the last words as they are."""
    errors = [line for line in words.splitlines() if re.match(r"[\w.]*(Error|Exception|Timeout): ", line)]
    return "; ".join(dict.fromkeys(errors))[-600:] or words[-500:] or "no message"


def _keep(target: RunFolder, run: Run, received: Received) -> Run:
    """Writes the run beside its place and moves it there as a whole; the one that was there moves out as a whole.

    Only files that a hand-in may have are kept, and the manifest as it was understood, not as it came.
    """
    with scratch_folder(target.path.parent, PARTIAL) as partial:
        run = _fill(RunFolder(partial / "run"), run, received)
        replaced = partial / "replaced"
        if target.path.exists():
            target.path.rename(replaced)
        try:
            (partial / "run").rename(target.path)
        except OSError:
            if replaced.exists():
                replaced.rename(target.path)
            raise
    return run


def _fill(folder: RunFolder, run: Run, received: Received) -> Run:
    """The run file comes last, with the digests of all others, which are on the disk by then."""
    folder.path.mkdir(mode=0o755)
    folder.handin.mkdir()
    for name, data in received.files.items():
        if _HANDIN_FILE.fullmatch(name) and name != MANIFEST:
            path = folder.handin / name
            write_atomic(path, data)
    write_atomic(folder.handin / MANIFEST, json.dumps({"schema": 1, "entries": [asdict(entry) for entry in run.entries]}))
    if received.notebook is not None:
        write_atomic(folder.notebook_file, received.notebook)
    write_atomic(folder.answers_file, to_json(answers_of(received)))
    run = replace(run, files=folder.digests())
    write_atomic(folder.run_file, to_json(run))
    return run
