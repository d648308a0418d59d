from __future__ import annotations

from pathlib import Path

import pytest

from autograder.course.loading import load_course
from tests.conftest import autograder

ROOT = Path(__file__).parents[2]


def test_a_started_course_has_no_problem_and_its_folders_name(tmp_path: Path) -> None:
    assert autograder(tmp_path, "init", "deep course 1").returncode == 0
    course, paths = load_course(tmp_path / "deep course 1")
    assert course.id == "deep-course-1"
    assert "COURSE_ID" not in "".join(path.read_text() for path in paths.root.rglob("*") if path.is_file())
    done = autograder(paths.root, "check")
    assert done.returncode == 0
    (warning,) = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert "'first_network' is not calibrated" in warning


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "grading_config.py").write_text("mine")
    done = autograder(tmp_path, "init", ".")
    assert done.returncode == 2
    assert "is not empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["grading_config.py"]


def test_told_to_it_writes_what_is_missing_and_replaces_nothing(tmp_path: Path) -> None:
    (tmp_path / "grading_config.py").write_text("mine")
    done = autograder(tmp_path, "init", ".", "--force")
    assert done.returncode == 0
    assert "Kept as it was: grading_config.py" in done.stderr
    assert (tmp_path / "grading_config.py").read_text() == "mine"
    assert (tmp_path / ".github/workflows/validate.yml").is_file()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "course").write_text("")
    done = autograder(tmp_path, "init", "course")
    assert (done.returncode, "is a file" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("document", "started"),
    [("docs/ci/github-actions.yml", ".github/workflows/validate.yml"), ("docs/ci/gitlab-ci.yml", ".gitlab-ci.yml")],
)
def test_a_started_course_has_the_ci_files_of_the_documentation(tmp_path: Path, document: str, started: str) -> None:
    assert autograder(tmp_path, "init", "course", "--quiet").returncode == 0
    assert (tmp_path / "course" / started).read_text() == (ROOT / document).read_text()
