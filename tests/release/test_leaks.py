"""The leak check against a release that is fine, and against every place where a solution can stand."""

from __future__ import annotations

import copy
import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograder.course.paths import CoursePaths
from autograder.release.leaks import find_leaks
from autograder.release.secrets import read_secrets
from tests.gradebook.tiny_course import SOLUTION, source_notebook


def released(source: Any) -> dict[str, Any]:
    """What nbgrader would make of the sample."""
    notebook = copy.deepcopy(source)
    notebook["cells"][2]["source"] = "# YOUR CODE HERE\nraise NotImplementedError()\nprint(weights)"
    notebook["cells"][4]["source"] = "YOUR ANSWER HERE"
    return dict(notebook)


def leaks(folder: Path, change: Any = None, **files: str) -> list[str]:
    source = source_notebook()
    notebook = released(source)
    if change:
        change(notebook)
    (folder / "tiny.ipynb").write_text(json.dumps(notebook))
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_text(content)
    return [str(problem) for problem in find_leaks(source, folder)]


def test_a_clean_release_has_no_leaks(tmp_path: Path) -> None:
    assert leaks(tmp_path) == []


def plant(notebook: dict[str, Any], **keys: Any) -> None:
    notebook["cells"][0].update(keys)


@pytest.mark.parametrize(
    "change",
    [
        lambda notebook: plant(notebook, source=f"Hint:\n\n    {SOLUTION}"),
        lambda notebook: plant(notebook, source="As in `weights = 28*28 + 1 # and a bias`, say."),
        lambda notebook: plant(notebook, metadata={"note": {"deep": [SOLUTION]}}),
        lambda notebook: plant(notebook, metadata={SOLUTION: 1}),
        lambda notebook: notebook["metadata"].update(old=json.dumps({"code": SOLUTION})),
        lambda notebook: plant(notebook, attachments={"a.txt": {"text/plain": [f"{SOLUTION}\n", "more"]}}),
        lambda notebook: plant(notebook, source="Because every  input has a\tweight."),
    ],
    ids=["markdown", "inline", "metadata", "key", "json-in-json", "attachment", "prose-answer"],
)
def test_a_solution_line_anywhere_in_the_notebook_is_found(tmp_path: Path, change: Any) -> None:
    (problem,) = leaks(tmp_path, change)
    assert "a line of the solution stands here" in problem


def test_a_solution_line_in_an_output_is_found_besides_the_output(tmp_path: Path) -> None:
    output = {"output_type": "stream", "name": "stdout", "text": f"{SOLUTION}\n"}
    problems = leaks(tmp_path, lambda notebook: notebook["cells"][1].update(outputs=[output]))
    assert len(problems) == 2
    assert "outputs remain" in problems[1]


def test_extra_files_are_read_whatever_they_are(tmp_path: Path) -> None:
    problems = leaks(tmp_path, helpers_py=f"def f():\n    {SOLUTION}\n", notes_json=json.dumps([SOLUTION]), read_txt="nothing")
    assert [problem.split(":")[0].split(",")[0] for problem in problems] == ["helpers.py", "notes.json"]


def test_binary_files_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "image.png").write_bytes(bytes(range(256)))
    assert leaks(tmp_path) == []


@pytest.mark.parametrize("marker", ["### BEGIN SOLUTION", "### END HIDDEN TESTS", "=== BEGIN MARK SCHEME ==="])
def test_a_marker_that_remains_is_found(tmp_path: Path, marker: str) -> None:
    (problem,) = leaks(tmp_path, helpers_py=f"{marker}\n")
    assert "remains" in problem


def test_code_that_students_are_given_anyway_is_no_secret(tmp_path: Path) -> None:
    assert leaks(tmp_path, lambda notebook: plant(notebook, source="batch = 32")) == []  # the second cell shows it


def test_prose_that_quotes_the_solution_does_not_excuse_it(tmp_path: Path) -> None:
    source = source_notebook()
    source["cells"][0]["source"] = SOLUTION
    (tmp_path / "tiny.ipynb").write_text(json.dumps(released(source)))
    (problem,) = find_leaks(dict(source), tmp_path)
    assert "cell 1 (markdown), source" in str(problem)


def test_lines_that_say_nothing_do_not_count(tmp_path: Path) -> None:
    source = source_notebook()
    source["cells"][2]["source"] = "import numpy as np\nx = 1\n)\nreturn None\nraise NotImplementedError()"
    (tmp_path / "helpers.py").write_text("import numpy as np\nx = 1\n)\nreturn None\nraise NotImplementedError()\n")
    assert find_leaks(dict(source), tmp_path) == []


