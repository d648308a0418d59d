"""A running demo and what people do in it, for tests with a real hub and a real browser."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.course.loading import load_course
from autograder.hub.demo_plan import Plan, read_plan
from autograder.quality.variants import Variant, build_submission

ROOT = Path(__file__).parents[2]
PREFIX = "services/autograder/"
LONG_MS = 180_000


@dataclass
class Hub:
    """A running demo: its plan, and what it printed."""

    plan: Plan
    printed: list[str]

    def name(self, who: str) -> str:
        """The account of "ana", "bo" or "garcia": another demo on this machine may have the names without a number."""
        return dict(zip(("ana", "bo", "garcia"), self.plan.users, strict=True))[who]

    def page(self, path: str = "") -> str:
        return f"{self.plan.address}{PREFIX}{path}"

    def log(self, name: str) -> str:
        return (self.plan.root / "logs" / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    @property
    def inbound(self) -> Path:
        return self.plan.root / "exchange" / self.plan.course / "inbound"

    def notebook(self, assignment: str, cells: Mapping[str, str], start: str = "source") -> dict[str, Any]:
        """The released one with these answers; the others are the reference's, or, with start "release", not there."""
        variant = Variant("answers", "", True, start=start, cells=dict(cells))
        return build_submission(load_course(self.plan.course_folder)[1], assignment, variant)


@contextmanager
def running(folder: Path) -> Iterator[Hub]:
    """A demo in this folder, which no account may be kept from entering; ended, with all its processes, when the block ends."""
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


def signed_in(browser: Any, hub: Hub, who: str) -> Any:
    """A page of somebody who has signed in with the hub, on the service's first page. `page.ran`: what scripts of others did there."""
    page = browser.new_context(locale="en-GB").new_page()
    page.set_default_timeout(LONG_MS)
    page.ran = []
    page.on("dialog", lambda dialog: (page.ran.append(dialog.message), dialog.dismiss()))
    page.goto(hub.page())
    page.get_by_label("Username").fill(hub.name(who))
    page.get_by_label("Password").fill(hub.plan.passwords[hub.name(who)])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="My assignments").wait_for()
    return page


_SEND = """async ([method, address, body]) => {
  const xsrf = document.cookie.split("; ").find((each) => each.startsWith("_xsrf=")).slice(6);
  const headers = {"X-XSRFToken": xsrf, "Content-Type": "application/json"};
  const answer = await fetch(address, {method, headers, body: JSON.stringify(body)});
  return await answer.json();
}"""


def send(page: Any, address: str, body: Any, method: str = "POST") -> dict[str, Any]:
    """What a script of the page itself may ask of the server that it came from, as nbgrader's buttons and JupyterLab do."""
    found: dict[str, Any] = page.evaluate(_SEND, [method, address, body])
    return found


def open_jupyterlab(page: Any, hub: Hub, who: str) -> dict[str, Any]:
    """Opens the user's server and gives JupyterLab's own settings."""
    page.goto(f"{hub.plan.address}hub/user-redirect/lab", timeout=LONG_MS)
    page.wait_for_url(re.compile(f"/user/{hub.name(who)}/lab"), timeout=LONG_MS)
    found: dict[str, Any] = json.loads(page.locator("#jupyter-config-data").text_content(timeout=LONG_MS))
    return found


def open_assignment_list(page: Any) -> None:
    """In JupyterLab, by its menu."""
    page.get_by_role("menuitem", name="Nbgrader", exact=True).click(timeout=LONG_MS)
    page.get_by_role("menuitem", name="Assignment List").click()


def press(page: Any, part: str, label: str) -> None:
    """A button of nbgrader's assignment list; `part` is "released", "fetched" or "submitted"."""
    page.locator(f"#{part}_assignments_list button", has_text=re.compile(f"^{label}$")).first.click(timeout=LONG_MS)


def save(page: Any, hub: Hub, who: str, path: str, notebook: dict[str, Any]) -> None:
    """Saves a notebook on the user's server, as JupyterLab does."""
    body = {"type": "notebook", "format": "json", "content": notebook}
    saved = send(page, f"/user/{hub.name(who)}/api/contents/{path}", body, "PUT")
    assert saved.get("path") == path, saved


def fetch(page: Any, hub: Hub, who: str, assignment: str) -> None:
    """As nbgrader's button does."""
    done = send(page, f"/user/{hub.name(who)}/assignments/fetch", {"course_id": hub.plan.course, "assignment_id": assignment})
    assert done["success"], done


def submit(page: Any, hub: Hub, who: str, assignment: str) -> None:
    """As nbgrader's button does."""
    done = send(page, f"/user/{hub.name(who)}/assignments/submit", {"course_id": hub.plan.course, "assignment_id": assignment})
    assert done["success"], done


def newest_receipt(page: Any, hub: Hub, assignment: str) -> tuple[str, float]:
    """The number of the newest receipt on the student's page, and seconds until it stood there."""
    began = time.monotonic()
    page.goto(hub.page(f"assignment/{assignment}"))
    link = page.locator("#live a[href*='/submission/']").first
    link.wait_for(timeout=LONG_MS)
    return link.get_attribute("href").rpartition("/")[2], time.monotonic() - began


_NOTE_PHASES = """() => {
  const seen = [];
  const note = () => {
    const phase = document.querySelector("#live .tag")?.textContent;
    if (!phase || phase === seen.at(-1)) return;
    seen.push(phase);
    sessionStorage.setItem("phases", JSON.stringify(seen));  // the page reloads itself when there is feedback
  };
  note();
  new MutationObserver(note).observe(document.body, {subtree: true, childList: true});
}"""


def until_graded(page: Any, hub: Hub, receipt: str) -> list[str]:
    """Waits on a page that nobody reloads, and gives the phases that stood there one after the other."""
    page.goto(hub.page(f"submission/{receipt}"))
    page.evaluate(_NOTE_PHASES)
    page.locator("#live .tag.good").wait_for(timeout=LONG_MS)
    seen: list[str] = json.loads(page.evaluate("sessionStorage.getItem('phases')"))
    return seen


def code(source: str, **metadata: Any) -> dict[str, Any]:
    """A cell of a student's own."""
    made = {"cell_type": "code", "id": f"own-{abs(hash(source)) % 10**8}", "metadata": metadata, "execution_count": None, "outputs": []}
    return {**made, "source": source}
