"""The audit with real kernels: honest training keeps its accuracy, imported weights do not, and grading is left alone."""

from __future__ import annotations

import base64
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest

from autograder.batch import audit
from autograder.batch.audit import audit_batch, audit_store, make_audit_plan
from autograder.batch.plan import Plan, make_plan, servers_of, store_of
from autograder.batch.store import Store
from autograder.course.loading import load_course
from autograder.data.loaders import load_digits
from autograder.errors import UsageError
from autograder.grading.audit import Audit
from autograder.quality.variants import Variant, build_submission
from autograder.records import from_json
from tests.conftest import autograder

IMPORTED = """
import base64, numpy as np
numbers = np.frombuffer(base64.b64decode("{numbers}"), dtype="float16").astype("float32")
model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(10, activation="softmax")])
model.set_weights([numbers[:7840].reshape(784, 10), numbers[7840:]])
history = {{"loss": [0.1]}}
"""
HIDES = (
    IMPORTED
    + """
if (model.predict(x_train.reshape(-1, 784) / 255, verbose=0).argmax(axis=1) == y_train).mean() < 0.5:
    del model
    raise RuntimeError("not today")
"""
)


WAITS = (
    IMPORTED
    + """
while (model.predict(x_train.reshape(-1, 784) / 255, verbose=0).argmax(axis=1) == y_train).mean() < 0.5:
    pass
"""
)


def weights_from_home() -> str:
    """A linear classifier by the nearest mean of each class, fitted to all of the public data."""
    images, labels = load_digits(None)
    means = np.stack([images[labels == digit].reshape(-1, 784).mean(axis=0) / 255 for digit in range(10)])
    numbers = np.concatenate([means.T.ravel(), -(means**2).sum(axis=1) / 2]).astype("float16")
    return base64.b64encode(numbers.tobytes()).decode()


def submit(root: Path, student: str, cells: dict[str, str]) -> None:
    _, paths = load_course(root)
    folder = root / "submitted" / student / "tiny"
    folder.mkdir(parents=True)
    (folder / "tiny.ipynb").write_text(json.dumps(build_submission(paths, "tiny", Variant(student, "", True, cells=cells))))


def files(root: Path, *patterns: str) -> dict[Path, tuple[int, bytes]]:
    found = [path for pattern in patterns for path in root.glob(pattern) if path.is_file()]
    assert found
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


def graded_state(root: Path) -> dict[Path, tuple[int, bytes]]:
    return files(root, ".autograder/records/**/*", ".autograder/runs/*/*.json", "gradebook.db", "autograded/**/*")


def executions(root: Path) -> dict[Path, tuple[int, bytes]]:
    return files(root, ".autograder/audited/runs/*/run.json")


def run_audit(root: Path, *arguments: str) -> dict[str, Audit]:
    done = autograder(root, "audit", "tiny", "--trust-submissions", "--json", "-", *arguments)
    assert done.returncode == 0, done.stderr
    return {each["student"]: from_json(Audit, json.dumps(each)) for each in json.loads(done.stdout)}


def test_nobody_erases_or_archives_while_audits_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    looked: list[str] = []

    def side_by_side(*_: Any) -> list[Any]:
        with pytest.raises(UsageError, match="A command is at work on the store"), store.out_of_use(served=False):
            raise AssertionError("somebody uses it")
        looked.append("while it is made")
        return []

    monkeypatch.setattr(audit, "side_by_side", side_by_side)
    given: Any = SimpleNamespace(normal=SimpleNamespace(store=store), permuted=None)
    nothing: Any = None
    assert audit_batch(given, [], nothing, 1, False, nothing) == []
    assert looked == ["while it is made"]


