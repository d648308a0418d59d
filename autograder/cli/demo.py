"""`autograder demo`: the whole line once, on a class made of the course's own right and wrong answers."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from autograder.cli.options import Common, common_options

_COPIED = ("grading_config.py", "nbgrader_config.py", "source_assignments", "graders", "solutions")


@click.command()
@click.argument("assignment", required=False)
@click.option("--into", metavar="DIR", default="demo_course", show_default=True, help="Folder for the demo; made anew each time.")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Submissions side by side (default: one more than cores).")
@common_options
def demo(common: Common, assignment: str | None, into: str, jobs: int | None) -> None:
    """Grade a small class on the digits that ship with scikit-learn, from release to report.

    The class are those right and wrong answers in solutions/ of ASSIGNMENT (default: the course's first) that say DEMO = True.
    """
    from autograder.batch.plan import make_plan, open_sandbox, store_of
    from autograder.cli.display import print_records
    from autograder.cli.grade import finish, publish, run_batch
    from autograder.cli.release import release_one
    from autograder.course.loading import load_course
    from autograder.errors import UsageError
    from autograder.execution.environment import require_safe_keras
    from autograder.feedback.writing import write_feedback, write_report
    from autograder.intake.collect import find_submissions

    require_safe_keras()  # before anything is done, not only before a sandbox is opened
    began = time.monotonic()
    folder = Path(into)
    _copy_course(common, folder)
    course, paths = load_course(folder)
    here = replace(common, course=course, paths=paths, profile=common.profile or "smoke", store=paths.state)
    chosen = assignment or course.assignments[0].id
    here.say(f"1. Releasing '{chosen}' …")
    release_one(here, chosen, paths.gradebook_url)  # whatever nbgrader is configured with: that one is real
    here.say("2. Making a class of its known right and wrong answers …")
    _make_class(here, chosen)
    try:
        sandbox, trust = open_sandbox(course, False), False
    except UsageError:
        sandbox, trust = open_sandbox(course, True), True
        here.say(f"   Isolation level {sandbox.isolation.level} is all that there is here (see `autograder isolation`); enough for a demo.")
    plan = make_plan(course, paths, chosen, here.profile, store_of(course, paths, here.store), here.data, trust, here.say)
    submissions = find_submissions(paths.submitted, chosen, (), plan.profile.limits.submission_bytes)
    here.say(f"3. Executing and grading {len(submissions)} submissions …")
    with sandbox:
        records = run_batch(plan, submissions, sandbox, jobs, False, here.quiet)
    status = publish(here, plan, [record.student for record in records], paths.gradebook_url)
    pages = write_feedback(course, paths, chosen, plan.profile, plan.store, records, paths.gradebook_url)
    report, _ = write_report(course, paths, chosen, plan.profile, plan.store, records, paths.gradebook_url)
    print_records(records, f"{chosen}, profile {plan.profile.name}")
    example = next((page for page in pages if "misses" in str(page)), pages[0])
    click.echo(f"Report:    {report}\nFeedback:  {example}\nGradebook: {paths.root / 'gradebook.db'}")
    here.say(f"Done in {time.monotonic() - began:.0f} s.")
    finish(here, records, status=status)


def _copy_course(common: Common, folder: Path) -> None:
    """A course folder of its own, so that the demo touches no real gradebook, release or store."""
    if folder.exists():
        if not (folder / ".demo").exists() and any(folder.iterdir()):
            from autograder.errors import UsageError

            raise UsageError(f"The folder '{folder}' exists and was not made by the demo.", "Name another one with --into DIR.")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / ".demo").touch()
    for name in _COPIED:
        original = common.paths.root / name
        if original.is_dir():
            shutil.copytree(original, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
        elif original.is_file():
            shutil.copy(original, folder / name)


def _make_class(common: Common, assignment: str) -> None:
    """One student for each known answer marked DEMO = True, named after it, in nbgrader's layout."""
    from autograder.quality.variants import build_submission, read_variants

    for variant in (each for each in read_variants(common.paths, assignment) if each.demo):
        folder = common.paths.submitted / variant.name / assignment
        folder.mkdir(parents=True)
        (folder / f"{assignment}.ipynb").write_text(
            json.dumps(build_submission(common.paths, assignment, variant), indent=1), encoding="utf-8"
        )
        (folder / "timestamp.txt").write_text(datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC"), encoding="utf-8")
