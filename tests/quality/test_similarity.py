"""Copies are found whatever was renamed; different answers, blank ones and what everybody writes are not."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from autograder.course.loading import load_course
from autograder.course.notebook import read_notebook
from autograder.quality.similarity import Row, compare_notebooks, own_lines, side_by_side
from autograder.quality.variants import build_submission, read_variants
from tests.conftest import SAMPLES

SOLVED = '''
def prepare(images):
    """Flattens and scales."""
    # the images come as whole numbers
    flat = images.reshape(len(images), 784)
    return flat.astype("float32") / 255.0


model = keras.Sequential([keras.layers.Dense(10, activation="sigmoid", name="hidden"), keras.layers.Dense(10, activation="softmax")])
model.compile(optimizer="adam", loss="mse", metrics=["accuracy"])
history = model.fit(prepare(x_train), y_train, batch_size=100, epochs=12, validation_split=0.2, verbose=0)
'''
RENAMED = """
def get_ready(pics):
  vectors = pics.reshape(
      len(pics),
      784)
  return (vectors.astype('float32') / 255.0)

net = keras.Sequential([
    keras.layers.Dense(10, name='hidden', activation='sigmoid'),
    keras.layers.Dense(10, activation='softmax'),  # ten digits
])
net.compile(loss='mse', metrics=['accuracy'], optimizer='adam')
h = net.fit(get_ready(x_train), y_train, verbose=0, epochs=12, batch_size=100, validation_split=0.2)
"""
OTHER = """
def prepare(images):
    out = []
    for image in images:
        row = [pixel / 255 for line in image for pixel in line]
        out.append(row)
    return np.array(out, dtype=np.float32)

inputs = keras.Input(shape=(784,))
outputs = keras.layers.Dense(10, "softmax")(keras.layers.Dense(10, "sigmoid")(inputs))
model = keras.Model(inputs, outputs)
model.compile(keras.optimizers.SGD(learning_rate=0.5), "categorical_crossentropy")
history = model.fit(prepare(x_train), y_train, epochs=40, batch_size=32)
"""
STARTER = "def prepare(images):\n    # YOUR CODE HERE\n    raise NotImplementedError()"


def _notebook(source: str, answer: str = "") -> dict[str, Any]:
    def cell(text: str, grade_id: str, locked: bool) -> dict[str, Any]:
        return {"cell_type": "code", "source": text, "metadata": {"nbgrader": {"grade_id": grade_id, "locked": locked}}}

    return {"cells": [cell("import keras", "imports", True), cell(source, "prepare", False), cell(answer or STARTER, "more", False)]}


RELEASE = _notebook(STARTER)


def _pairs(**sources: str) -> list[tuple[str, str]]:
    notebooks = {student: _notebook(source) for student, source in sources.items()}
    return [(pair.one, pair.other) for pair in compare_notebooks(notebooks, RELEASE).pairs]


def test_a_copy_with_other_names_quotes_comments_and_formatting_is_found() -> None:
    found = compare_notebooks({"ada": _notebook(SOLVED), "bao": _notebook(RENAMED), "chidi": _notebook(OTHER)}, RELEASE)
    assert [(pair.one, pair.other, pair.share) for pair in found.pairs] == [("ada", "bao", 1.0)]


def test_a_copy_hidden_among_other_code_is_found() -> None:
    padding = "\n".join(f"print('value {n}', math.sqrt({n}) + {n * n}, round({n} / 7, {n % 5}))" for n in range(30))
    assert _pairs(ada=SOLVED, bao=RENAMED + padding, chidi=OTHER) == [("ada", "bao")]


def test_different_blank_and_very_short_answers_are_in_no_pair() -> None:
    assert _pairs(ada=SOLVED, chidi=OTHER) == []
    assert _pairs(ada=STARTER, bao=STARTER, chidi=OTHER) == []
    assert _pairs(ada="x = images / 255", bao="x = images / 255") == []
    assert _pairs() == []


def test_what_the_whole_class_writes_is_no_sign_of_anything() -> None:
    students = {f"student{number}": SOLVED for number in range(30)}
    assert _pairs(**students) == []
    assert ("a", "b") in _pairs(**students, a=OTHER, b=OTHER)


def test_what_is_no_python_or_cannot_be_parsed_is_compared_as_text() -> None:
    broken = SOLVED + "\nprint 'done'"
    assert _pairs(ada=broken, bao=broken.replace("12", "12  "), chidi=OTHER) == [("ada", "bao")]
    for deep in ("~" * 9_000 + "1", "1 if 1 else " * 800 + "1", "(" * 9_000, "[" * 200_000, "f'\x00'"):
        assert _pairs(ada=deep, bao=SOLVED, chidi=OTHER) == []


def test_side_by_side_sets_what_corresponds_beside_each_other() -> None:
    left = own_lines(_notebook(SOLVED), RELEASE)
    right = own_lines(_notebook(RENAMED.replace("epochs=12", "epochs=13"), "extra = 1"), RELEASE)
    rows = list(side_by_side(left, right))
    assert rows[:4] == [
        Row("# prepare", "# prepare", True),
        Row("def prepare(images):", "def get_ready(pics):", True),
        Row("    flat = images.reshape(len(images), 784)", "    vectors = pics.reshape(len(pics), 784)", True),
        Row("    return flat.astype('float32') / 255.0", "    return vectors.astype('float32') / 255.0", True),
    ]
    assert [row.right for row in rows if not row.same][-2:] == ["# more", "extra = 1"]
    assert "epochs=13" in next(row for row in rows if not row.same).right


def test_endless_notebooks_are_shown_in_part() -> None:
    endless = own_lines(_notebook("a b\n" * 60_000), RELEASE)
    assert len(list(side_by_side(endless, endless))) == 2_000


@pytest.mark.parametrize(
    "cell", [{"cell_type": "code"}, {"cell_type": "markdown", "source": SOLVED}, {"cell_type": "code", "source": ["x = 1\n", "y"]}]
)
def test_cells_of_every_shape_are_read(cell: dict[str, Any]) -> None:
    notebook = copy.deepcopy(RELEASE)
    notebook["cells"].append({"metadata": {}, **cell})
    assert json.dumps([line.shown for line in own_lines(notebook, RELEASE)])


def test_shipped_answers_that_are_written_differently_are_in_no_pair(shipped_release: Any) -> None:
    paths, assignment = shipped_release
    right = [variant for variant in read_variants(paths, assignment) if variant.right]
    notebooks = {variant.name: build_submission(paths, assignment, variant) for variant in right}
    assert len(notebooks) >= 3
    assert compare_notebooks(notebooks, read_notebook(paths.release_notebook(assignment))).pairs == ()


@pytest.fixture(scope="module")
def shipped_release(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The shipped course with a student version: solution regions emptied, which is all that this comparison needs of it."""
    import re
    import shutil

    root, shipped = tmp_path_factory.mktemp("shipped"), SAMPLES.parents[1]
    for name in ("grading_config.py", "source_assignments", "solutions"):
        (shutil.copytree if (shipped / name).is_dir() else shutil.copy)(shipped / name, root / name)
    course, paths = load_course(root)
    assignment = course.assignments[0].id
    notebook = read_notebook(paths.source_notebook(assignment))
    for cell in notebook["cells"]:
        cell["source"] = re.sub(
            r"(?s)### BEGIN SOLUTION.*?### END SOLUTION", "# YOUR CODE HERE\nraise NotImplementedError()", cell["source"]
        )
    paths.release_notebook(assignment).parent.mkdir(parents=True)
    paths.release_notebook(assignment).write_text(json.dumps(notebook))
    return paths, assignment
