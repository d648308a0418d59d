"""A store on a full disk, or on one that may only be read: the command says so, nothing is lost, and the next call goes on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.batch.store import Store
from tests.kill.conftest import COMMAND, Graded

SIZES = [16, 48, 96, *(pytest.param(size, marks=pytest.mark.loops) for size in range(4, 200, 4))]

# A file system of one's own, which ends with the last process in the mount namespace; so all of it is one script.
SCRIPT = """
set -u
mkdir -p "$STORE"
mount -t tmpfs -o "size=$1k" store "$STORE"
shift
"$@"; echo "full: $?"
mount -o remount,size=64m "$STORE"
"$@"; echo "room: $?"
mount -o remount,ro "$STORE"
"$@"; echo "nothing to do: $?"
"$@" --force --student bob; echo "read-only: $?"
cp -a "$STORE" "$STORE.kept"
"""


@pytest.mark.parametrize("kib", SIZES)
def test_a_full_disk_and_a_read_only_one(course: Path, graded_once: Graded, kib: int) -> None:
    unshare = shutil.which("unshare")
    assert unshare is not None, "unshare is missing: apt install util-linux"
    own = [unshare, "--mount"] if os.geteuid() == 0 else [unshare, "--user", "--map-root-user", "--mount"]
    grade = [sys.executable, str(COMMAND), "grade", "standin", "--jobs", "2", "--trust-submissions", "--store", "small"]
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AUTOGRADER_")} | {"STORE": str(course / "small")}
    done = subprocess.run([*own, "sh", "-c", SCRIPT, "sh", str(kib), *grade], cwd=course, env=clean, capture_output=True, text=True)
    statuses = dict(re.findall(r"^(.+): (\d+)$", done.stdout, re.MULTILINE))
    assert statuses == {"full": "3", "room": "0", "nothing to do": "0", "read-only": "3"}, done.stderr
    assert "No space left on device" in done.stderr
    assert "Read-only file system" in done.stderr
    assert "Traceback" not in done.stderr
    store = Store(course / "small.kept")
    found = {record.student: record.verdict() for record in store.latest("smoke", "standin")}
    assert found == graded_once.verdicts
    assert store.starts.all_lost() == []
