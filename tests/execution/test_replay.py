"""When a second run is made, of which cells, and with which limits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from autograder.course.profile import RunLimits, RunProfile
from autograder.execution.devices import Slot
from autograder.execution.replay import left_to_ask, replay_of
from autograder.execution.run import Execution
from autograder.records import Answer, EntryKind, HandinEntry, Question
from tests.execution.test_run import notebook_of

LIMITS = RunLimits(cell_s=600, total_s=1800, hand_in_bytes=1000, submission_bytes=1000, files=5)
SOURCES = ("epoch_limit = 5", "def f(n): ...", "hand_in(functions=['f'])", "hand_in('x')  # my own", "hand_in('model')", "model = 1")
EXECUTION = Execution(
    assignment="tiny",
    notebook=notebook_of(*SOURCES, locked=(0, 2, 4)),
    files={"notes.txt": b"mine"},
    profile=RunProfile("full", "mnist", None, None, None, 3, LIMITS, {}),
    split_fingerprint="0",
    student_data=Path("/data"),
    questions=(Question("q", "f", (1,), 5.0), Question("r", "g", (1,), 5.0)),
    slot=Slot(),
    replay=notebook_of("epoch_limit = 1", *SOURCES[1:], locked=(0, 2, 4)),
)


def entries(**kinds: EntryKind) -> tuple[HandinEntry, ...]:
    return tuple(HandinEntry(name, kind, 1) for name, kind in kinds.items())


@pytest.mark.parametrize(("ended_in", "cells"), [(5, 5), (4, 3), (3, 3), (6, 5), (10**9, 5)])
def test_the_sections_are_the_cells_up_to_the_last_hand_in_that_ran(ended_in: int, cells: int) -> None:
    again = replay_of(EXECUTION, entries(f="function"), EXECUTION.questions, ended_in)
    assert again is not None
    assert EXECUTION.replay is not None
    assert again.notebook["cells"] == EXECUTION.replay["cells"][:cells]
    assert [question.id for question in again.questions] == ["q"]


def test_it_has_short_limits_one_epoch_and_keeps_the_rest() -> None:
    again = replay_of(EXECUTION, entries(f="function"), EXECUTION.questions, 5)
    assert again is not None
    assert again.profile.epoch_limit == 1
    assert (again.profile.limits.cell_s, again.profile.limits.total_s, again.profile.limits.hand_in_bytes) == (60, 120, 0)
    assert (again.files, again.profile.seed, again.slot) == (EXECUTION.files, 3, EXECUTION.slot)


@pytest.mark.parametrize(
    ("change", "handed_in", "ended_in"),
    [
        ({}, entries(f="function"), 2),  # no section was handed in
        ({}, entries(f="function"), -3),
        ({}, entries(f="missing"), 5),
        ({}, entries(h="function"), 5),  # nobody asks it
        ({"questions": ()}, entries(f="function"), 5),
        ({"replay": None}, entries(f="function"), 5),
    ],
)
def test_without_a_question_to_a_function_that_was_handed_in_there_is_none(
    change: dict[str, object], handed_in: tuple[HandinEntry, ...], ended_in: int
) -> None:
    execution = replace(EXECUTION, **change)  # type: ignore[arg-type]  # fields of Execution
    assert replay_of(execution, handed_in, execution.questions, ended_in) is None


def test_where_a_function_ended_the_kernel_all_sections_run_again() -> None:
    again = replay_of(EXECUTION, entries(f="function", g="function"), EXECUTION.questions[1:], None)
    assert again is not None
    assert len(again.notebook["cells"]) == 5
    assert [question.id for question in again.questions] == ["r"]


FOUR = tuple(Question(name, function, (1,), 5.0) for name, function in {"a": "f", "b": "g", "c": "g", "d": "h"}.items())


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ("abcd", ""),
        ("ab", "d"),  # g ended the kernel, and is not asked again
        ("a", "bcd"),
        ("", "abcd"),  # it had ended by itself
    ],
)
def test_the_function_that_was_asked_last_is_left_out(asked: str, left: str) -> None:
    answers = [Answer(question.id, reason="x", asked=question.id in asked) for question in FOUR]
    assert "".join(question.id for question in left_to_ask(FOUR, answers)) == left


def test_without_any_answers_nothing_is_known_and_nobody_is_asked_again() -> None:
    assert left_to_ask(FOUR, []) == ()
