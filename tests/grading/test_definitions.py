"""Which statements of a notebook make its classes: definitions and what they need, nothing that trains or computes."""

from __future__ import annotations

import ast
import textwrap
from typing import Any

import pytest

from autograder.grading.definitions import choose_definitions, run_definitions


def chosen(*cells: str, wanted: tuple[str, ...] = ("Own",), model: str = "model") -> list[str]:
    """The first line of each chosen statement."""
    statements = choose_definitions([textwrap.dedent(cell) for cell in cells], model, wanted)
    return [ast.unparse(statement).splitlines()[0] for statement in statements]


NOTEBOOK = (
    "%matplotlib inline\nimport numpy as np\nimport keras, sys\nfrom keras import layers\nimport a_package_that_is_not_needed",
    "(x_train, y_train), _ = keras.datasets.mnist.load_data()\n!pip install nothing",
    """
    UNITS = 4 * 8
    unused = 3
    def helper(x):
        return x * FACTOR
    FACTOR = np.sqrt(2 / np.pi)
    def plot(history):
        show(history)
    """,
    """
    %%time
    class Own(layers.Layer):
        def call(self, x):
            return helper(x) * UNITS + offset
    offset = x_train.mean()
    """,
    "model = keras.Sequential([Own()])\nmodel.fit(x_train, y_train)",
    'hand_in("model", "history")',
    "class Own: pass",
)


def test_definitions_bring_what_they_need_and_nothing_else() -> None:
    assert chosen(*NOTEBOOK) == [
        "import numpy as np",
        "from keras import layers",
        "UNITS = 4 * 8",
        "def helper(x):",
        "FACTOR = np.sqrt(2 / np.pi)",
        "class Own(layers.Layer):",
    ]


def test_what_comes_after_the_hand_in_does_not_count() -> None:
    assert chosen("class Own: pass", 'hand_in("model")', "class Own(dict): pass") == ["class Own:"]
    assert chosen("class Own: pass", 'hand_in("other")', "class Own(dict): pass") == ["class Own:", "class Own(dict):"]


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        ("from keras.layers import *\nfrom os import path", ["from keras.layers import *"]),
        ("@register\ndef swish(x): pass\nfrom somewhere import register", ["@register", "from somewhere import register"]),
        ("try:\n    import fast as Own\nexcept ImportError:\n    import slow as Own", ["import fast as Own", "import slow as Own"]),
        ("if True:\n    class Own: pass", ["class Own:"]),
        ("Own = other\nother = [1, 2]", ["Own = other", "other = [1, 2]"]),
        ("Own: int = 3", ["Own: int = 3"]),
        ("Own: int", []),
        ("Own = 3\nOwn += 1", ["Own = 3", "Own += 1"]),
        ("Own = lambda x: x", ["Own = lambda x: x"]),
        ("Own = [open(name) for name in names]", []),
        ("Own = data.mean()", []),
        ("Own = (yield)", []),
        ("Own = open('/etc/passwd')", []),
        ("for Own in range(3): pass", []),
        ("print('x')\nOwn", []),
        ("class Own(:", []),
        ("Own = " + "(" * 300 + ")" * 300, []),
        ("class Own: pass\0", []),
    ],
)
def test_single_statements(cell: str, kept: list[str]) -> None:
    assert chosen(cell) == kept


def test_one_that_fails_does_not_stop_the_others() -> None:
    namespace: dict[str, Any] = {}
    statements = ast.parse("import no_such_module_here\nA = 1\nclass B(Missing): pass\nC = A + 1").body
    problems = run_definitions(statements, namespace)
    assert problems == ["ModuleNotFoundError: No module named 'no_such_module_here'", "NameError: name 'Missing' is not defined"]
    assert namespace["C"] == 2
