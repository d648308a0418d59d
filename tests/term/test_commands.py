"""`autograder roster`, `decide`, `decisions` and `scores` as instructors type them."""

from __future__ import annotations

import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from autograder.batch.store import Store
from autograder.records import GradeCell, TestResult
from tests.conftest import autograder
from tests.gradebook.tiny_course import record

CLASS = "id;name;e-mail\nana;Ana Núñez;ana@uni.es\nbo;Bo Li;bo@uni.es\n"


@pytest.fixture
def course(tiny: Path) -> Path:
    """The tiny course with a late policy, a roster of two, and Ana's submission of Sunday morning: nothing in it waits for a person."""
    config = tiny / "grading_config.py"
    text = config.read_text().replace("Curve, Dataset,", "Curve, Dataset, Late,")
    config.write_text(text.replace('title="A tiny course",', 'title="A tiny course", late=Late(per_day=0.1, at_most=0.5),'))
    (tiny / "class.csv").write_bytes(CLASS.encode("utf-8-sig"))
    later = TestResult("test_later", False, 0.8, "", None, "after_due")
    cells = (GradeCell("code", 80.0, 100.0, False, (later,)),)
    late = record(80.0, grade_cells=cells, submitted_at="2027-02-14 09:12:00 UTC", assignment="tiny", profile="smoke")
    Store(tiny / ".autograder").write(late)
    return tiny


def done(course: Path, *arguments: str) -> CompletedProcess[str]:
    found = autograder(course, *arguments, JUPYTERHUB_USER="garcia")
    assert found.returncode == 0, found.stderr
    assert "Traceback" not in found.stderr
    return found


def refused(course: Path, *arguments: str) -> str:
    found = autograder(course, *arguments)
    assert found.returncode == 2, found.stdout + found.stderr
    assert "Traceback" not in found.stderr
    return found.stderr


def ana(course: Path) -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(done(course, "scores", "tiny", "--student", "ana", "--json", "-").stdout)
    return found[0]


def test_a_roster_from_its_list_to_its_history(course: Path) -> None:
    assert "no roster yet" in refused(course, "roster", "show")
    first = done(course, "roster", "import", "class.csv")
    assert "2 joined: ana, bo" in first.stderr
    assert "says the same already" in done(course, "roster", "import", "class.csv").stderr
    (course / "class.csv").write_text("id;name;e-mail\nana;Ana Núñez;ana@uni.es\nbo;Bo;no address\nbo;Bo;\n")
    before = (course / ".autograder/roster.jsonl").read_bytes()
    said = refused(course, "roster", "import", "class.csv")
    assert "class.csv:3: 'no address' is no e-mail address" in said
    assert "class.csv:4: id 'bo' stands in line 3 already" in said
    assert (course / ".autograder/roster.jsonl").read_bytes() == before
    (course / "class.csv").write_text("id;name\nbo;Bo Li\neva;Eva Roth\n")
    said = done(course, "roster", "import", "class.csv").stderr
    assert "1 dropped: ana" in said
    assert "not in the roster: ana" in said
    shown = done(course, "roster", "show", "--all", "--history").stdout
    assert "Ana Núñez" in shown
    assert "dropped 20" in shown
    assert [each["id"] for each in json.loads(done(course, "roster", "show", "--json", "-").stdout)] == ["bo", "eva"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--gradebook", "no url"), "'no url' is no database URL"),
        (("--gradebook", "sqlite:///none.db"), "There is no gradebook 'sqlite:///none.db'. Nothing was done."),
        (("--who", "\u200b "), "is nobody's name"),
    ],
)
def test_an_import_that_cannot_be_meant_changes_nothing(course: Path, arguments: tuple[str, ...], words: str) -> None:
    assert words in refused(course, "roster", "import", "class.csv", *arguments)
    assert not (course / ".autograder/roster.jsonl").exists()


def test_a_gradebook_that_fails_after_an_import_is_said_and_the_same_command_goes_on(course: Path) -> None:
    (course / "gradebook.db").write_text("no database")
    found = autograder(course, "roster", "import", "class.csv")
    assert found.returncode == 3
    assert "2 joined: ana, bo" in found.stderr
    assert "The roster is up to date, but the gradebook does not have the names yet." in found.stderr
    assert "Traceback" not in found.stderr
    (course / "gradebook.db").unlink()
    assert "says the same already" in done(course, "roster", "import", "class.csv").stderr


