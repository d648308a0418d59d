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
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autograder.errors import MachineError, UsageError
from autograder.hub.accounts import make_accounts, remove_accounts
from autograder.hub.demo_plan import CHECKOUT, PACKAGE, Plan, prepare, read_plan
from autograder.hub.opened import open_to_accounts, shut_folders
from autograder.hub.processes import Processes

SERVICE_NAME = "autograder"
_STARTS_S = 90


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
            make_users(plan)
            release(plan, processes)
            hub = start_hub(plan, processes, ended)
            start_service(plan, processes, ended)
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


def make_users(plan: Plan) -> None:
    """Accounts where the plan has some, homes, and the exchange's root."""
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


def release(plan: Plan, processes: Processes) -> None:
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


def start_hub(plan: Plan, processes: Processes, ended: threading.Event) -> subprocess.Popen[bytes]:
    """JupyterHub and its proxy; answers when they do."""
    print("Starting the hub …", flush=True)
    user = "root" if plan.accounts else os.environ.get("USER", "user")
    environment = {**_environment(plan, user), "HOME": str(plan.root), "CONFIGPROXY_AUTH_TOKEN": secrets.token_hex(32)}
    command = [sys.executable, "-m", "jupyterhub", "--config", str(plan.root / "jupyterhub_config.py")]
    hub = processes.start("hub", command, cwd=plan.root, env=environment)
    processes.answers(hub, f"{plan.address}hub/api/", _STARTS_S, ended)
    return hub


def start_service(plan: Plan, processes: Processes, ended: threading.Event) -> subprocess.Popen[bytes]:
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
    return service


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


if __name__ == "__main__":
    sys.exit(main())
