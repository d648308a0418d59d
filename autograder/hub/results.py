"""What records say that the rules need, read from the store when their files change."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

from autograder.batch.store import Store
from autograder.feedback.leaderboard import Leaderboard, leaderboard
from autograder.hub.rules import Graded
from autograder.records import Record, from_json
from autograder.term.score import Final

_MINE = ("rejected", "unreadable")  # outcomes without a run that are the submission's doing all the same


class Results:
    """Records and final scores of one profile."""

    def __init__(self, store: Store, profile: str) -> None:
        self._store, self._profile = store, profile
        self._graded: dict[Path, tuple[int, Graded | None]] = {}
        self._finals: dict[str, tuple[int, dict[str, Final]]] = {}
        self._lock = threading.Lock()

    def graded(self, assignment: str, student: str, submission_id: str) -> Graded | None:
        """None while there is no record that can be read."""
        path = self._store.root / "records" / self._profile / assignment / student / f"{submission_id}.json"
        try:
            changed = path.stat().st_mtime_ns
        except OSError:
            return None
        with self._lock:
            known = self._graded.get(path)
        if known is None or known[0] != changed:
            record = self._store.read(self._profile, assignment, student, submission_id)
            known = changed, graded_of(record, datetime.fromtimestamp(changed / 1e9, UTC)) if record is not None else None
            with self._lock:
                self._graded[path] = known
        return known[1]

    def record(self, assignment: str, student: str, submission_id: str) -> Record | None:
        return self._store.read(self._profile, assignment, student, submission_id)

    def finals(self, assignment: str) -> dict[str, Final]:
        """Final scores by student, as they were last computed; empty before."""
        path = self._store.root / "scores" / f"{assignment}.json"
        try:
            changed = path.stat().st_mtime_ns
            known = self._finals.get(assignment)
            if known is None or known[0] != changed:
                known = changed, {each.student: each for each in from_json(tuple[Final, ...], path.read_bytes())}
                self._finals[assignment] = known
        except (OSError, ValueError):
            return {}
        return known[1]

    def leaderboard(self, assignment: str, metric: str) -> Leaderboard:
        """The contest as it stands. Raises UsageError when what was decided about it cannot be read."""
        from autograder.batch.audit import audit_store
        from autograder.batch.contest import contest_entries, decision_store

        records = list(self._store.latest(self._profile, assignment))
        audits = audit_store(self._store).of_records(records)
        decided = decision_store(self._store, self._profile, assignment).read()
        return leaderboard(contest_entries(self._store, records, metric, audits, decided))


def graded_of(record: Record, recorded_at: datetime) -> Graded:
    """A failure of the machine is not final, one of a grader is no attempt of the student's."""
    seconds = record.seconds
    return Graded(
        final=record.outcome != "infra_error",
        counts=record.grading == "ok" or record.outcome in _MINE,
        outcome=record.outcome,
        score=record.score,
        max_score=record.max_score,
        recorded_at=recorded_at,
        seconds=seconds.start + seconds.notebook + seconds.model + seconds.scoring,
        flags=record.flags,
        grading=record.grading,
    )
