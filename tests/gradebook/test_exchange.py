"""Feedback pages in nbgrader's exchange: found by who knows the submission's secret, written by nobody else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from autograder.errors import UsageError
from autograder.gradebook.exchange import page_name, release_page, withdraw_page

SECRET = "5" * 128


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.html"
    path.write_text("<p>50 points</p>")
    return path


def test_a_page_lies_where_fetch_feedback_looks(tmp_path: Path, page: Path) -> None:
    from nbgrader.utils import notebook_hash

    released = release_page(tmp_path / "feedback", page, SECRET, ["tiny", "renamed"])
    assert [each.stem for each in released] == [notebook_hash(secret=SECRET, notebook_id=name) for name in ("tiny", "renamed")]
    assert released[0].read_text() == page.read_text()
    assert (tmp_path / "feedback").stat().st_mode & 0o777 == 0o711  # opened by name, not listed
    assert released[0].stat().st_mode & 0o777 == 0o644


def test_a_newer_page_takes_the_place_of_an_older_one_and_the_same_stays(tmp_path: Path, page: Path) -> None:
    released = release_page(tmp_path / "feedback", page, SECRET, ["tiny"])[0]
    before = released.stat().st_ino
    release_page(tmp_path / "feedback", page, SECRET, ["tiny"])
    assert released.stat().st_ino == before
    page.write_text("<p>60 points</p>")
    os.utime(page, ns=(page.stat().st_atime_ns, released.stat().st_mtime_ns + 1))
    release_page(tmp_path / "feedback", page, SECRET, ["tiny"])
    assert "60" in released.read_text()


@pytest.mark.parametrize("secret", ["", "short", "x" * 31])
def test_without_a_secret_that_nobody_can_guess_nothing_is_released(tmp_path: Path, page: Path, secret: str) -> None:
    assert page_name(secret, "tiny") is None
    assert release_page(tmp_path / "feedback", page, secret, ["tiny"]) == []
    assert not (tmp_path / "feedback").exists()


def test_a_page_is_taken_back(tmp_path: Path, page: Path) -> None:
    released = release_page(tmp_path / "feedback", page, SECRET, ["tiny"])[0]
    withdraw_page(tmp_path / "feedback", SECRET, ["tiny"])
    withdraw_page(tmp_path / "feedback", SECRET, ["tiny"])
    assert not released.exists()


@pytest.mark.parametrize("kind", ["open to all", "a link"])
def test_a_folder_in_which_others_write_is_refused(tmp_path: Path, page: Path, kind: str) -> None:
    folder = tmp_path / "feedback"
    if kind == "a link":
        (tmp_path / "elsewhere").mkdir()
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.mkdir()
        folder.chmod(0o777)
    with pytest.raises(UsageError, match="only this account writes"):
        release_page(folder, page, SECRET, ["tiny"])


def test_a_link_that_somebody_put_there_is_replaced_and_not_followed(tmp_path: Path, page: Path) -> None:
    folder, other = tmp_path / "feedback", tmp_path / "other.txt"
    other.write_text("untouched")
    folder.mkdir(mode=0o711)
    name = page_name(SECRET, "tiny")
    assert name
    (folder / name).symlink_to(other)
    released = release_page(folder, page, SECRET, ["tiny"])[0]
    assert other.read_text() == "untouched"
    assert not released.is_symlink()
