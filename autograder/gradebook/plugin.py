"""Makes plain `nbgrader` and formgrader's buttons do what `autograder` does, in a course of ours.

`nbgrader_config.py` calls `configure`. From then on `nbgrader autograde` hands the submissions to `autograder grade`, and
`nbgrader generate_assignment` the assignment to `autograder release` with its checks. nbgrader's own converters would execute
what students wrote without a sandbox, abort a class for one broken submission, and remove what a failed one left; so they
are replaced at the one method that both its commands and formgrader call, `start`, and no preprocessor of theirs runs. Its feedback and
its export take late penalties from the gradebook, where it leaves them as they were at grading; so ours are written there first.

In a terminal that waits for the grades. A Jupyter server answers nobody while one of its pages waits, so there formgrader's button
puts the submission into the queue of the hub service.
"""

from __future__ import annotations

import fnmatch
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from autograder.course.paths import CoursePaths
from autograder.errors import AutograderError
from autograder.gradebook.location import VARIABLE, is_only_read
from autograder.gradebook.queueing import enqueue

CONSENT = "AUTOGRADER_TRUST_SUBMISSIONS"
MARK_SCHEMES = "autograder.gradebook.formgrader.MarkSchemes"

_stock: dict[type[Any], Callable[[Any], None]] = {}


def configure(config: Any) -> None:
    """Call it from `nbgrader_config.py` with `get_config()`; more than once does no harm. Other folders' courses keep nbgrader's own."""
    if is_only_read():
        return  # a command of ours wants to know where the gradebook is; importing nbgrader's converters takes seconds
    from nbgrader.apps import ExportApp
    from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback

    config.Autograde.sanitize_preprocessors = []
    config.Autograde.autograde_preprocessors = []  # so that an nbgrader that no longer calls `start` executes nothing
    _show_mark_schemes(config)
    _replace(Autograde, _autograde)
    _replace(GenerateAssignment, _generate_assignment)
    _replace(GenerateFeedback, _with_present_penalties)
    _replace(ExportApp, _with_present_penalties)


def _show_mark_schemes(config: Any) -> None:
    known = config.HTMLExporter.preprocessors
    known = known if isinstance(known, list) else known.get_value([])  # what other lines of the configuration appended
    config.HTMLExporter.preprocessors = [*(each for each in known if each != MARK_SCHEMES), MARK_SCHEMES]


def runner_command(assignment: str, students: Sequence[str], root: Path) -> list[str]:
    """The command that grades these students' submissions; the consent to run without isolation comes from the environment."""
    chosen = [word for student in students for word in ("--student", student)]
    trust = ["--trust-submissions"] if os.environ.get(CONSENT) == "1" else []
    return [*_ours("grade", assignment, root), *chosen, *trust]


def release_command(assignment: str, root: Path) -> list[str]:
    """The command that makes the student version of an assignment."""
    return _ours("release", assignment, root)


def scores_command(root: Path) -> list[str]:
    """The command that computes final scores and writes what lateness costs into the gradebook."""
    return _ours("scores", "", root)


def _ours(name: str, assignment: str, root: Path) -> list[str]:
    return [sys.executable, "-m", "autograder.cli", name, *([assignment] if assignment else []), "--course", str(root), "--quiet"]


def _replace(converter: type[Any], start: Callable[[Any], None]) -> None:
    """`converter`: or one of nbgrader's commands."""
    if converter in _stock:
        return
    stock = _stock[converter] = converter.start

    def start_ours(self: Any) -> None:
        (start if CoursePaths(Path(self.coursedir.root)).config.is_file() else stock)(self)

    converter.start = start_ours


def _autograde(converter: Any) -> None:
    """One command for all submissions: it refuses before the first one, isolates each, and writes gradebook and autograded/ itself."""
    course = converter.coursedir
    students = _students(course)
    if not students:
        raise _stopped(converter, f"No submissions of '{course.assignment_id}' in '{Path(course.root, course.submitted_directory)}'.")
    if _in_jupyter_server(converter):
        _enqueue(converter, students)
        return
    converter.log.info("Handing %d submissions over to `autograder grade`", len(students))
    _hand_over(converter, runner_command(course.assignment_id, students, Path(course.root)))


def _in_jupyter_server(converter: Any) -> bool:
    """Whether formgrader asked, in the process that answers for all of the instructor's pages and notebooks."""
    server = sys.modules.get("jupyter_server.serverapp")
    above = converter.parent
    while above is not None:
        if server is not None and isinstance(above, server.ServerApp):
            return True
        above = getattr(above, "parent", None)
    return False


def _enqueue(converter: Any, students: Sequence[str]) -> None:
    """What the service says is logged as a warning: formgrader's window shows the log below "Successfully autograded", come what may."""
    course = converter.coursedir
    for student in students:
        try:
            converter.log.warning("%s: %s", student, enqueue(Path(course.root), course.assignment_id, student))
        except AutograderError as error:
            raise _stopped(converter, str(error)) from None


def _students(course: Any) -> list[str]:
    """The students whose submission nbgrader was asked to grade: its own patterns for who is in and who is not."""
    excluded = course.student_id_exclude.split(",")
    folders = [path for path in Path(course.root, course.submitted_directory).glob(f"*/{course.assignment_id}") if path.is_dir()]
    names = sorted(folder.parent.name for folder in folders if not folder.is_symlink())
    return [name for name in names if fnmatch.fnmatchcase(name, course.student_id) and name not in excluded]


def _generate_assignment(converter: Any) -> None:
    course = converter.coursedir
    converter.log.info("Handing '%s' over to `autograder release`", course.assignment_id)
    _hand_over(converter, release_command(course.assignment_id, Path(course.root)))


def _with_present_penalties(application: Any) -> None:
    """Manual grades, extensions and waivers since the last grading have changed them."""
    _hand_over(application, scores_command(Path(application.coursedir.root)))
    stock = next(start for kind, start in _stock.items() if isinstance(application, kind))
    stock(application)


def _hand_over(converter: Any, command: list[str]) -> None:
    """Runs a command of ours to its end; what it says becomes nbgrader's log, which formgrader shows.

    nbgrader's gradebook goes into its environment: everybody on the machine can read a command line, and the password in it.
    """
    environment = {**os.environ, VARIABLE: converter.coursedir.db_url}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace"
    ) as process:
        said = process.stdout.read().strip() if process.stdout else ""
    if process.returncode:
        raise _stopped(converter, f"{said}\nThe command ended with status {process.returncode}.")
    if said:
        converter.log.info("%s", said)


def _stopped(converter: Any, message: str) -> Exception:
    """nbgrader's command shows only what is logged, formgrader what is raised as well."""
    from nbgrader.converters.base import NbGraderException

    converter.log.error("%s", message)
    stopped: Exception = NbGraderException(message)
    return stopped
