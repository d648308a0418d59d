"""What Prometheus asks for: numbers about the service and its pages, and nothing about anybody."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import get_args

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from tornado.web import RequestHandler

from autograder.hub.events import PAGES, Event, Value, log
from autograder.hub.state import BatchView, InstructorsView, Phase

_DELAYS_S = (1, 2, 5, 10, 30, 60, 300, 3600)
_ANSWERS_S = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


class Metrics:
    """`view` is asked at each scrape; `answered` is called for each request."""

    def __init__(self, view: Callable[[], InstructorsView]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_OfView(view))
        about = "Time in which the service answered a request, by kind of page."
        self._answers = Histogram("autograder_page_seconds", about, ["page", "status"], registry=self._registry, buckets=_ANSWERS_S)

    def scrape(self) -> bytes:
        """The text format of Prometheus."""
        found: bytes = generate_latest(self._registry)
        return found

    def answered(self, handler: RequestHandler) -> None:
        """Measures and logs a request; its path, without what follows a question mark, where a sign-in has its code."""
        status, seconds, request = handler.get_status(), handler.request.request_time(), handler.request
        page = type(handler).__name__
        self._answers.labels(page, f"{status // 100}xx").observe(seconds)
        level = logging.INFO if status < 400 else logging.WARNING if status < 500 else logging.ERROR
        about: dict[str, Value] = {"method": request.method, "path": request.path, "status": status, "seconds": round(seconds, 4)}
        user = getattr(handler, "user", "")
        text = f"{status} {request.method} {request.path} {seconds * 1000:.1f} ms"
        log(Event("request", text, {**about, "page": page, **({"user": user} if user else {})}), PAGES, level)


class _OfView(Collector):
    """The instructors' view as metrics, made anew at each scrape."""

    def __init__(self, view: Callable[[], InstructorsView]) -> None:
        self._view = view

    def describe(self) -> list[Metric]:
        return []  # else it would be asked when it is registered, before anything runs

    def collect(self) -> Iterator[Metric]:
        view = self._view()
        yield from _service(view)
        yield _by_assignment(view, "autograder_queue_seconds", "Expected time until the queue is empty; NaN while not known.", _queue_s)
        yield _by_assignment(view, "autograder_paused", "1 while nothing of it can be graded.", lambda each: float(bool(each.paused)))
        yield _counted(view, "phase", "Submissions by what became of them.", _phases)
        yield _counted(view, "outcome", "Graded submissions by outcome.", _outcomes)
        every = [one for batch in view.batches for one in batch.submissions]
        arrived = [max(0.0, (one.seen_at - one.arrived_at).total_seconds()) for one in every]
        checked = [max(0.0, (one.checked.at - one.seen_at).total_seconds()) for one in every if one.checked]
        yield _delays("autograder_receipt_delay_seconds", "From arrival in the exchange to the receipt.", arrived)
        yield _delays("autograder_check_delay_seconds", "From the receipt to the doctor's findings.", checked)


def _service(view: InstructorsView) -> Iterator[Metric]:
    waits = [(view.now - one.arrived_at).total_seconds() for batch in view.batches for one in batch.queue]
    yield GaugeMetricFamily("autograder_oldest_wait_seconds", "How long the oldest one in the queue has waited.", max(waits, default=0.0))
    yield GaugeMetricFamily("autograder_slots", "Submissions that can run side by side; 0 while not known.", view.slots)
    yield GaugeMetricFamily("autograder_unpublished", "Records that wait to be written to the gradebook.", view.unpublished)
    yield GaugeMetricFamily("autograder_problems", "Things that are wrong with the service now; its pages say what.", len(view.problems))
    yield CounterMetricFamily("autograder_machine_failures", "Times that the machine failed at a submission.", view.failures)


def _by_assignment(view: InstructorsView, name: str, about: str, value: Callable[[BatchView], float]) -> Metric:
    made = GaugeMetricFamily(name, about, labels=["assignment"])
    for batch in view.batches:
        made.add_metric([batch.assignment], value(batch))
    return made


def _queue_s(batch: BatchView) -> float:
    if batch.done_s is not None:
        return batch.done_s
    return math.nan if batch.queue else 0.0


def _counted(view: InstructorsView, label: str, about: str, counts: Callable[[BatchView], Iterable[tuple[str, int]]]) -> Metric:
    made = GaugeMetricFamily("autograder_submissions" if label == "phase" else "autograder_outcomes", about, labels=["assignment", label])
    for batch in view.batches:
        for name, count in counts(batch):
            made.add_metric([batch.assignment, name], count)
    return made


def _phases(batch: BatchView) -> Iterator[tuple[str, int]]:
    """All of them, so that a series does not end when its number is 0."""
    for phase in get_args(Phase):
        yield phase, batch.counts.get(phase, 0)


def _outcomes(batch: BatchView) -> Iterable[tuple[str, int]]:
    return sorted(Counter(one.outcome for one in batch.submissions if one.outcome).items())


def _delays(name: str, about: str, seconds: list[float]) -> Metric:
    buckets = [(str(float(limit)), float(sum(each <= limit for each in seconds))) for limit in _DELAYS_S]
    return HistogramMetricFamily(name, about, buckets=[*buckets, ("+Inf", float(len(seconds)))], sum_value=sum(seconds))
