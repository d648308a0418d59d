"""The instructor's loop after grading: other curves, other graders, a new question, a written answer graded by hand."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import click
import pytest

from autograder.batch import regrade as regrading
from autograder.batch.keeping import unscored
from autograder.batch.plan import Plan, make_plan, open_sandbox
from autograder.batch.regrade import regrade, regrade_from_store
from autograder.batch.regraded import Attempt, Regraded
from autograder.batch.store import Store
from autograder.cli.grade import finish
from autograder.cli.options import Common
from autograder.course.loading import load_course
from autograder.course.settings import Curve
from autograder.execution.rundir import RunFolder
from autograder.gradebook.session import open_gradebook
from autograder.gradebook.writing import read_manual_scores
from autograder.grading.custom_models import NeedsExecution
from autograder.isolation.sandbox import Sandbox
from autograder.quality.variants import Variant, build_submission
from autograder.records import Record, Run, Submission
from tests.conftest import autograder, cell_of, edit_notebook

TRUST = "--trust-submissions"
HALF = {"write_double": "def double(n):\n    return 2 * n if not isinstance(n, int) or n > 0 else n"}


@pytest.fixture(scope="module")
def graded_once(released_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = Path(shutil.copytree(released_once, tmp_path_factory.mktemp("regrade") / "tiny"))
    _, paths = load_course(root)
    for student, cells in {"ada": {}, "bob": HALF}.items():
        folder = root / "submitted" / student / "tiny"
        folder.mkdir(parents=True)
        (folder / "tiny.ipynb").write_text(json.dumps(build_submission(paths, "tiny", Variant(student, "", False, cells=cells))))
    (root / "submitted/eve/tiny").mkdir(parents=True)
    (root / "submitted/eve/tiny/tiny.ipynb").write_text("{")
    done = autograder(root, "grade", "tiny", TRUST)
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def course(graded_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(graded_once, tmp_path / "tiny"))


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def scores(root: Path) -> dict[str, float | None]:
    files = sorted(root.glob(".autograder/records/smoke/tiny/*/*.json"))
    return {file.parent.name: json.loads(file.read_text())["score"] for file in files}


def run_files(root: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in root.glob(".autograder/runs/*/*")}


def test_nothing_changed_changes_nothing(course: Path) -> None:
    done = autograder(course, "regrade", "tiny", TRUST)
    assert done.returncode == 0
    assert "3 regraded, 0 score(s) changed, 0 need(s) execution." in done.stderr


def test_a_changed_curve_needs_no_process(course: Path) -> None:
    before = scores(course)
    edit(course / "grading_config.py", "Curve({0.50: 0, 0.70: 1})", "Curve({0.90: 0, 1.00: 1})")
    files = {path: path.stat().st_mtime_ns for path in course.glob(".autograder/runs/*/*/*")}
    done = autograder(course, "regrade", "tiny", TRUST)
    assert done.returncode == 0, done.stderr
    assert before["ada"] == 80
    after = scores(course)
    assert after["ada"] is not None
    assert 50 <= after["ada"] < 65
    assert f"ada: 80 → {after['ada']:g}" in done.stderr
    assert {path: path.stat().st_mtime_ns for path in course.glob(".autograder/runs/*/*/*")} == files


def regrade_here(root: Path, done: Callable[[], None] = lambda: None) -> list[Regraded]:
    """In this process, and where no sandbox may be opened."""

    def no_sandbox(level: int) -> NoReturn:
        raise AssertionError("a sandbox was opened")

    course, paths = load_course(root)
    plan = make_plan(course, paths, "tiny", None, Store(paths.state), None, True, lambda _: None)
    return regrade(plan, ["ada", "bob", "eve"], no_sandbox, 1, done)


def test_a_changed_curve_opens_no_sandbox_and_an_interrupted_regrade_goes_on_where_it_stopped(course: Path) -> None:
    assert [each.changed for each in regrade_here(course)] == [False, False, False]
    edit(course / "grading_config.py", "Curve({0.50: 0, 0.70: 1})", "Curve({0.90: 0, 1.00: 1})")

    def interrupt() -> NoReturn:
        raise KeyboardInterrupt

    records = {path: path.stat().st_mtime_ns for path in course.glob(".autograder/records/smoke/tiny/*/*.json")}
    with pytest.raises(KeyboardInterrupt):
        regrade_here(course, interrupt)
    written = {path for path, before in records.items() if path.stat().st_mtime_ns != before}
    assert "ada" in {path.parent.name for path in written}
    kept = {path: path.stat().st_mtime_ns for path in written}
    assert [each.needs_execution for each in regrade_here(course)] == ["", "", ""]
    assert {path: path.stat().st_mtime_ns for path in written} == kept
    after = scores(course)
    assert after["ada"] is not None
    assert 50 <= after["ada"] < 65
    assert after["bob"] == after["ada"] - 15


def test_another_curve_is_tried_out_and_then_applied_from_the_store_alone(course: Path) -> None:
    settings, paths = load_course(course)
    plan = make_plan(settings, paths, "tiny", None, Store(paths.state), None, True, lambda _: None)
    harder = replace(plan, profile=replace(plan.profile, curves={"test_accuracy": Curve({0.90: 0, 1.00: 1})}))
    before = scores(course)
    tried = regrade_from_store(harder, ["ada", "bob", "eve"], write=False)
    assert scores(course) == before
    assert {each.student: each.before for each in tried} == before
    assert [each.changed for each in tried] == [True, True, False]
    assert regrade_from_store(harder, ["ada", "bob", "eve"]) == tried
    assert scores(course) == {each.student: each.after for each in tried}


def with_an_earlier_attempt(root: Path) -> Store:
    """Bob's first attempt was as good as Ada's; his present one is the second."""
    store = Store(load_course(root)[1].state)
    first = store.present("smoke", "tiny", "ada")
    assert first
    store.write(replace(first, student="bob", submission_id="0" * 16), present=False)
    return store


def test_where_the_best_attempt_counts_every_attempt_is_scored_again(course: Path) -> None:
    store = with_an_earlier_attempt(course)
    settings, paths = load_course(course)
    plan = make_plan(settings, paths, "tiny", None, store, None, True, lambda _: None)
    harder = replace(plan, profile=replace(plan.profile, curves={"test_accuracy": Curve({0.90: 0, 1.00: 1})}))
    [alone] = regrade_from_store(harder, ["bob"], write=False)
    [best] = regrade_from_store(harder, ["bob"], write=False, every=True)
    assert alone.before is not None
    assert (best.before, best.changed, best.needs_execution) == (80.0, True, "")
    assert alone.before < 80.0
    assert best.after is not None
    assert alone.after is not None
    assert alone.after < best.after < 80.0
    assert regrade_from_store(harder, ["bob"], every=True) == [best]
    assert {each.score for each in store.of_student("tiny", "bob")} == {alone.after, best.after}


def test_regrade_says_the_points_of_the_best_attempt_and_names_attempts_that_stay(course: Path) -> None:
    store = with_an_earlier_attempt(course)
    edit(course / "grading_config.py", "timezone=", 'counting="best", timezone=')
    edit(course / "grading_config.py", "Curve({0.50: 0, 0.70: 1})", "Curve({0.90: 0, 1.00: 1})")
    present = store.present("smoke", "tiny", "bob")
    assert present
    shutil.rmtree(store.run(present.runs[0].run_key).path)
    done = autograder(course, "regrade", "tiny", TRUST)
    assert done.returncode == 0, done.stderr
    assert "bob: needs execution (1 of 2 attempts: its run " in done.stderr
    best = max(each.score or 0.0 for each in store.of_student("tiny", "bob"))
    assert f"bob: 80 → {best:g}" in done.stderr
    assert best < 80


@pytest.mark.parametrize(
    "regraded", [lambda plan: regrade(plan, ["ada"], NoReturn, 1, lambda: None), lambda plan: regrade_from_store(plan, ["ada"])]
)
def test_a_submission_that_is_graded_meanwhile_stays_the_present_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, regraded: Callable[[Any], list[Regraded]]
) -> None:
    plan: Any = SimpleNamespace(
        store=Store(tmp_path), profile=SimpleNamespace(name="smoke"), assignment=SimpleNamespace(id="tiny"), version=1, specs=()
    )
    plan.grade_key = plan.context = "key"
    first, second = (unscored(plan, Submission("ada", "tiny", "", name, None), "rejected", "") for name in ("first", "second"))
    plan.store.write(first)

    def from_store(plan: Plan, keep: Callable[[Record], None], attempt: Attempt) -> Regraded:
        plan.store.write(second)
        keep(replace(first, reason="regraded"))
        return Regraded(attempt.student, None, None)

    monkeypatch.setattr(regrading, "_from_store", from_store)
    regraded(plan)
    assert plan.store.present("smoke", "tiny", "ada") == second
    assert plan.store.read("smoke", "tiny", "ada", "first").reason == "regraded"


def test_an_interrupt_ends_graders_that_still_run(course: Path) -> None:
    """Bob's would run until their deadline; Ada's record is made when the interrupt comes."""
    edit(course / "graders/tiny/test_tiny.py", ".parameters == 7_850", ".parameters == 7_851")
    edit(
        course / "graders/tiny/test_tiny.py",
        "    assert [answer for",
        "    while list(answers)[0][1] != -2:\n        pass\n    assert [answer for",
    )
    settings, paths = load_course(course)
    plan = make_plan(settings, paths, "tiny", None, Store(paths.state), None, True, lambda _: None)
    opened: list[Sandbox] = []

    def sandbox(level: int) -> Sandbox:
        opened.append(open_sandbox(settings, True))
        return opened[0]

    def interrupt() -> None:
        if opened:  # so it is Ada, not Eve, who has no run
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        regrade(plan, ["ada", "bob", "eve"], sandbox, 2, interrupt)
    assert [(each.stopped, each.server_pids()) for each in opened] == [(True, [])]
    assert scores(course) == {"ada": 60, "bob": 65, "eve": None}


def test_nothing_is_written_where_nothing_changed(course: Path) -> None:
    """Neither records nor autograded notebooks; and the feedback of what was submitted since waits for its grading."""
    patterns = (".autograder/records/smoke/tiny/*/*", "autograded/*/tiny/*")
    before = {path: path.stat().st_mtime_ns for pattern in patterns for path in course.glob(pattern)}
    (course / "submitted/ada/tiny/timestamp.txt").write_text("2027-02-11 18:00:00.000000 UTC")
    assert autograder(course, "regrade", "tiny", "--jobs", "3").returncode == 0
    assert {path: path.stat().st_mtime_ns for pattern in patterns for path in course.glob(pattern)} == before


def test_a_curve_changed_there_and_back_gives_the_same_record(course: Path) -> None:
    file = next(course.glob(".autograder/records/smoke/tiny/ada/*.json"))
    before, config = file.read_bytes(), (course / "grading_config.py").read_text()
    edit(course / "grading_config.py", "Curve({0.50: 0, 0.70: 1})", "Curve({0.90: 0, 1.00: 1})")
    regrade_here(course)
    assert file.read_bytes() != before
    (course / "grading_config.py").write_text(config)
    regrade_here(course)
    assert file.read_bytes() == before


def test_a_damaged_record_is_named(course: Path) -> None:
    next(course.glob(".autograder/records/smoke/tiny/ada/*.json")).write_text("{")
    done = autograder(course, "regrade", "tiny")
    assert done.returncode == 0, done.stderr
    assert "ada: needs execution (its record cannot be read); keeps unscored" in done.stderr


def test_a_machine_that_fails_while_regrading_leaves_the_record_and_says_so(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(course / "graders/tiny/test_tiny.py", ".parameters == 7_850", ".parameters == 7_851")
    before = scores(course)
    settings, paths = load_course(course)
    plan = make_plan(settings, paths, "tiny", None, Store(paths.state), None, True, lambda _: None)

    def broken(level: int) -> Sandbox:
        sandbox = open_sandbox(settings, True)
        sandbox.stop()
        return sandbox

    found = regrade(plan, ["ada", "bob", "eve"], broken, None, lambda: None)
    assert [bool(each.failed) for each in found] == [True, True, False]
    assert scores(course) == before
    common = Common(settings, paths, None, None, None, None, False)
    with pytest.raises(click.exceptions.Exit) as left:
        finish(common, plan.store.latest("smoke", "tiny"), {each.student: each.failed for each in found if each.failed})
    assert left.value.exit_code == 3
    assert "ada: keeps the old record, the machine failed: " in capsys.readouterr().err


def test_records_that_share_a_run_are_regraded_one_after_the_other(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(course / "graders/tiny/test_tiny.py", ".parameters == 7_850", ".parameters == 7_851")
    settings, paths = load_course(course)
    plan = make_plan(settings, paths, "tiny", None, Store(paths.state), None, True, lambda _: None)
    locked: list[bool] = []

    def look(plan: Plan, blank: Record, run: Run, folder: RunFolder, *rest: object, **options: object) -> Record:
        with (folder.path.parent / ".locks" / folder.path.name).open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                locked.append(False)
            except BlockingIOError:
                locked.append(True)
        raise NeedsExecution("looked")

    monkeypatch.setattr("autograder.batch.regrade.grade_run", look)
    found = regrade(plan, ["ada", "bob"], lambda level: open_sandbox(settings, True), None, lambda: None)
    assert [each.needs_execution for each in found] == ["looked", "looked"]
    assert locked == [True, True]


def test_a_changed_grader_executes_no_student_code(course: Path) -> None:
    edit(course / "graders/tiny/test_tiny.py", ".parameters == 7_850", ".parameters == 7_851")
    before = run_files(course)
    done = autograder(course, "regrade", "tiny", TRUST, "--json", "-")
    assert done.returncode == 0, done.stderr
    assert {each["student"]: (each["before"], each["after"]) for each in json.loads(done.stdout)} == {
        "ada": (80, 60),
        "bob": (65, 45),
        "eve": (None, None),
    }
    execution = {path: at for path, at in before.items() if path.name in ("run.json", "notebook.ipynb", "answers.json", "handin")}
    assert execution.items() <= run_files(course).items()


def test_a_new_question_is_named_and_the_record_stays(course: Path) -> None:
    edit(course / "graders/tiny/test_tiny.py", '"double", [-1]', '"double", [-7]')
    before = scores(course)
    done = autograder(course, "regrade", "tiny", TRUST)
    assert done.returncode == 0
    assert "ada: needs execution (new question to double); keeps 80" in done.stderr
    assert "2 need(s) execution" in done.stderr
    assert scores(course) == before


@pytest.mark.parametrize(
    "broken", ["raise RuntimeError('a typo')", "undefined_name", "pytest.skip('later')", "import os; os._exit(3)", "submission.nothing()"]
)
def test_a_bug_in_the_grader_is_never_a_students_zero(course: Path, broken: str) -> None:
    edit(course / "graders/tiny/test_tiny.py", "    assert submission.model", f"    {broken}\n    assert submission.model")
    done = autograder(course, "regrade", "tiny", TRUST)
    assert done.returncode == 1, done.stderr
    assert "ada: not scored, a grader failed" in done.stderr
    assert scores(course) == {"ada": None, "bob": None, "eve": None}
    grade = _grade(course, "ada", "counts")
    assert (grade["auto_score"], grade["needs_manual_grade"]) == (20, True)  # the gradebook keeps what it had
    edit(course / "graders/tiny/test_tiny.py", f"    {broken}\n", "")
    assert autograder(course, "regrade", "tiny", TRUST).returncode == 0
    assert scores(course)["ada"] == 80


def _grade(root: Path, student: str, cell: str) -> dict[str, Any]:
    with open_gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        found = gradebook.find_grade(cell, "tiny", "tiny", student)
        return {"auto_score": found.auto_score, "needs_manual_grade": found.needs_manual_grade, "score": found.score}


def test_manual_grades_survive_and_reach_the_feedback(course: Path) -> None:
    url = f"sqlite:///{course / 'gradebook.db'}"
    with open_gradebook(url) as gradebook:
        grade = gradebook.find_grade("explain", "tiny", "tiny", "ada")
        grade.manual_score, grade.extra_credit = 17.0, 1.5
        gradebook.find_comment("explain", "tiny", "tiny", "ada").manual_comment = "Well put."
        gradebook.db.commit()
    edit(course / "graders/tiny/test_tiny.py", ".parameters == 7_850", ".parameters == 7_851")
    assert autograder(course, "regrade", "tiny", TRUST).returncode == 0
    kept = read_manual_scores(url, "tiny")["ada"]["explain"]
    assert (kept.manual_score, kept.extra_credit, kept.comment) == (17.0, 1.5, "Well put.")
    assert autograder(course, "feedback", "tiny", "--student", "ada").returncode == 0
    page = (course / "feedback/ada/tiny/tiny.html").read_text()
    assert "Well put." in page
    assert "17" in page


def test_a_new_question_is_executed_by_grade(course: Path) -> None:
    edit(course / "graders/tiny/test_tiny.py", '"double", [-1])\ndef', '"double", [-1, -7])\ndef')
    edit(course / "graders/tiny/test_tiny.py", "== [-2]", "== [-2, -14]")
    assert "needs execution" in autograder(course, "regrade", "tiny", TRUST).stderr
    assert autograder(course, "grade", "tiny", TRUST, "--student", "ada").returncode == 0
    assert scores(course)["ada"] == 80


def test_damaged_records_and_runs_are_made_again(course: Path) -> None:
    for file in course.glob(".autograder/records/smoke/tiny/ada/*.json"):
        file.write_text("{")
    for file in course.glob(".autograder/runs/*/scores/*.json"):
        file.write_text("[")
    done = autograder(course, "grade", "tiny", TRUST)
    assert done.returncode == 0, done.stderr
    assert scores(course)["ada"] == 80


def test_a_lost_run_needs_execution(course: Path) -> None:
    shutil.rmtree(course / ".autograder/runs")
    done = autograder(course, "regrade", "tiny", TRUST)
    assert "no longer in the store" in done.stderr
    assert scores(course)["ada"] == 80


def test_other_data_or_another_release_need_execution(course: Path) -> None:
    """What a notebook computed from one split must not be compared with another."""
    config = course / "grading_config.py"
    original = config.read_text()
    config.write_text(original.replace("(1_197, 300, 300)", "(1_097, 350, 350)"))
    assert "ada: needs execution (the data changed since it was executed); keeps 80" in autograder(course, "regrade", "tiny").stderr
    config.write_text(original)
    edit_notebook(course / "release/tiny/tiny.ipynb", lambda notebook: cell_of(notebook, "imports").update(source="import keras"))
    assert "the release version changed since it was executed" in autograder(course, "regrade", "tiny").stderr
    assert scores(course)["ada"] == 80


def test_cases_in_a_file_beside_the_grader_are_questions_too(course: Path) -> None:
    grader = course / "graders/tiny/test_tiny.py"
    (grader.parent / "cases.json").write_text("[-1]")
    edit(grader, "import numpy as np", "import json\nfrom pathlib import Path\n\nimport numpy as np")
    edit(grader, '"double", [-1]', '"double", json.loads(Path(__file__).with_name("cases.json").read_text())')
    assert "0 score(s) changed, 0 need(s) execution" in autograder(course, "regrade", "tiny").stderr
    (grader.parent / "cases.json").write_text("[-1, -2]")
    assert "needs execution (new question to double)" in autograder(course, "regrade", "tiny").stderr


def test_a_students_autograded_notebook_is_never_replaced_by_the_released_one(course: Path) -> None:
    file = course / "autograded/ada/tiny/tiny.ipynb"
    before = json.loads(file.read_text())
    (course / "submitted/ada/tiny/tiny.ipynb").write_text("{")
    assert autograder(course, "grade", "tiny", TRUST, "--student", "ada").returncode == 0
    assert json.loads(file.read_text()) == before
    assert scores_now(course)["ada"] is None


def test_going_back_to_an_earlier_version_makes_it_the_present_one(course: Path) -> None:
    notebook = course / "submitted/ada/tiny/tiny.ipynb"
    first = notebook.read_text()
    notebook.write_text("{")
    assert autograder(course, "grade", "tiny", TRUST, "--student", "ada").returncode == 0
    notebook.write_text(first)
    assert autograder(course, "grade", "tiny", TRUST, "--student", "ada").returncode == 0
    assert scores_now(course)["ada"] == 80


def scores_now(root: Path) -> dict[str, float | None]:
    """Scores of each student's present record."""
    found = json.loads(autograder(root, "regrade", "tiny", "--json", "-").stdout)
    return {each["student"]: each["after"] for each in found}


