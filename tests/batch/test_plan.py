"""What is looked up and checked before the first submission of a batch starts."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.batch.plan import _copy_of, make_plan, servers_of, store_of
from autograder.course.loading import load_course
from autograder.quality.variants import Variant, build_submission
from tests.conftest import autograder


@pytest.mark.parametrize(
    ("all_graders", "mine", "copies"),
    [(0o755, 0o755, 0o755), (0o700, 0o755, 0o700), (0o755, 0o700, 0o700), (0o750, 0o755, 0o750), (0o750, 0o705, 0o700)],
)
def test_who_may_not_see_the_graders_may_not_see_their_copies(tmp_path: Path, all_graders: int, mine: int, copies: int) -> None:
    graders, state = tmp_path / "graders/tiny", tmp_path / "state/graders"
    graders.mkdir(parents=True)
    state.mkdir(parents=True)
    state.chmod(0o755)  # as an earlier version left it
    (graders / "test_it.py").write_text("secret = 7\n")
    graders.chmod(mine)
    graders.parent.chmod(all_graders)
    copy = _copy_of(graders, state)
    assert state.stat().st_mode & 0o777 == copies
    assert (copy / "test_it.py").read_text() == "secret = 7\n"
    shutil.rmtree(copy)
    assert _copy_of(graders, state) == copy


def test_graders_that_only_their_owner_may_see_score(released: Path) -> None:
    """At level 3 the scorer has a user id of its own, and reads the copy without having a way to it."""
    (released / "graders").chmod(0o700)
    folder = released / "submitted/ada/tiny"
    folder.mkdir(parents=True)
    (folder / "tiny.ipynb").write_text(json.dumps(build_submission(load_course(released)[1], "tiny", Variant("ada", "", True))))
    done = autograder(released, "grade", "tiny", "--trust-submissions", "--json", "-")
    assert (done.returncode, [each["score"] for each in json.loads(done.stdout)]) == (0, [80])
    assert (released / ".autograder/graders").stat().st_mode & 0o777 == 0o700


def test_where_no_grader_asks_for_predictions_no_process_imports_keras_for_them(released: Path, no_autograder_variables: None) -> None:
    course, paths = load_course(released)
    plan = make_plan(course, paths, "tiny", None, store_of(course, paths, None), None, True, print)
    needed = [kind.preload for kind in servers_of(plan)]
    without = replace(plan, declarations=replace(plan.declarations, tests=()))
    assert [kind.preload for kind in servers_of(without)] == [each for each in needed if "autograder.grading.model" not in each]
    assert len(needed) == 3
