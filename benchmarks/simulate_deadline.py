"""A deadline night in discrete events: 400 students, 60 % in the last hour, on 2 to 16 slots, and a worker lost at the worst moment.

    python benchmarks/simulate_deadline.py         writes results/deadline.json and docs/images/deadline.png

What a submission takes is drawn from results/full.json: measured executions of the shipped assignments under the profile `full`, each
on one core of two busy ones (benchmarks/measure_full.py). Arrivals of the last hour grow towards the deadline; the others come over the
day before. In the worst moment, the longest queue, a quarter of the slots is lost for half an hour with all that runs on them, and
that runs again. The wait that is announced at an arrival is the product's own (`autograder.batch.waiting`); it knows what has ended.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
import statistics
import sys
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measuring import RESULTS, describe_machine, rounded, write_result

from autograder.batch.waiting import expected_wait

STUDENTS, LATE = 400, 0.6
HOUR_S, DAY_S, OUTAGE_S = 3600.0, 24 * 3600.0, 1800.0
SLOTS = (2, 4, 8, 16)
_REMEMBERED = 50
PLOT = Path(__file__).parents[1] / "docs" / "images" / "deadline.png"


@dataclass
class Night:
    """One simulated night; times in seconds, the deadline at 0."""

    slots: int
    times: list[float]
    seed: int
    lost_at: float | None = None
    waits: list[float] = field(default_factory=list)
    announced: list[float] = field(default_factory=list)
    longest_queue: tuple[int, float] = (0, 0.0)
    last_end: float = 0.0

    def run(self) -> Night:
        """Plays it through: arrivals, ends, and the loss of slots."""
        chance = random.Random(self.seed)
        arrivals = sorted(_arrival(chance) for _ in range(STUDENTS))
        service = [chance.choice(self.times) for _ in arrivals]
        events: list[tuple[float, int, str, int]] = [(at, 1, "arrival", number) for number, at in enumerate(arrivals)]
        if self.lost_at is not None:
            events += [(self.lost_at, 0, "loss", 0), (self.lost_at + OUTAGE_S, 0, "return", 0)]
        heapq.heapify(events)
        waiting: deque[int] = deque()
        running: dict[int, tuple[float, int]] = {}  # since when, and which start of it
        starts = [0] * len(arrivals)
        begun: dict[int, float] = {}
        told: dict[int, float] = {}
        recent: deque[float] = deque(maxlen=_REMEMBERED)
        slots = self.slots
        while events:
            now, _, kind, number = heapq.heappop(events)
            if kind == "arrival":
                elapsed = [now - since for since, _ in running.values()]
                told[number] = expected_wait(len(waiting), elapsed, slots, list(recent))
                waiting.append(number)
            elif kind == "loss":
                slots -= max(1, self.slots // 4)
                for each in list(running)[slots:]:
                    del running[each]
                    waiting.appendleft(each)
            elif kind == "return":
                slots = self.slots
            elif number in running and running[number][1] == starts[number] and now >= running[number][0] + service[number]:
                del running[number]
                recent.append(service[number])
                self.last_end = now
            while waiting and len(running) < slots:
                each = waiting.popleft()
                starts[each] += 1
                running[each] = (now, starts[each])
                begun.setdefault(each, now)
                heapq.heappush(events, (now + service[each], 0, "end", each))
            if len(waiting) > self.longest_queue[0]:
                self.longest_queue = (len(waiting), now)
        self.waits = [begun[number] - at for number, at in enumerate(arrivals)]
        self.announced = [told[number] for number in range(len(arrivals))]
        return self


def _arrival(chance: random.Random) -> float:
    """Seconds before the deadline, negative: the last hour fills up towards its end."""
    if chance.random() < LATE:
        return -HOUR_S * (1 - chance.betavariate(2, 1))
    return -HOUR_S - chance.random() * DAY_S


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def describe(nights: list[Night]) -> dict[str, float]:
    """Over all nights: waits, and how the announced ones did where there was a wait of a minute or more."""
    waits = [wait for night in nights for wait in night.waits]
    pairs = [(told, wait) for night in nights for told, wait in zip(night.announced, night.waits, strict=True) if wait >= 60]
    right = [abs(told - wait) <= 0.3 * wait for told, wait in pairs]
    return {
        "median_wait_s": statistics.median(waits),
        "p95_wait_s": percentile(waits, 0.95),
        "longest_wait_s": max(waits),
        "longest_queue": statistics.mean(night.longest_queue[0] for night in nights),
        "last_feedback_after_deadline_s": statistics.mean(night.last_end for night in nights),
        "announced_within_30_percent": statistics.mean(right) if right else 1.0,
        "told": len(right),
    }


def plot(found: dict[str, dict[str, Any]], mean_s: float) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    for way, style in (("undisturbed", "o-"), ("a quarter of the slots lost", "s--")):
        rows = found[way]
        axis.plot([int(slots) for slots in rows], [row["p95_wait_s"] / 60 for row in rows.values()], style, label=way)
    axis.set(xscale="log", yscale="symlog", xlabel="slots", ylabel="wait of 19 in 20 students, minutes (at most)")
    axis.set_xticks(SLOTS, [str(slots) for slots in SLOTS])
    axis.set_title(f"{STUDENTS} students, 60 % in the last hour, {mean_s:.0f} s each on average", fontsize=10)
    axis.legend()
    axis.grid(alpha=0.3)
    figure.savefig(PLOT, dpi=120)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--nights", type=int, default=50)
    parser.add_argument("--times", type=Path, default=RESULTS / "full.json", metavar="FILE")
    options = parser.parse_args()
    times = [seconds for each in json.loads(options.times.read_text())["seconds"].values() for seconds in each]
    found: dict[str, dict[str, Any]] = {"undisturbed": {}, "a quarter of the slots lost": {}}
    for slots in SLOTS:
        quiet = [Night(slots, times, seed).run() for seed in range(options.nights)]
        lost = [Night(slots, times, night.seed, lost_at=night.longest_queue[1]).run() for night in quiet]
        found["undisturbed"][str(slots)] = describe(quiet)
        found["a quarter of the slots lost"][str(slots)] = describe(lost)
    mean_s = statistics.mean(times)
    for way, rows in found.items():
        for number, row in rows.items():
            print(
                f"{way}, {number} slots: median wait {row['median_wait_s'] / 60:.1f} min, "
                f"19 in 20 within {row['p95_wait_s'] / 60:.1f} min, "
                f"announced within ±30 %: {row['announced_within_30_percent']:.0%} of {row['told']}"
            )
    plot(found, mean_s)
    write_result(RESULTS / "deadline.json", rounded({"machine": describe_machine(), "nights": options.nights, "mean_s": mean_s, **found}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