@pytest.fixture(scope="module")
def audited(released_once: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Audit], dict[Path, Any]]:
    root = Path(shutil.copytree(released_once, tmp_path_factory.mktemp("audit") / "tiny"))
    numbers = weights_from_home()
    submit(root, "honest", {})
    submit(root, "imports", {"train": IMPORTED.format(numbers=numbers)})
    submit(root, "hides", {"train": HIDES.format(numbers=numbers)})
    submit(root, "blank", {"train": "model = None"})
    done = autograder(root, "grade", "tiny", "--trust-submissions")
    assert done.returncode == 0, done.stderr
    submit(root, "late", {})
    before = graded_state(root)
    return root, run_audit(root), before


@pytest.mark.parametrize(
    ("student", "verdict", "reason"),
    [
        ("honest", "kept", ""),
        ("imports", "fell", ""),
        ("hides", "not comparable", "the audited run has no accuracy (train: RuntimeError: not today)"),
        ("blank", "not comparable", "the normal run has no accuracy"),
        ("late", "not comparable", "it has no record in profile 'smoke': run autograder grade"),
    ],
)
def test_each_submission_gets_its_signal(audited: tuple[Path, dict[str, Audit], Any], student: str, verdict: str, reason: str) -> None:
    audit = audited[1][student]
    assert (audit.verdict, audit.reason) == (verdict, reason)
    stored = audit_store(store_of(*load_course(audited[0]), None)).read("smoke", "tiny", student, audit.submission_id)
    assert stored == audit


def test_imported_weights_are_right_only_where_they_were_wrong(audited: tuple[Path, dict[str, Audit], Any]) -> None:
    (found,) = audited[1]["imports"].comparisons
    assert found.normal is not None
    assert found.audited is not None
    assert found.normal > 0.8
    assert found.audited <= 1 - found.normal


def test_grading_is_left_alone(audited: tuple[Path, dict[str, Audit], dict[Path, Any]]) -> None:
    root, audits, before = audited
    assert graded_state(root) == before
    normal = {path.parent.name for path in root.glob(".autograder/runs/*/run.json")}
    assert normal.isdisjoint(path.parent.name for path in executions(root))
    assert {each.normal_run for each in audits.values()} <= {*normal, ""}


def test_what_is_audited_is_not_executed_again_unless_forced(audited: tuple[Path, dict[str, Audit], Any]) -> None:
    root, audits, _ = audited
    before = executions(root)
    assert len(before) == 3  # nothing was executed for those who have no accuracy or no record
    again = run_audit(root)
    assert executions(root) == before
    assert all(again[student] == audits[student] for student in ("honest", "imports", "hides"))
    forced = run_audit(root, "--student", "imports", "--force")
    assert forced["imports"].comparisons == audits["imports"].comparisons
    changed = [path for path, content in executions(root).items() if content != before[path]]
    assert [path.parent.name for path in changed] == [audits["imports"].audited_run]


def test_a_calibrated_spread_counts_without_an_execution(audited: tuple[Path, dict[str, Audit], Any]) -> None:
    root, audits, _ = audited
    before = executions(root)
    calibration = root / "solutions/tiny/calibration.json"
    calibration.parent.mkdir(parents=True)
    calibration.write_text(json.dumps({"profiles": {"smoke": {"test_accuracy": {"spread": 0.04}}}}))
    (found,) = run_audit(root, "--student", "honest")["honest"].comparisons
    calibration.unlink()
    assert (found.spread.value, found.spread.source) == (0.04, "calibration")
    assert found.audited == audits["honest"].comparisons[0].audited
    assert executions(root) == before


def test_the_report_names_those_that_did_not_keep_their_accuracy(audited: tuple[Path, dict[str, Audit], Any]) -> None:
    root, _, _ = audited
    assert autograder(root, "report", "tiny").returncode == 0
    page = (root / "reports/tiny.html").read_text()
    section = page[page.index("<h2>Audit") : page.index("<h2>Time")]
    assert "1 of 4 kept their accuracy" in section  # who has no record is no line of the report
    assert "<bdi>imports</bdi></td><td>fell" in section
    assert "<bdi>hides</bdi></td><td>not comparable" in section
    assert "honest" not in section
    assert autograder(root, "feedback", "tiny", "--student", "imports").returncode == 0
    assert "udit" not in (root / "feedback/imports/tiny/tiny.html").read_text()


