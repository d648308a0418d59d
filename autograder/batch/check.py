"""Whether a results store is whole: its records, runs, pointers, and what killed commands left in it.

Nothing that is complete is ever removed. What is broken moves to `broken/`, where a person may look at it, and is made again by the next
`grade`; the pointers to present records, which are the store's index, are written anew.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from autograder.batch.store import Store
from autograder.errors import UsageError
from autograder.execution.rundir import RunFolder
from autograder.records import Record, Scoring, from_json

_HALF_MADE = ".partial-"
_ABANDONED_S = 3600


@dataclass(frozen=True)
class Finding:
    """One thing that does not hold: where (relative to the store), what, what to do; and whether it was put right just now."""

    place: str
    message: str
    cure: str
    repaired: bool = False


@dataclass(frozen=True)
class StoreCheck:
    """What was found. `notes`: what is as it may be, and worth knowing all the same."""

    store: str
    records: int
    runs: int
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return all(finding.repaired for finding in self.findings)


def check_store(store: Store, repair: bool) -> StoreCheck:
    """Reads all of a store; with `repair`, puts right what can be.

    Raises UsageError when there is no store, and for a repair while a command is writing into it.
    """
    if not store.root.is_dir():
        raise UsageError(f"There is no store at '{store.root}'.", "Name it with --store DIR, or grade something first.")
    inner = [Store(store.root / kept) for kept in ("audited", "calibration")]  # of executions that are nobody's submission
    stores = [store, *(each for each in inner if each.root.is_dir())]
    check = _Check(store, repair, store.root)
    with ExitStack() as stack:
        for each in stores if repair else []:  # all of them first: nothing is repaired where one is in use
            stack.enter_context(each.out_of_use())
        for each in stores:
            check.store = each
            check.all()
    return StoreCheck(str(store.root), check.records, check.runs, tuple(check.findings), tuple(check.notes))


@dataclass
class _Check:
    store: Store
    repair: bool
    root: Path
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    records: int = 0
    runs: int = 0
    moved: int = 0

    def all(self) -> None:
        for folder in sorted(_plain(self.store.root / "runs")):
            self._run(folder)
        for folder in sorted(self.store.root.glob("records/*/*/*")):
            self._student(folder)
        self._leftovers()
        self._starts()

    def _run(self, path: Path) -> None:
        folder = RunFolder(path)
        obstacle = run_obstacle(folder)
        if obstacle:
            self._broken(path, f"the run {obstacle}", "`autograder grade` executes it again")
            return
        self.runs += 1
        for kept in sorted(path.glob("scores/[!.]*.json")):
            if not _is_scoring(kept):
                self._broken(kept, "what graders said cannot be read", "it is scored again when it is needed")

    def _student(self, folder: Path) -> None:
        """A student's records of one assignment in one profile, and which of them is the present one."""
        profile, assignment, student = folder.parts[-3:]
        known: dict[str, Record] = {}
        for path in sorted(folder.glob("[!.]*.json")):
            record = _record(path)
            if record is None:
                self._broken(path, "the record cannot be read", "`autograder grade` makes it again, mostly from its run")
            elif (record.profile, record.assignment, record.student, record.submission_id) != (profile, assignment, student, path.stem):
                whose = f"{record.profile}/{record.assignment}/{record.student}/{record.submission_id}"
                self._broken(path, f"the record says that it is {whose}", "`autograder grade` makes the one that belongs here")
            else:
                known[path.stem] = record
        self.records += len(known)
        for record in known.values():
            self._runs_of(record, folder / f"{record.submission_id}.json")
        self._present(folder / "present", known)

    def _runs_of(self, record: Record, place: Path) -> None:
        """An infrastructure failure keeps no run, and needs none."""
        missing = [run.run_key for run in record.runs if self.store.run(run.run_key).read() is None and record.outcome != "infra_error"]
        for key in missing:
            cure = "the score stands; `autograder grade` executes it again"
            self.findings.append(Finding(self._name(place), f"its run {key} is not in the store", cure))

    def _present(self, pointer: Path, known: dict[str, Record]) -> None:
        try:
            said = pointer.read_text(encoding="utf-8")
        except (OSError, ValueError):
            said = ""
        if said in known or not known:
            return
        message = f"points to '{said}', of which there is no record" if said else "which of the records is the present one is not said"
        finding = Finding(self._name(pointer), message, "`autograder store check --repair` makes the one that came last the present one")
        if self.repair:
            self.store.point_to(max(known.values(), key=lambda record: record.received_at))
            finding = replace(finding, cure="the one that came last is now", repaired=True)
        self.findings.append(finding)

    def _leftovers(self) -> None:
        """What killed commands left; none of it is ever read."""
        kinds = Counter[str]()
        for part in ("runs", "records", "arrivals", "starts"):
            for folder, names, files in os.walk(self.store.root / part):
                names[:] = [name for name in names if name != ".locks" and not self._is_left(Path(folder, name), kinds)]
                for name in files:
                    self._is_left(Path(folder, name), kinds)
        orphans = [lock for lock in _locks(self.store) if not (lock.parent.parent / lock.name).exists()]
        if orphans and self.repair:
            for lock in orphans:
                lock.unlink(missing_ok=True)
        gone = "; removed" if self.repair else ""
        if kinds["half"]:
            self.notes.append(f"{kinds['half']} half-made run(s), of a command that was killed or is at work.")
        if kinds["file"]:
            self.notes.append(f"{kinds['file']} half-written file(s), more than an hour old, of a command that was killed{gone}.")
        if orphans:
            self.notes.append(f"{len(orphans)} lock(s) of runs that were never finished{gone}.")

    def _is_left(self, path: Path, kinds: Counter[str]) -> bool:
        """Counts it if it is left over; a file that was never given its name goes, since it was never anybody's."""
        if path.name.startswith(_HALF_MADE):
            kinds["half"] += 1
            return True
        if path.name.startswith(".") and path.is_file() and _is_old(path):
            kinds["file"] += 1
            if self.repair:
                path.unlink(missing_ok=True)
        return False

    def _starts(self) -> None:
        lost = Counter((each.profile, each.assignment, each.student) for each in self.store.starts.all_lost())
        for (profile, assignment, student), count in sorted(lost.items()):
            times = "one attempt" if count == 1 else f"{count} attempts"
            self.notes.append(f"{student}, {assignment}, {profile}: {times} ended without a result; it is graded after all others, alone.")

    def _broken(self, path: Path, message: str, cure: str) -> None:
        finding = Finding(self._name(path), message, f"`autograder store check --repair` moves it aside; then {cure}")
        if self.repair:
            aside = self.root / "broken" / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{self.moved}" / self._name(path)
            aside.parent.mkdir(parents=True)
            path.rename(aside)
            self.moved += 1
            finding = replace(finding, cure=f"moved to {self._name(aside)}; {cure}", repaired=True)
        self.findings.append(finding)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def run_obstacle(folder: RunFolder) -> str:
    """Why a run is not what it was when it was made, as the rest of a sentence; empty when it is. Older runs have no digests."""
    run = folder.read()
    if run is None:
        return "has no file that says what came of it" if not folder.run_file.exists() else "cannot be read"
    if run.run_key != folder.path.name:
        return f"says that it is {run.run_key}"
    if not run.files:
        return ""
    there = folder.digests()
    missing, added = sorted(set(run.files) - set(there)), sorted(set(there) - set(run.files))
    changed = sorted(name for name in set(there) & set(run.files) if there[name] != run.files[name])
    parts = [("lacks", missing), ("has another", changed), ("has in addition", added)]
    return ", ".join(f"{verb} {', '.join(names)}" for verb, names in parts if names)


def _plain(folder: Path) -> Iterator[Path]:
    return (path for path in folder.glob("[!.]*") if path.is_dir())


def _is_old(path: Path) -> bool:
    """False where it is gone: a command at work has given it its name."""
    try:
        return time.time() - path.stat().st_mtime > _ABANDONED_S
    except FileNotFoundError:
        return False


def _locks(store: Store) -> list[Path]:
    return sorted((store.root / "runs" / ".locks").glob("*"))


def _record(path: Path) -> Record | None:
    try:
        return from_json(Record, path.read_bytes())
    except (OSError, ValueError):
        return None


def _is_scoring(path: Path) -> bool:
    try:
        from_json(Scoring, path.read_bytes())
    except (OSError, ValueError):
        return False
    return True
