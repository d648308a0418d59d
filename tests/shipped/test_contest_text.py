"""What the contest's notebook tells students about its goals is what the curves say."""

from __future__ import annotations

import re
from pathlib import Path

from autograder.course.loading import load_course
from autograder.course.notebook import nbgrader_of, read_notebook

COURSE, PATHS = load_course(Path(__file__).parents[2])
CELLS = {
    nbgrader_of(cell).get("grade_id"): cell["source"] for cell in read_notebook(PATHS.source_notebook("convolutional_digits"))["cells"]
}
CONTEST = next(
    cell["source"] for cell in read_notebook(PATHS.source_notebook("convolutional_digits"))["cells"] if cell["id"] == "exercise-contest"
)
CURVES = next(each for each in COURSE.assignments if each.id == "convolutional_digits").profiles["full"].curves


def test_the_goals_in_the_text_are_those_of_the_curves() -> None:
    test, contest = CURVES["test_accuracy"].points, CURVES["contest_accuracy"].points
    assert re.findall(r"0\.\d+", CELLS["accuracy"].partition("graded_later")[2]) == [f"{max(test):g}"]
    assert re.findall(r"0\.\d+", CELLS["contest_points"]) == [f"{min(contest):g}", f"{max(contest):g}"]
    promised = CONTEST.rpartition("\n\n")[2].partition("The tutorial names")[0]
    assert re.findall(r"0\.\d+", promised) == [f"{max(test):g}", f"{min(contest):g}", f"{max(contest):g}"]