def test_a_solution_cell_without_a_region_is_a_solution_as_a_whole(tmp_path: Path) -> None:
    source = source_notebook()
    source["cells"][2]["source"] = "answer = weights * 2"
    (tmp_path / "helpers.py").write_text("answer = weights*2\n")
    assert len(find_leaks(dict(source), tmp_path)) == 1


# --- graders, known answers, labels -----------------------------------------------------------------------------------

GRADER = """import pytest
from autograder.checks import expect_parameters_of_the_whole_model
@pytest.mark.hint("Every unit has a weight for each input, and a bias.")
def test_units(submission):
    a = submission.value("a")
    b = a + 1
    assert b == 786
    print(weights)
"""


def course(root: Path, **files: str) -> CoursePaths:
    paths = CoursePaths(root / "course")
    for name, content in ({"graders/tiny/test_units.py": GRADER} | files).items():
        (paths.root / name).parent.mkdir(parents=True, exist_ok=True)
        (paths.root / name).write_text(content)
    return paths


def secret_leaks(root: Path, content: bytes, source: Any = None, **files: str) -> list[str]:
    (root / "release").mkdir()
    (root / "release/notes.txt").write_bytes(content)
    notebook = source or source_notebook()
    return [str(problem) for problem in find_leaks(dict(notebook), root / "release", read_secrets(course(root, **files), "tiny"))]


@pytest.mark.parametrize(
    "content",
    [
        b"Remember: every unit  has a weight for each input, and a Bias.",  # a part of a line is no line
        b"assert b == 786",  # short, alone
        b"a = submission.value('a')\nb = a + 1",  # two short ones
        b"from autograder.checks import expect_parameters_of_the_whole_model",  # imports say nothing
        b"import pytest\n\n)\nprint(weights)",
    ],
)
def test_what_is_no_whole_line_of_a_grader_is_no_leak(tmp_path: Path, content: bytes) -> None:
    assert secret_leaks(tmp_path, content) == []


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b'x = 1  # @PYTEST.mark.hint("Every unit has a weight for each input, and a bias.")', "@pytest.mark.hint"),
        (b"a = submission.value('a')\n\n  b=a+1\n# assert b == 786\n", "a = submission.value"),
        ('@pytest.mark.hint("Every unit has a weight for each input, and a bias.")'.encode("utf-16"), "@pytest.mark.hint"),
    ],
    ids=["in a longer line", "three in a row", "utf-16"],
)
def test_lines_of_a_grader_are_found(tmp_path: Path, content: bytes, line: str) -> None:
    (problem,) = secret_leaks(tmp_path, content)
    assert problem.startswith(f"notes.txt: a line of graders/tiny/test_units.py stands here: '{line}")


