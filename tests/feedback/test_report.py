"""The instructor's report: for none, one and hundreds of records, and nothing in it can run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from autograder.feedback.difficulty import difficulties
from autograder.feedback.report import feedback_address, render_report, render_similar
from autograder.feedback.student import ManualGrade
from autograder.feedback.summary import lateness, newest
from autograder.quality.similarity import Pair, Row, Similarity
from autograder.records import Flag, GradeCell, Usage

from .samples import HOSTILE, batch, read, record, report, result, unscored


def test_the_report_says_what_matters() -> None:
    text = read(render_report(report(*batch()))).text
    for words in (
        "8 submissions", "6 scored", "2 not scored: unreadable 1, grader error 1", "78 % median", "6 reach 50 %", "wait for manual grading",
        "A grader is broken.", "KeyError: 'test_acuracy'", "nobody passes", "everybody passes", "× 6", "Restored cell , 7 students",
        "median 0.8836", "33 % of 6 get all points", "Processor time of all executions: 10 min 48 s", "66.26 of 90", "1 to grade by hand",
    ):  # fmt: skip
        assert words in text, words


def test_no_records() -> None:
    assert "Nothing has been graded yet." in read(render_report(report())).text


def test_one_record() -> None:
    text = read(render_report(report(record()))).text
    assert "1 submission " in text
    assert "nobody passes" not in text


def test_one_unscored_record() -> None:
    text = read(render_report(report(unscored(outcome="infra_error", reason="no space left")))).text
    assert "The machine could not process some submissions." in text
    assert "no space left" in text
    assert "– median" in text


def test_a_gpu_that_was_not_there_is_told_to_the_instructor() -> None:
    fallen = replace(record(), usage=Usage(48.2, gpu="none (fell back to the CPU)"))
    text = read(render_report(report(fallen))).text
    assert "1 was to run on a GPU and ran on the CPU instead: the machine had no GPU that fits." in text
    assert "ran on the CPU" not in read(render_report(report(record()))).text


def test_four_hundred_students() -> None:
    many = [replace(each, student=f"student{at:03}") for at in range(50) for each in [batch()[at % 8]] * 8]
    many = [replace(each, student=f"student{at:03}") for at, each in enumerate(many)]
    html = render_report(report(*many))
    assert len(html) < 400_000
    assert html.count("../feedback/") == 400


def test_the_newest_attempt_counts() -> None:
    first, second = record(attempt=1, score=0.0), record(attempt=2, score=90.0)
    assert newest([second, first]) == [second]
    assert "1 submission " in read(render_report(report(first, second))).text


def test_students_by_score_with_the_unscored_first() -> None:
    html = render_report(report(*batch()))
    table = html[html.index("<h2>Students") :]
    places = [table.index(f"/{name}/first") for name in ("gus", "hana", "bao", "dana", "farid", "ada", "chidi", "eline")]
    assert places == sorted(places)


def test_difficulty_is_over_what_could_be_judged() -> None:
    def of(fraction: float | None, message: str = "") -> GradeCell:
        return GradeCell("model", 1, 1, False, (result("test_a", fraction, message), result("test_b", 1.0)))

    fractions = ((0.5, "7,840 parameters"), (0.0, "7,850 parameters"), (None, "KeyError"), (1.0, "fine"), (0.0, "other"))
    hardest, easiest = difficulties(record(grade_cells=(of(*each),)) for each in fractions)
    assert (hardest.name, hardest.taken, hardest.passed, hardest.mean, hardest.broken) == ("test_a", 4, 0.25, 0.375, 1)
    assert (hardest.message, hardest.message_count) == ("7,840 parameters", 2)
    assert (easiest.mark, easiest.mean) == ("everybody passes", 1)


def test_manual_grades_that_are_given_wait_no_longer() -> None:
    manual = {"ada": {"explanation": ManualGrade(7)}}
    assert "wait for manual grading" not in read(render_report(report(record(), manual=manual))).text
    assert "wait for manual grading" in read(render_report(report(record(), manual={"ada": {"explanation": None}}))).text


@pytest.mark.parametrize(
    ("submitted", "late"),
    [
        ("2027-02-12 22:00:00 UTC", ""), ("2027-02-12 23:30:00.123456 UTC", "31 min"), ("2027-02-13T04:59:00+01:00", "5 h"),
        ("2027-02-16 23:59:00", "4 days"), ("yesterday", "?"), (None, ""),
    ],
)  # fmt: skip
def test_lateness(submitted: str | None, late: str) -> None:
    due = datetime(2027, 2, 12, 22, 59, tzinfo=UTC)
    assert lateness(record(submitted_at=submitted), due) == late
    assert lateness(record(submitted_at=submitted), None) == ""


@pytest.mark.parametrize(
    ("student", "address"),
    [
        ("ada", "../feedback/ada/a1/a1.html"),
        ("javascript:alert(1)", "../feedback/javascript%3Aalert%281%29/a1/a1.html"),
        ('"><script>/..', "../feedback/%22%3E%3Cscript%3E%2F../a1/a1.html"),
        ("..", ""),
        ("", ""),
        ("a\ud800b", "../feedback/a%3Fb/a1/a1.html"),
    ],
)
def test_addresses_of_feedback(student: str, address: str) -> None:
    assert feedback_address(student, "a1") == address


def test_hostile_content_is_only_text() -> None:
    cells = (GradeCell(HOSTILE, 1, 2, False, (result(HOSTILE, 0.0, HOSTILE, measured={HOSTILE: 0.4}),)),)
    records = [
        record(student=HOSTILE, assignment="a", flags=(Flag(HOSTILE, HOSTILE),), grade_cells=cells),
        unscored(student=f"2{HOSTILE}", grading="grader_error", grading_reason=HOSTILE),
        unscored(student=f"3{HOSTILE}", outcome="infra_error", reason=HOSTILE),
    ]
    page = report(*records, course_title=HOSTILE, profile=HOSTILE, generated_at=HOSTILE, assignment=HOSTILE)
    html = render_report(page)
    read(html)
    assert "<script" not in html
    assert html.count("</style>") == 1
    assert "\x1b" not in html


def test_no_points_at_all() -> None:
    bare = record(grade_cells=(), score=0.0, max_score=0.0)
    assert "– median" in read(render_report(report(bare))).text


def test_flags_of_one_kind_stand_together_with_their_details() -> None:
    records = [record(student=f"s{number}", flags=(Flag("large_literals", f"{number}.0 KiB"),)) for number in range(1, 4)]
    text = read(render_report(report(*records, record(student="s4", flags=(Flag("too_fast", "40 epochs"),))))).text
    assert "Large literals , 3 students 1.0 KiB s1 2.0 KiB s2 3.0 KiB s3" in text
    assert "Too fast , 1 student 40 epochs s4" in text


def test_similar_submissions_are_listed_and_shown_side_by_side() -> None:
    pairs = (Pair("ada", "bao", 0.987), Pair("chidi", HOSTILE, 0.91), Pair("dana", "eline", 0.905))
    rows = ((Row("x = 1", "y = 1", True), Row(HOSTILE, "", False)), (Row("a", "b", False),))
    page = report(*batch(), similar=Similarity(pairs, rows))
    whole = read(render_report(page))
    assert "ada bao 99 % side by side" in whole.text
    assert "And 1 more pair with less in common." in whole.text
    assert ("a", "href", "first_dense_network.similar.html#pair-2") in whole.attributes
    beside = read(render_similar(page))
    assert "ada and bao , 99 % in common ada bao x = 1 y = 1" in beside.text
    assert ("details", "id", "pair-2") in beside.attributes
    assert "dana" not in beside.text


def test_without_similar_submissions_nothing_is_said_about_them() -> None:
    assert "Similar" not in read(render_report(report(*batch()))).text


def test_extra_credit_stands_beside_the_points() -> None:
    with_extra = record(grade_cells=(*record().grade_cells, GradeCell("contest_points", 1.5, 4, False, extra=True)))
    assert "of 90 + 1.5 extra" in read(render_report(report(with_extra))).text


def test_students_are_called_by_name_and_an_extension_counts() -> None:
    late = replace(record(), student="ada", submitted_at="2027-02-13T10:00:00Z")
    due, extended = datetime(2027, 2, 12, 23, tzinfo=UTC), datetime(2027, 2, 14, 23, tzinfo=UTC)
    html = render_report(replace(report(late), due=due, names={"ada": "Ada <b>Lovelace</b>"}))
    assert "Ada &lt;b&gt;Lovelace&lt;/b&gt;" in html
    assert "11 h" in read(html).text
    text = read(render_report(replace(report(late), due=due, extended={"ada": extended}))).text
    assert "11 h" not in text
