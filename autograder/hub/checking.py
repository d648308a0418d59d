"""Whether the hub service can work here: each thing that it needs, what is wrong with it, and what to do."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from autograder.batch.store import Store
from autograder.course.paths import CoursePaths
from autograder.course.settings import Course
from autograder.errors import AutograderError, installation_of
from autograder.gradebook.exchange import course_id
from autograder.gradebook.location import gradebook_url, shown_url
from autograder.gradebook.session import gradebook_is_missing
from autograder.isolation.choice import candidates, cures, examine

_NEEDED = {"nbgrader": (0, 9, 5), "keras": (3, 13, 2), "papermill": (2, 6)}
_FREE_BYTES = 2 * 2**30
_KERAS_FILES = {"mnist.npz": "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"}  # SHA-256 of what Keras downloads
_NBGRADERS_INBOUND = 0o733  # students may put things in, and see nobody's


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `wrong`: the service cannot work so; otherwise it is as it should be, or worth knowing (`cure`)."""

    what: str
    said: str
    cure: str = ""
    wrong: bool = False


def check_environment(
    course: Course, paths: CoursePaths, store: Store, exchange: Path, trust: bool = False, data: Path | None = None
) -> list[Finding]:
    """Everything in turn; never raises for what is wrong. `data`: folder with the data files, else AUTOGRADER_DATA."""
    return [
        *_guarded("versions", _versions),
        *_guarded("account", _account),
        *_guarded("PATH", _path),
        *_guarded("exchange", lambda: check_exchange(course, paths, exchange)),
        *_guarded("store", lambda: _store(store)),
        *_guarded("gradebook", lambda: _gradebook(paths)),
        *_guarded("course", lambda: _course(course, paths)),
        *_guarded("data cache", lambda: check_cache(course, data or _named_data())),
        *_guarded("isolation", lambda: _isolation(course, trust)),
    ]


