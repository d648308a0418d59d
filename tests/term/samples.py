"""Policies, attempts and decisions, as short as tests need them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from autograder.term.decisions import Decision, Standing, standing
from autograder.term.facts import Attempt, CellPoints, Facts, HandGrade, Policy
from autograder.term.score import Final, final_score

MADRID = ZoneInfo("Europe/Madrid")
DUE = datetime(2027, 2, 12, 23, 59, tzinfo=MADRID)


def policy(due: datetime | None = DUE, **changes: Any) -> Policy:
    known: dict[str, Any] = {
        "per_day": 0.1,
        "at_most": 0.5,
        "grace_s": 0.0,
        "closes_s": None,
        "counting": "last",
        "timezone": "Europe/Madrid",
    }
    return Policy(due=due, **(known | changes))


def madrid(text: str, fold: int = 0) -> datetime:
    """'2027-02-13 10:00' on the clocks of Madrid."""
    return datetime.fromisoformat(text).replace(tzinfo=MADRID, fold=fold)


def attempt(at: str | datetime = "2027-02-12 20:00", score: float | None = 80.0, number: int = 1, stamped: bool = True) -> Attempt:
    """An automatic cell of 90 points and a written answer of 10."""
    cells = (CellPoints("code", score, 90.0, False), CellPoints("why", None, 10.0, True))
    return Attempt(f"{number:016x}", number, madrid(at) if isinstance(at, str) else at, stamped, cells)


def facts(*attempts: Attempt, why: float | None = 8.0, extra: float = 0.0, **hand: HandGrade) -> Facts:
    given = {} if why is None else {"why": HandGrade(why, extra)}
    return Facts(attempts, {**given, **hand})


def decision(kind: Any, number: int = 1, students: tuple[str, ...] | None = ("ana",), **values: Any) -> Decision:
    return Decision(f"d{number}", "2027-02-14T09:00:00+01:00", "garcia", "illness", kind, "tiny", students, **values)


def holding(*decisions: Decision, student: str = "ana") -> Standing:
    return standing(decisions, student, "tiny")


def score(known: Facts, rules: Policy | None = None, *decisions: Decision) -> Final:
    return final_score("ana", "tiny", known, rules or policy(), holding(*decisions), 100.0)


def why(final: Final, what: str) -> str:
    """The reasons of the lines with that title."""
    return "; ".join(line.why for line in final.lines if line.what == what)
