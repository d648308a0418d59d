"""`autograder validate` on the course that `autograder init` makes, as it is and with one thing wrong at a time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from autograder.batch.store import Store
from autograder.quality.workplace import forget_unused
from tests.conftest import autograder, cell_of, edit_notebook

ASSIGNMENT = "first_network"
FEW = ("--seeds", "2", "--jobs", "3")


def validate(course: Path, *options: str) -> tuple[int, dict[str, Any], str]:
    done = autograder(course, "validate", "--json", "-", *FEW, *options)
    assert "Traceback" not in done.stderr, done.stderr
    (found,) = json.loads(done.stdout) if done.stdout.startswith("[") else ({},)
    return done.returncode, found, done.stderr


@pytest.fixture(scope="module")
def validated(started: tuple[Path, subprocess.CompletedProcess[str]]) -> tuple[Path, int, dict[str, Any]]:
    """The started course with what its first validation found; copy it before changing it."""
    root, done = started
    assert "Traceback" not in done.stderr, done.stderr
    assert done.stdout.startswith("["), done.stderr
    (found,) = json.loads(done.stdout)
    return root, done.returncode, found


@pytest.fixture
def course(validated: tuple[Path, int, dict[str, Any]], tmp_path: Path) -> Path:
    """A copy with the runs of the first validation."""
    return Path(shutil.copytree(validated[0], tmp_path / "course"))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_started_course_holds(validated: tuple[Path, int, dict[str, Any]]) -> None:
    _, status, found = validated
    assert found["mutants"]["survivors"] == []
    assert (status, found["holds"], found["problems"]) == (0, True, [])
    assert [answer["name"] for answer in found["reference"]] == ["seed 0", "seed 0, cold", "seed 1", "seed 1, cold"]
    assert found["blank"]["score"] == 0
    assert len(found["alternatives"]) == 1
    assert len(found["wrong"]) == 2
    assert found["mutants"]["killed"] >= 20
    assert found["mutants"]["kinds"] == {"generated": 23, "executed": 23, "left_out": []}


def test_a_killed_mutant_says_who_noticed_and_what_the_student_reads(validated: tuple[Path, int, dict[str, Any]]) -> None:
    softmax = next(each for each in validated[2]["mutants"]["all"] if each["mistake"] == "softmax_forgotten")
    assert softmax["path"] == "section"
    assert any("softmax" in noticed["message"] for noticed in softmax["noticed"])


def test_junit_has_a_case_for_each(validated: tuple[Path, int, dict[str, Any]]) -> None:
    root, _, found = validated
    names = [case.get("classname") for case in ElementTree.parse(root / "validated.xml").iter("testcase")]
    assert len(names) == 4 + 1 + 1 + 2 + found["mutants"]["executed"]
    assert f"{ASSIGNMENT}.blank" in names


def test_nothing_of_the_course_itself_is_touched(validated: tuple[Path, int, dict[str, Any]]) -> None:
    assert not {"release", "submitted", "gradebook.db"} & {path.name for path in validated[0].iterdir()}
    assert [path.name for path in (validated[0] / ".autograder").iterdir()] == ["validated"]


def test_what_was_validated_is_not_executed_again(course: Path) -> None:
    runs = course / ".autograder/validated/stores"
    before = {path: path.stat().st_mtime_ns for path in runs.rglob("run.json")}
    scores = {path: path.stat().st_mtime_ns for path in runs.rglob("scores/*.json")}
    status, _, _ = validate(course)
    assert status == 0
    assert {path: path.stat().st_mtime_ns for path in runs.rglob("run.json")} == before
    assert {path: path.stat().st_mtime_ns for path in runs.rglob("scores/*.json")} == scores


def test_a_lenient_grader_lets_mutants_survive_and_they_are_shown(course: Path) -> None:
    grader = course / f"graders/{ASSIGNMENT}/test_{ASSIGNMENT}.py"
    change(
        grader,
        '    expect_parameters(submission.model("network"), per_layer=[25_120, 330], total=25_450)\n',
        '    submission.model("network")\n',
    )
    change(grader, '    expect_activations(submission.model("network"), ["relu", "softmax"])\n', '    submission.model("network")\n')
    change(course / f"solutions/{ASSIGNMENT}/wrong/one_unit_too_many.py", 'LOSES = {"network": 13.33}', "LOSES = {}")
    runs = {path: path.stat().st_mtime_ns for path in (course / ".autograder/validated/stores").rglob("run.json")}
    status, found, said = validate(course)
    assert status == 1
    survivors = {each["mistake"] for each in found["mutants"]["survivors"]}
    assert {"width", "bias_forgotten"} <= survivors
    assert '+        keras.layers.Dense(33, activation="relu"),' in said
    assert "no grader notices: a layer is wider by one (write_network:width:1)" in said
    assert {path: path.stat().st_mtime_ns for path in runs if path.is_file()} == runs  # a changed grader executes nothing again


def test_a_wrong_answer_that_loses_something_else_is_named(course: Path) -> None:
    change(course / f"solutions/{ASSIGNMENT}/wrong/one_unit_too_many.py", "13.33", "20")
    change(course / f"solutions/{ASSIGNMENT}/alternatives/functional_api.py", "Dense(32", "Dense(31")
    status, found, said = validate(course, "--mutants", "0")
    assert status == 1
    assert "wrong 'one_unit_too_many': 'network' loses 13.33 of 20 points, 20 were expected" in said
    assert "alternative 'functional_api': 'network' loses 13.33 of 20 points, 0 were expected" in said
    assert found["mutants"]["executed"] == 0


def test_an_alternative_must_earn_what_it_claims_and_no_more(course: Path) -> None:
    alternative = course / f"solutions/{ASSIGNMENT}/alternatives/functional_api.py"
    change(alternative, "Dense(32", "Dense(31")
    change(alternative, 'CLAIMS = "all"', 'CLAIMS = ["accuracy", "training"]\nOUTCOME = "cell_error"')
    assert validate(course, "--mutants", "0")[0] == 0


def test_needs_that_are_not_declared_are_named(course: Path) -> None:
    notebook = course / f"source_assignments/{ASSIGNMENT}/{ASSIGNMENT}.ipynb"
    edit_notebook(notebook, lambda found: cell_of(found, "hand_in_network")["metadata"].update({"autograder": {"needs": []}}))
    status, found, said = validate(course, "--mutants", "5")
    assert status == 1
    assert "not tried, more mutants would (--mutants): " in said
    (problem,) = found["problems"]
    assert "the section of 'hand_in_network' does not stand alone" in problem
    assert all(each["path"] == "notebook" for each in found["mutants"]["all"] if each["cell"] != "write_prepare")


def test_a_declaration_that_excuses_nothing_is_listed(course: Path) -> None:
    with (course / f"solutions/{ASSIGNMENT}/equivalents.toml").open("a") as file:
        file.write('[[equivalent]]\ncell = "write_prepare"\nmistake = "not_normalised"\nreason = "It does no harm."\n')
    status, found, _ = validate(course, "--mutants", "1")
    assert status == 1
    assert found["problems"] == ["declared equivalent, but no such mutant survives: not_normalised in 'write_prepare'"]
    with (course / f"solutions/{ASSIGNMENT}/equivalents.toml").open("a") as file:
        file.write("by_chance = true\n")
    assert validate(course, "--mutants", "1")[0] == 0


def test_whole_notebooks_say_the_same(course: Path) -> None:
    status, found, _ = validate(course, "--mutants", "6", "--full")
    assert (status, found["problems"]) == (0, [])
    assert found["compared_with_whole_notebooks"] >= 6


def test_a_declared_mutant_that_only_the_whole_notebook_notices_is_listed(course: Path) -> None:
    """Its section has no test that notices; without prepared images, the next section's network learns nothing."""
    grader = course / f"graders/{ASSIGNMENT}/test_{ASSIGNMENT}.py"
    change(grader, '    sample = submission.sample("x_test_ready")\n', '    return\n    sample = submission.sample("x_test_ready")\n')
    change(grader, "    for images, answer in answers:\n", "    for images, answer in []:\n")
    declared = '[[equivalent]]\ncell = "write_prepare"\nmistake = "constant_answer"\nreason = "It does no harm."\n'
    with (course / f"solutions/{ASSIGNMENT}/equivalents.toml").open("a") as file:
        file.write(declared)
    _, found, _ = validate(course, "--mutants", "1")
    assert [each["verdict"] for each in found["mutants"]["all"] if each["mistake"] == "constant_answer"] == ["equivalent"]
    status, found, _ = validate(course, "--mutants", "1", "--full")
    assert status == 1
    assert [each["verdict"] for each in found["mutants"]["all"] if each["mistake"] == "constant_answer"] == ["killed"]
    said = (
        "'write_prepare:constant_answer:1' is declared equivalent (constant_answer in 'write_prepare'), and the whole notebook notices it"
    )
    assert any(problem.startswith(said) for problem in found["problems"])


