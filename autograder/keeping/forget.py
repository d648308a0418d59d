"""Erases one person from a course, and says what remains and why.

Each step finds what it erases by the student's id, and the roster, which knows the name, comes last. So an interrupted call is simply
repeated. That it was begun is written down first, under the pseudonym: then the second call knows an id that is nobody's any more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from autograder.batch.store import Store
from autograder.course.paths import CoursePaths
from autograder.course.settings import Course
from autograder.data.seed import read_seed
from autograder.errors import MachineError, UsageError
from autograder.keeping.archive import archives
from autograder.keeping.erasing import EXECUTIONS, Step, own_runs, steps_about
from autograder.keeping.person import About, literal, mentions
from autograder.term.deciding import known_students, require_students
from autograder.term.journal import Journal
from autograder.term.names import pseudonym


@dataclass(frozen=True)
class Forgotten:
    """That somebody is being forgotten, or was: by pseudonym, with how many things of each kind were erased."""

    at: str
    who: str
    pseudonym: str
    state: Literal["begun", "finished"]
    erased: dict[str, int] = field(default_factory=dict)
    schema: Literal[1] = 1


@dataclass(frozen=True)
class Forgetting:
    """All that is to be done about one person. `remains`: what stays and why, as sentences."""

    student: str
    pseudonym: str
    steps: tuple[Step, ...]
    remains: tuple[str, ...]

    @property
    def counts(self) -> dict[str, int]:
        return {step.what: step.count for step in self.steps if step.count}


def forgotten(store: Path) -> Journal[Forgotten]:
    """Whom a store has forgotten, by pseudonym."""
    return Journal(store / "forgotten.jsonl", Forgotten)


def find_person(course: Course, paths: CoursePaths, store: Store, gradebook: str, student: str, say: Callable[[str], None]) -> Forgetting:
    """What there is of somebody. Nothing is changed.

    Raises UsageError for somebody whom nothing knows.
    """
    if not student or student.startswith(".") or Path(student).name != student:
        raise UsageError(f"{student!r} is no student's id.", "Write it as `autograder roster show` does.")
    called = pseudonym(read_seed(paths, store.root, say), student)
    steps = steps_about(course, paths, store, gradebook, student, called)
    before = [each.state for each in forgotten(store.root).read(say) if each.pseudonym == called]
    if not any(step.count for step in steps if step.what != EXECUTIONS) and not before:  # replaced ones of others are no sign of anybody
        require_students([student], known_students(course, paths, store))
    return Forgetting(student, called, steps, _remains(paths, store, student, called))


def forget(store: Store, found: Forgetting, at: str, who: str) -> None:
    """Erases it, step by step. Interrupted at any moment: what is left is found again. Raises MachineError for what cannot be erased."""
    journal = forgotten(store.root)
    journal.append(lambda entries: _begun(entries, Forgotten(at, who, found.pseudonym, "begun", found.counts)))
    try:
        for step in found.steps:
            step.erase()
    except OSError as error:
        cure = "Mend that and run the same command again: it goes on where it stopped."
        raise MachineError(f"'{error.filename}' could not be erased: {error.strerror}.", cure) from error
    journal.append(lambda _: Forgotten(at, who, found.pseudonym, "finished", found.counts))


def _begun(entries: Any, entry: Forgotten) -> Forgotten | None:
    own = [each.state for each in entries if each.pseudonym == entry.pseudonym]
    return None if own and own[-1] == "begun" else entry


def _remains(paths: CoursePaths, store: Store, student: str, called: str) -> tuple[str, ...]:
    about = About.of(store, student, called)
    files = {each.file for each in archives(store.root).read()} | {str(path) for path in (paths.root / "archives").glob("*.tar.gz")}
    lists = [path.relative_to(paths.root).as_posix() for path in mentions(paths.root / "exports", about)]
    packed = f"Archives are not touched: {', '.join(sorted(files))}. Delete them, or make them anew." if files else ""
    lists += [path.relative_to(paths.root).as_posix() for path in sorted((paths.root / "evidence").glob(f"{literal(student)}.*"))]
    exported = f"Files that were exported or collected as evidence are not touched: {', '.join(lists)}." if lists else ""
    unread = own_runs(store, student)[1]
    replaced = f"Executions that were replaced since stay, because '{unread}' cannot be read: nobody knows which of them it names. "
    replaced += "`autograder store check` and `autograder grade` put it right; then run the same command again."
    said = [
        f"Decisions stay in the ledger under the pseudonym {called}, without reasons: a ledger has no holes, and others' may rest "
        "on them. Whoever has the secret seed and the id can compute the pseudonym.",
        "Numbers about the class that were computed before (statistics, calibrations, published reports) stay: nobody can be told from "
        "them. From now on they are computed without this person.",
        "An execution that somebody else's equal notebook shares stays: it is theirs, too.",
        replaced if unread else "",
        packed,
        exported,
        "Not looked at: backups, version control, the LMS, nbgrader's exchange, lists in the course folder, students' homes, and texts "
        "that mean the person in other words.",
    ]
    return tuple(each for each in said if each)
