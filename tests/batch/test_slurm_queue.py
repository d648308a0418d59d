"""What is made of the queue's answers, without a Slurm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from autograder.batch import slurm_queue


@pytest.fixture
def says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a script in the place of Slurm's command."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def install(*lines: str, status: int = 0) -> None:
        (tmp_path / "squeue").write_text(
            "".join(f"{line}\n" for line in ("#!/bin/sh", *(f"echo '{line}'" for line in lines), f"exit {status}"))
        )
        (tmp_path / "squeue").chmod(0o755)

    return install


def test_jobs_have_ended_whose_state_says_so_and_which_the_queue_has_forgotten(says: Callable[..., None]) -> None:
    says("1|FAILED|NonZeroExitCode", "2|PENDING|Resources", "3|COMPLETED|None", "4|COMPLETING|None", "7|TIMEOUT|TimeLimit")
    assert slurm_queue.ended(["1", "2", "3", "4", "5"]) == {
        "1": "FAILED (NonZeroExitCode)",
        "3": "COMPLETED",
        "5": "it is in the queue no more",
    }


def test_while_slurm_does_not_answer_no_job_has_ended(says: Callable[..., None]) -> None:
    assert slurm_queue.ended(["1"]) == {}
    says("slurm_load_jobs error: Unable to contact slurm controller", status=1)
    assert slurm_queue.ended(["1"]) == {}
