"""Each class is graded once for all tests that look at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from autograder.isolation.choice import examine
from tests.corpus.catalogue import Class
from tests.corpus.grading import Seen, graded_class
from tests.isolation.running import ROOT

collect_ignore = [] if ROOT else ["test_as_ordinary_user.py"]


@cache
def obstacle_of(level: int) -> str:
    """Why this machine does not offer a level; empty if it does."""
    return examine(level).obstacle


@pytest.fixture(scope="session")
def grade() -> Iterator[Callable[[Class], Seen]]:
    """What was seen of a class; skipped where this machine does not offer its level."""
    with ExitStack() as stack:

        @cache
        def graded(wanted: Class) -> Seen | Exception:
            try:
                return stack.enter_context(graded_class(wanted.level, wanted.entries, wanted.cold))
            except Exception as error:  # kept: a class that fails must not be graded anew for every test
                return error

        def seen(wanted: Class) -> Seen:
            if obstacle := obstacle_of(wanted.level):
                pytest.skip(f"no isolation level {wanted.level} here: {obstacle}")
            found = graded(wanted)
            if isinstance(found, Exception):
                raise found
            return found

        yield seen


@pytest.fixture
def seen(grade: Callable[[Class], Seen], wanted: Class) -> Seen:
    """What was seen of the test's class."""
    return grade(wanted)
