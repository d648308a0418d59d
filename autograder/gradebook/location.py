"""Which database is the gradebook, and how it is shown: never with its password."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from autograder.course.paths import CoursePaths
from autograder.errors import UsageError, installation_of

VARIABLE = "AUTOGRADER_GRADEBOOK"
_PASSWORDS = ("password", "passwd", "sslpassword")  # in a URL's query, as drivers take them

_reading: ContextVar[bool] = ContextVar("nbgrader's configuration is only read", default=False)


def gradebook_url(paths: CoursePaths, named: str | None = None) -> str:
    """The database that is named, else AUTOGRADER_GRADEBOOK, else nbgrader's `c.CourseDirectory.db_url`, else the course's `gradebook.db`.

    Raises UsageError for what is no URL, for a driver that is not installed, and for a configuration that cannot be read.
    """
    url = named or os.environ.get(VARIABLE) or _configured(paths.root) or paths.gradebook_url
    require_driver(url)
    return url


def parse_url(url: str) -> Any:
    """SQLAlchemy's URL. Raises UsageError, which does not show a password either."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parts = make_url(url)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        shown = re.sub(r"(?<=//).*@", "***@", url.partition("?")[0], flags=re.DOTALL)
        raise UsageError(f"{shown!r} is no database URL.", "Write for example sqlite:////path/to/gradebook.db (four slashes).") from None
    if "@" in (parts.host or ""):  # what stands before it is the end of a password
        raise UsageError("The gradebook's URL has one '@' too many.", "In a password write %40 for @, %3A for : and %2F for /.")
    return parts


def shown_url(url: str) -> str:
    """The URL without its password and without its query, which may hold another one."""
    return str(parse_url(url).set(query={}).render_as_string(hide_password=True))


def without_secrets(text: str, url: str) -> str:
    """What a driver said, without the password, should it have repeated it."""
    parts = parse_url(url)
    for secret in (parts.password, *(parts.query.get(name) for name in _PASSWORDS)):
        if secret and isinstance(secret, str):
            text = text.replace(secret, "***")
    return text


def require_driver(url: str) -> None:
    """Raises UsageError unless this Python can talk to such a database; whether it is there is not asked."""
    from sqlalchemy.exc import NoSuchModuleError

    parts = parse_url(url)
    try:
        parts.get_dialect().import_dbapi()
    except (ImportError, NoSuchModuleError) as error:
        raise missing_driver(url, str(error)) from error


def missing_driver(url: str, said: str) -> UsageError:
    cure = f"For PostgreSQL: {installation_of('postgres')}; and a URL that begins with postgresql+psycopg://."
    return UsageError(f"The gradebook {shown_url(url)} needs a driver that is not installed: {said}.", cure)


def is_only_read() -> bool:
    """Whether nbgrader's configuration is being read for the URL alone, so that nothing of nbgrader has to be imported or changed."""
    return _reading.get()


@contextmanager
def _only_reading() -> Iterator[None]:
    token = _reading.set(True)
    try:
        yield
    finally:
        _reading.reset(token)


def nbgraders_config(root: Path) -> Any:
    """What the files say that nbgrader reads: those in Jupyter's folders, then the course's own. Raises UsageError."""
    from jupyter_core.paths import jupyter_config_path
    from traitlets.config import Config

    config = Config()
    with _only_reading():
        for folder in (*reversed(jupyter_config_path()), str(root)):
            config.merge(_read(Path(folder)))
    return config


def _configured(root: Path) -> str | None:
    """nbgrader's database URL, as it is configured."""
    url = nbgraders_config(root).CourseDirectory.get("db_url")
    if not url:
        return None
    parts = parse_url(str(url))  # a relative file is the course's, wherever the command runs
    if parts.get_backend_name() != "sqlite" or not parts.database or parts.database == ":memory:" or parts.database.startswith("file:"):
        return str(url)
    return str(parts.set(database=str(root.absolute() / parts.database)).render_as_string(hide_password=False))


def _read(folder: Path) -> Any:
    from traitlets.config import Config
    from traitlets.config.loader import JSONFileConfigLoader, PyFileConfigLoader

    config = Config()
    for loader, name in ((PyFileConfigLoader, "nbgrader_config.py"), (JSONFileConfigLoader, "nbgrader_config.json")):
        if not (folder / name).is_file():
            continue
        try:
            config.merge(loader(name, path=str(folder)).load_config())
        except Exception as error:  # whatever a configuration raises; its message may quote the line with the password
            cure = "`nbgrader --help-all` in that folder says what is wrong; or name the gradebook with --gradebook URL."
            raise UsageError(f"nbgrader's configuration '{folder / name}' cannot be read: {type(error).__name__}.", cure) from None
    return config
