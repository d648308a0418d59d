"""Who takes part in an assignment's contest, and with what: read from records, hand-ins and audits, and what the instructor decided.

What was decided lies in `contest/` of a results store and holds for one submission: a later one is looked at anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from autograder.batch.store import Store
from autograder.course.contest import PSEUDONYM
from autograder.errors import UsageError
from autograder.execution.rundir import RunFolder
from autograder.files import read_bounded, write_atomic
from autograder.grading.audit import Audit, measured_metrics
from autograder.records import Record, from_json, to_json

_PSEUDONYM_BYTES = 10_000


@dataclass(frozen=True)
class Decision:
    """An instructor's word on one submission: it stands on the leaderboard whatever its audit says, or without one, or it does not."""

    student: str
    submission_id: str
    admitted: bool
    decided_at: str


@dataclass(frozen=True)
class Entry:
    """One student of a contest.

    `pseudonym` as it was handed in, None for who does not take part; `value` of the metric in the run that counts, the one that the
    student's page and points come from, None when nothing was measured; `audit` is its verdict, or nothing before it; `withheld` says
    why the entry is not shown, or nothing; `runs`: of how many the counting one is the best.
    """

    student: str
    pseudonym: str | None
    value: float | None
    received_at: str
    audit: str = ""
    withheld: str = ""
    runs: int = 1


@dataclass(frozen=True)
class DecisionStore:
    """The decisions on one assignment's contest, in one file."""

    file: Path

    def read(self) -> tuple[Decision, ...]:
        """All decisions; raises UsageError when the file is damaged, since guessing would show who must not be shown."""
        try:
            return from_json(tuple[Decision, ...], self.file.read_bytes())
        except FileNotFoundError:
            return ()
        except (OSError, ValueError):
            cure = "Restore it from a backup, or delete it and decide again with --admit and --withhold."
            raise UsageError(f"'{self.file}', which holds the decisions on the contest, cannot be read.", cure) from None

    def decide(self, records: Sequence[Record], admitted: Iterable[str], withheld: Iterable[str]) -> None:
        """Writes down what was decided about the present submissions of these students. Raises UsageError for one who has none."""
        wanted = {**dict.fromkeys(admitted, True), **dict.fromkeys(withheld, False)}
        present = {record.student: record.submission_id for record in records}
        unknown = sorted(set(wanted) - set(present))
        if unknown:
            raise UsageError(f"{', '.join(unknown)}: no record of this assignment and profile.", "Name students as `submitted/` does.")
        at = datetime.now(UTC).isoformat(timespec="seconds")
        kept = tuple(each for each in self.read() if each.student not in wanted)
        made = tuple(Decision(student, present[student], admit, at) for student, admit in wanted.items())
        write_atomic(self.file, to_json(tuple(sorted((*kept, *made), key=lambda each: each.student))))


def decision_store(store: Store, profile: str, assignment: str) -> DecisionStore:
    """Where the decisions on a contest lie."""
    return DecisionStore(store.root / "contest" / profile / f"{assignment}.json")


def contest_entries(
    store: Store, records: Iterable[Record], metric: str, audits: Iterable[Audit], decisions: Iterable[Decision]
) -> list[Entry]:
    """An entry for each record. Who is flagged by an audit, or was not audited yet, is withheld until the instructor decides."""
    verdicts = {(audit.student, audit.submission_id): audit.verdict for audit in audits}
    decided = {(each.student, each.submission_id): each.admitted for each in decisions}
    entries = []
    for record in records:
        key = (record.student, record.submission_id)
        verdict = verdicts.get(key, "")
        value = measured_metrics(record.grade_cells).get(metric) if record.grading == "ok" else None
        withheld = _withheld(verdict, decided.get(key))
        entries.append(Entry(record.student, _pseudonym(store, record), value, record.received_at, verdict, withheld, len(record.runs)))
    return entries


def _withheld(verdict: str, admitted: bool | None) -> str:
    if admitted is not None:
        return "" if admitted else "withheld by the instructor"
    if not verdict:
        return "not audited yet"
    return "" if verdict == "kept" else f"waits for your decision: its audit says '{verdict}'"


def _pseudonym(store: Store, record: Record) -> str | None:
    counted = next((run.run_key for run in record.runs if run.counted), None)
    return _read_pseudonym(store.run(counted)) if counted else None


def _read_pseudonym(folder: RunFolder) -> str | None:
    """The handed-in text; None for anything else, since a student's file may hold whatever it likes."""
    run = folder.read()
    if run is None or not any(entry.name == PSEUDONYM and entry.kind == "value" for entry in run.entries):
        return None
    try:
        found = json.loads(read_bounded(folder.handin / f"{PSEUDONYM}.json", _PSEUDONYM_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, str) and found.strip() else None
