"""What becomes of each submission of a student: pure functions over receipts, orders, records and the course's policy.

Nothing here is kept: asked again, after a restart or after an extension, it is computed again from what is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from autograder.course.profile import find_assignment
from autograder.course.settings import Course, Hub, seconds
from autograder.hub.state import Order, Phase, Receipt
from autograder.records import Flag
from autograder.term.decisions import Decision, Standing, standing
from autograder.term.facts import Policy, policy_of
from autograder.term.score import accepts, closing, deadline

NOT_COUNTED = ("refused", "repeated", "superseded", "cancelled")


@dataclass(frozen=True)
class Rules:
    """What holds for one student in one assignment: policy and decisions of the term, attempts, cool-down in seconds."""

    policy: Policy
    standing: Standing
    instant: bool = True
    attempts: int | None = None
    cool_down_s: float = 0.0

    @property
    def due(self) -> datetime | None:
        return deadline(self.policy, self.standing)

    @property
    def closes(self) -> datetime | None:
        """The last moment at which anything is accepted; None: never closed."""
        return closing(self.policy, self.standing)


@dataclass(frozen=True)
class Graded:
    """What the rules need of a record. `counts`: as one of the student's attempts, which a failure that is not theirs never does."""

    final: bool
    counts: bool
    outcome: str
    score: float | None
    max_score: float
    recorded_at: datetime
    seconds: float = 0.0
    flags: tuple[Flag, ...] = ()
    grading: str = "ok"


@dataclass(frozen=True)
class Situation:
    """All that decides beside the receipts: records by submission id; ids of receipts that run, whose files are gone, whose next try
    waits until when."""

    now: datetime
    graded: Mapping[str, Graded] = field(default_factory=dict)
    running: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    retries: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class Fate:
    """What becomes of one submission, and why. `force`: executed again although there is a record. `attempt`: its number among those
    that count. `newest`: nothing newer stands in its place."""

    receipt: Receipt
    phase: Phase
    note: str = ""
    attempt: int | None = None
    not_before: datetime | None = None
    force: bool = False
    newest: bool = False


def hub_of(course: Course, assignment: str) -> Hub:
    """The hub's settings for an assignment: its own, else the course's."""
    return find_assignment(course, assignment).hub or course.hub or Hub()


def rules_for(course: Course, assignment: str, student: str, entries: Sequence[Decision]) -> Rules:
    """What holds for a student, by configuration and ledger."""
    hub = hub_of(course, assignment)
    cool_down = seconds(hub.cool_down) if hub.cool_down else 0.0
    return Rules(policy_of(course, assignment), standing(entries, student, assignment), hub.instant, hub.attempts, cool_down)


def fates(receipts: Sequence[Receipt], orders: Sequence[Order], rules: Rules, around: Situation) -> list[Fate]:
    """What becomes of each submission of one student and assignment, in the order of their arrival."""
    said = {receipt.id: [each.kind for each in orders if each.receipt == receipt.id] for receipt in receipts}
    found: list[Fate] = []
    for receipt in sorted(receipts, key=lambda each: (each.arrived_at, each.id.rpartition(".")[2].zfill(9))):
        found.append(_first_look(receipt, said[receipt.id], found, rules, around))
    found = _superseded(found, said, rules)
    found = _numbered(found, said, rules, around)
    last = max((index for index, each in enumerate(found) if each.phase not in NOT_COUNTED), default=-1)
    return [replace(each, newest=index == last) for index, each in enumerate(found)]


def _first_look(receipt: Receipt, said: Sequence[str], before: Sequence[Fate], rules: Rules, around: Situation) -> Fate:
    """Without regard to later ones and to how many there may be."""
    if receipt.refused:
        return Fate(receipt, "refused", receipt.refused)
    known = around.graded.get(receipt.submission_id)
    final = rules.standing.final is not None
    rerun = _wants_rerun(said) and not final
    if receipt.id in around.running:
        return Fate(receipt, "running", "It is being graded.", force=rerun)
    if known is not None and known.final and not rerun:
        return Fate(receipt, "graded")
    if said and said[-1] == "cancel":
        return Fate(receipt, "cancelled", "An instructor cancelled it.")
    if receipt.id in around.lost:
        return Fate(receipt, "refused", "The machine failed before its files were kept, and they are gone. Please submit again.")
    if _repeats(receipt, before) and not rerun:
        return Fate(receipt, "repeated", "It is the same as the submission before it, which counts.")
    if not accepts(rules.policy, rules.standing, receipt.arrived_at):
        return Fate(receipt, "refused", "The assignment was closed when it arrived.")
    if final:
        return Fate(receipt, "refused", "The score is final, so nothing more is graded.")
    retry = around.retries.get(receipt.id)
    if retry is not None and retry > around.now:
        note = "The machine failed, not your work: it is graded again later, and this costs no attempt."
        return Fate(receipt, "retrying", note, not_before=retry, force=rerun)
    if not rules.instant and "start" not in said and not rerun:
        return Fate(receipt, "held", "It is received and will be graded when your instructor starts it.")
    return Fate(receipt, "queued", "It waits for its turn.", force=rerun)


