"""Wrong answers that want points: forged checks, replies, hand-ins, metadata."""

from __future__ import annotations

import base64
import copy
import random

from tests.corpus.entry import ALL, Draft, code_cell, entry

EQUAL = """
class Equal:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    def __le__(self, other): return True
    def __mul__(self, other): return self
    def __array__(self, *args, **kwargs): raise AttributeError
    def __getattr__(self, name): return self
    def __call__(self, *args, **kwargs): return self
    def __hash__(self): return 0
"""


@entry(outcome="cell_error", loses=ALL, cold=True)
def equal_to_everything(draft: Draft) -> None:
    """Hands in and answers with an object that equals whatever it is compared with: it does not travel, so no points."""
    draft.wrong()
    draft.answer("prepare", EQUAL + "scaled = total = curve = Equal()")
    draft.answer("write_double", "def double(n):\n    return Equal()")
    draft.answer("write_middle", "def middle(rows):\n    return [Equal(), Equal()]")


@entry(loses=("total", "double"))
def numbers_that_equal_everything(draft: Draft) -> None:
    """Subclasses of int and float whose comparisons are always true: only the number itself travels, and it is wrong."""
    lying = (
        "class Lying{0}({0}):\n    def __eq__(self, other): return True\n    def __repr__(self): return '8'\n    __hash__ = {0}.__hash__\n"
    )
    draft.add(lying.format("int") + lying.format("float") + "total = Lyingint(3)", after="prepare")
    draft.answer("write_double", "def double(n):\n    return Lyingfloat(n)")


@entry(outcome="cell_error", loses=("scaled", "middle"))
def array_that_lies_about_its_shape(draft: Draft) -> None:
    """An ndarray subclass with a forged shape, size and comparison: its real numbers are handed in, and they are wrong."""
    draft.add(
        """
        class Liar(np.ndarray):
            shape = property(lambda self: (50, 784))
            size = 39200
            def __eq__(self, other): return np.ones(other.shape, bool)
            def __sub__(self, other): return np.zeros(other.shape)
        scaled = np.zeros((2, 2)).view(Liar)
        """,
        after="prepare",
    )
    draft.answer("write_middle", "def middle(rows):\n    return np.zeros(7).view(Liar)")


@entry(outcome=("completed", "cell_error"), loses=ALL, cold=True)
def checks_replaced(draft: Draft) -> None:
    """Replaces numpy's and the framework's checks, pytest, and `hand_in`'s helpers by ones that are content: the grader has its own."""
    draft.wrong()
    draft.first(
        """
        import builtins, sys
        import numpy, numpy.testing, pytest
        import autograder.checks, autograder._check_values, autograder._check_failed
        for module in (numpy.testing, autograder.checks, autograder._check_values, autograder._check_failed):
            for name in dir(module):
                if name.startswith(("assert", "expect", "fail", "_compare")):
                    setattr(module, name, lambda *args, **kwargs: None)
        numpy.allclose = numpy.array_equal = lambda *args, **kwargs: True
        pytest.main = lambda *args, **kwargs: 0
        """
    )


@entry(outcome=("completed", "cell_error"), loses=ALL)
def asserts_removed_by_transformers(draft: Draft) -> None:
    """IPython's input and AST transformers turn every check of later cells into nothing: points never come from a cell."""
    draft.wrong()
    draft.first(
        """
        import ast
        class Remover(ast.NodeTransformer):
            def visit_Assert(self, node): return ast.Pass()
            def visit_Expr(self, node):
                called = getattr(getattr(node.value, "func", None), "id", "")
                return ast.Pass() if called.startswith("expect") else node
        get_ipython().ast_transformers.append(Remover())
        get_ipython().input_transformers_cleanup.append(lambda lines: [line.replace("assert ", "True or ") for line in lines])
        """
    )


@entry(loses=ALL, cold=True)
def kernel_says_ok_without_executing(draft: Draft) -> None:
    """`do_execute` is patched to reply "ok" to every cell: nothing is handed in, so nothing earns points."""
    draft.first(
        """
        async def ok(*args, **kwargs):
            return {"status": "ok", "execution_count": 1, "payload": [], "user_expressions": {}}
        get_ipython().kernel.do_execute = ok
        """
    )


