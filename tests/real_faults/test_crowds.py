"""A service that was away while a crowd of events came, and one that is too slow for the storm that comes."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from dalsegno.app import App
from dalsegno.client import AsyncClient
from dalsegno.core.clock import nap
from dalsegno.core.limits import Limits
from dalsegno.errors import Overloaded
from tests.real_faults import crowds
from tests.real_faults.harness import until

pytestmark = pytest.mark.promise("P1", "P8", "P10", "P11")

BATCH = 500
MOST_MEMORY = 300  # MB
STALLED = 60.0  # seconds without any progress; how long all takes together is the machine's affair
SIZES = [
    10_000,
    pytest.param(100_000, marks=[pytest.mark.slow, pytest.mark.timeout(600)]),
]


class Worker:
    """One worker process with one service, and what its handler noted."""

    def __init__(self, folder: Path, service: str) -> None:
        self.store = f"sqlite:///{folder}/crowds.db"
        self.ledger = folder / "ledger.txt"
        self._log = (folder / "worker.log").open("a")
        self._service = service
        self._process: subprocess.Popen[str] | None = None

    async def hire(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.real_faults.crowds", self.store, str(self.ledger), self._service],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert self._process.stdout is not None
        assert await asyncio.to_thread(self._process.stdout.readline) == "ready\n"

    def end(self, *, kill: bool = False) -> None:
        """End it in order, or kill it."""
        process, self._process = self._process, None
        if process is None:
            return
        if kill:
            process.kill()
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()

    def close(self) -> None:
        self.end(kill=True)
        self._log.close()

    async def freeze(self, seconds: float) -> None:
        """Let it do nothing for a while, and then go on as if nothing had been."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            await nap(seconds)
        finally:
            self._process.send_signal(signal.SIGCONT)
        await nap(0.5)

    def is_dead(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def peak(self) -> float:
        """Return the most memory that the process has had, in MB."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024

    def noted(self) -> dict[str, list[int]]:
        """Return the places that were noted, key by key."""
        noted: dict[str, list[int]] = defaultdict(list)
        for line in self.ledger.read_text().splitlines():
            key, place = line.split()
            noted[key].append(int(place))
        return noted


def _places(events: int) -> dict[str, list[int]]:
    places: dict[str, list[int]] = defaultdict(list)
    for event in crowds.crowd(events):
        places[event.key].append(event.place)
    return places


async def _emit(client: AsyncClient, events: list[crowds.Noted]) -> int:
    """Put all events on the log, as fast as is allowed; return how often it was not."""
    refused = 0
    for at in range(0, len(events), BATCH):
        while True:
            try:
                await client.emit(*events[at : at + BATCH])
                break
            except Overloaded as error:
                refused += 1
                await nap(error.retry_after)
    return refused


async def _counted(client: AsyncClient, service: str) -> dict[str, int]:
    """Read the states that a service keeps, key by key."""
    store = client._operations.store
    number = next(row.number for row in await store.services("default") if row.name == service)
    kept = {key: await store.kept(number, key) for key in _places(crowds.KEYS)}
    return {
        key: msgspec.json.decode(row.data or b"", type=crowds.Count).places
        for key, row in kept.items()
        if row is not None
    }


async def _caught_up(client: AsyncClient, service: str) -> None:
    position = -1

    async def moved() -> bool:
        info = await client.services.get(service)
        return info.position > position or info.lag_events == 0

    while (info := await client.services.get(service)).lag_events:
        position = info.position
        await until(moved, STALLED, f"{service} gets further than event {position}")


def _run(worker: Worker, scenario: Callable[[AsyncClient], Awaitable[None]]) -> None:
    async def main() -> None:
        app = App("crowds", include=[crowds], store=worker.store)
        runtime = app.runtime(worker=False)
        try:
            await scenario(await runtime.open())
        finally:
            worker.close()
            await runtime.close()

    asyncio.run(main())


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel is asked how much memory a process has had")
@pytest.mark.parametrize("events", SIZES)
@pytest.mark.parametrize("service", ["in threads", "on the loop", "counting"])
def test_a_service_that_was_away_catches_up_in_order_and_in_bounded_memory(
    tmp_path: Path, service: str, events: int, count: Callable[..., None]
) -> None:
    worker = Worker(tmp_path, service)
    memory = 0.0

    async def scenario(client: AsyncClient) -> None:
        nonlocal memory
        await worker.hire()
        worker.end()  # it is known, and away
        await _emit(client, crowds.crowd(events))
        assert (await client.services.get(service)).lag_events == events
        await worker.hire()
        await _caught_up(client, service)
        memory = worker.peak()
        worker.end()

    _run(worker, scenario)
    assert worker.noted() == _places(events), "each event once, in the order of its key"
    print(f"{service}: {memory:.0f} MB at most")
    assert memory < MOST_MEMORY
    count("events caught up with", events)


@pytest.mark.parametrize("events", SIZES)
def test_one_that_is_killed_while_it_catches_up_passes_over_nothing(tmp_path: Path, events: int) -> None:
    worker = Worker(tmp_path, "on the loop")

    async def scenario(client: AsyncClient) -> None:
        await worker.hire()
        worker.end()
        await _emit(client, crowds.crowd(events))
        for tenth in (2, 5, 8):
            await worker.hire()
            some = tenth * events // 10

            async def there(some: int = some) -> bool:
                parts = await client.services.partitions("on the loop")
                return sum(part.position for part in parts) >= some * len(parts)

            await until(there, STALLED, f"it is past event {some}")
            worker.end(kill=True)
        await worker.hire()
        await _caught_up(client, "on the loop")
        worker.end()

    _run(worker, scenario)
    first_times = {key: list(dict.fromkeys(places)) for key, places in worker.noted().items()}
    assert first_times == _places(events), "each event, in the order of its key, but for what began again"


@pytest.mark.parametrize("events", SIZES)
@pytest.mark.parametrize("how", [pytest.param("leave", marks=pytest.mark.slow), "die", "freeze"])
def test_workers_that_come_and_go_hand_their_keys_on_in_order(tmp_path: Path, events: int, how: str) -> None:
    over, counted = asyncio.Event(), dict[str, int]()
    stays, *others = [Worker(tmp_path, "slowly") for _ in range(3)]

    async def come_and_go(worker: Worker, seconds: float) -> None:
        while not over.is_set():
            await worker.hire()
            await nap(seconds)
            if how == "freeze":
                await worker.freeze(2 * crowds.LEASE)
            await asyncio.to_thread(worker.end, kill=how == "die")

    async def scenario(client: AsyncClient) -> None:
        await stays.hire()
        restless = [asyncio.create_task(come_and_go(worker, 0.7 + n)) for n, worker in enumerate(others)]
        for at in range(0, events, events // 8):
            await _emit(client, crowds.crowd(events)[at : at + events // 8])
            await nap(0.3)
        over.set()
        await asyncio.gather(*restless)
        await _caught_up(client, "slowly")
        counted.update(await _counted(client, "slowly"))

    try:
        _run(stays, scenario)
    finally:
        for worker in others:
            worker.close()
    assert counted == {key: len(places) for key, places in _places(events).items()}, "each event counts once"
    told = {"leave": "", "die": "its process is gone", "freeze": "its lease ran out"}[how]
    assert told in (tmp_path / "worker.log").read_text()
    noted = stays.noted()
    if how != "leave":
        noted = defaultdict(list, {key: list(dict.fromkeys(places)) for key, places in noted.items()})
    assert noted == _places(events)


@pytest.mark.parametrize("events", SIZES)
def test_a_storm_upon_a_slow_service_slows_its_producers_and_loses_nothing(
    tmp_path: Path, events: int
) -> None:
    worker = Worker(tmp_path, "storm")
    lags: list[int] = []
    refused = 0

    async def watch(client: AsyncClient) -> None:
        while True:
            lags.append((await client.services.get("storm")).lag_events)
            await nap(0.1)

    async def scenario(client: AsyncClient) -> None:
        nonlocal refused
        await worker.hire()
        watching = asyncio.create_task(watch(client))
        refused = await _emit(client, crowds.crowd(events))
        await _caught_up(client, "storm")
        watching.cancel()
        worker.end()

    _run(worker, scenario)
    assert worker.noted() == _places(events)
    assert refused > 0, "producers were never told to wait"
    assert max(lags) > 0, "the lag was never shown"
    assert max(lags) < events / 2, "nothing held the producers back"


def test_an_event_that_kills_its_worker_is_put_aside_and_all_others_are_handled(tmp_path: Path) -> None:
    worker = Worker(tmp_path, "deadly")
    events = crowds.crowd(3 * crowds.KEYS)
    bad = next(event for event in events if event.key == "key-7" and event.place == 1)
    deaths = 0

    async def scenario(client: AsyncClient) -> None:
        nonlocal deaths
        await worker.hire()
        worker.end()
        await client.emit(*(replace(e, note=crowds.DEADLY) if e is bad else e for e in events))
        while True:
            await worker.hire()

            async def over() -> bool:
                return worker.is_dead() or not (await client.services.get("deadly")).lag_events

            await until(over, STALLED, "it has died, or come to the end of the log")
            if not worker.is_dead():
                break
            deaths += 1
            worker.end()
            # The first ones may die while others of its partition still get further.
            assert deaths <= Limits().crashes + 3, "it is never put aside"
        (info,) = await client.runs("waiting")
        assert info.id == f"deadly.note_unless_it_kills#{events.index(bad) + 1}"
        assert info.reason == "parked: kills its worker"
        assert (await client.services.get("deadly")).blocked_keys == 1
        worker.end()

    _run(worker, scenario)
    noted = {key: list(dict.fromkeys(places)) for key, places in worker.noted().items()}
    expected = _places(len(events))
    expected[bad.key] = [0]  # what is behind it waits for a person
    assert noted == expected
    print(f"{deaths} workers died")
