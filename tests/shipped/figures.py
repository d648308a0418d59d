"""What the tests of shipped notebooks share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def figures(notebook: Path) -> int:
    """Figures among the outputs of an executed notebook."""
    outputs: list[Any] = [output for cell in json.loads(notebook.read_text())["cells"] for output in cell.get("outputs", [])]
    return sum("image/png" in output.get("data", {}) for output in outputs)
