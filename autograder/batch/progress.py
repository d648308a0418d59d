"""What is told of a batch while it runs."""

from __future__ import annotations

from typing import Protocol, TypeVar

from autograder.records import Record

T_contra = TypeVar("T_contra", contravariant=True)


class Progress(Protocol[T_contra]):
    """What a progress display hears; called from several threads."""

    def began(self, student: str) -> None: ...
    def cell(self, student: str, index: int, count: int) -> None: ...
    def ended(self, done: T_contra, /) -> None: ...


class BatchProgress(Progress[Record], Protocol):
    """The same for a batch, in which a submission may have to wait once more."""

    def postponed(self, student: str) -> None: ...
