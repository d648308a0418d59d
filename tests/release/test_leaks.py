"""The leak check against a release that is fine, and against every place where a solution can stand."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from autograder.release.leaks import find_leaks
from tests.gradebook.tiny_course import SOLUTION, source_notebook


def released(source: Any) -> dict[str, Any]:
    """What nbgrader would make of the sample."""
    notebook = copy.deepcopy(source)
    notebook["cells"][2]["source"] = "# YOUR CODE HERE\nraise NotImplementedError()\nprint(weights)"
    notebook["cells"][4]["source"] = "YOUR ANSWER HERE"
    return dict(notebook)


def leaks(folder: Path, change: Any = None, **files: str) -> list[str]:
    source = source_notebook()
    notebook = released(source)
    if change:
        change(notebook)
    (folder / "tiny.ipynb").write_text(json.dumps(notebook))
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_text(content)
    return [str(problem) for problem in find_leaks(source, folder)]


def test_a_clean_release_has_no_leaks(tmp_path: Path) -> None:
    assert leaks(tmp_path) == []


def plant(notebook: dict[str, Any], **keys: Any) -> None:
    notebook["cells"][0].update(keys)


@pytest.mark.parametrize(
    "change",
    [
        lambda notebook: plant(notebook, source=f"Hint:\n\n    {SOLUTION}"),
        lambda notebook: plant(notebook, source="As in `weights = 28*28 + 1 # and a bias`, say."),
        lambda notebook: plant(notebook, metadata={"note": {"deep": [SOLUTION]}}),
        lambda notebook: plant(notebook, metadata={SOLUTION: 1}),
        lambda notebook: notebook["metadata"].update(old=json.dumps({"code": SOLUTION})),
        lambda notebook: plant(notebook, attachments={"a.txt": {"text/plain": [f"{SOLUTION}\n", "more"]}}),
        lambda notebook: plant(notebook, source="Because every  input has a\tweight."),
    ],
    ids=["markdown", "inline", "metadata", "key", "json-in-json", "attachment", "prose-answer"],
)
def test_a_solution_line_anywhere_in_the_notebook_is_found(tmp_path: Path, change: Any) -> None:
    (problem,) = leaks(tmp_path, change)
    assert "a line of the solution stands here" in problem


def test_a_solution_line_in_an_output_is_found_besides_the_output(tmp_path: Path) -> None:
    output = {"output_type": "stream", "name": "stdout", "text": f"{SOLUTION}\n"}
    problems = leaks(tmp_path, lambda notebook: notebook["cells"][1].update(outputs=[output]))
    assert len(problems) == 2
    assert "outputs remain" in problems[1]


def test_extra_files_are_read_whatever_they_are(tmp_path: Path) -> None:
    problems = leaks(tmp_path, helpers_py=f"def f():\n    {SOLUTION}\n", notes_json=json.dumps([SOLUTION]), read_txt="nothing")
    assert [problem.split(":")[0].split(",")[0] for problem in problems] == ["helpers.py", "notes.json"]


def test_binary_files_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "image.png").write_bytes(bytes(range(256)))
    assert leaks(tmp_path) == []


@pytest.mark.parametrize("marker", ["### BEGIN SOLUTION", "### END HIDDEN TESTS", "=== BEGIN MARK SCHEME ==="])
def test_a_marker_that_remains_is_found(tmp_path: Path, marker: str) -> None:
    (problem,) = leaks(tmp_path, helpers_py=f"{marker}\n")
    assert "remains" in problem


def test_code_that_students_are_given_anyway_is_no_secret(tmp_path: Path) -> None:
    assert leaks(tmp_path, lambda notebook: plant(notebook, source="batch = 32")) == []  # the second cell shows it


def test_prose_that_quotes_the_solution_does_not_excuse_it(tmp_path: Path) -> None:
    source = source_notebook()
    source["cells"][0]["source"] = SOLUTION
    (tmp_path / "tiny.ipynb").write_text(json.dumps(released(source)))
    (problem,) = find_leaks(dict(source), tmp_path)
    assert "cell 1 (markdown), source" in str(problem)


def test_lines_that_say_nothing_do_not_count(tmp_path: Path) -> None:
    source = source_notebook()
    source["cells"][2]["source"] = "import numpy as np\nx = 1\n)\nreturn None\nraise NotImplementedError()"
    (tmp_path / "helpers.py").write_text("import numpy as np\nx = 1\n)\nreturn None\nraise NotImplementedError()\n")
    assert find_leaks(dict(source), tmp_path) == []


def test_a_solution_cell_without_a_region_is_a_solution_as_a_whole(tmp_path: Path) -> None:
    source = source_notebook()
    source["cells"][2]["source"] = "answer = weights * 2"
    (tmp_path / "helpers.py").write_text("answer = weights*2\n")
    assert len(find_leaks(dict(source), tmp_path)) == 1
