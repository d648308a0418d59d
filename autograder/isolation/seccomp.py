"""seccomp: the system calls that student code is not given.

A list of refusals, not of permissions: numerical libraries use hundreds of calls and change them with every version. Refused is what
reaches out of the sandbox or into rarely used kernel code, from where most escapes have come. The program is made once, by libseccomp,
and loaded by every job.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager

from autograder.errors import MachineError
from autograder.isolation.syscalls import failure, system_call

# Answered "operation not permitted", whatever the arguments.
_REFUSED = {
    "namespaces, mounts, another root": (
        "unshare setns mount umount umount2 mount_setattr move_mount open_tree fsopen fsconfig fsmount fspick pivot_root chroot"
    ),
    "other processes and their memory": "ptrace process_vm_readv process_vm_writev pidfd_getfd kcmp memfd_secret",
    "programs in the kernel, and rare calls that have been ways into it": (
        "bpf perf_event_open userfaultfd fanotify_init modify_ldt personality vm86 vm86old lookup_dcookie"
    ),
    "keys, which belong to the user and not to the namespace": "add_key request_key keyctl",
    "files past the permissions of their folders": "open_by_handle_at name_to_handle_at",
    "kernel modules and other kernels": "init_module finit_module delete_module create_module kexec_load kexec_file_load",
    "memory that outlives its processes (what POSIX shares are files, and stay)": "shmget semget msgget mq_open",
    "the machine": (
        "acct quotactl quotactl_fd swapon swapoff reboot syslog vhangup uselib nfsservctl sethostname setdomainname settimeofday"
        " clock_settime clock_adjtime adjtimex ioperm iopl"
    ),
}

# Answered "no such call", for which their users have another way: C libraries use clone, whose flags can be seen, in place of clone3.
_ABSENT = ("clone3", "io_uring_setup", "io_uring_enter", "io_uring_register")

# Calls newer than an installed libseccomp may be (numbers are the same on all architectures since 424).
_OPEN_TREE_ATTR = 467
# Calls that did not exist when this list was made. The last are old doubles of 64-bit calls, for the x32 ABI of x86-64.
_UNKNOWN = range(471, 548)

# Flags of clone that make namespaces: NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
_NAMESPACES = (0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000)

# ioctl: typing into somebody's terminal (TIOCSTI, TIOCLINUX), taking the console over (TIOCCONS), loading line disciplines (TIOCSETD).
_TERMINAL = (0x5412, 0x541C, 0x541D, 0x5423)

_AF_UNIX = 1
_AF_NETLINK = 16  # libzmq and if_nameindex ask it for the network interfaces, and libzmq aborts without

# seccomp.h
_ALLOW = 0x7FFF_0000
_KILL_PROCESS = 0x8000_0000
_ON_FOREIGN_ABI = 2
_NE, _EQUAL, _GREATER, _MASKED = 1, 4, 6, 7
_UNKNOWN_NAME = -1

_SECCOMP_SET_MODE_FILTER = 1
_FOR_ALL_THREADS = 1
_CALL_NUMBER = {"x86_64": 317, "aarch64": 277}


class _Comparison(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("operator", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def build_filter() -> bytes:
    """The filter for this architecture, as BPF instructions.

    Names that the installed libseccomp does not know are left out. A process that uses another ABI (32 bit, x32) is killed.
    Raises MachineError when libseccomp is missing or refuses a rule.
    """
    with _rules() as rules:
        for name in " ".join(_REFUSED.values()).split():
            rules.add(name, errno.EPERM)
        for name in _ABSENT:
            rules.add(name, errno.ENOSYS)
        rules.add(_OPEN_TREE_ATTR, errno.EPERM)
        for number in _UNKNOWN:
            rules.add(number, errno.ENOSYS)
        for flag in _NAMESPACES:
            rules.add("clone", errno.EPERM, _Comparison(0, _MASKED, flag, flag))
        for request in _TERMINAL:
            rules.add("ioctl", errno.EPERM, _Comparison(1, _MASKED, 0xFFFF_FFFF, request))  # the kernel looks at 32 bits only
        for call in ("socket", "socketpair"):  # "permission denied" is what socket(2) promises for this, and what reads best
            for family in (number for number in range(_AF_NETLINK) if number != _AF_UNIX):
                rules.add(call, errno.EACCES, _Comparison(0, _EQUAL, family))
            rules.add(call, errno.EACCES, _Comparison(0, _GREATER, _AF_NETLINK))
            rules.add(call, errno.EACCES, _Comparison(0, _EQUAL, _AF_NETLINK), _Comparison(2, _NE, 0))  # 0: NETLINK_ROUTE
        return rules.program()


def load_filter(program: bytes) -> None:
    """Puts this process (all its threads) and everything that it starts under the filter; cannot be undone.

    Needs `forbid_new_privileges` first. Raises OSError when the kernel refuses the filter.
    """
    number = _CALL_NUMBER.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, f"seccomp: this program does not know the call's number on {platform.machine()}")
    instructions = ctypes.create_string_buffer(program, len(program))
    description = _Program(len(program) // 8, ctypes.addressof(instructions))
    result = system_call(number, _SECCOMP_SET_MODE_FILTER, _FOR_ALL_THREADS, ctypes.byref(description))
    if result < 0:
        raise failure("seccomp")
    if result > 0:
        raise OSError(errno.EBUSY, f"seccomp: thread {result} has a filter of its own")


class _Rules:
    """A libseccomp filter while it is put together."""

    def __init__(self, library: ctypes.CDLL, context: ctypes.c_void_p) -> None:
        self._library = library
        self._context = context

    def add(self, call: str | int, error: int, *conditions: _Comparison) -> None:
        """Answers the call, named or numbered, with `error` where all conditions hold for its arguments."""
        number = self._library.seccomp_syscall_resolve_name(call.encode()) if isinstance(call, str) else call
        if number == _UNKNOWN_NAME:
            return
        comparisons = (_Comparison * len(conditions))(*conditions)
        action = ctypes.c_uint32(0x0005_0000 | error)
        result = self._library.seccomp_rule_add_array(self._context, action, ctypes.c_int(number), len(conditions), comparisons)
        if result != 0:
            raise MachineError(f"libseccomp refuses the rule for {call}: {os.strerror(-result)}", "Update libseccomp2 to 2.5 or newer.")

    def program(self) -> bytes:
        descriptor = os.memfd_create("filter")
        with os.fdopen(descriptor, "rb") as stream:
            result = self._library.seccomp_export_bpf(self._context, descriptor)
            if result != 0:
                raise MachineError(f"libseccomp cannot write the filter: {os.strerror(-result)}", "Update libseccomp2 to 2.5 or newer.")
            stream.seek(0)
            return stream.read()


@contextmanager
def _rules() -> Iterator[_Rules]:
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError as error:
        raise MachineError("libseccomp is not installed.", "apt install libseccomp2") from error
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(_ALLOW)))
    if not context:
        raise MachineError("libseccomp cannot make a filter for this machine.", "Update libseccomp2 to 2.5 or newer.")
    try:
        library.seccomp_attr_set(context, _ON_FOREIGN_ABI, ctypes.c_uint32(_KILL_PROCESS))
        yield _Rules(library, context)
    finally:
        library.seccomp_release(context)
