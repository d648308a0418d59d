"""The archive for a committee: what is in it, whose names are not, and that nothing of it gets to students."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autograder.batch.audit import audit_store
from autograder.batch.store import Store
from autograder.grading.audit import Audit, Comparison, Spread
from autograder.hub.desk import Desk
from autograder.hub.state import Receipt
from autograder.records import Flag, GradeCell, Isolation, Record, Run, RunReference, Seconds, Usage, to_json
from autograder.term.dates import parse_moment
from tests.conftest import autograder
from tests.gradebook.tiny_course import record

CLASS = "id;name;e-mail\nana;Ana Núñez;ana@uni.es\nbo42;Bodo Lindqvist;bodo@uni.es\nevar;Eva Rothmann;eva@uni.es\n"
OTHERS = ("bo42", "Bodo", "Lindqvist", "bodo@uni.es", "evar", "Rothmann", "eva@uni.es")
CODE = "\n".join(f"values_{number} = [compute(step, {number}) * scale for step in range({number + 3}) if step % 2]" for number in range(8))
SECRET = "s" * 64


def notebook(source: str, **metadata: Any) -> dict[str, Any]:
    cell = {
        "cell_type": "code",
        "source": source,
        "outputs": [],
        "execution_count": None,
        "metadata": {"nbgrader": {"grade_id": "work", "solution": True}},
    }
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": [cell]}


def graded(root: Path, student: str, source: str, **changes: Any) -> Record:
    """A record with one run, whose notebook has this code."""
    store, key = Store(root / ".autograder"), f"run-{student}"
    folder = store.run(key)
    folder.path.mkdir(parents=True)
    folder.notebook_file.write_text(json.dumps(notebook(source)))
    run = Run(
        key, "completed", "", None, (), (), Isolation(2), Usage(), Seconds(), {"keras": "3.15"}, 0, (), "data-of-run", "release-of-run"
    )
    folder.run_file.write_text(to_json(run))
    cells = (GradeCell("work", 80.0, 100.0, False),)
    made = record(
        80.0, student=student, assignment="tiny", profile="smoke", runs=(RunReference(key, 0, True),), grade_cells=cells, **changes
    )
    store.write(made)
    return made


@pytest.fixture
def course(tiny: Path) -> Path:
    """Ana's notebook is Bo's with other names in it, and was executed at home with Bo's path in its metadata."""
    (tiny / "class.csv").write_text(CLASS, encoding="utf-8")
    assert autograder(tiny, "roster", "import", "class.csv").returncode == 0
    (tiny / "release/tiny").mkdir(parents=True)
    (tiny / "release/tiny/tiny.ipynb").write_text(json.dumps(notebook("# YOUR CODE")))
    flags = (Flag("extra_file", "'bo42.txt' is not allowed here"), Flag("large_literals", "cell work"))
    graded(tiny, "ana", CODE.replace("values", "numbers") + "\npath = '/home/bo42/data'", flags=flags, versions={"keras": "3.15"})
    graded(tiny, "bo42", CODE + "\nauthor = 'Bodo Lindqvist'")
    graded(tiny, "evar", "\n".join(f"other_{number} = sorted(walk(tree, depth={number}), key=str)[{number}]" for number in range(30)))
    folder = tiny / "submitted/ana/tiny"
    folder.mkdir(parents=True)
    (folder / "tiny.ipynb").write_text(json.dumps(notebook(CODE, authors=[{"name": "Bodo Lindqvist"}], path="/home/bo42/tiny.ipynb")))
    (folder / "notes.txt").write_text("my own notes\n")
    (folder / "copied from bo42.txt").write_text("thanks, Eva Rothmann")
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\xff\x00bo42")
    (folder / "link.txt").symlink_to("/etc/hostname")
    return tiny


