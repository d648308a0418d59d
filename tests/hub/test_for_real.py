"""The whole way with the real grader, gradebook and exchange: what a student submits becomes a score and a page to fetch."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.batch.network import Tls
from autograder.batch.store import Store
from autograder.gradebook.exchange import page_name
from autograder.gradebook.session import open_gradebook
from autograder.hub.cluster import DaskGrader
from autograder.hub.graders import LocalGrader, Plans
from autograder.hub.service import Service
from autograder.term.decisions import Decision, ledger
from tests.batch.classes import environment
from tests.batch.dask_processes import cluster_of
from tests.conftest import autograder
from tests.hub.place import SECRET, Place


def test_from_the_exchange_to_the_feedback_and_back_when_it_is_withheld(here: Place) -> None:
    first = here.submit("release", "2026-02-01 12:00:00.000000 UTC", "a" * 128)
    here.service.dispatch()
    here.service.publish()
    seen = here.service.students_view("ada").assignments[0]
    assert here.service.instructors_view().problems == ()
    assert (seen.state, seen.newest and seen.newest.receipt) == ("graded", first.id)
    assert here.released("a" * 128).read_bytes() == here.paths.feedback("ada", "basics").read_bytes()

    here.submit("source", "2026-02-01 13:00:00.000000 UTC", SECRET)
    here.service.dispatch()
    here.service.publish()
    record = here.store.present("smoke", "basics", "ada")
    assert record
    assert record.score
    assert [each.attempt for each in here.service.students_view("ada").assignments[0].submissions] == [2, 1]
    with open_gradebook(here.paths.gradebook_url) as gradebook:
        assert gradebook.find_submission("basics", "ada").score == record.score
    page = here.released(SECRET).read_bytes()
    assert page == here.paths.feedback("ada", "basics").read_bytes()
    assert here.released("a" * 128).read_bytes() != page  # the first attempt keeps its own

    again = here.submit("source", "2026-02-01 14:00:00.000000 UTC", "b" * 128)
    here.service.publish()
    assert here.service.submission(again.id).phase == "repeated"  # type: ignore[union-attr]  # it is there
    assert here.released("b" * 128).read_bytes() == page  # and can be fetched under the new name

    withheld = Decision("d1", "2026-02-02T09:00:00+01:00", "garcia", "a hearing", "withhold", "basics", ("ada",))
    ledger(here.store.root).append(lambda _: withheld)
    here.service.publish()
    assert not any(here.released(each).exists() for each in ("a" * 128, SECRET, "b" * 128))
    view = here.service.students_view("ada").assignments[0]
    assert (view.feedback, view.score and view.score.score, view.newest and view.newest.score) == (None, None, None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take the course's folder away from a worker")
def test_a_worker_elsewhere_grades_for_the_service_as_it_does_for_the_command(here: Place, tmp_path: Path) -> None:
    """A real scheduler, and a worker that sees nothing of the course's folder, as on another host."""
    place = here.paths.root
    with cluster_of(tmp_path / "cluster") as cluster:
        cluster.start("unshare", "--mount", "sh", "-c", f'mount -t tmpfs none "{place}" && exec "$@"', "sh")
        grader = DaskGrader(Plans(here.course, here.paths, here.store, trust=True), cluster.address, Tls())
        service = here.service = Service(
            here.course, here.paths, here.store, here.exchange, grader, owner=lambda _: "ada", spawn=lambda job: job()
        )
        receipt = here.submit("source", "2026-02-01 12:00:00.000000 UTC", SECRET)
        service.dispatch()
        service.publish()
        service.stop()
    assert service.instructors_view().problems == ()
    record = here.store.read("smoke", "basics", "ada", receipt.submission_id)
    assert record
    assert (record.outcome, record.grading) == ("completed", "ok")
    assert service.students_view("ada").assignments[0].state == "graded"
    assert here.released(SECRET).read_bytes() == here.paths.feedback("ada", "basics").read_bytes()
    done = autograder(place, "grade", "basics", "--trust-submissions", "--force", "--store", str(tmp_path / "local"))
    assert done.returncode == 0, done.stderr
    local = Store(tmp_path / "local").read("smoke", "basics", "ada", receipt.submission_id)
    assert local
    assert local.verdict() == record.verdict()


