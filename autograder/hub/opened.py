"""Lets other accounts read some folders that lie in ones they may not enter, in this process alone: nothing outside changes.

Python often lies in a home that only its owner may enter. A demo whose students have accounts of their own must read it as they. So the
shut folders are covered, in a mount namespace of our own, by empty ones that everybody may enter and that hold only what is needed.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NoReturn

from autograder.errors import MachineError

_SCRIPT = r"""
set -eu
umask 022
stash=$(mktemp -d)
mount -t tmpfs -o mode=700 none "$stash"
n=0
for each in $NEEDED; do n=$((n+1)); mkdir "$stash/$n"; mount --rbind "$each" "$stash/$n"; done
for each in $SHUT; do mount -t tmpfs -o mode=755 none "$each"; done
n=0
for each in $NEEDED; do n=$((n+1)); mkdir -p "$each"; mount --rbind "$stash/$n" "$each"; done
umount -l "$stash"; rmdir "$stash"
unset NEEDED SHUT
cd /
exec "$@"
"""


def shut_folders(needed: Iterable[Path]) -> tuple[Path, ...]:
    """Of each path the topmost folder above it that others may not enter."""
    found = {next((each for each in reversed(path.parents) if not each.stat().st_mode & stat.S_IXOTH), None) for path in needed}
    return tuple(sorted(each for each in found if each is not None))


def open_to_accounts(shut: Sequence[Path], needed: Sequence[Path], command: Sequence[str]) -> NoReturn:
    """Goes on as `command`, which sees of the `shut` folders only the `needed` ones. Needs root."""
    unshare = shutil.which("unshare")
    inside = sorted({path for path in needed if any(path.is_relative_to(each) for each in shut)})
    top = [path for path in inside if not any(path != other and path.is_relative_to(other) for other in inside)]
    if unshare is None or any(" " in str(path) for path in (*top, *shut)):
        raise MachineError("Other accounts cannot read Python here, and `unshare` cannot help.", "Call the demo with --one-account.")
    os.environ |= {"NEEDED": " ".join(map(str, top)), "SHUT": " ".join(map(str, shut))}
    os.execv(unshare, [unshare, "--mount", "sh", "-c", _SCRIPT, "sh", *command])
