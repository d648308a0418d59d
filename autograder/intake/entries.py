"""What lies in a folder that somebody else filled: names, kinds and sizes; nothing is opened, no link is followed."""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MOST_ENTRIES = 20_000  # of one submission that are looked at; far fewer are allowed
_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "named pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
    stat.S_IFDIR: "folder",
}


@dataclass(frozen=True)
class Entry:
    """One path of a submitted folder: relative name, kind ('file', 'link', 'hard link', 'named pipe', …), size in bytes."""

    name: str
    kind: str
    size: int


def kind_of(about: os.stat_result) -> str:
    """What a path is, in words."""
    return _KINDS.get(stat.S_IFMT(about.st_mode), "special file")


def list_entries(folder: Path) -> list[Entry]:
    """What lies below a folder, sorted by name, at most 20,001 entries; links are not followed, folders not listed but walked."""
    return sorted(itertools.islice(_entries_below(folder, ""), MOST_ENTRIES + 1), key=lambda entry: entry.name)


def _entries_below(folder: Path, inside: str) -> Iterator[Entry]:
    """Folder by folder; one that cannot be listed is an entry itself, and folders without end are too many entries."""
    waiting, looked_at = [inside], 0
    owner = _owner(folder)
    while waiting:
        place = waiting.pop()
        looked_at += 1
        if looked_at > MOST_ENTRIES:
            yield from itertools.repeat(Entry(place, "folder", 0), MOST_ENTRIES + 1)
            return
        try:
            with os.scandir(folder / place) as found:
                for each in found:
                    entry = _entry(each, os.path.join(place, each.name), owner)
                    if entry.kind == "folder":
                        waiting.append(entry.name)
                    else:
                        yield entry
        except OSError as error:  # no permission, a name too long, gone meanwhile
            yield Entry(place, f"folder that cannot be opened: {error.strerror}", 0)


def _owner(folder: Path) -> int:
    try:
        return folder.lstat().st_uid
    except OSError:
        return -1


def _entry(found: os.DirEntry[str], name: str, owner: int) -> Entry:
    """A second name for somebody else's file (a solution, say) is a hard link; backups give a folder's own files second names too."""
    try:
        about = found.stat(follow_symlinks=False)
    except OSError as error:
        return Entry(name, f"entry that cannot be looked at: {error.strerror}", 0)
    kind = kind_of(about)
    return Entry(name, "hard link" if kind == "file" and about.st_nlink > 1 and about.st_uid != owner else kind, about.st_size)
