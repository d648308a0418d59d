"""Every submission of the corpus gets the outcome, the points and the flags that its docstring promises, and nothing else happens."""

from __future__ import annotations

import html.parser
import re
from pathlib import Path
from typing import Any

import pytest

from autograder.records import Record
from tests.corpus.catalogue import CLASSES, Class
from tests.corpus.entry import ENTRIES, Entry
from tests.corpus.grading import HONEST, Seen, graded_class

GROWTH_MIB = 350  # of the command over a class; one submission alone may bring 4 MB, hand in 4 MB, and print for ever
at_all_classes = pytest.mark.parametrize("wanted", CLASSES, ids=lambda each: each.name)


def cases() -> list[object]:
    return [
        pytest.param(
            wanted,
            entry,
            id=f"{wanted.name}-{entry.name}",
        )
        for wanted in CLASSES
        for entry in wanted.entries
    ]


@pytest.mark.parametrize(("wanted", "entry"), cases())
def test_a_submission_gets_what_it_deserves(seen: Seen, wanted: Class, entry: Entry) -> None:
    record, expected = seen.record(entry), entry.expected
    said = f"{entry.about}\n{record.outcome}: {record.reason}\n{_failed(record)}"
    assert record.outcome in expected.outcome, said
    assert record.grading == ("not_graded" if expected.unscored else "ok"), f"{record.grading_reason}\n{said}"
    assert {cell.grade_id: cell.score for cell in record.grade_cells if not cell.manual} == expected.points(entry.assignment), said
    assert expected.flags <= {flag.kind for flag in record.flags}, record.flags
    assert expected.says in f"{said}\n{record.first_error}"
    if wanted.level not in expected.open_at:
        assert entry.name not in seen.achieved, seen.achieved[entry.name]
    if record.runs:
        assert (record.isolation.level, record.isolation.start.partition(":")[0]) == (wanted.level, "cold" if wanted.cold else "warm")


def _failed(record: Record) -> str:
    return "\n".join(f"{test.name}: {test.message}" for cell in record.grade_cells for test in cell.tests if not test.passed)


@at_all_classes
def test_nothing_secret_came_out(seen: Seen) -> None:
    """Neither in records, runs, hand-ins and autograded notebooks, nor on any page."""
    assert seen.leaked == {}


@at_all_classes
def test_neighbours_get_what_they_get_alone(seen: Seen) -> None:
    """Honest submissions before, among and after the attacks."""
    assert {key.partition("/")[2] for key in seen.alone} == set(HONEST)
    for key, alone in seen.alone.items():
        assert (alone.outcome, alone.score) == ("completed", alone.max_score), key
        assert _timeless(seen.records[key]) == _timeless(alone), key


def _timeless(record: Record) -> dict[str, Any]:
    """The verdict without the flag that time decides: `basics` asks for a written curve, and its cells take about as long as epochs."""
    return {**record.verdict(), "flags": [flag for flag in record.flags if flag.kind != "too_fast"]}


@at_all_classes
def test_nothing_is_left(seen: Seen) -> None:
    """No process, no file outside, nothing changed in the course, nobody called."""
    assert seen.survivors == []
    assert seen.written == []
    assert seen.changed == []
    assert seen.called == 0


@at_all_classes
def test_the_command_stays_small_and_says_done(seen: Seen) -> None:
    """Bad submissions are never the command's failure."""
    assert seen.peak_mib < GROWTH_MIB
    assert {name: status for name, status in seen.statuses.items() if status} == {}


@at_all_classes
def test_records_and_pages_stay_small(seen: Seen) -> None:
    files = [path for name in ("everybody/records", "feedback", "reports") for path in (seen.root / name).rglob("*") if path.is_file()]
    assert len(files) > len(seen.records)
    assert {str(path): path.stat().st_size for path in files if path.stat().st_size > _limit(path)} == {}


def _limit(path: Path) -> int:
    return 8_000_000 if path.suffix == ".html" else 100_000


class _Active(html.parser.HTMLParser):
    """Collects what a browser would run or load; a page's own head has four `meta` elements."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "iframe", "object", "embed", "base", "form", "link", "meta"):
            self.found.append(tag)
        for name, value in attrs:
            address = re.sub(r"\s", "", value or "").lower()
            if name.startswith("on") or address.startswith(("javascript:", "vbscript:", "data:text", "data:image/svg", "http:", "https:")):
                self.found.append(f"{tag} {name}={value}")


@at_all_classes
def test_pages_run_and_load_nothing(seen: Seen) -> None:
    """Feedback and report hold what students wrote as text."""
    pages = [*(seen.root / "feedback").rglob("*.html"), *(seen.root / "reports").glob("*.html")]
    others = [page for page in pages if page.name.endswith(".similar.html")]  # beside a report whose class has similar submissions
    assert len(pages) - len(others) == len(seen.records) + len(seen.assignments)
    found = {}
    for page in pages:
        parser = _Active()
        parser.feed(page.read_text(encoding="utf-8"))
        if parser.found != ["meta"] * 4:
            found[str(page.relative_to(seen.root))] = parser.found[:5]
    assert found == {}


def test_every_entry_says_what_it_does() -> None:
    """And the catalogue does not shrink unnoticed."""
    assert len(ENTRIES) >= 130
    assert all(len(each.about) > 40 and each.about.endswith((".", ")")) for each in ENTRIES)


def test_without_isolation_the_same_attacks_succeed_and_are_noticed() -> None:
    """What the tests above look for would be found: secrets that came out, cells that achieved something, calls to a service."""
    chosen = [each for each in ENTRIES if each.name.startswith(("sandbox_read_", "sandbox_connect", "reads_the_course"))]
    with graded_class(0, chosen) as seen:
        assert {each.name for each in chosen} == set(seen.achieved)
        assert len(seen.leaked) > 2
        assert seen.called > 0
