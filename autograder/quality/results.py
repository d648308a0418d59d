"""What validating an assignment found: of each known answer, and of each mutant."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["reference", "blank", "alternative", "wrong"]
MutantVerdict = Literal["killed", "equivalent", "survived", "grader_error", "machine"]

# The share of the mutants, equivalent ones left out, that graders must notice.
ENOUGH = 0.95


@dataclass(frozen=True)
class AnswerResult:
    """One known answer: whether it earned what it must, what it did not, the flags of its record, and its run's key. Wall seconds."""

    kind: Kind
    name: str
    holds: bool
    message: str
    score: float | None
    max_score: float
    flags: tuple[str, ...] = ()
    seconds: float = 0.0
    machine_failed: bool = False
    run: str | None = None


@dataclass(frozen=True)
class Noticed:
    """A test that noticed a mutant, and what the student would read."""

    grade_cell: str
    test: str
    message: str
    hint: str | None


@dataclass(frozen=True)
class MutantResult:
    """One mutant: what became of it, who noticed, and the reason if it is declared equivalent.

    `path`: "section" when the section alone told, "notebook" when the whole notebook had to run.
    """

    id: str
    cell: str
    mistake: str
    about: str
    diff: str
    verdict: MutantVerdict
    noticed: tuple[Noticed, ...] = ()
    reason: str = ""
    path: Literal["section", "notebook"] = "section"
    seconds: float = 0.0


@dataclass(frozen=True)
class Validation:
    """All that was found of one assignment. `generated`: mutants that there are; `mutants`: those that were executed.

    `kinds`: the mistakes of which there are mutants, in the order of the catalogue. `problems`: what else is wrong, such as a
    declaration that excuses nothing; `compared`: mutants executed in both ways.
    """

    assignment: str
    profile: str
    answers: tuple[AnswerResult, ...]
    generated: int
    mutants: tuple[MutantResult, ...]
    problems: tuple[str, ...]
    compared: int = 0
    seconds: float = 0.0
    kinds: tuple[str, ...] = ()

    def of(self, verdict: MutantVerdict) -> tuple[MutantResult, ...]:
        return tuple(each for each in self.mutants if each.verdict == verdict)

    def answers_of(self, kind: Kind) -> tuple[AnswerResult, ...]:
        return tuple(each for each in self.answers if each.kind == kind)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Kinds of mistakes of which no mutant was executed."""
        executed = {mutant.mistake for mutant in self.mutants}
        return tuple(kind for kind in self.kinds if kind not in executed)

    @property
    def share(self) -> float | None:
        """Noticed mutants as a share of those that are mistakes; None without any."""
        judged = len(self.of("killed")) + len(self.of("survived")) + len(self.of("grader_error"))
        return len(self.of("killed")) / judged if judged else None

    @property
    def enough_killed(self) -> bool:
        return self.share is None or self.share >= ENOUGH

    @property
    def machine_failed(self) -> bool:
        return any(each.machine_failed for each in self.answers) or bool(self.of("machine"))

    @property
    def holds(self) -> bool:
        return all(each.holds for each in self.answers) and self.enough_killed and not self.of("grader_error") and not self.problems

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values, in the shape that docs/commands.md describes."""

        def answers(kind: Kind) -> list[dict[str, Any]]:
            return [asdict(each) for each in self.answers_of(kind)]

        blank = answers("blank")
        return {
            "assignment": self.assignment,
            "profile": self.profile,
            "holds": self.holds,
            "seconds": round(self.seconds, 1),
            "reference": answers("reference"),
            "blank": blank[0] if blank else None,
            "alternatives": answers("alternative"),
            "wrong": answers("wrong"),
            "mutants": {
                "generated": self.generated,
                "executed": len(self.mutants),
                "kinds": {
                    "generated": len(self.kinds),
                    "executed": len(self.kinds) - len(self.left_out),
                    "left_out": list(self.left_out),
                },
                "killed": len(self.of("killed")),
                "equivalent": len(self.of("equivalent")),
                "survived": len(self.of("survived")),
                "share": None if self.share is None else round(self.share, 4),
                "survivors": [asdict(each) for each in self.of("survived")],
                "all": [asdict(each) for each in self.mutants],
            },
            "compared_with_whole_notebooks": self.compared,
            "problems": list(self.problems),
        }
