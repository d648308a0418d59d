"""All that is the same for every submission of one batch, looked up and checked once, before the first one starts."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from autograder.batch.store import Store
from autograder.course.notebook import GradeCellSpec, grade_cells, read_notebook
from autograder.course.paths import CoursePaths
from autograder.course.profile import RunProfile, find_assignment, resolve_profile
from autograder.course.settings import Assignment, Course
from autograder.data.sealed import SealedSplit, sealed_split
from autograder.data.seed import read_seed
from autograder.errors import UsageError
from autograder.execution.environment import font_cache, versions
from autograder.execution.sandbox import Sandbox
from autograder.files import digest, digest_files
from autograder.grading.scoring import read_declarations
from autograder.records import Declarations


@dataclass(frozen=True)
class Plan:
    """How one assignment is graded under one profile."""

    paths: CoursePaths
    assignment: Assignment
    profile: RunProfile
    release: dict[str, Any]
    released_files: dict[str, bytes]
    specs: tuple[GradeCellSpec, ...]
    declarations: Declarations
    split: SealedSplit
    store: Store
    fonts: Path
    threads: int
    min_isolation: int

    @property
    def scoring_key(self) -> str:
        """Names what the graders say: their files, the hidden data, the cells they score."""
        graders = digest_files(self.paths.graders(self.assignment.id))
        return digest(graders, self.split.fingerprint, [asdict(spec) for spec in self.specs], self.profile.name)

    @property
    def grade_key(self) -> str:
        """`scoring_key` and the curves: when only the second part differs, points follow from what was measured."""
        curves = {metric: sorted(curve.points.items()) for metric, curve in self.profile.curves.items()}
        return f"{self.scoring_key}.{digest(curves)}"

    @property
    def execution_key(self) -> str:
        """All that decides about an execution and is not from the submission."""
        profile = {key: value for key, value in asdict(self.profile).items() if key != "curves"}
        questions = [question.id for question in self.declarations.questions]
        files = [sorted(self.assignment.files), {name: data.hex() for name, data in self.released_files.items()}]
        return digest(profile, self.release, files, self.split.fingerprint, questions, self.threads, versions())

    @property
    def context(self) -> str:
        """All that decides about a record and is not from the submission: a record with the same one is not made again."""
        return f"{self.execution_key}.{self.grade_key}"


def store_of(course: Course, paths: CoursePaths, named: Path | None) -> Store:
    """The store: `--store`, else AUTOGRADER_STORE, else the course's, else `.autograder/`."""
    chosen = named or os.environ.get("AUTOGRADER_STORE") or course.store
    return Store((paths.root / chosen).absolute() if chosen else paths.state)


def make_plan(
    course: Course,
    paths: CoursePaths,
    assignment_id: str,
    profile_name: str | None,
    store: Store,
    data: Path | None,
    trust: bool,
    say: Callable[[str], None],
) -> Plan:
    """Everything that grading needs. Raises UsageError or GraderError for what is missing, before anything is executed."""
    assignment = find_assignment(course, assignment_id)
    profile = resolve_profile(course, assignment, profile_name)
    release_file = paths.release_notebook(assignment.id)
    if not release_file.is_file():
        raise UsageError(
            f"'{assignment.id}' has no release version, and submissions are restored from it.", f"Run: autograder release {assignment.id}"
        )
    release = read_notebook(release_file)
    declarations = read_declarations(paths.graders(assignment.id), paths.state / "declarations")
    seed = read_seed(paths, store.root, say)
    named = data or (Path(os.environ["AUTOGRADER_DATA"]) if os.environ.get("AUTOGRADER_DATA") else None)
    return Plan(
        paths=paths,
        assignment=assignment,
        profile=profile,
        release=release,
        released_files=_released_files(release_file),
        specs=grade_cells(release),
        declarations=declarations,
        split=sealed_split(course, paths, profile.dataset, seed, named),
        store=store,
        fonts=font_cache(paths.state / "matplotlib"),
        threads=max(1, int(assignment.resources.cpus)),
        min_isolation=0 if trust else course.min_isolation,
    )


def _released_files(notebook: Path) -> dict[str, bytes]:
    """Files that students got beside the notebook; each run sees them as released, whatever was submitted under their names."""
    folder = notebook.parent
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and path != notebook}


def open_sandbox(course: Course, trust: bool) -> Sandbox:
    """The sandbox for a batch. Raises UsageError when the machine offers less than the course requires and nobody consented."""
    from autograder.execution.sandbox import choose_sandbox

    return choose_sandbox(course.min_isolation, trust)
