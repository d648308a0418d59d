"""What `hand_in` takes and says, with plain values; models are in tests/grading/test_custom_models.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autograder import handin

LARGE = np.zeros(100_000)


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hand-ins of other tests stay out of these."""
    for name in ("_entries", "_sizes"):
        monkeypatch.setattr(handin, name, {})
    monkeypatch.setattr(handin, "_sections", [])
    for name in ("AUTOGRADER_HANDIN", "AUTOGRADER_HANDIN_BYTES"):
        monkeypatch.delenv(name, raising=False)


def test_what_is_more_than_is_accepted_is_missing_where_it_is_handed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All hand-ins together: what came first stays, and who hands in more is told at once, not by the grade."""
    monkeypatch.setenv("AUTOGRADER_HANDIN", str(tmp_path))
    monkeypatch.setenv("AUTOGRADER_HANDIN_BYTES", "1_000_000")
    assert handin.hand_in_names({"second": LARGE}, ["second"], [], {})[0].startswith("✓ second")
    said = handin.hand_in_names({"first": LARGE, "small": 1}, ["first", "small"], [], {})
    assert said[0].startswith("✗ first: not handed in. 'first' takes 800,")
    assert "what was handed in before it 800," in said[0]
    assert "no more than 1,000,000 are accepted in all" in said[0]
    assert said[1].startswith("✓ small")
    assert [handin._entries[name].kind for name in ("second", "first", "small")] == ["array", "missing", "value"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.json", "second.npz", "small.json"]

    again = handin.hand_in_names({"second": LARGE}, ["second"], [], {})
    assert again[0].startswith("✓ second"), "handed in again it replaces itself"


def test_at_home_there_is_a_warning_from_the_default_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handin, "_ACCEPTED", 500_000)
    said = handin.hand_in_names({"large": LARGE, "small": 1}, ["large", "small"], [], {})
    assert said[0].startswith("✓ large")
    assert said[1].startswith("⚠ 'large' takes 800,")
    assert said[1].endswith("unless your course accepts more.")
    assert len(said) == 3


@pytest.mark.parametrize("number", [np.float32(0.5), np.array(0.5), 0.5])
def test_a_number_is_handed_in_as_one_whatever_wraps_it(number: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGRADER_HANDIN", str(tmp_path))
    assert handin.hand_in_names({"share": number}, ["share"], [], {}) == ["✓ share: float 0.5"]
    assert (tmp_path / "share.json").read_text(encoding="utf-8") == "0.5"
    assert handin._entries["share"].kind == "value"


def test_whoever_hands_a_name_in_again_elsewhere_is_told() -> None:
    """The later one counts; the same cell, run once more, replaces its own without a word."""
    names = {"share": 0.5, "table": {"a": 1}}
    assert not any("⚠" in line for line in handin.hand_in_names(names, ["share"], ["double"], {}))
    assert not any("⚠" in line for line in handin.hand_in_names(names, ["share"], ["double"], {}))
    names |= {"share": 0.75, "double": abs}
    assert handin.hand_in_names(names, ["table", "share"], ["double"], {}) == [
        "✓ table: dict {'a': 1}",
        "✓ share: float 0.75",
        "⚠ share was handed in by another cell before: this replaces it.",
        "✓ double: function, will be called with other arguments",
    ], "what was missing before is no loss"
