"""A rush to the hub's service: 400 students hand in within ten minutes, while others look at their pages.

    python benchmarks/bench_hub.py                                   as it is meant: ten minutes of arrivals, then until all is graded
    python benchmarks/bench_hub.py --students 6 --minutes 0.2        to try it out

The exchange, the checks, the sandbox, the store, the gradebook, the feedback and the pages are the real ones, in one process of the
service; each student has a user id. Notebooks are stand-ins that compute for some seconds (--seconds, on average) without TensorFlow.
Nobody asks a hub who looks: a token says it. Arrivals are drawn once with a fixed seed, denser towards the end; with fewer --minutes the
same arrivals come faster. Needs root, because files must have owners. Writes results/hub.json.
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from measuring import RESULTS, clean_environment, describe_machine, rounded, write_result
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from workload.hub_service import FIRST_UID, INSTRUCTOR, student
from workload.stand_ins import ASSIGNMENT, make_course

from autograder.course.loading import load_course
from autograder.quality.variants import Variant, build_submission

RECEIPT_S, CHECK_S, PAGE_S, WITHIN, LONG_WAIT_S = 30.0, 30.0, 0.3, 0.3, 60.0
_STUDENT_LOOKS_S, _INSTRUCTOR_LOOKS_S = 2.0, 4.0  # as often as the pages' own script
_PREFIX = "/services/autograder/"


@dataclass
class Seen:
    """What the driver sees: when each submission was complete in the exchange, how long pages took, and what the service said last."""

    arrived: dict[str, float] = field(default_factory=dict)
    pages: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failed_pages: int = 0
    state: dict[str, int] = field(default_factory=lambda: {"received": 0, "graded": 0, "unpublished": 0})


def arrivals(students: int, minutes: float, seed: int = 7) -> list[float]:
    """Seconds after the beginning, sorted: three of four come in the second half."""
    chance = random.Random(seed)
    return sorted(60 * minutes * chance.betavariate(2, 1.2) for _ in range(students))


def make_notebooks(root: Path, students: int, seconds: float, seed: int = 8) -> list[str]:
    """One for each student, right, and with some seconds of computing in a cell of its own."""
    right = build_submission(load_course(root)[1], ASSIGNMENT, Variant("reference", "", True))
    chance = random.Random(seed)
    made = []
    for number in range(students):
        notebook = copy.deepcopy(right)
        busy = round(seconds * chance.uniform(0.5, 1.5), 2)
        source = f"import time\nown = {number}\nuntil = time.process_time() + {busy}\nwhile time.process_time() < until:\n    pass"
        notebook["cells"].append(
            {"cell_type": "code", "id": "own", "metadata": {}, "outputs": [], "execution_count": None, "source": source}
        )
        made.append(json.dumps(notebook))
    return made


def hand_in(inbound: Path, number: int, notebook: str) -> None:
    """As nbgrader's `submit` leaves it, by the student's own user."""
    name = f"{student(number)}+{ASSIGNMENT}+{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f} UTC"
    folder = inbound / name
    folder.mkdir(mode=0o755)
    files = {f"{ASSIGNMENT}.ipynb": notebook, "submission_secret.txt": f"{number:0128x}", "timestamp.txt": name.rpartition("+")[2]}
    for file, text in files.items():
        (folder / file).write_text(text, encoding="utf-8")
        os.chown(folder / file, FIRST_UID + number, FIRST_UID + number)
    os.chown(folder, FIRST_UID + number, FIRST_UID + number)
    folder.chmod(0o777)


async def arrive(inbound: Path, notebooks: Sequence[str], at: Sequence[float], seen: Seen) -> None:
    began = time.monotonic()
    for number, moment in enumerate(at):
        await asyncio.sleep(max(0.0, began + moment - time.monotonic()))
        hand_in(inbound, number, notebooks[number])
        seen.arrived[student(number)] = time.time()


async def look(client: AsyncHTTPClient, port: int, user: str, page: str, seen: Seen, kind: str) -> None:
    headers = {"Authorization": f"token {user}-token", "Sec-Fetch-Mode": "navigate"}
    request = HTTPRequest(f"http://127.0.0.1:{port}{_PREFIX}{page}", headers=headers, request_timeout=60, follow_redirects=False)
    began = time.perf_counter()
    answer = await client.fetch(request, raise_error=False)
    if answer.code == 200:
        seen.pages[kind].append(time.perf_counter() - began)
    else:
        seen.failed_pages += 1


async def watch_as_student(client: AsyncHTTPClient, port: int, seen: Seen, chance: random.Random) -> None:
    """A page that somebody who has handed in keeps open, as often as its script looks."""
    while True:
        await asyncio.sleep(_STUDENT_LOOKS_S * chance.uniform(0.8, 1.2))
        if seen.arrived:
            user = chance.choice(list(seen.arrived))
            page, kind = chance.choice([("", "student, all assignments"), (f"assignment/{ASSIGNMENT}", "student, one assignment")])
            await look(client, port, user, page, seen, kind)


async def watch_as_instructor(client: AsyncHTTPClient, port: int, seen: Seen, page: str, kind: str) -> None:
    while True:
        await asyncio.sleep(_INSTRUCTOR_LOOKS_S)
        await look(client, port, INSTRUCTOR, page, seen, kind)


async def follow(seen: Seen, students: int, limit_s: float) -> None:
    """Until all is graded and published, or the time is over; says how it goes."""
    began, said = time.monotonic(), 0.0
    while time.monotonic() - began < limit_s:
        await asyncio.sleep(1)
        done = seen.state["graded"] >= students and seen.state["unpublished"] == 0
        if done or time.monotonic() - said >= 10:
            said = time.monotonic()
            every = [each for pages in seen.pages.values() for each in pages]
            middle = f", pages {1000 * statistics.median(every):.0f} ms" if every else ""
            print(f"{said - began:6.0f} s: {len(seen.arrived)} handed in, {seen.state['received']} received, "
                  f"{seen.state['graded']} graded, {seen.state['unpublished']} to be published{middle}", flush=True)  # fmt: skip
        if done:
            return
    print("The time is over.", flush=True)


async def rush(port: int, inbound: Path, notebooks: Sequence[str], seen: Seen, options: argparse.Namespace) -> None:
    AsyncHTTPClient.configure(None, max_clients=200)
    client, chance = AsyncHTTPClient(), random.Random(9)
    watching = [watch_as_student(client, port, seen, chance) for _ in range(options.watchers)]
    watching.append(watch_as_instructor(client, port, seen, "teach", "instructor, class"))
    watching.append(watch_as_instructor(client, port, seen, f"teach/assignment/{ASSIGNMENT}", "instructor, one assignment"))
    tasks = [asyncio.create_task(each) for each in watching]
    coming = asyncio.create_task(arrive(inbound, notebooks, arrivals(len(notebooks), options.minutes), seen))
    await follow(seen, len(notebooks), 60 * options.limit_minutes)
    for task in (coming, *tasks):
        task.cancel()
    for ended in await asyncio.gather(coming, *tasks, return_exceptions=True):
        if isinstance(ended, Exception):  # a cancelled one is none
            raise ended


def run(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    root, exchange, output = folder / "course", folder / "exchange", folder / "noted.json"
    make_course(root)
    config = root / "grading_config.py"
    config.write_text(config.read_text().replace('cell="8 s", total="12 s"', 'cell="4 min", total="5 min"'))
    inbound = exchange / load_course(root)[0].id / "inbound"
    inbound.mkdir(parents=True)
    notebooks, seen = make_notebooks(root, options.students, options.seconds), Seen()
    command = [sys.executable, "-m", "workload.hub_service", str(root), str(exchange), str(output)]
    command += ["--trust-submissions"] if options.trust_submissions else []
    environment = {**clean_environment(), "PYTHONPATH": str(Path(__file__).parent)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=root) as service:
        assert service.stdin is not None
        assert service.stdout is not None
        first = service.stdout.readline()
        if not first:
            sys.exit("The service did not start.")
        said = service.stdout

        def listen() -> None:
            for line in said:
                seen.state = json.loads(line)

        threading.Thread(target=listen, daemon=True).start()
        try:
            asyncio.run(rush(json.loads(first)["port"], inbound, notebooks, seen, options))
        finally:
            service.stdin.close()
    if service.returncode:
        sys.exit(f"The service ended with status {service.returncode}.")
    outcomes = [json.loads(path.read_bytes())["outcome"] for path in root.glob(f".autograder/records/*/{ASSIGNMENT}/*/*.json")]
    receipts = [json.loads(line) for line in (root / f".autograder/hub/{ASSIGNMENT}/receipts.jsonl").read_text().splitlines()]
    return described(options, seen, json.loads(output.read_text()), receipts, outcomes)


def described(
    options: argparse.Namespace, seen: Seen, noted: dict[str, Any], receipts: Sequence[dict[str, Any]], outcomes: Sequence[str]
) -> dict[str, Any]:
    who = {each["id"]: each["student"] for each in receipts}
    to_receipt = [noted["received"][name] - seen.arrived[who[name]] for name in noted["received"]]
    to_check = [at - seen.arrived[who[f"{ASSIGNMENT}.{number}"]] for number, at in noted["checked"].items()]
    waits = [(told["wait_s"], noted["began"][name] - told["at"]) for name, told in noted["told"].items() if name in noted["began"]]
    long_ones = [(told, real) for told, real in waits if real >= LONG_WAIT_S]
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
        "open_students_pages": options.watchers,
        "pages_s": {"all": spread(every), **{kind: spread(found) for kind, found in sorted(seen.pages.items())}},
        "pages_not_answered": seen.failed_pages,
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
    held = [
        ("lost", found["lost"], 0),
        ("receipt, 19 in 20 within, s", found["receipt_s"].get("p95"), RECEIPT_S),
        ("pre-check, 19 in 20 within, s", found["pre_check_s"].get("p95"), CHECK_S),
        ("pages while grading runs, median, s", found["pages_s"]["all"].get("median"), PAGE_S),
        ("pages not answered", found["pages_not_answered"], 0),
    ]
    return [
        {"what": what, "measured": measured, "bound": bound, "holds": measured is not None and measured <= bound}
        for what, measured, bound in held
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=int, default=400)
    parser.add_argument("--minutes", type=float, default=10.0, help="in which they hand in")
    parser.add_argument("--seconds", type=float, default=3.0, help="of computing in each notebook, on average")
    parser.add_argument("--watchers", type=int, default=50, help="students' pages that are open and look every two seconds")
    parser.add_argument("--limit-minutes", type=float, default=60.0, help="after which it ends whatever is left")
    parser.add_argument("--trust-submissions", action="store_true", help="without isolation")
    parser.add_argument("--output", type=Path, default=RESULTS / "hub.json", metavar="FILE")
    options = parser.parse_args()
    if os.getuid() != 0:
        sys.exit("It needs root: each student's files must have an owner of their own.")
    with tempfile.TemporaryDirectory(prefix="autograder-bench-") as folder:
        found = run(options, Path(folder))
    held = targets(found)
    for each in held:
        print(f"{'holds ' if each['holds'] else 'MISSED'}  {each['what']}: {each['measured']} (at most {each['bound']:g})")
    share, told = found["announced_within_30_percent"], found["waits_of_a_minute_and_more"]
    print(f"announced wait within ±30 %: {'–' if share is None else f'{share:.0%}'} of {told} waits of a minute and more")
    write_result(options.output, rounded({"machine": describe_machine(), "targets": held, **found}))
    return 0 if all(each["holds"] for each in held) else 1


if __name__ == "__main__":
    sys.exit(main())
