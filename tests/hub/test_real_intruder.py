"""What somebody tries who is no friend, at a real hub: all of it is refused or does nothing."""

from __future__ import annotations

import os
import subprocess
from typing import Any

import pytest

from tests.hub import real
from tests.hub.real import LONG_MS, Hub

pytestmark = pytest.mark.hub

AS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="needs accounts of its own: run as root")
LONG_AGO = "2020-01-01 00:00:00.000000 UTC"
ODD_NAME = "<img src=x onerror=alert(7)>.txt"


def test_a_wrong_password_is_refused(browser: Any, hub: Hub) -> None:
    page = browser.new_context().new_page()
    page.set_default_timeout(LONG_MS)
    page.goto(hub.page())
    page.get_by_label("Username").fill(hub.name("ana"))
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("Invalid username or password").wait_for()
    page.context.close()


def _of_others(hub: Hub, receipt: str) -> dict[str, int]:
    """Addresses of another student's and of the instructors' pages, and what is answered to a student."""
    assignment = hub.plan.assignment
    teach = ["teach", f"teach/assignment/{assignment}", f"teach/curves/{assignment}", f"teach/exports/{assignment}"]
    teach += [f"teach/{what}/{receipt}" for what in ("submission", "record", "feedback", "notebook")]
    return {**dict.fromkeys([f"submission/{receipt}", f"feedback/{assignment}"], 404), **dict.fromkeys(teach, 403)}


def test_another_student_sees_nothing_of_it(graded: str, people: dict[str, Any], hub: Hub) -> None:
    for path, status in _of_others(hub, graded).items():
        answer = people["bo"].goto(hub.page(path))
        assert (path, answer.status) == (path, status)
        assert hub.name("ana") not in people["bo"].content()


def test_another_students_token_opens_nothing_more(browser: Any, graded: str, people: dict[str, Any], hub: Hub) -> None:
    """A token of bo's own for the hub's interface, one that is made up, and none at all."""
    page = people["bo"]
    page.goto(f"{hub.plan.address}hub/token")
    made = real.send(page, f"/hub/api/users/{hub.name('bo')}/tokens", {"note": "a test"})
    own = made["token"]
    for token, known in ((own, True), ("0" * 32, False), ("", False)):
        headers = {"Authorization": f"token {token}"} if token else {}
        nobody = browser.new_context(extra_http_headers=headers)
        mine = nobody.request.get(hub.page(), max_redirects=0)
        assert (mine.status == 200 and hub.name("bo") in mine.text()) == known
        for path, status in _of_others(hub, graded).items():
            answer = nobody.request.get(hub.page(path), max_redirects=0)
            assert answer.status == status if known else answer.status in (302, 401, 403)
            assert hub.name("ana") not in answer.text()
        nobody.close()


@AS_ROOT
def test_feedback_in_the_exchange_is_found_only_by_whoever_knows_its_secret(graded: str, hub: Hub) -> None:
    folder = hub.plan.root / "exchange" / hub.plan.course / "feedback"
    [page] = [each for each in folder.iterdir() if each.suffix == ".html"][:1]
    for tried in (folder, hub.plan.home(hub.name("ana")), hub.plan.course_folder, hub.inbound):
        done = subprocess.run(["ls", str(tried)], user=hub.name("bo"), group=hub.name("bo"), extra_groups=[], cwd="/", capture_output=True)
        assert done.returncode != 0, tried
    done = subprocess.run(["rm", "-f", str(page)], user=hub.name("bo"), group=hub.name("bo"), extra_groups=[], cwd="/", capture_output=True)
    assert done.returncode != 0
    assert page.is_file()


@AS_ROOT
def test_students_cannot_read_the_course(people: dict[str, Any], hub: Hub) -> None:
    about = hub.plan.course_folder.stat()
    assert about.st_mode & 0o077 == 0
    assert about.st_uid not in (0, hub.plan.home(hub.name("ana")).stat().st_uid)
    assert hub.plan.token_file.stat().st_mode & 0o077 == 0


def test_another_students_server_is_refused(people: dict[str, Any], hub: Hub) -> None:
    for path in (f"user/{hub.name('ana')}/lab", f"user/{hub.name('ana')}/api/contents", "hub/admin", "hub/api/users"):
        assert people["bo"].goto(f"{hub.plan.address}{path}").status in (403, 404)


