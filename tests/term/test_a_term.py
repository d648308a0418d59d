"""A whole term of thirty students, from the first class list to a grade that is explained line by line (the story of docs/term.md).

Notebooks are short and Keras is a stand-in; everything else is what instructors run, on the days of a calendar (`course.today`).
"""

from __future__ import annotations

import csv
import json
import re
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.term.term_course import CORRECTED, STUDENTS, TermCourse

IN_TIME = {"sums": "2027-02-12 20:00", "loops": "2027-03-27 20:00", "lists": "2027-04-16 20:00", "essay": "2027-05-07 20:00"}


def test_a_term(tmp_path: Path) -> None:
    course = TermCourse(tmp_path / "course")
    course.make()
    january_a_class_list_a_late_join_and_a_drop(course)
    february_illness_an_outage_and_late_submissions(course)
    february_marking_by_hand(course)
    march_the_clocks_go_forward_and_a_score_is_withheld(course)
    april_an_erratum(course)
    april_a_second_attempt_and_somebody_who_hands_nothing_in(course)
    may_the_last_assignment(course)
    june_finalised_scores_change_by_decision_only(course)
    june_the_term_grades(course)
    a_year_later_one_grade_is_explained_line_by_line(course)
    the_ledger_says_who_decided_what(course)


def class_list(course: TermCourse, *students: str) -> str:
    """As a spreadsheet saves it: semicolons, and a byte-order mark."""
    lines = [
        f"{name};Student{name[1:]}, Sam;{name}@uni.es;{'AB'[int(name[1:]) % 2]};{('kim', 'lee')[int(name[1:]) % 2]}" for name in students
    ]
    path = course.root / "class.csv"
    path.write_bytes("\r\n".join(["id;name;e-mail;section;assistant", *lines, ""]).encode("utf-8-sig"))
    return str(path)


def ordinary(course: TermCourse, assignment: str, but: tuple[str, ...] = ()) -> None:
    """Everybody in the class hands something in, in time; those in `but` do something else."""
    for number, student in enumerate(STUDENTS[:28]):
        if student not in but:
            course.hand_in(student, assignment, (45, 36, 27)[number % 3], IN_TIME[assignment])


def automatic(total: int) -> float:
    return round(80 * total / 45, 2)


def january_a_class_list_a_late_join_and_a_drop(course: TermCourse) -> None:
    course.today = "2027-01-11"
    assert "29 joined" in course.do("roster", "import", class_list(course, *STUDENTS[:29]))
    course.today = "2027-01-18"
    said = course.do("roster", "import", class_list(course, *STUDENTS[:28], "s30"))
    assert "1 joined: s30" in said
    assert "1 dropped: s29" in said
    assert [each["id"] for each in course.json("roster", "show")] == [*STUDENTS[:28], "s30"]
    assert json_of(course, "s29")["history"] == [["joined", "2027-01-11T09:00:00+01:00"], ["dropped", "2027-01-18T09:00:00+01:00"]]
    assert json_of(course, "s30")["history"] == [["joined", "2027-01-18T09:00:00+01:00"]]


def json_of(course: TermCourse, student: str) -> dict[str, Any]:
    """A student as the roster knows them, who may have dropped."""
    return next(each for each in course.json("roster", "show", "--all") if each["id"] == student)


