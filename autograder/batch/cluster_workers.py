"""Who can work for a batch: new workers are asked in, lost ones forgotten, and who cannot is named. Knows no engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import IO, Any, Protocol

from autograder.batch import remote
from autograder.batch.parcels import parts
from autograder.batch.plan import Plan
from autograder.batch.sharing import Sharing
from autograder.batch.workplace import Batch
from autograder.errors import MachineError

_ENTERED_S = 1.0
_SILENCE_S = 10.0
_PART_S = 120.0
_FAILURES = 3  # in a row, of submissions of which nothing was executed: then it is the worker that fails
NOBODY = "No worker yet: waiting for one (`autograder cluster worker`, see docs/scale.md)."


class Engine(Protocol):
    """What carries jobs and results. Every address is that of one worker."""

    def addresses(self) -> set[str]:
        """Of all workers that there are. Raises MachineError when the engine itself is lost."""

    def enter(self, address: str, batch: Batch) -> Future[remote.Fitness]:
        """Has a worker prepare itself: see `remote.enter`."""

    def receive(self, address: str, batch_id: str, name: str, at: int, part: bytes, last: bool) -> Future[None]:
        """Sends a part of a parcel: see `remote.receive`."""

    def run(self, address: str, job: remote.Job) -> Future[remote.JobResult]:
        """Has a worker grade: see `remote.run_job`. Raises, in the future, WorkerLost or what that raised."""

    def give_up(self, running: Future[Any]) -> None:
        """Nobody waits any more for what a worker does, or has done."""

    def listen(self, heard: Callable[[str, str, int, int], None]) -> None:
        """`heard(batch id, student, cell, of how many)` is called, in another thread, while submissions run."""


class WorkerLost(Exception):
    """A worker went away with a job, or what it made cannot be fetched."""


@dataclass
class Worker:
    """One worker as the batch knows it: how many submissions it takes, how many it has, and how many in a row failed there."""

    address: str
    fitness: remote.Fitness
    running: int = 0
    failures: int = 0

    @property
    def free(self) -> int:
        return self.fitness.slots - self.running

    def part(self, alone: bool) -> float:
        """What of it one submission takes."""
        return 1.0 if alone else 1 / self.fitness.slots


@dataclass(frozen=True)
class Standing:
    """How a batch stands with its workers: `slots` of all that can work for it together, None while none has answered yet, and
    what is wrong with others, a sentence each.
    """

    slots: int | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Told:
    """Who hears of workers. `watch` is called with every look around: it raises MachineError when the cluster cannot go on. `say` gets
    lines for people, `standing` how things are after each look.
    """

    watch: Callable[[], None]
    say: Callable[[str], None]
    standing: Callable[[Standing], None] = lambda _: None


class Workers:
    """`sharing`: with other batches of this process, where there are any."""

    def __init__(self, plan: Plan, engine: Engine, batch: Batch, told: Told, sharing: Sharing | None = None) -> None:
        self._plan, self._engine, self._batch = plan, engine, batch
        self._watch, self._say, self._stand = told.watch, told.say, told.standing
        self._sharing = sharing or Sharing()
        self._fit: dict[str, Worker] = {}
        self._unfit: dict[str, remote.Fitness] = {}
        self._entering: dict[str, Future[remote.Fitness]] = {}
        self._waits_since: float | None = time.monotonic()
        self._parcels = 0

    def look_around(self) -> set[str]:
        """The addresses of all that there are now. Raises MachineError when the scheduler is lost, or nobody there can grade."""
        self._watch()
        known = self._engine.addresses()
        for address in set(self._unfit) - known:  # another worker may come under that address
            del self._unfit[address]
        for address in sorted(known - {*self._fit, *self._unfit, *self._entering}):
            self._entering[address] = self._engine.enter(address, self._batch)
        for address, future in list(self._entering.items()):
            if address not in known or future.done():
                del self._entering[address]
            if address in known and future.done():
                self._entered(address, future)
        for address in set(self._fit) - known:
            del self._fit[address]
        if not self._fit and not self._entering and known and known <= set(self._unfit):
            reasons = "; ".join(f"{each.host}: {each.problem}" for each in sorted(self._unfit.values(), key=lambda each: each.host))
            raise MachineError(f"No worker can grade this batch. {reasons}", "See docs/scale.md.")
        self._say_when_nobody_is_there(known)
        self._stand(self._standing())
        return known

    def take(self, alone: bool) -> Worker | None:
        """Takes a place at the worker with most room, if there is any; for who is to be alone at one that has nothing."""
        parts = {each.address: each.part(alone) for each in self._fit.values() if each.free > 0}
        address = self._sharing.take(self._batch.id, parts)
        if address is None:
            return None
        self._fit[address].running += 1
        return self._fit[address]

    def nobody_waits(self) -> None:
        """There is nothing to send: no worker is kept for this batch."""
        self._sharing.waits_no_more(self._batch.id)

    def give_back(self, worker: Worker, alone: bool) -> None:
        """The place is free again."""
        worker.running -= 1
        self._sharing.give_back(self._batch.id, worker.address, worker.part(alone))

    def ask_again(self, worker: Worker) -> None:
        """It began anew under its old address, gave the batch up, or may be gone: it has to enter again before it gets anything."""
        if self._fit.get(worker.address) is worker:
            del self._fit[worker.address]

    def dismiss(self, worker: Worker, problem: str) -> None:
        """It turned out to be unfit: it gets nothing more of this batch."""
        if self._fit.get(worker.address) is worker:
            del self._fit[worker.address]
            self._unfit[worker.address] = replace(worker.fitness, problem=problem)
            self._say(f"The worker on {worker.fitness.host} gets nothing more of this batch. {problem}")

    def failed(self, worker: Worker, reason: str) -> None:
        """A submission failed there before anything of it was executed. One that fails fast would go through the whole class, so others do
        what is left; the last one goes on, since it may be the submissions after all, and they must not end the batch.
        """
        worker.failures += 1
        if worker.failures >= _FAILURES and len(self._fit) > 1:
            self.dismiss(worker, f"{worker.failures} submissions in a row failed there, the last one: {reason}")

    def send(self, address: str, parcel: AbstractContextManager[IO[bytes]]) -> None:
        """Sends a packed parcel, one part after the other. Raises UsageError for one that is too large, and what goes wrong on the way."""
        self._parcels += 1
        with parcel as stream:
            for at, part, last in parts(stream):
                self._engine.receive(address, self._batch.id, str(self._parcels), at, part, last).result(timeout=_PART_S)

    def _entered(self, address: str, future: Future[remote.Fitness]) -> None:
        """Fit or not; whatever goes wrong with one worker is no reason to end the batch."""
        fitness = remote.Fitness(address)
        try:
            fitness = future.result(timeout=_ENTERED_S)
            if not fitness.problem and not fitness.shared:
                self.send(address, remote.bundle(self._plan))
        except Exception as error:
            fitness = replace(fitness, problem=str(error) or type(error).__name__)
        if fitness.problem:
            self._unfit[address] = fitness
            self._say(f"The worker on {fitness.host} gets nothing of this batch. {fitness.problem}")
            return
        if fitness.note:
            self._say(f"The worker on {fitness.host}: {fitness.note}")
        self._fit[address] = Worker(address, fitness)

    def _say_when_nobody_is_there(self, known: set[str]) -> None:
        if known:
            self._waits_since = None
        elif self._waits_since is None:
            self._waits_since = time.monotonic()
        elif time.monotonic() > self._waits_since + _SILENCE_S:
            self._waits_since = float("inf")
            self._say(f"{NOBODY} Ctrl-C ends this.")

    def _standing(self) -> Standing:
        """A machine that is not made for this assignment is no problem: others get it, and it gets others."""
        problems = [f"The worker on {each.host} is not used. {each.problem}" for each in self._unfit.values() if not each.unsuited]
        if self._waits_since == float("inf"):
            problems.append(NOBODY)
        slots = sum(each.fitness.slots for each in self._fit.values())
        return Standing(slots if self._fit or not self._entering else None, tuple(sorted(problems)))
