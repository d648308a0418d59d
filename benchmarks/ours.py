"""The benchmark's class through `autograder grade`, the command as users run it."""

from __future__ import annotations

import json
import shutil
import statistics
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring import Measured, measure
from peers import Grades
from workload.students import ASSIGNMENT, COURSE, Student, submit

_COMMAND = [sys.executable, "-m", "autograder.cli"]
_SECONDS = ("start", "notebook", "model", "scoring")
MIN_ISOLATION = 2


@dataclass(frozen=True)
class ClassResult:
    """A graded class. `start`: the command with nothing to execute or write; `again`: with all of it recorded already."""

    records: list[dict[str, Any]]
    measured: Measured
    start: Measured
    again: Measured

    @property
    def students(self) -> int:
        return len(self.records)

    @property
    def student_cpu_s(self) -> float:
        """CPU of the students' own cells, all of them together."""
        return self.total("student_cpu_s")

    @property
    def isolation(self) -> int:
        """The lowest level at which a submission ran."""
        return min((int(record["isolation"]["level"]) for record in self.records), default=0)

    @property
    def grades(self) -> Grades:
        return {record["student"]: {cell["grade_id"]: cell["score"] for cell in record["grade_cells"]} for record in self.records}

    def total(self, usage: str) -> float:
        return float(sum(record["usage"].get(usage) or 0.0 for record in self.records))


def release_and_submit(folder: Path, students: Sequence[Student]) -> Path:
    """A copy of the course in a new folder, with its release and what the students hand in."""
    course = Path(shutil.copytree(COURSE, folder, ignore=shutil.ignore_patterns("__pycache__")))
    _run(course, "release", ASSIGNMENT)
    submit(course / "release" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb", students, course / "submitted")
    return course


def grade_class(folder: Path, students: Sequence[Student], jobs: int | None, trust: bool) -> ClassResult:
    """Releases, submits, grades. Raises RuntimeError when the command does not end well.

    The data are split and the interpreter's caches filled before anything is timed, as they are in a course's second week.
    """
    course = release_and_submit(folder, students)
    grade = [
        "grade",
        ASSIGNMENT,
        "--json",
        "records.json",
        *(["--jobs", str(jobs)] if jobs else []),
        *(["--trust-submissions"] if trust else []),
    ]
    _run(course, *grade, "--dry-run")
    start = _run(course, *grade, "--dry-run")
    measured = _run(course, *grade)
    records = json.loads((course / "records.json").read_text(encoding="utf-8"))
    return ClassResult(records, measured, start, _run(course, *grade))


def _run(course: Path, *arguments: str) -> Measured:
    done = measure([[*_COMMAND, *arguments, "--course", str(course)]], [course])
    if done.failed:
        raise RuntimeError(f"autograder {arguments[0]} ended with {done.statuses}:\n{done.said[-3000:]}")
    return done


def cpu_outside(result: ClassResult) -> dict[str, float]:
    """CPU seconds for each submission that are not the student's own cells, by part; the last one is what no part accounts for.

    What the records tell of a part ends in `_cpu_s`; parts that they do not tell are in the last one.
    """
    command, count = result.measured, result.students
    told = {name: result.total(name) for name in _told(result.records)}
    notebook = result.total("cpu_s") - result.student_cpu_s
    within = sum(seconds for name, seconds in told.items() if name not in ("model_cpu_s", "scoring_cpu_s"))
    parts = {
        "start of the command": result.start.cpu_s,
        "intake, progress, records": max(0.0, command.own_cpu_s - result.again.own_cpu_s),
        "gradebook and autograded notebooks": max(0.0, result.again.cpu_s - result.start.cpu_s),
        "process of the notebook: start, sandbox, papermill": notebook - within,
        **{name.removesuffix("_cpu_s").replace("_", "-"): seconds for name, seconds in told.items()},
    }
    rest = command.cpu_s - result.student_cpu_s - sum(parts.values())
    return {part: seconds / count for part, seconds in parts.items()} | {"servers and all else": rest / count}


def _told(records: Iterable[dict[str, Any]]) -> list[str]:
    names = dict.fromkeys(name for record in records for name in record["usage"] if name.endswith("_cpu_s"))
    return [name for name in names if name != "student_cpu_s"]


def problems(result: ClassResult) -> list[str]:
    """Why these figures must not be called a result, whatever the grades are."""
    if result.isolation < MIN_ISOLATION:
        return [f"isolation level {result.isolation}, {MIN_ISOLATION} is the least that counts"]
    return []


def differences(name: str, grades: Grades, expected: Grades) -> list[str]:
    """Students whose grades are not the expected ones, cell by cell."""
    return [
        f"{name}: {student} has {grades.get(student)}, expected {cells}"
        for student, cells in expected.items()
        if grades.get(student) != cells
    ]


def describe(result: ClassResult, cores: int) -> dict[str, Any]:
    """The figures of a class that do not depend on any peer."""
    command, count = result.measured, result.students
    parts = cpu_outside(result)
    return {
        "students": count,
        "isolation": result.isolation,
        "starts": dict(Counter(str(record["isolation"].get("start") or "cold") for record in result.records)),
        "outcomes": dict(Counter(record["outcome"] for record in result.records)),
        "wall_s": command.wall_s,
        "submissions_per_minute": 60 * count / command.wall_s,
        "cpu_s": command.cpu_s,
        "cpu_from": command.cpu_from,
        "student_cpu_s": result.student_cpu_s,
        "wall_over_student_cpu_per_core": command.wall_s / (result.student_cpu_s / cores) if result.student_cpu_s else None,
        "each": {
            "student_cpu_s": result.student_cpu_s / count,
            "cpu_outside_s": sum(parts.values()),
            "cpu_outside_by_part_s": parts,
            "median_wall_s": {name: statistics.median(record["seconds"][name] for record in result.records) for name in _SECONDS},
        },
        "command_peak_mib": command.peak_mib,
        "command_peak_at_half_time_mib": command.half_peak_mib,
        "foreign_cpu_s": command.foreign_cpu_s(),
    }
