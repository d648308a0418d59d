"""One submission all the way: intake, restore, run, models, score, record. What goes wrong becomes the record, never the batch's end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from autograder.batch.evidence import histories_of
from autograder.batch.keeping import NOT_REUSED, blank, judged, keep, or_unscored, recorded
from autograder.batch.locks import locked
from autograder.batch.losses import lost_in_its_notebook, rejected_for_losses, start_of
from autograder.batch.plan import Plan, servers_of
from autograder.batch.reruns import RERUNS, settle, with_seed
from autograder.errors import GraderError, MachineError
from autograder.execution.devices import Slot
from autograder.execution.run import Execution, execute
from autograder.execution.rundir import RunFolder
from autograder.files import write_atomic
from autograder.grading.memory import process_memory_mib
from autograder.grading.models import CUSTOM_MODEL, open_models
from autograder.grading.scoring import score_run
from autograder.grading.signals import KINDS, signals
from autograder.grading.verdict import judge, unjudged
from autograder.intake.choosing import choose_notebook
from autograder.intake.collect import Intake, take_in, together
from autograder.intake.literals import check_literals
from autograder.intake.restore import put_parameters, restore
from autograder.intake.versions import fetched_sources, recognise
from autograder.isolation.sandbox import Sandbox
from autograder.records import Flag, Record, Run, RunReference, Scoring, Submission, from_json, to_json

OnCell = Callable[[int, int], None]


@dataclass(frozen=True)
class Turn:
    """One submission's turn: in which slot, after how many seconds in the queue, and how.

    `force`: execute again what is recorded already. `alone`: nothing else is graded meanwhile, so that a lost attempt is this
    submission's. `taken`: its files, where its folder is out of reach. `batch`: the batch of workers that it belongs to.
    """

    slot: Slot = field(default_factory=Slot)
    queued_s: float = 0.0
    force: bool = False
    alone: bool = False
    taken: Intake | None = None
    batch: str = ""


def grade_submission(plan: Plan, submission: Submission, sandbox: Sandbox, on_cell: OnCell, turn: Turn) -> Record:
    """The record of one submission, written to the store; the one that is there already if nothing has changed since.

    Raises StoreError when nothing can be kept.
    """
    with plan.store.in_use(lambda: sandbox.stopped):
        known = None if turn.force else recorded(plan, submission)
        if known is not None:
            return known
        if turn.force:
            plan.store.starts.forget(plan.profile.name, submission)
        record = rejected_for_losses(plan, submission) or _attempted(plan, submission, sandbox, on_cell, turn)
        record = replace(record, seconds=replace(record.seconds, queue=turn.queued_s))
        if not sandbox.stopped:
            keep(plan, record)
        return record


def _attempted(plan: Plan, submission: Submission, sandbox: Sandbox, on_cell: OnCell, turn: Turn) -> Record:
    """What comes of one attempt, whose start is recorded until it has ended: see `starts`."""
    starts = plan.store.starts
    start = start_of(plan, submission, turn.alone, sandbox.isolation.level, turn.batch)
    with plan.store.writing(), starts.attempt(start) as attempt:
        slot = replace(turn.slot, company=not turn.alone)
        record = grade_unwritten(plan, submission, sandbox, on_cell, turn.force, slot, turn.taken)
        attempt.lost = lost_in_its_notebook(plan, record) and not sandbox.stopped
    if record.outcome not in NOT_REUSED:
        starts.forget(plan.profile.name, submission)
    return (rejected_for_losses(plan, submission) if attempt.lost else None) or record


def grade_unwritten(
    plan: Plan, submission: Submission, sandbox: Sandbox, on_cell: OnCell, force: bool, slot: Slot, taken: Intake | None = None
) -> Record:
    """The record of one submission as it comes out now, whatever was recorded before; it is not written.

    Never raises for a submission; StoreError when what comes of it cannot be kept.
    """
    return or_unscored(plan, submission, lambda: _grade(plan, submission, sandbox, on_cell, force, slot, taken))


def _grade(plan: Plan, submission: Submission, sandbox: Sandbox, on_cell: OnCell, force: bool, slot: Slot, taken: Intake | None) -> Record:
    plan, flags, executions = _prepared(plan, taken or take_in(submission, plan.assignment, plan.profile.limits), slot)

    def graded(index: int) -> Record:
        return _executed(with_seed(plan, index), submission, executions[index], flags, sandbox, on_cell, force)

    return settle(plan, graded)


def _prepared(plan: Plan, taken: Intake, slot: Slot) -> tuple[Plan, tuple[Flag, ...], list[Execution]]:
    """The plan for the release version that a submission began as, what was odd, and its executions: the first one, those of reruns."""
    chosen = choose_notebook(taken.notebooks, plan.assignment.id, plan.release, plan.profile.limits.submission_bytes)
    fetched = {each.number: each.fetched for each in plan.older} | {plan.version: plan.release}
    version, doubts = recognise(chosen, fetched)
    plan = plan.of(version)
    prepared = restore(chosen, plan.release, fetched_sources(fetched[version], plan.release))
    literals = check_literals(prepared.notebook, plan.release, plan.profile.limits.literal_bytes)
    files = together(taken.files, plan.released_files)
    executions = [_execution(with_seed(plan, index), prepared.notebook, files, slot) for index in range(RERUNS + 1)]
    return plan, (*taken.flags, *doubts, *prepared.flags, *literals), executions


def kept_runs(plan: Plan, taken: Intake, slot: Slot) -> list[RunFolder]:
    """Finished runs of a submission that may stand for another execution in such a slot. Raises SubmissionError as grading would."""
    folders = [plan.store.run(each.run_key()) for each in _prepared(plan, taken, slot)[2]]
    return [folder for folder in folders if reusable(folder, plan.min_isolation) is not None]


def _execution(plan: Plan, notebook: dict[str, Any], files: dict[str, bytes], slot: Slot) -> Execution:
    return Execution(
        assignment=plan.assignment.id,
        notebook=put_parameters(notebook, plan.profile),
        files=files,
        profile=plan.profile,
        split_fingerprint=plan.split.fingerprint,
        student_data=plan.split.student,
        questions=plan.declarations.questions,
        slot=slot,
        backend=plan.backend,
        fonts=plan.fonts,
        release=plan.release_digest,
        replay=put_parameters(notebook, replace(plan.profile, epoch_limit=1)),
    )


def _executed(
    plan: Plan, submission: Submission, execution: Execution, flags: tuple[Flag, ...], sandbox: Sandbox, on_cell: OnCell, force: bool
) -> Record:
    """The record of one execution, made now unless it is there already. `flags`: of the submission."""
    folder = plan.store.run(execution.run_key())
    with one_at_a_time(folder, sandbox):
        run = None if force else reusable(folder, plan.min_isolation)
        if run is not None and run.release != plan.release_digest:  # another release gave this very notebook
            run = replace(run, release=plan.release_digest)
            write_atomic(folder.run_file, to_json(run))
        if run is None:
            sandbox.warm_up(servers_of(plan, gpu=execution.slot.gpu is not None))  # nothing from the second submission on
            first = (lambda: None) if force else partial(reusable, folder, plan.min_isolation)
            run = execute(execution, folder, sandbox, on_cell, first)
        return grade_run(plan, blank(plan, submission, (*flags, *run.flags)), run, folder, sandbox)


@contextmanager
def one_at_a_time(folder: RunFolder, sandbox: Sandbox) -> Iterator[None]:
    """Two equal notebooks (two blank ones, say) share one run: the second waits for it instead of making it again.

    Raises MachineError when the command is interrupted while it waits.
    """
    with locked(folder.path.parent / ".locks" / folder.path.name, lambda: sandbox.stopped):
        yield


def reusable(folder: RunFolder, min_isolation: int) -> Run | None:
    """A finished run that may stand for another execution; one below the required isolation never does."""
    run = folder.read()
    if run is None or run.outcome in NOT_REUSED or run.isolation.level < min_isolation:
        return None
    return run


def grade_run(plan: Plan, known: Record, run: Run, folder: RunFolder, sandbox: Sandbox, student_code: bool = True) -> Record:
    """The record of a finished run: models, scoring and points. `known` carries what is known of the submission itself.

    Raises NeedsExecution when that takes student code, and `student_code` forbids it.
    """
    spent, scoring = _Spent(), Scoring(())
    if run.outcome in NOT_REUSED:
        verdict = unjudged(plan.specs, "not_graded", run.reason)
    else:
        try:
            scoring, spent = _scoring(plan, run, folder, sandbox, student_code)
            verdict = judge(plan.specs, plan.declarations.tests, _with_problems(scoring, plan), plan.profile.curves)
        except GraderError as error:
            verdict = unjudged(plan.specs, "grader_error", error.message)
        except MachineError as error:
            verdict = unjudged(plan.specs, "not_graded", error.message)
            run = replace(run, outcome="infra_error", reason=error.message)
    return replace(
        of_run(with_signals(plan, judged(known, verdict), run, folder, scoring), run),
        usage=replace(run.usage, model_cpu_s=spent.model_cpu_s, scoring_cpu_s=spent.scoring_cpu_s),
        seconds=replace(run.seconds, model=spent.model_s, scoring=spent.scoring_s),
    )


def of_run(record: Record, run: Run) -> Record:
    """The record as that of this run alone, in all that an execution decides."""
    return replace(
        record,
        runs=(RunReference(run.run_key, run.seed, True),),
        outcome=run.outcome,
        reason=run.reason,
        first_error=run.first_error,
        isolation=run.isolation,
        usage=run.usage,
        seconds=run.seconds,
        versions=run.versions,
    )


def with_signals(plan: Plan, record: Record, run: Run, folder: RunFolder, scoring: Scoring) -> Record:
    """The record with the flags of its models and the signals of its run, in place of those that it had."""
    histories, profile = histories_of(folder, run), plan.profile
    found = signals(histories, scoring.models, run.usage.student_cpu_s, profile.epoch_limit, plan.examples, plan.calibration)
    kept = [flag for flag in record.flags if flag.kind not in (*KINDS, CUSTOM_MODEL)]
    return replace(record, flags=(*kept, *scoring.flags, *found))


@dataclass(frozen=True)
class _Spent:
    """Wall and CPU seconds of models and scoring; 0 for what was kept from before."""

    model_s: float = 0.0
    model_cpu_s: float = 0.0
    scoring_s: float = 0.0
    scoring_cpu_s: float = 0.0


def _with_problems(scoring: Scoring, plan: Plan) -> Scoring:
    return replace(scoring, problems=tuple(dict.fromkeys((*plan.declarations.problems, *scoring.problems))))


def _scoring(plan: Plan, run: Run, folder: RunFolder, sandbox: Sandbox, student_code: bool) -> tuple[Scoring, _Spent]:
    """What the graders say: as kept for these graders and this data, else from B (and C) and S now."""
    kept = folder.scores(plan.scoring_key)
    try:
        return from_json(Scoring, kept.read_bytes()), _Spent()
    except (OSError, ValueError):
        pass
    memory = process_memory_mib(plan.assignment.resources)
    opened = open_models(folder, run, plan.declarations.predictions, plan.split, plan.profile, sandbox, plan.backend, student_code, memory)
    tests = [test.name for test in plan.declarations.tests]
    scoring, seconds, cpu_s = score_run(
        folder, run, opened.folder, plan.graders, plan.split, plan.profile, plan.assignment.id, sandbox, tests, memory, plan.version
    )
    scoring = replace(scoring, flags=opened.flags)
    if not scoring.problems and all(test.outcome != "error" for test in scoring.tests):
        write_atomic(kept, to_json(scoring))
    return scoring, _Spent(opened.seconds, opened.cpu_s, seconds, cpu_s)