def _guarded(what: str, look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(look())
    except AutograderError as error:
        return [Finding(what, error.message, error.cure, wrong=True)]
    except OSError as error:
        return [Finding(what, f"It cannot be looked at: {error}.", "Look at its permissions.", wrong=True)]


def _versions() -> Iterator[Finding]:
    for name, least in _NEEDED.items():
        wanted = ".".join(map(str, least))
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Finding("versions", f"{name} is not installed.", f"pip install '{name}>={wanted}'", wrong=True)
            continue
        enough = _numbers(found) >= least
        yield Finding(
            "versions", f"{name} {found}" + ("" if enough else " is too old."), f"pip install '{name}>={wanted}'" * (not enough), not enough
        )
    try:
        yield Finding("versions", f"jupyterhub {metadata.version('jupyterhub')}")
    except metadata.PackageNotFoundError:
        yield Finding(
            "versions", "jupyterhub is not installed here: submissions are graded, but there are no pages.", installation_of("hub")
        )


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.split(".")
    return tuple(int(part) for part in parts[: next((i for i, each in enumerate(parts) if not each.isdecimal()), len(parts))])


def _account() -> Iterator[Finding]:
    try:
        name = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        cure = "Start the service as an account that has a name; nbgrader and the exchange need one."
        yield Finding("account", f"The account number {os.geteuid()} has no name.", cure, wrong=True)
        return
    yield Finding("account", f"It runs as '{name}'.")
    if not os.environ.get("USER"):
        yield Finding("account", "USER is not set, which nbgrader reads.", f"Set USER={name} for the service.", wrong=True)


def _path() -> Iterator[Finding]:
    found = shutil.which("alembic")
    if found is None:
        cure = "Put the folder with this Python's commands on PATH."
        yield Finding("PATH", "alembic is not on PATH, and nbgrader starts it for the gradebook.", cure, wrong=True)
    else:
        yield Finding("PATH", "alembic is found.")


def check_exchange(course: Course, paths: CoursePaths, exchange: Path) -> Iterator[Finding]:
    """The folders of nbgrader's directory exchange, and who may do what in them."""
    named = course_id(paths)
    if named is not None and named != course.id:
        cure = "Write the same id in grading_config.py and nbgrader_config.py."
        yield Finding("exchange", f"nbgrader calls the course '{named}', and grading_config.py '{course.id}'.", cure, wrong=True)
    if not exchange.is_dir():
        cure = f"Make it: mkdir -p '{exchange}' && chmod 755 '{exchange}', or name another one with --exchange DIR."
        yield Finding("exchange", f"There is no folder '{exchange}'.", cure, wrong=True)
        return
    way = [each for each in (exchange / course.id, exchange, *exchange.parents) if each.exists()]
    closed = [each for each in way if not each.stat().st_mode & stat.S_IXOTH]
    if closed:
        cure = f"chmod o+x '{closed[0]}', or use an exchange elsewhere."
        yield Finding("exchange", f"Students cannot get into '{closed[0]}'.", cure, wrong=True)
    yield from _movable(exchange, exchange / course.id)
    yield from _inbound(exchange / course.id / "inbound")
    yield from _feedback(exchange / course.id / "feedback")


def _movable(exchange: Path, course: Path) -> Iterator[Finding]:
    """Whether somebody else could put a folder of their own in the place of the course's."""
    mode = stat.S_IMODE(exchange.stat().st_mode)
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        said = f"Everybody may move the course's folder out of '{exchange}', and put another one there (mode {mode:o})."
        yield Finding("exchange", said, f"chmod 1777 '{exchange}'", wrong=True)
    for folder in (course, course / "inbound"):
        if folder.exists() and {folder.lstat().st_uid, folder.stat().st_uid} != {os.geteuid()}:
            cure = f"Look who made it. Remove it, or let root give it to this account: chown -h {os.geteuid()} '{folder}'"
            yield Finding("exchange", f"'{folder}' does not belong to this account, and its owner may do anything there.", cure, wrong=True)


def _inbound(folder: Path) -> Iterator[Finding]:
    if not folder.is_dir():
        cure = "Release an assignment with `nbgrader release_assignment`, which makes it."
        yield Finding("exchange", f"There is no folder '{folder}', where submissions arrive.", cure, wrong=True)
        return
    mode = stat.S_IMODE(folder.stat().st_mode)
    if not os.access(folder, os.R_OK | os.X_OK):
        yield Finding("exchange", f"This account may not read '{folder}'.", "Run the service as the account that owns it.", wrong=True)
    elif mode & stat.S_IROTH:
        cure = f"chmod {_NBGRADERS_INBOUND:o} '{folder}'"
        yield Finding("exchange", f"Students can see each other's submissions in '{folder}' (mode {mode:o}).", cure, wrong=True)
    elif not mode & stat.S_IWOTH or not mode & stat.S_IXOTH:
        cure = f"chmod {_NBGRADERS_INBOUND:o} '{folder}'"
        yield Finding("exchange", f"Students cannot put anything into '{folder}' (mode {mode:o}).", cure, wrong=True)
    else:
        yield Finding("exchange", f"Submissions arrive in '{folder}'.")


def _feedback(folder: Path) -> Iterator[Finding]:
    """Its own folder is made when it is needed; one that is there must be this account's alone."""
    if not folder.exists() and not folder.is_symlink():
        if os.access(folder.parent, os.W_OK | os.X_OK) or not folder.parent.exists():
            yield Finding("exchange", f"'{folder}' will be made with the first feedback.")
        else:
            cure = f"Make it, as the service's account: mkdir -m 711 '{folder}'"
            yield Finding("exchange", f"'{folder}' is not there and cannot be made.", cure, wrong=True)
        return
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid() or about.st_mode & stat.S_IWOTH:
        cure = f"It must be a folder of the service's account that others may not write: chmod 711 '{folder}'"
        yield Finding("exchange", f"Feedback in '{folder}' could be somebody else's.", cure, wrong=True)
    elif not about.st_mode & stat.S_IXOTH:
        yield Finding("exchange", f"Students cannot fetch feedback from '{folder}'.", f"chmod 711 '{folder}'", wrong=True)
    else:
        yield Finding("exchange", f"Feedback goes to '{folder}'.")


def _store(store: Store) -> Iterator[Finding]:
    store.root.mkdir(parents=True, exist_ok=True)
    if not os.access(store.root, os.W_OK | os.X_OK):
        yield Finding(
            "store", f"'{store.root}' cannot be written.", "Look at its permissions, or name another one with --store.", wrong=True
        )
        return
    free = shutil.disk_usage(store.root).free
    said = f"'{store.root}' has {free / 2**30:.1f} GiB of room."
    yield Finding("store", said, "Make room: submissions, runs and records are kept there." * (free < _FREE_BYTES), free < _FREE_BYTES)
    if stat.S_IMODE(store.root.stat().st_mode) & stat.S_IWOTH:
        yield Finding("store", f"Everybody may write into '{store.root}'.", f"chmod o-w '{store.root}'", wrong=True)


def _gradebook(paths: CoursePaths) -> Iterator[Finding]:
    url = gradebook_url(paths)
    if gradebook_is_missing(url):
        cure = "`autograder release ASSIGNMENT` makes it."
        yield Finding("gradebook", f"There is no gradebook {shown_url(url)} yet.", cure, wrong=True)
    else:
        yield Finding("gradebook", f"Results go to {shown_url(url)}.")


def _course(course: Course, paths: CoursePaths) -> Iterator[Finding]:
    released = [each.id for each in course.assignments if paths.release_notebook(each.id).is_file()]
    missing = [each.id for each in course.assignments if each.id not in released]
    if released:
        yield Finding("course", f"Released: {', '.join(released)}.")
    if missing:
        cure = "Run `autograder release` for what students should get."
        yield Finding("course", f"Not released: {', '.join(missing)}.", cure, wrong=not released)
    complete = list((paths.state / "data").glob("*/complete"))
    if complete:
        yield Finding("course", f"The data of {len(complete)} split(s) are prepared.")
    else:
        cure = "`autograder grade ASSIGNMENT --dry-run` prepares them, with --data DIR where they lie in files."
        yield Finding("course", "No data are prepared yet: the first submission would have to wait for them.", cure)


def _named_data() -> Path | None:
    named = os.environ.get("AUTOGRADER_DATA")
    return Path(named) if named else None


def check_cache(course: Course, folder: Path | None) -> Iterator[Finding]:
    """The files that students' notebooks load through Keras: there for everybody, and writable by nobody who could change others' data."""
    names = sorted({each.answers.rpartition(".")[2] for each in course.datasets if each.answers})
    if names and folder is None:
        cure = "Share one folder with all servers and name it with --data DIR or AUTOGRADER_DATA (docs/hub.md)."
        yield Finding("data cache", f"No data folder is named: each student's first use downloads {' and '.join(names)}.", cure)
        return
    for name in names:
        assert folder is not None  # as looked at above
        yield from _cached(folder.absolute() / f"{name}.npz")


def _cached(file: Path) -> Iterator[Finding]:
    if not file.is_file():
        yield Finding("data cache", f"'{file}' is not there: each student's first use downloads it.", "Fill the folder once (docs/hub.md).")
        return
    open_to_all = [each for each in (file, *file.parents[:2]) if each.stat().st_mode & stat.S_IWOTH]
    closed = [each for each in (file, *file.parents) if not each.stat().st_mode & (stat.S_IROTH if each == file else stat.S_IXOTH)]
    known = _KERAS_FILES.get(file.name)
    if open_to_all:
        said = f"Everybody may write '{open_to_all[0]}', and so change what others train with."
        yield Finding("data cache", said, f"chmod o-w '{open_to_all[0]}'", wrong=True)
    elif known is not None and hashlib.sha256(file.read_bytes()).hexdigest() != known:
        yield Finding(
            "data cache", f"'{file}' is not the file that Keras expects, and would be downloaded again.", "Fetch it anew.", wrong=True
        )
    elif closed:
        cure = f"chmod a+rX '{closed[0]}', unless this folder is the service's alone and students have another one."
        yield Finding("data cache", f"Students cannot read '{file}', because of '{closed[0]}'.", cure)
    else:
        yield Finding("data cache", f"Everybody can read '{file}'.")


def _isolation(course: Course, trust: bool) -> Iterator[Finding]:
    examined = [examine(level) for level in candidates()]
    offered = next((each.level for each in examined if each.holds), 0)
    said = f"Submissions are executed at isolation level {offered}; the course requires {course.min_isolation}."
    if offered >= course.min_isolation or trust:
        yield Finding("isolation", said)
    else:
        yield Finding("isolation", said, " ".join(cures(examined)) or "`autograder isolation` shows each probe.", wrong=True)
