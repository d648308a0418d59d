"""An archive: the same course gives the same bytes, damage is found, and what was unpacked elsewhere gives the same scores."""

from __future__ import annotations

import gzip
import json
import os
import stat
import tarfile
from pathlib import Path

import pytest

from autograder.course.settings import Course
from autograder.keeping.readme import readme
from tests.conftest import autograder
from tests.keeping.conftest import done
from tests.kill.conftest import records, start


def packed(course: Path, name: str = "a.tar.gz", *arguments: str) -> Path:
    done(course, "archive", name, *arguments)
    return course / name


def names(file: Path) -> list[str]:
    with tarfile.open(file) as tar:
        return tar.getnames()


def test_the_same_course_gives_the_same_bytes(course: Path) -> None:
    first = packed(course, "a.tar.gz").read_bytes()
    os.rename(course / "a.tar.gz", course.parent / "a.tar.gz")
    assert packed(course, "b.tar.gz").read_bytes() == first
    (course / "b.tar.gz").unlink()
    elsewhere = course.rename(course.with_name("moved"))
    assert packed(elsewhere, "b.tar.gz").read_bytes() == first
    assert "holds: course 'standin'" in done(course.parent, "archive", "--verify", "a.tar.gz")


def test_what_is_in_it_and_what_is_not(course: Path) -> None:
    (course / "submitted/bob/standin/link").symlink_to("/etc/passwd")
    os.mkfifo(course / "submitted/bob/standin/pipe")
    said = done(course, "archive", "a.tar.gz")
    file = course / "a.tar.gz"
    found = names(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "secret seed, not encrypted" in said
    assert "submitted/bob/standin/pipe" in said
    wanted = """README.md archive.json requirements.txt gradebook.jsonl SHA256SUMS course/grading_config.py course/gradebook.db
        course/.autograder/seed course/.autograder/decisions.jsonl course/.autograder/roster.jsonl course/graders/standin/test_standin.py
        course/.autograder/releases/1/version.json course/submitted/ada/standin/standin.ipynb framework/autograder/__init__.py"""
    wanted = wanted.replace("releases/1", "releases/standin/1")
    assert set(wanted.split()) <= set(found)
    assert [name for name in found if "/.autograder/data/" in name or "__pycache__" in name or "archives.jsonl" in name] == []
    with tarfile.open(file) as tar:
        link = tar.getmember("course/submitted/bob/standin/link")
        assert (link.issym(), link.linkname) == (True, "/etc/passwd")
        assert tar.getmember("course/.autograder/seed").mode == 0o600
        about = json.loads(tar.extractfile("archive.json").read())  # type: ignore[union-attr]  # it is a file
        rows = [json.loads(line) for line in tar.extractfile("gradebook.jsonl").read().splitlines()]  # type: ignore[union-attr]
    assert about["assignments"] == {"standin": [1]}
    assert any(name.endswith("hidden/y.npy") for each in about["data"].values() for name in each)
    assert 1.0 in [each["row"].get("extra_credit") for each in rows if each["table"] == "grade"]


def test_without_the_seed_it_says_so(course: Path) -> None:
    file = packed(course, "a.tar.gz", "--without-seed")
    assert not [name for name in names(file) if name.endswith("/seed")]
    assert "without the secret seed" in done(course, "archive", "--verify", "a.tar.gz")
    with tarfile.open(file) as tar:
        assert b"is not in it" in tar.extractfile("README.md").read()  # type: ignore[union-attr]  # it is a file


@pytest.mark.parametrize("database", [True, False])
def test_the_steps_name_the_gradebook_that_is_in_the_archive(database: bool) -> None:
    page = readme(Course(id="c", title="C", datasets=[], assignments=[]), seed=True, beside=False, database=database)
    steps = [line for line in page.splitlines() if line.startswith("       autograder ")]
    assert len(steps) == 3
    assert all(("--gradebook sqlite:///gradebook.db" in line) == database for line in steps)


def test_unpacked_elsewhere_a_regrade_gives_the_same_scores(course: Path, tmp_path: Path) -> None:
    before = {student: found[-1].verdict() for student, found in records(course).items()}
    file = packed(course)
    with tarfile.open(file) as tar:
        tar.extractall(tmp_path / "elsewhere", filter="data")
    file.unlink()
    os.rename(course, course.with_name("gone"))
    there = tmp_path / "elsewhere/course"
    for folder in (there / ".autograder/runs").glob("*/scores"):
        for kept in folder.iterdir():
            kept.unlink()  # so that the graders look at everything again
    config = there / "grading_config.py"
    config.write_text(config.read_text().replace("{0.0: 0, 1.0: 1}", "{0.0: 0, 0.5: 0.5, 1.0: 1}"))  # the same curve, said differently
    with start(there, "regrade", "standin", stdout=-1, stderr=-1) as process:
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "needs execution" not in out + err
    assert {student: found[-1].verdict() for student, found in records(there).items()} == before
    assert list((there / ".autograder/runs").glob("*/scores/*.json")), "the graders did not look again"


def test_a_submission_is_packed_with_everything_and_what_lies_beside_the_configuration_is_named(course: Path) -> None:
    for folder in ("submitted/bob/standin", "graders/standin"):
        (course / folder / "__pycache__").mkdir(exist_ok=True)
        (course / folder / "__pycache__/mine.pyc").write_bytes(b"1")
    (course / "points.xlsx").write_bytes(b"1")
    (course / "data.csv").symlink_to("/data.csv")
    said = done(course, "archive", "a.tar.gz")
    found = names(course / "a.tar.gz")
    assert "course/submitted/bob/standin/__pycache__/mine.pyc" in found
    assert "course/graders/standin/__pycache__/mine.pyc" not in found
    assert [name for name in found if "points.xlsx" in name or name == "course/data.csv"] == []
    with tarfile.open(course / "a.tar.gz") as tar:
        about = json.loads(tar.extractfile("archive.json").read())  # type: ignore[union-attr]  # it is a file
    assert about["left_out"] == ["course/data.csv", "course/points.xlsx"]
    assert "points.xlsx" in said


def test_damage_of_every_kind_is_found(course: Path, tmp_path: Path) -> None:
    file = packed(course)
    content = gzip.decompress(file.read_bytes())
    odd = tmp_path / "odd.tar.gz"

    def verdict(changed: bytes) -> tuple[int, str]:
        odd.write_bytes(changed)
        found = autograder(tmp_path, "archive", "--verify", "odd.tar.gz")
        assert "Traceback" not in found.stderr
        return found.returncode, found.stdout + found.stderr

    place = content.index(b"total = 9")
    assert verdict(gzip.compress(content[:place] + b"total = 8" + content[place + 9 :]))[0] == 1
    assert "breaks off" in verdict(file.read_bytes()[:-5000])[1]
    assert verdict(b"no archive")[0] == 2
    assert autograder(tmp_path, "archive", "--verify", "absent.tar.gz").returncode == 2
    with tarfile.open(odd, "w:gz") as tar:
        tar.add(course / "class.csv", "../class.csv")
    status, said = verdict(odd.read_bytes())
    assert status == 1
    assert "leads out of the archive" in said
    assert "the list of sums (SHA256SUMS) is missing" in said


def test_an_archive_is_never_replaced(course: Path) -> None:
    file = packed(course)
    before = file.read_bytes()
    found = autograder(course, "archive", "a.tar.gz")
    assert (found.returncode, file.read_bytes()) == (2, before)
    assert not list(course.glob(".partial-*"))


@pytest.mark.parametrize("named", ["nowhere", "../course", ".."])
def test_other_folders_of_the_course_are_packed_when_they_are_named(course: Path, named: str) -> None:
    (course / "tables").mkdir()
    (course / "tables/points.dat").write_text("1")
    assert "course/tables/points.dat" in names(packed(course, "a.tar.gz", "--also", "tables"))
    if named != "../course":  # which is the course itself
        assert autograder(course, "archive", "b.tar.gz", "--also", named).returncode == 2
