"""One archive about one submission, for a committee: what was handed in, what was measured, and a page that leads through it.

Everything passes a scrubber on its way in, so no other student stands in it by name. A file in which nothing had to be replaced is byte for
byte the original; of one that was changed, and of one that nobody can search, the original's digest stands in the manifest.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markupsafe import Markup

from autograder.feedback.charts import histogram
from autograder.feedback.pages import render_page
from autograder.feedback.words import in_words
from autograder.files import read_bounded
from autograder.grading.audit import Audit, Comparison
from autograder.intake.entries import list_entries
from autograder.quality.similarity import Row
from autograder.records import Record, to_json
from autograder.term.score import Final
from autograder.term.scrubbing import Scrubber

_BYTES = 100 * 2**20  # of one file
_SECRETS = ("submission_secret.txt",)  # opens the student's feedback page in the exchange
_LEFT_OUT = "not text that could be searched for other students' names"


@dataclass(frozen=True)
class Handed:
    """One place where files of a submission lie. `name`: of its folder in the archive; `about`: where they come from, in a sentence."""

    name: str
    about: str
    folder: Path


@dataclass(frozen=True)
class Resemblance:
    """Another submission with nearly the same code, by pseudonym: its share in common, 0 to 1, and both side by side."""

    other: str
    share: float
    rows: Sequence[Row]


@dataclass(frozen=True)
class Event:
    """Something that happened: when (as it was written), what, and the rest."""

    at: str
    what: str
    detail: str = ""


@dataclass(frozen=True)
class Dossier:
    """All that the archive is made of. `reference`: by metric, what right solutions measured; `falls`: by metric, what the accuracy of
    others of the class fell by. `pairs` of `compared` submissions are similar at all.
    """

    student: str
    name: str
    assignment: str
    course_title: str
    generated_at: str
    record: Record | None
    records: Sequence[Record]
    handed: Sequence[Handed]
    receipts: Sequence[Mapping[str, Any]]
    events: Sequence[Event]
    decisions: Sequence[Mapping[str, Any]]
    final: Final | None
    similar: Sequence[Resemblance]
    pairs: int
    compared: int
    audit: Audit | None
    reference: Mapping[str, Mapping[str, Sequence[float]]]
    falls: Mapping[str, Sequence[float]]
    versions: Mapping[str, str]
    runs: Mapping[str, Path]


@dataclass
class _Archive:
    """Files by name, and what the manifest says of each."""

    scrub: Scrubber
    files: dict[str, bytes] = field(default_factory=dict)
    manifest: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, original: bytes) -> None:
        """The file, searched; or only its digest."""
        content = scrubbed(name, original, self.scrub)
        place = self.scrub.text(name)
        said: dict[str, Any] = {"file": place, "original_sha256": _sha256(original), "original_bytes": len(original)}
        if content is None:
            self.manifest.append(said | {"included": False, "why": _LEFT_OUT})
            return
        self.files[place] = content
        self.manifest.append(said | {"included": True, "pseudonymised": content != original})

    def write(self, name: str, content: str) -> None:
        """A page or list of ours, whose parts were searched before."""
        self.files[name] = content.encode()


def scrubbed(name: str, original: bytes, scrub: Scrubber) -> bytes | None:
    """A file without other students' names: the very bytes where there were none; None for what is no text."""
    try:
        text = original.decode("utf-8-sig" if original.startswith(b"\xef\xbb\xbf") else "utf-8")
        if "\0" in text:
            return None
    except UnicodeDecodeError:
        return None
    if name.lower().endswith((".ipynb", ".json")):
        try:
            content = json.loads(text)
            found = scrub.value(content)
            return original if found == content else (json.dumps(found, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "replace")
        except (ValueError, RecursionError):
            pass  # no JSON: searched as the text that it is
    replaced = scrub.text(text)
    return original if replaced == text else replaced.encode("utf-8", "replace")


def build_archive(dossier: Dossier, scrub: Scrubber) -> bytes:
    """The ZIP file. Made again from the same things at the same minute, it has the same bytes."""
    archive = _Archive(scrub)
    for place in dossier.handed:
        _add_folder(archive, place)
    for record in dossier.records:
        archive.add(f"records/{record.submission_id}.json", to_json(record).encode())
    for key, folder in dossier.runs.items():
        for name in ("run.json", "notebook.ipynb", "answers.json"):
            if (folder / name).is_file():
                archive.add(f"runs/{key}/{name}", (folder / name).read_bytes())
    for name, value in (("receipts", dossier.receipts), ("decisions", dossier.decisions)):
        archive.add(f"{name}.json", _json(list(value)))
    if dossier.audit is not None:
        archive.add("audit.json", to_json(dossier.audit).encode())
    for number, each in enumerate(dossier.similar, 1):
        archive.write(f"similar/{number}.html", _side_by_side(dossier, each, scrub))
    archive.write("manifest.json", _json({"versions": dossier.versions, "files": archive.manifest}).decode())
    archive.write("index.html", _index(dossier, archive))
    archive.write("README.txt", _README)
    archive.write("SHA256SUMS", "".join(f"{_sha256(content)}  {name}\n" for name, content in sorted(archive.files.items())))
    return _zip(archive.files)


def _add_folder(archive: _Archive, place: Handed) -> None:
    for entry in list_entries(place.folder):
        name = f"submission/{place.name}/{entry.name}"
        if entry.name.rpartition("/")[2] in _SECRETS:
            continue
        try:
            if entry.kind != "file":
                raise ValueError(f"a {entry.kind}, which is never opened")
            archive.add(name, read_bounded(place.folder / entry.name, _BYTES))
        except (OSError, ValueError) as error:
            archive.manifest.append({"file": archive.scrub.text(name), "included": False, "why": archive.scrub.text(str(error))})


def _index(dossier: Dossier, archive: _Archive) -> str:
    scrub = archive.scrub
    final, record = dossier.final, dossier.record
    return render_page(
        "dossier.html",
        dossier=dossier,
        title=in_words(dossier.assignment),
        events=[Event(each.at, each.what, scrub.text(each.detail)) for each in sorted(dossier.events, key=lambda each: each.at)],
        lines=[(line.what, line.points, scrub.text(line.why)) for line in final.lines] if final else [],
        flags=[(in_words(flag.kind), scrub.text(flag.detail)) for flag in record.flags] if record else [],
        cells=record.grade_cells if record else (),
        audits=[_compared(dossier, each) for each in dossier.audit.comparisons] if dossier.audit else [],
        files=archive.manifest,
        weak=len(scrub.weak),
        handed=[(each.name, scrub.text(each.about)) for each in dossier.handed],
    )


def _compared(dossier: Dossier, found: Comparison) -> dict[str, Any]:
    """One accuracy beside what right solutions reach, and how far others fell."""
    reference = {name: list(values) for name, values in dossier.reference.get(found.metric, {}).items()}
    values = [value for each in reference.values() for value in each]
    marks = [value for value in (found.normal, found.audited, found.threshold) if value is not None]
    span = [*values, *marks]
    falls = list(dossier.falls.get(found.metric, ()))
    own = None if found.normal is None or found.audited is None else found.normal - found.audited
    spread = [*falls, *([own] if own is not None else [])]
    return {
        "found": found,
        "own": own,
        "reference": {name: (len(each), min(each), sum(each) / len(each), max(each)) for name, each in reference.items() if each},
        "chart": Markup(histogram(values, min(span), max(span), bins=20, marks=marks)) if values else "",
        "falls": len(falls),
        "falls_chart": Markup(histogram(falls, min(spread), max(spread), bins=20, marks=[own] if own is not None else [])) if falls else "",
    }


def _side_by_side(dossier: Dossier, each: Resemblance, scrub: Scrubber) -> str:
    rows = [Row(scrub.text(row.left), scrub.text(row.right), row.same) for row in each.rows]
    return render_page("dossier_pair.html", dossier=dossier, title=in_words(dossier.assignment), pair=each, rows=rows)


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n").encode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _zip(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


_README = """Open index.html: it leads through this archive.

index.html       the case, for reading: what was handed in and when, the score, flags, similar submissions, audit
submission/      the files as they were handed in, one folder for each place where they were kept
records/         what was recorded of each graded attempt
runs/            what was executed: the notebook with its outputs, answers to the graders' questions, versions, digests
similar/         nearly the same code of somebody else, side by side
audit.json       the execution on permuted labels, if there was one
receipts.json    when which files arrived
decisions.json   what was decided about this student in this assignment
manifest.json    of every file the digest (SHA-256) of the original, and whether names in it were replaced
SHA256SUMS       digests of the files here; `sha256sum -c SHA256SUMS` checks them

Other students stand here under a pseudonym (S-...), the same one in every archive of the course. A file in which a name was replaced
differs from the original in that name; originals stay with the course. Pictures and other files that are not text were not searched.
Nothing in here is a proof by itself, and nothing of it was shown to students.
"""
