from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from autograder.isolation import cgroup, syscalls
from autograder.isolation.cgroup import Cgroup, Hierarchy
from tests.isolation.test_syscalls import NOBODY, in_child, needs_root

MIB = 1 << 20


@pytest.fixture(scope="module")
def hierarchy() -> Iterator[Hierarchy]:
    found, reason = cgroup.find()
    if found is None:
        pytest.skip(reason)
    yield found
    assert left_in(found) == [], "groups were left behind"


@pytest.fixture
def group(hierarchy: Hierarchy, request: pytest.FixtureRequest) -> Iterator[Cgroup]:
    made = Cgroup.create(hierarchy, "test", memory_bytes=48 * MIB, processes=8)
    yield made
    made.kill()
    made.remove()


def left_in(hierarchy: Hierarchy) -> list[Path]:
    return [
        path for folder in hierarchy.folders for path in folder.glob(f"autograder-*-{os.getpid()}-*") if not path.name.endswith("-command")
    ]


def member_of(group: Cgroup, act: Callable[[], object]) -> int:
    """A process that does something once it is in the group; exits with 0, or 1 where that raised."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(writing)
            os.read(reading, 1)
            act()
            os._exit(0)
        finally:
            os._exit(1)
    os.close(reading)
    group.add(pid)
    os.close(writing)
    return pid


def end_of(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_mount_points_may_have_any_name(tmp_path: Path) -> None:
    """One whose name is no UTF-8, anywhere on the machine, ended every command of root in a traceback."""
    table = tmp_path / "mountinfo"
    disks = b"20 1 8:1 / /mnt/\xff rw - ext4 /dev/sda rw\n21 1 8:2 / /mnt/a\xc2\x85b\xe2\x80\xa8c rw - ext4 /dev/sdb rw\n"
    table.write_bytes(disks + b"22 1 0:3 / /sys/fs/cgroup/\xe9 rw - cgroup2 cgroup rw\n")
    (found,) = cgroup._mounts(table)
    assert (found.version, os.fsencode(found.point)) == (2, b"/sys/fs/cgroup/\xe9")


def test_more_memory_than_allowed_is_killed_and_counted(group: Cgroup) -> None:
    assert group.usage().oom_kills == 0
    assert end_of(member_of(group, lambda: bytearray(b"x") * (64 * MIB))) == -signal.SIGKILL
    used = group.usage()
    assert used.oom_kills == 1
    assert used.at_limit
    assert used.peak_bytes is None or 40 * MIB < used.peak_bytes <= 48 * MIB


def test_what_is_allowed_is_not_killed(group: Cgroup) -> None:
    assert end_of(member_of(group, lambda: bytearray(b"x") * (16 * MIB))) == 0
    used = group.usage()
    assert used.oom_kills == 0
    assert not used.at_limit
    assert used.peak_bytes is None or 16 * MIB <= used.peak_bytes < 40 * MIB


FILES = {
    "killed at its own limit": (2, {"memory.events": "low 0\nhigh 0\nmax 37\noom 1\noom_kill 1\noom_group_kill 0\n"}, (1, True)),
    "killed by the machine": (2, {"memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 1\n"}, (1, False)),
    "killed by the machine after its files filled the group": (2, {"memory.events": "max 37\noom 0\noom_kill 1\n"}, (1, False)),
    "not killed": (2, {"memory.events": "low 0\nhigh 0\nmax 3\noom 0\noom_kill 0\n"}, (0, False)),
    "1: killed at its own limit, which is not counted": (
        1, {"memory.failcnt": "0\n", "memory.limit_in_bytes": f"{MIB}\n", "memory.oom_control": "oom_kill 1\n"}, (1, True),
    ),
    "1: killed at its own limit": (1, {"memory.failcnt": "4\n", "memory.oom_control": "oom_kill 1\n"}, (1, True)),
    "1: with swap counted": (
        1, {"memory.failcnt": "0\n", "memory.memsw.failcnt": "4\n", "memory.oom_control": "oom_kill 1\n"}, (1, True),
    ),
    "1: killed by the machine": (
        1, {"memory.failcnt": "0\n", "memory.memsw.failcnt": "0\n", "memory.oom_control": "under_oom 0\noom_kill 2\n"}, (2, False),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("version", "files", "expected"), FILES.values(), ids=FILES)
def test_whose_memory_was_short_stands_in_the_kernels_files(
    version: int, files: dict[str, str], expected: tuple[int, bool], tmp_path: Path
) -> None:
    group = tmp_path / "group"
    group.mkdir()
    peak = "memory.max_usage_in_bytes" if version == 1 else "memory.peak"
    for name, text in {peak: f"{MIB}\n", "memory.limit_in_bytes": f"{48 * MIB}\n", **files}.items():
        (group / name).write_text(text)
    used = Cgroup(Hierarchy(version, tmp_path, tmp_path), "group").usage()
    assert used.peak_bytes == MIB
    assert (used.oom_kills, used.at_limit) == expected


def test_memory_is_counted_together(group: Cgroup) -> None:
    reading, writing = os.pipe()

    def hold() -> None:
        block = bytearray(b"x") * (32 * MIB)
        os.write(writing, b"held")
        signal.pause()
        del block

    first = member_of(group, hold)
    assert os.read(reading, 4) == b"held"
    second = member_of(group, hold)
    ended, *left = either_ended(first, second)
    assert not left
    assert end_of(ended) == -signal.SIGKILL
    assert group.usage().oom_kills == 1
    group.kill()
    assert end_of(second if ended == first else first) == -signal.SIGKILL


def either_ended(*processes: int) -> list[int]:
    """Those of them that have ended, once one has; other tests' children are left alone."""
    descriptors = {os.pidfd_open(process): process for process in processes}
    try:
        return [descriptors[each] for each in select.select(descriptors, [], [])[0]]
    finally:
        for each in descriptors:
            os.close(each)


