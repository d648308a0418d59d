"""What the commands about marking share: what there is to mark, by whom, and the journal of what was said about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

from autograder.cli.options import Common

if TYPE_CHECKING:
    from autograder.batch.store import Store
    from autograder.term.marking import Marking, Part


def opened(common: Common, assignment: str) -> tuple[Store, list[Part], Marking]:
    """The store, what there is to mark, and who marks it. Raises UsageError for an assignment that is not graded yet."""
    from autograder.batch.plan import store_of
    from autograder.batch.store import choose_students
    from autograder.course.profile import find_assignment
    from autograder.gradebook.late import hand_grades
    from autograder.gradebook.location import gradebook_url
    from autograder.term.marking import marking_journal, marking_of, parts_of
    from autograder.term.scores import facts_by_student

    find_assignment(common.course, assignment)
    store = store_of(common.course, common.paths, common.store)
    choose_students(store, common.course.default_profile, assignment, ())
    parts = parts_of(facts_by_student(common.course, store, assignment, hand_grades(gradebook_url(common.paths), assignment)))
    return store, parts, marking_of(marking_journal(store.root).read(warn), assignment)


def warn(text: str) -> None:
    """Says it on standard error."""
    click.echo(text, err=True)


def write(common: Common, store: Store, kind: Literal["allocate", "sample"], assignment: str, markers: dict[str, str]) -> None:
    """Adds a line about who marks whom, by whoever types."""
    from autograder.term.dates import now_in, who_am_i
    from autograder.term.marking import MarkingEntry, marking_journal

    entry = MarkingEntry(kind, now_in(common.course.timezone), who_am_i(), assignment, markers)
    marking_journal(store.root).append(lambda _: entry, warn)
