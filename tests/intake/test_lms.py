"""From an LMS's download to `submitted/`, by the names that Canvas and Moodle really write."""

from __future__ import annotations

import os
import struct
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from autograder.course.settings import Assignment
from autograder.errors import UsageError
from autograder.intake.collect import find_submissions
from autograder.intake.lms import Lms, parse, recognise
from autograder.intake.lms_zip import Collected, Times, bring, open_download
from autograder.intake.roster import Person, Roster, name_key

MADRID = ZoneInfo("Europe/Madrid")
ASSIGNMENT = Assignment("tiny", files=["helper.py", "*.csv"], profiles={})


def person(student: str, name: str, **more: str) -> Person:
    return Person(student, names=frozenset({name_key(name)}), **more)


def download(folder: Path, entries: dict[str, bytes], date: tuple[int, ...] = (2027, 2, 12, 21, 30, 0)) -> Path:
    with zipfile.ZipFile(folder / "submissions.zip", "w") as archive:
        for name, data in entries.items():
            archive.writestr(zipfile.ZipInfo(name, date), data)  # type: ignore[arg-type]  # six numbers
    return folder / "submissions.zip"


def collect(
    folder: Path,
    entries: dict[str, bytes],
    lms: Lms | None = None,
    roster: Roster | None = None,
    dry_run: bool = False,
    times: Times = "auto",
) -> dict[str, Collected]:
    """What became of each submission, by its name in the LMS; afterwards nothing unpacked is left."""
    with open_download(download(folder, entries), ASSIGNMENT, lms, roster, folder / "state", MADRID) as opened:
        found = list(bring(opened, "tiny", folder / "submitted", dry_run, times))
    assert list((folder / "state").iterdir()) == []
    assert len({(each.lms_name, each.lms_number) for each in found}) == len(found)
    return {f"{each.lms_name}" if each.lms_name else each.lms_number: each for each in found}


