"""Batches on real Dask schedulers and workers: equal to local ones, nothing lost with a worker or the scheduler, nothing left behind."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import distributed
import psutil
import pytest

from autograder.batch import dask
from autograder.batch.cluster_workers import Told, WorkerLost
from autograder.batch.dask import Link
from autograder.batch.network import Tls
from autograder.batch.store import Store
from autograder.batch.workplace import LEASE_S
from autograder.course.loading import load_course
from autograder.errors import MachineError
from autograder.hub.cluster import DaskGrader
from autograder.hub.graders import Job, Plans
from autograder.intake.collect import find_submissions
from autograder.quality.variants import Variant, build_submission
from autograder.records import Submission
from tests.batch.classes import environment, grade, records, verdicts
from tests.batch.dask_processes import PYTHON, Cluster, cluster_of, pause
from tests.conftest import autograder
from tests.isolation.running import NAMED, new_token, processes_named


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A scheduler without workers."""
    with cluster_of(tmp_path / "cluster") as made:
        yield made


def test_a_cluster_of_this_machine_gives_what_the_command_itself_gives(course: Path) -> None:
    done = grade(course, "--dask", "local")
    assert done.returncode == 0, done.stderr
    assert verdicts(course) == verdicts(course, "local")
    assert all(record.isolation.start == "warm" for record in records(course).values() if record.runs)
    assert list((course / ".autograder/batches").iterdir()) == list((course / ".autograder/tls").iterdir()) == []


def test_certificates_of_a_real_cluster_do_not_disturb_that_of_this_machine(course: Path, tmp_path: Path) -> None:
    certificates = iter(_certificates(tmp_path / "tls")[1::2])
    variables = {f"AUTOGRADER_TLS_{name}": next(certificates) for name in ("CA", "CERT", "KEY")}
    done = autograder(course, "grade", "basics", "--trust-submissions", "--dask", "local", "--student", "ada", **variables)
    assert done.returncode == 0, done.stderr


def test_what_was_submitted_is_read_by_the_command_wherever_it_lies(course: Path, cluster: Cluster) -> None:
    (course / "submitted").rename(course / "inbox")
    cluster.start()
    done = grade(course, "--submitted", "inbox", "--dask", cluster.address)
    assert done.returncode == 0, done.stderr
    assert verdicts(course) == verdicts(course, "local")


