"""Every page as its reader gets it, with a made-up source behind and a made-up hub beside it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.web import create_signed_value

from autograder.errors import UsageError
from autograder.hub.web.app import application, connect
from autograder.hub.web.phases import pace
from autograder.hub.web.render import assets
from autograder.hub.web.teaching import distribution
from tests.feedback import samples
from tests.hub import fakes
from tests.hub.fakes import GRADED, GROUP, MARKUP, PREFIX, QUEUED_BO, RUNNING, FakeHub, FakeSource
from tests.hub.serving import made_up, served

STUDENTS_PAGES = [
    "",
    "assignment/first_dense_network",
    "assignment/hidden_layers",
    "submission/first_dense_network.3",
    "submission/hidden_layers.2",
    "submission/training_choices.1",
    "board/convolutional_digits",
]
TEACHERS_PAGES = [
    "teach",
    "teach/assignment/first_dense_network",
    "teach/assignment/hidden_layers",
    "teach/submission/first_dense_network.3",
    "teach/submission/hidden_layers.2",
    "teach/submission/first_dense_network.5",
    "teach/curves/first_dense_network",
    "teach/curves/first_dense_network?metric=test_accuracy&points=0.9:+0,+1:+1",
    "teach/curves/hidden_layers",
    "teach/decisions/first_dense_network",
    "teach/exports/first_dense_network",
]
DOCUMENTS = [
    "feedback/first_dense_network",
    "teach/feedback/first_dense_network.5",
    "teach/notebook/first_dense_network.5",
    "teach/report/first_dense_network",
]


@dataclass
class Site:
    """The pages on a port of loopback, their source and their hub."""

    loop: asyncio.AbstractEventLoop
    address: str
    source: FakeSource
    hub: FakeHub
    secret: bytes

    def get(self, path: str, user: str = "", **headers: str) -> HTTPResponse:
        """As a browser that follows no redirect; `user` is signed in by cookie."""
        return self.send(HTTPRequest(f"{self.address}{PREFIX}{path}", headers=self.browser(user, **headers), follow_redirects=False))

    def post(self, path: str, user: str, form: dict[str, str], **headers: str) -> HTTPResponse:
        """A form of a page of this site."""
        sent = self.browser(user, **{"Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded", **headers})
        return self.send(HTTPRequest(f"{self.address}{PREFIX}{path}", "POST", sent, urlencode(form), follow_redirects=False))

    def browser(self, user: str, **headers: str) -> dict[str, str]:
        cookies = {}
        if user:
            cookies["service-autograder"] = create_signed_value(self.secret, "service-autograder", f"{user}-token").decode()
        given = headers.pop("Cookie", "")
        cookie = "; ".join([*([given] if given else []), *(f"{name}={value}" for name, value in cookies.items())])
        return {"Sec-Fetch-Mode": "navigate", **({"Cookie": cookie} if cookie else {}), **headers}

    def form(self, path: str, user: str) -> tuple[str, str]:
        """The token in a page's forms, and the cookie that belongs to it."""
        answer = self.get(path, user)
        token = _between(text(answer), 'data-xsrf="', '"')
        return token, f"_xsrf={_cookies(answer)['_xsrf'].value}"

    def send(self, request: HTTPRequest) -> HTTPResponse:
        async def ask() -> HTTPResponse:
            return await AsyncHTTPClient(force_instance=True).fetch(request, raise_error=False)

        return asyncio.run_coroutine_threadsafe(ask(), self.loop).result(60)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    app, source, hub = made_up(tmp_path)
    with served(app) as (address, loop):
        yield Site(loop, address, source, hub, app.settings["cookie_secret"])


def text(answer: HTTPResponse) -> str:
    return answer.body.decode()


def words(answer: HTTPResponse) -> str:
    """What a reader sees, in one line; where an element ends before a comma, no space."""
    found = samples.Read()
    found.feed(text(answer).replace("<wbr>", ""))  # where a long name may break
    found.close()
    return re.sub(r" ([.,:;])", r"\1", found.text)


def _between(whole: str, before: str, after: str) -> str:
    return whole.partition(before)[2].partition(after)[0]


