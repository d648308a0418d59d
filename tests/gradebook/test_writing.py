"""What a regrade changes in nbgrader's real gradebook, and what it leaves to people."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any

import pytest

from autograder.course.paths import CoursePaths
from autograder.errors import MachineError, UsageError
from autograder.gradebook.session import open_gradebook
from autograder.gradebook.writing import GradebookSummary, ManualGrade, read_manual_scores
from autograder.records import GradeCell, Record
from tests.gradebook.tiny_course import ASSIGNMENT, record, write_gradebook

AGAIN = "2027-02-11T09:30:00"


def write(course: CoursePaths, *records: Record, **options: Any) -> GradebookSummary:
    return write_gradebook(course.gradebook_url, records, **options)


def rows(course: CoursePaths, student: str = "ana") -> dict[str, tuple[float | None, float | None, bool]]:
    """(auto_score, manual_score, needs_manual_grade) by cell."""
    with open_gradebook(course.gradebook_url) as gradebook:
        found = [gradebook.find_grade(name, ASSIGNMENT, ASSIGNMENT, student) for name in ("units_test", "why")]
        return {grade.name: (grade.auto_score, grade.manual_score, grade.needs_manual_grade) for grade in found}


def grade_by_hand(course: CoursePaths, cell: str, score: float | None, extra: float | None = None) -> None:
    """As formgrader does it."""
    with open_gradebook(course.gradebook_url) as gradebook:
        grade = gradebook.find_grade(cell, ASSIGNMENT, ASSIGNMENT, "ana")
        grade.manual_score, grade.extra_credit = score, extra
        grade.needs_manual_grade = grade.manual_score is None and grade.auto_score is None
        gradebook.db.commit()


def comment_by_hand(course: CoursePaths, cell: str, text: str) -> None:
    with open_gradebook(course.gradebook_url) as gradebook:
        gradebook.find_comment(cell, ASSIGNMENT, ASSIGNMENT, "ana").manual_comment = text
        gradebook.db.commit()


def auto_comment(course: CoursePaths, cell: str) -> str | None:
    with open_gradebook(course.gradebook_url) as gradebook:
        found: str | None = gradebook.find_comment(cell, ASSIGNMENT, ASSIGNMENT, "ana").auto_comment
        return found


def test_the_first_write_makes_student_submission_and_scores(course: CoursePaths, capfd: pytest.CaptureFixture[str]) -> None:
    summary = write(course, record(2.5), record(4.0, student="bo", submitted_at=None))
    assert summary == GradebookSummary(needs_manual_grade=("ana", "bo"), changed=("ana", "bo"))
    assert rows(course) == {"units_test": (2.5, None, False), "why": (None, None, True)}
    with open_gradebook(course.gradebook_url) as gradebook:
        assert gradebook.find_submission(ASSIGNMENT, "ana").timestamp == datetime(2027, 2, 10, 18)
        assert gradebook.find_submission(ASSIGNMENT, "bo").timestamp is None
        assert gradebook.find_submission(ASSIGNMENT, "bo").score == 4.0
        assert gradebook.db.execute(sql("SELECT id FROM course ORDER BY id")).scalars().all() == ["default_course", "tiny-course"]
    assert capfd.readouterr() == ("", "")


def sql(text: str) -> Any:
    from sqlalchemy import text as statement

    return statement(text)


def test_submissions_are_made_as_nbgrader_makes_them(course: CoursePaths) -> None:
    def contents(gradebook: Any, student: str) -> Any:
        """All columns but the ids of the rows themselves."""
        submission = gradebook.find_submission(ASSIGNMENT, student)
        (notebook,) = submission.notebooks
        parts = (notebook.grades, notebook.comments)
        rows = [
            {**{c.name: getattr(row, c.name) for c in row.__table__.c}, "id": None, "notebook_id": None} for part in parts for row in part
        ]
        whole = (submission.assignment_id, submission.extension, notebook.notebook_id, notebook.flagged, notebook.late_submission_penalty)
        return whole, sorted(rows, key=lambda row: (len(row), row["cell_id"]))

    write(course, record(None, grade_cells=(), submitted_at=None))
    with open_gradebook(course.gradebook_url) as gradebook:
        gradebook.add_student("bo")
        gradebook.add_submission(ASSIGNMENT, "bo")
        assert contents(gradebook, "ana") == contents(gradebook, "bo")
        ana, bo = (gradebook.find_student(student).to_dict() for student in ("ana", "bo"))
        assert {**ana, "id": "bo"} == bo


def test_writing_twice_is_writing_once(course: CoursePaths) -> None:
    first = write(course, record(2.5))
    before = rows(course)
    assert write(course, record(2.5)) == dataclasses.replace(first, changed=())
    assert rows(course) == before


def test_what_people_gave_survives_a_regrade(course: CoursePaths) -> None:
    write(course, record(2.5))
    grade_by_hand(course, "why", 1.5, extra=0.5)
    comment_by_hand(course, "why", "Name the bias, too.")
    comment_by_hand(course, "units", "Neat.")
    summary = write(course, record(3.0))
    assert summary.needs_manual_grade == ()
    assert rows(course) == {"units_test": (3.0, None, False), "why": (None, 1.5, False)}
    with open_gradebook(course.gradebook_url) as gradebook:
        assert gradebook.find_submission(ASSIGNMENT, "ana").score == 3.0 + 1.5 + 0.5
    assert read_manual_scores(course.gradebook_url, ASSIGNMENT) == {
        "ana": {"why": ManualGrade(1.5, 0.5, "Name the bias, too."), "units": ManualGrade(None, None, "Neat.")}
    }


def test_a_new_hand_in_asks_the_person_to_look_again_until_they_do(course: CoursePaths) -> None:
    write(course, record(2.5))
    grade_by_hand(course, "why", 1.5)
    write(course, record(2.5, submitted_at=AGAIN))
    assert rows(course)["why"] == (None, 1.5, True)
    write(course, record(2.5, submitted_at=AGAIN))
    assert rows(course)["why"] == (None, 1.5, True)
    grade_by_hand(course, "why", 2.0)
    write(course, record(2.5, submitted_at=AGAIN))
    assert rows(course)["why"] == (None, 2.0, False)


def test_an_overridden_automatic_score_is_looked_at_again_only_when_it_changes(course: CoursePaths) -> None:
    write(course, record(2.5))
    grade_by_hand(course, "units_test", 4.0)
    write(course, record(2.5))
    assert rows(course)["units_test"] == (2.5, 4.0, False)
    write(course, record(3.0))
    assert rows(course)["units_test"] == (3.0, 4.0, True)


def test_unscored_keeps_the_score_and_waits_for_a_person(course: CoursePaths) -> None:
    write(course, record(None))
    assert rows(course)["units_test"] == (None, None, True)
    write(course, record(2.5))
    write(course, record(None, grading="grader_error"))
    assert rows(course)["units_test"] == (2.5, None, True)
    write(course, record(None, outcome="unreadable", grade_cells=()))
    assert rows(course)["units_test"] == (2.5, None, True)
    write(course, record(0.0))
    assert rows(course)["units_test"] == (0.0, None, False)


def test_a_cell_that_the_submission_lacks_waits_for_nobody(course: CoursePaths) -> None:
    """An erratum has added "why"; Ana's notebook is of the version before."""
    older = record(2.5, grade_cells=(GradeCell("units_test", 2.5, 4.0, manual=False),))
    assert write(course, older).needs_manual_grade == ()
    assert rows(course) == {"units_test": (2.5, None, False), "why": (None, None, False)}
    with open_gradebook(course.gradebook_url) as gradebook:
        assert not gradebook.find_submission(ASSIGNMENT, "ana").needs_manual_grade
    grade_by_hand(course, "why", 2.0)  # given all the same
    assert write(course, older).needs_manual_grade == ()
    assert rows(course)["why"] == (None, 2.0, False)
    assert write(course, dataclasses.replace(older, submitted_at=AGAIN)).needs_manual_grade == ("ana",)


