"""Metrics in the text formats that Prometheus reads. This room alone imports its client library."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from dalsegno.core.clock import SECOND
from dalsegno.core.reactions import ReactedAs
from dalsegno.insight.metrics import names
from dalsegno.insight.metrics.gauges import Gauges
from dalsegno.insight.metrics.meter import Meter, Spread
from dalsegno.insight.metrics.names import Metric

Slots: TypeAlias = tuple[int, int]
"""Runs that a worker holds, and could hold beside them."""


class Scrape(Collector):
    """One answer: what was counted (where it is a worker's), and what was read (where the store could be)."""

    def __init__(self, meter: Meter | None, gauges: Gauges | None, slots: Slots | None = None) -> None:
        self._meter = meter
        self._gauges = gauges
        self._slots = slots

    def collect(self) -> Iterator[Family]:
        """Yield every metric that there is anything to say of, by the names of ``names.ALL``."""
        if self._meter is not None:
            yield from _counted(self._meter, self._gauges or Gauges())
        if self._slots is not None:
            held, free = self._slots
            yield _gauge(names.SLOTS, {("used",): held, ("free",): free})
        yield _gauge(names.STORE_UP, {(): int(self._gauges is not None)})
        if self._gauges is not None:
            for metric, values in self._gauges.values.items():
                yield _gauge(metric, values)


def written(scrape: Scrape, accepts: str = "", *, process: bool = True) -> tuple[bytes, str]:
    """Write an answer as whoever asks accepts it; return it with its content type."""
    registry = CollectorRegistry()
    registry.register(scrape)
    if process:
        ProcessCollector(registry=registry)
    encode: Callable[[CollectorRegistry], bytes]
    encode, content_type = choose_encoder(accepts)
    return encode(registry), content_type


def _counted(meter: Meter, gauges: Gauges) -> Iterator[Family]:
    yield _counter(names.RUNS_STARTED, _one(meter.begun))
    ended = {
        (workflow, status): count
        for workflow, known in list(meter.finished.items())
        for status, count in list(known.by_status.items())
    }
    yield _counter(names.RUNS_FINISHED, ended)
    took = {(workflow,): known.spread for workflow, known in list(meter.finished.items())}
    yield _histogram(names.RUN_DURATION, took)
    attempts = list(meter.attempts.items())
    tried = {(*where, "done"): known.done for where, known in attempts}
    tried |= {(*where, how): n for where, known in attempts for how, n in list(known.failed.items())}
    yield _counter(names.STEP_ATTEMPTS, tried)
    yield _histogram(names.STEP_DURATION, {where: known.spread for where, known in attempts})
    yield _counter(names.COMPENSATIONS, dict(meter.compensations))
    yield _counter(names.JOURNAL_ENTRIES, {(): meter.entries})
    yield _counter(names.COMMITS, {(): meter.commits.count})
    yield _counter(names.COMMIT_ITEMS, {(): meter.items})
    yield _histogram(names.COMMIT_DURATION, {(): meter.commits})
    yield _counter(names.EVENTS_EMITTED, _one(meter.emitted))
    yield from _of_handlers(meter, gauges.handlers)


def _of_handlers(meter: Meter, handlers: Mapping[int, tuple[str, str]]) -> Iterator[Family]:
    """Yield what was counted of handlers, under the names that the store has for their numbers."""
    known = {handlers[number]: found for number, found in list(meter.handlers.items()) if number in handlers}
    reactions = {
        (*where, outcome.name.lower()): found.by_outcome[outcome]
        for where, found in known.items()
        for outcome in ReactedAs
        if found.by_outcome[outcome]
    }
    yield _counter(names.REACTIONS, reactions)
    yield _histogram(names.REACTION_DURATION, {where: found.took for where, found in known.items()})
    yield _histogram(names.EVENT_TO_REACTION, {where: found.latency for where, found in known.items()})
    buried = {handlers[number]: n for number, n in list(meter.buried.items()) if number in handlers}
    yield _counter(names.DEAD_LETTERS_MADE, buried)


def _one(counts: Mapping[str, int]) -> dict[tuple[str, ...], float]:
    return {(label,): count for label, count in list(counts.items())}


def _counter(metric: Metric, values: Mapping[Any, float]) -> Family:
    family = CounterMetricFamily(metric.name.removesuffix("_total"), metric.help, labels=metric.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def _gauge(metric: Metric, values: Mapping[Any, float]) -> Family:
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def _histogram(metric: Metric, values: Mapping[Any, Spread]) -> Family:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    bounds = (*(str(bound) for bound in metric.buckets), "+Inf")
    for labels, spread in values.items():
        below, buckets = 0, []
        for bound, count in zip(bounds, spread.counts, strict=True):
            below += count
            buckets.append((bound, below))
        family.add_metric(labels, buckets, spread.sum / SECOND)
    return family
