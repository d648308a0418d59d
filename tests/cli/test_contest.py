"""`autograder report` of an assignment with a contest: the page to be published, and decisions that it remembers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from autograder.batch.audit import audit_store
from autograder.batch.store import Store
from tests.batch.test_contest import audit, graded
from tests.conftest import autograder
from tests.feedback.samples import read

AUDITS = {"ada": "kept", "hana": "fell", "bao": "kept"}  # and nobody audited eva


def contest(course: Path) -> str:
    return (course / "reports/tiny.leaderboard.html").read_text(encoding="utf-8")


def with_students(course: Path) -> None:
    config = course / "grading_config.py"
    config.write_text(config.read_text().replace('files=["notes.txt"],', 'files=["notes.txt"], contest="contest_accuracy",'))
    store = Store(course / ".autograder")
    for student, pseudonym, value in (
        ("ada", b'"Lovelace"', 0.98),
        ("hana", b'"Hal"', 1.0),
        ("bao", b"null", 0.5),
        ("eva", b'"Curie"', 0.97),
    ):
        record = graded(store, student, pseudonym, value, assignment="tiny", profile="smoke")
        store.write(record)
        if student != "eva":
            audit_store(store).write(replace(audit(record, AUDITS[student]), normal_run=record.runs[0].run_key))


def test_the_flagged_student_waits_for_a_decision_that_is_remembered(tiny: Path) -> None:
    with_students(tiny)
    assert autograder(tiny, "report", "tiny").returncode == 0
    assert "Lovelace" in contest(tiny)
    assert "Hal" not in contest(tiny)
    assert "waits for your decision" in (tiny / "reports/tiny.html").read_text(encoding="utf-8")
    done = autograder(tiny, "report", "tiny", "--admit", "hana")
    assert done.returncode == 0, done.stderr
    assert "Hal" in contest(tiny)
    assert autograder(tiny, "report", "tiny").returncode == 0
    assert "Hal" in contest(tiny)
    assert autograder(tiny, "report", "tiny", "--withhold", "hana").returncode == 0
    assert "Hal" not in contest(tiny)


def test_who_was_not_audited_is_shown_to_the_instructor_alone(tiny: Path) -> None:
    with_students(tiny)
    assert autograder(tiny, "report", "tiny").returncode == 0
    assert "Curie" not in contest(tiny)
    assert "not audited yet" not in contest(tiny)
    assert "eva Curie 0.9700 not audited yet" in read((tiny / "reports/tiny.html").read_text(encoding="utf-8")).text
    assert autograder(tiny, "report", "tiny", "--admit", "eva").returncode == 0
    assert "Curie" in contest(tiny)


def test_decisions_need_a_contest_and_a_student(tiny: Path) -> None:
    with_students(tiny)
    for arguments, words in (
        (("--admit", "zoe"), "zoe: no record"),
        (("--admit", "ada", "--withhold", "ada"), "ada cannot be admitted and withheld at once"),
    ):
        done = autograder(tiny, "report", "tiny", *arguments)
        assert done.returncode == 2
        assert words in done.stderr
    config = tiny / "grading_config.py"
    config.write_text(config.read_text().replace(' contest="contest_accuracy",', ""))
    done = autograder(tiny, "report", "tiny", "--admit", "ada")
    assert done.returncode == 2
    assert "has no contest" in done.stderr
    assert autograder(tiny, "report", "tiny").returncode == 0
