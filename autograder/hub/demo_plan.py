"""What a demo consists of, and all of it that lies in folders: course, configuration, passwords."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from autograder.errors import UsageError
from autograder.files import write_atomic
from autograder.hub.accounts import free_names

PACKAGE = Path(__file__).resolve().parents[1]
CHECKOUT = PACKAGE.parent
_NAMES = ("ana-demo", "bo-demo", "garcia-demo")
_COURSE = ("grading_config.py", "nbgrader_config.py", "source_assignments", "graders", "solutions")
_MARK = ".hub-demo"


@dataclass(frozen=True)
class Plan:
    """All that the second half of the start needs to know, kept in `demo.json` (0600).

    `accounts`: whether each user has a Linux account of their own; `ports` are those of proxy, proxy's API, hub and service.
    """

    folder: str
    course: str
    assignment: str
    accounts: bool
    students: tuple[str, ...]
    instructor: str
    passwords: dict[str, str]
    ports: tuple[int, int, int, int]
    proxy: tuple[str, ...]

    @property
    def root(self) -> Path:
        return Path(self.folder)

    @property
    def address(self) -> str:
        """Where people sign in."""
        return f"http://127.0.0.1:{self.ports[0]}/"

    @property
    def course_folder(self) -> Path:
        """The instructor's: nobody else can read it."""
        return self.root / "course"

    @property
    def token_file(self) -> Path:
        return self.root / "token"

    @property
    def users(self) -> tuple[str, ...]:
        return (*self.students, self.instructor)

    def home(self, user: str) -> Path:
        return self.root / "homes" / user


def prepare(folder: Path, port: int, assignment: str, proxy: Path, one_account: bool) -> Plan:
    """Makes the folder with course, configuration and passwords."""
    _fresh(folder)
    accounts = os.getuid() == 0 and not one_account
    names = free_names(_NAMES) if accounts else _NAMES
    plan = Plan(
        folder=str(folder),
        course="keras-digits",
        assignment=assignment,
        accounts=accounts,
        students=names[:2],
        instructor=names[2],
        passwords={name: secrets.token_urlsafe(9) for name in names},
        ports=free_ports(port),
        proxy=proxy_command(proxy),
    )
    for name in _COURSE:
        _copy(CHECKOUT / name, plan.course_folder / name)
    (folder / "keras/datasets").mkdir(parents=True)  # for data files that all servers share: there are none to share here
    _grade_on_digits(plan.course_folder / "grading_config.py")
    configure(plan)
    return plan


def configure(plan: Plan) -> None:
    """Writes the hub's configuration, the documented one with this plan's names and ports, and the service's token."""
    shutil.copy(CHECKOUT / "docs/hub/jupyterhub_config.py", plan.root / "site_config.py")
    write_atomic(plan.token_file, secrets.token_hex(32), 0o600)
    write_atomic(plan.root / "demo.json", json.dumps(asdict(plan)), 0o600)
    write_atomic(plan.root / "jupyterhub_config.py", _CONFIG, 0o600)


def read_plan(folder: Path) -> Plan:
    """The plan that `prepare` left."""
    found: dict[str, Any] = json.loads((folder / "demo.json").read_text(encoding="utf-8"))
    return Plan(**{**found, **{key: tuple(found[key]) for key in ("students", "ports", "proxy")}})


