"""Forgetting one person: nothing of them is left where it says so, nobody else is touched, and whoever interrupts it may go on."""

from __future__ import annotations

import fcntl
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autograder.batch.plan import store_of
from autograder.batch.store import Store
from autograder.course.loading import load_course
from autograder.gradebook.session import open_gradebook
from autograder.keeping.forget import Forgetting, find_person, forget, forgotten
from autograder.term.decisions import ledger
from autograder.term.journal import Journal
from autograder.term.roster import members, roster_journal
from tests.conftest import autograder
from tests.keeping.conftest import done
from tests.kill.conftest import records

AT = "2027-07-01T09:00:00+02:00"


def found(course: Path, student: str = "bob") -> Forgetting:
    loaded, paths = load_course(course)
    return find_person(loaded, paths, store_of(loaded, paths, None), f"sqlite:///{course / 'gradebook.db'}", student, lambda _: None)


def erase(course: Path, student: str = "bob") -> None:
    forget(Store(course / ".autograder"), found(course, student), AT, "garcia")


def rows(course: Path) -> dict[str, int]:
    with open_gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        from nbgrader.api import Comment, Grade, Student, SubmittedAssignment, SubmittedNotebook

        tables = {
            "students": Student,
            "submissions": SubmittedAssignment,
            "notebooks": SubmittedNotebook,
            "grades": Grade,
            "comments": Comment,
        }
        return {name: gradebook.db.query(table).count() for name, table in tables.items()}


def mentions(course: Path, *words: str) -> list[str]:
    """Files of the store, and of nbgrader's folders, with one of the words in content or name; the source of the class list aside."""
    places = [course / name for name in (".autograder", "submitted", "autograded", "feedback", "reports")]
    files = [path for place in places for path in place.rglob("*") if path.is_file() and "data" not in path.parts]
    return [
        path.relative_to(course).as_posix()
        for path in files
        if any(
            word.lower() in (path.relative_to(course).as_posix() + path.read_bytes().decode("utf-8", "replace")).lower() for word in words
        )
    ]


def test_nothing_of_the_person_is_left_and_all_of_the_others(course: Path) -> None:
    done(course, "feedback", "standin")
    done(course, "report", "standin")
    others = {student: each for student, each in records(course).items() if student != "bob"}
    before, runs = rows(course), len(list((course / ".autograder/runs").glob("*/run.json")))
    said = done(course, "forget", "bob", "--yes", "--json", "out.json")
    assert "records" in said
    assert mentions(course, "bob", "Byrne", "Bolt") == []
    assert records(course) == others
    assert len(list((course / ".autograder/runs").glob("*/run.json"))) == runs - 1
    after = rows(course)
    assert (after["students"], after["submissions"], after["notebooks"]) == (2, 2, 2)
    assert (after["grades"] * 3, after["comments"] * 3) == (before["grades"] * 2, before["comments"] * 2)
    assert list(members(roster_journal(course / ".autograder").read())) == ["ada", "cleo"]
    pseudonym = json.loads((course / "out.json").read_text())["pseudonym"]
    entries = ledger(course / ".autograder").read()
    assert [(each.kind, each.students, each.why) for each in entries] == [
        ("waive_late", (pseudonym,), "(erased)"),
        ("extend", None, f"because of {pseudonym} and the hub"),
    ]
    assert [each.state for each in forgotten(course / ".autograder").read()] == ["begun", "finished"]
    done(course, "scores", "standin")
    done(course, "store", "check")
    done(course, "decide", "excuse", "standin", "--student", "ada", "--why", "ill")


def test_final_scores_of_the_others_stay_final(course: Path) -> None:
    done(course, "decide", "finalise", "standin", "--early", "--everybody", "--why", "agreed")
    done(course, "scores", "standin", "--json", "before.json")
    erase(course)
    last = ledger(course / ".autograder").read()[-1]
    assert last.frozen is not None
    assert sorted(last.frozen.facts) == ["ada", "cleo"]
    done(course, "scores", "standin", "--json", "after.json")
    before, after = (json.loads((course / name).read_text()) for name in ("before.json", "after.json"))
    wanted = [(each["student"], each["score"], each["final"]) for each in before if each["student"] != "bob"]
    assert [(each["student"], each["score"], each["final"]) for each in after] == wanted
    assert all(final for _, _, final in wanted)


def test_a_run_that_somebody_shares_stays(course: Path) -> None:
    (run,) = records(course)["ada"][0].runs
    erase(course, "cleo")
    assert (course / ".autograder/runs" / run.run_key / "run.json").is_file()
    assert "cleo" not in records(course)


def replaced_run(course: Path, run_key: str, folder: str = "runs") -> Path:
    """One more execution, which no record names any more, as after `grade --force` with another environment."""
    return Path(shutil.copytree(course / ".autograder/runs" / run_key, course / ".autograder" / folder / "0123456789abcdef"))


def test_executions_that_were_replaced_go_too(course: Path) -> None:
    (own,), (run,) = records(course)["bob"][0].runs, records(course)["ada"][0].runs
    replaced, damaged = replaced_run(course, own.run_key), replaced_run(course, own.run_key, "broken/20270301T100000-0/runs")
    erase(course)
    assert not replaced.exists()
    assert not damaged.exists()
    assert (course / ".autograder/runs" / run.run_key / "run.json").is_file()