@entry(loses=("double", "middle"))
def replies_forged_with_the_message_key(draft: Draft) -> None:
    """Sends "ok" replies, results and displays with points over the kernel's own sockets: only hand-ins and answers count."""
    draft.answer("write_double", "def double(n):\n    return 0")
    draft.answer("write_middle", "def middle(rows):\n    return 0")
    draft.add(
        """
        kernel = get_ipython().kernel
        ok = {"status": "ok", "execution_count": 1, "payload": [], "user_expressions": {}, "score": 20, "points": 20}
        for _ in range(20):
            kernel.session.send(kernel.shell_stream, "execute_reply", ok, parent=kernel.get_parent())
            for kind in ("execute_result", "display_data"):
                content = {"data": {"text/plain": "20 of 20 points"}, "metadata": {"score": 20}, "execution_count": 1}
                kernel.session.send(kernel.iopub_socket, kind, content, parent=kernel.get_parent())
            kernel.session.send(kernel.iopub_socket, "status", {"execution_state": "idle"}, parent=kernel.get_parent())
        """,
        after="write_middle",
    )


MANIFEST = """
import json, os
FOLDER = os.environ["AUTOGRADER_HANDIN"]
def claim(*entries):
    text = json.dumps({"schema": 1, "entries": list(entries), "score": 80, "grading": "ok", "outcome": "completed"})
    open(FOLDER + "/manifest.json", "w").write(text)
    os.chmod(FOLDER + "/manifest.json", 0o444)
"""


@entry(loses=("scaled", "total", "curve"), says="'total' was not handed in: its file is missing")
def manifest_written_by_hand(draft: Draft) -> None:
    """After the last hand-in the manifest is written anew, with points, other kinds and files elsewhere: it is understood, not believed."""
    draft.add(
        MANIFEST
        + """
os.unlink(FOLDER + "/total.json")
claim(
    {"name": "scaled", "kind": "value", "section": 1, "file": "../../../graders/basics/test_basics.py", "points": 20, "score": 20},
    {"name": "total", "kind": "value", "section": 1, "file": "/etc/hostname", "passed": True},
    {"name": "curve", "kind": "perfect", "section": 1, "file": None},
    {"name": "../curve", "kind": "value", "section": 1, "file": "curve.json"},
    {"name": "double", "kind": "function", "section": 2, "file": None}, {"name": "middle", "kind": "function", "section": 2},
    ["scaled"], 7, None,
)
""",
        after="hand_in_functions",
    )


@entry(loses=("scaled", "total", "curve"))
def hand_in_replaced_afterwards(draft: Draft) -> None:
    """A thread replaces the files of the hand-in by pickles, deep JSON and junk as soon as they are there: malformed, so no points."""
    draft.add(
        """
        import os, pickle, threading
        FOLDER = os.environ["AUTOGRADER_HANDIN"]
        np.savez(FOLDER + "/scaled.npz", array=np.array([{"an": "object"}], dtype=object))
        open(FOLDER + "/total.json", "w").write("[" * 100_000)
        open(FOLDER + "/curve.json", "wb").write(pickle.dumps({"loss": [0.9, 0.5, 0.25]}))
        def again():
            while True:
                open(FOLDER + "/total.json", "w").write("[" * 50_000)
        threading.Thread(target=again, daemon=True).start()
        """,
        after="hand_in_data",
    )


@entry(loses=("scaled",))
def compressed_array(draft: Draft) -> None:
    """The array's file is a zip that grows by a factor of 1,000 when it is read: refused before it is."""
    draft.add(
        """
        import os
        np.savez_compressed(os.environ["AUTOGRADER_HANDIN"] + "/scaled.npz", array=np.zeros((100_000_000,), np.uint8))
        """,
        after="hand_in_data",
    )


