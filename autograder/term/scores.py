"""Every student's final score of an assignment, from the store: records, roster, ledger, and what people gave by hand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from autograder.batch.store import Store
from autograder.course.profile import find_assignment
from autograder.course.settings import Course
from autograder.errors import UsageError
from autograder.files import write_atomic
from autograder.records import to_json
from autograder.term.decisions import Decision, Frozen, ledger, standing
from autograder.term.facts import Facts, HandGrade, facts_of, policy_of
from autograder.term.roster import members, roster_journal
from autograder.term.score import Final, deadline, final_score

HandGrades = Mapping[str, Mapping[str, HandGrade]]


def facts_by_student(course: Course, store: Store, assignment: str, hand: HandGrades) -> dict[str, Facts]:
    """What is known of everybody who is in the roster now or handed something in, by id."""
    return dict(_facts(course, store, assignment, hand))


def _facts(course: Course, store: Store, assignment: str, hand: HandGrades) -> Iterator[tuple[str, Facts]]:
    """The same one after the other, sorted by id."""
    profile = course.default_profile
    active = [name for name, member in members(roster_journal(store.root).read()).items() if member.active]
    for student in sorted({*active, *store.students(profile, assignment)}):
        records = [record for record in store.of_student(assignment, student) if record.profile == profile]
        yield student, facts_of(records, hand.get(student, {}))


def compute_scores(course: Course, store: Store, assignment: str, hand: HandGrades, entries: Sequence[Decision]) -> list[Final]:
    """Final scores by the decisions that hold, everybody's, sorted by id."""
    policy, points = policy_of(course, assignment), find_assignment(course, assignment).points

    def final(name: str, facts: Facts) -> Final:
        return final_score(name, assignment, facts, policy, standing(entries, name, assignment), points)

    found = {name: final(name, facts) for name, facts in _facts(course, store, assignment, hand)}  # facts are large, and used once
    frozen = [each.frozen for each in entries if each.kind == "finalise" and each.assignment == assignment and each.frozen]
    found |= {name: final(name, Facts()) for each in frozen for name in each.facts if name not in found}
    return [found[name] for name in sorted(found)]


def due_for(course: Course, assignment: str, student: str, entries: Sequence[Decision]) -> datetime | None:
    """When an assignment is due for one student, extensions included, in the course's time zone; None without a due date."""
    found = deadline(policy_of(course, assignment), standing(entries, student, assignment))
    return found.astimezone(ZoneInfo(course.timezone)) if found else None


def extended_dues(course: Course, assignment: str, students: Sequence[str], entries: Sequence[Decision]) -> dict[str, datetime]:
    """The due dates of those who have an extension, by id."""
    extended = [student for student in students if standing(entries, student, assignment).of("extend")]
    dues = {student: due_for(course, assignment, student, entries) for student in extended}
    return {student: due for student, due in dues.items() if due is not None}


def withheld_from(store: Store, assignment: str, students: Sequence[str]) -> list[str]:
    """Those of them whose score is withheld: they get no feedback page."""
    entries = ledger(store.root).read()
    return [student for student in students if standing(entries, student, assignment).of("withhold")]


def keep_scores(store: Store, assignment: str, scores: Sequence[Final]) -> None:
    """Writes them to `scores/<assignment>.json` in the store, with every line of their explanation; nothing where the same stands there."""
    path = store.root / "scores" / f"{assignment}.json"
    each_alone = (to_json(each).rstrip().replace("\n", "\n ") for each in scores)  # a list of all as plain values would be large
    content = "[\n " + ",\n ".join(each_alone) + "\n]" if scores else "[]"
    with suppress(OSError):
        if path.read_text(encoding="utf-8") == content:
            with suppress(OSError):  # a store that may only be read
                os.utime(path)  # they are those of now
            return
    write_atomic(path, content)


def to_freeze(
    course: Course,
    store: Store,
    assignment: str,
    hand: HandGrades,
    students: Sequence[str] | None,
    submitted: Path,
    say: Callable[[str], None] = lambda _: None,
) -> Frozen:
    """What finalising keeps: of those named, by default of everybody whose score is not final yet. `say` is told whose score becomes 0.

    Raises UsageError when a score is final already, or when somebody has none that could be; who has something in the folder `submitted`
    that was never graded, or a record that cannot be read, has none.
    """
    entries = ledger(store.root).read()
    scores = {each.student: each for each in compute_scores(course, store, assignment, hand, entries)}
    chosen = list(students) if students is not None else [name for name, each in scores.items() if each.final is None]
    done = [name for name in chosen if name in scores and scores[name].final is not None]
    if done or not chosen:
        whose = ", ".join(done[:10]) or "everybody"
        raise UsageError(f"The score of {whose} in '{assignment}' is final already.", "Reopen it first: autograder decide reopen …")
    facts = facts_by_student(course, store, assignment, hand)
    missing = [name for name in chosen if name not in scores or scores[name].state == "missing"]
    unread = {name: "a record cannot be read" for name in chosen if _is_unread(course, store, assignment, name, facts, entries)}
    ungraded = {
        name: "handed in, without a readable record"
        for name in missing
        if not facts.get(name, Facts()).attempts and (submitted / name / assignment).is_dir()
    }
    waiting = {name: said for name in chosen if name in scores and (said := _still_open(scores[name]))}
    open_ones = [f"{name} ({why})" for name, why in sorted({**unread, **ungraded, **waiting}.items())]
    if open_ones:
        some = ", ".join(open_ones[:10]) + (f" and {len(open_ones) - 10} more" if len(open_ones) > 10 else "")
        cure = f"See `autograder scores {assignment} --explain`; or finalise those who are ready, with --student."
        raise UsageError(f"{len(open_ones)} of {len(chosen)} have no score yet that could be final: {some}.", cure)
    if missing:
        say(f"Nothing that counts was handed in, so 0 is the final score of: {', '.join(missing)}.")
    points = find_assignment(course, assignment).points
    return Frozen(policy_of(course, assignment), {name: facts.get(name, Facts()) for name in chosen}, points)


def _still_open(score: Final) -> str:
    """Why a score cannot become final, or nothing. A withheld one can, where its sum is known or decided."""
    if score.state != "withheld":
        return score.state if score.state in ("waiting", "unscored") else ""
    what = {line.what for line in score.lines}
    return "withheld, and not marked or scored" if what & {"waiting", "not scored"} and "override" not in what else ""


def _is_unread(
    course: Course, store: Store, assignment: str, student: str, facts: Mapping[str, Facts], entries: Sequence[Decision]
) -> bool:
    """Whether somebody has a record that cannot be read, and no decision stands in its place."""
    held = standing(entries, student, assignment)
    files = (store.root / "records" / course.default_profile / assignment / student).glob("[!.]*.json")
    unread = {path.stem for path in files} - {each.submission_id for each in facts.get(student, Facts()).attempts}
    return bool(unread) and not (held.of("excuse") or held.of("override"))
