"""Where formgrader rings: puts a submission into the service's queue and answers at once with its place."""

from __future__ import annotations

import json
import os
import pwd
import socket
import stat
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from socketserver import StreamRequestHandler, UnixStreamServer
from typing import Any

from autograder.course.profile import find_assignment, resolve_profile
from autograder.errors import AutograderError, UsageError
from autograder.gradebook.queueing import MOST_BYTES, PATIENCE_S, reachable, socket_file
from autograder.hub.desk import digest_of
from autograder.hub.inbound import read_tree
from autograder.hub.service import Service
from autograder.hub.state import SubmissionView

_LOOKS_S = 0.5  # until it notices that it is to end


@contextmanager
def answering(service: Service, pages: str = "", say: Callable[[str], None] = lambda _: None) -> Iterator[None]:
    """Answers until the block ends. `pages`: path of the service's pages, empty where there are none.

    Where no socket can be made, as on some file systems of a network, that is said, and everything else works.
    """
    file = socket_file(service.office.store.root)
    with ExitStack() as stack:
        try:
            bell = stack.enter_context(_listening(file, service, pages))
        except OSError as error:
            say(f"formgrader's buttons will not reach this service: no socket can be made at '{file}' ({error.strerror or error}).")
            yield
            return
        thread = threading.Thread(target=bell.serve_forever, args=(_LOOKS_S,), name="hub doorbell", daemon=True)
        try:
            thread.start()
            yield
        finally:
            if thread.ident is not None:  # an interrupt may come before it has begun
                bell.shutdown()
                thread.join()


@contextmanager
def _listening(file: Path, service: Service, pages: str) -> Iterator[_Doorbell]:
    file.unlink(missing_ok=True)  # of a service that was killed: this one works with the store alone
    with reachable(file) as address, _Doorbell(address, service, pages) as bell:
        file.chmod(_mode(file.parent))
        try:
            yield bell
        finally:
            file.unlink(missing_ok=True)


def put_into_queue(service: Service, assignment: str, student: str, who: str, pages: str = "") -> str:
    """Sees to it that the student's submission is graded, once more where it was already; says what becomes of it.

    Raises UsageError, with what to do, for what the service has not received and for what was changed since.
    """
    one = _newest(service, find_assignment(service.office.course, assignment).id, student)
    _require_same(service, one)
    if one.phase == "held":
        service.start_one(one.receipt, who)
    elif one.phase not in ("queued", "running", "retrying"):
        service.rerun(one.receipt, who, "asked for in formgrader")
    now = service.submission(one.receipt)
    page = f" Its page: {pages}teach/submission/{one.receipt}" if pages else ""
    return f"Not graded yet: {_stands(now or one)}. Gradebook and autograded notebook change when it is graded.{page}"


def _newest(service: Service, assignment: str, student: str) -> SubmissionView:
    view = next(each for each in service.students_view(student).assignments if each.id == assignment)
    found = view.newest or next(iter(view.submissions), None)
    if found is None:
        raise UsageError(
            f"The service has received nothing of '{student}' for '{assignment}': it grades what comes through the exchange.",
            f"What lies in submitted/ from elsewhere is graded in a terminal: `nbgrader autograde {assignment} --student={student}`.",
        )
    return found


def _require_same(service: Service, one: SubmissionView) -> None:
    """What formgrader shows lies in `submitted/`. Something else put there would silently not be what is graded."""
    folder = service.office.paths.submitted / one.student / one.assignment
    limits = resolve_profile(service.office.course, find_assignment(service.office.course, one.assignment), None).limits
    try:
        lies_there = digest_of(read_tree(folder, limits).files)
    except OSError:
        return  # nothing is there: it will be
    if not one.digest or lies_there in {each.digest for each in _all_of(service, one)}:
        return
    raise UsageError(
        f"'submitted/{one.student}/{one.assignment}' is not what '{one.student}' submitted: it was changed, or came from elsewhere.",
        f"Grade it in a terminal: `nbgrader autograde {one.assignment} --student={one.student}`.",
    )


def _all_of(service: Service, one: SubmissionView) -> tuple[SubmissionView, ...]:
    return next(each.submissions for each in service.students_view(one.student).assignments if each.id == one.assignment)


def _stands(one: SubmissionView) -> str:
    if one.phase == "queued" and one.place:
        wait = f", in about {one.wait_s / 60:.0f} min" if one.wait_s is not None and one.wait_s >= 60 else ""
        return f"queued, place {one.place}{wait}"
    words = {"running": "it is being graded", "retrying": "the machine failed, it is tried again by itself"}
    return words.get(one.phase, one.phase)


class _Doorbell(UnixStreamServer):
    def __init__(self, address: str, service: Service, pages: str) -> None:
        self.service, self.pages = service, pages
        super().__init__(address, _Ring)


class _Ring(StreamRequestHandler):
    """One line of JSON, one line back."""

    timeout = PATIENCE_S
    server: _Doorbell

    def handle(self) -> None:
        try:
            answer = {"ok": True, "text": self._asked(json.loads(self.rfile.readline(MOST_BYTES)))}
        except AutograderError as error:
            answer = {"ok": False, "text": error.message, "cure": error.cure}
        except (OSError, ValueError, KeyError):
            answer = {"ok": False, "text": "The service did not understand what was asked.", "cure": "Both must be of the same version."}
        try:
            self.wfile.write(json.dumps(answer).encode() + b"\n")
        except OSError:
            return  # who asked has gone

    def _asked(self, wish: Any) -> str:
        if not isinstance(wish, dict):
            raise ValueError("no wish")
        who = str(wish.get("who", ""))[:100] or _account(self.connection)
        return put_into_queue(self.server.service, str(wish["assignment"]), str(wish["student"]), who, self.server.pages)


def _account(connection: socket.socket) -> str:
    """The account that is at the other end, as the system says."""
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _mode(folder: Path) -> int:
    """Who may write into the store may ask."""
    return 0o660 if os.stat(folder).st_mode & stat.S_IWGRP else 0o600
