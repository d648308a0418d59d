"""Marking by hand: who gets what, how far everybody is, the sample that is marked twice, and feedback that waits for it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder import Course
from autograder.batch.store import Store
from autograder.course.loading import load_course
from autograder.course.paths import CoursePaths
from autograder.gradebook.holding import held_back
from autograder.records import GradeCell
from autograder.term.decisions import ledger
from autograder.term.facts import CellPoints, Facts, HandGrade
from autograder.term.marking import (
    Marking,
    MarkingEntry,
    Part,
    by_section,
    differences,
    draw_sample,
    evenly,
    marking_of,
    parts_of,
    piles_of,
)
from autograder.term.roster import Member, RosterChange, roster_journal
from autograder.term.students_csv import Student
from tests.conftest import autograder
from tests.gradebook.tiny_course import record
from tests.term.samples import attempt, decision, facts

NAMES = st.lists(st.text("abcdefgh0123", min_size=1, max_size=4), unique=True, max_size=40)
SECRET = b"secret"


def entry(kind: str, **values: object) -> MarkingEntry:
    return MarkingEntry(kind, "2027-03-01T10:00:00+01:00", "garcia", "tiny", **values)  # type: ignore[arg-type]


def part(student: str, score: float | None = None, waits: bool | None = None, cell: str = "why") -> Part:
    return Part(student, cell, 10.0, score, score is None if waits is None else waits)


def member(name: str, section: str = "", assistant: str = "") -> Member:
    return Member(Student(name, section=section, assistant=assistant), (("joined", "2027-01-11"),))


# --- parts --------------------------------------------------------------------------------------------------------------


def test_a_part_is_open_until_a_person_gave_points_and_again_when_it_changed() -> None:
    known = {
        "ana": facts(attempt(), why=None),
        "bo": facts(attempt(), why=7.0),
        "eva": Facts((attempt(),), {"why": HandGrade(7.0, waits=True)}),
    }
    assert parts_of(known) == [part("ana"), part("bo", 7.0), part("eva", 7.0, waits=True)]


def test_nobody_has_to_mark_what_cannot_be_read_or_was_never_handed_in() -> None:
    assert parts_of({"ana": Facts(), "bo": facts(attempt(score=None), why=None)}) == []


def test_of_several_attempts_the_last_one_is_marked() -> None:
    later = replace(attempt(number=2), cells=(CellPoints("code", 1.0, 90.0, False), CellPoints("more", None, 5.0, True)))
    assert [each.cell for each in parts_of({"ana": facts(attempt(), later, why=None)})] == ["more"]


def test_an_automatic_cell_that_a_person_scored_is_looked_at_again() -> None:
    known = {"ana": facts(attempt(), code=HandGrade(50.0, waits=True))}
    assert [(each.cell, each.open) for each in parts_of(known)] == [("code", True), ("why", False)]


# --- allocation ---------------------------------------------------------------------------------------------------------


@given(NAMES, st.lists(st.sampled_from(["kim", "lee", "roy"]), unique=True, min_size=1))
def test_even_piles_differ_by_one_and_come_out_the_same_again(students: list[str], assistants: list[str]) -> None:
    given_out, problems = evenly("tiny", students, assistants, {}, {})
    assert not problems
    assert given_out == evenly("tiny", list(reversed(students)), assistants, {}, {})[0]
    assert given_out.keys() == set(students)
    sizes = [list(given_out.values()).count(name) for name in assistants]
    assert max(sizes) - min(sizes) <= 1


@given(NAMES, NAMES)
def test_who_comes_later_evens_out_what_is_there(first: list[str], later: list[str]) -> None:
    already = dict.fromkeys(first, "kim")
    new = [each for each in later if each not in already]
    added, _ = evenly("tiny", new, ["kim", "lee"], already, {})
    lee, kim = list(added.values()).count("lee"), len(first) + list(added.values()).count("kim")
    assert abs(lee - kim) <= 1 or (lee == len(new) and lee < kim)


def test_nobody_gets_what_they_mark_a_second_time() -> None:
    second = {"ana": {"kim"}, "bo": {"kim", "lee"}}
    found, problems = evenly("tiny", ["ana", "bo", "cy"], ["kim", "lee"], {"x": "lee", "y": "lee"}, second)
    assert found == {"ana": "lee", "cy": "kim"}
    assert problems == ["kim and lee already mark a second time: bo"]
    roster = {name: member(name, "A", "kim") for name in ("ana", "cy")}
    assert by_section(["ana", "cy"], roster, second) == ({"cy": "kim"}, ["kim already marks a second time: ana"])


def test_sections_go_to_their_assistants_and_who_has_none_is_named() -> None:
    roster = {
        each.student.id: each
        for each in (member("ana", "A", "kim"), member("bo", "A"), member("cy", "B"), member("dan"), member("eva", "B", "roy"))
    }
    found, problems = by_section(["ana", "bo", "cy", "dan", "eva", "zoe"], roster, {})
    assert found == {"ana": "kim", "bo": "kim", "cy": "roy", "eva": "roy"}
    assert problems == ["neither section nor assistant in the roster: dan", "not in the roster: zoe"]
    roster["fay"] = member("fay", "A", "lee")
    assert by_section(["bo"], roster, {})[1] == ["section 'A' has several assistants (kim, lee): bo"]
    assert by_section(["gil"], {"gil": member("gil", "C")}, {})[1] == ["section 'C' has no assistant: gil"]


def test_later_lines_count() -> None:
    entries = [
        entry("allocate", markers={"ana": "kim", "bo": "kim"}),
        entry("allocate", markers={"bo": "lee"}),
        replace(entry("allocate", markers={"ana": "roy"}), assignment="other"),
        entry("sample", markers={"ana": "lee"}),
        entry("second", student="ana", cell="why", score=3.0),
        entry("second", student="ana", cell="why", score=4.0),
    ]
    found = marking_of(entries, "tiny")
    assert (found.markers, found.second) == ({"ana": "kim", "bo": "lee"}, {"ana": "lee"})
    assert found.marks["ana", "why"].score == 4.0
    assert found.second_markers == {"ana": {"lee", "garcia"}}


def test_progress_by_assistant_and_of_what_nobody_has() -> None:
    parts = [part("ana", 5.0), part("ana", cell="more"), part("bo", 7.0), part("cy")]
    ana, bo, nobody = piles_of(parts, Marking({"ana": "kim", "bo": "lee"}, {}, {}))
    assert (ana.assistant, ana.parts, ana.open_parts, ana.open_students) == ("kim", 2, 1, ("ana",))
    assert (bo.assistant, bo.open_parts) == ("lee", 0)
    assert (nobody.assistant, nobody.students) == ("", ("cy",))


# --- second marking -----------------------------------------------------------------------------------------------------


@given(NAMES.filter(lambda names: len(names) > 2), st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_sample_is_drawn_the_same_again_and_a_larger_one_adds_to_it(students: list[str], one: float, other: float) -> None:
    small, large = sorted((one, other))
    markers = {name: ("kim", "lee", "roy")[index % 3] for index, name in enumerate(students)}
    drawn = draw_sample("tiny", markers, ["kim", "lee", "roy"], small, SECRET, {})
    assert drawn == draw_sample("tiny", dict(reversed(markers.items())), ["kim", "lee", "roy"], small, SECRET, {})
    assert all(markers[student] != second for student, second in drawn.items())
    assert {markers[student] for student in drawn} == set(markers.values())
    more = draw_sample("tiny", markers, ["kim", "lee", "roy"], large, SECRET, drawn)
    assert not drawn.keys() & more.keys()
    assert drawn.keys() | more.keys() == draw_sample("tiny", markers, ["kim", "lee", "roy"], large, SECRET, {}).keys()


def test_another_secret_draws_others() -> None:
    markers = {f"s{number}": "kim" for number in range(200)}
    assert draw_sample("tiny", markers, ["lee"], 0.1, SECRET, {}) != draw_sample("tiny", markers, ["lee"], 0.1, b"other", {})


def test_differences_come_largest_first_and_then_what_is_open() -> None:
    marks = {
        ("ana", "why"): entry("second", student="ana", cell="why", score=4.0),
        ("bo", "why"): entry("second", student="bo", cell="why", score=9.0),
    }
    marking = Marking({"ana": "kim", "bo": "kim", "cy": "kim"}, {"ana": "lee", "bo": "lee", "cy": "lee"}, marks)
    found = differences([part("ana", 5.0), part("bo", 5.0), part("cy", 5.0), part("dan", 5.0)], marking)
    assert [(each.student, each.difference) for each in found] == [("bo", 4.0), ("ana", -1.0), ("cy", None)]
    assert (found[2].second, found[2].second_score) == ("lee", None)


# --- feedback that waits ------------------------------------------------------------------------------------------------


def opened(tiny: Path, feedback_when: str) -> tuple[Course, CoursePaths, Store]:
    config = tiny / "grading_config.py"
    config.write_text(config.read_text().replace("timezone=", f'feedback_when="{feedback_when}", timezone=', 1))
    course, paths = load_course(tiny)
    store = Store(paths.state)
    open_cells = (GradeCell("code", 4.0, 4.0, False), GradeCell("why", None, 2.0, True))
    for student, cells in {"ana": open_cells, "bo": open_cells[:1]}.items():
        store.write(record(student=student, grade_cells=cells, assignment="tiny", profile="smoke"))
    return course, paths, store


@pytest.mark.parametrize(("when", "waiting"), [("graded", set()), ("marked", {"ana"}), ("all_marked", {"ana", "bo"})])
def test_feedback_waits_as_the_course_says(tiny: Path, when: str, waiting: set[str]) -> None:
    course, paths, store = opened(tiny, when)
    assert held_back(course, store, "tiny", paths.gradebook_url).keys() == waiting


def test_of_a_final_score_nobody_waits_for_marks(tiny: Path) -> None:
    from autograder.term.decisions import Frozen
    from autograder.term.facts import policy_of

    course, paths, store = opened(tiny, "all_marked")
    frozen = Frozen(policy_of(course, "tiny"), {"ana": Facts()})
    ledger(store.root).append(lambda _: decision("finalise", frozen=frozen))
    assert held_back(course, store, "tiny", paths.gradebook_url) == {}


@pytest.mark.parametrize("when", ["marked", "all_marked"])
def test_nobody_waits_for_the_marks_of_who_is_excused(tiny: Path, when: str) -> None:
    course, paths, store = opened(tiny, when)
    ledger(store.root).append(lambda _: decision("excuse"))
    assert held_back(course, store, "tiny", paths.gradebook_url) == {}


def test_nobody_waits_for_the_marks_of_who_dropped(tiny: Path) -> None:
    course, paths, store = opened(tiny, "all_marked")
    for change in (RosterChange("", "", "", joined=(Student("ana"), Student("bo"))), RosterChange("", "", "", dropped=("ana",))):
        roster_journal(store.root).append(lambda _, change=change: change)  # type: ignore[misc]  # bound at once
    assert held_back(course, store, "tiny", paths.gradebook_url) == {"ana": "a person still has to mark why"}


def test_the_feedback_verb_says_who_waits_and_takes_an_older_page_back(tiny: Path) -> None:
    _, paths, _ = opened(tiny, "marked")
    page = paths.feedback("ana", "tiny")
    page.parent.mkdir(parents=True)
    page.write_text("of yesterday")
    said = done(tiny, "feedback", "tiny").stderr
    assert "No page yet for ana: a person still has to mark why." in said
    assert "1 feedback page(s)" in said
    assert not page.exists()
    assert paths.feedback("bo", "tiny").is_file()


def test_a_setting_that_does_not_exist_is_refused(tiny: Path) -> None:
    config = tiny / "grading_config.py"
    config.write_text(config.read_text().replace("timezone=", 'feedback_when="later", timezone=', 1))
    found = autograder(tiny, "scores")
    assert found.returncode == 2
    assert "feedback_when 'later' is not known" in found.stderr


# --- the commands -------------------------------------------------------------------------------------------------------

CLASS = "id;name;section;assistant\n" + "\n".join(f"s{at};S {at};{'AB'[at % 2]};{('kim', 'lee')[at % 2]}" for at in range(10))


@pytest.fixture
def course(tiny: Path) -> Path:
    """Ten submissions of which a written answer is to be marked, by two assistants."""
    (tiny / "class.csv").write_bytes(CLASS.encode("utf-8-sig"))
    cells = (GradeCell("code", 90.0, 90.0, False), GradeCell("why", None, 10.0, True))
    for number in range(10):
        Store(tiny / ".autograder").write(record(student=f"s{number}", grade_cells=cells, assignment="tiny", profile="smoke"))
    done(tiny, "roster", "import", "class.csv")
    return tiny


def done(course: Path, *arguments: str) -> CompletedProcess[str]:
    found = autograder(course, *arguments)
    assert found.returncode == 0, found.stderr
    return found


def refused(course: Path, *arguments: str) -> str:
    found = autograder(course, *arguments)
    assert found.returncode == 2, found.stdout + found.stderr
    assert "Traceback" not in found.stderr
    return found.stderr


def test_from_allocation_to_compared_marks(course: Path) -> None:
    assert "10 submission(s) of 'tiny' allocated" in done(course, "marking", "allocate", "tiny", "--by-section").stderr
    piles = json.loads(done(course, "marking", "progress", "tiny", "--json", "-").stdout)
    assert [(each["assistant"], each["parts"], each["open_parts"]) for each in piles] == [("kim", 5, 5), ("lee", 5, 5)]
    assert "0 submission(s) of 'tiny' allocated, 10 as before" in done(course, "marking", "allocate", "tiny", "--evenly").stderr
    mine = json.loads(done(course, "marking", "progress", "tiny", "--assistant", "kim", "--json", "-").stdout)
    assert [each["student"] for each in mine] == ["s0", "s2", "s4", "s6", "s8"]
    drawn = json.loads(done(course, "marking", "sample", "tiny", "--share", "0.2", "--json", "-").stdout)
    assert sorted(drawn.values()) == ["kim", "lee"]
    assert "2 page(s)" in done(course, "marking", "sheet", "tiny").stderr
    page = (course / "marking/tiny.kim.html").read_text(encoding="utf-8")
    assert page.count("There is no notebook.") == 6  # five of kim's own, and one of lee's
    assert page.count("second marking") == 1
    student, second = sorted(drawn.items())[0]
    first = "kim" if second == "lee" else "lee"
    done(course, "marking", "second", "tiny", student, "why", "7.5", "--who", second, "--comment", "no reason given")
    for arguments, words in (
        ((student, "why", "8", "--who", second), f"{second} gave 7.5 on 20"),
        ((student, "why", "11", "--who", "roy", "--again"), "11 lies outside 0 to 10"),
        ((student, "why", "nan", "--who", "roy", "--again"), "nan lies outside 0 to 10"),
        ((student, "why", "8", "--who", first, "--again"), f"{first} marked {student} the first time"),
        ((student, "wy", "8"), f"'{student}' has no part 'wy'"),
        (("s99", "why", "8"), "'s99' is not in the sample"),
    ):
        assert words in refused(course, "marking", "second", "tiny", *arguments)
    compared = json.loads(done(course, "marking", "compare", "tiny", "--json", "-").stdout)
    assert (compared["parts"], compared["marked_twice"]) == (2, 0)
    mark = next(each for each in compared["differences"] if each["student"] == student)
    assert (mark["second_score"], mark["first_score"], mark["comment"]) == (7.5, None, "no reason given")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("allocate", "tyni", "--evenly"), "no assignment 'tyni'"),
        (("allocate", "tiny"), "--by-section or --evenly"),
        (("allocate", "tiny", "--by-section", "--evenly"), "--by-section or --evenly"),
        (("progress", "tiny", "--assistant", "kim"), "'kim' has nothing to mark"),
        (("sheet", "tiny", "--assistant", "kim"), "'kim' has nothing to mark"),
        (("sample", "tiny"), "Nothing of 'tiny' is allocated yet"),
        (("second", "tiny", "s1", "why", "1"), "'s1' is not in the sample"),
    ],
)
def test_what_cannot_be_meant_is_said_and_writes_nothing(course: Path, arguments: tuple[str, ...], words: str) -> None:
    assert words in refused(course, "marking", *arguments)
    journal = course / ".autograder/marking.jsonl"
    assert not journal.exists() or not journal.read_bytes()


def test_allocated_again_nothing_goes_to_its_second_marker(course: Path) -> None:
    done(course, "marking", "allocate", "tiny", "--by-section")
    drawn = json.loads(done(course, "marking", "sample", "tiny", "--share", "1", "--json", "-").stdout)
    said = refused(course, "marking", "allocate", "tiny", "--evenly", "--again", "--assistant", "kim")
    assert "Nobody is allocated, because some have no assistant: kim already marks a second time" in said
    done(course, "marking", "allocate", "tiny", "--evenly", "--again")
    lines = [json.loads(line) for line in (course / ".autograder/marking.jsonl").read_text().splitlines()]
    first = {student: name for line in lines if line["kind"] == "allocate" for student, name in line["markers"].items()}
    assert all(first[student] != second for student, second in drawn.items())
    assert len(drawn) == 10


def test_who_has_no_assistant_stops_the_allocation_by_section(course: Path) -> None:
    Store(course / ".autograder").write(record(student="zoe", assignment="tiny", profile="smoke"))
    assert "not in the roster: zoe" in refused(course, "marking", "allocate", "tiny", "--by-section")
    assert not (course / ".autograder/marking.jsonl").exists()


def test_the_only_marker_cannot_be_the_second_one(course: Path) -> None:
    done(course, "marking", "allocate", "tiny", "--evenly", "--assistant", "kim")
    assert "somebody else than the first marker" in refused(course, "marking", "sample", "tiny")
    drawn = json.loads(done(course, "marking", "sample", "tiny", "--assistant", "roy", "--json", "-").stdout)
    assert list(drawn.values()) == ["roy"]
