"""Feedback follows what people do after grading, and the due date: with the real gradebook, exchange and pages."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from nbgrader.api import Gradebook

from autograder.gradebook.late import hand_grades, refresh_scores
from autograder.gradebook.session import open_gradebook
from autograder.hub import outbound, publisher
from autograder.hub.publisher import Publisher
from autograder.term.decisions import Decision, Frozen, ledger
from autograder.term.facts import policy_of
from autograder.term.scores import facts_by_student
from tests.hub.place import SECRET, Place
from tests.hub.world import World

MADRID = ZoneInfo("Europe/Madrid")
BEN = "b" * 128
STAMP = "2026-02-01 12:00:00.000000 UTC"


@pytest.fixture
def place(corpus: Path, tmp_path: Path, no_autograder_variables: None) -> Iterator[Callable[..., Place]]:
    """The course with other settings of the assignment, or of everything."""
    made: list[Place] = []

    def make(assignment: str = "", course: str = "") -> Place:
        root = Path(shutil.copytree(corpus, tmp_path / "course"))
        config = root / "grading_config.py"
        text = (
            config.read_text().replace("import Assignment,", "import Assignment, Late,").replace('"basics",', f'"basics", {assignment}', 1)
        )
        config.write_text(text.replace("timezone=", f"{course} timezone=", 1))
        made.append(Place(root))
        return made[0]

    yield make
    for each in made:
        each.service.stop()


def graded(here: Place, **secrets: str) -> None:
    for student, secret in secrets.items():
        here.submit("source", STAMP, secret, student)
        here.service.dispatch()
    here.service.publish()
    assert here.service.instructors_view().problems == ()


def mark(gradebook: Any, student: str, points: float, comment: str) -> None:
    """As formgrader does it."""
    grade = gradebook.find_grade("explain", "basics", "basics", student)
    grade.manual_score, grade.needs_manual_grade = points, False
    gradebook.find_comment("explain", "basics", "basics", student).manual_comment = comment
    gradebook.db.commit()


def look_again(here: Place) -> str:
    """What the service does every few minutes; gives ada's page."""
    here.service.outbound.look_behind()
    here.service.publish()
    assert here.service.instructors_view().problems == ()
    return here.paths.feedback("ada", "basics").read_text()


def score(here: Place, student: str = "ada") -> float | None:
    """As the student's page in the hub has it."""
    shown = here.service.students_view(student).assignments[0].score
    return shown.score if shown else None


def test_a_mark_by_hand_reaches_score_page_and_exchange_and_touches_nobody_elses(place: Callable[..., Place]) -> None:
    here = place()
    with closing(Gradebook(here.paths.gradebook_url)) as formgrader:  # a connection of its own, as long as its server lives
        graded(here, ada=SECRET, ben=BEN)
        assert score(here) is None
        others = [here.paths.feedback("ben", "basics"), here.released(BEN)]
        before = [each.stat().st_mtime_ns for each in others]
        database = here.paths.root / "gradebook.db"
        written = database.stat().st_mtime_ns

        mark(formgrader, "ada", 15.0, "The middle one, and why?")
        assert database.stat().st_mtime_ns == written  # the mark is in the log beside it, and nowhere else
        page = look_again(here)
        assert "The middle one, and why?" in page
        assert score(here) == 95.0
        assert here.released(SECRET).read_text() == page
        assert [each.stat().st_mtime_ns for each in others] == before

        mark(formgrader, "ada", 17.0, "The middle one, I see.")
        refresh_scores(here.course, here.store, "basics", here.paths.gradebook_url)  # as `autograder scores` does it in between
        page = look_again(here)
        assert "The middle one, I see." in page
        assert here.released(SECRET).read_text() == page
        assert score(here) == 97.0


def test_pages_that_say_what_they_should_stay_as_they_are(place: Callable[..., Place]) -> None:
    here = place()
    graded(here, ada=SECRET)
    publisher = here.service.outbound.publisher
    look_again(here)
    assert not publisher.is_stale("basics")
    assert publisher.outdated("basics") == []
    files = [here.paths.feedback("ada", "basics"), here.released(SECRET), here.store.root / "scores/basics.json"]
    before = [each.stat().st_mtime_ns for each in files]
    look_again(here)
    assert [each.stat().st_mtime_ns for each in files] == before
    again = Publisher(here.service.office, here.exchange)  # as after a restart
    again.publish("basics", [])
    assert again.outdated("basics") == []

    page = here.paths.feedback("ada", "basics")
    content = page.read_text()
    page.with_suffix(".told").unlink()  # as before it was noted what a page says
    look_again(here)
    assert [each.stat().st_mtime_ns for each in files[:2]] == before[:2]
    assert publisher.outdated("basics") == []
    page.write_text("what another command made of other marks")
    assert look_again(here) == content
    assert here.released(SECRET).read_text() == content