def february_illness_an_outage_and_late_submissions(course: TermCourse) -> None:
    course.today = "2027-02-13"
    odd = ("s01", "s02", "s03", "s04", "s05", "s06", "s07")
    ordinary(course, "sums", odd)
    course.hand_in("s01", "sums", 45, IN_TIME["sums"])
    course.hand_in("s02", "sums", 45, "2027-02-13 03:00")  # three hours late
    course.hand_in("s03", "sums", 36, None, received="2027-02-12 21:00")  # without a timestamp: the receipt counts
    course.hand_in("s05", "sums", 45, "2027-02-14 10:12")  # in hospital
    course.hand_in("s06", "sums", 45, "2027-02-21 12:00")  # after it closed
    course.hand_in("s07", "sums", 45, "2027-02-15 12:00")
    course.run("grade", "sums", "--quiet")
    assert (course.score("sums", "s02")["state"], course.score("sums", "s02")["late"]) == ("waiting", 8.0)
    assert "brought no readable time" in str(course.score("sums", "s03")["lines"])
    assert course.score("sums", "s03")["late"] == 0
    assert course.score("sums", "s06")["state"] == "missing"

    course.today = "2027-02-15"
    decide = ("decide", "extend", "sums", "--everybody", "--until", "2027-02-13 12:00", "--why", "the hub was down on Friday evening")
    assert "is read in the course's time zone, Europe/Madrid" in course.do(*decide)
    course.do("decide", "excuse", "sums", "--student", "s04", "--why", "ill, certificate of 15 February")
    course.do("decide", "excuse", "sums", "--student", "s30", "--why", "joined after it was due")
    course.do("decide", "waive_late", "sums", "--student", "s05", "--why", "in hospital")
    course.do("decide", "reopen", "sums", "--student", "s06", "--until", "2027-02-22 12:00", "--why", "accepted late, see e-mail")
    course.do("decide", "extend", "sums", "--student", "s07", "--until", "2027-02-14 12:00", "--why", "exam leave, asked for in time")

    assert course.score("sums", "s02")["late"] == 0
    assert course.score("sums", "s05")["late"] == 0
    assert course.score("sums", "s06")["late"] == 40  # accepted, and at most half of the points
    assert course.score("sums", "s07")["late"] == 8  # one day after the extension
    assert course.score("sums", "s04")["state"] == course.score("sums", "s30")["state"] == "excused"


def february_marking_by_hand(course: TermCourse) -> None:
    course.today = "2027-02-22"
    said = course.do("feedback", "sums")
    assert "0 feedback page(s)" in said
    assert "a person still has to mark why" in said
    assert "27 submission(s) of 'sums' allocated" in course.do("marking", "allocate", "sums", "--by-section")
    piles = course.json("marking", "progress", "sums")
    assert {each["assistant"]: each["open_parts"] for each in piles} == {"kim": 13, "lee": 14}
    course.do("marking", "sheet", "sums")
    assert "10 points: why it ends." in (course.root / "marking/sums.kim.html").read_text()

    course.mark("sums", {**dict.fromkeys([*STUDENTS[:3], *STUDENTS[4:20]], 15.0)}, {"s01": 3.0})
    assert course.score("sums", "s01")["score"] == 98
    assert course.score("sums", "s07")["late"] == 9.5  # of the marks that people gave too
    assert sum(each["open_parts"] for each in course.json("marking", "progress", "sums")) == 8
    assert "19 feedback page(s)" in course.do("feedback", "sums")
    course.mark("sums", dict.fromkeys(STUDENTS[20:28], 12.0))
    assert "27 feedback page(s)" in course.do("feedback", "sums")

    drawn = course.json("marking", "sample", "sums", "--share", "0.1")
    assert len(drawn) == 4
    assert course.json("marking", "sample", "sums", "--share", "0.1") == drawn
    student, second = sorted(drawn.items())[0]
    course.do("marking", "second", "sums", student, "why", "5", "--who", second)
    compared = course.json("marking", "compare", "sums")
    assert (compared["marked_twice"], compared["beyond_tolerance"]) == (1, 1)
    assert compared["differences"][0]["difference"] in (-10.0, -7.0)


