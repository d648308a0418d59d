"""Whole notebooks: structure, files, the shipped course, damaged input."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.cli import cli
from autograder.course.loading import load_course
from autograder.course.notebook import read_notebook
from autograder.doctor.examine import Surroundings, examine
from autograder.doctor.finding import Finding
from autograder.doctor.structure import FLAGS
from autograder.errors import SubmissionError
from autograder.quality.variants import build_submission, read_variants
from tests.conftest import SAMPLES, cell_of

from .samples import cell, found, kinds, notebook

ROOT = Path(__file__).parents[2]
TINY = read_notebook(SAMPLES / "tiny/source_assignments/tiny/tiny.ipynb")  # stands for a release: restoring only looks at structure


def compared(change: Callable[[dict[str, Any]], Any]) -> list[Finding]:
    """What is found after a change of the notebook that was handed out."""
    submitted = copy.deepcopy(TINY)
    change(submitted)
    return list(examine(json.dumps(submitted).encode(), TINY))


def test_an_untouched_notebook() -> None:
    assert compared(lambda submitted: None) == []


@pytest.mark.parametrize(
    ("change", "kind", "severity", "place"),
    [
        (lambda nb: nb["cells"].remove(cell_of(nb, "write_double")), "deleted_cell", "costs points", "cell 'write_double'"),
        (lambda nb: nb["cells"].remove(cell_of(nb, "hand_in_images")), "deleted_cell", "worth knowing", "cell 'hand_in_images'"),
        (lambda nb: cell_of(nb, "images").update(source="print('passed')"), "edited_locked_cell", "worth knowing", "'images'"),
        (lambda nb: nb["cells"].append(copy.deepcopy(cell_of(nb, "prepare"))), "duplicate_cell", "worth knowing", "'prepare'"),
        (lambda nb: cell_of(nb, "prepare").update(cell_type="markdown"), "retyped_cell", "worth knowing", "'prepare'"),
        (lambda nb: nb["cells"].insert(0, nb["cells"].pop(5)), "reordered_cells", "worth knowing", "notebook"),
        (lambda nb: nb["metadata"]["kernelspec"].update(name="julia"), "wrong_kernel", "worth knowing", "notebook"),
        (lambda nb: nb["cells"].append(5), "damaged_cells", "costs points", "notebook"),
    ],
)
def test_what_intake_repairs(change: Callable[[dict[str, Any]], Any], kind: str, severity: str, place: str) -> None:
    (finding,) = [each for each in compared(change) if each.kind == kind]
    assert finding.severity == severity
    assert place in str(finding.place)
    assert finding.reason
    assert finding.cure


def test_an_edit_of_a_locked_cell_on_which_answers_rest_costs_points() -> None:
    def change(submitted: dict[str, Any]) -> None:
        cell_of(submitted, "images")["source"] += "\nown = 1"
        cell_of(submitted, "write_double")["source"] += "\nprint(own)"

    assert [(each.kind, each.place.grade_id) for each in compared(change) if each.costly] == [("undefined_name", "write_double")]


def test_numbers_of_cells_are_those_of_the_students_file() -> None:
    def change(submitted: dict[str, Any]) -> None:
        submitted["cells"].insert(0, cell("'mine'", grade_id=None))
        submitted["cells"].insert(0, cell("import zzqqxx", grade_id=None))
        cell_of(submitted, "write_double")["source"] += "\nimport zzqqxy"

    places = {each.reason.split("`")[1]: each.place for each in compared(change)}
    assert (places["zzqqxx"].cell, places["zzqqxx"].line) == (1, 1)
    number = next(
        at for at, each in enumerate(TINY["cells"], start=3) if each["metadata"].get("nbgrader", {}).get("grade_id") == "write_double"
    )
    assert places["zzqqxy"].cell == number


def test_lost_grade_ids() -> None:
    assert kinds(cell("x = 1", grade_id=None)) == ["no_grade_ids"]

    def lose(submitted: dict[str, Any]) -> None:
        for each in submitted["cells"]:
            each["metadata"] = {}

    assert [each.kind for each in compared(lose) if each.costly] == ["no_grade_ids"]


def test_the_notebook_of_another_assignment() -> None:
    assert [each.kind for each in examine(notebook("x = 1"), TINY)] == ["other_assignment"]


def test_an_unknown_flag_is_passed_on_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(FLAGS, "wrong_kernel")
    (finding,) = compared(lambda nb: nb["metadata"]["kernelspec"].update(name="julia"))
    assert "names kernel 'julia'" in finding.reason


def test_names_of_files() -> None:
    assert kinds("x = 1", around=Surroundings("a.ipynb", "a")) == []
    assert kinds("x = 1", around=Surroundings("a.ipynb")) == []
    (renamed,) = found("x = 1", around=Surroundings("a (1).ipynb", "a", ("a (1).ipynb",)))
    assert (renamed.kind, renamed.severity) == ("renamed_notebook", "worth knowing")
    (hidden,) = found("x = 1", around=Surroundings("a (1).ipynb", "a", ("a (1).ipynb", "a.ipynb")))
    assert "the one with more answers is graded" in hidden.reason


def test_large_outputs_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograder.doctor.examine.NOTEBOOK_BYTES", 6 * 2**20)
    big = {**cell("x = 1"), "outputs": [{"output_type": "stream", "name": "stdout", "text": "x" * 2_000_000}]}
    (fits,) = found(cell("y = 1"), big, around=Surroundings(submission_bytes=5_000_000))
    assert (fits.severity, "cell 2 (1.9 MiB)" in fits.reason) == ("worth knowing", True)
    monkeypatch.undo()
    assert kinds(big, around=Surroundings(submission_bytes=1_000_000)) == []  # outputs do not count against it


def test_large_sources_cost_points() -> None:
    (too_large,) = found(cell("x = 1  # " + "long " * 50_000, "code"), around=Surroundings(submission_bytes=200_000))
    assert (too_large.severity, "without its outputs" in too_large.reason) == ("costs points", True)


def test_data_written_into_cells_are_weighed_as_intake_does() -> None:
    def paste(submitted: dict[str, Any]) -> None:
        cell_of(submitted, "prepare")["source"] += f"\ntable = {random.Random(3).randbytes(60_000).hex()!r}"

    (finding,) = [each for each in compared(paste) if each.kind == "large_literals"]
    assert finding.severity == "costs points"
    assert "KiB are allowed" in finding.reason


def test_a_sum_of_very_many_texts() -> None:
    assert kinds("x = " + " + ".join(["'a'"] * 1_500)) == []
    assert "absolute_path" in kinds("open(" + " + ".join(["'/home/me/'", *["'a'"] * 900]) + ")")


def test_a_long_line_of_blanks_in_broken_code_is_read_in_linear_time() -> None:
    """Blanks that two parts of a pattern could share would take minutes here."""
    assert "syntax_error" in kinds("x = (\n" + " " * 99_000)


def test_worst_first_and_each_once() -> None:
    findings = found("x = 60000\nimport numpy as np\nnp.zeros(60000)", "import zzqqxx", "import zzqqxx\nopen('/home/a/b')")
    assert [(each.severity, each.place.cell) for each in findings] == [("costs points", 2), ("costs points", 3), ("worth knowing", 1)]


def test_many_places_of_one_idiom_are_one_finding() -> None:
    findings = found("from keras.optimizers import SGD\nSGD(lr=1)", "SGD(lr=2)\nSGD(lr=3)")
    assert [(each.place.cell, "2 more places" in each.reason) for each in findings] == [(1, True)]


# --- nothing wrong with what is right ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped course, released."""
    root = tmp_path_factory.mktemp("shipped")
    for name in ("source_assignments", "graders", "solutions"):
        (root / name).symlink_to(ROOT / name)
    (root / "grading_config.py").write_bytes((ROOT / "grading_config.py").read_bytes())
    for assignment in load_course(root)[0].assignments:
        assert not cli.main(["release", assignment.id, "--course", str(root), "--quiet"], standalone_mode=False)
    return root


