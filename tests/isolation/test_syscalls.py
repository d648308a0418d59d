from __future__ import annotations

import ctypes
import errno
import json
import os
import select
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from autograder.isolation import syscalls

Result = TypeVar("Result")
NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="changing the uid and mounting need root")


def in_child(act: Callable[[], Result]) -> Result:
    """What `act` returns (JSON) in a forked process; what it raises there is a failure here."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(reading)
            os.write(writing, json.dumps(act()).encode())
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        answer = stream.read()
    assert os.waitpid(pid, 0)[1] == 0, "the child failed, see its traceback"
    result: Result = json.loads(answer)
    return result


def error_of(act: Callable[[], object]) -> str:
    """The name of the error number with which `act` fails, or an empty string."""
    try:
        act()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, repr(error))
    return ""


def status(*fields: str) -> list[str]:
    """Lines of /proc/self/status."""
    lines = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    return [lines[field].strip() for field in fields]


def test_no_new_privileges() -> None:
    def act() -> list[str]:
        syscalls.forbid_new_privileges()
        return status("NoNewPrivs")

    assert in_child(act) == ["1"]


SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


@needs_root
def test_root_gives_up_every_capability() -> None:
    def act() -> list[str]:
        syscalls.drop_capabilities()
        return [*status(*SETS), error_of(lambda: os.chroot("/")), error_of(lambda: os.setuid(NOBODY))]

    assert in_child(act) == ["0" * 16] * 5 + ["EPERM", "EPERM"]


@needs_root
def test_after_a_change_of_uid_only_the_bounding_set_is_left() -> None:
    def act() -> list[str]:
        syscalls.become(NOBODY, NOBODY)
        syscalls.drop_capabilities()
        return status("CapInh", "CapPrm", "CapEff", "CapAmb")

    assert in_child(act) == ["0" * 16] * 4


def test_capabilities_of_a_user_namespace_are_given_up_too() -> None:
    def act() -> list[list[str]]:
        if os.geteuid() == 0:
            syscalls.become(NOBODY, NOBODY)
        try:
            syscalls.unshare(syscalls.CLONE_NEWUSER)
        except OSError as error:
            return [[str(error)]]
        before = status("CapEff")
        syscalls.drop_capabilities()
        return [before, status(*SETS)]

    seen = in_child(act)
    if len(seen) == 1:
        pytest.skip(f"no user namespaces for ordinary users: {seen[0][0]}")
    before, after = seen
    assert before != ["0" * 16]
    assert after == ["0" * 16] * 5


@needs_root
def test_become_leaves_no_way_back() -> None:
    def act() -> list[object]:
        os.setgroups([0, 1])
        syscalls.become(1234, 4321)
        return [os.getresuid(), os.getresgid(), os.getgroups(), error_of(lambda: os.setuid(0)), error_of(lambda: os.setgid(0))]

    assert in_child(act) == [[1234] * 3, [4321] * 3, [], "EPERM", "EPERM"]


@needs_root
def test_become_says_which_step_failed() -> None:
    def act() -> str:
        syscalls.become(NOBODY, NOBODY)
        with pytest.raises(PermissionError) as caught:
            syscalls.become(0, 0)
        return str(caught.value)

    assert "setgroups" in in_child(act)


def test_dies_with_its_parent() -> None:
    reading, writing = os.pipe()
    middle = os.fork()
    if middle == 0:
        if os.fork() == 0:
            try:
                syscalls.die_with_parent()
                os.write(writing, b"ready")
                signal.pause()
            finally:
                os._exit(1)
        signal.pause()
        os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb", buffering=0) as stream:
        assert stream.read(5) == b"ready"
        os.kill(middle, signal.SIGKILL)
        os.waitpid(middle, 0)
        assert select.select([stream], [], [], 30)[0], "the grandchild lives on"
        assert stream.read(1) == b""  # the last writer is gone


@needs_root
def test_a_change_of_uid_undoes_dying_with_the_parent() -> None:
    """Why `become` comes first."""

    def act() -> list[int]:
        seen = []
        for step in (syscalls.die_with_parent, lambda: syscalls.become(NOBODY, NOBODY), syscalls.die_with_parent):
            step()
            value = ctypes.c_int()
            ctypes.CDLL(None).prctl(2, ctypes.byref(value))  # PR_GET_PDEATHSIG
            seen.append(value.value)
        return seen

    assert in_child(act) == [signal.SIGKILL, 0, signal.SIGKILL]


def test_orphans_are_adopted() -> None:
    def act() -> bool:
        syscalls.adopt_orphans()
        reading, writing = os.pipe()
        middle = os.fork()
        if middle == 0:
            orphan = os.fork()
            if orphan == 0:
                os.read(reading, 1)  # until the middle one is gone
                os._exit(0)
            os._exit(0)
        os.waitpid(middle, 0)
        os.write(writing, b"x")
        orphan, _ = os.wait()
        return orphan != middle

    assert in_child(act)


@needs_root
def test_dumpable_decides_whose_the_files_in_proc_are() -> None:
    def act() -> list[int]:
        syscalls.become(1234, 1234)
        before = os.stat("/proc/self/environ").st_uid
        syscalls.dumpable()
        return [before, os.stat("/proc/self/environ").st_uid]

    assert in_child(act) == [0, 1234]


@needs_root
def test_a_mount_of_ones_own_is_limited_and_unseen(tmp_path: Path) -> None:
    folder = str(tmp_path)

    def act() -> list[object]:
        syscalls.unshare(syscalls.CLONE_NEWNS)
        syscalls.mount(None, "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
        syscalls.mount("tmpfs", folder, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, "size=64k,mode=0700")
        full = error_of(lambda: Path(folder, "much").write_bytes(bytes(1 << 20)))
        inside = os.listdir(folder)
        syscalls.umount(folder)
        return [full, inside, os.listdir(folder)]

    Path(folder, "outside").touch()
    assert in_child(act) == ["ENOSPC", ["much"], ["outside"]]
    assert os.listdir(folder) == ["outside"]


@needs_root
def test_a_process_namespace_starts_with_the_next_fork() -> None:
    def act() -> int:
        syscalls.unshare(syscalls.CLONE_NEWPID)
        return in_child(os.getpid)

    assert in_child(act) == 1


def test_errors_name_the_call_and_its_target() -> None:
    with pytest.raises(OSError, match=r"mount\(source=tmpfs.*'/nowhere/at/all'"):
        syscalls.mount("tmpfs", "/nowhere/at/all", "tmpfs", 0)
    with pytest.raises(OSError, match=r"umount: .*'/nowhere/at/all'"):
        syscalls.umount("/nowhere/at/all")
    with pytest.raises(OSError, match=r"unshare\(0x1\)"):
        syscalls.unshare(1)
