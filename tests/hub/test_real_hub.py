"""The whole thing: JupyterHub, its proxy, users' servers under their own accounts, nbgrader's exchange, the service, a browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from autograder.hub.demo import Plan, read_plan

pytestmark = pytest.mark.hub

ROOT = Path(__file__).parents[2]
PREFIX = "services/autograder/"
_LONG_MS = 180_000


@dataclass
class Hub:
    """A running demo: its plan, and what it printed."""

    plan: Plan
    printed: list[str]

    def page(self, path: str = "") -> str:
        return f"{self.plan.address}{PREFIX}{path}"

    def log(self, name: str) -> str:
        return (self.plan.root / "logs" / f"{name}.log").read_text(encoding="utf-8", errors="replace")


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with TemporaryDirectory(prefix="hub-") as folder:  # not pytest's, which no other account may enter
        Path(folder).chmod(0o711)
        yield from _demo(Path(folder) / "demo")


def _demo(folder: Path) -> Iterator[Hub]:
    command = [sys.executable, "-m", "autograder.hub.demo", "--into", str(folder), "--port", "0", "--until-closed"]
    command += ["--proxy", str(ROOT / ".venv/hub-proxy")]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        assert demo.stdin is not None
        assert demo.stdout is not None
        printed = []
        for line in demo.stdout:
            printed.append(line)
            if line == "READY\n":
                break
        assert printed[-1:] == ["READY\n"], "".join(printed)
        yield Hub(read_plan(folder), printed)
        demo.stdin.close()
        rest = demo.stdout.read()
    assert demo.returncode == 0, rest
    assert "Everything has ended." in rest


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-background-networking"]
        opened = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=options)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def people(browser: Any, hub: Hub) -> Iterator[dict[str, Any]]:
    """A page for each person, signed in with the hub, on the service's first page."""
    opened = {}
    for name, password in hub.plan.passwords.items():
        page = browser.new_context(locale="en-GB").new_page()
        page.goto(hub.page())
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="My assignments").wait_for()
        opened[name.removesuffix("-demo")] = page
    yield opened
    for page in opened.values():
        page.context.close()


_SEND = """async ([address, body]) => {
  const xsrf = document.cookie.split("; ").find((each) => each.startsWith("_xsrf=")).slice(6);
  const headers = {"X-XSRFToken": xsrf, "Content-Type": "application/json"};
  const answer = await fetch(address, {method: "POST", headers, body: JSON.stringify(body)});
  return await answer.json();
}"""


def _in_jupyterlab(page: Any, hub: Hub, user: str) -> dict[str, Any]:
    """Opens the user's server and gives JupyterLab's own settings."""
    page.goto(f"{hub.plan.address}hub/user-redirect/lab", timeout=_LONG_MS)
    page.wait_for_url(re.compile(f"/user/{user}/lab"), timeout=_LONG_MS)
    found: dict[str, Any] = json.loads(page.locator("#jupyter-config-data").text_content(timeout=_LONG_MS))
    return found


@pytest.fixture(scope="module")
def submitted(people: dict[str, Any], hub: Hub) -> tuple[str, float]:
    """Ana fetches and submits as nbgrader's buttons do; her receipt's number, and seconds until it stood on her page."""
    page, course = people["ana"], {"course_id": hub.plan.course, "assignment_id": hub.plan.assignment}
    _in_jupyterlab(page, hub, "ana-demo")
    fetched = page.evaluate(_SEND, ["/user/ana-demo/assignments/fetch", course])
    assert fetched["success"], fetched
    sent = page.evaluate(_SEND, ["/user/ana-demo/assignments/submit", course])
    assert sent["success"], sent
    began = time.monotonic()
    page.goto(hub.page(f"assignment/{hub.plan.assignment}"))
    link = page.locator("#live a[href*='/submission/']")
    link.wait_for(timeout=_LONG_MS)
    return link.get_attribute("href").rpartition("/")[2], time.monotonic() - began


@pytest.fixture(scope="module")
def graded(submitted: tuple[str, float], people: dict[str, Any], hub: Hub) -> str:
    """The same receipt once it is graded, seen on a page that nobody reloads."""
    people["ana"].goto(hub.page(f"submission/{submitted[0]}"))
    people["ana"].locator("#live .tag.good").wait_for(timeout=_LONG_MS)
    return submitted[0]


def test_people_sign_in_and_see_their_assignments(people: dict[str, Any], hub: Hub) -> None:
    page = people["bo"]
    page.goto(hub.page())
    assert page.locator("header").inner_text().count("bo-demo")
    assert page.get_by_role("article").count() == 5
    assert page.get_by_role("link", name="Class").count() == 0