HEADER = """
import io, os, struct, zipfile
def npy(shape, descr="'<f8'", data=b""):
    header = ("{'descr': %s, 'fortran_order': False, 'shape': %r, }" % (descr, shape)).ljust(117).encode() + b"\\n"
    return b"\\x93NUMPY\\x01\\x00" + struct.pack("<H", len(header)) + header + data
def put(**members):
    with zipfile.ZipFile(os.environ["AUTOGRADER_HANDIN"] + "/scaled.npz", "w") as archive:
        for name, data in members.items():
            archive.writestr(name + ".npy", data)
"""


@entry(loses=("scaled",))
def array_header_claims_terabytes(draft: Draft) -> None:
    """A header that claims 8 TB, without the numbers: cannot be read, and nothing is allocated."""
    draft.add(HEADER + "put(array=npy((10**12,)))", after="hand_in_data")


@entry(loses=("scaled",))
def array_with_a_forged_type(draft: Draft) -> None:
    """A dtype of objects, and a header of Python code: no pickle is opened, nothing is evaluated."""
    draft.add(HEADER + """put(array=npy((1,), "'|O'", b"cos\\nsystem\\n(S'touch /tmp/owned'\\ntR."))""", after="hand_in_data")


@entry(loses=("scaled",))
def sample_with_forged_rows(draft: Draft) -> None:
    """The manifest calls the array a sample of 10^15 rows, with rows of its own choice: a sample is checked, an array was asked for."""
    draft.add(
        MANIFEST
        + HEADER
        + """
whole = np.zeros((256, 784))
np.savez(FOLDER + "/scaled.npz", shape=np.array([10**15, 784]), dtype=np.array("<f8"), rows=whole, indices=np.arange(256))
import json
listed = json.load(open(FOLDER + "/manifest.json"))["entries"]
claim(*({**each, "kind": "array_sample"} if each["name"] == "scaled" else each for each in listed))
""",
        after="hand_in_functions",
    )


@entry(cold=True)
def models_and_pickles_beside_the_hand_in(draft: Draft) -> None:
    """`.keras`, `.h5`, SavedModel, pickles and Python files in the hand-in folder: never opened, and the right answers keep all points."""
    draft.add(
        draft.know()
        + """
import os, pickle
class Touch:
    def __reduce__(self): return (os.system, (f"touch {' '.join(f'{place}/{TOKEN}' for place in OUTSIDE)}",))
folder = os.environ["AUTOGRADER_HANDIN"]
os.makedirs(folder + "/saved/variables")
for name in ("model.keras", "model.h5", "model.pkl", "saved/saved_model.pb", "saved/variables/variables.index", "scaled.pkl"):
    open(f"{folder}/{name}", "wb").write(pickle.dumps(Touch()))
open(folder + "/conftest.py", "w").write(f"open({OUTSIDE[0]!r} + '/' + {TOKEN!r}, 'w')")
""",
        after="hand_in_functions",
    )


@entry(loses=("total", "double"))
def objects_that_run_code_when_unpickled(draft: Draft) -> None:
    """A value and answers with a `__reduce__` that runs a command: no pickle travels, nothing runs."""
    touch = (
        draft.know()
        + "import os\nclass Touch:\n    def __reduce__(self): return (os.system, (f'touch {OUTSIDE[0]}/{TOKEN}',))\ntotal = Touch()"
    )
    draft.add(touch, after="prepare")
    draft.answer("write_double", "def double(n):\n    return Touch()")


@entry(loses=("double",))
def answer_looked_up_on_the_stack(draft: Draft) -> None:
    """The function looks through all frames and all objects for what it should answer: expected values never travel."""
    draft.answer(
        "write_double",
        """
        import gc, sys
        def double(n):
            frame = sys._getframe()
            while frame:
                for name, value in frame.f_locals.items():
                    if name in ("expected", "expects", "solution", "right") and type(value) in (int, float):
                        return value
                frame = frame.f_back
            for each in gc.get_objects():
                if type(each) is dict and "expected" in each and type(each["expected"]) in (int, float):
                    return each["expected"]
            return 0
        """,
    )


@entry(loses=("double",), says="did not return within 2 s")
def answer_waited_for(draft: Draft) -> None:
    """The function waits for files in which an expected value could come: none does, and the question's time is over."""
    draft.answer(
        "write_double",
        """
        import glob, json, time
        waited = []
        def double(n):
            while not waited:
                for path in glob.glob("../*.json"):
                    if "expected" in open(path).read():
                        return json.load(open(path))["expected"]
                time.sleep(0.05)
            return 0
        """,
    )


