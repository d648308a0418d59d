from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import multiprocessing
import os
import platform
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import urllib.request
from collections.abc import Callable
from multiprocessing import shared_memory
from pathlib import Path

import pytest

from autograder.errors import MachineError
from autograder.isolation import seccomp, syscalls
from tests.isolation.test_syscalls import NOBODY, Result, error_of, in_child, needs_root

PROGRAM = seccomp.build_filter()
needs_x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="a question of x86-64 only")


def filtered(act: Callable[[], Result]) -> Result:
    def confined() -> Result:
        syscalls.forbid_new_privileges()
        seccomp.load_filter(PROGRAM)
        return act()

    return in_child(confined)


def number_of(name: str) -> int:
    return int(ctypes.CDLL("libseccomp.so.2").seccomp_syscall_resolve_name(name.encode()))


def answer(name: str, *arguments: int) -> str:
    """The name of the error with which the call fails, or an empty string."""
    return errno.errorcode[ctypes.get_errno()] if syscalls.system_call(number_of(name), *arguments) < 0 else ""


BAD = 0xFFFF  # no such descriptor, request, process or address


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("unshare", (0,)),
        ("setns", (BAD, 0)),
        ("mount", (BAD, BAD, BAD, 0, 0)),
        ("umount2", (BAD, 0)),
        ("move_mount", (BAD, BAD, BAD, BAD, 0)),
        ("open_tree", (BAD, BAD, 0)),
        ("fsopen", (BAD, 0)),
        ("mount_setattr", (BAD, BAD, 0, 0, 0)),
        ("pivot_root", (BAD, BAD)),
        ("chroot", (BAD,)),
        ("ptrace", (BAD, 0, 0, 0)),
        ("process_vm_readv", (2**22, 0, 0, 0, 0, 0)),
        ("process_vm_writev", (2**22, 0, 0, 0, 0, 0)),
        ("pidfd_getfd", (BAD, 0, 0)),
        ("bpf", (BAD, 0, 0)),
        ("perf_event_open", (BAD, 0, 0, 0, 0)),
        ("personality", (0xFFFFFFFF,)),
        ("add_key", (BAD, BAD, 0, 0, 0)),
        ("request_key", (BAD, BAD, 0, 0)),
        ("keyctl", (BAD, 0, 0, 0, 0)),
        ("open_by_handle_at", (BAD, BAD, 0)),
        ("name_to_handle_at", (BAD, BAD, BAD, BAD, 0)),
        ("shmget", (0, 0, 0)),
        ("mq_open", (BAD, 0, 0, 0)),
    ],
)
@needs_root
def test_refused_by_the_filter_and_by_nothing_else(name: str, arguments: tuple[int, ...]) -> None:
    assert in_child(lambda: answer(name, *arguments)) != "EPERM"
    assert filtered(lambda: answer(name, *arguments)) == "EPERM"


def test_every_listed_call_is_refused() -> None:
    names = [name for line in seccomp._REFUSED.values() for name in line.split() if number_of(name) >= 0]
    assert len(names) > 50

    def act() -> list[str]:
        if os.geteuid() == 0:
            syscalls.become(NOBODY, NOBODY)  # should one of them be open, it does no harm
        return [name for name in names if answer(name, 0, 0, 0, 0, 0) != "EPERM"]

    assert filtered(act) == []


@pytest.mark.parametrize("name", ["clone3", "io_uring_setup", "io_uring_enter", "io_uring_register"])
def test_as_if_the_kernel_did_not_have_it(name: str) -> None:
    assert filtered(lambda: answer(name, 0, 0, 0, 0, 0)) == "ENOSYS"


@pytest.mark.parametrize("flag", seccomp._NAMESPACES)
@pytest.mark.parametrize("others", [0, signal.SIGCHLD, 0x100 | signal.SIGCHLD])
def test_no_namespaces_by_clone(flag: int, others: int) -> None:
    assert filtered(lambda: answer("clone", flag | others, 0, 0, 0, 0)) == "EPERM"


@pytest.mark.parametrize("family", sorted(set(range(46)) - {socket.AF_UNIX, socket.AF_NETLINK}))
def test_no_sockets_of_other_families(family: int) -> None:
    assert filtered(lambda: [answer(call, family, socket.SOCK_STREAM, 0, 0) for call in ("socket", "socketpair")]) == ["EACCES"] * 2


def test_bits_that_the_kernel_ignores_open_nothing() -> None:
    def act() -> list[str]:
        families = (socket.AF_INET, socket.AF_INET | 1 << 32, socket.AF_UNIX | 1 << 32, -1)
        return [answer("socket", family, socket.SOCK_STREAM, 0) for family in families]

    assert filtered(act) == ["EACCES"] * 4


def test_what_a_student_sees_of_a_download() -> None:
    def act() -> list[str]:
        seen = []
        for address in ("http://example.invalid/mnist.npz", "http://192.0.2.1/mnist.npz"):
            try:
                urllib.request.urlopen(address)
            except OSError as error:
                seen.append(str(error))
        return seen

    by_name, by_number = filtered(act)
    assert "name" in by_name.lower()
    assert "Permission denied" in by_number


