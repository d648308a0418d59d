"""The command's side of process S: what graders declare, and what they say of one run."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from autograder.course.notebook import nbgrader_of
from autograder.course.profile import RunProfile
from autograder.data.sealed import SealedSplit
from autograder.errors import GraderError, MachineError
from autograder.execution.environment import code_digest, server_kind, versions
from autograder.execution.rundir import RunFolder
from autograder.files import Files, digest, digest_files, write_atomic
from autograder.isolation.channel import ChannelError, ChannelTimeout
from autograder.isolation.process import Process
from autograder.isolation.sandbox import Caps, Command, Sandbox
from autograder.isolation.servers import ServerKind
from autograder.records import Declarations, Run, Scoring, from_json, to_json

_PRELOAD = ("pytest", "_pytest.assertion.rewrite", "numpy", "autograder.checks", "autograder.grading.score")
_BACKEND = "tensorflow"  # named in the environment only: nothing here imports Keras
_MEMORY_MIB = 4096
_RESULT_BYTES = 64 * 2**20
_DEADLINE_S = 300
_END_S = 5.0


def read_declarations(graders: Path, cache: Path) -> Declarations:
    """What the graders of one assignment declare; gathered once for each version of their files.

    Raises GraderError when there are no graders or pytest cannot even start on them.
    """
    if not graders.is_dir():
        raise GraderError(f"The graders' folder '{graders}' does not exist.", "Write at least one test_*.py there.")
    kept = (
        cache / f"{digest(digest_files(graders), versions(_BACKEND), code_digest())}.json"
    )  # all files: cases may stand in one beside the code
    try:
        return from_json(Declarations, kept.read_bytes())
    except (OSError, ValueError):
        pass
    request = {"mode": "collect", "graders": str(graders.absolute())}
    with Sandbox(0) as plain:  # the instructor's own code, without any submission
        said, _ = _run_s(Command("autograder.grading.score", _server((graders.absolute(),)), cold="once"), request, {}, plain)
    declared = from_json(Declarations, said)
    if not declared.problems:  # a missing module may be installed meanwhile
        write_atomic(kept, to_json(declared))
    return declared


def score_run(
    folder: RunFolder,
    run: Run,
    opened: Path,
    graders: Path,
    split: SealedSplit,
    profile: RunProfile,
    assignment: str,
    sandbox: Sandbox,
    tests: Sequence[str],
    memory_mib: int = _MEMORY_MIB,
    version: int = 1,
) -> tuple[Scoring, float, float]:
    """What the graders say of one run, and its wall and CPU seconds. Raises GraderError when they cannot be run to their end.

    `tests`: names of those that are run, of all that the graders have. `version`: of the release, for `submission.version`.
    """
    began = time.monotonic()
    request = {
        "mode": "score",
        "graders": str(graders.absolute()),
        "assignment": assignment,
        "version": version,
        "tests": list(tests),
        "entries": [asdict(entry) for entry in run.entries],
        "asked": list(run.questions),
        "answers": [asdict(answer) for answer in folder.answers().values()],
        "sources": _sources(folder.notebook()),
        "data": {
            "hidden": [str(path) for path in _hidden(split)],
            "visible": [str(path) for path in _visible(split)],
        },
        "metrics": sorted(profile.curves),
        "profile": {
            "name": profile.name,
            "dataset": profile.dataset,
            "epoch_limit": profile.epoch_limit,
            "sample_limit": profile.sample_limit,
        },
    }
    places = {"handin": folder.handin, "opened": opened}
    files = Files({f"{kind}/{path.relative_to(place)}": path for kind, place in places.items() for path in _files(place)})
    command = Command("autograder.grading.score", score_server(graders, split), caps=Caps(memory_mib=memory_mib, cpu_s=2 * _DEADLINE_S))
    said, cpu_s = _run_s(command, request, files, sandbox)
    return from_json(Scoring, said), time.monotonic() - began, cpu_s


def score_server(graders: Path, split: SealedSplit) -> ServerKind:
    """The fork server for process S: pytest and the checks. Graders and labels are read by its jobs alone."""
    return _server((graders.absolute(), *_hidden(split), *_visible(split)))


def _server(readable: tuple[Path, ...]) -> ServerKind:
    return server_kind(_BACKEND, _PRELOAD, readable)


def _hidden(split: SealedSplit) -> tuple[Path, Path]:
    return (split.hidden / "x.npy").absolute(), (split.hidden / "y.npy").absolute()


def _visible(split: SealedSplit) -> tuple[Path, Path]:
    return (split.student / "x_test.npy").absolute(), (split.student / "y_test.npy").absolute()


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _sources(notebook: dict[str, Any] | None) -> dict[str, str]:
    cells = (notebook or {}).get("cells", [])
    return {str(nbgrader_of(cell).get("grade_id")): "".join(cell.get("source", "")) for cell in cells if nbgrader_of(cell).get("grade_id")}


def _run_s(command: Command, request: dict[str, Any], files: Mapping[str, bytes], sandbox: Sandbox) -> tuple[str, float]:
    """What S says, and its CPU seconds. Raises GraderError when the graders end it or do not end, MachineError for everything else."""
    process = sandbox.start(command)
    said, slow = None, False
    try:
        process.send(request, files)
        said = _result(process, request["graders"])
    except ChannelTimeout:
        slow = True
    except OSError:
        pass  # it ended while it was written to
    finally:
        ended = process.kill(_END_S)
    if said is not None and not sandbox.stopped:
        return said.decode(), ended.cpu_s
    if slow and not sandbox.stopped:
        raise _too_slow(request["graders"], ended.cpu_s)
    words = process.last_words()[-500:]
    if sandbox.stopped or ended.killed or ended.out_of_memory:
        raise MachineError("The scoring process was killed.", "Is there enough memory? Run the same command again.")
    raise GraderError(f"The graders in '{request['graders']}' ended their process: {words or ended.exit}", "Run them by hand.")


def _too_slow(graders: str, cpu_s: float) -> GraderError | MachineError:
    """Graders that calculate without end are at fault; those that got too little time to calculate have waited for the machine."""
    late = f"The graders in '{graders}' did not end within {_DEADLINE_S} s"
    if cpu_s >= _DEADLINE_S / 2:
        return GraderError(f"{late}.", "Look for a loop in them.")
    cure = "Is the machine overloaded? Run the same command again; where that is no help, look for something in them that waits."
    return MachineError(f"{late}, {cpu_s:.0f} s of which they calculated.", cure)


def _result(process: Process, graders: str) -> bytes | None:
    """What S says, None where it ended without a word. Raises ChannelTimeout when it goes on for too long, GraderError for a flood."""
    reader = process.reader(_RESULT_BYTES)
    try:
        frame = reader.read(time.monotonic() + _DEADLINE_S)
    except ChannelError as error:
        raise GraderError(f"The graders in '{graders}' said too much: {error}", "Look for large messages in them.") from None
    finally:
        reader.close()
    return frame.payload if frame is not None else None
