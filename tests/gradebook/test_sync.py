"""From the results store to the gradebook: whatever keeps the gradebook from being written, no record is lost, and `sync` writes it."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from autograder.batch.store import Store
from autograder.cli import cli
from autograder.course.paths import CoursePaths
from autograder.errors import UsageError
from autograder.gradebook import connecting
from autograder.gradebook.location import VARIABLE, gradebook_url, shown_url, without_secrets
from autograder.gradebook.session import nbgrader_environment, nbgrader_log, open_gradebook
from tests.gradebook.test_writing import comment_by_hand, grade_by_hand, hurried, impatient, rows
from tests.gradebook.tiny_course import ASSIGNMENT, OTHER, record

pytestmark = pytest.mark.usefixtures("no_autograder_variables")


def recorded(course: CoursePaths, *students: str, assignment: str = ASSIGNMENT, score: float = 2.5) -> None:
    """Records in the store, as grading leaves them; nothing in the gradebook."""
    for student in students:
        Store(course.state).write(record(score, student=student, assignment=assignment))


def scores(course: CoursePaths, assignment: str = ASSIGNMENT) -> dict[str, float | None]:
    with open_gradebook(course.gradebook_url) as gradebook:
        return {each.student.id: each.score for each in gradebook.assignment_submissions(assignment)}


def sync(course: CoursePaths, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["gradebook", "sync", "--course", str(course.root), *arguments])


def synced(course: CoursePaths, *arguments: str) -> list[dict[str, Any]]:
    done = sync(course, "--json", "-", *arguments)
    assert done.exit_code == 0, done.output
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_sync_writes_what_is_missing_once_and_leaves_to_people_what_is_theirs(course: CoursePaths) -> None:
    recorded(course, "ana", "bo")
    recorded(course, "ana", assignment=OTHER, score=1.0)
    other, tiny = sorted(synced(course), key=lambda each: each["assignment"])
    assert (other["written"], tiny["written"], tiny["students"]) == (["ana"], ["ana", "bo"], 2)
    assert tiny["needs_manual_grade"] == ["ana", "bo"]
    assert scores(course) == {"ana": 2.5, "bo": 2.5}
    grade_by_hand(course, "why", 1.5)
    comment_by_hand(course, "why", "Name the bias, too.")
    assert [each["written"] for each in synced(course)] == [[], []]
    recorded(course, "ana", score=4.0)
    assert [each["written"] for each in synced(course, ASSIGNMENT)] == [["ana"]]
    assert rows(course) == {"units_test": (4.0, None, False), "why": (None, 1.5, False)}
    with open_gradebook(course.gradebook_url) as gradebook:
        assert gradebook.find_comment("why", ASSIGNMENT, ASSIGNMENT, "ana").manual_comment == "Name the bias, too."
    assert (course.autograded("bo", ASSIGNMENT) / f"{ASSIGNMENT}.ipynb").is_file()


def test_a_locked_gradebook_costs_no_record_and_is_written_afterwards(course: CoursePaths, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(course, "ana", "bo")
    with impatient(course) as execute:
        execute("UPDATE course SET id = id" if course.gradebook_url.startswith("sqlite") else "LOCK TABLE student")
        monkeypatch.setenv(VARIABLE, hurried(course.gradebook_url))
        refused = sync(course)
    assert refused.exit_code == 3
    assert "2 of 2 results of 'tiny' are not in the gradebook yet: ana, bo." in refused.stderr
    assert "locked" in refused.stderr
    assert "autograder gradebook sync tiny" in refused.stderr
    assert scores(course) == {}
    assert synced(course)[0]["written"] == ["ana", "bo"]


def test_an_unreachable_gradebook_is_named_without_its_password(course: CoursePaths) -> None:
    recorded(course, "ana")
    nowhere = "postgresql+psycopg://me:s3cret%40word@127.0.0.1:1/db?password=other-s3cret"
    done = sync(course, "--gradebook", nowhere, "--json", "-")
    assert done.exit_code == 3
    (told,) = json.loads(done.stdout)
    assert (told["written"], told["not_written"]) == ([], ["ana"])
    assert told["gradebook"] == "postgresql+psycopg://me:***@127.0.0.1:1/db"
    assert "s3cret" not in done.output


def test_two_commands_at_once_write_two_assignments_without_loss(course: CoursePaths) -> None:
    """Real processes; both find every student missing."""
    students = [f"s{number:03}" for number in range(150)]
    for assignment in (ASSIGNMENT, OTHER):
        recorded(course, *students, assignment=assignment)
    command = [sys.executable, "-m", "autograder.cli", "gradebook", "sync", "--quiet"]
    started = [
        subprocess.Popen([*command, assignment], cwd=course.root, stderr=subprocess.PIPE, text=True) for assignment in (ASSIGNMENT, OTHER)
    ]
    said = [process.communicate()[1] for process in started]
    assert ([process.returncode for process in started], said) == ([0, 0], ["", ""])
    for assignment in (ASSIGNMENT, OTHER):
        assert scores(course, assignment) == dict.fromkeys(students, 2.5)


def test_an_assignment_that_is_not_released_does_not_keep_another_from_being_written(course: CoursePaths) -> None:
    recorded(course, "ana")
    recorded(course, "ana", assignment=OTHER)
    course.release_notebook(ASSIGNMENT).unlink()
    done = sync(course)
    assert done.exit_code == 2
    assert "autograder release tiny" in done.stderr
    assert (scores(course), scores(course, OTHER)) == ({}, {"ana": 2.5})


def test_a_damaged_record_is_named_and_the_rest_written(course: CoursePaths) -> None:
    recorded(course, "ana", "bo")
    next((course.state / "records").glob("full/tiny/ana/*.json")).write_text("{")
    done = sync(course)
    assert done.exit_code == 3
    assert "ana: the record cannot be read" in done.stderr
    assert scores(course) == {"bo": 2.5}


def test_only_the_profile_that_counts_is_written_unless_a_gradebook_is_named(course: CoursePaths) -> None:
    Store(course.state).write(dataclasses.replace(record(), profile="smoke"))
    error = sync(course, "--profile", "smoke").exception
    assert isinstance(error, UsageError)
    assert "profile 'full'" in error.message
    assert synced(course) == []
    assert synced(course, "--profile", "smoke", "--gradebook", course.gradebook_url)[0]["written"] == ["ana"]


def test_what_is_not_recorded_is_no_success(course: CoursePaths) -> None:
    for name in (ASSIGNMENT, "unknown"):
        assert isinstance(sync(course, name).exception, UsageError)


# --- where the gradebook is -------------------------------------------------------------------------------------------


def test_the_gradebook_is_the_one_that_nbgrader_is_configured_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths, global_folder = CoursePaths(tmp_path / "course"), tmp_path / "jupyter"
    for folder in (paths.root, global_folder):
        folder.mkdir()
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(global_folder))
    assert gradebook_url(paths) == paths.gradebook_url
    (global_folder / "nbgrader_config.json").write_text('{"CourseDirectory": {"db_url": "sqlite:////everybodys.db"}}')
    assert gradebook_url(paths) == "sqlite:////everybodys.db"
    config = "from autograder.gradebook.plugin import configure\nc = get_config()\nconfigure(c)\nc.CourseDirectory.db_url = {!r}\n"
    (paths.root / "nbgrader_config.py").write_text(config.format("sqlite:///own.db"))
    assert gradebook_url(paths) == f"sqlite:///{paths.root}/own.db"
    (paths.root / "nbgrader_config.py").write_text(config.format("postgresql+psycopg://me:secret@host/db"))
    assert gradebook_url(paths) == "postgresql+psycopg://me:secret@host/db"
    monkeypatch.setenv(VARIABLE, "sqlite:////variable.db")
    assert gradebook_url(paths) == "sqlite:////variable.db"
    assert gradebook_url(paths, "sqlite:////named.db") == "sqlite:////named.db"


def test_reading_the_configuration_imports_nothing_of_nbgrader(course: CoursePaths) -> None:
    from autograder.course import template

    config = Path(next(iter(template.__path__))) / "nbgrader_config.py"
    (course.root / "nbgrader_config.py").write_text(config.read_text())
    code = (
        "import sys; from pathlib import Path; from autograder.course.paths import CoursePaths; "
        "from autograder.gradebook.location import gradebook_url; gradebook_url(CoursePaths(Path('.'))); "
        "sys.exit('nbgrader' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=course.root).returncode == 0


@pytest.mark.parametrize(
    "url",
    ["postgresql://me:s3c@ret@host/db", "postgresql://me:s3c@ret@host:port/db", "unknown://me:s3cret@host/db", "s3cret"],
)
def test_no_message_about_a_url_has_its_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError) as caught:
        gradebook_url(CoursePaths(tmp_path), f"{url}?password=s3cret" if ":" in url else "me:@")
    assert not any(word in str(caught.value) for word in ("s3c", "ret@"))


def test_a_configuration_that_cannot_be_read_is_named_without_its_lines(tmp_path: Path) -> None:
    (tmp_path / "nbgrader_config.py").write_text("c.CourseDirectory.db_url = 'postgresql://me:s3cret@host/db\n")
    with pytest.raises(UsageError, match="SyntaxError") as caught:
        gradebook_url(CoursePaths(tmp_path))
    assert "s3cret" not in str(caught.value)


def test_what_a_driver_repeats_is_shown_without_the_password() -> None:
    url = "postgresql+psycopg://me:s3%40t@host/db?sslpassword=key"
    assert without_secrets("FATAL: s3@t and key", url) == "FATAL: *** and ***"
    assert shown_url(url) == "postgresql+psycopg://me:***@host/db"


# --- how connections behave -------------------------------------------------------------------------------------------


def test_sqlite_has_a_write_ahead_log_where_the_file_system_is_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy import create_engine

    def journal() -> str:
        with connecting.patient_connections():
            engine = create_engine(f"sqlite:///{tmp_path}/gradebook.db")
            with engine.connect() as connection:
                mode: str = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
                assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 30_000
            engine.dispose()
        return mode

    modes = []
    for kind in ("ext4", "nfs4", "", "xfs"):
        monkeypatch.setattr(connecting, "file_system_of", lambda _, kind=kind: kind)
        modes.append(journal())
    assert modes == ["wal", "delete", "delete", "wal"]


def test_two_that_are_at_it_at_once_are_both_patient(tmp_path: Path) -> None:
    """The hub's service looks at scores while somebody exports them."""
    from sqlalchemy import create_engine

    with connecting.patient_connections():
        with connecting.patient_connections():
            pass
        with create_engine(f"sqlite:///{tmp_path}/gradebook.db").connect() as connection:
            assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 30_000


