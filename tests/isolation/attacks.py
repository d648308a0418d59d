"""What a notebook might try, one function body each: it returns what it achieved, and raises or returns nothing where it is held."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.isolation.running import Place, to_literal


@dataclass(frozen=True)
class Attack:
    """`open_at`: levels at which it must succeed, by the level's nature; at level 0 that shows that it would be noticed elsewhere.

    `capability`: what it takes without isolation, so that the level 0 of an account without it shows nothing.
    """

    name: str
    body: str
    open_at: tuple[int, ...] = (0,)
    capability: int | None = None

    def opens(self, level: int) -> bool:
        return level in self.open_at

    def possible_here(self) -> bool:
        """Whether this account and this machine have what the attack needs."""
        held = self.capability is None or bool(_CAPABILITIES >> self.capability & 1)
        return held and _MACHINE_HAS.get(self.name, lambda: True)()


def _own_capabilities() -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1], 16) for line in lines if line.startswith("CapEff"))


_CAPABILITIES = _own_capabilities()
_DAC_OVERRIDE, _SYS_NICE, _SYS_RESOURCE, _MKNOD = 1, 23, 24, 27


def _has_user_namespaces() -> bool:
    return subprocess.run(["unshare", "-Urm", "true"], capture_output=True).returncode == 0


_MACHINE_HAS: dict[str, Callable[[], bool]] = {
    # By os.walk, which passes over folders that somebody else removes meanwhile.
    "devices": lambda: any(Path(folder, name).is_block_device() for folder, _, names in os.walk("/dev") for name in names),
    "control_groups": lambda: any(os.access(Path(folder, "cgroup.procs"), os.W_OK) for folder, _, _ in os.walk("/sys/fs/cgroup")),
    "user_namespace": _has_user_namespaces,
    "mount": _has_user_namespaces,
}


def _reading(secret: str) -> Attack:
    return Attack(f"read_{secret}", f"return CANARY in open(SECRETS['{secret}']).read()")


_READABLE = ("graders", "solutions", "gradebook", "other_submission", "record", "run", "seed", "configuration")

ATTACKS = [
    *(_reading(secret) for secret in (*_READABLE, "hidden_images", "hidden_labels")),
    Attack(
        "list_course",
        "return set(os.listdir(COURSE)) - {'.autograder'} or set(os.listdir(COURSE + '/.autograder')) - {'data', 'matplotlib'}",
    ),
    Attack("command_environment", "return open(f'/proc/{COMMAND}/environ', 'rb').read()"),
    Attack("command_line", "return open(f'/proc/{COMMAND}/cmdline', 'rb').read()", open_at=(1, 0)),
    Attack(
        "command_files",
        """
        for name in os.listdir(f"/proc/{COMMAND}/fd"):
            try:
                return os.readlink(f"/proc/{COMMAND}/fd/{name}")
            except FileNotFoundError:  # closed meanwhile
                pass
        """,
    ),
    Attack("parent_environment", "return open(f'/proc/{os.getppid()}/environ', 'rb').read()"),
    Attack(
        "through_other_roots",
        """
        for pid in ["self", *filter(str.isdigit, os.listdir("/proc"))]:
            try:
                if CANARY in open(f"/proc/{pid}/root{SECRETS['seed']}").read():
                    return pid
            except OSError:
                pass
        """,
    ),
    Attack("hard_link", "os.link(SECRETS['seed'], 'linked')\nreturn CANARY in open('linked').read()"),
    Attack("write_course", "open(f'{COURSE}/written', 'w').close()\nos.unlink(f'{COURSE}/written')\nreturn 'written'"),
    Attack("write_data", "os.close(os.open(DATA + '/x_test.npy', os.O_WRONLY))\nreturn 'opened'"),
    Attack("replace_data", "os.rename(DATA + '/x_test.npy', DATA + '/x')\nos.rename(DATA + '/x', DATA + '/x_test.npy')\nreturn 'renamed'"),
    Attack("file_modes", "os.chmod(SECRETS['seed'], 0o644)\nreturn 'changed'", open_at=(1, 0)),
    Attack(
        "write_system", "os.close(os.open('/usr/lib/os-release', os.O_WRONLY | os.O_APPEND))\nreturn 'opened'", capability=_DAC_OVERRIDE
    ),
    Attack(
        "devices",
        """
        for folder, _, names in os.walk("/dev"):
            for name in names:
                path = os.path.join(folder, name)
                try:
                    if stat.S_ISBLK(os.stat(path).st_mode):
                        os.close(os.open(path, os.O_RDONLY))
                        return path
                except OSError:
                    pass
        """,
        capability=_DAC_OVERRIDE,
    ),
    Attack("make_device", "os.mknod('node', stat.S_IFCHR | 0o600, os.makedev(1, 1))\nreturn 'made'", capability=_MKNOD),
    Attack(
        "kernel_settings",
        """
        for folder, _, names in os.walk("/proc/sys"):
            for name in names:
                try:
                    with open(os.path.join(folder, name), "r+b", buffering=0) as stream:
                        same = stream.read()
                        stream.seek(0)
                        stream.write(same)
                    return name
                except OSError:
                    pass
        """,
        capability=_DAC_OVERRIDE,
    ),
    Attack(
        "control_groups",
        """
        for folder, _, names in os.walk("/sys/fs/cgroup"):
            for name in names:
                try:
                    os.close(os.open(os.path.join(folder, name), os.O_WRONLY))
                    return name
                except OSError:
                    pass
        """,
        capability=_DAC_OVERRIDE,
    ),
    Attack("connect", "socket.create_connection(('127.0.0.1', PORT), timeout=10).close()\nreturn 'connected'"),
    Attack("datagram", "return socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', DATAGRAM_PORT))"),
    Attack("listen", "socket.create_server(('127.0.0.1', 0)).close()\nreturn 'listens'"),
    Attack("socket_file", "socket.socket(socket.AF_UNIX).connect(SOCKET_FILE)\nreturn 'connected'", open_at=(1, 0)),
    Attack("abstract_socket", "socket.socket(socket.AF_UNIX).connect(chr(0) + ABSTRACT)\nreturn 'connected'"),
    Attack("signal_command", "os.kill(COMMAND, 0)\nreturn 'allowed'"),
    Attack("signal_victim", "os.kill(VICTIM, signal.SIGCONT)\nreturn 'allowed'"),
    Attack("signal_parents", "[os.kill(pid, 0) for pid in {os.getppid(), os.getsid(0)} - {0, 1, os.getpid()}][0]\nreturn 'allowed'"),
    Attack("see_processes", "return len([pid for pid in os.listdir('/proc') if pid.isdigit()]) > 8", open_at=(1, 0)),
    Attack(
        "trace",
        """
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
        attached = LIBC.ptrace(16, child.pid, 0, 0) == 0
        child.kill()
        child.wait()
        return attached
        """,
    ),
    Attack("user_namespace", "return subprocess.run(['unshare', '--user', 'true'], capture_output=True).returncode == 0"),
    Attack("mount", "return subprocess.run(['unshare', '-Urm', 'mount', '-t', 'tmpfs', 'x', '/mnt'], capture_output=True).returncode == 0"),
    Attack("new_privileges", "return status('NoNewPrivs') == '0'"),
    Attack("capabilities", "return int(status('CapEff'), 16) or int(status('CapPrm'), 16)", capability=_DAC_OVERRIDE),
    Attack("system_calls_unfiltered", "return status('Seccomp') == '0'"),
    Attack(
        "shared_memory_for_ever",
        """
        segment = LIBC.shmget(0, 4096, 0o1600)
        if segment >= 0:
            LIBC.shmctl(segment, 0, 0)
            return "made"
        """,
    ),
    Attack("keyring", "return LIBC.syscall(KEYCTL, 0, -3, 1) > 0"),
    Attack(
        "raise_limits",
        """
        for name in ("CORE", "NOFILE", "DATA", "FSIZE", "CPU"):
            kind = getattr(resource, f"RLIMIT_{name}")
            soft, hard = resource.getrlimit(kind)
            resource.setrlimit(kind, (soft, hard + 1))
            return name
        """,
        capability=_SYS_RESOURCE,
    ),
    Attack("raise_priority", "os.nice(-1)\nreturn 'raised'", capability=_SYS_NICE),
]

PRELUDE = """
import ctypes, json, os, platform, resource, signal, socket, stat, subprocess
LIBC = ctypes.CDLL(None, use_errno=True)
KEYCTL = {"x86_64": 250, "aarch64": 219}[platform.machine()]
RESULTS = {}