def test_lines_of_known_answers_are_found_in_metadata_too(tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    answer = "number_of_weights = sum(layer.count() for layer in layers)"
    paths = course(tmp_path, **{"solutions/tiny/wrong/no_bias.py": f'"""Forgets the bias."""\n\n# %% units\n{answer}\n'})
    notebook = released(source_notebook())
    notebook["cells"][3]["metadata"]["note"] = [answer]
    (tmp_path / "release/tiny.ipynb").write_text(json.dumps(notebook))
    (problem,) = find_leaks(dict(source_notebook()), tmp_path / "release", read_secrets(paths, "tiny"))
    assert str(problem).startswith("tiny.ipynb, cell 4 (code), metadata.note: a line of solutions/tiny/wrong/no_bias.py stands here")


def test_what_students_see_in_the_notebook_anyway_is_no_secret(tmp_path: Path) -> None:
    source = source_notebook()
    source["cells"][0]["source"] += "\nRemember: every unit has a weight for each input, and a bias.\n\na = 1\nb = 2\nc = 3"
    hint = "Every unit has a weight for each input, and a bias."
    files = {"solutions/tiny/alternatives/other.py": f"{hint}\na = 1\nb = 2\nc = 3\n"}
    assert secret_leaks(tmp_path, f"{hint}\na = 1\nb = 2\nc = 3".encode(), source, **files) == []


def test_three_lines_of_a_solution_count_though_each_is_given_somewhere(tmp_path: Path) -> None:
    source = source_notebook()
    source["cells"][1]["source"] = "b = batch\nimport math\na = math.pi\nbatch = 32"
    source["cells"][2]["source"] = "### BEGIN SOLUTION\na = math.pi\nbatch = 32\nb = batch\n### END SOLUTION"
    (problem,) = secret_leaks(tmp_path, b"a = math.pi\nbatch = 32\nb = batch", source)
    assert "a line of the solution stands here: 'a = math.pi'" in problem


def test_a_zip_file_is_looked_into(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("more/test_units.py", GRADER)
        archive.writestr("readme.txt", "nothing")
    (problem,) = secret_leaks(tmp_path, packed.getvalue())
    assert problem.startswith("notes.txt, more/test_units.py: a line of graders/tiny/test_units.py stands here")


LABELS = np.random.default_rng(3).integers(0, 10, 2_000)
VISIBLE = np.random.default_rng(4).integers(0, 10, 2_000)
ONE_HOT = np.eye(10, dtype=np.float32)[LABELS]


def split_of(root: Path, hidden: Any, visible: Any = VISIBLE) -> None:
    """A finished split in the state of the course that `secret_leaks` makes."""
    folder = root / "course/.autograder/data/0123"
    for name, labels in (("hidden/y.npy", hidden), ("student/y_train.npy", visible)):
        (folder / name).parent.mkdir(parents=True)
        np.save(folder / name, labels)


def npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npz(save: Any, **arrays: Any) -> bytes:
    stream = io.BytesIO()
    save(stream, **arrays)
    return stream.getvalue()


TYPES = ("i1", "<i2", ">i2", "<u4", ">i4", "<i8", ">u8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "<U1", "S1")
LEAKS = {
    "list": ", ".join(map(str, LABELS[700:760])).encode(),
    "lines": "\n".join(f"{label:.1f}"[0] for label in LABELS).encode(),
    "floats as text": "\n".join(f"{label:.1f}" for label in LABELS[:50]).encode(),
    "as NumPy writes text": "\n".join(f"{label:.18e}" for label in LABELS[3:50]).encode(),
    "table": "\n".join(f"{index},{label}" for index, label in enumerate(LABELS[:60])).encode(),
    "bytes": LABELS.astype(np.uint8).tobytes(),
    "behind something": b"x" * 13 + LABELS[1:60].astype(">i4").tobytes(),
    "pickle": pickle.dumps(LABELS[100:200].tolist()),
    "slice": npy(LABELS[1:400]),
    "table of two columns": npy(np.stack([np.arange(2_000), LABELS], axis=1)),
    "one-hot": npy(ONE_HOT[1:100]),
    "columns first": npy(np.asfortranarray(ONE_HOT[:100])),
    "every row": npy(LABELS[:1_200].reshape(30, 40)),
    "npz": npz(np.savez, y=LABELS[5:90].astype(np.int16)),
    "compressed npz": npz(np.savez_compressed, x=np.zeros(3), y=LABELS.astype(np.int32)),
} | {f"npy of {kind}": npy(LABELS[7:70].astype(kind)) for kind in TYPES}


@pytest.mark.parametrize("content", LEAKS.values(), ids=LEAKS)
def test_labels_of_the_hidden_images_are_found(tmp_path: Path, content: bytes) -> None:
    split_of(tmp_path, LABELS)
    unfinished = tmp_path / "course/.autograder/data/4567/hidden/y.npy"
    unfinished.parent.mkdir(parents=True)
    unfinished.write_bytes(b"unfinished")
    problems = {problem.split("\n")[0].split(":")[0].split(",")[0]: problem for problem in secret_leaks(tmp_path, content)}
    assert list(problems) == ["notes.txt"]
    assert "labels of the hidden images stand here" in problems["notes.txt"]


@pytest.mark.parametrize(
    "content",
    [
        npy(VISIBLE),
        npy(VISIBLE.astype(np.float32)),
        npz(np.savez_compressed, y=VISIBLE, x=np.zeros((50, 28, 28), np.uint8)),
        str(VISIBLE.tolist()).encode(),
        npy(LABELS[:39]),
        npy(np.random.default_rng(5).integers(0, 10, 5_000).astype(np.int16)),
        np.random.default_rng(6).bytes(300_000),
        npy(np.array(["words", "and more"])),
        npy(np.zeros(0)),
        npy(np.float64(3)),
        npy(LABELS)[:100],
        b"0" * 1_000 + str(LABELS[:30].tolist()).encode(),
    ],
    ids=["npy", "floats", "npz", "list", "39", "others", "noise", "words", "none", "one", "cut off", "zeros"],
)
def test_other_numbers_are_no_labels(tmp_path: Path, content: bytes) -> None:
    split_of(tmp_path, np.concatenate([LABELS, VISIBLE[300:400], np.zeros(100, int)]))  # a part that is visible as well
    assert secret_leaks(tmp_path, content) == []
