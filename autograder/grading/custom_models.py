"""The command's side of process C: asks a model with classes of the student's own for its predictions, twice, in secret orders.

Only what comes back in the same way from two processes that share nothing is kept. What C says is hostile: it is read with limits.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograder.course.profile import RunProfile
from autograder.errors import MachineError
from autograder.execution.devices import Slot, may_fork_warm, slot_environment
from autograder.execution.environment import code_digest, server_kind, versions
from autograder.execution.rundir import RunFolder
from autograder.files import digest, digest_files, write_atomic
from autograder.grading.asking import MAX_OUTPUT, NoPredictions, Order, known_reason, read_answers, secret_orders, settle
from autograder.isolation.channel import ChannelError, ChannelTimeout, Frame, FrameReader
from autograder.isolation.sandbox import Caps, Command, Process, Sandbox
from autograder.isolation.servers import ServerKind
from autograder.records import Prediction

_FILES = ("model.json", "weights.npz", "probe.npz")
_PRELOAD = ("keras", "keras.layers", "autograder.grading.custom")
_CAPS = Caps(memory_mib=4096, processes=256, disk_mib=256, cpu_s=600 * (os.cpu_count() or 1))
_START_S = 180
_DEADLINE_S = 300
_END_S = 2.0
_FRAME_BYTES = 10_000


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
    whole, cpu_s = np.concatenate(list(parts.values())), 0.0
    asked = _Asked(folder, prediction, profile, sandbox, backend)
    place.mkdir(parents=True, exist_ok=True)
    try:
        orders, answers = secret_orders(len(whole)), []
        for order in orders:
            answered, spent = asked.ask(whole, order)
            answers.append(answered)
            cpu_s += spent
        settled, differing = settle(len(whole), orders, answers)
    except NoPredictions as problem:
        write_atomic(place / "said.json", json.dumps({"reason": str(problem)[:1000], "differing": 0}))
        return CustomAnswer(None, str(problem)[:1000], cpu_s=cpu_s)
    with (place / "predictions.npz").open("wb") as stream:
        np.savez(stream, hidden=settled[: len(parts["hidden"])], visible=settled[len(parts["hidden"]) :])
    write_atomic(place / "said.json", json.dumps({"reason": "", "differing": differing}))
    return CustomAnswer(place / "predictions.npz", "", differing, cpu_s)


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

    def ask(self, images: NDArray[Any], order: Order) -> tuple[list[NDArray[np.float32]], float]:
        """A new process's answers, batch by batch, and its CPU seconds. Raises NoPredictions or MachineError."""
        slot = Slot()
        command = Command(
            module="autograder.grading.custom",
            server=custom_server(self.backend),
            environment=slot_environment(slot, self.backend),
            caps=_CAPS,
            cold=may_fork_warm(slot, self.backend),
        )
        process = self.sandbox.start(command)
        reader = process.reader(len(order.rows) * (4 * MAX_OUTPUT + _FRAME_BYTES))
        answers: list[NDArray[np.float32]] = []
        problem = ""
        try:
            self._start(process, reader)
            deadline = time.monotonic() + _DEADLINE_S
            _expect("ready", reader.read(deadline))
            for rows in order.batches():
                part = np.ascontiguousarray(images[rows])
                process.send({"dtype": part.dtype.str, "shape": part.shape}, {"images": part.tobytes()})
                frame = _expect("answer", reader.read(deadline))
                answers.append(read_answers(frame.payload, frame.fields.get("shape"), len(rows)))
            with contextlib.suppress(OSError):  # all is answered
                process.send(None)
        except ChannelTimeout:
            problem = f"it was not done within {_DEADLINE_S} s"
        except ChannelError:  # whose message may hold what was sent, and so hidden images
            problem = "its process sent more than it may, or something else than answers"
        except (EOFError, OSError):
            problem = "its process ended before it had answered (was it ended by its own code?)"
        finally:
            reader.close()
            ended = process.kill(0.0 if problem else _END_S)
        if self.sandbox.stopped:
            raise MachineError("The command was interrupted.")
        if ended.out_of_memory:
            problem = f"it needs more than {_CAPS.memory_mib:,} MiB of memory"
        if problem:
            raise NoPredictions(problem)
        return answers, ended.cpu_s

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


def _expect(kind: str, frame: Frame | None) -> Frame:
    if frame is None:
        raise EOFError
    if frame.kind == "refused":
        said = frame.fields.get("reason")
        raise NoPredictions(_one_line(said) if kind == "ready" else known_reason(said))
    if frame.kind != kind:
        raise ChannelError(f"'{kind}' was expected")
    return frame


def _one_line(reason: Any) -> str:
    """What C gave as its reason before it had seen any image, for people to read: a student's code may have written it."""
    return "".join(each if each.isprintable() else " " for each in str(reason)[:800])


def _code_cells(folder: RunFolder) -> Sequence[str]:
    cells = (folder.notebook() or {}).get("cells", [])
    return ["".join(cell.get("source", "")) for cell in cells if cell.get("cell_type") == "code"]
