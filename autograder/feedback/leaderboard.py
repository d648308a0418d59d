"""The contest's leaderboard: who stands where, under which name. Names are the students' and are only ever text."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from autograder.batch.contest import Entry
from autograder.feedback.clean import line
from autograder.feedback.pages import render_page

MAX_NAME = 30


@dataclass(frozen=True)
class Place:
    """One line of the table. `student` is for the instructor alone, and so is `audit`, with the number of runs where there are several."""

    rank: int
    name: str
    value: str
    student: str
    audit: str


@dataclass(frozen=True)
class LeftOut:
    """Somebody with a pseudonym who is not shown, and why."""

    student: str
    name: str
    value: str
    why: str


@dataclass(frozen=True)
class Leaderboard:
    """All that both pages show; `silent` counts those who did not hand in a pseudonym."""

    places: tuple[Place, ...]
    left_out: tuple[LeftOut, ...]
    silent: int


def leaderboard(entries: Sequence[Entry]) -> Leaderboard:
    """Highest value first; equal values share a place. Names that look the same are told apart by numbers, in order of arrival."""
    taking_part = [entry for entry in entries if shown_name(entry.pseudonym)]
    reasons = {entry.student: _left_out(entry, entries) for entry in taking_part}
    shown = [entry for entry in taking_part if not reasons[entry.student]]
    names = distinct_names(shown)
    ranked = sorted(shown, key=lambda entry: (-_value(entry), names[entry.student]))
    places = tuple(
        Place(
            rank=1 + sum(_value(other) > _value(entry) for other in shown),
            name=names[entry.student],
            value=_number(entry),
            student=line(entry.student, 60),
            audit=(entry.audit or "not audited") + (f"; best of {entry.runs} runs" if entry.runs > 1 else ""),
        )
        for entry in ranked
    )
    left_out = tuple(
        LeftOut(line(entry.student, 60), shown_name(entry.pseudonym), _number(entry), reasons[entry.student])
        for entry in sorted(taking_part, key=lambda entry: entry.student)
        if reasons[entry.student]
    )
    return Leaderboard(places, left_out, len(entries) - len(taking_part))


def _left_out(entry: Entry, entries: Sequence[Entry]) -> str:
    """Why this entry is not shown, or nothing. A name that is somebody's id would speak for that person."""
    if entry.value is None:
        return "nothing was measured"
    if entry.withheld:
        return entry.withheld
    ids = {_look(other.student) for other in entries}
    return "the pseudonym is the id of a student" if _look(shown_name(entry.pseudonym)) in ids else ""


def shown_name(pseudonym: str | None) -> str:
    """The pseudonym as one line of at most 30 printable characters; empty for none."""
    text = unicodedata.normalize("NFC", pseudonym or "")
    return line("".join(each for each in text if unicodedata.category(each) not in ("Cf", "Co", "Cn")), MAX_NAME).strip()


def distinct_names(entries: Sequence[Entry]) -> dict[str, str]:
    """The name of each student: equal ones, but for capitals, spaces and signs, get (2), (3), … in order of arrival."""
    given: dict[str, str] = {}
    taken: set[str] = set()
    for entry in sorted(entries, key=lambda entry: (entry.received_at, entry.student)):
        name = base = shown_name(entry.pseudonym)
        number = 1
        while _look(name) in taken:
            number += 1
            suffix = f" ({number})"
            name = base[: MAX_NAME - len(suffix)].rstrip() + suffix
        taken.add(_look(name))
        given[entry.student] = name
    return given


def _look(name: str) -> str:
    """What a reader tells names apart by: letters and digits, in one width and case."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(each for each in folded if each.isalnum()) or folded


def _value(entry: Entry) -> float:
    """Rounded as it is shown, so that places and numbers agree."""
    return round(entry.value or 0.0, 4)


def _number(entry: Entry) -> str:
    return "–" if entry.value is None else f"{_value(entry):.4f}"


def leaderboard_address(assignment: str) -> str:
    """Name of the page to be published, beside the report."""
    return f"{quote(assignment, safe='', errors='replace')}.leaderboard.html"


def render_leaderboard(found: Leaderboard, title: str, course_title: str, generated_at: str, metric: str) -> str:
    """The page for students, as one self-contained HTML file: places, pseudonyms and values, nothing else."""
    rows = [(place.rank, place.name, place.value) for place in found.places]
    return render_page("leaderboard.html", rows=rows, title=title, course_title=course_title, generated_at=generated_at, metric=metric)
