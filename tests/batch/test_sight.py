"""What must not be read by submissions may not lie where all of them look."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from autograder.batch.plan import make_plan
from autograder.batch.sight import require_out_of_sight
from autograder.batch.store import Store
from autograder.course.loading import load_course
from autograder.course.paths import CoursePaths
from autograder.errors import UsageError
from autograder.isolation.bubblewrap import bubblewrap_arguments, shown_folders


def test_a_course_whose_environment_lies_within_it_is_usual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".venv").mkdir()
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    require_out_of_sight(CoursePaths(tmp_path), "tiny", tmp_path / ".autograder")


def test_a_course_that_is_its_own_environment_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `python3 -m venv .` makes it: graders and labels were shown to every notebook, and all probes held."""
    (tmp_path / "course").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "course")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "course"))
    for root in (tmp_path / "course", tmp_path / "link", tmp_path / "course/inner"):
        with pytest.raises(UsageError, match="every submission can read it") as refused:
            require_out_of_sight(CoursePaths(root), "tiny", tmp_path / "store")
        assert "Move the course" in refused.value.cure


@pytest.mark.parametrize("name", ["store", "seed", "submitted", "graders/tiny"])
def test_no_part_of_a_course_may_lie_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    environment, root = tmp_path / "environment", tmp_path / "course"
    environment.mkdir()
    (root / "graders").mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(environment))
    require_out_of_sight(CoursePaths(root), "tiny", tmp_path / "store")
    if name == "seed":
        monkeypatch.setenv("AUTOGRADER_SEED_FILE", str(environment / "seed"))
    elif name != "store":
        (root / name).symlink_to(environment)
    with pytest.raises(UsageError, match=f"lies in '{environment}'"):
        require_out_of_sight(CoursePaths(root), "tiny", (environment if name == "store" else tmp_path) / "store")


def test_the_systems_folders_are_shown_to_all() -> None:
    with pytest.raises(UsageError, match=r"'/usr/share/course' lies in '/usr'"):
        require_out_of_sight(CoursePaths(Path("/usr/share/course")), "tiny", Path("/var/store"))


def test_whatever_a_sandbox_shows_is_known() -> None:
    arguments = bubblewrap_arguments("bwrap", [], {}, user_namespace=False, gpu=False)
    bound = [Path(arguments[at + 1]).resolve() for at, word in enumerate(arguments) if word.startswith("--ro-bind")]
    assert all(any(path.is_relative_to(shown) for shown in shown_folders()) for path in bound)


def test_nothing_is_graded_there_without_consent(released: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    course, paths = load_course(released)
    monkeypatch.setattr(sys, "prefix", str(released))
    with pytest.raises(UsageError, match="every submission can read it"):
        make_plan(course, paths, "tiny", None, Store(paths.state), None, False, print)
    assert make_plan(course, paths, "tiny", None, Store(paths.state), None, True, print).paths == paths
