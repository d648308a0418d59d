"""Hub and service end and start again, each without the other: neither takes the other down, and nothing that is submitted is lost."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from autograder.hub import demo, demo_plan
from autograder.hub.demo_plan import Plan
from autograder.hub.inbound import user_of
from autograder.hub.processes import Processes
from tests.hub import real
from tests.hub.real import LONG_MS, Hub

pytestmark = pytest.mark.hub


@dataclass
class Place:
    """A demo on one account whose programs the test starts and ends. `number`: of the last submission."""

    plan: Plan
    processes: Processes
    hub: subprocess.Popen[bytes]
    service: subprocess.Popen[bytes]
    number: int = 0

    def start_hub(self) -> None:
        self.hub = demo.start_hub(self.plan, self.processes, threading.Event())

    def start_service(self) -> None:
        self.service = demo.start_service(self.plan, self.processes, threading.Event())

    def end(self, program: subprocess.Popen[bytes]) -> None:
        program.terminate()
        program.wait(300)

    def submit(self) -> None:
        """As nbgrader leaves it in the exchange; the account that runs the tests has handed in."""
        self.number += 1
        name, stamp = self.plan.assignment, f"2026-02-01 12:00:0{self.number}.000000 UTC"
        folder = self.plan.root / "exchange" / self.plan.course / "inbound" / f"{user_of(self.plan.root.stat().st_uid)}+{name}+{stamp}"
        folder.mkdir()
        shutil.copy(self.plan.course_folder / f"release/{name}/{name}.ipynb", folder)
        (folder / "submission_secret.txt").write_text(f"{self.number:0128x}")
        (folder / "timestamp.txt").write_text(stamp)
        folder.chmod(0o777)

    def until_received(self) -> None:
        """Reads the service's log until the last submission stands there."""
        wanted = f"received {self.plan.assignment}.{self.number} from "
        command = ["tail", "-n", "+1", "--follow=name", str(self.processes.log("service"))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as tail:
            assert tail.stdout is not None
            assert any(wanted in line for line in tail.stdout)
            tail.terminate()


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with TemporaryDirectory(prefix="hub-") as folder:
        proxy = real.ROOT / ".venv/hub-proxy"
        plan = demo_plan.prepare(Path(folder) / "demo", 0, "first_dense_network", proxy, one_account=True)
        processes = Processes(plan.root / "logs")  # not to be ended as a whole: the browser is a child of this process, too
        demo.make_users(plan)
        demo.release(plan, processes)
        made = Place(plan, processes, *_started(plan, processes))
        try:
            yield made
        finally:
            made.end(made.service)
            made.end(made.hub)  # and with it its proxy


def _started(plan: Plan, processes: Processes) -> tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]:
    hub = demo.start_hub(plan, processes, threading.Event())
    try:
        return hub, demo.start_service(plan, processes, threading.Event())
    except BaseException:
        hub.terminate()
        raise


@pytest.fixture(scope="module")
def teacher(browser: Any, place: Place) -> Iterator[Any]:
    """The instructor's page; whoever signed in stays so."""
    page = real.signed_in(browser, Hub(place.plan, []), "garcia")
    yield page
    page.context.close()


def _opens_the_class(page: Any, place: Place) -> bool:
    """Without signing in again, and with every submission in it."""
    page.goto(Hub(place.plan, []).page("teach"), timeout=LONG_MS)
    page.get_by_role("heading", name="Class", exact=True).wait_for()
    page.goto(Hub(place.plan, []).page(f"teach/assignment/{place.plan.assignment}"))
    table = page.get_by_role("region", name="Submissions", exact=True)
    return bool(table.locator("tbody tr").count() == place.number)


def test_what_is_submitted_while_the_hub_is_down_is_received(place: Place, teacher: Any) -> None:
    place.end(place.hub)
    place.submit()
    place.until_received()
    assert place.service.poll() is None
    place.start_hub()
    assert _opens_the_class(teacher, place)


def test_what_is_submitted_while_the_service_is_down_is_received_when_it_is_back(place: Place, teacher: Any) -> None:
    place.end(place.service)
    place.submit()
    assert teacher.goto(Hub(place.plan, []).page()).status == 503
    assert teacher.goto(f"{place.plan.address}hub/home").status == 200
    place.start_service()
    place.until_received()
    assert place.hub.poll() is None
    assert _opens_the_class(teacher, place)


def test_a_hub_starts_without_the_service(place: Place, teacher: Any) -> None:
    place.end(place.service)
    place.end(place.hub)
    place.start_hub()
    assert teacher.goto(f"{place.plan.address}hub/home").status == 200
    place.start_service()
    assert _opens_the_class(teacher, place)
