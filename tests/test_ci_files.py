"""The ready-made CI files can be read, and call commands that exist."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from autograder.cli import cli

CI = Path(__file__).parents[1] / "docs/ci"


def github(found: dict[str, Any]) -> list[str]:
    return [step["run"] for job in found["jobs"].values() for step in job["steps"] if "run" in step]


def gitlab(found: dict[str, Any]) -> list[str]:
    return [line for job in found.values() for line in (*job["before_script"], *job["script"])]


@pytest.mark.parametrize(("file", "commands_of"), [("github-actions.yml", github), ("gitlab-ci.yml", gitlab)])
def test_a_ci_file_calls_commands_that_exist(file: str, commands_of: Any) -> None:
    lines = commands_of(yaml.safe_load((CI / file).read_text()))
    calls = [shlex.split(line) for line in lines if line.startswith("autograder ")]
    assert [call[1] for call in calls] == ["check", "validate"]
    for _, name, *arguments in calls:
        cli.commands[name].make_context(name, arguments)  # fails for an option that does not exist


@pytest.mark.parametrize("file", ["github-actions.yml", "gitlab-ci.yml"])
def test_what_is_kept_between_pushes_and_shown_is_what_validate_writes(file: str) -> None:
    text = (CI / file).read_text()
    assert ".autograder/validated" in text
    assert text.count("validated.xml") >= 2