def test_files_in_memory_are_memory(group: Cgroup) -> None:
    def fill() -> None:
        descriptor = os.memfd_create("file")
        for _ in range(64):
            os.write(descriptor, bytes(MIB))

    assert end_of(member_of(group, fill)) == -signal.SIGKILL


def test_no_more_processes_than_allowed(group: Cgroup) -> None:
    reading, writing = os.pipe()

    def fork_on() -> None:
        for count in range(100):
            try:
                if os.fork() == 0:
                    signal.pause()
            except BlockingIOError:
                os.write(writing, bytes([count]))
                return

    assert end_of(member_of(group, fork_on)) == 0
    assert os.read(reading, 1) == bytes([7])  # with itself, 8


def test_kill_ends_all_even_those_that_fork_without_end(group: Cgroup) -> None:
    reading, writing = os.pipe()

    def fork_on() -> None:
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
        os.setsid()
        os.write(writing, b"x")
        while True:
            try:
                if os.fork() == 0:
                    os.setsid()
            except BlockingIOError:
                continue

    member = member_of(group, fork_on)
    assert os.read(reading, 1) == b"x"
    os.close(writing)
    group.kill()
    assert os.read(reading, 1) == b""  # every one of them held the other end
    assert end_of(member) == -signal.SIGKILL


@pytest.mark.parametrize(("version", "name", "value"), [(1, "cpu.shares", "256"), (2, "cpu.weight", "25")])
def test_a_weight_stands_in_the_file_of_the_version(tmp_path: Path, version: int, name: str, value: str) -> None:
    for file in ("pids.max", "memory.limit_in_bytes", "memory.max", name):
        (tmp_path / file).touch()
    Cgroup(Hierarchy(version, tmp_path, tmp_path, tmp_path), "")._limit(16 * MIB, 4, weight=25)
    assert (tmp_path / name).read_text() == value
    (tmp_path / name).unlink()  # whoever manages the groups above has taken the controller away
    Cgroup(Hierarchy(version, tmp_path, tmp_path, tmp_path), "")._limit(16 * MIB, 4, weight=50)
    assert (tmp_path / "pids.max").read_text() == "4"


def test_where_cores_cannot_be_divided_memory_is_limited_all_the_same(
    hierarchy: Hierarchy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cgroup, "_place", lambda: replace(hierarchy, cpu=tmp_path / "taken away"))
    assert cgroup.find() == (replace(hierarchy, cpu=None), "")


