"""The pages over the service itself: what was submitted stands there, and orders arrive."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from autograder.cli.hub import _serve
from autograder.errors import MachineError, UsageError
from autograder.hub.state import Settings
from autograder.hub.web.app import application, make_app
from autograder.hub.web.source import OfService
from tests.hub import fakes
from tests.hub.serving import served
from tests.hub.test_pages import Site, text, words
from tests.hub.world import ASSIGNMENT, World


def test_from_submission_to_score_on_the_pages(tmp_path: Path) -> None:
    world = World(tmp_path)
    receipt = world.submit("ada")
    app = application(OfService(world.service), fakes.settings(tmp_path), world.course.title, fakes.hub())
    with served(app) as (address, loop):
        site = Site(loop, address, fakes.FakeSource(tmp_path), fakes.hub(), app.settings["cookie_secret"])
        assert "Place 1" in words(site.get("", "ada"))
        assert receipt.digest in words(site.get(f"submission/{receipt.id}", "ada"))
        assert site.get(f"submission/{receipt.id}", "bo").code == 404
        assert site.get(f"teach/record/{receipt.id}", "prof").code == 404  # there is none yet
        world.service.dispatch()
        world.service.publish()
        assert "50 of 80 points" in words(site.get(f"submission/{receipt.id}", "ada"))
        assert "1 graded" in words(site.get("teach", "prof"))
        for page in (f"teach/assignment/{ASSIGNMENT}", f"teach/submission/{receipt.id}"):
            assert "ada" in words(site.get(page, "prof"))
        assert json.loads(text(site.get(f"teach/record/{receipt.id}", "prof")))["score"] == 50
        for page in (
            f"teach/notebook/{receipt.id}",
            f"teach/feedback/{receipt.id}",
            f"teach/report/{ASSIGNMENT}",
            f"feedback/{ASSIGNMENT}",
        ):
            assert site.get(page, "prof").code == 404
        token, cookie = site.form("teach", "prof")
        again = site.post("teach/order", "prof", {"kind": "rerun", "receipt": receipt.id, "_xsrf": token}, Cookie=cookie)
        assert again.code == 303
        assert world.phases("ada") == ["queued"]


def test_feedback_is_read_by_its_student_and_by_instructors(tmp_path: Path) -> None:
    world = World(tmp_path)
    first = world.submit("ada", text="first")
    receipt = world.submit("ada", text="second")
    world.service.dispatch()
    page = world.paths.feedback("ada", ASSIGNMENT)
    page.parent.mkdir(parents=True)
    page.write_text("<p>well done</p>", encoding="utf-8")
    source = OfService(world.service)
    assert source.feedback(receipt.id) == "<p>well done</p>"
    assert source.feedback(first.id) is None  # the page is about the later one
    assert source.feedback("tiny.77") is None
    app = application(source, fakes.settings(tmp_path), world.course.title, fakes.hub())
    with served(app) as (address, loop):
        site = Site(loop, address, fakes.FakeSource(tmp_path), fakes.hub(), app.settings["cookie_secret"])
        assert text(site.get(f"feedback/{ASSIGNMENT}", "ada")) == "<p>well done</p>"
        assert site.get(f"feedback/{ASSIGNMENT}", "bo").code == 404


def test_feedback_stands_at_the_submission_that_it_is_about_and_at_no_other(tmp_path: Path) -> None:
    """While a newer one waits, and after it is graded until its own page is written, the page there is about the one before."""
    world = World(tmp_path)
    first = world.submit("ada", text="first")
    world.service.dispatch()
    page = world.paths.feedback("ada", ASSIGNMENT)
    page.parent.mkdir(parents=True)
    page.write_text("<p>of the first</p>", encoding="utf-8")
    second = world.submit("ada", text="second")
    source = OfService(world.service)
    app = application(source, fakes.settings(tmp_path), world.course.title, fakes.hub())
    with served(app) as (address, loop):
        site = Site(loop, address, fakes.FakeSource(tmp_path), fakes.hub(), app.settings["cookie_secret"])

        def shown() -> list[bool]:
            return ["Feedback on" in words(site.get(f"submission/{each.id}", "ada")) for each in (first, second)]

        assert shown() == [True, False]
        world.service.dispatch()
        assert world.phases("ada") == ["graded", "graded"]
        assert shown() == [False, False]
        assert (source.feedback(first.id), source.feedback(second.id)) == (None, None)
        page.write_text("<p>of the second</p>", encoding="utf-8")
        assert shown() == [False, True]
        assert (source.feedback(first.id), source.feedback(second.id)) == (None, "<p>of the second</p>")


def test_a_submission_in_anothers_name_and_with_another_time_shows_only_to_instructors(tmp_path: Path) -> None:
    """Mallory names a folder after Ada and an hour long gone; Ada's page knows nothing of it, and the instructor reads who it was."""
    world = World(tmp_path)
    own = world.submit("ada")
    world.owner = "mallory"
    world.handed_in("ada", text="<script>alert(1)</script>", at="2020-01-01 00:00:00.000000 UTC")
    world.service.receive()
    world.service.check()
    [forged] = [each for each in world.receipts() if each.id != own.id]
    app = application(OfService(world.service), fakes.settings(tmp_path), world.course.title, fakes.hub())
    with served(app) as (address, loop):
        site = Site(loop, address, fakes.FakeSource(tmp_path), fakes.hub(), app.settings["cookie_secret"])
        for page in ("", f"assignment/{ASSIGNMENT}"):
            assert forged.id not in text(site.get(page, "ada"))
        assert site.get(f"submission/{forged.id}", "ada").code == 404
        assert own.digest in words(site.get(f"submission/{own.id}", "ada"))
        shown = site.get("teach", "prof")
        assert "mallory" in words(shown)
        assert "<script>alert" not in text(shown)
        assert "Refused" in words(site.get(f"teach/submission/{forged.id}", "prof"))
    world.service.dispatch()
    assert world.grader.graded == [own.id]
    assert not (world.paths.submitted / "mallory").exists()