def status(field):
    lines = open("/proc/self/status").read().splitlines()
    return dict(line.split(":\\t", 1) for line in lines if ":\\t" in line)[field].strip()
"""


def cells_of(attacks: list[Attack], targets: dict[str, object]) -> list[str]:
    """One cell for each attack; the last one prints what each achieved, as JSON."""
    known = "".join(f"{name} = {to_literal(value)}\n" for name, value in targets.items())
    cells = [PRELUDE + known]
    for attack in attacks:
        body, result = textwrap.indent(textwrap.dedent(attack.body).strip(), "    "), f"RESULTS['{attack.name}']"
        cells.append(f"def attack():\n{body}\ntry:\n    {result} = str(attack() or '')\nexcept Exception:\n    {result} = ''")
    return [*cells, "print(json.dumps(RESULTS))"]


@contextmanager
def targets_in(place: Place, command: int, victim: int) -> Iterator[dict[str, object]]:
    """Things outside that the attacks aim at, and where they are."""
    with (
        tempfile.TemporaryDirectory(prefix="isolation-") as folder,
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        socket.socket(socket.AF_UNIX) as filed,
        socket.socket(socket.AF_UNIX) as named,
    ):
        datagrams.bind(("127.0.0.1", 0))
        filed.bind(f"{folder}/socket")
        named.bind(f"\0{place.canary}")
        filed.listen()
        named.listen()
        Path(folder).chmod(0o755)
        Path(folder, "socket").chmod(0o777)
        yield {
            "CANARY": place.canary,
            "COURSE": str(place.root),
            "DATA": str(place.split.student),
            "SECRETS": {name: str(path) for name, path in place.secrets.items()},
            "COMMAND": command,
            "VICTIM": victim,
            "PORT": server.getsockname()[1],
            "DATAGRAM_PORT": datagrams.getsockname()[1],
            "SOCKET_FILE": f"{folder}/socket",
            "ABSTRACT": place.canary,
        }