def used_on_one_core(busy: dict[Cgroup, int]) -> list[float]:
    """CPU seconds of each group, with so many busy processes in each, all on one core, when the first process has used half a second."""
    core = min(os.sched_getaffinity(0))

    def work() -> None:
        os.sched_setaffinity(0, {core})
        while time.process_time() < 0.5:
            pass

    members = {group: [member_of(group, work) for _ in range(count)] for group, count in busy.items()}
    every = [pid for pids in members.values() for pid in pids]
    with ExitStack() as stack:
        ended = [os.pidfd_open(pid) for pid in every]
        for handle in ended:
            stack.callback(os.close, handle)
        select.select(ended, [], [])
    used = [sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids) for pids in members.values()]
    for group in members:
        group.kill()
    for pid in every:
        os.waitpid(pid, 0)
    return used


def test_a_group_with_less_weight_gets_less_of_a_core(hierarchy: Hierarchy) -> None:
    with dividing(hierarchy, 100, 10) as (usual, light):
        here, there = used_on_one_core({usual: 1, light: 1})
    assert there < here / 3  # a tenth, and what the clock's ticks leave open


def test_many_processes_weigh_what_one_does(hierarchy: Hierarchy) -> None:
    with dividing(hierarchy, 100, 100) as (one, many):
        alone, together = used_on_one_core({one: 1, many: 12})
    assert together < 3 * alone  # and not twelve times as much


@contextmanager
def dividing(hierarchy: Hierarchy, *weights: int) -> Iterator[list[Cgroup]]:
    """Groups that share the cores by these weights."""
    if hierarchy.cpu is None:
        pytest.skip("no control groups that divide the cores")
    groups: list[Cgroup] = []
    try:
        for number, weight in enumerate(weights):
            groups.append(Cgroup.create(hierarchy, f"weight-{number}", 256 * MIB, 32, weight))
        yield groups
    finally:
        for group in groups:
            group.kill()
            group.remove()


def test_what_is_started_in_a_group_stays_in_it(group: Cgroup) -> None:
    with subprocess.Popen(["sh", "-c", "read line; setsid cat & wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as shell:
        assert shell.stdin is not None
        assert shell.stdout is not None
        group.add(shell.pid)
        shell.stdin.write(b"line\n")
        shell.stdin.flush()
        group.kill()
        assert shell.stdout.read() == b""


def test_remove_leaves_nothing_and_can_be_repeated(hierarchy: Hierarchy) -> None:
    group = Cgroup.create(hierarchy, "removed", 16 * MIB, 4)
    assert left_in(hierarchy) != []
    group.kill()
    group.remove()
    group.remove()
    assert left_in(hierarchy) == []


def test_names_are_used_once(hierarchy: Hierarchy, group: Cgroup) -> None:
    with pytest.raises(FileExistsError):
        Cgroup.create(hierarchy, "test", 16 * MIB, 4)
    assert end_of(member_of(group, lambda: None)) == 0  # the first one is unharmed
    for bad in ("", "../other", "a/b"):
        with pytest.raises(ValueError, match="not a name"):
            Cgroup.create(hierarchy, bad, 16 * MIB, 4)


def test_a_limit_that_the_kernel_refuses_leaves_no_group(hierarchy: Hierarchy) -> None:
    with pytest.raises(OSError, match=r"writing '-7'.*pids\.max"):
        Cgroup.create(hierarchy, "refused", 16 * MIB, -7)
    assert left_in(hierarchy) == []


def test_a_process_that_has_ended_cannot_be_added(group: Cgroup) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    with pytest.raises(ProcessLookupError):
        group.add(ended.pid)


def test_groups_of_dead_commands_are_removed_and_others_are_not(hierarchy: Hierarchy, group: Cgroup) -> None:
    def die_without_removing() -> list[str]:
        Cgroup.create(hierarchy, "stale", 16 * MIB, 4)
        return [str(path) for path in left_in(hierarchy)]

    stale = [Path(path) for path in in_child(die_without_removing)]
    assert stale  # they were there; another command on this machine may have removed them since
    cgroup.remove_stale(hierarchy)
    assert not any(path.exists() for path in stale)
    assert end_of(member_of(group, lambda: None)) == 0


@needs_root
def test_an_administrator_is_told_why_there_are_none(hierarchy: Hierarchy) -> None:
    def act() -> list[object]:
        syscalls.become(NOBODY, NOBODY)
        return list(cgroup.find())

    found, reason = in_child(act)
    assert found is None
    assert isinstance(reason, str)
    assert f"uid {NOBODY}" in reason
    assert str(hierarchy.memory) in reason
