"""The command with fork servers that import a stand-in for Keras: everything else is what instructors run. A script for processes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from autograder.batch import plan
from autograder.cli import main
from autograder.execution import environment
from autograder.grading import models, scoring
from autograder.isolation.sandbox import Sandbox
from autograder.isolation.servers import ServerKind

MARK = "AUTOGRADER_TEST_COURSE"  # by which a test finds all that a command has started
_STAND_IN = Path(__file__).parent / "stand_in"
_HEAVY = ("keras.layers", "tensorflow", "h5py", "matplotlib.pyplot")
_real = environment.server_kind


def _light(*arguments: Any, **named: Any) -> ServerKind:
    kind = _real(*arguments, **named)
    preload = tuple(name for name in kind.preload if name not in _HEAVY)
    variables = (*kind.environment, ("PYTHONPATH", str(_STAND_IN)), (MARK, os.getcwd()))
    return replace(kind, preload=preload, readable=(*kind.readable, _STAND_IN), environment=variables)


if __name__ == "__main__":
    if os.environ.get("STAND_IN_LEVEL"):
        sandbox = Sandbox(int(os.environ["STAND_IN_LEVEL"]))
        plan.choose_sandbox = lambda *_: sandbox  # type: ignore[assignment]  # as where a machine offers no more
    if os.environ.get("STAND_IN_VERSION"):
        other = {"keras": os.environ["STAND_IN_VERSION"]}
        environment._versions = lambda _: other  # type: ignore[assignment]  # as after an update
    for module in (environment, models, scoring):
        module.server_kind = _light  # type: ignore[attr-defined]
    main()
