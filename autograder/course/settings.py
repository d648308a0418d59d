"""What an instructor writes in `grading_config.py`: `course = Course(...)` and the settings inside it.

Each remembers its problems, see `declaring`. Use a course only after `load_course`, which raises `ConfigurationError` unless there
are none.
"""

from __future__ import annotations

import difflib
import itertools
import math
import re
from collections.abc import Callable
from dataclasses import field
from typing import Any

from autograder.course.declaring import Setting, setting
from autograder.errors import Problem

BACKENDS = ("tensorflow", "jax", "torch")
AUDIT_TRANSFORMS = ("transpose", "quarter_turn", "half_turn", "three_quarter_turn")
COUNTING = ("last", "best")
FEEDBACK_WHEN = ("graded", "marked", "all_marked")
_UNITS = {"s": 1, "min": 60, "h": 3600, "day": 86400, "days": 86400}


def seconds(text: str) -> float:
    """'20 s', '10 min', '1.5 h' or '7 days' in seconds. Raises ValueError with the cure otherwise."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|min|h|days?)\s*", text)
    if not found or float(found[1]) <= 0:
        raise ValueError(f"{text!r} is no duration: write '20 s', '10 min' or '1 h'")
    return float(found[1]) * _UNITS[found[2]]


@setting
class Curve(Setting):
    """Metric → fraction of the points: `Curve({0.80: 0, 0.88: 1})`. Piecewise linear, clamped, monotone either way."""

    points: dict[float, float]

    def problems(self) -> list[Problem]:
        fractions = [self.points[metric] for metric in sorted(self.points)]
        wrong = []
        if len(fractions) < 2:
            wrong.append(Problem(self.place, "a curve needs at least two points", "Write Curve({0.80: 0, 0.88: 1})."))
        if not all(math.isfinite(metric) for metric in self.points):
            wrong.append(Problem(self.place, "a metric of the curve is not finite"))
        if not all(0 <= fraction <= 1 for fraction in fractions):
            wrong.append(Problem(self.place, f"fractions {fractions} leave the range from 0 to 1"))
        if fractions not in (sorted(fractions), sorted(fractions, reverse=True)):
            wrong.append(Problem(self.place, f"fractions {fractions} go up and down", "A curve only rises or only falls."))
        return wrong

    def __call__(self, metric: float) -> float:
        """Fraction of the points, 0 to 1, for a finite metric; NaN and infinity give 0."""
        if not math.isfinite(metric):
            return 0.0
        knots = sorted(self.points.items())
        if metric <= knots[0][0]:
            return float(knots[0][1])
        for (low, below), (high, above) in itertools.pairwise(knots):
            if metric <= high:
                return float(below + (above - below) * (metric - low) / (high - low))
        return float(knots[-1][1])

    def full_at(self) -> float:
        """The metric from which on (or down to which) the curve gives its highest fraction."""
        best = max(self.points.values())
        rising = self.points[min(self.points)] <= self.points[max(self.points)]
        reached = [metric for metric, fraction in self.points.items() if fraction == best]
        return min(reached) if rising else max(reached)


@setting
class Limits(Setting):
    """What one execution may use; None: the assignment's, else the default of `RunLimits`.

    `literal_kib`: of strings, numbers and comments in a student's own code cells, after compression.
    """

    cell: str | None = None
    total: str | None = None
    hand_in_mib: float | None = None
    submission_mib: float | None = None
    files: int | None = None
    disk_mib: float | None = None
    literal_kib: float | None = None

    def problems(self) -> list[Problem]:
        wrong = []
        for key in ("cell", "total"):
            try:
                seconds(getattr(self, key) or "1 s")
            except ValueError as error:
                wrong.append(Problem(self.place, f"'{key}': {error}"))
        for key in ("hand_in_mib", "submission_mib", "files", "disk_mib", "literal_kib"):
            value = getattr(self, key)
            if value is not None and value <= 0:
                wrong.append(Problem(self.place, f"'{key}' is {value}, more than 0 is needed"))
        return wrong


@setting
class Resources(Setting):
    """What one execution asks of the machine: a share of one GPU, cores, memory in GiB.

    `cpu_fallback`: where there is no GPU it may use the CPU instead, and its record says so.
    """

    gpus: float = 0
    cpus: float = 1
    memory_gib: float = 4
    cpu_fallback: bool = False

    def problems(self) -> list[Problem]:
        wrong = [
            Problem(self.place, f"'{key}' is {getattr(self, key):g}, more than 0 is needed")
            for key in ("cpus", "memory_gib")
            if not 0 < getattr(self, key) < math.inf
        ]
        if not 0 <= self.gpus <= 1:
            cure = "Write 1 for a whole GPU, 0.25 for a quarter of one: a submission trains in one process, on one GPU."
            wrong.append(Problem(self.place, f"'gpus' is {self.gpus:g}, a share from 0 to 1 is needed", cure))
        return wrong


@setting
class Dataset(Setting):
    """Examples of one task. `load(folder) -> (x, y)` gives all of them, deterministic, checked by digest.

    `sizes` are (training, visible, hidden); `train_repeats` of the training examples stand twice, beside their originals.
    `answers` names the Keras loader that returns training and visible part while grading: `keras.datasets.mnist`.
    """

    name: str
    load: Callable[..., Any]
    sizes: tuple[int, int, int]
    answers: str | None = None
    task: str = "classification"
    train_repeats: int = 0

    def problems(self) -> list[Problem]:
        wrong = []
        if min(self.sizes) <= 0:
            wrong.append(Problem(self.place, f"sizes {self.sizes}: each part needs at least one example"))
        if not 0 <= self.train_repeats <= self.sizes[0]:
            wrong.append(
                Problem(self.place, f"train_repeats {self.train_repeats} is not between 0 and the {self.sizes[0]} training examples")
            )
        if self.task not in ("classification", "regression"):
            wrong.append(Problem(self.place, f"task {self.task!r} is not known", "Write 'classification' or 'regression'."))
        if self.answers is not None and not re.fullmatch(r"keras\.datasets\.\w+", self.answers):
            wrong.append(Problem(self.place, f"answers {self.answers!r} is no Keras loader", "Write for example 'keras.datasets.mnist'."))
        return wrong


@setting
class Profile(Setting):
    """Dataset, limits and curves of a run: `smoke` for the demo and CI, `full` for students' submissions."""

    dataset: str
    epoch_limit: int | None = None
    sample_limit: int | None = None
    limits: Limits | None = None
    seed: int = 0
    curves: dict[str, Curve] = field(default_factory=dict)

    def problems(self) -> list[Problem]:
        return [
            Problem(self.place, f"'{key}' is {getattr(self, key)}, at least 1 is needed")
            for key in ("epoch_limit", "sample_limit")
            if getattr(self, key) is not None and getattr(self, key) < 1
        ]


