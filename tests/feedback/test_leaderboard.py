"""The leaderboard: places, ties, names that look alike, and nothing on the page for students but what may be published."""

from __future__ import annotations

import pytest

from autograder.batch.contest import Entry
from autograder.feedback.leaderboard import distinct_names, leaderboard, leaderboard_address, render_leaderboard, shown_name
from autograder.feedback.report import render_report

from .samples import HOSTILE, read, record, report


def entry(student: str, pseudonym: str | None, value: float | None = 0.99, at: str = "2027-04-01", **other: str) -> Entry:
    return Entry(student, pseudonym, value, at, **other)


def page(*entries: Entry) -> str:
    return render_leaderboard(leaderboard(entries), "Convolutional digits", "Deep learning", "10 April 2027", "Contest accuracy")


def test_equal_values_share_a_place_and_the_next_one_is_left_out() -> None:
    found = leaderboard([entry("a", "Ada", 0.991), entry("b", "Bao", 0.995), entry("c", "Cleo", 0.99100001), entry("d", "Dana", 0.98)])
    assert [(each.rank, each.name, each.value) for each in found.places] == [
        (1, "Bao", "0.9950"),
        (2, "Ada", "0.9910"),
        (2, "Cleo", "0.9910"),
        (4, "Dana", "0.9800"),
    ]


def test_only_those_who_named_themselves_take_part() -> None:
    found = leaderboard([entry("a", None), entry("b", ""), entry("c", " \x00\u200b\u202e"), entry("d", "Dana")])
    assert ([each.name for each in found.places], found.silent, found.left_out) == (["Dana"], 3, ())


def test_withheld_and_unmeasured_entries_are_for_the_instructor_alone() -> None:
    entries = [
        entry("hana", "Hal", 1.0, audit="fell", withheld="waits for your decision: its audit says 'fell'"),
        entry("gus", "Gus", None),
    ]
    found = leaderboard([*entries, entry("ada", "Lovelace", audit="kept")])
    assert [(each.rank, each.name) for each in found.places] == [(1, "Lovelace")]
    assert [(each.student, each.why) for each in found.left_out] == [
        ("gus", "nothing was measured"),
        ("hana", "waits for your decision: its audit says 'fell'"),
    ]
    text = read(page(*entries, entry("ada", "Lovelace", audit="kept"))).text
    assert "Lovelace" in text
    assert not any(word in text for word in ("Hal", "hana", "Gus", "ada", "kept", "audit"))


def test_the_instructor_sees_which_entries_are_the_best_of_several_runs() -> None:
    entries = [Entry("ada", "Lovelace", 0.995, "2027-04-01", "kept", runs=3), entry("bao", "Curie")]
    assert [each.audit for each in leaderboard(entries).places] == ["kept; best of 3 runs", "not audited"]
    assert "best of" not in read(page(*entries)).text


@pytest.mark.parametrize("pseudonym", ["bao", "BAO", "b.a.o"])
def test_nobody_appears_under_the_id_of_a_student(pseudonym: str) -> None:
    found = leaderboard([entry("ada", pseudonym), entry("bao", None)])
    assert found.places == ()
    assert found.left_out[0].why == "the pseudonym is the id of a student"


def test_names_that_look_alike_are_told_apart_in_order_of_arrival() -> None:
    names = distinct_names(
        [
            entry("c", "ADA!", at="2027-04-03"),
            entry("a", "Ada", at="2027-04-01"),
            entry("b", "\uff21\uff44\uff41", at="2027-04-02"),
            entry("d", "Ada (2)", at="2027-04-04"),
            entry("e", "!!!", at="2027-04-05"),
            entry("f", "!!!", at="2027-04-06"),
        ]
    )
    assert names == {"a": "Ada", "b": "\uff21\uff44\uff41 (2)", "c": "ADA! (3)", "d": "Ada (2) (2)", "e": "!!!", "f": "!!! (2)"}


def test_names_have_thirty_characters_at_most_with_their_number_too() -> None:
    names = distinct_names([entry(str(at), "x" * 40) for at in range(12)])
    assert all(len(name) <= 30 for name in names.values())
    assert len(set(names.values())) == 12


def test_an_empty_leaderboard_says_so() -> None:
    assert "Nobody stands here yet." in read(page(entry("a", None))).text


def test_hostile_names_are_only_text() -> None:
    assert len(shown_name(HOSTILE)) <= 30
    for html in (page(entry("a", HOSTILE)), render_report(report(record(), contest="contest_accuracy", entries=[entry(HOSTILE, HOSTILE)]))):
        read(html)
        assert "<script" not in html
        assert "\x1b" not in html


def test_the_report_names_students_and_links_to_the_page() -> None:
    entries = [entry("ada", "Lovelace", audit="kept"), entry("hana", "Hal", withheld="withheld by the instructor"), entry("bao", None)]
    html = render_report(report(record(), contest="contest_accuracy", entries=entries))
    text = read(html).text
    assert "1 Lovelace 0.9900 ada kept" in text
    assert "hana Hal 0.9900 withheld by the instructor" in text
    assert "1 did not hand in a pseudonym" in text
    assert leaderboard_address("first_dense_network") in html


def test_without_a_contest_there_is_no_section() -> None:
    assert "Contest" not in read(render_report(report(record()))).text
