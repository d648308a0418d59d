from __future__ import annotations

import fcntl
import os
import signal
import socket
import stat
import subprocess
import termios
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from autograder.errors import MachineError
from autograder.isolation import landlock, syscalls
from tests.isolation.test_syscalls import NOBODY, Result, error_of, in_child, needs_root

ABI = landlock.abi()
pytestmark = pytest.mark.skipif(ABI == 0, reason="this kernel has no Landlock")


def since(version: int) -> pytest.MarkDecorator:
    return pytest.mark.skipif(version > ABI, reason=f"Landlock {version} needed, this kernel has {ABI}")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("readable", "writable", "outside"):
        (tmp_path / name / "below").mkdir(parents=True)
        (tmp_path / name / "file").write_text("text")
    return tmp_path


def fenced(readable: Sequence[Path], writable: Sequence[Path], act: Callable[[], Result]) -> Result:
    def confined() -> Result:
        syscalls.forbid_new_privileges()
        landlock.restrict(readable, writable)
        return act()

    return in_child(confined)


def test_readable_folders_are_read_and_no_more(tree: Path) -> None:
    folder = tree / "readable"

    def act() -> list[object]:
        changes: list[Callable[[], object]] = [
            lambda: (folder / "file").write_text("other"),
            lambda: (folder / "new").touch(),
            lambda: (folder / "file").unlink(),
            lambda: (folder / "below").rmdir(),
            lambda: (folder / "file").rename(folder / "moved"),
            lambda: (folder / "link").symlink_to("file"),
            lambda: (folder / "new").mkdir(),
        ]
        return [(folder / "file").read_text(), sorted(os.listdir(folder)), *map(error_of, changes)]

    assert fenced([folder], [], act) == ["text", ["below", "file"], *["EACCES"] * 7]


def test_writable_folders_take_every_change_but_devices(tree: Path) -> None:
    folder = tree / "writable"

    def act() -> str:
        (folder / "file").write_text("other")
        (folder / "below" / "new").write_text("new")
        os.truncate(folder / "file", 1)
        (folder / "made").mkdir()
        (folder / "link").symlink_to("file")
        os.mkfifo(folder / "pipe")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(folder / "socket"))
        (folder / "below" / "new").rename(folder / "below" / "renamed")
        (folder / "below" / "renamed").unlink()
        (folder / "below").rmdir()
        assert (folder / "file").read_text() == "o"
        return error_of(lambda: os.mknod(folder / "device", stat.S_IFCHR | 0o600, os.makedev(1, 3)))

    assert fenced([], [folder], act) in ("EACCES", "EPERM")  # EPERM: an ordinary user never may


@since(2)
def test_files_move_between_writable_folders_only(tree: Path) -> None:
    def act() -> list[str]:
        (tree / "writable" / "file").rename(tree / "writable" / "below" / "file")
        into = error_of(lambda: (tree / "readable" / "file").rename(tree / "writable" / "taken"))
        out = error_of(lambda: (tree / "writable" / "below" / "file").rename(tree / "outside" / "given"))
        linked = error_of(lambda: os.link(tree / "readable" / "file", tree / "writable" / "linked"))
        return [into, out, linked]

    refused = fenced([tree / "readable"], [tree / "writable"], act)
    assert set(refused) <= {"EACCES", "EXDEV"}


def test_nothing_outside_is_open(tree: Path) -> None:
    outside, writable = tree / "outside", tree / "writable"

    def act() -> list[str]:
        (writable / "link").symlink_to(outside / "file")
        ways: list[Callable[[], object]] = [
            lambda: (outside / "file").read_text(),
            lambda: (writable / "link").read_text(),
            lambda: (writable / ".." / "outside" / "file").read_text(),
            lambda: os.listdir(outside),
            lambda: os.listdir("/"),
            lambda: (outside / "new").touch(),
            Path("/etc/passwd").read_text,
        ]
        return [error_of(way) for way in ways]

    assert fenced([tree / "readable"], [writable], act) == ["EACCES"] * 7


@since(3)
def test_files_outside_are_not_emptied(tree: Path) -> None:
    assert fenced([tree / "readable"], [], lambda: error_of(lambda: os.truncate(tree / "readable" / "file", 0))) == "EACCES"


