"""Grades recorded runs again, without executing any student code, and says what changed.

First comes what follows from the store alone: a changed curve is applied to what was measured, and no process starts. Only
for those whom the graders have to look at again a sandbox is opened. Each record is written as soon as it is made, so an
interrupted command goes on where it stopped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from autograder.batch.keeping import is_current
from autograder.batch.machine import Machine
from autograder.batch.pipeline import grade_run, of_run, one_at_a_time, with_signals
from autograder.batch.plan import Plan
from autograder.batch.regraded import Attempt, Regraded, attempts_of, by_student
from autograder.batch.reruns import settle
from autograder.execution.rundir import RunFolder
from autograder.grading.custom_models import NeedsExecution
from autograder.grading.verdict import judge
from autograder.isolation.sandbox import Sandbox
from autograder.records import Record, Run, RunReference, Scoring, from_json

T = TypeVar("T")
Keep = Callable[[Record], None]


class _NotScored(Exception):
    """The graders have to look at a run again."""


@dataclass(frozen=True)
class _Unscored:
    """The graders have to look at this attempt's run again, which was executed in this isolation."""

    attempt: Attempt
    level: int


def regrade(
    plan: Plan,
    students: Sequence[str],
    open_sandbox: Callable[[int], Sandbox],
    jobs: int | None,
    done: Callable[[], None],
    final: Collection[str] = (),
    every: bool = False,
) -> list[Regraded]:
    """The present records of these students under the present graders, curves and points, in their order.

    `open_sandbox` is called at most once, with the lowest isolation in which one of the runs was executed: opening a model asks
    for no more than running the notebook that made it did. `done` is called after each student. Of those who are `final` it is only
    said what their record would be. `every`: the records of all attempts, as where the best one counts; what is said of a student is
    then the best score before and after.
    """
    attempts = attempts_of(plan, students, every)
    left = Counter(attempt.student for attempt in attempts)
    finished: dict[Attempt, Regraded] = {}
    unscored: list[_Unscored] = []

    def take(attempt: Attempt, found: Regraded | _Unscored) -> None:
        if isinstance(found, _Unscored):
            unscored.append(found)
            return
        finished[attempt] = found
        left[attempt.student] -= 1
        if not left[attempt.student]:
            done()

    def keep(record: Record) -> None:
        if record.student not in final:
            plan.store.write(record, present=False)  # another submission may have come meanwhile

    with plan.store.in_use():
        _side_by_side(partial(_from_store, plan, keep), attempts, jobs, take)
        if unscored:
            with open_sandbox(min(each.level for each in unscored)) as sandbox:
                _side_by_side(partial(_from_graders, plan, keep, sandbox), [each.attempt for each in unscored], jobs, take, sandbox.stop)
    return by_student([finished[attempt] for attempt in attempts], final)


def regrade_from_store(
    plan: Plan, students: Sequence[str], write: bool = True, final: Collection[str] = (), every: bool = False
) -> list[Regraded]:
    """What follows from the store alone, as after a changed curve, for these students in their order: no process starts.

    Whoever takes more keeps the score, and `needs_execution` says what. Without `write` nothing changes: what would come of it; and
    nothing of those who are `final` does. `every` as for `regrade`.
    """

    def keep(record: Record) -> None:
        if write and record.student not in final:
            plan.store.write(record, present=False)

    with plan.store.in_use():
        found = [_from_store(plan, keep, attempt) for attempt in attempts_of(plan, students, every)]
    return by_student([_left_alone(plan, each) if isinstance(each, _Unscored) else each for each in found], final)


def _left_alone(plan: Plan, unscored: _Unscored) -> Regraded:
    student, submission_id = unscored.attempt.student, unscored.attempt.submission_id
    record = plan.store.read(plan.profile.name, plan.assignment.id, student, submission_id)
    score = record.score if record is not None else None
    return Regraded(student, score, score, needs_execution="the graders changed: autograder regrade")


