"""Published logs delivered as events, each thrice, to a worker process that is killed on the way."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from dalsegno.app import Runtime
from dalsegno.client import AsyncClient
from dalsegno.client.services import ServiceInfo
from dalsegno.core.clock import from_datetime
from dalsegno.events.envelope import Envelope
from tests.real_faults import projections
from tests.real_faults.harness import until
from tests.real_faults.hireling import Hireling
from tests.real_faults.logs import Row
from tests.real_faults.projections import Activity, Happened, Permit, Thing

DELIVERIES = 3
BATCH = 400
STALLED = 60.0  # seconds without any progress; how long all takes together is the machine's affair


def _cloud_event(source: str, id: str, event: Any, time: str) -> Envelope:
    """Wrap an event as a foreign system sends it: known by its source and id, at its original time."""
    at = from_datetime(datetime.fromisoformat(time))
    return Envelope(id=id, source=source, type=type(event).__name__, time=at, data=msgspec.json.encode(event))


def activity(row: Row) -> Envelope:
    event = Activity(row["case_id"], row["activity"], row["resource"], row["timestamp"])
    return _cloud_event("/permits", f"{row['case_id']}#{row['seq']}", event, row["timestamp"])


def happened(row: Row) -> Envelope:
    ids = {name: list(filter(None, row[name].split("|"))) for name in projections.OBJECTS}
    event = Happened(row["activity"], row["timestamp"], **ids)
    return _cloud_event("/orders", row["event_id"], event, row["timestamp"])


class Desk:
    """The worker process, ended and hired again, and the client that delivers the log."""

    def __init__(self, folder: Path, rng: random.Random, program: ModuleType) -> None:
        self.store = f"sqlite:///{folder}/projections.db"
        self.worker = Hireling(folder, program.__name__, self.store)
        self.rng = rng
        self.runtime: Runtime = program.app(self.store).runtime(worker=False)
        self.client: AsyncClient

    async def deliver(self, events: list[Envelope]) -> None:
        """Put events on the log in their order, and deliver each of them twice more, in any order."""
        numbers = dict(zip((event.id for event in events), await self.client.emit(*events), strict=True))
        again = events * (DELIVERIES - 1)
        self.rng.shuffle(again)
        assert await self.client.emit(*again) == [numbers[event.id] for event in again], "it is there already"

    async def caught_up(self, *services: str) -> None:
        """Wait for as long as the services get any further."""
        for name in services:
            info = await self._further(name, -1)
            while info.lag_events or info.blocked_keys:
                info = await self._further(name, info.position)

    async def _further(self, name: str, position: int) -> ServiceInfo:
        """Wait until a service has passed a position, or the end of the log."""

        async def moved() -> bool:
            info = await self.client.services.get(name)
            return info.position > position or info.lag_events == info.blocked_keys == 0

        try:
            await until(moved, STALLED, f"{name} gets further than {position}")
        except AssertionError as error:
            raise AssertionError(
                f"{error}: {await self.client.services.get(name)}; {self.worker.said()}"
            ) from None
        return await self.client.services.get(name)

    async def states(self, service: str, shape: type[Any], keys: list[str]) -> dict[str, Any]:
        """Read what a service keeps of each key."""
        store = self.runtime.store
        number = next(row.number for row in await store.services("default") if row.name == service)
        rows = {key: await store.kept(number, key) for key in keys}
        return {
            key: msgspec.json.decode(row.data, type=shape)
            for key, row in rows.items()
            if row is not None and row.data is not None
        }


async def play(
    desk: Desk, events: list[Envelope], kills: int, halfway: Callable[[], Awaitable[None]] | None
) -> None:
    """Deliver a log batch by batch while the worker dies, and ``halfway`` see to something else."""
    await desk.worker.hire()
    batches = [events[at : at + BATCH] for at in range(0, len(events), BATCH)]
    fatal = set(desk.rng.sample(range(len(batches)), min(kills, len(batches))))
    for number, batch in enumerate(batches):
        await desk.deliver(batch)
        if number in fatal:
            await desk.worker.replace()
        if halfway is not None and number == len(batches) // 2:
            await halfway()


def run(
    folder: Path, seed: int, scenario: Callable[[Desk], Awaitable[None]], program: ModuleType = projections
) -> None:
    async def main() -> None:
        desk = Desk(folder, random.Random(seed), program)
        desk.client = await desk.runtime.open()
        try:
            await scenario(desk)
        finally:
            desk.worker.end()
            await desk.runtime.close()

    asyncio.run(main())


def folded(rows: list[Row]) -> dict[str, Permit]:
    """Fold the log without any of what is under test."""
    cases: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        cases[row["case_id"]].append(row)
    return {
        case: Permit(
            [row["activity"] for row in own],
            dict(Counter(row["resource"] for row in own)),
            own[-1]["timestamp"],
        )
        for case, own in cases.items()
    }


def things(rows: list[Row]) -> dict[str, dict[str, Thing]]:
    """Fold the log per object without any of what is under test."""
    found: dict[str, dict[str, Thing]] = {name: {} for name in projections.OBJECTS}
    for row in rows:
        for name, things in found.items():
            for one in filter(None, row[name].split("|")):
                thing = things.setdefault(one, Thing())
                thing.trace.append(row["activity"])
                thing.last_at = row["timestamp"]
    return found


def some_cases(rows: list[Row], one_in: int) -> list[Row]:
    chosen = {case for n, case in enumerate(sorted({row["case_id"] for row in rows})) if n % one_in == 0}
    return [row for row in rows if row["case_id"] in chosen]
