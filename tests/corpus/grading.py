"""Grades the corpus as one class, by the real command in this process, among honest neighbours; and says what was seen of it.

The class is graded twice: first the neighbours alone, then everybody. Between the two, secrets are planted in all that a
submission must not see, and what stands there is listed.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from autograder.cli import cli
from autograder.course.loading import load_course
from autograder.course.paths import CoursePaths
from autograder.data.sealed import SealedSplit
from autograder.isolation.sandbox import Sandbox
from autograder.quality.variants import Variant, build_submission
from autograder.records import Record, from_json
from tests.conftest import SAMPLES
from tests.corpus.entry import CELLS, Draft, Entry, code_cell, draft
from tests.isolation.attacks import targets_in
from tests.isolation.running import Place, new_token, processes_named

HONEST = ("aa_honest", "gg_honest", "nn_honest", "zz_honest")  # sorted before, among and after the attacks
_WRITTEN = ("autograded", "feedback", "reports", "gradebook.db", ".autograder")
_SHARED = ("/tmp", "/var/tmp", "/dev/shm")


@dataclass
class Seen:
    """What was seen of one graded class. `called`: connections that reached a listening socket; `peak_mib`: of the command."""

    root: Path
    level: int
    assignments: tuple[str, ...]
    records: dict[str, Record] = field(default_factory=dict)
    alone: dict[str, Record] = field(default_factory=dict)
    leaked: dict[str, str] = field(default_factory=dict)
    achieved: dict[str, str] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    survivors: list[str] = field(default_factory=list)
    called: int = 0
    peak_mib: float = 0.0
    statuses: dict[str, int] = field(default_factory=dict)

    def record(self, entry: Entry) -> Record:
        return self.records[f"{entry.assignment}/{entry.name}"]

    def page(self, student: str, assignment: str) -> str:
        return (self.root / "feedback" / student / assignment / f"{assignment}.html").read_text(encoding="utf-8")


@contextmanager
def graded_class(level: int, entries: Sequence[Entry], cold: bool = False) -> Iterator[Seen]:
    """The class, graded at one level; `cold`: each process of a submission is started anew instead of forked from a warm one."""
    with tempfile.TemporaryDirectory(prefix="corpus-", ignore_cleanup_errors=True) as folder:
        with ExitStack() as stack:  # ends before other tests run
            seen = _graded(level, entries, cold, Path(folder), stack)
        yield seen


def _graded(level: int, entries: Sequence[Entry], cold: bool, folder: Path, stack: ExitStack) -> Seen:
    patch = stack.enter_context(pytest.MonkeyPatch.context())
    folder.chmod(0o755)  # only a sandbox is in the way
    # An assignment that nobody in the class attacks would show nothing of its neighbours.
    assignments = tuple(name for name in CELLS if any(each.assignment == name for each in entries))
    seen = Seen(Path(shutil.copytree(SAMPLES / "corpus", folder / "course")), level, assignments)
    _prepare(seen, stack, patch, cold, folder / "home")
    paths = load_course(seen.root)[1]
    right = {each: build_submission(paths, each, Variant("reference", "", True)) for each in assignments}
    for assignment in assignments:
        _write_neighbours(paths, assignment, right[assignment])
        seen.alone |= _grade(seen, assignment, "alone")
    secret = f"canary-{secrets.token_hex(8)}"
    place, leaks = _plant(paths, secret, folder / "home", patch)
    token = new_token()
    aims = {"TOKEN": token, "OUTSIDE": [str(folder), *_SHARED], "LEAKS": leaks, "HOME": str(folder / "home")}
    with _victim(stack) as victim, targets_in(place, os.getpid(), victim) as targets, _listener() as (port, called):
        aims = targets | aims | {"PORT": port}
        for each in entries:
            made = draft(right[each.assignment], each.assignment, aims)
            _build(made, each, paths)
        before = _digests(seen.root)
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        resting = _memory_mib("VmRSS")
        for assignment in assignments:
            seen.records |= _grade(seen, assignment, "everybody")
        seen.peak_mib = _memory_mib("VmHWM") - resting
        seen.called = called()
    for assignment in assignments:
        for command in ("feedback", "report"):
            _call(seen, f"{command} {assignment}", command, assignment, "--store", "everybody", "--quiet")
    seen.changed = sorted(name for name, digest in _digests(seen.root).items() if before.get(name) != digest)
    seen.changed += sorted(set(before) - set(_digests(seen.root)))
    seen.written = [str(path) for path in _named(token, (*_SHARED, str(folder)), paths)]
    seen.survivors = [str(process) for process in processes_named(token)]
    _search(seen, (secret, (seen.root / ".autograder/seed").read_text().strip()))
    return seen


def _prepare(seen: Seen, stack: ExitStack, patch: pytest.MonkeyPatch, cold: bool, home: Path) -> None:
    import autograder.batch.plan
    import autograder.execution.run
    import autograder.grading.models

    for name in [name for name in os.environ if name.startswith("AUTOGRADER_") and name != "AUTOGRADER_TEST_ALL"]:
        patch.delenv(name)
    home.mkdir()
    patch.setenv("HOME", str(home))
    sandbox = stack.enter_context(Sandbox(seen.level))  # one for all commands, so that each server starts once
    patch.setattr(autograder.batch.plan, "open_sandbox", lambda *_: nullcontext(sandbox))
    patch.setattr(autograder.grading.models, "_CPU_S", 20)  # a slow model need not take its two minutes
    if cold:
        for module in (autograder.execution.run, autograder.grading.models):
            patch.setattr(module, "may_fork_warm", lambda slot, backend: "the corpus asks for it")
    for assignment in seen.assignments:
        _call(seen, f"release {assignment}", "release", assignment, "--quiet")


def _call(seen: Seen, name: str, *arguments: str) -> None:
    """The command, in this process, so that its memory and its processes are this one's."""
    status = cli.main([*arguments, "--course", str(seen.root)], standalone_mode=False)
    seen.statuses[name] = status if isinstance(status, int) else 0


