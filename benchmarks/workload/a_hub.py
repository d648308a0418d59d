"""A real JupyterHub with its proxy, for bench_hub.py: configured as docs/hub.md says; each user has a token that signs them in."""

from __future__ import annotations

import secrets
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from measuring import clean_environment

from autograder.hub.demo_plan import Plan, configure, free_ports, proxy_command
from autograder.hub.processes import Processes

_STARTS_S = 180


@dataclass(frozen=True)
class RealHub:
    """Where it answers, where it looks for the service, and whose token is which."""

    address: str
    api_url: str
    service_port: int
    service_token: str
    tokens: dict[str, str]


@contextmanager
def real_hub(
    folder: Path, course: str, students: Sequence[str], instructor: str, proxy: Path, joins: Callable[[], None]
) -> Iterator[RealHub]:
    """Runs until the block ends. `proxy`: folder of configurable-http-proxy; `joins` is called in each process before it begins."""
    folder.mkdir()
    plan = Plan(str(folder), course, "", False, tuple(students), instructor, {}, free_ports(0), proxy_command(proxy))
    configure(plan)
    tokens = {name: secrets.token_hex(32) for name in plan.users}
    config = folder / "jupyterhub_config.py"
    tokens_of = {token: name for name, token in tokens.items()}
    own = f"c.JupyterHub.api_tokens = {tokens_of!r}\nc.JupyterHub.trust_user_provided_tokens = True\n"
    config.write_text(config.read_text(encoding="utf-8") + own, encoding="utf-8")
    environment = {**clean_environment(), "CONFIGPROXY_AUTH_TOKEN": secrets.token_hex(32)}
    with Processes(folder / "logs") as processes:
        command = [sys.executable, "-m", "jupyterhub", "--config", str(config)]
        hub = processes.start("hub", command, cwd=folder, env=environment, preexec_fn=joins)
        processes.answers(hub, f"{plan.address}hub/api/", _STARTS_S, threading.Event())
        api_url = f"http://127.0.0.1:{plan.ports[2]}/hub/api"
        yield RealHub(plan.address, api_url, plan.ports[3], plan.token_file.read_text(encoding="utf-8"), tokens)
