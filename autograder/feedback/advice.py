"""What else stands in the way of a notebook that stopped: the doctor's costly findings, beside the explained first error."""

from __future__ import annotations

import json
import sys
from typing import Any

from autograder.doctor.examine import Surroundings, examine
from autograder.doctor.finding import Finding
from autograder.errors import SubmissionError
from autograder.feedback.cells import raw_cells
from autograder.feedback.explained import Explanation, failed_cell
from autograder.records import FirstError

_MOST = 5
_SAID_BY_THE_ERROR = ("syntax_error", "undefined_name", "missing_import")  # of the cell that failed


def further_findings(notebook: dict[str, Any] | None, error: FirstError | None, explained: Explanation | None) -> tuple[Finding, ...]:
    """At most five findings that cost points and are not said already; none for a notebook without an error."""
    if notebook is None or error is None:
        return ()
    try:
        found = examine(json.dumps(notebook).encode(), around=Surroundings(submission_bytes=sys.maxsize))
    except SubmissionError:
        return ()
    failed = failed_cell(raw_cells(notebook), error)
    said = (explained.cause.cell, explained.cause.line) if explained else None
    new = [each for each in found if each.costly and (each.place.cell, each.place.line) != said]
    return tuple(each for each in new if each.place.cell != failed or each.kind not in _SAID_BY_THE_ERROR)[:_MOST]
