"""The mark scheme stands below the answer in formgrader's page, and nowhere else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from nbformat.v4 import new_markdown_cell

from autograder.course.notebook import read_notebook
from autograder.course.paths import CoursePaths
from autograder.course.schemes import MarkScheme, mark_schemes
from autograder.gradebook import plugin
from autograder.release.build import release_assignment
from tests.gradebook.tiny_course import ASSIGNMENT, COURSE, marked, source_notebook, write_source

SCHEME = """Because of what every input has.

=== BEGIN MARK SCHEME ===
2 points: *every* input is named.
1 point: otherwise.
=== END MARK SCHEME ===
"""
CONFIG = f"""
from pathlib import Path
from autograder.gradebook.plugin import configure
c = get_config()
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.course_id = {COURSE!r}
c.CourseDirectory.source_directory = "source_assignments"
configure(c)
configure(c)
"""
# As formgrader's own handler calls its exporter, in a process of its own: nbgrader's converters stay replaced once `configure` ran.
RENDER = """
import sys
from jupyter_server.serverapp import ServerApp
from nbconvert.exporters import HTMLExporter
from nbgrader.server_extensions.formgrader.formgrader import FormgradeExtension

formgrader = FormgradeExtension(parent=ServerApp())
formgrader.root_dir = "."
formgrader.initialize([], root=".")
about = {"assignment_id": "tiny", "notebook_id": "tiny", "submission_id": "1", "index": 0, "total": 1, "base_url": "", "student": "ana",
         "last_name": None, "first_name": None, "notebook_path": "x"}
page, _ = HTMLExporter(config=formgrader.config).from_filename("autograded/ana/tiny/tiny.ipynb", resources=about)
sys.stdout.write(page)
"""
HANDED_IN = """
from nbgrader.api import Gradebook
gradebook = Gradebook("sqlite:///gradebook.db")
gradebook.add_student("ana")
gradebook.add_submission("tiny", "ana")
"""


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> CoursePaths:
    task = marked(new_markdown_cell(SCHEME.replace("inputs", "units")), "more", solution=True, points=2)
    paths = write_source(tmp_path_factory.mktemp("marking") / "course", source_notebook(task))
    (paths.root / "nbgrader_config.py").write_text(CONFIG)
    release_assignment(paths, ASSIGNMENT, COURSE, paths.gradebook_url)
    folder = paths.autograded("ana", ASSIGNMENT)
    folder.mkdir(parents=True)
    (folder / f"{ASSIGNMENT}.ipynb").write_text(paths.release_notebook(ASSIGNMENT).read_text())
    return paths


def python(course: CoursePaths, *arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=course.root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_schemes_and_answers_of_the_source(course: CoursePaths) -> None:
    found = mark_schemes(read_notebook(course.source_notebook(ASSIGNMENT)))
    assert found["why"] == MarkScheme("why", 2.0, "", "Because every input has a weight.")
    assert found["more"] == MarkScheme(
        "more", 2.0, "2 points: *every* input is named.\n1 point: otherwise.", "Because of what every input has."
    )
    assert list(found) == ["why", "more"]
    released = mark_schemes(read_notebook(course.release_notebook(ASSIGNMENT)))
    assert not any("point" in each.scheme + each.answer for each in released.values())


def test_every_written_answer_of_the_shipped_course_has_a_scheme() -> None:
    for notebook in sorted((Path(__file__).parents[2] / "source_assignments").glob("*/*.ipynb")):
        found = mark_schemes(read_notebook(notebook))
        assert found, notebook
        assert [each.grade_id for each in found.values() if not each.scheme] == [], notebook


def test_formgrader_shows_it_below_the_answer(course: CoursePaths) -> None:
    page = python(course, "-c", RENDER)
    assert page.count("<strong>Mark scheme</strong> (2 points)") == 2
    assert "<em>every</em> input is named." in page
    assert page.index('id="more-comment"') < page.index("<em>every</em> input is named.")
    assert "no mark scheme for this part" in page
    assert "Because of what every input has." in page


def test_it_gets_into_no_file_and_not_into_nbgraders_feedback(course: CoursePaths) -> None:
    """Students get the page that `generate_feedback` makes with the same exporter."""
    before = {path: path.read_bytes() for path in course.root.rglob("*.ipynb")}
    python(course, "-c", RENDER)
    assert {path: path.read_bytes() for path in course.root.rglob("*.ipynb")} == before
    python(course, "-c", HANDED_IN)
    python(course, "-m", "nbgrader", "generate_feedback", "tiny")
    page = (course.root / "feedback/ana/tiny/tiny.html").read_text()
    assert "How many weights has a unit?" in page
    assert "Mark scheme" not in page
    assert "input is named" not in page


def test_lines_that_were_there_before_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    from traitlets.config import Config

    monkeypatch.setattr(plugin, "_replace", lambda *_: None)
    lazy, fixed = Config(), Config({"HTMLExporter": {"preprocessors": ["theirs.Own"]}})
    lazy.HTMLExporter.preprocessors.append("theirs.Own")
    for config in (lazy, fixed):
        plugin.configure(config)
        plugin.configure(config)
        assert config.HTMLExporter.preprocessors == ["theirs.Own", plugin.MARK_SCHEMES]


def test_notebooks_of_other_courses_are_left_alone(tmp_path: Path) -> None:
    from autograder.gradebook.formgrader import MarkSchemes

    about: dict[str, Any] = dict.fromkeys(("submission_id", "index", "total", "notebook_path"), 1)
    for place in ("", str(tmp_path / "autograded/ana/tiny"), "/"):
        found, _ = MarkSchemes().preprocess(source_notebook(), {**about, "assignment_id": "tiny", "metadata": {"path": place}})
        assert len(found.cells) == len(source_notebook().cells)
