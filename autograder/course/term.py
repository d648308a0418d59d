"""What contradicts itself in how a course makes its term grade, all of it at once."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable

from autograder.course.settings import Course, Term
from autograder.errors import Problem


def term_problems(course: Course) -> list[Problem]:
    """Of `Course(term=…)`, alone and with the course's assignments; nothing without one."""
    if course.term is None:
        return []
    return [
        *_bad_values(course.term),
        *_bad_names(course, course.term),
        *_bad_weights(course, course.term),
        *_bad_drops(course, course.term),
    ]


def weight_of(term: Term, assignment: str) -> float:
    """What an assignment weighs: all alike where nothing is said."""
    return 1.0 if term.weights is None else term.weights.get(assignment, 0.0)


def _bad_values(term: Term) -> list[Problem]:
    wrong = []
    if not 0 < term.points < math.inf:
        wrong.append(Problem(term.place, f"'points' is {term.points:g}, more than 0 is needed"))
    if not 0 <= term.decimals <= 2:
        wrong.append(Problem(term.place, f"'decimals' is {term.decimals}, 0 to 2 are possible"))
    if term.drop_lowest < 0:
        wrong.append(Problem(term.place, f"'drop_lowest' is {term.drop_lowest}, at least 0 is needed"))
    if term.extra_at_most is not None and not 0 <= term.extra_at_most <= term.points:
        cure = f"Write how many of the {term.points:g} points extra credit may add, such as 5."
        wrong.append(Problem(term.place, f"'extra_at_most' is {term.extra_at_most:g}", cure))
    for name, weight in (term.weights or {}).items():
        if not 0 <= weight < math.inf:
            wrong.append(Problem(term.place, f"the weight of '{name}' is {weight:g}, at least 0 is needed"))
    return wrong


def _bad_names(course: Course, term: Term) -> list[Problem]:
    known = [each.id for each in course.assignments]
    named = [*(("weights", each) for each in term.weights or ()), *(("never_drop", each) for each in term.never_drop)]
    wrong = []
    for key, name in named:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            cure = f"Did you mean '{close[0]}'?" if close else f"The course has: {', '.join(known) or 'none'}."
            wrong.append(Problem(term.place, f"{key}: the course has no assignment '{name}'", cure))
    twice = sorted({each for each in term.never_drop if term.never_drop.count(each) > 1})
    return wrong + [Problem(term.place, f"never_drop: '{each}' stands there twice") for each in twice]


def _bad_weights(course: Course, term: Term) -> list[Problem]:
    if term.weights is None:
        return []
    left_out = [each.id for each in course.assignments if each.id not in term.weights]
    wrong = []
    if left_out:
        cure = "Give every assignment a weight; 0 for one that does not count."
        wrong.append(Problem(term.place, f"weights: nothing is said about {', '.join(left_out)}", cure))
    if not any(term.weights.get(each.id, 0) > 0 for each in course.assignments):
        wrong.append(Problem(term.place, "weights: no assignment counts", "Give at least one a weight above 0."))
    for name in sorted(set(term.never_drop) & {name for name, weight in term.weights.items() if weight == 0}):
        wrong.append(Problem(term.place, f"never_drop: '{name}' has weight 0, so it does not count anyway"))
    return wrong


def _bad_drops(course: Course, term: Term) -> list[Problem]:
    """At least one assignment has to be left for everybody who is excused from none."""
    counting = [each.id for each in course.assignments if weight_of(term, each.id) > 0]
    droppable = [each for each in counting if each not in term.never_drop]
    if term.drop_lowest <= 0 or not counting:
        return []
    if term.drop_lowest > len(droppable):
        return [_too_many(term, f"only {len(droppable)} may be dropped", droppable)]
    if term.drop_lowest == len(counting):
        return [_too_many(term, "none would be left", counting)]
    return []


def _too_many(term: Term, why: str, names: Iterable[str]) -> Problem:
    listed = f" ({', '.join(names)})" if names else ""
    return Problem(term.place, f"'drop_lowest' is {term.drop_lowest}, and {why}{listed}", "Drop fewer, or change weights and never_drop.")
