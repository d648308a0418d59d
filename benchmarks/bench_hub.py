"""A rush to the hub's service: 400 students hand in within ten minutes, while others look at their pages.

    python benchmarks/bench_hub.py                                   as it is meant: ten minutes of arrivals, then until all is graded
    python benchmarks/bench_hub.py --students 6 --minutes 0.2        to try it out

The hub and its proxy, the exchange, the checks, the sandbox, the store, the gradebook, the feedback and the pages are the real ones; the
service is one process. Each student has a user id and a token of the hub; no server of a student runs. Notebooks are stand-ins that
compute for some seconds (--seconds, on average) without TensorFlow. Arrivals are drawn once with a fixed seed, denser towards the end; with
fewer --minutes the same arrivals come faster. How fast the hub itself answers is measured before the service starts, during the rush, and
after the service has ended. Needs root, because files must have owners, and the proxy of `make hub`. Writes results/hub.json.
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
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from accounting import Account, machine_cpu_s
from measuring import RESULTS, clean_environment, cores, describe_machine, rounded, write_result
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from workload.a_hub import RealHub, real_hub
from workload.hub_figures import Seen, described, targets
from workload.hub_service import FIRST_UID, INSTRUCTOR, student
from workload.stand_ins import ASSIGNMENT, make_course

from autograder.course.loading import load_course
from autograder.quality.variants import Variant, build_submission

_STUDENT_LOOKS_S, _INSTRUCTOR_LOOKS_S, _HUB_ASKED_S = 2.0, 4.0, 0.5  # a student who is next, as the pages' own script has it
PROXY = Path(__file__).parents[1] / ".venv/hub-proxy"


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


async def look(client: AsyncHTTPClient, hub: RealHub, user: str, page: str, seen: Seen, kind: str) -> None:
    """A page of the service, as a browser gets it: through the proxy, for whom the hub says."""
    seconds = await _asked(client, f"{hub.address}services/autograder/{page}", hub.tokens[user])
    if seconds is None:
        seen.failed_pages += 1
    else:
        seen.pages[kind].append(seconds)


async def _asked(client: AsyncHTTPClient, address: str, token: str | None) -> float | None:
    """Seconds from the request to the whole answer; None for anything but 200."""
    headers = {"Sec-Fetch-Mode": "navigate"} | ({"Authorization": f"token {token}"} if token else {})
    began = time.perf_counter()
    request = HTTPRequest(address, headers=headers, request_timeout=60, follow_redirects=False)
    answer = await client.fetch(request, raise_error=False)
    return time.perf_counter() - began if answer.code == 200 else None


async def watch_as_student(client: AsyncHTTPClient, hub: RealHub, seen: Seen, chance: random.Random) -> None:
    """A page that somebody who has handed in keeps open, as often as its script looks."""
    while True:
        await asyncio.sleep(_STUDENT_LOOKS_S * chance.uniform(0.8, 1.2))
        if seen.arrived:
            user = chance.choice(list(seen.arrived))
            page, kind = chance.choice([("", "student, all assignments"), (f"assignment/{ASSIGNMENT}", "student, one assignment")])
            await look(client, hub, user, page, seen, kind)


async def watch_as_instructor(client: AsyncHTTPClient, hub: RealHub, seen: Seen, page: str, kind: str) -> None:
    while True:
        await asyncio.sleep(_INSTRUCTOR_LOOKS_S)
        await look(client, hub, INSTRUCTOR, page, seen, kind)


async def ask_the_hub(client: AsyncHTTPClient, hub: RealHub, seen: Seen, when: str) -> None:
    """What the hub answers itself: the page on which people sign in, and who a token belongs to, which reads its database."""
    while True:
        for path, token in (("hub/login", None), ("hub/api/user", hub.tokens[INSTRUCTOR])):
            seconds = await _asked(client, f"{hub.address}{path}", token)
            if seconds is None:
                seen.failed_hub += 1
            else:
                seen.hub[when].append(seconds)
        await asyncio.sleep(_HUB_ASKED_S)


async def ask_for(hub: RealHub, seen: Seen, when: str, seconds: float) -> None:
    """The same for so many seconds, without the service."""
    with suppress(TimeoutError):
        await asyncio.wait_for(ask_the_hub(AsyncHTTPClient(), hub, seen, when), seconds)


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


async def rush(hub: RealHub, inbound: Path, notebooks: Sequence[str], seen: Seen, options: argparse.Namespace) -> None:
    AsyncHTTPClient.configure(None, max_clients=200)
    client, chance = AsyncHTTPClient(), random.Random(9)
    watching = [watch_as_student(client, hub, seen, chance) for _ in range(options.watchers)]
    watching.append(watch_as_instructor(client, hub, seen, "teach", "instructor, class"))
    watching.append(watch_as_instructor(client, hub, seen, f"teach/assignment/{ASSIGNMENT}", "instructor, one assignment"))
    watching.append(ask_the_hub(client, hub, seen, "during the rush"))
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
    course = load_course(root)[0].id
    inbound = exchange / course / "inbound"
    inbound.mkdir(parents=True)
    notebooks, seen = make_notebooks(root, options.students, options.seconds), Seen()
    account, machine, began = Account(), machine_cpu_s(), time.monotonic()
    names = [student(number) for number in range(options.students)]
    with real_hub(folder / "hub", course, names, INSTRUCTOR, options.proxy, account.join) as hub:
        asyncio.run(ask_for(hub, seen, "before the service", options.alone))
        serve_and_rush(options, hub, root, exchange, inbound, output, notebooks, seen, account)
        asyncio.run(ask_for(hub, seen, "after the service", options.alone))
    own, wall = account.close() + time.process_time(), time.monotonic() - began
    foreign = max(0.0, machine_cpu_s() - machine - own) / wall / cores() if account.source == "control group" else None
    outcomes = [json.loads(path.read_bytes())["outcome"] for path in root.glob(f".autograder/records/*/{ASSIGNMENT}/*/*.json")]
    receipts = [json.loads(line) for line in (root / f".autograder/hub/{ASSIGNMENT}/receipts.jsonl").read_text().splitlines()]
    released = len(list((exchange / course / "feedback").glob("*.html")))
    found = described(options, seen, json.loads(output.read_text()), receipts, outcomes)
    return {"foreign_share_of_the_machine": foreign, "without_feedback": options.students - released, **found}


def serve_and_rush(
    options: argparse.Namespace,
    hub: RealHub,
    root: Path,
    exchange: Path,
    inbound: Path,
    output: Path,
    notebooks: Sequence[str],
    seen: Seen,
    account: Account,
) -> None:
    """Starts the service, lets everybody hand in and look, and ends it when all is graded and published."""
    command = [sys.executable, "-m", "workload.hub_service", str(root), str(exchange), str(output), "--port", str(hub.service_port)]
    command += ["--trust-submissions"] if options.trust_submissions else []
    of_hub = {"JUPYTERHUB_API_URL": hub.api_url, "JUPYTERHUB_API_TOKEN": hub.service_token}
    environment = {**clean_environment(), "PYTHONPATH": str(Path(__file__).parent), **of_hub}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes, env=environment, cwd=root, preexec_fn=account.join) as service:
        said = service.stdout
        assert said is not None
        if not said.readline():
            sys.exit("The service did not start.")

        def listen() -> None:
            for line in said:
                seen.state = json.loads(line)

        threading.Thread(target=listen, daemon=True).start()
        try:
            asyncio.run(rush(hub, inbound, notebooks, seen, options))
        finally:
            assert service.stdin is not None
            service.stdin.close()
    if service.returncode:
        sys.exit(f"The service ended with status {service.returncode}.")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=int, default=400)
    parser.add_argument("--minutes", type=float, default=10.0, help="in which they hand in")
    parser.add_argument("--seconds", type=float, default=3.0, help="of computing in each notebook, on average")
    parser.add_argument("--watchers", type=int, default=50, help="students' pages that are open and look every two seconds")
    parser.add_argument(
        "--alone", type=float, default=60.0, help="seconds for which the hub is asked without the service, before and after"
    )
    parser.add_argument("--proxy", type=Path, default=PROXY, metavar="DIR", help="folder with configurable-http-proxy")
    parser.add_argument("--limit-minutes", type=float, default=60.0, help="after which it ends whatever is left")
    parser.add_argument("--trust-submissions", action="store_true", help="without isolation")
    parser.add_argument("--output", type=Path, default=RESULTS / "hub.json", metavar="FILE")
    options = parser.parse_args()
    if os.getuid() != 0:
        sys.exit("It needs root: each student's files must have an owner of their own.")
    if not (options.proxy / "node_modules").is_dir():
        sys.exit("It needs the hub's proxy, which `make hub` installs, or another one with --proxy DIR.")
    with tempfile.TemporaryDirectory(prefix="autograder-bench-") as folder:
        found = run(options, Path(folder))
    held = targets(found)
    for each in held:
        print(f"{'holds ' if each['holds'] else 'MISSED'}  {each['what']}: {each['measured']} (at most {each['bound']:g})")
    share, told = found["announced_within_30_percent"], found["waits_of_a_minute_and_more"]
    print(f"announced wait within ±30 %: {'–' if share is None else f'{share:.0%}'} of {told} waits of a minute and more")
    if found["foreign_share_of_the_machine"] is not None:
        print(f"Something else used {found['foreign_share_of_the_machine']:.0%} of the machine meanwhile.")
    write_result(options.output, rounded({"machine": describe_machine(), "targets": held, **found}))
    return 0 if all(each["holds"] for each in held) else 1


if __name__ == "__main__":
    sys.exit(main())
