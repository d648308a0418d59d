"""What a GPU is worth: submissions a minute with 1, 2, 4 and 8 side by side on one, and a class of 400 there and on the CPU.

    python benchmarks/bench_gpu.py [--backends tensorflow,jax,torch] [--rounds 3] [--epochs 5]

Each submission trains a small convolutional network on 6,000 images, in the sandbox, graded by `autograder grade`. Also measured: what
CUDA takes of the GPU for a process beside its arrays, and whether forks of a process that has imported Keras train there. Writes
results/gpu.json and prints the table for docs/administrators.md. Without a GPU it measures nothing and writes nothing.
`--rehearse` goes through all of it on the CPU, small, to see that it runs; that is no result either.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from measuring import RESULTS, describe_machine, measure, rounded, write_result
from workload.students import ASSIGNMENT, COURSE, Student, make_class, submit

from autograder.batch.machine import Device, Machine
from autograder.batch.slots import CONTEXT_MIB, Slots
from autograder.course.settings import BACKENDS, Resources
from autograder.errors import AutograderError
from autograder.execution.devices import Slot, require_backend, slot_environment, why_gpu_unusable

CLASS = 400
SIDE_BY_SIDE = (1, 2, 4, 8)
_COMMAND = [sys.executable, "-m", "autograder.cli"]
_USED = ("nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "-i")
_TRAIN = """\
# Answer of {name}.
x_train_ready = x_train.reshape(len(x_train), 784).astype("float32") / 255
model = keras.Sequential(
    [
        keras.Input(shape=(784,)),
        keras.layers.Reshape((28, 28, 1)),
        keras.layers.Conv2D(32, 3, activation="relu"),
        keras.layers.Conv2D(64, 3, activation="relu"),
        keras.layers.MaxPooling2D(),
        keras.layers.Flatten(),
        keras.layers.Dense(128, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x_train_ready, y_train, batch_size=128, epochs={epochs}, verbose=2)
"""
# One operation, then it waits until its standard input ends.
_CONTEXT = """
import sys
from autograder.execution.devices import limit_gpu_memory
limit_gpu_memory(sys.argv[1])
import keras
keras.ops.convert_to_numpy(keras.ops.matmul(keras.ops.ones((8, 8)), keras.ops.ones((8, 8))))
print("ready", flush=True)
sys.stdin.read()
"""
# Imports Keras and the backend, then five times two forks at once train on the GPU; prints how many of them ended well.
_FORKS = """
import os, sys
import keras, numpy
if len(os.listdir("/proc/self/task")) != 1:
    sys.exit("more than one thread after the import")
def train():
    from autograder.execution.devices import limit_gpu_memory
    limit_gpu_memory(sys.argv[1])
    x = numpy.random.rand(2000, 64).astype("float32")
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(64, activation="relu"), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(x, x[:, :1], epochs=1, verbose=0)
def fork():
    child = os.fork()
    if child == 0:
        import signal
        signal.alarm(120)
        try:
            train()
            os._exit(0)
        except BaseException as error:
            print(error, file=sys.stderr, flush=True)
            os._exit(1)
    return child
print(sum(os.waitpid(child, 0)[1] == 0 for _ in range(5) for child in [fork(), fork()]))
"""


@dataclass(frozen=True)
class Setting:
    """What to measure with: the GPU, or None to rehearse on the CPU; isolation is dispensed with only when told so."""

    gpu: Device | None
    folder: Path
    rounds: int
    epochs: int
    trust: bool
    side_by_side: Sequence[int] = SIDE_BY_SIDE


@dataclass(frozen=True)
class Batch:
    """A graded class. `wall_s` is without the start of the command."""

    jobs: int
    students: int
    wall_s: float
    start_s: float
    outcomes: dict[str, int]
    ran_on: dict[str, int]
    isolation: int
    notebook_s: float
    gpu_peak_mib: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def per_minute(self) -> float:
        return 60 * self.students / self.wall_s


def grade(setting: Setting, backend: str, gpus: float, jobs: int, count: int) -> Batch:
    """Grades `count` submissions with the backend, `jobs` at a time. Raises RuntimeError when the command does not end well."""
    course = Path(tempfile.mkdtemp(dir=setting.folder)) / "course"
    shutil.copytree(COURSE, course, ignore=shutil.ignore_patterns("__pycache__"))
    _configure(course / "grading_config.py", backend, gpus, rehearsed=setting.gpu is None)
    _run(course, "release", ASSIGNMENT)
    submit(course / "release" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb", _students(count, setting.epochs), course / "submitted")
    command = ["grade", ASSIGNMENT, "--jobs", str(jobs), "--json", "records.json", *(["--trust-submissions"] if setting.trust else [])]
    _run(course, *command, "--dry-run")
    start_s = _run(course, *command, "--dry-run")
    with _watch(setting.gpu) as peak:
        wall_s = _run(course, *command) - start_s
    records = json.loads((course / "records.json").read_text(encoding="utf-8"))
    ran_on = Counter(str(record["usage"]["gpu"]) for record in records)
    expected = f"{setting.gpu.name}, {gpus:g}" if setting.gpu and gpus else None
    return Batch(
        jobs=jobs,
        students=count,
        wall_s=wall_s,
        start_s=start_s,
        outcomes=dict(Counter(record["outcome"] for record in records)),
        ran_on=dict(ran_on),
        isolation=min(record["isolation"]["level"] for record in records),
        notebook_s=sum(record["seconds"]["notebook"] for record in records) / count,
        gpu_peak_mib=max(peak),
        problems=[
            *[f"{record['student']}: {record['reason']}" for record in records if record["outcome"] != "completed"],
            *[f"{name} instead of {expected}" for name in ran_on if expected and name != expected],
        ],
    )


def _configure(config: Path, backend: str, gpus: float, rehearsed: bool) -> None:
    text = config.read_text(encoding="utf-8")
    resources = f"Resources(gpus={gpus}, cpus=1, memory_gib=4, cpu_fallback={rehearsed})"
    changed = text.replace("Resources(cpus=1, memory_gib=4)", resources).replace('id="bench"', f'id="bench", backend="{backend}"')
    if changed.count(resources) != 1 or changed.count(f'backend="{backend}"') != 1:
        raise RuntimeError(f"{config} is not what this benchmark expects: its resources or its id are written otherwise.")
    config.write_text(changed, encoding="utf-8")


def _students(count: int, epochs: int) -> list[Student]:
    return [replace(each, answers={**each.answers, "train": _TRAIN.format(name=each.name, epochs=epochs)}) for each in make_class(count)]


def _run(course: Path, *arguments: str) -> float:
    done = measure([[*_COMMAND, *arguments, "--course", str(course)]], [course])
    if done.failed:
        raise RuntimeError(f"autograder {arguments[0]} ended with {done.statuses}:\n{done.said[-3000:]}")
    return done.wall_s


@contextmanager
def _watch(gpu: Device | None) -> Iterator[list[int]]:
    """A list that collects the GPU's used memory, MiB, twice a second."""
    seen, ended = [0], threading.Event()

    def look() -> None:
        while gpu is not None and not ended.wait(0.5):
            seen.append(_used_mib(gpu))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        ended.set()
        watcher.join()


def _used_mib(gpu: Device) -> int:
    return int(subprocess.run([*_USED, gpu.id], capture_output=True, text=True, check=True).stdout.strip())


def context_mib(slot: Slot, gpu: Device, backend: str) -> int:
    """What a process with the backend and one small operation takes of the GPU."""
    before = _used_mib(gpu)
    with subprocess.Popen([sys.executable, "-c", _CONTEXT, backend], env=_environment(slot, backend), stdin=-1, stdout=-1) as process:
        assert process.stdout is not None
        process.stdout.readline()
        used = _used_mib(gpu) - before
        process.communicate()
    return used


def forks_that_train(slot: Slot, backend: str) -> str:
    """ "10 of 10", or what went wrong."""
    done = subprocess.run([sys.executable, "-c", _FORKS, backend], env=_environment(slot, backend), capture_output=True, text=True)
    return f"{done.stdout.strip()} of 10" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no message"])[-1]


def _environment(slot: Slot, backend: str) -> dict[str, str]:
    return {**os.environ, **slot_environment(slot, backend), "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}


def measure_backend(setting: Setting, backend: str) -> dict[str, Any]:
    """All figures of one backend, or why it was not seen on the GPU."""
    slot = Slot(cpu_fallback=True)
    try:
        require_backend(backend)
        if setting.gpu is not None:
            slot = Slots(Machine.here(), Resources(gpus=0.5), 1).first
    except AutograderError as error:
        return {"seen": False, "why": error.message}
    reason = why_gpu_unusable(slot, backend) if slot.gpu else ""
    if reason:
        return {"seen": False, "why": reason}
    on_gpu = []
    for jobs in setting.side_by_side:
        _say(f"{backend}: {jobs} side by side …")
        on_gpu.append(grade(setting, backend, round(1 / jobs, 4), jobs, setting.rounds * jobs))
    cores = Machine.here(with_gpus=False).cpus
    _say(f"{backend}: {cores} side by side on the CPU …")
    on_cpu = grade(setting, backend, 0, cores, setting.rounds * cores)
    problems = [problem for batch in (*on_gpu, on_cpu) for problem in batch.problems]
    return {
        "seen": setting.gpu is not None and not problems,
        "why": "; ".join(problems[:5]),
        "gpu": [_described(batch) for batch in on_gpu],
        "cpu": _described(on_cpu),
        "minutes_for_a_class": {
            "students": CLASS,
            "gpu": min(CLASS / batch.per_minute for batch in on_gpu),
            "cpu": CLASS / on_cpu.per_minute,
        },
        "context_mib": context_mib(slot, setting.gpu, backend) if setting.gpu else None,
        "context_mib_assumed": CONTEXT_MIB,
        "forks": forks_that_train(slot, backend),
    }


def _described(batch: Batch) -> dict[str, Any]:
    described = {key: value for key, value in vars(batch).items() if key != "problems"}
    return described | {"submissions_per_minute": batch.per_minute}


def table(result: dict[str, Any]) -> str:
    """Markdown for docs/administrators.md."""
    gpu, sides = result["gpu"], ", ".join(map(str, SIDE_BY_SIDE))
    lines = [
        f"Last run of `make test-gpu`: {result['machine']['date']}, {gpu['name'] if gpu else 'no GPU'}.",
        "",
        f"| backend | seen on a GPU | submissions a minute with {sides} side by side | {CLASS} submissions: GPU, CPU |",
        "|---|---|---|---|",
    ]
    for backend, found in result["backends"].items():
        if "gpu" not in found:
            lines.append(f"| {backend} | unverified: {found['why']} | | |")
            continue
        rates = ", ".join(f"{batch['submissions_per_minute']:.1f}" for batch in found["gpu"])
        minutes = found["minutes_for_a_class"]
        seen = "yes" if found["seen"] else f"unverified: {found['why']}"
        lines.append(f"| {backend} | {seen} | {rates} | {minutes['gpu']:.0f} min, {minutes['cpu']:.0f} min |")
    return "\n".join(lines)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--backends", default=",".join(BACKENDS), help="which, separated by commas (default: all)")
    parser.add_argument("--rounds", type=int, default=3, help="submissions one after the other in each slot (default 3)")
    parser.add_argument("--epochs", type=int, default=5, help="length of a training (default 5)")
    parser.add_argument("--trust-submissions", action="store_true", help="without isolation; never a result, but good for trying")
    parser.add_argument("--rehearse", action="store_true", help="on the CPU, small, to see that this program runs")
    options = parser.parse_args()
    devices = () if options.rehearse else Machine.here().devices
    if not devices and not options.rehearse:
        _say("No NVIDIA GPU here (see AUTOGRADER_DEVICES in docs/administrators.md): nothing was measured.")
        return
    with tempfile.TemporaryDirectory(prefix="autograder-gpu-") as folder:
        setting = Setting(devices[0] if devices else None, Path(folder), options.rounds, options.epochs, options.trust_submissions)
        if options.rehearse:
            os.environ["AUTOGRADER_DEVICES"] = "none"
            setting = replace(setting, rounds=1, epochs=1, side_by_side=(1, 2))
        result = {
            "machine": describe_machine(),
            "gpu": vars(setting.gpu) if setting.gpu else None,
            "backends": {backend: measure_backend(setting, backend) for backend in options.backends.split(",")},
        }
    if setting.gpu and not setting.trust:
        write_result(RESULTS / "gpu.json", rounded(result))
    print(table(rounded(result)))
    if options.rehearse:
        print(json.dumps(rounded(result["backends"]), indent=1))


if __name__ == "__main__":
    main()
