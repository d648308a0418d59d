"""The Linux calls that Python has no function for: namespaces, mounts, capabilities, prctl.

Every failure is an OSError that names the call and what it was applied to. What is said about "this process" holds for the calling
thread only, except for `become`: call these functions while the process has one thread, as a fresh fork has.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Callable
from typing import Any

# unshare(2)
CLONE_NEWNS = 0x0002_0000
CLONE_NEWUTS = 0x0400_0000
CLONE_NEWIPC = 0x0800_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWNET = 0x4000_0000

# mount(2)
MS_NOSUID = 1 << 1
MS_NODEV = 1 << 2
MS_NOEXEC = 1 << 3
MS_BIND = 1 << 12
MS_REC = 1 << 14
MS_PRIVATE = 1 << 18

# umount2(2)
_MNT_DETACH = 2

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_READ = 23
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_SIGKILL = 9
_CAPABILITY_VERSION_3 = 0x2008_0522

_libc = ctypes.CDLL(None, use_errno=True)


def failure(call: str, target: str | None = None) -> OSError:
    """The error that the last call through ctypes left behind, as the OSError to raise."""
    number = ctypes.get_errno()
    message = f"{call}: {os.strerror(number)}"
    return OSError(number, message) if target is None else OSError(number, message, target)


def system_call(number: int, *arguments: Any) -> int:
    """syscall(2): the result, or -1 with the reason kept for `failure`. Arguments are integers (any width), pointers or bytes."""
    wide = (ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments)
    function = _libc.syscall
    function.restype = ctypes.c_long
    return int(function(ctypes.c_long(number), *wide))


def unshare(flags: int) -> None:
    """Enters new namespaces; with CLONE_NEWPID only the children born afterwards are in the new one."""
    if _libc.unshare(ctypes.c_int(flags)) != 0:
        raise failure(f"unshare({flags:#x})")


def keep_own_processes() -> None:
    """After `unshare(CLONE_NEWPID)`: children are born in this process's own namespace again. Until then it can have no threads."""
    descriptor = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(ctypes.c_int(descriptor), ctypes.c_int(CLONE_NEWPID)) != 0:
            raise failure("setns", "/proc/self/ns/pid")
    finally:
        os.close(descriptor)


def mount(source: str | None, target: str, fstype: str | None, flags: int, data: str | None = None) -> None:
    """mount(2)."""
    arguments = (_path(source), _path(target), _path(fstype), ctypes.c_ulong(flags), _path(data))
    if _libc.mount(*arguments) != 0:
        raise failure(f"mount(source={source}, type={fstype}, flags={flags:#x}, data={data})", target)


def umount(target: str) -> None:
    """umount2(2): at once for newcomers, and wholly when its last user is gone."""
    if _libc.umount2(_path(target), ctypes.c_int(_MNT_DETACH)) != 0:
        raise failure("umount", target)


def forbid_new_privileges() -> None:
    """No program started from here on gains anything by setuid bits or file capabilities. Cannot be undone."""
    _prctl("prctl(PR_SET_NO_NEW_PRIVS)", _PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Gives up every capability: the bounding, ambient, effective, permitted and inheritable sets.

    As root, in a user namespace, and after `become`, where only the bounding set stays as it is: dropping from it takes a capability
    that is gone by then, and with `forbid_new_privileges` nothing can be gained from it.
    """
    capability = 0
    while (state := _libc.prctl(_PR_CAPBSET_READ, *_words(capability))) >= 0:  # fails at the first number that the kernel does not know
        if state == 1 and _libc.prctl(_PR_CAPBSET_DROP, *_words(capability)) != 0:
            break  # without CAP_SETPCAP none of them can be dropped
        capability += 1
    _prctl("prctl(PR_CAP_AMBIENT_CLEAR_ALL)", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    if _libc.capset(header, struct.pack("=6I", 0, 0, 0, 0, 0, 0)) != 0:
        raise failure("capset")


def become(uid: int, gid: int) -> None:
    """Real, effective and saved ids, and no supplementary groups.

    The kernel then forgets `die_with_parent`: call it afterwards.
    """
    steps: list[tuple[str, Callable[[], None]]] = [
        ("setgroups([])", lambda: os.setgroups([])),
        (f"setresgid({gid})", lambda: os.setresgid(gid, gid, gid)),
        (f"setresuid({uid})", lambda: os.setresuid(uid, uid, uid)),
    ]
    for call, change in steps:
        try:
            change()
        except OSError as error:
            raise OSError(error.errno, f"{call}: {error.strerror}") from error


def die_with_parent() -> None:
    """SIGKILL when the thread that forked this process ends.

    A parent that is dead already is not noticed: compare os.getppid() afterwards with what it must be. Changing the uid or gid undoes it.
    """
    _prctl("prctl(PR_SET_PDEATHSIG)", _PR_SET_PDEATHSIG, _SIGKILL)


def adopt_orphans() -> None:
    """Descendants whose parents die become children of this process, which then waits for them."""
    _prctl("prctl(PR_SET_CHILD_SUBREAPER)", _PR_SET_CHILD_SUBREAPER, 1)


def dumpable() -> None:
    """The process can read its own files in /proc, which a change of uid had forbidden."""
    _prctl("prctl(PR_SET_DUMPABLE)", _PR_SET_DUMPABLE, 1)


def _prctl(call: str, option: int, *arguments: int) -> None:
    if _libc.prctl(option, *_words(*arguments)) != 0:
        raise failure(call)


def _words(*arguments: int) -> list[ctypes.c_ulong]:
    """prctl reads four words, whatever the option; ctypes would pass an int as half of one."""
    return [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]


def _path(text: str | None) -> bytes | None:
    return None if text is None else os.fsencode(text)
