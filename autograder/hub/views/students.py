"""All assignments as one student stands in them."""

from __future__ import annotations

from collections.abc import Iterable

from autograder.course.profile import find_assignment
from autograder.feedback.clean import line
from autograder.feedback.settled import settled
from autograder.feedback.words import in_words
from autograder.hub.rules import NOT_COUNTED, Fate, attempts_left, next_attempt_at
from autograder.hub.state import AssignmentState, AssignmentView, Phase, Rank, ScoreView, StudentsView
from autograder.hub.views.moment import Work
from autograder.hub.views.submission import submission_view
from autograder.term.names import read_names

_ID_LETTERS = 60  # of a student's id on a leaderboard


def students_view(work: Work, user: str) -> StudentsView:
    """All assignments of the course, as this user stands in them."""
    return StudentsView(
        user=user,
        name=read_names(work.store.root).get(user, user),
        course_id=work.course.id,
        course_title=work.course.title,
        now=work.now,
        timezone=work.course.timezone,
        version=work.version,
        assignments=tuple(_assignment(work, user, each.id) for each in work.course.assignments),
    )


def _assignment(work: Work, user: str, assignment: str) -> AssignmentView:
    found, rules = work.books.fates(assignment, user), work.books.rules(assignment, user)
    around = work.books.situation(assignment, user)
    left = attempts_left(found, rules, around)
    state, note = _state(work, assignment, found)
    return AssignmentView(
        id=assignment,
        title=in_words(assignment),
        points=find_assignment(work.course, assignment).points,
        state=state,
        note=note,
        due=work.local(rules.due),
        closes=work.local(rules.closes),
        grace_s=rules.policy.grace_s,
        instant=rules.instant,
        attempts_allowed=rules.attempts,
        attempts_left=left,
        next_attempt_at=work.local(next_attempt_at(found, rules, work.now)),
        submissions=tuple(submission_view(work, each) for each in reversed(found)),
        score=_score(work, user, assignment),
        feedback=work.feedback_page(user, assignment),
        feedback_about=work.feedback_about(user, assignment) if found else None,
        leaderboard=_board(work, user, assignment),
    )


def _state(work: Work, assignment: str, found: Iterable[Fate]) -> tuple[AssignmentState, str]:
    """Of the newest that counts, else of the newest refused one."""
    fates = list(found)
    counting = [each for each in fates if each.phase not in NOT_COUNTED]
    chosen = (counting or [each for each in fates if each.phase == "refused"])[-1:]
    if chosen:
        view = submission_view(work, chosen[0])
        return _as_state(view.phase), view.note
    if not work.paths.release_notebook(assignment).is_file():
        return "not_released", "It is not released yet."
    return "not_submitted", "Nothing was submitted yet."


def _as_state(phase: Phase) -> AssignmentState:
    if phase == "repeated" or phase == "superseded" or phase == "cancelled":
        return "not_submitted"
    return phase


def _score(work: Work, user: str, assignment: str) -> ScoreView | None:
    """The final score as it was last computed; None while there is nothing to say."""
    final = work.results.finals(assignment).get(user)
    if final is None or final.state == "missing":
        return None
    if final.state == "withheld" or work.withholds(user, assignment):
        return ScoreView(None, final.max_score, "Your score is not shown. Ask your instructor.")
    record = work.store.present(work.course.default_profile, assignment, user)
    said = settled(final, record) if record is not None else None
    if said is not None:
        return ScoreView(final.score, final.max_score, said.sentence, said.lines, final.final is not None)
    if final.state == "scored":
        words = "Final score" if final.final else "Score so far"
        return ScoreView(final.score, final.max_score, f"{words}: {final.score:g} of {final.max_score:g} points.", (), bool(final.final))
    return ScoreView(None, final.max_score, _WITHOUT_SCORE[final.state])


_WITHOUT_SCORE = {
    "waiting": "There is no score yet: a person still has to grade a part of it.",
    "unscored": "There is no score yet: it could not be graded so far.",
    "excused": "You are excused: this assignment does not count for you.",
}


def _board(work: Work, user: str, assignment: str) -> tuple[Rank, ...] | None:
    board = work.boards.get(assignment)
    own = board.places.get(line(user, _ID_LETTERS)) if board else None
    if board is None or own is None:
        return None
    return tuple(Rank(each.rank, each.name, each.value, index == own) for index, each in enumerate(board.lines))
