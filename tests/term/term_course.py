"""A course of four short assignments without TensorFlow, a class of thirty, and commands as instructors give them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from click.testing import CliRunner, Result
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from autograder.batch.store import Store
from autograder.cli import cli
from autograder.errors import UsageError
from autograder.gradebook.session import open_gradebook
from autograder.intake.collect import find_submissions
from autograder.term import dates
from tests.gradebook.tiny_course import marked
from tests.kill.conftest import COMMAND
from tests.term.samples import madrid

ASSIGNMENTS = {"sums": "2027-02-12 23:59", "loops": "2027-03-27 23:59", "lists": "2027-04-16 23:59", "essay": "2027-05-07 23:59"}
CONFIG = f"""
import numpy as np
from autograder import Assignment, Course, Curve, Dataset, Late, Limits, Profile, Resources, Term


def load(folder):
    y = np.arange(60) % 10
    return np.repeat(y[:, None], 4, axis=1).astype("float32"), y


course = Course(
    id="term", title="A term", timezone="Europe/Madrid", default_profile="smoke", starts="2027-01-11", ends="2027-06-30",
    late=Late(per_day=0.1, at_most=0.5, grace="15 min", closes="7 days"), feedback_when="marked",
    term=Term(weights={{"sums": 1, "loops": 2, "lists": 1, "essay": 2}}, drop_lowest=1, never_drop=["essay"], extra_at_most=0.5),
    datasets=[Dataset("numbers", load=load, answers="keras.datasets.mnist", sizes=(40, 10, 10))],
    assignments=[
        Assignment(
            name, due=due, points=100, resources=Resources(memory_gib=0.5), limits=Limits(cell="60 s", total="120 s"),
            profiles={{"smoke": Profile(dataset="numbers", curves={{"share": Curve({{0.0: 0, 1.0: 1}})}})}},
        )
        for name, due in {ASSIGNMENTS!r}.items()
    ],
)
"""
GRADER = """
import pytest


@pytest.mark.grade_cell("value")
def test_value(submission, award):
    award("share", min(1.0, submission.value("total") / 45))