def test_who_began_first_need_not_end_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service publishes while somebody exports: what nbgrader needs stays until both are through, and then all is as it was."""
    monkeypatch.delenv("USER", raising=False)
    before = dict(os.environ)
    first, second = nbgrader_environment(), nbgrader_environment()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert os.environ["USER"]
    assert os.environ["PATH"] != before["PATH"]
    second.__exit__(None, None, None)
    assert dict(os.environ) == before


def test_each_thread_collects_its_own_errors_and_what_others_log_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    page = logging.getLogger("tornado.application")

    def export() -> list[str]:
        with nbgrader_log() as (log, errors):
            page.error("of the export")
            log.error("of nbgrader")
        return errors

    with nbgrader_log() as (_, errors), ThreadPoolExecutor(1) as another:
        assert another.submit(export).result() == ["of the export", "of nbgrader"]
        another.submit(page.error, "a page failed").result()
        page.error("of the service")
    page.error("afterwards")
    assert errors == ["of the service"]
    assert caplog.messages == ["a page failed", "afterwards"]


def test_the_file_system_of_a_file_is_that_of_the_innermost_mount(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import psutil

    known = {"/": "ext4", str(tmp_path): "nfs4", f"{tmp_path}-2": "xfs"}
    mounts = [SimpleNamespace(mountpoint=place, fstype=kind) for place, kind in known.items()]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: mounts)
    (tmp_path / "link").symlink_to("/elsewhere")
    assert connecting.file_system_of(tmp_path / "new" / "gradebook.db") == "nfs4"
    assert connecting.file_system_of(tmp_path / "link" / "gradebook.db") == "ext4"


@pytest.mark.parametrize("course", ["postgresql"], indirect=True)
def test_postgresql_waits_for_locks_half_a_minute_and_others_only_while_ours_are_made(course: CoursePaths) -> None:
    from sqlalchemy import create_engine, text

    waits = []
    with open_gradebook(course.gradebook_url) as gradebook:
        waits.append(gradebook.db.execute(text("SHOW lock_timeout")).scalar_one())
        gradebook.db.rollback()
        waits.append(gradebook.db.execute(text("SHOW lock_timeout")).scalar_one())
    engine = create_engine(course.gradebook_url)
    with engine.connect() as connection:
        waits.append(connection.exec_driver_sql("SHOW lock_timeout").scalar_one())
    engine.dispose()
    assert waits == ["30s", "30s", "0"]
