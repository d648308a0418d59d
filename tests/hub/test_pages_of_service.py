"""The pages over the service itself: what was submitted stands there, and orders arrive."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autograder.errors import UsageError
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