def _side_by_side(
    work: Callable[[Attempt], T],
    attempts: Sequence[Attempt],
    jobs: int | None,
    take: Callable[[Attempt, T], None],
    stop: Callable[[], None] | None = None,
) -> None:
    """Hands each result to `take`, here and as it comes. The first exception, an interrupt too, ends it: `stop` ends what runs."""
    with ThreadPoolExecutor(max_workers=jobs or Machine.here(with_gpus=False).cpus) as pool:
        futures = {pool.submit(work, attempt): attempt for attempt in attempts}
        try:
            for future in as_completed(futures):
                take(futures[future], future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            if stop is not None:
                stop()
            raise


def _from_store(plan: Plan, keep: Keep, attempt: Attempt) -> Regraded | _Unscored:
    """What follows from the store alone: nothing changed, points from what was measured, or what stands in the way."""
    student = attempt.student
    record = plan.store.read(plan.profile.name, plan.assignment.id, student, attempt.submission_id)
    if record is None:
        return Regraded(student, None, None, needs_execution="its record cannot be read")
    plan = plan.of(record.release)
    if not record.runs or is_current(plan, record):
        return Regraded(student, record.score, record.score)
    try:
        return _written(keep, record, settle(plan, partial(_rejudged, plan, record)))
    except NeedsExecution as obstacle:
        return Regraded(student, record.score, record.score, needs_execution=str(obstacle))
    except _NotScored:
        return _Unscored(attempt, record.isolation.level)


def _rejudged(plan: Plan, record: Record, index: int) -> Record:
    """The record as that of one of its runs alone, from what was measured. Raises _NotScored when these graders never saw that run."""
    folder, run = _run(plan, record, index)
    scoring = _kept(folder, plan.scoring_key)
    if scoring is None:
        raise _NotScored
    verdict = judge(plan.specs, plan.declarations.tests, scoring, plan.profile.curves)
    return with_signals(plan, verdict.put_into(_as_of(plan, record, run)), run, folder, scoring)


def _from_graders(plan: Plan, keep: Keep, sandbox: Sandbox, attempt: Attempt) -> Regraded:
    """Models, where they have to be opened again, and graders; the notebook is not executed."""
    student = attempt.student
    record = plan.store.read(plan.profile.name, plan.assignment.id, student, attempt.submission_id)
    assert record is not None
    plan = plan.of(record.release)

    def graded(index: int) -> Record:
        folder, run = _run(plan, record, index)
        with one_at_a_time(folder, sandbox):  # two equal notebooks share it
            return grade_run(plan, _as_of(plan, record, run), run, folder, sandbox, student_code=False)

    try:
        after = settle(plan, graded)
    except NeedsExecution as obstacle:
        return Regraded(student, record.score, record.score, needs_execution=str(obstacle))
    if after.outcome == "infra_error":
        return Regraded(student, record.score, record.score, failed=after.reason)
    return _written(keep, record, replace(after, seconds=replace(after.seconds, queue=record.seconds.queue)))


def _run(plan: Plan, record: Record, index: int) -> tuple[RunFolder, Run]:
    """The first run of a record, or one of its reruns. Raises NeedsExecution for one that is not there, or cannot be used."""
    if index >= len(record.runs):
        raise NeedsExecution("chance explains its miss: it runs again with another seed")
    key = record.runs[index].run_key
    folder = plan.store.run(key)
    run = folder.read()
    if run is None:
        raise NeedsExecution(f"its run {key} is no longer in the store")
    obstacle = _obstacle(plan, run)
    if obstacle:
        raise NeedsExecution(obstacle)
    return folder, run


def _obstacle(plan: Plan, run: Run) -> str:
    """Why a record cannot be made without executing the submission, or nothing."""
    if run.outcome == "infra_error":
        return f"the machine failed: {run.reason}"
    if run.data != plan.split.fingerprint:
        return "the data changed since it was executed"
    if run.release != plan.release_digest:
        return "the release version changed since it was executed"
    new = [question.function for question in plan.declarations.questions if question.id not in run.questions]
    return f"new question to {', '.join(dict.fromkeys(new))}" if new else ""


def _kept(folder: RunFolder, scoring_key: str) -> Scoring | None:
    """What these graders said of the run when they last looked at it."""
    try:
        return from_json(Scoring, folder.scores(scoring_key).read_bytes())
    except (OSError, ValueError):
        return None


def _of_these_graders(plan: Plan, record: Record) -> Record:
    """The record as the present graders' and curves'; its execution stays what it was."""
    return replace(record, grade_key=plan.grade_key, context=f"{record.context.partition('.')[0]}.{plan.grade_key}")


def _as_of(plan: Plan, record: Record, run: Run) -> Record:
    """The record as these graders', and as that of one of its runs alone; nothing but that changes for the run that counted."""
    known = _of_these_graders(plan, record)
    counted = next(reference.run_key for reference in record.runs if reference.counted)
    if run.run_key == counted:
        return replace(known, runs=(RunReference(run.run_key, run.seed, True),))
    other = plan.store.run(counted).read()
    flags = [flag for flag in known.flags if other is None or flag not in other.flags]
    return replace(of_run(known, run), flags=(*flags, *run.flags))


def _written(keep: Keep, before: Record, after: Record) -> Regraded:
    if after != before:
        keep(after)
    changed = (before.score, before.grading) != (after.score, after.grading)
    return Regraded(after.student, before.score, after.score, changed)
