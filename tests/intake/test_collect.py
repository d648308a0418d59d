from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from autograder.course.profile import RunLimits
from autograder.course.settings import Assignment, Profile
from autograder.errors import MachineError, SubmissionError, UsageError
from autograder.intake import collect, entries
from autograder.intake.collect import Intake, find_submissions, take_in, together
from autograder.intake.entries import Entry, list_entries

ROOT = Path(__file__).parents[2]
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
        ("24:00" + "9" * 150 + " /+", None),
        ("9999-12-31 23:59:59", None),
        ("0001-01-01 00:00:00", None),
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


def taken(root: Path, limits: RunLimits = LIMITS) -> Intake:
    return take_in(find_submissions(root, "a1", (), 10_000)[0], ASSIGNMENT, limits)


def refused(root: Path) -> tuple[str, str]:
    with pytest.raises(SubmissionError) as caught:
        taken(root)
    assert caught.value.cure
    return caught.value.outcome, caught.value.message


@pytest.mark.parametrize(
    ("files", "outcome", "reason"),
    [
        ({"a1__ipynb": "{}", "big__csv": "x" * 20_000}, "rejected", "of files, 0 MiB are allowed"),
        ({f"f{index}__csv": "" for index in range(6)} | {"a1__ipynb": "{}"}, "rejected", "7 files, 5 are allowed"),
        ({"notes__csv": ""}, "unreadable", "no notebook is there"),
    ],
)
def test_what_cannot_be_taken_says_why(tmp_path: Path, files: dict[str, str], outcome: str, reason: str) -> None:
    submit(tmp_path, **files)
    assert refused(tmp_path)[0] == outcome
    assert reason in refused(tmp_path)[1]


def test_large_notebooks_are_taken_because_their_outputs_may_be_large(tmp_path: Path) -> None:
    submit(tmp_path, a1__ipynb="x" * 50_000)
    assert len(taken(tmp_path).notebooks["a1.ipynb"]) == 50_000


def test_a_huge_file_that_is_mostly_a_hole_is_not_read(tmp_path: Path) -> None:
    folder = submit(tmp_path)
    with (folder / "a1.ipynb").open("wb") as stream:
        stream.truncate(2**40)
    assert refused(tmp_path) == ("rejected", "The submission has 1,048,576.0 MiB of notebooks, 100 MiB are allowed.")


def test_every_file_that_may_be_a_notebook_is_looked_at_wherever_it_lies(tmp_path: Path) -> None:
    folder = submit(tmp_path, mine__ipynb="{}", copy__IPYNB="{}", timestamp__txt="")
    (folder / "a1.ipynb.txt").write_text("{}")
    for inside in ("again", ".ipynb_checkpoints"):
        (folder / inside).mkdir()
        (folder / inside / "a1.ipynb").write_text("{}")
    assert list(taken(tmp_path).notebooks) == ["a1.ipynb.txt", "again/a1.ipynb", "copy.IPYNB", "mine.ipynb"]


def make_device(path: Path) -> None:
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))


def make_socket(path: Path) -> None:
    place = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(f"/proc/self/fd/{place}/{path.name}")  # a socket's path is short
    os.close(place)


def make_hard_link(path: Path) -> None:
    (path.parents[2] / "secret.txt").write_text("{}")
    os.chown(path.parents[2] / "secret.txt", 1234, 1234)
    os.link(path.parents[2] / "secret.txt", path)


ODD: dict[str, Callable[[Path], object]] = {
    "link": lambda path: path.symlink_to("/etc/passwd"),
    "named pipe": os.mkfifo,
    "socket": make_socket,
}
if os.geteuid() == 0:
    ODD |= {"device": make_device, "hard link": make_hard_link}


@pytest.mark.parametrize("kind", ODD)
def test_in_place_of_the_notebook_or_among_the_files_it_is_named_and_not_read(tmp_path: Path, kind: str) -> None:
    folder = submit(tmp_path)
    ODD[kind](folder / "a1.ipynb")
    assert refused(tmp_path) == ("rejected", f"'a1.ipynb' is a {kind}, a plain file was expected.")
    (folder / "a1.ipynb").rename(folder / "more.csv")
    (folder / "a1.ipynb").write_text("{}")
    assert taken(tmp_path).files == {}
    assert [flag.detail.partition(",")[0] for flag in taken(tmp_path).flags] == [f"'more.csv' ({kind}"]


def test_a_backup_that_gave_the_students_files_second_names_costs_nobody_anything(tmp_path: Path) -> None:
    os.link(submit(tmp_path, a1__ipynb="{}") / "a1.ipynb", tmp_path / "backup.ipynb")
    assert taken(tmp_path).notebooks == {"a1.ipynb": b"{}"}


def test_a_folder_in_place_of_the_notebook_is_no_notebook(tmp_path: Path) -> None:
    (submit(tmp_path) / "a1.ipynb").mkdir()
    assert refused(tmp_path) == ("unreadable", "'a1.ipynb' was not submitted; no notebook is there.")


