"""Where a course is validated: the course's own sources, graders and solutions, and everything made from them in a folder apart.

So validating touches neither the published release nor gradebook, records or the secret seed. The split has a seed that is the same
everywhere, and a verdict on one machine is the verdict on every other.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.batch.plan import Plan, make_plan
from autograder.batch.store import Store
from autograder.course.checking import check_assignment
from autograder.course.paths import CoursePaths
from autograder.course.settings import Assignment, Course
from autograder.errors import AutograderError, ConfigurationError, Problem
from autograder.execution.environment import code_digest
from autograder.files import digest, digest_files, write_atomic
from autograder.grading.scoring import read_declarations
from autograder.release.build import release_assignment

_SEED = hashlib.sha256(b"autograder validate").hexdigest()
_KEPT_S = 7 * 24 * 3600
SMOKE = "smoke"


@dataclass(frozen=True)
class Workplace(CoursePaths):
    """The paths of a course with release, state, submissions and gradebook in `place`."""

    place: Path

    @property
    def release(self) -> Path:
        return self.place / "release"

    @property
    def submitted(self) -> Path:
        return self.place / "submitted"

    @property
    def state(self) -> Path:
        return self.place

    @property
    def gradebook_url(self) -> str:
        return f"sqlite:///{(self.place / 'gradebook.db').absolute()}"

    def store(self, profile: str, assignment: str, part: str = "warm") -> Store:
        return Store(self.place / "stores" / profile / assignment / part)


def open_workplace(paths: CoursePaths, named: Path | None) -> Workplace:
    """The folder for validating, with its seed: `named`, else `.autograder/validated/`."""
    workplace = Workplace(paths.root, (named or paths.state / "validated").absolute())
    os.environ.pop("AUTOGRADER_SEED_FILE", None)  # it names the course's secret seed, which is not used here
    seed = workplace.state / "seed"
    if not seed.is_file():
        write_atomic(seed, _SEED + "\n", mode=0o600)
    return workplace


def choose_profile(assignment: Assignment, named: str | None) -> str | None:
    """The named profile, else `smoke` where the assignment has it; None for the course's default."""
    return named or (SMOKE if SMOKE in assignment.profiles else None)


def require_sound(workplace: Workplace, assignments: Sequence[Assignment]) -> None:
    """Raises ConfigurationError with everything that is wrong with any of them, before the first one is worked on."""
    problems = [problem for each in assignments for problem in _problems_of(workplace, each)]
    if problems:
        raise ConfigurationError(problems)


def _problems_of(workplace: Workplace, assignment: Assignment) -> list[Problem]:
    try:
        declared = read_declarations(workplace.graders(assignment.id), workplace.state / "declarations")
    except AutograderError as error:
        return check_assignment(workplace, assignment, error)
    return check_assignment(workplace, assignment, declared)


def prepare(
    course: Course, workplace: Workplace, assignment: Assignment, profile: str | None, data: Path | None, say: Callable[[str], None]
) -> Plan:
    """Checks the assignment, makes its release version unless nothing changed, and plans its grading.

    Raises ConfigurationError with everything that is wrong, a leak in the release version included.
    """
    require_sound(workplace, [assignment])
    made, stamp = workplace.state / "released" / assignment.id, _release_stamp(workplace, assignment.id)
    if not made.is_file() or made.read_text(encoding="utf-8") != stamp or not workplace.release_notebook(assignment.id).is_file():
        release_assignment(workplace, assignment.id, course.id, workplace.gradebook_url)
        write_atomic(made, stamp)
    chosen = choose_profile(assignment, profile)
    store = workplace.store(chosen or course.default_profile, assignment.id)
    return make_plan(course, workplace, assignment.id, chosen, store, data, True, say)


def _release_stamp(workplace: Workplace, assignment: str) -> str:
    folders = (workplace.source / assignment, workplace.graders(assignment), workplace.solutions(assignment))
    return digest(*(digest_files(folder) for folder in folders), code_digest())


def forget_unused(store: Store) -> None:
    """Removes runs that no validation of the last seven days used."""
    for folder in (store.root / "runs").glob("[!.]*"):
        if time.time() - folder.stat().st_mtime > _KEPT_S:
            shutil.rmtree(folder, ignore_errors=True)
