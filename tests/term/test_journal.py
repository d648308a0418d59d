"""Append-only files: concurrent writers, a kill in the middle of a line, and damage that must not pass silently."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.errors import UsageError
from autograder.term.journal import Journal
from tests.fuzz.mutations import fuzz


@dataclass(frozen=True)
class Note:
    number: int
    text: str = ""


@pytest.fixture
def journal(tmp_path: Path) -> Journal[Note]:
    return Journal(tmp_path / "store/notes.jsonl", Note)


def add(journal: Journal[Note], text: str = "", said: list[str] | None = None) -> Note | None:
    return journal.append(lambda notes: Note(len(notes) + 1, text), (said if said is not None else []).append)


def test_lines_stay_in_their_order(journal: Journal[Note]) -> None:
    assert journal.read() == ()
    for text in ("one", "two\nlines", "drei – ünïcode"):
        add(journal, text)
    assert journal.read() == (Note(1, "one"), Note(2, "two\nlines"), Note(3, "drei – ünïcode"))
    assert len(journal.file.read_text(encoding="utf-8").splitlines()) == 3


def test_nothing_is_written_when_making_fails_or_gives_nothing(journal: Journal[Note]) -> None:
    add(journal)
    before = journal.file.read_bytes()

    def refuse(notes: Sequence[Note]) -> Note:
        raise UsageError("no")

    with pytest.raises(UsageError):
        journal.append(refuse)
    assert journal.append(lambda _: None) is None
    assert journal.file.read_bytes() == before


@pytest.mark.parametrize("cut", [1, 5, 12])
def test_an_unfinished_last_line_does_not_count_and_is_set_aside_by_the_next_write(journal: Journal[Note], cut: int) -> None:
    add(journal, "kept")
    add(journal, "lost")
    whole = journal.file.read_bytes()
    unfinished = whole[: -1 - cut]
    journal.file.write_bytes(unfinished)
    said: list[str] = []
    assert journal.read(said.append) == (Note(1, "kept"),)
    assert "unfinished" in said[0]
    add(journal, "again", said)
    assert journal.read() == (Note(1, "kept"), Note(2, "again"))
    assert "set aside in 'notes.jsonl.damaged'" in said[1]
    aside = journal.file.with_name("notes.jsonl.damaged").read_bytes()
    assert aside == unfinished.partition(b"\n")[2] + b"\n"


def test_a_last_line_that_only_lacks_its_end_is_whole(journal: Journal[Note]) -> None:
    add(journal, "kept")
    journal.file.write_bytes(journal.file.read_bytes().rstrip(b"\n"))
    said: list[str] = []
    assert journal.read(said.append) == (Note(1, "kept"),)
    add(journal, "next", said)
    assert journal.read() == (Note(1, "kept"), Note(2, "next"))
    assert said == []


@pytest.mark.parametrize("line", [b'{"number": "x"}\n', b"\x00\x00\n", b"\n", b'{"number": 2, "te\n'])
def test_damage_anywhere_else_stops(journal: Journal[Note], line: bytes) -> None:
    add(journal)
    journal.file.write_bytes(line + journal.file.read_bytes())
    with pytest.raises(UsageError, match=r"Line 1 of 'notes\.jsonl' is damaged"):
        journal.read()
    with pytest.raises(UsageError, match="from a backup"):
        add(journal)


def test_a_line_of_zeros_at_the_end_is_set_aside(journal: Journal[Note]) -> None:
    """What some file systems leave after the machine lost power."""
    add(journal, "kept")
    with journal.file.open("ab") as stream:
        stream.write(b"\x00" * 40 + b"\n")
    assert journal.read() == (Note(1, "kept"),)
    add(journal, "next")
    assert journal.read() == (Note(1, "kept"), Note(2, "next"))


@fuzz(150)
@given(st.binary(max_size=60), st.integers(0, 60))
def test_whatever_follows_whole_lines_loses_none_of_them(tmp_path: Path, rest: bytes, cut: int) -> None:
    journal = Journal(tmp_path / "notes.jsonl", Note)
    journal.file.write_bytes(b'{"number": 1, "text": "kept"}\n' + (b'{"number": 2, "text": "half"' + rest.replace(b"\n", b""))[:cut])
    before = journal.read()
    assert before[0] == Note(1, "kept")
    add(journal, "next")
    assert journal.read() == (*before, Note(len(before) + 1, "next"))


def test_writers_at_the_same_time_lose_nothing(journal: Journal[Note]) -> None:
    program = f"""
from pathlib import Path
from tests.term.test_journal import Journal, Note, add
for _ in range(20):
    add(Journal(Path({str(journal.file)!r}), Note), "x" * 3000)
"""
    writers = [subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[2]) for _ in range(4)]
    assert [each.wait() for each in writers] == [0, 0, 0, 0]
    assert [each.number for each in journal.read()] == list(range(1, 81))
    assert all(json.loads(line)["text"] == "x" * 3000 for line in journal.file.read_text().splitlines())


def test_a_rewritten_file_has_the_lines_that_are_wanted_and_nothing_else(journal: Journal[Note]) -> None:
    for text in ("one", "two", "three"):
        add(journal, text)
    with journal.file.open("ab") as stream:
        stream.write(b'{"number": 4, "te')
    aside = journal.file.with_name("notes.jsonl.damaged")
    aside.write_text("two")
    wanted = {"one": Note(1, "one"), "two": None, "three": Note(3, "3")}
    assert journal.rewrite(lambda note: wanted[note.text]) == 2
    assert journal.read() == (Note(1, "one"), Note(3, "3"))
    assert not aside.exists()
    assert journal.rewrite(lambda note: note) == 0


def test_who_waited_while_the_file_was_replaced_writes_into_the_new_one(journal: Journal[Note], monkeypatch: pytest.MonkeyPatch) -> None:
    add(journal, "one")
    real, replaced = fcntl.flock, []

    def flock(descriptor: int, kind: int) -> None:
        real(descriptor, kind)
        if kind == fcntl.LOCK_EX and not replaced:  # as if it had waited for somebody who replaced the file
            replaced.append(True)
            journal.file.rename(journal.file.with_name("old"))
            journal.file.write_bytes(journal.file.with_name("old").read_bytes())

    monkeypatch.setattr(fcntl, "flock", flock)
    add(journal, "two")
    assert [note.text for note in journal.read()] == ["one", "two"]
