"""What ``on(…)`` can be told, at work: order by a number, batches, bounds, circuits, filters, states."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from dalsegno import App, AsyncClient, Circuit, Retry, Service, Tx, event, keep
from dalsegno.core.clock import HOUR
from dalsegno.store.log import DeadLetterQuery
from dalsegno.store.protocol import Store
from tests.helpers.room import eventually

pytestmark = [pytest.mark.promise("P8"), pytest.mark.asyncio]


@event(key="key")
@dataclass
class Counted:
    key: str
    place: int


@dataclass
class Total:
    sum: int
    last: int


@asynccontextmanager
async def at_work(folder: Path, service: Service) -> AsyncGenerator[tuple[AsyncClient, Store]]:
    app = App("options", include=[service], store=f"sqlite:///{folder}/options.db")
    async with app as client:
        assert app._runtime is not None
        yield client, app._runtime.store


async def kept(store: Store, service: str, key: str) -> bytes | None:
    (row,) = [row for row in await store.services("default") if row.name == service]
    found = await store.kept(row.number, key)
    return None if found is None else found.data


# -- order by a number of their own


async def test_events_that_come_early_wait_for_those_that_are_missing(tmp_path: Path) -> None:
    service, seen = Service("lines"), list[int]()

    @service.on(sequence="place", gap="1h")
    async def note(e: Counted) -> None:
        seen.append(e.place)

    async with at_work(tmp_path, service) as (client, _):
        for place in (1, 3, 5, 2, 4, 6):
            await client.emit(Counted("a", place))
        await eventually(lambda: len(seen) == 6, "all six")
    assert seen == [1, 2, 3, 4, 5, 6]


async def test_one_that_comes_again_or_too_late_is_recorded_and_not_reacted_to(tmp_path: Path) -> None:
    service, seen = Service("lines"), list[int]()

    @service.on(sequence="place")
    def note(e: Counted) -> None:
        seen.append(e.place)

    async with at_work(tmp_path, service) as (client, store):
        numbers = [(await client.emit(Counted("a", place)))[0] for place in (1, 2, 1, 2, 3)]
        await eventually(lambda: len(seen) == 3, "the three")
        await client.emit(Counted("a", 3))
        await client.emit(Counted("a", 4))
        await eventually(lambda: 4 in seen, "the fourth")
        outcomes = [(await store.reactions(number))[0].outcome for number in numbers]
    assert seen == [1, 2, 3, 4]
    assert outcomes == [1, 1, 4, 4, 1]


async def test_after_its_deadline_a_gap_is_passed_over(tmp_path: Path) -> None:
    service, seen = Service("lines"), list[int]()

    @service.on(sequence="place", gap="300ms")
    async def note(e: Counted) -> None:
        seen.append(e.place)

    async with at_work(tmp_path, service) as (client, _):
        for place in (1, 3, 4):
            await client.emit(Counted("a", place))
        await eventually(lambda: len(seen) == 3, "what is there")
        await client.emit(Counted("a", 2))
        await client.emit(Counted("a", 5))
        await eventually(lambda: 5 in seen, "the next")
    assert seen == [1, 3, 4, 5]


async def test_one_that_came_too_late_while_others_waited_says_so(tmp_path: Path) -> None:
    service, seen = Service("lines"), list[int]()

    @service.on(sequence="place", gap="300ms")
    async def note(e: Counted) -> None:
        seen.append(e.place)

    async with at_work(tmp_path, service) as (client, _):
        for place in (1, 3, 1, 4):
            await client.emit(Counted("a", place))
        await eventually(lambda: 4 in seen, "the last")
        info = await client.run("lines.note#3").info()
    assert seen == [1, 3, 4]
    assert (info.status, info.reason) == ("completed", "too late for its place: recorded, not applied")


async def test_one_that_fails_in_a_sequence_is_tried_again_before_the_next(tmp_path: Path) -> None:
    service, seen, failed = Service("lines"), list[int](), list[int]()

    @service.on(sequence="place", retry=Retry(attempts=3, first="10ms"))
    async def note(e: Counted) -> None:
        if e.place == 2 and not failed:
            failed.append(e.place)
            raise OSError("busy")
        seen.append(e.place)

    async with at_work(tmp_path, service) as (client, _):
        for place in (1, 2, 3):
            await client.emit(Counted("a", place))
        await eventually(lambda: len(seen) == 3, "all three")
    assert (seen, failed) == ([1, 2, 3], [2])


# -- many, few, none


@pytest.mark.parametrize("threads", [False, True], ids=["async def", "def"])
async def test_a_batch_has_events_of_many_keys_and_the_same_key_in_their_order(
    tmp_path: Path, *, threads: bool
) -> None:
    service, batches = Service("many"), list[list[Counted]]()
    if threads:

        @service.on(batch=10, linger="50ms")
        def note(events: list[Counted]) -> None:
            batches.append(events)
    else:

        @service.on(batch=10, linger="50ms")
        async def note_async(events: list[Counted]) -> None:
            batches.append(events)

    async with at_work(tmp_path, service) as (client, _):
        for place in range(12):
            await client.emit(Counted("a", place), Counted("b", place))
        await eventually(lambda: sum(map(len, batches)) == 24, "all of them")
    assert max(map(len, batches)) > 2
    for key in "ab":
        assert [e.place for batch in batches for e in batch if e.key == key] == list(range(12))


async def test_where_a_batch_fails_each_of_its_events_goes_on_alone(tmp_path: Path) -> None:
    service, alone = Service("many"), list[str]()

    @service.on(batch=3, linger="20ms", attempts=1)
    async def note(events: list[Counted]) -> None:
        if any(e.key == "bad" for e in events):
            raise ValueError("one of them is bad")
        alone.extend(e.key for e in events)

    async with at_work(tmp_path, service) as (client, store):
        await client.emit(Counted("a", 1), Counted("bad", 1), Counted("b", 1))

        async def settled() -> bool:
            dead = await store.dead_letters(DeadLetterQuery())
            return sorted(alone) == ["a", "b"] and [row.key for row in dead] == ["bad"]

        await eventually(settled, "each has its own outcome")
        (dead,) = await store.dead_letters(DeadLetterQuery())
    assert dead.error == "ValueError: one of them is bad"


async def test_no_more_calls_run_at_once_than_were_allowed(tmp_path: Path) -> None:
    service, most, done = Service("few"), list[int](), list[int]()
    running = 0

    @service.on(max_in_flight=3)
    async def note(e: Counted) -> None:
        nonlocal running
        running += 1
        most.append(running)
        await asyncio.sleep(0.001)
        running -= 1
        done.append(e.place)

    async with at_work(tmp_path, service) as (client, _):
        await client.emit(*[Counted(str(place), place) for place in range(50)])
        await eventually(lambda: len(done) == 50, "all of them")
    assert max(most) == 3


@pytest.mark.parametrize("transaction", [False, True])
async def test_nor_more_retries_and_redrives_beside_new_events(tmp_path: Path, *, transaction: bool) -> None:
    service, most, calls, done = Service("few"), list[int](), list[int](), set[int]()
    running, lock, up = set[int](), threading.Lock(), threading.Event()

    def note(e: Counted) -> None:
        with lock:
            running.add(e.place)
            most.append(len(running))
            calls.append(e.place)
        try:
            time.sleep(0.005)
            if not up.is_set():
                raise OSError("down")
            done.add(e.place)
        finally:
            with lock:
                running.discard(e.place)

    def note_in(tx: Tx, e: Counted) -> None:
        note(e)

    told = service.on(
        name="note",
        max_in_flight=1 if transaction else 2,
        transaction=transaction,
        retry=Retry(2, first="1ms"),
    )
    told(note_in if transaction else note)

    async with at_work(tmp_path, service) as (client, store):
        await client.emit(*[Counted(str(place % 15), place) for place in range(20)])

        async def dead() -> int:
            return len(await store.dead_letters(DeadLetterQuery()))

        async def all_dead() -> bool:
            return await dead() == 15  # and one more behind some of them

        await eventually(all_dead, "each key has failed twice")
        up.set()
        await client.dead_letters.redrive_many(service="few", rate=1_000, dry_run=False)
        await client.emit(*[Counted(str(place), place) for place in range(20, 40)])
        await eventually(lambda: len(done) == 40, "all of them")
        await eventually(lambda: not running, "the last one")
    assert max(most) == (1 if transaction else 2)
    assert len(calls) == 15 * 2 + 40


async def test_while_a_circuit_is_open_what_failed_before_is_not_tried_again(tmp_path: Path) -> None:
    service, calls = Service("weak"), list[int]()

    @service.on(circuit=Circuit(failures=2, cooldown="1h"), retry=Retry(attempts=None, first="10ms"))
    async def note(e: Counted) -> None:
        calls.append(e.place)
        raise OSError("down")

    async with at_work(tmp_path, service) as (client, store):
        await client.emit(*[Counted(str(place), place) for place in range(2)])

        async def waiting() -> bool:
            due = await store.next_due("default", 0)
            return (
                len(await client.runs("waiting")) == 2 and due is not None and due > store.now() + HOUR // 2
            )

        await eventually(waiting, "both wait until the circuit may be tried")
    assert sorted(calls) == [0, 1]


@pytest.mark.parametrize("transaction", [False, True])
async def test_once_it_is_up_what_failed_comes_through_and_closes_the_circuit(
    tmp_path: Path, *, transaction: bool
) -> None:
    service, calls, up = Service("weak"), list[int](), threading.Event()

    def note(e: Counted) -> None:
        calls.append(e.place)
        if not up.is_set():
            raise OSError("down")

    def note_in(tx: Tx, e: Counted) -> None:
        note(e)

    service.on(
        name="note",
        circuit=Circuit(failures=2, cooldown="100ms"),
        retry=Retry(attempts=None, first="10ms"),
        transaction=transaction,
    )(note_in if transaction else note)

    async with at_work(tmp_path, service) as (client, store):
        await client.emit(*[Counted(str(place % 3), place) for place in range(9)])
        await eventually(lambda: len(calls) >= 6, "it has been tried again and again")
        up.set()

        async def through() -> bool:
            return not [run for run in await client.runs() if run.status != "completed"]

        await eventually(lambda: set(calls) == set(range(9)), "all of them")
        await eventually(through, "nothing is left")
        (row,) = await store.services("default")

        async def is_closed() -> bool:
            return (await store.handlers(row.number))[0].open_until is None

        await eventually(is_closed, "the circuit is closed")


async def test_while_a_circuit_is_open_a_handler_is_left_alone(tmp_path: Path) -> None:
    service, calls, up = Service("weak"), list[int](), asyncio.Event()

    @service.on(circuit=Circuit(failures=3, cooldown="200ms"), max_in_flight=1, attempts=1)
    async def note(e: Counted) -> None:
        calls.append(e.place)
        if not up.is_set():
            raise OSError("down")

    async with at_work(tmp_path, service) as (client, store):
        await client.emit(*[Counted(str(place), place) for place in range(20)])
        await eventually(lambda: len(calls) >= 3, "it has failed thrice")
        (row,) = await store.services("default")

        async def is_open() -> bool:
            return (await store.handlers(row.number))[0].open_until is not None

        await eventually(is_open, "the circuit is open")
        failed = len(calls)
        up.set()
        await eventually(lambda: len(calls) == 20, "the others, once it is up")

        async def is_closed() -> bool:
            return not await is_open()

        await eventually(is_closed, "the circuit is closed")
        dead = await store.dead_letters(DeadLetterQuery())
    assert failed <= 5
    assert len(dead) == failed


async def test_what_a_filter_leaves_out_is_recorded(tmp_path: Path) -> None:
    service, seen = Service("some"), list[int]()

    @service.on(where=lambda e: e.place % 2 == 0)
    def note(e: Counted) -> None:
        seen.append(e.place)

    async with at_work(tmp_path, service) as (client, store):
        numbers = await client.emit(*[Counted("a", place) for place in range(4)])
        await eventually(lambda: len(seen) == 2, "the even ones")

        async def outcomes() -> list[int]:
            return [row.outcome for number in numbers for row in await store.reactions(number)]

        async def all_there() -> bool:
            return len(await outcomes()) == 4

        await eventually(all_there, "all reactions")
        assert await outcomes() == [1, 2, 1, 2]


# -- states


async def test_each_event_of_a_key_finds_the_state_that_the_one_before_has_left(tmp_path: Path) -> None:
    service, failed = Service("totals", state=Total), list[int]()

    @service.on(retry=Retry(attempts=2, first="10ms"))
    def add(e: Counted, state: Total | None) -> None:
        if e.place == 5 and not failed:
            failed.append(5)
            keep(Total(1_000, 0))
            raise OSError("after it had kept something")
        keep(Total((state.sum if state else 0) + e.place, e.place))

    async with at_work(tmp_path, service) as (client, store):
        for place in range(10):
            await client.emit(Counted("a", place), Counted("b", place))

        async def done() -> bool:
            found = [await kept(store, "totals", key) for key in "ab"]
            return found == [b'{"sum":45,"last":9}'] * 2

        await eventually(done, "both totals")


async def test_a_state_by_its_events_own_order_takes_no_older_one(tmp_path: Path) -> None:
    service = Service("last", state=Total, merge=lambda old, new: max(old, new, key=lambda t: t.last))

    @service.on()
    async def note(e: Counted) -> None:
        keep(Total(0, e.place))

    async with at_work(tmp_path, service) as (client, store):
        for place in (3, 9, 4):
            (number,) = await client.emit(Counted("a", place))

        async def done() -> bool:
            return bool(await store.reactions(number))

        await eventually(done, "all three")
        assert await kept(store, "last", "a") == b'{"sum":0,"last":9}'


@pytest.mark.parametrize("batch", [None, 1])
async def test_a_handler_whose_awaited_work_was_cancelled_has_failed(
    tmp_path: Path, batch: int | None
) -> None:
    service = Service("lines")

    if batch is None:

        @service.on
        async def note(e: Counted) -> None:
            raise asyncio.CancelledError
    else:

        @service.on(batch=batch)
        async def note_all(es: list[Counted]) -> None:
            raise asyncio.CancelledError

    async with at_work(tmp_path, service) as (client, _):
        await client.emit(Counted("a", 1))
        for _ in range(200):
            if (await client.services.get("lines")).dead_letters:
                break
            await asyncio.sleep(0.02)
        assert (await client.services.get("lines")).dead_letters == 1
