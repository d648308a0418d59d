"""formgrader's autograde button: in a Jupyter server it only asks the service, which answers at once."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from autograder.errors import UsageError
from autograder.gradebook.queueing import enqueue, reachable, socket_file
from autograder.hub import doorbell
from autograder.hub.doorbell import answering, put_into_queue
from autograder.hub.processes import Processes
from tests.hub.world import ASSIGNMENT, World
from tests.ports import reserved_port

PAGES = "/services/autograder/"


@pytest.fixture(autouse=True)
def _as_garcia(no_autograder_variables: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_USER", "garcia")


@contextmanager
def listening(world: World) -> Iterator[None]:
    (world.store.root / "hub").mkdir(parents=True, exist_ok=True)
    with answering(world.service, PAGES):
        yield


def submitted(world: World, student: str = "ana") -> Path:
    return world.paths.submitted / student / ASSIGNMENT


def test_what_waits_is_told_its_place(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.submit("bo")
    receipt = world.submit("ana")
    with listening(world):
        said = enqueue(world.root, ASSIGNMENT, "ana")
    assert said.startswith("Not graded yet: queued, place 2")
    assert said.endswith(f"{PAGES}teach/submission/{receipt.id}")
    assert world.phases("ana") == ["queued"]
    assert world.grader.graded == []


def test_what_is_graded_is_graded_once_more(tmp_path: Path) -> None:
    world = World(tmp_path)
    receipt = world.submit("ana")
    world.service.dispatch()
    assert world.phases("ana") == ["graded"]
    with listening(world):
        assert "place 1" in enqueue(world.root, ASSIGNMENT, "ana")
        assert "place 1" in enqueue(world.root, ASSIGNMENT, "ana")  # pressed twice, it still has one place
    world.service.dispatch()
    assert world.grader.graded == [receipt.id] * 2


def test_what_waits_for_an_instructor_is_begun_alone(tmp_path: Path) -> None:
    world = World(tmp_path, "hub=Hub(instant=False)")
    world.submit("ana")
    world.submit("bo")
    with listening(world):
        assert "place 1" in enqueue(world.root, ASSIGNMENT, "ana")
    assert (world.phases("ana"), world.phases("bo")) == (["queued"], ["held"])
    orders = [json.loads(line) for line in (world.store.root / "hub" / ASSIGNMENT / "orders.jsonl").read_text().splitlines()]
    assert [(each["kind"], each["who"]) for each in orders] == [("start", "garcia")]


def test_what_the_service_did_not_receive_is_not_graded_by_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    with listening(world):
        with pytest.raises(UsageError, match="nothing of 'ana'") as refused:
            enqueue(world.root, ASSIGNMENT, "ana")
        assert "in a terminal: `nbgrader autograde tiny --student=ana`" in refused.value.cure
        with pytest.raises(UsageError, match="no assignment"):
            enqueue(world.root, "nothing", "ana")


def test_what_was_changed_in_submitted_is_not_silently_graded_as_it_was(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.submit("ana")
    assert "place 1" in put_into_queue(world.service, ASSIGNMENT, "ana", "garcia")
    (submitted(world) / "timestamp.txt").write_text("2026-02-01 13:00:00 UTC")  # `nbgrader collect` does so
    assert "place 1" in put_into_queue(world.service, ASSIGNMENT, "ana", "garcia")
    notebook = submitted(world) / "tiny.ipynb"
    notebook.write_text(notebook.read_text().replace("2 * n", "3 * n"))
    with pytest.raises(UsageError, match="is not what 'ana' submitted"):
        put_into_queue(world.service, ASSIGNMENT, "ana", "garcia")


def test_without_a_service_it_says_how_to_start_one(tmp_path: Path) -> None:
    world = World(tmp_path)
    with pytest.raises(UsageError, match="no service grades for this course") as missing:
        enqueue(world.root, ASSIGNMENT, "ana")
    assert f"autograder hub serve --course '{world.root}'" in missing.value.cure
    with listening(world):
        pass
    assert not socket_file(world.store.root).exists()
    with _left_behind(socket_file(world.store.root)), pytest.raises(UsageError, match="no service grades"):
        enqueue(world.root, ASSIGNMENT, "ana")
    with listening(world), pytest.raises(UsageError, match="nothing of"):  # it takes the place of one that was killed
        enqueue(world.root, ASSIGNMENT, "ana")


@contextmanager
def _left_behind(file: Path) -> Iterator[None]:
    """The socket's file of a service that was killed."""
    with reachable(file) as address, socket.socket(socket.AF_UNIX) as dead:
        dead.bind(address)
    yield


