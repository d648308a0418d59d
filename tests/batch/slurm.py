"""A real Slurm of one node: munge, controller and daemon as processes of the test's own, with four shares of a GPU that is none."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo")
_START_S = 300


def why_not() -> str:
    """Why there can be no Slurm here; empty where there can."""
    if os.geteuid() != 0:
        return "only root can start slurmd"
    absent = [each for each in PROGRAMS if shutil.which(each) is None]
    return f"not installed: {', '.join(absent)}" if absent else ""


@contextmanager
def one_node(folder: Path) -> Iterator[dict[str, str]]:
    """The variables with which Slurm's commands reach it; all of it has ended afterwards."""
    folder.mkdir(mode=0o755)
    name, (controller, daemon) = socket.gethostname().partition(".")[0], _free_ports(2)
    (folder / "key").write_bytes(os.urandom(1024))
    (folder / "key").chmod(0o600)
    (folder / "gres.conf").write_text(
        f"NodeName={name} Name=gpu File=/dev/null Flags=nvidia_gpu_env\nNodeName={name} Name=shard Count=4\n", encoding="utf-8"
    )
    (folder / "slurm.conf").write_text(
        f"""\
ClusterName=course
SlurmctldHost={name}(127.0.0.1)
SlurmUser=root
SlurmctldPort={controller}
SlurmdPort={daemon}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
GresTypes=gpu,shard
ReturnToService=2
SwitchType=switch/none
NodeName={name} NodeAddr=127.0.0.1 CPUs={os.cpu_count()} RealMemory=8000 Gres=gpu:1,shard:4 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
""",
        encoding="utf-8",
    )
    environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
    munge = [f"--key-file={folder}/key", f"--socket={folder}/munge.socket", f"--pid-file={folder}/munge.pid"]
    munge += [f"--log-file={folder}/munge.log", f"--seed-file={folder}/munge.seed"]
    with ExitStack() as stack:
        stack.callback(_kill_jobs, environment["SLURM_CONF"])
        _run(stack, folder, environment, "munged", "--foreground", "--force", *munge)
        _run(stack, folder, environment, "slurmctld", "-D")
        _run(stack, folder, environment, "slurmd", "-D", "-N", name)
        _until_idle(folder, environment)
        yield environment


def _kill_jobs(configuration: str) -> None:
    """What is left of jobs: Slurm kills them half a minute after it has asked them to end, if it lives that long."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("SLURM_CONF") == configuration and process.pid != os.getpid():
                process.kill()


def _run(stack: ExitStack, folder: Path, environment: dict[str, str], *command: str) -> None:
    log = stack.enter_context((folder / f"{command[0]}.out").open("w"))
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    stack.callback(process.wait)
    stack.callback(process.terminate)


def _until_idle(folder: Path, environment: dict[str, str]) -> None:
    """Slurm offers nothing to wait for: it is asked again until the node is idle."""
    ends = time.monotonic() + _START_S
    while time.monotonic() < ends:
        done = subprocess.run(["sinfo", "--noheader", "--format=%T"], env=environment, capture_output=True, text=True)
        if done.stdout.strip() == "idle":
            return
    logs = "\n".join(f"{each.name}: {each.read_text(errors='replace')[-2000:]}" for each in folder.glob("*.log"))
    raise AssertionError(f"the node did not become idle: {done.stdout}{done.stderr}\n{logs}")


def _free_ports(count: int) -> list[int]:
    """Below those that the kernel gives to whoever asks for any: nobody gets one of them until Slurm's processes do, seconds later."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    found: list[int] = []
    with ExitStack() as stack:
        for port in random.sample(range(first // 2, first), first - first // 2):
            tried = stack.enter_context(socket.socket())
            with suppress(OSError):  # somebody listens there, or only root may
                tried.bind(("127.0.0.1", port))
                found.append(port)
            if len(found) == count:
                return found
    raise AssertionError(f"no {count} ports below {first} are free")
