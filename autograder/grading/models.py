"""The command's side of process B: opens the models of a run, once for each set of predictions and versions.

A model with classes of the student's own is left to process C, which runs student code and gives predictions only.
"""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from autograder.course.profile import RunProfile
from autograder.data.sealed import SealedSplit
from autograder.errors import MachineError, sentence
from autograder.execution.devices import Slot, may_fork_warm, slot_environment
from autograder.execution.environment import code_digest, server_kind, versions
from autograder.execution.rundir import RunFolder
from autograder.files import PARTIAL, digest, digest_files, no_room, scratch_folder, write_atomic
from autograder.grading.custom_models import Bounds, predict_custom
from autograder.isolation.channel import ChannelError, ChannelTimeout, Frame
from autograder.isolation.process import Ended, Process
from autograder.isolation.sandbox import Caps, Command, Sandbox
from autograder.isolation.servers import ServerKind
from autograder.records import Flag, Prediction, Run, from_json, to_json

_FILES = ("model.json", "compile.json", "weights.npz")
# The flag of a model that has more than built-in layers.
CUSTOM_MODEL = "custom_model"
_PRELOAD = ("keras", "keras.layers", "autograder.grading.model")
_MEMORY_MIB = 4096
_CPU_S = 240  # for all models of a submission; a small one takes a second
_ALL_CPU_S = 2 * _CPU_S  # with what was opened anew behind a model that used that up: one costs the others nothing, the second does
_DEADLINE_S = 600
_END_S = 2.0
_OUTPUT_BYTES = 256 * 2**20
_CRASHES = tuple(-number for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL))


@dataclass(frozen=True)
class OpenedModels:
    """What was found out about the models of a run, as files in one folder; wall and CPU seconds that it took.

    Descriptions `<name>.json`, predictions `<key>.npz`, and the reasons why there are none: `refusals.json` by model name,
    `unpredicted.json` by prediction key. Without any model there is no such folder. `flags`: for instructors.
    """

    folder: Path
    seconds: float
    cpu_s: float = 0.0
    flags: tuple[Flag, ...] = ()


def open_models(
    folder: RunFolder,
    run: Run,
    predictions: tuple[Prediction, ...],
    split: SealedSplit,
    profile: RunProfile,
    sandbox: Sandbox,
    backend: str,
    student_code: bool = True,
    memory_mib: int = _MEMORY_MIB,
) -> OpenedModels:
    """What B, and C where it is needed, say of the run's models; from the run's folder when they were asked before.

    Raises MachineError when the machine fails, NeedsExecution when C would have to run and `student_code` forbids it; a model that
    cannot be opened or does not predict is a refusal, with the reason for the student.
    """
    key = digest(digest_files(folder.handin), [asdict(each) for each in predictions], split.fingerprint, versions(backend), code_digest())
    target = folder.models(key)
    names = [entry.name for entry in run.entries if entry.kind == "model"]
    if not names:  # a folder with nothing in it would take more of the disk than the record
        return OpenedModels(target, 0.0)
    if (target / "refusals.json").is_file():
        return OpenedModels(target, 0.0, flags=_kept_flags(target))
    began = time.monotonic()
    with scratch_folder(target.parent, PARTIAL) as partial:
        opening = _Opening(folder, predictions, split, profile, sandbox, backend, partial, min(_MEMORY_MIB, memory_mib))
        opening.open_all(names)
        opening.ask_custom_models(student_code)
        write_atomic(partial / "unpredicted.json", json.dumps(opening.unpredicted))
        write_atomic(partial / "flags.json", to_json(tuple(opening.flags)))
        write_atomic(partial / "refusals.json", json.dumps(opening.refusals))
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
    return OpenedModels(target, time.monotonic() - began, opening.cpu_s, tuple(opening.flags))


def _kept_flags(target: Path) -> tuple[Flag, ...]:
    try:
        return from_json(tuple[Flag, ...], (target / "flags.json").read_bytes())
    except (OSError, ValueError):
        return ()


def model_server(backend: str, split: SealedSplit) -> ServerKind:
    """The fork server for process B: Keras, and the images to predict; no training data, no labels."""
    return server_kind(backend, (*_PRELOAD, backend), tuple(_images(split).values()))


