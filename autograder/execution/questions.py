"""Asking a student's function: the part that runs inside the kernel, after the last cell has ended."""

from __future__ import annotations

import json
from pathlib import Path

from autograder import wire
from autograder.handin import FUNCTIONS

ANSWER_BYTES = 2 * wire.ARRAY_BYTES


def answer(request: str, reply: str) -> None:
    """Calls one handed-in function with decoded arguments and writes its encoded answer, or the reason why there is none."""
    question = json.loads(Path(request).read_text(encoding="utf-8"))
    Path(reply).write_text(json.dumps(_call(question["function"], question["arguments"])), encoding="utf-8")


def _call(name: str, arguments: list[object]) -> dict[str, object]:
    if name not in FUNCTIONS:
        return {"reason": f"the function '{name}' was not handed in"}
    try:
        value = FUNCTIONS[name](*wire.decode(arguments))
    except (Exception, SystemExit) as error:  # a student's function may raise anything; that is its answer
        return {"reason": f"{name} raised {_said(error)}"[:1000]}
    try:
        encoded = wire.encode(value)
        json.dumps(encoded)  # Python refuses to write the largest whole numbers
    except (TypeError, ValueError) as error:
        return {"reason": f"{name} returned something that cannot be compared: {error}"[:1000]}
    except Exception as error:  # whatever an object of the student's raises while it is looked at
        return {"reason": f"{name} returned something that cannot be compared: {_said(error)}"[:1000]}
    return {"value": encoded}


def _said(error: BaseException) -> str:
    """What an exception says; its own class may fail at saying it."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__
