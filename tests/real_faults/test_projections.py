"""Published logs as events, each delivered three times, through services whose worker is killed: every fold is right.

Data, read from ../shared/data: receipt phase of permit applications, doi:10.4121/12709127, and the
"Order Management" example log of the OCEL standard.
"""

from __future__ import annotations

import asyncio
import csv
import gzip
import json
import random
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dalsegno.app import App, Runtime
from dalsegno.client import AsyncClient
from dalsegno.client.services import ServiceInfo
from dalsegno.core.clock import from_datetime
from dalsegno.events.envelope import Envelope
from tests.real_faults import projections
from tests.real_faults.harness import until
from tests.real_faults.projections import Activity, Happened, Permit, Thing

pytestmark = [pytest.mark.promise("P1", "P8", "P11"), pytest.mark.timeout(600)]

Row = dict[str, str]
DELIVERIES = 3
BATCH = 400
STALLED = 60.0  # seconds without any progress; how long all takes together is the machine's affair


def _rows(shared: Path, name: str) -> list[Row]:
    with gzip.open(shared / "data" / f"{name}.csv.gz", "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _truth(shared: Path, name: str) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads((shared / "data" / "ground_truth_stats.json").read_text())["logs"][
        name
    ]
    return truth


def _cloud_event(source: str, id: str, event: Any, time: str) -> Envelope:
    """Wrap an event as a foreign system sends it: known by its source and id, at its original time."""
    at = from_datetime(datetime.fromisoformat(time))
    return Envelope(id=id, source=source, type=type(event).__name__, time=at, data=msgspec.json.encode(event))


def _activity(row: Row) -> Envelope:
    event = Activity(row["case_id"], row["activity"], row["resource"], row["timestamp"])
    return _cloud_event("/permits", f"{row['case_id']}#{row['seq']}", event, row["timestamp"])


def _happened(row: Row) -> Envelope:
    ids = {name: list(filter(None, row[name].split("|"))) for name in projections.OBJECTS}
    event = Happened(row["activity"], row["timestamp"], **ids)
    return _cloud_event("/orders", row["event_id"], event, row["timestamp"])


