"""`autograder hub`: grades what students submit in JupyterHub, and checks whether that can work here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from autograder.cli.cluster_options import cluster_options, require_dask
from autograder.cli.options import Common, common_options, consent

if TYPE_CHECKING:
    from autograder.batch.network import Tls
    from autograder.hub.checking import Finding
    from autograder.hub.graders import Grader, Plans
    from autograder.hub.service import Service
    from autograder.hub.state import Settings


@click.group()
def hub() -> None:
    """Grade what students submit in JupyterHub, as it comes."""


@hub.command()
@click.option("--exchange", metavar="DIR", help="nbgrader's directory exchange (default: as nbgrader is configured).")
@click.option("--trust-submissions", is_flag=True, help="Run without isolation: submissions can do whatever you can do.")
@common_options
def check(common: Common, exchange: str | None, trust_submissions: bool) -> None:
    """Say whether the service can work here, and what to do where it cannot.

    Changes nothing. Exit status 1 when something is wrong.
    """
    from dataclasses import asdict

    from autograder.batch.plan import store_of
    from autograder.gradebook.exchange import exchange_root
    from autograder.hub.checking import check_environment

    store = store_of(common.course, common.paths, common.store)
    root = exchange_root(common.paths, exchange)
    found = check_environment(common.course, common.paths, store, root, consent(trust_submissions), common.data)
    _tell(common, found)
    common.write_json([asdict(each) for each in found])
    if any(each.wrong for each in found):
        raise click.exceptions.Exit(1)


@hub.command()
@click.option("--exchange", metavar="DIR", help="nbgrader's directory exchange (default: as nbgrader is configured).")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Submissions side by side (default: one more than cores).")
@click.option("--dask", metavar="ADDRESS", help="Grade on the workers of this Dask scheduler.")
@click.option("--trust-submissions", is_flag=True, help="Run without isolation: submissions can do whatever you can do.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of the pages.")
@click.option("--port", default=8123, show_default=True, type=click.IntRange(0, 65535), help="Port of the pages.")
@click.option("--prefix", envvar="JUPYTERHUB_SERVICE_PREFIX", default="/services/autograder/", show_default=True, help="Path of the pages.")
@click.option("--instructors", metavar="GROUP", help="Hub group of the instructors (default: formgrade-<course>).")
@click.option("--no-pages", is_flag=True, help="Receive, grade and publish only.")
@cluster_options
@common_options
def serve(
    common: Common,
    exchange: str | None,
    jobs: int | None,
    dask: str | None,
    trust_submissions: bool,
    host: str,
    port: int,
    prefix: str,
    instructors: str | None,
    no_pages: bool,
    tls: Tls,
    plain: bool,
) -> None:
    """Receive, check and grade submissions from nbgrader's exchange until it is interrupted.

    A kill loses nothing: the next start goes on with what was not graded.
    """
    from autograder.batch.plan import store_of
    from autograder.gradebook.exchange import exchange_root
    from autograder.hub.checking import check_environment
    from autograder.hub.doorbell import answering
    from autograder.hub.graders import Plans
    from autograder.hub.service import Service
    from autograder.hub.state import Settings

    trust = consent(trust_submissions)
    _require_default_profile(common)
    store, root = store_of(common.course, common.paths, common.store), exchange_root(common.paths, exchange)
    _tell(common, [each for each in check_environment(common.course, common.paths, store, root, trust, common.data) if each.wrong])
    plans = Plans(common.course, common.paths, store, common.data, trust, common.say)
    settings = Settings(root, host, port, prefix, *_hub(), instructors or f"formgrade-{common.course.id}")
    service = Service(common.course, common.paths, store, root, _grader(plans, jobs, dask, tls, plain), say=common.say)
    service.start()
    common.say(f"Submissions from '{root}' are graded on {service.instructors_view().grading_on}. Ctrl-C ends it.")
    try:
        with answering(service, "" if no_pages or not settings.api_token else prefix):
            _serve(service, settings, pages=not no_pages, common=common)
    except KeyboardInterrupt:
        common.say("The service has ended. What it did not get to waits for its next start.")
    finally:
        service.stop()


def _require_default_profile(common: Common) -> None:
    from autograder.errors import UsageError

    if common.profile not in (None, common.course.default_profile):
        cure = f"Leave --profile out, or write default_profile={common.profile!r} into the course."
        raise UsageError(f"The service grades in the course's default profile, '{common.course.default_profile}'.", cure)


def _grader(plans: Plans, jobs: int | None, dask: str | None, tls: Tls, plain: bool) -> Grader:
    from autograder.hub.graders import DaskGrader, LocalGrader

    if dask is None:
        return LocalGrader(plans, jobs)
    from autograder.batch.network import checked_address
    from autograder.execution.environment import require_safe_keras

    require_dask()
    require_safe_keras()
    return DaskGrader(plans, checked_address(dask, tls, plain), tls, jobs)


def _hub() -> tuple[str | None, str | None]:
    """Address and token of the hub's API, as JupyterHub gives them to its services."""
    import os

    return os.environ.get("JUPYTERHUB_API_URL"), os.environ.get("JUPYTERHUB_API_TOKEN")


def _serve(service: Service, settings: Settings, pages: bool, common: Common) -> None:
    """Until it is interrupted: the pages, where they are wanted and the hub is known, else nothing but waiting."""
    from importlib.util import find_spec

    if pages and settings.api_token and find_spec("autograder.hub.web") and find_spec("jupyterhub"):
        import asyncio
        from importlib import import_module

        make_app = import_module("autograder.hub.web.app").make_app

        async def answer() -> None:
            make_app(service, settings).listen(settings.port, settings.host)
            common.say(f"Pages: http://{settings.host}:{settings.port}{settings.prefix}")
            await asyncio.Event().wait()

        asyncio.run(answer())
        return
    if pages:
        common.say("There are no pages: JUPYTERHUB_API_TOKEN is not set, or jupyterhub is not installed. Submissions are graded.")
    version = service.version()
    while True:
        version = service.wait_for_change(version, 3600)


def _tell(common: Common, found: list[Finding]) -> None:
    for each in found:
        mark = "✗" if each.wrong else "•" if each.cure else "✓"
        line = f"{mark} {each.what}: {each.said}" + (f"\n  → {each.cure}" if each.cure else "")
        if each.wrong:
            click.echo(line, err=True)
        else:
            common.say(line)