def test_from_the_decision_form_to_the_students_page(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.submit("ada")
    world.service.dispatch()
    app = application(OfService(world.service), fakes.settings(tmp_path), world.course.title, fakes.hub())
    with served(app) as (address, loop):
        site = Site(loop, address, fakes.FakeSource(tmp_path), fakes.hub(), app.settings["cookie_secret"])
        page = f"teach/decisions/{ASSIGNMENT}"
        token, cookie = site.form(page, "prof")
        form = {"kind": "extend", "students": "ada", "until": "2027-02-19T23:59", "why": "ill <b>", "_xsrf": token}
        assert site.post(page, "prof", form, Cookie=cookie).code == 303
        assert "extend until 2027-02-19 23:59" in words(site.get(page, "prof"))
        mine = site.get(f"assignment/{ASSIGNMENT}", "ada")
        assert "19 February 2027, 23:59" in words(mine)
        assert "ill" not in words(mine).split()  # the reason is between instructors
        for tool in ("curves", "exports"):
            assert site.get(f"teach/{tool}/{ASSIGNMENT}", "prof").code == 200


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    source = OfService(World(tmp_path).service)
    assert source.record("tiny.1") is None
    assert source.notebook("tiny.1") is None
    assert source.submission("nothing.1") is None
    assert source.report("../tiny") is None
    assert list(source.records("nothing")) == []


def test_the_service_has_pages_only_behind_a_hub(tmp_path: Path) -> None:
    world = World(tmp_path)
    settings = Settings(exchange=world.exchange, api_url="http://127.0.0.1:8081/hub/api", api_token="t" * 32, instructors="formgrade-tiny")
    assert make_app(world.service, settings).settings["course_title"] == world.course.title
    with pytest.raises(UsageError, match="need a JupyterHub"):
        make_app(world.service, Settings(exchange=world.exchange))


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    world = World(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = Settings(world.exchange, port=port, api_url="http://127.0.0.1:8081/hub/api", api_token="t" * 32)
        with pytest.raises(
            MachineError, match=f"Port {port} of '127.0.0.1' cannot be used for the pages: Address already in use"
        ) as caught:
            _serve(world.service, settings, True, world.said.append)
    assert "--port" in caught.value.cure
