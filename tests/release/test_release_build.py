"""Releasing with nbgrader's real converter into a real gradebook."""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from autograder.course.paths import CoursePaths
from autograder.errors import ConfigurationError, MachineError, UsageError
from autograder.gradebook.session import open_gradebook
from autograder.release.build import Released, release_assignment
from tests.gradebook.tiny_course import (
    ASSIGNMENT,
    COURSE,
    SOLUTION,
    marked,
    record,
    source_notebook,
    write_gradebook,
    write_source,
)


def release(paths: CoursePaths, due: datetime | None = None) -> Released:
    return release_assignment(paths, ASSIGNMENT, COURSE, paths.gradebook_url, due)


def grade_cells(paths: CoursePaths) -> dict[str, float]:
    with open_gradebook(paths.gradebook_url) as gradebook:
        return {cell.name: cell.max_score for cell in gradebook.find_notebook(ASSIGNMENT, ASSIGNMENT).grade_cells}


def files_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")) if folder.exists() else []


def test_releasing_clears_solutions_and_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("USER", raising=False)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # no alembic there
    source = source_notebook()
    source.cells[1].outputs = [new_output("stream", text="seen\n")]
    paths = write_source(tmp_path, source)
    (paths.source / ASSIGNMENT / "data").mkdir()
    (paths.source / ASSIGNMENT / "data" / "small.csv").write_text("1,2\n")
    done = release(paths, due=datetime(2027, 2, 12, 22, 59))
    assert done == Released(ASSIGNMENT, paths.release_notebook(ASSIGNMENT), ("data/small.csv", "tiny.ipynb"), 5, 2, 6.0)
    text = paths.release_notebook(ASSIGNMENT).read_text()
    assert "BEGIN SOLUTION" not in text
    assert "28 * 28" not in text
    assert "seen" not in text
    assert [cell["metadata"].get("nbgrader", {}).get("checksum") is not None for cell in json.loads(text)["cells"]] == [
        False,
        False,
        True,
        True,
        True,
    ]
    assert grade_cells(paths) == {"units_test": 4.0, "why": 2.0}
    with open_gradebook(paths.gradebook_url) as gradebook:
        assignment = gradebook.find_assignment(ASSIGNMENT)
        assert (assignment.duedate, assignment.course_id) == (datetime(2027, 2, 12, 22, 59), COURSE)
    assert capfd.readouterr() == ("", "")
    assert "USER" not in os.environ
    assert os.environ["PATH"] == "/usr/bin:/bin"


def plant_markdown(paths: CoursePaths) -> None:
    write_source(paths.root, source_notebook(new_markdown_cell(f"```\n{SOLUTION}\n```")))


def plant_metadata(paths: CoursePaths) -> None:
    write_source(paths.root, source_notebook(new_markdown_cell("Fine.", metadata={"draft": SOLUTION})))


def plant_file(paths: CoursePaths) -> None:
    (paths.source / ASSIGNMENT / "solution.py").write_text(SOLUTION)


@pytest.mark.parametrize("plant", [plant_markdown, plant_metadata, plant_file])
def test_a_leak_publishes_nothing_and_leaves_the_gradebook(tmp_path: Path, plant: Any) -> None:
    paths = write_source(tmp_path, source_notebook())
    plant(paths)
    with pytest.raises(ConfigurationError) as caught:
        release(paths)
    assert "a line of the solution stands here" in str(caught.value)
    assert not (tmp_path / "gradebook.db").exists()
    assert files_below(paths.release) == []


def test_releasing_again_replaces_the_folder_as_a_whole(tmp_path: Path) -> None:
    paths = write_source(tmp_path, source_notebook())
    extra = paths.source / ASSIGNMENT / "notes.txt"
    extra.write_text("old")
    assert release(paths, due=datetime(2027, 1, 1)).files == ("notes.txt", "tiny.ipynb")
    extra.unlink()
    notebook = source_notebook(marked(new_code_cell("graded_later('more')"), "more", points=1, locked=True))
    notebook.cells[3].metadata.nbgrader.points = 5
    write_source(tmp_path, notebook)
    assert release(paths).files == ("tiny.ipynb",)
    assert files_below(paths.release) == ["tiny", "tiny/tiny.ipynb"]
    assert grade_cells(paths) == {"units_test": 5.0, "why": 2.0, "more": 1.0}
    with open_gradebook(paths.gradebook_url) as gradebook:
        assert gradebook.find_assignment(ASSIGNMENT).duedate == datetime(2027, 1, 1)


