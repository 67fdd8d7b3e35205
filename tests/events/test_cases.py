"""Cases: which one an event belongs to, and what a cancelled one may do no more."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from dalsegno import App, Process, Retry, Service, all_of, emit, event, receive, workflow
from dalsegno.core.commit import Emit
from dalsegno.core.event import NewEvent
from dalsegno.core.reactions import Forget
from dalsegno.errors import InvalidInput, ResultTimeout, RunCancelled
from dalsegno.insight.event_tables import render_story
from dalsegno.insight.paint import Style
from dalsegno.store.log import EventQuery
from tests.events.order_events import Paid, Placed, Refunded, Shipped
from tests.helpers.room import eventually

pytestmark = [pytest.mark.promise("P8"), pytest.mark.asyncio]


@event(key="order")
@dataclass
class Called_off:  # noqa: N801 - named so on the log
    order: str


class Shop:
    """Two services, one of which takes its time."""

    def __init__(self) -> None:
        self.did: list[tuple[str, str]] = []
        self.process = Process("order", starts=Placed, ends=Shipped | Refunded, cancel=Called_off)
        self.payments, self.shipping = Service("payments"), Service("shipping")
        self._declare()

    def _declare(self) -> None:
        did = self.did

        @self.payments.on()
        async def pay(e: Placed) -> Paid:
            did.append(("pay", e.order))
            return Paid(e.order)

        @self.payments.on(compensates=Paid)
        async def refund(e: Called_off) -> Refunded:
            did.append(("refund", e.order))
            return Refunded(e.order)

        @self.shipping.on()
        @workflow
        async def ship(e: Paid) -> Shipped:
            await asyncio.sleep(3_600 if e.order == "slow" else 0.01)
            return Shipped(e.order)

        @self.shipping.on()
        async def tell(e: Refunded) -> None:
            did.append(("tell", e.order))

        @self.shipping.on()
        async def cheer(e: Shipped) -> None:
            did.append(("cheer", e.order))

    def app(self, folder: Path) -> App:
        include = [self.process, self.payments, self.shipping, orders]
        return App("shop", include=include, store=f"sqlite:///{folder}/shop.db")


@workflow
async def orders(order: str) -> str:
    emit(Placed(order))
    return (await receive(Shipped)).order


async def test_all_that_follows_an_event_belongs_to_its_case(tmp_path: Path) -> None:
    shop = Shop()
    async with shop.app(tmp_path) as client:
        await client.emit(Placed("1"))
        await eventually(lambda: ("cheer", "1") in shop.did, "it is shipped")
        found = await client.events.list(case_id="order-1")
        runs = await client.runs()
    assert [e.type for e in found] == ["Placed", "Paid", "Shipped"]
    assert [run.case_id for run in runs] == ["order-1"]


async def test_a_run_and_services_make_up_one_case(tmp_path: Path) -> None:
    shop = Shop()
    async with shop.app(tmp_path) as client:
        run = await client.start(orders, "7", id="order-7")
        assert await run.result("60s") == "7"
        found = await client.events.list(case_id="order-7")
    assert [e.type for e in found] == ["Placed", "Paid", "Shipped"]


async def test_an_event_belongs_to_no_case_if_its_cause_does_not_however_often_its_handler_failed(
    tmp_path: Path,
) -> None:
    service, tries = Service("stubborn"), 0

    @service.on(retry=Retry(attempts=3, first="10ms"))
    async def pay(e: Placed) -> Paid:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise ConnectionError
        return Paid(e.order)

    async with App("shop", include=[service], store=f"sqlite:///{tmp_path}/shop.db") as client:
        await client.emit(Placed("1"))
        await eventually(lambda: client.events.list("Paid"), "it is paid at last")
        assert [e.case_id for e in await client.events.list()] == [None, None]


async def test_of_a_cancelled_case_only_what_undoes_goes_on(tmp_path: Path) -> None:
    shop = Shop()
    async with shop.app(tmp_path) as client:
        await client.emit(Placed("slow"), Placed("2"))
        await eventually(lambda: ("cheer", "2") in shop.did, "the other is shipped")
        number = await client.cancel_case(Called_off("slow"), sender="somebody")
        await eventually(lambda: ("tell", "slow") in shop.did, "it is undone")
        await client.emit(Shipped("slow"), case_id="order-slow")
        await client.emit(Placed("3"))
        await eventually(lambda: ("cheer", "3") in shop.did, "others go on")
        assert await client.cancel_case(Called_off("slow")) == number
        (run,) = [run for run in await client.runs() if run.case_id == "order-slow"]
    assert run.status == "cancelled"
    assert [what for what, order in shop.did if order == "slow"] == ["pay", "refund", "tell"]


async def test_a_worker_that_comes_later_knows_which_cases_are_cancelled(tmp_path: Path) -> None:
    shop = Shop()
    async with shop.app(tmp_path) as client:
        await client.emit(Placed("slow"))
        await eventually(lambda: ("pay", "slow") in shop.did, "it is paid")
        await client.cancel_case(Called_off("slow"))
        await eventually(lambda: ("tell", "slow") in shop.did, "it is undone")
    later = Shop()
    app = later.app(tmp_path)
    async with app as client:
        (number,) = await client.emit(Shipped("slow"), case_id="order-slow")
        assert app._runtime is not None
        store = app._runtime.store

        async def passed() -> bool:
            return bool(await store.reactions(number))

        await eventually(passed, "it is passed")
        (reaction,) = await store.reactions(number)
        assert (later.did, reaction.outcome) == ([], 5)
        story = await client.events.show(number)
        told = render_story(story, [], story.event.at, Style())
        assert "· shipping.cheer" in told and "its case was cancelled before" in told
        assert len(await store.events(EventQuery(type="Called_off"))) == 1


@workflow
async def pack(order: str) -> str:
    return (await receive(Shipped)).order


async def test_whoever_emits_the_cancelling_event_calls_the_runs_of_the_case_off(tmp_path: Path) -> None:
    shop, watch = Shop(), Service("watch")

    @watch.on()
    async def judge(e: Paid) -> Called_off | None:
        return Called_off(e.order) if e.order == "slow" else None

    @workflow
    async def decide(order: str) -> str:
        emit(Called_off(order))
        await asyncio.sleep(0.01)
        return "decided"

    include = [shop.process, shop.payments, shop.shipping, watch, pack, decide]
    async with App("shop", include=include, store=f"sqlite:///{tmp_path}/shop.db") as client:
        packing = await client.start(pack, "slow", case_id="order-slow")
        await client.emit(Placed("slow"))
        with pytest.raises(RunCancelled):
            await packing.result("10s")
        packing = await client.start(pack, "2", case_id="order-2")
        assert await (await client.start(decide, "2", case_id="order-2")).result("10s") == "decided"
        with pytest.raises(RunCancelled):
            await packing.result("10s")


async def test_a_service_hears_of_a_cancelled_case_whose_process_it_does_not_know(tmp_path: Path) -> None:
    far, did = Service("far"), list[str]()

    @far.on()
    async def count(e: Paid) -> None:
        did.append(e.order)

    async with App("far", include=[far], store=f"sqlite:///{tmp_path}/shop.db") as client:
        await client.emit(Paid("0"), case_id="order-1")
        await eventually(lambda: "0" in did, "the one before is counted")
        await client.events.desk.write(Emit((NewEvent(type="Called_off", case_id="order-1", cancels=True),)))
        await client.emit(Paid("1"), case_id="order-1")
        await client.emit(Paid("2"), case_id="order-2")
        await eventually(lambda: "2" in did, "the other is counted")
    assert did == ["0", "2"]


async def test_a_reaction_under_way_when_its_case_is_cancelled_is_not_tried_again(tmp_path: Path) -> None:
    shop, slow = Shop(), Service("slow")
    called, cancelled = list[str](), asyncio.Event()

    @slow.on(retry=Retry(attempts=9, first="1ms"))
    async def carry(e: Paid) -> None:
        called.append(e.order)
        await cancelled.wait()
        raise ConnectionError

    include = [shop.process, slow]
    async with App("shop", include=include, store=f"sqlite:///{tmp_path}/shop.db") as client:
        await client.emit(Paid("1"), case_id="order-1")
        await eventually(lambda: called, "the handler is under way")
        await client.cancel_case(Called_off("1"))
        cancelled.set()

        async def ended() -> bool:
            return [run.status for run in await client.runs()] == ["cancelled"]

        await eventually(ended, "its run is called off")
    assert called == ["1"]


async def test_an_event_that_cancels_no_case_is_refused(tmp_path: Path) -> None:
    async with Shop().app(tmp_path) as client:
        with pytest.raises(InvalidInput, match="cancels no case"):
            await client.cancel_case(Shipped("1"))


@event(key="order")
@dataclass
class Billed:
    order: str


@event(key="order")
@dataclass
class Told:
    order: str


@event(key="order")
@dataclass
class Lost:
    order: str
    why: str = ""


PARCEL = Process("parcel", starts=Placed, ends=all_of(Billed, Told) | Lost)
PARCEL_BACK = Process("parcel-back", starts=Paid, ends=Lost)


@pytest.fixture(params=["memory", "sqlite"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path / 'parcels.db'}"


async def test_a_program_waits_for_the_event_that_ends_a_case(address: str) -> None:
    async with App("parcels", include=[PARCEL, PARCEL_BACK], store=address) as client:
        await client.emit(Placed("1"), Placed("2"))
        await client.emit(Paid("1"))  # which starts a case of parcel-back
        waits = [asyncio.ensure_future(client.case(f"parcel-{n}").ended("10s")) for n in (1, 2)]
        back = asyncio.ensure_future(client.case("parcel-back-1").ended("10s"))
        await client.emit(Told("1"), case_id="parcel-1")
        await client.emit(Lost("2", "at sea"), case_id="parcel-2")
        assert await waits[1] == Lost("2", "at sea")
        assert not waits[0].done() and not back.done()
        await client.emit(Billed("1"), case_id="parcel-1")
        assert await waits[0] == Billed("1")
        assert await client.case("parcel-1").ended() == Billed("1"), "it was there before"
        await client.emit(Lost("1"), case_id="parcel-back-1")
        assert await back == Lost("1")


async def test_a_wait_for_the_end_of_a_case_has_an_end_of_its_own(address: str) -> None:
    async with App("parcels", include=[PARCEL], store=address) as client:
        await client.emit(Placed("1"))
        await client.emit(Told("1"), case_id="parcel-1")
        with pytest.raises(ResultTimeout, match=r"no all_of\(Billed, Told\) \| Lost was there"):
            await client.case("parcel-1").ended("50ms")
        with pytest.raises(InvalidInput, match="No process here has a case 'order-1'"):
            await client.case("order-1").ended("50ms")


async def test_a_case_whose_first_events_are_forgotten_still_ends(tmp_path: Path) -> None:
    async with App("parcels", include=[PARCEL], store=f"sqlite:///{tmp_path}/parcels.db") as client:
        await client.emit(Placed("1"), Placed("2"))
        await client.events.desk.write(Forget(2))
        await client.emit(Lost("1"), case_id="parcel-1")
        assert await client.case("parcel-1").ended("10s") == Lost("1")


async def test_the_blocking_client_waits_alike(tmp_path: Path) -> None:
    def wait() -> object:
        with App("parcels", include=[PARCEL], store="memory:") as client:
            client.emit(Lost("1"), case_id="parcel-1")
            return client.case("parcel-1").ended("10s")

    assert await asyncio.to_thread(wait) == Lost("1")
