"""What students' notebooks import: `hand_in`, `graded_later`, `load_data`, `Input` and `doctor`.

In a student's own Jupyter nothing is written: `hand_in` tries everything, prints what it would take and warns. While
grading, the engine names a folder in AUTOGRADER_HANDIN, and what is handed in lies there as plain files.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autograder.inputs import Input

__all__ = ["Input", "doctor", "graded_later", "hand_in", "load_data"]


def hand_in(*names: str, functions: Sequence[str] = (), inputs: dict[str, Input] | None = None, weights: bool = True) -> None:
    """Hands the named values of the notebook to the graders and shows what it took.

    `functions` are names of functions that will be called with other arguments after the notebook has ended; `inputs`
    says what a handed-in model must accept. `weights=False`: of models their layers only, which takes hardly any room and
    is enough where nobody predicts with them. Never raises for a missing or unsuitable value: the rest is handed in, and
    the reason is printed and recorded.
    """
    from autograder.handin import hand_in_names
    from autograder.showing import Table, rows_of, show

    namespace = sys._getframe(1).f_globals
    lines = hand_in_names(namespace, names, functions, inputs or {}, weights)
    if lines:
        show(Table(rows_of(lines)))


def doctor(notebook: str | os.PathLike[str] | None = None, release: str | os.PathLike[str] | None = None) -> None:
    """Shows what would cost points in the open notebook as it was last saved, without running it: what `autograder doctor` says.

    `notebook`: its file, where the name of the open one cannot be found out. `release`: the notebook as it was handed out, to compare
    with. Never raises for what is in the notebook; while grading it does nothing.
    """
    if "AUTOGRADER_RUN" in os.environ:
        print("`doctor` looks at notebooks before they are submitted.")
        return
    from autograder.doctor.notebook import show_findings

    show_findings(notebook, release)


def graded_later(grade_id: str, about: str = "") -> None:
    """Stands in a grade cell whose tests run only after submission; says so, and what they check.

    Raises RuntimeError under a plain `nbgrader autograde`, which would take the silent cell for full marks.
    """
    if os.environ.get("NBGRADER_EXECUTION") == "autograde" and "AUTOGRADER_RUN" not in os.environ:
        raise RuntimeError(
            f"Grade cell '{grade_id}' is scored by the autograder, but this is nbgrader's own execution. "
            "Use the course's nbgrader_config.py, or run `autograder grade`."
        )
    print(f"'{grade_id}' is graded after you submit." + (f" It checks {about}." if about else ""))


def load_data() -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """((x_train, y_train), (x_test, y_test)) of this assignment's data set, as NumPy arrays.

    While grading it is the instructor's split; elsewhere the files x_train.npy, y_train.npy, x_test.npy, y_test.npy in
    the folder `data` beside the notebook. Raises FileNotFoundError, with that explanation, when they are not there.
    """
    from autograder.data.answering import load_parts

    folder = Path(os.environ.get("AUTOGRADER_DATA_DIR", "data"))
    if not (folder / "x_train.npy").is_file():
        raise FileNotFoundError(f"No data in '{folder.absolute()}': put x_train.npy, y_train.npy, x_test.npy and y_test.npy there.")
    limit = os.environ.get("AUTOGRADER_SAMPLE_LIMIT")
    return load_parts(folder, int(limit) if limit else None)
