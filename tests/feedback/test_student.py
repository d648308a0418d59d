"""The student's page: what stands there, and what must never."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest

from autograder.feedback.student import FeedbackPage, ManualGrade, render_feedback
from autograder.records import Evidence, FirstError, Flag, GradeCell, Outcome, RunReference, Usage

from .samples import (
    HOSTILE,
    PNG,
    accuracy_test,
    code,
    confusion,
    display,
    error,
    grade_cells,
    history,
    markdown,
    notebook,
    page,
    read,
    record,
    result,
    stream,
    unscored,
)


def text_of(**changes: Any) -> str:
    """All text of a page."""
    return read(render_feedback(page(**changes))).text


def cell_of(*tests: Any, **changes: Any) -> Any:
    """A record with one cell of these tests."""
    return record(grade_cells=(replace(GradeCell("model", 5, 10, False, tests), **changes),))


def test_the_page_says_what_matters() -> None:
    text = text_of()
    for words in (
        "First dense network", "ada", "66.26 of 90 points", "10 more points wait for your instructor: Explain what you see.",
        "Your notebook ran from the first cell to the last.", "Build the model", "Layers have the right parameter counts",
        "Is its bias missing?", "Hint: A Dense layer", "54 % of its points", "points begin at 0.85, full points from 0.9",
        "training 0.4946", "validation 0.483", "hidden examples are right", "ran for 48 s", "1.3 GiB", "(50000, 784) float32",
    ):  # fmt: skip
        assert words in text, words


@pytest.mark.parametrize(
    ("first", "title"),
    [
        (markdown("Before you start\n\n# What a *hidden* layer buys\n\n## Data"), "What a hidden layer buys"),
        (markdown("# My own title", solution=True, grade_id="words"), "First dense network"),
        (code("# no heading"), "First dense network"),
    ],
    ids=["the instructor's", "the student's", "none"],
)
def test_the_title_is_that_of_the_notebook(first: dict[str, Any], title: str) -> None:
    html = render_feedback(page(notebook=notebook(first, code("x = 1"))))
    assert f"<h1>{title}</h1>" in html
    assert f"<title>{title} · feedback for ada</title>" in html


@pytest.mark.parametrize(
    ("gpu", "said"), [("NVIDIA H100, 0.25", "of memory, on NVIDIA H100, 0.25."), ("none (fell back to the CPU)", "of memory.")]
)
def test_only_a_gpu_that_was_used_is_named(gpu: str, said: str) -> None:
    text = text_of(record=record(usage=Usage(48.2, 81.0, 74.5, 1320.0, gpu)))
    assert said in text
    assert "fell back" not in text


@pytest.mark.parametrize(("runs", "said"), [(1, ""), (2, "ran twice, each time"), (3, "ran three times, each time")])
def test_a_notebook_that_ran_more_than_once_is_explained(runs: int, said: str) -> None:
    known = record(runs=tuple(RunReference(f"run{index}", index, index == runs - 1) for index in range(runs)))
    text = text_of(record=known)
    assert ("luck could decide" in text) is bool(said)
    assert said in text
    assert "the best run counts" not in text_of(record=replace(unscored(outcome="infra_error"), runs=known.runs))


def test_the_page_is_the_same_every_time() -> None:
    assert render_feedback(page()) == render_feedback(page())


def test_hints_only_where_something_failed() -> None:
    assert "Because." not in text_of(record=cell_of(result("test_a", hint="Because.")))
    assert "Because." in text_of(record=cell_of(result("test_a", 0.0, hint="Because.")))
    assert "Because." in text_of(record=cell_of(result("test_a", 0.5, hint="Because.")))


# --- visibility -------------------------------------------------------------------------------------------------------


def test_flags_are_never_shown() -> None:
    shown = text_of(record=record(flags=(Flag("copied_from", "bao's notebook, cell 7"),)))
    assert "bao" not in shown
    assert "opied" not in shown
    assert "flag" not in shown.lower()


@pytest.mark.parametrize("after_due", [False, True])
def test_instructor_tests_are_never_shown(after_due: bool) -> None:
    secret = result("test_secret_name", 0.0, "secret message", hint="secret hint", visibility="instructor", measured={"secret_metric": 0.5})
    shown = render_feedback(page(record=cell_of(secret, result("test_open")), after_due=after_due))
    assert "ecret" not in shown
    assert "Not every check of this part is shown." in shown


def test_after_due_tests_wait_for_the_flag() -> None:
    later = [result(f"test_later_{at}", 0.0, "later message", hint="later hint", visibility="after_due") for at in range(2)]
    waiting = text_of(record=cell_of(*later, result("test_now")))
    assert "2 more checks are shown after the due date (12 February 2027, 23:59)." in waiting
    assert "later" not in waiting.replace("graded_later", "")
    shown = text_of(record=cell_of(*later, result("test_now")), after_due=True)
    assert "Later 0" in shown
    assert "later message" in shown
    assert "after the due date" not in shown


def test_arguments_of_tests_are_not_shown() -> None:
    tests = [result(f"test_f.py::test_size[{argument}-secret]", 1.0) for argument in (28, 7)]
    shown = text_of(record=cell_of(*tests))
    assert "Size (case 1 of 2)" in shown
    assert "secret" not in shown
    assert "test_f.py" not in shown


def test_a_broken_check_says_so_and_nothing_of_the_grader() -> None:
    broken = result("test_accuracy", None, "KeyError in /srv/graders: label 7", hint="secret", passed=False)
    shown = text_of(record=cell_of(broken, score=None))
    assert "This check is itself broken." in shown
    assert "srv" not in shown
    assert "secret" not in shown


# --- scores -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", get_args(Outcome))
def test_every_outcome_has_its_sentence(outcome: Outcome) -> None:
    text = text_of(record=record(outcome=outcome, first_error=FirstError("accuracy", "NameError", "name 'x' is not defined")))
    assert "First error: NameError in Train it" in text
    assert "no value at this point" in text


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"outcome": "unreadable", "reason": "it is not JSON"}, "could not be read"),
        ({"outcome": "rejected", "reason": "no notebook found"}, "was not accepted"),
        ({"outcome": "infra_error", "reason": "/srv is full"}, "will try again"),
        ({"grading": "grader_error", "grading_reason": "KeyError"}, "your instructor's to mend"),
        ({"grading": "not_graded", "grading_reason": "needs execution"}, "not been graded yet"),
    ],
)
def test_unscored_is_said_with_its_reason_and_is_not_0(changes: dict[str, Any], why: str) -> None:
    text = text_of(record=unscored(**changes), notebook=None, evidence=Evidence())
    assert "Not scored yet" in text
    assert why.lower() in text.lower()
    assert " 0 of" not in text
    for private in ("/srv", "KeyError", "needs execution"):
        assert private not in text


def test_unreadable_waits_for_nobody() -> None:
    assert "wait for your instructor" not in text_of(record=unscored(outcome="unreadable"), notebook=None)


def test_what_a_person_graded() -> None:
    manual = {"explanation": ManualGrade(8, 1, "Good.\nWhy?"), "accuracy": ManualGrade(30), "prepared_data": None}
    text = text_of(manual=manual)
    assert "With what your instructor graded: 89 of 100 points" in text
    assert "8 of 10 + 1" in text
    assert "Your instructor writes: Good. Why?" in text
    assert "Your instructor changed this score; the checks alone give 16.26." in text
    assert "wait for your instructor" not in text


def test_a_record_without_anything() -> None:
    bare = record(grade_cells=(), score=0.0, max_score=0.0, usage=Usage(), submitted_at=None, attempt=1)
    text = read(render_feedback(FeedbackPage(bare))).text
    assert "0 of 0 points" in text
    assert "Time and memory" not in text


# --- the notebook -----------------------------------------------------------------------------------------------------


def test_outputs_as_text_and_nothing_else() -> None:
    html = display(text_html="<b>bold</b>", text_plain="plain table")
    svg = display(**{"image_svg+xml": "<svg onload=alert(1)></svg>"})
    shown = read(render_feedback(page(notebook=notebook(code("1", html, svg, display(image_png="no image"), display(image_png=PNG))))))
    assert "plain table" in shown.text
    assert "bold" not in shown.text
    assert "An output of a kind that is not shown here." in shown.text
    assert "An image that cannot be shown here." in shown.text
    assert shown.tags.count("img") == 1


def test_errors_without_colours() -> None:
    shown = render_feedback(page(notebook=notebook(code("1/0", error("ZeroDivisionError", "division by zero")))))
    assert "\x1b" not in shown
    assert "[0;31m" not in shown
    assert "ZeroDivisionError: division by zero" in shown


def test_prints_that_follow_each_other_are_one_output() -> None:
    shown = read(render_feedback(page(notebook=notebook(code("1", *[stream(f"{at}\n") for at in range(200)])))))
    assert "Printed, 200 lines" in shown.text


def test_the_students_markdown_is_plain_text_and_the_instructors_headings_only() -> None:
    answer = markdown("Because **it** [links](javascript:alert(1)) <b>x</b>", solution=True, grade_id="why")
    text = text_of(notebook=notebook(markdown("Prose\n# Task `one`\nmore prose\n```\n# no heading\n```"), answer))
    assert "Because **it** [links](javascript:alert(1)) <b>x</b>" in text
    assert "Task one" in text
    assert "prose" not in text.lower()
    assert "no heading" not in text


def test_giant_notebooks_stay_bounded() -> None:
    giant = notebook(*[code("x" * 10**6, stream("y" * 10**6), *[display(text_plain="z" * 500)] * 500) for _ in range(100)])
    html = render_feedback(page(notebook=giant))
    assert len(html) < 8_000_000
    assert "The rest of the notebook is too long to be shown here." in html
    assert "more characters)" in html
    assert len(render_feedback(page(notebook=notebook(*[code("1")] * 5_000)))) < 500_000


@pytest.mark.parametrize(
    "broken",
    [
        {}, {"cells": None}, {"cells": "x"}, {"cells": [None, 1, {}]}, {"cells": [{"cell_type": "code", "source": 5, "outputs": {}}]},
        {"cells": [{"cell_type": "code", "metadata": [], "outputs": [None, {}, {"output_type": "error", "traceback": "t", "ename": 3}]}]},
        {"cells": [{"cell_type": "code", "outputs": [{"output_type": "stream", "text": [1, "a"], "name": ["x"]}]}]},
        {"cells": [{"cell_type": "code", "metadata": {"nbgrader": 7}, "outputs": [{"output_type": "display_data", "data": [1]}]}]},
        {"cells": [{"cell_type": "markdown", "metadata": {"nbgrader": {"grade_id": [1], "solution": 1}}}]},
        {"cells": [{"cell_type": ["code"]}, {"cell_type": "code", "outputs": [{"output_type": "error", "evalue": {"a": 1}}]}]},
    ],
)  # fmt: skip
def test_malformed_notebooks(broken: dict[str, Any]) -> None:
    read(render_feedback(page(notebook=broken)))


def test_extra_credit_stands_on_top_of_the_points() -> None:
    text = text_of(record=record(grade_cells=(*grade_cells(), GradeCell("contest_points", 1.5, 4, False, (result("test_contest"),), True))))
    assert "of 90 points automatic part, and 1.5 of extra credit on top" in text
    assert "1.5 of 4 extra" in text
    assert "extra" not in text_of(record=record())


# --- hostile ----------------------------------------------------------------------------------------------------------


def hostile_page() -> FeedbackPage:
    """Everything that a student or a message can hold, hostile."""
    cells = (
        GradeCell(HOSTILE, 1, 2, False, (result(f"test_{HOSTILE}", 0.0, HOSTILE, hint=HOSTILE, measured={HOSTILE: 0.5}),)),
        GradeCell("manual", None, 2, True),
    )
    outputs = [
        stream(HOSTILE), error(HOSTILE, HOSTILE), display(text_plain=HOSTILE, text_html=HOSTILE),
        display(image_png=f'" onerror="{HOSTILE}'),
        stream(HOSTILE, HOSTILE), display(image_png=PNG, text_html=HOSTILE),
    ]  # fmt: skip
    cell = code(HOSTILE, *outputs, solution=True, grade_id=HOSTILE)
    hostile = record(
        student=HOSTILE, assignment=HOSTILE, submitted_at=HOSTILE, reason=HOSTILE, outcome="timed_out", grade_cells=cells,
        first_error=FirstError(HOSTILE, HOSTILE, HOSTILE), usage=Usage(1, 1, 1, 1, HOSTILE),
    )  # fmt: skip
    return FeedbackPage(
        record=hostile, course_title=HOSTILE, notebook=notebook(markdown(f"# {HOSTILE}"), cell, markdown(HOSTILE, solution=True)),
        evidence=Evidence({HOSTILE: {HOSTILE: (1.0, 2.0), **history()}}, {HOSTILE: confusion()}),
        manual={"manual": ManualGrade(1, 0, HOSTILE)}, after_due=True, due=HOSTILE,
    )  # fmt: skip


def test_hostile_content_is_only_text() -> None:
    html = render_feedback(hostile_page())
    shown = read(html)
    assert "<script" not in html
    assert "\x1b" not in html
    assert "\x00" not in html
    assert html.count("</style>") == 1
    assert "<script>alert(1)</script>" in shown.text
    assert shown.tags.count("img") == 1


def test_the_policy_forbids_everything_but_style_and_data_images() -> None:
    shown = read(render_feedback(page()))
    (policy,) = (value for tag, name, value in shown.attributes if tag == "meta" and value.startswith("default-src"))
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")


def test_links_lead_to_cells_that_are_there() -> None:
    shown = read(render_feedback(page(record=record(first_error=FirstError("output_size", "NotImplementedError", "")))))
    anchors = {value for _, name, value in shown.attributes if name == "id"}
    targets = [value[1:] for tag, name, value in shown.attributes if tag == "a" and name == "href"]
    assert len(targets) >= 5
    assert set(targets) <= anchors


def test_no_message_for_a_metric_that_is_nan() -> None:
    test = replace(accuracy_test(0.5, 0.0), measured={"test_accuracy": None})
    assert "test accuracy: not a finite number" in text_of(record=cell_of(test))


def test_sample_cells_are_consistent() -> None:
    assert sum(cell.max_score for cell in grade_cells()) == 100
