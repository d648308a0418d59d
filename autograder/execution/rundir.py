"""The files of one run, named in one place: `runs/<run_key>/`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.records import Answer, Run, from_json


@dataclass(frozen=True)
class RunFolder:
    """A finished run on disk. It appears as a whole (by a rename) and its execution's files never change."""

    path: Path

    @property
    def run_file(self) -> Path:
        return self.path / "run.json"

    @property
    def notebook_file(self) -> Path:
        return self.path / "notebook.ipynb"

    @property
    def handin(self) -> Path:
        return self.path / "handin"

    @property
    def answers_file(self) -> Path:
        return self.path / "answers.json"

    def models(self, key: str) -> Path:
        """What B wrote about the handed-in models; the key says for which predictions and versions."""
        return self.path / "models" / key

    def custom(self, key: str) -> Path:
        """What a model with classes of the student's own predicted; the key says for which model, images and versions."""
        return self.path / "custom" / key

    def scores(self, grade_key: str) -> Path:
        """What S said of this run, for one version of the graders."""
        return self.path / "scores" / f"{grade_key}.json"

    def digests(self) -> dict[str, str]:
        """SHA-256 of the execution's files by their relative name: all but the run file and what was made of them later."""
        files = [self.notebook_file, self.answers_file, *(path for path in self.handin.rglob("*"))]
        found = sorted(path for path in files if path.is_file())
        return {path.relative_to(self.path).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}

    def read(self) -> Run | None:
        """The run, or None when it does not exist or is not readable as one (it is then made again)."""
        try:
            return from_json(Run, self.run_file.read_bytes())
        except (OSError, ValueError):
            return None

    def notebook(self) -> dict[str, Any] | None:
        """The executed notebook, or None when the execution left none, or something else."""
        try:
            found = json.loads(self.notebook_file.read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        cells = found.get("cells") if isinstance(found, dict) else None
        return found if isinstance(cells, list) and all(isinstance(cell, dict) for cell in cells) else None

    def answers(self) -> dict[str, Answer]:
        """Answers by question id."""
        try:
            found = from_json(tuple[Answer, ...], self.answers_file.read_bytes())
        except (OSError, ValueError):
            return {}
        return {answer.question: answer for answer in found}
