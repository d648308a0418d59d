"""Whether the curves and versions of an assignment still fit what was measured: warnings, since a course works without it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from autograder.course.calibration import Allowed, calibration_file, read_allowed, training_versions
from autograder.course.notebook import GradeCellSpec
from autograder.course.paths import CoursePaths
from autograder.course.settings import Assignment
from autograder.course.stakes import Stake, stakes
from autograder.errors import Problem
from autograder.records import Declarations

_ROUNDED = 1e-5  # figures in the file have six digits


def calibration_warnings(
    paths: CoursePaths,
    assignment: Assignment,
    specs: Sequence[GradeCellSpec],
    declarations: Declarations,
    versions: Mapping[str, str],
    graded: str,
) -> list[Problem]:
    """What to look at again. `versions`: those that are installed; `graded`: the profile that students are graded in.

    Raises UsageError for a calibration that cannot be read.
    """
    file = calibration_file(paths.solutions(assignment.id))
    place = str(file.relative_to(paths.root))
    found = []
    calibrated = read_allowed(paths.solutions(assignment.id))
    at_stake = stakes(specs, declarations.tests, assignment.profiles[graded].curves)
    uncovered = [stake.metric for stake in at_stake if stake.metric not in calibrated.get(graded, Allowed()).noise]
    if uncovered:
        missing = f"is not calibrated for {', '.join(map(repr, uncovered))}" if graded in calibrated else "is not calibrated"
        message = f"profile {graded!r} of '{assignment.id}' {missing}: a miss that luck explains is not run again"
        found.append(Problem(place, message, f"Run: autograder calibrate {assignment.id} --profile {graded}"))
    for name, allowed in calibrated.items():
        again = f"Run: autograder calibrate {assignment.id} --profile {name}"
        if name not in assignment.profiles:
            found.append(Problem(place, f"profile {name!r} is calibrated, and the assignment does not have it", "Take it out of the file."))
            continue
        profile = assignment.profiles[name]
        found += [Problem(place, message, again) for message in _moved_on(name, allowed, training_versions(dict(versions)))]
        for stake in stakes(specs, declarations.tests, profile.curves):
            tight = _tight(stake, allowed)
            if tight:
                found.append(Problem(profile.place, f"profile {name!r}: {tight}", f"Move the curve, or measure again. {again}"))
    return found


def _moved_on(profile: str, allowed: Allowed, here: Mapping[str, str]) -> Iterator[str]:
    moved = [
        f"{package} {measured} (here: {here.get(package, 'none')})"
        for package, measured in allowed.versions.items()
        if here.get(package) != measured
    ]
    if moved:
        yield f"profile {profile!r} was calibrated with {', '.join(moved)}"


def _tight(stake: Stake, allowed: Allowed) -> str:
    """Why a curve asks for more than luck allows, or nothing."""
    limit, takes = allowed.one_point.get(stake.metric), stake.one_point_at
    if limit is None or takes is None:
        return ""
    beyond = takes - limit if stake.rises else limit - takes
    if beyond <= _ROUNDED * max(abs(limit), 1e-3):
        return ""
    return (
        f"the curve of '{stake.metric}' takes a point at {takes:.4g}, its calibration allows that from {limit:.4g} on: "
        "right solutions lose it by luck"
    )