def files(folder: Path) -> dict[str, bytes]:
    below = folder / "submitted"
    return {path.relative_to(below).as_posix(): path.read_bytes() for path in sorted(below.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    ("lms", "name", "said"),
    [
        ("canvas", "lovelaceada_12345_67890_tiny-1.ipynb", ("lovelaceada", "12345", "tiny-1.ipynb", False)),
        ("canvas", "lovelaceada_LATE_12345_67890_my file.ipynb", ("lovelaceada", "12345", "my file.ipynb", True)),
        ("canvas", "around/žofie名_1_2_3_4_x.ipynb", ("žofie名", "1", "3_4_x.ipynb", False)),
        ("canvas", "anon_ab12c_67_tiny.ipynb", ("", "anon_ab12c", "tiny.ipynb", False)),
        ("canvas", "lovelaceada_12345_text.html", ("lovelaceada", "12345", "lovelaceada_12345_text.html", False)),
        ("canvas", "notes.txt", None),
        ("moodle", "Ada Lovelace_12345_assignsubmission_file_/tiny.ipynb", ("Ada Lovelace", "12345", "tiny.ipynb", False)),
        ("moodle", "around/Ana de O'Brien-Žá_1_assignsubmission_file_/a/b.csv", ("Ana de O'Brien-Žá", "1", "a/b.csv", False)),
        ("moodle", "Ada_12345_assignsubmission_file_tiny.ipynb", ("Ada", "12345", "tiny.ipynb", False)),
        ("moodle", "Participant_12345_assignsubmission_file_/tiny.ipynb", ("", "12345", "tiny.ipynb", False)),
        ("moodle", "__MACOSX/Ada_12345_assignsubmission_file_/._tiny.ipynb", None),
        ("moodle", "Ada_12345_assignsubmission_file_", None),
    ],
)
def test_names(lms: Lms, name: str, said: tuple[str, str, str, bool] | None) -> None:
    found = parse(lms, name.split("/"))
    assert (found and (found.name, found.number, found.file, found.late)) == said


def test_the_lms_is_recognised_or_asked_for() -> None:
    assert recognise(["a_1_2_x.ipynb", "notes.txt"]) == "canvas"
    assert recognise(["A B_1_assignsubmission_file_/x.ipynb"]) == "moodle"
    for names in (["notes.txt"], ["a_1_2_x.ipynb", "A B_1_assignsubmission_file_/x.ipynb"]):
        with pytest.raises(UsageError, match="Say which with --from"):
            recognise(names)


def test_canvas(tmp_path: Path) -> None:
    roster = Roster((person("ada", "Lovelace Ada", canvas="1"), person("bob", "O'Brien Bob"), person("m1", "Max M"), person("m2", "Max M")))
    found = collect(
        tmp_path,
        {
            "lovelaceada_1_900_tiny.ipynb": b"old",
            "lovelaceada_1_1002_tiny-1.ipynb": b"new",
            "lovelaceada_1_1003_part-1.csv": b"1,2",
            "lovelaceada_1_1004_helper-2.py": b"x = 1",
            "obrienbob_LATE_2_1005_hw.ipynb": b"bob",
            "maxm_3_1006_tiny.ipynb": b"?",
            "eve_4_1007_tiny.ipynb": b"?",
            "anon_ab12c_1008_tiny.ipynb": b"?",
            "typed_5_text.html": b"<p>hello</p>",
            "notes.txt": b"",
        },
        roster=roster,
    )
    assert files(tmp_path) == {
        "ada/tiny/helper.py": b"x = 1",
        "ada/tiny/part-1.csv": b"1,2",
        "ada/tiny/tiny.ipynb": b"new",
        "bob/tiny/hw.ipynb": b"bob",
    }
    assert found["lovelaceada"].notes == ("'tiny.ipynb' is an earlier upload of 'tiny.ipynb' and does not count",)
    assert (found["obrienbob"].late, found["obrienbob"].state, found["obrienbob"].submitted_at) == (True, "new", None)
    assert {name: each.notes[0] for name, each in found.items() if each.state == "left out"} == {
        "maxm": "2 students of the list have this name: m1, m2",
        "eve": "no student of the list has this number or name",
        "anon_ab12c": "no student of the list has this number or name",
        "typed": "no file was submitted",
    }


def test_without_a_list_the_names_themselves_are_the_ids(tmp_path: Path) -> None:
    found = collect(
        tmp_path,
        {
            "Ada Lovelace_1_assignsubmission_file_/tiny.ipynb": b"ada",
            "Max M_2_assignsubmission_file_/tiny.ipynb": b"?",
            "Max M_3_assignsubmission_file_/tiny.ipynb": b"?",
            "Participant_4_assignsubmission_file_/tiny.ipynb": b"?",
        },
    )["Ada Lovelace"]
    assert (found.student, found.state) == ("Ada Lovelace", "new")
    assert sorted(path.name for path in (tmp_path / "submitted").iterdir()) == ["Ada Lovelace"]


def test_moodles_times_become_nbgraders_timestamp(tmp_path: Path) -> None:
    roster = Roster((Person("ada", moodle="1"), Person("bob", moodle="2")))
    entries = {
        "Ada Lovelace_1_assignsubmission_file_/tiny.ipynb": b"ada",
        "Ada Lovelace_1_assignsubmission_file_/data/a.csv": b"1",
        "Ada Lovelace_1_assignsubmission_file_/timestamp.txt": b"2020-01-01 00:00:00 UTC",
        "Ada Lovelace_1_assignsubmission_onlinetext_/onlinetext.html": b"hello",
    }
    found = collect(tmp_path, entries, "moodle", roster, times="archive")["Ada Lovelace"]
    assert files(tmp_path) == {
        "ada/tiny/data/a.csv": b"1",
        "ada/tiny/timestamp.txt": b"2027-02-12 20:30:00.000000 UTC\n",
        "ada/tiny/tiny.ipynb": b"ada",
    }
    assert found.submitted_at == "2027-02-12T20:30:00+00:00"
    assert [note.partition(" is ")[0] for note in found.notes] == [
        "text typed into the LMS's form",
        "the student's own 'timestamp.txt'",
    ]
    submission = find_submissions(tmp_path / "submitted", "tiny", [], 10**6)[0]
    assert (submission.student, submission.submitted_at) == ("ada", "2027-02-12T20:30:00")


def test_an_entrys_time_in_utc_comes_before_its_local_one(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "submissions.zip", "w") as archive:
        info = zipfile.ZipInfo("A_1_assignsubmission_file_/tiny.ipynb", (2001, 1, 1, 0, 0, 0))
        info.extra = struct.pack("<HHBHHBi", 0x7075, 1, 0, 0x5455, 5, 1, int(datetime(2027, 2, 12, 9, tzinfo=UTC).timestamp()))
        archive.writestr(info, b"{}")
        archive.writestr(zipfile.ZipInfo("B_2_assignsubmission_file_/tiny.ipynb"), b"{}")  # 1980: no time
    with open_download(tmp_path / "submissions.zip", ASSIGNMENT, None, None, tmp_path / "state", MADRID) as opened:
        found = list(bring(opened, "tiny", tmp_path / "submitted", dry_run=False, times="archive"))
    assert [each.submitted_at for each in found] == ["2027-02-12T09:00:00+00:00", None]
    assert not (tmp_path / "submitted/B/tiny/timestamp.txt").exists()


def test_the_same_again_changes_nothing_and_another_keeps_the_old_one_aside(tmp_path: Path) -> None:
    name = "Ada_1_assignsubmission_file_/tiny.ipynb"
    assert collect(tmp_path, {name: b"first"})["Ada"].state == "new"
    before = files(tmp_path)
    assert collect(tmp_path, {name: b"first"}, dry_run=True)["Ada"].state == "unchanged"
    assert collect(tmp_path, {name: b"first"})["Ada"].state == "unchanged"
    assert collect(tmp_path, {name: b"second"}, dry_run=True)["Ada"].state == "replaced"
    assert files(tmp_path) == before
    replaced = collect(tmp_path, {name: b"second"})["Ada"]
    assert replaced.aside is not None
    assert (replaced.state, (Path(replaced.aside) / "tiny.ipynb").read_bytes()) == ("replaced", b"first")
    assert (tmp_path / "submitted/Ada/tiny/tiny.ipynb").read_bytes() == b"second"
    assert [each.student for each in find_submissions(tmp_path / "submitted", "tiny", [], 10**6)] == ["Ada"]


def test_a_link_in_the_place_of_a_submission_is_moved_aside_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/tiny.ipynb").write_bytes(b"{}")
    (tmp_path / "submitted/Ada").mkdir(parents=True)
    (tmp_path / "submitted/Ada/tiny").symlink_to(tmp_path / "elsewhere")
    assert collect(tmp_path, {"Ada_1_assignsubmission_file_/tiny.ipynb": b"{}"})["Ada"].state == "replaced"
    assert not (tmp_path / "submitted/Ada/tiny").is_symlink()
    assert (tmp_path / "elsewhere/tiny.ipynb").read_bytes() == b"{}"


def test_uploads_whose_order_is_in_doubt_and_two_submissions_of_one_student_are_left_out(tmp_path: Path) -> None:
    roster = Roster((person("ada", "Ada", canvas="1"), person("ada", "Ada L", canvas="2")))
    found = collect(tmp_path, {"ada_1_10_tiny.ipynb": b"1", "adal_2_11_tiny.ipynb": b"2"}, roster=roster)
    assert {each.notes[0] for each in found.values()} == {"several submissions would be the same student's: ada (1), adal (2)"}
    odd = collect(tmp_path, {"ada_1_11_tiny.ipynb": b"1", "ada_1_10_tiny-1.ipynb": b"2"})["ada"]
    assert (odd.student, odd.notes[0]) == (None, "which upload of 'tiny.ipynb' is the last cannot be told")
    assert files(tmp_path) == {}


def test_a_hostile_archive_harms_nobody(tmp_path: Path) -> None:
    """Names that lead out, links, ids that are no folder's name: refused and said, and the others are collected."""
    path = download(
        tmp_path,
        {
            "Ada_1_assignsubmission_file_/tiny.ipynb": b"{}",
            "Ada_1_assignsubmission_file_/../../../gone.ipynb": b"x",
            "../Bob_2_assignsubmission_file_/tiny.ipynb": b"x",
            "-rf_3_assignsubmission_file_/tiny.ipynb": b"x",
            "Eve_4_assignsubmission_file_/TINY.ipynb": b"1",
        },
    )
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("Lia_5_assignsubmission_file_/tiny.ipynb")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("Eve_4_assignsubmission_file_/tiny.ipynb", b"2")
        archive.writestr("Eve_4_assignsubmission_file_x/Eve_4_assignsubmission_file_/y", b"3")
        archive.writestr("Eve_4_assignsubmission_file_x", b"3")
    with open_download(path, ASSIGNMENT, "moodle", None, tmp_path / "state", MADRID) as opened:
        found = {each.lms_name: each for each in bring(opened, "tiny", tmp_path / "submitted", dry_run=False)}
        refused = "\n".join(opened.refused)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.ipynb")) == [
        "submitted/Ada/tiny/tiny.ipynb",
        "submitted/Eve/tiny/TINY.ipynb",
    ]
    assert found["-rf"].notes == ("'-rf' cannot be a folder's name",)
    assert (found["Lia"].state, found["Lia"].notes[0]) == ("left out", "no file was submitted")
    for part in ("leads out of the folder", "it is a link", "apart from capitals, was there before"):
        assert part in refused


