"""Answers of students' functions on their way out of the kernel: whatever comes back, there is an answer or a true reason."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from autograder.execution import questions
from autograder.execution.received import Received, answers_of
from autograder.handin import FUNCTIONS
from autograder.records import Answer, from_json, to_json


class Odd:
    """Fails whenever it is looked at."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("do not look at me")


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("and do not ask")


def raises(error: BaseException) -> Any:
    raise error


def endless() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


CASES = {
    "an odd object": (Odd, "cannot be compared: RuntimeError: do not look at me"),
    "a list in itself": (endless, "cannot be compared: lists or dictionaries inside each other are too deep"),
    "too many digits": (lambda: 10**5000, "cannot be compared: Exceeds the limit"),
    "no value at all": (lambda: object, "cannot be compared: a type cannot be handed in"),
    "an error without words": (lambda: raises(Mute()), "raised Mute"),
    "an end": (lambda: sys.exit(3), "raised SystemExit: 3"),
}


@pytest.mark.parametrize(("function", "reason"), CASES.values(), ids=CASES)
def test_what_cannot_be_handed_out_has_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: Any, reason: str) -> None:
    """Without it the student would read of a file that was not found."""
    monkeypatch.setitem(FUNCTIONS, "f", function)
    (tmp_path / "question").write_text(json.dumps({"function": "f", "arguments": []}))
    questions.answer(str(tmp_path / "question"), str(tmp_path / "reply"))
    assert reason in json.loads((tmp_path / "reply").read_text())["reason"]


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "odd",
    [
        {"value": "\ud800"},
        {"reason": "\ud800"},
        {"value": nested(400)},
        {"value": 1, "asked": "perhaps"},
        *({"value": nested(n)} for n in range(190, 201)),
    ],
)
def test_an_answer_that_cannot_be_read_says_so_and_costs_no_other(odd: dict[str, Any]) -> None:
    """It was asked and did answer: that the notebook had ended before would be untrue. What can be read here can be read in the file."""
    sent = [{"question": "q", **odd}, {"question": "r", "value": 2}, {"question": "\ud800", "value": 3}, {"value": 4}, 5]
    odd_one, other = answers_of(Received(answers=json.dumps(sent).encode()))
    assert other == Answer("r", 2)
    assert odd_one.question == "q"
    assert odd_one.value is not None or "cannot be read" in str(odd_one.reason)
    assert from_json(tuple[Answer, ...], to_json((odd_one, other))) == (odd_one, other)