def test_a_worker_beside_its_scheduler_is_reached_from_this_machine_only(cluster: Cluster) -> None:
    worker = psutil.Process(cluster.start().pid)
    with distributed.Client(cluster.address) as client:
        client.wait_for_workers(1, timeout=300)  # it says that it begins before it listens
    sockets = []
    for process in (worker, *worker.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            sockets += process.net_connections("tcp")
    listening = [each.laddr.ip for each in sockets if each.status == psutil.CONN_LISTEN]
    assert set(listening) == {"127.0.0.1"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take the course's folder away from a worker")
def test_a_worker_without_the_folder_scores_recorded_runs_again_without_executing_them(course: Path, cluster: Cluster) -> None:
    shutil.copytree(course / "local" / "runs", course / ".autograder" / "runs", dirs_exist_ok=True)
    executed = {file: file.read_bytes() for file in (course / ".autograder" / "runs").glob("*/run.json")}
    grader = next((course / "graders" / "basics").glob("test_*.py"))
    grader.write_text(grader.read_text() + "\n# as strict as before\n")
    cluster.start("unshare", "--mount", "sh", "-c", f'mount -t tmpfs none "{course}" && exec "$@"', "sh", jobs=2)
    done = grade(course, "--dask", cluster.address)
    assert done.returncode == 0, done.stderr
    assert {file: file.read_bytes() for file in (course / ".autograder" / "runs").glob("*/run.json")} == executed
    scored = {run.run_key for record in records(course).values() for run in record.runs}
    assert all(len(list((course / ".autograder" / "runs" / key / "scores").iterdir())) == 2 for key in scored)
    again = grade(course, "--dask", cluster.address, "--force")
    assert again.returncode == 0, again.stderr
    assert all(file.read_bytes() != before for file, before in executed.items())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take the course's folder away from a worker")
def test_a_worker_without_the_courses_folder_gets_what_it_needs_and_sends_back_what_it_made(course: Path, cluster: Cluster) -> None:
    cluster.start("unshare", "--mount", "sh", "-c", f'mount -t tmpfs none "{course}" && exec "$@"', "sh", jobs=2)
    done = grade(course, "--dask", cluster.address)
    assert done.returncode == 0, done.stderr
    assert verdicts(course) == verdicts(course, "local")
    for student, record in records(course).items():
        for run in record.runs:
            ours, theirs = (course / store / "runs" / run.run_key for store in (".autograder", "local"))
            assert {path.name for path in ours.rglob("*")} == {path.name for path in theirs.rglob("*")}, student
    again = grade(course, "--dask", cluster.address)
    assert again.returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take the course's folder away from a worker")
def test_of_equal_notebooks_at_a_worker_without_the_folder_the_first_complete_run_counts_for_both(course: Path, cluster: Cluster) -> None:
    token = new_token()
    for student in ("one", "other"):
        _add(course, student, f"{NAMED}\n{WAITS.format(token=token)}\ndef double(n):\n    return 2 * n")
    _with_time_to_wait(course)
    cluster.start("unshare", "--mount", "sh", "-c", f'mount -t tmpfs none "{course}" && exec "$@"', "sh", jobs=2)
    grading = _grading(course, "--dask", cluster.address, "--student", "one", "--student", "other")
    first = _at_the_cell(grading, token)
    second = _at_the_cell(grading, token, first)
    first.send_signal(signal.SIGUSR1)
    while not (made := {file: file.read_bytes() for file in course.glob(".autograder/runs/*/run.json")}):
        pause(grading)
        assert grading.poll() is None, "it ended without a run"
    second.send_signal(signal.SIGUSR1)
    _, said = grading.communicate(timeout=300)
    assert grading.returncode == 0, said
    assert {file: file.read_bytes() for file in course.glob(".autograder/runs/*/run.json")} == made
    one, other = records(course).values()
    assert one.outcome == other.outcome == "completed"
    assert one.runs == other.runs
    assert one.usage.wall_s == other.usage.wall_s  # of the one run that there is


def _add(root: Path, student: str, code: str) -> None:
    paths = load_course(root)[1]
    folder = root / "submitted" / student / "basics"
    folder.mkdir(parents=True)
    (folder / "basics.ipynb").write_text(
        json.dumps(build_submission(paths, "basics", Variant(student, "", True, cells={"write_double": code})))
    )


def _grading(root: Path, *options: str) -> subprocess.Popen[str]:
    command = [PYTHON, "-m", "autograder.cli", "grade", "basics", "--trust-submissions", *options]
    return subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE, text=True, env=environment())


def _lines_until(process: subprocess.Popen[str], awaited: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if awaited in line:
            return
    raise AssertionError(f"the command ended before it said {awaited!r}")


# A cell that goes on when its process gets a signal, which comes from outside: nothing else of the test reaches into a sandbox.
WAITS = """
import signal, threading
allowed = threading.Event()
signal.signal(signal.SIGUSR1, lambda *_: allowed.set())
name_this_process('{token}')
allowed.wait()
"""


def _with_time_to_wait(course: Path) -> None:
    configuration = (course / "grading_config.py").read_text().replace('cell="8 s", total="12 s"', 'cell="5 min", total="5 min"')
    assert "5 min" in configuration
    (course / "grading_config.py").write_text(configuration)


def _at_the_cell(grading: subprocess.Popen[str], token: str, *gone: psutil.Process) -> psutil.Process:
    """The process that waits in the cell, another one than those that are gone."""
    while not (found := [process for process in processes_named(token) if process not in gone]):
        pause(grading)
        assert grading.poll() is None, "it ended before its notebook came to the cell"
    return found[0]


def test_a_lost_worker_costs_what_ran_on_it_and_that_runs_elsewhere(course: Path, cluster: Cluster) -> None:
    token = new_token()
    _add(course, "a_slow_one", f"{NAMED}\n{WAITS.format(token=token)}\ndef double(n):\n    return 2 * n")
    _with_time_to_wait(course)
    workers = {worker.pid: worker for worker in (cluster.start(), cluster.start())}
    grading = _grading(course, "--dask", cluster.address)
    first = _at_the_cell(grading, token)
    (at_work,) = {each.pid for each in first.parents()} & set(workers)
    workers[at_work].kill()
    _at_the_cell(grading, token, first).send_signal(signal.SIGUSR1)
    _, said = grading.communicate(timeout=300)
    assert grading.returncode == 0, said
    assert "a_slow_one: its process ended; again when the others are done" in said
    graded = verdicts(course)
    assert graded.pop("a_slow_one")["outcome"] == "completed"
    assert graded == verdicts(course, "local")


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        ("error", OSError(28, "No space left on device"), OSError),  # the job's own: its worker is still there
        ("error", TimeoutError("the lock"), TimeoutError),
        ("error", ValueError("odd"), ValueError),
        ("finished", TimeoutError("too slow"), TimeoutError),  # what it made cannot be fetched in time
        ("error", distributed.KilledWorker("job", SimpleNamespace(address="worker"), 0), WorkerLost),
        ("pending", TimeoutError("the worker is gone, and with it what it made"), WorkerLost),
        ("lost", OSError("connection closed"), WorkerLost),
        ("cancelled", distributed.client.FutureCancelledError("job", "lost"), WorkerLost),
    ],
)
def test_only_a_worker_that_went_away_is_lost(status: str, error: Exception, said: type[Exception]) -> None:
    def result(timeout: float) -> Any:
        raise error

    ended: list[Any] = []
    theirs = SimpleNamespace(status=status, result=result, add_done_callback=ended.append, release=lambda: None)
    job: Any = None
    ours = Link(SimpleNamespace(status="running", submit=lambda *_, **__: theirs)).run("worker", job)
    ended[0](theirs)
    assert type(ours.exception(timeout=0)) is said


