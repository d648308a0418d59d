"""Grading again leaves alone whose score is final."""

from __future__ import annotations

from pathlib import Path

from tests.term.term_course import TermCourse

ONCE = {"s01": 45, "s02": 36}


def test_who_is_final_is_not_graded_again_and_is_named(tmp_path: Path) -> None:
    course = TermCourse(tmp_path / "course")
    course.make()
    for student, total in ONCE.items():
        course.hand_in(student, "sums", total, "2027-02-12 20:00")
    course.run("grade", "sums", "--quiet")
    course.mark("sums", dict.fromkeys(ONCE, 20.0))
    course.do("decide", "finalise", "sums", "--early", "--student", "s01", "--why", "agreed")
    before = course.score("sums", "s01")
    records = {name: content for name, content in course.records().items() if "s01" in name}
    course.hand_in("s01", "sums", 9, "2027-02-12 21:00")
    course.hand_in("s02", "sums", 27, "2027-02-12 21:00")
    said = course.run("grade", "sums", "--force")
    assert "1 final, left as they are; to grade them again: autograder decide reopen sums …" in said
    assert {name: content for name, content in course.records().items() if "s01" in name} == records
    assert course.score("sums", "s01") == before
    assert course.score("sums", "s02")["automatic"] == 48
    said = course.run("grade", "sums", "--student", "s01")
    assert "1 final, left as they are" in said
    assert {name: content for name, content in course.records().items() if "s01" in name} == records