@entry(loses=("double",))
def questions_read_before(draft: Draft) -> None:
    """A cell looks everywhere for the questions, to answer from a table: they are not there while cells run."""
    draft.add(
        """
        import os
        for folder, _, names in os.walk(".."):
            for name in names:
                try:
                    text = open(os.path.join(folder, name), "rb").read(200_000)
                except OSError:
                    text = b""
                if b"1000000000000" in text:
                    print("ACHIEVED", name)
        """
        # the notebook itself must not hold what is looked for
        .replace("1000000000000", '10000000" b"00000'),
        after="hand_in_data",
    )
    draft.answer("write_double", "def double(n):\n    return {4: 9}.get(n, 0)")


@entry(loses=("scaled", "total", "double", "middle"), outcome=("completed", "cell_error"))
def not_a_number(draft: Draft) -> None:
    """NaN and infinity in every answer, which compare strangely: no points, and no error of the grader."""
    draft.answer("prepare", "scaled = np.full((50, 784), np.nan)\ntotal = float('inf')\ncurve = {'loss': [0.9, 0.5, 0.25]}")
    draft.answer("write_double", "def double(n):\n    return float('nan')")
    draft.answer("write_middle", "def middle(rows):\n    return np.full(len(rows), np.inf)")


@entry(loses=("total", "curve", "double", "middle"))
def values_of_odd_kinds(draft: Draft) -> None:
    """Huge numbers, empty and nested containers, texts, booleans where numbers belong: wrong, and never the grader's error."""
    draft.answer("prepare", "scaled = x_test[:50].reshape(50, 784) / 255\ntotal = 10**4000\ncurve = {'loss': [1e400, 10**300, -1]}")
    draft.answer("write_double", "def double(n):\n    return [None, True, [], {}, 'x' * 1000, {'__array__': 'zzz'}, 10**4000][int(n) % 7]")
    draft.answer("write_middle", "def middle(rows):\n    return {'__array__': 'AAAA', 'dtype': 'O', 'shape': [10**9, 10**9]}")


@entry(loses=("curve",))
def history_of_texts(draft: Draft) -> None:
    """Training curves of texts and lists: malformed, so no points."""
    draft.add("curve = {'loss': ['0.9', [0.5], None]}", after="prepare")


@entry(loses=ALL, outcome="kernel_died", says="ended in this cell", cold=True)
def exit_with_status_zero(draft: Draft) -> None:
    """`os._exit(0)` in the first cell: an exit status is no evidence, nothing was handed in."""
    draft.first("import os\nos._exit(0)")


@entry()
def points_changed_in_the_metadata(draft: Draft) -> None:
    """All cells claim 1,000 points and to be graded by hand: points are the release's."""
    for cell in draft.cells:
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"] |= {"points": 1_000, "solution": True, "locked": False, "task": True}


@entry(outcome="cell_error", keeps=("double", "middle"), flags=("reordered_cells",))
def grade_ids_swapped(draft: Draft) -> None:
    """The ids of two answers are swapped: each answer runs where its id belongs, and what is not defined there is lost."""
    one, other = draft.cell("prepare"), draft.cell("write_double")
    one["metadata"], other["metadata"] = other["metadata"], one["metadata"]
    one["id"], other["id"] = other["id"], one["id"]


@entry(flags=("duplicate_cell",))
def grade_ids_claimed_by_own_cells(draft: Draft) -> None:
    """Own cells carry the ids of grade cells: the released ones run, the class and the gradebook are not disturbed."""
    for name in ("scaled", "hand_in_data", "double"):
        own = code_cell("pass")
        own["metadata"] = copy.deepcopy(draft.cell(name)["metadata"])
        draft.notebook["cells"].append(own)


@entry(flags=("deleted_cell",))
def grade_cells_deleted(draft: Draft) -> None:
    """All locked cells are deleted: put back as released, flagged, and the right answers keep their points."""
    draft.notebook["cells"] = [cell for cell in draft.cells if not cell["metadata"].get("nbgrader", {}).get("locked")]