def test_whoever_goes_back_to_an_older_version_loses_the_automatic_score_of_a_new_cell(course: CoursePaths) -> None:
    write(course, record(2.5))
    summary = write(course, record(None, grade_cells=(GradeCell("why", None, 2.0, manual=True),), submitted_at=AGAIN))
    assert summary.needs_manual_grade == ("ana",)
    assert rows(course) == {"units_test": (None, None, False), "why": (None, None, True)}


def test_a_cell_that_the_gradebook_lacks_is_reported_and_the_rest_written(course: CoursePaths) -> None:
    cells = (*record(1.0).grade_cells, GradeCell("later", 1.0, 1.0, manual=False))
    summary = write(course, dataclasses.replace(record(1.0), grade_cells=cells), record(1.0, student="bo"))
    assert summary.unknown_cells == ("tiny: later",)
    assert rows(course, "bo")["units_test"][0] == rows(course)["units_test"][0] == 1.0


def test_no_response_comes_and_goes_and_other_comments_stay(course: CoursePaths) -> None:
    write(course, record(), unanswered={"ana": ["why"]})
    assert auto_comment(course, "why") == "No response."
    write(course, record())
    assert auto_comment(course, "why") == "No response."
    write(course, record(), unanswered={"ana": []})
    assert auto_comment(course, "why") is None


