"""Names and late penalties in nbgrader's real gradebook, and final scores with what people graded there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autograder import Assignment, Course, Late, Profile
from autograder.batch.store import Store
from autograder.course.paths import CoursePaths
from autograder.gradebook.late import hand_grades, refresh_scores
from autograder.gradebook.names import write_names
from autograder.gradebook.session import open_gradebook
from autograder.records import Record, to_dict
from autograder.term.decisions import Decision, ledger
from autograder.term.facts import HandGrade
from autograder.term.score import Final
from autograder.term.students_csv import Student
from tests.gradebook.test_writing import grade_by_hand, write
from tests.gradebook.tiny_course import ASSIGNMENT, record
from tests.term.samples import decision, madrid

COURSE = Course(
    id="tiny-course", title="C", datasets=[], timezone="Europe/Madrid", late=Late(per_day=0.1, at_most=0.5),
    assignments=[Assignment(ASSIGNMENT, due="2027-02-12 23:59", points=6, profiles={"full": Profile(dataset="digits")})],
)  # fmt: skip
LATE = "2027-02-13 22:30:00 UTC"  # half an hour before the second period begins


def graded(course: CoursePaths, *records: Record) -> Store:
    store = Store(course.state)
    for each in records:
        store.write(each)
    write(course, *records)
    return store


def decide(store: Store, kind: Any, **values: Any) -> None:
    def make(entries: Any) -> Decision:
        return replace(decision(kind, len(entries) + 1, **values), assignment=ASSIGNMENT)

    ledger(store.root).append(make)


def refreshed(course: CoursePaths, store: Store) -> dict[str, Final]:
    return {each.student: each for each in refresh_scores(COURSE, store, ASSIGNMENT, course.gradebook_url)}


def penalty(course: CoursePaths, student: str = "ana") -> float:
    with open_gradebook(course.gradebook_url) as gradebook:
        found: float = gradebook.find_submission(ASSIGNMENT, student).late_submission_penalty
        return found


def students(course: CoursePaths) -> dict[str, tuple[str | None, ...]]:
    with open_gradebook(course.gradebook_url) as gradebook:
        return {each.id: (each.first_name, each.last_name, each.email, each.lms_user_id) for each in gradebook.students}


def test_the_penalty_follows_manual_grades_and_decisions(course: CoursePaths) -> None:
    store = graded(course, record(4.0, submitted_at=LATE), record(3.0, student="bo"))
    found = refreshed(course, store)
    assert (found["ana"].state, found["ana"].late, penalty(course)) == ("waiting", 0.4, 0.4)
    grade_by_hand(course, "why", 2.0, extra=0.5)
    assert penalty(course) == 0.4  # nbgrader's own does not move
    found = refreshed(course, store)
    assert (found["ana"].score, found["ana"].late, penalty(course)) == (5.9, 0.6, 0.6)
    assert (found["bo"].late, penalty(course, "bo")) == (0.0, 0.0)
    decide(store, "extend", until=madrid("2027-02-13 23:59"))
    assert (refreshed(course, store)["ana"].score, penalty(course)) == (6.5, 0.0)
    with open_gradebook(course.gradebook_url) as gradebook:  # what nbgrader's export computes
        submission = gradebook.find_submission(ASSIGNMENT, "ana")
        assert submission.score - submission.late_submission_penalty == 6.5


def test_excused_and_withheld_students_leave_no_penalty_behind(course: CoursePaths) -> None:
    store = graded(course, record(4.0, submitted_at=LATE))
    refreshed(course, store)
    assert penalty(course) == 0.4
    decide(store, "excuse")
    assert (refreshed(course, store)["ana"].state, penalty(course)) == ("excused", 0.0)


def test_scores_are_kept_with_their_lines(course: CoursePaths) -> None:
    store = graded(course, record(4.0, submitted_at=LATE))
    found = refreshed(course, store)
    kept = json.loads((store.root / "scores" / f"{ASSIGNMENT}.json").read_text(encoding="utf-8"))
    assert kept == [to_dict(found["ana"])]
    assert "1 started period of 24 hours × 0.1, of 4 points" in kept[0]["lines"][2]["why"]


def test_what_people_gave_and_what_waits(course: CoursePaths) -> None:
    graded(course, record())
    assert hand_grades(course.gradebook_url, ASSIGNMENT) == {"ana": {"why": HandGrade(None, 0.0, True)}}
    grade_by_hand(course, "why", 1.5)
    assert hand_grades(course.gradebook_url, ASSIGNMENT) == {"ana": {"why": HandGrade(1.5, 0.0, False)}}


def test_without_a_gradebook_scores_wait_for_people(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.write(record())
    url = f"sqlite:///{tmp_path}/none.db"
    assert [each.state for each in refresh_scores(COURSE, store, ASSIGNMENT, url)] == ["waiting"]
    assert hand_grades(url, ASSIGNMENT) == {}
    assert write_names(url, [Student("ana")]) == 0
    assert not (tmp_path / "none.db").exists()


def test_other_profiles_do_not_count(course: CoursePaths) -> None:
    store = graded(course, record())
    store.write(record(1.0, profile="smoke", submission_id="1" * 16, attempt=2))
    assert refreshed(course, store)["ana"].automatic == 4.0


def test_names_stand_in_the_gradebook_and_nothing_is_emptied(course: CoursePaths) -> None:
    write(course, record())
    assert students(course)["ana"] == (None, None, None, None)
    ana, bo = Student("ana", "Ana", "Núñez", "ana@uni.es", "17"), Student("bo", "", "Li")
    assert write_names(course.gradebook_url, [ana, bo]) == 2
    assert students(course) == {"ana": ("Ana", "Núñez", "ana@uni.es", "17"), "bo": (None, "Li", None, None)}
    assert write_names(course.gradebook_url, [ana, bo]) == 0
    assert write_names(course.gradebook_url, [Student("ana", "Ana María")]) == 1
    assert students(course)["ana"] == ("Ana María", "Núñez", "ana@uni.es", "17")


@pytest.mark.parametrize("at_most", [0.0, 0.5])
def test_the_settings_of_the_course_decide(course: CoursePaths, at_most: float) -> None:
    store = graded(course, record(4.0, submitted_at="2027-05-13 22:30:00 UTC"))
    changed = Course(id="c", title="C", datasets=[], late=Late(0.1, at_most), assignments=COURSE.assignments)
    (found,) = refresh_scores(changed, store, ASSIGNMENT, course.gradebook_url)
    assert found.late == at_most * 4