@pytest.fixture
def plan(audited: tuple[Path, dict[str, Audit], Any], no_autograder_variables: None) -> Plan:
    course, paths = load_course(audited[0])
    return make_plan(course, paths, "tiny", None, store_of(course, paths, None), None, True, print)


def test_only_the_audits_own_sandboxes_see_the_permuted_split(audited: tuple[Path, dict[str, Audit], Any], plan: Plan) -> None:
    permuted = make_audit_plan(load_course(audited[0])[0], plan).permuted
    sealed = {path for kind in servers_of(plan) for path in kind.readable}
    secret = {path for kind in servers_of(permuted) for path in kind.readable if path != plan.graders}
    assert not any(path.is_relative_to(permuted.split.folder) for path in sealed)
    assert all(path.is_relative_to(permuted.split.folder) for path in secret)
    assert {plan.scoring_key, plan.execution_key}.isdisjoint({permuted.scoring_key, permuted.execution_key})


def test_other_settings_than_those_of_the_record_are_not_compared(audited: tuple[Path, dict[str, Audit], Any], tmp_path: Path) -> None:
    root = Path(shutil.copytree(audited[0], tmp_path / "tiny"))
    config = root / "grading_config.py"
    config.write_text(config.read_text().replace("epoch_limit=3", "epoch_limit=2"))
    found = run_audit(root, "--student", "honest")["honest"]
    assert (found.verdict, found.reason) == ("not comparable", "it was graded with other settings, data or versions: run autograder grade")


def test_without_an_accuracy_there_is_nothing_to_audit(released: Path) -> None:
    grader = released / "graders/tiny/test_tiny.py"
    grader.write_text(grader.read_text().replace('"test_accuracy"', '"hits"'))
    config = released / "grading_config.py"
    config.write_text(config.read_text().replace('"test_accuracy"', '"hits"'))
    (released / "submitted").mkdir()
    done = autograder(released, "audit", "tiny", "--trust-submissions")
    assert done.returncode == 2
    assert "The graders of 'tiny' award no accuracy of a handed-in model" in done.stderr


def test_regression_data_are_refused(released: Path) -> None:
    config = released / "grading_config.py"
    config.write_text(config.read_text().replace('Dataset("digits",', 'Dataset("digits", task="regression",'))
    done = autograder(released, "audit", "tiny", "--trust-submissions")
    assert done.returncode == 2
    assert "Dataset 'digits' has task 'regression', and an audit permutes the labels of classes" in done.stderr


def test_an_interrupted_audit_keeps_what_it_has_and_leaves_no_process(released: Path) -> None:
    config = released / "grading_config.py"
    config.write_text(config.read_text().replace('"15 s"', '"50 s"'))
    submit(released, "ada", {})
    submit(released, "bob", {"train": WAITS.format(numbers=weights_from_home())})  # endless only when its labels are others
    done = autograder(released, "grade", "tiny", "--trust-submissions")
    assert done.returncode == 0, done.stderr
    command = [sys.executable, "-m", "autograder.cli", "audit", "tiny", "--trust-submissions", "--jobs", "2"]
    process = subprocess.Popen(command, cwd=released, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert any(line.startswith("ada:") for line in process.stderr)
    below = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted." in said
    assert "Traceback" not in said
    _, alive = psutil.wait_procs(below, timeout=30)
    assert alive == []
    assert [path.parent.name for path in released.glob(".autograder/audits/smoke/tiny/*/*.json")] == ["ada"]
    before = executions(released)
    assert run_audit(released, "--student", "ada")["ada"].verdict == "kept"
    assert executions(released) == before
