"""Decisions and exports from the instructors' page, over a service: the ledger and the files are those of the commands."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from autograder.errors import UsageError
from autograder.exports import exporting
from autograder.hub.deciding import DecisionDesk, DecisionForm
from autograder.hub.exports import ExportDesk, ExportForm
from autograder.hub.web.source import OfService
from autograder.term.decisions import ledger
from tests.hub.world import ASSIGNMENT, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    for student in ("ana", "ben"):
        made.submit(student)
        made.service.dispatch()
    return made


def form(**values: object) -> DecisionForm:
    return DecisionForm(ASSIGNMENT, **{"kind": "extend", "students": "ana", "why": "  in   hospital ", **values})  # type: ignore[arg-type]


def test_a_decision_of_the_page_is_an_entry_of_the_ledger_and_holds_at_once(world: World) -> None:
    desk, version = DecisionDesk(world.service.office), world.service.version()
    said = desk.decide(form(until="2027-02-19T23:59"), "garcia")
    assert "d1 is in the ledger: extend until 2027-02-19 23:59, ana." in said
    assert "Europe/Madrid" in said
    [entry] = ledger(world.store.root).read()
    assert (entry.id, entry.who, entry.why, entry.students) == ("d1", "garcia", "in hospital", ("ana",))
    due = world.seen("ana").due
    assert due
    assert (due.day, world.seen("ben").due and world.seen("ben").due.day) == (19, 12)  # type: ignore[union-attr]  # it has one
    assert world.service.version() > version
    desk.revoke("d1", "lopez", "a mistake")
    assert world.seen("ana").due == world.seen("ben").due
    [view] = desk.views(ASSIGNMENT)
    assert (view.id, view.what, view.whom, view.revoked_by) == ("d1", "extend until 2027-02-19 23:59", "ana", "d2")


def test_several_kinds_and_everybody(world: World) -> None:
    desk = DecisionDesk(world.service.office)
    desk.decide(form(kind="waive_late", students="", everybody=True), "garcia")
    desk.decide(form(kind="override", students="ana, ben", score="12.5"), "garcia")
    desk.decide(form(kind="withhold", students="ben"), "garcia")
    assert [(each.what, each.whom) for each in desk.views(ASSIGNMENT)] == [
        ("withhold", "ben"),
        ("override: 12.5 points", "ana, ben"),
        ("waive late", ""),
    ]
    assert world.seen("ben").newest.score is None  # type: ignore[union-attr]  # it is there
    assert world.seen("ana").newest.score == 50.0  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"kind": "finalise"}, "no decision that is made here"),
        ({"kind": "waive_late", "students": ""}, "students or about everybody"),
        ({"kind": "waive_late", "everybody": True}, "students or about everybody"),
        ({"kind": "waive_late", "students": "anna"}, "did you mean 'ana'"),
        ({"kind": "waive_late", "why": "  "}, "needs a reason"),
        ({"until": ""}, "needs a date"),
        ({"until": "tomorrow"}, "is no date"),
        ({"kind": "override", "score": "many"}, "no number of points"),
        ({"kind": "override", "score": "1e9"}, "lies outside"),
        ({"kind": "override", "score": "nan"}, "lies outside"),
    ],
)
def test_what_cannot_be_decided_is_said_and_not_written(world: World, values: dict[str, object], part: str) -> None:
    with pytest.raises(UsageError, match=part):
        DecisionDesk(world.service.office).decide(form(**values), "garcia")
    assert ledger(world.store.root).read() == ()


def test_revoking_needs_a_decision_that_holds_and_a_reason(world: World) -> None:
    desk = DecisionDesk(world.service.office)
    desk.decide(form(kind="excuse"), "garcia")
    for decision, why, part in (("d7", "because", "no decision 'd7'"), ("d1", " ", "needs a reason")):
        with pytest.raises(UsageError, match=part):
            desk.revoke(decision, "garcia", why)
    assert len(ledger(world.store.root).read()) == 1


@pytest.fixture
def without_gradebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "read_manual_scores", lambda url, assignment: {})


@pytest.mark.usefixtures("without_gradebook")
def test_files_are_made_and_downloaded(world: World) -> None:
    desk = ExportDesk(world.service.office)
    assert desk.files(ASSIGNMENT) == ()
    report = desk.make(ExportForm(ASSIGNMENT, "gradescope"))
    assert (report.name, report.written, report.unscored) == ("tiny.gradescope.zip", 2, {})
    data = desk.read(ASSIGNMENT, "tiny.gradescope.zip")
    assert data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["ana/results.json", "ben/results.json"]
        assert json.loads(archive.read("ana/results.json"))["score"] == 50
    template = b"Identifier,Full name,Email address,Grade,Maximum Grade\nParticipant 1,Ana,ana@example.org,,80\n"
    report = desk.make(ExportForm(ASSIGNMENT, "moodle", template, b"id,email\nana,ana@example.org\nben,ben@example.org\n"))
    assert (report.written, list(report.missing)) == (1, ["ben"])
    assert [each.name for each in desk.files(ASSIGNMENT)] == ["tiny.moodle.csv", "tiny.gradescope.zip"]
    assert (world.root / "exports/tiny.moodle.csv").is_file()


@pytest.mark.usefixtures("without_gradebook")
def test_who_has_no_score_is_named(world: World) -> None:
    DecisionDesk(world.service.office).decide(form(kind="excuse"), "garcia")
    report = ExportDesk(world.service.office).make(ExportForm(ASSIGNMENT, "moodle"))
    assert (report.written, report.unscored) == (1, {"ana": "excused"})


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        (ExportForm(ASSIGNMENT, "canvas"), "gradebook"),
        (ExportForm(ASSIGNMENT, "excel"), "no format 'excel'"),
        (ExportForm("nothing", "moodle"), "no assignment 'nothing'"),
        (ExportForm(ASSIGNMENT, "moodle", b"x" * (21 << 20)), "too large"),
    ],
)
def test_what_cannot_be_exported_is_said(world: World, wanted: ExportForm, part: str) -> None:
    with pytest.raises(UsageError, match=part):
        ExportDesk(world.service.office).make(wanted)


def test_only_files_of_exports_can_be_downloaded(world: World) -> None:
    desk = ExportDesk(world.service.office)
    (world.root / "exports").mkdir()
    (world.root / "exports/other.csv").write_text("secret")
    for name in ("other.csv", "../grading_config.py", "tiny.moodle.csv", ""):
        assert desk.read(ASSIGNMENT, name) is None


def test_the_pages_have_all_of_it(world: World) -> None:
    """What the pages ask for is what the service's desks give; there was no audit and no report."""
    source = OfService(world.service)
    assert source.audits(ASSIGNMENT) is None
    assert source.report(ASSIGNMENT) is None
    assert source.decisions(ASSIGNMENT) == ()
    assert source.exports(ASSIGNMENT) == ()
    assert [each.metric for each in source.curves(ASSIGNMENT)] == ["test_accuracy"]
    source.write_report(ASSIGNMENT)
    assert "A tiny course" in (source.report(ASSIGNMENT) or "")