def test_nonsense_is_answered_and_does_no_harm(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.submit("ana")
    with listening(world):
        for sent in (b"\n", b"[1]\n", b'{"assignment": "tiny"}\n', b"\xff\n", b"x" * 16_384):
            with reachable(socket_file(world.store.root)) as address, socket.socket(socket.AF_UNIX) as connection:
                connection.connect(address)
                connection.sendall(sent)
                with connection.makefile("rb") as stream:
                    assert not json.loads(stream.readline())["ok"]
        assert "place 1" in enqueue(world.root, ASSIGNMENT, "ana")


def test_a_service_of_another_kind_is_an_error_in_words(tmp_path: Path) -> None:
    world = World(tmp_path)
    file = socket_file(world.store.root)
    file.parent.mkdir(parents=True, exist_ok=True)
    with reachable(file) as address, socket.socket(socket.AF_UNIX) as other:
        other.bind(address)
        other.listen()
        child = subprocess.Popen([sys.executable, "-c", _ENQUEUE, str(world.root)], stdout=subprocess.PIPE, text=True)
        connection, _ = other.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"hello\n")
        said, _ = child.communicate()
    assert said.startswith("MachineError: Nothing was graded: the service does not answer")


_ENQUEUE = """
import sys
from pathlib import Path
from autograder.gradebook.queueing import enqueue
try:
    print(enqueue(Path(sys.argv[1]), "tiny", "ana"))
except Exception as error:
    print(f"{type(error).__name__}: {error}")
"""


def test_only_who_may_write_into_the_store_may_ask(tmp_path: Path) -> None:
    world = World(tmp_path)
    folder = world.store.root / "hub"
    folder.mkdir(parents=True, exist_ok=True)
    for mode, expected in ((0o755, 0o600), (0o775, 0o660)):
        folder.chmod(mode)
        with answering(world.service):
            assert stat.S_IMODE(socket_file(world.store.root).stat().st_mode) == expected


def test_a_service_without_a_socket_says_so_and_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world, said = World(tmp_path), list[str]()
    monkeypatch.setattr(doorbell, "_Doorbell", _refused)
    (world.store.root / "hub").mkdir(parents=True, exist_ok=True)
    with answering(world.service, PAGES, said.append):
        world.submit("ana")
    assert len(said) == 1
    assert "no socket can be made" in said[0]
    assert world.phases("ana") == ["queued"]


def _refused(*_: Any) -> Any:
    raise OSError(95, "Operation not supported")


# --- formgrader itself, in a Jupyter server ---------------------------------------------------------------------------

CONFIG = """
from pathlib import Path
from autograder.gradebook import plugin

def never(*_):
    raise AssertionError("grading was begun inside the Jupyter server")

plugin.runner_command = never
c = get_config()
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.course_id = "tiny"
plugin.configure(c)
"""


@contextmanager
def jupyter_server(root: Path, home: Path) -> Iterator[str]:
    """The address of a real Jupyter server with formgrader, in the course's folder."""
    home.mkdir()
    environment = {**os.environ, "HOME": str(home), "JUPYTER_CONFIG_DIR": str(home), "JUPYTER_RUNTIME_DIR": str(home / "run")}
    with reserved_port() as port, Processes(home / "logs") as processes:
        settings = {
            "ServerApp": {
                "jpserver_extensions": {"nbgrader.server_extensions.formgrader": True}, "root_dir": str(root),
                "ip": "127.0.0.1", "port": port, "port_retries": 0, "open_browser": False, "allow_root": True,
            },
            "IdentityProvider": {"token": "let-me-in"},
        }  # fmt: skip
        (home / "jupyter_server_config.json").write_text(json.dumps(settings))
        address = f"http://127.0.0.1:{port}"
        server = processes.start("jupyter", [sys.executable, "-m", "jupyter_server"], cwd=root, env=environment)
        processes.answers(server, f"{address}/api", 300, threading.Event())
        yield address


def press(address: str, student: str) -> dict[str, Any]:
    """What formgrader's page does."""
    request = urllib.request.Request(
        f"{address}/formgrader/api/submission/{ASSIGNMENT}/{student}/autograde",
        method="POST",
        headers={"Authorization": "token let-me-in"},
    )
    with urllib.request.urlopen(request) as answer:
        found: dict[str, Any] = json.loads(answer.read())
    return found


def test_formgraders_button_enqueues_and_nothing_is_graded_in_the_jupyter_server(tmp_path: Path) -> None:
    world = World(tmp_path)
    (world.root / "nbgrader_config.py").write_text(CONFIG)
    receipt = world.submit("ana")
    with jupyter_server(world.root, tmp_path / "home") as address:
        without = press(address, "ana")
        assert not without["success"]
        assert "autograder hub serve" in without["log"]
        with listening(world):
            asked = press(address, "ana")
            unknown = press(address, "bo")
    assert asked["success"], asked
    assert "Not graded yet: queued, place 1" in asked["log"]
    assert f"{PAGES}teach/submission/{receipt.id}" in asked["log"]
    assert not unknown["success"]
    assert "No submissions" in unknown["log"]
    assert not (world.root / "autograded").exists()
    assert not (world.root / "gradebook.db").exists()
    assert world.grader.graded == []
    world.service.dispatch()
    assert world.grader.graded == [receipt.id]