@setting
class Late(Setting):
    """What it costs to hand in late: `per_day` of the points for each started period of 24 hours, never more than `at_most` of them.

    `grace`: how long after the due date nothing is lost yet. `closes`: how long after the due date a submission still counts (None: for
    ever). Both are durations such as "15 min" or "7 days", of real time, whatever the clocks do meanwhile.
    """

    per_day: float
    at_most: float = 1
    grace: str | None = None
    closes: str | None = None

    def problems(self) -> list[Problem]:
        wrong = [
            Problem(self.place, f"'{key}' is {getattr(self, key):g}, a share of the points from 0 to 1 is needed", "Write 0.1 for a tenth.")
            for key in ("per_day", "at_most")
            if not 0 <= getattr(self, key) <= 1
        ]
        for key in ("grace", "closes"):
            try:
                seconds(getattr(self, key) or "1 s")
            except ValueError as error:
                wrong.append(Problem(self.place, f"'{key}': {error}"))
        if not wrong and self.closes and self.grace and seconds(self.closes) < seconds(self.grace):
            wrong.append(Problem(self.place, f"it closes after {self.closes}, within its grace of {self.grace}"))
        return wrong


@setting
class Hub(Setting):
    """How the hub service grades what students submit. `instant`: at once; otherwise an instructor starts it.

    `attempts`: how many submissions of a student are graded (None: all); those that the machine failed at do not count. `cool_down`: how
    long after a submission the next one waits at least, such as "30 min" (None: not at all).
    """

    instant: bool = True
    attempts: int | None = None
    cool_down: str | None = None

    def problems(self) -> list[Problem]:
        wrong = []
        if self.attempts is not None and self.attempts < 1:
            wrong.append(Problem(self.place, f"'attempts' is {self.attempts}, at least 1 is needed", "Leave it out for any number."))
        try:
            seconds(self.cool_down or "1 s")
        except ValueError as error:
            wrong.append(Problem(self.place, f"'cool_down': {error}"))
        return wrong


