"""Read models at work: folded, rebuilt while the old one serves, asked for as of any time, stopped and resumed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dalsegno import App, Projection, event, upcast
from dalsegno.core.commit import EndSession, OpenSession, Release
from dalsegno.core.reactions import CAREFUL_AFTER, Forget, React, SteerService, TakePartitions
from dalsegno.core.sourcing import Project, Projected
from dalsegno.errors import DefinitionError, HistoryForgotten, InvalidInput, ProjectionNotFound, ResultTimeout
from tests.helpers.waiting import until


@event(key="order")
@dataclass
class Placed:
    order: str
    customer: str
    cents: int


@event(key="order")
@dataclass
class Paid:
    order: str


@event(key="order")
@dataclass
class Purged:
    order: str


@dataclass
class Status:
    state: str = "placed"
    events: int = 0


@dataclass
class Spent:
    cents: int = 0
    orders: tuple[str, ...] = ()


def make_status(version: int = 1, paid: str = "paid") -> Projection[Status]:
    projection = Projection("status", state=Status, version=version)

    @projection.on
    def placed(e: Placed, state: Status | None) -> Status:
        return Status("placed", 1)

    @projection.on
    def was_paid(e: Paid, state: Status | None) -> Status | None:
        return None if state is None else Status(paid, state.events + 1)

    @projection.on
    def purged(e: Purged, state: Status | None) -> None:
        return None

    return projection


def make_spent() -> Projection[Spent]:
    projection = Projection("spent", state=Spent, key="customer")

    @projection.on
    def placed(e: Placed, state: Spent | None) -> Spent:
        state = state or Spent()
        return Spent(state.cents + e.cents, (*state.orders, e.order))

    @projection.on(key=lambda e: "everybody")
    def all_of_them(e: Placed, state: Spent | None) -> Spent:
        return placed(e, state)

    return projection


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/shop.db"


def some_events(many: int, seed: int = 1) -> Iterator[Any]:
    rng, orders = random.Random(seed), []
    for number in range(many):
        what = rng.random()
        if what < 0.5 or not orders:
            orders.append(f"o-{number}")
            yield Placed(orders[-1], f"c-{rng.randrange(5)}", rng.randrange(1000))
        else:
            yield (Paid if what < 0.85 else Purged)(rng.choice(orders))


def fold_status(events: list[Any]) -> dict[str, Status]:
    """The independent fold that the read model is compared with."""
    rows: dict[str, Status] = {}
    for e in events:
        if isinstance(e, Placed):
            rows[e.order] = Status("placed", 1)
        elif isinstance(e, Purged):
            rows.pop(e.order, None)
        elif e.order in rows:
            rows[e.order] = Status("paid", rows[e.order].events + 1)
    return rows


def fold_spent(events: list[Any]) -> dict[str, Spent]:
    rows: dict[str, Spent] = {}
    for e in events:
        if isinstance(e, Placed):
            for key in (e.customer, "everybody"):
                before = rows.get(key, Spent())
                rows[key] = Spent(before.cents + e.cents, (*before.orders, e.order))
    return rows


def every_row(handle: Any, **options: Any) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    after = ""
    while page := handle.list(after=after, limit=7, **options):
        rows |= dict(page)
        after = page[-1][0]
    return rows


def test_rows_are_what_a_fold_of_the_log_makes(store: str):
    status, spent, events = make_status(), make_spent(), list(some_events(400))
    with App("shop", include=[status, spent], store=store) as client:
        for at in range(0, 400, 50):
            client.emit(*events[at : at + 50])
        statuses, sums = client.projection(status), client.projection(spent)
        assert statuses.wait(timeout="30s") >= 400
        sums.wait(timeout="30s")
        assert every_row(statuses) == fold_status(events)
        assert every_row(sums) == fold_spent(events)
        key, row = statuses.list(limit=1)[0]
        assert statuses.get(key) == row
        assert statuses.get("o-none") is None
        assert (
            statuses.list(prefix="o-1", limit=3)
            == sorted(item for item in fold_status(events).items() if item[0].startswith("o-1"))[:3]
        )
        info = statuses.info()
        assert (info.generation, info.version, info.lag_events, info.stopped) == (1, 1, 0, "")


def test_as_of_any_event_it_is_the_fold_of_the_log_up_to_there(store: str):
    status, spent, events = make_status(), make_spent(), list(some_events(120, seed=2))
    with App("shop", include=[status, spent], store=store) as client:
        client.emit(*events)
        statuses, sums = client.projection(status), client.projection(spent)
        statuses.wait()
        for number in range(0, 121, 3):
            assert every_row(statuses, as_of=number) == fold_status(events[:number])
            assert sums.get("c-1", as_of=number) == fold_spent(events[:number]).get("c-1")
        at = client.events.list(limit=1)[0].at
        assert statuses.list(as_of=at - timedelta(microseconds=1)) == []
        assert dict(statuses.list(as_of=at, limit=1_000)) == fold_status(events)


def test_the_old_one_serves_while_a_new_one_is_built_and_is_cleared_after_the_switch(tmp_path: Path):
    store = f"sqlite:///{tmp_path}/shop.db"
    events = list(some_events(3_000, seed=3))
    old, new = make_status(), make_status(2, "settled")
    with App("shop", include=[old], store=store) as client:
        for at in range(0, 3_000, 500):
            client.emit(*events[at : at + 500])
        client.projection(old).wait(timeout="30s")
    wanted, served = fold_status(events), set()
    changed = {
        key: Status("settled" if row.state == "paid" else row.state, row.events)
        for key, row in wanted.items()
    }
    with App("shop", include=[new], store=store) as client:
        handle = client.projection(new)
        keys = [key for key, row in wanted.items() if row.state == "paid"][:20]

        def switched() -> bool:
            for key in keys:
                state = handle.get(key)
                assert state in (wanted[key], changed[key]), "neither the old one nor the new one"
                served.add(state.state)
            return handle.info().generation == 2

        until(switched, "the switch")
        assert every_row(handle) == changed
        rows = lambda: client._portal.call(client._client._operations.store.projections("default"))
        until(lambda: [row.state for row in rows()] == ["cleared", "serving"], "the old rows to be cleared")
        assert served >= {"paid"}


def test_a_rebuild_by_hand_gives_the_same_rows_and_asking_twice_builds_one(store: str):
    status, events = make_status(), list(some_events(300, seed=4))
    with App("shop", include=[status], store=store) as client:
        client.emit(*events[:150])
        handle = client.projection(status)
        handle.wait()
        assert {handle.rebuild(), handle.rebuild()} == {2}
        client.emit(*events[150:])
        until(lambda: handle.info().generation == 2, "the switch")
        handle.wait()
        assert every_row(handle) == fold_status(events)


def test_a_fold_that_raises_stops_it_with_the_reason_and_keeps_what_was_before(store: str):
    broken = [True]
    status = Projection("status", state=Status)

    @status.on
    def placed(e: Placed, state: Status | None) -> Status:
        state = state or Status("placed", 0)
        state.events += 1  # a fold may change what it was given, since nobody else sees it
        if e.cents < 0 and broken[0]:
            raise ValueError("less than nothing")
        return state

    with App("shop", include=[status], store=store) as client:
        handle = client.projection(status)
        client.emit(
            Placed("o-1", "c", 1), Placed("o-1", "c", 2), Placed("o-1", "c", -1), Placed("o-1", "c", 3)
        )
        until(lambda: _there(handle) and handle.info().stopped, "the stop")
        assert handle.info().stopped == "event 3: ValueError: less than nothing"
        assert handle.get("o-1") == Status("placed", 2)
        assert handle.info().position == 2
        with pytest.raises(ResultTimeout):
            handle.wait(4, timeout="50ms")
        broken[0] = False
        handle.resume(sender="kim")
        handle.wait(4)
        assert handle.get("o-1") == Status("placed", 4)


def _there(handle: Any) -> bool:
    """Wait until a worker has begun to build it."""

    def there() -> bool:
        try:
            handle.info()
        except ProjectionNotFound:
            return False
        return True

    until(there, "the read model")
    return True


def test_what_cannot_be_written_stops_it_too(store: str):
    status = Projection("status", state=Status)

    @status.on
    def placed(e: Placed, state: Status | None) -> Status:
        return Status("placed", e.cents if e.cents < 5 else "many")  # type: ignore[arg-type]

    with App("shop", include=[status], store=store) as client:
        client.emit(Placed("o-1", "c", 1))
        handle = client.projection(status)
        until(lambda: _there(handle) and handle.info().position == 1, "the first event")
        client.emit(Placed("o-2", "c", 9))
        until(lambda: "NotEncodable" in handle.info().stopped, "the stop")
        assert dict(handle.list()) == {"o-1": Status("placed", 1)}


def test_a_service_command_that_winds_it_back_folds_nothing_twice(store: str):
    status, events = make_spent(), list(some_events(100, seed=5))
    app = App("shop", include=[status], store=store)
    with app as client:
        client.emit(*events)
        handle = client.projection(status)
        until(lambda: _there(handle) and handle.info().lag_events == 0, "the events")
        runtime = app._runtime
        assert runtime is not None
        client._portal.call(runtime.commits.submit(SteerService("default", "spent#1", rewind=0)))
        client.emit(*events[:1])
        until(lambda: handle.info().lag_events == 0, "the events, again")
        handle.wait()
        assert every_row(handle) == fold_spent([*events, events[0]])


def test_older_versions_of_events_are_brought_to_the_one_that_is_folded(store: str):
    @event("Rated", version=1, key="item")
    @dataclass
    class RatedOnce:
        item: str
        stars: int

    @event("Rated", version=2, key="item")
    @dataclass
    class Rated:
        item: str
        points: int

    @upcast
    def in_points(old: RatedOnce) -> Rated:
        return Rated(old.item, old.stars * 20)

    points = Projection("points", state=int)

    @points.on
    def rated(e: Rated, state: int | None) -> int:
        return (state or 0) + e.points

    with App("shop", include=[points, RatedOnce, in_points], store=store) as client:
        client.emit(RatedOnce("i-1", 3), Rated("i-1", 5))
        handle = client.projection(points)
        until(lambda: _there(handle) and handle.get("i-1") == 65, "the points")
        assert handle.get("i-1", as_of=1) == 60


def test_a_log_without_its_head_is_refused(store: str):
    status = make_status()
    app = App("shop", include=[status], store=store)
    with app as client:
        client.emit(*some_events(20))
        handle = client.projection(status)
        until(lambda: _there(handle) and handle.info().lag_events == 0, "the events")
        rows = every_row(handle)
        runtime = app._runtime
        assert runtime is not None
        client._portal.call(runtime.commits.submit(Forget(11)))
        with pytest.raises(HistoryForgotten, match="begins with event 11"):
            handle.get("o-1", as_of=15)
        handle.rebuild()
        until(lambda: handle.info().built_to is not None, "the new generation")
        services = lambda: {info.name: info.paused_by for info in client.services.list()}
        until(lambda: "events 1 to 10" in services().get("status#2", ""), "the stop of the new one")
        assert every_row(handle) == rows, "the old one serves"


def test_nobody_builds_what_no_worker_has():
    with App("shop", include=[], store="memory:") as client, pytest.raises(ProjectionNotFound):
        client.projection(make_status()).get("o-1")


def test_mistakes_in_declarations_are_told_where_they_stand():
    projection = Projection("p", state=int)
    with pytest.raises(DefinitionError, match="what it folds"):
        projection.on(lambda: 1)
    with pytest.raises(DefinitionError, match="no plain function"):

        @projection.on
        async def later(e: Placed, state: int | None) -> int: ...

    with pytest.raises(DefinitionError, match="names no field of Placed"):

        @projection.on(key="nothing")
        def placed(e: Placed, state: int | None) -> int: ...

    with pytest.raises(DefinitionError, match="folds nothing"):
        Projection("q", state=int).check()
    with pytest.raises(DefinitionError, match="whole number"):
        Projection("q", state=int, version=0)
    with pytest.raises(DefinitionError, match="holds '#'"):
        Projection("q#1", state=int)


@pytest.mark.asyncio
async def test_an_event_at_which_worker_after_worker_dies_stops_it(store: str) -> None:
    status = make_status()
    looking = App("shop", include=[status], store=store).runtime(worker=False)
    if store == "memory:":
        pytest.skip("it does not outlive its worker")
    client = await looking.open()
    try:
        await client.emit(Placed("o-1", "c", 1), Placed("o-2", "c", 1))
        projected = await looking.commits.submit(Project("default", "status", 1))
        assert isinstance(projected, Projected)
        service = projected.rows[0].service
        for number in range(1, 4 + CAREFUL_AFTER):
            died = OpenSession(number, 1_000_000, 1, 1, "", "", "", "", "")
            await looking.commits.submit(died)
            await looking.store.write([TakePartitions(number, service, 1)])
            if number > CAREFUL_AFTER:
                await looking.store.write([React(number, service, 1, suspects=((0, 1),))])
            await looking.commits.submit(EndSession(number))
            await looking.commits.submit(Release())
    finally:
        await looking.close()
    async with App("shop", include=[status], store=store) as client:
        handle = client.projection(status)
        for _ in range(200):
            if (await handle.info()).stopped:
                break
            await asyncio.sleep(0.02)
        assert (await handle.info()).stopped == "event 1: parked: kills its worker"
        assert await handle.list() == []


def test_a_read_model_is_not_replayed_under_the_eyes_of_its_readers(tmp_path: Path) -> None:
    status = make_status()
    with App("shop", include=[status], store=f"sqlite:///{tmp_path}/shop.db") as client:
        client.emit(Placed("1", "Ada", 5), Placed("2", "Ada", 5))
        client.projection(status).wait()
        for after in (0, 1):
            with pytest.raises(InvalidInput, match="rebuild"):
                client.services.replay("status#1", after=after)
        assert len(client.projection(status).list()) == 2
