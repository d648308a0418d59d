"""One execution with a real kernel: limits, outputs, and what is kept of a notebook that does what it likes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autograder.course.loading import load_course
from autograder.course.profile import RunProfile, resolve_profile
from autograder.data.sealed import SealedSplit, sealed_split
from autograder.execution.devices import Slot
from autograder.execution.run import Execution, execute
from autograder.execution.rundir import RunFolder
from autograder.isolation.sandbox import Sandbox
from autograder.records import Question, Run
from tests.conftest import SAMPLES

Runner = Callable[..., tuple[Run, RunFolder]]


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> tuple[SealedSplit, RunProfile]:
    course, paths = load_course(SAMPLES / "tiny")
    elsewhere = replace(paths, root=tmp_path_factory.mktemp("data"))
    (elsewhere.root / "grading_config.py").write_text(paths.config.read_text())
    profile = resolve_profile(course, course.assignments[0], None)
    return sealed_split(course, elsewhere, "digits", b"1" * 32, None), profile


@pytest.fixture
def run(split: tuple[SealedSplit, RunProfile], tmp_path: Path, sandbox: Sandbox) -> Runner:
    def execute_cells(
        *sources: str, questions: tuple[Question, ...] = (), locked: tuple[int, ...] = (), **limits: Any
    ) -> tuple[Run, RunFolder]:
        notebook = notebook_of(*sources, locked=locked)
        again = notebook_of("epoch_limit = 1", *sources[1:], locked=locked) if locked else None
        profile = replace(split[1], limits=replace(split[1].limits, **limits))
        execution = Execution(
            "tiny", notebook, {"notes.txt": b"mine"}, profile, split[0].fingerprint, split[0].student, questions, Slot(), replay=again
        )
        folder = RunFolder(tmp_path / execution.run_key())
        return execute(execution, folder, sandbox, lambda index, count: None), folder

    return execute_cells


def notebook_of(*sources: str, locked: tuple[int, ...] = ()) -> dict[str, Any]:
    cells = [
        {
            "cell_type": "code",
            "id": f"c{index}",
            "metadata": {"nbgrader": {"locked": True}} if index in locked else {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for index, source in enumerate(sources)
    ]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}


def outputs(folder: RunFolder) -> list[str]:
    notebook = folder.notebook()
    assert notebook is not None
    return ["".join("".join(output.get("text", output.get("ename", ""))) for output in cell["outputs"]) for cell in notebook["cells"]]


def test_the_whole_notebook_has_a_limit_of_its_own(run: Runner) -> None:
    result, folder = run("a = 1\nprint('first')", "while True:\n    pass", "print('never')", cell_s=60, total_s=3)
    assert result.outcome == "timed_out"
    assert result.first_error is not None
    assert "3 s, the limit for all of it" in result.first_error.message
    assert outputs(folder)[0] == "first\n"
    assert outputs(folder)[2] == ""


@pytest.fixture
def busy_core() -> Iterator[int]:
    """A core that three processes of somebody else's would like to have all the time."""
    core = min(os.sched_getaffinity(0))
    endless = [sys.executable, "-c", f"import os\nos.sched_setaffinity(0, {{{core}}})\nprint(flush=True)\nwhile True: pass"]
    others = [subprocess.Popen(endless, stdout=subprocess.PIPE, start_new_session=True) for _ in range(3)]
    try:
        for other in others:
            assert other.stdout is not None
            other.stdout.readline()
        yield core
    finally:
        for other in others:
            other.kill()
            other.communicate()


@pytest.mark.parametrize("limits", [{"cell_s": 3}, {"total_s": 3}], ids=["cell", "total"])
def test_waiting_for_a_core_is_not_the_students_time(run: Runner, busy_core: int, limits: dict[str, int]) -> None:
    passes_the_limit_on_the_wall = f"import os, time\nos.sched_setaffinity(0, {{{busy_core}}})\nends = time.monotonic() + 5\n"
    result, folder = run(passes_the_limit_on_the_wall + "while time.monotonic() < ends:\n    pass\nprint('done')", **limits)
    assert result.outcome == "completed", result.reason
    assert outputs(folder) == ["done\n"]
    assert result.usage.waited_s > 1  # or 5 s had been more than 3