def test_records_are_written_together_or_not_at_all(course: CoursePaths, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbgrader.api import Comment
    from sqlalchemy.orm import Session

    write(course, record(1.0), record(1.0, student="bo"), unanswered={"ana": ["why"]})
    original = Session.bulk_update_mappings

    def dies(session: Session, table: Any, changes: Any) -> None:
        if table is Comment:
            raise KeyboardInterrupt
        original(session, table, changes)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "bulk_update_mappings", dies)
        with pytest.raises(KeyboardInterrupt):
            write(course, record(2.0, submitted_at=AGAIN), record(2.0, student="bo", submitted_at=AGAIN), unanswered={"ana": []})
    assert (rows(course)["units_test"][0], rows(course, "bo")["units_test"][0]) == (1.0, 1.0)
    with open_gradebook(course.gradebook_url) as gradebook:
        assert gradebook.find_submission(ASSIGNMENT, "bo").timestamp == datetime(2027, 2, 10, 18)
    write(course, record(2.0, submitted_at=AGAIN), record(2.0, student="bo", submitted_at=AGAIN), unanswered={"ana": []})
    assert (rows(course)["units_test"][0], rows(course, "bo")["units_test"][0]) == (2.0, 2.0)
    assert auto_comment(course, "why") is None


def test_what_did_not_change_is_not_touched(course: CoursePaths, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.orm import Session

    write(course, record(1.0), record(1.0, student="bo"))
    changed: list[str] = []
    monkeypatch.setattr(Session, "bulk_update_mappings", lambda _, table, changes: changed.extend(each["id"] for each in changes))
    write(course, record(1.0), record(2.0, student="bo"))
    with open_gradebook(course.gradebook_url) as gradebook:
        assert changed == [gradebook.find_grade("units_test", ASSIGNMENT, ASSIGNMENT, "bo").id]


def test_a_person_cannot_grade_between_our_reading_and_our_writing(course: CoursePaths, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the cell that they graded just now would wait for them again."""
    from autograder.gradebook import writing

    write(course, record(1.0))
    original, said = writing._grade_after, []

    def meanwhile(*arguments: Any) -> Any:
        with impatient(course) as execute:
            try:
                execute("UPDATE grade SET manual_score = 1.5, needs_manual_grade = false")
            except Exception as error:  # each driver has its own
                said.append("lock" in str(error))
        return original(*arguments)

    monkeypatch.setattr(writing, "_grade_after", meanwhile)
    write(course, record(2.0))
    assert said == [True] * 2


@contextmanager
def impatient(course: CoursePaths) -> Iterator[Callable[[str], Any]]:
    """Another program's connection, in a transaction of its own; it waits for nobody."""
    if course.gradebook_url.startswith("sqlite"):
        connection = sqlite3.connect(course.root / "gradebook.db", timeout=0, isolation_level=None)
        connection.execute("BEGIN")
    else:
        import psycopg

        connection = psycopg.connect(course.gradebook_url.replace("+psycopg", ""), options="-c lock_timeout=50")
    with closing(connection):
        yield connection.execute


def hurried(url: str) -> str:
    """The URL with a wait for locks that is as good as none."""
    return f"{url}?timeout=0" if url.startswith("sqlite") else f"{url}?options=-c%20lock_timeout%3D50"


def test_an_assignment_that_was_never_released_stops_everything_with_its_cure(course: CoursePaths) -> None:
    with pytest.raises(UsageError) as caught:
        write(course, record(), record(assignment="unknown"))
    assert "autograder release unknown" in caught.value.cure
    with open_gradebook(course.gradebook_url) as gradebook:
        assert gradebook.students == []


def test_a_missing_gradebook_is_not_made_by_writing(course: CoursePaths) -> None:
    url = f"sqlite:///{course.root}/other.db"
    with pytest.raises(UsageError, match="There is no gradebook"):
        write_gradebook(url, [record()])
    assert read_manual_scores(url, ASSIGNMENT) == {}
    assert not (course.root / "other.db").exists()


def test_database_errors_say_whose_fault_they_are(course: CoursePaths, capfd: pytest.CaptureFixture[str]) -> None:
    (course.root / "text.db").write_text("this is no database at all, whatever its name says")
    with pytest.raises(MachineError, match="file is not a database"):
        write_gradebook(f"sqlite:///{course.root}/text.db", [record()])
    for url in ("gradebook.db", "postgresql://me:secret@host:port/db"):
        with pytest.raises(UsageError, match="no database URL") as caught:
            write_gradebook(url, [record()])
        assert "secret" not in str(caught.value)
    with pytest.raises(UsageError, match="driver") as caught:
        write_gradebook("unknown://me:secret@host/db", [record()])
    assert "secret" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_locked_gradebook_is_the_machines_fault(course: CoursePaths, capfd: pytest.CaptureFixture[str]) -> None:
    with impatient(course) as execute:
        execute("UPDATE course SET id = id" if course.gradebook_url.startswith("sqlite") else "LOCK TABLE student")
        with pytest.raises(MachineError, match="locked"):
            write_gradebook(hurried(course.gradebook_url), [record()])
    assert capfd.readouterr() == ("", "")
    write(course, record(2.5))
    assert rows(course)["units_test"] == (2.5, None, False)


def test_a_student_whom_somebody_else_adds_just_now_costs_nobody_anything(course: CoursePaths, monkeypatch: pytest.MonkeyPatch) -> None:
    """As another batch does it, or formgrader: between our looking and our adding. SQLite's one writer keeps them out until we are done."""
    from sqlalchemy.orm import Session

    original, tried = Session.bulk_insert_mappings, []

    def overtaken(session: Session, table: Any, new: Any, **options: Any) -> None:
        if not tried:
            with impatient(course) as execute:
                try:
                    execute("INSERT INTO student (id) VALUES ('ana')")
                    execute("COMMIT")
                    tried.append("added")
                except sqlite3.OperationalError:
                    tried.append("locked")
        original(session, table, new, **options)

    monkeypatch.setattr(Session, "bulk_insert_mappings", overtaken)
    assert write(course, record(2.5), record(1.0, student="bo")).changed == ("ana", "bo")
    assert tried == (["locked"] if course.gradebook_url.startswith("sqlite") else ["added"])
    assert (rows(course)["units_test"][0], rows(course, "bo")["units_test"][0]) == (2.5, 1.0)
