"""One sandbox for each level and session, so that each imports Keras once."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from autograder.isolation.choice import Examination, examine
from autograder.isolation.sandbox import Sandbox
from tests.isolation.running import ROOT, Place, Runner, make_place

# Starts the whole folder again as an ordinary user, which only root can do.
collect_ignore = [] if ROOT else ["test_as_ordinary_user.py"]


@pytest.fixture(scope="session")
def place() -> Iterator[Place]:
    """A course with secrets that every account on this machine may read."""
    root = Path(tempfile.mkdtemp(prefix="isolation-"))  # not below pytest's own folder, which only its owner may enter
    try:
        yield make_place(root)
    finally:
        shutil.rmtree(root)


@cache
def examined(level: int) -> Examination:
    """What the probes say of a level of this machine."""
    return examine(level)


@pytest.fixture(scope="session")
def sandboxes() -> Iterator[Callable[[int], Sandbox]]:
    """The session's sandbox of a level; the test is skipped where this machine does not offer it."""
    with ExitStack() as stack:

        @cache
        def started(level: int) -> Sandbox:
            return stack.enter_context(Sandbox(level))

        def sandbox(level: int) -> Sandbox:
            if level and not examined(level).holds:
                pytest.skip(f"no isolation level {level} here: {examined(level).obstacle}")
            return started(level)

        yield sandbox


@pytest.fixture(scope="session")
def runners(sandboxes: Callable[[int], Sandbox], place: Place, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Runner]:
    """Runs notebooks at a level."""
    store = tmp_path_factory.mktemp("runs")
    return lambda level: Runner(sandboxes(level), place, store)


@pytest.fixture
def run(runners: Callable[[int], Runner], level: int) -> Runner:
    """Runs notebooks at the test's level."""
    return runners(level)


@pytest.fixture(scope="session", autouse=True)
def canary_in_environment(place: Place) -> Iterator[None]:
    """The command's environment holds a secret as well."""
    os.environ["ISOLATION_CANARY"] = place.canary
    yield
    del os.environ["ISOLATION_CANARY"]