def _cookies(answer: HTTPResponse) -> SimpleCookie:
    jar: SimpleCookie = SimpleCookie()
    for each in answer.headers.get_list("Set-Cookie"):
        jar.load(each)
    return jar


# --- what stands on the pages -----------------------------------------------------------------------------------------


def test_students_read_where_they_stand(site: Site) -> None:
    seen = words(site.get("", "ada"))
    assert "First dense network" in seen
    assert "65.25 of 90 points" in seen
    assert "12 February 2027, 23:59" in seen
    assert "3 of 5" in seen
    assert "Running for 42 s: 7 of 19 cells." in seen
    assert "The assignment closed on 1 February 2027." in seen
    assert "Not submitted" in seen


def test_a_queued_submission_has_a_place_and_a_wait(site: Site) -> None:
    seen = words(site.get("submission/first_dense_network.4", "bo"))
    assert "Place 3, begins in about 2 min." in seen


def test_an_assignment_explains_its_score(site: Site) -> None:
    seen = words(site.get("assignment/first_dense_network", "ada"))
    assert "Late -7.25 handed in 3 h after the due date: 10 % of the points" in seen
    assert "15 min of grace" in seen


def test_a_submission_shows_receipt_and_findings(site: Site) -> None:
    seen = words(site.get("submission/first_dense_network.3", "ada"))
    assert fakes.DIGEST in seen
    assert "Costs points" in seen
    assert "predict_classes" in seen


def test_the_leaderboard_shows_names_that_students_chose_and_no_others(site: Site) -> None:
    page = site.get("board/convolutional_digits", "ada")
    assert "1 Frida 0.9912" in words(page)
    assert f"2 {MARKUP} you 0.9876" in words(page)
    assert site.get("board/convolutional_digits", "bo").code == 404  # takes no part
    assert site.get("board/convolutional_digits", "prof").code == 404


def test_instructors_see_the_class(site: Site) -> None:
    seen = words(site.get("teach", "prof"))
    assert "Ada Núñez" in seen
    assert "The queue is empty in about 4 min." in seen
    assert "Nothing is graded now." in seen
    assert "can be read by nobody else" in seen


def test_while_nobody_knows_how_many_run_the_page_says_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    view = replace(site.source.instructors_view(), slots=0)
    monkeypatch.setattr(site.source, "instructors_view", lambda: view)
    seen = words(site.get("teach", "prof"))
    assert "It is not known how many run at a time, this machine." in seen
    assert "0 submissions at a time" not in seen


def test_instructors_see_distribution_tests_flags_and_pairs(site: Site) -> None:
    seen = words(site.get("teach/assignment/first_dense_network", "prof"))
    assert "Tests, hardest first" in seen
    assert "80–89" in seen
    assert "the locked cell 'imports' had been edited" in seen
    assert "The last report" in seen


def test_instructors_open_a_record(site: Site) -> None:
    seen = words(site.get("teach/submission/first_dense_network.3", "prof"))
    assert "parameter_counts 10 of 20" in seen
    answer = site.get("teach/record/first_dense_network.3", "prof")
    assert answer.headers["Content-Type"].startswith("application/json")
    assert json.loads(text(answer))["student"] == "ada"


def test_the_distribution_keeps_full_points_apart() -> None:
    base = replace(samples.record(), max_score=100.0)
    spread = dict(distribution([replace(base, score=score) for score in (0.0, 9.9, 10.0, 99.9, 100.0, None)]))
    assert spread == {"0–9": 2, "10–19": 1, "90–99": 1, "100": 1, **{f"{ten}0–{ten}9": 0 for ten in range(2, 9)}}


