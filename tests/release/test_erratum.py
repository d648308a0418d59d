"""An erratum in the middle of a term: who has which version, by which everybody is graded, and what stays as it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autograder.course.loading import load_course
from autograder.course.versions import kept_versions, versions
from autograder.gradebook.session import open_gradebook
from tests.conftest import autograder, cell_of, edit_notebook
from tests.kill.conftest import CONFIG, DOUBLE, GRADER, TOTAL, grade, hand_in, records, standin_notebook

TRIPLE = "def double(n):\n    return 3 * n"
KNOWS_BOTH = GRADER.replace("(answers)", "(submission, answers)").replace("answer == 2 * n", "answer == (submission.version + 1) * n")


@pytest.fixture(scope="module")
def released_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("erratum") / "course"
    (root / "source_assignments/standin").mkdir(parents=True)
    (root / "graders/standin").mkdir(parents=True)
    (root / "grading_config.py").write_text(CONFIG)
    (root / "graders/standin/test_standin.py").write_text(KNOWS_BOTH)
    (root / "source_assignments/standin/standin.ipynb").write_text(json.dumps(standin_notebook()))
    assert autograder(root, "release", "standin").returncode == 0
    return root


@pytest.fixture
def course(released_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(released_once, tmp_path / "course"))


def change_source(course: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    edit_notebook(course / "source_assignments/standin/standin.ipynb", change)


def correct(notebook: dict[str, Any]) -> None:
    """The task is to triple now, and a locked cell without points has a mistake less."""
    cell_of(notebook, "double")["source"] = 'graded_later("double", "that double(n) is three times n")'
    cell_of(notebook, "imports")["source"] += "\nimport math"


def release(course: Path, *arguments: str) -> str:
    done = autograder(course, "release", "standin", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stderr


def numbers(course: Path) -> list[int]:
    return [each.number for each in versions(load_course(course)[1], "standin")]


def test_versions_are_numbered_when_something_changed_and_all_are_kept(course: Path) -> None:
    first = (course / "release/standin/standin.ipynb").read_bytes()
    assert numbers(course) == [1]
    assert "version 1" in release(course)
    assert (course / "release/standin/standin.ipynb").read_bytes() == first
    change_source(course, correct)
    assert "version 2" in release(course)
    assert numbers(course) == [1, 2]
    kept = kept_versions(load_course(course)[1], "standin")
    assert [each.notebook("standin").read_bytes() == first for each in kept] == [True, False]


def test_what_was_released_before_versions_were_kept_is_the_first(course: Path) -> None:
    shutil.rmtree(course / ".autograder/releases")
    edit_notebook(course / "release/standin/standin.ipynb", lambda notebook: notebook["metadata"].pop("autograder"))
    assert numbers(course) == [1]
    change_source(course, correct)
    assert "version 2" in release(course)
    assert numbers(course) == [1, 2]


def test_a_refused_release_makes_no_version(course: Path) -> None:
    change_source(course, lambda notebook: notebook["cells"].append({**notebook["cells"][0], "source": TOTAL}))
    assert autograder(course, "release", "standin").returncode == 2
    assert numbers(course) == [1]


def test_everybody_is_graded_by_the_version_that_they_fetched(course: Path) -> None:
    hand_in(course, "ada", TOTAL, DOUBLE)
    hand_in(course, "bob", TOTAL, TRIPLE)
    assert grade(course).returncode == 0
    before = {student: found[0] for student, found in records(course).items()}
    assert {student: record.score for student, record in before.items()} == {"ada": 15, "bob": 10}
    change_source(course, correct)
    release(course)
    hand_in(course, "cleo", TOTAL, TRIPLE)
    hand_in(course, "dan", TOTAL, DOUBLE)
    edit_notebook(course / "submitted/bob/standin/standin.ipynb", lambda notebook: notebook["metadata"].pop("autograder"))
    assert grade(course).returncode == 0
    after = {student: found[-1] for student, found in records(course).items()}
    assert {student: (each.release, each.score) for student, each in after.items()} == {
        "ada": (1, 15),
        "bob": (1, 10),
        "cleo": (2, 15),
        "dan": (2, 10),
    }
    assert [each.flags for each in after.values()] == [(), (), (), ()]
    assert "import math" in json.dumps(json.loads((course / "autograded/ada/standin/standin.ipynb").read_text()))
    again = grade(course)
    assert {student: found[-1] for student, found in records(course).items()} == after, again.stderr
    file = course / "graders/standin/test_standin.py"
    file.write_text(file.read_text().replace("/ 45", "/ 90"))
    done = grade(course, "--dry-run")
    assert done.returncode == 0
    regraded = _regrade(course)
    assert "needs execution" not in regraded
    assert {student: found[-1].score for student, found in records(course).items()} == {"ada": 10, "bob": 5, "cleo": 10, "dan": 5}


def _regrade(course: Path) -> str:
    from tests.kill.conftest import start

    with start(course, "regrade", "standin", stdout=-1, stderr=-1) as process:
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return str(out + err)


def test_points_of_an_older_version_differ_only_as_configured(course: Path) -> None:
    hand_in(course, "ada", TOTAL, DOUBLE)
    change_source(course, correct)
    release(course)
    config = course / "grading_config.py"
    config.write_text(config.read_text().replace("points=15,", 'points=15, version_points={1: {"double": 2}},'))
    assert grade(course).returncode == 0
    ((ada,),) = records(course).values()
    assert (ada.release, ada.score, ada.max_score) == (1, 12, 12)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('{2: {"double": 2}}', "there is no older version 2"),
        ('{1: {"dubble": 2}}', "version 1 has no cell 'dubble'"),
        ('{1: {"double": -2}}', "-2 points of 'double' in version 1"),
        ('{"1": {"double": 2}}', "version_points"),
    ],
)
def test_points_of_what_is_not_there_are_a_problem(course: Path, written: str, said: str) -> None:
    change_source(course, correct)
    release(course)
    config = course / "grading_config.py"
    config.write_text(config.read_text().replace("points=15,", f"points=15, version_points={written},"))
    done = autograder(course, "check", "standin")
    assert done.returncode in (1, 2)
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_erratum_says_who_has_the_older_version_and_what_changed(course: Path, tmp_path: Path) -> None:
    (course / "class.csv").write_text("id\nada\nbob\neve\n")
    assert autograder(course, "roster", "import", "class.csv").returncode == 0
    hand_in(course, "ada", TOTAL, DOUBLE)
    inbound = tmp_path / "exchange/standin/inbound/bob+standin+2027-02-01 10:00:00 UTC+x"
    shutil.copytree(course / "submitted/ada/standin", inbound)
    hostile = inbound.with_name("..+standin+2027-02-01 10:00:00 UTC+x")
    shutil.copytree(inbound, hostile)
    (course / "submitted/dan/standin").mkdir(parents=True)
    (course / "submitted/dan/standin/standin.ipynb").write_text("no notebook")
    change_source(course, correct)
    mine = (course / "submitted/ada/standin/standin.ipynb").read_bytes()
    said = release(course, "--erratum", "--exchange", str(tmp_path / "exchange"), "--migrate", str(tmp_path / "out"), "--json", "e.json")
    found = json.loads((course / "e.json").read_text())["erratum"]
    assert found["holders"] == {"1": ["ada", "bob"], "2": []}
    assert found["silent"] == ["eve"]
    assert {each["grade_id"]: each["migrates"] for each in found["changes"]["1"]} == {"imports": True, "double": False}
    assert "Handed in as version 1: ada, bob." in said
    assert (course / "submitted/ada/standin/standin.ipynb").read_bytes() == mine
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["ada", "bob"]
    made = json.loads((tmp_path / "out/ada/standin/standin.ipynb").read_text())
    assert (cell_of(made, "write_double")["source"], made["metadata"]["autograder"]) == (DOUBLE, {"release": 2})
    (tmp_path / "out/ada/standin/standin.ipynb").write_text("hers now")
    release(course, "--migrate", str(tmp_path / "out"), "--exchange", str(tmp_path / "exchange"))
    assert (tmp_path / "out/ada/standin/standin.ipynb").read_text() == "hers now"


@pytest.mark.parametrize(
    ("collected", "newer"), [("2027-01-20 10:00:00 UTC", "the exchange's"), ("2027-03-01 10:00:00 UTC", "hers, collected")]
)
def test_a_notebook_is_brought_up_from_what_was_handed_in_last(course: Path, tmp_path: Path, collected: str, newer: str) -> None:
    hand_in(course, "ada", TOTAL, DOUBLE + "  # hers, collected")
    inbound = tmp_path / "exchange/standin/inbound/ada+standin+2027-02-01 10:00:00 UTC+x"
    shutil.copytree(course / "submitted/ada/standin", inbound)
    (inbound / "timestamp.txt").write_text("2027-02-01 10:00:00 UTC")
    edit_notebook(inbound / "standin.ipynb", lambda found: cell_of(found, "write_double").update(source=DOUBLE + "  # the exchange's"))
    (course / "submitted/ada/standin/timestamp.txt").write_text(collected)
    change_source(course, correct)
    release(course, "--migrate", str(tmp_path / "out"), "--exchange", str(tmp_path / "exchange"))
    made = json.loads((tmp_path / "out/ada/standin/standin.ipynb").read_text())
    assert cell_of(made, "write_double")["source"] == f"{DOUBLE}  # {newer}"


def test_the_doctor_compares_with_the_version_that_the_notebook_began_as(course: Path) -> None:
    hand_in(course, "ada", TOTAL, DOUBLE)
    change_source(course, correct)
    release(course)
    done = autograder(course, "doctor", "submitted/ada/standin/standin.ipynb", "--json", "d.json")
    assert done.returncode == 0, done.stdout
    findings = json.loads((course / "d.json").read_text())["findings"]
    assert [each for each in findings if "changed" in each["reason"]] == []


def test_an_answer_left_as_an_older_version_had_it_is_no_answer(course: Path) -> None:
    release_of_then = json.loads((course / "release/standin/standin.ipynb").read_text())
    stub = cell_of(release_of_then, "write_double")["source"]
    hand_in(course, "ada", TOTAL, "".join(stub))

    def reword(notebook: dict[str, Any]) -> None:
        cell = cell_of(notebook, "write_double")
        cell["source"] = "# Twice, please.\n" + cell["source"]

    change_source(course, reword)
    release(course)
    assert grade(course).returncode == 0
    with open_gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        comment = gradebook.find_comment("write_double", "standin", "standin", "ada")
        assert comment.auto_comment == "No response."