def test_nothing_is_final_before_the_due_date_unless_that_is_said(course: Path) -> None:
    config = course / "grading_config.py"
    config.write_text(config.read_text().replace('due="2027-', 'due="2199-'))
    done(course, "roster", "import", "class.csv")
    said = refused(course, "decide", "finalise", "tiny", "--everybody", "--why", "the wrong assignment")
    assert "ana, bo may still hand something in, until 2199-02-12 23:59 (wait for that, or add --early)" in said
    assert "final score of" not in said
    assert not (course / ".autograder/decisions.jsonl").read_bytes()
    assert "takes no --early" in refused(course, "decide", "excuse", "tiny", "--early", "--student", "bo", "--why", "ill")
    said = done(course, "decide", "finalise", "tiny", "--early", "--student", "bo", "--why", "left the university").stderr
    assert "0 is the final score of: bo" in said


def test_one_student_from_a_late_submission_to_a_final_score(course: Path) -> None:
    done(course, "roster", "import", "class.csv")
    explained = done(course, "scores", "tiny", "--explain").stdout
    assert "Ana Núñez (ana), tiny: 64 of 100" in explained
    assert "2 started periods of 24 hours × 0.1, of 80 points" in explained
    assert "Bo Li (bo), tiny: missing" in explained
    said = done(course, "decide", "extend", "tiny", "--student", "ana", "--until", "2027-02-13 23:59", "--why", "hub down").stderr
    assert "2027-02-13 23:59 is read in the course's time zone, Europe/Madrid." in said
    assert "d1: extend until 2027-02-13 23:59, tiny, ana: hub down" in said
    assert ana(course)["score"] == 72
    assert "ana has until 2027-02-13 23:59 already" in refused(
        course, "decide", "extend", "tiny", "--student", "ana", "--until", "2027-02-13 23:59", "--why", "hub down"
    )
    done(course, "decide", "excuse", "tiny", "--student", "bo", "--why", "ill")
    done(course, "decide", "finalise", "tiny", "--early", "--everybody", "--why", "board of examiners")
    assert "is final already" in refused(course, "decide", "finalise", "tiny", "--early", "--everybody", "--why", "again")
    store = Store(course / ".autograder")
    present = store.present("smoke", "tiny", "ana")
    assert present is not None
    store.write(record(10.0, grade_cells=(GradeCell("code", 10.0, 100.0, False),), submitted_at=None, assignment="tiny", profile="smoke"))
    regraded = ana(course)
    assert (regraded["score"], regraded["final"], regraded["would_be"]) == (72, "d3", 10)
    done(course, "decide", "waive_late", "tiny", "--student", "ana", "--why", "appeal")
    assert ana(course)["score"] == 80
    done(course, "decide", "revoke", "d4", "--why", "appeal withdrawn")
    assert ana(course)["score"] == 72
    listed = done(course, "decisions", "--student", "ana").stdout
    assert [word in listed for word in ("garcia", "appeal", "revoked by d5", "everybody")] == [True] * 4
    found = json.loads(done(course, "decisions", "--assignment", "tiny", "--json", "-").stdout)
    assert [(each["id"], each["kind"], each["holds"]) for each in found] == [
        ("d1", "extend", True),
        ("d2", "excuse", True),
        ("d3", "finalise", True),
        ("d4", "waive_late", False),
        ("d5", "revoke", False),
    ]
    assert found[2]["finalised"] == ["ana", "bo"]
    bo = json.loads(done(course, "scores", "--student", "bo", "--json", "-").stdout)[0]
    assert (bo["state"], bo["score"]) == ("excused", None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("decide", "extend", "tiny", "--student", "ana", "--why", "x", "--until", "2207-02-13 12:00"), "lies outside the course"),
        (("decide", "extend", "tiny", "--student", "ana", "--why", "x", "--until", ""), "'' is no date"),
        (("decide", "extend", "tiny", "--student", "anna", "--why", "x", "--until", "2027-02-14 12:00"), "did you mean 'ana'?"),
        (("decide", "excuse", "tyni", "--student", "ana", "--why", "x"), "no assignment 'tyni'"),
        (("decide", "excuse", "tiny", "--why", "x"), "about students or about everybody"),
        (("decide", "excuse", "tiny", "--student", "ana", "--everybody", "--why", "x"), "about students or about everybody"),
        (("decide", "excuse", "tiny", "--student", "ana", "--why", " "), "needs a reason"),
        (("decide", "excuse", "tiny", "--student", "ana"), "--why"),
        (("decide", "forgive", "tiny", "--student", "ana", "--why", "x"), "forgive"),
        (("decide", "override", "tiny", "--student", "ana", "--why", "x", "--score", "nan"), "lies outside 0 to 100"),
        (("decide", "excuse", "tiny", "--student", "ana", "--why", "x", "--who", " "), "' ' is nobody's name"),
        (("decide", "finalise", "tiny", "--everybody", "--why", "x", "--gradebook", "sqlite:///none.db"), "There is no gradebook"),
        (("decide", "revoke", "d7", "--why", "x"), "no decision 'd7'"),
        (("decide", "revoke", "d7", "--student", "ana", "--why", "x"), "nothing but its id and a reason"),
        (("decide", "finalise", "tiny", "--student", "zoe", "--why", "x"), "Nobody of the course is called 'zoe'"),
        (("decisions", "--student", "zoe"), "Nobody of the course is called 'zoe'"),
        (("decisions", "--assignment", "tyni"), "no assignment 'tyni'"),
        (("scores", "tyni"), "no assignment 'tyni'"),
        (("scores", "--student", "zoe"), "Nobody of the course is called 'zoe'"),
        (("scores", "--pseudonyms", "--explain"), "do not go together"),
        (("scores", "--gradebook", "sqlite:///none.db"), "There is no gradebook 'sqlite:///none.db'. Nothing was done."),
        (("forget", "ana", "--yes", "--gradebook", "sqlite:///none.db"), "There is no gradebook"),
        (("evidence", "ana", "tiny", "--gradebook", "sqlite:///none.db"), "There is no gradebook"),
        (("evidence", "ana", "tiny", "--into", "."), "'.' is a folder."),
        (("feedback", "tiny", "--gradebook", "sqlite:///none.db"), "There is no gradebook"),
        (("report", "tiny", "--gradebook", "sqlite:///none.db"), "There is no gradebook"),
        (("archive", "--gradebook", "sqlite:///none.db"), "There is no gradebook"),
    ],
)
def test_what_cannot_be_meant_is_said_and_writes_nothing(course: Path, arguments: tuple[str, ...], words: str) -> None:
    assert words in refused(course, *arguments)
    assert not (course / ".autograder/decisions.jsonl").is_file() or not (course / ".autograder/decisions.jsonl").read_bytes()