def opened(course: Path, *arguments: str) -> dict[str, bytes]:
    done = autograder(course, "evidence", "ana", "tiny", *arguments)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(io.BytesIO((course / "evidence/ana.tiny.zip").read_bytes())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_nobody_else_stands_in_it_by_name(course: Path) -> None:
    files = opened(course)
    everything = "\n".join([*files, *(content.decode("utf-8") for content in files.values())]).casefold()
    assert [name for name in OTHERS if name.casefold() in everything] == []
    assert "Ana Núñez" in files["index.html"].decode()


def test_digests_of_originals_and_what_became_of_each(course: Path) -> None:
    files = opened(course)
    listed = {each["file"]: each for each in json.loads(files["manifest.json"])["files"]}
    notes = listed["submission/submitted/notes.txt"]
    assert (notes["included"], notes["pseudonymised"]) == (True, False)
    assert files["submission/submitted/notes.txt"] == b"my own notes\n"
    changed = listed["submission/submitted/tiny.ipynb"]
    original = (course / "submitted/ana/tiny/tiny.ipynb").read_bytes()
    assert changed["pseudonymised"] is True
    assert (
        changed["original_sha256"]
        == hashlib.sha256(original).hexdigest()
        != hashlib.sha256(files["submission/submitted/tiny.ipynb"]).hexdigest()
    )
    assert json.loads(files["submission/submitted/tiny.ipynb"])["cells"] == json.loads(original)["cells"]
    assert listed["submission/submitted/picture.png"]["included"] is False
    assert "never opened" in listed["submission/submitted/link.txt"]["why"]
    assert not any("picture" in name or "link" in name for name in files)
    for line in files["SHA256SUMS"].decode().splitlines():
        digest, _, name = line.partition("  ")
        assert hashlib.sha256(files[name]).hexdigest() == digest
    assert files.keys() - {"SHA256SUMS"} == {line.partition("  ")[2] for line in files["SHA256SUMS"].decode().splitlines()}


def test_the_page_leads_through_the_case(course: Path) -> None:
    assert autograder(course, "decide", "withhold", "tiny", "--student", "ana", "--why", "same code as bo42").returncode == 0
    page = opened(course)["index.html"].decode()
    for words in (
        "withhold (d1)",
        "same code as S-",
        "Withheld",
        "Large literals",
        "similar/1.html",
        "release-of-run",
        "Not audited.",
        "keras",
    ):
        assert words in page, words
    assert "<script" not in page


def test_the_similar_one_stands_beside_it(course: Path) -> None:
    pair = opened(course)["similar/1.html"].decode()
    assert "Ana Núñez" in pair
    assert "S-" in pair
    assert "numbers_0" in pair
    assert "values_0" in pair


def test_the_audit_stands_beside_what_right_solutions_reach(course: Path) -> None:
    store = Store(course / ".autograder")
    for student, audited in (("ana", 0.1), ("bo42", 0.93), ("evar", 0.94)):
        found = Comparison("test_accuracy", "fell" if audited < 0.8 else "kept", "", 0.95, audited, 0.05, 0.9, Spread(0.01, "calibration"))
        verdict = found.verdict
        audit_store(store).write(
            Audit(
                "tiny",
                student,
                "0" * 16,
                "smoke",
                "c",
                verdict,
                "",
                (found,),
                f"run-{student}",
                "again",
                "completed",
                2,
                1.0,
                "2027-03-01T10:00:00+00:00",
            )
        )
    values = {"reference": {"values": [0.94, 0.95, 0.96]}, "alternative": {"values": [0.93]}}
    (course / "solutions/tiny").mkdir(parents=True)
    (course / "solutions/tiny/calibration.json").write_text(json.dumps({"profiles": {"smoke": {"test_accuracy": {"solutions": values}}}}))
    files = opened(course)
    page = files["index.html"].decode()
    for words in ("Test accuracy: fell", "0.100", "0.950", "0.960", "2 others of the class", "<svg"):
        assert words in page, words
    assert json.loads(files["audit.json"])["verdict"] == "fell"


def test_receipts_and_what_the_hub_kept(course: Path) -> None:
    desk = Desk(course / ".autograder/hub", ["tiny"])
    at = parse_moment("2027-02-10 18:00:00 UTC")
    assert at is not None
    files = {"tiny.ipynb": b"{}", "submission_secret.txt": SECRET.encode()}

    def receipt(student: str) -> Receipt:
        return desk.receive(
            "tiny", student, files, lambda key, own: Receipt(key, student, "tiny", at, at, "", f"{student}+tiny", "ab" * 32, own, 99)
        )

    first = receipt("ana")
    receipt("bo42")
    found = opened(course)
    assert [each["id"] for each in json.loads(found["receipts.json"])] == [first.id]
    assert found[f"submission/{first.id}/tiny.ipynb"] == b"{}"
    assert SECRET not in "".join(content.decode() for content in found.values())
    assert f"receipt {first.id}" in found["index.html"].decode()


def test_it_is_for_its_owner_alone_and_flags_are_nowhere_else(course: Path) -> None:
    opened(course)
    assert (course / "evidence/ana.tiny.zip").stat().st_mode & 0o077 == 0
    assert autograder(course, "feedback", "tiny").returncode == 0
    for page in (course / "feedback").rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "arge literals" not in text
        assert "xtra file" not in text


def test_who_handed_nothing_in_and_who_is_unknown(course: Path) -> None:
    (course / "class.csv").write_text(CLASS + "zoe;Zoe Young;zoe@uni.es\n", encoding="utf-8")
    assert autograder(course, "roster", "import", "class.csv").returncode == 0
    for arguments, words in (
        (("zoe", "tiny"), "zoe handed nothing in of 'tiny'"),
        (("anna", "tiny"), "did you mean 'ana'?"),
        (("ana", "tyni"), "no assignment 'tyni'"),
    ):
        done = autograder(course, "evidence", *arguments)
        assert done.returncode == 2
        assert words in done.stderr
    assert not (course / "evidence").exists()


def test_a_submission_that_was_never_graded_is_evidence_too(course: Path) -> None:
    (course / "submitted/evar/tiny").mkdir(parents=True)
    (course / "submitted/evar/tiny/tiny.ipynb").write_text("{")
    for file in (course / ".autograder/records/smoke/tiny/evar").iterdir():
        file.unlink()
    done = autograder(course, "evidence", "evar", "tiny", "--into", "case.zip", "--json", "-")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"file": "case.zip", "records": 0, "similar": 0, "audited": False}
    with zipfile.ZipFile(course / "case.zip") as archive:
        assert archive.read("submission/submitted/tiny.ipynb") == b"{"


def test_the_same_things_give_the_same_archive() -> None:
    from autograder.feedback.dossier import Dossier, build_archive
    from autograder.term.scrubbing import scrubber
    from autograder.term.students_csv import Student

    nothing: Any = ()
    dossier = Dossier("ana", "ana", "tiny", "C", "now", None, *[nothing] * 5, None, nothing, 0, 0, None, {}, {}, {}, {})
    scrub = scrubber(Student("ana"), (), str)
    assert build_archive(dossier, scrub) == build_archive(replace(dossier), scrub)
