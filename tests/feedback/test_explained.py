"""A leftover of an older version is explained at the first cell that fails, on the page as students see it."""

from __future__ import annotations

from typing import Any

import pytest

from autograder.feedback.explained import explain_first_failure
from autograder.feedback.student import render_feedback
from autograder.records import FirstError

from .samples import HOSTILE, code, error, markdown, notebook, page, read, record

IMPORTS = "import keras\nfrom keras.layers.core import Dense\nfrom keras.optimizers import SGD"
GONE = "No module named 'keras.layers.core'"


def cascade() -> dict[str, Any]:
    """One failed import and what follows from it."""
    return notebook(
        markdown("# First dense network"),
        code("seed = 0", locked=True, grade_id="parameters"),
        markdown("## Libraries"),
        code(IMPORTS, error("ModuleNotFoundError", GONE), solution=True, grade_id="libraries"),
        markdown("## Build the model"),
        code("model = keras.Sequential([Dense(10)])", error("NameError", "name 'Dense' is not defined"), solution=True, grade_id="model"),
        code("expect_layers(model)", error("NameError", "name 'model' is not defined"), locked=True, grade_id="check"),
    )


def explained(cells: dict[str, Any], cell: str, name: str, message: str) -> Any:
    """The explanation of this first error."""
    return explain_first_failure(cells, FirstError(cell, name, message))


def text_of(cells: dict[str, Any], first: FirstError) -> str:
    """The page's text."""
    return read(render_feedback(page(record=record(outcome="cell_error", first_error=first), notebook=cells))).text


def test_the_page_explains_the_first_error_and_what_follows_from_it() -> None:
    text = text_of(cascade(), FirstError("libraries", "ModuleNotFoundError", GONE))
    assert "First error: ModuleNotFoundError in Libraries" in text
    assert "Line 2 of the cell: keras.layers.core belongs to an older Keras; the one installed here no longer has it." in text
    assert "Write from keras.layers import …" in text
    assert "2 more cells failed after it, probably because of this error. Mend this one first" in text
    assert text.count("belongs to an older Keras") == 2  # above, and at the cell
    assert "not installed where notebooks are graded" not in text


def test_cells_without_an_answer_do_not_follow_from_it() -> None:
    cells = cascade()
    cells["cells"][-1]["outputs"] = [error("NotImplementedError", "")]
    text = text_of(cells, FirstError("libraries", "ModuleNotFoundError", GONE))
    assert "One more cell failed after it, probably because of this error." in text


def test_points_and_checks_are_the_same_with_and_without_it() -> None:
    first = FirstError("libraries", "ModuleNotFoundError", GONE)
    with_it = text_of(cascade(), first)
    without = text_of(cascade(), FirstError("libraries", "ModuleNotFoundError", "No module named 'zzqqxx'"))
    section = slice(with_it.index("Points and checks"), with_it.index("Your notebook, as it ran"))
    other = slice(without.index("Points and checks"), without.index("Your notebook, as it ran"))
    assert with_it[section] == without[other]
    assert "66.26 of 90 points" in with_it


def test_only_what_explains_this_error_is_told() -> None:
    cells = cascade()
    assert explained(cells, "libraries", "ModuleNotFoundError", "No module named 'seaborn'") is None
    assert explained(cells, "libraries", "KeyboardInterrupt", GONE) is None
    assert explained(cells, "check", "NameError", "name 'model' is not defined") is None
    assert explain_first_failure(cells, None) is None
    assert explain_first_failure(None, FirstError("libraries", "ModuleNotFoundError", GONE)) is None


def test_of_several_idioms_in_a_cell_the_one_that_failed() -> None:
    source = "import keras\nhistory['acc']\nkeras.optimizers.SGD(lr=0.1)"
    found = explained(notebook(code(source)), "cell 1", "ValueError", "Argument(s) not recognized: {'lr': 0.1}")
    assert (found.cell, found.cause.line, found.later, found.elsewhere) == (1, 3, 0, None)
    assert "learning_rate=" in found.text


def test_an_idiom_in_a_function_above_is_named_with_its_cell() -> None:
    cells = notebook(
        code("import keras\ndef build():\n    return keras.optimizers.SGD(lr=0.1)"),
        markdown("## Train"),
        code("build()", error("ValueError", "Argument(s) not recognized: {'lr': 0.1}"), grade_id="train"),
    )
    first = FirstError("train", "ValueError", "Argument(s) not recognized: {'lr': 0.1}")
    found = explain_first_failure(cells, first)
    assert found is not None
    assert (found.cell, found.elsewhere, found.cause.line) == (3, 1, 3)
    html = render_feedback(page(record=record(first_error=first), notebook=cells))
    assert "The reason stands in another cell , line 3." in read(html).text
    assert 'href="#n-1"' in html


def test_what_changed_silently_may_be_why() -> None:
    source = "from keras import layers\nlayers.Conv2D(8, 3, 3)"
    found = explained(notebook(code(source)), "cell 1", "ValueError", "Computed output size would be zero or negative. Received")
    assert found.text.startswith("This may be why: The third number is the stride now")
    assert explained(notebook(code(source)), "cell 1", "ValueError", "something else") is None


def test_python_2() -> None:
    message = "Missing parentheses in call to 'print'. Did you mean print(...)? (2441913741.py, line 2)"
    found = explained(notebook(code("x = 1\nprint x")), "cell 1", "SyntaxError", message)
    assert (found.cause.line, "Python 2" in found.text) == (2, True)


@pytest.mark.parametrize("kind", ["raw", "markdown"])
def test_imports_in_cells_that_are_never_run(kind: str) -> None:
    asleep = {"cell_type": kind, "source": "import numpy as np", "metadata": {}}
    found = explained(notebook(asleep, code("np.ones(3)")), "cell 2", "NameError", "name 'np' is not defined")
    assert f"This is a {kind} cell" in found.text
    assert found.elsewhere == 1


def test_renamed_modules() -> None:
    found = explained(notebook(code("import cPickle")), "cell 1", "ModuleNotFoundError", "No module named 'cPickle'")
    assert "Write `pickle` instead." in found.text


def test_the_instructors_own_cells_are_not_blamed() -> None:
    locked = code("import keras\nkeras.optimizers.SGD(lr=0.1)", locked=True, grade_id="a")
    assert explained(notebook(locked), "a", "ValueError", "Argument(s) not recognized: {'lr': 0.1}") is None


@pytest.mark.parametrize(
    "broken",
    [
        {}, {"cells": None}, {"cells": [None, 1, {}]}, {"cells": [{"cell_type": "code", "source": 5, "outputs": {}}]},
        {"cells": [{"cell_type": "code", "source": "(" * 90_000, "outputs": [None]}]}, {"cells": [{"cell_type": ["raw"], "source": "x"}]},
        {"cells": [{"cell_type": "code", "source": "from keras.layers.core import Dense"}] * 3_000},
    ],
)  # fmt: skip
@pytest.mark.parametrize("cell", ["cell 1", "cell 0", "cell 99999999", "", HOSTILE])
def test_malformed_notebooks(broken: dict[str, Any], cell: str) -> None:
    for name, message in (("ModuleNotFoundError", GONE), ("NameError", "name 'x' is not defined"), (HOSTILE, HOSTILE)):
        read(render_feedback(page(record=record(first_error=FirstError(cell, name, message)), notebook=broken)))