def test_a_wrong_password_is_refused(browser: Any, hub: Hub) -> None:
    page = browser.new_context().new_page()
    page.goto(hub.page())
    page.get_by_label("Username").fill("ana-demo")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("Invalid username or password").wait_for()
    page.context.close()


def test_students_have_no_menus_of_instructors(people: dict[str, Any], hub: Hub) -> None:
    settings = _in_jupyterlab(people["bo"], hub, "bo-demo")
    off = set(settings["disabledExtensions"])
    assert {"@jupyter/nbgrader:formgrader", "@jupyter/nbgrader:create-assignment"} <= off
    assert "@jupyter/nbgrader:assignment-list" not in off
    assert people["bo"].goto(f"{hub.plan.address}user/bo-demo/formgrader").status == 404


@pytest.mark.skipif(os.getuid() != 0, reason="needs accounts of its own: run as root")
def test_students_cannot_read_the_course(people: dict[str, Any], hub: Hub) -> None:
    about = hub.plan.course_folder.stat()
    assert about.st_mode & 0o077 == 0
    assert about.st_uid not in (0, hub.plan.home("ana-demo").stat().st_uid)
    assert hub.plan.token_file.stat().st_mode & 0o077 == 0


def test_a_receipt_comes_at_once(submitted: tuple[str, float], people: dict[str, Any], hub: Hub) -> None:
    receipt, seconds = submitted
    print(f"receipt after {seconds:.1f} s")
    people["ana"].goto(hub.page(f"submission/{receipt}"))
    assert re.fullmatch(r"[0-9a-f]{64}", people["ana"].locator("code.digest").inner_text())


def test_the_result_comes_by_itself(graded: str, people: dict[str, Any], hub: Hub) -> None:
    page = people["ana"]
    page.goto(hub.page(f"assignment/{hub.plan.assignment}"))
    page.locator("iframe").scroll_into_view_if_needed()
    page.frame_locator("iframe").locator("text=Points and checks").wait_for(timeout=_LONG_MS)


def test_another_student_sees_nothing_of_it(graded: str, people: dict[str, Any], hub: Hub) -> None:
    for path in (
        f"submission/{graded}",
        f"feedback/{hub.plan.assignment}",
        f"teach/submission/{graded}",
        "teach",
        f"teach/record/{graded}",
    ):
        answer = people["bo"].goto(hub.page(path))
        assert answer.status == (403 if path.startswith("teach") else 404)
        assert "ana-demo" not in people["bo"].content()


def test_the_instructor_sees_the_class(graded: str, people: dict[str, Any], hub: Hub) -> None:
    page = people["garcia"]
    page.goto(hub.page())
    page.get_by_role("link", name="Class").click()
    page.get_by_role("link", name="First dense network").click()
    assert page.get_by_role("heading", name="Tests, hardest first").count() == 1
    page.get_by_role("link", name="ana-demo").click()
    assert page.get_by_role("heading", name="Record").count() == 1
    page.get_by_role("button", name="Grade it again").click()
    page.get_by_text("It is in the queue again.").wait_for()


def test_the_instructor_tries_a_curve_out_and_applies_the_configurations(graded: str, people: dict[str, Any], hub: Hub) -> None:
    page = people["garcia"]
    page.goto(hub.page(f"teach/curves/{hub.plan.assignment}"))
    page.get_by_label("Another curve").fill("0.5: 0, 0.6: 1")
    page.get_by_role("button", name="Show what it does").click()
    page.get_by_role("heading", name="What it does").wait_for()
    assert '"test_accuracy": Curve({0.5: 0, 0.6: 1}),' in page.locator("pre.line").inner_text()
    config = hub.plan.course_folder / "grading_config.py"
    text = config.read_text(encoding="utf-8")
    assert text.count("Curve({0.80: 0, 0.88: 1})") >= 1
    config.write_text(text.replace("Curve({0.80: 0, 0.88: 1})", "Curve({0.5: 0, 0.6: 1})", 1), encoding="utf-8")
    page.goto(hub.page(f"teach/curves/{hub.plan.assignment}"))
    page.get_by_role("button", name="Apply the curves").click()
    page.get_by_text("The curves are in force").wait_for()
    assert page.get_by_role("button", name="Apply the curves").count() == 0


