"""IPython's own lines are put aside as IPython itself would take them."""

from __future__ import annotations

import ast

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from autograder.doctor.code import read_python, without_magics
from autograder.doctor.order import uses_of

SOURCES = [
    "x = 1", "%matplotlib inline\nx = 1", "!pip install a\nx = 1", "files = !ls\nx = files", "a = %time 3\nb = a",
    "for f in g:\n    !cat {f}\n    y = f",
    "x?\ny = 1", "?x\ny = 1", "keras.layers.Dense??\ny = 1", "!wget a \\\n  b\nz = 3", "%%time\nx = 1\ny = x", "%%capture\n\nx = 1",
    "x = 7 % 3\ny = x != 2", "x = (7\n% 3)", "await f()\nx = 1", "if True:\n    %time x\n    y = 2",
]  # fmt: skip


@pytest.mark.parametrize("source", SOURCES)
def test_as_ipython_does(source: str) -> None:
    """What IPython can run is read, and what it binds is seen; its rewritten magics bind nothing else."""
    tree, error = read_python(source)
    assert (tree is not None, error) == (True, None)
    theirs = TransformerManager().transform_cell(source)
    if "run_cell_magic" not in theirs and "await" not in source:
        ours = uses_of(source)
        assert ours is not None
        assert ours.bound == {
            node.id for node in ast.walk(ast.parse(theirs)) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }


@pytest.mark.parametrize("source", SOURCES)
def test_lines_stay_where_they_are(source: str) -> None:
    assert (without_magics(source) or "").count("\n") == source.count("\n")


def test_cells_in_other_languages_are_none_of_ours() -> None:
    assert read_python("%%bash\nfor x in *; do echo $x; done") == (None, None)
    assert read_python("%%html\n<b>bold</b>") == (None, None)


def test_what_is_no_python_says_where() -> None:
    tree, error = read_python("%time 1\nx = = 2")
    assert tree is None
    assert error is not None
    assert error.lineno == 2