def test_nothing_shipped_would_cost_points(shipped: Path) -> None:
    """Released notebooks, sources, and every right solution, with and without the release to compare with."""
    course, paths = load_course(shipped)
    right = 0
    for assignment in course.assignments:
        release = read_notebook(paths.release_notebook(assignment.id))
        notebooks = {"release": json.dumps(release).encode(), "source": paths.source_notebook(assignment.id).read_bytes()}
        for variant in read_variants(paths, assignment.id):
            if variant.right:
                notebooks[variant.name] = json.dumps(build_submission(paths, assignment.id, variant)).encode()
                right += 1
        for name, data in notebooks.items():
            for known in (release, None) if name != "source" else (None,):
                findings = examine(data, known)
                assert not any(each.costly for each in findings), (assignment.id, name, findings)
                assert name == "release" or findings == (), (assignment.id, name, findings)
    assert right >= 3


# --- damaged ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"not json", b"\xff\xfe", b'{"nbformat": 2, "worksheets": []}', b'{"nbformat": 4, "cells": {}}', b"[" * 100_000],
)
def test_what_is_no_notebook_says_so(data: bytes) -> None:
    with pytest.raises(SubmissionError):
        examine(data)


@pytest.mark.parametrize(
    "damaged",
    [
        None, 5, {}, {"cell_type": "code"}, {"cell_type": "code", "source": 5}, {"cell_type": ["code"], "source": ""},
        {"cell_type": "code", "source": ["a", 1]}, {"cell_type": "code", "source": "x", "metadata": [], "outputs": 7},
        {"cell_type": "raw", "source": "import a", "metadata": {"nbgrader": {"grade_id": ["x"]}}},
        {"cell_type": "code", "source": "\ud800"},
    ],
)  # fmt: skip
def test_damaged_cells_stop_nothing(damaged: Any) -> None:
    data = json.dumps({"nbformat": 4, "metadata": None, "cells": [damaged, cell("import zzqqxx")]}).encode()
    for release in (None, TINY):
        assert "missing_import" in [each.kind for each in examine(data, release)]


