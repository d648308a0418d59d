"""`autograder decide` and `autograder decisions`: what people decided about students, in an append-only ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import click

from autograder.cli.options import NAME, Common, common_options

if TYPE_CHECKING:
    from autograder.batch.store import Store
    from autograder.term.deciding import Wish
    from autograder.term.decisions import Decision, Kind

KINDS = ("extend", "excuse", "reopen", "waive_late", "withhold", "override", "finalise", "term", "revoke")


@click.command()
@click.argument("kind", type=click.Choice(KINDS, case_sensitive=False), metavar="KIND")
@click.argument("target", metavar="ASSIGNMENT|ID", default="")
@click.option("--student", "students", metavar="ID", multiple=True, help="For this student; may be given several times.")
@click.option("--everybody", is_flag=True, help="For the whole class.")
@click.option("--until", metavar="DATE", help="extend, reopen: '2027-02-19 23:59', in the course's time zone.")
@click.option("--score", type=float, metavar="POINTS", help="override: the whole score.")
@click.option("--early", is_flag=True, help="finalise: also while somebody may still hand something in.")
@click.option("--why", metavar="TEXT", required=True, help="The reason, kept for ever.")
@click.option("--who", type=NAME, metavar="NAME", help="Who decides (default: you).")
@click.option("--gradebook", metavar="URL", help="finalise: gradebook with the manual grades (default: the course's).")
@common_options
def decide(
    common: Common,
    kind: str,
    target: str,
    students: tuple[str, ...],
    everybody: bool,
    until: str | None,
    score: float | None,
    early: bool,
    why: str,
    who: str | None,
    gradebook: str | None,
) -> None:
    """Write a decision about ASSIGNMENT into the ledger, or revoke the decision with this ID.

    KIND: extend, excuse, reopen, waive_late, withhold, override, finalise, term, revoke. A decision changes dates and sums, and executes
    nothing. `term` takes no ASSIGNMENT: from then on the present Term(…) makes the term grades of final scores too.
    """
    from autograder.batch.plan import store_of
    from autograder.term.agreed import term_decision
    from autograder.term.dates import now_in, read_date, who_am_i
    from autograder.term.deciding import Wish, decided, known_students, revocation
    from autograder.term.decisions import ledger

    store, person, reason = store_of(common.course, common.paths, common.store), who or who_am_i(), " ".join(why.split())
    at = now_in(common.course.timezone)
    _require_target(kind, target)
    if kind in ("revoke", "term"):
        _require_bare(kind, bool(students or everybody or early), until, score)
    if kind == "term":
        entry = ledger(store.root).append(lambda entries: term_decision(common.course, person, reason, entries, at), _warn)
    elif kind == "revoke":
        entry = ledger(store.root).append(lambda entries: revocation(target, person, reason, entries, at), _warn)
    else:
        moment, understood = read_date(common.course, until) if until is not None else (None, "")
        known = known_students(common.course, common.paths, store)
        wish = Wish(person, reason, cast("Kind", kind), target, _whom(students, everybody), moment, score, early=early)
        remarks = [understood] if understood else []
        wish = _frozen(common, store, wish, known, gradebook, remarks.append) if kind == "finalise" else wish
        entry = ledger(store.root).append(lambda entries: decided(wish, common.course, known, entries, at), _warn)
        for remark in remarks:  # of what is written now
            _warn(remark)
    if entry is not None:
        common.say(f"{entry.id}: {_sentence(common, entry)}")
        common.write_json(_plain(entry, holds=True))


def _frozen(common: Common, store: Store, wish: Wish, known: frozenset[str], gradebook: str | None, say: Callable[[str], None]) -> Wish:
    """The wish to finalise, with what the scores rest on now. `say` is told whose score becomes 0."""
    from autograder.cli.gradebook import url_to_read
    from autograder.course.profile import find_assignment
    from autograder.gradebook.late import hand_grades
    from autograder.term.deciding import require_students
    from autograder.term.scores import to_freeze

    find_assignment(common.course, wish.assignment)
    require_students(wish.students or (), known)
    hand = hand_grades(url_to_read(common, gradebook), wish.assignment)
    return replace(wish, frozen=to_freeze(common.course, store, wish.assignment, hand, wish.students, common.paths.submitted, say))


def _warn(text: str) -> None:
    click.echo(text, err=True)


def _whom(students: tuple[str, ...], everybody: bool) -> tuple[str, ...] | None:
    from autograder.errors import UsageError

    if bool(students) == everybody:
        raise UsageError("A decision is about students or about everybody.", "Name them with --student ID, or write --everybody.")
    return None if everybody else tuple(dict.fromkeys(students))


def _require_target(kind: str, target: str) -> None:
    from autograder.errors import UsageError

    if kind == "term" and target:
        raise UsageError(f"A decision about Term(…) is about all assignments, not about '{target}'.", "autograder decide term --why …")
    if kind != "term" and not target:
        missing = "the id of a decision" if kind == "revoke" else "an assignment"
        raise UsageError(f"{kind} needs {missing}.", f"autograder decide {kind} {'d4' if kind == 'revoke' else 'ASSIGNMENT'} --why …")


def _require_bare(kind: str, more: bool, until: str | None, score: float | None) -> None:
    from autograder.errors import UsageError

    if not (more or until is not None or score is not None):
        return
    if kind == "term":
        raise UsageError("A decision about Term(…) is about everybody and needs nothing but a reason.", "autograder decide term --why …")
    cure = "autograder decide revoke d4 --why …; for one of several students, revoke it and decide again for the others."
    raise UsageError("A revocation takes a whole decision back and needs nothing but its id and a reason.", cure)


@click.command()
@click.option("--student", metavar="ID", help="Only those about this student, or about everybody.")
@click.option("--assignment", metavar="ID", help="Only those about this assignment.")
@common_options
def decisions(common: Common, student: str | None, assignment: str | None) -> None:
    """List what was decided, oldest first, revoked decisions included."""
    from autograder.batch.plan import store_of
    from autograder.cli.tables import print_table
    from autograder.course.profile import find_assignment
    from autograder.term.deciding import known_students, require_students
    from autograder.term.decisions import ledger, revoked

    store = store_of(common.course, common.paths, common.store)
    entries = ledger(store.root).read(_warn)
    if assignment is not None:
        find_assignment(common.course, assignment)
    if student is not None:
        require_students([student], known_students(common.course, common.paths, store))
    gone = revoked(entries)
    shown = [
        each
        for each in entries
        if (assignment in (None, each.assignment)) and (student is None or each.students is None or student in each.students)
    ]
    columns = ("id", "when", "who", "decision", "assignment", "for", "why", "")
    rows = [
        (
            each.id,
            each.at[:16].replace("T", " "),
            each.who,
            _what(common, each),
            each.assignment,
            _for(each),
            each.why,
            _state(each, entries),
        )
        for each in shown
    ]
    print_table(common, f"Decisions: {len(shown)}", columns, rows)
    common.write_json([_plain(each, each.id not in gone and each.kind != "revoke") for each in shown])


def _what(common: Common, entry: Decision) -> str:
    from autograder.term.dates import shown

    value = f" until {shown(entry.until, common.course.timezone)}" if entry.until else ""
    value += f" {entry.score:g}" if entry.score is not None else ""
    return entry.kind.replace("_", " ") + value + (f" {entry.revokes}" if entry.revokes else "")


def _for(entry: Decision) -> str:
    if entry.students is None:
        return "everybody"
    return ", ".join(entry.students[:5]) + (f" and {len(entry.students) - 5} more" if len(entry.students) > 5 else "")


def _state(entry: Decision, entries: Sequence[Decision]) -> str:
    by = next((each.id for each in entries if each.revokes == entry.id), None)
    return f"revoked by {by}" if by else ""


def _sentence(common: Common, entry: Decision) -> str:
    return f"{', '.join(each for each in (_what(common, entry), entry.assignment, _for(entry)) if each)}: {entry.why}"


def _plain(entry: Decision, holds: bool) -> dict[str, Any]:
    """For `--json`: of what a finalised score rests on only whose it is."""
    from autograder.records import to_dict

    plain: dict[str, Any] = to_dict(entry)
    frozen = plain.pop("frozen")
    return {**plain, "finalised": sorted(frozen["facts"]) if frozen else [], "holds": holds}
