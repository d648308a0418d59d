"""What the hub service keeps: `hub/<assignment>/` in the results store.

`receipts.jsonl` and `orders.jsonl` are append-only; `kept/<number>/<student>/<assignment>/` holds the files of each receipt as they
arrived, and `checked/<number>.json` what the doctor said. The queue is not kept: it is the receipts without a record.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from autograder.errors import UsageError
from autograder.files import PARTIAL, scratch_folder, write_atomic
from autograder.hub.inbound import SECRET, TIMESTAMP
from autograder.hub.state import Checked, Order, Receipt
from autograder.intake.collect import find_submissions
from autograder.records import Submission, from_json, to_json
from autograder.term.journal import Journal

Say = Callable[[str], None]


class Desk:
    """Receipts, orders, files and findings of one course; one service at a time, from several threads."""

    def __init__(self, root: Path, assignments: Sequence[str], say: Say = lambda _: None) -> None:
        self._root, self._say, self._lock = root, say, threading.RLock()
        self._receipts = {each: list(self._journal(each).read(say)) for each in assignments}
        self._orders = {each: list(self._order_journal(each).read(say)) for each in assignments}
        self._checked: dict[str, Checked] = {}

    def receipts(self, assignment: str) -> tuple[Receipt, ...]:
        """In the order in which they were written."""
        with self._lock:
            return tuple(self._receipts[assignment])

    def orders(self, assignment: str) -> tuple[Order, ...]:
        with self._lock:
            return tuple(self._orders[assignment])

    def sources(self) -> set[str]:
        """Names of all folders of the exchange that have a receipt."""
        with self._lock:
            return {each.source for receipts in self._receipts.values() for each in receipts}

    def find(self, receipt: str) -> Receipt:
        """By its id. Raises UsageError when there is none."""
        assignment, _, number = receipt.rpartition(".")
        with self._lock:
            for each in self._receipts.get(assignment, []):
                if each.id == f"{assignment}.{number}":
                    return each
        raise UsageError(f"There is no receipt '{receipt}'.")

    def order(self, order: Order) -> None:
        """Writes it down; from then on it holds."""
        assignment = order.receipt.rpartition(".")[0]
        with self._lock:
            self._order_journal(assignment).append(lambda _: order, self._say)
            self._orders[assignment].append(order)

    def receive(self, assignment: str, student: str, files: Mapping[str, bytes], make: Callable[[str, str], Receipt]) -> Receipt:
        """Writes the receipt that `make(id, submission_id)` gives, then keeps the files: a kill in between is mended by `keep`.

        A refused receipt keeps none. A receipt that is written stands, also when its files could not be kept: see `kept`.
        """
        with scratch_folder(self._folder(assignment), PARTIAL) as scratch:
            receipt = make("", "")
            submission_id = ""
            if not receipt.refused:
                submission_id = _write_tree(scratch, receipt, files)
            written = self._append(assignment, lambda number: make(f"{assignment}.{number}", submission_id))
            if not written.refused:
                with suppress(OSError):
                    self._keep(scratch, written)
        return written

    def keep(self, receipt: Receipt, files: Mapping[str, bytes]) -> bool:
        """Keeps the files of a receipt that was written just before a kill; False when they are not the same any more."""
        if digest_of(files) != receipt.digest:
            return False
        with scratch_folder(self._folder(receipt.assignment), PARTIAL) as scratch:
            _write_tree(scratch, receipt, files)
            self._keep(scratch, receipt)
        return True

    def kept(self, receipt: Receipt) -> Path | None:
        """The folder with its files; None while they are not kept."""
        folder = self._kept(receipt) / receipt.student / receipt.assignment
        return folder if folder.is_dir() else None

    def submission(self, receipt: Receipt) -> Submission:
        """As `grade` takes it."""
        folder = self._kept(receipt) / receipt.student / receipt.assignment
        moment = receipt.arrived_at.astimezone(UTC).replace(tzinfo=None).isoformat()
        return Submission(receipt.student, receipt.assignment, str(folder), receipt.submission_id, moment)

    def secret(self, receipt: Receipt) -> str:
        """nbgrader's secret, after which the feedback in the exchange is named; empty when none came along."""
        try:
            with (self._kept(receipt) / receipt.student / receipt.assignment / SECRET).open("rb") as stream:
                return stream.read(1000).decode("ascii").strip()
        except (OSError, ValueError):
            return ""

    def write_checked(self, checked: Checked) -> None:
        write_atomic(self._checked_file(checked.receipt), to_json(checked))
        with self._lock:
            self._checked[checked.receipt] = checked

    def checked(self, receipt: str) -> Checked | None:
        """What the doctor found; None when it was not asked yet, or the file is damaged (it is then asked again)."""
        with self._lock:
            found = self._checked.get(receipt)
        if found is None:
            with suppress(OSError, ValueError):
                found = from_json(Checked, self._checked_file(receipt).read_bytes())
                with self._lock:
                    self._checked[receipt] = found
        return found

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Raises UsageError when another service works with this store."""
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UsageError("Another `autograder hub serve` works with this store.", "End it first.") from None
            yield

    def _append(self, assignment: str, make: Callable[[int], Receipt]) -> Receipt:
        with self._lock:
            known = self._receipts[assignment]
            added = self._journal(assignment).append(lambda lines: make(len(lines) + 1), self._say)
            assert added is not None  # `make` gives one
            known.append(added)
            return added

    def _keep(self, scratch: Path, receipt: Receipt) -> None:
        target = self._kept(receipt)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.rename(scratch / "files", target)

    def _folder(self, assignment: str) -> Path:
        return self._root / assignment

    def _kept(self, receipt: Receipt) -> Path:
        return self._folder(receipt.assignment) / "kept" / receipt.id.rpartition(".")[2]

    def _checked_file(self, receipt: str) -> Path:
        assignment, _, number = receipt.rpartition(".")
        return self._folder(assignment) / "checked" / f"{number}.json"

    def _journal(self, assignment: str) -> Journal[Receipt]:
        return Journal(self._folder(assignment) / "receipts.jsonl", Receipt)

    def _order_journal(self, assignment: str) -> Journal[Order]:
        return Journal(self._folder(assignment) / "orders.jsonl", Order)


def digest_of(files: Mapping[str, bytes]) -> str:
    """SHA-256 over names and bytes; without what nbgrader makes anew for each submission of the same work."""
    whole = hashlib.sha256()
    for name in sorted(files.keys() - {TIMESTAMP, SECRET}):
        whole.update(f"{name}\0{len(files[name])}\0".encode())
        whole.update(files[name])
    return whole.hexdigest()


def nbgraders_time(moment: datetime) -> str:
    """As nbgrader writes it into `timestamp.txt`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f} UTC\n"


def _write_tree(scratch: Path, receipt: Receipt, files: Mapping[str, bytes]) -> str:
    """Writes the files with the receipt's time in place of the student's, as `grade` will see them; gives their submission id."""
    folder = scratch / "files" / receipt.student / receipt.assignment
    folder.mkdir(parents=True)
    for name, data in {**files, TIMESTAMP: nbgraders_time(receipt.arrived_at).encode()}.items():
        write_atomic(folder / name, data)
    size = sum(len(data) for data in files.values())
    return find_submissions(scratch / "files", receipt.assignment, [receipt.student], size)[0].submission_id