def test_a_declaration_of_another_profile_excuses_nothing_here_and_is_not_missed(course: Path) -> None:
    grader = course / f"graders/{ASSIGNMENT}/test_{ASSIGNMENT}.py"
    change(grader, "    for images, answer in answers:\n", "    for images, answer in []:\n")
    with (course / f"solutions/{ASSIGNMENT}/equivalents.toml").open("a") as file:
        for profile in ("smoke", "full"):
            mistake = "divided_by_the_largest" if profile == "full" else "not_normalised"
            file.write(f'[[equivalent]]\ncell = "write_prepare"\nmistake = "{mistake}"\nprofile = "{profile}"\nreason = "Few."\n')
    _, found, _ = validate(course)
    assert [each["verdict"] for each in found["mutants"]["all"] if each["mistake"] == "divided_by_the_largest"] == ["survived"]
    assert found["problems"] == ["declared equivalent, but no such mutant survives: not_normalised in 'write_prepare' (profile 'smoke')"]


def breaks_the_configuration(course: Path) -> None:
    change(course / "grading_config.py", "title=", "titel=")


def breaks_a_variant(course: Path) -> None:
    change(course / f"solutions/{ASSIGNMENT}/alternatives/functional_api.py", 'CLAIMS = "all"', 'CLAIMS = "everything"')