def march_the_clocks_go_forward_and_a_score_is_withheld(course: TermCourse) -> None:
    course.today = "2027-04-05"
    ordinary(course, "loops", ("s01",))
    course.hand_in("s01", "loops", 36, "2027-03-29 00:30")  # 24 h 31 min later on the clock, 23 h 31 min in fact
    course.hand_in("s30", "loops", 45, IN_TIME["loops"])
    course.run("grade", "loops", "--quiet")
    course.mark("loops", dict.fromkeys([*STUDENTS[:28], "s30"], 18.0))
    found = course.score("loops", "s01")
    assert (found["score"], found["late"]) == (73.8, 8.2)
    assert "1 started period of 24 hours × 0.1, of 82 points" in str(found["lines"])

    course.do("decide", "withhold", "loops", "--student", "s08", "--why", "we talk on Thursday about s11")
    assert "No page for s08, whose score is withheld" in course.do("feedback", "loops")
    assert course.score("loops", "s08")["score"] is None
    course.do("evidence", "s08", "loops")
    with zipfile.ZipFile(course.root / "evidence/s08.loops.zip") as archive:
        text = "".join(archive.read(name).decode() for name in archive.namelist())
    assert "s08" in text
    assert re.search(r"\bs(?!08)\d\d\b", text) is None
    withheld = next(each["id"] for each in course.json("decisions", "--student", "s08") if each["kind"] == "withhold")
    course.do("decide", "revoke", withheld, "--why", "explained: they work together, by agreement")
    assert course.score("loops", "s08")["score"] == automatic(36) + 18
    assert "29 feedback page(s)" in course.do("feedback", "loops")


def april_an_erratum(course: TermCourse) -> None:
    course.today = "2027-04-12"
    for student, total in {"s11": 36, "s12": 27, "s13": 36}.items():
        course.hand_in(student, "lists", total, "2027-04-09 18:00")
    course.correct("lists")
    said = course.do("release", "lists", "--erratum", "--migrate", str(course.root / "corrected"))
    assert "Version 1 → 2. Handed in as version 1: s11, s12, s13." in said
    for cell in ("cell task: changed", "value: changed", "why: new"):
        assert f"{cell}; who has the older version is graded by its own" in said
    assert "Handed nothing in yet, so nobody knows which version they have: s01, s02," in said
    assert "3 notebooks as version 2, with the students' work" in said
    made = course.root / "corrected/s13/lists/lists.ipynb"
    cells = json.loads(made.read_text())["cells"]
    assert "".join(cells[0]["source"]) == CORRECTED
    assert "total = 36" in ["".join(each["source"]) for each in cells]
    config = course.root / "grading_config.py"
    points = 'points=100, version_points={1: {"value": 100}} if name == "lists" else {},'
    config.write_text(config.read_text().replace("points=100,", points))
    course.hand_in("s13", "lists", 45, "2027-04-15 18:00", began_as=made)  # who goes on; the others are done


def april_a_second_attempt_and_somebody_who_hands_nothing_in(course: TermCourse) -> None:
    course.today = "2027-04-19"
    ordinary(course, "lists", ("s01", "s10", "s11", "s12", "s13", "s28"))
    course.hand_in("s01", "lists", 27, IN_TIME["lists"])
    course.hand_in("s10", "lists", 27, "2027-04-15 10:00")
    course.run("grade", "lists", "--quiet")
    assert (course.waits("lists", "s11"), course.waits("lists", "s13")) == (False, True)
    course.mark("lists", {student: 10.0 for student in STUDENTS[:27] if student not in ("s11", "s12")})
    found = {student: course.score("lists", student) for student in ("s11", "s12", "s13")}
    assert {student: (each["score"], each["max_score"]) for student, each in found.items()} == {
        "s11": (100, 100),  # 0 to 8, as the task said, and all of the points
        "s12": (75, 100),
        "s13": (90, 100),
    }
    assert [next(course.store.of_student("lists", student)).release for student in found] == [1, 1, 2]
    course.hand_in("s10", "lists", 45, "2027-04-16 10:00")
    course.hand_in("s30", "lists", 45, IN_TIME["lists"])
    course.run("grade", "lists", "--student", "s10", "--student", "s30", "--quiet")
    again = course.score("lists", "s10")
    assert (again["state"], again["attempt"]) == ("waiting", 2)  # what was marked is looked at again
    course.mark("lists", {"s10": 12.0, "s30": 12.0})
    assert course.score("lists", "s10")["score"] == 92
    assert course.score("lists", "s28")["state"] == "missing"


