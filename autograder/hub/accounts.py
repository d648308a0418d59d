"""Linux accounts for the people of a demo, made and removed again."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import MachineError, UsageError

_OURS = "autograder demo"  # the comment of accounts that may be used again and removed
_DEMOS = 20  # beside each other on one machine


@dataclass(frozen=True)
class Account:
    """One of them."""

    name: str
    uid: int
    gid: int


def free_names(names: Sequence[str]) -> tuple[str, ...]:
    """These names, with a number behind them where another demo or anybody else has one of them; ours until this process ends.

    Also after `exec`. Accounts that a killed demo left may be taken. Raises UsageError where every number is taken.
    """
    for number in range(1, _DEMOS + 1):
        numbered = tuple(names) if number == 1 else tuple(f"{name}-{number}" for name in names)
        if all(found is None or found.pw_gecos == _OURS for found in map(_find, numbered)) and _hold(number):
            return numbered
    text = f"The accounts '{names[0]}' to '{names[0]}-{_DEMOS}' are in use, by demos or by others."
    raise UsageError(text, "End one of the demos, or call this one with --one-account.")


def _hold(number: int) -> bool:
    """Whether this process is the demo of that number now. The kernel takes the name back when the process ends, however that is."""
    held = socket.socket(socket.AF_UNIX)
    try:
        held.bind(f"\0autograder demo {number}")
    except OSError:
        held.close()
        return False
    os.set_inheritable(held.detach(), True)  # for `exec`; programs that are started get no descriptors
    return True


def make_accounts(names: Sequence[str], homes: Path) -> tuple[Account, ...]:
    """Each with a home of its own that nobody else can read, and no password. Needs root."""
    homes.mkdir(exist_ok=True)
    homes.chmod(0o711)
    return tuple(_make(name, homes / name) for name in names)


def _make(name: str, home: Path) -> Account:
    found = _find(name)
    if found is not None and found.pw_gecos != _OURS:
        raise UsageError(f"The account '{name}' exists and was not made by this demo.", "Call it with --one-account.")
    if found is None:
        _call("useradd", "--no-create-home", "--user-group", "--shell", "/bin/bash", "--comment", _OURS, "--home-dir", str(home), name)
    else:
        _call("usermod", "--home", str(home), name)
    entry = pwd.getpwnam(name)
    home.mkdir(mode=0o700, exist_ok=True)
    os.chown(home, entry.pw_uid, entry.pw_gid)
    return Account(name, entry.pw_uid, entry.pw_gid)


def remove_accounts(names: Sequence[str]) -> None:
    """Those of them that were made here. Homes stay, in the demo's folder."""
    for name in names:
        found = _find(name)
        if found is not None and found.pw_gecos == _OURS:
            _call("userdel", name)


def _find(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _call(program: str, *arguments: str) -> None:
    where = shutil.which(program, path="/usr/sbin:/sbin:/usr/bin:/bin")
    if where is None:
        raise MachineError(f"There is no `{program}` on this machine.", "apt install passwd, or call the demo with --one-account.")
    done = subprocess.run([where, *arguments], capture_output=True, text=True)
    if done.returncode:
        raise MachineError(f"`{program}` failed: {done.stderr.strip() or done.returncode}", "Call the demo with --one-account.")
