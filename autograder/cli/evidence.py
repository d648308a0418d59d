"""`autograder evidence`: one archive about one submission, for a committee."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autograder.cli.options import Common, common_options

if TYPE_CHECKING:
    from autograder.batch.store import Store
    from autograder.feedback.dossier import Dossier, Event, Handed, Resemblance
    from autograder.grading.audit import Audit
    from autograder.records import Record, Run
    from autograder.term.students_csv import Student


@click.command()
@click.argument("student")
@click.argument("assignment")
@click.option("--into", metavar="FILE", help="Where to write (default: evidence/<student>.<assignment>.zip).")
@click.option("--gradebook", metavar="URL", help="Gradebook with the manual grades (default: the course's).")
@common_options
def evidence(common: Common, student: str, assignment: str, into: str | None, gradebook: str | None) -> None:
    """Put together what is known of STUDENT's submission of ASSIGNMENT: files, receipts, digests, versions, score, flags, similar
    submissions side by side, audit.

    Other students stand in it under pseudonyms. It decides nothing and changes nothing; to hold a score back: autograder decide withhold.
    """
    from autograder.batch.plan import store_of
    from autograder.cli.gradebook import url_to_read
    from autograder.course.profile import find_assignment, resolve_profile
    from autograder.errors import UsageError
    from autograder.feedback.dossier import build_archive
    from autograder.files import write_atomic
    from autograder.term.deciding import known_students, require_students
    from autograder.term.scrubbing import scrubber

    chosen = find_assignment(common.course, assignment)
    store = store_of(common.course, common.paths, common.store)
    profile = resolve_profile(common.course, chosen, common.profile).name
    require_students([student], known_students(common.course, common.paths, store))
    people, called = _people(common, store, student), _pseudonyms(common, store)
    scrub = scrubber(people.pop(student), people.values(), called)
    dossier = _gathered(common, store, profile, student, assignment, url_to_read(common, gradebook), called)
    if not dossier.records and not dossier.handed:
        raise UsageError(f"{student} handed nothing in of '{assignment}', so there is no evidence.", f"See: autograder scores {assignment}")
    if into and Path(into).is_dir():
        raise UsageError(f"'{into}' is a folder.", "Name the file with --into.")
    path = Path(into) if into else common.paths.root / "evidence" / f"{student}.{assignment}.zip"
    write_atomic(path, build_archive(dossier, scrub), mode=0o600)
    if scrub.weak:
        common.say("Names that are words of Python, or very short, are replaced only where they surely mean a person: look through it.")
    common.say(f"{path}: {len(dossier.records)} record(s), {len(dossier.similar)} similar submission(s). Confidential, not for students.")
    common.write_json(
        {"file": str(path), "records": len(dossier.records), "similar": len(dossier.similar), "audited": dossier.audit is not None}
    )


def _people(common: Common, store: Store, student: str) -> dict[str, Student]:
    """Everybody whose name might stand somewhere, by id."""
    from autograder.term.roster import members, roster_journal
    from autograder.term.students_csv import Student

    known = {name: member.student for name, member in members(roster_journal(store.root).read()).items()}
    folders = [folder.name for folder in common.paths.submitted.glob("*") if folder.is_dir() and not folder.name.startswith(".")]
    recorded = [folder.name for folder in (store.root / "records").glob("*/*/*") if folder.is_dir()]
    return {**{name: Student(name) for name in (student, *folders, *recorded)}, **known}


def _pseudonyms(common: Common, store: Store) -> Callable[[str], str]:
    from autograder.cli.roster import pseudonym_of

    return pseudonym_of(common, store)


def _gathered(common: Common, store: Store, profile: str, student: str, assignment: str, url: str, called: Callable[[str], str]) -> Dossier:
    from autograder.batch.audit import audit_store
    from autograder.course.notebook import read_notebook
    from autograder.feedback.dossier import Dossier
    from autograder.feedback.writing import executed_notebooks
    from autograder.gradebook.late import hand_grades
    from autograder.term import names
    from autograder.term.dates import now_in
    from autograder.term.decisions import ledger
    from autograder.term.scores import compute_scores

    entries = ledger(store.root).read(_warn)
    record = store.present(profile, assignment, student)
    records = sorted((each for each in store.of_student(assignment, student) if each.profile == profile), key=lambda each: each.attempt)
    everybody = list(store.latest(profile, assignment))
    release = common.paths.release_notebook(assignment)
    notebooks = executed_notebooks(store, everybody) if release.is_file() else {}
    similar, pairs = _similar(notebooks, read_notebook(release), student, called) if notebooks else ([], 0)
    audits = {each.student: each for each in audit_store(store).of_records(everybody)}
    receipts = _receipts(common, store, assignment, student)
    decided = [_decision(each, student) for each in entries if each.concerns(student, assignment)]
    runs = {run.run_key: store.run(run.run_key).path for each in records for run in each.runs}
    counts = profile == common.course.default_profile
    finals = compute_scores(common.course, store, assignment, hand_grades(url, assignment), entries) if counts else []
    return Dossier(
        student=student,
        name=names.called(names.read_names(store.root), student),
        assignment=assignment,
        course_title=common.course.title,
        generated_at=now_in(common.course.timezone)[:16].replace("T", " "),
        record=record,
        records=records,
        handed=_handed(common, store, assignment, student, records),
        receipts=[plain for plain, _ in receipts],
        events=_events(common, records, [plain for plain, _ in receipts], decided, audits.get(student)),
        decisions=decided,
        final=next((each for each in finals if each.student == student), None),
        similar=similar,
        pairs=pairs,
        compared=len(notebooks),
        audit=audits.get(student),
        reference=_reference(common, assignment, profile),
        falls=_falls(audits, student),
        versions=_versions(record, [found for key in runs if (found := store.run(key).read()) is not None]),
        runs=runs,
    )


def _warn(text: str) -> None:
    click.echo(text, err=True)


def _similar(
    notebooks: Mapping[str, dict[str, Any]], release: dict[str, Any], student: str, called: Callable[[str], str]
) -> tuple[list[Resemblance], int]:
    """Submissions that the report lists as similar to this one, and how many pairs there are at all."""
    from autograder.feedback.dossier import Resemblance
    from autograder.quality.similarity import own_lines, side_by_side, similar_pairs

    lines = {name: own_lines(notebook, release) for name, notebook in notebooks.items()}
    pairs = similar_pairs(lines, release)
    others = [(each.other if each.one == student else each.one, each.share) for each in pairs if student in (each.one, each.other)]
    found = [Resemblance(called(name), share, list(side_by_side(lines[student], lines[name]))) for name, share in others]
    return found, len(pairs)


def _receipts(common: Common, store: Store, assignment: str, student: str) -> list[tuple[dict[str, Any], Path | None]]:
    """What the hub wrote down when files arrived, and where it keeps them; nothing in a course without the hub service."""
    from autograder.hub.desk import Desk
    from autograder.records import to_dict

    desk = Desk(store.root / "hub", [assignment], _warn)
    return [(to_dict(each), desk.kept(each)) for each in desk.receipts(assignment) if each.student == student]


def _handed(common: Common, store: Store, assignment: str, student: str, records: Sequence[Record]) -> list[Handed]:
    """Every place where files of this student's lie, each with the attempt that they are."""
    from autograder.course.profile import find_assignment, resolve_profile
    from autograder.errors import AutograderError
    from autograder.feedback.dossier import Handed
    from autograder.intake.collect import find_submissions

    attempts = {each.submission_id: each.attempt for each in records}

    def about(submission_id: str, where: str) -> str:
        which = f"attempt {attempts[submission_id]}" if submission_id in attempts else "not the files of a recorded attempt"
        return f"{where}; submission {submission_id or 'without id'}, {which}"

    found = []
    for plain, folder in _receipts(common, store, assignment, student):
        if folder is not None:
            found.append(Handed(str(plain["id"]), about(str(plain["submission_id"]), f"received {plain['arrived_at']}"), folder))
    here = common.paths.submitted / student / assignment
    if here.is_dir() and not here.is_symlink():
        limit = resolve_profile(common.course, find_assignment(common.course, assignment), common.profile).limits.submission_bytes
        submission_id = ""
        with suppress(AutograderError):
            submission_id = find_submissions(common.paths.submitted, assignment, [student], limit)[0].submission_id
        found.append(Handed("submitted", about(submission_id, "the course's folder submitted/"), here))
    aside = sorted(common.paths.submitted.glob(f".replaced/*/{_literally(student)}/{assignment}"))
    found += [Handed(f"replaced-{each.parents[1].name}", about("", "replaced by a later collection"), each) for each in aside]
    return found


