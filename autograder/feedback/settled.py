"""The final score as its student reads it: the sum line by line, without what instructors wrote about anybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autograder.records import Record
from autograder.term.score import Final, Line

_TITLES = {"automatic": "Automatic checks", "by hand": "Graded by hand", "late": "Late", "extra": "Extra credit", "too late": "Too late"}
_ALWAYS = ("automatic", "by hand", "late")


@dataclass(frozen=True)
class Settled:
    """What stands on the page: a sentence, and the lines of the sum."""

    sentence: str
    lines: tuple[Line, ...] = ()


def settled(final: Final | None, record: Record) -> Settled | None:
    """None where the page says it all: nothing decided, nothing lost by lateness, the only attempt, or no score yet."""
    if final is None:
        return None
    if final.state == "excused":
        return Settled("You are excused: this assignment does not count for you.")
    decided = [line.what for line in final.lines if line.what in ("override", "extend", "reopen", "waive late", "final", "too late")]
    plain = not decided and not final.late and final.submission_id == record.submission_id
    if final.state != "scored" or final.score is None or plain:
        return None
    words = "Final score" if final.final else "Score so far"
    lines = _lines(final.lines, final.score, "override" in decided)
    return Settled(f"{words}: {final.score:g} of {final.max_score:g} points.", lines)


def _lines(lines: Sequence[Line], score: float, override: bool) -> tuple[Line, ...]:
    """Reasons of decisions stay with those who made them."""
    shown = [
        Line(_TITLES[line.what], line.points, line.why) for line in lines if line.what in _TITLES and (line.points or line.what in _ALWAYS)
    ]
    shown += [Line(_TITLES[line.what], None, line.why) for line in lines if line.what == "too late"]
    return (*shown, *([Line("Decided", score, "your instructor set the whole score")] if override else []))
