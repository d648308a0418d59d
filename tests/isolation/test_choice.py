"""Which level is chosen: what the probes show, and never less than was asked for without consent."""

from __future__ import annotations

import itertools
import os
import resource
import shutil
import signal
import sys
from pathlib import Path

import psutil
import pytest

from autograder.errors import MachineError, UsageError
from autograder.isolation import choice, landlock, packets, probes, seccomp
from autograder.isolation.choice import Examination, candidates, choose_sandbox, cures, examine
from autograder.isolation.process import Process
from autograder.isolation.sandbox import Command, Sandbox
from autograder.isolation.scratch import short_folder
from autograder.isolation.servers import ServerKind
from tests.isolation.conftest import examined
from tests.isolation.running import LEVELS, ROOT
from tests.isolation.test_syscalls import in_child

BEST = LEVELS[0]


@pytest.fixture
def best_is_here() -> None:
    if not examined(BEST).holds:
        pytest.skip(f"no isolation level {BEST} here: {examined(BEST).obstacle}")


@pytest.fixture
def level_1_is_here() -> None:
    if not examined(1).holds:
        pytest.skip(f"no isolation level 1 here: {examined(1).obstacle}")


@pytest.fixture
def without_bubblewrap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def without_landlock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: 0)


def chosen(min_isolation: int, trust: bool) -> tuple[int, dict[str, str]]:
    """The level that is chosen, and what its records will say of the probes."""
    with choose_sandbox(min_isolation, trust) as sandbox:
        return sandbox.isolation.level, sandbox.isolation.probes


def test_the_best_level_that_holds_is_chosen(best_is_here: None) -> None:
    assert candidates() == LEVELS[:2]
    for trust in (False, True):
        level, probes = chosen(2, trust)
        assert level == BEST
        assert probes == examined(BEST).results()
        assert {"files", "network", "outlives"} <= probes.keys()


def test_without_bubblewrap_the_next_level_takes_over_where_it_is_enough(level_1_is_here: None, without_bubblewrap: None) -> None:
    assert examine(BEST).obstacle == "bubblewrap is not installed"
    level, probes = chosen(1, trust=False)
    assert level == 1
    assert probes["socket_files"].startswith("open: ")
    assert chosen(0, trust=False)[0] == 1


def test_without_bubblewrap_the_usual_requirement_is_refused(level_1_is_here: None, without_bubblewrap: None) -> None:
    with pytest.raises(UsageError) as refused:
        choose_sandbox(2, trust=False)
    assert "isolation level 2 is required, this machine offers level 1" in refused.value.message
    assert "bubblewrap is not installed" in refused.value.message
    assert "apt install bubblewrap" in refused.value.cure
    assert "--trust-submissions" in refused.value.cure
    assert refused.value.exit_status == 2


def test_consent_takes_the_best_that_there_is(level_1_is_here: None, without_bubblewrap: None) -> None:
    assert chosen(2, trust=True)[0] == 1