def test_the_instructor_decides_and_the_student_sees_it(graded: str, people: dict[str, Any], hub: Hub) -> None:
    page = people["garcia"]
    page.goto(hub.page(f"teach/submission/{graded}"))
    page.get_by_role("link", name="Decide").click()
    page.locator("input[name=until]").fill("2027-02-20T23:59")
    page.locator(".fields input[name=why]").fill("in hospital")
    page.get_by_role("button", name="Write it into the ledger").click()
    page.get_by_text("d1 is in the ledger").wait_for()
    people["ana"].goto(hub.page(f"assignment/{hub.plan.assignment}"))
    assert "20 February 2027, 23:59" in people["ana"].locator("#live").inner_text()
    assert "hospital" not in people["ana"].content()


def test_the_instructor_exports(graded: str, people: dict[str, Any], hub: Hub) -> None:
    page = people["garcia"]
    page.goto(hub.page(f"teach/exports/{hub.plan.assignment}"))
    page.locator("select[name=form]").select_option("junit")
    page.get_by_role("button", name="Make the file").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert "ana-demo" in Path(download.value.path()).read_text(encoding="utf-8")


def test_a_form_of_another_site_does_nothing_and_holds_up_nobody(graded: str, people: dict[str, Any], hub: Hub) -> None:
    page = people["garcia"].context.new_page()
    order = f"<form method=post action={hub.page('teach/order')}><input name=kind value=rerun><input name=receipt value={graded}></form>"
    page.set_content(order)
    with page.expect_navigation() as there:
        page.evaluate("document.forms[0].submit()")
    assert there.value.status in (401, 403)
    page.close()
    assert people["bo"].goto(hub.page()).status == 200


def test_a_forged_sign_in_is_none(browser: Any, hub: Hub) -> None:
    page = browser.new_context().new_page()
    assert page.goto(hub.page("oauth_callback?code=made-up&state=made-up")).status == 403
    page.context.close()


@pytest.mark.skipif(os.getuid() != 0, reason="needs accounts of its own: run as root")
def test_a_submission_in_anothers_name_is_flagged_and_never_theirs(graded: str, people: dict[str, Any], hub: Hub) -> None:
    inbound = hub.plan.root / "exchange" / hub.plan.course / "inbound"
    folder = inbound / f"ana-demo+{hub.plan.assignment}+2020-01-01 00:00:00.000000 UTC"
    script = (
        'umask 0; mkdir "$1" && echo {} >"$1/notebook.ipynb" && echo "2020-01-01 00:00:00.000000 UTC" >"$1/timestamp.txt" && chmod 777 "$1"'
    )
    subprocess.run(["sh", "-c", script, "sh", str(folder)], check=True, user="bo-demo", cwd="/")
    page = people["garcia"]
    page.goto(hub.page("teach"))
    page.get_by_text("Other name").wait_for(timeout=_LONG_MS)
    for user in ("ana", "bo"):
        people[user].goto(hub.page(f"assignment/{hub.plan.assignment}"))
    assert "under another user's name" in people["bo"].locator("#live").inner_text()
    assert "another user" not in people["ana"].locator("#live").inner_text()


def test_the_instructor_opens_formgrader(people: dict[str, Any], hub: Hub) -> None:
    page = people["garcia"]
    page.goto(hub.page("teach"))
    page.get_by_role("link", name="Formgrader", exact=True).click()
    page.wait_for_url(re.compile("/user/garcia-demo/formgrader/manage_assignments"), timeout=_LONG_MS)
    page.get_by_text("Manage Assignments").first.wait_for(timeout=_LONG_MS)


def test_formgraders_autograde_button_asks_the_service(graded: str, people: dict[str, Any], hub: Hub) -> None:
    page = people["garcia"]
    page.goto(f"{hub.plan.address}hub/user-redirect/formgrader", timeout=_LONG_MS)
    page.wait_for_url(re.compile("/user/garcia-demo/formgrader"), timeout=_LONG_MS)
    address = f"/user/garcia-demo/formgrader/api/submission/{hub.plan.assignment}/ana-demo/autograde"
    asked = page.evaluate(_SEND, [address, {}])
    assert asked["success"], asked
    assert "Not graded yet" in asked["log"]
    assert f"/{PREFIX}teach/submission/{graded}" in asked["log"]


def test_the_hub_and_the_service_know_no_secret_in_their_logs(graded: str, hub: Hub) -> None:
    token = hub.plan.token_file.read_text(encoding="utf-8")
    for name in ("hub", "service"):
        assert token not in hub.log(name)
        assert not [password for password in hub.plan.passwords.values() if password in hub.log(name)]
