"""A graded course without TensorFlow, with a roster, a decision and a manual grade."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from autograder.gradebook.session import open_gradebook
from tests.conftest import autograder
from tests.kill.conftest import CONFIG, DOUBLE, GRADER, TOTAL, grade, hand_in, standin_notebook

CLASS = "id,name,email\nada,Ada Lovelace,ada@uni.es\nbob,Bob Byrne,bob@uni.es\ncleo,Cleo Cruz,cleo@uni.es\n"


def done(course: Path, *arguments: str) -> str:
    """What a command says that must end well."""
    found = autograder(course, *arguments, JUPYTERHUB_USER="garcia")
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout + found.stderr


@pytest.fixture(scope="session")
def graded_course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ada and Cleo handed in the same, so they share a run; Bob has one of his own."""
    root = tmp_path_factory.mktemp("keeping") / "course"
    (root / "source_assignments/standin").mkdir(parents=True)
    (root / "graders/standin").mkdir(parents=True)
    (root / ".autograder").mkdir()
    (root / ".autograder/seed").write_text("5" * 64)  # the same pseudonyms each time: one in some thousands has BOB in it
    (root / ".autograder/seed").chmod(0o600)
    (root / "grading_config.py").write_text(CONFIG)
    (root / "graders/standin/test_standin.py").write_text(GRADER)
    (root / "source_assignments/standin/standin.ipynb").write_text(json.dumps(standin_notebook()))
    (root / "class.csv").write_text(CLASS)
    done(root, "release", "standin")
    for student, total in (("ada", TOTAL), ("bob", "total = 9"), ("cleo", TOTAL)):
        hand_in(root, student, total, DOUBLE)
    assert grade(root).returncode == 0
    (root / "class.csv").write_text(CLASS.replace("Byrne", "Bolt"))
    done(root, "roster", "import", "class.csv")
    (root / "class.csv").write_text(CLASS)
    done(root, "roster", "import", "class.csv")  # Bob has another name now
    done(root, "decide", "waive_late", "standin", "--student", "bob", "--why", "Bob Byrne was ill")
    done(root, "decide", "extend", "standin", "--everybody", "--until", "2027-02-20 12:00", "--why", "because of Bob Bolt and the hub")
    done(root, "scores", "standin")
    with open_gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        found = gradebook.find_grade("value", "standin", "standin", "bob")
        found.extra_credit = 1.0
        gradebook.db.commit()
    return root


@pytest.fixture
def course(graded_course: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(graded_course, tmp_path / "course", symlinks=True))