def _literally(text: str) -> str:
    import glob

    return glob.escape(text)


def _decision(entry: Any, student: str) -> dict[str, Any]:
    """As it stands in the ledger, without what a final score of others rests on."""
    from autograder.records import to_dict

    plain: dict[str, Any] = to_dict(entry)
    if plain.get("frozen"):
        facts = plain["frozen"]["facts"]
        plain["frozen"]["facts"] = {student: facts[student]} if student in facts else {}
    return plain


def _events(
    common: Common,
    records: Iterable[Record],
    receipts: Iterable[Mapping[str, Any]],
    decisions: Iterable[Mapping[str, Any]],
    audit: Audit | None,
) -> list[Event]:
    from autograder.feedback.dossier import Event
    from autograder.term.dates import parse_moment, shown

    def at(text: object) -> str:
        moment = parse_moment(str(text))
        return shown(moment, common.course.timezone) if moment else str(text)

    found = []
    for each in records:
        score = "no automatic score" if each.score is None else f"{each.score:g} of {each.max_score:g} automatic points"
        found.append(
            Event(at(each.received_at), f"attempt {each.attempt} received", f"submission {each.submission_id}: {each.outcome}, {score}")
        )
        if each.submitted_at:
            found.append(Event(at(each.submitted_at), f"attempt {each.attempt} submitted", "by the time that the submission brought along"))
    for plain in receipts:
        said = plain["refused"] or f"{plain['size']:,} bytes, SHA-256 {plain['digest']}"
        found.append(Event(at(plain["arrived_at"]), f"receipt {plain['id']}", str(said)))
    for plain in decisions:
        detail = f"by {plain['who']}: {plain['why']}"
        found.append(Event(at(plain["at"]), f"{plain['kind'].replace('_', ' ')} ({plain['id']})", detail))
    if audit is not None:
        found.append(Event(at(audit.audited_at), "audited", audit.verdict))
    return found


