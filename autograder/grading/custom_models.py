"""The command's side of process C: asks a model with classes of the student's own for its predictions, twice, in secret orders.

Only what comes back in the same way from two processes that share nothing is kept. What C says is hostile: it is read with limits.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograder.course.profile import RunProfile
from autograder.errors import MachineError
from autograder.execution.devices import Slot, may_fork_warm, slot_environment
from autograder.execution.environment import code_digest, server_kind, versions
from autograder.execution.memory_kills import memory_kills
from autograder.execution.rundir import RunFolder
from autograder.files import digest, digest_files, scratch_folder, write_atomic
from autograder.grading.asking import MAX_OUTPUT, OTHER_SHAPES, NoPredictions, Order, read_answers, secret_orders, settle
from autograder.isolation.channel import ChannelError, ChannelTimeout, Frame, FrameReader
from autograder.isolation.process import Ended, Process
from autograder.isolation.sandbox import Caps, Command, Sandbox
from autograder.isolation.servers import ServerKind
from autograder.records import Prediction

_FILES = ("model.json", "weights.npz", "probe.npz")
_PRELOAD = ("keras", "keras.layers", "autograder.grading.custom")
_CPU_S = 300  # for each of the two processes; an honest model takes a few
_CAPS = Caps(memory_mib=4096, processes=256, disk_mib=256, cpu_s=_CPU_S)
_START_S = 180
_DEADLINE_S = 600
_ALL_S = 2 * _DEADLINE_S  # for all models of a notebook, however many it has that wait
_END_S = 2.0
_BUSY = 2.0  # processes for each core: where less wait, a process gets enough of it
_FRAME_BYTES = 10_000
_KILLED = "The process that asked a model was killed, as the machine had no memory left."
_HIDDEN_ONLY = (
    "it answers all visible images, and not all of the others in the same way. For whatever image there must be one answer, of finite "
    "numbers, always the same, within time and memory: try images of other brightness, all zeros, single ones and large batches"
)


class _NotBuilt(NoPredictions):
    """It could not be built again, and has seen no image."""


@dataclass(frozen=True)
class Bounds:
    """What all models of one notebook have together: until when they must have answered (monotonic seconds).

    `load`: of the machine before the first was asked. Later it may be their own, made to look as if the machine had failed.
    """

    until: float
    load: float

    @classmethod
    def from_now(cls) -> Bounds:
        return cls(time.monotonic() + _ALL_S, MachineState.now().load)


class NeedsExecution(Exception):
    """Predictions are not kept, and making them would run a student's code; the message says which model's."""


@dataclass(frozen=True)
class CustomAnswer:
    """What became of asking: a file with the arrays `hidden` and `visible`, or why there is none.

    `differing`: for how many images the answers were not always the same. `cpu_s`: 0 for what was kept from before.
    """

    file: Path | None
    reason: str = ""
    differing: int = 0
    cpu_s: float = 0.0


def custom_server(backend: str) -> ServerKind:
    """The fork server for process C. It imports what B's does but shows its jobs no images: they come in the order of the command."""
    return server_kind(backend, (*_PRELOAD, backend), ())


def predict_custom(
    folder: RunFolder,
    prediction: Prediction,
    images: dict[str, Path],
    data: str,
    profile: RunProfile,
    sandbox: Sandbox,
    backend: str,
    execute: bool,
    memory_mib: int,
    bounds: Bounds,
) -> CustomAnswer:
    """The predictions of one model with classes of its own; as kept where it was asked before.

    `images`: files of the hidden and the visible part; `data` names their split. Raises NeedsExecution when nothing is kept and `execute`
    is false, MachineError when the machine fails; whatever the student's code does is a reason.
    """
    model_files = digest_files(folder.handin / prediction.model)
    place = folder.custom(digest(model_files, asdict(prediction), data, versions(backend), code_digest()))
    kept = _read(place)
    if kept is not None:
        return kept
    if not execute:
        raise NeedsExecution(f"model '{prediction.model}' has classes of its own, and its predictions are not kept")
    parts = {name: np.load(path, mmap_mode="r") for name, path in images.items()}
    caps = replace(_CAPS, memory_mib=min(_CAPS.memory_mib, memory_mib))
    asked = _Asked(folder, prediction, profile, sandbox, backend, caps, bounds)
    with scratch_folder(place, ".asking-") as answering:
        try:
            settled, differing, cpu_s = _ask_twice(asked, np.concatenate(list(parts.values())), answering)
        except NoPredictions as problem:
            built = not isinstance(problem, _NotBuilt)
            reason = _reason_without_hidden(asked, parts["visible"], answering) if built else str(problem)
            reason = reason[:1000]
            write_atomic(place / "said.json", json.dumps({"reason": reason, "differing": 0}))
            return CustomAnswer(None, reason)
        with (place / "predictions.npz").open("wb") as stream:
            np.savez(stream, hidden=settled[: len(parts["hidden"])], visible=settled[len(parts["hidden"]) :])
    write_atomic(place / "said.json", json.dumps({"reason": "", "differing": differing}))
    return CustomAnswer(place / "predictions.npz", "", differing, cpu_s)