def test_who_was_graded_is_known_without_standing_in_the_roster(course: Path) -> None:
    Store(course / ".autograder").write(record(student="zoe", assignment="tiny", profile="smoke"))
    done(course, "roster", "import", "class.csv")
    done(course, "decide", "excuse", "tiny", "--student", "zoe", "--why", "a guest")


def test_report_and_feedback_know_names_and_extensions(course: Path) -> None:
    done(course, "roster", "import", "class.csv")
    done(course, "report", "tiny")
    page = (course / "reports/tiny.html").read_text(encoding="utf-8")
    assert "Ana Núñez" in page
    assert "<td>34 h</td>" in page
    done(course, "decide", "extend", "tiny", "--student", "ana", "--until", "2027-02-14 12:00", "--why", "ill")
    done(course, "report", "tiny")
    assert "<td>34 h</td>" not in (course / "reports/tiny.html").read_text(encoding="utf-8")
    done(course, "feedback", "tiny")
    feedback = course / "feedback/ana/tiny/tiny.html"
    assert "14 February 2027, 12:00" in feedback.read_text(encoding="utf-8")
    done(course, "decide", "withhold", "tiny", "--student", "ana", "--why", "asked to talk")
    assert "No page for ana, whose score is withheld" in done(course, "feedback", "tiny").stderr
    assert not feedback.exists()
    done(course, "decide", "revoke", "d2", "--why", "talked")
    done(course, "feedback", "tiny")
    assert feedback.exists()


