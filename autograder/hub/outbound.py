"""Brings to people what was graded: which results still have to be published, and leaderboards."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from autograder.course.profile import find_assignment
from autograder.errors import AutograderError
from autograder.hub.office import Office
from autograder.hub.state import Receipt
from autograder.hub.views.moment import Board, board_of

_LOOK_S = 300.0


class Publishing(Protocol):
    """What writes results where people look: see `Publisher`."""

    def publish(self, assignment: str, students: Sequence[str]) -> None: ...
    def behind(self, assignment: str) -> list[str]: ...
    def is_stale(self, assignment: str) -> bool: ...


class Outbound:
    """`publish` is called over and over, in one thread; `add` from any."""

    def __init__(self, office: Office, publisher: Publishing) -> None:
        self._office, self.publisher = office, publisher
        self._lock = threading.Lock()
        self._unpublished: dict[str, set[str]] = {}
        self._boards: dict[str, Board] = {}
        self._looked_behind: datetime | None = None
        self._decided = 0

    def add(self, receipt: Receipt) -> None:
        """Its student has a new result."""
        with self._lock:
            self._unpublished.setdefault(receipt.assignment, set()).add(receipt.student)

    def look_behind(self) -> None:
        """The next `publish` looks for records that are newer than what was published of them."""
        self._looked_behind = None

    def waiting(self) -> int:
        """How many results are not published yet."""
        with self._lock:
            return sum(map(len, self._unpublished.values()))

    def boards(self) -> Mapping[str, Board]:
        """Leaderboards by assignment."""
        return dict(self._boards)

    def publish(self) -> None:
        """Gradebook, feedback and exchange for what was graded since, and for what an earlier service left undone."""
        now, decided = self._office.clock(), len(self._office.books.entries())
        long_ago = self._looked_behind is None or (now - self._looked_behind).total_seconds() >= _LOOK_S
        if long_ago or decided != self._decided:  # what is withheld from now on must not stay in the exchange
            self._looked_behind, self._decided = now, decided
            for one in self._office.course.assignments:
                self._look_behind(one.id)
        for assignment in list(self._unpublished):
            self._publish(assignment)

    def _look_behind(self, assignment: str) -> None:
        """What somebody else changed, or an earlier service did not get to: pages, and scores that people gave by hand."""
        mine = {each.receipt.student for each in self._office.books.all(assignment) if each.phase == "graded"}
        behind = mine & set(self.publisher.behind(assignment))
        if behind or (mine and self.publisher.is_stale(assignment)):
            with self._lock:
                self._unpublished.setdefault(assignment, set()).update(behind)
        elif mine:
            self._renew_board(assignment)

    def _publish(self, assignment: str) -> None:
        with self._lock:
            students = self._unpublished.pop(assignment, set())
        news = self._office.news
        try:
            self.publisher.publish(assignment, sorted(students))
            news.tell("published", f"published {assignment}: {len(students)} student(s)", assignment=assignment, students=len(students))
            news.touch()
            self._renew_board(assignment)
            news.solved(f"publish {assignment}")
        except BaseException as error:
            with self._lock:
                self._unpublished.setdefault(assignment, set()).update(students)
            if not isinstance(error, AutograderError | OSError):
                raise
            news.problem(f"publish {assignment}", f"Results of '{assignment}' are not published yet: {error}")

    def _renew_board(self, assignment: str) -> None:
        board = self._board(assignment)
        if self._boards.get(assignment) != board:
            self._boards[assignment] = board
            self._office.news.touch()

    def _board(self, assignment: str) -> Board:
        metric = find_assignment(self._office.course, assignment).contest
        return board_of(self._office.results.leaderboard(assignment, metric)) if metric else Board()
