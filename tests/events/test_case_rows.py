"""Rows of cases in an App: what it declares is known to the store, and each case says how it stands."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from dalsegno import App, AsyncClient, Process, Service, emit, event, saga, step, workflow
from dalsegno.core.cases import CaseRow
from dalsegno.errors import CaseNotFound, InvalidInput, RunCancelled
from dalsegno.store.protocol import Store
from tests.events.order_events import Placed, Shipped
from tests.helpers.room import eventually

pytestmark = [pytest.mark.promise("P8"), pytest.mark.asyncio]


@event(key="order")
@dataclass
class Paid:
    order: str
    payment: str


@event(key="order")
@dataclass
class Called_off:  # noqa: N801 - named so on the log
    order: str


@event(key="payment")
@dataclass
class Settled:
    payment: str


@step
async def tell(order: str) -> None:
    emit(Shipped(order))


@workflow
async def by_hand(order: str) -> None:
    emit(Placed(order))
    await tell(order)


@workflow
async def wait_long(order: str) -> None:
    await asyncio.sleep(3_600)


@saga(version="2")
async def quiet(order: str) -> None:
    return None


order = Process(
    "order", starts=Placed, ends=Shipped, cancel=Called_off, due="1h", keys={"payment": "payment"}
)
payments = Service("payments")


@payments.on()
async def pay(e: Placed) -> Paid:
    return Paid(e.order, f"p-{e.order}")


def an_app(folder: Path, *, slots: int = 10) -> App:
    include = [order, payments, by_hand, quiet, wait_long, Settled]
    return App("shop", include=include, store=f"sqlite:///{folder}/shop.db", slots=slots)


def store_of(app: App) -> Store:
    assert app._runtime is not None
    return app._runtime.store


async def undone(client: AsyncClient) -> None:
    async with client.transaction() as tx:
        await client.emit(Placed("1"), tx=tx)
        raise KeyError


async def case_of(app: App, id: str) -> CaseRow:
    found = await store_of(app).case("default", id)
    assert found is not None
    return found


async def test_an_app_makes_its_processes_and_what_its_workflows_emit_known(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    async with app:
        (row,) = await store_of(app).processes("default")
        emitters = await store_of(app).emitters("default")
    assert (row.name, row.tracking) == ("order", "event_sourced")
    told = {one.workflow: msgspec.json.decode(one.declared) for one in emitters}
    assert told["by_hand"]["gives"] == [["Placed", 1], ["Shipped", 1]]
    assert (told["quiet"]["gives"], told["quiet"]["model"]) == ([], "saga")
    assert {one.workflow: one.version for one in emitters} == {"by_hand": "1", "quiet": "2", "wait_long": "1"}


async def test_a_case_is_open_from_its_first_event_until_its_last(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    async with app as client:
        await client.emit(Placed("1"))
        opened = await case_of(app, "order-1")
        await client.emit(Shipped("1"))
        ended = await case_of(app, "order-1")
        await client.emit(Placed("2"))
        await client.cancel_case(Called_off("2"))
        cancelled = await case_of(app, "order-2")
    assert (opened.state, opened.key, opened.end) == ("open", "1", None)
    assert opened.due_at == opened.started_at + 3_600_000_000
    assert (ended.state, ended.end) == ("ended", "Shipped")
    assert (cancelled.state, cancelled.end) == ("cancelled", "Called_off")


async def test_an_event_from_outside_finds_its_case_by_another_key(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    async with app as client:
        await client.emit(Placed("7"))

        async def paid() -> bool:
            return bool(await client.events.list("Paid"))

        await eventually(paid, "it is paid")
        await client.emit(Settled("p-7"), Settled("p-8"))
        found = await client.events.list("Settled")
    assert [e.case_id for e in found] == ["order-7", None]


async def test_a_program_without_a_worker_opens_cases_too(tmp_path: Path) -> None:
    app = an_app(tmp_path, slots=0)
    async with app as client:
        await client.emit(Placed("1"))
        async with client.transaction() as tx:
            await client.emit(Placed("2"), tx=tx)
        assert (await case_of(app, "order-1")).state == "open"
        assert (await case_of(app, "order-2")).state == "open"


async def test_a_transaction_that_was_rolled_back_makes_no_process_known(tmp_path: Path) -> None:
    app = an_app(tmp_path, slots=0)
    async with app as client:
        with pytest.raises(KeyError):
            await undone(client)
        assert await store_of(app).processes("default") == []
        await client.emit(Placed("2"))
        assert await store_of(app).case("default", "order-1") is None
        assert (await case_of(app, "order-2")).state == "open"


async def test_a_workflow_opens_and_ends_a_case_named_like_its_run(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    async with app as client:
        await (await client.start(by_hand, "9", id="order-9")).result("60s")
        case = await case_of(app, "order-9")
    assert (case.state, case.end) == ("ended", "Shipped")


async def test_a_run_that_is_started_for_a_case_opens_it(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    async with app as client:
        run = await client.start(quiet, "5", case_id="order-5")
        await run.result("60s")
        case = await case_of(app, "order-5")
    assert (case.state, case.key, case.began_event) == ("open", "5", None)
    assert case.began_run is not None


# -- the client


async def test_a_program_lists_cases_and_reads_one_with_all_that_it_left(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    async with app as client:
        await client.emit(Placed("1"), Placed("2"))
        await client.emit(Shipped("1"))

        async def paid() -> bool:
            return len(await client.events.list("Paid")) == 2

        await eventually(paid, "both are paid")
        listed = await client.cases.list("order")
        open_, over = await client.cases.list(state="open"), await client.cases.list(state=["ended"])
        (page,) = await client.cases.list(limit=1, before=listed[0].number)
        story = await client.cases.show("p-2")
        found = await client.cases.find("2")
        late = await client.cases.late()
    assert [one.id for one in listed] == ["order-2", "order-1"]
    assert ([one.id for one in open_], [one.id for one in over]) == (["order-2"], ["order-1"])
    assert (page.id, page.state, page.end, page.late) == ("order-1", "ended", "Shipped", False)
    assert [e.type for e in story.events] == ["Placed", "Paid"]
    assert story.keys == {"payment": ("p-2",)} and story.names == () and not story.partial
    (reaction,) = story.reactions[story.events[0].number]
    assert (reaction.service, reaction.handler, reaction.outcome) == ("payments", "pay", "done")
    assert [one.id for one in found] == ["order-2"] and late == []


async def test_a_case_that_is_not_there_or_not_told_apart_is_an_error(tmp_path: Path) -> None:
    again = Process("again", starts=Settled, ends=Shipped)
    app = App("shop", include=[order, again], store=f"sqlite:///{tmp_path}/shop.db", slots=0)
    async with app as client:
        with pytest.raises(CaseNotFound, match="There is no case 'order-1'"):
            await client.cases.get("order-1")
        await client.emit(Placed("7"), Settled("7"))
        with pytest.raises(CaseNotFound, match="'7' is a key of 2 cases: again-7, order-7"):
            await client.cases.show("7")
        assert (await client.cases.get("again-7")).process == "again"


async def test_a_late_case_is_told(tmp_path: Path) -> None:
    hasty = Process("hasty", starts=Placed, ends=Shipped, due="1ms")
    app = App("shop", include=[hasty], store=f"sqlite:///{tmp_path}/shop.db", slots=0)
    async with app as client:
        await client.emit(Placed("1"), Placed("2"))

        async def late() -> bool:
            return len(await client.cases.late("hasty")) == 2

        await eventually(late, "both are late")
        (first,) = await client.cases.late(limit=1)
        assert (first.id, first.late) == ("hasty-1", True)
        assert [one.id for one in await client.cases.late(before=first.number)] == ["hasty-2"]


async def test_a_case_is_cancelled_by_its_name_with_the_runs_that_belong_to_it(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    async with app as client:
        named = await client.start(wait_long, "1", id="order-1")
        await client.start(wait_long, "1", id="other", case_id="order-1")
        free = await client.start(wait_long, "2", id="free")
        await client.emit(Placed("1"))
        assert await client.cases.cancel("order-1", by="kim")
        with pytest.raises(RunCancelled):
            await named.result("60s")
        (event_,) = await client.events.list("Called_off")
        assert (event_.data, event_.case_id) == ({"order": "1"}, "order-1")
        assert not await client.cases.cancel("order-1"), "it is over"
        assert await free.status() != "cancelled"
        other = await client.run("other").info()
        assert other.status in ("cancelled", "waiting", "running")


async def test_what_cancels_a_case_must_be_what_its_class_is(tmp_path: Path) -> None:
    never = Process("never", starts=Settled, ends=Shipped)
    app = App("shop", include=[order, never], store=f"sqlite:///{tmp_path}/shop.db", slots=0)
    async with app as client:
        await client.emit(Placed("1"), Settled("2"))
        with pytest.raises(InvalidInput, match="declares no cancel="):
            await client.cases.cancel("never-2")
        with pytest.raises(InvalidInput, match="does not fit Called_off"):
            await client.cases.cancel("order-1", {"order": 3})
        assert await client.events.list("Called_off") == []


async def test_the_blocking_client_reads_cases_alike(tmp_path: Path) -> None:
    def look() -> tuple[object, ...]:
        with an_app(tmp_path, slots=0) as client:
            client.emit(Placed("1"))
            one = client.cases.get("1")
            listed, story = client.cases.list(), client.cases.show("order-1")
            found, late = client.cases.find("order-1"), client.cases.late()
            return one, listed, story.case, found, late, client.cases.cancel("order-1")

    one, listed, shown, found, late, cancelled = await asyncio.to_thread(look)
    assert (listed, shown, found, late, cancelled) == ([one], one, [one], [], True)
