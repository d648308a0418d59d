"""`autograder collect` as it is typed."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tests.conftest import autograder


def download(course: Path) -> None:
    with zipfile.ZipFile(course / "submissions.zip", "w") as archive:
        archive.writestr("lovelaceada_LATE_1_10_tiny-1.ipynb", b"{}")
        archive.writestr("[red]eve_2_11_tiny.ipynb", b"{}")
        archive.writestr("bob_2_11_tiny.ipynb", b"{}")
    (course / "students.csv").write_text("id,name\nada,Ada Lovelace\n")


def test_a_dry_run_shows_and_writes_nothing_then_it_is_done(tiny: Path) -> None:
    download(tiny)
    call = ["collect", "tiny", "--zip", "submissions.zip", "--students", "students.csv", "--json", "-"]
    shown = autograder(tiny, *call, "--dry-run")
    assert not (tiny / "submitted").exists()
    assert not (tiny / ".autograder/collected").exists()
    assert "nothing is written" in shown.stderr
    done = autograder(tiny, *call)
    assert json.loads(done.stdout) == json.loads(shown.stdout)
    assert shown.returncode == done.returncode == 1
    assert "'bob' (2) is left out: no student of the list has this number or name" in done.stderr
    assert "'[red]eve_2_11_tiny.ipynb' is left out." in done.stderr
    assert [path.name for path in (tiny / "submitted").rglob("*.*")] == ["tiny.ipynb"]
    receipt = json.loads(next((tiny / ".autograder/collected").iterdir()).read_text())
    assert [(each["student"], each["state"], each["late"]) for each in receipt["submissions"]] == [
        (None, "left out", False),
        ("ada", "new", True),
    ]
    assert receipt["from"] == "canvas"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing option '--zip'"),
        (["--zip", "none.zip"], "'none.zip' cannot be read: No such file"),
        (["--zip", "grading_config.py"], "is no zip file that can be read"),
        (["--zip", "submissions.zip", "--students", "none.csv"], "The list of students cannot be read"),
        (["tini", "--zip", "submissions.zip"], "no assignment 'tini'"),
    ],
)
def test_wrong_usage(tiny: Path, arguments: list[str], said: str) -> None:
    download(tiny)
    done = autograder(tiny, "collect", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tiny / "submitted").exists()
