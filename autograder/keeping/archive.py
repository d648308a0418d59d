"""Packs a course into one file from which any grade can be recomputed: the same course gives the same bytes.

    README.md archive.json requirements.txt gradebook.jsonl   how to, what it is, versions, every row of the gradebook
    course/                                                   a course folder that works where it is unpacked
    store/                                                    the results store, where it does not lie in the course
    framework/                                                the framework that graded, as it was installed
    SHA256SUMS                                                of all of it

Files are packed as they lie there; nothing is opened but to be copied, and no link is followed.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import platform
import stat
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import IO, Any, Literal

import autograder
from autograder.batch.store import Store
from autograder.course.paths import CoursePaths
from autograder.course.settings import Course
from autograder.course.versions import versions
from autograder.data.seed import read_seed_file
from autograder.errors import MachineError, UsageError
from autograder.execution.environment import code_digest
from autograder.files import PARTIAL, scratch_folder
from autograder.gradebook.dump import copy_file, dump_rows
from autograder.gradebook.location import shown_url
from autograder.keeping.readme import readme
from autograder.term.journal import Journal

SUMS, ABOUT = "SHA256SUMS", "archive.json"
_FOLDERS = ("source_assignments", "graders", "solutions", "release", "submitted")
_TEXTS = (".py", ".md", ".toml", ".txt", ".csv", ".json")  # beside the configuration, which may read them
_MADE_AGAIN = ("data", "declarations", "matplotlib", "unpacked", "validated", "locks", "seed", "archives.jsonl", "index.sqlite")
_DEPTH = 3  # slashes in course/submitted/<student>/<assignment>
_PACKED_AT = 0  # every entry's time, in seconds since 1970: when something was copied says nothing


@dataclass(frozen=True)
class Archived:
    """One archive that was made: when, by whom, its path then, SHA-256, and whether the secret seed is in it."""

    at: str
    who: str
    file: str
    sha256: str
    seed: bool
    schema: Literal[1] = 1


@dataclass(frozen=True)
class Packed:
    """What came of packing; `sha256` is of the file.

    `left_out`: pipes, sockets, devices, and links and files of other kinds beside the configuration, by name.
    """

    file: Path
    sha256: str
    files: int
    size: int
    seed: bool
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class _Entry:
    """A file or link that goes into the archive; `content` instead of a file on disk for what is made now."""

    name: str
    mode: int
    size: int
    path: Path | None = None
    content: bytes = b""
    link: str | None = None


def archives(store: Path) -> Journal[Archived]:
    """Every archive that was made of a store."""
    return Journal(store / "archives.jsonl", Archived)


def pack(
    course: Course,
    paths: CoursePaths,
    store: Store,
    gradebook: str,
    file: Path,
    with_seed: bool = True,
    with_data: bool = False,
    also: Sequence[str] = (),
) -> Packed:
    """Writes the archive, mode 0600, whole or not at all. `also`: other folders of the course, which its configuration reads.

    Raises UsageError where something has that name already or a command is at work, MachineError for what cannot be read or written.
    """
    absent = [
        name for name in also if not (paths.root / name).is_dir() or not (paths.root / name).resolve().is_relative_to(paths.root.resolve())
    ]
    if absent:
        raise UsageError(f"The course has no folder {', '.join(map(repr, absent))}.", "Name folders inside the course.")
    if file.exists() or file.is_symlink():
        raise UsageError(f"'{file}' is there already, and archives are never replaced.", "Name another file.")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with store.out_of_use(served=False), scratch_folder(file.parent, f"{PARTIAL}archive-") as scratch:
            entries, left_out = _entries(paths, store, scratch / "gradebook.db", gradebook, with_seed, with_data, also)
            made = scratch / "archive.tar.gz"
            with os.fdopen(os.open(made, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w+b") as stream:
                _write(stream, [*_texts(course, paths, store, gradebook, entries, left_out), *entries])
                stream.flush()
                os.fsync(stream.fileno())
                stream.seek(0)
                sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            os.rename(made, file)
    except OSError as error:
        said = f"{error.strerror or error}" + (f" ({error.filename})" if error.filename else "")
        raise MachineError(f"The archive could not be written: {said}.", "Look at permissions and room; run the command again.") from error
    return Packed(file, sha256, len(entries), file.stat().st_size, _has_seed(entries), left_out)


def _has_seed(entries: list[_Entry]) -> bool:
    return any(each.name == "course/.autograder/seed" for each in entries)


# --- what goes in -----------------------------------------------------------------------------------------------------


def _entries(
    paths: CoursePaths, store: Store, database: Path, gradebook: str, with_seed: bool, with_data: bool, also: Sequence[str]
) -> tuple[list[_Entry], tuple[str, ...]]:
    found: list[_Entry] = []
    left_out: list[str] = []

    def take(folder: Path, name: str, skip: tuple[str, ...] = ()) -> None:
        for each in _below(folder, name, skip):
            if isinstance(each, str):
                left_out.append(each)
            else:
                found.append(each)

    for path in sorted(paths.root.glob("[!.]*")):
        mode = path.lstat().st_mode
        if path.suffix in _TEXTS and stat.S_ISREG(mode):
            found.append(_file(path, f"course/{path.name}"))
        elif not stat.S_ISDIR(mode) and not path.name.startswith("gradebook.db"):  # which is copied below, or on a server
            left_out.append(f"course/{path.name}")
    for folder in dict.fromkeys((*_FOLDERS, *(Path(name).as_posix() for name in also))):
        take(paths.root / folder, f"course/{folder}")
    made_again = tuple(name for name in _MADE_AGAIN if not (with_data and name == "data"))
    take(paths.state, "course/.autograder", made_again)
    if store.root != paths.state:
        take(store.root, "store", made_again)
    seed = read_seed_file(paths) if with_seed else None
    if seed is not None:
        found.append(_Entry("course/.autograder/seed", 0o600, len(seed), content=seed))
    if copy_file(gradebook, database):
        found.append(_file(database, "course/gradebook.db"))
    take(Path(autograder.__file__).parent, "framework/autograder")
    return sorted(found, key=lambda each: each.name), tuple(sorted(left_out))


def _below(folder: Path, name: str, skip: tuple[str, ...]) -> Iterator[_Entry | str]:
    """Files and links below a folder; of anything else its name. What commands make for a moment begins with a dot.

    Of a submission everything is taken: all of its names belong to its id.
    """
    submission = name.startswith("course/submitted/") and name.count("/") >= _DEPTH
    if not folder.is_dir():
        return
    with os.scandir(folder) as there:
        children = sorted(there, key=lambda each: each.name)
    for child in children:
        inside = f"{name}/{child.name}"
        about = child.stat(follow_symlinks=False)
        if not submission and (
            child.name in skip or child.name in ("__pycache__", ".locks") or child.name.startswith((PARTIAL, ".batch-"))
        ):
            continue
        if stat.S_ISDIR(about.st_mode):
            yield from _below(Path(child.path), inside, ())
        elif stat.S_ISREG(about.st_mode):
            yield _file(Path(child.path), inside)
        elif stat.S_ISLNK(about.st_mode):
            yield _Entry(inside, 0o777, 0, link=os.readlink(child.path))
        else:
            yield inside


def _file(path: Path, name: str) -> _Entry:
    about = path.lstat()
    return _Entry(name, 0o755 if about.st_mode & stat.S_IXUSR else 0o644, about.st_size, path)


# --- what it says of itself -------------------------------------------------------------------------------------------


def _texts(
    course: Course, paths: CoursePaths, store: Store, gradebook: str, entries: list[_Entry], left_out: tuple[str, ...]
) -> list[_Entry]:
    seed, database = _has_seed(entries), any(each.name == "course/gradebook.db" for each in entries)
    about = {
        "schema": 1,
        "course": {"id": course.id, "title": course.title},
        "assignments": {each.id: [one.number for one in versions(paths, each.id)] for each in course.assignments},
        "autograder": {"version": autograder.__version__, "code": code_digest()},
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "store": "course/.autograder" if store.root == paths.state else "store",
        "gradebook": "course/gradebook.db" if database else shown_url(gradebook),
        "seed": seed,
        "data": _data_digests(paths),
        "links": {each.name: each.link for each in entries if each.link is not None},
        "left_out": list(left_out),
    }
    texts = {
        "README.md": readme(course, seed, beside=store.root != paths.state, database=database),
        ABOUT: json.dumps(about, indent=1, ensure_ascii=False) + "\n",
        "requirements.txt": _installed(),
        "gradebook.jsonl": dump_rows(gradebook),
    }
    return [_Entry(name, 0o644, len(text.encode()), content=text.encode()) for name, text in texts.items()]


def _data_digests(paths: CoursePaths) -> dict[str, dict[str, str]]:
    """SHA-256 of every file of each split, by the split's fingerprint: data that are prepared again can be compared."""
    found: dict[str, dict[str, str]] = {}
    for complete in sorted((paths.state / "data").glob("[!.]*/complete")):
        files = sorted(path for path in complete.parent.rglob("*.npy") if path.is_file())
        found[complete.parent.name] = {path.relative_to(complete.parent).as_posix(): _sha256(path) for path in files}
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _installed() -> str:
    """Every distribution with its version, as `pip freeze` writes them; the framework itself is in the archive."""
    found = {(each.metadata["Name"] or "", each.version) for each in distributions()}
    return "".join(
        f"{name}=={version}\n" for name, version in sorted(found, key=lambda each: each[0].lower()) if name not in ("", "autograder")
    )