def test_decisions_reach_page_and_exchange_at_once(place: Callable[..., Place]) -> None:
    here = place('due="2026-02-01 00:00",', "late=Late(per_day=0.1, at_most=0.2),")
    graded(here, ada=SECRET)
    with open_gradebook(here.paths.gradebook_url) as gradebook:
        mark(gradebook, "ada", 20.0, "")
    assert "Score so far: 80 of 100 points." in look_again(here)
    hand = hand_grades(here.paths.gradebook_url, "basics")
    frozen = Frozen(policy_of(here.course, "basics"), facts_by_student(here.course, here.store, "basics", hand))

    def decided(kind: Any, **more: Any) -> str:
        whom = None if kind == "revoke" else ("ada",)
        ledger(here.store.root).append(lambda all_: Decision(f"d{len(all_) + 1}", STAMP, "garcia", "reasons", kind, "basics", whom, **more))
        here.service.publish()
        page = here.paths.feedback("ada", "basics").read_text()
        assert here.released(SECRET).read_text() == page
        return page

    assert "Score so far: 100 of 100 points." in decided("waive_late")
    assert "Score so far: 80 of 100 points." in decided("revoke", revokes="d1")
    assert "Score so far: 100 of 100 points." in decided("extend", until=datetime(2100, 2, 1, 12, tzinfo=MADRID))
    assert "Score so far: 62.5 of 100 points." in decided("override", score=62.5)
    assert "Final score: 62.5 of 100 points." in decided("finalise", frozen=frozen)


def test_what_is_shown_after_the_due_date_appears_then_for_each_by_their_own_date(place: Callable[..., Place]) -> None:
    here = place('due="2100-01-01 12:00",')
    graders = next((here.paths.root / "graders/basics").glob("test_*.py"))
    cell = '@pytest.mark.grade_cell("double")'
    graders.write_text(graders.read_text().replace(cell, f'{cell}\n@pytest.mark.visibility("after_due")'))
    office = here.service.office
    graded(here, ada=SECRET, ben=BEN)
    extended = Decision("d1", STAMP, "garcia", "ill", "extend", "basics", ("ada",), until=datetime(2100, 1, 8, 12, tzinfo=MADRID))
    ledger(here.store.root).append(lambda _: extended)
    here.service.publish()

    def seen(day: int) -> tuple[bool, bool]:
        """Whether ada's and ben's pages show the check, looked at when nothing but the time has changed."""
        office.clock = lambda: datetime(2100, 1, day, 13, tzinfo=MADRID)
        look_again(here)
        pages = {student: here.paths.feedback(student, "basics").read_text() for student in ("ada", "ben")}
        assert (here.released(SECRET).read_text(), here.released(BEN).read_text()) == (pages["ada"], pages["ben"])
        return tuple("shown after the due date" not in pages[each] for each in ("ada", "ben"))  # type: ignore[return-value]  # of two

    assert seen(1) == (False, True)
    assert seen(8) == (True, True)


def test_pages_that_follow_wait_for_fresh_feedback_and_are_looked_through_a_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "_TOGETHER", 2)
    world = World(tmp_path)
    for student in ("ana", "ben", "eve"):
        world.submit(student)
        world.service.dispatch()
    world.service.publish()
    world.publisher.done.clear()
    world.publisher.older = ["ana", "ben", "eve", "somebody"]
    world.service.outbound.look_behind()
    world.submit("kim")
    world.service.dispatch()
    world.service.publish()
    assert world.publisher.done == [("publish", ("kim",)), ("renew", ("ana", "ben"))]
    world.submit("zoe")
    world.service.dispatch()
    world.service.publish()
    world.service.publish()
    assert world.publisher.done[2:] == [("publish", ("zoe",)), ("renew", ("eve",))]


def test_one_page_that_cannot_follow_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "_TOGETHER", 1)
    world = World(tmp_path)
    for student in ("ana", "ben"):
        world.submit(student)
        world.service.dispatch()
    world.service.publish()
    world.publisher.done.clear()
    world.publisher.older, world.publisher.odd = ["ana", "ben"], "ana"
    world.service.outbound.look_behind()
    world.service.publish()
    world.service.publish()
    assert world.publisher.done == [("renew", ("ben",))]


def test_a_page_about_a_record_that_is_replaced_meanwhile_is_not_written(
    place: Callable[..., Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = place()
    graded(here, ada=SECRET)
    page, render = here.paths.feedback("ada", "basics"), publisher.render_pages
    before = page.read_bytes()

    def beside_another_command(*arguments: Any) -> Iterator[tuple[str, str]]:
        for student, html in render(*arguments):
            next((here.store.root / "records").rglob("ada/present")).touch()
            yield student, f"{html}<!-- older -->"

    monkeypatch.setattr(publisher, "render_pages", beside_another_command)
    here.service.outbound.publisher.renew("basics", ["ada"])
    assert page.read_bytes() == before
    assert here.service.outbound.publisher.behind("basics") == ["ada"]


def test_pages_that_could_not_follow_do_so_later(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.submit()
    world.service.dispatch()
    world.service.publish()
    world.publisher.older = ["ana"]
    world.publisher.broken = OSError(28, "No space left on device")
    world.service.outbound.look_behind()
    world.service.publish()
    assert "No space left on device" in world.service.instructors_view().problems[0]
    world.publisher.broken = None
    world.publisher.done.clear()
    world.service.publish()
    assert world.publisher.done == [("renew", ("ana",))]
    assert world.service.instructors_view().problems == ()
