"""Who takes part in a contest: pseudonyms as they were handed in, whatever a student put there, audits, and what was decided."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autograder.batch.contest import Entry, contest_entries, decision_store
from autograder.batch.store import Store
from autograder.errors import UsageError
from autograder.execution.rundir import RunFolder
from autograder.grading.audit import Audit
from autograder.records import GradeCell, HandinEntry, Isolation, Record, Run, RunReference, Seconds, Usage, to_json
from tests.feedback.samples import record, result

METRIC = "contest_accuracy"


def run(folder: RunFolder, pseudonym: bytes | None, kind: Any = "value") -> None:
    """A finished run that handed in this file as its pseudonym."""
    folder.handin.mkdir(parents=True)
    entries: tuple[HandinEntry, ...] = ()
    if pseudonym is not None:
        (folder.handin / "pseudonym.json").write_bytes(pseudonym)
        entries = (HandinEntry("pseudonym", kind, 1, "pseudonym.json"),)
    made = Run(
        folder.path.name, "completed", "", None, entries, (), Isolation(3), Usage(), Seconds(), {}, 0, (), "data", "release"
    )  # fmt: skip
    folder.run_file.write_text(to_json(made))


def graded(store: Store, student: str, pseudonym: bytes | None = b'"Ada"', value: float | None = 0.99, **changes: Any) -> Record:
    """A record whose contest cell measured `value`, with its run in the store."""
    run(store.run(f"run-{student}"), pseudonym)
    cell = GradeCell("contest_points", 1.0, 4, False, (result("test_contest", measured={METRIC: value}),))
    return record(student=student, grade_cells=(cell,), runs=(RunReference(f"run-{student}", 0, True),), **changes)


def audit(of: Record, verdict: Any) -> Audit:
    return Audit(of.assignment, of.student, of.submission_id, of.profile, "c", verdict, "", (), "n", "a", "completed", 3, 1.0, "2027-01-01")


def entry_of(store: Store, of: Record, *audits: Audit) -> Entry:
    decisions = decision_store(store, of.profile, of.assignment).read()
    return contest_entries(store, [of], METRIC, audits, decisions)[0]


@pytest.mark.parametrize(
    ("file", "pseudonym"),
    [
        (b'"Ada"', "Ada"),
        (b"null", None),
        (b'""', None),
        (b'"  "', None),
        (b"17", None),
        (b'["Ada"]', None),
        (b'{"__float__": "nan"}', None),
        (b"{", None),
        (b"\xff\xfe", None),
        (b"[" * 9_000, None),
        (b'"' + b"a" * 20_000 + b'"', None),
        (None, None),
    ],
)
def test_only_text_is_a_pseudonym(tmp_path: Path, file: bytes | None, pseudonym: str | None) -> None:
    store = Store(tmp_path)
    made = graded(store, "ada", file)
    assert entry_of(store, made, audit(made, "kept")) == Entry("ada", pseudonym, 0.99, "2027-02-10 14:03:25 UTC", "kept")


def test_who_has_no_run_takes_no_part(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert entry_of(store, replace(graded(store, "ada"), runs=())).pseudonym is None
    assert entry_of(store, replace(graded(store, "bao"), runs=(RunReference("gone", 0, True),))).pseudonym is None


def test_of_several_runs_the_counting_one_stands_on_the_leaderboard(tmp_path: Path) -> None:
    """Its value and its pseudonym; a value of the others is nowhere, also where it is higher."""
    store = Store(tmp_path)
    first = graded(store, "ada", b'"Ada"', value=0.985)
    run(store.run("again"), b'"Lovelace"')
    counting = replace(first, runs=(replace(first.runs[0], counted=False), RunReference("again", 1, True)))
    assert entry_of(store, counting, audit(counting, "kept")) == Entry("ada", "Lovelace", 0.985, "2027-02-10 14:03:25 UTC", "kept", runs=2)


def test_a_model_called_pseudonym_is_no_name(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made = replace(graded(store, "ada", None), runs=(RunReference("other", 0, True),))
    run(store.run("other"), b'"Ada"', "model")
    assert entry_of(store, made).pseudonym is None


@pytest.mark.parametrize(("value", "grading"), [(None, "ok"), (0.99, "grader_error")])
def test_without_a_sound_measurement_there_is_no_value(tmp_path: Path, value: float | None, grading: Any) -> None:
    store = Store(tmp_path)
    assert entry_of(store, graded(store, "ada", value=value, grading=grading)).value is None


def test_who_was_not_audited_waits_and_so_does_a_later_submission(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made = graded(store, "ada")
    assert entry_of(store, made).withheld == "not audited yet"
    assert entry_of(store, replace(made, submission_id="f" * 16), audit(made, "kept")).withheld == "not audited yet"
    decision_store(store, made.profile, made.assignment).decide([made], ["ada"], [])
    assert entry_of(store, made).withheld == ""


@pytest.mark.parametrize(("verdict", "waits"), [("kept", False), ("fell", True), ("not comparable", True)])
def test_an_audit_withholds_until_somebody_decides(tmp_path: Path, verdict: str, waits: bool) -> None:
    store = Store(tmp_path)
    made = graded(store, "ada")
    assert bool(entry_of(store, made, audit(made, verdict)).withheld) == waits
    decisions = decision_store(store, made.profile, made.assignment)
    decisions.decide([made], ["ada"], [])
    assert entry_of(store, made, audit(made, verdict)).withheld == ""
    decisions.decide([made], [], ["ada"])
    assert entry_of(store, made, audit(made, verdict)).withheld == "withheld by the instructor"


def test_a_decision_holds_for_one_submission(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = graded(store, "ada")
    decision_store(store, first.profile, first.assignment).decide([first], ["ada"], [])
    later = replace(first, submission_id="f" * 16)
    assert entry_of(store, later, audit(later, "fell")).withheld.startswith("waits for your decision")


def test_decisions_of_others_stay(tmp_path: Path) -> None:
    store = Store(tmp_path)
    records = [graded(store, "ada"), graded(store, "bao")]
    decisions = decision_store(store, "full", "first_dense_network")
    decisions.decide(records, ["ada"], [])
    decisions.decide(records, [], ["bao"])
    assert [(each.student, each.admitted) for each in decisions.read()] == [("ada", True), ("bao", False)]


def test_who_is_not_there_cannot_be_decided_about(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(UsageError, match="zoe: no record"):
        decision_store(store, "full", "first_dense_network").decide([graded(store, "ada")], ["zoe"], [])


def test_damaged_decisions_stop_the_report(tmp_path: Path) -> None:
    decisions = decision_store(Store(tmp_path), "full", "a")
    decisions.file.parent.mkdir(parents=True)
    decisions.file.write_text(json.dumps([{"student": "ada"}]))
    with pytest.raises(UsageError, match="cannot be read"):
        decisions.read()