@pytest.mark.parametrize(("user", "page"), [*(("ada", each) for each in STUDENTS_PAGES), *(("prof", each) for each in TEACHERS_PAGES)])
def test_pages_are_whole_and_usable_without_script(site: Site, user: str, page: str) -> None:
    answer = site.get(page, user)
    assert answer.code == 200
    found = samples.Read()
    found.feed(text(answer))
    assert found.tags.count("h1") == 1
    assert found.tags.count("main") == 1
    assert found.tags.count("script") == 1
    assert ("html", "lang", "en") in found.attributes
    assert not [each for each in found.attributes if each[1] == "style" or each[1].startswith("on")]
    ids = [value for _, name, value in found.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    labelled = [value for _, name, value in found.attributes if name == "aria-labelledby"]
    assert set(labelled) <= set(ids)
    assert ("a", "id", "refresh") in found.attributes  # the way on without script


def test_the_first_page_of_an_empty_course(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    view = replace(site.source.students_view("ada"), assignments=())
    monkeypatch.setattr(site.source, "students_view", lambda user: view)
    assert "There is no assignment yet." in words(site.get("", "ada"))


# --- live -------------------------------------------------------------------------------------------------------------


def _looks_again(site: Site, page: str, tag: str, token: str, cookie: str) -> HTTPResponse:
    return site.get(page, "ada", **{"Sec-Fetch-Mode": "cors", "If-None-Match": tag, "X-Xsrftoken": token, "Cookie": cookie})


def test_a_page_that_did_not_change_is_not_sent_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    token, cookie = site.form("", "ada")
    first = _looks_again(site, "", "", token, cookie)
    assert first.code == 200
    assert _looks_again(site, "", first.headers["ETag"], token, cookie).code == 304
    view = site.source.students_view("ada")
    changed = replace(view, assignments=(replace(view.assignments[0], note="Something happened."), *view.assignments[1:]))
    monkeypatch.setattr(site.source, "students_view", lambda user: changed)
    again = _looks_again(site, "", first.headers["ETag"], token, cookie)
    assert again.code == 200
    assert "Something happened." in text(again)


def test_a_page_in_which_something_moves_looks_again_sooner(site: Site) -> None:
    assert 'data-every="2"' in text(site.get("submission/hidden_layers.2", "ada"))
    assert 'data-every="4"' in text(site.get("submission/first_dense_network.3", "ada"))


@pytest.mark.parametrize(("place", "seconds"), [(None, 2), (1, 2), (4, 2), (20, 10), (60, 30), (400, 30)])
def test_who_waits_longer_looks_less_often(site: Site, monkeypatch: pytest.MonkeyPatch, place: int | None, seconds: int) -> None:
    view = site.source.students_view("bo")
    waits = replace(QUEUED_BO, place=place)
    first = replace(view.assignments[0], state="queued", submissions=(waits,))
    monkeypatch.setattr(site.source, "students_view", lambda user: replace(view, assignments=(first, *view.assignments[1:])))
    for page in ("", "assignment/first_dense_network", f"submission/{QUEUED_BO.receipt}"):
        assert f'data-every="{seconds}"' in text(site.get(page, "bo")), page


def test_a_class_that_waits_asks_no_more_than_a_few_times_in_a_second() -> None:
    assert sum(1 / pace([replace(QUEUED_BO, place=place)]) for place in range(1, 401)) < 20


def test_a_page_with_several_submissions_follows_the_one_that_moves_first() -> None:
    assert pace([replace(QUEUED_BO, place=80), GRADED, replace(QUEUED_BO, place=12)]) == 6
    assert pace([replace(QUEUED_BO, place=80), RUNNING]) == 2
    assert pace([GRADED]) == pace([]) == 4


def test_what_is_spoken_has_no_clock_in_it(site: Site) -> None:
    said = _between(text(site.get("submission/hidden_layers.2", "ada")), 'data-said="', '"')
    assert said == "Hidden layers: running."


# --- who may see what -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [*STUDENTS_PAGES, *TEACHERS_PAGES, *DOCUMENTS, "teach/record/first_dense_network.3"])
def test_nobody_reads_without_signing_in(site: Site, page: str) -> None:
    answer = site.get(page)
    assert answer.code == 302
    there = urlsplit(answer.headers["Location"])
    assert there.path == "/hub/api/oauth2/authorize"
    assert parse_qs(there.query)["redirect_uri"] == [f"{PREFIX}oauth_callback"]
    assert "65.25" not in text(answer)


@pytest.mark.parametrize(
    "page", [*TEACHERS_PAGES, *DOCUMENTS[1:], "teach/record/first_dense_network.3", "teach/notebook/first_dense_network.3.ipynb"]
)
@pytest.mark.parametrize("user", ["ada", "other"])
def test_instructors_pages_are_for_the_courses_group(site: Site, user: str, page: str) -> None:
    answer = site.get(page, user)
    assert answer.code == 403
    assert "Not allowed" in words(answer)


@pytest.mark.parametrize(
    "page",
    [
        "submission/first_dense_network.3",
        "submission/first_dense_network.1",
        "submission/hidden_layers.2",
        "feedback/first_dense_network",
        "board/convolutional_digits",
    ],
)
def test_another_students_things_are_not_there(site: Site, page: str) -> None:
    """Bo has Ada's addresses: by link, with his own token in a header, with her name in the request."""
    assert site.get(page, "ada").code == 200
    unknown = words(site.get("submission/first_dense_network.999", "bo"))
    for answer in (
        site.get(page, "bo"),
        site.get(page, Authorization="token bo-token"),
        site.get(f"{page}?user=ada&student=ada&name=ada&token=ada-token", "bo"),
    ):
        assert answer.code == 404
        assert words(answer) == unknown  # nobody learns whether it exists
        assert "65.25" not in text(answer)


def test_a_wrong_token_is_nobody(site: Site) -> None:
    assert site.get("", Authorization="token stolen").code == 302
    forged = create_signed_value(b"another secret" * 4, "service-autograder", "ada-token").decode()
    assert site.get("", Cookie=f"service-autograder={forged}").code == 302


def test_a_token_in_the_address_signs_nobody_in(site: Site) -> None:
    assert site.get("?token=ada-token").code == 302


def test_a_service_is_no_student(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def service(*_: Any, **__: Any) -> dict[str, Any]:
        return {"name": "ada", "kind": "service", "groups": [GROUP], "scopes": ["access:services!service=autograder"]}

    monkeypatch.setattr(FakeHub, "user_for_token", service)
    assert site.get("", "ada").code == 403


def test_a_user_whom_the_hub_gives_no_access_stays_out(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def outsider(*_: Any, **__: Any) -> dict[str, Any]:
        return {"name": "ada", "kind": "user", "groups": [GROUP], "scopes": ["access:services!service=another"]}

    monkeypatch.setattr(FakeHub, "user_for_token", outsider)
    assert site.get("", "ada").code == 403


# --- signing in -------------------------------------------------------------------------------------------------------


def _begin(site: Site, page: str = "") -> tuple[str, str]:
    """The state that the hub is given, and the cookie that belongs to it."""
    answer = site.get(page)
    state = parse_qs(urlsplit(answer.headers["Location"]).query)["state"][0]
    return state, "; ".join(f"{name}={morsel.value}" for name, morsel in _cookies(answer).items())


def test_signing_in_leads_back_to_the_page(site: Site) -> None:
    state, cookie = _begin(site, "assignment/hidden_layers")
    answer = site.get(f"oauth_callback?code=code-of-ada&state={state}", Cookie=cookie)
    assert answer.code == 302
    assert answer.headers["Location"] == f"{PREFIX}assignment/hidden_layers"
    signed_in = _cookies(answer)["service-autograder"]
    assert signed_in["httponly"]
    assert signed_in["samesite"] == "Lax"
    assert signed_in["path"] == PREFIX
    assert site.get("", Cookie=f"service-autograder={signed_in.value}").code == 200


def test_a_forged_state_signs_nobody_in(site: Site) -> None:
    """Bo lets Ada's browser finish a sign-in that he began: with his state, with none of hers, with a made-up one."""
    bos, _ = _begin(site)
    _, adas_cookie = _begin(site)
    for state, cookie in ((bos, adas_cookie), (bos, ""), ("made-up", adas_cookie), ("", adas_cookie)):
        answer = site.get(f"oauth_callback?code=code-of-bo&state={state}", **({"Cookie": cookie} if cookie else {}))
        assert answer.code == 403
        assert "service-autograder" not in _cookies(answer)
    assert site.get("oauth_callback?code=code-of-bo").code == 400


def test_a_state_works_once(site: Site) -> None:
    state, cookie = _begin(site)
    assert site.get(f"oauth_callback?code=code-of-ada&state={state}", Cookie=cookie).code == 302
    again = site.get(f"oauth_callback?code=code-of-bo&state={state}", Cookie=cookie)
    assert again.headers.get("Location", PREFIX) == PREFIX  # nowhere else, whatever becomes of it


@pytest.mark.parametrize("path", ["//evil.example/services/autograder/", "/other", "/services/autograde"])
def test_the_way_back_never_leads_elsewhere(site: Site, path: str) -> None:
    """Whoever is not signed in comes back to where they were, so nobody is sent to sign in from an address that is not ours."""
    answer = site.send(HTTPRequest(f"{site.address}{path}", headers=site.browser(""), follow_redirects=False))
    assert answer.code == 404
    assert "Location" not in answer.headers


def test_a_hub_that_does_not_answer_is_said(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeHub, "broken", True)
    answer = site.get("", "ada")
    assert answer.code == 503
    assert "what you submitted is not lost" in words(answer)


# --- forms ------------------------------------------------------------------------------------------------------------

CANCEL = {"kind": "cancel", "receipt": "hidden_layers.2"}


def test_an_instructor_cancels_and_reads_what_was_done(site: Site) -> None:
    token, cookie = site.form("teach", "prof")
    answer = site.post("teach/order", "prof", {**CANCEL, "_xsrf": token}, Cookie=cookie)
    assert answer.code == 303
    assert site.source.orders == [("cancel", "hidden_layers.2", "prof")]
    said = f"autograder-said={_cookies(answer)['autograder-said'].value}"
    assert "It is cancelled." in words(site.get("teach/submission/hidden_layers.2", "prof", Cookie=said))


def test_an_order_that_cannot_be_is_said(site: Site) -> None:
    token, cookie = site.form("teach", "prof")
    answer = site.post("teach/order", "prof", {"kind": "rerun", "receipt": "hidden_layers.2", "_xsrf": token}, Cookie=cookie)
    said = f"autograder-said={_cookies(answer)['autograder-said'].value}"
    assert "Wait until it is graded." in words(site.get("teach", "prof", Cookie=said))
    assert site.source.orders == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Mode": "unspecified"},
    ],
)
def test_a_form_from_elsewhere_does_nothing(site: Site, headers: dict[str, str]) -> None:
    """Another site lets the instructor's browser send the form: her cookies come along, the token of the page does not."""
    token, cookie = site.form("teach", "prof")
    eves, _ = site.form("", "ada")
    for form in (CANCEL, {**CANCEL, "_xsrf": eves}, {**CANCEL, "_xsrf": token[:-4] + "AAAA"}):
        answer = site.post("teach/order", "prof", form, Cookie=cookie, **headers)
        assert answer.code in (401, 403)
    assert site.source.orders == []


def test_an_instructor_starts_what_was_held(site: Site) -> None:
    token, cookie = site.form("teach", "prof")
    assert "Grade all that wait for you" in words(site.get("teach", "prof"))
    answer = site.post("teach/order", "prof", {"kind": "start", "assignment": "convolutional_digits", "_xsrf": token}, Cookie=cookie)
    assert answer.code == 303
    assert site.source.orders == [("start", "convolutional_digits", "prof")]
    unknown = site.post("teach/order", "prof", {"kind": "start", "assignment": "nothing", "_xsrf": token}, Cookie=cookie)
    assert unknown.code == 404


FORMS = {
    "teach/order": CANCEL,
    "teach/curves": {"assignment": "first_dense_network"},
    "teach/decisions/first_dense_network": {"kind": "waive_late", "students": "ada", "why": "I am ada"},
    "teach/exports/first_dense_network": {"form": "nbgrader"},
}


@pytest.mark.parametrize("page", FORMS)
@pytest.mark.parametrize("user", ["ada", "other"])
def test_a_student_gives_no_orders(site: Site, page: str, user: str) -> None:
    """With a valid token of their own session: what counts is the group that the hub says."""
    token, cookie = site.form("", user)
    assert site.post(page, user, {**FORMS[page], "_xsrf": token}, Cookie=cookie).code == 403
    assert site.source.orders == []


@pytest.mark.parametrize("page", FORMS)
def test_no_form_of_an_instructor_works_without_the_token_of_its_session(site: Site, page: str) -> None:
    token, cookie = site.form("teach", "prof")
    eves, eves_cookie = site.form("", "ada")
    for form, sent in (({}, cookie), ({"_xsrf": token[:-4] + "AAAA"}, cookie), ({"_xsrf": eves}, cookie), ({"_xsrf": eves}, eves_cookie)):
        answer = site.post(page, "prof", {**FORMS[page], **form}, Cookie=sent)
        assert answer.code in (401, 403)
    assert site.source.orders == []


@pytest.mark.parametrize("page", ["", "teach/order", "oauth_callback?code=a&state=b", "health", "static/live.js", "nowhere"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
def test_no_request_holds_up_everybody_else(site: Site, page: str, method: str) -> None:
    """The hub's library waited for itself when a form came with a sign-in and without a token, and no page was answered again."""
    body = "kind=cancel" if method in ("POST", "PUT") else None
    for headers in ({}, {"Sec-Fetch-Mode": "unspecified"}, {"Cookie": "_xsrf=old"}, {"Authorization": "token ada-token"}):
        for user in ("ada", ""):
            sent = site.browser(user, **headers)
            if headers.get("Sec-Fetch-Mode"):
                del sent["Sec-Fetch-Mode"]
            site.send(HTTPRequest(f"{site.address}{PREFIX}{page}", method, sent, body, follow_redirects=False))
    assert site.get("", "ada").code == 200
    assert site.source.orders == []


@pytest.mark.parametrize("user", ["ada", "other"])
def test_a_file_of_scores_is_for_instructors(site: Site, user: str) -> None:
    page = "teach/exports/first_dense_network/first_dense_network.nbgrader.csv"
    assert site.get(page, user).code == 403
    assert site.get(page).code == 302
    answer = site.get(page, "prof")
    assert (answer.code, text(answer)) == (200, "student_id,score\nada,80\n")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="first_dense_network.nbgrader.csv"'
    for other in ("first_dense_network.secret.csv", "..%2F..%2Fgradebook.db", "../grading_config.py"):
        assert site.get(f"teach/exports/first_dense_network/{other}", "prof").code == 404


def test_orders_are_checked(site: Site) -> None:
    token, cookie = site.form("teach", "prof")
    assert site.post("teach/order", "prof", {**CANCEL, "kind": "delete", "_xsrf": token}, Cookie=cookie).code == 400
    assert site.post("teach/order", "prof", {**CANCEL, "receipt": "hidden_layers.77", "_xsrf": token}, Cookie=cookie).code == 404
    assert site.get("teach/order", "prof").code == 405
    assert site.source.orders == []


def test_a_script_of_another_site_reads_nothing(site: Site) -> None:
    assert site.get("", "ada", **{"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "cross-site"}).code == 401
    assert (
        site.get("teach/record/first_dense_network.3", "prof", **{"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Site": "cross-site"}).code == 401
    )


# --- curves, decisions, exports ---------------------------------------------------------------------------------------


def test_a_curve_shows_what_it_would_do(site: Site) -> None:
    seen = words(site.get("teach/curves/first_dense_network?metric=test_accuracy&points=0.9:+0,+1:+1", "prof"))
    assert "2 of 4 scores change 1 rise 1 fall" in seen
    assert "Ada Núñez 72.5 80 of 90" in seen
    assert '"test_accuracy": Curve({0.9: 0, 1: 1})' in seen
    assert "grading_config.py has another one now: 0.8: 0, 0.88: 1" in seen
    assert site.source.orders == []


def test_what_is_no_curve_is_said_on_the_page(site: Site) -> None:
    seen = words(site.get("teach/curves/first_dense_network?metric=test_accuracy&points=full", "prof"))
    assert "'full' is no point of a curve." in seen
    assert "cannot be used" in words(site.get("teach/curves/hidden_layers", "prof"))
    assert site.get("teach/curves/nothing", "prof").code == 404


def _said_after(site: Site, answer: HTTPResponse) -> str:
    said = f"autograder-said={_cookies(answer)['autograder-said'].value}"
    return words(site.get(answer.headers["Location"].removeprefix(PREFIX), "prof", Cookie=said))


def test_an_instructor_applies_the_configurations_curves(site: Site) -> None:
    token, cookie = site.form("teach/curves/first_dense_network", "prof")
    answer = site.post("teach/curves", "prof", {"assignment": "first_dense_network", "_xsrf": token}, Cookie=cookie)
    assert answer.code == 303
    assert site.source.orders == [("curves", "first_dense_network", "prof")]
    seen = _said_after(site, answer)
    assert "2 of 4 scores changed." in seen
    assert "1 could not be computed" in seen
    assert site.post("teach/curves", "prof", {"assignment": "nothing", "_xsrf": token}, Cookie=cookie).code == 404


def test_an_instructor_decides_and_takes_back(site: Site) -> None:
    page = "teach/decisions/first_dense_network"
    assert 'value="ada"' in text(site.get(f"{page}?student=ada", "prof"))
    token, cookie = site.form(page, "prof")
    form = {"kind": "waive_late", "students": "ada, bo", "why": "in hospital", "_xsrf": token}
    assert "d4 is in the ledger." in _said_after(site, site.post(page, "prof", form, Cookie=cookie))
    taken_back = {"revoke": "d2", "why": "a mistake", "_xsrf": token}
    assert "d5 is in the ledger." in _said_after(site, site.post(page, "prof", taken_back, Cookie=cookie))
    assert site.source.orders == [("waive_late", "ada, bo", "prof"), ("revoke", "d2: a mistake", "prof")]


def test_a_decision_that_cannot_be_keeps_what_was_typed(site: Site) -> None:
    page = "teach/decisions/first_dense_network"
    token, cookie = site.form(page, "prof")
    form = {"kind": "excuse", "students": "nobody", "why": "typed with care", "_xsrf": token}
    answer = site.post(page, "prof", form, Cookie=cookie)
    assert "Nobody of the course is called 'nobody'." in words(answer)
    assert 'value="typed with care"' in text(answer)
    assert '<option value="excuse" selected>' in text(answer)


def test_an_export_names_everybody_who_is_not_in_it(site: Site) -> None:
    page = "teach/exports/first_dense_network"
    token, cookie = site.form(page, "prof")
    answer = site.post(page, "prof", {"form": "moodle", "_xsrf": token}, Cookie=cookie)
    seen = words(answer)
    assert "12 students are in it." in seen
    assert "waits for a person to grade why" in seen
    assert "eve: no row" in seen
    assert "zoe" in seen
    assert MARKUP not in text(answer)
    assert f'href="{PREFIX}teach/exports/first_dense_network/first_dense_network.moodle.csv"' in text(answer)
    problem = site.post(page, "prof", {"form": "canvas", "_xsrf": token}, Cookie=cookie)
    assert "Canvas imports only into a gradebook that it exported." in words(problem)


def test_a_template_is_uploaded(site: Site) -> None:
    page = "teach/exports/first_dense_network"
    token, cookie = site.form(page, "prof")
    parts = {"_xsrf": token, "form": "canvas", 'template"; filename="gradebook.csv': "Student,ID"}
    body = "".join(f'--frontier\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in parts.items())
    headers = {"Sec-Fetch-Site": "same-origin", "Content-Type": "multipart/form-data; boundary=frontier", "Cookie": cookie}
    address = f"{site.address}{PREFIX}{page}"
    answer = site.send(HTTPRequest(address, "POST", site.browser("prof", **headers), f"{body}--frontier--\r\n", follow_redirects=False))
    assert answer.code == 200
    assert site.source.orders == [("export", "canvas", "Student,ID")]


def test_an_audit_and_the_report_stand_on_the_assignments_page(site: Site) -> None:
    answer = site.get("teach/assignment/first_dense_network", "prof")
    assert "12 audited; 11 kept their accuracy" in words(answer)
    assert f"{MARKUP} fell test_accuracy 0.946 0.007" in words(answer)
    token, cookie = site.form("teach", "prof")
    done = site.post("teach/order", "prof", {"kind": "report", "assignment": "first_dense_network", "_xsrf": token}, Cookie=cookie)
    assert "The report is written." in _said_after(site, done)
    assert site.source.orders == [("report", "first_dense_network", "")]


# --- markup -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("user", "page"), [*(("ada", each) for each in STUDENTS_PAGES), *(("prof", each) for each in TEACHERS_PAGES)])
def test_markup_in_names_and_messages_is_text(site: Site, user: str, page: str) -> None:
    answer = site.get(page, user)
    assert MARKUP not in text(answer)
    found = samples.Read()
    found.feed(text(answer))
    assert "img" not in found.tags
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


def test_the_hostile_name_was_really_there(site: Site) -> None:
    assert MARKUP in words(site.get("teach/assignment/first_dense_network", "prof"))
    assert MARKUP in words(site.get("teach/submission/first_dense_network.5", "prof"))


@pytest.mark.parametrize("page", DOCUMENTS)
def test_what_came_from_students_is_an_isolated_document(site: Site, page: str) -> None:
    """A script in a notebook's output: shown as text, and were it markup, the document has no origin and may run nothing."""
    answer = site.get(page, "prof" if page.startswith("teach") else "ada")
    assert answer.code == 200
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert "sandbox" in policy  # and no allow-scripts behind it
    assert "default-src 'none'" in policy
    assert not [each for each in policy if each.startswith("script-src")]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    samples.read(text(answer))
    assert MARKUP in words(answer) or "report" in page


def test_frames_around_documents_allow_nothing(site: Site) -> None:
    for user, page in (("ada", "assignment/first_dense_network"), ("prof", "teach/submission/first_dense_network.5")):
        found = samples.Read()
        found.feed(text(site.get(page, user)))
        frames = [(name, value) for tag, name, value in found.attributes if tag == "iframe" and name == "sandbox"]
        assert frames
        assert set(frames) == {("sandbox", "")}


def test_a_notebook_is_saved_and_never_opened(site: Site) -> None:
    answer = site.get("teach/notebook/first_dense_network.5.ipynb", "prof")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="first_dense_network.5.ipynb"'
    assert json.loads(text(answer)) == fakes.hostile_notebook()


# --- the rest ---------------------------------------------------------------------------------------------------------


def test_styles_and_script_are_kept_by_browsers_until_they_change(site: Site) -> None:
    version = assets()["live.js"].version
    answer = site.get(f"static/live.js?v={version}", **{"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Site": "same-origin"})
    assert answer.code == 200
    assert "immutable" in answer.headers["Cache-Control"]
    assert site.get("static/live.js?v=old").headers["Cache-Control"] == "no-cache"
    assert site.get("static/secrets.js").code == 404


def test_health_says_nothing_but_that(site: Site) -> None:
    assert text(site.get("health")) == "ok\n"


def test_a_fault_of_the_service_is_no_traceback(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(user: str) -> Any:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(site.source, "students_view", broken)
    answer = site.get("", "ada")
    assert answer.code == 500
    assert "secret detail" not in text(answer)
    assert "Something went wrong" in words(answer)


def test_pages_without_a_hub_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="need a JupyterHub"):
        connect(fakes.settings(tmp_path))
    with pytest.raises(UsageError, match="begin and end with a slash"):
        application(FakeSource(tmp_path), replace(fakes.settings(tmp_path), prefix="/pages"), "", fakes.hub())


def test_the_hub_is_found_under_another_base_address(tmp_path: Path) -> None:
    there = replace(
        fakes.settings(tmp_path), prefix="/jupyter/services/grading/", api_url="http://127.0.0.1:8081/jupyter/hub/api", api_token="t"
    )
    auth = connect(there)
    assert auth.hub_prefix == "/jupyter/hub/"
    assert auth.oauth_client_id == "service-grading"
    assert auth.oauth_authorization_url == "/jupyter/hub/api/oauth2/authorize"
    assert auth.access_scopes == {"access:services!service=grading"}
