"""Notebooks as bytes, and what the doctor finds in them, for the tests of the doctor."""

from __future__ import annotations

import json
from typing import Any

from autograder.doctor.code import CodeCell
from autograder.doctor.examine import examine
from autograder.doctor.finding import Finding
from autograder.doctor.legacy import find_leftovers

IMPORTS = """
import keras, numpy as np, tensorflow as tf, torch
from keras import layers, callbacks
from keras import backend as K
from keras.optimizers import SGD, Adadelta
from keras.callbacks import ModelCheckpoint
"""


def cell(source: str, cell_type: str = "code", grade_id: str | None = "answer") -> dict[str, Any]:
    """One cell as JupyterLab saves it."""
    made = {"cell_type": cell_type, "source": source, "metadata": {"nbgrader": {"grade_id": grade_id}} if grade_id else {}}
    return {**made, "outputs": [], "execution_count": None} if cell_type == "code" else made


def notebook(*cells: dict[str, Any] | str) -> bytes:
    """A notebook file of these cells."""
    made = [cell(each, grade_id=f"answer{at}") if isinstance(each, str) else each for at, each in enumerate(cells)]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made}).encode()


def leftovers(*sources: str) -> list[str]:
    """What is left of older versions in cells that follow the usual imports, by subject."""
    cells = [CodeCell(number, source) for number, source in enumerate([IMPORTS, *sources], start=1)]
    return [each.idiom.subject for each in find_leftovers(cells)]


def found(*cells: dict[str, Any] | str, **around: Any) -> list[Finding]:
    """All findings in a notebook of these cells."""
    return list(examine(notebook(*cells), **around))


def kinds(*cells: dict[str, Any] | str, **around: Any) -> list[str]:
    """The kinds of all findings."""
    return [each.kind for each in found(*cells, **around)]
