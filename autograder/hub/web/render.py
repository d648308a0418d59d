"""Templates and files of the pages: everything is escaped, all styles and the one script come from files of this package."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.feedback import words
from autograder.feedback.clean import printable
from autograder.feedback.pages import plain
from autograder.hub.web.phases import phase_title, tone

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE = Path(__file__).parent
_SHARED = _HERE.parents[1] / "feedback/templates/style.css"  # one look for feedback pages and these
_KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Asset:
    """One file that pages load. `version` changes with its content, so that browsers may keep it."""

    content: bytes
    kind: str
    version: str


@cache
def assets() -> Mapping[str, Asset]:
    """All of them by name."""
    files = [_SHARED, *sorted((_HERE / "static").iterdir())]
    return {file.name: _asset(file) for file in files if file.suffix in _KINDS}


def _asset(file: Path) -> Asset:
    content = file.read_bytes()
    return Asset(content, _KINDS[file.suffix], hashlib.sha256(content).hexdigest()[:12])


def render(template: str, prefix: str, **values: Any) -> str:
    """The template of that name; `prefix` is the address under which the service stands, with a slash at both ends."""

    def asset(name: str) -> str:
        return f"{prefix}static/{name}?v={assets()[name].version}"

    return environment().get_template(template).render(prefix=prefix, asset=asset, **values)


@cache
def environment() -> Environment:
    """Templates of this package, escaping every value; control characters never reach a page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_clean,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(points=words.points, words=words.in_words, span=span, clock=clock, plain=plain, phase=phase_title, tone=tone)
    return made


def _clean(value: Any) -> Any:
    return printable(value) if type(value) is str else value


def span(seconds: float) -> str:
    """A wait as people say it: '20 s', '4 min', '2 h 5 min'. Only running things are shown to the second."""
    if seconds < 60:
        return f"{max(0, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def clock(at: datetime) -> str:
    """'12 February 2027, 23:41' in the zone that the time is in."""
    return at.strftime("%d %B %Y, %H:%M").lstrip("0")
