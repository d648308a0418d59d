"""`examine_file(notebook)`: the doctor's look at a file, compared with the release version where that is at hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from autograder.course.loading import load_course
from autograder.course.notebook import read_notebook
from autograder.course.profile import find_assignment, resolve_profile
from autograder.course.versions import read_versions, versions
from autograder.doctor.examine import Surroundings, examine
from autograder.doctor.finding import Finding
from autograder.errors import SubmissionError, UsageError
from autograder.files import read_bounded
from autograder.intake.parsing import parse_notebook
from autograder.intake.restore import grade_id_of
from autograder.intake.versions import as_fetched

_MAX_BYTES = 500 * 2**20


@dataclass(frozen=True)
class Examined:
    """What was found, worst first, and the release version that it was compared with; None where there was none."""

    findings: tuple[Finding, ...]
    compared: Path | None


def examine_file(notebook: Path, release: Path | None = None, course: Path | None = None) -> Examined:
    """Reads, and runs nothing. `course`: its folder; else this folder, where it is one. Raises UsageError for what cannot be read."""
    data = _read(notebook)
    try:
        compared, around = _look_around(notebook, data, release, course)
        return Examined(examine(data, read_notebook(compared) if compared else None, around), compared)
    except SubmissionError as error:
        raise UsageError(f"'{notebook}': {error.message}", error.cure) from None


def _read(notebook: Path) -> bytes:
    try:
        return read_bounded(notebook.resolve(), _MAX_BYTES)
    except FileNotFoundError:
        raise UsageError(f"The notebook '{notebook}' does not exist.") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"'{notebook}' cannot be read: {error}", "Name the notebook's file, which ends in .ipynb.") from None


def _look_around(notebook: Path, data: bytes, release: Path | None, course: Path | None) -> tuple[Path | None, Surroundings]:
    """The released notebook to compare with, if there is one, and what is known beside the notebook."""
    here = Surroundings(name=notebook.name, siblings=_siblings(notebook))
    root = course or Path()
    if course is None and not (root / "grading_config.py").is_file():
        return release, here
    return _in_course(root, data, release, here)


def _siblings(notebook: Path) -> tuple[str, ...]:
    try:
        return tuple(sorted(path.name for path in notebook.absolute().parent.iterdir()))
    except OSError:
        return ()


def _in_course(root: Path, data: bytes, release: Path | None, here: Surroundings) -> tuple[Path | None, Surroundings]:
    """The release with the notebook's grade ids, in the version that it began as, and what the course says of its assignment."""
    loaded, paths = load_course(root)
    released = {each.id: paths.release_notebook(each.id) for each in loaded.assignments if paths.release_notebook(each.id).is_file()}
    own = {cell.grade_id for cell in parse_notebook(data).cells if cell.grade_id}
    shared = {name: len(own & _grade_ids(path)) for name, path in released.items()}
    name = max(shared, key=lambda each: shared[each], default=None)
    if name is None or not shared[name]:
        return release, here
    assignment = find_assignment(loaded, name)
    limits = resolve_profile(loaded, assignment, None).limits
    allowed = tuple(assignment.files)
    begun = as_fetched(data, read_versions(paths, name))
    fetched = next(each.notebook(name) for each in versions(paths, name) if each.number == begun)
    return release or fetched, replace(
        here, assignment=name, allowed=allowed, submission_bytes=limits.submission_bytes, literal_bytes=limits.literal_bytes
    )


def _grade_ids(release: Path) -> set[str]:
    return {grade_id for cell in read_notebook(release)["cells"] if (grade_id := grade_id_of(cell))}
