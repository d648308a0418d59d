"""A moment of the service: all that pages are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from autograder.batch.store import Store
from autograder.batch.waiting import expected_wait
from autograder.course.paths import CoursePaths
from autograder.course.settings import Course
from autograder.feedback.leaderboard import Leaderboard
from autograder.hub.books import Books
from autograder.hub.desk import Desk
from autograder.hub.results import Results
from autograder.hub.state import Rank
from autograder.term.decisions import standing


@dataclass(frozen=True)
class Live:
    """How far a running submission is."""

    elapsed_s: float
    cell: int = 0
    cells: int = 0


@dataclass(frozen=True)
class Board:
    """A leaderboard: its lines, and the place of each student who takes part, by id."""

    lines: tuple[Rank, ...] = ()
    places: Mapping[str, int] = field(default_factory=dict)


def board_of(found: Leaderboard) -> Board:
    """Without what is for instructors alone."""
    return Board(
        tuple(Rank(each.rank, each.name, each.value) for each in found.places),
        {each.student: index for index, each in enumerate(found.places)},
    )


@dataclass(frozen=True)
class Work:
    """A moment of the service. `running`: by receipt; `order`: receipts that wait, first who is next; `taken`: seconds of the last ones.

    `slots`: 0 while nobody knows how many run side by side, or nothing can.
    """

    course: Course
    paths: CoursePaths
    store: Store
    desk: Desk
    books: Books
    results: Results
    now: datetime
    version: int
    running: Mapping[str, Live]
    order: tuple[str, ...]
    slots: int
    where: str
    taken: tuple[float, ...]
    paused: Mapping[str, str]
    problems: tuple[str, ...]
    failures: int
    unpublished: int
    boards: Mapping[str, Board]

    def wait_s(self, ahead: int) -> float | None:
        """Expected seconds until a submission begins that has so many before it; None where it has to wait and nothing was measured yet,
        and while nobody knows how many run side by side.
        """
        if not self.slots or (not self.taken and len(self.running) + ahead >= self.slots):
            return None
        return expected_wait(ahead, [each.elapsed_s for each in self.running.values()], self.slots, self.taken)

    def local(self, moment: datetime | None) -> datetime | None:
        """A time in the course's zone."""
        return moment.astimezone(ZoneInfo(self.course.timezone)) if moment is not None else None

    def withholds(self, student: str, assignment: str) -> bool:
        """Whether somebody decided that this student's score is not shown."""
        return bool(standing(self.books.entries(), student, assignment).of("withhold"))

    def feedback_page(self, user: str, assignment: str) -> Path | None:
        """The page of that student alone. Raises nothing for names that are none: they have no page."""
        if assignment not in {each.id for each in self.course.assignments} or "/" in user or user in ("", ".", ".."):
            return None
        page = self.paths.feedback(user, assignment)
        return page if page.is_file() and not self.withholds(user, assignment) else None

    def feedback_about(self, user: str, assignment: str) -> str | None:
        """The submission that a student's page is about: there is one page, written anew for the one that counts.

        None where there is no page, and while it is older than the record that it should tell of.
        """
        profile = self.course.default_profile
        about = self.store.present_id(profile, assignment, user)
        folder = self.store.root / "records" / profile / assignment / user
        try:
            recorded = max(each.stat().st_mtime_ns for each in (folder / "present", folder / f"{about}.json"))
            written = self.paths.feedback(user, assignment).stat().st_mtime_ns
        except OSError:
            return None
        return about if written >= recorded else None
