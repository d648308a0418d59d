"""Packing by declared resources, on machines that are declared: no GPU is needed to see how one would be divided."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.batch.bench import Bench, SlotsClosed, _Turn
from autograder.batch.machine import Device, Machine, _own_groups, declared_devices, group_limit, listed_devices
from autograder.batch.slots import CONTEXT_MIB, Slots, default_jobs
from autograder.course.settings import Resources
from autograder.errors import MachineError, UsageError
from autograder.execution.devices import Slot
from autograder.grading.memory import process_memory_mib

H100 = Device("GPU-a", "NVIDIA H100", 80_000)
LARGE = Machine(cpus=64, memory_mib=512 * 1024, devices=(H100, Device("GPU-b", "NVIDIA H100", 80_000)))
LAPTOP = Machine(cpus=2, memory_mib=8 * 1024)


def all_of(slots: Slots) -> list[Slot]:
    return list(slots._free)


def test_a_quarter_is_given_four_times_on_each_gpu() -> None:
    slots = Slots(LARGE, Resources(gpus=0.25, memory_gib=4))
    assert slots.count == 8
    assert Counter(slot.gpu for slot in all_of(slots)) == {"GPU-a": 4, "GPU-b": 4}
    assert all_of(slots)[0] == Slot(1, 4096, "GPU-a", 20_000 - CONTEXT_MIB, False, "NVIDIA H100", 0.25, 80_000)


def test_a_few_submissions_spread_over_the_gpus() -> None:
    assert [slot.gpu for slot in all_of(Slots(LARGE, Resources(gpus=0.25), jobs=3))] == ["GPU-a", "GPU-b", "GPU-a"]


@pytest.mark.parametrize(("share", "on_each"), [(1, 1), (0.5, 2), (0.4, 2), (1 / 3, 3), (0.3, 3), (0.1, 10)])
def test_shares_of_a_gpu(share: float, on_each: int) -> None:
    assert Slots(Machine(64, 512 * 1024, (H100,)), Resources(gpus=share)).count == on_each


def test_cores_and_memory_bound_the_default() -> None:
    assert default_jobs(Machine(8, 64 * 1024), Resources()) == 9
    assert default_jobs(Machine(8, 64 * 1024), Resources(cpus=4)) == 3
    assert default_jobs(Machine(8, 64 * 1024), Resources(memory_gib=16)) == 3
    assert default_jobs(Machine(8, 64 * 1024), Resources(cpus=0.5, memory_gib=2)) == 17
    assert default_jobs(LAPTOP, Resources(memory_gib=8)) == 1
    assert default_jobs(Machine(2, 512 * 1024, (H100,)), Resources(gpus=0.1)) == 3


def test_the_processes_that_open_models_have_room_too() -> None:
    """They get what a submission's slot has, and at least what Keras needs: no slot takes another one's memory."""
    assert [process_memory_mib(Resources(memory_gib=size)) for size in (0.25, 1, 2, 4, 16)] == [1024, 1024, 2048, 4096, 4096]
    machine = Machine(16, 16 * 1024)
    for size in (0.25, 1, 2):
        resources = Resources(memory_gib=size, cpus=0.5)
        assert Slots(machine, resources).count * process_memory_mib(resources) < machine.memory_mib


def test_without_a_gpu_asked_for_none_is_given() -> None:
    assert all_of(Slots(LARGE, Resources(cpus=2, memory_gib=1), jobs=1)) == [Slot(threads=2, memory_mib=1024)]


def test_the_cpu_stands_in_only_where_that_is_allowed() -> None:
    slots = Slots(LAPTOP, Resources(gpus=0.25, memory_gib=2, cpu_fallback=True))
    assert all_of(slots) == [Slot(memory_mib=2048, cpu_fallback=True)] * 3
    assert Slots(LARGE, Resources(gpus=0.25, cpu_fallback=True)).first.gpu == "GPU-a"


@pytest.mark.parametrize(
    ("machine", "resources", "jobs", "message", "cure"),
    [
        (LAPTOP, Resources(gpus=0.25), None, "asks for 0.25 of a GPU, this machine has none", "cpu_fallback=True"),
        (LAPTOP, Resources(cpus=4), None, "asks for 4 cores, this machine has 2", "Resources(cpus=2)"),
        (LAPTOP, Resources(memory_gib=16), None, "asks for 16 GiB of memory, this machine has 8.0", "memory_gib=8"),
        (LARGE, Resources(gpus=0.25), 9, "--jobs 9 is too many: each uses 0.25 of a GPU, and the machine has 2", "--jobs 8 or fewer"),
        (LAPTOP, Resources(memory_gib=3), 3, "each may use 3 GiB of memory, and the machine has 8.0", "--jobs 2 or fewer"),
        (Machine(2, 8192, (Device("0", "T400", 2048),)), Resources(gpus=0.25), None, "512 MiB of the T400, of which CUDA", "gpus=0.55"),
    ],
)
def test_what_cannot_be_is_refused_with_reason_and_cure(
    machine: Machine, resources: Resources, jobs: int | None, message: str, cure: str
) -> None:
    with pytest.raises(UsageError) as caught:
        Slots(machine, resources, jobs)
    assert message in caught.value.message
    assert cure in caught.value.cure


def test_more_jobs_than_cores_are_allowed() -> None:
    assert Slots(LAPTOP, Resources(memory_gib=1), jobs=5).count == 5


@given(
    machine=st.builds(
        Machine,
        cpus=st.integers(1, 64),
        memory_mib=st.integers(4096, 1 << 20),
        devices=st.lists(st.integers(1000, 200_000), max_size=4).map(
            lambda sizes: tuple(Device(str(index), "GPU", size) for index, size in enumerate(sizes))
        ),
    ),
    gpus=st.floats(0, 1),
    memory_gib=st.floats(0.5, 4),
    jobs=st.none() | st.integers(1, 40),
)
def test_nothing_is_promised_twice(machine: Machine, gpus: float, memory_gib: float, jobs: int | None) -> None:
    try:
        slots = all_of(Slots(machine, Resources(gpus=gpus, memory_gib=memory_gib, cpu_fallback=True), jobs))
    except UsageError:
        assert jobs is not None
        return
    assert len(slots) >= 1
    assert sum(slot.memory_mib for slot in slots) <= machine.memory_mib
    for device in machine.devices:
        there = [slot for slot in slots if slot.gpu == device.id]
        assert sum(slot.gpu_share for slot in there) <= 1 + 1e-6
        assert sum((slot.gpu_memory_mib or 0) + CONTEXT_MIB for slot in there) <= device.memory_mib


def test_a_slot_is_one_submissions_at_a_time() -> None:
    slots = Slots(Machine(64, 512 * 1024, (H100,)), Resources(gpus=0.25))
    all_in = threading.Barrier(4)
    in_use: Counter[int] = Counter()
    lock = threading.Lock()

    def work(number: int) -> int:
        with slots.take() as slot:
            with lock:
                in_use[id(slot)] += 1
                most = max(in_use.values())
            if number < 4:  # the first four hold theirs until all four have one
                all_in.wait(30)
            with lock:
                in_use[id(slot)] -= 1
        return most

    with ThreadPoolExecutor(max_workers=12) as pool:
        first = [pool.submit(work, number) for number in range(4)]
        rest = [pool.submit(work, number) for number in range(4, 40)]
        assert [each.result(60) for each in (*first, *rest)] == [1] * 40


def test_a_failure_gives_its_slot_back() -> None:
    slots = Slots(LAPTOP, Resources(), jobs=1)
    with pytest.raises(ValueError, match="x"), slots.take():
        raise ValueError("x")
    with slots.take() as slot:
        assert slot.threads == 1


def test_the_end_of_a_batch_wakes_those_who_wait() -> None:
    slots = Slots(LAPTOP, Resources(), jobs=1)
    said: list[str] = []

    def wait_for_one() -> None:
        try:
            with slots.take():
                said.append("taken")
        except SlotsClosed:
            said.append("closed")

    waiting = threading.Thread(target=wait_for_one)
    with slots.take():
        waiting.start()
        slots.close()
        waiting.join(30)
        assert said == ["closed"]
    with pytest.raises(SlotsClosed), slots.take():
        pass


def test_gpus_can_be_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGRADER_DEVICES", "0:NVIDIA H100:81559, MIG-5c/1:NVIDIA A100 1g.5gb:4864")
    assert Machine.here().devices == (Device("0", "NVIDIA H100", 81559), Device("MIG-5c/1", "NVIDIA A100 1g.5gb", 4864))
    assert Machine.here(with_gpus=False).devices == ()
    monkeypatch.setenv("AUTOGRADER_DEVICES", "none")
    assert Machine.here().devices == ()


@pytest.mark.parametrize("text", ["0", "0:H100", "0:H100:80 GB", "0:H100:0", ":H100:80000", "0:A:1000,,1:A:1000"])
def test_a_malformed_declaration_says_how_to_write_it(text: str) -> None:
    with pytest.raises(UsageError, match=r"AUTOGRADER_DEVICES: '.*' is no GPU") as caught:
        declared_devices(text)
    assert "0:NVIDIA H100:81559" in caught.value.cure


def test_an_id_is_declared_once() -> None:
    with pytest.raises(UsageError, match="id '0' stands there twice"):
        declared_devices("0:A:1000,0:B:1000")


LISTING = (
    "0, GPU-aaaa, [N/A], 81559, NVIDIA H100 80GB HBM3\n"
    "1, GPU-bbbb, Enabled, 81559, NVIDIA H100 80GB HBM3\n"
    "2, GPU-cccc, Disabled, 24576, Name, with a comma\n"
    "3, GPU-dddd, [N/A], [N/A], Broken\n"
)


@pytest.mark.parametrize(
    ("visible", "found"),
    [
        (None, ["GPU-aaaa", "GPU-cccc"]),
        ("2,0", ["GPU-cccc", "GPU-aaaa"]),
        ("GPU-cc", ["GPU-cccc"]),
        ("0,7,2", ["GPU-aaaa"]),
        ("-1", []),
        ("", []),
    ],
)
def test_gpus_are_those_that_the_driver_lists_and_the_caller_may_use(visible: str | None, found: list[str]) -> None:
    assert [each.id for each in listed_devices(LISTING, visible)] == found


def test_the_listing_is_asked_of_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho '0, GPU-aaaa, [N/A], 81559, NVIDIA H100 80GB HBM3'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("AUTOGRADER_DEVICES", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert Machine.here().devices == (Device("GPU-aaaa", "NVIDIA H100 80GB HBM3", 81559),)
    program.write_text("#!/bin/sh\necho 'No devices were found'\nexit 6\n")
    assert Machine.here().devices == ()


def test_a_driver_that_does_not_answer_is_the_machines_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o644)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("AUTOGRADER_DEVICES", raising=False)
    with pytest.raises(MachineError, match="does not answer") as caught:
        Machine.here()
    assert "AUTOGRADER_DEVICES=none" in caught.value.cure


@pytest.mark.parametrize(
    ("files", "controller", "limit"),
    [
        ({}, "memory", None),
        ({"memory.max": "max"}, "memory", None),
        ({"a/memory.max": "1000", "a/b/memory.max": "max"}, "memory", 1000.0),
        ({"a/memory.max": "1000", "a/b/memory.max": "500"}, "memory", 500.0),
        ({"a/b/cpu.max": "150000 100000"}, "cpu", 1.5),
        ({"a/b/cpu.max": "max 100000"}, "cpu", None),
        ({"memory/memory.limit_in_bytes": "2000"}, "memory", 2000.0),
        ({"cpu/cpu.cfs_quota_us": "-1"}, "cpu", None),
        ({"cpu/cpu.cfs_quota_us": "400000"}, "cpu", 4.0),
        ({"cpu/job/1/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_quota_us": "-1"}, "cpu", 2.0),
        ({"memory/user/memory.limit_in_bytes": "3000", "memory/user/me/memory.limit_in_bytes": "9223372036854771712"}, "memory", 3000.0),
        ({"memory/other/memory.limit_in_bytes": "4000", "memory/memory.limit_in_bytes": "9000"}, "memory", 9000.0),
    ],
)
def test_limits_of_control_groups_count(tmp_path: Path, files: dict[str, str], controller: str, limit: float | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    table = tmp_path / "cgroup"
    table.write_bytes(b"9:name=systemd:/\xff\n5:cpu,cpuacct:/job/1\n4:memory:/user/me\n0::/a/b\n")
    assert group_limit(controller, tmp_path, _own_groups(table)) == limit


def test_this_machine_has_something_to_divide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGRADER_DEVICES", "none")
    here = Machine.here()
    assert here.cpus >= 1
    assert here.memory_mib > 256


def taken(slots: Slots, alone: bool = False) -> tuple[ExitStack, Future[Slot]]:
    """Somebody who takes a slot, in a thread, and gives it back when the stack is closed in whatever thread."""
    stack, found = ExitStack(), Future[Slot]()

    def take() -> None:
        try:
            found.set_result(stack.enter_context(slots.take(alone)))
        except SlotsClosed as error:
            found.set_exception(error)

    threading.Thread(target=take, daemon=True).start()
    return stack, found


def waits_in_line(bench: Bench, found: Future[Slot], count: int = 1) -> bool:
    """Whoever is in line has looked and seen that it is not its turn, or has a slot."""
    pause = threading.Event()
    while True:
        with bench._changed:
            if found.done():
                return False
            if len(bench._waiting) == count:
                return True
        pause.wait(0.01)


def test_two_batches_never_have_more_than_the_machine_together() -> None:
    bench = Bench()
    large = Slots(LAPTOP, Resources(memory_gib=3), bench=bench)
    small = Slots(LAPTOP, Resources(memory_gib=1.5), bench=bench)
    assert (large.count, small.count) == (2, 3)
    with ExitStack() as both:
        both.enter_context(large.take())
        both.enter_context(small.take())  # a half and a third: the next third is too much
        stack, waits = taken(small)
        assert waits_in_line(bench, waits)
    with stack:
        assert waits.result(60).memory_mib == 1536


def test_a_gpu_is_given_once_to_two_batches() -> None:
    bench = Bench()
    machine = Machine(64, 512 * 1024, (H100,))
    half, most = (Slots(machine, Resources(gpus=gpus), bench=bench) for gpus in (0.5, 0.75))
    with half.take() as first:
        stack, waits = taken(most)
        assert waits_in_line(bench, waits)
        other, comes_later = taken(half)  # there is room for it, but it is not its turn
        assert waits_in_line(bench, comes_later, count=2)
    with stack:
        assert waits.result(60).gpu == first.gpu
    with other:
        assert comes_later.result(60).gpu == first.gpu


def test_alone_is_without_anybody_of_another_batch() -> None:
    bench = Bench()
    one, other = (Slots(LARGE, Resources(memory_gib=1), bench=bench) for _ in range(2))
    with one.take():
        stack, waits = taken(other, alone=True)
        assert waits_in_line(bench, waits)
    assert waits.result(60)
    then, later = taken(one)
    with stack:
        assert waits_in_line(bench, later)
    with then:
        assert later.result(60)


def test_the_end_of_one_batch_leaves_the_others_their_turns() -> None:
    bench = Bench()
    ended, other = (Slots(LAPTOP, Resources(), jobs=1, bench=bench) for _ in range(2))
    with ExitStack() as all_of_it:
        all_of_it.enter_context(other.take(alone=True))
        _, waits = taken(ended)
        stack, waits_too = taken(other)
        ended.close()
        with pytest.raises(SlotsClosed):
            waits.result(60)
    with stack:
        assert waits_too.result(60)


@given(data=st.data())
def test_whatever_comes_and_goes_the_machine_is_enough(data: st.DataObject) -> None:
    bench = Bench()
    machine = Machine(16, 64 * 1024, (H100, Device("GPU-b", "NVIDIA H100", 80_000)))
    asked = st.builds(
        Resources, gpus=st.sampled_from([0.0, 0.25, 0.5, 1.0]), memory_gib=st.sampled_from([1.0, 4.0, 20.0]), cpus=st.integers(1, 8)
    )
    batches = [(each, Slots(machine, each, bench=bench)) for each in data.draw(st.lists(asked, min_size=1, max_size=3))]
    held: list[tuple[ExitStack, Slot]] = []
    for _ in range(data.draw(st.integers(1, 20))):
        if held and data.draw(st.booleans()):
            held.pop(data.draw(st.integers(0, len(held) - 1)))[0].close()
            continue
        _, slots = data.draw(st.sampled_from(batches))
        if bench._fitting(_Turn(slots._free, slots._part)) is not None:  # else this thread would wait for itself
            stack = ExitStack()
            held.append((stack, stack.enter_context(slots.take())))
        assert sum(slot.memory_mib for _, slot in held) <= machine.memory_mib
        for device in machine.devices:
            assert sum(slot.gpu_share for _, slot in held if slot.gpu == device.id) <= 1
    for stack, _ in held:
        stack.close()
    assert bench._used == pytest.approx(0)