def test_a_huge_notebook_is_examined_or_refused() -> None:
    assert [each.kind for each in found(*["x = 1\nprint(x)"] * 1_999, "import zzqqxx")] == ["missing_import"]
    with pytest.raises(SubmissionError, match="5,000 cells"):
        examine(notebook(*["x = 1"] * 5_000))


_CODE = st.text() | st.lists(
    st.sampled_from([*"xyab=()[]:'.,%!?#@\n\\ ", "import ", "from ", "def ", "print ", "keras", "lr=", "%%time\n", "    "])
).map("".join)
_JSON = st.recursive(
    st.none() | st.integers() | _CODE, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
_CELL = st.fixed_dictionaries(
    {"cell_type": st.sampled_from(["code", "raw", "markdown"]), "source": _CODE | st.lists(_CODE, max_size=3)},
    optional={
        "metadata": _JSON
        | st.fixed_dictionaries({"nbgrader": st.fixed_dictionaries({"grade_id": st.sampled_from(["prepare", "images"])})}),
        "outputs": _JSON,
    },
)


@given(st.lists(_CELL | _JSON, max_size=5), st.booleans())
@settings(max_examples=300, deadline=None)
def test_no_notebook_ends_in_a_traceback(cells: list[Any], known: bool) -> None:
    data = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).encode()
    for finding in examine(data, TINY if known else None):
        assert finding.reason
        assert finding.cure
        assert str(finding.place)


def test_every_kind_of_flag_has_a_severity_reason_and_cure() -> None:
    allowed = get_type_hints(Finding)["severity"].__args__
    assert all(severity in allowed and reason and cure for severity, reason, cure in FLAGS.values())