def may_the_last_assignment(course: TermCourse) -> None:
    course.today = "2027-05-03"
    said = course.refused("decide", "finalise", "essay", "--everybody", "--why", "the wrong assignment")
    assert "s01, s02, s03, s04, s05 and 24 more may still hand something in, until 2027-05-14 23:59" in said
    course.today = "2027-05-10"
    ordinary(course, "essay", ("s01",))
    course.hand_in("s01", "essay", 27, IN_TIME["essay"])
    course.hand_in("s30", "essay", 45, IN_TIME["essay"])
    course.run("grade", "essay", "--quiet")
    course.mark("essay", dict.fromkeys([*STUDENTS[:28], "s30"], 12.0))
    items = {each["grade_id"]: each for each in course.json("report", "essay")["items"]}
    assert (items["value"]["scored"], items["value"]["reached"]) == (29, 29)
    assert items["value"]["difficulty"] == 0.8  # 10 of 45, 9 of 36, 10 of 27
    assert items["why"]["discrimination"] is None  # everybody has the same points

    open_grade = course.json("scores", "--term", "--student", "s28")[0]
    assert (open_grade["state"], open_grade["grade"]) == ("open", None)
    assert open_grade["lines"][-1]["why"] == "open, because of lists"


def june_finalised_scores_change_by_decision_only(course: TermCourse) -> None:
    course.today = "2027-06-02"
    course.do("decide", "override", "loops", "--student", "s09", "--score", "71.5", "--why", "question 2 was ambiguous")
    for name in IN_TIME:
        course.do("decide", "finalise", name, "--everybody", "--why", "agreed by the examiners on 2 June")
    assert course.score("lists", "s28")["score"] == 0

    before, rows, scores = course.records(), gradebook(course), final_scores(course)
    config = course.root / "grading_config.py"
    config.write_text(config.read_text().replace("Curve({0.0: 0, 1.0: 1})", "Curve({0.5: 0, 1.0: 1})"))
    said = course.run("regrade", "sums")
    assert "s03: would be 48 instead of 64; it is final and stays" in said
    assert "0 score(s) changed" in said
    assert "27 final, nothing of them changed; 15 would be different" in said
    grader = course.root / "graders/loops/test_it.py"
    grader.write_text(grader.read_text().replace("/ 45", "/ 90"))  # so that the graders look at every run again
    said = course.run("regrade", "loops")
    assert "s01: would be 0 instead of 64; it is final and stays" in said
    assert "29 regraded, 0 score(s) changed" in said
    assert (course.records(), gradebook(course), final_scores(course)) == (before, rows, scores)

    course.today = "2027-06-17"
    course.do("decide", "reopen", "sums", "--student", "s03", "--until", "2027-06-20 12:00", "--why", "appeal: judged anew by the board")
    assert "s03: 64 → 48" in course.run("regrade", "sums")
    assert course.score("sums", "s03")["score"] == 63
    course.today = "2027-06-18"
    course.do("decide", "finalise", "sums", "--student", "s03", "--why", "the board, 18 June")
    assert {name: each for name, each in final_scores(course).items() if scores[name] != each} == {("sums", "s03"): 63}
    course.today = "2027-06-21"
    course.do("decide", "override", "essay", "--student", "s01", "--score", "70", "--why", "appeal: part 2 was right")


def june_the_term_grades(course: TermCourse) -> None:
    said = course.do("export", "--term")
    assert "29 term grades exported, 0 without one" in said
    assert "Not in the class any more" not in said  # who dropped never handed anything in
    with (course.root / "exports/term.csv").open(encoding="utf-8", newline="") as stream:
        rows = {row["id"]: row for row in csv.DictReader(stream)}
    assert len(rows) == 29
    assert {row["state"] for row in rows.values()} == {"final"}
    assert (rows["s30"]["sums"], rows["s30"]["sums: part"]) == ("", "excused")
    assert (rows["s28"]["lists"], rows["s28"]["lists: part"]) == ("0", "dropped")
    assert rows["s01"]["term"] == "77.02"
    config = course.root / "grading_config.py"
    agreed = config.read_text()
    config.write_text(agreed.replace('"essay": 2}', '"essay": 3}'))
    said = course.refused("export", "--term")
    assert said.startswith(AS_AGREED)
    config.write_text(agreed)
    course.do("export", "--term", "--format", "moodle")
    assert (course.root / "exports/term.moodle.csv").read_text().splitlines()[:2] == ["username,term", "s01,77.02"]


