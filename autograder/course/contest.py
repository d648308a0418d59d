"""What a contest needs of its assignment: an awarded metric, and a locked cell that hands in the pseudonym."""

from __future__ import annotations

import difflib

from autograder.course.handins import DeclaredHandins
from autograder.course.settings import Assignment
from autograder.errors import Problem
from autograder.records import Declarations

# The name by which students hand in under which name they want to appear, or None.
PSEUDONYM = "pseudonym"


def contest_problems(assignment: Assignment, handed: DeclaredHandins, declarations: Declarations) -> list[Problem]:
    """What is missing for the leaderboard; nothing for an assignment without one."""
    if assignment.contest is None:
        return []
    metrics = sorted({metric for test in declarations.tests for metric in test.metrics})
    problems = []
    if assignment.contest not in metrics:
        close = difflib.get_close_matches(assignment.contest, metrics, n=1)
        cure = f"Did you mean {close[0]!r}?" if close else f"They award {', '.join(metrics) or 'none'}."
        problems.append(Problem(assignment.place, f"contest: no grader awards the metric {assignment.contest!r}", cure))
    if PSEUDONYM not in handed.names:
        cure = f"Write hand_in({PSEUDONYM!r}) into one, and let students assign a name or None before."
        problems.append(Problem(assignment.place, f"contest: no locked cell hands in '{PSEUDONYM}'", cure))
    return problems
