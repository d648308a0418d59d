"""What comes out of the exchange, whatever students put into it."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from autograder.course.profile import RunLimits
from autograder.errors import UsageError
from autograder.hub import inbound, watcher
from autograder.hub.inbound import parse_name, read_tree, user_of
from autograder.hub.state import Checked, Receipt
from tests.hub.world import ASSIGNMENT, BEGIN, World

LIMITS = RunLimits(cell_s=1, total_s=1, hand_in_bytes=1, submission_bytes=1000, files=5)


def kinds(receipt: Receipt) -> set[str]:
    return {each.kind for each in receipt.flags}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ana+tiny+2026-02-01 12:00:00.000000 UTC", ("ana", "tiny", "2026-02-01 12:00:00.000000 UTC")),
        ("ana+tiny+2026-02-01 12:00:00.000000 UTC+x9-_", ("ana", "tiny", "2026-02-01 12:00:00.000000 UTC")),
        ("ana+tiny", None),
        ("+tiny+now", None),
        ("ana+tiny+now+a+b", None),
        (".DS_Store", None),
        (os.fsdecode(b"ana+tiny+\xff"), None),
        ("ana+tiny+now\x07", None),
    ],
)
def test_names_of_folders(name: str, said: tuple[str, str, str] | None) -> None:
    found = parse_name(name)
    assert (found and (found.user, found.assignment, found.time)) == said


def test_an_owner_is_the_account_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    import pwd

    assert user_of(0) == "root"
    with pytest.raises(KeyError):
        user_of(4_000_000_001)
    entry = pwd.getpwuid(0)
    monkeypatch.setattr(pwd, "getpwuid", lambda _: pwd.struct_passwd(("../ana", *entry[1:])))
    with pytest.raises(KeyError):
        user_of(0)


def test_a_submission_under_another_users_name_counts_for_nobody(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.owner = "mallory"
    world.handed_in("ana")
    world.service.receive()
    receipt = world.receipts()[0]
    assert (receipt.student, receipt.refused) == ("mallory", "It was submitted under another user's name.")
    assert kinds(receipt) == {"other_name"}
    world.service.check()
    world.service.dispatch()
    assert world.grader.graded == []
    assert world.seen("ana").submissions == ()
    assert world.phases("mallory") == ["refused"]
    assert not (world.paths.submitted / "mallory").exists()


def test_an_account_without_a_name_is_refused(tmp_path: Path) -> None:
    world = World(tmp_path)

    def nobody(_: int) -> str:
        raise KeyError

    world.service.reception._watcher._owner = nobody
    world.handed_in()
    world.service.receive()
    assert world.receipts()[0].student == f"uid-{os.getuid()}"
    assert world.receipts()[0].refused


@pytest.mark.parametrize(
    ("said", "kind"),
    [("2020-01-01 00:00:00.000000 UTC", "backdated"), ("2030-01-01 00:00:00.000000 UTC", "postdated"), ("yesterday", "no_time")],
)
def test_a_time_that_the_student_wrote_is_flagged_and_does_not_count(tmp_path: Path, said: str, kind: str) -> None:
    world = World(tmp_path)
    receipt = world.submit(at=said)
    assert receipt.arrived_at == BEGIN
    assert kind in kinds(receipt)
    kept = world.service.office.desk.kept(receipt)
    assert kept
    assert (kept / "timestamp.txt").read_text() == "2026-02-01 12:00:00.000000 UTC\n"


def test_a_timestamp_that_differs_from_the_name_is_flagged(tmp_path: Path) -> None:
    world = World(tmp_path)
    folder = world.handed_in()
    (folder / "timestamp.txt").write_text("2026-02-01 11:59:00.000000 UTC")
    world.service.receive()
    assert "two_times" in kinds(world.receipts()[0])


def test_what_arrived_while_no_service_ran_has_the_file_systems_time(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.handed_in()
    written = datetime.now(UTC)
    world.clock.now = written + timedelta(hours=3)
    world.service.receive()
    receipt = world.receipts()[0]
    assert receipt.seen_at == world.clock.now
    assert abs(receipt.arrived_at - written) < timedelta(minutes=5)


def test_changing_times_of_files_does_not_change_when_they_arrived(tmp_path: Path) -> None:
    world = World(tmp_path)
    folder = world.handed_in()
    before = datetime.now(UTC) - timedelta(minutes=1)
    for path in (*folder.iterdir(), folder):
        os.utime(path, (0, 0))
    world.clock.now = datetime.now(UTC) + timedelta(hours=3)
    world.service.receive()
    assert world.receipts()[0].arrived_at > before


def test_links_pipes_and_odd_names_are_left_out_and_flagged(tmp_path: Path) -> None:
    world = World(tmp_path)
    secret = tmp_path / "labels.txt"
    secret.write_text("the answers")
    folder = world.handed_in(notes__txt="my notes")
    (folder / "to a file.txt").symlink_to(secret)
    (folder / "to a folder").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    (folder / "bell\x07").write_text("")
    world.service.receive()
    receipt = world.receipts()[0]
    kept = world.service.office.desk.kept(receipt)
    assert kept
    assert sorted(str(each.relative_to(kept)) for each in kept.rglob("*")) == [
        "notes.txt",
        "submission_secret.txt",
        "timestamp.txt",
        "tiny.ipynb",
    ]
    said = " ".join(each.detail for each in receipt.flags)
    assert said.count("a link") == 2
    assert "a named pipe" in said
    assert "no readable text" in said
    assert "the answers" not in said


def _a_folder_called_timestamp(folder: Path) -> None:
    (folder / "timestamp.txt").unlink()
    (folder / "timestamp.txt").mkdir()
    (folder / "timestamp.txt/x").write_text("")


def _a_file_with_the_longest_name(folder: Path) -> None:
    (folder / ("n" * 255)).write_text("")


def _a_path_that_is_too_long(folder: Path) -> None:
    inner = folder.joinpath(*["d" * 190] * 6)
    inner.mkdir(parents=True)
    (inner / "x").write_text("")


@pytest.mark.parametrize("odd", [_a_folder_called_timestamp, _a_file_with_the_longest_name, _a_path_that_is_too_long])
def test_files_whose_names_cannot_be_kept_are_left_out_and_stop_nothing(tmp_path: Path, odd: Callable[[Path], None]) -> None:
    world = World(tmp_path)
    folder = world.handed_in("ana")
    odd(folder)
    os.chmod(folder, 0o777)
    world.handed_in("ana", "b")
    world.service.receive()
    world.clock.forward(minutes=1)
    world.service.receive()
    first = next(each for each in world.receipts() if each.source == folder.name)
    assert len(world.receipts()) == 2
    assert next(each.detail for each in first.flags if each.kind == "left_out").endswith("its name cannot be kept")
    assert world.service.instructors_view().problems == ()


def test_what_cannot_be_received_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even as many as are received at once, and older than the rest."""
    monkeypatch.setattr(watcher, "_AT_ONCE", 2)
    world = World(tmp_path)
    refused = [world.handed_in(text=f"bad {number}").name for number in range(3)]
    good = [world.handed_in(text=f"good {number}").name for number in range(2)]
    desk = world.service.office.desk
    receive = desk.receive

    def broken(assignment: str, student: str, files: Mapping[str, bytes], make: Callable[[str, str], Receipt]) -> Receipt:
        if b"bad" in files["tiny.ipynb"]:
            raise OSError(36, "File name too long")
        return receive(assignment, student, files, make)

    monkeypatch.setattr(desk, "receive", broken)
    for _ in range(4):
        world.service.receive()
    assert {each.source for each in world.receipts()} == set(good)
    problem = world.service.instructors_view().problems[0]
    assert "3 submission(s) could not be received" in problem
    assert refused[0] in problem
    assert "File name too long" in problem
    monkeypatch.undo()
    for _ in range(2):
        world.service.receive()
    assert len(world.receipts()) == 5
    assert world.service.instructors_view().problems == ()


