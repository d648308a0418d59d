"""The demo runs at whatever level of isolation the machine offers, and says so."""

from __future__ import annotations

from pathlib import Path

from autograder.records import Record, from_json


def test_without_bubblewrap_the_demo_takes_the_next_level(demo: tuple[Path, str]) -> None:
    folder, said = demo
    assert "Isolation level 1 is all that there is here" in said
    records = [from_json(Record, path.read_bytes()) for path in folder.glob(".autograder/records/smoke/*/*/*.json")]
    assert {record.isolation.level for record in records if record.runs} == {1}
    assert (folder / "reports").is_dir()
