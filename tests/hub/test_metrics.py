"""What Prometheus and readers of logs get: numbers and events, and nothing about a person but the hub's user name."""

from __future__ import annotations

import io
import json
import logging
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tornado.httpclient import HTTPRequest

from autograder.batch.store import Store
from autograder.hub.events import Event, JsonLines, as_text, log
from autograder.hub.service import Service
from autograder.hub.web.app import application
from autograder.hub.web.source import OfService
from autograder.records import Flag
from tests.hub import fakes
from tests.hub.serving import made_up, served
from tests.hub.test_pages import Site, text
from tests.hub.world import ASSIGNMENT, World, record


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged, as JSON."""
    stream, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield stream
    root.removeHandler(handler)
    root.setLevel(before)


def logged(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def value(scraped: str, name: str, **labels: str) -> float:
    """Of one series. Fails when there is none."""
    every = [each for family in text_string_to_metric_families(scraped) for each in family.samples]
    (found,) = [each.value for each in every if each.name == name and each.labels == labels]
    return float(found)


def scrape(world: World, folder: Path) -> str:
    app = application(OfService(world.service), fakes.settings(folder), world.course.title, fakes.hub())
    with served(app) as (address, loop):
        site = Site(loop, address, fakes.FakeSource(folder), fakes.hub(), app.settings["cookie_secret"])
        answer = site.get("metrics")
        assert answer.code == 200
        return text(answer)


def test_the_numbers_follow_the_work(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.submit("ana")
    world.submit("bo")
    world.clock.forward(seconds=90)
    before = scrape(world, tmp_path)
    assert value(before, "autograder_submissions", assignment=ASSIGNMENT, phase="queued") == 2
    assert value(before, "autograder_submissions", assignment=ASSIGNMENT, phase="graded") == 0
    assert value(before, "autograder_oldest_wait_seconds") == 90
    assert value(before, "autograder_receipt_delay_seconds_count") == 2
    assert value(before, "autograder_slots") == 1
    world.grader.answer = lambda job: record(job, "infra_error" if job.submission.student == "bo" else "timed_out")
    for _ in range(2):
        world.service.dispatch()
    after = scrape(world, tmp_path)
    assert value(after, "autograder_submissions", assignment=ASSIGNMENT, phase="graded") == 1
    assert value(after, "autograder_outcomes", assignment=ASSIGNMENT, outcome="timed_out") == 1
    assert value(after, "autograder_machine_failures_total") == 1
    assert value(after, "autograder_unpublished") == 1


def test_how_long_the_queue_takes_is_no_number_while_nobody_knows(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert value(scrape(world, tmp_path), "autograder_queue_seconds", assignment=ASSIGNMENT) == 0
    world.grader.room = 0
    world.submit("ana")
    scraped = scrape(world, tmp_path)
    assert value(scraped, "autograder_slots") == 0
    assert math.isnan(value(scraped, "autograder_queue_seconds", assignment=ASSIGNMENT))


def test_there_is_no_name_and_no_score_in_them(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.grader.answer = lambda job: record(job, score=37.5, flags=(Flag("edited_locked_cell", "by ana"),))
    receipt = world.submit("ana")
    world.service.dispatch()
    scraped = scrape(world, tmp_path)
    for word in ("ana", "37.5", receipt.digest, receipt.submission_id, "edited"):
        assert word not in scraped


def test_pages_are_measured_by_their_kind(tmp_path: Path) -> None:
    app, source, hub = made_up(tmp_path)
    with served(app) as (address, loop):
        site = Site(loop, address, source, hub, app.settings["cookie_secret"])
        site.get("", "ada")
        site.get("submission/nothing.9", "ada")
        scraped = text(site.get("metrics"))
    assert value(scraped, "autograder_page_seconds_count", page="Mine", status="2xx") == 1
    assert value(scraped, "autograder_page_seconds_count", page="OneSubmission", status="4xx") == 1
    assert "nothing.9" not in scraped


def test_through_the_hubs_proxy_there_are_none(tmp_path: Path) -> None:
    app, source, hub = made_up(tmp_path)
    with served(app) as (address, loop):
        site = Site(loop, address, source, hub, app.settings["cookie_secret"])
        forwarded = HTTPRequest(f"{address}{fakes.PREFIX}metrics", headers={"X-Forwarded-For": "203.0.113.9"})
        assert site.send(forwarded).code == 404
        assert site.get("metrics", "prof").code == 200


def test_a_request_is_a_line_without_what_follows_its_path(tmp_path: Path, lines: io.StringIO) -> None:
    app, source, hub = made_up(tmp_path)
    with served(app) as (address, loop):
        site = Site(loop, address, source, hub, app.settings["cookie_secret"])
        site.get("?secret=1", "ada")
        site.get("oauth_callback?code=code-of-ada&state=made-up")
    first, second = [each for each in logged(lines) if each["event"] == "request"]
    assert (first["status"], first["user"], first["page"], first["path"]) == (200, "ada", "Mine", fakes.PREFIX)
    assert (second["status"], second["level"], second["path"]) == (403, "warning", f"{fakes.PREFIX}oauth_callback")
    assert not {"secret", "code-of-ada"} & set(json.dumps([first, second]).replace("=", '"').split('"'))


def test_a_page_that_fails_is_logged_without_its_address(tmp_path: Path, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    app, source, hub = made_up(tmp_path)

    def broken(_: str) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(source, "students_view", broken)
    with served(app) as (address, loop):
        site = Site(loop, address, source, hub, app.settings["cookie_secret"])
        assert site.get("?code=of-nobody", "ada").code == 500
    (failed,) = [each for each in logged(lines) if "exception" in each]
    assert failed["message"] == "A page could not be made."
    assert "RuntimeError: a bug" in failed["exception"]
    assert "of-nobody" not in lines.getvalue()


def test_the_work_is_told_as_events(tmp_path: Path, lines: io.StringIO) -> None:
    world = World(tmp_path)
    world.service = Service(
        world.course, world.paths, Store(world.paths.state), world.exchange, world.grader,
        publisher=lambda desk: world.publisher, clock=world.clock, owner=lambda _: world.owner, spawn=lambda job: job(), tell=log,
    )  # fmt: skip
    receipt = world.submit("ana")
    world.service.dispatch()
    world.service.publish()
    world.service.rerun(receipt.id, "garcia", "because of a private reason")
    told = [each for each in logged(lines) if each["event"] != "said"]
    assert [each["event"] for each in told] == ["received", "graded", "published", "ordered"]
    assert all(each.get("receipt", receipt.id) == receipt.id for each in told)
    assert (told[0]["student"], told[0]["assignment"], told[0]["level"]) == ("ana", ASSIGNMENT, "info")
    assert (told[1]["outcome"], told[3]["order"], told[3]["who"]) == ("completed", "rerun", "garcia")
    assert "private reason" not in lines.getvalue()
    assert "50" not in [str(each) for line in told for each in line.values()]  # the score


def test_an_event_is_a_sentence_for_people(lines: io.StringIO) -> None:
    said: list[str] = []
    as_text(said.append)(Event("graded", "graded tiny.1: completed", {"receipt": "tiny.1"}))
    assert said == ["graded tiny.1: completed"]
    logging.getLogger("elsewhere").warning("two\nlines of %s", "text")
    (line,) = logged(lines)
    assert (line["message"], line["logger"], line["level"]) == ("two\nlines of text", "elsewhere", "warning")


def test_the_command_logs_json(tmp_path: Path) -> None:
    world = World(tmp_path)
    command = [sys.executable, "-m", "autograder.cli", "hub", "serve", "--exchange", str(world.exchange), "--no-pages", "--log", "json"]
    with subprocess.Popen(command, cwd=world.root, stderr=subprocess.PIPE, text=True) as service:
        assert service.stderr is not None
        read = []
        for line in service.stderr:
            if line.startswith("{"):
                read.append(json.loads(line))
                if "Ctrl-C ends it" in read[-1]["message"]:
                    service.send_signal(2)
            else:
                assert line in ("\n", "Interrupted: ending what runs. Once more ends at once.\n")
        assert service.wait() == 0
    assert any((each["event"], each["level"], each.get("about")) == ("problem", "warning", "gradebook") for each in read)
    assert read[-1]["message"].startswith("The service has ended.")
