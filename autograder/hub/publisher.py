"""Brings results to people: gradebook and autograded notebooks, feedback pages, and nbgrader's exchange.

Everything is written from the store, and only what is not there yet; so a kill, a locked gradebook or a full disk delay it and lose
nothing. What a page says beside its record (marks by hand, decisions, the due date) is noted next to it in `<assignment>.told`, last
of all; pages of which that does not hold any more are `outdated`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from autograder.course.notebook import read_notebook
from autograder.course.profile import find_assignment, resolve_profile
from autograder.feedback.beside import Beside, look_beside
from autograder.feedback.writing import render_pages
from autograder.files import stamp, write_atomic
from autograder.gradebook.exchange import feedback_folder, release_page, withdraw_page
from autograder.gradebook.holding import held_back
from autograder.gradebook.late import refresh_scores
from autograder.gradebook.location import gradebook_url
from autograder.gradebook.names import write_names
from autograder.gradebook.publishing import publish
from autograder.gradebook.uptodate import gradebook_stamp
from autograder.hub.office import Office
from autograder.hub.state import Receipt
from autograder.term.decisions import ledger
from autograder.term.roster import members, roster_journal
from autograder.term.scores import withheld_from


@dataclass(frozen=True)
class Publisher:
    """`exchange`: root of nbgrader's directory exchange."""

    office: Office
    exchange: Path
    _computed_from: dict[str, tuple[object, ...] | None] = field(default_factory=dict, init=False)

    def publish(self, assignment: str, students: Sequence[str]) -> None:
        """Writes these students' present records everywhere. Raises AutograderError; publishing again does what is missing."""
        office = self.office
        profile = resolve_profile(office.course, find_assignment(office.course, assignment), None)
        url = gradebook_url(office.paths)
        release = read_notebook(office.paths.release_notebook(assignment))
        done = publish(office.paths, office.store, release, profile.name, assignment, students, url)
        if done.problem is not None:
            raise done.problem
        active = [each.student for each in members(roster_journal(office.store.root).read()).values() if each.active]
        if active:
            write_names(url, active)
        read = self._read()
        refresh_scores(office.course, office.store, assignment, url)
        self._computed_from[assignment] = read
        self.renew(assignment, students)
        self._withdraw(assignment)

    def renew(self, assignment: str, students: Sequence[str]) -> None:
        """Writes these students' pages where they say anything else by now, takes away what is withheld, and brings both to the exchange.

        Raises AutograderError; calling it again does what is missing.
        """
        office = self.office
        profile = resolve_profile(office.course, find_assignment(office.course, assignment), None)
        recorded = {each: self._recorded_at(profile.name, assignment, each) for each in students}
        withheld = self._without_page(assignment, students)
        records = office.store.latest(profile.name, assignment, [each for each in students if each not in withheld])
        beside, told = self._beside(assignment), {}
        for student, html in render_pages(office.course, office.paths, profile, office.store, records, beside):
            page = office.paths.feedback(student, assignment)
            if self._recorded_at(profile.name, assignment, student) != recorded[student]:  # somebody grades meanwhile: it stays behind
                continue
            if self._is_behind(profile.name, assignment, student) or page.read_bytes() != html.encode():
                write_atomic(page, html)
            told[student] = _note(page, beside(student))
        self._release(assignment, set(students) - withheld)
        self._withdraw(assignment, withheld)
        for student, note in told.items():
            write_atomic(_note_beside(office.paths.feedback(student, assignment)), note)

    def _receipts(self, assignment: str, students: Set[str]) -> list[Receipt]:
        """Of their submissions whose files are kept."""
        mine = (each for each in self.office.desk.receipts(assignment) if each.student in students and not each.refused)
        return [each for each in mine if self.office.desk.kept(each) is not None]

    def _release(self, assignment: str, students: Set[str]) -> None:
        """Makes the exchange hold their pages, as far as they are there, under every submission of the graded work."""
        folder, receipts = feedback_folder(self.exchange, self.office.course.id), self._receipts(assignment, students)
        graded = {student: self._graded(assignment, student) for student in {each.student for each in receipts}}
        work = {(each.student, each.digest) for each in receipts if each.submission_id == graded.get(each.student)}
        for receipt in receipts:
            if (receipt.student, receipt.digest) in work:
                page = self.office.paths.feedback(receipt.student, assignment)
                release_page(folder, page, self.office.desk.secret(receipt), self._notebooks(receipt))

    def _withdraw(self, assignment: str, withheld: Set[str] | None = None) -> None:
        """Takes withheld pages away, here and in the exchange; of everybody from whom one is withheld, unless they are named."""
        office = self.office
        if withheld is None:
            handed_in = {each.student for each in office.desk.receipts(assignment)}
            known = handed_in | set(office.store.students(office.course.default_profile, assignment))
            withheld = self._without_page(assignment, sorted(known))
        for student in withheld:
            office.paths.feedback(student, assignment).unlink(missing_ok=True)
        folder = feedback_folder(self.exchange, office.course.id)
        for receipt in self._receipts(assignment, withheld):
            withdraw_page(folder, office.desk.secret(receipt), self._notebooks(receipt))

    def behind(self, assignment: str) -> list[str]:
        """Students whose record is newer than their page, or who have none though they might."""
        profile = self.office.course.default_profile
        students = self.office.store.students(profile, assignment)
        withheld = self._without_page(assignment, students)
        return [each for each in students if each not in withheld and self._is_behind(profile, assignment, each)]

    def outdated(self, assignment: str) -> list[str]:
        """Students whose page is about their record, but says other marks, decisions or dates than hold now, by the scores as they were
        computed last.
        """
        profile = self.office.course.default_profile
        students = self.office.store.students(profile, assignment)
        withheld, beside = self._without_page(assignment, students), self._beside(assignment)
        pages = {each: self.office.paths.feedback(each, assignment) for each in students if each not in withheld}
        current = {each: page for each, page in pages.items() if not self._is_behind(profile, assignment, each)}
        return [student for student, page in current.items() if _noted(page) != _note(page, beside(student))]

    def is_stale(self, assignment: str) -> bool:
        """Whether people may have graded or decided since this service computed the final scores."""
        kept = self.office.store.root / "scores" / f"{assignment}.json"
        read = self._read()
        return read is None or self._computed_from.get(assignment) != read or not kept.is_file()

    def _read(self) -> tuple[object, ...] | None:
        """Gradebook, ledger and roster as they are now, which scores are computed from; None where nobody can tell.

        Looked at before they are read: not compared with the time of what was computed, as somebody may have marked meanwhile.
        """
        marked = gradebook_stamp(gradebook_url(self.office.paths))
        root = self.office.store.root
        return (marked, *(stamp(each.file) for each in (ledger(root), roster_journal(root)))) if marked is not None else None

    def _beside(self, assignment: str) -> Callable[[str], Beside]:
        office = self.office
        finals = office.results.finals(assignment)
        return look_beside(office.course, office.store, assignment, gradebook_url(office.paths), finals, office.clock())

    def _without_page(self, assignment: str, students: Sequence[str]) -> set[str]:
        """Whose score is withheld, and whose parts nobody has marked yet where the course waits for that."""
        waiting = held_back(self.office.course, self.office.store, assignment, gradebook_url(self.office.paths))
        return {*withheld_from(self.office.store, assignment, students), *(waiting.keys() & set(students))}

    def _recorded_at(self, profile: str, assignment: str, student: str) -> int | None:
        """When the last record was written, in nanoseconds; None where there is none."""
        folder = self.office.store.root / "records" / profile / assignment / student
        try:
            return max(each.stat().st_mtime_ns for each in (folder / "present", *folder.glob("*.json")))
        except OSError:
            return None

    def _is_behind(self, profile: str, assignment: str, student: str) -> bool:
        recorded = self._recorded_at(profile, assignment, student)
        if recorded is None:
            return False
        try:
            return self.office.paths.feedback(student, assignment).stat().st_mtime_ns < recorded
        except OSError:
            return True

    def _graded(self, assignment: str, student: str) -> str | None:
        """The submission that the student's page is about; None where there is no page, or it waits to be written anew."""
        profile = self.office.course.default_profile
        if self._is_behind(profile, assignment, student):
            return None
        record = self.office.store.present(profile, assignment, student)
        return record.submission_id if record is not None else None

    def _notebooks(self, receipt: Receipt) -> Iterable[str]:
        """Ids of its notebooks, after which nbgrader asks."""
        folder = self.office.desk.kept(receipt)
        return sorted(each.stem for each in folder.glob("*.ipynb")) if folder is not None else []


def _note_beside(page: Path) -> Path:
    return page.with_suffix(".told")


def _note(page: Path, said: Beside) -> str:
    """What a page says, and the page as it is: one that somebody else writes is looked through again."""
    return f"{said.digest()} {stamp(page)}\n"


def _noted(page: Path) -> str:
    try:
        return _note_beside(page).read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""