NBGRADER_CONFIG = """
from pathlib import Path
from autograder.gradebook.plugin import configure
c = get_config()
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.course_id = "tiny"
c.CourseDirectory.source_directory = "source_assignments"
configure(c)
"""


def _nbgrader(root: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AUTOGRADER_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=root, env={**clean, "PATH": path, "USER": "instructor", **environment}, capture_output=True, text=True,
    )  # fmt: skip


def test_plain_nbgrader_gives_the_same_scores(course: Path) -> None:
    """In a terminal, without a store: everything is executed again by our runner, and nothing without consent."""
    (course / "nbgrader_config.py").write_text(NBGRADER_CONFIG)
    before = {student: _grade(course, student, "double") for student in ("ada", "bob")}
    shutil.rmtree(course / ".autograder/runs")
    shutil.rmtree(course / ".autograder/records")
    shutil.rmtree(course / "autograded")
    refused = _nbgrader(course, "autograde", "tiny", PATH=str(Path(sys.executable).parent))  # without bubblewrap
    assert refused.returncode != 0
    assert "--trust-submissions" in refused.stdout + refused.stderr
    assert not (course / "autograded").exists()
    done = _nbgrader(course, "autograde", "tiny", AUTOGRADER_TRUST_SUBMISSIONS="1")
    assert done.returncode == 0, done.stderr
    assert scores(course) == {"ada": 80, "bob": 65, "eve": None}
    assert {student: _grade(course, student, "double") for student in ("ada", "bob")} == before
    feedback = _nbgrader(course, "generate_feedback", "tiny")
    assert feedback.returncode == 0, feedback.stderr
    export = _nbgrader(course, "export")
    assert export.returncode == 0, export.stderr
    assert "ada" in (course / "grades.csv").read_text()
