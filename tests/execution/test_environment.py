"""A Keras that a hostile model can lead past its safe mode is refused before anything is executed; which versions count as the same."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import NoReturn

import pytest

from autograder import cli
from autograder.batch import plan
from autograder.errors import UsageError
from autograder.execution import environment
from autograder.grading import scoring
from autograder.isolation import pool


@pytest.mark.parametrize("found", ["2.15.0", "3.9.0", "3.13.1", "3.13.2rc1"])
def test_an_unsafe_keras_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch, found: str) -> None:
    monkeypatch.setattr(environment, "version", lambda package: found)
    with pytest.raises(UsageError) as refused:
        environment.require_safe_keras()
    assert refused.value.message == (
        f"Keras {found} is installed, whose safe mode a hostile model can get around; 3.13.2 or newer is needed."
    )
    assert refused.value.exit_status == 2


@pytest.mark.parametrize("found", ["3.13.2", "3.15.1", "4.0.0.dev1"])
def test_a_safe_keras_is_not(monkeypatch: pytest.MonkeyPatch, found: str) -> None:
    monkeypatch.setattr(environment, "version", lambda package: found)
    environment.require_safe_keras()


@pytest.mark.usefixtures("no_autograder_variables")
@pytest.mark.parametrize("arguments", [["grade", "tiny", "--trust-submissions"], ["regrade", "tiny"], ["check"], ["demo"]])
def test_commands_stop_before_they_execute_anything(
    released: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    def executed(*_: object, **__: object) -> NoReturn:
        raise AssertionError("something was executed")

    for module, name in ((pool, "Server"), (plan, "choose_sandbox"), (plan, "read_declarations"), (scoring, "read_declarations")):
        monkeypatch.setattr(module, name, executed)
    monkeypatch.setattr(environment, "version", lambda package: "3.9.2")
    monkeypatch.setattr(sys, "argv", ["autograder", *arguments, "--course", str(released)])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2
    assert "Keras 3.9.2 is installed" in capsys.readouterr().err


@pytest.mark.parametrize("build", ["tensorflow", "tensorflow-cpu"])
def test_both_builds_of_tensorflow_are_the_same_package(monkeypatch: pytest.MonkeyPatch, build: str) -> None:
    """A hub without a GPU has one, its worker with a GPU the other."""

    def version(package: str) -> str:
        if package not in ("keras", build):
            raise PackageNotFoundError(package)
        return "2.21.0"

    monkeypatch.setattr(environment, "version", version)
    found = environment._versions.__wrapped__("")
    assert {name: found[name] for name in found if name not in ("autograder", "python")} == {"keras": "2.21.0", "tensorflow": "2.21.0"}
