"""What the store says of itself, read when somebody asks: a few counts, none of which meets what has ended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from dalsegno.core.clock import SECOND
from dalsegno.core.runs import PARKED
from dalsegno.insight.lag import read_lags
from dalsegno.insight.metrics import names
from dalsegno.insight.metrics.names import Metric
from dalsegno.insight.workers import Gone, nobody_gone, read_workers
from dalsegno.store.protocol import Store


@dataclass(frozen=True, slots=True)
class Gauges:
    """What was read: values by metric and labels, and which service and handler has which number."""

    values: dict[Metric, dict[tuple[str, ...], float]] = field(default_factory=lambda: defaultdict(dict))
    handlers: dict[int, tuple[str, str]] = field(default_factory=dict)

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        """Note a value."""
        self.values[metric][labels] = value


async def read_gauges(store: Store, namespace: str, *, gone: Gone = nobody_gone) -> Gauges:
    """Read all of them; ``gone`` as for ``where``. Raises StoreError."""
    gauges = Gauges()
    gauges.handlers.update(await _handlers(store, namespace))
    await _runs(store, namespace, gauges)
    await _services(store, namespace, gauges)
    for view in (await read_workers(store, gone)).views.values():
        known = gauges.values[names.SESSIONS]
        gauges.set(names.SESSIONS, known.get((view.state,), 0) + 1, view.state)
    for row in await store.open_alerts(namespace):
        gauges.set(names.ALERTS, gauges.values[names.ALERTS].get((row.rule,), 0) + 1, row.rule)
    facts = await store.facts()
    gauges.set(names.STORE_BYTES, facts.size, "main")
    gauges.set(names.STORE_BYTES, facts.wal, "wal")
    return gauges


async def _handlers(store: Store, namespace: str) -> Mapping[int, tuple[str, str]]:
    found: dict[int, tuple[str, str]] = {}
    for service in await store.services(namespace):
        found |= {row.number: (service.name, row.name) for row in await store.handlers(service.number)}
    return found


async def _runs(store: Store, namespace: str, gauges: Gauges) -> None:
    pending, running = await store.at_work(namespace)
    groups, now = await store.waiting(namespace), store.now()
    gauges.set(names.RUNS, pending, "pending")
    gauges.set(names.RUNS, running, "running")
    gauges.set(names.RUNS, sum(group.count for group in groups), "waiting")
    for group in groups:
        if group.parked:
            gauges.set(names.PARKED, group.count, group.workflow, group.parked.removeprefix(PARKED))
        elif not group.asleep:
            gauges.set(names.STANDING, max(0, now - group.since) / SECOND, group.workflow)
    for due in await store.due():
        depth, age = gauges.values[names.QUEUE_DEPTH], gauges.values[names.QUEUE_AGE]
        late = max(0, now - due.oldest) / SECOND
        gauges.set(names.QUEUE_DEPTH, depth.get((due.queue,), 0) + due.count, due.queue)
        gauges.set(names.QUEUE_AGE, max(late, age.get((due.queue,), 0.0)), due.queue)


async def _services(store: Store, namespace: str, gauges: Gauges) -> None:
    gauges.set(names.LOG_END, (await store.head()).last)
    for lag in await read_lags(store, namespace):
        gauges.set(names.LAG_EVENTS, lag.events, lag.service)
        gauges.set(names.LAG_SECONDS, lag.seconds, lag.service)
        gauges.set(names.PAUSED, lag.paused, lag.service)
    for service, handler in gauges.handlers.values():
        gauges.set(names.DEAD_LETTERS, 0, service, handler)
    for group in await store.dead_letter_groups(namespace):
        where = gauges.handlers.get(group.handler)
        if where is not None:
            gauges.set(names.DEAD_LETTERS, gauges.values[names.DEAD_LETTERS][where] + group.count, *where)