"""
KNOWS_BOTH = GRADER.replace("/ 45", "/ (36 if submission.version == 1 else 45)")
WITH_MISTAKES, CORRECTED = "Add the numbers from 0 to 8.", "Add the numbers from 0 to 9, and say why it ends."
SCHEME = "=== BEGIN MARK SCHEME ===\n10 points: an adder.\n10 points: why it ends.\n=== END MARK SCHEME ==="
STUDENTS = [f"s{number:02}" for number in range(1, 31)]


def source_notebook(corrected: bool = True) -> Any:
    """Without corrections the task says another number, and the written question was forgotten."""
    parameters = 'seed = 1\nsample_limit = None\nepoch_limit = None\ndataset = "mnist"'
    why = [marked(new_markdown_cell(f"Because it adds.\n\n{SCHEME}"), "why", solution=True, points=20)]
    cells = [
        new_markdown_cell(CORRECTED if corrected else WITH_MISTAKES, id="task"),
        marked(new_code_cell("import keras\n\nfrom autograder.student import graded_later, hand_in"), "imports", locked=True),
        marked(new_code_cell(parameters, metadata={"tags": ["parameters"]}), "parameters", locked=True),
        marked(new_code_cell("keras.utils.set_random_seed(seed)"), "seed", locked=True),
        marked(new_code_cell("### BEGIN SOLUTION\ntotal = sum(range(10))\n### END SOLUTION"), "add", solution=True),
        marked(new_code_cell('graded_later("value", "the sum")'), "value", points=80 if corrected else 100, locked=True),
        marked(new_code_cell('hand_in("total")'), "hand_in_all", locked=True),
        *(why if corrected else []),
    ]
    return new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}})


@dataclass
class TermCourse:
    """The course folder. Commands that execute nothing run in this process, which saves a second each.

    `today`: the day on which they are given, at nine in the morning; by default the day on which the test runs.
    """

    root: Path
    today: str = ""

    @property
    def store(self) -> Store:
        return Store(self.root / ".autograder")

    @property
    def gradebook(self) -> str:
        return f"sqlite:///{self.root / 'gradebook.db'}"

    def do(self, *arguments: str) -> str:
        """A command of an instructor, who is called garcia; gives what it said, results and remarks."""
        found = self._called(*arguments)
        assert found.exit_code == 0, found.output
        return found.output

    def refused(self, *arguments: str) -> str:
        """What a command says that must not be done."""
        with pytest.raises(UsageError) as caught:
            self._called(*arguments)
        return str(caught.value)

    def json(self, *arguments: str) -> Any:
        found = self._called(*arguments, "--json", "-")
        assert found.exit_code == 0, found.output
        return json.loads(found.stdout)

    def _called(self, *arguments: str) -> Result:
        now = f"{self.today} 09:00"
        clock = patch.object(dates, "now_in", lambda _: madrid(now).isoformat(timespec="seconds")) if self.today else nullcontext()
        with clock:
            return CliRunner().invoke(
                cli, [*arguments, "--course", str(self.root)], env={"JUPYTERHUB_USER": "garcia"}, catch_exceptions=False
            )

    def run(self, *arguments: str) -> str:
        """A command that executes notebooks, or might: in its own process, with a stand-in for Keras."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith("AUTOGRADER_")}
        done = subprocess.run([sys.executable, str(COMMAND), *arguments], cwd=self.root, env=clean, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def make(self) -> None:
        """The course's files, and every assignment released; that of `lists` has mistakes."""
        (self.root).mkdir(parents=True)
        (self.root / "grading_config.py").write_text(CONFIG)
        for name in ASSIGNMENTS:
            source = json.dumps(source_notebook(corrected=name != "lists"))
            for folder, file, text in (("source_assignments", f"{name}.ipynb", source), ("graders", "test_it.py", GRADER)):
                (self.root / folder / name).mkdir(parents=True)
                (self.root / folder / name / file).write_text(text)
            self.do("release", name)

    def correct(self, assignment: str) -> None:
        """The source notebook with its mistakes mended, and graders that know both versions."""
        (self.root / f"source_assignments/{assignment}/{assignment}.ipynb").write_text(json.dumps(source_notebook()))
        (self.root / f"graders/{assignment}/test_it.py").write_text(KNOWS_BOTH)

    def hand_in(
        self, student: str, assignment: str, total: int, at: str | None, received: str | None = None, began_as: Path | None = None
    ) -> None:
        """`at`: what the student's clock said, in Madrid; None: no timestamp, and the hub's receipt says `received`.

        `began_as`: the notebook in which the student worked, by default the present release.
        """
        notebook = json.loads((began_as or self.root / f"release/{assignment}/{assignment}.ipynb").read_text())
        for cell in notebook["cells"]:
            name = cell["metadata"].get("nbgrader", {}).get("grade_id")
            cell["source"] = {"add": f"total = {total}", "why": "It adds, and ends."}.get(name, cell["source"])
        folder = self.root / "submitted" / student / assignment
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{assignment}.ipynb").write_text(json.dumps(notebook))
        if at is not None:
            (folder / "timestamp.txt").write_text(f"{utc(at):%Y-%m-%d %H:%M:%S.%f} UTC\n")
        submission = find_submissions(self.root / "submitted", assignment, [student], 10**6)[0]
        self.store.note_arrival(submission, utc(received or at or "").isoformat())

    def mark(self, assignment: str, points: dict[str, float], extra: dict[str, float] | None = None) -> None:
        """As formgrader does it."""
        with open_gradebook(self.gradebook) as gradebook:
            for student, score in points.items():
                grade = gradebook.find_grade("why", assignment, assignment, student)
                grade.manual_score, grade.extra_credit = score, (extra or {}).get(student)
                grade.needs_manual_grade = False
            gradebook.db.commit()

    def waits(self, assignment: str, student: str) -> bool:
        """Whether formgrader lists the submission as one that needs a manual grade."""
        with open_gradebook(self.gradebook) as gradebook:
            return bool(gradebook.find_submission(assignment, student).needs_manual_grade)

    def score(self, assignment: str, student: str) -> dict[str, Any]:
        found: dict[str, Any] = self.json("scores", assignment, "--student", student)[0]
        return found

    def records(self) -> dict[str, bytes]:
        """Everything that grading recorded, and what people see of it."""
        places = [*self.root.glob(".autograder/records/**/*"), *self.root.glob("autograded/**/*")]
        return {str(path.relative_to(self.root)): path.read_bytes() for path in sorted(places) if path.is_file()}


def utc(text: str) -> datetime:
    return madrid(text).astimezone(UTC)
