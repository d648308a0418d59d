"""When the machine, not the student, is why there is no result: unscored, named, exit status 3, and executed again next time."""

from __future__ import annotations

import json
from pathlib import Path

from autograder.course.loading import load_course
from autograder.quality.variants import Variant, build_submission
from tests.conftest import autograder


def test_a_killed_execution_is_nobodys_zero_and_touches_no_neighbour(released: Path) -> None:
    _, paths = load_course(released)
    killer = {"train": "import os\nos.kill(os.getppid(), 9)"}
    for student, cells in {"ada": {}, "eve": killer}.items():
        folder = released / "submitted" / student / "tiny"
        folder.mkdir(parents=True)
        (folder / "tiny.ipynb").write_text(json.dumps(build_submission(paths, "tiny", Variant(student, "", True, cells=cells))))
    done = autograder(released, "grade", "tiny", "--trust-submissions", "--json", "-")
    assert done.returncode == 3
    ada, eve = json.loads(done.stdout)
    assert (ada["outcome"], ada["score"]) == ("completed", 80)
    assert (eve["outcome"], eve["grading"], eve["score"]) == ("infra_error", "not_graded", None)
    assert "eve: not scored, the machine failed" in done.stderr
    (released / "submitted/eve/tiny/tiny.ipynb").write_text(json.dumps(build_submission(paths, "tiny", Variant("eve", "", True))))
    assert autograder(released, "grade", "tiny", "--trust-submissions").returncode == 0