def test_a_page_that_waits_for_marks_is_released_when_they_are_given(corpus: Path, tmp_path: Path, no_autograder_variables: None) -> None:
    root = Path(shutil.copytree(corpus, tmp_path / "course"))
    config = root / "grading_config.py"
    config.write_text(config.read_text().replace("timezone=", 'feedback_when="marked", timezone=', 1))
    here = Place(root)
    publisher = here.service.outbound.publisher
    try:
        here.submit("source", "2026-02-01 12:00:00.000000 UTC", SECRET)
        here.service.dispatch()
        here.service.publish()
        assert here.service.instructors_view().problems == ()
        assert not here.paths.feedback("ada", "basics").exists()
        assert not here.released(SECRET).exists()
        assert publisher.behind("basics") == []  # so the service does not try again and again
        with open_gradebook(here.paths.gradebook_url) as gradebook:
            grade = gradebook.find_grade("explain", "basics", "basics", "ada")
            grade.manual_score, grade.needs_manual_grade = 15.0, False
            gradebook.db.commit()
        assert publisher.behind("basics") == ["ada"]
        publisher.publish("basics", publisher.behind("basics"))
        assert here.released(SECRET).read_bytes() == here.paths.feedback("ada", "basics").read_bytes()
    finally:
        here.service.stop()


def test_a_service_that_ends_while_it_grades_grades_it_next_time(here: Place) -> None:
    receipt = here.submit("source", "2026-02-01 12:00:00.000000 UTC", SECRET)
    heard = here.service.dispatcher.began

    def ended(name: str) -> None:
        heard(name)
        here.grader.stop()  # as `stop` does it, in another thread

    here.service.dispatcher.began = ended  # type: ignore[method-assign]
    here.service.dispatch()
    assert here.store.read("smoke", "basics", "ada", receipt.submission_id) is None
    here.grader = LocalGrader(Plans(here.course, here.paths, here.store, trust=True), jobs=1)
    here.service = Service(here.course, here.paths, here.store, here.exchange, here.grader, owner=lambda _: "ada", spawn=lambda job: job())
    here.service.receive()
    here.service.dispatch()
    record = here.store.read("smoke", "basics", "ada", receipt.submission_id)
    assert record
    assert record.outcome == "completed"
    assert record.received_at == receipt.arrived_at.isoformat(timespec="microseconds")


def test_what_runs_is_ended_and_the_next_one_is_graded(here: Place) -> None:
    """The notebook's process is killed in a cell that lasts, so that nothing behind it is reached; the sandbox and its servers go on."""
    receipt = here.submit("source", "2026-02-01 12:00:00.000000 UTC", SECRET, prepare="import time\ntime.sleep(600)")
    reached, cells = here.service.dispatcher.reached, []

    def cancel(name: str, index: int, count: int) -> None:
        cells.append(index)
        reached(name, index, count)
        if len(cells) == 4:  # imports, parameters, data, and the one that lasts
            here.service.cancel(name, "garcia", "a test")

    here.service.dispatcher.reached = cancel  # type: ignore[method-assign]
    here.service.dispatch()
    assert len(cells) == 4
    assert [each.phase for each in here.service.students_view("ada").assignments[0].submissions] == ["cancelled"]
    assert here.store.read("smoke", "basics", "ada", receipt.submission_id) is None
    here.service.dispatcher.reached = reached  # type: ignore[method-assign]
    here.service.rerun(receipt.id, "garcia")
    here.service.dispatch()
    assert here.service.students_view("ada").assignments[0].state == "graded"


def test_the_command_serves_until_it_is_ended(corpus: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(corpus, tmp_path / "course"))
    user = pwd.getpwuid(os.getuid()).pw_name
    folder = tmp_path / f"exchange/corpus/inbound/{user}+basics+2026-02-01 12:00:00.000000 UTC"
    folder.mkdir(parents=True)
    shutil.copy(root / "release/basics/basics.ipynb", folder)
    (folder / "timestamp.txt").write_text("2026-02-01 12:00:00.000000 UTC")
    (folder / "submission_secret.txt").write_text(SECRET)
    folder.chmod(0o777)
    command = [sys.executable, "-m", "autograder.cli", "hub", "serve", "--exchange", str(tmp_path / "exchange"), "--trust-submissions"]
    with subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE, text=True, env=environment()) as process:
        assert process.stderr
        said: list[str] = []
        for line in process.stderr:
            said.append(line)
            if line.startswith("published basics: 1"):
                process.send_signal(signal.SIGTERM)
    assert process.returncode == 0, "".join(said)
    assert f"received basics.1 from {user}\n" in said
    assert "graded basics.1: " in "".join(said)
    assert (tmp_path / "exchange/corpus/feedback" / (page_name(SECRET, "basics") or "")).is_file()
