"""What bench_hub.py saw, as figures beside their bounds."""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from workload.stand_ins import ASSIGNMENT

RECEIPT_S, CHECK_S, PAGE_S, WITHIN, LONG_WAIT_S = 30.0, 30.0, 0.3, 0.3, 60.0
NOT_NOTICED_S = 0.01  # by which the hub may answer later than without the service


@dataclass
class Seen:
    """What the driver sees: when each submission was complete in the exchange, how long pages and the hub's own answers took, and what the
    service said last. `hub`: by when it was asked."""

    arrived: dict[str, float] = field(default_factory=dict)
    pages: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    hub: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failed_pages: int = 0
    failed_hub: int = 0
    state: dict[str, int] = field(default_factory=lambda: {"received": 0, "graded": 0, "unpublished": 0})


def described(
    options: argparse.Namespace, seen: Seen, noted: dict[str, Any], receipts: Sequence[dict[str, Any]], outcomes: Sequence[str]
) -> dict[str, Any]:
    who = {each["id"]: each["student"] for each in receipts}
    to_receipt = [noted["received"][name] - seen.arrived[who[name]] for name in noted["received"]]
    to_check = [at - seen.arrived[who[f"{ASSIGNMENT}.{number}"]] for number, at in noted["checked"].items()]
    waits = [(told["wait_s"], noted["began"][name] - told["at"]) for name, told in noted["told"].items() if name in noted["began"]]
    long_ones = [(told, real) for told, real in waits if real >= LONG_WAIT_S]
    alone = [each for when in ("before the service", "after the service") for each in seen.hub[when]]
    every = [each for pages in seen.pages.values() for each in pages]
    return {
        "students": options.students,
        "minutes": options.minutes,
        "seconds_of_computing_each": options.seconds,
        "slots": noted["slots"],
        "where": noted["where"],
        "lost": options.students - outcomes.count("completed"),
        "receipts": len(receipts),
        "receipt_s": spread(to_receipt),
        "pre_check_s": spread(to_check),
        "wait_s": spread([real for _, real in waits]),
        "waits_of_a_minute_and_more": len(long_ones),
        "announced_within_30_percent": (
            statistics.mean(abs(told - real) <= WITHIN * real for told, real in long_ones) if long_ones else None
        ),
        "announced_over_real_median": statistics.median([told / real for told, real in long_ones]) if long_ones else None,
        "announced_off_by": spread([abs(told - real) / real for told, real in long_ones]),
        "open_students_pages": options.watchers,
        "pages_s": {"all": spread(every), **{kind: spread(found) for kind, found in sorted(seen.pages.items())}},
        "pages_not_answered": seen.failed_pages,
        "hub_s": {**{when: spread(found) for when, found in seen.hub.items()}, "without the service": spread(alone)},
        "hub_not_answered": seen.failed_hub,
        "last_graded_after_last_arrival_s": max(noted["graded"].values(), default=0.0) - max(seen.arrived.values(), default=0.0),
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, the value that 19 in 20 do not pass, the largest, and how many there were."""
    if not values:
        return {"count": 0}
    ordered = sorted(values)
    return {
        "median": statistics.median(ordered),
        "p95": ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))],
        "max": ordered[-1],
        "count": len(ordered),
    }


def targets(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Without a wait of a minute there is nothing to say about announced ones."""
    hub = found["hub_s"]
    held = [
        ("lost", found["lost"], 0),
        ("without feedback in the exchange", found["without_feedback"], 0),
        ("receipt, 19 in 20 within, s", found["receipt_s"].get("p95"), RECEIPT_S),
        ("pre-check, 19 in 20 within, s", found["pre_check_s"].get("p95"), CHECK_S),
        ("announced wait of a minute and more, 19 in 20 off by at most", found["announced_off_by"].get("p95"), WITHIN),
        ("pages while grading runs, median, s", found["pages_s"]["all"].get("median"), PAGE_S),
        ("pages not answered", found["pages_not_answered"], 0),
        ("hub's own answers, median beyond that without the service, s", _later(hub), NOT_NOTICED_S),
        ("hub's own answers that did not come", found["hub_not_answered"], 0),
    ]
    return [
        {"what": what, "measured": measured, "bound": bound, "holds": measured is not None and measured <= bound}
        for what, measured, bound in held
        if measured is not None or not what.startswith("announced")
    ]


def _later(hub: dict[str, dict[str, float]]) -> float | None:
    during, alone = hub.get("during the rush", {}), hub["without the service"]
    return during["median"] - alone["median"] if during.get("count") and alone["count"] else None
