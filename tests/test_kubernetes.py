"""The manifests under docs/kubernetes/ have only fields that Kubernetes' API knows, with values of its types."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import click
import kubernetes_validate
import pytest
import yaml

FILE = Path(__file__).parents[1] / "docs" / "kubernetes" / "grading.yaml"
VERSION = "1.33"
RESOURCES: list[dict[str, Any]] = list(yaml.safe_load_all(FILE.read_text(encoding="utf-8")))


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_a_manifest_fits_the_schema_of_the_api(resource: dict[str, Any]) -> None:
    kubernetes_validate.validate(resource, VERSION, strict=True)


def test_a_misspelt_field_would_be_noticed() -> None:
    wrong = copy.deepcopy(RESOURCES[-1])
    wrong["spec"]["template"]["spec"]["containers"][0]["enviroment"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


def test_the_workers_command_exists() -> None:
    from autograder.cli import cli

    command = RESOURCES[-1]["spec"]["template"]["spec"]["containers"][0]["command"]
    assert command[0] == "autograder"
    group = cli.commands[command[1]]
    assert isinstance(group, click.Group)
    known = {name for parameter in group.commands[command[2]].params for name in parameter.opts}
    assert {each for each in command if each.startswith("--")} <= known
