"""What the hub service knows and shows: plain frozen dataclasses between its core and whatever displays them.

`Receipt`, `Order` and `Checked` are what is kept on disk. Everything else is computed from them, from the store's records and from what
runs at the moment, and is what `Service.students_view(user)` and `Service.instructors_view()` give. All times are aware datetimes (UTC on
disk, the course's time zone or the one asked for in views), all durations seconds, all ids text. Texts are sentences for people; those
that come from students (names, places in notebooks) are plain text and have to be escaped by whoever displays them.

`autograder.hub.service.Service` offers, from any thread and quickly enough for a page (no grading, no network):

    start(), stop()                                    begin and end all work; a kill in between loses nothing
    students_view(user) -> StudentsView                of a user whom nobody knows: a view in which nothing was submitted
    instructors_view() -> InstructorsView
    submission(receipt) -> SubmissionView | None       one of them by its id; whose it is stands in it
    record(receipt) -> Record | None                   all that is known of it, for instructors
    feedback_page(user, assignment) -> Path | None     the page of that student alone, None while there is none or it is withheld
    feedback_on(receipt) -> Path | None                the page about this submission, for instructors
    notebook(receipt) -> Path | None                   the executed notebook: untrusted content
    cancel(receipt, who, why), rerun(receipt, who, why), start_held(assignment, who)
                                                       raise UsageError, with the cure, where that is not possible
    curves                                             `CurveDesk`: what other curves would do
    apply_curves(assignment, who) -> Effect            the configuration's curves, for all that was graded; raises AutograderError
    version() -> int                                   grows whenever something that is shown changed
    wait_for_change(version, timeout_s) -> int         blocks until `version()` differs or the time is over; gives the present one

Pages are plugged in as `autograder.hub.web.app.make_app(service: Service, settings: Settings) -> tornado.web.Application`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from autograder.doctor.finding import Finding
from autograder.records import Flag
from autograder.term.score import Line

Phase = Literal["refused", "repeated", "superseded", "cancelled", "held", "queued", "running", "retrying", "graded"]
"""What became of one submission.

refused: it does not count (wrong owner, closed, no attempts left); repeated: the same files as the one before, which counts;
superseded: a newer one came before its turn; cancelled: by an instructor; held: received and checked, but graded only when an instructor
starts it; queued: has a place (and a `not_before` while the cool-down lasts); running; retrying: the machine failed, it is graded again
later and costs no attempt; graded: there is a record.
"""

OrderKind = Literal["start", "cancel", "rerun", "done"]

AssignmentState = Literal["not_released", "not_submitted", "refused", "held", "queued", "running", "retrying", "graded"]
"""Where one student stands in one assignment: the phase of the newest submission that counts (repeated, superseded and cancelled ones
aside), else of the newest refused one, else whether the assignment can be fetched at all."""


# --- kept on disk, append-only ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Receipt:
    """One arrival in the exchange, written before anything else is done with it.

    `id`: '<assignment>.<number>', numbers count from 1 within an assignment. `seen_at`: when the service found it; `arrived_at`: the
    earlier of that and the file system's own time (ctime), which is what lateness follows. `claimed`: the text of the student's own
    timestamp. `source`: name of the folder in the exchange. `student`: name of the folder's owner on this machine. `digest`: SHA-256 of
    the files, hex. `submission_id`: as in records. `size`: bytes. `refused`: why it was not taken at all, else empty. `flags`: for
    instructors only.
    """

    id: str
    student: str
    assignment: str
    seen_at: datetime
    arrived_at: datetime
    claimed: str
    source: str
    digest: str
    submission_id: str
    size: int = 0
    refused: str = ""
    flags: tuple[Flag, ...] = ()
    schema: Literal[1] = 1


@dataclass(frozen=True)
class Order:
    """What an instructor wants with one submission: `start` a held one, `cancel` one that waits or runs, `rerun`.

    `done` ends a rerun (written by the service).
    """

    kind: OrderKind
    receipt: str
    who: str
    at: datetime
    why: str = ""
    schema: Literal[1] = 1


@dataclass(frozen=True)
class Checked:
    """What the doctor found in a submission, before it is graded. `problem`: why the notebook cannot be read at all, else empty."""

    receipt: str
    at: datetime
    findings: tuple[Finding, ...] = ()
    problem: str = ""
    schema: Literal[1] = 1


# --- what students see ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SubmissionView:
    """One submission of a student. `note` says the phase in a sentence.

    `place`: 1 is next; `wait_s`: expected seconds until it begins; `not_before`: end of the cool-down or time of the next try;
    `elapsed_s`, `cell` of `cells`: while it runs (`cells` 0: not known yet). `score` of `max_score`: automatic part of its record, None
    while there is none or it is withheld. `outcome`: the record's, empty before. `checked`: None while the
    check has not ended, and for what was refused on arrival.
    """

    receipt: str
    student: str
    assignment: str
    phase: Phase
    note: str
    arrived_at: datetime
    seen_at: datetime
    digest: str
    submission_id: str
    size: int
    attempt: int | None = None
    place: int | None = None
    wait_s: float | None = None
    not_before: datetime | None = None
    elapsed_s: float | None = None
    cell: int = 0
    cells: int = 0
    outcome: str = ""
    score: float | None = None
    max_score: float | None = None
    checked: Checked | None = None


@dataclass(frozen=True)
class ScoreView:
    """The score as it stands. `score` None is no score, which is not 0; `sentence` says why or how much.

    `lines`: the sum line by line (automatic, by hand, late …), without what instructors wrote about anybody. `final`: nothing will
    change any more by itself.
    """

    score: float | None
    max_score: float
    sentence: str
    lines: tuple[Line, ...] = ()
    final: bool = False


@dataclass(frozen=True)
class Rank:
    """One line of a leaderboard as students see it; `own`: the one who looks at it."""

    rank: int
    name: str
    value: str
    own: bool = False


@dataclass(frozen=True)
class AssignmentView:
    """One assignment as one student sees it.

    `due` and `closes` (after which nothing counts any more; None: never) include the student's extensions; `grace_s` after due costs
    nothing. `attempts_allowed` None: any number. `next_attempt_at`: until then a new submission would wait; None: not at all.
    `submissions`: newest first, every receipt there is. `feedback`: the page written for this student, else None; `feedback_about`: the
    `submission_id` that it is about, None while it waits to be written anew.
    `leaderboard`: None where the assignment has no contest or the student takes no part in it.
    """

    id: str
    title: str
    points: float
    state: AssignmentState
    note: str
    due: datetime | None = None
    closes: datetime | None = None
    grace_s: float = 0.0
    instant: bool = True
    attempts_allowed: int | None = None
    attempts_left: int | None = None
    next_attempt_at: datetime | None = None
    submissions: tuple[SubmissionView, ...] = ()
    score: ScoreView | None = None
    feedback: Path | None = None
    feedback_about: str | None = None
    leaderboard: tuple[Rank, ...] | None = None

    @property
    def newest(self) -> SubmissionView | None:
        """The submission that the state is about: the newest that counts, else the newest refused one."""
        counting = [each for each in self.submissions if each.phase not in ("repeated", "superseded", "cancelled", "refused")]
        refused = [each for each in self.submissions if each.phase == "refused"]
        return next(iter([*counting, *refused]), None)


@dataclass(frozen=True)
class StudentsView:
    """Everything that one student's page shows. `version` changes whenever something on it may have changed (but for running clocks)."""

    user: str
    name: str
    course_id: str
    course_title: str
    now: datetime
    timezone: str
    version: int
    assignments: tuple[AssignmentView, ...] = ()


