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

    They lie where nbgrader has them: feedback/<student>/<assignment>/<assignment>.html.
    """
    from autograder.batch.plan import store_of
    from autograder.batch.store import choose_students
    from autograder.course.profile import find_assignment, resolve_profile
    from autograder.feedback.writing import write_feedback
    from autograder.gradebook.late import refresh_scores
    from autograder.gradebook.location import gradebook_url
    from autograder.term.scores import withheld_from

    profile = resolve_profile(common.course, find_assignment(common.course, assignment), common.profile)
    store = store_of(common.course, common.paths, common.store)
    chosen = choose_students(store, profile.name, assignment, students)
    withheld = withheld_from(store, assignment, chosen)
    for student in withheld:
        common.paths.feedback(student, assignment).unlink(missing_ok=True)  # what was written before shows the score too
        common.say(f"No page for {student}, whose score is withheld.")
    records = store.latest(profile.name, assignment, [student for student in chosen if student not in withheld])
    url = gradebook_url(common.paths, gradebook)
    counts = profile.name == common.course.default_profile
    finals = {each.student: each for each in refresh_scores(common.course, store, assignment, url)} if counts else {}
    pages = write_feedback(common.course, common.paths, assignment, profile, store, records, url, finals)
    common.write_json([str(page) for page in pages])
    common.say(f"{len(pages)} feedback page(s){f', the first: {pages[0]}' if pages else ''}")
