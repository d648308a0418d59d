"""Names without a value where they are read."""

from __future__ import annotations

from autograder.doctor.finding import Finding

from .samples import cell, found, kinds


def only(*cells: object) -> Finding:
    """The one finding."""
    (finding,) = found(*cells)  # type: ignore[arg-type]  # cells as `found` takes them
    return finding


def test_cells_out_of_order() -> None:
    finding = only("print(model)", "model = 3")
    assert (finding.kind, finding.severity, finding.place.cell, finding.place.line) == ("out_of_order", "costs points", 1, 1)
    assert "cell 2 'answer1'" in finding.reason


def test_names_that_no_cell_defines() -> None:
    finding = only("a = 1\nprint(a, b)")
    assert (finding.kind, finding.place.line) == ("undefined_name", 2)
    assert only("def f():\n    return missing").kind == "undefined_name"
    assert only("print(__file__)").kind == "undefined_name"


def test_imports_in_cells_that_are_never_run() -> None:
    finding = only(cell("import json", "raw", None), "json.dumps(1)")
    assert (finding.kind, finding.severity, finding.place.cell) == ("code_in_text_cell", "costs points", 1)
    assert only(cell("import json\nx = 1", "markdown", None), "print(x)").kind == "code_in_text_cell"
    assert only(cell("import json", "raw", None), "print(1)").severity == "worth knowing"


def test_what_is_defined_in_other_ways() -> None:
    assert kinds("def f(): return later()", "def later(): return 1", "f()") == []
    assert kinds("for a, (b, *c) in []: pass\nwith open('x') as d: pass\nprint(a, b, c, d)\n[e for e in 'xy' if (g := e)]\nprint(g)") == []
    assert kinds("try:\n    pass\nexcept ValueError as error:\n    print(error)\nimport os.path as p, sys\nprint(p, sys)") == []
    assert kinds("def f():\n    global state\n    state = 1\nf()", "print(state)") == []
    assert kinds("class A:\n    b = 1\n    c = [d for d in 'x']\n    def d(self): return __class__") == []
    assert kinds("match [1, 2]:\n    case [a, *rest]: print(a, rest)") == []
    assert kinds("print(_, _1, __, In, Out, display, get_ipython())") == []
    assert kinds("async def f(): pass", "x = await f()", "print(x)") == []
    assert kinds("%time a = 3", "print(a)") == []
    assert kinds("b = %time 3", "print(b)") == []
    assert kinds("%time a = 3", "print(b)", "b = 1") == ["out_of_order"]


def test_where_names_may_come_from_elsewhere_nothing_is_said() -> None:
    assert kinds("from math import *", "print(sin(1))") == []
    assert kinds("%run setup.py", "print(a)") == []
    assert kinds("exec('a = 1')", "print(a)") == []
    assert kinds("print 'x'", "print(a)") == ["legacy"]
    assert kinds("if 'a' in globals(): print(a)") == []
    assert kinds("# YOUR CODE HERE\nraise NotImplementedError()", "print(a)") == ["open_answer"]
    assert kinds("class A:\n    def f(self): raise NotImplementedError") == []
    assert kinds("def f(): return sin(1)", "from math import *") == []
    assert kinds("def f(): return later", "# YOUR CODE HERE\nraise NotImplementedError()") == ["open_answer"]


def test_markdown_that_only_reads_like_code() -> None:
    assert kinds(cell("model", "markdown", None), cell("## model = 3", "markdown", None), "model = 1\nprint(model)") == []
