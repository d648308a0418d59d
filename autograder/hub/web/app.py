"""`make_app(service, settings)`: all pages behind the hub's sign-in, as one tornado application."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

from jupyterhub.services.auth import HubOAuth
from tornado.web import Application

from autograder.errors import UsageError
from autograder.hub.metrics import Metrics
from autograder.hub.service import Service
from autograder.hub.state import Settings
from autograder.hub.web import measured, pages, students, teaching, tools
from autograder.hub.web.source import OfService, Source

_ID = r"([A-Za-z0-9_\-]+)"
_RECEIPT = r"([A-Za-z0-9_\-]+\.[0-9]+)"


def make_app(service: Service, settings: Settings) -> Application:
    """The pages of a running service. Raises UsageError without a hub's address and token: nobody could be told from anybody else."""
    return application(OfService(service), settings, service.office.course.title, connect(settings))


def application(source: Source, settings: Settings, course_title: str, auth: HubOAuth) -> Application:
    """The pages of any source, behind any hub."""
    prefix = settings.prefix
    if not prefix.startswith("/") or not prefix.endswith("/"):
        raise UsageError(
            f"The prefix '{prefix}' of the pages does not begin and end with a slash.", "Use one like '/services/autograder/'."
        )
    routes = [
        ("", students.Mine),
        (f"assignment/{_ID}", students.OneAssignment),
        (f"submission/{_RECEIPT}", students.OneSubmission),
        (f"feedback/{_ID}", students.OwnFeedback),
        (f"board/{_ID}", students.Board),
        ("teach", teaching.Class),
        (f"teach/assignment/{_ID}", teaching.ClassAssignment),
        (f"teach/submission/{_RECEIPT}", teaching.ClassSubmission),
        (f"teach/record/{_RECEIPT}", teaching.ClassRecord),
        (f"teach/feedback/{_RECEIPT}", teaching.ClassFeedback),
        (f"teach/notebook/{_RECEIPT}", teaching.ClassNotebook),
        (rf"teach/notebook/{_RECEIPT}\.ipynb", teaching.ClassNotebookFile),
        (f"teach/report/{_ID}", teaching.ClassReport),
        (rf"teach/report/{_ID}\.similar\.html", teaching.ClassSimilar),
        ("teach/order", teaching.Order),
        (f"teach/curves/{_ID}", tools.Curves),
        ("teach/curves", tools.ApplyCurves),
        (f"teach/decisions/{_ID}", tools.Decisions),
        (f"teach/exports/{_ID}", tools.Exports),
        (rf"teach/exports/{_ID}/([A-Za-z0-9_\-]+\.[a-z]+\.[a-z]+)", tools.ExportDownload),
        ("oauth_callback", pages.SignedIn),
        ("health", pages.Health),
        ("metrics", measured.Measured),
        (r"static/([a-z]+\.[a-z]+)", pages.AssetFile),
    ]
    metrics = Metrics(source.instructors_view)
    return Application(
        [(f"{prefix}{route}", handler) for route, handler in routes],
        metrics=metrics,
        log_function=metrics.answered,
        default_handler_class=pages.Missing,
        hub_auth=auth,
        source=source,
        prefix=prefix,
        instructors=settings.instructors,
        course_title=course_title,
        hub_prefix=auth.hub_prefix,
        formgrader=f"{auth.hub_prefix}user-redirect/formgrader",
        cookie_secret=_cookie_secret(auth.api_token),
        xsrf_cookies=True,
    )


def connect(settings: Settings, kind: type[HubOAuth] = HubOAuth) -> HubOAuth:
    """The hub that says who signed in. Service and OAuth client are named after the prefix, as the hub names them."""
    if not settings.api_url or not settings.api_token:
        raise UsageError(
            "The pages need a JupyterHub, which says who is looking at them: its address or the service's token is missing.",
            "Set JUPYTERHUB_API_URL and a file with the token (docs/hub.md).",
        )
    name = Path(settings.prefix).name
    base, _, _ = settings.prefix.rpartition(f"services/{name}/")
    return kind(
        api_url=settings.api_url,
        api_token=settings.api_token,
        base_url=settings.prefix,
        hub_prefix=f"{base or '/'}hub/",
        oauth_client_id=f"service-{name}",
        oauth_redirect_uri=f"{settings.prefix}oauth_callback",
        oauth_authorization_url=f"{base or '/'}hub/api/oauth2/authorize",
        access_scopes={f"access:services!service={name}"},
        cookie_options={"samesite": "Lax"},  # a form of another site comes without them
        cache_max_age=60,  # who leaves the group of instructors is one no more a minute later
    )


def _cookie_secret(token: str) -> bytes:
    """The same after a restart, so that nobody has to sign in again; made from the token, so that there is one secret to keep."""
    return hmac.new(token.encode(), b"autograder cookies", hashlib.sha256).digest()
