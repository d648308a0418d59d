"""Students' pages. Each asks for the view of who signed in and looks things up in it, so nobody else's can come out."""

from __future__ import annotations

from tornado.web import HTTPError

from autograder.hub.state import AssignmentView, StudentsView, SubmissionView
from autograder.hub.web.pages import Page
from autograder.hub.web.phases import SOMETIME_S, pace, spoken, spoken_all


class Mine(Page):
    """All assignments."""

    async def get(self) -> None:
        view = await self.ask(self.source.students_view, self.user)
        every = pace(one for each in view.assignments for one in each.submissions)
        self.show("mine.html", "mine", view=view, every=every, spoken=spoken_all(view.assignments))


class OneAssignment(Page):
    """One assignment: score, dates, submissions, feedback."""

    async def get(self, assignment: str) -> None:
        view = await self.ask(self.source.students_view, self.user)
        each = _assignment(view, assignment)
        about = next((one for one in each.submissions if one.submission_id == each.feedback_about), None)
        version = await self.ask(_version, each)
        every = pace(each.submissions)
        self.show("assignment.html", "mine", each=each, about=about, version=version, every=every, spoken=spoken_all([each]))


class OneSubmission(Page):
    """One submission: receipt, first check, and feedback if the page is about it."""

    async def get(self, receipt: str) -> None:
        view = await self.ask(self.source.students_view, self.user)
        each, one = _submission(view, receipt)
        read = each.feedback is not None and each.feedback_about == one.submission_id
        version, said = await self.ask(_version, each), spoken(one, each.title)
        self.show("submission.html", "mine", each=each, one=one, read=read, version=version, every=pace([one]), spoken=said)


class OwnFeedback(Page):
    """The feedback page of an assignment, as an isolated document."""

    async def get(self, assignment: str) -> None:
        view = await self.ask(self.source.students_view, self.user)
        page = _assignment(view, assignment).feedback
        if page is None or not page.is_file():
            raise HTTPError(404)
        self.show_untrusted(await self.ask(page.read_text, "utf-8"))


class Board(Page):
    """The leaderboard, for those who take part."""

    async def get(self, assignment: str) -> None:
        view = await self.ask(self.source.students_view, self.user)
        each = _assignment(view, assignment)
        if each.leaderboard is None:
            raise HTTPError(404)
        self.show("board.html", "mine", assignment=each.id, title=each.title, rows=each.leaderboard, every=SOMETIME_S)


def _version(each: AssignmentView) -> str:
    """Another one when the feedback was written anew, so that a page that stands open shows it; empty where there is none."""
    try:
        return str(each.feedback.stat().st_mtime_ns) if each.feedback else ""
    except OSError:
        return ""


def _assignment(view: StudentsView, assignment: str) -> AssignmentView:
    found = next((each for each in view.assignments if each.id == assignment), None)
    if found is None:
        raise HTTPError(404)
    return found


def _submission(view: StudentsView, receipt: str) -> tuple[AssignmentView, SubmissionView]:
    for each in view.assignments:
        for one in each.submissions:
            if one.receipt == receipt:
                return each, one
    raise HTTPError(404)
