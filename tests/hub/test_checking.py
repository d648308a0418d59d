"""`autograder hub check`: what is wrong is found, each with its cure, and nothing is changed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from autograder.batch.store import Store
from autograder.cli import cli
from autograder.course.loading import load_course
from autograder.hub import checking
from autograder.hub.checking import Finding, check_environment
from autograder.isolation.choice import Examination


@pytest.fixture(autouse=True)
def no_probes(monkeypatch: pytest.MonkeyPatch, no_autograder_variables: None) -> None:
    """Sandboxes have tests of their own."""
    monkeypatch.setattr(checking, "examine", lambda level: Examination(level, {}, ""))


@pytest.fixture
def exchange(tmp_path: Path) -> Path:
    """As nbgrader makes it."""
    root = tmp_path / "exchange"
    (root / "tiny/inbound").mkdir(parents=True)
    (root / "tiny/inbound").chmod(0o733)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(folder.stat().st_mode | 0o001)
    return root


def found(course: Path, exchange: Path, what: str, wrong: bool | None = True) -> list[Finding]:
    loaded, paths = load_course(course)
    everything = check_environment(loaded, paths, Store(course / "store"), exchange)
    return [each for each in everything if each.what == what and (wrong is None or each.wrong is wrong)]


def test_a_good_exchange_has_nothing_wrong(tiny: Path, exchange: Path) -> None:
    assert found(tiny, exchange, "exchange") == []
    assert len(found(tiny, exchange, "exchange", wrong=False)) == 2


@pytest.mark.parametrize(
    ("folder", "mode", "part"),
    [
        ("tiny/inbound", 0o777, "see each other's submissions"),
        ("tiny/inbound", 0o731, "cannot put anything"),
        ("tiny/feedback", 0o777, "could be somebody else's"),
        ("tiny/feedback", 0o700, "cannot fetch"),
        ("tiny", 0o700, "cannot get into"),
        (".", 0o700, "cannot get into"),
        (".", 0o777, "move the course's folder"),
    ],
)
def test_permissions_that_do_not_fit_are_named_with_the_command_that_mends_them(
    tiny: Path, exchange: Path, folder: str, mode: int, part: str
) -> None:
    (exchange / folder).mkdir(exist_ok=True)
    (exchange / folder).chmod(mode)
    wrong = found(tiny, exchange, "exchange")
    assert part in wrong[0].said
    assert "chmod" in wrong[0].cure


def test_an_exchange_in_which_nobody_moves_anothers_folder_is_good(tiny: Path, exchange: Path) -> None:
    exchange.chmod(0o1777)
    assert found(tiny, exchange, "exchange") == []


def test_folders_that_are_somebody_elses_are_wrong(tiny: Path, exchange: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking.os, "geteuid", lambda: exchange.stat().st_uid + 1)
    said = " ".join(each.said for each in found(tiny, exchange, "exchange"))
    assert f"'{exchange / 'tiny'}' does not belong to this account" in said
    assert f"'{exchange / 'tiny/inbound'}' does not belong to this account" in said


def test_a_missing_exchange_or_inbound_is_named(tiny: Path, exchange: Path, tmp_path: Path) -> None:
    assert "There is no folder" in found(tiny, tmp_path / "nowhere", "exchange")[0].said
    (exchange / "tiny/inbound").rmdir()
    assert "release_assignment" in found(tiny, exchange, "exchange")[0].cure


def test_feedback_that_is_a_link_is_wrong(tiny: Path, exchange: Path, tmp_path: Path) -> None:
    (exchange / "tiny/feedback").symlink_to(tmp_path)
    assert "could be somebody else's" in found(tiny, exchange, "exchange")[0].said


def test_two_ids_of_the_course_are_wrong(tiny: Path, exchange: Path) -> None:
    (tiny / "nbgrader_config.py").write_text("c = get_config()\nc.CourseDirectory.course_id = 'digits'\n")
    assert "'digits'" in found(tiny, exchange, "exchange")[0].said


def test_a_configuration_that_cannot_be_read_is_a_finding(tiny: Path, exchange: Path) -> None:
    (tiny / "nbgrader_config.py").write_text("1 / 0\n")
    assert "cannot be read" in found(tiny, exchange, "exchange")[0].said
    assert "cannot be read" in found(tiny, exchange, "gradebook")[0].said


def test_missing_tools_and_names_are_wrong(tiny: Path, exchange: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("USER", raising=False)
    assert "alembic" in found(tiny, exchange, "PATH")[0].said
    assert "USER" in found(tiny, exchange, "account")[0].said
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000_001)
    assert "has no name" in found(tiny, exchange, "account")[0].said


def test_old_versions_and_a_full_disk_are_wrong(tiny: Path, exchange: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking.metadata, "version", lambda name: {"nbgrader": "0.9.1"}.get(name, "99.0rc1"))
    assert [each.said for each in found(tiny, exchange, "versions")] == ["nbgrader 0.9.1 is too old."]
    usage = shutil.disk_usage(tiny)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=2**20))
    assert "0.0 GiB" in found(tiny, exchange, "store")[0].said


def test_less_isolation_than_required_is_wrong_unless_it_is_allowed(tiny: Path, exchange: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "examine", lambda level: Examination(level, {}, "no bubblewrap"))
    assert "the course requires 2" in found(tiny, exchange, "isolation")[0].said
    loaded, paths = load_course(tiny)
    trusted = check_environment(loaded, paths, Store(tiny / "store"), exchange, trust=True)
    assert not [each for each in trusted if each.what == "isolation" and each.wrong]


def test_the_command_says_it_and_gives_the_status(tiny: Path, exchange: Path, tmp_path: Path) -> None:
    out = tmp_path / "check.json"
    call = ["hub", "check", "--course", str(tiny), "--exchange", str(exchange), "--store", str(tmp_path / "store"), "--json", str(out)]
    done = CliRunner().invoke(cli, call)
    assert done.exit_code == 1  # nothing is released yet
    wrong = [each for each in json.loads(out.read_text()) if each["wrong"]]
    assert {each["what"] for each in wrong} == {"gradebook", "course"}
    assert "✗ course: Not released: tiny." in done.stderr
    assert "✓ exchange: Submissions arrive in" in done.stderr


def test_the_exchange_is_where_nbgrader_has_it(tiny: Path, exchange: Path) -> None:
    from autograder.course.paths import CoursePaths
    from autograder.gradebook.exchange import exchange_root

    assert str(exchange_root(CoursePaths(tiny))) == "/usr/local/share/nbgrader/exchange"
    (tiny / "nbgrader_config.py").write_text(f"c = get_config()\nc.Exchange.root = {str(exchange)!r}\n")
    assert exchange_root(CoursePaths(tiny)) == exchange
    assert exchange_root(CoursePaths(tiny), "/elsewhere") == Path("/elsewhere")


# --- the data cache ---------------------------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path: Path, exchange: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shared folder as docs/hub.md makes it, with a small file in place of MNIST's."""
    folder = tmp_path / "keras/datasets"
    folder.mkdir(parents=True)
    (folder / "mnist.npz").write_bytes(b"all digits")
    monkeypatch.setitem(checking._KERAS_FILES, "mnist.npz", hashlib.sha256(b"all digits").hexdigest())
    monkeypatch.setenv("AUTOGRADER_DATA", str(folder))
    for each in (folder, folder.parent, *[each for each in folder.parents if str(each).startswith(str(tmp_path.parents[1]))]):
        each.chmod(each.stat().st_mode | 0o001)
    return folder


