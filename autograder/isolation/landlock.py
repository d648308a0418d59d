"""Landlock: the kernel's own fence around a process that needs neither root nor namespaces.

Files outside of the lists cannot be opened, created, removed or executed any more; what was opened before stays open. Each kernel knows
its ABI of Landlock; what a later one added is left open by an earlier one:

    ABI 1 (Linux 5.13)   opening, creating, removing, executing
    ABI 2 (5.19)         moving and linking between folders (refused altogether by ABI 1)
    ABI 3 (6.2)          truncating
    ABI 4 (6.7)          TCP: bind and connect
    ABI 5 (6.10)         ioctl on devices
    ABI 6 (6.12)         abstract UNIX sockets and signals to processes outside

Never covered: stat and chmod of files, connecting to a UNIX socket that is a file, UDP.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Sequence
from pathlib import Path

from autograder.errors import MachineError
from autograder.isolation.syscalls import failure, system_call

# The same numbers on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_RULE_PATH_BENEATH = 1

# Rights to files. Those of a file itself; all others are a folder's, about what lies in it.
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_CHAR, _MAKE_BLOCK = 1 << 6, 1 << 11
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_RIGHTS_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_READING = _EXECUTE | _READ_FILE | _READ_DIR

_BIND_TCP, _CONNECT_TCP = 1 << 0, 1 << 1
_SCOPE_ABSTRACT_UNIX_SOCKET, _SCOPE_SIGNAL = 1 << 0, 1 << 1


def abi() -> int:
    """The running kernel's version of Landlock; 0 where it has none, or has it switched off."""
    return max(0, system_call(_CREATE_RULESET, None, 0, _VERSION_FLAG))


def restrict(readable: Sequence[Path], writable: Sequence[Path]) -> None:
    """Leaves this process, and all that it starts, only what is listed, with everything beneath; cannot be undone.

    `readable`: reading, listing, executing. `writable`: these, and every change except making device nodes; device files also ioctl.
    Links are followed now. Paths that do not exist are skipped. TCP, abstract UNIX sockets of others and signals to others are cut off
    where the ABI can. The process needs `forbid_new_privileges` first and must have one thread. Raises MachineError where Landlock is
    absent, OSError where a path cannot be reached or the kernel refuses.
    """
    version = abi()
    if version == 0:
        raise MachineError("This kernel has no Landlock.", "Use Linux 5.13 or newer, with landlock in the boot parameter lsm=.")
    handled = _rights(version)
    ruleset = system_call(_CREATE_RULESET, *_ruleset(version, handled), 0)
    if ruleset < 0:
        raise failure("landlock_create_ruleset")
    try:
        for path in readable:
            _allow(ruleset, path, handled & _READING)
        for path in writable:
            _allow(ruleset, path, handled & ~(_MAKE_CHAR | _MAKE_BLOCK))
        if system_call(_RESTRICT_SELF, ruleset, 0) != 0:
            raise failure("landlock_restrict_self")
    finally:
        os.close(ruleset)


def _rights(version: int) -> int:
    """Every right to files that this ABI knows: what is named here is refused unless a rule allows it."""
    rights = _REFER - 1  # the thirteen of ABI 1
    for since, right in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEV)):
        if version >= since:
            rights |= right
    return rights


def _ruleset(version: int, handled: int) -> tuple[ctypes.Array[ctypes.c_char], int]:
    """struct landlock_ruleset_attr and its size; older kernels know only its beginning."""
    fields = [handled]
    if version >= 4:
        fields.append(_BIND_TCP | _CONNECT_TCP)
    if version >= 6:
        fields.append(_SCOPE_ABSTRACT_UNIX_SOCKET | _SCOPE_SIGNAL)
    packed = struct.pack(f"={len(fields)}Q", *fields)
    return ctypes.create_string_buffer(packed, len(packed)), len(packed)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _RIGHTS_OF_FILES  # the kernel refuses a rule that gives a file a folder's rights
        rule = struct.pack("=Qi", rights, descriptor)  # struct landlock_path_beneath_attr is packed
        if system_call(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.create_string_buffer(rule, len(rule)), 0) != 0:
            raise failure("landlock_add_rule", str(path))
    finally:
        os.close(descriptor)