def copies_a_solution_into_the_release(course: Path) -> None:
    shutil.copy(course / f"graders/{ASSIGNMENT}/test_{ASSIGNMENT}.py", course / f"source_assignments/{ASSIGNMENT}/helper.py")


@pytest.mark.parametrize(
    ("breaks", "said"),
    [
        (breaks_the_configuration, "unknown key 'titel'"),
        (breaks_a_variant, "CLAIMS is 'everything'"),
        (copies_a_solution_into_the_release, "helper.py"),
    ],
)
def test_a_course_with_a_problem_is_not_validated(course: Path, breaks: Callable[[Path], None], said: str) -> None:
    breaks(course)
    status, _, errors = validate(course)
    assert status == 2
    assert said in errors


def test_what_is_wrong_with_a_later_assignment_is_said_before_the_first_one_is_validated(tmp_path: Path) -> None:
    assert autograder(tmp_path, "init", "course").returncode == 0
    course = tmp_path / "course"
    later = '        Assignment("later", profiles={"full": Profile(dataset="mnist")}),\n'
    change(course / "grading_config.py", "        ),\n    ],\n)", f"        ),\n{later}    ],\n)")
    done = autograder(course, "validate", *FEW)
    assert done.returncode == 2
    assert "source_assignments/later/later.ipynb" in done.stderr
    assert "Validating" not in done.stderr


def test_runs_that_nobody_uses_any_more_go(course: Path) -> None:
    store = Store(next((course / ".autograder/validated/stores/smoke").iterdir()) / "warm")
    folders = sorted((store.root / "runs").glob("[!.]*"))
    assert len(folders) > 1
    old = time.time() - 8 * 24 * 3600
    os.utime(folders[0], (old, old))
    forget_unused(store)
    assert sorted((store.root / "runs").glob("[!.]*")) == folders[1:]
