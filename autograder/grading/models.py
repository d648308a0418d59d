"""The command's side of process B: opens the models of a run, once for each set of predictions and versions."""

from __future__ import annotations

import json
import shutil
import signal
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from autograder.course.profile import RunProfile
from autograder.data.sealed import SealedSplit
from autograder.errors import MachineError
from autograder.execution.devices import Slot, may_fork_warm, slot_environment
from autograder.execution.environment import code_digest, server_kind, versions
from autograder.execution.rundir import RunFolder
from autograder.files import digest, digest_files, write_atomic
from autograder.isolation.channel import ChannelError, ChannelTimeout
from autograder.isolation.sandbox import Caps, Command, Ended, Process, Sandbox
from autograder.isolation.servers import ServerKind
from autograder.records import Prediction, Run

_PRELOAD = ("keras", "keras.layers", "autograder.grading.model")
_MEMORY_MIB = 4096
_CPU_S = 240  # for all models of a submission; a small one takes a second
_DEADLINE_S = 600
_CRASHES = (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
_END_S = 2.0
_OUTPUT_BYTES = 256 * 2**20


@dataclass(frozen=True)
class OpenedModels:
    """Descriptions `<name>.json`, predictions `<key>.npz` and `refusals.json` in one folder; wall and CPU seconds that it took."""

    folder: Path
    seconds: float
    cpu_s: float = 0.0


def open_models(
    folder: RunFolder,
    run: Run,
    predictions: tuple[Prediction, ...],
    split: SealedSplit,
    profile: RunProfile,
    sandbox: Sandbox,
    backend: str,
) -> OpenedModels:
    """What B says of the run's models; from the run's folder when it was asked before.

    Raises MachineError when B breaks; a model that cannot be opened is a refusal, with the reason for the student.
    """
    names = [entry.name for entry in run.entries if entry.kind == "model"]
    key = digest(digest_files(folder.handin), [asdict(each) for each in predictions], split.fingerprint, versions(backend), code_digest())
    target = folder.models(key)
    if (target / "refusals.json").is_file():
        return OpenedModels(target, 0.0)
    began = time.monotonic()
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=target.parent, prefix=".partial-"))
    refusals: dict[str, str] = {}
    cpu_s = 0.0
    if names:
        refusals, cpu_s = _ask(folder, names, predictions, split, profile, sandbox, backend, partial)
    write_atomic(partial / "refusals.json", json.dumps(refusals))
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
    return OpenedModels(target, time.monotonic() - began, cpu_s)


def model_server(backend: str, split: SealedSplit) -> ServerKind:
    """The fork server for process B: Keras, and the images to predict; no training data, no labels."""
    return server_kind(backend, (*_PRELOAD, backend), tuple(_images(split).values()))


def _images(split: SealedSplit) -> dict[str, Path]:
    return {"hidden": split.hidden / "x.npy", "visible": split.student / "x_test.npy"}


def _ask(
    folder: RunFolder,
    names: list[str],
    predictions: tuple[Prediction, ...],
    split: SealedSplit,
    profile: RunProfile,
    sandbox: Sandbox,
    backend: str,
    target: Path,
) -> tuple[dict[str, str], float]:
    """Refusals by model name, and the CPU seconds of B.

    A model that takes more than B may is refused, and those behind it are opened by another B. Raises MachineError when B breaks otherwise.
    """
    slot = Slot()  # the CPU: one pass over the images is short, and its result should not depend on a device
    files = {f"handin/{path.relative_to(folder.handin)}": path.read_bytes() for path in folder.handin.rglob("*") if path.is_file()}
    request = {
        "models": names,
        "predictions": [{**asdict(each), "key": each.key} for each in predictions],
        "images": {part: str(path.absolute()) for part, path in _images(split).items()},
        "limit": profile.limits.hand_in_bytes,
    }
    command = Command(
        module="autograder.grading.model",
        server=model_server(backend, split),
        environment=slot_environment(slot, backend),
        caps=Caps(memory_mib=_MEMORY_MIB, cpu_s=_CPU_S),
        cold=may_fork_warm(slot, backend),
    )
    refusals: dict[str, str] = {}
    cpu_s = 0.0
    while names:
        begun: list[str] = []
        process = sandbox.start(command)
        try:
            process.send({**request, "models": names}, files)
            done = _receive(process, target, begun, refusals)
        except BrokenPipeError:
            done = False
        finally:
            ended = process.kill(_END_S)
        cpu_s += ended.cpu_s
        if done:
            break
        if sandbox.stopped or not begun or not _is_the_models_doing(ended):
            raise MachineError(f"Opening models ended without a result: {process.last_words()[-500:] or 'no message'}")
        guilty = begun[-1]
        refusals[guilty] = f"The model '{guilty}' cannot be opened: it takes more than {_MEMORY_MIB:,} MiB of memory or {_CPU_S} s."
        names = names[names.index(guilty) + 1 :]
    return refusals, cpu_s


def _is_the_models_doing(ended: Ended) -> bool:
    """Whether the process met a limit of its own, or crashed below Python: C++ does so without memory."""
    number = -ended.exit if ended.exit < 0 else 256 - ended.exit
    all_its_time = ended.cpu_s >= 0.8 * _CPU_S  # the kernel counts the limit and what it tells afterwards in two ways
    return ended.out_of_memory or all_its_time or number in _CRASHES


def _receive(process: Process, target: Path, begun: list[str], refusals: dict[str, str]) -> bool:
    """Whether all models were opened. What comes is kept at once: files in `target`, names of models begun, refusals by name."""
    reader = process.reader(_OUTPUT_BYTES)
    deadline = time.monotonic() + _DEADLINE_S
    try:
        while (frame := reader.read(deadline)) is not None and frame.kind != "done":
            if frame.kind == "begun":
                begun.append(str(frame.fields["model"]))
            elif frame.kind == "described" and frame.fields.get("model") in begun:
                (target / f"{frame.fields['model']}.json").write_bytes(frame.payload)
            elif frame.kind == "predicted" and str(frame.fields.get("key")).isalnum():
                (target / f"{frame.fields['key']}.npz").write_bytes(frame.payload)
            elif frame.kind == "refused":
                refusals[str(frame.fields.get("model"))] = str(frame.fields.get("reason"))[:1000]
    except ChannelTimeout:
        raise MachineError(
            f"Opening models took more than {_DEADLINE_S} s.", "Is the machine overloaded? Run the same command again."
        ) from None
    except ChannelError as error:
        raise MachineError(f"Opening models failed: {error}") from None
    finally:
        reader.close()
    return frame is not None
