"""Receipts for what arrives, the doctor's findings, and the files into `submitted/`: all that is done before a submission is graded."""

from __future__ import annotations

import threading
from collections.abc import Callable

from autograder.course.profile import find_assignment
from autograder.course.versions import read_versions
from autograder.errors import UsageError
from autograder.hub.office import Office
from autograder.hub.precheck import check_submission
from autograder.hub.state import Checked, Receipt
from autograder.hub.watcher import Watcher
from autograder.intake.placing import TIMESTAMP, place


class Reception:
    """Its two steps are called over and over, each in a thread of its own. `repeated` is called for what was submitted before."""

    def __init__(self, office: Office, watcher: Watcher, repeated: Callable[[Receipt], None]) -> None:
        self._office, self._watcher, self._repeated = office, watcher, repeated
        self._lock, self._placing = threading.Lock(), threading.Lock()
        self._to_check: list[Receipt] | None = None
        self.recovered = False  # until then files may still be missing that a kill parted from their receipt
        self.failing = False  # whether something could not be checked, and waits to be tried again

    def receive(self) -> None:
        """Receipts for what has arrived in the exchange."""
        office = self._office
        if not self.recovered:
            for receipt in self._watcher.recover():
                office.books.gone(receipt)
            self.recovered = True
        for receipt in self._watcher.scan():
            office.books.arrived(receipt)
            if not receipt.refused and office.desk.kept(receipt) is None:
                self.recovered = False  # the next call keeps its files
            with self._lock:
                if self._to_check is not None and not receipt.refused:
                    self._to_check.append(receipt)
            refused = f", refused: {receipt.refused}" if receipt.refused else ""
            office.news.tell("received", f"received {receipt.id} from {receipt.student}{refused}", receipt, bytes=receipt.size)
            office.news.touch()
        if self._watcher.problem:
            office.news.problem("exchange", self._watcher.problem)
        else:
            office.news.solved("exchange")

    def check(self) -> None:
        """The doctor's findings for what was received, oldest first, and the files into `submitted/`."""
        if not self.recovered:
            return
        with self._lock:
            if self._to_check is None:
                self._to_check = self._unchecked()
            waiting = [each for each in self._to_check if self._office.desk.kept(each) is not None]
        failing = False
        for receipt in waiting:
            if self._office.stopped.is_set():
                return
            try:
                self._check(receipt)
            except Exception as error:  # whatever it is, it must not hold up the others
                failing = True
                said = error.strerror if isinstance(error, OSError) else error  # without the name of a partial file, which is new each time
                self._office.news.problem(f"check {receipt.id}", f"{receipt.id} could not be checked: {said or type(error).__name__}")
                continue
            with self._lock:
                self._to_check.remove(receipt)
            self._office.news.solved(f"check {receipt.id}")
            self._office.news.touch()
        self.failing = failing

    def place(self, receipt: Receipt) -> None:
        """Makes it its student's submission in `submitted/`, where `grade` and formgrader look, unless a newer one counts.

        The earlier one is kept aside.
        """
        office = self._office
        folder = office.desk.kept(receipt)
        with self._placing:  # checking and grading both see to it, each in its own thread
            if folder is None or not office.books.fate(receipt).newest:
                return
            found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
            files = {name: path for name, path in found.items() if name != TIMESTAMP}
            place(office.paths.submitted, receipt.student, receipt.assignment, files, receipt.arrived_at)

    def _unchecked(self) -> list[Receipt]:
        desk = self._office.desk
        receipts = [each for one in self._office.course.assignments for each in desk.receipts(one.id)]
        missing = [each for each in receipts if not each.refused and desk.checked(each.id) is None]
        return sorted((each for each in missing if desk.kept(each) is not None), key=lambda each: each.seen_at)

    def _check(self, receipt: Receipt) -> None:
        self.place(receipt)
        self._office.desk.write_checked(self._examined(receipt))
        if self._office.books.fate(receipt).phase == "repeated":  # its student may fetch the feedback under the new submission's name, too
            self._repeated(receipt)

    def _examined(self, receipt: Receipt) -> Checked:
        office = self._office
        try:
            releases = read_versions(office.paths, receipt.assignment)
        except UsageError:
            releases = {}
        assignment = find_assignment(office.course, receipt.assignment)
        return check_submission(office.course, assignment, receipt, office.desk.submission(receipt), releases, office.clock())