def test_a_question_too_may_wait_for_a_core(run: Runner, busy_core: int) -> None:
    work = "    ends = time.monotonic() + 5\n    while time.monotonic() < ends:\n        pass\n    return n\nhand_in(functions=['f'])"
    code = f"import os, time\nfrom autograder.student import hand_in\nos.sched_setaffinity(0, {{{busy_core}}})\ndef f(n):\n{work}"
    _, folder = run(code, questions=(Question("q", "f", (1,), 3.0),))
    assert folder.answers()["q"].value == 1


def test_threads_that_wait_for_each_other_gain_three_times_the_limit_and_no_more(run: Runner) -> None:
    code = "import hashlib, os, threading\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\ndef work():\n"
    code += "    while True:\n        hashlib.sha256(bytes(1_000_000)).digest()\n"  # which other threads may run beside
    result, _ = run(code + "for _ in range(20):\n    threading.Thread(target=work).start()\nwork()", cell_s=1)
    assert result.outcome == "timed_out"
    assert "after 3 s on the wall: 1 s, the limit for one cell" in result.reason


def test_outputs_are_kept_up_to_the_limit_and_progress_bars_collapse(run: Runner) -> None:
    bar = "import sys, time\nfor i in range(500):\n    sys.stdout.write(f'\\r{i + 1}/500')\n    sys.stdout.flush()\nprint()"
    result, folder = run("print('x' * 1_000_000)", bar, "print(open('notes.txt').read())", cell_output_bytes=1_000)
    assert result.outcome == "completed"
    first, second, third = outputs(folder)
    assert len(first) < 1_200
    assert "output cut here" in first
    assert second == "500/500\n"
    assert third == "mine\n"
    assert [flag.kind for flag in result.flags] == ["output_cut"]


def test_an_answer_comes_from_the_object_that_was_handed_in(run: Runner) -> None:
    define = "from autograder.student import hand_in\ndef f(n):\n    return n + 1\nhand_in(functions=['f'])"
    result, folder = run(
        define, "def f(n):\n    return 'replaced'", questions=(Question("q", "f", (41,), 5.0), Question("r", "g", (1,), 5.0))
    )
    answers = folder.answers()
    assert answers["q"].value == 42
    assert answers["r"].reason == "the function 'g' was not handed in"
    assert result.questions == ("q", "r")


def test_what_a_notebook_leaves_in_the_handin_folder_is_not_kept(run: Runner) -> None:
    junk = (
        "import os, pathlib\nhandin = pathlib.Path(os.environ['AUTOGRADER_HANDIN'])\n"
        "(handin / 'model.keras').write_bytes(b'x')\n(handin / 'evil.pkl').write_bytes(b'x')\n"
        "(handin / 'link.json').symlink_to('/etc/passwd')\nos.mkfifo(handin / 'pipe.npz')\n"
        '(handin / \'manifest.json\').write_text(\'{"entries": [{"name": "../x", "kind": "value", "section": 1}]}\')'
    )
    result, folder = run(junk)
    assert result.outcome == "completed"
    assert result.entries == ()
    assert [path.name for path in folder.handin.iterdir()] == ["manifest.json"]
    assert json.loads((folder.handin / "manifest.json").read_text()) == {"schema": 1, "entries": []}


def test_too_much_handed_in_is_missing_with_the_reason(run: Runner) -> None:
    code = "from autograder.student import hand_in\nsmall = 1\nlarge = list(range(10_000))\nhand_in('large', 'small')"
    result, _ = run(code, hand_in_bytes=20_000)
    kinds = {entry.name: entry.kind for entry in result.entries}
    assert kinds == {"large": "missing", "small": "value"}
    reason = next(entry.reason for entry in result.entries if entry.name == "large")
    assert reason is not None
    assert "bytes" in reason


# --- questions after a kernel that ended early ------------------------------------------------------------------------

ASKED = (Question("q", "f", (41,), 5.0), Question("late", "g", (1,), 5.0))
FIRST = "import os\nfrom autograder.student import hand_in\nepochs = epoch_limit\ndef f(n):\n    return n + 1, epochs"


