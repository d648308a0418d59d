"""`autograder feedback`: one page for each student."""

from __future__ import annotations

import click

from autograder.cli.options import Common, common_options


@click.command()
@click.argument("assignment")
@click.option("--student", "students", metavar="ID", multiple=True, help="Only this student; may be given several times.")
@click.option("--gradebook", metavar="URL", help="Gradebook with the manual grades (default: the course's).")
@common_options
def feedback(common: Common, assignment: str, students: tuple[str, ...], gradebook: str | None) -> None:
    """Write the feedback pages of ASSIGNMENT from its records.

    They lie where nbgrader has them: feedback/<student>/<assignment>/<assignment>.html. Whose score is withheld gets none, and where the
    course says so (feedback_when) nobody does before people have marked.
    """
    from autograder.batch.plan import store_of
    from autograder.batch.store import choose_students
    from autograder.cli.gradebook import url_to_read
    from autograder.course.profile import find_assignment, resolve_profile
    from autograder.feedback.writing import write_feedback
    from autograder.gradebook.holding import held_back
    from autograder.gradebook.late import refresh_scores
    from autograder.term.scores import withheld_from

    profile = resolve_profile(common.course, find_assignment(common.course, assignment), common.profile)
    store = store_of(common.course, common.paths, common.store)
    chosen = choose_students(store, profile.name, assignment, students)
    url = url_to_read(common, gradebook)
    counts = profile.name == common.course.default_profile
    withheld = withheld_from(store, assignment, chosen)
    waiting = (
        {student: why for student, why in held_back(common.course, store, assignment, url).items() if student in chosen} if counts else {}
    )
    for student in {*withheld, *waiting}:
        common.paths.feedback(student, assignment).unlink(missing_ok=True)  # what was written before shows the score too
    for student in withheld:
        common.say(f"No page for {student}, whose score is withheld.")
    _tell_waiting(common, assignment, waiting)
    records = store.latest(profile.name, assignment, [student for student in chosen if student not in withheld and student not in waiting])
    finals = {each.student: each for each in refresh_scores(common.course, store, assignment, url)} if counts else {}
    pages = write_feedback(common.course, common.paths, assignment, profile, store, records, url, finals)
    common.write_json([str(page) for page in pages])
    common.say(f"{len(pages)} feedback page(s){f', the first: {pages[0]}' if pages else ''}")


def _tell_waiting(common: Common, assignment: str, waiting: dict[str, str]) -> None:
    """By reason, so that a class in which nothing is marked yet is one line."""
    reasons: dict[str, list[str]] = {}
    for student, why in waiting.items():
        reasons.setdefault(why, []).append(student)
    for why, students in reasons.items():
        some = ", ".join(students[:5]) + (f" and {len(students) - 5} more" if len(students) > 5 else "")
        common.say(f"No page yet for {some}: {why}.")
    if waiting:
        common.say(f"So says feedback_when. Who has marked what: autograder marking progress {assignment}")
