from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from autograder.cli import cli
from tests.conftest import autograder

HEAVY = ("tensorflow", "keras", "nbgrader", "papermill", "dask", "sklearn", "numpy", "pydantic", "matplotlib")
DOCS = Path(__file__).parents[2] / "docs"


def imported(code: str) -> list[str]:
    """Which heavy modules are loaded after this code, in a process of its own."""
    probe = f"import sys\n{code}\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: list[str] = eval(done.stdout.strip().splitlines()[-1])
    return found


def test_help_imports_nothing_heavy() -> None:
    code = "from click.testing import CliRunner\nfrom autograder.cli import cli\nassert CliRunner().invoke(cli, ['--help']).exit_code == 0"
    assert imported(code) == []


def test_grading_imports_no_loader_no_sklearn_and_no_keras(released: Path) -> None:
    """A whole `grade` call, in process: everything that loads data or opens models runs in processes of its own."""
    folder = released / "submitted/ada/tiny"
    folder.mkdir(parents=True)
    (folder / "tiny.ipynb").write_text((released / "release/tiny/tiny.ipynb").read_text())
    call = ["grade", "tiny", "--course", str(released), "--trust-submissions", "--quiet"]
    code = f"from click.testing import CliRunner\nfrom autograder.cli import cli\nassert CliRunner().invoke(cli, {call!r}).exit_code == 0"
    assert not {"tensorflow", "keras", "papermill", "sklearn"} & set(imported(code))


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_has_help_and_docs(name: str) -> None:
    shown = CliRunner().invoke(cli, [name, "--help"])
    assert shown.exit_code == 0
    assert f"autograder {name}" in (DOCS / "commands.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "status", "part"),
    [
        (["grade"], 2, "Missing argument 'ASSIGNMENT'"),
        (["grades"], 2, "No such command 'grades'"),
        (["grade", "tiny", "--trust-submissions"], 2, "'submitted' does not exist"),
        (["grade", "tini", "--trust-submissions"], 2, "no assignment 'tini'"),
        (["grade", "tiny", "--trust-submissions", "--profile", "fast"], 2, "no profile 'fast'"),
        (["regrade", "tiny"], 2, "There is no record of 'tiny'"),
        (["feedback", "tiny"], 2, "There is no record of 'tiny'"),
        (["report", "tiny"], 2, "There is no record of 'tiny'"),
        (["grade", "tiny", "--jobs", "0"], 2, "not in the range"),
        (["check", "--course", "nowhere"], 2, "grading_config.py is not there"),
    ],
)
def test_wrong_usage_says_what_and_never_ends_in_a_traceback(released: Path, arguments: list[str], status: int, part: str) -> None:
    done = autograder(released, *arguments)
    assert done.returncode == status
    assert part in done.stderr.replace(str(released) + "/", "")
    assert "Traceback" not in done.stderr


def test_an_unreleased_assignment_says_how_to_release_it(tiny: Path) -> None:
    (tiny / "submitted").mkdir()
    done = autograder(tiny, "grade", "tiny", "--trust-submissions")
    assert done.returncode == 2
    assert "Run: autograder release tiny" in done.stderr


def test_a_dry_run_executes_nothing(released: Path) -> None:
    (released / "submitted/ada/tiny").mkdir(parents=True)
    hidden = {"PATH": "/nonexistent"}  # without bubblewrap
    assert autograder(released, "grade", "tiny", "--dry-run", **hidden).returncode == 2
    done = autograder(released, "grade", "tiny", "--dry-run", "--trust-submissions", **hidden)
    assert (done.returncode, "1 submission(s) would be graded at isolation level 1" in done.stderr) == (0, True)
    assert not (released / ".autograder/runs").exists()


def test_the_consent_may_come_from_the_environment(released: Path) -> None:
    (released / "submitted/ada/tiny").mkdir(parents=True)
    assert autograder(released, "grade", "tiny", "--dry-run", AUTOGRADER_TRUST_SUBMISSIONS="1").returncode == 0


def test_release_refuses_a_course_with_problems(tiny: Path) -> None:
    grader = tiny / "graders/tiny/test_tiny.py"
    grader.write_text(grader.read_text().replace('grade_cell("counts")', 'grade_cell("count")'))
    done = autograder(tiny, "release", "tiny")
    assert done.returncode == 2
    assert "no grader covers grade cell 'counts'" in done.stderr
    assert not (tiny / "release").exists()
