"""Curves on the instructors' page: what another one would do to every score, and applying those that the configuration has now.

`grading_config.py` stays the one place where curves stand. Nothing here writes it, and no student code is executed.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from autograder.batch.plan import Plan
from autograder.batch.regrade import regrade_from_store
from autograder.batch.regraded import Regraded
from autograder.course.profile import find_assignment
from autograder.course.settings import Curve
from autograder.errors import UsageError
from autograder.hub.configuration import Configuration, Curves, curves_of, with_curves
from autograder.hub.graders import Plans
from autograder.hub.office import Office
from autograder.term.decisions import final_students
from autograder.term.facts import policy_of

_MOST_POINTS = 20


@dataclass(frozen=True)
class CurveView:
    """One metric: the curve in force and the one that the configuration has now, as text; `line` is what stands there for the former."""

    metric: str
    in_force: str
    configured: str
    line: str

    @property
    def differs(self) -> bool:
        return self.in_force != self.configured


@dataclass(frozen=True)
class Effect:
    """What curves do to the automatic part of every score. `lines`: how they are written in the configuration. `best`: a student's is
    that of the best attempt."""

    lines: tuple[str, ...]
    max_score: float
    changes: tuple[Regraded, ...]
    best: bool = False

    @property
    def changed(self) -> tuple[Regraded, ...]:
        """Whose score is another one, the largest loss first; a score that is final stays."""
        changed = (each for each in self.changes if each.changed and not each.kept)
        return tuple(sorted(changed, key=lambda each: (each.after or 0.0) - (each.before or 0.0)))

    @property
    def left_alone(self) -> tuple[Regraded, ...]:
        """Whose score does not follow from what was measured."""
        return tuple(each for each in self.changes if each.needs_execution)


class CurveDesk:
    """One per service; safe to use from several threads."""

    def __init__(self, office: Office, plans: Plans, configuration: Configuration) -> None:
        self._office, self._plans, self._configuration = office, plans, configuration
        self._applying = threading.Lock()
        self._applied_at: dict[str, datetime] = {}

    def views(self, assignment: str) -> tuple[CurveView, ...]:
        """All curves of the default profile. Raises AutograderError where the configuration cannot be used as it is now."""
        now, file = self._in_force(assignment), self._configured(assignment)
        return tuple(CurveView(name, as_text(curve), as_text(file.get(name, curve)), as_line(name, curve)) for name, curve in now.items())

    def try_out(self, assignment: str, metric: str, text: str) -> Effect:
        """What that curve would do; nothing changes. Raises UsageError for a text that is none, or a metric without a curve."""
        now = self._in_force(assignment)
        if metric not in now:
            raise UsageError(f"'{assignment}' has no curve for '{metric}'.", f"It has: {', '.join(now) or 'none'}.")
        return self._effect(assignment, {**now, metric: parse_curve(text)}, write=False)

    def apply(self, assignment: str, who: str) -> Effect:
        """The service goes by the curves that the configuration has now, and so do all recorded scores; again does what is missing.

        Raises AutograderError where configuration, graders or store cannot be used.
        """
        with self._applying:
            self._plans.of(assignment)  # graders that cannot be used are said before anything changes
            curves = {**self._in_force(assignment), **self._configured(assignment)}
            office = self._office
            office.course = with_curves(office.course, assignment, office.course.default_profile, curves)
            self._plans.adopt(office.course)
            self._applied_at[assignment] = office.clock()
            done = self._effect(assignment, curves, write=True)
            changed = len(done.changed)
            said = f"{who} applied the curves of {assignment}: {changed} score(s) changed"
            office.news.tell("curves", said, assignment=assignment, who=who, changed=changed)
            return done

    def bring_up(self, assignment: str, student: str, begun_at: datetime) -> None:
        """The same for who was being graded when curves were applied."""
        applied_at = self._applied_at.get(assignment)
        if applied_at is not None and begun_at <= applied_at:
            final = self._final(assignment, [student])
            regrade_from_store(self._plans.of(assignment), [student], final=final, every=self._every(assignment))

    def _in_force(self, assignment: str) -> Curves:
        course = self._office.course
        return curves_of(course, find_assignment(course, assignment).id, course.default_profile)

    def _configured(self, assignment: str) -> Curves:
        """Only of metrics that have a curve already: another one is a change of the graders, for the next start."""
        found = self._configuration.curves(assignment, self._office.course.default_profile)
        return {name: curve for name, curve in found.items() if name in self._in_force(assignment)}

    def _effect(self, assignment: str, curves: Curves, write: bool) -> Effect:
        plan = _with(self._plans.of(assignment), curves)
        students = plan.store.students(plan.profile.name, assignment)
        maximum = round(sum(spec.points for spec in plan.specs if not spec.manual), 2)
        lines = tuple(as_line(name, curve) for name, curve in curves.items())
        done = regrade_from_store(plan, students, write, self._final(assignment, students), self._every(assignment))
        return Effect(lines, maximum, tuple(done), self._every(assignment))

    def _every(self, assignment: str) -> bool:
        """Whether any attempt may be the one that counts, and not the present one alone."""
        return policy_of(self._office.course, assignment).counting == "best"

    def _final(self, assignment: str, students: Sequence[str]) -> frozenset[str]:
        return final_students(self._office.store.root, assignment, students)


def _with(plan: Plan, curves: Curves) -> Plan:
    return replace(plan, profile=replace(plan.profile, curves=dict(curves)))


def parse_curve(text: str) -> Curve:
    """'0.80: 0, 0.88: 1' → the curve. Raises UsageError with what is wrong."""
    points: dict[float, float] = {}
    parts = [part for part in text.replace(";", ",").replace("\n", ",").split(",") if part.strip()]
    for part in parts[: _MOST_POINTS + 1]:
        metric, _, fraction = part.partition(":")
        try:
            points[float(metric)] = float(fraction)
        except ValueError:
            cure = "Write metric: fraction pairs, such as 0.80: 0, 0.88: 1."
            raise UsageError(f"'{part.strip()[:40]}' is no point of a curve.", cure) from None
    curve = Curve(points)
    problems = [*(each.message for each in curve.problems())]
    if len(parts) != len(points) or len(parts) > _MOST_POINTS:
        problems.append(f"a metric stands there twice, or there are more than {_MOST_POINTS} points")
    if problems:
        raise UsageError(f"This is no curve: {'; '.join(problems)}.", "A curve only rises or only falls, between 0 and 1.")
    return curve


def as_text(curve: Curve) -> str:
    """'0.8: 0, 0.88: 1', as people type it."""
    return ", ".join(f"{metric:.15g}: {fraction:.15g}" for metric, fraction in sorted(curve.points.items()))


def as_line(metric: str, curve: Curve) -> str:
    """'"test_accuracy": Curve({0.8: 0, 0.88: 1})', as it stands in the configuration."""
    return f'"{metric}": Curve({{{as_text(curve)}}})'
