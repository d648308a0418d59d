"""What was measured of an assignment's reference, for the signals: `solutions/<id>/calibration.json`, which need not exist."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from autograder.errors import UsageError


@dataclass(frozen=True)
class Calibration:
    """Of one profile, by the name of a handed-in history.

    `first_epoch`: metric → (lowest, highest) after the first epoch; `epoch_cpu_s`: the least CPU seconds that one epoch took.
    """

    first_epoch: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)
    epoch_cpu_s: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _File:
    profiles: dict[str, Calibration] = field(default_factory=dict)


def read_calibration(solutions: Path, profile: str) -> Calibration:
    """The calibration of one profile, empty when there is none. Raises UsageError for a file that is none; other keys are not read."""
    from pydantic import TypeAdapter, ValidationError

    path = solutions / "calibration.json"
    if not path.is_file():
        return Calibration()
    try:
        return TypeAdapter(_File).validate_json(path.read_bytes()).profiles.get(profile, Calibration())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise UsageError(
            f"'{path}' cannot be read: {where}: {first['msg']}.", "Mend it, or delete it: nothing but signals needs it."
        ) from None