def _ask_twice(asked: _Asked, images: NDArray[Any], answering: Path) -> tuple[NDArray[np.float32], int, float]:
    """Answers in the images' order, for how many images they differ, and CPU seconds. Raises NoPredictions or MachineError."""
    orders, answers, cpu_s = secret_orders(len(images)), [], 0.0
    for number, order in enumerate(orders):
        answered, spent = asked.ask(images, order, answering / f"answers-{number}")
        answers.append(answered)
        cpu_s += spent
    settled, differing = settle(len(images), orders, answers, functools.partial(_on_disk, answering / "settled"))
    return settled, differing, cpu_s


def _reason_without_hidden(asked: _Asked, visible: NDArray[Any], answering: Path) -> str:
    """Why a model cannot be graded, as visible images alone show it.

    How a class fails can tell of the images at which it does: which exception, after how long, for how many. So what was seen
    with hidden images among them is never said, and processes that have seen none are asked once more.
    """
    try:
        _ask_twice(asked, visible, answering)
    except NoPredictions as problem:
        return str(problem)
    return _HIDDEN_ONLY


def _on_disk(file: Path, shape: tuple[int, ...], dtype: Any) -> NDArray[np.float32]:
    return np.memmap(file, dtype, "w+", shape=shape)


def _read(place: Path) -> CustomAnswer | None:
    """What is kept; `said.json` is written last, so with it everything is there."""
    try:
        said = json.loads((place / "said.json").read_bytes())
        return CustomAnswer(None if said["reason"] else place / "predictions.npz", said["reason"], said["differing"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


@dataclass(frozen=True)
class _Asked:
    """One model, and where and with what it is asked."""

    folder: RunFolder
    prediction: Prediction
    profile: RunProfile
    sandbox: Sandbox
    backend: str
    caps: Caps
    bounds: Bounds

    def ask(self, images: NDArray[Any], order: Order, file: Path) -> tuple[NDArray[np.float32], float]:
        """A new process's answers in the order asked, kept in a file, and its CPU seconds. Raises NoPredictions or MachineError."""
        slot = Slot()
        command = Command(
            module="autograder.grading.custom",
            server=custom_server(self.backend),
            environment=slot_environment(slot, self.backend),
            caps=self.caps,
            cold=may_fork_warm(slot, self.backend),
        )
        before = replace(MachineState.now(), load=self.bounds.load)
        process = self.sandbox.start(command)
        reader = process.reader(len(order.rows) * (4 * MAX_OUTPUT + _FRAME_BYTES))
        problem, slow = "", False
        shapes: set[tuple[int, ...]] = set()
        try:
            self._start(process, reader)
            shapes = self._answers(process, reader, images, order, file)
            with contextlib.suppress(OSError):  # all is answered
                process.send(None)
        except ChannelTimeout:
            slow = True
        except ChannelError:  # whose message may hold what was sent, and so hidden images
            problem = "its process sent more than it may, or something else than answers"
        except (EOFError, OSError) as error:
            slow = isinstance(error, OSError) and error.errno is None  # it is there and does not read
            problem = "its process ended before it had answered (was it ended by its own code?)"
        finally:
            reader.close()
            ended = process.kill(0.0 if slow else _END_S)
        if self.sandbox.stopped:
            raise MachineError("The command was interrupted.")
        if problem or slow or ended.out_of_memory or ended.machine_out_of_memory:
            fault = _whose_fault(problem, slow, ended, before, MachineState.now(), self.caps.memory_mib)
            shared = slow and isinstance(fault, NoPredictions) and time.monotonic() >= self.bounds.until
            raise NoPredictions(f"this notebook's models have {_ALL_S:,} s together, and they were over") if shared else fault
        return np.memmap(file, np.dtype("<f4"), "r", shape=(len(order.rows), *shapes.pop())), ended.cpu_s

    def _answers(self, process: Process, reader: FrameReader, images: NDArray[Any], order: Order, file: Path) -> set[tuple[int, ...]]:
        """Writes one batch of answers behind the other; the shape of one answer. Raises NoPredictions or what a channel raises."""
        deadline = min(time.monotonic() + _DEADLINE_S, self.bounds.until)
        _expect("ready", reader.read(deadline))
        shapes: set[tuple[int, ...]] = set()
        with file.open("wb") as stream:
            for rows in order.batches():
                part = np.ascontiguousarray(images[rows])
                process.send({"dtype": part.dtype.str, "shape": part.shape}, {"images": part.tobytes()})
                frame = _expect("answer", reader.read(deadline))
                answered = read_answers(frame.payload, frame.fields.get("shape"), len(rows))
                shapes.add(answered.shape[1:])
                if len(shapes) > 1:
                    raise NoPredictions(OTHER_SHAPES)
                stream.write(frame.payload)
        return shapes

    def _start(self, process: Process, reader: FrameReader) -> None:
        """Hands the model over and waits until C has it: up to there no student code has run, and a failure is the machine's."""
        place = self.folder.handin / self.prediction.model
        files = {f"model/{name}": (place / name).read_bytes() for name in _FILES if (place / name).is_file()}
        request = {
            "model": self.prediction.model,
            "input": {"shape": self.prediction.shape, "range": self.prediction.range},
            "sources": _code_cells(self.folder),
            "limit": self.profile.limits.hand_in_bytes,
        }
        try:
            process.send(request, files)
            frame = reader.read(time.monotonic() + _START_S)
        except (ChannelError, ChannelTimeout, OSError):
            frame = None
        if frame is None or frame.kind != "started":
            process.kill()
            raise MachineError(f"Asking a model failed: {process.last_words()[-500:] or 'no message'}")


@dataclass(frozen=True)
class MachineState:
    """How busy the machine is (processes that wait, for each core), and how many processes its kernel has killed for memory."""

    load: float
    killed: int

    @classmethod
    def now(cls) -> MachineState:
        return cls(os.getloadavg()[0] / (os.cpu_count() or 1), memory_kills())


def _whose_fault(
    problem: str, slow: bool, ended: Ended, before: MachineState, after: MachineState, memory_mib: int
) -> NoPredictions | MachineError:
    """Whether a process that gave no answers is its student's or the machine's fault.

    A class can wait and can kill its own process, so neither alone speaks for the machine: the machine has to look like it.
    """
    cure = "Is there enough memory, is the machine overloaded? Run the same command again."
    if ended.machine_out_of_memory:
        return MachineError(_KILLED, cure)
    if ended.out_of_memory:
        return NoPredictions(f"it needs more than {memory_mib:,} MiB of memory")
    if ended.cpu_s >= 0.8 * _CPU_S:  # the kernel counts the limit and what it tells afterwards in two ways
        return NoPredictions(f"it was not done within {_CPU_S} s")
    if slow and before.load > _BUSY:  # what came later may be its own doing
        return MachineError(f"Asking a model took more than {_DEADLINE_S} s on a machine with too much to do.", cure)
    if slow:
        return NoPredictions(f"it was not done within {_DEADLINE_S} s, most of which it waited (for another thread, or an input?)")
    if ended.exit in (-signal.SIGKILL, 128 + signal.SIGKILL) and after.killed > before.killed:
        return MachineError(_KILLED, cure)
    return NoPredictions(problem)


def _expect(kind: str, frame: Frame | None) -> Frame:
    if frame is None:
        raise EOFError
    if frame.kind == "refused":
        said = frame.fields.get("reason")
        raise _NotBuilt(_one_line(said)) if kind == "ready" else NoPredictions(_one_line(said))
    if frame.kind != kind:
        raise ChannelError(f"'{kind}' was expected")
    return frame


def _one_line(reason: Any) -> str:
    """What C gave as its reason, for people to read: a student's code may have written it."""
    return "".join(each if each.isprintable() else " " for each in str(reason)[:800])


def _code_cells(folder: RunFolder) -> Sequence[str]:
    cells = (folder.notebook() or {}).get("cells", [])
    return ["".join(cell.get("source", "")) for cell in cells if cell.get("cell_type") == "code"]
