"""A whole hub on loopback, for trying out and for tests: `python -m autograder.hub.demo`, or `make hub`.

JupyterHub with its proxy, nbgrader's directory exchange, the demo course, two students, an instructor, and the service beside it. The
hub's configuration is the one that docs/hub.md describes; only names, ports and how people sign in are the demo's.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from autograder.errors import MachineError, UsageError
from autograder.files import write_atomic
from autograder.hub.accounts import make_accounts, remove_accounts
from autograder.hub.opened import open_to_accounts, shut_folders
from autograder.hub.processes import Processes

PACKAGE = Path(__file__).resolve().parents[1]
CHECKOUT = PACKAGE.parent
SERVICE_NAME = "autograder"
_COURSE = ("grading_config.py", "nbgrader_config.py", "source_assignments", "graders", "solutions")
_MARK = ".hub-demo"
_STARTS_S = 90


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


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m autograder.hub.demo`: runs until Ctrl-C, or until standard input ends when --until-closed is given."""
    parser = argparse.ArgumentParser(prog="make hub", description="A JupyterHub with the autograder on this machine, for trying out.")
    parser.add_argument(
        "--into", type=Path, default=Path("hub_demo"), help="folder of the demo, made anew each time (default: %(default)s)"
    )
    parser.add_argument("--port", type=int, default=8000, help="where people sign in; 0: any free one (default: %(default)s)")
    parser.add_argument("--assignment", default="first_dense_network", help="what is released to the students")
    parser.add_argument("--proxy", type=Path, default=CHECKOUT / ".venv/hub-proxy", help="folder with configurable-http-proxy")
    parser.add_argument("--one-account", action="store_true", help="make no Linux accounts, even as root")
    parser.add_argument("--until-closed", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    try:
        if options.serve:
            return serve(read_plan(options.into), options.until_closed)
        plan = prepare(options.into.absolute(), options.port, options.assignment, options.proxy.absolute(), options.one_account)
        return _continue(plan, options.until_closed)
    except (UsageError, MachineError) as error:
        print(error, file=sys.stderr)
        return error.exit_status


# --- first half: what lies in folders ---------------------------------------------------------------------------------


def prepare(folder: Path, port: int, assignment: str, proxy: Path, one_account: bool) -> Plan:
    """Makes the folder with course, configuration and passwords."""
    _fresh(folder)
    accounts = os.getuid() == 0 and not one_account
    names = ("ana-demo", "bo-demo", "garcia-demo")
    plan = Plan(
        folder=str(folder),
        course="keras-digits",
        assignment=assignment,
        accounts=accounts,
        students=names[:2],
        instructor=names[2],
        passwords={name: secrets.token_urlsafe(9) for name in names},
        ports=_ports(port),
        proxy=_proxy_command(proxy),
    )
    for name in _COURSE:
        _copy(CHECKOUT / name, plan.course_folder / name)
    (folder / "keras/datasets").mkdir(parents=True)  # for data files that all servers share: there are none to share here
    _grade_on_digits(plan.course_folder / "grading_config.py")
    shutil.copy(CHECKOUT / "docs/hub/jupyterhub_config.py", folder / "site_config.py")
    write_atomic(plan.token_file, secrets.token_hex(32), 0o600)
    write_atomic(folder / "demo.json", json.dumps(asdict(plan)), 0o600)
    write_atomic(folder / "jupyterhub_config.py", _CONFIG, 0o600)
    return plan


def read_plan(folder: Path) -> Plan:
    """The plan that `prepare` left."""
    found: dict[str, Any] = json.loads((folder / "demo.json").read_text(encoding="utf-8"))
    return Plan(**{**found, **{key: tuple(found[key]) for key in ("students", "ports", "proxy")}})


def _fresh(folder: Path) -> None:
    if folder.exists():
        if not (folder / _MARK).exists() and any(folder.iterdir()):
            raise UsageError(f"The folder '{folder}' exists and was not made by this demo.", "Name another one with --into DIR.")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    folder.chmod(0o711)  # users reach their homes and the exchange in it
    (folder / _MARK).touch()


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


def _ports(port: int) -> tuple[int, int, int, int]:
    """Free ports on loopback, the first one as asked for."""
    sockets = [socket.socket() for _ in range(4)]
    try:
        for number, each in enumerate(sockets):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            each.bind(("127.0.0.1", port if number == 0 else 0))
        one, two, three, four = (each.getsockname()[1] for each in sockets)
        return one, two, three, four
    except OSError as error:
        raise UsageError(
            f"Port {port} cannot be used: {error.strerror}.", "Name another one: make hub HUB_OPTIONS='--port 8100'."
        ) from None
    finally:
        for each in sockets:
            each.close()


def _proxy_command(folder: Path) -> tuple[str, ...]:
    node, script = shutil.which("node"), folder / "node_modules/configurable-http-proxy/bin/configurable-http-proxy"
    if node is None or not script.is_file():
        raise UsageError("The hub's proxy is not installed.", "Call `make hub`, which installs it; it needs node and npm: apt install npm.")
    return node, str(script)


def _continue(plan: Plan, until_closed: bool) -> int:
    """Goes on with the second half, where the users' accounts can read Python and the demo's folder."""
    command = [sys.executable, "-m", "autograder.hub.demo", "--serve", "--into", plan.folder, *(["--until-closed"] if until_closed else [])]
    needed = [Path(sys.prefix), Path(sys.base_prefix), PACKAGE, Path(plan.proxy[1]).parents[3], plan.root]
    shut = shut_folders(needed) if plan.accounts else ()
    sys.stdout.flush()
    if shut:
        print(f"Other accounts cannot read {', '.join(map(str, shut))}: this demo sees them with only what it needs in them.", flush=True)
        open_to_accounts(shut, needed, command)
    os.execv(command[0], command)


# --- second half: what runs -------------------------------------------------------------------------------------------


def serve(plan: Plan, until_closed: bool = False) -> int:
    """Starts everything, says where, and ends everything again."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    if until_closed:
        threading.Thread(target=_when_closed, args=(ended,), daemon=True).start()
    _adopt_orphans()
    with Processes(plan.root / "logs") as processes:
        try:
            _make_users(plan)
            _release(plan, processes)
            hub = _start_hub(plan, processes, ended)
            _start_service(plan, processes, ended)
            if not ended.is_set():
                print(_welcome(plan), flush=True)
            processes.wait(ended, hub)
        finally:
            processes.end()
            if plan.accounts:
                remove_accounts(plan.users)
    print("Everything has ended.", flush=True)
    return 0


def _when_closed(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


def _make_users(plan: Plan) -> None:
    made = make_accounts(plan.users, plan.root / "homes") if plan.accounts else ()
    if not plan.accounts:
        for user in plan.users:
            plan.home(user).mkdir(parents=True, exist_ok=True)
    exchange = plan.root / "exchange"
    exchange.mkdir(exist_ok=True)
    exchange.chmod(0o1777)
    (plan.root / "keras").mkdir(exist_ok=True)
    plan.course_folder.chmod(0o700)
    if plan.accounts:
        owner = next(each for each in made if each.name == plan.instructor)
        for path in (plan.course_folder, *plan.course_folder.rglob("*"), plan.token_file):
            os.chown(path, owner.uid, owner.gid)
    link = plan.home(plan.instructor) / "course"
    link.symlink_to(plan.course_folder)


def _environment(plan: Plan, user: str) -> dict[str, str]:
    """What a process of this user gets from us: nothing of the caller's but what programs need."""
    kept = {key: os.environ[key] for key in ("LANG", "LC_ALL", "TMPDIR", "TF_CPP_MIN_LOG_LEVEL") if key in os.environ}
    path = f"{Path(sys.executable).parent}:{Path(plan.proxy[0]).parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    return {**kept, "PATH": path, "USER": user, "LOGNAME": user, "HOME": str(plan.home(user)), "PYTHONUNBUFFERED": "1"}


def _as_instructor(plan: Plan) -> dict[str, Any]:
    """Arguments of Popen for a process of the instructor in the course's folder."""
    account = {"user": plan.instructor, "group": plan.instructor, "extra_groups": []} if plan.accounts else {}
    settings = plan.root / "jupyter" / f"formgrade-{plan.course}"
    environment = {**_environment(plan, plan.instructor), "JUPYTER_CONFIG_PATH": str(settings)}
    return {"cwd": plan.course_folder, "env": environment, **account}


def _release(plan: Plan, processes: Processes) -> None:
    """The student version, made by our command and put into the exchange by nbgrader's."""
    python = sys.executable
    nbgrader = plan.root / "jupyter" / f"formgrade-{plan.course}" / "nbgrader_config.json"
    nbgrader.parent.mkdir(parents=True, exist_ok=True)
    nbgrader.write_text(
        json.dumps({"CourseDirectory": {"course_id": plan.course}, "Exchange": {"root": str(plan.root / "exchange")}}), encoding="utf-8"
    )
    print(f"Releasing '{plan.assignment}' to the students …", flush=True)
    processes.run("release", [python, "-m", "autograder.cli", "release", plan.assignment], **_as_instructor(plan))
    processes.run("exchange", [python, "-m", "nbgrader", "release_assignment", plan.assignment, "--force"], **_as_instructor(plan))


def _start_hub(plan: Plan, processes: Processes, ended: threading.Event) -> subprocess.Popen[bytes]:
    print("Starting the hub …", flush=True)
    user = "root" if plan.accounts else os.environ.get("USER", "user")
    environment = {**_environment(plan, user), "HOME": str(plan.root), "CONFIGPROXY_AUTH_TOKEN": secrets.token_hex(32)}
    command = [sys.executable, "-m", "jupyterhub", "--config", str(plan.root / "jupyterhub_config.py")]
    hub = processes.start("hub", command, cwd=plan.root, env=environment)
    processes.answers(hub, f"{plan.address}hub/api/", _STARTS_S, ended)
    return hub


def _start_service(plan: Plan, processes: Processes, ended: threading.Event) -> None:
    """The service, unmanaged: the hub knows its address and its token, and nothing more."""
    command = [sys.executable, "-m", "autograder.cli", "hub", "serve", "--exchange", str(plan.root / "exchange")]
    command += ["--port", str(plan.ports[3])]
    arguments = _as_instructor(plan)
    arguments["env"] |= {
        "JUPYTERHUB_API_URL": f"http://127.0.0.1:{plan.ports[2]}/hub/api",
        "JUPYTERHUB_API_TOKEN": plan.token_file.read_text(encoding="utf-8"),  # an environment is its account's alone
    }
    service = processes.start("service", command, **arguments)
    processes.answers(service, f"http://127.0.0.1:{plan.ports[3]}/services/{SERVICE_NAME}/health", _STARTS_S, ended)


def _welcome(plan: Plan) -> str:
    lines = [f"\nJupyterHub: {plan.address}", f"Service:    {plan.address}services/{SERVICE_NAME}/", ""]
    lines += [f"  {name:<14} {password}" for name, password in plan.passwords.items()]
    if not plan.accounts:
        lines += ["", "All users share one Linux account here: pages work, but whose a submission is cannot be told."]
    return "\n".join([*lines, "", f"Logs: {plan.root / 'logs'}. Ctrl-C ends everything.", "READY"])


def _adopt_orphans() -> None:
    """Processes whose parent ends become ours, so that none is lost from sight."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0)


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


if __name__ == "__main__":
    sys.exit(main())
