"""What the service tells of its work: a sentence for people, and the same as fields for programs that read logs.

Neither has anything about a person but the hub's user name: no names from a roster, no scores, no addresses, nothing of what was
submitted.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Value = str | int | float | None

PAGES = "autograder.hub.pages"
_SERVICE = "autograder.hub"


@dataclass(frozen=True)
class Event:
    """`kind`: received, graded, postponed, cancelled, published, ordered, curves, problem, solved, request or said.

    `about`: its fields, by name.
    """

    kind: str
    text: str
    about: Mapping[str, Value] = field(default_factory=dict)


Tell = Callable[[Event], None]


def as_text(say: Callable[[str], None]) -> Tell:
    """Tells the sentence alone."""
    return lambda event: say(event.text)


def log(event: Event, logger: str = _SERVICE, level: int | None = None) -> None:
    """Into Python's log, which `log_as_json` writes."""
    worth = logging.WARNING if event.kind in ("problem", "postponed") else logging.INFO
    logging.getLogger(logger).log(worth if level is None else level, "%s", event.text, extra={"event": event})


def log_as_json() -> None:
    """From now on everything that is logged in this process goes to standard error, one JSON object on each line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers, root.level = [handler], logging.INFO
    logging.getLogger("tornado.general").setLevel(logging.ERROR)  # refusals, with their address; the line of the request says it without


class JsonLines(logging.Formatter):
    """`time` (UTC), `level`, `event`, `message`, then the event's own fields; `exception` where there was one."""

    def format(self, record: logging.LogRecord) -> str:
        event = getattr(record, "event", None)
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": event.kind if isinstance(event, Event) else "said",
            "message": _message(record),
            **(event.about if isinstance(event, Event) else {"logger": record.name}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def _message(record: logging.LogRecord) -> str:
    """tornado puts the whole request into the message of an exception, and with it what stood in the address: a code to sign in."""
    if record.name == "tornado.application" and record.exc_info:
        return "A page could not be made."
    return record.getMessage()