def test_who_has_no_score_yet_cannot_be_final(course: Path) -> None:
    store = Store(course / ".autograder")
    store.write(record(None, student="bo", assignment="tiny", profile="smoke", grading="grader_error"))
    said = refused(course, "decide", "finalise", "tiny", "--early", "--everybody", "--why", "end of term")
    assert "1 of 2 have no score yet that could be final: bo (unscored)" in said
    done(course, "decide", "finalise", "tiny", "--early", "--student", "ana", "--why", "end of term")
    assert ana(course)["final"] == "d1"


def test_who_is_withheld_and_not_marked_cannot_be_final(course: Path) -> None:
    store = Store(course / ".autograder")
    cells = (GradeCell("code", 80.0, 90.0, False), GradeCell("why", None, 10.0, True))
    store.write(record(80.0, student="bo", grade_cells=cells, assignment="tiny", profile="smoke"))
    done(course, "decide", "withhold", "tiny", "--student", "bo", "--why", "we talk on Thursday")
    said = refused(course, "decide", "finalise", "tiny", "--early", "--everybody", "--why", "end of term")
    assert "bo (withheld, and not marked or scored)" in said
    done(course, "decide", "override", "tiny", "--student", "bo", "--score", "70", "--why", "marked on paper")
    done(course, "decide", "finalise", "tiny", "--early", "--everybody", "--why", "end of term")


def test_who_handed_in_and_was_never_graded_does_not_become_a_final_0(course: Path) -> None:
    done(course, "roster", "import", "class.csv")
    (course / "submitted/bo/tiny").mkdir(parents=True)
    said = refused(course, "decide", "finalise", "tiny", "--early", "--everybody", "--why", "end of term")
    assert "1 of 2 have no score yet that could be final: bo (handed in, without a readable record)" in said
    (course / "submitted/bo/tiny").rmdir()
    said = refused(course, "decide", "finalise", "tiny", "--early", "--everybody", "--until", "2027-02-20 12:00", "--why", "end of term")
    assert "finalise takes no date" in said
    assert "final score of" not in said  # of nobody yet
    said = done(course, "decide", "finalise", "tiny", "--early", "--everybody", "--why", "end of term").stderr
    assert "Nothing that counts was handed in, so 0 is the final score of: bo." in said


def test_a_damaged_record_does_not_become_a_final_0(course: Path) -> None:
    [file] = (course / ".autograder/records/smoke/tiny/ana").glob("*.json")
    file.write_text("{")
    said = refused(course, "decide", "finalise", "tiny", "--early", "--everybody", "--why", "end of term")
    assert "ana (a record cannot be read)" in said
    done(course, "decide", "override", "tiny", "--student", "ana", "--score", "70", "--why", "marked on paper")
    done(course, "decide", "finalise", "tiny", "--early", "--everybody", "--why", "end of term")
    assert ana(course)["score"] == 70


def test_a_kill_while_a_decision_was_written_is_said_and_not_fatal(course: Path) -> None:
    done(course, "decide", "excuse", "tiny", "--student", "ana", "--why", "ill")
    file = course / ".autograder/decisions.jsonl"
    with file.open("ab") as stream:
        stream.write(b'{"id": "d2", "kind": "over')
    assert "is unfinished" in done(course, "scores", "tiny").stderr
    said = done(course, "decide", "withhold", "tiny", "--student", "ana", "--why", "asked to talk").stderr
    assert "set aside in 'decisions.jsonl.damaged'" in said
    assert [json.loads(line)["id"] for line in file.read_text().splitlines()] == ["d1", "d2"]


def test_a_list_of_pseudonyms_tells_nobodys_name(course: Path) -> None:
    done(course, "roster", "import", "class.csv")
    done(course, "decide", "excuse", "tiny", "--student", "bo", "--why", "Bo is ill")
    table = done(course, "scores", "tiny", "--pseudonyms").stdout
    plain = done(course, "scores", "tiny", "--pseudonyms", "--json", "-").stdout
    for text in (table, plain):
        assert "S-" in text
        assert not any(word in text for word in ("ana", "Ana", "bo", "Bo", "ill", "0000000000000000"))
    known = {each["id"]: each["pseudonym"] for each in json.loads(done(course, "roster", "show", "--pseudonyms", "--json", "-").stdout)}
    assert {each["student"] for each in json.loads(plain)} == set(known.values())
