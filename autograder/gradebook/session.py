"""Opens nbgrader's gradebook: what nbgrader needs around it, what it logs, and whose fault its errors are."""

from __future__ import annotations

import getpass
import logging
import os
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from autograder.errors import AutograderError, MachineError, UsageError
from autograder.gradebook.connecting import patient_connections
from autograder.gradebook.location import missing_driver, parse_url, shown_url, without_secrets

_LOGGER = "autograder.nbgrader"


class _Together:
    """What is changed for the whole process while anybody needs it: by the first who comes, and put back when the last one has gone.

    The hub's service publishes while somebody exports, each in a thread of their own, and who comes first need not go last.
    """

    def __init__(self, change: Callable[[], AbstractContextManager[None]]) -> None:
        self._change, self._changed, self._count, self._lock = change, ExitStack(), 0, threading.Lock()

    @contextmanager
    def here(self) -> Iterator[None]:
        with self._lock:
            if not self._count:
                self._changed.enter_context(self._change())
            self._count += 1
        try:
            yield
        finally:
            with self._lock:
                self._count -= 1
                if not self._count:
                    self._changed.close()


def nbgrader_environment() -> AbstractContextManager[None]:
    """nbgrader starts `alembic` from PATH and reads USER; services and containers often have neither. Safe to use from several threads."""
    return _environment_together.here()


@contextmanager
def _environment() -> Iterator[None]:
    saved = {name: os.environ.get(name) for name in ("PATH", "USER")}
    programs = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([programs, saved["PATH"] or os.defpath])
    os.environ["USER"] = saved["USER"] or _user_name()
    try:
        yield
    finally:
        for name, value in saved.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


_environment_together = _Together(_environment)


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())  # a container's user without an entry in /etc/passwd


_opened = threading.local()


def _collect(record: logging.LogRecord) -> bool:
    """A thread's errors go into the list that it opened last, and what it logs goes no further; that of other threads does."""
    lines: list[str] | None = getattr(_opened, "lines", None)
    if lines is not None and record.levelno >= logging.ERROR:
        lines.append(record.getMessage())
    return lines is None


@contextmanager
def nbgrader_log() -> Iterator[tuple[logging.Logger, list[str]]]:
    """A logger to hand to nbgrader's classes, and the error messages that they log; the terminal sees none of it.

    nbgrader's gradebook logs to tornado's logger, whatever it is given, so that one is collected too. Safe to use from several threads.
    """
    loggers = [logging.getLogger(name) for name in (_LOGGER, "tornado.application")]
    for logger in loggers:
        logger.addFilter(_collect)  # once, however often
    before, lines = getattr(_opened, "lines", None), list[str]()
    with _quiet_together.here():
        _opened.lines = lines
        try:
            yield loggers[0], lines
        finally:
            _opened.lines = before


@contextmanager
def _quiet() -> Iterator[None]:
    """SQLAlchemy warns of the order in which nbgrader builds a submission, which is right all the same."""
    from sqlalchemy.exc import SAWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)
        yield


_quiet_together = _Together(_quiet)


@contextmanager
def open_gradebook(url: str, course_id: str = "", create: bool = False) -> Iterator[Any]:
    """nbgrader's `Gradebook` at a database URL. Without `create`, a SQLite file that is missing is an error, not a new one.

    Raises UsageError or MachineError for what the database says, inside the `with` block as well.
    """
    if not create and gradebook_is_missing(url):
        raise UsageError(
            f"There is no gradebook at {shown_url(url)}.", "Run `autograder release ID` first, or name it with --gradebook URL."
        )
    with nbgrader_environment(), nbgrader_log(), gradebook_errors(url):
        from nbgrader.api import Gradebook

        gradebook = Gradebook(url, course_id)
        try:
            yield gradebook
        finally:
            gradebook.close()
            gradebook.engine.dispose()


def gradebook_is_missing(url: str) -> bool:
    """Whether the URL names a SQLite file that does not exist. Opening it would create an empty gradebook."""
    parts = parse_url(url)
    return parts.get_backend_name() == "sqlite" and bool(parts.database) and not Path(str(parts.database)).exists()


@contextmanager
def gradebook_errors(url: str) -> Iterator[None]:
    """Turns the database's exceptions into errors with a cure; connections made meanwhile wait for locks, but not for ever."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with patient_connections():
            yield
    except (SQLAlchemyError, ImportError, FileNotFoundError) as error:
        raise _explained(error, url) from error
    except ValueError as error:
        from nbgrader.api import InvalidEntry

        if isinstance(error, InvalidEntry) and isinstance(error.__context__, SQLAlchemyError):
            raise _explained(error.__context__, url) from error  # nbgrader hides the database's own exception in the context
        raise


def _explained(error: Exception, url: str) -> AutograderError:
    from sqlalchemy import exc

    said = without_secrets(str(getattr(error, "orig", None) or error).strip().splitlines()[0], url)
    shown = shown_url(url)
    if isinstance(error, FileNotFoundError):
        cure = "Install nbgrader again in this environment: alembic comes with it."
        return MachineError(f"The gradebook cannot be created: '{error.filename}' is missing.", cure)
    if isinstance(error, ImportError | exc.NoSuchModuleError):
        return missing_driver(url, said)
    if "locked" in said or "lock timeout" in said:
        cure = "Wait until it has finished (formgrader, nbgrader) and try again."
        return MachineError(f"The gradebook {shown} is locked by another program.", cure)
    if re.search(r"no such (column|table)|(column|relation) .* does not exist", said):
        return UsageError(f"The gradebook {shown} is of an older nbgrader: {said}.", "Make a copy of it, then run `nbgrader db upgrade`.")
    return MachineError(f"The gradebook {shown} cannot be used: {said}", "Check the URL, and that the database runs and may be written.")