def _images(split: SealedSplit) -> dict[str, Path]:
    return {"hidden": split.hidden / "x.npy", "visible": split.student / "x_test.npy"}


@dataclass
class _Said:
    """What one B said until its end: the model and the prediction at which it was, if it had come to one."""

    opening: str = ""
    predicting: str = ""
    done: bool = False
    timed_out: bool = False
    problem: str = ""


@dataclass
class _Opening:
    """The models of one run, and what is known of them so far; descriptions and predictions go to `target` as they come.

    `small`: predictions for which B failed once, and that are made again with few images at a time.
    """

    folder: RunFolder
    predictions: tuple[Prediction, ...]
    split: SealedSplit
    profile: RunProfile
    sandbox: Sandbox
    backend: str
    target: Path
    memory_mib: int = _MEMORY_MIB
    refusals: dict[str, str] = field(default_factory=dict)
    unpredicted: dict[str, str] = field(default_factory=dict)
    predicted: set[str] = field(default_factory=set)
    small: set[str] = field(default_factory=set)
    custom: list[str] = field(default_factory=list)
    flags: list[Flag] = field(default_factory=list)
    cpu_s: float = 0.0

    def open_all(self, names: Sequence[str]) -> None:
        """Opens the models one after the other; where one ends its process, a new one goes on with what is left, while there is time."""
        while names:
            said, ended, words = self._open(names)
            self.cpu_s += ended.cpu_s
            if said.done and not self.sandbox.stopped:
                return
            reason = "" if self.sandbox.stopped or said.opening not in names else _own_fault(said, ended, self.memory_mib)
            if not reason:
                raise MachineError(
                    f"Opening models failed: {said.problem or words or 'no message'}",
                    "Is the machine overloaded? Run the same command again.",
                )
            names = names[names.index(said.opening) :]
            if said.predicting:
                self._blame_prediction(said.opening, said.predicting, reason, slow=_is_slow(ended))
            else:
                self._blame_model(said.opening, reason)
            names = names if self._left(names[0]) else names[1:]
            if self.cpu_s >= 0.8 * _ALL_CPU_S:  # as in `_is_slow`
                for name in names:
                    self._blame_model(name, f"this notebook's models before it took more than {_ALL_CPU_S} s together")
                return

    def _blame_model(self, name: str, reason: str) -> None:
        """It ended B while it was opened; a description from before, when a prediction had failed, stands."""
        said = f"The model '{name}' cannot be opened: {reason}."
        if not (self.target / f"{name}.json").is_file():
            self.refusals[name] = said
        self.unpredicted |= dict.fromkeys(self._left(name), said)

    def _blame_prediction(self, name: str, key: str, reason: str, slow: bool) -> None:
        """A prediction that takes the memory of its process is made once more with few images at a time, before that is a reason.

        One that takes all the time costs the model's other predictions too, each of which would take as long.
        """
        if not slow and key not in self.small:
            self.small.add(key)
            return
        for each in self._left(name) if slow else [key]:
            self.unpredicted[each] = f"The model '{name}' cannot predict: {reason}."

    def _left(self, name: str) -> list[str]:
        """Keys of a model's predictions of which nothing is known yet."""
        known = self.predicted | self.unpredicted.keys()
        return [each.key for each in self.predictions if each.model == name and each.key not in known]

    def _open(self, names: Sequence[str]) -> tuple[_Said, Ended, str]:
        """One B for these models: what it said, how it ended, and the end of its standard error."""
        slot = Slot()  # the CPU: one pass over the images is short, and its result should not depend on a device
        places = [f"{name}/{file}" for name in names for file in _FILES]  # and nothing else of what lies there
        files = {f"handin/{place}": (self.folder.handin / place).read_bytes() for place in places if (self.folder.handin / place).is_file()}
        request = {
            "models": list(names),
            "predictions": [
                {**asdict(each), "key": each.key, "small": each.key in self.small}
                for each in self.predictions
                if each.key in self._left(each.model)
            ],
            "images": {part: str(path.absolute()) for part, path in _images(self.split).items()},
            "limit": self.profile.limits.hand_in_bytes,
        }
        command = Command(
            module="autograder.grading.model",
            server=model_server(self.backend, self.split),
            environment=slot_environment(slot, self.backend),
            caps=Caps(memory_mib=self.memory_mib, cpu_s=_CPU_S),
            cold=may_fork_warm(slot, self.backend),
        )
        process = self.sandbox.start(command)
        said = _Said()
        try:
            process.send(request, files)
            self._receive(process, names, said)
        except OSError as error:  # it ended while it was written to
            if no_room(error):  # for what it said
                raise
        finally:
            ended = process.kill(_END_S if said.done else 0.0)
        return said, ended, process.last_words()[-500:]

    def _receive(self, process: Process, names: Sequence[str], said: _Said) -> None:
        reader = process.reader(_OUTPUT_BYTES)
        deadline, keys = time.monotonic() + _DEADLINE_S, {each.key for each in self.predictions}
        try:
            while not said.done and (frame := reader.read(deadline)) is not None:
                name = frame.fields.get("model")
                key = str(frame.fields.get("key"))
                if frame.kind == "opening" and name in names:
                    said.opening, said.predicting = str(name), ""
                elif frame.kind == "described" and name in names:
                    (self.target / f"{name}.json").write_bytes(frame.payload)
                elif frame.kind == "predicting" and key in keys:
                    said.predicting = key
                    self._partial(key).unlink(missing_ok=True)  # what came of it before its process ended
                elif frame.kind == "predicted" and key in keys:
                    self._keep_piece(key, frame)
                elif frame.kind == "unpredicted" and key in keys:
                    self.unpredicted[key] = str(frame.fields.get("reason"))[:1000]
                elif frame.kind == "refused" and name in names:
                    self.refusals[str(name)] = str(frame.fields.get("reason"))[:1000]
                    self.custom += [str(name)] if frame.fields.get("custom") else []
                said.done = frame.kind == "done"
        except ChannelTimeout:
            said.timed_out, said.problem = True, f"it took more than {_DEADLINE_S} s"
        except ChannelError as error:
            said.problem = str(error)
        finally:
            reader.close()

    def _keep_piece(self, key: str, frame: Frame) -> None:
        """Predictions come in pieces, and have their name when they are complete."""
        with self._partial(key).open("ab") as stream:
            stream.write(frame.payload)
        if frame.fields.get("last"):
            self._partial(key).rename(self.target / f"{key}.npz")
            self.predicted.add(key)

    def _partial(self, key: str) -> Path:
        return self.target / f"{key}.partial"

    def ask_custom_models(self, student_code: bool) -> None:
        """Predictions of models that B leaves to C. Raises NeedsExecution or MachineError."""
        bounds = Bounds.from_now()
        for prediction in self.predictions:
            if prediction.model not in self.custom:
                continue
            answer = predict_custom(
                self.folder,
                prediction,
                _images(self.split),
                self.split.fingerprint,
                self.profile,
                self.sandbox,
                self.backend,
                student_code,
                self.memory_mib,
                bounds,
            )
            self.cpu_s += answer.cpu_s
            if answer.file is None:
                self.unpredicted[prediction.key] = sentence(f"The predictions of '{prediction.model}' cannot be graded: {answer.reason}")
                continue
            shutil.copyfile(answer.file, self.target / f"{prediction.key}.npz")
            unsteady = f"; for {answer.differing} images its answers were not always the same" if answer.differing else ""
            detail = f"'{prediction.model}' is more than built-in layers, and only its predictions were graded{unsteady}"
            self.flags.append(Flag(CUSTOM_MODEL, detail))


def _own_fault(said: _Said, ended: Ended, memory_mib: int) -> str:
    """Why the model that was just being opened is why B ended, or nothing: then it is the machine."""
    if ended.machine_out_of_memory:
        return ""
    if ended.out_of_memory:
        return f"it needs more than {memory_mib:,} MiB of memory"
    if _is_slow(ended):
        return f"it was not done within {_CPU_S} s"
    if ended.exit in _CRASHES:
        return "Keras crashed on it"
    waited = said.timed_out  # with so little CPU time, for a machine that had too much to do
    return f"it gives too many numbers ({said.problem})" if said.problem and not waited else ""


def _is_slow(ended: Ended) -> bool:
    return ended.cpu_s >= 0.8 * _CPU_S  # the kernel counts the limit and what it tells afterwards in two ways