def test_local_sockets_and_the_list_of_interfaces_work(tmp_path: Path) -> None:
    def act() -> list[object]:
        first, second = socket.socketpair()
        first.sendall(b"ping")
        with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
            server.bind(str(tmp_path / "s"))
            server.listen()
            client.connect(str(tmp_path / "s"))
        netlink = [answer("socket", socket.AF_NETLINK, socket.SOCK_RAW, protocol) for protocol in (0, 6, 12, 15, 16)]
        return [second.recv(4).decode(), bool(socket.if_nameindex()), netlink]

    assert filtered(act) == ["ping", True, ["", *["EACCES"] * 4]]


def test_a_jupyter_kernels_messages_get_through(tmp_path: Path) -> None:
    def act() -> str:
        import zmq

        with zmq.Context() as context, context.socket(zmq.PULL) as pull, context.socket(zmq.PUSH) as push:
            pull.bind(f"ipc://{tmp_path}/z")
            push.connect(f"ipc://{tmp_path}/z")
            push.send(b"message")
            assert pull.poll(30_000)
            return bytes(pull.recv()).decode()

    assert filtered(act) == "message"


@pytest.mark.parametrize("request_bits", [0, 1 << 32])
def test_nothing_is_typed_into_a_terminal(request_bits: int) -> None:
    def act() -> list[str]:
        terminal = os.openpty()[1]
        letter = ctypes.addressof(ctypes.create_string_buffer(b"x"))
        refused = [answer("ioctl", terminal, request | request_bits, letter) for request in seccomp._TERMINAL]
        fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(8))
        return refused

    assert filtered(act) == ["EPERM"] * 4


def ends_with(act: Callable[[], object], confined: bool) -> int:
    """The exit status of a forked process, negative for a signal."""
    pid = os.fork()
    if pid == 0:
        try:
            if confined:
                syscalls.forbid_new_privileges()
                seccomp.load_filter(PROGRAM)
            act()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@needs_x86
def test_the_x32_abi_is_no_way_around() -> None:
    assert ends_with(lambda: syscalls.system_call(0x4000_0000 | number_of("getpid")), confined=True) == -signal.SIGSYS
    assert filtered(lambda: syscalls.system_call(521)) == -1  # what x32 calls ptrace, without the bit that says x32


@needs_x86
def test_the_32_bit_abi_is_no_way_around() -> None:
    def get_process_number_as_32_bit_programs_do() -> None:
        code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        code.write(b"\xb8" + struct.pack("<I", 20) + b"\xcd\x80\xc3")  # mov eax, 20; int 0x80; ret
        address = ctypes.addressof(ctypes.c_char.from_buffer(code))
        assert ctypes.CFUNCTYPE(ctypes.c_int)(address)() == os.getpid()

    in_this_kernel = ends_with(get_process_number_as_32_bit_programs_do, confined=False) == 0
    killed = ends_with(get_process_number_as_32_bit_programs_do, confined=True)
    assert killed == -signal.SIGSYS if in_this_kernel else killed != 0


def test_programs_started_later_are_under_it() -> None:
    def act() -> list[str]:
        shell = subprocess.run(["unshare", "--user", "true"], capture_output=True, text=True)
        python = subprocess.run([sys.executable, "-c", "import socket; socket.socket()"], capture_output=True, text=True)
        return [shell.stderr, python.stderr]

    shell, python = filtered(act)
    assert "Operation not permitted" in shell
    assert "PermissionError" in python


def test_threads_that_ran_before_are_under_it() -> None:
    def act() -> list[str]:
        loaded, seen = threading.Event(), []

        def try_it() -> None:
            loaded.wait()
            seen.append(answer("unshare", 0))

        thread = threading.Thread(target=try_it)
        thread.start()
        syscalls.forbid_new_privileges()
        seccomp.load_filter(PROGRAM)
        loaded.set()
        thread.join()
        return seen

    assert in_child(act) == ["EPERM"]


def _double(number: int) -> int:
    return 2 * number


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing_works(method: str) -> None:
    def act() -> list[int]:
        with multiprocessing.get_context(method).Pool(2) as pool:
            return pool.map(_double, range(4))

    assert filtered(act) == [0, 2, 4, 6]


def test_threads_shared_memory_and_what_libraries_ask_for_work() -> None:
    def act() -> list[object]:
        block = shared_memory.SharedMemory(create=True, size=10)
        block.unlink()
        block.close()
        numbers: list[int] = []
        thread = threading.Thread(target=numbers.append, args=(1,))
        thread.start()
        thread.join()
        os.close(os.memfd_create("x"))
        handle = os.pidfd_open(os.getpid())
        signal.pidfd_send_signal(handle, 0)
        os.sched_setaffinity(0, os.sched_getaffinity(0))
        os.setpriority(os.PRIO_PROCESS, 0, 5)
        syscalls.die_with_parent()
        return [numbers, answer("membarrier", 0, 0, 0), answer("sched_yield")]

    assert filtered(act) == [[1], "", ""]


@needs_root
def test_an_ordinary_user_must_forbid_new_privileges_first() -> None:
    def act() -> str:
        syscalls.become(NOBODY, NOBODY)
        return error_of(lambda: seccomp.load_filter(PROGRAM))

    assert in_child(act) == "EACCES"


def test_nonsense_is_refused() -> None:
    def act() -> str:
        syscalls.forbid_new_privileges()
        return error_of(lambda: seccomp.load_filter(b"\xff" * 16))

    assert in_child(act) == "EINVAL"


def test_a_missing_library_is_said_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    with pytest.raises(MachineError) as caught:
        seccomp.build_filter()
    assert caught.value.cure == "apt install libseccomp2"