def _wants_rerun(said: Sequence[str]) -> bool:
    """Ordered, and neither done since nor taken back."""
    for kind in reversed(said):
        if kind in ("done", "cancel"):
            return False
        if kind == "rerun":
            return True
    return False


def _repeats(receipt: Receipt, before: Sequence[Fate]) -> bool:
    counting = [each for each in before if each.phase not in ("refused", "cancelled")]
    return bool(counting) and counting[-1].receipt.digest == receipt.digest


def _superseded(found: Sequence[Fate], said: Mapping[str, Sequence[str]], rules: Rules) -> list[Fate]:
    """Where the last attempt counts, one whose turn has not come makes room for a newer one and costs no attempt."""
    if rules.policy.counting == "best":
        return list(found)
    made: list[Fate] = []
    newer = False
    for each in reversed(found):
        waits = each.phase in ("queued", "held", "retrying") and not each.force and "start" not in said[each.receipt.id]
        if waits and newer:
            each = replace(each, phase="superseded", note="A newer submission came before its turn.", not_before=None)
        newer = newer or each.phase not in NOT_COUNTED
        made.append(each)
    return made[::-1]


def _numbered(found: Sequence[Fate], said: Mapping[str, Sequence[str]], rules: Rules, around: Situation) -> list[Fate]:
    """Attempts are counted in order of arrival; what goes beyond them is refused, and the cool-down holds back the others."""
    made: list[Fate] = []
    used, last = sum(_counts(each, around) for each in found), None
    number = 0
    for each in found:
        ordered = each.force or "start" in said[each.receipt.id]
        if each.phase in ("queued", "held", "retrying") and not ordered:
            if rules.attempts is not None and used >= rules.attempts:
                note = f"All {rules.attempts} attempts are used up." if rules.attempts > 1 else "The only attempt is used up."
                made.append(replace(each, phase="refused", note=note, not_before=None))
                continue
            used += 1
            if each.phase == "queued" and last is not None:
                ready = last.arrived_at + timedelta(seconds=rules.cool_down_s)
                each = replace(each, not_before=ready) if ready > around.now else each
        if each.phase not in NOT_COUNTED:
            number += 1
            each = replace(each, attempt=number)
            last = each.receipt
        made.append(each)
    return made


def _counts(fate: Fate, around: Situation) -> bool:
    if fate.phase == "running":
        return True
    known = around.graded.get(fate.receipt.submission_id)
    return fate.phase == "graded" and known is not None and known.counts


def attempts_left(found: Sequence[Fate], rules: Rules, around: Situation) -> int | None:
    """How many more submissions would be graded; None: any number. What waits has its attempt already."""
    if rules.attempts is None:
        return None
    waiting = sum(each.phase in ("queued", "held", "retrying") for each in found)
    return max(0, rules.attempts - sum(_counts(each, around) for each in found) - waiting)


def next_attempt_at(found: Sequence[Fate], rules: Rules, now: datetime) -> datetime | None:
    """Until when a new submission would wait; None: not at all."""
    counting = [each.receipt.arrived_at for each in found if each.phase in ("graded", "running")]
    ready = max(counting) + timedelta(seconds=rules.cool_down_s) if counting else None
    return ready if ready is not None and ready > now else None


def in_fair_order(waiting: Sequence[Fate], recent: Mapping[str, int], now: datetime) -> list[Fate]:
    """Who may begin comes before who has to wait; then who had fewer turns lately; then who came first.

    `recent`: how many submissions of a student were graded within the last hour, or run now. One student's submissions stay in their
    order of arrival, and each counts as a turn for those behind it.
    """
    turns = dict(recent)
    keyed = []
    for each in sorted(waiting, key=lambda each: (each.receipt.arrived_at, each.receipt.id)):
        student = each.receipt.student
        late = each.not_before if each.not_before is not None and each.not_before > now else None
        keyed.append(((late is not None, late or now, turns.get(student, 0), each.receipt.arrived_at, each.receipt.id), each))
        turns[student] = turns.get(student, 0) + 1
    return [each for _, each in sorted(keyed, key=lambda pair: pair[0])]
