"""How long cases take, asked of an App: where the time went, the pace of a process, a forecast, two side by side."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from dalsegno import App, AsyncClient, Process, Retry, Service, event
from dalsegno.errors import CaseNotFound, InvalidInput
from dalsegno.insight.paint import Style
from dalsegno.insight.render import render_where, to_json
from dalsegno.insight.usual import Usual
from dalsegno.store.protocol import Store
from tests.events.order_events import Paid, Placed, Shipped
from tests.helpers.room import eventually

pytestmark = pytest.mark.asyncio


@event(key="order", nobody=True)
@dataclass
class Checked:
    order: str


class Shop:
    """Payment, which fails twice for some and for good for others; and a carrier from outside."""

    def __init__(self) -> None:
        self.process = Process("order", starts=Placed, ends=Shipped)
        self.payments, self.failed = Service("payments"), dict[str, int]()
        self.pause = 0.0  # seconds, for one that is late

        @self.payments.on(retry=Retry(attempts=3, first="30ms"))
        async def pay(e: Placed) -> Paid:
            await asyncio.sleep(self.pause if e.order == "late" else 0)
            self.failed[e.order] = self.failed.get(e.order, 0) + 1
            if e.order == "stuck" or (e.order == "shaky" and self.failed[e.order] < 3):
                raise ConnectionError("no route to bank")
            return Paid(e.order)

    def app(self, folder: Path, *more: object) -> App:
        parts = [self.process, self.payments, Shipped, *more]
        return App("shop", include=parts, store=f"sqlite:///{folder}/shop.db")


async def through(client: AsyncClient, *orders: str) -> None:
    """Place orders, and ship them once they are paid."""
    await client.emit(*(Placed(order) for order in orders))

    async def paid() -> bool:
        return {e.key for e in await client.events.list("Paid", limit=1_000)} >= set(orders)

    await eventually(paid, "all are paid")
    await client.emit(*(Shipped(order) for order in orders))


async def test_the_parts_of_a_cases_time_add_up_to_all_of_it(tmp_path: Path) -> None:
    async with Shop().app(tmp_path) as client:
        await through(client, "plain", "shaky")
        plain, shaky = await client.cases.times("order-plain"), await client.cases.times("order-shaky")
    for found in (plain, shaky):
        assert found.ended_at is not None
        assert found.split.elapsed == pytest.approx((found.ended_at - found.started_at).total_seconds())
    assert plain.split.retrying == 0
    assert shaky.split.retrying > 0.02, "it was paid at the third attempt, after 30 ms and more"


async def test_a_dead_letter_waits_and_is_nothing_like_a_case_that_went_on(tmp_path: Path) -> None:
    async with Shop().app(tmp_path) as client:
        await through(client, "plain")
        await client.emit(Placed("stuck"))
        await eventually(client.dead_letters.list, "it is a dead letter")
        stuck = await client.cases.times("order-stuck")
        told = await client.cases.compare("order-stuck", "order-plain")
        again = await client.cases.times("order-stuck")
        with pytest.raises(CaseNotFound):
            await client.cases.compare("order-stuck", "order-none")
    assert stuck.ended_at is None
    assert again.split.waiting > stuck.split.waiting
    assert again.split.retrying == stuck.split.retrying > 0
    assert [(line.type, line.first is None) for line in told.events] == [
        ("Placed", False),
        ("Paid", True),
        ("Shipped", True),
    ]
    assert told.parted == 1


async def test_the_pace_of_a_process_is_read_from_its_last_cases(tmp_path: Path) -> None:
    async with Shop().app(tmp_path) as client:
        assert (await client.cases.pace("order")).cases == 0
        await through(client, *(str(n) for n in range(25)))
        await client.emit(Placed("open"))
        told, few = await client.cases.pace("order"), await client.cases.pace("order", last=3)
        await client.emit(Placed("next"))
        forecast = await client.cases.forecast("order-next")
        over = await client.cases.forecast("order-1")
        ended = await client.cases.get("order-1")
        with pytest.raises(InvalidInput):
            await client.cases.pace("order", last=0)
    assert (told.cases, few.cases) == (25, 3)
    steps = [(step.after, step.by, step.type, step.took.count) for step in told.steps]
    assert sorted(steps, key=str) == [
        ("Placed", "payments.pay", "Paid", 25),
        ("Placed", "payments.pay", None, 25),
    ]
    usual = told.usual("Placed", "payments.pay", "Paid")
    assert usual is not None and usual.p50 <= usual.p95 <= usual.p99
    assert few.usual("Placed", "payments.pay", "Paid") is None
    assert forecast.cases == 25
    assert over.p50_at == over.p95_at == ended.ended_at


async def test_by_when_a_step_is_usually_done_is_the_p99_of_past_cases_asked_once_a_minute(
    tmp_path: Path,
) -> None:
    shop = Shop()
    app = shop.app(tmp_path)
    async with app as client:
        assert app._runtime is not None
        usual, step = Usual(app._runtime.store, "default"), ("order", "Placed", "payments.pay")
        await through(client, *(str(n) for n in range(19)))
        assert await Usual(app._runtime.store, "default").due_at(*step, "Paid", 1_000) is None
        await through(client, "19")
        due, reaction = await usual.due_at(*step, "Paid", 1_000), await usual.due_at(*step, None, 1_000)
        told = (await client.cases.pace("order")).usual("Placed", "payments.pay", "Paid")
        assert told is not None
        shop.pause = told.p99 + 0.05
        await through(client, "late")
        kept, anew = await usual.due_at(*step, "Paid", 1_000), Usual(app._runtime.store, "default")
        longer = await anew.due_at(*step, "Paid", 1_000)
        nobody = await usual.due_at("order", "Placed", "stock.reserve", None, 1_000)
    assert due == 1_000 + round(told.p99 * 1_000_000) == kept
    assert reaction is not None and longer is not None
    assert longer > due, "the late one took longest of all"
    assert nobody is None


async def test_what_is_owed_is_due_as_declared_or_else_as_past_cases_had_it(tmp_path: Path) -> None:
    shop = Shop()
    slow, later = Service("slow"), asyncio.Event()

    @slow.on(due="5m")
    async def check(e: Placed) -> Checked:
        if e.order == "stuck":
            await later.wait()
        return Checked(e.order)

    async with shop.app(tmp_path, slow) as client:
        await through(client, *(str(n) for n in range(20)))
        await client.emit(Placed("stuck"))
        await eventually(client.dead_letters.list, "it is a dead letter")
        told = (await client.cases.pace("order")).usual("Placed", "payments.pay", "Paid")
        (placed,) = (await client.cases.show("order-stuck")).events
        found = {due.type: due for due in await client.cases.due("order-stuck")}
        assert await client.cases.due("order-1") == ()
        later.set()
    assert told is not None
    usual, declared = found["Paid"], found["Checked"]
    assert (usual.by, usual.after, usual.declared) == ("payments.pay", "Placed", False)
    assert usual.at == placed.at + timedelta(seconds=told.p99)
    assert (declared.by, declared.declared, declared.late) == ("slow.check", True, False)
    assert declared.at == placed.at + timedelta(minutes=5)


async def _told_anew(store: Store, by: str, type: str | None) -> bool:
    return await Usual(store, "default").within("order", "Placed", by, type) is not None


async def test_where_says_of_what_is_owed_within_what_time_it_usually_comes(tmp_path: Path) -> None:
    shop = Shop()
    audit = Service("audit")

    @audit.on()
    async def note(e: Placed) -> None:
        if e.order == "stuck":
            raise ConnectionError("no route to the archive")

    async with shop.app(tmp_path, audit) as client:
        await through(client, *(str(n) for n in range(19)))
        await client.emit(Placed("stuck"))
        await eventually(client.dead_letters.list, "it is a dead letter")
        few = await client.where("order-stuck")
        await through(client, "19")
        told = (await client.cases.pace("order")).usual("Placed", "payments.pay", "Paid")
        (placed,) = (await client.cases.show("order-stuck")).events
    app = shop.app(tmp_path, audit)
    async with app as client:
        assert app._runtime is not None
        store = app._runtime.store
        for step in (("payments.pay", "Paid"), ("audit.note", None)):
            await eventually(partial(_told_anew, store, *step), f"20 cases tell of {step}")
        stands = await client.where("order-stuck")
    assert few.case is not None and stands.case is not None and told is not None
    assert {(each.usual, each.usual_at) for each in few.case.owed} == {(None, None)}
    owed = {each.by: each for each in stands.case.owed}
    assert set(owed) == {"payments.pay", "audit.note"}
    assert owed["payments.pay"].usual == told.p99
    assert owed["payments.pay"].usual_at == placed.at + timedelta(seconds=told.p99)
    assert owed["audit.note"].usual is not None, "it gives nothing, and past cases tell when it had reacted"
    text, line = (render_where(stands, Style(), short=short) for short in (False, True))
    assert text.count("; usually within ") == 2
    assert line.count("\n") == 0 and line.count("; usually within ") == 1
    assert json.loads(to_json(stands))["case"]["owed"][0]["usual"] == owed[stands.case.owed[0].by].usual


async def test_where_reads_past_cases_once_a_minute_and_not_for_a_case_that_owes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, plainly = list[str](), Usual._read

    async def counted(self: Usual, process: str) -> Mapping[tuple[str, str, str | None], int]:
        read.append(process)
        return await plainly(self, process)

    monkeypatch.setattr(Usual, "_read", counted)
    async with Shop().app(tmp_path) as client:
        await through(client, "plain")
        await client.emit(Placed("stuck"))
        await eventually(client.dead_letters.list, "it is a dead letter")
        await client.where("order-plain")
        nothing = list(read)
        for _ in range(3):
            await client.where("order-stuck")
        await client.cases.due("order-stuck")
    assert (nothing, read) == ([], ["order"])
