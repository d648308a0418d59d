"""What people see of scores, dates and places, and what they do not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from autograder.feedback.leaderboard import Leaderboard
from autograder.feedback.leaderboard import Place as Ranked
from autograder.hub.graders import Job
from autograder.hub.views.moment import Board, board_of
from autograder.records import Flag, Record
from autograder.term.decisions import Decision, ledger
from autograder.term.score import Final, Line
from autograder.term.scores import keep_scores
from tests.hub.world import ASSIGNMENT, World, record

MADRID = ZoneInfo("Europe/Madrid")
LATE = Final(
    "ana",
    ASSIGNMENT,
    "scored",
    45.0,
    100.0,
    automatic=50.0,
    manual=0.0,
    late=5.0,
    extra=0.0,
    lines=(
        Line("automatic", 50.0, "the only attempt"),
        Line("late", -5.0, "handed in 3 h late"),
        Line("extend", None, "decided by garcia on 2026-02-01 (d1): illness of the mother"),
    ),
)


def graded(tmp_path: Path, *finals: Final) -> World:
    world = World(tmp_path)
    world.submit()
    world.service.dispatch()
    if finals:
        keep_scores(world.store, ASSIGNMENT, list(finals))
    return world


def decided(world: World, **values: object) -> None:
    known = {
        "id": "d1",
        "at": "2026-02-01T09:00:00+01:00",
        "who": "garcia",
        "why": "illness",
        "assignment": ASSIGNMENT,
        "students": ("ana",),
    }
    made = Decision(**{**known, **values})  # type: ignore[arg-type]  # by name
    ledger(world.store.root).append(lambda _: made)


def test_a_late_score_is_explained_without_what_instructors_wrote(tmp_path: Path) -> None:
    score = graded(tmp_path, LATE).seen().score
    assert score
    assert (score.score, score.max_score, score.sentence, score.final) == (45.0, 100.0, "Score so far: 45 of 100 points.", False)
    assert ("Late", -5.0) in [(each.what, each.points) for each in score.lines]
    assert "illness" not in str(score)


@pytest.mark.parametrize(
    ("state", "part"), [("waiting", "a person"), ("unscored", "could not be graded"), ("excused", "excused"), ("withheld", "not shown")]
)
def test_no_score_says_why_and_is_no_zero(tmp_path: Path, state: str, part: str) -> None:
    score = graded(tmp_path, replace(LATE, state=state, score=None, lines=())).seen().score  # type: ignore[arg-type]  # its states
    assert score
    assert score.score is None
    assert part in score.sentence


def test_others_scores_are_not_ones_own(tmp_path: Path) -> None:
    assert graded(tmp_path, LATE).seen("ben").score is None


def test_a_withheld_score_is_nowhere_in_the_students_view(tmp_path: Path) -> None:
    world = graded(tmp_path, LATE)
    page = world.paths.feedback("ana", ASSIGNMENT)
    page.parent.mkdir(parents=True)
    page.write_text("45 points")
    assert world.seen().feedback == page
    decided(world, kind="withhold")
    seen = world.seen()
    assert (seen.feedback, seen.score and seen.score.score, seen.newest and seen.newest.score) == (None, None, None)
    assert world.service.feedback_page("ana", ASSIGNMENT) is None


def test_the_due_date_is_the_students_own(tmp_path: Path) -> None:
    world = World(tmp_path, 'late=Late(0.1, grace="15 min", closes="2 days")')
    due = datetime(2027, 2, 12, 23, 59, tzinfo=MADRID)
    assert (world.seen().due, world.seen().grace_s) == (due, 900.0)
    decided(world, kind="extend", until=datetime(2027, 2, 14, 23, 59, tzinfo=MADRID))
    assert world.seen("ana").due == datetime(2027, 2, 14, 23, 59, tzinfo=MADRID)
    assert world.seen("ana").closes == datetime(2027, 2, 16, 23, 59, tzinfo=MADRID)
    assert world.seen("ben").due == due


def test_what_came_too_late_is_graded_after_a_reopening(tmp_path: Path) -> None:
    world = World(tmp_path, 'late=Late(0.1, closes="1 day")')
    world.clock.now = datetime(2026, 2, 20, tzinfo=MADRID)
    text = (world.root / "grading_config.py").read_text()
    assert 'due="2027-02-12 23:59"' in text
    object.__setattr__(world.course.assignments[0], "due", "2026-02-12 23:59")
    world.submit()
    world.service.dispatch()
    assert (world.seen().state, world.seen().note) == ("refused", "The assignment was closed when it arrived.")
    assert not (world.paths.submitted / "ana").exists()
    decided(world, kind="reopen", until=datetime(2026, 2, 21, tzinfo=MADRID))
    world.service.students_view("ana")
    world.clock.forward(seconds=1)
    world.service.dispatch()
    assert world.seen().state == "graded"
    assert (world.paths.submitted / "ana/tiny/tiny.ipynb").is_file()


def test_a_leaderboard_is_shown_to_those_on_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    places = (Ranked(1, "Zorro", "0.9900", "ana", "passed its audit"), Ranked(2, "Nobody", "0.9800", "ben", "not audited"))
    world.service.outbound._boards[ASSIGNMENT] = board_of(Leaderboard(places, (), 3))
    board = world.seen("ben").leaderboard
    assert board
    assert [(each.rank, each.name, each.own) for each in board] == [(1, "Zorro", False), (2, "Nobody", True)]
    assert "ana" not in str(board)
    assert "audit" not in str(board)
    assert world.seen("eve").leaderboard is None
    world.service.outbound._boards[ASSIGNMENT] = Board()
    assert world.seen("ben").leaderboard is None


def test_flags_of_records_reach_instructors_alone(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.grader.answer = lambda job: record(job, flags=(Flag("too_fast", "trained in no time"),))
    world.submit()
    world.service.dispatch()
    assert [(each.student, each.where, each.kind) for each in world.service.instructors_view().flags] == [("ana", "record", "too_fast")]
    assert "too_fast" not in str(world.service.students_view("ana"))


def test_instructors_see_the_whole_batch(tmp_path: Path) -> None:
    world = World(tmp_path, later=True)

    def answer(job: Job) -> Record:
        world.clock.forward(seconds=20)
        return record(job)

    world.grader.answer = answer
    for student in ("zoe", "ana", "ben", "eve"):
        world.submit(student)
    for _ in ("zoe, who pays for the start", "ana"):
        world.service.dispatch()
        world.finish()
    world.owner = "mallory"
    world.handed_in("ana")
    world.service.receive()
    batch = world.service.instructors_view().batches[0]
    assert batch.counts == {"graded": 2, "queued": 2, "refused": 1}
    assert [each.student for each in batch.queue] == ["ben", "eve"]
    assert [each.place for each in batch.queue] == [1, 2]
    assert batch.submitted == 4
    assert batch.done_s == 40


def test_a_changed_configuration_is_said(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.service.receive()
    config = world.root / "grading_config.py"
    config.write_text(config.read_text().replace('"60 s"', '"90 s"'))
    world.clock.forward(minutes=2)
    world.service.dispatch()
    assert "start the service again" in world.service.instructors_view().problems[0]


def test_an_assignment_without_release_cannot_be_fetched_yet(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.paths.release_notebook(ASSIGNMENT).unlink()
    assert world.seen().state == "not_released"
