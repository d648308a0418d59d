"""What every page does first: who is asking, may they, and under which rules does a browser show the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from jupyterhub.services.auth import HubOAuthCallbackHandler, HubOAuthenticated, UserNotAllowed
from tornado.web import HTTPError, RequestHandler

from autograder.hub.web.render import assets, render
from autograder.hub.web.source import Source

T = TypeVar("T")

_SAID = "autograder-said"
_RULES = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# What came from a student: an origin of its own, in which nothing runs, nothing is sent, nothing is fetched.
_UNTRUSTED_RULES = (
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
_HEADINGS = {
    400: ("Not understood", "The request was not one that a page of this service makes. Go back and try again."),
    401: ("Not signed in", "Sign in to the hub, then open this page again."),
    403: (
        "Not allowed",
        "This page is not for you, or the request did not come from a page of this service. Reload the page and try again.",
    ),
    404: ("Not found", "There is nothing here for you. Addresses of submissions work for those who made them, and for instructors."),
    405: ("Not possible", "This address is for another kind of request."),
    503: ("The hub does not answer", "The service cannot ask who you are. Try again in a minute; what you submitted is not lost."),
}


@dataclass(frozen=True)
class Site:
    """What every page shows around its content."""

    course_title: str
    user: str
    teaches: bool
    home: str
    formgrader: str


class _NeverWaits:
    """Keeps the hub's library from asking the hub while everybody else waits for the answer.

    It asks for the current user where it refuses a form without a valid token, and waits there for a thread that waits for it: one such
    form would end all pages. Who asks is found out once, in `prepare`.
    """

    def get_current_user(self) -> None:
        return None


class Page(_NeverWaits, HubOAuthenticated, RequestHandler):
    """A page for whoever signed in with the hub. `user` is the name that the hub says, never anything in a request."""

    instructors_only = False
    user = ""
    teaches = False

    def initialize(self) -> None:
        self.hub_auth = self.settings["hub_auth"]

    @property
    def source(self) -> Source:
        found: Source = self.settings["source"]
        return found

    @property
    def prefix(self) -> str:
        """The address under which the service stands, with a slash at both ends."""
        return str(self.settings["prefix"])

    def set_default_headers(self) -> None:
        self.set_header("Content-Security-Policy", _RULES)
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("Cross-Origin-Opener-Policy", "same-origin")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
        self.clear_header("Server")

    async def prepare(self) -> None:
        """Finds out who asks. A browser without a sign-in is sent to the hub; a script or form gets 401."""
        if not self.request.path.startswith(self.prefix):
            raise HTTPError(404)  # and no way back from the sign-in to an address that is not ours
        model = await self._signed_in()
        if model is None:
            if self.request.method in ("GET", "HEAD") and self.request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate":
                self.redirect(self.get_login_url())
                return
            raise HTTPError(401)
        try:
            self.check_hub_user(model)
        except UserNotAllowed:
            raise HTTPError(403) from None
        if model.get("kind") != "user":
            raise HTTPError(403)
        self.user, self.current_user = model["name"], model
        self.teaches = bool(self.settings["instructors"]) and self.settings["instructors"] in model.get("groups", ())
        if self.instructors_only and not self.teaches:
            raise HTTPError(403)

    async def _signed_in(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] | None = await self.hub_auth.get_user(self, sync=False)
        except HTTPError as error:
            raise HTTPError(503 if error.status_code >= 500 else error.status_code, "%s", error.log_message or "") from None
        return found

    async def ask(self, question: Callable[..., T], *arguments: Any) -> T:
        """Calls a method of the source in a thread, so that other pages are answered meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(None, question, *arguments)

    async def found(self, question: Callable[..., T | None], *arguments: Any) -> T:
        """The same; None is 404."""
        answer = await self.ask(question, *arguments)
        if answer is None:
            raise HTTPError(404)
        return answer

    def show(self, template: str, here: str, **values: Any) -> None:
        """Ends the request with a page."""
        self.finish(self._rendered(template, here, said=self._said(), **values))

    def show_untrusted(self, html: str) -> None:
        """Ends the request with HTML that came from a student, as an isolated document."""
        self.set_header("Content-Security-Policy", _UNTRUSTED_RULES)
        self.finish(html)

    def _rendered(self, template: str, here: str, **values: Any) -> str:
        site = Site(self.source_title(), self.user, self.teaches, self.settings["hub_prefix"] + "home", self.settings["formgrader"])
        return render(template, self.prefix, site=site, here=here, xsrf=_text(self.xsrf_token), **values)

    def source_title(self) -> str:
        """The course's title, which also stands on pages for which the service was not asked."""
        return str(self.settings["course_title"])

    def say(self, sentence: str) -> None:
        """Lets the next page show this sentence, once."""
        self.set_signed_cookie(_SAID, sentence[:1_000], path=self.prefix, httponly=True, samesite="Strict", max_age=60, expires_days=None)

    def _said(self) -> str:
        found = self.get_signed_cookie(_SAID, max_age_days=1)
        if found is None:
            return ""
        self.clear_cookie(_SAID, path=self.prefix)
        return found.decode(errors="replace")

    def write_error(self, status_code: int, **_: Any) -> None:
        """A page in words; what broke stands in the log alone."""
        heading, sentence = _HEADINGS.get(status_code, ("Something went wrong", "The service could not make this page. Its log says why."))
        self.finish(self._rendered("error.html", "", said="", heading=heading, sentence=sentence))


class SignedIn(_NeverWaits, HubOAuthCallbackHandler):
    """Where the hub sends a browser back to after sign-in. State and code are checked by the hub's own library."""

    def initialize(self) -> None:
        self.hub_auth = self.settings["hub_auth"]

    async def prepare(self) -> None:
        """Whoever is signed in already and comes with an old sign-in goes on to their page."""
        with suppress(HTTPError):
            self.current_user = await self.hub_auth.get_user(self, sync=False)

    def write_error(self, status_code: int, **_: Any) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"Signing in did not work ({status_code}). Open {self.settings['prefix']} and try again.\n")


class AssetFile(RequestHandler):
    """Styles, script and icon: the same for everybody."""

    def get(self, name: str) -> None:
        asset = assets().get(name)
        if asset is None:
            raise HTTPError(404)
        self.set_header("Content-Type", asset.kind)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header(
            "Cache-Control", "public, max-age=31536000, immutable" if self.get_argument("v", "") == asset.version else "no-cache"
        )
        self.finish(asset.content)


class Health(RequestHandler):
    """Says that the pages answer, to whoever watches the service."""

    def get(self) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish("ok\n")


class Missing(Page):
    """Any other address."""

    def get(self) -> None:
        raise HTTPError(404)


def _text(token: str | bytes) -> str:
    return token.decode("ascii") if isinstance(token, bytes) else token
