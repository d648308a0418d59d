from __future__ import annotations

import math
from pathlib import Path

import pytest

from autograder.course.loading import load_course
from autograder.course.profile import resolve_backend
from autograder.course.settings import Curve, seconds
from autograder.errors import ConfigurationError, UsageError
from autograder.term.facts import policy_of

GOOD = """
from autograder import *
course = Course(
    id="c", title="C", datasets=[Dataset("digits", load=load_digits, sizes=(10, 5, 5))],
    assignments=[Assignment("a", profiles={"full": Profile(dataset="digits", curves={"m": Curve({0.5: 0, 0.9: 1})})})],
)
"""


def problems_of(folder: Path, text: str) -> str:
    (folder / "grading_config.py").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_course(folder)
    return str(caught.value)


def test_a_good_course_loads(tmp_path: Path) -> None:
    (tmp_path / "grading_config.py").write_text(GOOD)
    course, paths = load_course(tmp_path)
    assert course.assignments[0].profiles["full"].curves["m"](0.7) == pytest.approx(0.5)
    assert paths.root == tmp_path


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('id="c"', 'ids="c"', ["unknown key 'ids'", "Did you mean 'id'?", "'id' is missing"]),
        ('title="C"', "title=3", ["'title'", "valid string", "'3'"]),
        ("0.9: 1", "0.9: 1, 1.0: 0.5", ["go up and down"]),
        ("0.9: 1", "0.9: 2", ["leave the range"]),
        ("{0.5: 0, 0.9: 1}", "{0.5: 0}", ["at least two points"]),
        ('dataset="digits"', 'dataset="digit"', ["Did you mean 'digits'?"]),
        ('"full":', '"smoke":', ["no profile 'full'"]),
        ("sizes=(10, 5, 5)", "sizes=(10, 5, 0)", ["at least one example"]),
        ('Assignment("a",', 'Assignment("a", due="tomorrow",', ["is no time", "2027-02-12"]),
        ('Assignment("a",', 'Assignment("a", limits=Limits(cell="20"),', ["is no duration"]),
        ('Assignment("a",', 'Assignment("a", files=["../x"],', ["leaves the submission's folder"]),
        ('title="C"', 'title="C", timezone="Mars"', ["'Mars' is not known"]),
        ("Dataset(", "Dataset('digits', load=load_digits, sizes=(1, 1, 1)), Dataset(", ["stands there twice"]),
        ('title="C"', 'title="C", backend="pytorch"', ["backend 'pytorch' is not known", "Did you mean 'torch'?"]),
        ('Assignment("a",', 'Assignment("a", backend="tf",', ["backend 'tf' is not known", "tensorflow, jax, torch"]),
        ('Assignment("a",', 'Assignment("a", audit_transforms=["transposed"],', ["'transposed' is not known", "Did you mean 'transpose'?"]),
        ('Assignment("a",', 'Assignment("a", audit_transforms=["mirror"],', ["'mirror' is not known", "half_turn, three_quarter_turn"]),
        ('Assignment("a",', 'Assignment("a", audit_transforms=["transpose"] * 2,', ["'transpose' stands there twice"]),
        ('Assignment("a",', 'Assignment("a", audit_transforms="transpose",', ["'audit_transforms'", "valid list"]),
        ('Assignment("a",', 'Assignment("a", resources=Resources(gpus=1.5),', ["'gpus' is 1.5", "a share from 0 to 1", "on one GPU"]),
        ('Assignment("a",', 'Assignment("a", resources=Resources(gpus=-1),', ["'gpus' is -1"]),
        ('Assignment("a",', 'Assignment("a", resources=Resources(cpus=0),', ["'cpus' is 0, more than 0 is needed"]),
        ('Assignment("a",', 'Assignment("a", resources=Resources(memory_gib=-4),', ["'memory_gib' is -4"]),
        ('Assignment("a",', 'Assignment("a", resources=Resources(gpu=1),', ["unknown key 'gpu'", "Did you mean 'gpus'?"]),
        ("course =", "curse =", ["does not define `course"]),
        ("from autograder", "frm autograder", ["grading_config.py:2", "SyntaxError"]),
        ("course = Course(", "course = Course(1 / 0,", ["ZeroDivisionError"]),
    ],
)
def test_each_problem_names_place_and_cure(tmp_path: Path, old: str, new: str, expected: list[str]) -> None:
    said = problems_of(tmp_path, GOOD.replace(old, new, 1))
    assert "grading_config.py" in said
    for part in expected:
        assert part in said


def test_the_backend_is_the_assignments_else_the_courses(tmp_path: Path) -> None:
    text = GOOD.replace('title="C"', 'title="C", backend="jax"')
    (tmp_path / "grading_config.py").write_text(text)
    course, _ = load_course(tmp_path)
    assert resolve_backend(course, course.assignments[0]) == "jax"
    (tmp_path / "grading_config.py").write_text(text.replace('Assignment("a",', 'Assignment("a", backend="torch",'))
    course, _ = load_course(tmp_path)
    assert resolve_backend(course, course.assignments[0]) == "torch"


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    text = GOOD.replace('title="C"', 'titel="C"').replace('dataset="digits"', "dataset=3").replace("0.9: 1", "0.9: 7")
    said = problems_of(tmp_path, text)
    for part in ("unknown key 'titel'", "'dataset'", "leave the range"):
        assert part in said


