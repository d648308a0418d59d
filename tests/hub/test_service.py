"""From the exchange to the record, with a grader that is told what to answer."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from autograder.errors import MachineError, UsageError
from autograder.hub import publisher
from autograder.hub.desk import Desk
from autograder.hub.graders import Job
from autograder.hub.publisher import Publisher
from autograder.hub.rules import Fate
from autograder.hub.state import Rank, Receipt
from autograder.hub.views.moment import Board
from autograder.intake.collect import find_submissions
from autograder.records import Record
from autograder.term.decisions import Decision, Frozen, ledger
from autograder.term.facts import Facts, policy_of
from tests.hub.world import ASSIGNMENT, BEGIN, World, record


def test_a_submission_gets_receipt_findings_and_record(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert world.seen().state == "not_submitted"
    receipt = world.submit()
    assert (receipt.id, receipt.student, receipt.refused) == ("tiny.1", "ana", "")
    waiting = world.seen()
    assert (waiting.state, waiting.newest and waiting.newest.place) == ("queued", 1)
    assert waiting.newest
    assert waiting.newest.checked
    world.service.dispatch()
    world.service.publish()
    seen = world.seen()
    assert (seen.state, seen.newest and seen.newest.score) == ("graded", 50.0)
    assert world.publisher.published == [(ASSIGNMENT, ("ana",))]


def test_the_submitted_folder_holds_the_newest_with_the_time_of_its_receipt(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.submit(text="first", at="2020-01-01 00:00:00.000000 UTC")
    receipt = world.submit(text="second")
    found = find_submissions(world.paths.submitted, ASSIGNMENT, [], 2**20)
    assert [(each.student, each.submission_id) for each in found] == [("ana", receipt.submission_id)]
    assert found[0].submitted_at == BEGIN.replace(tzinfo=None).isoformat()
    aside = list((world.paths.submitted / ".replaced").glob("*/ana/tiny/tiny.ipynb"))
    assert len(aside) == 1
    assert "first" in aside[0].read_text()


def test_a_student_sees_nothing_of_another(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.submit("ana")
    assert world.seen("ben").submissions == ()
    assert world.seen("ben").state == "not_submitted"
    assert world.service.feedback_page("../ana", ASSIGNMENT) is None
    assert world.service.feedback_page("ben", "../tiny") is None


def test_a_machine_that_fails_costs_no_attempt_and_is_asked_again(tmp_path: Path) -> None:
    world = World(tmp_path, "hub=Hub(attempts=1)")
    world.submit()
    world.grader.answer = lambda job: record(job, "infra_error")
    world.service.dispatch()
    assert world.phases() == ["retrying"]
    assert world.seen().attempts_left == 0  # it has its attempt and keeps it
    world.service.dispatch()
    assert len(world.grader.graded) == 1  # not before its time
    world.clock.forward(minutes=2)
    world.grader.answer = record
    world.service.dispatch()
    assert world.phases() == ["graded"]
    assert world.service.instructors_view().failures == 1


def test_each_failure_is_followed_by_a_longer_wait(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.submit()
    world.grader.answer = lambda job: record(job, "infra_error")
    waits = []
    for _ in range(8):
        world.service.dispatch()
        newest = world.seen().newest
        assert newest
        assert newest.not_before
        waits.append((newest.not_before - world.clock.now).total_seconds())
        world.clock.now = newest.not_before
    assert waits == [60, 120, 240, 480, 960, 1800, 1800, 1800]


def test_broken_graders_pause_the_assignment_and_tell_its_instructor(tmp_path: Path) -> None:
    world = World(tmp_path)

    def broken(_: Job) -> Record:
        raise UsageError("The graders cannot be used.", "Mend them.")

    world.grader.answer = broken
    world.submit()
    world.service.dispatch()
    assert world.phases() == ["queued"]
    assert world.service.instructors_view().batches[0].paused == "The graders cannot be used. Mend them."
    assert "Your instructor is told" in world.seen().note
    world.grader.answer = record
    world.clock.forward(minutes=2)
    world.service.dispatch()
    assert world.phases() == ["graded"]
    assert world.service.instructors_view().batches[0].paused == ""


def test_places_and_waits_follow_from_what_others_took(tmp_path: Path) -> None:
    world = World(tmp_path, later=True)

    def cold(job: Job) -> Record:
        world.clock.forward(seconds=900)
        return record(job)

    world.grader.answer = cold
    world.submit("zoe")  # the first one pays for what has to be started, and tells nothing
    world.service.dispatch()
    world.finish()
    for student in ("ana", "ben", "eve", "kim"):
        world.submit(student)

    def answer(job: Job) -> Record:
        world.clock.forward(seconds=40)
        return record(job)

    ana, kim = (world.seen(each).newest for each in ("ana", "kim"))
    assert ana
    assert kim
    assert (kim.place, kim.wait_s) == (4, None)  # nothing was measured yet
    assert ana.wait_s == 0.0
    assert world.service.instructors_view().batches[0].done_s is None
    world.grader.answer = answer
    world.service.dispatch()
    world.finish()
    world.service.dispatch()  # ben
    ben, eve, kim = (world.seen(each).newest for each in ("ben", "eve", "kim"))
    assert ben
    assert eve
    assert kim
    assert (ben.phase, ben.elapsed_s) == ("queued", None)  # it has not its slot yet
    assert [eve.place, kim.place] == [2, 3]
    assert [ben.wait_s, eve.wait_s, kim.wait_s] == [0.0, 40.0, 80.0]


def test_while_nobody_knows_how_many_run_no_wait_is_told(tmp_path: Path) -> None:
    """As with a cluster that has no worker."""
    world = World(tmp_path)

    def answer(job: Job) -> Record:
        world.clock.forward(seconds=40)
        return record(job)

    world.grader.answer = answer
    for student in ("zoe", "ana"):
        world.submit(student)
        world.service.dispatch()
    world.submit("ben")
    ben = world.seen("ben").newest
    assert ben
    assert (ben.place, ben.wait_s) == (1, 0.0)
    world.grader.room = 0
    ben = world.seen("ben").newest
    assert ben
    assert (ben.place, ben.wait_s) == (1, None)
    assert world.service.instructors_view().batches[0].done_s is None


def test_instructors_are_told_what_is_wrong_with_the_workers_until_it_is_not(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.grader.wrong = "No worker yet."
    world.service.dispatch()
    assert world.service.instructors_view().problems == ("No worker yet.",)
    world.grader.wrong = ""
    world.service.dispatch()
    assert world.service.instructors_view().problems == ()
    assert world.said == ["No worker yet.", "no longer a problem: workers"]


def test_a_running_submission_tells_how_far_it_is(tmp_path: Path) -> None:
    world = World(tmp_path)
    found = []

    def answer(job: Job) -> Record:
        world.clock.forward(seconds=7)
        found.append(world.seen().newest)
        return record(job)

    world.grader.answer = answer
    world.submit()
    world.service.dispatch()
    assert [(each and each.phase, each and each.elapsed_s, each and each.cell, each and each.cells) for each in found] == [
        ("running", 7.0, 3, 12)
    ]


def test_nobody_is_graded_twice_at_the_same_time(tmp_path: Path) -> None:
    world = World(tmp_path, later=True)
    world.grader.room = 4
    world.submit()
    world.service.dispatch()
    world.service.dispatch()
    assert len(world.jobs) == 1


def test_one_student_with_many_submissions_does_not_hold_up_the_others(tmp_path: Path) -> None:
    world = World(tmp_path, 'counting="best"', later=True)
    for text in "abcd":
        world.submit("ana", text)
    world.clock.forward(seconds=1)
    world.submit("ben")
    for _ in range(5):
        world.service.dispatch()
        world.finish()
    students = [next(each.student for each in world.receipts() if each.id == name) for name in world.grader.graded]
    assert students == ["ana", "ben", "ana", "ana", "ana"]


def test_pages_only_look_at_whose_turns_there_were(tmp_path: Path) -> None:
    """Several look at the same time, and the thread that dispatches: what one of them took away another one would miss."""
    world = World(tmp_path)
    world.submit()
    world.service.dispatch()
    turns = world.service.dispatcher._turns
    before = list(turns)
    world.clock.forward(hours=2)
    world.seen()
    assert list(turns) == before
    world.service.dispatch()
    assert list(turns) == []


def test_an_instructor_takes_a_submission_out_and_grades_another_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.grader.room = 0
    first = world.submit("ana")
    second = world.submit("ben")
    world.service.cancel(first.id, "garcia", "a test")
    assert world.phases("ana") == ["cancelled"]
    with pytest.raises(UsageError, match="cancelled"):
        world.service.cancel(first.id, "garcia")
    world.grader.room = 1
    world.service.dispatch()
    assert world.grader.graded == [second.id]
    world.grader.answer = lambda job: record(job, score=70.0)
    world.service.rerun(second.id, "garcia", "mended graders")
    assert world.phases("ben") == ["queued"]
    world.service.dispatch()
    newest = world.seen("ben").newest
    assert newest
    assert (newest.phase, newest.score) == ("graded", 70.0)
    world.service.dispatch()
    assert world.grader.graded == [second.id, second.id]  # once for each order
    assert [each.kind for each in Desk(world.store.root / "hub", [ASSIGNMENT]).orders(ASSIGNMENT)] == ["cancel", "rerun", "done"]


def test_an_older_submission_that_is_graded_again_does_not_become_the_present_one(tmp_path: Path) -> None:
    world = World(tmp_path)
    first = world.submit(text="a")
    world.service.dispatch()
    second = world.submit(text="b")
    world.service.dispatch()
    world.service.rerun(first.id, "garcia")
    world.service.dispatch()
    assert world.grader.graded == [first.id, second.id, first.id]
    present = world.store.present(world.course.default_profile, ASSIGNMENT, "ana")
    assert present
    assert present.submission_id == second.submission_id


def test_a_final_score_is_not_graded_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    first = world.submit(text="a")
    world.service.dispatch()
    before = world.store.present(world.course.default_profile, ASSIGNMENT, "ana")
    finalise(world, "ana")
    with pytest.raises(UsageError, match="The score of 'ana' in 'tiny' is final") as caught:
        world.service.rerun(first.id, "garcia")
    assert "autograder decide reopen tiny --student ana" in caught.value.cure
    world.submit(text="b")
    world.service.dispatch()
    assert world.phases() == ["graded", "refused"]
    assert world.grader.graded == [first.id]
    assert world.store.present(world.course.default_profile, ASSIGNMENT, "ana") == before


def finalise(world: World, *students: str) -> None:
    frozen = Frozen(policy_of(world.course, ASSIGNMENT), dict.fromkeys(students, Facts()))
    ledger(world.store.root).append(lambda _: Decision("d1", "2026-02-01", "garcia", "agreed", "finalise", ASSIGNMENT, None, frozen=frozen))


def test_what_waits_is_not_begun_any_more_as_soon_as_the_score_is_final(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.grader.room = 0
    world.submit()
    world.service.dispatch()
    assert [each.receipt.student for each in world.service.dispatcher.fair_order()] == ["ana"]
    finalise(world, "ana")
    world.grader.room = 1
    world.service.dispatch()  # in the same second
    assert world.grader.graded == []


def test_pages_show_at_once_what_is_final(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.grader.room = 0
    world.submit()
    assert world.phases() == ["queued"]
    finalise(world, "ana")
    assert world.phases() == ["refused"]


def test_what_fails_after_grading_costs_neither_the_result_nor_a_slot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    world = World(tmp_path, later=True)
    monkeypatch.setattr(world.service.curves, "bring_up", full)
    for student in ("ana", "ben"):
        world.submit(student)
        world.service.dispatch()
        world.finish()
    assert [world.phases(each) for each in ("ana", "ben")] == [["graded"], ["graded"]]
    assert "tiny.1 is graded, but" in world.service.instructors_view().problems[0]
    assert world.service.outbound.waiting() == 2
    monkeypatch.undo()
    world.service.rerun("tiny.1", "garcia")
    world.service.dispatch()
    world.finish()
    assert not any("tiny.1" in each for each in world.service.instructors_view().problems)


def test_an_instructor_ends_what_runs(tmp_path: Path) -> None:
    world = World(tmp_path, "hub=Hub(attempts=1)")
    receipt = world.submit()

    def ended(job: Job) -> Record:
        world.service.cancel(job.receipt, "garcia", "runs for ever")
        return record(job, "infra_error")  # as a sandbox says of a process that was ended

    world.grader.answer = ended
    world.service.dispatch()
    assert world.grader.cancelled == [receipt.id]
    assert (world.phases(), world.seen().attempts_left) == (["cancelled"], 1)
    assert world.service.instructors_view().failures == 0
    world.clock.forward(hours=1)
    world.service.dispatch()
    assert world.grader.graded == [receipt.id]
    world.grader.answer = record
    world.service.rerun(receipt.id, "garcia")
    world.service.dispatch()
    assert world.phases() == ["graded"]


def test_what_begins_as_it_is_cancelled_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path, later=True)
    receipt = world.submit()
    books = world.service.office.books
    look = books.fate

    def just_before(looked_at: Receipt) -> Fate:
        found = look(looked_at)
        monkeypatch.undo()
        world.service.dispatch()
        return found

    monkeypatch.setattr(books, "fate", just_before)
    world.service.cancel(receipt.id, "garcia")
    assert world.grader.cancelled == [receipt.id]
    world.grader.answer = lambda job: record(job, "infra_error")  # as a sandbox says of a process that was ended
    world.finish()
    assert world.phases() == ["cancelled"]
    orders = Desk(world.store.root / "hub", [ASSIGNMENT]).orders(ASSIGNMENT)
    assert [each.kind for each in orders] == ["cancel"]


def test_a_cancelled_rerun_leaves_the_record_that_there_was(tmp_path: Path) -> None:
    world = World(tmp_path)
    receipt = world.submit()
    world.service.dispatch()

    def ended(job: Job) -> Record:
        world.service.cancel(job.receipt, "garcia")
        raise MachineError("The submission was cancelled.")

    world.grader.answer = ended
    world.service.rerun(receipt.id, "garcia")
    world.service.dispatch()
    newest = world.seen().newest
    assert newest
    assert (newest.phase, newest.score) == ("graded", 50.0)
    assert world.service.instructors_view().batches[0].paused == ""


def test_what_ends_by_itself_as_it_is_cancelled_keeps_its_record(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.submit()

    def done(job: Job) -> Record:
        world.service.cancel(job.receipt, "garcia")
        return record(job)

    world.grader.answer = done
    world.service.dispatch()
    assert world.phases() == ["graded"]


def test_what_cannot_be_ended_goes_on(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.grader.can_cancel = False
    receipt = world.submit()

    def on_a_cluster(job: Job) -> Record:
        with pytest.raises(UsageError, match="time limit"):
            world.service.cancel(job.receipt, "garcia")
        return record(job, "infra_error")

    world.grader.answer = on_a_cluster
    world.service.dispatch()
    assert world.phases() == ["retrying"]
    assert Desk(world.store.root / "hub", [ASSIGNMENT]).orders(ASSIGNMENT) == ()
    assert world.grader.graded == [receipt.id]


def test_orders_about_unknown_receipts_are_refused(tmp_path: Path) -> None:
    world = World(tmp_path)
    for wrong in ("tiny.7", "nothing", "../tiny.1", "other.1"):
        with pytest.raises(UsageError, match="no receipt"):
            world.service.cancel(wrong, "garcia")
        assert world.service.submission(wrong) is None
        assert world.service.record(wrong) is None


def test_held_submissions_wait_for_an_instructor(tmp_path: Path) -> None:
    world = World(tmp_path, "hub=Hub(instant=False)")
    world.submit()
    world.service.dispatch()
    assert world.phases() == ["held"]
    newest = world.seen().newest
    assert newest
    assert newest.checked
    assert world.service.start_held(ASSIGNMENT, "garcia") == 1
    world.service.dispatch()
    assert world.phases() == ["graded"]


def test_what_cannot_be_published_is_published_later(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.submit()
    world.service.dispatch()
    world.publisher.broken = MachineError("The gradebook is locked.", "Close it.")
    world.service.publish()
    shown = world.service.instructors_view()
    assert "The gradebook is locked." in shown.problems[0]
    assert shown.unpublished == 1
    world.publisher.broken = None
    world.service.publish()
    assert world.publisher.published == [(ASSIGNMENT, ("ana",))]
    assert world.service.instructors_view().problems == ()


def test_a_leaderboard_that_has_changed_is_shown_without_a_new_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path)
    world.submit()
    world.service.dispatch()
    world.service.publish()
    before = world.service.version()
    changed = Board((Rank(1, "Ana", "0.9"),))
    monkeypatch.setattr(world.service.outbound, "_board", lambda _: changed)
    world.service.outbound.look_behind()
    world.service.publish()
    assert world.service.outbound.boards() == {ASSIGNMENT: changed}
    assert world.service.version() > before


def test_a_restart_goes_on_with_the_queue_and_with_what_was_not_published(tmp_path: Path) -> None:
    world = World(tmp_path, later=True)
    world.submit("ana")
    world.submit("ben")
    world.service.dispatch()
    world.finish()
    world.service.dispatch()  # ben begins, and the service is killed
    world.served()
    world.publisher.late = ["ana", "ben", "somebody"]
    world.service.receive()
    world.service.publish()
    assert world.publisher.published == [(ASSIGNMENT, ("ana",))]
    world.service.dispatch()
    world.finish()
    assert world.phases("ben") == ["graded"]
    assert world.grader.graded == ["tiny.1", "tiny.2"]


def test_a_second_service_is_refused(tmp_path: Path) -> None:
    world = World(tmp_path)
    with (
        Desk(world.store.root / "hub", [ASSIGNMENT]).alone(),
        pytest.raises(UsageError, match="Another"),
        Desk(world.store.root / "hub", [ASSIGNMENT]).alone(),
    ):
        raise AssertionError("two services would write the same receipts")


def test_the_threads_do_by_themselves_what_the_steps_do(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.service.start()
    try:
        world.handed_in()
        version = 0
        while world.seen().state in ("not_submitted", "queued", "running"):
            version = world.service.wait_for_change(version, 60)
    finally:
        world.service.stop()
    assert world.seen().state == "graded"
    assert world.grader.graded == ["tiny.1"]


def test_flags_are_for_instructors_alone(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.submit(at="2020-01-01 00:00:00.000000 UTC")
    assert [(each.kind, each.where) for each in world.service.instructors_view().flags] == [("backdated", "receipt")]
    assert "backdated" not in str(world.service.students_view("ana"))


def test_a_page_that_is_withheld_from_now_on_goes_whoever_is_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path)
    world.submit()
    world.service.dispatch()
    page = world.paths.feedback("ana", ASSIGNMENT)
    page.parent.mkdir(parents=True)
    page.write_text("50 points")
    monkeypatch.setattr(publisher, "publish", lambda *_: SimpleNamespace(problem=None))
    monkeypatch.setattr(publisher, "refresh_scores", lambda *_: [])
    monkeypatch.setattr(publisher, "render_pages", lambda *_: [])
    monkeypatch.setattr(publisher, "held_back", lambda *_: {"ana": "a person still has to mark why"})
    Publisher(world.service.office, world.exchange).publish(ASSIGNMENT, [])
    assert not page.exists()
