"""The one interface behind which all that is not a page lies. Pages know nothing of stores, queues and gradebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from autograder.hub.state import InstructorsView, StudentsView
from autograder.quality.similarity import Pair
from autograder.records import Record

OrderKind = Literal["start", "cancel", "rerun"]


class Source(Protocol):
    """What the pages ask of the service; any method may be called from any thread.

    Names of users are those that the hub authenticated. `receipt` is an id as in the views; a method that is given one that does not
    exist answers None.
    """

    def students_view(self, user: str) -> StudentsView:
        """Everything that this student may see, and nothing of anybody else."""

    def instructors_view(self) -> InstructorsView:
        """Everything that the instructors' page shows live."""

    def records(self, assignment: str) -> Sequence[Record]:
        """The newest record of each student."""

    def names(self) -> Mapping[str, str]:
        """What students are called, where the roster says so."""

    def similar(self, assignment: str) -> Sequence[Pair]:
        """Pairs of submissions that look alike, as the last report found them."""

    def record(self, receipt: str) -> Record | None:
        """The record of this submission."""

    def feedback(self, receipt: str) -> str | None:
        """The student's page about this submission, as HTML."""

    def notebook(self, receipt: str) -> dict[str, Any] | None:
        """The executed notebook, as nbformat 4 JSON that nobody has made harmless."""

    def order(self, kind: OrderKind, receipt: str, who: str) -> str:
        """Does what an instructor wants with a submission; a sentence says what was done. Raises UsageError where that cannot be."""
