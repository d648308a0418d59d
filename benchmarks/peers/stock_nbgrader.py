"""`nbgrader autograde` as it comes: one process for the class, or a course folder and a gradebook for each core."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from measuring import measure
from workload.students import ASSIGNMENT, HERE, Student, submit, write_data

from peers import Grades, PeerResult

_NBGRADER = [sys.executable, "-m", "nbgrader"]
_AUTOGRADE = [*_NBGRADER, "autograde", ASSIGNMENT]


def grade_with_nbgrader(folder: Path, students: Sequence[Student], processes: int = 1) -> PeerResult:
    """Grades the students with so many processes at a time. Raises RuntimeError when nbgrader does not end well."""
    original = _make_course(folder / "course")
    courses = [Path(shutil.copytree(original, folder / f"process{number}")) for number in range(processes)]
    for number, course in enumerate(courses):
        submit(course / "release" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb", students[number::processes], course / "submitted")
        for student in students[number::processes]:
            shutil.copy(course / "release" / ASSIGNMENT / "data.npz", course / "submitted" / student.name / ASSIGNMENT)
    start = measure([[*_AUTOGRADE, "--student", "nobody"]], [original])  # it imports everything and finds nothing to do
    measured = measure([_AUTOGRADE] * processes, courses)
    if measured.failed:
        raise RuntimeError(f"nbgrader autograde ended with {measured.statuses}:\n{measured.said[-3000:]}")
    grades = {student: cells for course in courses for student, cells in _grades(course).items()}
    return PeerResult("nbgrader" if processes == 1 else "nbgrader-parallel", len(students), processes, start.wall_s, measured, grades)


def _make_course(course: Path) -> Path:
    shutil.copytree(HERE / "nbgrader", course)
    write_data(course / "source" / ASSIGNMENT)
    released = measure([[*_NBGRADER, "generate_assignment", ASSIGNMENT]], [course])
    if released.failed:
        raise RuntimeError(f"nbgrader generate_assignment failed:\n{released.said[-3000:]}")
    return course


def _grades(course: Path) -> Grades:
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "bench") as gradebook:
        return {
            submission.student.id: {grade.name: grade.score for notebook in submission.notebooks for grade in notebook.grades}
            for submission in gradebook.assignment_submissions(ASSIGNMENT)
        }