@setting
class Term(Setting):
    """How the assignments make the term grade: the weighted mean of their shares of points, times `points`.

    `weights`: by assignment, relative to each other, 0 for one that does not count (None: all alike). Of those that count for a student the
    `drop_lowest` ones are left out, none of `never_drop`. Extra credit lifts the grade by `extra_at_most` of the `points` at most (None: by
    as much as there is). The grade is rounded once, to `decimals`, halves up.
    """

    weights: dict[str, float] | None = None
    drop_lowest: int = 0
    never_drop: list[str] = field(default_factory=list)
    extra_at_most: float | None = None
    points: float = 100
    decimals: int = 2


@setting
class Assignment(Setting):
    """One assignment, which is one notebook: `source_assignments/<id>/<id>.ipynb`. `files`: what else students may hand in.

    `backend`: of Keras, instead of the course's. `audit_transforms`: what an audit may do to all images alike without doing harm here.
    `contest`: the metric, the higher the better, by which those who hand in a `pseudonym` stand on a leaderboard.
    `late`, `counting` ("last" or "best" attempt), `hub` and `feedback_when` stand in place of the course's. `version_points`: what cells
    count for submissions of an older release version, by its number and grade id, where that is not what they count in the newest.
    """

    id: str
    profiles: dict[str, Profile]
    due: str | None = None
    files: list[str] = field(default_factory=list)
    points: float = 100
    resources: Resources = field(default_factory=Resources)
    limits: Limits = field(default_factory=Limits)
    backend: str | None = None
    audit_transforms: list[str] = field(default_factory=list)
    contest: str | None = None
    late: Late | None = None
    counting: str | None = None
    hub: Hub | None = None
    version_points: dict[int, dict[str, float]] = field(default_factory=dict)
    feedback_when: str | None = None

    def problems(self) -> list[Problem]:
        single = [*_bad_id(self), *_bad_due(self), *_bad_patterns(self), *_bad_backend(self), *_bad_transforms(self), *_bad_counting(self)]
        return [*single, *_bad_version_points(self)]


@setting
class Course(Setting):
    """The policy of one course. `min_isolation`: 0 to 3, below which no submission is executed without consent.

    `backend`: of Keras, in which notebooks run and models are opened. `attempts`: how often a submission may end the processes at
    work on it, with nothing else running, before it is not executed any more. `late`: what late submissions cost (None: nothing),
    and `counting`: which attempt counts, "last" or "best", where an assignment says nothing else. `starts` and `ends`: days between
    which decisions may set dates. `hub`: how the hub service grades, where an assignment says nothing else. `feedback_when`: pages
    are written once a submission is "graded", once a person has "marked" all its parts, or once the whole class is marked ("all_marked").
    `term`: how the assignments make the term grade.
    """

    id: str
    title: str
    datasets: list[Dataset]
    assignments: list[Assignment]
    timezone: str = "UTC"
    default_profile: str = "full"
    min_isolation: int = 2
    store: str | None = None
    backend: str = "tensorflow"
    attempts: int = 3
    late: Late | None = None
    counting: str = "last"
    starts: str | None = None
    ends: str | None = None
    hub: Hub | None = None
    feedback_when: str = "graded"
    term: Term | None = None

    def problems(self) -> list[Problem]:
        from autograder.course.term import term_problems

        single = [*_bad_id(self), *_bad_attempts(self), *_bad_timezone(self), *_bad_backend(self), *_bad_counting(self), *_bad_term(self)]
        return [*single, *_duplicates(self), *_bad_references(self), *term_problems(self)]


def _bad_id(owner: Course | Assignment) -> list[Problem]:
    if re.fullmatch(r"[A-Za-z0-9_\-]+", owner.id):
        return []
    return [Problem(owner.place, f"id {owner.id!r} is no folder name", "Use letters, digits, '_' and '-' only.")]


def _bad_backend(owner: Course | Assignment) -> list[Problem]:
    if owner.backend is None or owner.backend in BACKENDS:
        return []
    close = difflib.get_close_matches(owner.backend, BACKENDS, n=1, cutoff=0.5)
    cure = f"Did you mean {close[0]!r}?" if close else f"Write one of {', '.join(BACKENDS)}."
    return [Problem(owner.place, f"backend {owner.backend!r} is not known", cure)]


