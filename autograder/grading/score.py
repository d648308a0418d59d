"""Process S: runs the graders with pytest over plain files. Imports no Keras, opens no model. `main()` runs in a fork.

One request comes in, with the files of a run if it is to be scored; one frame `result` goes out: the declarations of the
graders (`mode: collect`), or a `Scoring` (`mode: score`).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

# Only the graders and this plugin: nothing that happens to be installed changes a verdict.
os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
os.environ.pop("PYTEST_ADDOPTS", None)

import pytest

from autograder.grading.plugin import Declared, Scored
from autograder.isolation.caller import Caller
from autograder.records import Declarations, ModelDescription, Scoring, prepare, to_json


def prepare_server() -> None:
    """Once for all runs: converters, and what pytest imports when it is started."""
    prepare(Declarations, Scoring, ModelDescription)
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as empty:
        os.chdir(empty)
        _pytest({"graders": empty}, ["--collect-only"], [])
        os.chdir(before)


def main() -> None:
    work, caller = Path.cwd(), Caller()
    request = caller.receive(work) | {"handin": str(work / "handin"), "opened": str(work / "opened")}
    empty = work / "empty"
    empty.mkdir()
    os.chdir(empty)
    result = _collect(request) if request["mode"] == "collect" else _score(request)
    caller.writer.send("result", to_json(result).encode())


def _collect(request: dict[str, Any]) -> Declarations:
    declared = Declared()
    status = _pytest(request, ["--collect-only"], [declared])
    return Declarations(tuple(declared.tests), tuple(declared.problems or _usage_problem(status, declared)))


def _score(request: dict[str, Any]) -> Scoring:
    declared = Declared()
    scored = Scored(request, declared)
    status = _pytest(request, [], [declared, scored])
    return Scoring(
        tuple(scored.results.values()),
        tuple(declared.problems or _usage_problem(status, declared)),
        scored.confusions,
        scored.models,
        mistakes=scored.mistakes,
    )


def _usage_problem(status: int, declared: Declared) -> list[str]:
    if status in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return []
    if status == pytest.ExitCode.NO_TESTS_COLLECTED and not declared.tests:
        return ["there is no test in the graders' folder"]
    return [] if status == pytest.ExitCode.NO_TESTS_COLLECTED else [f"pytest ended with status {int(status)}"]


def _pytest(request: dict[str, Any], options: list[str], plugins: list[Any]) -> int:
    """Own configuration and root, in the empty working directory that the command gave; assertions stay plain, so messages are what
    graders wrote."""
    config = os.path.join(os.getcwd(), "pytest.ini")
    with open(config, "w", encoding="utf-8") as stream:
        stream.write("[pytest]\npython_files = test_*.py\n")
    arguments = [
        "-c",
        config,
        "--rootdir",
        request["graders"],
        "--confcutdir",
        request["graders"],
        "--noconftest",
        "--assert=plain",
        "--strict-markers",
        "-q",
        "--tb=no",
    ]
    arguments += ["-p", "no:cacheprovider", "-p", "no:logging", "-p", "no:doctest", "-p", "no:unittest", "-p", "no:junitxml"]
    return int(pytest.main([*arguments, *options, request["graders"]], plugins=plugins))