@entry(loses=("total",), flags=("edited_locked_cell",))
def locked_cells_edited(draft: Draft) -> None:
    """Checks are emptied and the hand-in cell hands in something else: both are put back as released."""
    draft.add("total = -1", after="prepare")
    draft.cell("scaled")["source"] = "pass"
    draft.cell("hand_in_data")["source"] = "total = int(y_test.sum())\nhand_in('scaled', 'total', 'curve')"


@entry("models", flags=("edited_locked_cell",))
def parameters_edited(draft: Draft) -> None:
    """The parameters cell allows 100,000 epochs: the profile's values stand there again, and five epochs are trained."""
    draft.cell("parameters")["source"] = "seed = 1\nepoch_limit = 100_000\nsample_limit = None\ndataset = 'all'"
    draft.cell("train")["source"] = draft.cell("train")["source"].replace("min(5, epoch_limit)", "epoch_limit")


@entry(flags=("retyped_cell",))
def cells_retyped(draft: Draft) -> None:
    """Grade and hand-in cells are turned into text: they are code again."""
    for name in ("scaled", "hand_in_data", "write_double"):
        cell = draft.cell(name)
        cell.update(cell_type="raw" if name == "scaled" else "markdown")
        del cell["outputs"], cell["execution_count"]


@entry(flags=("reordered_cells",))
def cells_in_reverse_order(draft: Draft) -> None:
    """The whole notebook stands upside down: executed in the released order."""
    draft.notebook["cells"].reverse()


def _pasted(size: int) -> str:
    """Random bytes as text: what weights look like when they are written into a cell."""
    return base64.b85encode(random.Random(7).randbytes(size)).decode()


@entry("models", outcome="rejected", unscored=True, says="KiB are allowed")
def weights_pasted_into_a_string(draft: Draft) -> None:
    """100 KB of weights as a text in a cell: nothing is executed, and it is no 0 but no grade at all."""
    draft.add(f"import base64\nweights = base64.b85decode({_pasted(100_000)!r})")


@entry(outcome="rejected", unscored=True, says="KiB are allowed")
def weights_pasted_into_comments(draft: Draft) -> None:
    """60 KB of data in comments of many cells, where a notebook could read it back from its own history."""
    text = _pasted(60_000)
    for start in range(0, len(text), 8_000):
        draft.add("\n".join(f"# {text[place : place + 100]}" for place in range(start, min(start + 8_000, len(text)), 100)))


@entry("models", flags=("large_literals",))
def a_small_table_is_told_and_graded(draft: Draft) -> None:
    """4 KB of data in a right answer: graded as usual, and the instructor is told."""
    draft.add(f"table = {_pasted(4_000)!r}")


@entry(loses=("total",), says="too deep")
def lists_inside_lists(draft: Draft) -> None:
    """A number 350 lists deep: no number, said in a sentence, and no grader calls itself to death."""
    draft.add("for _ in range(350):\n    total = [total]", after="prepare")


@entry(loses=("total",))
def lists_inside_lists_written_by_hand(draft: Draft) -> None:
    """The same behind the back of `hand_in`: what cannot be read is malformed, and the other cells keep their points."""
    draft.add(
        """
        import os
        open(os.environ["AUTOGRADER_HANDIN"] + "/total.json", "w").write("[" * 350 + "1" + "]" * 350)
        """,
        after="hand_in_functions",
    )


@entry(loses=("double",))
def answers_inside_lists(draft: Draft) -> None:
    """A function whose answers lie 200 lists deep: wrong answers, and those of the other function count."""
    draft.answer(
        "write_double",
        """
        def double(n):
            answer = 2 * n
            for _ in range(200):
                answer = [answer]
            return answer
        """,
    )


@entry(loses=("double",))
def answer_that_contains_itself(draft: Draft) -> None:
    """A function that returns a list with itself in it: an answer that cannot be compared, with a reason that is true."""
    draft.answer("write_double", "def double(n):\n    answer = [n]\n    answer.append(answer)\n    return answer")
