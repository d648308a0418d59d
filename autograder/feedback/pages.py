"""One template engine for both pages: everything is escaped, nothing is fetched, no script can run."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.feedback.clean import printable

if TYPE_CHECKING:
    from jinja2 import Environment

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def render_page(template: str, **values: Any) -> str:
    """The template of that name as one self-contained HTML file."""
    return environment().get_template(template).render(policy=POLICY, **values)


@cache
def environment() -> Environment:
    """Templates of this package, escaping every value; control characters never reach a page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from autograder.feedback import words

    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_clean,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        points=words.points, number=words.number, duration=words.duration, memory=words.memory, words=words.in_words, plain=plain
    )
    return made


def _clean(value: Any) -> Any:
    """Markup passes: only this package makes any, and only from numbers."""
    return printable(value) if type(value) is str else value


def plain(text: str) -> list[tuple[str, bool]]:
    """Text of this package split at its `backticks`: pairs of text and whether it is code."""
    return [(part, bool(index % 2)) for index, part in enumerate(text.split("`")) if part]


def percent(part: float, whole: float) -> float:
    """Share in percent, 0 to 100, for the width of a bar."""
    return round(min(1.0, max(0.0, part / whole)) * 100, 2) if whole > 0 else 0.0
