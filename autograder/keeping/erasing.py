"""What there is of one person in a course, kind by kind, and how each of them goes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from autograder.batch.store import Store
from autograder.course.paths import CoursePaths
from autograder.course.settings import Course
from autograder.files import write_atomic
from autograder.gradebook.forgetting import gradebook_rows, remove_student
from autograder.keeping.person import About, literal, mentions
from autograder.term.decisions import Decision, ledger
from autograder.term.journal import Journal
from autograder.term.roster import RosterChange, roster_journal

EXECUTIONS = "executions that nobody else's record names"
_ERASED = "(erased)"
_KNOWN = ("decisions.jsonl", "roster.jsonl", "forgotten.jsonl", "archives.jsonl")  # which have steps of their own, or nobody in them


@dataclass(frozen=True)
class Step:
    """One kind of thing: what it is, how much of it there is now, and how it goes. Where there is none, `erase` does nothing."""

    what: str
    count: int
    erase: Callable[[], object]


def steps_about(course: Course, paths: CoursePaths, store: Store, gradebook: str, student: str, called: str) -> tuple[Step, ...]:
    """Runs before records, which name them; the gradebook and the texts before the roster, which has the name."""
    about = About.of(store, student, called)
    root, kept = store.root, [store.root / "hub" / each.id for each in course.assignments]
    folders = {
        "submissions": [paths.submitted / student, *paths.submitted.glob(f".replaced/*/{literal(student)}")],
        "autograded notebooks": [paths.root / "autograded" / student],
        "feedback pages": [paths.root / "feedback" / student],
        "kept files of receipts": [each for folder in kept for each in folder.glob(f"kept/*/{literal(student)}")],
        EXECUTIONS: own_runs(store, student)[0],
        "audits": list((root / "audits").glob(f"*/*/{literal(student)}")),
        "records": list(root.glob(f"records/*/*/{literal(student)}")),
        "times of receipt": list(root.glob(f"arrivals/*/{literal(student)}")),
        "damaged records that were moved aside": list(root.glob(f"broken/*/**/{literal(student)}")),
    }
    texts = [*root.glob("scores/*.json"), *root.glob("contest/*/*.json"), *paths.state.glob("collected/*.json")]
    starts = [path for path in root.glob("starts/[!.]*") if _json(path).get("student") == student]
    return (
        *(_folders(what, found) for what, found in folders.items()),
        Step("attempts that were lost", len(starts), partial(_unlink, starts)),
        *_checks(kept, about),
        _journals("receipts, of which lines without the person stay", [each / "receipts.jsonl" for each in kept], partial(_receipt, about)),
        _texts("entries in scores, contests and notes of collecting", texts, about),
        _journals(
            "lines about marking and the like", [each for each in root.glob("*.jsonl") if each.name not in _KNOWN], partial(_line, about)
        ),
        _mentioning("reports, which can be made again", paths.root / "reports", about),
        _mentioning("pages for marking, which can be made again", paths.root / "marking", about),
        Step("rows in the gradebook", gradebook_rows(gradebook, student), partial(remove_student, gradebook, student)),
        _ledger(store, about),
        _roster(store, student),
    )


def _folders(what: str, found: list[Path]) -> Step:
    there = [path for path in found if path.is_dir() and not path.is_symlink()]
    links = [path for path in found if path.is_symlink() or path.is_file()]

    def erase() -> None:
        for path in there:
            shutil.rmtree(path)
        _unlink(links)

    return Step(what, len(there) + len(links), erase)


def _unlink(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def own_runs(store: Store, student: str) -> tuple[list[Path], str]:
    """Folders of runs that no record or audit of anybody else names, replaced ones too; and a file that leaves that open, if there is one.

    While something of others' cannot be read, nobody knows which runs it names: then only those that this student's own name.
    """
    named: dict[bool, set[str]] = {True: set(), False: set()}
    files = (*store.root.glob("records/*/*/*/[!.]*.json"), *store.root.glob("audits/*/*/*/[!.]*.json"))
    aside = [path for path in store.root.glob("broken/*/records/*/*/*/[!.]*.json") if not store.root.joinpath(*path.parts[-5:]).exists()]
    unread = [path for path in aside if path.parent.name != student]
    for path in files:
        about, own = _json(path), path.parent.name == student
        runs = [each.get("run_key") for each in about.get("runs") or () if isinstance(each, dict)]
        named[own] |= {str(key) for key in (*runs, about.get("audited_run")) if key}
        if not own and not about.keys() & {"runs", "audited_run"}:
            unread.append(path)
    places = (store.root, store.root / "audited", *store.root.glob("broken/*"))
    there = [path for place in places for path in sorted(place.glob("runs/[!.]*")) if path.is_dir()]
    found = [path for path in there if path.name not in named[False] and (not unread or path.name in named[True])]
    return found, unread[0].relative_to(store.root).as_posix() if unread else ""


def _journals(what: str, files: list[Path], change: Callable[[Mapping[str, Any]], dict[str, Any] | None]) -> Step:
    journals = [Journal(file, dict[str, Any]) for file in files if file.is_file()]
    count = sum(line != change(line) for journal in journals for line in journal.read())
    return Step(what, count, lambda: [journal.rewrite(change) for journal in journals])


def _line(about: About, line: Mapping[str, Any]) -> dict[str, Any] | None:
    """A line of a journal that this module does not know: gone where it is about the person, else without what it says of them."""
    if line.get("student") == about.student:
        return None
    others = {
        key: {name: each for name, each in value.items() if name != about.student} if isinstance(value, dict) else value
        for key, value in line.items()
    }
    return {key: about.scrubbed(value) for key, value in others.items()}


def _receipt(about: About, line: Mapping[str, Any]) -> dict[str, Any]:
    """Receipts are numbered by their place, so the line stays, with nothing of the person in it."""
    if line.get("student") != about.student:
        return dict(line)
    gone = dict.fromkeys(("claimed", "source", "digest", "submission_id"), "")
    return {**line, **gone, "student": about.pseudonym, "refused": line.get("refused") or _ERASED, "flags": [], "size": 0}


def _checks(folders: list[Path], about: About) -> Iterator[Step]:
    """What the doctor found in their submissions, and what was ordered about them."""
    files: list[Path] = []
    for folder in folders:
        lines = Journal(folder / "receipts.jsonl", dict[str, Any]).read()
        ids = {str(line.get("id")) for line in lines if line.get("student") in (about.student, about.pseudonym)}
        files += [path for path in folder.glob("checked/*.json") if _json(path).get("receipt") in ids]
        change = partial(_order, ids)
        yield _journals(f"reasons of orders about them ({folder.name})", [folder / "orders.jsonl"], change)
    yield Step("findings of the doctor", len(files), partial(_unlink, files))


def _order(ids: set[str], line: Mapping[str, Any]) -> dict[str, Any]:
    return {**line, "why": ""} if line.get("receipt") in ids else dict(line)


def _texts(what: str, files: list[Path], about: About) -> Step:
    changed = {path: after for path in files if (after := about.scrubbed(before := _parsed(path))) != before}

    def erase() -> None:
        for path, content in changed.items():
            write_atomic(path, json.dumps(content, ensure_ascii=False, indent=1))

    return Step(what, len(changed), erase)


def _mentioning(what: str, folder: Path, about: About) -> Step:
    found = mentions(folder, about)
    return Step(what, len(found), partial(_unlink, found))


def _ledger(store: Store, about: About) -> Step:
    journal = ledger(store.root)
    count = sum(entry != _decision(about, entry) for entry in journal.read())
    return Step("decisions, of which entries without text stay", count, lambda: journal.rewrite(partial(_decision, about)))


def _decision(about: About, entry: Decision) -> Decision:
    """The entry without the person. What others need of it stays: kind, dates, everybody else."""
    why = _ERASED if entry.students == (about.student,) or entry.students == (about.pseudonym,) else about.without(entry.why)
    students = entry.students and tuple(about.pseudonym if each == about.student else each for each in entry.students)
    frozen = entry.frozen
    if frozen is not None and about.student in frozen.facts:
        frozen = replace(frozen, facts={name: facts for name, facts in frozen.facts.items() if name != about.student})
    return replace(entry, why=why, students=students, frozen=frozen)


def _roster(store: Store, student: str) -> Step:
    journal = roster_journal(store.root)
    count = sum(change != _change(student, change) for change in journal.read())
    return Step("entries in the roster", count, lambda: journal.rewrite(partial(_change, student)))


def _change(student: str, change: RosterChange) -> RosterChange | None:
    """An import of a list without the person; None where there was nobody else in it."""
    if student not in {*change.dropped, *(each.id for each in (*change.joined, *change.changed))}:
        return change
    joined, changed = (tuple(each for each in some if each.id != student) for some in (change.joined, change.changed))
    dropped = tuple(each for each in change.dropped if each != student)
    return replace(change, joined=joined, changed=changed, dropped=dropped) if joined or changed or dropped else None


def _json(path: Path) -> dict[str, Any]:
    found = _parsed(path)
    return found if isinstance(found, dict) else {}


def _parsed(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