def test_a_forged_sign_in_is_none(browser: Any, people: dict[str, Any], hub: Hub) -> None:
    """Neither for a stranger, nor for somebody who is signed in: a link must not make people work under another's name."""
    page = browser.new_context().new_page()
    page.set_default_timeout(LONG_MS)
    assert page.goto(hub.page("oauth_callback?code=made-up&state=made-up")).status == 403
    page.context.close()
    people["ana"].goto(hub.page("oauth_callback?code=made-up&state=made-up"))
    assert people["ana"].goto(hub.page()).status == 200
    assert hub.name("ana") in people["ana"].locator("header").inner_text()


def test_a_form_of_another_site_does_nothing_and_holds_up_nobody(graded: str, people: dict[str, Any], hub: Hub) -> None:
    page = people["garcia"].context.new_page()
    orders = {
        "teach/order": {"kind": "rerun", "receipt": graded},
        "teach/curves": {"kind": "apply", "assignment": hub.plan.assignment},
        f"teach/decisions/{hub.plan.assignment}": {"kind": "override", "everybody": "yes", "score": "0", "why": "spite"},
    }
    for path, values in orders.items():
        fields = "".join(f"<input name={name} value={value}>" for name, value in values.items())
        page.set_content(f"<form method=post action={hub.page(path)}>{fields}</form>")
        with page.expect_navigation() as there:
            page.evaluate("document.forms[0].submit()")
        assert (path, there.value.status) in [(path, 401), (path, 403)]
    page.close()
    people["garcia"].goto(hub.page(f"teach/decisions/{hub.plan.assignment}"))
    assert people["garcia"].get_by_text("spite").count() == 0
    assert people["bo"].goto(hub.page()).status == 200


def test_the_pages_stand_in_no_frame_of_others(people: dict[str, Any], hub: Hub) -> None:
    answer = people["garcia"].goto(hub.page("teach"))
    assert "frame-ancestors" in answer.headers["content-security-policy"]


_PUT = """set -e; umask 0
mkdir "$1"; cd "$1"
cp "$2"/*.ipynb .; echo "$3" >timestamp.txt
if [ "$4" ]; then touch "$4"; fi
touch -d "$3" . *
chmod 777 .
"""


def _put(hub: Hub, as_user: str, name: str, stamp: str, more: str = "") -> None:
    """A folder in the exchange as a student could make it without nbgrader."""
    folder = hub.inbound / f"{name}+{hub.plan.assignment}+{stamp}"
    released = hub.inbound.with_name("outbound") / hub.plan.assignment
    command = ["sh", "-c", _PUT, "sh", str(folder), str(released), stamp, more]
    subprocess.run(command, check=True, user=hub.name(as_user), group=hub.name(as_user), extra_groups=[], cwd="/")


@AS_ROOT
def test_a_submission_in_anothers_name_is_flagged_and_never_theirs(graded: str, people: dict[str, Any], hub: Hub) -> None:
    _put(hub, "bo", hub.name("ana"), LONG_AGO)
    page = people["garcia"]
    page.goto(hub.page("teach"))
    row = page.locator("tr", has_text="Other name")
    row.first.wait_for(timeout=LONG_MS)
    row.first.get_by_role("link").click()  # the flagged submission, opened
    page.get_by_role("heading", name="Flags").wait_for()
    assert "Other name" in page.locator("#live").inner_text()
    assert page.get_by_role("heading", name="Record").count() == 0
    for user in ("ana", "bo"):
        people[user].goto(hub.page(f"assignment/{hub.plan.assignment}"))
    assert "under another user's name" in people["bo"].locator("#live").inner_text()
    assert "another user" not in people["ana"].locator("#live").inner_text()


@AS_ROOT
def test_a_backdated_submission_has_the_time_at_which_it_came(graded: str, people: dict[str, Any], hub: Hub) -> None:
    """And a file of it whose name is markup is named as text."""
    mine, page = people["bo"], people["garcia"]
    mine.goto(hub.page(f"assignment/{hub.plan.assignment}"))
    before = mine.locator("#live a[href*='/submission/']").count()
    _put(hub, "bo", hub.name("bo"), LONG_AGO, ODD_NAME)
    mine.locator("#live a[href*='/submission/']").nth(before).wait_for(timeout=LONG_MS)  # the page follows by itself
    assert "2020" not in mine.locator("#live").inner_text()
    receipt, _ = real.newest_receipt(mine, hub, hub.plan.assignment)
    real.until_graded(mine, hub, receipt)
    page.goto(hub.page(f"teach/submission/{receipt}"))
    assert "2020" not in page.locator("p.meta time").inner_text()
    flags = page.locator("section", has=page.get_by_role("heading", name="Flags")).inner_text()
    assert "Backdated" in flags
    assert ODD_NAME in flags
    assert page.ran == mine.ran == []