def _bad_attempts(course: Course) -> list[Problem]:
    return [Problem(course.place, f"attempts is {course.attempts}, at least 1 is needed")] if course.attempts < 1 else []


def _bad_due(assignment: Assignment) -> list[Problem]:
    from datetime import datetime

    try:
        datetime.fromisoformat(assignment.due or "2000-01-01 00:00")
    except ValueError:
        return [Problem(assignment.place, f"due {assignment.due!r} is no time", "Write '2027-02-12 23:59' (in the course's time zone).")]
    return []


def _bad_counting(owner: Course | Assignment) -> list[Problem]:
    wrong = []
    if owner.counting not in (None, *COUNTING):
        wrong.append(Problem(owner.place, f"counting {owner.counting!r} is not known", "Write 'last' or 'best': the attempt that counts."))
    if owner.feedback_when not in (None, *FEEDBACK_WHEN):
        cure = f"Write one of {', '.join(FEEDBACK_WHEN)}."
        wrong.append(Problem(owner.place, f"feedback_when {owner.feedback_when!r} is not known", cure))
    return wrong


def _bad_term(course: Course) -> list[Problem]:
    from datetime import date

    days, wrong = {}, []
    for key in ("starts", "ends"):
        try:
            days[key] = date.fromisoformat(getattr(course, key) or "2000-01-01")
        except ValueError:
            wrong.append(Problem(course.place, f"{key} {getattr(course, key)!r} is no day", "Write '2027-01-11'."))
    if not wrong and course.starts and course.ends and days["starts"] >= days["ends"]:
        wrong.append(Problem(course.place, f"the course ends on {course.ends}, which is not after its start on {course.starts}"))
    return wrong


def _bad_version_points(assignment: Assignment) -> list[Problem]:
    return [
        Problem(assignment.place, f"version_points: {points:g} points of {cell!r} in version {number}, 0 or more are needed")
        for number, cells in assignment.version_points.items()
        for cell, points in cells.items()
        if not 0 <= points < math.inf
    ]


def _bad_patterns(assignment: Assignment) -> list[Problem]:
    return [
        Problem(assignment.place, f"files: {pattern!r} leaves the submission's folder", "Name files inside it, such as 'data/*.csv'.")
        for pattern in assignment.files
        if pattern.startswith("/") or ".." in pattern.split("/")
    ]


def _bad_transforms(assignment: Assignment) -> list[Problem]:
    wrong = []
    for name in dict.fromkeys(assignment.audit_transforms):
        if name not in AUDIT_TRANSFORMS:
            close = difflib.get_close_matches(name, AUDIT_TRANSFORMS, n=1)
            cure = f"Did you mean {close[0]!r}?" if close else f"Write some of {', '.join(AUDIT_TRANSFORMS)}."
            wrong.append(Problem(assignment.place, f"audit_transforms: {name!r} is not known", cure))
        elif assignment.audit_transforms.count(name) > 1:
            wrong.append(Problem(assignment.place, f"audit_transforms: {name!r} stands there twice"))
    return wrong


def _bad_timezone(course: Course) -> list[Problem]:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(course.timezone)
    except (ValueError, OSError, KeyError):
        return [Problem(course.place, f"timezone {course.timezone!r} is not known", "Write a name such as 'Europe/Madrid'.")]
    return []


def _duplicates(course: Course) -> list[Problem]:
    names = [f"dataset {each.name!r}" for each in course.datasets] + [f"assignment {each.id!r}" for each in course.assignments]
    return [Problem(course.place, f"{name} stands there twice") for name in sorted(set(names)) if names.count(name) > 1]


def _bad_references(course: Course) -> list[Problem]:
    wrong = []
    datasets = [each.name for each in course.datasets]
    for assignment in course.assignments:
        if course.default_profile not in assignment.profiles:
            cure = f"Add it, or change the course's default_profile ({course.default_profile!r})."
            wrong.append(Problem(assignment.place, f"assignment {assignment.id!r} has no profile {course.default_profile!r}", cure))
        for name, profile in assignment.profiles.items():
            if profile.dataset not in datasets:
                close = difflib.get_close_matches(profile.dataset, datasets, n=1)
                cure = f"Did you mean {close[0]!r}?" if close else f"The course has: {', '.join(datasets) or 'none'}."
                wrong.append(
                    Problem(profile.place, f"profile {name!r} names dataset {profile.dataset!r}, which the course does not have", cure)
                )
    return wrong