AS_AGREED = (
    "Nothing was exported: 29 term grades (s01, s02, s03, s04, s05 and 24 more) became final by d13 of 2027-06-02, d15 of 2027-06-18 "
    "with another Term(…): weight of 'essay' 2, now 3."
)
EXPLAINED = """\
Sam Student01 (s01), term: 77.02 of 100
  sums                19  98 of 100 points, final (d10); 95 without extra credit; weight 1 of 5
      automatic     80.00  the only attempt
      by hand       15.00  why 15
      late           0.00  handed in 2027-02-12 20:00, in time: due 2027-02-13 12:00 and 15 min of grace
      extend               until 2027-02-13 12:00, decided by garcia on 2027-02-15 (d1): the hub was down on Friday evening
      extra          3.00  extra credit, which lateness does not reduce
      final                decided by garcia on 2027-06-02 (d10): agreed by the examiners on 2 June
  loops            29.52  73.8 of 100 points, final (d11); weight 2 of 5
      automatic     64.00  the only attempt
      by hand       18.00  why 18
      late          −8.20  handed in 2027-03-29 00:30, 23 h 16 min after 2027-03-27 23:59 and 15 min of grace: 1 started period of 24 hours × 0.1, of 82 points
      extra          0.00  no extra credit
      final                decided by garcia on 2027-06-02 (d11): agreed by the examiners on 2 June
  lists                   dropped, the lowest: 58 of 100 points, final (d12)
      automatic     48.00  the only attempt
      by hand       10.00  why 10
      late           0.00  handed in 2027-04-16 20:00, in time: due 2027-04-16 23:59 and 15 min of grace
      extra          0.00  no extra credit
      final                decided by garcia on 2027-06-02 (d12): agreed by the examiners on 2 June
  essay               28  70 of 100 points, final (d13); weight 2 of 5
      automatic     48.00  the only attempt
      by hand       12.00  why 12
      late           0.00  handed in 2027-05-07 20:00, in time: due 2027-05-07 23:59 and 15 min of grace
      extra          0.00  no extra credit
      override      70.00  the whole score in place of 60: decided by garcia on 2027-06-21 (d16): appeal: part 2 was right
      final                decided by garcia on 2027-06-02 (d13): agreed by the examiners on 2 June
  extra credit       0.5  sums 3, weight 1 of 5: 0.6 of 100 points, of which at most 0.5 count
  term             77.02  of 100 points, the sum of these lines
"""  # noqa: E501  # lines as they are printed


def a_year_later_one_grade_is_explained_line_by_line(course: TermCourse) -> None:
    course.today = "2028-05-02"
    assert course.do("scores", "--term", "--student", "s01", "--explain") == EXPLAINED


def test_the_story_shows_what_is_printed() -> None:
    page = (Path(__file__).parents[2] / "docs/term.md").read_text(encoding="utf-8")
    [block] = [each for each in page.split("```") if "Sam Student01 (s01)" in each]
    shown = [line for line in block.strip().splitlines() if line.strip() != "…"]
    assert len(shown) > 15
    assert [line for line in shown if line not in EXPLAINED.splitlines()] == []
    assert AS_AGREED in page


def gradebook(course: TermCourse) -> list[Any]:
    with closing(sqlite3.connect(course.root / "gradebook.db")) as database:
        return [database.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in ("grade", "comment", "submitted_notebook")]


def final_scores(course: TermCourse) -> dict[tuple[str, str], float | None]:
    return {(each["assignment"], each["student"]): each["score"] for each in course.json("scores")}


def the_ledger_says_who_decided_what(course: TermCourse) -> None:
    entries = [json.loads(line) for line in (course.root / ".autograder/decisions.jsonl").read_text().splitlines()]
    assert len(entries) == 16
    assert {each["who"] for each in entries} == {"garcia"}
    assert all(each["why"] for each in entries)
    assert Path(course.root / ".autograder/marking.jsonl").is_file()
