"""`autograder hub`: grades what students submit in JupyterHub, and checks whether that can work here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from autograder.cli.cluster_options import cluster_options, require_dask
from autograder.cli.options import Common, common_options, consent

if TYPE_CHECKING:
    from autograder.batch.network import Tls
    from autograder.hub.checking import Finding
    from autograder.hub.events import Tell
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
@click.option(
    "--log", "log_format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How it tells of its work."
)
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
    log_format: str,
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
    from autograder.hub.events import Event
    from autograder.hub.graders import Plans
    from autograder.hub.service import Service
    from autograder.hub.state import Settings

    trust = consent(trust_submissions)
    say, tell = _telling(common, log_format)
    _require_default_profile(common)
    store, root = store_of(common.course, common.paths, common.store), exchange_root(common.paths, exchange)
    for each in check_environment(common.course, common.paths, store, root, trust, common.data):
        if each.wrong:
            tell(Event("problem", _line(each), {"about": each.what}))
    plans = Plans(common.course, common.paths, store, common.data, trust, say)
    settings = Settings(root, host, port, prefix, *_hub(), instructors or f"formgrade-{common.course.id}")
    service = Service(common.course, common.paths, store, root, _grader(plans, jobs, dask, tls, plain), say=say, tell=tell)
    try:
        service.start()
        with answering(service, "" if no_pages or not settings.api_token else prefix, say):
            say(f"Submissions from '{root}' are graded on {service.instructors_view().grading_on}. Ctrl-C ends it.")
            _serve(service, settings, not no_pages, say)
    except KeyboardInterrupt:
        say("The service has ended. What it did not get to waits for its next start.")
    finally:
        service.stop()


def _require_default_profile(common: Common) -> None:
    from autograder.errors import UsageError

    if common.profile not in (None, common.course.default_profile):
        cure = f"Leave --profile out, or write default_profile={common.profile!r} into the course."
        raise UsageError(f"The service grades in the course's default profile, '{common.course.default_profile}'.", cure)


def _grader(plans: Plans, jobs: int | None, dask: str | None, tls: Tls, plain: bool) -> Grader:
    from autograder.hub.graders import LocalGrader

    if dask is None:
        return LocalGrader(plans, jobs)
    from autograder.batch.network import checked_address
    from autograder.execution.environment import require_safe_keras
    from autograder.hub.cluster import DaskGrader

    require_dask()
    require_safe_keras()
    return DaskGrader(plans, checked_address(dask, tls, plain), tls, jobs)


def _hub() -> tuple[str | None, str | None]:
    """Address and token of the hub's API, as JupyterHub gives them to its services."""
    import os

    return os.environ.get("JUPYTERHUB_API_URL"), os.environ.get("JUPYTERHUB_API_TOKEN")


def _telling(common: Common, log_format: str) -> tuple[Callable[[str], None], Tell]:
    """How sentences and events are told: as lines for people, or all as JSON."""
    from autograder.hub.events import Event, as_text, log, log_as_json

    if log_format == "text":
        return common.say, as_text(common.say)
    log_as_json()
    return lambda text: log(Event("said", text)), log


def _serve(service: Service, settings: Settings, pages: bool, say: Callable[[str], None]) -> None:
    """Until it is interrupted: the pages, where they are wanted and the hub is known, else nothing but waiting."""
    from importlib.util import find_spec

    if pages and settings.api_token and find_spec("autograder.hub.web") and find_spec("jupyterhub"):
        import asyncio
        from importlib import import_module

        from autograder.errors import MachineError, sentence

        make_app = import_module("autograder.hub.web.app").make_app

        async def answer() -> None:
            app = make_app(service, settings)
            try:
                app.listen(settings.port, settings.host)
            except OSError as error:
                text = f"Port {settings.port} of '{settings.host}' cannot be used for the pages: {sentence(error.strerror or str(error))}"
                raise MachineError(text, "Name another one with --port, and in the hub's configuration, or end what uses it.") from error
            say(f"Pages: http://{settings.host}:{settings.port}{settings.prefix}")
            await asyncio.Event().wait()

        asyncio.run(answer())
        return
    if pages:
        say("There are no pages: JUPYTERHUB_API_TOKEN is not set, or jupyterhub is not installed. Submissions are graded.")
    version = service.version()
    while True:
        version = service.wait_for_change(version, 3600)


def _tell(common: Common, found: list[Finding]) -> None:
    for each in found:
        if each.wrong:
            click.echo(_line(each), err=True)
        else:
            common.say(_line(each))


def _line(finding: Finding) -> str:
    mark = "✗" if finding.wrong else "•" if finding.cure else "✓"
    return f"{mark} {finding.what}: {finding.said}" + (f"\n  → {finding.cure}" if finding.cure else "")
