"""Whether an archive is what it was when it was made: nothing is unpacked, every byte is read once."""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.errors import UsageError
from autograder.keeping.archive import ABOUT, SUMS

_CHUNK = 1 << 20
_TEXT_BYTES = 200 * 2**20  # of the list of sums: more than a million files


@dataclass(frozen=True)
class Verified:
    """What was found: the course's id, files and bytes, whether the seed is in it, and what does not hold, as sentences."""

    course: str
    files: int
    size: int
    seed: bool
    problems: tuple[str, ...]


def verify(file: Path) -> Verified:
    """Compares every file in an archive with its list of sums. Raises UsageError for what is no archive of a course."""
    sums: dict[str, str] = {}
    links: dict[str, str] = {}
    texts: dict[str, bytes] = {}
    size, problems = 0, []
    try:
        with tarfile.open(file, "r|gz") as tar:
            for member in tar:
                if member.name in sums or member.name in links:
                    problems.append(f"'{member.name}' stands there twice")
                if member.name.startswith("/") or ".." in member.name.split("/"):
                    problems.append(f"'{member.name}' leads out of the archive")
                if member.issym():
                    links[member.name] = member.linkname
                elif member.isreg():
                    sums[member.name], texts[member.name] = _read(tar, member, keep=member.name in (SUMS, ABOUT))
                    size += member.size
                else:
                    problems.append(f"'{member.name}' is neither a file nor a link")
    except FileNotFoundError:
        raise UsageError(f"'{file}' does not exist.", "Name an archive that `autograder archive` made.") from None
    except (OSError, EOFError, zlib.error, tarfile.TarError, ValueError) as error:
        if not sums:
            raise UsageError(f"'{file}' cannot be read as an archive: {error}.", "Name one that `autograder archive` made.") from None
        problems.append(f"it breaks off after {len(sums)} files: {error}")
    about = _about(texts)
    listed = _listed(texts.pop(SUMS, b""))
    there = {name: sha256 for name, sha256 in sums.items() if name != SUMS}
    problems += [] if listed else [f"the list of sums ({SUMS}) is missing or damaged"]
    problems += [f"'{name}' is missing" for name in sorted(listed.keys() - there.keys())]
    problems += [f"'{name}' is not in the list of sums" for name in sorted(there.keys() - listed.keys()) if listed]
    problems += [f"'{name}' is not what it was" for name in sorted(there.keys() & listed.keys()) if there[name] != listed[name]]
    problems += ["the links in it are not those that it had"] if listed and links != about.get("links") else []
    course = about.get("course")
    name = str(course.get("id", "")) if isinstance(course, dict) else ""
    return Verified(name, len(there), size, "course/.autograder/seed" in there, tuple(problems))


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo, keep: bool) -> tuple[str, bytes]:
    """SHA-256 of a member, and its bytes where they are wanted and not too many."""
    stream = tar.extractfile(member)
    assert stream is not None  # a regular file has one
    sha256, kept = hashlib.sha256(), b""
    while data := stream.read(_CHUNK):
        sha256.update(data)
        if keep and len(kept) < _TEXT_BYTES:
            kept += data
    return sha256.hexdigest(), kept


def _listed(text: bytes) -> dict[str, str]:
    lines = text.decode("utf-8", "surrogateescape").split("\n")
    found = [re.fullmatch(r"([0-9a-f]{64})  (.+)", line) for line in lines if line]
    return {each[2]: each[1] for each in found if each} if all(found) else {}


def _about(texts: dict[str, bytes]) -> dict[str, Any]:
    try:
        found = json.loads(texts.get(ABOUT, b""))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
