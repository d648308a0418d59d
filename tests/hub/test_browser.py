"""Every page in a browser: pictures in light and dark, on a desktop and a phone, into build/hub; nothing sticks out, nothing runs.

The pages' source is made up, so that every state stands on them at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.hub.fakes import NOW, PREFIX, FakeSource
from tests.hub.real import LONG_MS
from tests.hub.serving import made_up, served
from tests.hub.test_pages import DOCUMENTS, STUDENTS_PAGES, TEACHERS_PAGES

pytestmark = pytest.mark.hub

PICTURES = Path(__file__).parents[2] / "build/hub"
SCREENS = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
PAGES = [("ada", each) for each in (*STUDENTS_PAGES, DOCUMENTS[0], "nowhere")] + [
    ("prof", each) for each in (*TEACHERS_PAGES, *DOCUMENTS[1:])
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, FakeSource]]:
    app, source, _ = made_up(tmp_path_factory.mktemp("site"))
    with served(app) as (address, _):
        yield address + PREFIX, source


def _open(browser: Any, user: str, **options: Any) -> Any:
    context = browser.new_context(extra_http_headers={"Authorization": f"token {user}-token"}, locale="en-GB", **options)
    page = context.new_page()
    page.set_default_timeout(LONG_MS)
    page.ran = []
    page.on("dialog", lambda dialog: (page.ran.append(dialog.message), dialog.dismiss()))
    page.on("console", lambda message: page.ran.append(message.text) if "Content Security Policy" in message.text else None)
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
def test_pictures_of_every_page(browser: Any, site: tuple[str, FakeSource], scheme: str, screen: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    pages = {
        user: _open(browser, user, viewport=SCREENS[screen], color_scheme=scheme, is_mobile=screen == "phone") for user in ("ada", "prof")
    }
    sticks_out = []
    for user, address in PAGES:
        page = pages[user]
        page.goto(site[0] + address)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        name = re.sub(r"[^\w.]+", "-", address) or "mine"
        page.screenshot(path=PICTURES / f"{name}.{screen}.{scheme}.png", full_page=True)
        if wide > 0:
            sticks_out.append(f"{address}: {wide} pixels")
        assert page.ran == [], address
    assert sticks_out == []
    for page in pages.values():
        page.context.close()


def test_a_page_follows_by_itself_and_says_so(browser: Any, site: tuple[str, FakeSource], monkeypatch: pytest.MonkeyPatch) -> None:
    address, source = site
    page = _open(browser, "ada", timezone_id="America/New_York")
    page.goto(f"{address}assignment/hidden_layers")
    assert page.locator("dd", has_text="12 February 2027, 23:59").first.inner_text().count("(where you are: 12 Feb 2027, 17:59)") == 1
    view = source.students_view("ada")
    hidden = next(each for each in view.assignments if each.id == "hidden_layers")
    done = replace(hidden.submissions[0], phase="graded", note="Graded.", score=80.0, max_score=90.0)
    graded = replace(view, now=NOW, assignments=(replace(hidden, state="graded", note="Graded.", submissions=(done,)),))
    monkeypatch.setattr(source, "students_view", lambda user: graded)
    page.locator("#said", has_text="80 of 90 points").wait_for(state="attached")
    assert page.locator("#live").inner_text().count("Graded")
    page.context.close()


def test_feedback_that_is_written_anew_is_shown_on_an_open_page(browser: Any, site: tuple[str, FakeSource]) -> None:
    address, source = site
    page = _open(browser, "ada")
    feedback = source.folder / "ada.html"
    before = feedback.read_text()
    try:
        page.goto(f"{address}assignment/first_dense_network")
        page.frame_locator("iframe").locator("h1").wait_for()
        feedback.write_text(before.replace("</h1>", " Your instructor writes: and why?</h1>", 1))
        page.locator("iframe").scroll_into_view_if_needed()
        page.frame_locator("iframe").locator("h1", has_text="and why?").wait_for()
    finally:
        feedback.write_text(before)
    page.context.close()


_NOTE_WAITS = """window.count = 0;
const timeout = window.setTimeout;
window.setTimeout = (work, ms) => {
  window.count += 1;
  console.debug(`waits ${ms}`);
  return timeout(work, window.held ? 1e9 : 0);
};"""


def test_a_page_that_was_just_opened_or_is_seen_again_looks_sooner(browser: Any, site: tuple[str, FakeSource]) -> None:
    """Who has submitted and now turns to the page does not wait for its next look in a while. Time does not pass: waits are noted."""
    page = _open(browser, "ada")
    waits: list[str] = []
    page.on("console", lambda message: waits.append(message.text) if message.text.startswith("waits") else None)

    def until(count: int) -> None:
        while len(waits) < count:
            page.wait_for_event("console")

    page.add_init_script(_NOTE_WAITS)
    page.goto(f"{site[0]}assignment/convolutional_digits")
    assert page.locator("#live").get_attribute("data-every") == "4"
    until(5)
    assert waits[:5] == ["waits 1000", "waits 2000", "waits 3000", "waits 4000", "waits 4000"]
    until(page.evaluate("(window.held = true) && count") + 1)  # one more look is under way
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    until(page.evaluate("count"))
    assert waits[-2:] == ["waits 4000", "waits 1000"]
    page.context.close()


def test_the_keyboard_stays_where_it_was(browser: Any, site: tuple[str, FakeSource], monkeypatch: pytest.MonkeyPatch) -> None:
    address, source = site
    page = _open(browser, "ada")
    page.goto(f"{address}assignment/hidden_layers")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.locator("#live td, #live th a").first.focus()
    before = page.evaluate("document.activeElement.getAttribute('href')")
    view = source.students_view("ada")
    hidden = next(each for each in view.assignments if each.id == "hidden_layers")
    monkeypatch.setattr(source, "students_view", lambda user: replace(view, assignments=(replace(hidden, note="Something else."),)))
    page.locator("#live", has_text="Something else.").wait_for()
    assert page.evaluate("document.activeElement.getAttribute('href')") == before
    page.context.close()


def test_without_script_the_refresh_link_does_it(browser: Any, site: tuple[str, FakeSource], monkeypatch: pytest.MonkeyPatch) -> None:
    from playwright.sync_api import expect

    address, source = site
    page = _open(browser, "ada", java_script_enabled=False)
    page.goto(address)
    view = source.students_view("ada")
    monkeypatch.setattr(source, "students_view", lambda user: replace(view, assignments=view.assignments[:1]))
    page.get_by_role("link", name="Refresh").click()
    expect(page.get_by_role("article")).to_have_count(1, timeout=LONG_MS)  # the page that was asked for takes its time
    page.context.close()


@pytest.mark.parametrize(
    ("user", "address"), [("ada", "assignment/first_dense_network"), ("prof", "teach/submission/first_dense_network.5")]
)
def test_a_frame_is_shown_and_runs_nothing(browser: Any, site: tuple[str, FakeSource], user: str, address: str) -> None:
    page = _open(browser, user)
    page.goto(site[0] + address)
    page.locator("iframe").first.scroll_into_view_if_needed()
    frame = page.frame_locator("iframe").first
    frame.locator("h1, .cell").first.wait_for()
    frame.locator("text=<script>alert(2)</script>").first.wait_for(state="attached")
    assert page.ran == []
    page.screenshot(path=PICTURES / f"frame-{user}.png")
    page.context.close()