@pytest.mark.parametrize(("client", "answered"), [("running", True), ("connecting", True), ("closing", False), ("closed", False)])
def test_a_job_is_answered_unless_its_batch_is_over(client: str, answered: bool) -> None:
    """A client that lost the scheduler for a moment goes on, and nobody else would answer."""
    ended: list[Any] = []
    theirs = SimpleNamespace(status="lost", add_done_callback=ended.append, release=lambda: None)
    theirs.result = lambda timeout: (_ for _ in ()).throw(OSError("connection closed"))
    job: Any = None
    ours = Link(SimpleNamespace(status=client, submit=lambda *_, **__: theirs)).run("worker", job)
    ended[0](theirs)
    assert ours.done() is answered


def test_a_scheduler_that_does_not_answer_is_the_machines_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the command as for a worker: exit status 3."""

    def refused(*_: Any, **__: Any) -> None:
        raise OSError("Connection refused")

    monkeypatch.setattr(distributed, "Client", refused)
    where = dask.Cluster("tcp://127.0.0.1:9", Tls(), Told(lambda: None, lambda _: None), None, True)
    plan: Any = SimpleNamespace(of=None, store=SimpleNamespace(read=lambda *_: None))
    display: Any = None
    with pytest.raises(MachineError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9: Connection refused"):
        dask.grade_on_cluster(plan, [Submission("ada", "basics", "", "id", None)], where, True, display)


def test_a_lost_scheduler_is_said_and_the_same_command_goes_on(course: Path, cluster: Cluster) -> None:
    worker = cluster.start()
    grading = _grading(course, "--dask", cluster.address)
    _lines_until(grading, "ran to the end")
    cluster.process.kill()
    _, said = grading.communicate(timeout=300)
    assert grading.returncode == 3, said
    assert "scheduler is lost" in said
    assert "Traceback" not in said
    before = {file: file.stat().st_mtime_ns for file in course.glob(".autograder/runs/*/run.json")}
    assert before
    worker.wait(timeout=120)  # it ends with its scheduler
    done = grade(course)
    assert done.returncode == 0, done.stderr
    assert verdicts(course) == verdicts(course, "local")
    assert before.items() <= {file: file.stat().st_mtime_ns for file in course.glob(".autograder/runs/*/run.json")}.items()


def test_an_interrupt_kills_what_runs_on_the_workers_and_leaves_them_usable(course: Path, cluster: Cluster) -> None:
    _add(course, "zz_endless", "while True:\n    pass")
    worker = cluster.start(jobs=3)
    grading = _grading(course, "--dask", cluster.address)
    _lines_until(grading, "dee: ")
    below = psutil.Process(worker.pid).children(recursive=True)
    assert below
    grading.send_signal(signal.SIGINT)
    _, said = grading.communicate(timeout=120)
    assert grading.returncode == 130, said
    assert psutil.wait_procs(below, timeout=LEASE_S / 2)[1] == []  # a busy worker may be at it still; by itself it waits for its lease
    assert psutil.Process(worker.pid).children(recursive=True) == []
    shutil.rmtree(course / "submitted" / "zz_endless")
    done = grade(course, "--dask", cluster.address, "--force")
    assert done.returncode == 0, done.stderr
    assert verdicts(course) == verdicts(course, "local")


def test_a_notebook_cannot_reach_the_scheduler(course: Path, cluster: Cluster) -> None:
    host, port = cluster.address.removeprefix("tcp://").split(":")
    code = f"import socket\nreached = socket.create_connection(('{host}', {port}), 5)\ndef double(n):\n    return 2 * n"
    _add(course, "eve", code)
    cluster.start()
    with socket.create_connection((host, int(port)), 5):  # which everybody else can
        pass
    done = grade(course, "--dask", cluster.address, "--student", "eve")
    assert done.returncode == 0, done.stderr
    record = records(course)["eve"]
    assert record.outcome == "cell_error"
    assert record.first_error is not None
    assert record.first_error.name in ("OSError", "ConnectionRefusedError", "PermissionError")


def test_a_worker_with_other_code_is_not_given_work_and_the_reason_is_said(course: Path, cluster: Cluster, tmp_path: Path) -> None:
    import autograder as package

    other = shutil.copytree(Path(package.__file__).parent, tmp_path / "other" / "autograder")
    (other / "errors.py").write_text((other / "errors.py").read_text() + "\n# edited\n")
    cluster.start("env", f"PYTHONPATH={other.parent}")
    done = grade(course, "--dask", cluster.address)
    assert done.returncode == 3
    assert "other code than the command's" in done.stderr
    assert records(course) == {}


def _certificates(folder: Path) -> list[str]:
    """An authority, and one certificate for command, scheduler and worker."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    folder.mkdir()
    new_key = ("-newkey", "rsa:2048", "-nodes")
    openssl("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=course", "-days", "2")
    openssl("req", *new_key, "-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=machine")
    openssl("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "cert.pem", "-days", "2")
    return ["--tls-ca", str(folder / "ca.pem"), "--tls-cert", str(folder / "cert.pem"), "--tls-key", str(folder / "key.pem")]


def test_with_tls_only_those_with_a_certificate_of_the_same_authority_are_let_in(course: Path, tmp_path: Path) -> None:
    files, foreign = _certificates(tmp_path / "tls"), _certificates(tmp_path / "foreign")
    with cluster_of(tmp_path / "logs", *(each.replace("--tls-ca", "--tls-ca-file") for each in files), host="tls://127.0.0.1") as cluster:
        assert cluster.address.startswith("tls://")
        stranger = cluster.start(options=foreign)
        plain = _grading(course, "--dask", cluster.address.replace("tls://", "tcp://"))
        other = _grading(course, "--dask", cluster.address, *foreign)
        for refused in (plain, other):
            _, said = refused.communicate()
            assert refused.returncode == 3
            assert "No Dask scheduler answers" in said
        assert stranger.wait() == 3
        cluster.start(options=files)
        done = grade(course, "--dask", cluster.address, *files)
        assert done.returncode == 0, done.stderr
    assert verdicts(course) == verdicts(course, "local")


def test_a_killed_command_leaves_nothing_at_work_and_the_next_one_goes_on(course: Path, cluster: Cluster) -> None:
    _add(course, "zz_endless", "while True:\n    pass")
    worker = cluster.start(jobs=3)
    grading = _grading(course, "--dask", cluster.address)
    _lines_until(grading, "dee: ")
    grading.kill()
    grading.communicate()
    servers = psutil.Process(worker.pid).children(recursive=True)
    assert servers
    assert psutil.wait_procs(servers, timeout=2 * LEASE_S)[1] == []  # the worker does not wait for a command that says nothing
    shutil.rmtree(course / "submitted" / "zz_endless")
    done = grade(course, "--dask", cluster.address)
    assert done.returncode == 0, done.stderr
    graded = verdicts(course)
    graded.pop("zz_endless", None)  # its own time limit may have ended it before
    assert graded == verdicts(course, "local")
    assert list((course / ".autograder/starts").glob("[!.]*")) == list((course / ".autograder/batches").iterdir()) == []


def test_workers_are_never_taken_for_gone_while_they_are_there(cluster: Cluster) -> None:
    """The client asks the scheduler by itself, all the time, without wanting to know of workers."""
    cluster.start(jobs=1)
    over = threading.Event()
    with (
        distributed.Client(cluster.address, set_as_default=False) as client,
        ThreadPoolExecutor(1) as pool,
        contextlib.ExitStack() as ending,
    ):
        client.wait_for_workers(1)
        ending.callback(over.set)

        def keep_asking() -> None:
            while not over.is_set():
                client.sync(client._update_scheduler_info)

        pool.submit(keep_asking)
        assert {len(Link(client).addresses()) for _ in range(300)} == {1}


def test_two_batches_at_once_share_the_workers(course: Path, cluster: Cluster, tmp_path: Path) -> None:
    other = Path(shutil.copytree(course, tmp_path / "other"))
    cluster.start(jobs=2)
    both = [_grading(root, "--dask", cluster.address) for root in (course, other)]
    said = [grading.communicate()[1] for grading in both]
    assert [grading.returncode for grading in both] == [0, 0], said
    for root in (course, other):
        assert verdicts(root) == verdicts(root, "local")


class _Heard:
    def began(self) -> None: ...

    def cell(self, index: int, count: int) -> None: ...


def test_who_comes_to_the_service_does_not_wait_for_who_runs(course: Path, cluster: Cluster) -> None:
    """The hub's service keeps one batch open, and the worker's other slot is for whoever comes."""
    token = new_token()
    _add(course, "a_slow_one", f"{NAMED}\n{WAITS.format(token=token)}\ndef double(n):\n    return 2 * n")
    _with_time_to_wait(course)
    cluster.start(jobs=2)
    loaded, paths = load_course(course)
    grader = DaskGrader(Plans(loaded, paths, Store(paths.state), trust=True), cluster.address, Tls())
    jobs = {each.student: Job(f"basics.{each.student}", each) for each in find_submissions(paths.submitted, "basics", (), 10**8)}
    with ThreadPoolExecutor(1) as pool, contextlib.ExitStack() as ending:
        ending.callback(grader.stop)  # and what still runs
        slow = pool.submit(grader.grade, jobs["a_slow_one"], _Heard())
        while not (found := processes_named(token)):
            pause(cluster.process)
            assert not slow.done()
        ada = grader.grade(jobs["ada"], _Heard())
        assert not slow.done()
        assert len(grader.lines) == 1
        assert (grader.slots(), grader.trouble()) == (2, "")
        found[0].send_signal(signal.SIGUSR1)
        assert slow.result(timeout=300).outcome == "completed"
    local = records(course, "local")["ada"]
    assert (ada.outcome, ada.score) == (local.outcome, local.score)
