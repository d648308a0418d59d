"""A deadline night in discrete events: 400 students, 60 % in the last hour, on 2 to 16 slots, and a worker lost at the worst moment.

    python benchmarks/simulate_deadline.py         writes results/deadline.json and docs/images/deadline.png

A night is that of one assignment. What a submission takes is one of the measured executions of its reference under the profile `full`,
on a core of its own, in results/full.json (benchmarks/measure_full.py), times a random factor from 0.5 to 1.5: students train for
shorter and for longer. That factor is assumed, not measured. Arrivals of the last hour grow towards the deadline; the others come over
the day before it.

In the worst moment, the longest queue, a worker with a quarter of the slots is lost for half an hour. What ran on it runs again as the
product has it: when all others are done, one after the other and alone (docs/scale.md). The wait that is announced at an arrival is the
product's own (`autograder.batch.waiting`); it knows the times of the last 20 that have ended, and nothing of what will happen.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
import statistics
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measuring import RESULTS, describe_machine, rounded, write_result

from autograder.batch.waiting import REMEMBERED, expected_wait

STUDENTS, LATE = 400, 0.6
HOUR_S, DAY_S, OUTAGE_S = 3600.0, 24 * 3600.0, 1800.0
SLOTS = (2, 3, 4, 6, 8, 12, 16)
UNDISTURBED, LOST = "undisturbed", "a worker lost"
PLOT = Path(__file__).parents[1] / "docs" / "images" / "deadline.png"
_SPREAD = (0.5, 1.5)
_WORTH_TELLING_S = 60.0


@dataclass
class Night:
    """One simulated night; times in seconds, the deadline at 0. `play` fills in what came of it, by student in the order of arrival."""

    slots: int
    times: Sequence[float]
    seed: int
    lost_at: float | None = None
    waits: list[float] = field(default_factory=list)
    announced: list[float] = field(default_factory=list)
    results: list[float] = field(default_factory=list)
    again: set[int] = field(default_factory=set)
    longest_queue: int = 0
    longest_at: float = 0.0
    last_end: float = 0.0

    def play(self) -> Night:
        """Arrivals, ends, and the loss of slots, one after the other."""
        chance = random.Random(self.seed)
        arrivals = sorted(_arrival(chance) for _ in range(STUDENTS))
        service = [chance.choice(self.times) * chance.uniform(*_SPREAD) for _ in arrivals]
        events = [(at, "arrival", number, 0) for number, at in enumerate(arrivals)]
        if self.lost_at is not None:
            events += [(self.lost_at, "loss", 0, 0), (self.lost_at + OUTAGE_S, "return", 0, 0)]
        heapq.heapify(events)
        waiting: deque[int] = deque()
        suspects: deque[int] = deque()
        running: dict[int, float] = {}  # since when
        starts, begun, ended, told = [0] * STUDENTS, dict[int, float](), dict[int, float](), dict[int, float]()
        recent: deque[float] = deque(maxlen=REMEMBERED)
        slots = self.slots
        while events:
            now, kind, number, start = heapq.heappop(events)
            if kind == "arrival":
                told[number] = expected_wait(len(waiting), [now - since for since in running.values()], slots, recent)
                waiting.append(number)
            elif kind == "loss":
                slots -= max(1, self.slots // 4)
                for each in list(running)[slots:]:  # those that began last, say
                    del running[each]
                    suspects.append(each)
                self.again = set(suspects)
            elif kind == "return":
                slots = self.slots
            elif start == starts[number] and number in running:
                recent.append(now - running.pop(number))
                ended[number] = self.last_end = now
            while (waiting and len(running) < slots and not running.keys() & self.again) or (suspects and not running and not waiting):
                each = (waiting or suspects).popleft()
                starts[each] += 1
                running[each] = now
                begun.setdefault(each, now)
                heapq.heappush(events, (now + service[each], "end", each, starts[each]))
            if len(waiting) > self.longest_queue:
                self.longest_queue, self.longest_at = len(waiting), now
        self.waits = [begun[number] - at for number, at in enumerate(arrivals)]
        self.announced = [told[number] for number in range(STUDENTS)]
        self.results = [ended[number] - at for number, at in enumerate(arrivals)]
        return self


def _arrival(chance: random.Random) -> float:
    """Seconds before the deadline, negative: the last hour fills up towards its end."""
    if chance.random() < LATE:
        return -HOUR_S * (1 - chance.betavariate(2, 1))
    return -HOUR_S - chance.random() * DAY_S


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def describe(nights: Sequence[Night]) -> dict[str, float]:
    """Over all nights, in seconds; announced waits are judged where there was a wait of a minute or more."""
    waits = [wait for night in nights for wait in night.waits]
    lost = [night.results[number] for night in nights for number in night.again]
    pairs = [pair for night in nights for pair in zip(night.announced, night.waits, strict=True) if pair[1] >= _WORTH_TELLING_S]
    return {
        "median_wait_s": statistics.median(waits),
        "p95_wait_s": percentile(waits, 0.95),
        "longest_wait_s": max(waits),
        "p95_until_result_s": percentile([each for night in nights for each in night.results], 0.95),
        "longest_queue": statistics.mean(night.longest_queue for night in nights),
        "last_result_after_deadline_s": statistics.mean(night.last_end for night in nights),
        "lost_each_night": len(lost) / len(nights),
        "lost_until_result_s": statistics.median(lost) if lost else 0.0,
        "waited_a_minute": len(pairs) / len(waits),
        "announced_within_30_percent": statistics.mean(abs(told - wait) <= 0.3 * wait for told, wait in pairs) if pairs else 1.0,
        "announced_off_by_s": statistics.median(abs(told - wait) for told, wait in pairs) if pairs else 0.0,
    }


def simulate(times: Sequence[float], nights: int) -> dict[str, dict[str, dict[str, float]]]:
    """What is said of nights with these service times, by way and number of slots. Both ways have the same students."""
    found: dict[str, dict[str, dict[str, float]]] = {UNDISTURBED: {}, LOST: {}}
    for slots in SLOTS:
        quiet = [Night(slots, times, seed).play() for seed in range(nights)]
        found[UNDISTURBED][str(slots)] = describe(quiet)
        found[LOST][str(slots)] = describe([Night(slots, times, night.seed, night.longest_at).play() for night in quiet])
    return found


def plot(found: dict[str, Any], target: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.lines import Line2D

    figure, axis = plt.subplots(figsize=(7.2, 5.0), layout="constrained")
    for number, (assignment, each) in enumerate(found.items()):
        for way, style in ((UNDISTURBED, "o-"), (LOST, "x--")):
            waits = [max(0.1, each[way][str(slots)]["p95_wait_s"] / 60) for slots in SLOTS]
            label = f"{assignment.replace('_', ' ')}, {each['mean_s']:.0f} s" if way == UNDISTURBED else None
            axis.plot(SLOTS, waits, style, color=f"C{number}", label=label, markersize=4, linewidth=1.2)
    axis.set(xscale="log", yscale="log", xlabel="slots", ylabel="19 of 20 students wait at most", ylim=(0.09, None))
    axis.set_xticks(SLOTS, [str(slots) for slots in SLOTS])
    axis.minorticks_off()
    times = {0.1: "nothing", 1: "1 min", 10: "10 min", 60: "1 h", 240: "4 h", 720: "12 h", 1440: "24 h"}
    highest = axis.get_ylim()[1]
    axis.set_yticks([at for at in times if at <= highest], [text for at, text in times.items() if at <= highest])
    axis.set_title(f"{STUDENTS} students, {100 * LATE:.0f} % of them in the last hour, profile full, on CPUs", fontsize=10)
    broken = Line2D([], [], color="0.4", linestyle="--", marker="x", markersize=4, label="a quarter of the slots lost for half an hour")
    figure.legend(handles=[*axis.get_legend_handles_labels()[0], broken], fontsize=8, loc="outside lower center", ncols=2)
    axis.grid(alpha=0.3)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=110, metadata={"Software": None})


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--nights", type=int, default=20)
    parser.add_argument("--times", type=Path, default=RESULTS / "full.json", metavar="FILE")
    parser.add_argument("--output", type=Path, default=RESULTS / "deadline.json", metavar="FILE")
    parser.add_argument("--plot", type=Path, default=PLOT, metavar="FILE")
    options = parser.parse_args()
    measured: dict[str, list[float]] = json.loads(options.times.read_text())["seconds"]
    found: dict[str, Any] = {}
    for assignment, times in measured.items():
        found[assignment] = {"mean_s": statistics.mean(times), **simulate(times, options.nights)}
        for way in (UNDISTURBED, LOST):
            for slots, row in found[assignment][way].items():
                print(
                    f"{assignment}, {way}, {slots} slots: median wait {row['median_wait_s'] / 60:.1f} min, "
                    f"19 in 20 within {row['p95_wait_s'] / 60:.1f} min, "
                    f"announced within ±30 % {row['announced_within_30_percent']:.0%}"
                )
    plot(found, options.plot)
    settings = {"students": STUDENTS, "late": LATE, "nights": options.nights, "factor": _SPREAD, "outage_s": OUTAGE_S}
    write_result(options.output, rounded({"machine": describe_machine(), **settings, "assignments": found}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
