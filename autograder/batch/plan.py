"""All that is the same for every submission of one batch, looked up and checked once, before the first one starts."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from autograder.batch.editions import Edition, newest_edition, older_editions
from autograder.batch.sight import require_out_of_sight
from autograder.batch.store import Store, store_root
from autograder.course.calibration import Calibration, read_calibration
from autograder.course.notebook import GradeCellSpec
from autograder.course.paths import CoursePaths
from autograder.course.profile import RunProfile, find_assignment, resolve_backend, resolve_profile
from autograder.course.settings import Assignment, Course
from autograder.course.versions import versions as versions_of
from autograder.data.sealed import SealedSplit, sealed_split
from autograder.data.seed import read_seed
from autograder.errors import GraderError, UsageError
from autograder.execution.devices import require_backend
from autograder.execution.environment import code_digest, font_cache, notebook_server, require_safe_keras, versions
from autograder.files import PARTIAL, digest, digest_files, remove_abandoned, scratch_folder
from autograder.grading.models import model_server
from autograder.grading.scoring import read_declarations, score_server
from autograder.isolation.choice import choose_sandbox
from autograder.isolation.sandbox import Sandbox
from autograder.isolation.servers import ServerKind
from autograder.records import Declarations


@dataclass(frozen=True)
class Plan:
    """How one assignment is graded under one profile; fixed when the batch starts, whatever is edited meanwhile.

    `graders` is a copy of the graders' files. `scoring_key` names what they say: the files, the hidden data, the cells they
    score, the versions. `execution_key` names all that decides about an execution and is not from the submission. `examples`:
    how many of the training part notebooks get. `attempts`: after how many lost ones a submission is not executed any more.
    `version`: number of the release version; `older`: those before it, which submissions may have begun as.
    """

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
    backend: str
    min_isolation: int
    graders: Path
    release_digest: str
    scoring_key: str
    execution_key: str
    examples: int
    calibration: Calibration
    attempts: int = 3
    version: int = 1
    older: tuple[Edition, ...] = ()

    def of(self, version: int | None) -> Plan:
        """The plan for submissions that began as an older release version; this one for the newest, and for what nobody knows."""
        edition = next((each for each in self.older if each.number == version), None)
        if edition is None:
            return self
        return replace(
            self,
            version=edition.number,
            release=edition.release,
            released_files=edition.files,
            specs=edition.specs,
            release_digest=edition.release_digest,
            scoring_key=edition.scoring_key,
            execution_key=edition.execution_key,
            older=(),
        )

    @property
    def grade_key(self) -> str:
        """`scoring_key`, curves and calibration: when only the second part differs, points and signals follow from what was measured."""
        return f"{self.scoring_key}.{_curves_key(self.profile, self.calibration)}"

    @property
    def context(self) -> str:
        """All that decides about a record and is not from the submission: a record with the same one is not made again."""
        return f"{self.execution_key}.{self.grade_key}"


def store_of(course: Course, paths: CoursePaths, named: Path | None) -> Store:
    """The store: `--store`, else AUTOGRADER_STORE, else the course's, else `.autograder/`. What killed commands left in it is removed."""
    store = Store(store_root(course, paths, named))
    for root in dict.fromkeys((store.root, paths.state)):
        remove_abandoned(root, f"*/{PARTIAL}*", f"*/runs/{PARTIAL}*", f"runs/*/models/{PARTIAL}*", f"*/runs/*/models/{PARTIAL}*")
    return store


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
    if not trust:
        require_out_of_sight(paths, assignment.id, store.root)
    *before, present = versions_of(paths, assignment.id)
    newest = newest_edition(release_file, present.number)
    graders = _copy_of(paths.graders(assignment.id), paths.state / "graders")
    declarations = read_declarations(graders, paths.state / "declarations")
    if declarations.problems:
        raise GraderError(
            f"The graders of '{assignment.id}' cannot be used: {'; '.join(declarations.problems)}", "Mend them; see `autograder check`."
        )
    seed = read_seed(paths, store.root, say)
    named = data or (Path(os.environ["AUTOGRADER_DATA"]) if os.environ.get("AUTOGRADER_DATA") else None)
    split = sealed_split(course, paths, profile.dataset, seed, named)
    backend = resolve_backend(course, assignment)
    require_backend(backend)
    known = versions(backend)
    questions = [question.id for question in declarations.questions]
    settings = {key: value for key, value in asdict(profile).items() if key != "curves"}
    executed = (settings, asdict(assignment.resources), known)

    def keyed(edition: Edition) -> Edition:
        specs = [asdict(spec) for spec in edition.specs]
        scored = (graders.name, split.fingerprint, specs, settings, sorted(profile.curves), known, code_digest(), edition.number)
        seen = (*executed, edition.release_digest, sorted(assignment.files), split.fingerprint, questions)
        return replace(edition, scoring_key=digest(*scored), execution_key=digest(*seen))

    newest = keyed(newest)
    return Plan(
        paths=paths,
        assignment=assignment,
        profile=profile,
        release=newest.release,
        released_files=newest.files,
        specs=newest.specs,
        declarations=declarations,
        split=split,
        store=store,
        fonts=font_cache(paths.state / "matplotlib"),
        backend=backend,
        min_isolation=0 if trust else course.min_isolation,
        graders=graders,
        release_digest=newest.release_digest,
        scoring_key=newest.scoring_key,
        execution_key=newest.execution_key,
        examples=_examples(course, profile),
        calibration=read_calibration(paths.solutions(assignment.id), profile.name),
        attempts=course.attempts,
        version=newest.number,
        older=older_editions(before, assignment, newest, keyed),
    )


