"""`autograder doctor` as a student types it, with and without a course."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_cli import imported
from tests.conftest import autograder, cell_of, edit_notebook
from tests.doctor.samples import notebook


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder that is no course."""
    return Path(tmp_path)


def write(folder: Path, *cells: str, name: str = "mine.ipynb") -> Path:
    """A notebook of these cells."""
    path = folder / name
    path.write_bytes(notebook(*cells))
    return path


def test_nothing_to_say(home: Path) -> None:
    write(home, "x = 1")
    done = autograder(home, "doctor", "mine.ipynb")
    assert done.returncode == 0
    assert "nothing was found that would cost points" in done.stdout
    assert "released notebook is not at hand" in " ".join(done.stdout.split())


def test_places_reasons_and_cures_worst_first(home: Path) -> None:
    write(home, "import numpy as np\nnp.zeros(60000)", "model.fit(x, nb_epoch=3)\nmodel = x = 1")
    done = autograder(home, "doctor", "mine.ipynb")
    assert done.returncode == 1
    text = " ".join(done.stdout.split())
    assert "✗ cell 2 'answer1', line 1 `fit` has no argument `nb_epoch=` any more. → Write `epochs=`." in text
    assert "mine.ipynb: 1 thing would cost points (✗), 1 worth knowing (•)." in text
    assert text.index("✗ cell 2") < text.index("• cell 1")


def test_what_is_only_worth_knowing_is_status_0(home: Path) -> None:
    write(home, "import numpy as np\nnp.zeros(60000)")
    done = autograder(home, "doctor", "mine.ipynb")
    assert (done.returncode, "nothing would cost points (✗), 1 worth knowing" in done.stdout) == (0, True)


def test_quiet_and_json(home: Path) -> None:
    write(home, "import zzqqxx")
    assert autograder(home, "doctor", "mine.ipynb", "--quiet").stdout == ""
    done = autograder(home, "doctor", "mine.ipynb", "--json", "-")
    found = json.loads(done.stdout)
    assert (done.returncode, found["release"], [each["kind"] for each in found["findings"]]) == (1, None, ["missing_import"])
    assert found["findings"][0]["place"] == {"cell": 1, "grade_id": "answer0", "first_line": "import zzqqxx", "line": 1}
    autograder(home, "doctor", "mine.ipynb", "--json", "found.json", "--quiet")
    assert json.loads((home / "found.json").read_text()) == found


@pytest.mark.parametrize(
    ("content", "arguments", "part"),
    [
        (None, (), "does not exist"),
        (b"", (), "is empty"),
        (b"\x00\x01", (), "not valid JSON"),
        (b'{"nbformat": 3}', (), "no notebook of format 4"),
        (b'{"nbformat": 4, "cells": []}', ("--release", "nowhere.ipynb"), "'nowhere.ipynb' does not exist"),
        (b'{"nbformat": 4, "cells": []}', ("--release", "."), "'.' is no notebook"),
        (b'{"nbformat": 4, "cells": []}', ("--course", "nowhere"), "grading_config.py is not there"),
        (b'{"nbformat": 4, "cells": []}', ("--strict",), "No such option"),
    ],
)
def test_status_2_says_what_is_wrong(home: Path, content: bytes | None, arguments: tuple[str, ...], part: str) -> None:
    if content is not None:
        (home / "mine.ipynb").write_bytes(content)
    done = autograder(home, "doctor", "mine.ipynb", *arguments)
    assert done.returncode == 2
    assert part in done.stderr
    assert "Traceback" not in done.stderr


def test_folders_and_pipes_are_no_notebooks(home: Path) -> None:
    os.mkfifo(home / "pipe.ipynb")
    for name, reason in ((".", "Is a directory"), ("pipe.ipynb", "is not a regular file")):
        done = autograder(home, "doctor", name)
        assert (done.returncode, "cannot be read: " in done.stderr, reason in done.stderr) == (2, True, True)


def test_in_a_course_the_release_is_found_by_the_grade_ids(released: Path) -> None:
    path = released / "handed_in.ipynb"
    path.write_bytes((released / "release/tiny/tiny.ipynb").read_bytes())
    edit_notebook(path, lambda found: found["cells"].remove(cell_of(found, "write_double")))
    done = autograder(released, "doctor", "handed_in.ipynb", "--json", "-")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert found["release"].endswith("release/tiny/tiny.ipynb")
    assert {each["kind"]: each["severity"] for each in found["findings"]} == {
        "deleted_cell": "costs points", "renamed_notebook": "worth knowing", "open_answer": "worth knowing",
    }  # fmt: skip


def test_a_release_given_by_hand(released: Path, home: Path) -> None:
    path = released / "release/tiny/tiny.ipynb"
    (home / "tiny.ipynb").write_bytes(path.read_bytes())
    edit_notebook(home / "tiny.ipynb", lambda found: found["cells"].reverse())
    done = autograder(home, "doctor", "tiny.ipynb", "--release", str(path))
    assert done.returncode == 0
    assert "Cells were moved" in done.stdout
    assert "not at hand" not in done.stdout


def test_nothing_heavy_is_imported_and_nothing_runs(home: Path) -> None:
    write(home, "import this\nimport keras, tensorflow, sklearn\nopen('ran', 'w').write('x')", "%time keras")
    call = (
        f"import os\nos.chdir({str(home)!r})\nfrom click.testing import CliRunner\nfrom autograder.cli import cli\n"
        "assert CliRunner().invoke(cli, ['doctor', 'mine.ipynb']).exit_code == 0"
    )
    assert imported(call) == []
    assert not (home / "ran").exists()
    assert not Path("ran").exists()


def test_hostile_text_is_only_text(home: Path) -> None:
    write(home, "[red]x[/red]\x1b[31m = [bold]1\nimport zzqqxx")
    done = subprocess.run(
        [sys.executable, "-m", "autograder.cli", "doctor", "mine.ipynb"], cwd=home, capture_output=True, text=True,
        env={**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color"},
    )  # fmt: skip
    assert done.returncode == 1
    assert "\x1b[31m =" not in done.stdout
    assert "Traceback" not in done.stderr
