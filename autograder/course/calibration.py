"""What was measured of an assignment's right solutions: `solutions/<id>/calibration.json`, which need not exist.

`autograder calibrate` writes it; signals, reruns, audits and `check` read it. Here are its names, and the two readers for whom it is a
setting like others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from autograder.errors import UsageError

T = TypeVar("T")


@dataclass(frozen=True)
class Calibration:
    """What decides about a record. Of one profile, by the name of a handed-in history, or of a metric.

    `first_epoch`: metric → (lowest, highest) after the first epoch; `epoch_cpu_s`: the least CPU seconds that one epoch took;
    `noise`: how far from full points chance alone takes a right solution. A miss that is no worse is run again with other seeds.
    """

    first_epoch: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)
    epoch_cpu_s: dict[str, float] = field(default_factory=dict)
    noise: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Allowed:
    """What `check` compares a profile with: the versions that were measured, by metric the value at which its curve may take one whole
    point, and how far chance reaches (see `Calibration`).
    """

    versions: dict[str, str] = field(default_factory=dict)
    one_point: dict[str, float] = field(default_factory=dict)
    noise: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _File(Generic[T]):
    profiles: dict[str, T] = field(default_factory=dict)


def calibration_file(solutions: Path) -> Path:
    """Where the calibration of an assignment lies, whose known answers are in `solutions`."""
    return solutions / "calibration.json"


def calibration_plot(solutions: Path, profile: str) -> Path:
    """Where the plot of one profile's calibration lies."""
    return solutions / f"calibration.{profile}.png"


def read_calibration(solutions: Path, profile: str) -> Calibration:
    """The calibration of one profile, empty when there is none. Raises UsageError for a file that is none; other keys are not read."""
    return _read(calibration_file(solutions), Calibration).get(profile, Calibration())


def read_allowed(solutions: Path) -> dict[str, Allowed]:
    """By profile, what `check` compares it with; empty when nothing was calibrated. Raises UsageError as above."""
    return _read(calibration_file(solutions), Allowed)


def training_versions(versions: dict[str, str]) -> dict[str, str]:
    """Of all versions those that decide about what training gives."""
    chosen = ("backend", "keras", versions.get("backend", ""), "numpy")
    return {name: versions[name] for name in chosen if name in versions}


def _read(path: Path, kind: type[T]) -> dict[str, T]:
    from pydantic import TypeAdapter, ValidationError

    if not path.is_file():
        return {}
    exact: type[_File[T]] = _File[kind]  # type: ignore[valid-type]  # known when it is called
    try:
        return TypeAdapter(exact).validate_json(path.read_bytes()).profiles
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise UsageError(
            f"'{path}' cannot be read: {where}: {first['msg']}.",
            "Mend it, make it again with `autograder calibrate`, or delete it: then there are fewer signals, and no reruns.",
        ) from None
