"""`autograder store check` finds what is broken, moves it aside, and leaves alone what is whole."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from autograder.batch.check import check_store
from autograder.batch.starts import Start
from autograder.batch.store import Store
from tests.conftest import autograder
from tests.kill.conftest import DOUBLE, Graded, grade, hand_in, records, start
from tests.kill.test_interrupt import ENDLESS
from tests.kill.test_kill import left_behind


def check(course: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    done = autograder(course, "store", "check", "--json", "-", *arguments)
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def run_of(course: Path, student: str) -> Path:
    return course / ".autograder/runs" / records(course)[student][0].runs[0].run_key


def record_of(course: Path, student: str) -> Path:
    return next((course / ".autograder/records/smoke/standin" / student).glob("*.json"))


def contents(course: Path) -> dict[Path, bytes]:
    """All of the store but its locks, which are empty."""
    files = [path for path in sorted((course / ".autograder").rglob("*")) if path.is_file() and path.parent.name != ".locks"]
    return {path: path.read_bytes() for path in files}


def test_a_whole_store_holds_and_stays_as_it_is(whole: Path) -> None:
    before = contents(whole)
    for arguments in ((), ("--repair",)):
        status, found, said = check(whole, *arguments)
        assert (status, found["holds"], found["findings"], found["notes"]) == (0, True, [], [])
        assert (found["records"], found["runs"]) == (6, 5)
        assert "6 record(s), 5 run(s), 0 problem(s)" in said
    assert contents(whole) == before


def _cut_record(course: Path) -> None:
    record_of(course, "bob").write_bytes(record_of(course, "bob").read_bytes()[:-200])


def _move_record(course: Path) -> None:
    record_of(course, "bob").rename(course / ".autograder/records/smoke/standin/cleo" / record_of(course, "bob").name)
    (course / ".autograder/records/smoke/standin/bob/present").unlink()


def _no_run_file(course: Path) -> None:
    (run_of(course, "bob") / "run.json").unlink()


def _other_hand_in(course: Path) -> None:
    (run_of(course, "bob") / "handin/total.json").write_text("45")


def _no_hand_in(course: Path) -> None:
    (run_of(course, "bob") / "handin/total.json").unlink()


def _renamed_run(course: Path) -> None:
    run_of(course, "bob").rename(course / ".autograder/runs/0000000000000000")


def _torn_scores(course: Path) -> None:
    next((run_of(course, "bob") / "scores").glob("*.json")).write_text("{")


def _no_pointer(course: Path) -> None:
    (course / ".autograder/records/smoke/standin/bob/present").unlink()


def _wrong_pointer(course: Path) -> None:
    (course / ".autograder/records/smoke/standin/bob/present").write_text("0123456789abcdef")


@pytest.mark.parametrize(
    ("damage", "place", "message"),
    [
        (_cut_record, "records/smoke/standin/bob/", "the record cannot be read"),
        (_move_record, "records/smoke/standin/cleo/", "the record says that it is smoke/standin/bob/"),
        (_no_run_file, "runs/", "the run has no file that says what came of it"),
        (_other_hand_in, "runs/", "the run has another handin/total.json"),
        (_no_hand_in, "runs/", "the run lacks handin/total.json"),
        (_renamed_run, "runs/0000000000000000", "the run says that it is "),
        (_torn_scores, "runs/", "what graders said cannot be read"),
        (_no_pointer, "records/smoke/standin/bob/present", "which of the records is the present one is not said"),
        (_wrong_pointer, "records/smoke/standin/bob/present", "points to '0123456789abcdef', of which there is no record"),
    ],
)
def test_what_is_broken_is_found_moved_aside_and_made_again(
    whole: Path, graded_once: Graded, damage: Callable[[Path], None], place: str, message: str
) -> None:
    damage(whole)
    before = contents(whole)
    status, found, said = check(whole)
    assert status == 1
    assert any(each["place"].startswith(place) and each["message"].startswith(message) for each in found["findings"]), said
    assert contents(whole) == before
    _, found, _ = check(whole, "--repair")
    assert [each["message"] for each in found["findings"] if not each["repaired"] and "is not in the store" not in each["message"]] == []
    after = contents(whole)
    kept = {path.name for path in after} | {"present"}
    assert {path.name for path in before} <= kept  # nothing is gone, whatever moved
    done = grade(whole)
    assert done.returncode == 0, done.stderr
    assert {student: each[0].verdict() for student, each in records(whole).items()} == graded_once.verdicts
    assert check(whole)[0] == 0


def test_a_record_without_its_run_keeps_its_score(whole: Path) -> None:
    record = records(whole)["bob"][0]
    run_of(whole, "bob").rename(whole / "elsewhere")
    for arguments in ((), ("--repair",)):
        status, _, said = check(whole, *arguments)
        assert status == 1
        assert f"its run {record.runs[0].run_key} is not in the store" in said
    assert records(whole)["bob"] == [record]


def test_what_killed_commands_left_is_told_and_harms_nobody(whole: Path) -> None:
    store = whole / ".autograder"
    (store / "runs/.partial-abc/run").mkdir(parents=True)
    (store / "runs/.locks/0000000000000000").touch()
    old, fresh = store / "records/smoke/standin/bob/.old.json.x", store / "records/smoke/standin/bob/.new.json.x"
    for path in (old, fresh):
        path.write_text("{")
    os.utime(old, (0, 0))
    with Store(store).starts.attempt(Start("smoke", "standin", "bob", "id", "key", alone=True, level=0)) as attempt:
        attempt.lost = True
    status, found, said = check(whole, "--repair")
    assert (status, found["findings"]) == (0, [])
    assert not (store / "runs/.partial-abc").exists()  # opening a store removes what nobody works on
    for part in ("1 half-written file(s)", "1 lock(s)", "bob, standin, smoke: one attempt ended without a result"):
        assert part in said
    assert not old.exists()
    assert fresh.exists()  # somebody may be writing it
    assert not (store / "runs/.locks/0000000000000000").exists()


def test_what_a_command_finishes_while_it_is_looked_at_is_not_left_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    half_written = tmp_path / "records/smoke/standin/bob/.new.json.x"
    half_written.parent.mkdir(parents=True)
    half_written.write_text("{")
    is_file = Path.is_file

    def gets_its_name(path: Path) -> bool:
        found = is_file(path)
        if path == half_written:
            path.rename(path.with_name("new.txt"))
        return found

    monkeypatch.setattr(Path, "is_file", gets_its_name)
    found = check_store(Store(tmp_path), repair=False)
    assert not half_written.exists()
    assert (found.findings, found.notes) == ((), ())


def test_nothing_is_repaired_while_a_command_is_at_work(whole: Path) -> None:
    broken = whole / ".autograder/runs/0000000000000000"
    broken.mkdir()
    (broken / "run.json").write_text("{")
    hand_in(whole, "aaron", ENDLESS, DOUBLE)
    command = start(whole, "grade", "standin", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    starts = whole / ".autograder/starts"
    while not any(starts.glob("*")):  # processes tell nothing: the first ones are probes of the sandbox, before the store is in use
        with contextlib.suppress(subprocess.TimeoutExpired):
            assert command.wait(0.05) is None, "it ended before anybody was at work"
    status, _, said = check(whole, "--repair")
    assert status == 2
    assert "A command is at work on the store" in said
    assert broken.exists()
    assert check(whole)[0] == 1  # looking is allowed
    command.kill()
    command.wait()
    assert left_behind(whole) == []
    assert check(whole, "--repair")[0] == 0
    assert not broken.exists()


def test_what_makes_records_waits_until_a_repair_has_ended(whole: Path) -> None:
    hand_in(whole, "bob", "total = 18", DOUBLE)
    with Store(whole / ".autograder").out_of_use():
        command = start(whole, "grade", "standin", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not _has_open(command, whole / ".autograder/.locks/store"):
            with contextlib.suppress(subprocess.TimeoutExpired):
                assert command.wait(0.05) is None, "it ended without waiting"
        assert len(records(whole)["bob"]) == 1
    command.wait(300)
    assert command.returncode == 0
    assert len(records(whole)["bob"]) == 2


def _has_open(command: subprocess.Popen[str], file: Path) -> bool:
    with contextlib.suppress(psutil.Error):
        return any(each.path == str(file) for each in psutil.Process(command.pid).open_files())
    return False


@pytest.mark.parametrize("inner", ["", "audited", "calibration"])
def test_a_store_inside_the_store_is_in_use_by_itself(whole: Path, inner: str) -> None:
    store = Store(whole / ".autograder" / inner)
    store.root.mkdir(exist_ok=True)
    with store.in_use(), store.in_use():
        assert check(whole, "--repair")[0] == 2
    assert check(whole, "--repair")[0] == 0


def test_no_store_is_wrong_usage(whole: Path) -> None:
    status, _, said = check(whole, "--store", "nowhere")
    assert status == 2
    assert "There is no store at" in said
