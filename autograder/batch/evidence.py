"""What feedback draws beside a record, read from the counted run's plain files."""

from __future__ import annotations

import json
import math
from typing import Any

from autograder.batch.store import Store
from autograder.execution.rundir import RunFolder
from autograder.files import read_bounded
from autograder.records import Evidence, Record, Run, Scoring, from_json

_HISTORY_BYTES = 1_000_000


def evidence_of(store: Store, record: Record) -> Evidence:
    """Training curves, confusion matrices and mistakes of a record; what is missing or malformed is left out."""
    counted = next((run.run_key for run in record.runs if run.counted), None)
    folder = store.run(counted) if counted else None
    run = folder.read() if folder else None
    if folder is None or run is None:
        return Evidence()
    scoring = _scoring(folder, record)
    return Evidence(histories_of(folder, run), scoring.confusions, scoring.mistakes)


def histories_of(folder: RunFolder, run: Run) -> dict[str, dict[str, tuple[float | None, ...]]]:
    """Training curves by hand-in name, as the notebook handed them in: nothing in them has been checked."""
    found = {}
    for entry in run.entries:
        if entry.kind == "history":
            try:
                curves = json.loads(read_bounded(folder.handin / f"{entry.name}.json", _HISTORY_BYTES))
                found[entry.name] = {str(metric): tuple(_number(value) for value in values) for metric, values in curves.items()}
            except Exception:  # a history is a student's file; whatever reading it raises, feedback goes on without it
                continue
    return found


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _scoring(folder: RunFolder, record: Record) -> Scoring:
    try:
        return from_json(Scoring, folder.scores(record.grade_key.partition(".")[0]).read_bytes())
    except (OSError, ValueError):
        return Scoring(())