def test_a_crash_does_not_cost_the_answers_of_what_was_handed_in_before(run: Runner) -> None:
    cells = ("epoch_limit = 7", f"{FIRST}\nprint('once')", "hand_in('epochs', functions=['f'])", "def g(n):\n    return n\nos._exit(1)")
    result, folder = run(*cells, "hand_in(functions=['g'])", questions=ASKED, locked=(2, 4))
    assert result.outcome == "kernel_died"
    assert [flag.kind for flag in result.flags] == ["questions_replayed"]
    assert "gave 1 of 1 answers" in result.flags[0].detail
    answers = folder.answers()
    assert answers["q"].value == [42, 1]  # of the second run, for one epoch
    assert answers["late"].reason == "the notebook had ended before its functions could be called"
    assert json.loads((folder.handin / "epochs.json").read_text()) == 7  # the first run's, and so are its outputs
    assert outputs(folder)[1] == "once\n"


def test_the_total_time_does_not_cost_them_either(run: Runner) -> None:
    cells = ("epoch_limit = 7", FIRST, "hand_in(functions=['f'])", "while True:\n    pass")
    result, folder = run(*cells, questions=ASKED[:1], locked=(2,), cell_s=60, total_s=8)
    assert result.outcome == "timed_out"
    assert folder.answers()["q"].value == [42, 1]


def test_a_second_run_that_ends_early_too_changes_nothing(run: Runner) -> None:
    crash_again = "epoch_limit = 7", f"{FIRST}\nif epoch_limit == 1:\n    os._exit(1)", "hand_in(functions=['f'])", "os._exit(1)"
    result, folder = run(*crash_again, questions=ASKED, locked=(2,))
    assert result.outcome == "kernel_died"
    assert "ended early too" in result.flags[0].detail
    assert folder.answers()["q"].reason == "the notebook had ended before its functions could be called"


ENDS = {
    "ends its process": "os._exit(1)",
    "cannot be interrupted": "import signal\n    signal.signal(signal.SIGINT, signal.SIG_IGN)\n    while True: pass",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_function_that_ends_the_notebook_costs_no_other_function_its_answers(run: Runner, end: str) -> None:
    code = f"import os\nfrom autograder.student import hand_in\ndef bad(n):\n    {end}\ndef good(n):\n    return n + 1"
    questions = tuple(Question(str(index), name, (1,), 5.0) for index, name in enumerate(["good", "bad", "bad", "good"]))
    result, folder = run("epoch_limit = 7", code, "hand_in(functions=['bad', 'good'])", questions=questions, locked=(2,))
    assert result.outcome == "completed"
    assert [flag.detail for flag in result.flags if flag.kind == "questions_replayed"] == [
        "a function ended the notebook when it was called; running again what was handed in gave 1 of 1 answers"
    ]
    answers = folder.answers()
    assert (answers["0"].value, answers["3"].value) == (2, 2)
    assert "bad" in str(answers["1"].reason)
    assert answers["2"].reason == "bad had ended the notebook before its functions could be called"


def test_several_functions_that_end_the_notebook_are_left_out_one_after_the_other(run: Runner) -> None:
    code = "import os\nfrom autograder.student import hand_in\ndef one(n): os._exit(1)\ndef two(n): os._exit(1)\ndef good(n): return n"
    questions = tuple(Question(name, name, (1,), 5.0) for name in ["one", "two", "good"])
    _, folder = run("epoch_limit = 7", code, "hand_in(functions=['one', 'two', 'good'])", questions=questions, locked=(2,))
    assert folder.answers()["good"].value == 1
    assert folder.answers()["two"].reason == "two ended the whole notebook"


def test_a_second_run_that_behaves_otherwise_gains_nothing_but_answers(run: Runner) -> None:
    """It hands in more, hands in something else, prints, and looks for what the first run left."""
    trick = (
        "import pathlib\nnote = pathlib.Path('note')\nsecret = note.exists()\nnote.write_text('x')\n"
        "if epoch_limit == 1:\n    print('better')\n    epochs = 100\n    def g(n):\n        return n\n    hand_in(functions=['g'])"
    )
    show = "def f(n):\n    return secret, epochs"
    cells = ("epoch_limit = 7", FIRST, trick, show, "hand_in('epochs', functions=['f'])", "os._exit(1)")
    result, folder = run(*cells, questions=ASKED, locked=(4,))
    assert folder.answers()["q"].value == [False, 100]
    assert folder.answers()["late"].reason == "the notebook had ended before its functions could be called"
    assert {entry.name for entry in result.entries} == {"epochs", "f"}
    assert json.loads((folder.handin / "epochs.json").read_text()) == 7
    assert outputs(folder)[2] == ""
