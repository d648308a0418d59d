"""Modules that are not there, paths of one machine, sizes as numbers, and what else fails only where notebooks are graded."""

from __future__ import annotations

import sys

import pytest

from autograder.doctor.examine import Surroundings

from .samples import found, kinds


@pytest.mark.parametrize(
    ("source", "cure"),
    [
        ("import numpyy", "Did you mean `numpy`?"),
        ("import cPickle as pickle", "Write `pickle` instead."),
        ("from Keras import layers", "Write `keras` instead."),
        ("import NumPy", "Write `numpy` instead."),
        ("def f():\n    import zzqqxx", "Use only what the assignment names."),
        ("from urllib2 import urlopen", "Write `urllib.request` instead."),
    ],
)
def test_missing_modules(source: str, cure: str) -> None:
    (finding,) = found(source)
    assert (finding.kind, finding.severity, finding.cure) == ("missing_import", "costs points", cure)


@pytest.mark.parametrize(
    "source",
    [
        "import os, numpy as np, keras.layers", "import sys", "import __main__", "# import zzqqxx",
        "'import zzqqxx'", "from . import zzqqxx",
        "try:\n    import zzqqxx\nexcept ImportError:\n    zzqqxx = None",
        "try:\n    import zzqqxx\nexcept (ValueError, Exception):\n    pass",
    ],
)  # fmt: skip
def test_modules_that_are_there_or_may_be_missing(source: str) -> None:
    assert kinds(source) == []


def test_nothing_is_imported_to_find_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "this", raising=False)
    assert kinds("import this") == []
    assert "this" not in sys.modules


def test_files_beside_the_notebook() -> None:
    beside = ("helpers.py", "tools")
    (unknown,) = found("import helpers", around=Surroundings(siblings=beside))
    assert unknown.severity == "worth knowing"
    (refused,) = found("import tools.a", around=Surroundings(siblings=beside, allowed=("*.csv",)))
    assert refused.severity == "costs points"
    assert kinds("import helpers", around=Surroundings(siblings=beside, allowed=("*.py",))) == []


@pytest.mark.parametrize(
    ("source", "severity"),
    [
        ("open('/home/ada/data.csv')", "costs points"),
        ("open(r'C:\\Users\\ada\\data.csv')", "costs points"),
        ("print(open('~/data.csv'))", "costs points"),
        ("f = open(f'/content/drive/{1}')", "costs points"),
        ("open('/Users/ada/' + 'x')", "costs points"),
        ("folder = '/home/'", None),
        ("folder = '/home/ada/x'", "worth knowing"),
    ],
)
def test_absolute_paths(source: str, severity: str | None) -> None:
    assert [each.severity for each in found(source) if each.kind == "absolute_path"] == ([severity] if severity else [])


@pytest.mark.parametrize(
    "source",
    [
        "open('data.csv')", "print('/home/ada/data.csv')", "import os\nos.path.exists('/content/drive')", "open('/tmp/scratch.txt', 'w')",
        "a = 'http://home/x'", "'''/home/ada/x'''", "# open('/home/ada/x')", "print('a/home/b')", "1 / 2",
    ],
)  # fmt: skip
def test_paths_that_do_no_harm(source: str) -> None:
    assert kinds(source) == []


@pytest.mark.parametrize(
    "source",
    ["x.reshape(60000, 784)", "x.reshape((10000, 28, 28, 1))", "np.zeros((60000, 10))", "x_train[:60000]", "x_test[:10000]",
     "x.shape == (60000, 28)",
     "x.reshape(47040000)", "for i in range(60000): pass"],
)  # fmt: skip
def test_sizes_as_numbers_are_worth_knowing(source: str) -> None:
    assert [each.severity for each in found(f"import numpy as np\nx = x_train = x_test = np.ones(3)\n{source}")] == ["worth knowing"]


@pytest.mark.parametrize(
    "source",
    [
        "x.reshape(-1, 784)",
        "x_train[:10000]",
        "range(10000)",
        "n = 60000",
        "print(60000)",
        "x.reshape(len(x), 784)",
        "'60000'",
        "n > 10000",
    ],
)
def test_numbers_that_are_no_sizes(source: str) -> None:
    assert kinds(f"import numpy as np\nn = 1\nx = x_train = np.ones(3)\n{source}") == []


def test_asking_and_installing() -> None:
    assert kinds("name = input('Who?')") == ["input"]
    assert kinds("from keras import Input\ninput = Input((3,))\ny = input(1)") == []
    (finding,) = found("!pip install keras\nprint('!pip install x')")
    assert (finding.kind, finding.severity, finding.place.line) == ("shell", "worth knowing", 1)
    assert kinds("%pip install keras") == ["shell"]
    assert kinds("!ls") == []
