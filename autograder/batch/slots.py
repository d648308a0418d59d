"""The machine divided into slots, one for each submission that is executed at the same time, by what the assignment asks for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from autograder.batch.bench import Bench
from autograder.batch.machine import Device, Machine
from autograder.course.settings import Resources
from autograder.errors import UsageError
from autograder.execution.devices import Slot
from autograder.grading.memory import process_memory_mib

# What CUDA and its libraries take of a GPU for each process, beside what the backend allocates. An estimate, from the 300 to 500 MiB
# that are usually reported; benchmarks/bench_gpu.py measures it where there is a GPU.
CONTEXT_MIB = 600
_LEAST_GPU_MIB = 512
# For this command, its fork servers, and what they share with their forks.
_OWN_MIB = 1024
# For what the command holds of one submission: a file of predictions on its way to the graders is the largest.
_EACH_MIB = 128


class Unsuited(UsageError):
    """The machine has not what the assignment asks for."""


class Slots:
    """The slots of one batch; safe to use from several threads.

    Together they never have more memory or more of a GPU than there is; only cores are shared by those who ask for more `jobs`. The same
    holds for all batches together that share a `bench`. Raises Unsuited for what this machine can never give, and UsageError for more
    jobs than it has room for.
    """

    def __init__(self, machine: Machine, resources: Resources, jobs: int | None = None, bench: Bench | None = None) -> None:
        _refuse_what_cannot_be(machine, resources)
        room, reason = _room(machine, resources)
        if jobs is not None and jobs > room:
            raise UsageError(f"--jobs {jobs} is too many: {reason}.", f"Use --jobs {room} or fewer, or lower the assignment's resources.")
        usual = default_jobs(machine, resources)
        self.count = jobs or usual
        slots = _divide(machine, resources, self.count)
        self.first = slots[0]
        self._part = 1 / max(usual, self.count)  # those are never more than there is memory for
        self._free = deque(slots)
        self._closed = False
        self._bench = bench or Bench()

    @contextmanager
    def take(self, alone: bool = False) -> Iterator[Slot]:
        """A slot of one's own; waits until one is free. Raises SlotsClosed when the batch ends before.

        `alone`: nobody else has one meanwhile, of other batches on the same bench either.
        """
        with self._bench.take(self._free, 1.0 if alone else self._part, lambda: self._closed) as slot:
            yield slot

    def close(self) -> None:
        """No slot is given any more, and whoever waits for one is told; those in use stay."""
        self._closed = True
        self._bench.wake()


def default_jobs(machine: Machine, resources: Resources) -> int:
    """How many submissions to execute side by side when nobody says: one for every `cpus` of the machine's cores, and one more, if it fits.

    One more since TensorFlow sleeps about 0.2 s at the end of each epoch, for a thread of its input pipeline: on two cores a class of
    short submissions took 12 % longer with two jobs than with three, and as long with four (benchmarks/bench_class.py --jobs).
    """
    return max(1, min(int(machine.cpus / resources.cpus) + 1, _room(machine, resources)[0]))


def _refuse_what_cannot_be(machine: Machine, resources: Resources) -> None:
    asked, has = "The assignment asks for", "this machine has"
    if resources.cpus > machine.cpus:
        raise Unsuited(f"{asked} {resources.cpus:g} cores, {has} {machine.cpus}.", f"Write Resources(cpus={machine.cpus}) or less.")
    if _memory_mib(resources) > machine.memory_mib:
        there = machine.memory_mib / 1024
        raise Unsuited(
            f"{asked} {resources.memory_gib:g} GiB of memory, {has} {there:.1f}.", f"Write Resources(memory_gib={int(there * 2) / 2:g})."
        )
    if not resources.gpus or resources.cpu_fallback or _usable(machine, resources):
        return
    if not machine.devices:
        cure = "Grade where there is a GPU, allow the CPU with Resources(…, cpu_fallback=True), or declare GPUs with AUTOGRADER_DEVICES."
        raise Unsuited(f"{asked} {resources.gpus:g} of a GPU, {has} none.", cure)
    largest = max(machine.devices, key=lambda each: each.memory_mib)
    raise Unsuited(
        f"{asked} {resources.gpus:g} of a GPU: {resources.gpus * largest.memory_mib:,.0f} MiB of the {largest.name}, of which CUDA itself "
        f"takes about {CONTEXT_MIB}; at least {CONTEXT_MIB + _LEAST_GPU_MIB:,} MiB are needed.",
        f"Write Resources(gpus={_least_share(largest):g}) or more.",
    )


def _room(machine: Machine, resources: Resources) -> tuple[int, str]:
    """How many submissions fit at the same time, and what is used up then."""
    each = max(_memory_mib(resources), process_memory_mib(resources))
    memory = max(1, (machine.memory_mib - _OWN_MIB) // (_EACH_MIB + each))
    rooms = [(memory, f"each may use {each / 1024:g} GiB of memory, and the machine has {machine.memory_mib / 1024:.1f}")]
    if devices := _usable(machine, resources):
        rooms.append((len(devices) * _shares(resources), f"each uses {resources.gpus:g} of a GPU, and the machine has {len(devices)}"))
    return min(rooms)


def _divide(machine: Machine, resources: Resources, count: int) -> list[Slot]:
    """The slots; neighbours are on different GPUs, so that a few submissions spread over all of them."""
    slot = Slot(threads=max(1, int(resources.cpus)), memory_mib=_memory_mib(resources))
    devices = _usable(machine, resources)
    if not devices:
        return [replace(slot, cpu_fallback=resources.gpus > 0)] * count
    return [_on(devices[index % len(devices)], slot, resources) for index in range(count)]


def _on(device: Device, slot: Slot, resources: Resources) -> Slot:
    return replace(
        slot,
        gpu=device.id,
        gpu_name=device.name,
        gpu_share=resources.gpus,
        gpu_memory_mib=_gpu_memory_mib(device, resources),
        gpu_total_mib=device.memory_mib,
    )


def _usable(machine: Machine, resources: Resources) -> list[Device]:
    """The GPUs of which the share that is asked for is large enough to work with; none if none is asked for."""
    return [each for each in machine.devices if resources.gpus and _gpu_memory_mib(each, resources) >= _LEAST_GPU_MIB]


def _gpu_memory_mib(device: Device, resources: Resources) -> int:
    return int(device.memory_mib * resources.gpus) - CONTEXT_MIB


def _least_share(device: Device) -> float:
    """The smallest share, in twentieths, that is large enough; 1 where none is."""
    least = (CONTEXT_MIB + _LEAST_GPU_MIB) / device.memory_mib
    return min(1.0, -(-least // 0.05) * 0.05)


def _shares(resources: Resources) -> int:
    return int(1 / resources.gpus + 1e-9)


def _memory_mib(resources: Resources) -> int:
    return int(resources.memory_gib * 1024)