def test_what_cannot_be_written_fails_alone(tmp_path: Path) -> None:
    (tmp_path / "submitted").mkdir()
    (tmp_path / "submitted/Ada").write_text("no folder")
    names = ("Ada_1_assignsubmission_file_/tiny.ipynb", "Bob_2_assignsubmission_file_/tiny.ipynb")
    found = collect(tmp_path, dict.fromkeys(names, b"{}"))
    assert (found["Ada"].state, found["Bob"].state) == ("failed", "new")
    assert found["Ada"].notes[0].startswith("File exists: ")
    assert sorted(path.name for path in (tmp_path / "submitted").iterdir()) == ["Ada", "Bob"]


def test_a_kill_between_the_two_moves_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "Ada_1_assignsubmission_file_/tiny.ipynb"
    collect(tmp_path, {name: b"first"})
    moved: list[str] = []
    rename = os.rename

    def killed(source: Path, target: Path) -> None:
        if moved:
            raise KeyboardInterrupt
        moved.append(str(target))
        rename(source, target)

    monkeypatch.setattr("os.rename", killed)
    with pytest.raises(KeyboardInterrupt):
        collect(tmp_path, {name: b"second"})
    monkeypatch.undo()
    assert (Path(moved[0]) / "tiny.ipynb").read_bytes() == b"first"
    assert collect(tmp_path, {name: b"second"})["Ada"].state == "new"
    assert (tmp_path / "submitted/Ada/tiny/tiny.ipynb").read_bytes() == b"second"


