"""Another curve: tried out, written into the configuration by its instructor, applied to what was graded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from autograder.batch import regrade
from autograder.batch.regraded import Attempt, Regraded
from autograder.course.settings import Curve
from autograder.errors import UsageError
from autograder.grading.verdict import award
from autograder.hub import curves
from autograder.hub.curves import as_line, as_text, parse_curve
from autograder.hub.graders import Job, Plans
from autograder.records import GradeCell, Record, TestResult
from autograder.term.decisions import Frozen, ledger
from autograder.term.facts import Facts
from tests.hub.world import ASSIGNMENT, World, record
from tests.term.samples import decision, policy

IN_FORCE = Curve({0.50: 0, 0.70: 1})
MEASURED = {"ana": 0.80, "ben": 0.60, "eve": 0.55}


def of_student(job: Job) -> Record:
    """80 points by a curve over what was measured."""
    return scored(record(job), MEASURED[job.submission.student], IN_FORCE)


def scored(before: Record, value: float, curve: Curve) -> Record:
    fraction, message = award({"test_accuracy": value}, {"test_accuracy": curve})
    test = TestResult("test_accuracy", fraction == 1, fraction, message, None, "visible", {"test_accuracy": value})
    points = round(80 * (fraction or 0.0), 2)
    return replace(before, score=points, grade_cells=(GradeCell("accuracy", points, 80.0, False, (test,)),))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> World:
    """Three students are graded; plans are as much of them as curves need, and regrading is the arithmetic alone.

    A test's parameter is the course's policy.
    """
    made = World(tmp_path, getattr(request, "param", ""))
    made.grader.answer = of_student
    for student in MEASURED:
        made.submit(student)
        made.service.dispatch()
    specs = (SimpleNamespace(points=80.0, manual=False), SimpleNamespace(points=20.0, manual=True))

    def plan(plans: Plans, assignment: str) -> Any:
        profile = _Profile("smoke", dict(plans.course.assignments[0].profiles["smoke"].curves))
        return _Plan(made.store, profile, specs, SimpleNamespace(id=assignment))

    monkeypatch.setattr(Plans, "of", plan)
    monkeypatch.setattr(regrade, "_from_store", _regraded)
    return made


class _Profile(SimpleNamespace):
    def __init__(self, name: str, curves: dict[str, Curve]) -> None:
        super().__init__(name=name, curves=curves)


class _Plan(SimpleNamespace):
    def __init__(self, store: Any, profile: _Profile, specs: Any, assignment: str) -> None:
        super().__init__(store=store, profile=profile, specs=specs, assignment=assignment)


@pytest.fixture(autouse=True)
def _replaceable(monkeypatch: pytest.MonkeyPatch) -> None:
    def other(plan: _Plan, found: dict[str, Curve]) -> _Plan:
        return _Plan(plan.store, _Profile(plan.profile.name, dict(found)), plan.specs, plan.assignment)

    monkeypatch.setattr(curves, "_with", other)


def _regraded(plan: Any, keep: Callable[[Record], None], attempt: Attempt) -> Regraded:
    before = plan.store.read(plan.profile.name, plan.assignment.id, attempt.student, attempt.submission_id)
    after = scored(before, before.grade_cells[0].tests[0].measured["test_accuracy"], plan.profile.curves["test_accuracy"])
    keep(after)
    return Regraded(attempt.student, before.score, after.score, before.score != after.score)


def scores(world: World) -> dict[str, float | None]:
    return {each.student: each.score for each in world.store.latest("smoke", ASSIGNMENT)}


def configure(world: World, old: str, new: str) -> None:
    config = world.root / "grading_config.py"
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new))


def test_a_curve_is_tried_out_and_nothing_changes(world: World) -> None:
    effect = world.service.curves.try_out(ASSIGNMENT, "test_accuracy", "0.6: 0, 0.8: 1")
    assert [(each.student, each.before, each.after) for each in effect.changed] == [("ben", 40.0, 0.0), ("eve", 20.0, 0.0)]
    assert effect.max_score == 80
    assert effect.lines == ('"test_accuracy": Curve({0.6: 0, 0.8: 1})',)
    assert scores(world) == {"ana": 80.0, "ben": 40.0, "eve": 20.0}
    assert world.course.assignments[0].profiles["smoke"].curves["test_accuracy"] == IN_FORCE


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "at least two points"),
        ("0.8", "no point of a curve"),
        ("0.8: full", "no point of a curve"),
        ("0.8: 0, 0.8: 1", "twice"),
        ("0.7: 0, 0.8: 1, 0.9: 0.5", "up and down"),
        ("0.7: 0, 0.8: 100", "leave the range"),
        ("nan: 0, 0.8: 1", "not finite"),
        (", ".join(f"{number / 100}: {number / 100}" for number in range(50)), "more than 20"),
    ],
)
def test_what_is_no_curve_is_said(world: World, text: str, part: str) -> None:
    with pytest.raises(UsageError, match=part):
        world.service.curves.try_out(ASSIGNMENT, "test_accuracy", text)


def test_a_metric_without_a_curve_is_said(world: World) -> None:
    with pytest.raises(UsageError, match="no curve for 'loss'"):
        world.service.curves.try_out(ASSIGNMENT, "loss", "1: 0, 0: 1")


def test_curves_are_written_as_they_are_read() -> None:
    curve = parse_curve("0.123456789: 0\n0.88: 1")
    assert as_text(curve) == "0.123456789: 0, 0.88: 1"
    assert parse_curve(as_text(curve)) == curve
    assert eval(as_line("a", curve).partition(": ")[2], {"Curve": Curve}) == curve


def test_the_configurations_curve_is_applied_to_what_was_graded_and_to_what_comes(world: World) -> None:
    world.service.publish()
    configure(world, "Curve({0.50: 0, 0.70: 1})", "Curve({0.60: 0, 0.80: 1})")
    [view] = world.service.curves.views(ASSIGNMENT)
    assert (view.in_force, view.configured, view.differs) == ("0.5: 0, 0.7: 1", "0.6: 0, 0.8: 1", True)
    world.clock.forward(minutes=2)
    world.service.dispatch()
    assert "other curves for tiny" in world.service.instructors_view().problems[0]
    done = world.service.apply_curves(ASSIGNMENT, "garcia")
    assert [each.student for each in done.changed] == ["ben", "eve"]
    assert scores(world) == {"ana": 80.0, "ben": 0.0, "eve": 0.0}
    assert world.seen("ben").newest.score == 0.0  # type: ignore[union-attr]  # it is there
    assert world.service.instructors_view().problems == ()
    assert world.grader.plans.course is world.service.office.course
    assert not world.service.curves.views(ASSIGNMENT)[0].differs
    assert "garcia applied the curves of tiny: 2 score(s) changed" in world.said
    world.publisher.late = ["ben", "eve"]
    world.service.publish()
    assert world.publisher.published[-1] == (ASSIGNMENT, ("ben", "eve"))


def test_what_was_being_graded_meanwhile_has_the_new_curve_too(world: World) -> None:
    receipt = world.submit("eve", text="again")

    def answer(job: Job) -> Record:
        configure(world, "Curve({0.50: 0, 0.70: 1})", "Curve({0.00: 0, 0.01: 1})")
        world.service.apply_curves(ASSIGNMENT, "garcia")
        return of_student(job)  # by the plan that it was begun with

    world.grader.answer = answer
    world.service.dispatch()
    made = world.service.record(receipt.id)
    assert made
    assert made.score == 80.0


@pytest.mark.parametrize("world", ['counting="best"'], indirect=True)
def test_where_the_best_attempt_counts_all_attempts_have_the_new_curve(world: World) -> None:
    world.grader.answer = lambda job: scored(record(job), 0.50, IN_FORCE)
    later = world.submit("ben", text="worse")
    world.service.dispatch()
    assert scores(world)["ben"] == 0.0  # the present one; the first has 40
    effect = world.service.curves.try_out(ASSIGNMENT, "test_accuracy", "0.5: 0, 0.6: 1")
    assert effect.best
    assert [(each.student, each.before, each.after) for each in effect.changed] == [("eve", 20.0, 40.0), ("ben", 40.0, 80.0)]
    assert sorted(each.score or 0.0 for each in world.store.of_student(ASSIGNMENT, "ben")) == [0.0, 40.0]
    configure(world, "Curve({0.50: 0, 0.70: 1})", "Curve({0.50: 0, 0.60: 1})")
    assert world.service.apply_curves(ASSIGNMENT, "garcia").changed == effect.changed
    assert sorted(each.score or 0.0 for each in world.store.of_student(ASSIGNMENT, "ben")) == [0.0, 80.0]
    present = world.store.present("smoke", ASSIGNMENT, "ben")
    assert present
    assert present.submission_id == later.submission_id


def test_anything_else_in_the_configuration_waits_for_the_next_start(world: World) -> None:
    configure(world, "Curve({0.50: 0, 0.70: 1})", "Curve({0.60: 0, 0.80: 1})")
    configure(world, 'due="2027-02-12 23:59"', 'due="2027-02-13 23:59"')
    world.service.apply_curves(ASSIGNMENT, "garcia")
    assert scores(world)["ben"] == 0.0
    assert world.service.office.course.assignments[0].due == "2027-02-12 23:59"
    assert "start the service again" in world.service.instructors_view().problems[0]


def test_graders_that_cannot_be_used_change_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise UsageError("The graders cannot be used.")

    configure(world, "Curve({0.50: 0, 0.70: 1})", "Curve({0.60: 0, 0.80: 1})")
    monkeypatch.setattr(Plans, "of", broken)
    with pytest.raises(UsageError, match="graders"):
        world.service.apply_curves(ASSIGNMENT, "garcia")
    assert world.service.curves.views(ASSIGNMENT)[0].differs


def test_a_configuration_that_is_broken_changes_nothing(world: World) -> None:
    configure(world, "Curve({0.50: 0, 0.70: 1})", "Curve({0.60: 0, 0.80: 2})")
    with pytest.raises(Exception, match="leave the range"):
        world.service.apply_curves(ASSIGNMENT, "garcia")
    assert scores(world)["ben"] == 40.0
    world.clock.forward(minutes=2)
    world.service.dispatch()
    assert "cannot be used" in world.service.instructors_view().problems[0]


def test_applied_curves_leave_the_record_of_a_final_score(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def lowered(plan: Any, keep: Callable[[Record], None], attempt: Attempt) -> Regraded:
        before = plan.store.present("smoke", ASSIGNMENT, attempt.student)
        keep(replace(before, score=1.0))
        return Regraded(attempt.student, before.score, 1.0, True)

    monkeypatch.setattr(regrade, "_from_store", lowered)
    frozen = Frozen(policy(), {"ben": Facts()})
    ledger(world.store.root).append(lambda _: replace(decision("finalise", frozen=frozen, students=None), assignment=ASSIGNMENT))
    effect = world.service.curves.apply(ASSIGNMENT, "garcia")
    assert scores(world) == {"ana": 1.0, "ben": 40.0, "eve": 1.0}
    assert {each.student for each in effect.changed} == {"ana", "eve"}
    world.service.curves.bring_up(ASSIGNMENT, "ben", world.clock())
    assert scores(world)["ben"] == 40.0


def test_whom_the_graders_have_to_look_at_again_keeps_the_score(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regrade, "_from_store", lambda plan, keep, attempt: regrade._Unscored(attempt, 2))
    plan = world.grader.plans.of(ASSIGNMENT)
    [ana] = regrade.regrade_from_store(plan, ["ana"])
    assert (ana.before, ana.after, ana.changed) == (80.0, 80.0, False)
    assert "autograder regrade" in ana.needs_execution