def test_a_receipt_stands_though_its_files_are_kept_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk was full between the two; another one that was received before goes on as ever."""
    world = World(tmp_path)
    world.handed_in(text="a")
    world.handed_in(text="b")
    desk = world.service.office.desk
    keep = desk._keep

    def full(scratch: Path, receipt: Receipt) -> None:
        if receipt.id.endswith("2"):
            raise OSError(28, "No space left on device")
        keep(scratch, receipt)

    monkeypatch.setattr(desk, "_keep", full)
    world.service.receive()
    world.service.check()
    assert [each.id for each in world.receipts()] == ["tiny.1", "tiny.2"]
    assert world.phases() == ["superseded", "queued"]
    assert desk.checked("tiny.2") is None
    monkeypatch.undo()
    world.service.receive()
    world.service.check()
    world.service.dispatch()
    assert len(world.receipts()) == 2
    assert desk.checked("tiny.2") is not None
    assert world.phases() == ["superseded", "graded"]


def test_a_receipt_that_is_being_written_is_no_end(tmp_path: Path) -> None:
    world = World(tmp_path)
    receipt = world.submit()
    with pytest.raises(UsageError, match=r"'tiny\.2' is being received"):
        world.service.office.books.fate(replace(receipt, id="tiny.2"))


def test_a_submission_that_is_a_link_is_refused(tmp_path: Path) -> None:
    world = World(tmp_path)
    (tmp_path / "course of others").mkdir()
    (world.inbound / "ana+tiny+2026-02-01 12:00:00 UTC").symlink_to(tmp_path / "course of others")
    world.service.receive()
    assert world.receipts()[0].refused == "What was submitted is a link, a folder was expected."


def test_a_folder_that_may_not_be_opened_is_refused_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    world = World(tmp_path)
    world.handed_in()
    monkeypatch.setattr(watcher, "read_tree", closed)
    world.service.receive()
    world.service.receive()
    assert [each.refused[:30] for each in world.receipts()] == ["The service may not open what "]
    assert world.service.instructors_view().problems == ()


def test_what_is_gone_before_it_is_read_has_no_receipt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    world = World(tmp_path)
    world.handed_in()
    monkeypatch.setattr(watcher, "read_tree", gone)
    world.service.receive()
    assert world.receipts() == []


def test_a_folder_that_becomes_a_link_while_it_is_read_leads_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A student swaps a folder for a link to the instructor's files between the listing and the opening."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/labels.txt").write_text("the answers")
    folder = tmp_path / "submission"
    (folder / "data").mkdir(parents=True)
    (folder / "data/labels.txt").write_text("mine")
    scan = os.scandir

    def swapped(descriptor: int) -> object:
        found = list(scan(descriptor))
        if any(each.name == "data" for each in found):
            (folder / "data").rename(folder / "aside")
            (folder / "data").symlink_to(tmp_path / "secret")

        class Listing:
            def __enter__(self) -> list[os.DirEntry[str]]:
                return found

            def __exit__(self, *_: object) -> None: ...

        return Listing()

    monkeypatch.setattr(inbound.os, "scandir", swapped)
    tree = read_tree(folder, LIMITS)
    assert tree.files == {}
    assert [each.detail for each in tree.flags] == ["'data' was left out: a link"]


def test_files_of_others_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "theirs.txt").write_text("theirs")
    walk = inbound._Walk(os.getuid() + 1, LIMITS)  # the folder's owner is another one
    descriptor = os.open(tmp_path, os.O_RDONLY)
    walk.folder(descriptor, "", 0)
    os.close(descriptor)
    assert walk.files == {}
    assert [each.detail for each in walk.flags] == ["'theirs.txt' was left out: it belongs to somebody else"]


def test_too_much_is_refused_and_not_kept(tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"{number}.txt").write_text("x")
    tree = read_tree(tmp_path, LIMITS)
    assert tree.files == {}
    assert "more than 5 files" in tree.problem


def test_folders_without_end_are_refused(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * 25)
    deep.mkdir(parents=True)
    assert "folders inside each other" in read_tree(tmp_path, LIMITS).problem


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "huge.bin").open("wb") as stream:
        stream.truncate(200 * 2**20)
    assert "MiB" in read_tree(tmp_path, LIMITS).problem


def test_what_nbgrader_is_still_writing_waits(tmp_path: Path) -> None:
    world = World(tmp_path)
    folder = world.handed_in()
    os.chmod(folder, 0o755)  # nbgrader opens it to others last
    world.service.receive()
    assert world.receipts() == []
    os.chmod(folder, stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO)
    world.service.receive()
    assert len(world.receipts()) == 1


def test_what_nbgrader_never_finished_is_taken_when_it_rests(tmp_path: Path) -> None:
    world = World(tmp_path)
    folder = world.handed_in()
    (folder / "timestamp.txt").unlink()
    world.service.receive()
    world.clock.forward(seconds=10)
    world.service.receive()
    assert world.receipts() == []
    world.clock.forward(seconds=10)
    world.service.receive()
    assert len(world.receipts()) == 1


def test_a_receipt_stands_whatever_happens_to_the_folder_afterwards(tmp_path: Path) -> None:
    world = World(tmp_path)
    receipt = world.submit()
    folder = world.inbound / receipt.source
    (folder / "tiny.ipynb").write_text("something else")
    world.service.receive()
    world.served().receive()
    assert world.receipts() == [receipt]
    kept = world.service.office.desk.kept(receipt)
    assert kept
    assert "something else" not in (kept / "tiny.ipynb").read_text()


def test_other_courses_assignments_and_stray_files_are_left_alone(tmp_path: Path) -> None:
    world = World(tmp_path)
    (world.inbound / "ana+other+2026").mkdir()
    (world.inbound / "README").write_text("")
    world.service.receive()
    assert world.receipts() == []


def test_a_missing_exchange_is_a_problem_and_no_end(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.inbound.rmdir()
    world.service.receive()
    assert "cannot be read" in world.service.instructors_view().problems[0]
    world.inbound.mkdir()
    world.service.receive()
    assert world.service.instructors_view().problems == ()


def test_somebody_who_floods_the_exchange_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "_MOST", 3)
    world = World(tmp_path)
    for number in range(5):
        world.handed_in(text=str(number))
    world.service.receive()
    assert len(world.receipts()) == 3
    world.service.receive()
    assert "ana has put more than 3" in world.service.instructors_view().problems[0]  # it stays
    world.owner = "ben"
    world.handed_in("ben")
    world.service.receive()
    assert world.receipts()[-1].student == "ben"


def test_the_digest_is_of_the_work_alone(tmp_path: Path) -> None:
    world = World(tmp_path)
    first, again = world.submit(text="a"), world.submit(text="a")
    assert first.digest == again.digest
    assert first.submission_id != again.submission_id
    assert world.submit(text="b").digest != first.digest


def test_a_notebook_that_cannot_be_read_is_said_before_it_is_graded(tmp_path: Path) -> None:
    world = World(tmp_path)
    folder = world.handed_in()
    (folder / "tiny.ipynb").write_text("no notebook")
    world.service.receive()
    world.service.check()
    newest = world.seen().newest
    assert newest
    assert newest.checked
    assert "not valid JSON" in newest.checked.problem


def test_what_would_cost_points_is_found_before_grading(tmp_path: Path) -> None:
    world = World(tmp_path)
    receipt = world.submit(text="\n    return undefined_name\nundefined_name")
    checked = world.service.office.desk.checked(receipt.id)
    assert checked
    assert any("undefined_name" in each.reason for each in checked.findings)
    assert ASSIGNMENT in world.seen().id


@pytest.mark.parametrize("error", [ValueError("surrogates not allowed"), RuntimeError("a bug"), OSError(28, "No space left on device")])
def test_what_cannot_be_checked_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    world = World(tmp_path)
    desk = world.service.office.desk
    write = desk.write_checked

    def broken(checked: Checked) -> None:
        if checked.receipt == "tiny.1":
            raise error
        write(checked)

    monkeypatch.setattr(desk, "write_checked", broken)
    world.submit(text="a")
    world.submit(text="b")
    assert desk.checked("tiny.2") is not None
    assert "tiny.1 could not be checked" in world.service.instructors_view().problems[0]
    monkeypatch.undo()
    world.service.check()
    assert desk.checked("tiny.1") is not None
    assert world.service.instructors_view().problems == ()


def test_a_check_that_fails_is_tried_again_in_a_while_and_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path)
    office = world.service.office
    waits, tries = [], []

    class Ended(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout)
            return super().is_set()

    def full(_: Checked) -> None:
        tries.append(len(tries))
        if len(tries) == 4:
            ended.set()
        raise OSError(28, "No space left on device", f"/store/.partial-{len(tries)}")

    ended = Ended()
    monkeypatch.setattr(office, "stopped", ended)
    monkeypatch.setattr(office.desk, "write_checked", full)
    world.handed_in()
    world.service.receive()
    world.service._again_and_again(world.service.check)
    assert waits == [1.0] * 4
    assert [each for each in world.said if "could not be checked" in each] == ["tiny.1 could not be checked: No space left on device"]
