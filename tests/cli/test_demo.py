"""The demo runs at whatever level of isolation the machine offers, and says so."""

from __future__ import annotations

import sys
from pathlib import Path

from autograder.records import Record, from_json
from tests.conftest import autograder

COURSE = Path(__file__).parents[2]


def test_without_bubblewrap_the_demo_takes_the_next_level(tmp_path: Path) -> None:
    done = autograder(COURSE, "demo", "--into", str(tmp_path / "demo"), PATH=str(Path(sys.executable).parent))
    assert done.returncode == 0, done.stderr
    assert "Isolation level 1 is all that there is here" in done.stderr
    records = [from_json(Record, path.read_bytes()) for path in tmp_path.glob("demo/.autograder/records/smoke/*/*/*.json")]
    assert {record.isolation.level for record in records if record.runs} == {1}
    assert (tmp_path / "demo/reports").is_dir()
