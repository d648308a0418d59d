"""The whole thing: JupyterHub, its proxy, users' servers under their own accounts, nbgrader's exchange, the service, a browser."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from autograder.errors import UsageError
from autograder.hub import accounts, demo_plan
from tests.hub import real
from tests.hub.conftest import SCRIPT
from tests.hub.real import LONG_MS, PREFIX, Hub

pytestmark = pytest.mark.hub

AS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="needs accounts of its own: run as root")
CONTEST = "convolutional_digits"
MARKUP = "<img src=x onerror=alert(9)>"  # as a pseudonym, which may have 30 characters

# What a student writes who only takes part in the contest, in seconds.
_CONTEST_ANSWERS = {
    "train_contest": """contest = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(10, activation="softmax")])
contest.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
contest_history = contest.fit(x_train[..., None] / 255, y_train, epochs=3, validation_split=0.2, verbose=0)""",
    "write_pseudonym": f'pseudonym = "{MARKUP}"',
}


# --- a student --------------------------------------------------------------------------------------------------------


def test_people_sign_in_and_see_their_assignments(people: dict[str, Any], hub: Hub) -> None:
    page = people["bo"]
    page.goto(hub.page())
    assert page.locator("header").inner_text().count(hub.name("bo"))
    assert page.get_by_role("article").count() == 5
    assert page.get_by_role("link", name="Class").count() == 0


def test_students_have_no_menus_of_instructors(people: dict[str, Any], hub: Hub) -> None:
    settings = real.open_jupyterlab(people["bo"], hub, "bo")
    off = set(settings["disabledExtensions"])
    assert {"@jupyter/nbgrader:formgrader", "@jupyter/nbgrader:create-assignment"} <= off
    assert "@jupyter/nbgrader:assignment-list" not in off
    assert people["bo"].goto(f"{hub.plan.address}user/{hub.name('bo')}/formgrader").status == 404


def test_a_student_checks_the_notebook_in_jupyterlab(people: dict[str, Any], hub: Hub) -> None:
    page, assignment = people["bo"], hub.plan.assignment
    real.open_jupyterlab(page, hub, "bo")
    real.fetch(page, hub, "bo", assignment)
    cells = [
        "from autograder.checks import expect_equal\nfrom autograder.student import doctor, hand_in",
        "count = 3\nexpect_equal(count, 3, 'The count')",
        "hand_in('count')",
        f"doctor('{assignment}/{assignment}.ipynb')",
    ]
    notebook = {"cells": [real.code(each) for each in cells], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    notebook["metadata"] = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    real.save(page, hub, "bo", "check.ipynb", notebook)
    page.goto(f"{hub.plan.address}user/{hub.name('bo')}/lab/tree/check.ipynb", timeout=LONG_MS)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=LONG_MS)  # before that the menu does nothing
    page.locator(".jp-Notebook .jp-Cell").first.click()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    outputs = page.locator(".jp-OutputArea-output", has=page.locator("table"))
    outputs.filter(has_text=f"{assignment}.ipynb, as it was saved").wait_for(timeout=LONG_MS)
    checked, handed_in, doctor = outputs.all_inner_texts()
    assert "✓" in checked
    assert "count" in handed_in
    assert "13 cells still have their placeholder" in doctor
    page.get_by_role("button", name="Validate").click()  # it looks at what is saved, and trains nothing
    page.locator(".jp-Dialog", has_text="Validation Results").wait_for(timeout=LONG_MS)
    page.get_by_role("button", name="Ok", exact=True).click()
    found = real.send(page, f"/user/{hub.name('bo')}/assignments/validate", {"path": f"{assignment}/{assignment}.ipynb"})
    assert "13 cells still have their placeholder" in found["value"]


def test_a_receipt_comes_at_once(submitted: tuple[str, float], people: dict[str, Any], hub: Hub) -> None:
    receipt, seconds = submitted
    print(f"receipt after {seconds:.1f} s")
    people["ana"].goto(hub.page(f"submission/{receipt}"))
    assert re.fullmatch(r"[0-9a-f]{64}", people["ana"].locator("code.digest").inner_text())


def test_the_queue_is_watched_on_a_page_that_follows_by_itself(watched: list[str]) -> None:
    assert watched[-1] == "Graded"
    assert {"Queued", "Running"} & {*watched[:-1]}, watched


def test_the_result_comes_by_itself(graded: str, people: dict[str, Any], hub: Hub) -> None:
    page = people["ana"]
    page.goto(hub.page(f"assignment/{hub.plan.assignment}"))
    page.get_by_role("heading", name="Score").wait_for(timeout=LONG_MS)
    page.locator("iframe").scroll_into_view_if_needed()
    page.frame_locator("iframe").locator("text=Points and checks").wait_for(timeout=LONG_MS)


def test_the_feedback_can_be_fetched_with_nbgraders_button(graded: str, people: dict[str, Any], hub: Hub) -> None:
    page = people["ana"]
    real.open_jupyterlab(page, hub, "ana")
    done = real.send(
        page,
        f"/user/{hub.name('ana')}/assignments/fetch_feedback",
        {"course_id": hub.plan.course, "assignment_id": hub.plan.assignment},
    )
    assert done["success"], done
    home = hub.plan.home(hub.name("ana"))
    assert list(home.glob(f"{hub.plan.assignment}/feedback/*/*.html")), [*map(str, home.rglob("*feedback*"))]


# --- the instructor ---------------------------------------------------------------------------------------------------


def test_the_instructor_sees_the_class(graded: str, people: dict[str, Any], hub: Hub) -> None:
    page = people["garcia"]
    page.goto(hub.page())
    page.get_by_role("link", name="Class").click()
    page.get_by_role("link", name="First dense network").click()
    page.get_by_role("heading", name="Tests, hardest first").wait_for()
    page.get_by_role("link", name=hub.name("ana")).click()
    page.get_by_role("heading", name="Record").wait_for()


def test_a_script_in_a_notebooks_output_does_nothing(graded: str, people: dict[str, Any], hub: Hub) -> None:
    page = people["garcia"]
    page.goto(hub.page(f"teach/submission/{graded}"))
    for title in ("Feedback for", "Notebook of"):
        frame = page.locator(f"iframe[title^='{title}']")
        frame.scroll_into_view_if_needed()
        frame.content_frame.get_by_text(SCRIPT).first.wait_for(timeout=LONG_MS)
    for path in (f"teach/notebook/{graded}", f"teach/feedback/{graded}"):
        page.goto(hub.page(path))
        page.get_by_text(SCRIPT).first.wait_for()
    people["ana"].goto(hub.page(f"feedback/{hub.plan.assignment}"))
    people["ana"].get_by_text(SCRIPT).first.wait_for()
    assert page.ran == people["ana"].ran == []


def test_the_instructor_grades_it_again(graded: str, people: dict[str, Any], hub: Hub) -> None:
    page = people["garcia"]
    page.goto(hub.page(f"teach/submission/{graded}"))
    page.get_by_role("button", name="Grade it again").click()
    page.get_by_text("It is in the queue again.").wait_for()
    page.locator("#live .tag.good").wait_for(timeout=LONG_MS)


def test_the_instructor_tries_a_curve_out_and_applies_the_configurations(graded: str, people: dict[str, Any], hub: Hub) -> None:
    page = people["garcia"]
    page.goto(hub.page(f"teach/curves/{hub.plan.assignment}"))
    page.get_by_label("Another curve").fill("0.5: 0, 0.6: 1")
    page.get_by_role("button", name="Show what it does").click()
    page.get_by_role("heading", name="What it does").wait_for()
    assert '"test_accuracy": Curve({0.5: 0, 0.6: 1}),' in page.locator("pre.line").inner_text()
    config = hub.plan.course_folder / "grading_config.py"
    text = config.read_text(encoding="utf-8")
    assert text.count("Curve({0.80: 0, 0.88: 1})") >= 1
    config.write_text(text.replace("Curve({0.80: 0, 0.88: 1})", "Curve({0.5: 0, 0.6: 1})", 1), encoding="utf-8")
    page.goto(hub.page(f"teach/curves/{hub.plan.assignment}"))
    page.get_by_role("button", name="Apply the curves").click()
    page.get_by_text("The curves are in force").wait_for()
    assert page.get_by_role("button", name="Apply the curves").count() == 0


def test_the_instructor_decides_and_the_student_sees_it(graded: str, people: dict[str, Any], hub: Hub) -> None:
    page = people["garcia"]
    page.goto(hub.page(f"teach/submission/{graded}"))
    page.get_by_role("link", name="Decide").click()
    page.locator("input[name=until]").fill("2027-02-20T23:59")
    page.locator(".fields input[name=why]").fill("in hospital")
    page.get_by_role("button", name="Write it into the ledger").click()
    page.get_by_text("d1 is in the ledger").wait_for()
    people["ana"].goto(hub.page(f"assignment/{hub.plan.assignment}"))
    assert "20 February 2027, 23:59" in people["ana"].locator("#live").inner_text()
    assert "hospital" not in people["ana"].content()


def test_the_instructor_exports(graded: str, people: dict[str, Any], hub: Hub) -> None:
    page = people["garcia"]
    page.goto(hub.page(f"teach/exports/{hub.plan.assignment}"))
    page.locator("select[name=form]").select_option("junit")
    page.get_by_role("button", name="Make the file").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert hub.name("ana") in Path(download.value.path()).read_text(encoding="utf-8")


def test_the_instructor_opens_formgrader(people: dict[str, Any], hub: Hub) -> None:
    page = people["garcia"]
    page.goto(hub.page("teach"))
    page.get_by_role("link", name="Formgrader", exact=True).click()
    page.wait_for_url(re.compile(f"/user/{hub.name('garcia')}/formgrader/manage_assignments"), timeout=LONG_MS)
    page.get_by_text("Manage Assignments").first.wait_for(timeout=LONG_MS)


def test_formgraders_autograde_button_asks_the_service(graded: str, people: dict[str, Any], hub: Hub) -> None:
    page = people["garcia"]
    page.goto(f"{hub.plan.address}hub/user-redirect/formgrader", timeout=LONG_MS)
    page.wait_for_url(re.compile(f"/user/{hub.name('garcia')}/formgrader"), timeout=LONG_MS)
    address = f"/user/{hub.name('garcia')}/formgrader/api/submission/{hub.plan.assignment}/{hub.name('ana')}/autograde"
    asked = real.send(page, address, {})
    assert asked["success"], asked
    assert "Not graded yet" in asked["log"]
    assert f"/{PREFIX}teach/submission/{graded}" in asked["log"]


# --- both -------------------------------------------------------------------------------------------------------------


@AS_ROOT
def test_a_contest_from_release_to_leaderboard_where_a_name_is_markup(people: dict[str, Any], hub: Hub) -> None:
    """Released in formgrader, handed in by Ana, admitted by the instructor; what she calls herself is text to whoever sees it."""
    teacher, student = people["garcia"], people["ana"]
    teacher.goto(f"{hub.plan.address}hub/user-redirect/formgrader", timeout=LONG_MS)
    teacher.wait_for_url(re.compile(f"/user/{hub.name('garcia')}/formgrader"), timeout=LONG_MS)
    for button in ("assign", "release"):
        done = real.send(teacher, f"/user/{hub.name('garcia')}/formgrader/api/assignment/{CONTEST}/{button}", {})
        assert done["success"], done
    real.open_jupyterlab(student, hub, "ana")
    real.fetch(student, hub, "ana", CONTEST)
    answers = hub.notebook(CONTEST, _CONTEST_ANSWERS, start="release")
    real.save(student, hub, "ana", f"{CONTEST}/{CONTEST}.ipynb", answers)
    real.submit(student, hub, "ana", CONTEST)
    receipt, _ = real.newest_receipt(student, hub, CONTEST)
    real.until_graded(student, hub, receipt)
    assert student.goto(hub.page(f"board/{CONTEST}")).status == 404  # nobody has looked at her entry yet

    command = [sys.executable, "-m", "autograder.cli", "report", CONTEST, "--admit", hub.name("ana")]
    subprocess.run(command, check=True, cwd=hub.plan.course_folder, capture_output=True)
    owner = hub.plan.course_folder.stat()
    for place, folders, files in os.walk(hub.plan.course_folder):
        for name in (*folders, *files):
            with suppress(FileNotFoundError):  # the service is at work there: partial files and logs of the gradebook come and go
                os.chown(Path(place, name), owner.st_uid, owner.st_gid, follow_symlinks=False)
    teacher.goto(hub.page(f"teach/submission/{receipt}"))
    teacher.get_by_role("button", name="Grade it again").click()
    teacher.get_by_text("It is in the queue again.").wait_for()
    student.goto(hub.page(f"assignment/{CONTEST}"))
    student.get_by_role("link", name="Leaderboard").click(timeout=LONG_MS)
    student.locator("#live tbody th", has_text=MARKUP).wait_for()
    assert people["bo"].goto(hub.page(f"board/{CONTEST}")).status == 404  # for those who take part
    for path in (f"teach/submission/{receipt}", f"teach/notebook/{receipt}", f"teach/report/{CONTEST}"):
        assert teacher.goto(hub.page(path)).status == 200
    assert [people[who].ran for who in people] == [[], [], []]


def test_the_hub_and_the_service_know_no_secret_in_their_logs(graded: str, hub: Hub) -> None:
    token = hub.plan.token_file.read_text(encoding="utf-8")
    for name in ("hub", "service"):
        assert token not in hub.log(name)
        assert not [password for password in hub.plan.passwords.values() if password in hub.log(name)]


@AS_ROOT
def test_a_second_demo_takes_neither_folder_nor_accounts_of_the_first(hub: Hub, people: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="A demo runs in"):
        demo_plan.prepare(hub.plan.root, 0, hub.plan.assignment, Path(hub.plan.proxy[1]), True)
    assert hub.plan.course_folder.is_dir()
    names = [f"{each.partition('-')[0]}-demo" for each in hub.plan.users]
    assert not {*accounts.free_names(names)} & {*hub.plan.users}
