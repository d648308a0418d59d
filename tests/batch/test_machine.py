"""When the machine, not the student, is why there is no result: unscored, named, exit status 3, and executed again next time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from autograder.course.loading import load_course
from autograder.quality.variants import Variant, build_submission
from tests.conftest import autograder


def test_what_the_machine_lacks_is_nobodys_zero(released: Path) -> None:
    _, paths = load_course(released)
    for student in ("ada", "eve"):
        folder = released / "submitted" / student / "tiny"
        folder.mkdir(parents=True)
        (folder / "tiny.ipynb").write_text(json.dumps(build_submission(paths, "tiny", Variant(student, "", True))))
        (folder / "timestamp.txt").write_text(student)
    assert autograder(released, "grade", "tiny", "--student", "ada", "--trust-submissions").returncode == 0
    images = next(released.glob(".autograder/data/*/student/x_train.npy"))
    images.chmod(0)
    shutil.rmtree(released / ".autograder/runs")  # the two notebooks are equal, and would share a run
    done = autograder(released, "grade", "tiny", "--student", "eve", "--trust-submissions", "--json", "-")
    assert done.returncode == 3
    eve = json.loads(done.stdout)[0]
    assert (eve["outcome"], eve["grading"], eve["score"]) == ("infra_error", "not_graded", None)
    assert "eve: not scored, the machine failed" in done.stderr
    assert "x_train.npy' cannot be read in the sandbox" in done.stderr
    images.chmod(0o644)
    again = autograder(released, "grade", "tiny", "--trust-submissions", "--json", "-")
    assert (again.returncode, [each["score"] for each in json.loads(again.stdout)]) == (0, [80, 80])