def _reference(common: Common, assignment: str, profile: str) -> dict[str, dict[str, list[float]]]:
    """By metric and right solution what was measured of it, from the calibration; nothing where there is none, or it is damaged."""
    from autograder.course.calibration import calibration_file

    found: dict[str, dict[str, list[float]]] = {}
    with suppress(OSError, ValueError, AttributeError, KeyError, TypeError):
        metrics = json.loads(calibration_file(common.paths.solutions(assignment)).read_bytes())["profiles"][profile]
        for metric, figures in metrics.items():
            if isinstance(figures, dict) and isinstance(figures.get("solutions"), dict):
                found[metric] = {name: [float(value) for value in each["values"]] for name, each in figures["solutions"].items()}
    return found


def _falls(audits: Mapping[str, Audit], student: str) -> dict[str, list[float]]:
    """By metric what the accuracy of everybody else fell by."""
    found: dict[str, list[float]] = {}
    for name, audit in audits.items():
        for each in audit.comparisons if name != student else ():
            if each.normal is not None and each.audited is not None:
                found.setdefault(each.metric, []).append(each.normal - each.audited)
    return found


def _versions(record: Record | None, runs: Sequence[Run]) -> dict[str, str]:
    from autograder import __version__

    found = {"autograder (this archive)": __version__}
    if record is not None:
        found |= {**record.versions, "graders and curves": record.grade_key, "isolation level": str(record.isolation.level)}
    for run in runs:
        found |= {f"release version of run {run.run_key}": run.release, f"data of run {run.run_key}": run.data}
    return found