class Desk:
    """The worker process, ended and hired again, and the client that delivers the log."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.store = f"sqlite:///{folder}/projections.db"
        self.log = (folder / "worker.log").open("a")
        self.rng = rng
        app = App("projections", include=[projections], store=self.store)
        self.runtime: Runtime = app.runtime(worker=False)
        self.client: AsyncClient
        self.worker: subprocess.Popen[str] | None = None
        self.kills = 0

    async def hire(self) -> None:
        command = [sys.executable, "-m", "tests.real_faults.projections", self.store]
        root = Path(__file__).parents[2]
        self.worker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True, cwd=root)
        assert self.worker.stdout is not None
        assert await asyncio.to_thread(self.worker.stdout.readline) == "ready\n"

    def kill(self) -> None:
        if self.worker is not None:
            self.worker.kill()
            self.worker.wait()
            assert self.worker.stdout is not None
            self.worker.stdout.close()
            self.worker = None
            self.kills += 1

    async def replace(self) -> None:
        self.kill()
        await self.hire()

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
            raise AssertionError(f"{error}: {await self.client.services.get(name)}; {self._said()}") from None
        return await self.client.services.get(name)

    def _said(self) -> str:
        return Path(self.log.name).read_text()[-2_000:]

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


async def _play(
    desk: Desk, events: list[Envelope], kills: int, halfway: Callable[[], Awaitable[None]] | None
) -> None:
    """Deliver a log batch by batch while the worker dies, and ``halfway`` see to something else."""
    await desk.hire()
    batches = [events[at : at + BATCH] for at in range(0, len(events), BATCH)]
    fatal = set(desk.rng.sample(range(len(batches)), min(kills, len(batches))))
    for number, batch in enumerate(batches):
        await desk.deliver(batch)
        if number in fatal:
            await desk.replace()
        if halfway is not None and number == len(batches) // 2:
            await halfway()


def _run(folder: Path, seed: int, scenario: Callable[[Desk], Awaitable[None]]) -> None:
    async def main() -> None:
        desk = Desk(folder, random.Random(seed))
        desk.client = await desk.runtime.open()
        try:
            await scenario(desk)
        finally:
            desk.kill()
            await desk.runtime.close()
            desk.log.close()

    asyncio.run(main())


# -- permits: one key


def _folded(rows: list[Row]) -> dict[str, Permit]:
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


def _permits(rows: list[Row], folder: Path, kills: int, *, replay: bool) -> dict[str, Permit]:
    """Send the rows, as time has mixed them, to a service whose worker is killed; return what it keeps."""
    ordered = sorted(rows, key=lambda row: row["timestamp"])  # a stable sort: within a case as they were
    found: dict[str, Permit] = {}

    async def scenario(desk: Desk) -> None:
        async def again() -> None:
            await desk.client.services.replay("permits", after=0, by="test")

        await _play(desk, [_activity(row) for row in ordered], kills, again if replay else None)
        await desk.caught_up("permits")
        found.update(await desk.states("permits", Permit, sorted({row["case_id"] for row in rows})))

    _run(folder, 4, scenario)
    return found


def _some_cases(rows: list[Row], one_in: int) -> list[Row]:
    chosen = {case for n, case in enumerate(sorted({row["case_id"] for row in rows})) if n % one_in == 0}
    return [row for row in rows if row["case_id"] in chosen]


@pytest.mark.parametrize("replay", [False, True], ids=["", "replayed half way"])
def test_the_state_of_a_case_is_a_fold_of_its_events_whatever_is_repeated_or_killed(
    tmp_path: Path, shared: Path, *, replay: bool
) -> None:
    rows = _some_cases(_rows(shared, "receipt_permits"), 6)
    assert _permits(rows, tmp_path, 3, replay=replay) == _folded(rows)


@pytest.mark.slow
@pytest.mark.parametrize("replay", [False, True], ids=["", "replayed half way"])
def test_every_permit_of_a_real_log_is_what_the_log_says(
    tmp_path: Path, shared: Path, count: Callable[..., None], *, replay: bool
) -> None:
    rows, truth = _rows(shared, "receipt_permits"), _truth(shared, "receipt_permits")
    found = _permits(rows, tmp_path, 12, replay=replay)
    count("kills", 12)
    assert found == _folded(rows)
    assert len(found) == truth["cases"] == 1434
    assert Counter(name for permit in found.values() for name in permit.trace) == truth["activities"]
    assert Counter(permit.trace[-1] for permit in found.values()) == truth["end_activities"]
    assert len({tuple(permit.trace) for permit in found.values()}) == truth["variants"]


# -- orders, items, packages: three keys in one line of the log


def _things(rows: list[Row]) -> dict[str, dict[str, Thing]]:
    """Fold the log per object without any of what is under test."""
    found: dict[str, dict[str, Thing]] = {name: {} for name in projections.OBJECTS}
    for row in rows:
        for name, things in found.items():
            for one in filter(None, row[name].split("|")):
                thing = things.setdefault(one, Thing())
                thing.trace.append(row["activity"])
                thing.last_at = row["timestamp"]
    return found


def _objects(rows: list[Row], folder: Path, kills: int, *, replay: bool) -> dict[str, dict[str, Thing]]:
    """Send the rows to the services of their objects; return what each of these keeps."""
    expected = _things(rows)
    found: dict[str, dict[str, Thing]] = {}

    async def scenario(desk: Desk) -> None:
        async def again() -> None:
            for name in projections.OBJECTS:
                await desk.client.services.replay(name, after=0, by="test")

        await _play(desk, [_happened(row) for row in rows], kills, again if replay else None)
        await desk.caught_up("splitter", *projections.OBJECTS)
        for name, things in expected.items():
            found[name] = await desk.states(name, Thing, sorted(things))

    _run(folder, 5, scenario)
    return found


@pytest.mark.parametrize("replay", [False, True], ids=["", "replayed half way"])
def test_what_concerns_many_objects_reaches_each_of_them_once_and_in_order(
    tmp_path: Path, shared: Path, *, replay: bool
) -> None:
    rows = _rows(shared, "orders_object_centric")[:1_200]
    assert _objects(rows, tmp_path, 3, replay=replay) == _things(rows)


@pytest.mark.slow
@pytest.mark.parametrize("replay", [False, True], ids=["", "replayed half way"])
def test_every_order_item_and_package_of_a_published_log_is_what_the_log_says(
    tmp_path: Path, shared: Path, count: Callable[..., None], *, replay: bool
) -> None:
    rows, truth = _rows(shared, "orders_object_centric"), _truth(shared, "orders_object_centric")
    found = _objects(rows, tmp_path, 12, replay=replay)
    count("kills", 12)
    assert found == _things(rows)
    done = {name: Counter(a for thing in found[name].values() for a in thing.trace) for name in found}
    activities = truth["activities"]
    assert len(found["orders"]) == done["orders"]["place order"] == activities["place order"] == 2_000
    for name in ("confirm order", "pay order", "payment reminder"):
        assert done["orders"][name] == activities[name]
    for name in ("pick item", "item out of stock", "reorder item"):
        assert done["items"][name] == activities[name]
    for name in ("create package", "send package", "failed delivery", "package delivered"):
        assert done["packages"][name] == activities[name]
    assert sum(truth["activities"].values()) == truth["events"] == len(rows)