def test_a_missing_course_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--course DIR"):
        load_course(tmp_path)


@pytest.mark.parametrize(
    ("points", "metric", "fraction"),
    [
        ({0.8: 0, 0.9: 1}, 0.85, 0.5),
        ({0.8: 0, 0.9: 1}, 0.1, 0.0),
        ({0.8: 0, 0.9: 1}, 2.0, 1.0),
        ({0.8: 0, 0.9: 1}, math.nan, 0.0),
        ({0.8: 0, 0.9: 1}, math.inf, 0.0),
        ({1.0: 1, 2.0: 0}, 1.25, 0.75),
        ({0.0: 0.2, 0.5: 0.4, 1.0: 1.0}, 0.75, 0.7),
    ],
)
def test_curves_are_piecewise_linear_and_clamped(points: dict[float, float], metric: float, fraction: float) -> None:
    assert Curve(points)(metric) == pytest.approx(fraction)


@pytest.mark.parametrize(("points", "full"), [({0.8: 0, 0.9: 1, 1.0: 1}, 0.9), ({1.0: 1, 2.0: 1, 3.0: 0}, 2.0)])
def test_full_points_begin_where_the_curve_reaches_its_top(points: dict[float, float], full: float) -> None:
    assert Curve(points).full_at() == full


@pytest.mark.parametrize(("text", "expected"), [("20 s", 20), ("1.5 min", 90), ("2h", 7200)])
def test_durations(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('title="C"', 'title="C", late=Late(per_day=10)', ["'per_day' is 10", "Write 0.1 for a tenth."]),
        ('title="C"', 'title="C", late=Late(per_day=0.1, at_most=-1)', ["'at_most' is -1"]),
        ('title="C"', 'title="C", late=Late(perday=0.1)', ["unknown key 'perday'", "Did you mean 'per_day'?", "'per_day' is missing"]),
        ('title="C"', 'title="C", late=Late(0.1, grace="soon", closes="a week")', ["'grace': 'soon' is no duration", "'closes': 'a week'"]),
        ('title="C"', 'title="C", late=Late(0.1, grace="2 h", closes="1 h")', ["closes after 1 h, within its grace of 2 h"]),
        ('title="C"', 'title="C", late=0.1', ["'late'", "Late"]),
        ('title="C"', 'title="C", hub=Hub(attempts=0)', ["'attempts' is 0", "Leave it out for any number."]),
        ('title="C"', 'title="C", hub=Hub(cool_down="soon")', ["'cool_down': 'soon' is no duration"]),
        ('title="C"', 'title="C", hub=Hub(cooldown="1 h")', ["unknown key 'cooldown'", "Did you mean 'cool_down'?"]),
        ('Assignment("a",', 'Assignment("a", hub=True,', ["'hub'", "Hub"]),
        ('Assignment("a",', 'Assignment("a", late=Late(2),', ["'per_day' is 2"]),
        ('Assignment("a",', 'Assignment("a", counting="first",', ["counting 'first' is not known", "'last' or 'best'"]),
        ('title="C"', 'title="C", counting="mean"', ["counting 'mean' is not known"]),
        ('title="C"', 'title="C", starts="January"', ["starts 'January' is no day"]),
        ('title="C"', 'title="C", starts="2027-05-01", ends="2027-01-11"', ["not after its start on 2027-05-01"]),
    ],
)
def test_problems_of_the_late_policy(tmp_path: Path, old: str, new: str, expected: list[str]) -> None:
    said = problems_of(tmp_path, GOOD.replace(old, new, 1))
    for part in expected:
        assert part in said


def test_the_late_policy_is_the_assignments_else_the_courses(tmp_path: Path) -> None:
    text = GOOD.replace('title="C"', 'title="C", counting="best", late=Late(0.1, 0.5, grace="15 min", closes="7 days")')
    (tmp_path / "grading_config.py").write_text(text)
    found = policy_of(load_course(tmp_path)[0], "a")
    assert (found.per_day, found.at_most, found.grace_s, found.closes_s, found.counting) == (0.1, 0.5, 900, 7 * 86_400, "best")
    (tmp_path / "grading_config.py").write_text(text.replace('Assignment("a",', 'Assignment("a", counting="last", late=Late(0),'))
    found = policy_of(load_course(tmp_path)[0], "a")
    assert (found.per_day, found.at_most, found.grace_s, found.closes_s, found.counting) == (0, 1, 0, None, "last")
    (tmp_path / "grading_config.py").write_text(GOOD)
    assert policy_of(load_course(tmp_path)[0], "a").per_day == 0