def test_a_shared_data_folder_that_everybody_can_read(tiny: Path, exchange: Path, cache: Path) -> None:
    (said,) = found(tiny, exchange, "data cache", wrong=None)
    assert said == Finding("data cache", f"Everybody can read '{cache / 'mnist.npz'}'.")


def test_without_a_data_folder_everybody_downloads(tiny: Path, exchange: Path) -> None:
    (said,) = found(tiny, exchange, "data cache", wrong=None)
    assert "first use downloads mnist" in said.said
    assert (said.wrong, "AUTOGRADER_DATA" in said.cure) == (False, True)


def test_what_is_amiss_with_a_shared_data_folder(tiny: Path, exchange: Path, cache: Path) -> None:
    file = cache / "mnist.npz"
    for path, mode, wrong, part in (
        (file, 0o666, True, "Everybody may write"),
        (cache, 0o777, True, "Everybody may write"),
        (file, 0o640, False, "Students cannot read"),
        (cache.parent, 0o750, False, "Students cannot read"),
    ):
        before = path.stat().st_mode
        path.chmod(mode)
        (said,) = found(tiny, exchange, "data cache", wrong=None)
        assert (said.wrong, part in said.said, f"'{path}'" in said.said) == (wrong, True, True)
        assert said.cure.startswith("chmod")
        path.chmod(before)
    file.write_bytes(b"other digits")
    (said,) = found(tiny, exchange, "data cache")
    assert "not the file that Keras expects" in said.said
    file.unlink()
    (said,) = found(tiny, exchange, "data cache", wrong=False)
    assert "is not there" in said.said
