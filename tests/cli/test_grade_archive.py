"""`grade --submitted FILE`: from a download of the LMS to records, with what was left out said in one line each."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

from tests.conftest import autograder

# None of them is executed, so no kernel starts.
BAD = {
    "ada/tiny/tiny.ipynb": b"{",
    "bob/tiny/tiny.ipynb": b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "x"}]}',
    "cleo/tiny/notes.txt": b"none",
    "[red]dan/tiny/tiny.ipynb": b"",
    "dan/tiny/../../../../tiny.ipynb": b"{}",
    "dan/other/other.ipynb": b"{}",
}


def test_an_archive_is_graded_like_a_folder(released: Path) -> None:
    with tarfile.open(released / "download.tar.gz", "w:gz") as archive:
        for name, data in BAD.items():
            info = tarfile.TarInfo(f"submitted/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("submitted/eve/tiny/tiny.ipynb")
        link.type, link.linkname = tarfile.SYMTYPE, "../../../gradebook.db"
        archive.addfile(link)
    done = autograder(released, "grade", "tiny", "--submitted", "download.tar.gz", "--trust-submissions", "--json", "-")
    assert done.returncode == 0, done.stderr
    reasons = {each["student"]: each["reason"] for each in json.loads(done.stdout)}
    assert reasons.keys() == {"[red]dan", "ada", "bob", "cleo", "eve"}
    assert reasons["eve"].startswith("'tiny.ipynb' was not submitted")
    assert "'submitted/eve/tiny/tiny.ipynb' is left out: it is a link." in done.stderr
    assert "'submitted/dan/tiny/../../../../tiny.ipynb' is left out: its name leads out of the folder ('..')." in done.stderr
    assert "1 entries belong to no submission of 'tiny' and are left out." in done.stderr
    assert list((released / ".autograder/unpacked").iterdir()) == []


def test_what_is_no_archive_and_folders_without_a_name_are_said(released: Path) -> None:
    (released / "download.zip").write_bytes(b"PK")
    done = autograder(released, "grade", "tiny", "--submitted", "download.zip", "--trust-submissions", "--quiet")
    assert done.returncode == 2
    assert "is no zip or tar file that can be read" in done.stderr
    for name in (b"m\xfcller", b"ada"):
        folder = os.path.join(os.fsencode(released), b"submitted", name, b"tiny")
        os.makedirs(folder)
        Path(os.fsdecode(folder), "tiny.ipynb").write_bytes(b"")
    done = autograder(released, "grade", "tiny", "--trust-submissions", "--quiet", "--json", "-")
    assert done.returncode == 0, done.stderr
    assert [each["student"] for each in json.loads(done.stdout)] == ["ada"]
    assert "Left out: the folder 'm\\udcfcller'" in done.stderr