# --- the file ---------------------------------------------------------------------------------------------------------


class _Hashed:
    """A stream that is hashed as it is read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self.sha256 = stream, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.sha256.update(data)
        return data


def _write(stream: IO[bytes], entries: list[_Entry]) -> None:
    sums = []
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0, compresslevel=6) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for entry in entries:
            sha256 = _add(tar, entry)
            if sha256:
                sums.append(f"{sha256}  {entry.name}\n")
        content = "".join(sums).encode("utf-8", "surrogateescape")
        _add(tar, _Entry(SUMS, 0o644, len(content), content=content))


def _add(tar: tarfile.TarFile, entry: _Entry) -> str:
    """Adds one entry; gives the SHA-256 of what was written, nothing for a link. Raises OSError for a file that shrank or is gone."""
    info = tarfile.TarInfo(entry.name)
    info.mode, info.size, info.mtime = entry.mode, entry.size, _PACKED_AT
    if entry.link is not None:
        info.type, info.linkname = tarfile.SYMTYPE, entry.link
        tar.addfile(info)
        return ""
    with _opened(entry) as source:
        hashed: Any = _Hashed(source)
        tar.addfile(info, hashed)
        return str(hashed.sha256.hexdigest())


def _opened(entry: _Entry) -> IO[bytes]:
    if entry.path is None:
        return io.BytesIO(entry.content)
    descriptor = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    stream = os.fdopen(descriptor, "rb")
    if os.fstat(descriptor).st_size != entry.size:
        with suppress(OSError):
            stream.close()
        raise OSError(0, "it changed while it was packed", str(entry.path))
    return stream