def test_single_files_can_be_listed_and_missing_ones_are_skipped(tree: Path) -> None:
    def act() -> list[str]:
        (tree / "outside" / "file").read_text()
        (tree / "writable" / "file").write_text("other")
        with open("/dev/null", "w") as null:
            null.write("x")
        return [error_of(lambda: (tree / "outside" / "file").write_text("other")), error_of(lambda: (tree / "writable" / "new").touch())]

    readable = [tree / "outside" / "file", tree / "missing", Path("/missing/too")]
    assert fenced(readable, [tree / "writable" / "file", Path("/dev/null")], act) == ["EACCES", "EACCES"]


def test_links_in_the_lists_are_followed(tree: Path) -> None:
    (tree / "link").symlink_to(tree / "outside")
    assert fenced([tree / "link"], [], (tree / "outside" / "file").read_text) == "text"


def test_programs_start_only_from_listed_folders(tree: Path) -> None:
    system = [Path("/usr"), Path("/bin"), Path("/lib"), Path("/lib64"), Path("/etc/ld.so.cache")]
    assert fenced(system, [], lambda: subprocess.run(["/bin/true"]).returncode) == 0
    assert fenced([tree], [], lambda: error_of(lambda: subprocess.run(["/bin/true"]))) == "EACCES"


def test_children_are_inside_too(tree: Path) -> None:
    assert fenced([], [], lambda: in_child(lambda: error_of(lambda: (tree / "outside" / "file").read_text()))) == "EACCES"


@since(4)
def test_no_tcp() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def act() -> list[str]:
            client, another = socket.socket(), socket.socket()
            return [error_of(lambda: client.connect(server.getsockname())), error_of(lambda: another.bind(("127.0.0.1", 0)))]

        assert fenced([], [], act) == ["EACCES", "EACCES"]


@since(5)
def test_devices_take_ioctl_only_where_they_can_be_written() -> None:
    def act() -> str:
        with open("/dev/ptmx", "rb", buffering=0) as terminal:
            return error_of(lambda: fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(8)))

    assert fenced([Path("/dev")], [], act) == "EACCES"
    assert fenced([], [Path("/dev")], act) == ""


@since(6)
def test_no_abstract_sockets_of_others() -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0autograder-test-" + str(os.getpid()))
        server.listen()

        def act() -> str:
            with socket.socket(socket.AF_UNIX) as client:
                return error_of(lambda: client.connect(server.getsockname()))

        assert in_child(act) == ""
        assert fenced([], [], act) == "EPERM"


@since(6)
def test_signals_reach_only_processes_inside() -> None:
    outside = os.getpid()

    def act() -> list[str]:
        child = os.fork()
        if child == 0:
            signal.pause()
            os._exit(1)
        inside = error_of(lambda: os.kill(child, signal.SIGKILL))
        os.waitpid(child, 0)
        return [inside, error_of(lambda: os.kill(outside, 0))]

    assert fenced([], [], act) == ["", "EPERM"]


def test_processes_of_the_same_user_outside_are_not_read() -> None:
    def as_ordinary_user() -> list[str]:
        if os.geteuid() == 0:  # which may look at the memory of all
            syscalls.become(NOBODY, NOBODY)
            syscalls.dumpable()
        environment = Path(f"/proc/{os.getpid()}/environ")
        return [in_child(lambda: error_of(environment.read_bytes)), fenced([Path("/proc")], [], lambda: error_of(environment.read_bytes))]

    assert in_child(as_ordinary_user) == ["", "EACCES"]


@needs_root
def test_an_ordinary_user_must_forbid_new_privileges_first() -> None:
    def act() -> str:
        syscalls.become(NOBODY, NOBODY)
        return error_of(lambda: landlock.restrict([], []))

    assert in_child(act) == "EPERM"


@pytest.mark.parametrize("version", range(1, ABI + 1))
def test_what_older_kernels_understand_is_understood(version: int, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel accepts what any ABI before its own would have been given."""
    monkeypatch.setattr(landlock, "abi", lambda: version)

    def act() -> list[str]:
        (tree / "writable" / "new").touch()
        return [error_of(lambda: (tree / "outside" / "file").read_text()), error_of(lambda: (tree / "readable" / "file").write_text(""))]

    assert fenced([tree / "readable"], [tree / "writable"], act) == ["EACCES", "EACCES"]


def test_absence_is_said_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: 0)
    with pytest.raises(MachineError) as caught:
        landlock.restrict([], [])
    assert "5.13" in caught.value.cure
