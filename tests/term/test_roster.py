"""Who is in the class: late joins, drops, students who come back, and lists that are mistakes."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from autograder.errors import UsageError
from autograder.term.names import called, pseudonym, read_names
from autograder.term.roster import RosterChange, compare, members, require_no_mistake, roster_journal
from autograder.term.students_csv import ClassList, Student

ADA, BO, EVA = Student("ada", "Ada", "Lovelace"), Student("bo", "Bo", "Li"), Student("eva")


ALL = frozenset(each.name for each in fields(Student))


def imported(*lists: list[Student], partial: bool = False) -> list[RosterChange]:
    changes: list[RosterChange] = []
    for day, listed in enumerate(lists, 1):
        changes.append(
            compare(members(changes), ClassList(tuple(listed), ALL), f"2027-01-{day:02d}T09:00:00+01:00", "garcia", "class.csv", partial)
        )
    return changes


def test_history_is_kept_with_dates() -> None:
    moved = Student("ada", "Ada", "Byron", section="B")
    changes = imported([ADA, BO], [ADA, BO, EVA], [moved, EVA], [moved, EVA, BO])
    found = members(changes)
    assert [each.id for each in changes[1].joined] == ["eva"]
    assert (changes[2].changed, changes[2].dropped) == ((moved,), ("bo",))
    assert found["ada"].student == moved
    assert [(what, at[:10]) for what, at in found["bo"].history] == [
        ("joined", "2027-01-01"),
        ("dropped", "2027-01-03"),
        ("joined", "2027-01-04"),
    ]
    assert all(each.active for each in found.values())
    assert not members(changes[:3])["bo"].active


def test_an_edited_file_still_gives_a_class() -> None:
    change = RosterChange("2027-01-01", "garcia", "class.csv", changed=(ADA,), dropped=("bo",))
    assert list(members([change])) == ["ada"]


def test_a_partial_list_drops_nobody() -> None:
    assert imported([ADA, BO], [EVA], partial=True)[1].dropped == ()


def test_a_list_that_lacks_much_of_the_class_is_asked_about() -> None:
    everybody = [Student(f"s{number}") for number in range(20)]
    known = members(imported(everybody))
    few = compare(known, ClassList(tuple(everybody[:14]), ALL), "2027-02-01", "garcia", "section_a.csv", partial=False)
    with pytest.raises(UsageError, match=r"6 of 20 students do not stand in 'section_a\.csv'.*Nothing was changed"):
        require_no_mistake(known, few, drop_many=False)
    require_no_mistake(known, few, drop_many=True)
    require_no_mistake(
        known, compare(known, ClassList(tuple(everybody[:16]), ALL), "2027-02-01", "garcia", "a.csv", False), drop_many=False
    )


def test_an_id_in_other_capitals_is_no_new_student() -> None:
    known = members(imported([ADA]))
    with pytest.raises(UsageError, match="differ in capitals only"):
        require_no_mistake(known, compare(known, ClassList((Student("ADA"),), ALL), "2027-02-01", "garcia", "a.csv", True), False)


def test_what_a_list_has_no_column_for_stays() -> None:
    """The registrar's second list has names only; sections and assistants came with the first."""
    known = members(imported([Student("ada", "Ada", "Lovelace", "ada@uni.es", "1001", "A", "kim"), BO]))
    names = ClassList((Student("ada", "Ada", "Byron"), BO), frozenset({"id", "first_name", "last_name"}))
    change = compare(known, names, "2027-02-01", "garcia", "names.csv", partial=False)
    assert change.changed == (Student("ada", "Ada", "Byron", "ada@uni.es", "1001", "A", "kim"),)
    emptied = ClassList((Student("ada", "Ada", "Lovelace"), BO), ALL - {"lms_id", "section"})  # a column that is there and empty
    change = compare(known, emptied, "2027-02-01", "garcia", "empty.csv", partial=False)
    assert change.changed == (Student("ada", "Ada", "Lovelace", "", "1001", "A", ""),)


@pytest.mark.parametrize(
    ("listed", "partial", "said"),
    [
        (Student("ada2", email="ADA@uni.es"), True, "'ada' and 'ada2' would have the same e-mail address in the roster, ADA@uni.es"),
        (Student("ada2", lms_id="1001"), True, "'ada' and 'ada2' would have the same LMS id in the roster, 1001. Nothing was changed"),
        (Student("bo", lms_id="1001"), True, "'ada' and 'bo' would have the same LMS id"),
        (Student("ada2", email="ada@uni.es"), False, ""),  # Ada drops
        (Student("bo", email="bo@uni.es"), True, ""),
    ],
)
def test_one_person_under_two_ids_is_refused(listed: Student, partial: bool, said: str) -> None:
    known = members(imported([Student("ada", email="ada@uni.es", lms_id="1001"), BO]))
    change = compare(known, ClassList((listed,), ALL), "2027-02-01", "garcia", "late.csv", partial)
    if not said:
        require_no_mistake(known, change, drop_many=False)
        return
    with pytest.raises(UsageError) as caught:
        require_no_mistake(known, change, drop_many=False)
    assert said in str(caught.value)


def test_names_and_pseudonyms(tmp_path: Path) -> None:
    assert read_names(tmp_path) == {}
    roster_journal(tmp_path).append(lambda _: imported([ADA, EVA])[0])
    names = read_names(tmp_path)
    assert (called(names, "ada"), called(names, "eva"), called(names, "zoe")) == ("Ada Lovelace (ada)", "eva", "zoe")
    one, other = pseudonym(b"secret", "ada"), pseudonym(b"another", "ada")
    assert one == pseudonym(b"secret", "ada")
    assert len({one, other, pseudonym(b"secret", "eva")}) == 3
    assert "ada" not in one.lower()
