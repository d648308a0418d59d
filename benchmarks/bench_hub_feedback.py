"""From submitting to receipt and feedback, as a student sees it: assignment 1 on the demo's hub, in a browser.

    python benchmarks/bench_hub_feedback.py

Ana submits the reference solution of `first_dense_network` with nbgrader's own button's request, --times times, each time a little
different; the first one finds a service that has just started. The clock begins before nbgrader copies the files. Needs chromium and the
proxy of `make hub`; as root the demo's people have accounts. Writes results/hub_feedback.json. Run it on a machine with nothing else to do.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from accounting import machine_cpu_s
from measuring import RESULTS, cores, describe_machine, rounded, write_result
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.hub import real

RECEIPT_S, FEEDBACK_S = 5.0, 30.0
_LOOKS_S = 0.1


def one(page: Any, hub: real.Hub, number: int) -> dict[str, float]:
    """Seconds from the press of the button until the receipt stands on the student's page, and until her feedback can be read there."""
    assignment = hub.plan.assignment
    notebook = hub.notebook(assignment, {})
    notebook["cells"].append(real.code(f"number = {number}"))
    page.goto(f"{hub.plan.address}hub/user-redirect/lab", timeout=real.LONG_MS)
    page.wait_for_url("**/lab**", timeout=real.LONG_MS)
    real.save(page, hub, "ana", f"{assignment}/{assignment}.ipynb", notebook)
    known = _receipts(page, hub)
    watched = page.context.new_page()
    began = time.monotonic()
    real.submit(page, hub, "ana", assignment)
    copied = time.monotonic() - began
    watched.goto(hub.page(f"assignment/{assignment}"))
    watched.locator("#live a[href*='/submission/']").nth(known).wait_for(timeout=real.LONG_MS)
    receipt = time.monotonic() - began
    name = watched.locator("#live a[href*='/submission/']").first.get_attribute("href").rpartition("/")[2]
    while "Feedback on" not in page.context.request.get(hub.page(f"submission/{name}")).text():
        time.sleep(_LOOKS_S)
    feedback = time.monotonic() - began
    watched.close()
    return {"copied_by_nbgrader_s": copied, "receipt_s": receipt, "feedback_s": feedback}


def _receipts(page: Any, hub: real.Hub) -> int:
    answer = page.context.request.get(hub.page(f"assignment/{hub.plan.assignment}"))
    return int(answer.text().count("/submission/"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--output", type=Path, default=RESULTS / "hub_feedback.json", metavar="FILE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hub-") as folder, sync_playwright() as playwright:
        Path(folder).chmod(0o711)  # the demo's people reach their homes through it
        flags = ["--no-sandbox", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        with real.running(Path(folder) / "demo") as hub:
            page = real.signed_in(browser, hub, "ana")
            real.open_jupyterlab(page, hub, "ana")
            real.fetch(page, hub, "ana", hub.plan.assignment)
            idle = _idle_share()
            found = []
            for number in range(options.times):
                found.append(one(page, hub, number))
                print(", ".join(f"{name[:-2].replace('_', ' ')} after {each:.1f} s" for name, each in found[-1].items()), flush=True)
        browser.close()
    targets = [
        {"what": what, "measured": measured, "bound": bound, "holds": measured <= bound}
        for what, measured, bound in (
            ("submit to receipt, slowest, s", max(each["receipt_s"] for each in found), RECEIPT_S),
            ("submit to feedback, slowest, s", max(each["feedback_s"] for each in found), FEEDBACK_S),
        )
    ]
    for each in targets:
        print(f"{'holds ' if each['holds'] else 'MISSED'}  {each['what']}: {each['measured']:.1f} (at most {each['bound']:g})")
    print(f"Before it began, {idle:.0%} of the machine was idle.")
    result = {"machine": describe_machine(), "idle_share_before": idle, "targets": targets, "submissions": found}
    write_result(options.output, rounded(result))
    return 0 if all(each["holds"] for each in targets) else 1


def _idle_share(seconds: float = 5.0) -> float:
    """Of all cores, before anything is submitted: on a quiet machine nearly 1."""
    began, used = time.monotonic(), machine_cpu_s()
    time.sleep(seconds)
    return max(0.0, 1 - (machine_cpu_s() - used) / (time.monotonic() - began) / cores())


if __name__ == "__main__":
    sys.exit(main())
