"""The course's secret seed: 32 random bytes that decide which examples are hidden. It never enters a sandbox."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path

from autograder.course.paths import CoursePaths
from autograder.errors import UsageError
from autograder.files import write_atomic


def read_seed(paths: CoursePaths, store: Path, say: Callable[[str], None]) -> bytes:
    """The seed of the course; made, and said so, when there is none and the store holds no run.

    Raises UsageError when it is missing although runs exist, malformed, or another one than the store's runs were made with.
    """
    file = seed_file(paths)
    known = _store_fingerprint(store)
    if not file.is_file():
        if known is not None:
            raise UsageError(
                f"The seed file '{file}' is missing, but '{store}' holds runs made with seed {known}.",
                "Restore your copy of it, name it with AUTOGRADER_SEED_FILE, or use a new store with --store DIR.",
            )
        write_atomic(file, secrets.token_hex(32) + "\n", mode=0o600)
        say(f"Made a new secret seed, '{file}': keep a copy, the hidden split depends on it.")
    seed = _parse(file)
    if known is None:
        write_atomic(store / "seed_fingerprint", fingerprint(seed) + "\n")
    elif known != fingerprint(seed):
        raise UsageError(
            f"The seed in '{file}' has fingerprint {fingerprint(seed)}, the runs in '{store}' were made with {known}.",
            "Restore the seed that belongs to this store, name it with AUTOGRADER_SEED_FILE, or use a new store with --store DIR.",
        )
    return seed


def seed_file(paths: CoursePaths) -> Path:
    """Where the seed is, or will be."""
    return Path(os.environ.get("AUTOGRADER_SEED_FILE", paths.state / "seed"))


def read_seed_file(paths: CoursePaths) -> bytes | None:
    """The seed's file as it is; None where there is none (yet). Raises UsageError for a malformed one."""
    file = seed_file(paths)
    if not file.is_file():
        return None
    return f"{_parse(file).hex()}\n".encode()


def fingerprint(seed: bytes) -> str:
    """First 16 hex digits of a digest of the seed; tells two seeds apart and says nothing about either."""
    return hashlib.sha256(b"autograder seed" + seed).hexdigest()[:16]


def _parse(file: Path) -> bytes:
    text = file.read_text(encoding="utf-8", errors="replace").strip()
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise UsageError(
            f"The seed file '{file}' is malformed: 64 hex digits were expected, {len(text)} characters stand there.",
            "Restore your copy of it. Without one, remove it and use a new store with --store DIR: every submission is executed again.",
        )
    return bytes.fromhex(text)


def _store_fingerprint(store: Path) -> str | None:
    file = store / "seed_fingerprint"
    return file.read_text(encoding="utf-8").strip() if file.is_file() else None
