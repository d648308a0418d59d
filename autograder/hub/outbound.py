"""Brings to people what was graded: which results still have to be published, and leaderboards."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from autograder.course.profile import find_assignment
from autograder.errors import AutograderError
from autograder.hub.office import Office
from autograder.hub.state import Receipt
from autograder.hub.views.moment import Board, board_of

_LOOK_S = 300.0
_TOGETHER = 10  # pages that follow marks, decisions or dates, in one go: under a second of a core, which fresh feedback may have to wait


class Publishing(Protocol):
    """What writes results where people look: see `Publisher`."""

    def publish(self, assignment: str, students: Sequence[str]) -> None: ...
    def renew(self, assignment: str, students: Sequence[str]) -> None: ...
    def behind(self, assignment: str) -> list[str]: ...
    def outdated(self, assignment: str) -> list[str]: ...
    def is_stale(self, assignment: str) -> bool: ...


class Outbound:
    """`publish` is called over and over, in one thread; `add` from any."""

    def __init__(self, office: Office, publisher: Publishing) -> None:
        self._office, self.publisher = office, publisher
        self._lock = threading.Lock()
        self._unpublished: dict[str, set[str]] = {}
        self._unlooked: set[str] = set()  # assignments of which it is to be found out whose pages are outdated
        self._outdated: dict[str, list[str]] = {}
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
        """Gradebook, feedback and exchange for what was graded since, and for what an earlier service left undone.

        Then some of the pages that have to follow what people did, or the due date: there may be a class of them at once.
        """
        now, decided = self._office.clock(), len(self._office.books.entries())
        long_ago = self._looked_behind is None or (now - self._looked_behind).total_seconds() >= _LOOK_S
        if long_ago or decided != self._decided:  # what is withheld from now on must not stay in the exchange
            self._looked_behind, self._decided = now, decided
            for one in self._office.course.assignments:
                self._look_behind(one.id)
        failed = {each for each in list(self._unpublished) if not self._publish(each)}
        for assignment in sorted(self._unlooked - failed):  # whose scores are those of now
            self._find_outdated(assignment)
        readable = [each for each in self._outdated if each not in failed]  # without a gradebook it looks as if nobody had marks
        for assignment in readable[:1]:
            self._renew(assignment)

    def _look_behind(self, assignment: str) -> None:
        """What somebody else changed, or an earlier service did not get to: pages, and scores that people gave by hand."""
        mine = self._mine(assignment)
        self._unlooked.add(assignment)
        behind = mine & set(self.publisher.behind(assignment))
        if behind or (mine and self.publisher.is_stale(assignment)):
            with self._lock:
                self._unpublished.setdefault(assignment, set()).update(behind)
        elif mine:
            self._renew_board(assignment)

    def _mine(self, assignment: str) -> set[str]:
        return {each.receipt.student for each in self._office.books.all(assignment) if each.phase == "graded"}

    def _publish(self, assignment: str) -> bool:
        """Whether it could be done."""
        with self._lock:
            students = self._unpublished.pop(assignment, set())
        done = False
        try:
            wrong = f"Results of '{assignment}' are not published yet"
            done = self._tried(f"publish {assignment}", wrong, lambda: self.publisher.publish(assignment, sorted(students)))
        finally:
            if not done:
                with self._lock:
                    self._unpublished.setdefault(assignment, set()).update(students)
        if done:
            self._tell(assignment, len(students))
            self._office.news.touch()
            self._renew_board(assignment)
        return done

    def _find_outdated(self, assignment: str) -> None:
        def look() -> None:
            mine = self._mine(assignment)
            found = [each for each in self.publisher.outdated(assignment) if each in mine] if mine else []
            if found:
                self._outdated[assignment] = found

        if self._tried(*_not_following(assignment), look):
            self._unlooked.discard(assignment)

    def _renew(self, assignment: str) -> None:
        """The next few; nobody is told of a change before all are through, so that the loop around this takes its time."""
        students = self._outdated.pop(assignment)
        done = False
        try:
            done = self._tried(*_not_following(assignment), lambda: self.publisher.renew(assignment, students[:_TOGETHER]))
        finally:
            left = students[_TOGETHER:] if done else [*students[_TOGETHER:], *students[:_TOGETHER]]  # one odd page must not stop all others
            if left:
                self._outdated[assignment] = left  # behind the other assignments
        if done:
            self._tell(assignment, len(students) - len(left))
            if not left:
                self._office.news.touch()

    def _tried(self, key: str, wrong: str, work: Callable[[], None]) -> bool:
        """Whether it could be done; if not, instructors are told what is `wrong`, until it can."""
        try:
            work()
        except (AutograderError, OSError) as error:
            self._office.news.problem(key, f"{wrong}: {error}")
            return False
        self._office.news.solved(key)
        return True

    def _tell(self, assignment: str, students: int) -> None:
        self._office.news.tell("published", f"published {assignment}: {students} student(s)", assignment=assignment, students=students)

    def _renew_board(self, assignment: str) -> None:
        board = self._board(assignment)
        if self._boards.get(assignment) != board:
            self._boards[assignment] = board
            self._office.news.touch()

    def _board(self, assignment: str) -> Board:
        metric = find_assignment(self._office.course, assignment).contest
        return board_of(self._office.results.leaderboard(assignment, metric)) if metric else Board()


def _not_following(assignment: str) -> tuple[str, str]:
    return f"follow {assignment}", f"Feedback of '{assignment}' does not follow marks, decisions and dates yet"
