"""The command's side of an execution: starts process A, takes what it sends within limits, kills it, keeps a run folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from autograder import wire
from autograder.course.profile import RunProfile
from autograder.errors import MachineError
from autograder.execution.devices import Slot, may_fork_warm, slot_environment
from autograder.execution.environment import font_files, server_kind, versions
from autograder.execution.replay import replay_of
from autograder.execution.rundir import RunFolder
from autograder.files import write_atomic
from autograder.handin import MANIFEST
from autograder.isolation.channel import ChannelError, ChannelTimeout, Frame
from autograder.isolation.sandbox import Caps, Command, Ended, Process, Sandbox
from autograder.isolation.servers import ServerKind
from autograder.records import Answer, FirstError, Flag, HandinEntry, Isolation, Question, Run, Seconds, Usage, from_json, to_json

T = TypeVar("T")

# Not matplotlib_inline.backend_inline: it looks for its shell when it is imported, and plt.show() would show nothing.
_PRELOAD = (
    "autograder.execution.worker",  # first: it says what others need not import
    "keras",
    "keras.layers",
    "h5py",
    "matplotlib.pyplot",
    "papermill.engines",
    "papermill.iorw",
    "papermill.clientwrap",
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "ipykernel.debugger",  # the kernel imports it whether or not anybody debugs
    "IPython.core.completer",
    "autograder.student",
    "autograder.checks",
    "autograder.handin",
    "autograder.description",
    "autograder.data.answering",
    "autograder.execution.engine",
    "autograder.execution.kernel",
    "autograder.execution.lending",
)
# Keras' fit imports TensorFlow for its datasets, whatever the backend.
_BACKENDS = {"tensorflow": ("tensorflow",), "jax": ("jax", "tensorflow"), "torch": ("torch", "tensorflow")}
_START_S = 180
_GRACE_S = 30
_END_S = 2.0  # to end by itself: the CPU time of killed processes is told to nobody
_MANIFEST_BYTES = 1_000_000
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


@dataclass
class _Received:
    """What has come out of A so far."""

    notebook: bytes | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    result: dict[str, Any] | None = None
    answers: bytes | None = None
    replayed: tuple[Answer, ...] = ()
    start_s: float = 0.0
    problem: str = ""
    started: bool = False
    timed_out: bool = False


def execute(execution: Execution, target: RunFolder, sandbox: Sandbox, on_cell: Callable[[int, int], None]) -> Run:
    """Executes once and keeps the result in `target`. Never raises for what the notebook does; MachineError for the machine."""
    target.path.parent.mkdir(parents=True, exist_ok=True)
    once = _run_once(execution, sandbox, on_cell)
    run = _conclude(execution, once, replace(sandbox.isolation, start=once.process.start), target.path.name)
    again = replay_of(execution, run.entries, _ended_in(once.received))
    if again is not None:
        run = _ask_again(again, run, once.received, sandbox)
    if run.outcome != "infra_error":  # that one says nothing about the notebook, and must not replace one that does
        _keep(target, run, once.received)
    return run


@dataclass(frozen=True)
class _Once:
    """One process A from its start to its end."""

    received: _Received
    process: Process
    ended: Ended
    wall_s: float


def _run_once(execution: Execution, sandbox: Sandbox, on_cell: Callable[[int, int], None]) -> _Once:
    began = time.monotonic()
    process = sandbox.start(_command(execution))
    received = _Received(start_s=time.monotonic() - began)
    try:
        _converse(process, execution, received, on_cell)
    finally:
        ended = process.kill(_END_S if received.answers is not None else 0.0)
    if sandbox.stopped:
        raise MachineError("The command was interrupted.")
    return _Once(received, process, ended, time.monotonic() - began)


def _ask_again(again: Execution, run: Run, received: _Received, sandbox: Sandbox) -> Run:
    """Runs the sections handed in once more and takes the answers; everything else of it is thrown away."""
    once = _run_once(again, sandbox, lambda index, count: None)
    asked = {question.id for question in again.questions}
    if _ended_in(once.received) is None:
        received.replayed = tuple(answer for answer in _answers(once.received) if answer.question in asked)
    got = f"gave {len(received.replayed)} of {len(asked)} answers" if received.replayed else "ended early too"
    flag = Flag("questions_replayed", f"the notebook ended before its functions were called; a second run of what was handed in {got}")
    used = run.usage
    usage = replace(
        used,
        wall_s=used.wall_s + once.wall_s,
        cpu_s=used.cpu_s + once.ended.cpu_s,
        peak_memory_mib=max(used.peak_memory_mib, once.ended.peak_mib),
    )
    return replace(run, flags=(*run.flags, flag), usage=usage)


def _ended_in(received: _Received) -> int | None:
    """The cell in which the kernel ended; None when it lived, or A did not say."""
    found = (received.result or {}).get("ended_in")
    return None if found is None else int(_number(found))


def notebook_server(backend: str, student_data: Path, fonts: Path | None, gpu: bool = False) -> ServerKind:
    """The fork server for process A."""
    return server_kind(backend, (*_PRELOAD, *_BACKENDS[backend]), (student_data,), fonts, gpu)


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
            "AUTOGRADER_SAMPLE_LIMIT": str(profile.sample_limit or ""),
            **slot_environment(slot, execution.backend),
        },
        caps=Caps(
            memory_mib=slot.memory_mib,
            disk_mib=profile.limits.disk_mib,
            cpu_s=int(profile.limits.total_s + _START_S) * (os.cpu_count() or 1),  # the clock on the wall comes first
        ),
        cold=may_fork_warm(slot, execution.backend),
    )


def _files(execution: Execution) -> dict[str, bytes]:
    """What lies in the work folder at the start."""
    files = {"notebook.ipynb": json.dumps(execution.notebook).encode()}
    files |= {f"submission/{name}": data for name, data in execution.files.items()}
    return files | {f"home/matplotlib/{path.name}": path.read_bytes() for path in font_files(execution.fonts)}


def _converse(process: Process, execution: Execution, received: _Received, on_cell: Callable[[int, int], None]) -> None:
    """Sends the request, reads until the answers are there, the stream ends, or a limit is reached."""
    limits = execution.profile.limits
    asked_s = sum(question.seconds + 10 for question in execution.questions)
    deadline = time.monotonic() + _START_S + limits.total_s + asked_s + _GRACE_S
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
            _take(frame, received, on_cell)
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


def _take(frame: Frame, received: _Received, on_cell: Callable[[int, int], None]) -> None:
    if frame.kind == "started":
        received.started, received.start_s = True, received.start_s + _number(frame.fields.get("seconds"))
    elif frame.kind == "cell":
        on_cell(int(_number(frame.fields.get("index"))), int(_number(frame.fields.get("count"))))
    elif frame.kind == "notebook":
        received.notebook = frame.payload
    elif frame.kind == "file":
        received.files[str(frame.fields.get("name"))] = frame.payload
    elif frame.kind == "left_out":
        received.left_out[str(frame.fields.get("name"))] = str(frame.fields.get("reason"))
    elif frame.kind == "result":
        received.result = frame.fields
    elif frame.kind == "answers":
        received.answers = frame.payload


def _conclude(execution: Execution, once: _Once, isolation: Isolation, run_key: str) -> Run:
    received, ended = once.received, once.ended
    outcome, reason, error = _outcome(execution, received, once.process, ended)
    usage = Usage(once.wall_s, ended.cpu_s, 0.0, ended.peak_mib, execution.slot.describe())
    found = received.result or {}
    entries = _entries(received)
    return Run(
        run_key=run_key,
        outcome=outcome,
        reason=reason,
        first_error=error,
        entries=entries,
        flags=_flags(received),
        isolation=isolation,
        usage=replace(usage, student_cpu_s=_number(found.get("student_cpu_s")), hand_in_cpu_s=_number(found.get("hand_in_cpu_s"))),
        seconds=Seconds(start=received.start_s, notebook=_number(found.get("notebook_s"))),
        versions=versions(execution.backend),
        seed=execution.profile.seed,
        questions=tuple(question.id for question in execution.questions),
        data=execution.split_fingerprint,
        release=execution.release,
    )


def _number(value: Any) -> float:
    """A number that A sent, or 0 for whatever else it sent."""
    return float(value) if isinstance(value, int | float) and abs(value) < 1e9 else 0.0


_OUTCOMES = ("completed", "cell_error", "timed_out", "kernel_died", "output_exceeded", "memory_exceeded", "disk_exceeded")


def _outcome(execution: Execution, received: _Received, process: Process, ended: Ended) -> tuple[Any, str, FirstError | None]:
    """(outcome, reason, first error); without a result from A it is the limit's fault, or the machine's."""
    memory = f"The notebook needed more than {execution.slot.memory_mib:,} MiB of memory."
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


def _entries(received: _Received) -> tuple[HandinEntry, ...]:
    """The manifest, as far as it is one; an entry whose file did not come is missing, with the reason."""
    try:
        listed = json.loads(received.files.get(MANIFEST, b"{}")[:_MANIFEST_BYTES]).get("entries")
    except (ValueError, AttributeError, RecursionError):
        listed = None
    entries = [entry for part in (listed if isinstance(listed, list) else []) if (entry := _parse(HandinEntry, part)) is not None]
    return tuple(_checked(entry, received) for entry in entries if re.fullmatch(r"[A-Za-z_]\w{0,99}", entry.name, re.ASCII))


def _checked(entry: HandinEntry, received: _Received) -> HandinEntry:
    if entry.kind in ("missing", "function"):
        return HandinEntry(entry.name, entry.kind, entry.section, None, (entry.reason or "")[:1000] or None)
    needed = {
        "model": (f"{entry.name}/model.json", f"{entry.name}/weights.npz"),
        "value": (f"{entry.name}.json",),
        "history": (f"{entry.name}.json",),
    }.get(entry.kind, (f"{entry.name}.npz",))
    if all(name in received.files for name in needed):
        return HandinEntry(entry.name, entry.kind, entry.section, entry.name if entry.kind == "model" else needed[0])
    own = (f"{entry.name}/", f"{entry.name}.")
    reason = next((why for name, why in received.left_out.items() if name.startswith(own)), "its file is missing")
    return HandinEntry(entry.name, "missing", entry.section, None, f"'{entry.name}' was not handed in: {reason}"[:1000])


def _flags(received: _Received) -> tuple[Flag, ...]:
    found = received.result or {}
    flags = [Flag("output_cut", f"the output of cell {int(_number(index)) + 1} was cut") for index in _listed(found.get("cut"))]
    flags += [Flag("cell_timed_out", f"cell {ascii(name)[:100]} reached its time limit") for name in _listed(found.get("timed_out"))]
    flags += [Flag("handin_left_out", f"{name!a}: {ascii(why)[1:-1]}"[:500]) for name, why in list(received.left_out.items())[:20]]
    if received.result is not None and received.answers is None:
        flags.append(Flag("no_answers", "the notebook's process ended while its functions were called"))
    return tuple(flags)


def _listed(value: Any) -> list[Any]:
    return value[:50] if isinstance(value, list) else []


def _keep(target: RunFolder, run: Run, received: _Received) -> None:
    """Writes the run beside its place and moves it there as a whole.

    Only files that a hand-in may have are kept, and the manifest as it was understood, not as it came.
    """
    partial = Path(tempfile.mkdtemp(dir=target.path.parent, prefix=".partial-"))
    try:
        _fill(RunFolder(partial), run, received)
        os.chmod(partial, 0o755)
        if target.path.exists():
            shutil.rmtree(target.path)
        partial.rename(target.path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _fill(folder: RunFolder, run: Run, received: _Received) -> None:
    folder.handin.mkdir()
    for name, data in received.files.items():
        if _HANDIN_FILE.fullmatch(name) and name != MANIFEST:
            path = folder.handin / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
    (folder.handin / MANIFEST).write_text(json.dumps({"schema": 1, "entries": [asdict(entry) for entry in run.entries]}))
    if received.notebook is not None:
        folder.notebook_file.write_bytes(received.notebook)
    folder.answers_file.write_text(to_json(_answers(received)), encoding="utf-8")
    write_atomic(folder.run_file, to_json(run))


def _answers(received: _Received) -> tuple[Answer, ...]:
    """Each answer on its own: one that is malformed does not take the others with it. Those of a second run replace the first's."""
    first = (answer for part in _parts(received.answers or b"[]") if (answer := _parse(Answer, part)) is not None)
    return tuple({answer.question: answer for answer in (*first, *received.replayed)}.values())


def _parts(data: bytes) -> list[Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return []
    return found if isinstance(found, list) else []


def _parse(kind: type[T], part: Any) -> T | None:
    try:
        return from_json(kind, json.dumps(part))
    except (ValueError, TypeError, RecursionError):
        return None