def _grade(seen: Seen, assignment: str, store: str) -> dict[str, Record]:
    result = seen.root.parent / f"{store}-{assignment}.json"
    _call(
        seen, f"grade {assignment} {store}", "grade", assignment, "--trust-submissions", "--store", store, "--json", str(result), "--quiet"
    )
    found = [from_json(Record, json.dumps(each)) for each in json.loads(result.read_bytes())]
    return {f"{assignment}/{record.student}": record for record in found}


def _write_neighbours(paths: CoursePaths, assignment: str, right: dict[str, Any]) -> None:
    for name in HONEST:
        made = draft(right, assignment, {})
        made.notebook["cells"].append(code_cell(f"# {name} shares this run with nobody"))
        made.write(paths.submitted / name / assignment)


def _build(made: Draft, each: Entry, paths: CoursePaths) -> None:
    each.make(made)
    made.write(paths.submitted / each.name / each.assignment)


def _plant(paths: CoursePaths, secret: str, home: Path, patch: pytest.MonkeyPatch) -> tuple[Place, list[str]]:
    """Secrets in all that no submission may read. `SECRETS` hold a word that attacks know and look for, `LEAKS` the real secret."""
    known, root = f"canary-{secrets.token_hex(8)}", paths.root
    split = next(SealedSplit(path.name, path) for path in (paths.state / "data").iterdir() if (path / "complete").is_file())
    beside = {
        "graders": root / "graders/basics/notes.txt",
        "solutions": root / "solutions/basics/notes.txt",
        "gradebook": root / "gradebook.db.copy",
        "other_submission": root / "submitted/another_student/essay/essay.ipynb",
        "record": root / "alone/records/note.txt",
        "run": root / "alone/runs/note.txt",
        "seed": root / ".autograder/seed.copy",
        "configuration": root / "notes.txt",
        "hidden_images": split.hidden / "notes.txt",
        "hidden_labels": split.hidden / "labels.txt",
        "home": home / "notes.txt",
    }
    for path in beside.values():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{known}\n{secret}\n")
        path.chmod(0o644)
    patch.setenv("CORPUS_SECRET", secret)
    leaks = [paths.state / "seed", root / "grading_config.py", split.hidden / "y.npy", root / "gradebook.db", *beside.values()]
    for path in (root, *root.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    (paths.state / "seed").chmod(0o600)
    return Place(root, known, split, beside), [str(path) for path in leaks]


@contextmanager
def _victim(stack: ExitStack) -> Iterator[int]:
    """A process of this account that a submission could harm."""
    victim = psutil.Popen(["sleep", "3600"])
    try:
        yield victim.pid
        assert victim.poll() is None, "a process outside was killed"
    finally:
        victim.kill()
        victim.wait()


@contextmanager
def _listener() -> Iterator[tuple[int, Callable[[], int]]]:
    """A service of this machine: its port, and how many connections came to it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server.getsockname()[1], partial(_accepted, server)


def _accepted(server: socket.socket) -> int:
    count = 0
    while True:
        try:
            server.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


def _digests(root: Path) -> dict[str, str]:
    """All files of the course but those that grading writes."""
    places = [path for path in root.iterdir() if path.name not in (*_WRITTEN, "everybody")]
    files = [path for place in [*places, root / ".autograder/data", root / ".autograder/seed"] for path in _files(place)]
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files if len(str(path)) < 3_000}


def _files(place: Path) -> list[Path]:
    """Plain files in a folder, however deep, or the file itself."""
    if not place.is_dir():
        return [place] if place.is_file() and not place.is_symlink() else []
    return [
        Path(parent, name)
        for parent, _, names in os.walk(place)
        for name in names
        if len(parent) < 3_000 and Path(parent, name).is_file() and not Path(parent, name).is_symlink()
    ]


def _named(token: str, places: Sequence[str], paths: CoursePaths) -> list[Path]:
    """Files whose names hold the attackers' token; the submissions' own folders aside."""
    found = []
    for place in places:
        for parent, folders, files in os.walk(place):
            folders[:] = [each for each in folders if Path(parent, each) != paths.submitted]
            found += [Path(parent, name) for name in (*folders, *files) if token in name]
    return found


def _search(seen: Seen, words: Sequence[str]) -> None:
    """Looks through everything that came out for secrets, and for what attacks say that they achieved."""
    places = [seen.root / name for name in (*_WRITTEN[:4], "everybody")] + list(seen.root.parent.glob("*.json"))
    for path in (file for place in places for file in _files(place)):
        content = path.read_bytes()
        seen.leaked |= {str(path): word for word in words if word.encode() in content}
    for record in seen.records.values():
        for run in record.runs:
            notebook = seen.root / "everybody/runs" / run.run_key / "notebook.ipynb"
            if notebook.is_file():
                said = _outputs(json.loads(notebook.read_bytes()))
                if "ACHIEVED" in said:
                    seen.achieved[record.student] = said[said.index("ACHIEVED") :][:300]


def _outputs(notebook: dict[str, Any]) -> str:
    return "".join("".join(output.get("text", "")) for cell in notebook["cells"] for output in cell.get("outputs", []))


def _memory_mib(name: str) -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024