@pytest.mark.parametrize("kind", ["file", *ODD])
def test_whatever_stands_in_place_of_the_folder_gets_a_record_too(tmp_path: Path, kind: str) -> None:
    (tmp_path / "submitted/ada").mkdir(parents=True)
    make: Callable[[Path], object] = ODD.get(kind, lambda path: path.write_text("{}"))
    make(tmp_path / "submitted/ada/a1")
    said = "file" if kind == "hard link" else kind
    assert refused(tmp_path / "submitted") == ("rejected", f"The submission is a {said}, a folder was expected.")


@pytest.mark.parametrize("name", ["a\nb.csv", "a\x1b[2J.csv", os.fsdecode(b"a\xff.csv")])
def test_files_whose_names_are_no_readable_text_are_left_out(tmp_path: Path, name: str) -> None:
    folder = submit(tmp_path, a1__ipynb="{}")
    (folder / name).write_text("")
    (folder / "<b>&.csv").write_text("")
    found = taken(tmp_path)
    assert list(found.files) == ["<b>&.csv"]
    assert [flag.detail for flag in found.flags] == [f"{name!a} (file, 0 bytes) is not allowed here and was left out"]
    assert found.flags[0].detail.isascii()


def test_students_folders_without_a_readable_name_are_named_and_the_others_graded(tmp_path: Path) -> None:
    submit(tmp_path, a1__ipynb="{}")
    submit(tmp_path, os.fsdecode(b"m\xfcller"), a1__ipynb="{}")
    said: list[str] = []
    assert [each.student for each in find_submissions(tmp_path, "a1", (), 100, said.append)] == ["ada"]
    assert said == ["Left out: the folder 'm\\udcfcller', whose name is no readable text. Rename it to the student's id."]


def test_a_hundred_thousand_files_are_counted_no_further_than_needed(tmp_path: Path) -> None:
    folder = submit(tmp_path, a1__ipynb="{}")
    for part in range(21):
        (folder / str(part)).mkdir()
        for index in range(1_000):
            os.mkfifo(folder / str(part) / str(index))  # faster to make than files
    assert refused(tmp_path) == ("rejected", "The submission has more than 20,000 files, 5 are allowed.")


def test_folders_without_end_are_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = submit(tmp_path, a1__ipynb="{}")
    monkeypatch.setattr(entries, "MOST_ENTRIES", 30)
    for index in range(28):
        (folder / str(index)).mkdir()
    assert list_entries(folder) == [Entry("a1.ipynb", "file", 2)]
    for index in range(10):
        (folder / f"0/{index}").mkdir()
    assert len(list_entries(folder)) == 31


def test_a_submission_that_changes_while_it_is_read_is_nobodys_grade(tmp_path: Path) -> None:
    folder = submit(tmp_path, a1__ipynb="{}")
    (submission,) = find_submissions(tmp_path, "a1", (), 10_000)
    (folder / "a1.ipynb").write_text("[]")
    with pytest.raises(MachineError, match="changed while it was read"):
        take_in(submission, ASSIGNMENT, LIMITS)


def test_a_file_that_grows_under_the_reader_is_not_read_beyond_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = submit(tmp_path, a1__ipynb="{}")
    (submission,) = find_submissions(tmp_path, "a1", (), 10_000)
    listed = list_entries(folder)
    (folder / "a1.ipynb").write_text("{}" * 100)
    monkeypatch.setattr(collect, "list_entries", lambda folder: listed)
    with pytest.raises(SubmissionError, match=r"'a1.ipynb' cannot be read: a1.ipynb has 200 bytes, 2 are allowed"):
        take_in(submission, ASSIGNMENT, LIMITS)


def test_what_an_ordinary_user_may_not_read_is_said(tmp_path: Path) -> None:
    """In a child process without root's power to read everything."""
    folder = submit(tmp_path, a1__ipynb="{}", a__csv="1")
    script = f"""
import os
from pathlib import Path
from tests.intake.test_collect import refused
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
print(refused(Path({str(tmp_path)!r})))
"""
    for path in (tmp_path, *tmp_path.parents):
        if path.owner() == "root" and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o755)
    said = []
    for hidden in (folder / "a1.ipynb", folder / "a.csv", folder, folder.parent):
        hidden.chmod(0)
        done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
        said.append(done.stdout.strip() or done.stderr[-300:])
        hidden.chmod(0o755)
    assert said == [
        "('unreadable', \"'a1.ipynb' cannot be read: this account may not read it.\")",
        "('unreadable', \"'a.csv' cannot be read: this account may not read it.\")",
        "('unreadable', \"The submission's folder cannot be opened: Permission denied.\")",
        "('unreadable', \"The submission's folder cannot be opened: Permission denied.\")",
    ]


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
