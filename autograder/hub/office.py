"""What the parts of the service share: course and store, what is kept and known, news, and the time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from autograder.batch.store import Store
from autograder.course.paths import CoursePaths
from autograder.course.settings import Course
from autograder.hub.books import Books
from autograder.hub.desk import Desk
from autograder.hub.events import Tell
from autograder.hub.news import News
from autograder.hub.results import Results
from autograder.hub.watcher import Clock


@dataclass
class Office:
    """One per service. `course` is another one after curves were applied; `stopped` is set when the service ends."""

    course: Course
    paths: CoursePaths
    store: Store
    desk: Desk
    results: Results
    books: Books
    news: News
    clock: Clock
    stopped: threading.Event = field(default_factory=threading.Event)


def open_office(course: Course, paths: CoursePaths, store: Store, clock: Clock, say: Callable[[str], None], tell: Tell) -> Office:
    """Over what is on disk. `say` hears what is odd there, `tell` what happens from now on."""
    desk = Desk(store.root / "hub", [each.id for each in course.assignments], say)
    results = Results(store, course.default_profile)
    return Office(course, paths, store, desk, results, Books(course, store, desk, results, clock), News(tell), clock)
