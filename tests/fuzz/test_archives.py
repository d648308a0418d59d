"""Damaged archives: what is unpacked stays in its folder and within the limits, and the only error is the one for wrong usage."""

from __future__ import annotations

import io
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from autograder.errors import UsageError
from autograder.intake.archive import ArchiveLimits, unpacked
from autograder.intake.collect import find_submissions
from tests.fuzz.mutations import damaged_bytes, fuzz, is_explained

FILES = {"ada/tiny/tiny.ipynb": b"{}" * 200, "ada/tiny/a.csv": b"1,2", "wrapped/bob/tiny/tiny.ipynb": b"[]", "readme": b"hello"}
LIMITS = ArchiveLimits(entries=50, total_bytes=100_000, submission_entries=10, submission_bytes=10_000, free_ratio_bytes=100_000)


def _zip(kind: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", kind) as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    return stream.getvalue()


def _tar(mode: Any, layout: int) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode, format=layout) as archive:
        for name, data in FILES.items():
            info = tarfile.TarInfo(f"{name}{'x' * 120}" if name == "readme" else name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


ARCHIVES = [
    *(_zip(zipfile.ZIP_STORED), _zip(zipfile.ZIP_DEFLATED)),
    *(_tar("w", tarfile.PAX_FORMAT), _tar("w", tarfile.GNU_FORMAT), _tar("w:gz", tarfile.PAX_FORMAT)),
]
parts = st.sampled_from(["ada", "tiny", "..", ".", "", "/", "C:", "\\", "a\nb", "x" * 250, "é", "tiny.ipynb"])
names = st.lists(parts, min_size=1, max_size=5)


def check(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as root:
        archive, state, beside = Path(root, "file"), Path(root, "state"), Path(root, "beside")
        archive.write_bytes(data)
        beside.mkdir()
        try:
            with unpacked(archive, "tiny", state, LIMITS) as found:
                inside = [path for path in state.rglob("*") if not path.is_dir()]
                assert all(path.is_file() and not path.is_symlink() for path in inside)
                assert sum(path.stat().st_size for path in inside) <= LIMITS.total_bytes
                assert all(line.isprintable() for line in found.refused)
                find_submissions(found.folder, "tiny", (), 1_000, lambda line: None)
        except UsageError as error:
            is_explained(error)


@fuzz(300)
@given(st.sampled_from(ARCHIVES).flatmap(damaged_bytes))
def test_damaged_archives(data: bytes) -> None:
    check(data)


@fuzz(150)
@given(st.lists(st.tuples(names.map("/".join), st.binary(max_size=20)), max_size=6), st.booleans())
def test_names_that_anybody_could_invent(entries: list[tuple[str, bytes]], packed: bool) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz" if packed else "w") as archive:
        for name, data in entries:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    check(stream.getvalue())