def _fresh(folder: Path) -> None:
    """Empties the folder of an earlier demo, or makes one. It is this process's until that ends, also after `exec`."""
    mark = folder / _MARK
    if folder.exists() and not mark.exists() and any(folder.iterdir()):
        raise UsageError(f"The folder '{folder}' exists and was not made by this demo.", "Name another one with --into DIR.")
    folder.mkdir(parents=True, exist_ok=True)
    held = os.open(mark, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        raise UsageError(f"A demo runs in '{folder}'.", "End it with Ctrl-C, or name another folder with --into DIR.") from None
    os.set_inheritable(held, True)
    for each in folder.iterdir():
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
        elif each != mark:
            each.unlink()
    folder.chmod(0o711)  # users reach their homes and the exchange in it


def _copy(original: Path, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    if original.is_dir():
        shutil.copytree(original, copy, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    elif original.is_file():
        shutil.copy(original, copy)
    else:
        raise UsageError(f"'{original}' is missing.", "The demo runs from a checkout of the course: call `make hub` there.")


def _grade_on_digits(config: Path) -> None:
    """Seconds instead of minutes for each submission: the digits that come with scikit-learn."""
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("course = Course(\n", 'course = Course(\n    default_profile="smoke",\n', 1), encoding="utf-8")


def free_ports(port: int) -> tuple[int, int, int, int]:
    """Free ports on loopback, the first one as asked for. The system gives them to nobody else until this process ends, also after `exec`;
    programs that name them may listen there, as long as they set SO_REUSEADDR.
    """
    sockets = [socket.socket() for _ in range(4)]
    try:
        for number, each in enumerate(sockets):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            each.bind(("127.0.0.1", port if number == 0 else 0))
        one, two, three, four = (each.getsockname()[1] for each in sockets)
    except OSError as error:
        for each in sockets:
            each.close()
        raise UsageError(
            f"Port {port} cannot be used: {error.strerror}.", "Name another one: make hub HUB_OPTIONS='--port 8100'."
        ) from None
    for each in sockets:
        os.set_inheritable(each.detach(), True)  # for `exec`; programs that are started get no descriptors
    return one, two, three, four


def proxy_command(folder: Path) -> tuple[str, ...]:
    """How the proxy in that folder is started. Raises UsageError where it is not installed."""
    node, script = shutil.which("node"), folder / "node_modules/configurable-http-proxy/bin/configurable-http-proxy"
    if node is None or not script.is_file():
        raise UsageError("The hub's proxy is not installed.", "Call `make hub`, which installs it; it needs node and npm: apt install npm.")
    return node, str(script)


_CONFIG = '''"""The demo's hub: the configuration of docs/hub.md, then what differs for a demo."""

import hmac
import json
from pathlib import Path

from jupyterhub.auth import Authenticator

ROOT = Path(__file__).resolve().parent
PLAN = json.loads((ROOT / "demo.json").read_text())
PROXY, PROXY_API, HUB, SERVICE = PLAN["ports"]

site = (ROOT / "site_config.py").read_text()
for name, value in {
    "COURSE": repr(PLAN["course"]),
    "INSTRUCTORS": repr({PLAN["instructor"]}),
    "STUDENTS": repr(set(PLAN["students"])),
    "COURSE_FOLDER": f"Path({str(ROOT / 'course')!r})",
    "EXCHANGE": f"Path({str(ROOT / 'exchange')!r})",
    "DATA_CACHE": f"Path({str(ROOT / 'keras/datasets')!r})",
    "SETTINGS": f"Path({str(ROOT / 'jupyter')!r})",
    "TOKEN_FILE": f"Path({str(ROOT / 'token')!r})",
    "SERVICE": repr(f"http://127.0.0.1:{SERVICE}"),
}.items():
    lines = [line for line in site.splitlines() if line.startswith(f"{name} = ")]
    assert len(lines) == 1, f"docs/hub/jupyterhub_config.py has no line '{name} = …'"
    site = site.replace(lines[0], f"{name} = {value}")
exec(compile(site, str(ROOT / "site_config.py"), "exec"))


class Generated(Authenticator):
    """The passwords that the demo made."""

    async def authenticate(self, handler, data):
        right = PLAN["passwords"].get(data["username"], "")
        return data["username"] if right and hmac.compare_digest(right.encode(), data["password"].encode()) else None


c.JupyterHub.authenticator_class = Generated
c.JupyterHub.bind_url = f"http://127.0.0.1:{PROXY}"
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{HUB}"
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{PROXY_API}"
c.ConfigurableHTTPProxy.command = PLAN["proxy"]
c.ConfigurableHTTPProxy.pid_file = str(ROOT / "proxy.pid")
c.JupyterHub.cookie_secret_file = str(ROOT / "cookie_secret")
c.JupyterHub.db_url = f"sqlite:///{ROOT / 'hub.sqlite'}"
c.JupyterHub.cleanup_servers = True
c.Spawner.args = ["--allow-root"] if not PLAN["accounts"] else []
if not PLAN["accounts"]:
    c.JupyterHub.spawner_class = "simple"
    c.SimpleLocalProcessSpawner.home_dir_template = str(ROOT / "homes/{username}")
'''
