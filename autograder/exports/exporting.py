"""From the store and the gradebook to the files of one format, with the names of all who are not in them: for the command and the pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from autograder.batch.audit import audit_store
from autograder.batch.contest import contest_entries, decision_store
from autograder.batch.store import Store, choose_students
from autograder.course.profile import due_utc, find_assignment, resolve_profile
from autograder.course.settings import Course
from autograder.errors import UsageError
from autograder.exports.canvas import fill_gradebook
from autograder.exports.filling import Filled
from autograder.exports.gradescope import to_gradescope
from autograder.exports.junit import to_junit
from autograder.exports.moodle import fill_worksheet, grade_import
from autograder.exports.nbgrader import read_students, to_nbgrader
from autograder.exports.scores import Score, decided_score, final_scores
from autograder.gradebook.late import refresh_scores
from autograder.gradebook.writing import ManualGrade, read_manual_scores
from autograder.intake.roster import Roster
from autograder.records import Record

FORMATS = ("nbgrader", "canvas", "moodle", "gradescope", "junit")
ENDINGS = {"nbgrader": "csv", "canvas": "csv", "moodle": "csv", "junit": "xml"}  # Gradescope: a file for each student


@dataclass(frozen=True)
class Wanted:
    """A format and what it needs: `template` is a file of the LMS to be filled in, `roster` says what the LMS calls the students."""

    form: str
    template: bytes | None = None
    column: str | None = None
    id_column: str | None = None
    roster: Roster | None = None
    scale: bool = False


@dataclass(frozen=True)
class Books:
    """Where scores come from: course, store, gradebook, and the profile (None: each assignment's default)."""

    course: Course
    store: Store
    url: str
    profile: str | None = None

    def profile_of(self, assignment: str) -> str:
        """Raises UsageError for an assignment without that profile."""
        return resolve_profile(self.course, find_assignment(self.course, assignment), self.profile).name


@dataclass(frozen=True)
class Graded:
    """What is known of one assignment: records, points by student, and what people gave. Points by a decision need no record."""

    assignment: str
    records: Sequence[Record]
    scores: Sequence[Score]
    manual: Mapping[str, Mapping[str, ManualGrade]]


@dataclass(frozen=True)
class Exported:
    """The files by student (the only one under ''), who is in them with points, who has points and is not, and who has no record."""

    files: Mapping[str, bytes]
    written: Sequence[str]
    missing: Mapping[str, str] = field(default_factory=dict)
    absent: Sequence[str] = ()


def read_graded(books: Books, assignment: str, students: Sequence[str] = (), partial: bool = False) -> Graded:
    """Records and points of an assignment, of these students or of everybody. Raises UsageError where there is none.

    With `partial`, who waits for a manual grade has the points so far.
    """
    course, store, profile = books.course, books.store, books.profile_of(assignment)
    records = list(store.latest(profile, assignment, choose_students(store, profile, assignment, students)))
    manual = read_manual_scores(books.url, assignment)
    counts = profile == course.default_profile  # only there lateness and decisions mean anything
    finals = {each.student: each for each in refresh_scores(course, store, assignment, books.url)} if counts else {}
    scores = final_scores(records, manual, finals, partial)
    if not students:
        graded = {record.student for record in records}
        scores += [decided_score(each) for each in finals.values() if each.student not in graded and each.score is not None]
    return Graded(assignment, records, scores, manual)


def make_export(books: Books, graded: Sequence[Graded], wanted: Wanted) -> Exported:
    """The files; formats other than nbgrader's and JUnit's are of the first assignment. Raises UsageError for what does not fit."""
    if wanted.form == "nbgrader":
        return _nbgrader(books, graded)
    if wanted.form == "junit":
        records = [record for each in graded for record in each.records]
        return Exported({"": to_junit(records)}, [record.student for record in records])
    if wanted.form == "gradescope":
        return _gradescope(books, graded[0])
    filled = _filled(graded[0], wanted)
    return Exported({"": filled.data}, filled.written, filled.missing)


def _filled(graded: Graded, wanted: Wanted) -> Filled:
    if wanted.template is None:
        if wanted.form == "canvas":
            cure = "Export it in Canvas (Grades → Export), and give it as the template."
            raise UsageError("Canvas imports only into a gradebook that it exported.", cure)
        return grade_import(graded.assignment, graded.scores, wanted.roster)
    if wanted.form == "canvas":
        return fill_gradebook(wanted.template, graded.assignment, graded.scores, wanted.column, wanted.roster, wanted.scale)
    return fill_worksheet(wanted.template, graded.scores, wanted.column, wanted.id_column, wanted.roster, wanted.scale)


def _nbgrader(books: Books, graded: Sequence[Graded]) -> Exported:
    scores = {each.assignment: {score.student: score for score in each.scores} for each in graded}
    due = {name: due_utc(books.course, find_assignment(books.course, name)) for name in scores}
    people = read_students(books.url)
    absent = [f"{student.id} ({name})" for name, found in scores.items() for student in people if student.id not in found]
    written = [score.student for each in graded for score in each.scores if score.points is not None]
    return Exported({"": to_nbgrader(scores, due, people)}, written, absent=absent)


def _gradescope(books: Books, graded: Graded) -> Exported:
    board = _leaderboard(books, graded)
    scored = {score.student: score for score in graded.scores if score.points is not None}
    files = {
        record.student: to_gradescope(record, scored[record.student], graded.manual.get(record.student, {}), board.get(record.student))
        for record in graded.records
        if record.student in scored
    }
    missing = {student: "there is no submission that Gradescope's file could be about" for student in scored if student not in files}
    return Exported(files, list(files), missing)


def _leaderboard(books: Books, graded: Graded) -> dict[str, tuple[str, float]]:
    """Metric and value of those who stand on the contest's leaderboard."""
    contest = find_assignment(books.course, graded.assignment).contest
    if contest is None:
        return {}
    decisions = decision_store(books.store, books.profile_of(graded.assignment), graded.assignment).read()
    audits = audit_store(books.store).of_records(graded.records)
    entries = contest_entries(books.store, graded.records, contest, audits, decisions)
    return {each.student: (contest, each.value) for each in entries if each.pseudonym and each.value is not None and not each.withheld}
