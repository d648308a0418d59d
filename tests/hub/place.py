"""A small course with the real grader, gradebook and exchange; the service's steps are called by the test."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from autograder.batch.store import Store
from autograder.course.loading import load_course
from autograder.gradebook.exchange import page_name
from autograder.hub.graders import LocalGrader, Plans
from autograder.hub.service import Service
from autograder.hub.state import Receipt
from autograder.quality.variants import Variant, build_submission

SECRET = secrets.token_hex(64)


class Place:
    """The course with its exchange and a service whose steps are called by the test."""

    def __init__(self, root: Path) -> None:
        self.owner = "ada"
        self.course, self.paths = load_course(root)
        self.store, self.exchange = Store(self.paths.state), root / "exchange"
        self.inbound = self.exchange / self.course.id / "inbound"
        self.inbound.mkdir(parents=True)
        plans = Plans(self.course, self.paths, self.store, trust=True)
        self.grader = LocalGrader(plans, jobs=1)
        self.service = Service(
            self.course,
            self.paths,
            self.store,
            self.exchange,
            self.grader,
            owner=lambda _: self.owner,
            spawn=lambda job: job(),
        )

    def submit(self, start: str, stamp: str, secret: str, student: str = "ada", **cells: str) -> Receipt:
        """`cells`: what stands in some of the solution cells instead, by grade id."""
        self.owner = student
        folder = self.inbound / f"{student}+basics+{stamp}"
        folder.mkdir()
        notebook = build_submission(self.paths, "basics", Variant(student, "", True, start=start, cells=cells))
        (folder / "basics.ipynb").write_text(json.dumps(notebook))
        (folder / "timestamp.txt").write_text(stamp)
        (folder / "submission_secret.txt").write_text(secret)
        os.chmod(folder, 0o777)
        self.service.receive()
        self.service.check()
        return next(each for each in self.service.office.desk.receipts("basics") if each.source == folder.name)

    def released(self, secret: str) -> Path:
        return self.exchange / self.course.id / "feedback" / (page_name(secret, "basics") or "")
