"""Runs right solutions with many seeds, through the same line as submissions, and reads off what a calibration needs.

Everything lies in a store of its own, `calibration/` of the results store: what is there already and has not changed is not executed
again, so an interrupted calibration goes on where it stopped, and more runs only add to those that there are.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograder.batch.evidence import histories_of
from autograder.batch.local import side_by_side
from autograder.batch.pipeline import OnCell, Turn, grade_submission
from autograder.batch.plan import Plan
from autograder.batch.progress import Progress
from autograder.batch.reruns import with_seed
from autograder.batch.store import Store
from autograder.course.calibration import Calibration
from autograder.errors import MachineError, UsageError
from autograder.execution.devices import Slot
from autograder.execution.rundir import RunFolder
from autograder.files import digest, write_atomic
from autograder.grading.audit import measured_metrics
from autograder.grading.models import open_models
from autograder.intake.collect import find_submissions
from autograder.isolation.sandbox import Sandbox
from autograder.quality.lapses import Lapse, lapses_of
from autograder.quality.luck import Floats, example_scores
from autograder.quality.variants import Variant, build_submission, read_variants
from autograder.records import Prediction, Record, Run, Submission


@dataclass(frozen=True)
class SeedRun:
    """One right solution executed with one seed. `as_expected`: it ended as its file says, and the graders could score it.

    `measured`: by metric, as the graders awarded it; `scores`: by metric, what each hidden example contributes to it, where that is
    known (see `example_scores`); `histories`: as handed in; `lapses`: by grade cell that it claims, what it lost beside the curves.
    """

    variant: str
    record: Record
    as_expected: bool
    measured: dict[str, float | None]
    scores: dict[str, tuple[Floats, bool]]
    histories: dict[str, dict[str, tuple[float | None, ...]]]
    lapses: dict[str, tuple[Lapse, ...]] = field(default_factory=dict)


def right_solutions(plan: Plan, named: Sequence[str]) -> list[Variant]:
    """The reference and the alternatives, or those of them that are named. Raises UsageError for a name that is none of them."""
    known = [variant for variant in read_variants(plan.paths, plan.assignment.id) if variant.right]
    unknown = sorted(set(named) - {variant.name for variant in known})
    if unknown:
        raise UsageError(
            f"'{unknown[0]}' is no right solution of '{plan.assignment.id}'.", f"There are: {', '.join(each.name for each in known)}."
        )
    return [variant for variant in known if not named or variant.name in named]


def run_all(
    plan: Plan, variants: Sequence[Variant], runs: int, sandbox: Sandbox, jobs: int | None, force: bool, progress: Progress[Record]
) -> list[SeedRun]:
    """Each right solution with so many seeds, from the profile's own on. Interrupted: what is recorded stays.

    A run that is recorded without a result, over its time limit on a busy machine for example, is made again.
    """
    by_name = {variant.name: variant for variant in variants}
    plans = [_of_seed(plan, index) for index in range(runs)]
    named = _submissions(plan, variants)
    submissions = [_of_run(submission, index) for index in range(runs) for submission in named]
    of = {submission.student: plans[at // len(named)] for at, submission in enumerate(submissions)}

    def one(submission: Submission, slot: Slot, on_cell: OnCell, queued_s: float) -> Record:
        seeded = of[submission.student]
        known = seeded.store.read(seeded.profile.name, submission.assignment, submission.student, submission.submission_id)
        failed = known is not None and not _as_expected(by_name[_variant(submission.student)], known)
        return grade_submission(seeded, submission, sandbox, on_cell, Turn(slot, queued_s, force or failed))

    records = side_by_side(plan, submissions, sandbox, jobs, one, progress)
    labels = np.load(plan.split.hidden / "y.npy")
    return [_read(of[each.student], by_name[_variant(each.student)], each, labels, sandbox) for each in records]


def device_of(plan: Plan, runs: Sequence[SeedRun]) -> str:
    """What the runs were executed on: the GPUs, and the threads of each run."""
    used = [run.record.usage for run in runs if run.record.runs]
    devices = dict.fromkeys("CPU" if each.fell_back else each.gpu or "CPU" for each in used)
    threads = max(1, int(plan.assignment.resources.cpus))
    return f"{' and '.join(devices) or 'CPU'}, {threads} thread{'s' if threads > 1 else ''}"


def _of_seed(plan: Plan, index: int) -> Plan:
    """The plan of one seed. Without a calibration: what runs here neither depends on the last one, nor is run again."""
    seeded = with_seed(plan, index)
    return replace(
        seeded,
        store=Store(plan.store.root / "calibration"),
        execution_key=digest("seed", plan.execution_key, seeded.profile.seed),
        calibration=Calibration(),
    )


def _submissions(plan: Plan, variants: Sequence[Variant]) -> list[Submission]:
    """One folder for each right solution, as students' submissions lie."""
    submitted, assignment = plan.store.root / "calibration" / "submitted", plan.assignment.id
    for variant in variants:
        notebook = build_submission(plan.paths, assignment, variant)
        write_atomic(submitted / variant.name / assignment / f"{assignment}.ipynb", json.dumps(notebook, indent=1))
    return find_submissions(submitted, assignment, [variant.name for variant in variants], plan.profile.limits.submission_bytes)


def _of_run(submission: Submission, index: int) -> Submission:
    """The same submission by another student, so that it has a record for each seed."""
    return replace(submission, student=f"{submission.student}.{index + 1}")


def _variant(student: str) -> str:
    return student.rpartition(".")[0]


def _as_expected(variant: Variant, record: Record) -> bool:
    return record.grading == "ok" and record.outcome == variant.outcome


def _read(plan: Plan, variant: Variant, record: Record, labels: NDArray[Any], sandbox: Sandbox) -> SeedRun:
    """What one run says, of the cells that the solution claims to answer."""
    measured = measured_metrics([cell for cell in record.grade_cells if variant.claims is None or cell.grade_id in variant.claims])
    folder = plan.store.run(record.runs[0].run_key) if record.runs else None
    run = folder.read() if folder is not None else None
    if folder is None or run is None or record.grading != "ok":
        return SeedRun(variant.name, record, False, measured, {}, {})
    scores = _all_scores(plan, folder, run, measured, labels, sandbox)
    lapses = lapses_of(record, variant, plan.profile.curves)
    return SeedRun(variant.name, record, _as_expected(variant, record), measured, scores, histories_of(folder, run), lapses)


def _all_scores(
    plan: Plan, folder: RunFolder, run: Run, measured: dict[str, float | None], labels: NDArray[Any], sandbox: Sandbox
) -> dict[str, tuple[Floats, bool]]:
    try:
        opened = open_models(folder, run, plan.declarations.predictions, plan.split, plan.profile, sandbox, plan.backend).folder
    except MachineError:  # the values stay; only the hidden part cannot be drawn again
        return {}
    scores = {}
    for test in plan.declarations.tests:
        for metric in test.metrics:
            value = measured.get(metric)
            found = _scores(opened, test.prediction, labels, value) if test.prediction and value is not None else None
            if found is not None:
                scores[metric] = found
    return scores


def _scores(opened: Path, prediction: Prediction, labels: NDArray[Any], value: float) -> tuple[Floats, bool] | None:
    try:
        with np.load(opened / f"{prediction.key}.npz", allow_pickle=False) as arrays:
            return example_scores(arrays["hidden"], labels, value)
    except (OSError, ValueError, KeyError):  # it was refused, or what came back are no numbers
        return None
