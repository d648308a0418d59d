"""Brings results to people: gradebook and autograded notebooks, feedback pages, and nbgrader's exchange.

Everything is written from the store, and only what is not there yet; so a kill, a locked gradebook or a full disk delay it and lose
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.course.notebook import read_notebook
from autograder.course.profile import find_assignment, resolve_profile
from autograder.feedback.writing import write_feedback
from autograder.gradebook.exchange import feedback_folder, release_page, withdraw_page
from autograder.gradebook.holding import held_back
from autograder.gradebook.late import refresh_scores
from autograder.gradebook.location import gradebook_url, parse_url
from autograder.gradebook.names import write_names
from autograder.gradebook.publishing import publish
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
        finals = {each.student: each for each in refresh_scores(office.course, office.store, assignment, url)}
        withheld = self._without_page(assignment, sorted({*students, *office.store.students(profile.name, assignment)}))
        for student in withheld:
            office.paths.feedback(student, assignment).unlink(missing_ok=True)
        records = office.store.latest(profile.name, assignment, [each for each in students if each not in withheld])
        write_feedback(office.course, office.paths, assignment, profile, office.store, records, url, finals)
        self.release(assignment)

    def release(self, assignment: str) -> None:
        """Makes the exchange hold the pages that are there, under every submission of the graded work, and none that is withheld."""
        folder = feedback_folder(self.exchange, self.office.course.id)
        receipts = [each for each in self.office.desk.receipts(assignment) if not each.refused and self.office.desk.kept(each) is not None]
        withheld = self._without_page(assignment, sorted({each.student for each in receipts}))
        graded = {student: self._graded(assignment, student) for student in {each.student for each in receipts} - withheld}
        work = {(each.student, each.digest) for each in receipts if each.submission_id == graded.get(each.student)}
        for receipt in receipts:
            if receipt.student in withheld:
                withdraw_page(folder, self.office.desk.secret(receipt), self._notebooks(receipt))
            elif (receipt.student, receipt.digest) in work:
                page = self.office.paths.feedback(receipt.student, assignment)
                release_page(folder, page, self.office.desk.secret(receipt), self._notebooks(receipt))

    def behind(self, assignment: str) -> list[str]:
        """Students whose record is newer than their page, or who have none though they might."""
        profile = self.office.course.default_profile
        students = self.office.store.students(profile, assignment)
        withheld = self._without_page(assignment, students)
        return [each for each in students if each not in withheld and self._is_behind(profile, assignment, each)]

    def is_stale(self, assignment: str) -> bool:
        """Whether people have graded or decided since the final scores were computed."""
        parts = parse_url(gradebook_url(self.office.paths))
        kept = self.office.store.root / "scores" / f"{assignment}.json"
        if parts.get_backend_name() != "sqlite" or not parts.database or not kept.is_file():
            return True
        files = (Path(parts.database), ledger(self.office.store.root).file, roster_journal(self.office.store.root).file)
        return any(each.is_file() and each.stat().st_mtime_ns > kept.stat().st_mtime_ns for each in files)

    def _without_page(self, assignment: str, students: Sequence[str]) -> set[str]:
        """Whose score is withheld, and whose parts nobody has marked yet where the course waits for that."""
        waiting = held_back(self.office.course, self.office.store, assignment, gradebook_url(self.office.paths))
        return {*withheld_from(self.office.store, assignment, students), *(waiting.keys() & set(students))}

    def _is_behind(self, profile: str, assignment: str, student: str) -> bool:
        folder = self.office.store.root / "records" / profile / assignment / student
        try:
            recorded = max(each.stat().st_mtime_ns for each in (folder / "present", *folder.glob("*.json")))
        except OSError:
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
