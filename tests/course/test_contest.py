"""What is missing for a leaderboard is found before a student sees the assignment."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import autograder, cell_of, edit_notebook


def with_contest(course: Path, metric: str) -> None:
    config = course / "grading_config.py"
    config.write_text(config.read_text().replace('files=["notes.txt"],', f'files=["notes.txt"], contest="{metric}",'))


def test_a_contest_needs_a_metric_and_a_pseudonym(tiny: Path) -> None:
    with_contest(tiny, "tets_accuracy")
    done = autograder(tiny, "check")
    assert done.returncode == 1
    assert "no grader awards the metric 'tets_accuracy'\n  → Did you mean 'test_accuracy'?" in done.stdout
    assert "no locked cell hands in 'pseudonym'" in done.stdout


def test_a_contest_that_has_both_is_fine(tiny: Path) -> None:
    with_contest(tiny, "test_accuracy")

    def change(notebook: dict[str, object]) -> None:
        cell = cell_of(notebook, "hand_in_model")
        cell["source"] = cell["source"].replace('hand_in("model"', 'hand_in("pseudonym", "model"')
        assert "pseudonym" in cell["source"]

    edit_notebook(tiny / "source_assignments/tiny/tiny.ipynb", change)
    done = autograder(tiny, "check")
    assert done.returncode == 0
    assert "nothing is wrong" in done.stderr
