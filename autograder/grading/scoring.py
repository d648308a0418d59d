"""The command's side of process S: what graders declare, and what they say of one run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from autograder.course.notebook import nbgrader_of
from autograder.course.profile import RunProfile
from autograder.data.sealed import SealedSplit
from autograder.errors import GraderError, MachineError
from autograder.execution.environment import code_digest, versions
from autograder.execution.rundir import RunFolder
from autograder.execution.sandbox import forget_child, remember_child, was_interrupted
from autograder.files import digest, digest_files, write_atomic
from autograder.records import Declarations, Run, Scoring, from_json, to_json

_DEADLINE_S = 300


def read_declarations(graders: Path, cache: Path) -> Declarations:
    """What the graders of one assignment declare; gathered once for each version of their files.

    Raises GraderError when there are no graders or pytest cannot even start on them.
    """
    if not graders.is_dir():
        raise GraderError(f"The graders' folder '{graders}' does not exist.", "Write at least one test_*.py there.")
    kept = cache / f"{digest(digest_files(graders), versions(), code_digest())}.json"  # all files: cases may stand in one beside the code
    try:
        return from_json(Declarations, kept.read_bytes())
    except (OSError, ValueError):
        pass
    declared = from_json(Declarations, _run_s({"mode": "collect", "graders": str(graders)}))
    if not declared.problems:  # a missing module may be installed meanwhile
        write_atomic(kept, to_json(declared))
    return declared


def score_run(
    folder: RunFolder, run: Run, opened: Path, graders: Path, split: SealedSplit, profile: RunProfile, assignment: str
) -> tuple[Scoring, float]:
    """What the graders say of one run, and the seconds it took. Raises GraderError when they cannot be run to their end."""
    began = time.monotonic()
    request = {
        "mode": "score",
        "graders": str(graders),
        "assignment": assignment,
        "handin": str(folder.handin),
        "opened": str(opened),
        "entries": [asdict(entry) for entry in run.entries],
        "asked": list(run.questions),
        "answers": [asdict(answer) for answer in folder.answers().values()],
        "sources": _sources(folder.notebook()),
        "data": {
            "hidden": [str(split.hidden / "x.npy"), str(split.hidden / "y.npy")],
            "visible": [str(split.student / "x_test.npy"), str(split.student / "y_test.npy")],
        },
        "metrics": sorted(profile.curves),
        "profile": {
            "name": profile.name,
            "dataset": profile.dataset,
            "epoch_limit": profile.epoch_limit,
            "sample_limit": profile.sample_limit,
        },
    }
    return from_json(Scoring, _run_s(request)), time.monotonic() - began


def _sources(notebook: dict[str, Any] | None) -> dict[str, str]:
    cells = (notebook or {}).get("cells", [])
    return {str(nbgrader_of(cell).get("grade_id")): "".join(cell.get("source", "")) for cell in cells if nbgrader_of(cell).get("grade_id")}


def _run_s(request: dict[str, Any]) -> str:
    if was_interrupted():
        raise MachineError("The command was interrupted.")
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryDirectory(prefix="autograder-score-") as empty:
        process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-m", "autograder.grading.score"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=empty,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
        remember_child(process.pid)
        try:
            said, _ = process.communicate(json.dumps(request).encode(), timeout=_DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise GraderError(
                f"The graders in '{request['graders']}' did not end within {_DEADLINE_S} s.", "Look for a loop in them."
            ) from None
        finally:
            forget_child(process.pid)
        errors.seek(0)
        words = errors.read().decode(errors="replace").strip()[-500:]
    if was_interrupted() or process.returncode < 0:
        raise MachineError(
            f"The scoring process was killed (signal {-process.returncode}).", "Is there enough memory? Run the same command again."
        )
    if process.returncode != 0:
        raise GraderError(f"The graders in '{request['graders']}' ended their process: {words or process.returncode}", "Run them by hand.")
    return said.decode()
