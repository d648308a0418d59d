"""The hub service in a process of its own, for bench_hub.py: real exchange, sandbox, gradebook and pages, behind a real hub.

Prints a line of JSON each second once its pages answer; ends when its input is closed, and writes what it noted of each submission.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import queue
import sys
import threading
import time
from pathlib import Path

from autograder.batch.store import Store
from autograder.course.loading import load_course
from autograder.hub.graders import LocalGrader, Plans
from autograder.hub.service import Service
from autograder.hub.state import Settings
from autograder.hub.web.app import make_app

FIRST_UID = 0x6000_0000  # of the students: one for each, as the hub's users have, without accounts
INSTRUCTOR = "instructor"


def student(number: int) -> str:
    return f"student{number:05}"


class Noted:
    """What the service says and does, with the time of each; times are seconds since the epoch."""

    def __init__(self) -> None:
        self.received: dict[str, float] = {}
        self.began: dict[str, float] = {}
        self.graded: dict[str, float] = {}
        self.told: dict[str, dict[str, float]] = {}
        self.new: queue.Queue[str] = queue.Queue()

    def say(self, text: str) -> None:
        kind, _, rest = text.partition(" ")
        receipt = rest.split(" ")[0].rstrip(":")
        if kind == "received":
            self.received[receipt] = time.time()
            self.new.put(receipt)
        elif kind == "graded":
            self.graded[receipt] = time.time()
        elif kind != "published":
            print(text, file=sys.stderr, flush=True)


def ask_for_waits(service: Service, noted: Noted) -> None:
    """The wait as each student is told it first: as soon as the submission has a place."""
    while True:
        receipt = noted.new.get()
        version = service.version()
        while (view := service.submission(receipt)) is not None and view.phase == "queued" and view.wait_s is None:
            version = service.wait_for_change(version, 1)
        if view is not None and view.phase == "queued" and view.wait_s is not None:
            noted.told[receipt] = {"at": time.time(), "wait_s": view.wait_s}


def note_beginnings(service: Service, noted: Noted) -> None:
    began = service.dispatcher.began

    def heard(receipt: str) -> None:
        noted.began.setdefault(receipt, time.time())
        began(receipt)

    service.dispatcher.began = heard  # type: ignore[method-assign]


async def serve(service: Service, settings: Settings, noted: Noted, closed: threading.Event) -> None:
    make_app(service, settings).listen(settings.port, settings.host)
    while not closed.is_set():
        state = {"received": len(noted.received), "graded": len(noted.graded), "unpublished": service.outbound.waiting()}
        print(json.dumps(state), flush=True)
        await asyncio.sleep(1)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("exchange", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--trust-submissions", action="store_true")
    options = parser.parse_args()
    course, paths = load_course(options.root)
    store, noted, closed = Store(paths.state), Noted(), threading.Event()
    grader = LocalGrader(Plans(course, paths, store, trust=options.trust_submissions))
    service = Service(course, paths, store, options.exchange, grader, owner=lambda uid: student(uid - FIRST_UID), say=noted.say)
    note_beginnings(service, noted)
    url, token = os.environ["JUPYTERHUB_API_URL"], os.environ["JUPYTERHUB_API_TOKEN"]
    settings = Settings(options.exchange, port=options.port, instructors=f"formgrade-{course.id}", api_url=url, api_token=token)

    def until_closed() -> None:
        sys.stdin.read()
        closed.set()

    for work in (until_closed, lambda: ask_for_waits(service, noted)):
        threading.Thread(target=work, daemon=True).start()
    service.start()
    try:
        asyncio.run(serve(service, settings, noted, closed))
        slots, where = grader.slots(), grader.where()
    finally:
        service.stop()
    checked = {each.stem: each.stat().st_mtime for each in (store.root / "hub").glob("*/checked/*.json")}
    found = {"received": noted.received, "began": noted.began, "graded": noted.graded, "told": noted.told, "checked": checked}
    options.output.write_text(json.dumps({**found, "slots": slots, "where": where}), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