@pytest.mark.parametrize(("minutes", "times", "used"), [(30, "auto", False), (61, "auto", True), (0, "archive", True), (61, "none", False)])
def test_the_time_of_the_download_is_nobodys_submission(tmp_path: Path, minutes: int, times: Times, used: bool) -> None:
    """Canvas, and Moodle where it streams the archive, stamp every entry when the instructor downloads it."""
    start = datetime(2027, 2, 12, 20, 0)
    with zipfile.ZipFile(tmp_path / "submissions.zip", "w") as archive:
        for number, moment in enumerate((start, start + timedelta(minutes=minutes))):
            archive.writestr(zipfile.ZipInfo(f"A{number}_{number}_assignsubmission_file_/tiny.ipynb", moment.timetuple()[:6]), b"{}")
    with open_download(tmp_path / "submissions.zip", ASSIGNMENT, None, None, tmp_path / "state", MADRID) as opened:
        found = list(bring(opened, "tiny", tmp_path / "submitted", False, times))
    assert [each.submitted_at is not None for each in found] == [used, used]
    assert len(list((tmp_path / "submitted").rglob("timestamp.txt"))) == 2 * used


def test_a_groups_number_is_no_participants(tmp_path: Path) -> None:
    roster = Roster((person("ada", "Ada Lovelace", moodle="12"),))
    found = collect(tmp_path, {"Group A_12_assignsubmission_file_/tiny.ipynb": b"{}"}, roster=roster)["Group A"]
    assert (found.student, found.notes[0]) == (None, "the list gives ada the number 12, and another name")
