"""What is kept from being imported, since importing it costs much and nothing here uses it."""

from __future__ import annotations

import sys
from typing import Any


def leave_out_address_grammars() -> None:
    """Lets jsonschema go without its optional checks of international web addresses; call it before nbformat is imported.

    They build 38 grammars at import, 0.9 s of the 1.0 s that importing nbformat takes. No notebook's schema asks for them.
    """
    modules: dict[str, Any] = sys.modules
    modules.setdefault("rfc3987_syntax", None)  # as if it were not installed: jsonschema expects that
