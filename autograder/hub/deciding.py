"""Decisions about students from the instructors' page: into the ledger that `autograder decide` writes, by the same rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autograder.course.profile import find_assignment
from autograder.errors import UsageError
from autograder.hub.office import Office
from autograder.term.dates import now_in, read_date, shown
from autograder.term.deciding import Wish, decided, known_students, revocation
from autograder.term.decisions import Decision, Kind, ledger

KINDS: tuple[Kind, ...] = ("extend", "excuse", "reopen", "waive_late", "withhold", "override")  # what is final is decided with the command


@dataclass(frozen=True)
class DecisionForm:
    """A decision as it was typed. `students`: ids between spaces or commas; `until` in the course's time zone; empty where not needed."""

    assignment: str
    kind: str = "extend"
    students: str = ""
    everybody: bool = False
    until: str = ""
    score: str = ""
    why: str = ""


@dataclass(frozen=True)
class DecisionView:
    """One entry of the ledger. `whom` is empty for everybody; `revoked_by`: the entry that took it back, else empty."""

    id: str
    at: str
    who: str
    what: str
    whom: str
    why: str
    revoked_by: str


class DecisionDesk:
    """One per service."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def views(self, assignment: str) -> tuple[DecisionView, ...]:
        """What was decided about an assignment, newest first; revocations stand at what they took back."""
        entries = self._office.books.entries()
        by = {each.revokes: each.id for each in entries if each.revokes is not None}
        mine = [each for each in entries if each.assignment == assignment and each.kind != "revoke"]
        return tuple(self._view(each, by.get(each.id, "")) for each in reversed(mine))

    def decide(self, form: DecisionForm, who: str) -> str:
        """Writes it down and says so. Raises UsageError with everything that speaks against it."""
        course = self._office.course
        find_assignment(course, form.assignment)
        if form.kind not in KINDS:
            raise UsageError(f"'{form.kind}' is no decision that is made here.", f"There are: {', '.join(KINDS)}.")
        students = tuple(dict.fromkeys(form.students.replace(",", " ").split()))
        if bool(students) == form.everybody:
            raise UsageError("A decision is about students or about everybody.", "Name the students, or choose everybody.")
        until, understood = read_date(course, form.until) if form.until.strip() else (None, "")
        whom = None if form.everybody else students
        wish = Wish(who, " ".join(form.why.split()), form.kind, form.assignment, whom, until, _points(form.score))
        known = known_students(course, self._office.paths, self._office.store)
        at = now_in(course.timezone)
        return self._written(ledger(self._office.store.root).append(lambda entries: decided(wish, course, known, entries, at)), understood)

    def revoke(self, decision: str, who: str, why: str) -> str:
        """Takes a decision back by another entry, and says so. Raises UsageError where there is none that holds, or no reason."""
        at, reason = now_in(self._office.course.timezone), " ".join(why.split())

        def entry(entries: Sequence[Decision]) -> Decision:
            return revocation(decision, who, reason, entries, at)

        return self._written(ledger(self._office.store.root).append(entry), "")

    def _written(self, entry: Decision | None, understood: str) -> str:
        assert entry is not None  # what makes it gives one
        self._office.news.touch()
        view = self._view(entry, "")
        return f"{entry.id} is in the ledger: {view.what}, {view.whom or 'everybody'}. {understood}".strip()

    def _view(self, entry: Decision, revoked_by: str) -> DecisionView:
        what = entry.kind.replace("_", " ")
        what += f" until {shown(entry.until, self._office.course.timezone)}" if entry.until else ""
        what += f": {entry.score:g} points" if entry.score is not None else ""
        what += f" of {entry.revokes}" if entry.revokes else ""
        whom = ", ".join(entry.students) if entry.students is not None else ""
        return DecisionView(entry.id, entry.at[:16].replace("T", " "), entry.who, what, whom, entry.why, revoked_by)


def _points(text: str) -> float | None:
    if not text.strip():
        return None
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"'{text.strip()[:40]}' is no number of points.", "Write it as 12.5.") from None
