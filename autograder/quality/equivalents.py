"""Mutants that are no mistakes, declared with a reason in `solutions/<id>/equivalents.toml`.

[[equivalent]]
cell = "train_best"
mistake = "batch_size"
becomes = "batch_size=200"      # optional: text in the lines that the mistake brings; without it, all of this mistake in the cell
profile = "smoke"               # optional: holds in this profile only, where images are few or epochs short
by_chance = true                # optional: whether it survives is luck (of the split, say), so it may be noticed too
reason = "The task leaves the batch size free."
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from autograder.errors import ConfigurationError, Problem
from autograder.quality.catalogue import CATALOGUE
from autograder.quality.mutants import Mutant

FILE = "equivalents.toml"
_CURE = "Each [[equivalent]] has cell, mistake and reason, and may have becomes, profile and by_chance."


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Equivalent:
    """A declaration: mutants of this mistake in this cell survive, and why; in one profile, where one is named; or may, by chance."""

    cell: str
    mistake: str
    reason: str
    becomes: str = ""
    profile: str = ""
    by_chance: bool = False

    def fits(self, mutant: Mutant) -> bool:
        return (self.cell, self.mistake) == (mutant.cell, mutant.mistake) and self.becomes in mutant.added

    def __str__(self) -> str:
        named = ", ".join([*([self.becomes] if self.becomes else []), *([f"profile {self.profile!r}"] if self.profile else [])])
        return f"{self.mistake} in '{self.cell}'" + (f" ({named})" if named else "")


def read_equivalents(solutions: Path, profiles: Collection[str]) -> tuple[Equivalent, ...]:
    """All declarations; none where there is no file. `profiles`: those of the assignment.

    Raises ConfigurationError with everything that is wrong with the file.
    """
    from pydantic import TypeAdapter, ValidationError

    path = solutions / FILE
    if not path.is_file():
        return ()
    place = f"solutions/{solutions.name}/{FILE}"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        strange = sorted(set(content) - {"equivalent"})
        if strange:
            raise ConfigurationError([Problem(place, f"unknown table '{strange[0]}'", _CURE)])
        found = TypeAdapter(tuple[Equivalent, ...]).validate_python(content.get("equivalent", []))
    except ValidationError as error:
        raise ConfigurationError([Problem(place, _where(one), _CURE) for one in error.errors()]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError([Problem(place, f"no TOML: {error}", _CURE)]) from None
    problems = [problem for each in found for problem in _problems(place, each, profiles)]
    if problems:
        raise ConfigurationError(problems)
    return found


def _where(error: Any) -> str:
    return f"{'.'.join(['equivalent', *map(str, error['loc'])])}: {error['msg']}"


def _problems(place: str, declared: Equivalent, profiles: Collection[str]) -> list[Problem]:
    names = [mistake.name for mistake in CATALOGUE]
    problems = []
    if declared.mistake not in names:
        close = difflib.get_close_matches(declared.mistake, names, n=1)
        cure = f"Did you mean '{close[0]}'?" if close else f"There are: {', '.join(names)}."
        problems.append(Problem(place, f"there is no mistake '{declared.mistake}'", cure))
    if declared.profile and declared.profile not in profiles:
        problems.append(Problem(place, f"{declared}: there is no such profile", f"There are: {', '.join(profiles)}."))
    if not declared.reason.strip():
        problems.append(Problem(place, f"{declared} has no reason", "Say why it is no mistake, or why nothing could show it."))
    return problems