# --- what instructors see ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FlaggedView:
    """Something that an instructor should look at: of a receipt or of its record. `where`: 'receipt' or 'record'."""

    receipt: str
    student: str
    assignment: str
    where: Literal["receipt", "record"]
    kind: str
    detail: str


@dataclass(frozen=True)
class BatchView:
    """One assignment's work: how many submissions are in which phase, who runs, who waits (in order), newest first for the rest.

    `students`: how many are in the roster (0 without one); `submitted`: how many of anybody handed in. `done_s`: expected seconds until
    the queue is empty, None where nothing waits. `paused`: why nothing is graded now (graders broken, no release version), else empty.
    `submissions`: all of them, newest first.
    """

    assignment: str
    title: str
    due: datetime | None
    students: int
    submitted: int
    counts: dict[Phase, int] = field(default_factory=dict)
    running: tuple[SubmissionView, ...] = ()
    queue: tuple[SubmissionView, ...] = ()
    submissions: tuple[SubmissionView, ...] = ()
    done_s: float | None = None
    paused: str = ""


@dataclass(frozen=True)
class InstructorsView:
    """Everything that the instructors' page shows live. `problems`: sentences about the service itself (exchange, gradebook, machine).

    `failures`: how often the machine failed since the service started; `unpublished`: records that wait to be written to the gradebook.
    `slots`: how many run side by side; 0 while that is not known, or nothing can.
    """

    course_id: str
    course_title: str
    now: datetime
    timezone: str
    version: int
    slots: int
    grading_on: str
    batches: tuple[BatchView, ...] = ()
    flags: tuple[FlaggedView, ...] = ()
    problems: tuple[str, ...] = ()
    failures: int = 0
    unpublished: int = 0


# --- the service itself -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Settings:
    """How `autograder hub serve` was started, beside the course: what `make_app(service, settings)` gets.

    `exchange`: root of nbgrader's directory exchange. `host`, `port`, `prefix`: where the pages answer ('/services/<name>/' behind the
    hub). `api_url`, `api_token`: of the hub, None outside of it. `instructors`: hub group whose members see the instructors' page.
    """

    exchange: Path
    host: str = "127.0.0.1"
    port: int = 8123
    prefix: str = "/services/autograder/"
    api_url: str | None = None
    api_token: str | None = field(default=None, repr=False)
    instructors: str = ""