@pytest.mark.parametrize("how", ["damaged", "moved aside"])
def test_while_a_record_of_others_cannot_be_read_only_what_is_surely_theirs_goes(course: Path, how: str) -> None:
    (own,), (shared,) = records(course)["bob"][0].runs, records(course)["ada"][0].runs
    for student in ("ada", "cleo"):
        (file,) = (course / f".autograder/records/smoke/standin/{student}").glob("*.json")
        file.write_text("{")
    if how == "moved aside":
        assert autograder(course, "store", "check", "--repair").returncode == 0
    replaced = replaced_run(course, own.run_key)
    remains = " ".join(found(course).remains)
    erase(course)
    assert replaced.is_dir()
    assert (course / ".autograder/runs" / shared.run_key).is_dir()
    assert not (course / ".autograder/runs" / own.run_key).exists()
    assert "cannot be read: nobody knows which of them it names" in remains
    for student in ("ada", "cleo"):
        shutil.rmtree(course / f".autograder/records/smoke/standin/{student}")
    shutil.rmtree(course / ".autograder/broken", ignore_errors=True)
    erase(course)
    assert not replaced.exists()


def test_a_dry_run_changes_nothing_and_says_all(course: Path) -> None:
    (course / "exports").mkdir()
    (course / "exports/grades.csv").write_text("id\nbob\n")
    done(course, "archive", "a.tar.gz")
    before = {path: path.read_bytes() for path in course.rglob("*") if path.is_file()}
    said = done(course, "forget", "bob", "--dry-run")
    changed = [path for path in course.rglob("*") if path.is_file() and before.get(path) != path.read_bytes() and path.name != "lock"]
    assert changed == []
    for part in (
        "submissions",
        "rows in the gradebook",
        "entries in the roster",
        "a.tar.gz",
        "exports/grades.csv",
        "under the pseudonym S-",
    ):
        assert part in said


def test_nobody_is_erased_without_being_asked_for(course: Path) -> None:
    failed = autograder(course, "forget", "bob")
    assert (failed.returncode, "Add --yes" in failed.stderr) == (2, True)
    assert "bob" in records(course)


@pytest.mark.parametrize("name", ["bop", "../bob", ".", "..", "", "*", "ada/standin"])
def test_who_is_nobody_is_refused(course: Path, name: str) -> None:
    replaced_run(course, records(course)["bob"][0].runs[0].run_key)
    failed = autograder(course, "forget", "--yes", "--", name)
    assert failed.returncode == 2
    assert "Traceback" not in failed.stderr
    assert set(records(course)) == {"ada", "bob", "cleo"}


def interrupted(plan: Forgetting, at: int) -> Forgetting:
    def end(*_: Any) -> None:
        raise KeyboardInterrupt

    return replace(plan, steps=(*plan.steps[:at], replace(plan.steps[at], erase=end), *plan.steps[at + 1 :]))


def test_interrupted_at_any_step_the_next_call_finishes(course: Path) -> None:
    """One interruption after the other, each a step later: at the end the same is left as without any."""
    store = Store(course / ".autograder")
    for at in range(len(found(course).steps)):
        with pytest.raises(KeyboardInterrupt):
            forget(store, interrupted(found(course), at), AT, "garcia")
    erase(course)
    assert mentions(course, "bob", "Byrne", "Bolt") == []
    assert rows(course)["students"] == 2
    assert [each.state for each in forgotten(store.root).read()] == ["begun", "finished"]
    assert found(course).counts == {}


def test_what_the_hub_knows_goes_too_and_its_numbers_stay(course: Path) -> None:
    hub = course / ".autograder/hub/standin"
    (hub / "kept/1/bob/standin").mkdir(parents=True)
    (hub / "kept/1/bob/standin/standin.ipynb").write_text("{}")
    (hub / "checked").mkdir()
    (hub / "checked/1.json").write_text(json.dumps({"receipt": "standin.1", "problem": "his notebook"}))
    receipts = [{"id": f"standin.{n}", "student": who, "source": f"{who}+standin+now", "flags": []} for n, who in ((1, "bob"), (2, "ada"))]
    for line in receipts:
        Journal(hub / "receipts.jsonl", dict[str, Any]).append(lambda _, line=line: line)  # type: ignore[misc]  # bound at once
    Journal(hub / "orders.jsonl", dict[str, Any]).append(lambda _: {"receipt": "standin.1", "why": "Bob asked"})
    erase(course)
    first, second = Journal(hub / "receipts.jsonl", dict[str, Any]).read()
    assert second == receipts[1]
    assert (first["id"], first["source"], first["refused"]) == ("standin.1", "", "(erased)")
    assert mentions(course, "bob") == []
    assert not (hub / "checked/1.json").exists()


def test_lines_of_other_journals_lose_the_person_only(course: Path) -> None:
    journal = Journal(course / ".autograder/marking.jsonl", dict[str, Any])
    lines = [{"markers": {"bob": "Ms Fox", "ada": "Mr Ape"}}, {"student": "bob", "comment": "?"}, {"student": "ada", "comment": "as Bob's"}]
    for line in lines:
        journal.append(lambda _, line=line: line)  # type: ignore[misc]  # bound at once
    erase(course)
    first, last = journal.read()
    assert first == {"markers": {"ada": "Mr Ape"}}
    assert (last["student"], "Bob" in last["comment"]) == ("ada", False)


def test_while_the_hub_service_runs_nobody_is_erased(course: Path) -> None:
    (course / ".autograder/hub").mkdir()
    with (course / ".autograder/hub/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = autograder(course, "forget", "ada", "--yes")
    assert refused.returncode == 2
    assert "The hub's service is at work on the store" in refused.stderr
    assert found(course).counts