def test_with_submissions_text_may_change_but_not_the_set_of_cells(tmp_path: Path) -> None:
    paths = write_source(tmp_path, source_notebook())
    release(paths)
    write_gradebook(paths.gradebook_url, [record(3.0)])
    notebook = source_notebook()
    notebook.cells[0].source = "# Units, second edition"
    write_source(tmp_path, notebook)
    release(paths)
    before = paths.release_notebook(ASSIGNMENT).read_bytes()
    assert b"second edition" in before
    write_source(tmp_path, source_notebook(marked(new_code_cell("graded_later('more')"), "more", points=1, locked=True)))
    with pytest.raises(UsageError, match="new: more") as caught:
        release(paths)
    assert "nbgrader db assignment remove tiny" in caught.value.cure
    assert paths.release_notebook(ASSIGNMENT).read_bytes() == before
    assert grade_cells(paths) == {"units_test": 4.0, "why": 2.0}
    with open_gradebook(paths.gradebook_url) as gradebook:
        assert gradebook.find_submission(ASSIGNMENT, "ana").score == 3.0


def unmarked_region(notebook: Any) -> None:
    notebook.cells[1].source = "### BEGIN SOLUTION\nsecret = 1\n### END SOLUTION"


def no_end(notebook: Any) -> None:
    notebook.cells[2].source = "### BEGIN SOLUTION\nsecret = 1"


def same_id_twice(notebook: Any) -> None:
    notebook.cells[3].metadata.nbgrader.grade_id = "units"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (unmarked_region, "Solution region detected in a non-solution cell"),
        (no_end, "no end solution statement found. The cell begins '### BEGIN SOLUTION'"),
        (same_id_twice, "units"),
        (lambda notebook: notebook.cells[3].update(source="### BEGIN HIDDEN TESTS\n1\n### END HIDDEN TESTS"), "hidden-test region"),
    ],
)
def test_a_source_that_cannot_be_converted_is_the_instructors_problem(
    tmp_path: Path, spoil: Any, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    notebook = source_notebook()
    spoil(notebook)
    paths = write_source(tmp_path, notebook)
    with pytest.raises(ConfigurationError) as caught:
        release(paths)
    assert said in str(caught.value)
    assert caught.value.problems[0].cure
    assert capfd.readouterr() == ("", "")
    assert files_below(tmp_path) == [
        "grading_config.py",
        "source_assignments",
        "source_assignments/tiny",
        "source_assignments/tiny/tiny.ipynb",
    ]


def test_a_missing_notebook_a_broken_one_and_a_second_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        release(CoursePaths(tmp_path))
    paths = write_source(tmp_path, source_notebook())
    (paths.source / ASSIGNMENT / "draft.ipynb").write_text("{}")
    with pytest.raises(ConfigurationError, match=r"draft\.ipynb"):
        release(paths)
    paths.source_notebook(ASSIGNMENT).write_text('{"cells": 3}')
    with pytest.raises(ConfigurationError, match="not a notebook"):
        release(paths)


def test_a_gradebook_that_cannot_be_written_publishes_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    paths = write_source(tmp_path / "course", source_notebook())
    with pytest.raises(MachineError, match="nothing is published"):
        release_assignment(paths, ASSIGNMENT, COURSE, f"sqlite:///{tmp_path}/absent/gradebook.db")
    assert files_below(paths.release) == []
    assert capfd.readouterr() == ("", "")


def test_the_published_folder_comes_back_when_the_swap_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = write_source(tmp_path, source_notebook())
    release(paths)
    before = paths.release_notebook(ASSIGNMENT).read_bytes()
    rename = Path.rename

    def fails(self: Path, target: Path) -> Path:
        if self.parent.name.startswith(".tiny.new.") and self.name == ASSIGNMENT:
            raise OSError("no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(MachineError):
        release(paths)
    assert paths.release_notebook(ASSIGNMENT).read_bytes() == before
    assert files_below(paths.release) == ["tiny", "tiny/tiny.ipynb"]


def test_importing_the_release_does_not_import_nbgrader() -> None:
    import subprocess

    code = (
        "import sys, autograder.release.build, autograder.gradebook.writing, autograder.gradebook.plugin; print('nbgrader' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