def test_less_than_the_best_is_said(level_1_is_here: None, without_bubblewrap: None, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    choose_sandbox(2, True, said.append).close()
    monkeypatch.setattr(landlock, "abi", lambda: 0)
    choose_sandbox(2, True, said.append).close()
    missing = f"level {BEST}: bubblewrap is not installed"
    end = "`autograder isolation` shows each probe."
    assert said == [
        f"Isolation level 1 instead of {BEST} ({missing}). {end}",
        f"Isolation level 0 instead of {BEST} ({missing}; level 1: the kernel has no Landlock). {end}",
    ]


def test_the_best_is_not_worth_a_line(best_is_here: None) -> None:
    said: list[str] = []
    choose_sandbox(2, False, said.append).close()
    assert said == []


def test_probes_without_the_time_to_end_have_found_nothing_out(best_is_here: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "_PROBE_S", 0)
    monkeypatch.setattr(Process, "send", lambda *_: None)  # what was never asked cannot answer before somebody looks
    found = examine(BEST)
    assert (found.killed, found.probes, found.obstacle) == (True, {}, "the probes took more than 0 s")


@pytest.mark.parametrize("min_isolation", [0, 1, 2, 3])
def test_without_any_isolation_nothing_runs_but_with_consent(without_bubblewrap: None, without_landlock: None, min_isolation: int) -> None:
    with pytest.raises(UsageError, match=f"level {max(1, min_isolation)} is required, this machine offers level 0"):
        choose_sandbox(min_isolation, trust=False)
    assert chosen(min_isolation, trust=True) == (0, {})


def test_more_than_the_machine_offers_is_refused(best_is_here: None) -> None:
    with pytest.raises(UsageError, match=f"level 4 is required, this machine offers level {BEST}"):
        choose_sandbox(4, trust=False)


def test_without_seccomp_no_level_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> bytes:
        raise MachineError("libseccomp is not installed.")

    monkeypatch.setattr(seccomp, "build_filter", missing)
    found = [examine(level) for level in candidates()]
    assert [each.obstacle for each in found if "bubblewrap" not in each.obstacle and "Landlock" not in each.obstacle]
    assert not any(each.holds for each in found)
    with pytest.raises(UsageError):
        choose_sandbox(1, trust=False)


# A bubblewrap that shows the sandbox a folder too many, or that cannot make one.
WRAPPER = """#!{python}
import os, sys
arguments = sys.argv[1:]
if arguments == ["--version"]:
    sys.exit(print("bubblewrap 0.4.1"))
if {fails}:
    sys.exit("bwrap: " + {says!r})
at = arguments.index("--chdir")
os.execv({real!r}, [{real!r}, *arguments[:at], "--ro-bind", {shown!r}, {shown!r}, *arguments[at:]])
"""


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, fails: bool, says: str = "No permissions to create new namespace") -> None:
    wrapper = folder / "bwrap"
    real = shutil.which("bwrap")
    wrapper.write_text(WRAPPER.format(python=sys.executable, fails=fails, says=says, real=real, shown=short_folder()))
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_what_is_installed_counts_for_nothing_when_a_probe_gets_out(
    best_is_here: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(tmp_path, monkeypatch, fails=False)
    found = examine(BEST)
    assert not found.holds
    assert "files: " in found.obstacle
    assert "could be read" in found.obstacle
    assert found.results()["files"].startswith("open: ")
    with pytest.raises(UsageError, match=r"is required, this machine offers level [01]"):
        choose_sandbox(2, trust=False)


def test_a_sandbox_that_does_not_start_says_why(best_is_here: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(tmp_path, monkeypatch, fails=True)
    found = examine(BEST)
    assert "No permissions to create new namespace" in found.obstacle
    assert found.probes == {}
    assert ("CAP_SYS_ADMIN" if ROOT else "user namespaces") in cures([found])[0]


def test_a_bubblewrap_that_is_too_old_is_no_question_of_permissions(
    best_is_here: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(tmp_path, monkeypatch, fails=True, says="Unknown option --clearenv")
    assert cures([examine(BEST)]) == ["Install bubblewrap 0.8 or newer; version 0.4.1 was found."]


def test_in_a_container_the_cure_names_all_that_dockers_profiles_refuse() -> None:
    refused = [Examination(level, {}, "bwrap: Creating new namespace failed: Operation not permitted") for level in (3, 2)]
    as_root, as_user = cures(refused)
    for profile in ("seccomp", "apparmor", "systempaths"):
        assert f"--security-opt {profile}=unconfined" in as_root
        assert f"--security-opt {profile}=unconfined" in as_user
    assert "--cap-add SYS_ADMIN" in as_root


def test_no_permission_cures_a_sandbox_that_lets_something_out() -> None:
    assert cures([Examination(2, {}, "files: /tmp/secret could be read"), Examination(3, {}, "files: /tmp/secret could be read")]) == []


def test_a_level_cannot_be_had_without_its_means(without_bubblewrap: None) -> None:
    with pytest.raises(MachineError, match="bubblewrap is not installed"):
        Sandbox(BEST)


def test_an_ordinary_user_is_never_offered_what_only_root_has() -> None:
    assert (3 in candidates()) == ROOT
    assert (2 in candidates()) != ROOT


def kill_the_probes(monkeypatch: pytest.MonkeyPatch, times: int) -> list[int]:
    """The process that tries a sandbox is killed before it has begun, so many times; whom it met."""
    killed: list[int] = []

    class Unlucky(Sandbox):
        def start(self, command: Command) -> Process:
            process = super().start(command)
            if len(killed) < times:
                (job,) = [job for guard in psutil.Process(process._started.server.pid()).children() for job in guard.children()]
                job.kill()
                killed.append(job.pid)
            return process

    monkeypatch.setattr(choice, "Sandbox", Unlucky)
    return killed


def test_a_probe_that_is_killed_is_asked_once_more(best_is_here: None, monkeypatch: pytest.MonkeyPatch) -> None:
    killed = kill_the_probes(monkeypatch, times=1)
    assert examine(BEST).holds
    assert len(killed) == 1


@pytest.mark.parametrize("trust", [False, True])
def test_probes_that_are_killed_again_are_the_machines_failure(best_is_here: None, monkeypatch: pytest.MonkeyPatch, trust: bool) -> None:
    """With consent too: whether there is any need for it nobody knows."""
    killed = kill_the_probes(monkeypatch, times=4)
    with pytest.raises(MachineError, match=rf"whether isolation level {BEST} holds could not be found out.*killed by signal 9") as caught:
        choose_sandbox(BEST, trust)
    assert caught.value.exit_status == 3
    assert len(killed) == (4 if candidates() == [BEST, 1] else 2)


def test_a_single_probe_that_is_killed_proves_nothing(best_is_here: None, monkeypatch: pytest.MonkeyPatch) -> None:
    said = probes._apart(lambda _: str(os.kill(os.getpid(), signal.SIGKILL)), {})
    assert said == probes.WAS_KILLED
    assert probes._apart(lambda _: str(os.kill(os.getpid(), signal.SIGTERM)), {}) != said  # a sandbox may do that to who breaks out
    monkeypatch.setattr(choice, "WAS_KILLED", "")  # as if each that held had been killed
    found = examine(BEST)
    assert (found.killed, found.obstacle) == (True, "one of the processes that try it was killed")


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_many_jobs_may_have_their_descriptors_and_submissions_may_not(best_is_here: None) -> None:
    """Each job takes a dozen; on a machine with 128 cores the usual limit ended submissions at random."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, most))
    with choose_sandbox(2, trust=False) as sandbox:
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (min(most, 65_536) if most > 0 else 65_536, most)
        process = sandbox.start(Command("autograder.isolation.probes", ServerKind((), (), ())))
        (job,) = [job for guard in psutil.Process(process._started.server.pid()).children() for job in guard.children()]
        limits = Path(f"/proc/{[job, *job.children(recursive=True)][-1].pid}/limits").read_text()
        process.kill()
    soft, hard = next(line.split()[3:5] for line in limits.splitlines() if line.startswith("Max open files"))
    assert (int(soft) <= 1024, int(hard) <= 1024) == (True, True)


def test_where_descriptors_run_out_none_is_lost() -> None:
    def act() -> list[object]:  # in a process of its own: here, threads of ended jobs close theirs when they get to it
        free = (number for number in itertools.count() if not probes._is_open(number))
        resource.setrlimit(resource.RLIMIT_NOFILE, (list(itertools.islice(free, 21))[-1], resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        before = open_files()
        opened = [packets.open_streams(), packets.open_streams()]
        with pytest.raises(MachineError, match="Too many open files") as caught:
            packets.open_streams()
        return [open_files() - before - 8 * len(opened), caught.value.cure]

    lost, cure = in_child(act)
    assert lost == 0
    assert "ulimit -n" in str(cure)
