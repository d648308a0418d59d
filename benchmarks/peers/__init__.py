"""What the autograder is compared with, each used as its own documentation says."""

from __future__ import annotations

from dataclasses import dataclass

from measuring import Measured

Grades = dict[str, dict[str, float | None]]


@dataclass(frozen=True)
class PeerResult:
    """`start_s` is the part of the wall time that does not depend on the number of students."""

    name: str
    students: int
    processes: int
    start_s: float
    measured: Measured
    grades: Grades

    def class_wall_s(self, students: int) -> float:
        """Wall time for a class of that size, from the one that was graded."""
        return self.start_s + (self.measured.wall_s - self.start_s) / self.students * students