def _curves_key(profile: RunProfile, calibration: Calibration) -> str:
    return digest({metric: sorted(curve.points.items()) for metric, curve in profile.curves.items()}, asdict(calibration))


def _examples(course: Course, profile: RunProfile) -> int:
    dataset = next(each for each in course.datasets if each.name == profile.dataset)
    shown = dataset.sizes[0] + dataset.train_repeats
    return min(shown, profile.sample_limit or shown)


def _copy_of(graders: Path, copies: Path) -> Path:
    """A copy of the graders as they are now, named by their content; what S runs cannot change while a batch runs."""
    if not graders.is_dir():
        raise GraderError(f"The graders' folder '{graders}' does not exist.", "Write at least one test_*.py there.")
    copy = copies / digest_files(graders)
    _keep_out(copies, [graders.parent, graders])
    if not copy.is_dir():
        with scratch_folder(copies, PARTIAL) as partial:
            shutil.copytree(graders, partial, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".*"))
            for path in (partial, *partial.rglob("*")):  # the scorer has a uid of its own, and gets the copy without the folder above
                path.chmod(0o755 if path.is_dir() else 0o644)
            with suppress(OSError):  # another command was faster
                partial.rename(copy)
    return copy


def _keep_out(copies: Path, originals: Iterable[Path]) -> None:
    """Whoever may not look into all of the original folders may not look into that of the copies either."""
    copies.mkdir(parents=True, exist_ok=True)
    modes, present = [folder.stat().st_mode for folder in originals], copies.stat().st_mode
    shut = sum(everything for look, everything in ((0o050, 0o070), (0o005, 0o007)) if any(mode & look != look for mode in modes))
    if present & shut:
        with suppress(OSError):  # it is another account's, whose own commands do this
            copies.chmod(stat.S_IMODE(present) & ~shut)


def servers_of(plan: Plan, gpu: bool = False) -> list[ServerKind]:
    """The fork servers that an execution and its scoring need, so that they can be started side by side.

    The one for models only where graders ask for predictions: it imports Keras, and starts with the first model anyway.
    """
    notebook = [] if gpu else [notebook_server(plan.backend, plan.split.student, plan.fonts)]
    model = [model_server(plan.backend, plan.split)] if plan.declarations.predictions else []
    return [*notebook, *model, score_server(plan.graders, plan.split)]


def open_sandbox(course: Course, trust: bool, say: Callable[[str], None] = lambda text: None, background: bool = False) -> Sandbox:
    """The sandbox for a batch; `say` hears of it when the machine could not offer its best level, and why.

    `background`: its jobs give way to what else runs on this machine.

    Raises UsageError when the installed Keras is not safe to open models with, or when the machine offers less than the course
    requires and nobody consented.
    """
    require_safe_keras()
    return choose_sandbox(course.min_isolation, trust, say, background)
