"""How long all classes of a notebook may take together, and whose fault it is that they did not answer. No process runs here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from autograder.errors import MachineError
from autograder.execution.rundir import RunFolder
from autograder.grading import custom_models, models
from autograder.grading.asking import NoPredictions, secret_orders
from autograder.grading.custom_models import Bounds, CustomAnswer, MachineState
from autograder.isolation.channel import ChannelTimeout, Frame
from autograder.isolation.process import Ended
from autograder.records import Prediction

IMAGES = np.zeros((10, 4), np.uint8)
NET = Prediction("net", (4,), None)


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


class Sleeper:
    """Stands in for sandbox, process and reader of a class that starts as it should, and then sleeps."""

    stopped = False

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def start(self, command: Any) -> Sleeper:
        self.started = False
        return self

    def reader(self, limit: int) -> Sleeper:
        return self

    def send(self, *what: Any) -> None:
        pass

    def read(self, deadline: float) -> Frame:
        if not self.started:
            self.started = True
            return Frame("started", {})
        self.clock.now = max(self.clock.now, deadline)
        raise ChannelTimeout

    def close(self) -> None:
        pass

    def kill(self, grace: float) -> Ended:
        return Ended(-9, 1.0, 10.0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    passing = Clock()
    monkeypatch.setattr(custom_models, "time", passing)
    monkeypatch.setattr(custom_models, "may_fork_warm", lambda *_: True)
    monkeypatch.setattr(custom_models, "slot_environment", lambda *_: {})
    monkeypatch.setattr(custom_models, "custom_server", lambda *_: None)
    monkeypatch.setattr(MachineState, "now", classmethod(lambda cls: cls(0.5, 0)))
    return passing


def ask(folder: Path, clock: Clock, bounds: Bounds) -> None:
    """Asks one process of a sleeping class."""
    profile: Any = SimpleNamespace(limits=SimpleNamespace(hand_in_bytes=1_000))
    sandbox: Any = Sleeper(clock)
    asked = custom_models._Asked(RunFolder(folder), NET, profile, sandbox, "tensorflow", custom_models._CAPS, bounds)
    asked.ask(IMAGES, secret_orders(len(IMAGES))[0], folder / "answers")


def test_classes_that_sleep_have_one_deadline_together(tmp_path: Path, clock: Clock) -> None:
    """Nine predictions of one, asked twice each and once more for the reason, would hold a slot for hours."""
    bounds = Bounds.from_now()
    with pytest.raises(NoPredictions, match="within 600 s, most of which it waited"):
        ask(tmp_path, clock, bounds)
    assert clock.now == 600
    for _ in range(8):
        with pytest.raises(NoPredictions, match="models have 1,200 s together, and they were over"):
            ask(tmp_path, clock, bounds)
    assert clock.now == 1200


def test_a_machine_that_is_busy_since_a_class_was_asked_is_not_blamed(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """250 children that compute would else keep a submission unscored for ever."""
    busy = classmethod(lambda cls: cls(9.0, 0))
    bounds = Bounds.from_now()
    monkeypatch.setattr(MachineState, "now", busy)
    with pytest.raises(NoPredictions):
        ask(tmp_path, clock, bounds)
    with pytest.raises(MachineError, match="too much to do"):
        ask(tmp_path, clock, Bounds.from_now())


def test_all_predictions_of_a_notebook_have_the_same_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Bounds] = []

    def answered(*arguments: Any) -> CustomAnswer:
        given.append(arguments[-1])
        return CustomAnswer(None, "it waited")

    monkeypatch.setattr(models, "predict_custom", answered)
    split: Any = SimpleNamespace(hidden=tmp_path, student=tmp_path, fingerprint="1")
    nothing: Any = None
    opening = models._Opening(nothing, (NET, replace(NET, range=(0.0, 1.0))), split, nothing, nothing, "tensorflow", tmp_path)
    opening.custom = ["net"]
    opening.ask_custom_models(True)
    assert len(given) == 2
    assert given[0] is given[1]
    assert len(opening.unpredicted) == 2
