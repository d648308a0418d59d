from __future__ import annotations

import os
from pathlib import Path

import pytest

from autograder.course.profile import RunLimits
from autograder.course.settings import Assignment, Profile
from autograder.errors import SubmissionError, UsageError
from autograder.intake.collect import find_submissions, take_in, together

LIMITS = RunLimits(cell_s=10, total_s=60, hand_in_bytes=1000, submission_bytes=10_000, files=5)
ASSIGNMENT = Assignment("a1", files=["*.csv", "data/*.txt"], profiles={"full": Profile(dataset="d")})


def submit(root: Path, student: str = "ada", **files: str) -> Path:
    folder = root / student / "a1"
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def found(root: Path) -> str:
    return find_submissions(root, "a1", ("ada",), 10_000)[0].submission_id


def test_the_id_depends_on_names_and_bytes_and_on_nothing_else(tmp_path: Path) -> None:
    folder = submit(tmp_path, a1__ipynb="{}", timestamp__txt="2027-01-01 10:00:00.000000 UTC")
    first = found(tmp_path)
    os.utime(folder / "a1.ipynb", (1, 1))
    assert found(tmp_path) == first
    (folder / "timestamp.txt").write_text("2027-01-02 10:00:00.000000 UTC")
    second = found(tmp_path)
    (folder / "a1.ipynb").rename(folder / "b1.ipynb")
    assert len({first, second, found(tmp_path)}) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2027-01-01 10:00:00.000000 UTC", "2027-01-01T10:00:00"),
        ("2027-01-01T10:00:00+00:00", "2027-01-01T10:00:00"),
        ("2027-01-01 10:00:00.500000 CET", "2027-01-01T09:00:00.500000"),
        ("yesterday", None),
        ("", None),
        ("99999999999999999", None),
        ("9999-12-31 23:59 -14:00", None),
        ("2027-01-01T10:00:00+24:00", None),
    ],
)
def test_the_timestamp_is_a_time_or_nothing(tmp_path: Path, text: str, expected: str | None) -> None:
    submit(tmp_path, a1__ipynb="{}", timestamp__txt=text)
    assert find_submissions(tmp_path, "a1", (), 10_000)[0].submitted_at == expected


def test_only_allowed_files_are_taken_and_links_are_never_followed(tmp_path: Path) -> None:
    folder = submit(tmp_path, a1__ipynb="{}", measured__csv="1,2", secret__py="import os")
    (folder / "link.csv").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe.csv")
    taken = take_in(find_submissions(tmp_path, "a1", (), 10_000)[0], ASSIGNMENT, LIMITS)
    assert taken.files == {"measured.csv": b"1,2"}
    assert sorted(flag.detail.split("'")[1] for flag in taken.flags) == ["link.csv", "pipe.csv", "secret.py"]


@pytest.mark.parametrize(
    ("files", "outcome", "reason"),
    [
        ({"a1__ipynb": "x" * 20_000}, "rejected", "MiB are allowed"),
        ({f"f{index}__csv": "" for index in range(6)} | {"a1__ipynb": "{}"}, "rejected", "7 files, 5 are allowed"),
        ({"notes__csv": ""}, "unreadable", "no notebook is there"),
        ({"x__ipynb": "{}", "y__ipynb": "{}"}, "unreadable", "2 other notebooks are there"),
    ],
)
def test_what_cannot_be_taken_says_why(tmp_path: Path, files: dict[str, str], outcome: str, reason: str) -> None:
    submit(tmp_path, **files)
    with pytest.raises(SubmissionError, match=reason) as caught:
        take_in(find_submissions(tmp_path, "a1", (), 10_000)[0], ASSIGNMENT, LIMITS)
    assert caught.value.outcome == outcome


def test_a_single_renamed_notebook_is_taken_and_flagged(tmp_path: Path) -> None:
    submit(tmp_path, mine__ipynb="{}")
    taken = take_in(find_submissions(tmp_path, "a1", (), 10_000)[0], ASSIGNMENT, LIMITS)
    assert [flag.kind for flag in taken.flags] == ["renamed_notebook"]


def test_a_link_in_place_of_the_notebook_is_not_read(tmp_path: Path) -> None:
    folder = submit(tmp_path, other__ipynb="{}")
    (folder / "other.ipynb").unlink()
    (folder / "a1.ipynb").symlink_to("/etc/passwd")
    with pytest.raises(SubmissionError, match="was not submitted"):
        take_in(find_submissions(tmp_path, "a1", (), 10_000)[0], ASSIGNMENT, LIMITS)


def test_unknown_students_and_folders_are_named(tmp_path: Path) -> None:
    submit(tmp_path, a1__ipynb="{}")
    with pytest.raises(UsageError, match="No submission of 'a1' from: bob"):
        find_submissions(tmp_path, "a1", ("bob",), 100)
    with pytest.raises(UsageError, match="does not exist"):
        find_submissions(tmp_path / "nowhere", "a1", (), 100)


def test_a_path_longer_than_the_system_allows_ends_nothing(tmp_path: Path) -> None:
    there = os.open(submit(tmp_path, a1__ipynb="{}"), os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=there)
        below = os.open("d" * 250, os.O_RDONLY, dir_fd=there)
        os.close(there)
        there = below
        os.close(os.open("f.csv", os.O_CREAT | os.O_WRONLY, dir_fd=there))
    os.close(there)
    with pytest.raises(SubmissionError, match="files, 5 are allowed"):
        take_in(find_submissions(tmp_path, "a1", (), 10_000)[0], ASSIGNMENT, LIMITS)


def test_an_allowed_file_whose_name_is_no_text_is_left_out(tmp_path: Path) -> None:
    folder = submit(tmp_path, a1__ipynb="{}")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.csv")).write_text("1")
    taken = take_in(find_submissions(tmp_path, "a1", (), 10_000)[0], ASSIGNMENT, LIMITS)
    assert taken.files == {}
    assert [flag.kind for flag in taken.flags] == ["extra_file"]


def test_submitted_files_in_the_way_of_released_ones_are_left_out() -> None:
    released = {"notes.csv": b"ours", "data/a.txt": b"ours"}
    submitted = {"notes.csv": b"mine", "notes.csv/deep.csv": b"mine", "data": b"mine", "data/b.txt": b"mine", "other.csv": b"mine"}
    assert together(submitted, released) == {**released, "data/b.txt": b"mine", "other.csv": b"mine"}
