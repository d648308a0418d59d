"""Term grades: sums that a person can check, what is dropped, what stays open, and what contradicts itself in a configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder import Term
from autograder.course.loading import load_course
from autograder.errors import ConfigurationError
from autograder.term.grade import TermGrade, rounded, term_grade, term_grades
from autograder.term.score import Final, Line

NAMES = ("one", "two", "three", "four")


def final(assignment: str, score: float | None, of: float = 100, extra: float = 0.0, state: str = "scored", **other: object) -> Final:
    return Final("ana", assignment, state if score is None else "scored", score, of, extra=extra, final="d9", **other)  # type: ignore[arg-type]


def graded(term: Term, *scores: float | None, extra: float = 0.0) -> TermGrade:
    return term_grade("ana", term, [final(name, score, extra=extra, state="excused") for name, score in zip(NAMES, scores, strict=False)])


def states(grade: TermGrade) -> list[str]:
    return [part.state for part in grade.parts]


def test_the_weighted_mean_of_shares() -> None:
    found = term_grade("ana", Term(weights={"one": 1, "two": 3}), [final("one", 50), final("two", 8, of=10)])
    assert (found.grade, found.state, found.settled) == (72.5, "graded", True)
    assert [(line.what, line.points) for line in found.lines] == [("one", 12.5), ("two", 60.0), ("term", 72.5)]
    assert found.lines[1].why == "8 of 10 points, final (d9); weight 3 of 4"
    assert found.lines[-1].why == "of 100 points, the sum of these lines"


def test_an_excuse_leaves_the_weight_to_the_others() -> None:
    assert graded(Term(weights=dict(zip(NAMES, (1, 1, 2, 4), strict=True))), 40, None, 80, 90).grade == rounded((40 + 160 + 360) / 7, 2)


def test_who_is_excused_from_everything_has_no_grade() -> None:
    found = graded(Term(), None, None)
    assert (found.grade, found.state) == (None, "excused")
    assert found.lines[-1].why == "nothing counts: excused from everything"


@pytest.mark.parametrize("state", ["waiting", "unscored", "missing", "withheld"])
def test_what_nobody_knows_is_never_0(state: str) -> None:
    found = term_grade("ana", Term(drop_lowest=1), [final("one", 50), final("two", 60), final("three", None, state=state)])
    assert (found.grade, found.state, states(found)) == (None, "open", ["counts", "counts", "open"])
    assert found.lines[-1].why == "open, because of three"


def test_the_lowest_are_dropped_and_one_is_always_left() -> None:
    assert states(graded(Term(drop_lowest=1), 70, 40, 80)) == ["counts", "dropped", "counts"]
    assert states(graded(Term(drop_lowest=2), 70, 40, 80)) == ["dropped", "dropped", "counts"]
    assert states(graded(Term(drop_lowest=1), None, 40)) == ["excused", "counts"]
    assert states(graded(Term(drop_lowest=2), 50, 40, None)) == ["counts", "dropped", "excused"]


def test_the_lowest_is_so_by_share_of_its_points_and_ties_have_a_rule() -> None:
    found = term_grade("ana", Term(drop_lowest=1), [final("one", 30, of=100), final("two", 5, of=10)])
    assert states(found) == ["dropped", "counts"]
    assert states(graded(Term(drop_lowest=1), 50, 50)) == ["dropped", "counts"]
    assert states(graded(Term(weights={"one": 2, "two": 1}, drop_lowest=1), 50, 50)) == ["counts", "dropped"]


def test_what_is_never_dropped() -> None:
    assert states(graded(Term(drop_lowest=1, never_drop=["two"]), 70, 10, 60)) == ["counts", "counts", "dropped"]


def test_what_has_no_weight_may_be_open() -> None:
    found = term_grade("ana", Term(weights={"one": 1, "two": 0}), [final("one", 50), final("two", None, state="waiting")])
    assert (found.grade, states(found)) == (50.0, ["counts", "no weight"])


def test_extra_credit_is_capped_over_the_term() -> None:
    assert graded(Term(), 90, 80, extra=10).grade == 85.0
    capped = graded(Term(extra_at_most=4), 90, 80, extra=10)
    assert capped.grade == 79.0
    assert [(line.points, line.why) for line in capped.lines if line.what == "extra credit"] == [
        (4, "one 10, weight 1 of 2, two 10, weight 1 of 2: 10 of 100 points, of which at most 4 count")
    ]
    assert capped.lines[0] == Line("one", 40.0, "90 of 100 points, final (d9); 80 without extra credit; weight 1 of 2")
    assert graded(Term(extra_at_most=0), 110, 100, extra=10).grade == 95.0


def test_an_override_is_the_whole_score() -> None:
    """The extra credit of the sum that it replaced must not be taken out of it again."""
    overridden = final("one", 75, extra=10, lines=(Line("override", 75, "appeal"),))
    assert term_grade("ana", Term(extra_at_most=0), [overridden]).grade == 75.0


def test_it_is_settled_when_every_score_is_final() -> None:
    loose = Final("ana", "two", "scored", 60.0, 100.0)
    assert not term_grade("ana", Term(), [final("one", 50), loose]).settled
    assert term_grade("ana", Term(weights={"one": 1, "two": 0}), [final("one", 50), loose]).settled


@pytest.mark.parametrize(
    ("value", "decimals", "expected"), [(2.675, 2, 2.68), (0.5, 0, 1), (1.005, 2, 1.01), (84.4999, 0, 84), (7.25, 1, 7.3)]
)
def test_halves_go_up(value: float, decimals: int, expected: float) -> None:
    assert rounded(value, decimals) == expected


def test_where_something_was_rounded_the_last_line_says_so() -> None:
    assert graded(Term(), 70, 80, 85).lines[-1] == Line("term", 78.33, "of 100 points, the sum of these lines, rounded once from 78.3333")


def test_who_handed_nothing_in_at_all_stands_in_the_list() -> None:
    found = term_grades(Term(), {"one": [final("one", 50)], "two": []}, ["ana", "zoe"])
    assert [(each.student, each.state) for each in found] == [("ana", "open"), ("zoe", "open")]


@given(
    st.lists(st.one_of(st.none(), st.floats(0, 100)), min_size=1, max_size=4),
    st.integers(0, 3),
    st.floats(0, 20),
    st.one_of(st.none(), st.floats(0, 30)),
)
def test_a_grade_lies_between_its_bounds(scores: list[float | None], drop: int, extra: float, cap: float | None) -> None:
    with_extra = [None if each is None else each + extra for each in scores]
    found = graded(Term(drop_lowest=drop, extra_at_most=cap), *with_extra, extra=extra)
    known = [each for each in scores if each is not None]
    assert (found.grade is None) == (not known)
    if found.grade is not None:
        assert min(known) - 0.01 <= found.grade <= max(known) + min(extra, 1000.0 if cap is None else cap) + 0.01
        assert sum(part.state == "counts" for part in found.parts) == max(1, len(known) - drop)
        assert found.grade == pytest.approx(sum(line.points or 0 for line in found.lines[:-1]), abs=0.01)


def test_every_contradiction_is_listed_at_once(tiny: Path) -> None:
    config = tiny / "grading_config.py"
    text = config.read_text().replace("Limits, Profile", "Limits, Profile, Term")
    bad = 'term=Term(weights={"tinny": -1}, drop_lowest=2, never_drop=["x", "x"], extra_at_most=-1, points=0, decimals=9), timezone='
    config.write_text(text.replace("timezone=", bad, 1))
    with pytest.raises(ConfigurationError) as failed:
        load_course(tiny)
    said = str(failed.value)
    for words in (
        "'points' is 0",
        "'decimals' is 9",
        "'extra_at_most' is -1",
        "the weight of 'tinny' is -1",
        "Did you mean 'tiny'?",
        "never_drop: 'x' stands there twice",
        "never_drop: the course has no assignment 'x'",
        "weights: nothing is said about tiny",
        "weights: no assignment counts",
    ):
        assert words in said


@pytest.mark.parametrize(
    ("term", "words"),
    [
        ('Term(weights={"tiny": 1}, drop_lowest=1)', "none would be left (tiny)"),
        ('Term(drop_lowest=1, never_drop=["tiny"])', "only 0 may be dropped"),
        ('Term(weights={"tiny": 0}, never_drop=["tiny"])', "'tiny' has weight 0"),
        ("Term(weigths={})", "unknown key 'weigths'"),
        ('Term(weights={"tiny": "much"})', "'weights"),
    ],
)
def test_a_term_that_cannot_be_meant_is_refused(tiny: Path, term: str, words: str) -> None:
    config = tiny / "grading_config.py"
    config.write_text(
        config.read_text().replace("Limits, Profile", "Limits, Profile, Term").replace("timezone=", f"term={term}, timezone=", 1)
    )
    with pytest.raises(ConfigurationError) as failed:
        load_course(tiny)
    assert words in str(failed.value)
