"""The file system and namespaces in which fork servers live: only what is listed here exists, and none of it can be written."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

WORK = Path("/sandbox")
_SYSTEM = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts", "/etc/ssl", "/etc/localtime")
_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
# nbgrader's exchange, if nobody moved it: it lies in what is shown, and holds what all students handed in.
EXCHANGES = ("/usr/local/share/nbgrader/exchange",)
_GPU = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset", "/dev/nvidia-caps")
_SERVER_MIB = 64
_VERSION_S = 30


def find_bubblewrap() -> str | None:
    """Path of `bwrap`, or None."""
    return shutil.which("bwrap")


def bubblewrap_version() -> str:
    """As the installed one tells it, or "another"."""
    try:
        told = subprocess.run(
            [find_bubblewrap() or "bwrap", "--version"], capture_output=True, text=True, timeout=_VERSION_S
        ).stdout.split()
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        told = []
    return told[-1] if told else "another"


def interpreter_paths() -> list[Path]:
    """Folders that this interpreter needs: its installation, its environment and this package, without what surrounds it."""
    package = Path(__file__).parents[1]
    places: list[str | Path] = [
        sys.prefix,
        sys.base_prefix,
        sys.exec_prefix,
        *site.getsitepackages(),
        os.path.realpath(sys.executable),
        package,
    ]
    return outermost([path for place in places for path in (Path(place), Path(place).resolve()) if path.exists()])


def outermost(paths: Iterable[Path]) -> list[Path]:
    """Without those that lie within another one, and without what belongs to the system anyway."""
    kept: list[Path] = []
    for path in sorted(set(paths)):
        if not any(path.is_relative_to(other) for other in (*kept, Path("/usr"))):
            kept.append(path)
    return kept


def shown_folders() -> list[Path]:
    """What every sandbox shows, whatever runs in it, without links: the system's folders and the interpreter's."""
    system = ["/usr", *(f"/{name}" for name in _MERGED), *_SYSTEM]
    return sorted({path.resolve() for path in (*map(Path, system), *interpreter_paths())})


def bubblewrap_arguments(program: str, readable: Iterable[Path], environment: dict[str, str], user_namespace: bool, gpu: bool) -> list[str]:
    """Everything before the command that bubblewrap runs.

    Capabilities stay, so that each fork can make namespaces of its own; it gives them up before it runs anything.
    """
    arguments = [program, "--die-with-parent", "--new-session", "--clearenv", "--unshare-pid", "--unshare-net", "--unshare-ipc"]
    arguments += ["--unshare-uts", "--unshare-cgroup-try", "--cap-add", "ALL"]
    if user_namespace:
        arguments += ["--unshare-user", "--uid", str(os.getuid()), "--gid", str(os.getgid())]
    arguments += ["--ro-bind", "/usr", "/usr"]
    for each in filter(os.path.isdir, EXCHANGES):
        arguments += ["--tmpfs", each, "--remount-ro", each]
    for name in _MERGED:
        place = Path("/", name)
        if place.is_symlink():
            arguments += ["--symlink", os.readlink(place), str(place)]
        elif place.is_dir():
            arguments += ["--ro-bind", str(place), str(place)]
    shown = outermost([*interpreter_paths(), *(path.absolute() for path in readable), *(Path(each) for each in _SYSTEM)])
    arguments += [word for parent in _parents([*shown, WORK / "x", Path("/tmp/x")]) for word in ("--perms", "0755", "--dir", str(parent))]
    for path in shown:
        arguments += ["--ro-bind-try", str(path), str(path)]
    arguments += ["--proc", "/proc", "--dev", "/dev"]
    if gpu:
        arguments += _gpu_arguments()
    arguments += ["--remount-ro", "/dev", "--size", str(_SERVER_MIB << 20), "--tmpfs", str(WORK), "--remount-ro", "/"]
    for name, value in environment.items():
        arguments += ["--setenv", name, value]
    return [*arguments, "--chdir", "/", "--"]


def _parents(paths: Iterable[Path]) -> list[Path]:
    """Folders above these paths, outermost first; bubblewrap as root would make them for root alone."""
    above = {parent for path in paths for parent in path.parents}
    return sorted(above - {Path("/"), Path("/usr")})


def _gpu_arguments() -> list[str]:
    """Device files of NVIDIA's driver, and what its libraries read. Facts: research on GPU in bubblewrap; see docs/administrators.md."""
    devices = [str(path) for path in sorted(Path("/dev").glob("nvidia[0-9]*"))] + [each for each in _GPU if os.path.exists(each)]
    arguments = [word for device in devices for word in ("--dev-bind", device, device)]
    return [*arguments, "--ro-bind-try", "/sys", "/sys"]
