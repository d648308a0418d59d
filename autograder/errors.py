"""Errors, and whose fault each of them is.

AutograderError            message, cure, exit status of the command
├── ConfigurationError     the instructor's: all problems of a course at once (exit 2)
├── UsageError             whoever typed the command (exit 2)
├── GraderError            the instructor's: a grader file that cannot be used (exit 1)
├── SubmissionError        the student's: one submission, never the batch (exit 0)
└── MachineError           the machine's: a process that would not start (exit 3)
    └── StoreError         nothing can be kept: a full disk, a folder that may only be read; it ends the batch
"""

from __future__ import annotations

from dataclasses import dataclass


class AutograderError(Exception):
    """Something went wrong that a person can do something about."""

    exit_status = 1

    def __init__(self, message: str, cure: str = "") -> None:
        super().__init__(message, cure)
        self.message = message
        self.cure = cure

    def __str__(self) -> str:
        return f"{self.message}\n  → {self.cure}" if self.cure else self.message


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a course: where, what, and what to do."""

    place: str
    message: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" + (f"\n  → {self.cure}" if self.cure else "")


def installation_of(extra: str) -> str:
    """The command that adds an optional part of this package. By its name alone pip would fetch somebody else's from the web."""
    return f"pip install './autograder-….whl[{extra}]' with the package's own file, or '.[{extra}]' in a clone of its repository"


def sentence(text: str) -> str:
    """The text with a full stop at its end, unless it ends as a sentence already."""
    text = text.rstrip()
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


class ConfigurationError(AutograderError):
    """The course cannot be used as it is; carries every problem found, not just the first."""

    exit_status = 2

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class UsageError(AutograderError):
    """The command was called with something that does not exist or does not fit."""

    exit_status = 2


class GraderError(AutograderError):
    """A grader file cannot be collected or run; never a student's fault."""


class SubmissionError(AutograderError):
    """One submission cannot be processed. `outcome` is what its record says: unreadable or rejected."""

    exit_status = 0

    def __init__(self, outcome: str, message: str, cure: str = "") -> None:
        super().__init__(message, cure)
        self.outcome = outcome


class MachineError(AutograderError):
    """The machine, not the student, is why there is no result."""

    exit_status = 3


class StoreError(MachineError):
    """What came of a submission cannot be kept, so going on with others would be in vain."""
