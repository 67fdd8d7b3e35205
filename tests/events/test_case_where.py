"""Where a case stands, as the store tells it: its lines, what is owed, and the reason that binds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from dalsegno import App, AsyncClient, Process, Service, event, receive, workflow
from dalsegno.client.case_standing import CaseStanding
from dalsegno.client.standing import Reason
from dalsegno.client.whereabouts import Explanation, Where
from dalsegno.core.clock import SECOND, to_datetime
from dalsegno.errors import InvalidInput, RunNotFound
from dalsegno.insight.case_groups import render_groups, render_stuck
from dalsegno.insight.paint import Style
from dalsegno.insight.render import render_where, to_json
from dalsegno.insight.render_case import render_explanation
from dalsegno.insight.whereabouts import explain, where
from tests.events.order_events import Declined, Paid, Placed, Shipped
from tests.helpers.room import eventually
from tests.helpers.waiting import until


@event(key="order")
@dataclass
class Noted:
    order: str


@workflow
async def watcher(order: str) -> None:
    await receive(Noted)


class Shop:
    """One service pays, one ships; what cannot be shipped is a dead letter at once."""

    def __init__(self, process: str = "order") -> None:
        self.mended = False
        self.process = Process(process, starts=Placed, ends=Shipped | Declined, due="1s")
        self.payments, self.shipping = Service("payments"), Service("shipping")

        @self.payments.on()
        async def pay(e: Placed) -> Paid | Declined:
            return Declined(e.order) if e.order == "poor" else Paid(e.order)

        @self.shipping.on(attempts=1)
        async def ship(e: Paid) -> Shipped:
            if e.order.startswith("heavy") and not self.mended:
                raise KeyError("sku")
            return Shipped(e.order)

    def app(self, folder: Path) -> App:
        parts = [self.process, self.payments, self.shipping, watcher]
        return App("shop", include=parts, store=f"sqlite:///{folder}/shop.db")


async def asked(app: App, name: str) -> Where:
    assert app._runtime is not None
    return await where(app._runtime.store, "default", name)


async def why(app: App, name: str) -> Explanation:
    assert app._runtime is not None
    return await explain(app._runtime.store, "default", name)


async def stands(app: App, name: str, *, owed: int, lines: int) -> CaseStanding:
    """Wait until a case has so many lines, and so many owe something."""

    async def there() -> bool:
        try:
            case = (await asked(app, name)).case
        except RunNotFound:
            return False
        return case is not None and (len(case.owed), len(case.trail)) == (owed, lines)

    await eventually(there, f"{name} has {lines} lines, and {owed} owe something")
    case = (await asked(app, name)).case
    assert case is not None
    return case


async def dead(client: AsyncClient) -> bool:
    return bool(await client.dead_letters.list())


@pytest.mark.asyncio
async def test_a_case_that_went_through_says_how_it_ended(tmp_path: Path) -> None:
    app = Shop().app(tmp_path)
    async with app as client:
        await client.emit(Placed("1"))
        case = await stands(app, "order-1", owed=0, lines=3)
        text = render_where(await asked(app, "order-1"), Style(symbols=True))
    assert (case.kind, case.state, case.end, case.stuck, case.why) == (
        "choreography", "ended", "Shipped", False, None,
    )  # fmt: skip
    assert [(line.name, line.by) for line in case.trail] == [
        ("Placed", ""), ("Paid", "payments.pay"), ("Shipped", "shipping.ship"),
    ]  # fmt: skip
    assert all(line.took is not None for line in case.trail[1:])
    assert "order-1  order (choreography)  ended with Shipped" in text
    assert case.unreachable == ("Declined",)


@pytest.mark.asyncio
async def test_a_dead_letter_is_owed_and_says_by_whom_and_what_to_do(tmp_path: Path) -> None:
    app = Shop().app(tmp_path)
    async with app as client:
        await client.emit(Placed("heavy"))
        await eventually(lambda: dead(client), "it is a dead letter")
        case = await stands(app, "order-heavy", owed=1, lines=2)
        found = await asked(app, "order-heavy")
        told = await why(app, "order-heavy")
    (owed,) = case.owed
    assert (owed.by, owed.event, owed.type, owed.gives) == ("shipping.ship", 2, "Paid", ("Shipped",))
    assert (owed.why.kind, owed.state) == (Reason.DEAD_LETTER, "dead letter")
    assert owed.why.evidence is not None
    assert (owed.why.evidence["dead_letter"], owed.why.evidence["attempts"]) == (1, 1)
    assert case.stuck and case.next == ("dalsegno dead-letters show 1", "dalsegno dead-letters redrive 1")
    text = render_where(found, Style())
    assert "✗ Shipped  owed by shipping.ship: dead letter 1 since" in text
    assert "after 1 attempt: KeyError: 'sku'" in text
    short = render_where(found, Style(), short=True)
    assert "\n" not in short
    assert "waiting" in short and "shipping.ship: dead letter 1 since" in short
    assert "✗ dead letter  shipping.ship" in render_explanation(told, Style())
    document = json.loads(to_json(found))
    assert document["case"]["owed"][0]["reasons"][0]["kind"] == "dead letter"


@pytest.mark.asyncio
async def test_a_case_is_found_by_its_key_and_by_an_event_of_it(tmp_path: Path) -> None:
    app = Shop().app(tmp_path)
    async with app as client:
        await client.emit(Placed("k"))
        await stands(app, "order-k", owed=0, lines=3)
        by_key, by_event = await asked(app, "k"), await asked(app, "#2")
        await client.emit(Placed("2"))
        both = await asked(app, "2")
        with pytest.raises(RunNotFound, match="nobody"):
            await asked(app, "nobody")
    assert by_key.case is not None and by_event.case is not None and both.case is not None
    assert (by_key.found_by, by_key.case.id) == ("key", "order-k")
    assert (by_event.found_by, by_event.case.id) == ("event", "order-k")
    assert (both.found_by, both.case.id, both.others) == ("key", "order-2", ("#2",))


@pytest.mark.asyncio
async def test_a_key_of_several_cases_lists_them(tmp_path: Path) -> None:
    shop = Shop()
    other = Process("parcel", starts=Paid, ends=Shipped)
    app = App(
        "shop",
        include=[shop.process, other, shop.payments, shop.shipping],
        store=f"sqlite:///{tmp_path}/shop.db",
    )
    async with app as client:
        await client.emit(Placed("9"))
        await client.emit(Paid("9"))
        with pytest.raises(RunNotFound, match="a key of several cases: ") as refused:
            await asked(app, "9")
    assert set(refused.value.candidates) == {"order-9", "parcel-9"}


@pytest.mark.asyncio
async def test_without_a_worker_nobody_reacts_and_it_is_late(tmp_path: Path) -> None:
    shop = Shop()
    async with shop.app(tmp_path) as client:
        await client.emit(Placed("1"))
    app = App("shop", include=[], store=f"sqlite:///{tmp_path}/shop.db", slots=0)
    async with app as client:
        assert app._runtime is not None
        await client.emit(Placed("2"), case_id="order-2")
        case = (await asked(app, "order-2")).case
    assert case is not None
    assert [(owed.by, owed.why.kind) for owed in case.owed] == [("payments.pay", Reason.NO_WORKER)]
    assert case.stuck and case.why is not None and case.why.kind is Reason.NO_WORKER
    assert [later.type for later in case.then] == ["Shipped"]
    assert case.due_at is not None and (case.due_at - case.started_at).total_seconds() * SECOND == SECOND


@pytest.mark.asyncio
async def test_a_run_that_takes_part_is_one_of_those_that_owe(tmp_path: Path) -> None:
    app = Shop().app(tmp_path)
    async with app as client:
        await client.emit(Placed("1"))
        await client.start(watcher, "1", id="w", case_id="order-1")
        case = await stands(app, "order-1", owed=1, lines=3)
    (run,) = case.runs
    assert (run.id, run.workflow, run.reacts, run.why.kind) == ("w", "watcher", False, Reason.EVENT)
    assert (case.owed[0].by, case.owed[0].run, case.owed[0].state) == ("watcher", "w", "running")
    assert not case.stuck


@pytest.mark.asyncio
async def test_an_event_of_no_case_is_told_with_who_owes_a_reaction(tmp_path: Path) -> None:
    app = Shop().app(tmp_path)
    async with app as client:
        await client.emit(Paid("heavy"))
        await eventually(lambda: dead(client), "it is a dead letter")
        found, told = await asked(app, "1"), await why(app, "#1")
    assert found.case is not None
    assert (found.found_by, found.case.process) == ("event", None)
    assert [owed.why.kind for owed in found.case.owed] == [Reason.DEAD_LETTER]
    assert (told.what, told.id, [each.kind for each in told.reasons]) == ("event", "1", [Reason.DEAD_LETTER])


@pytest.mark.asyncio
async def test_a_case_is_shown_as_it_was(tmp_path: Path) -> None:
    shop = Shop()
    app = shop.app(tmp_path)
    async with app as client:
        await client.emit(Placed("heavy"))
        await eventually(lambda: dead(client), "it is a dead letter")
        await stands(app, "order-heavy", owed=1, lines=2)
        assert app._runtime is not None
        stuck_at = to_datetime(app._runtime.store.now())
        shop.mended = True
        await client.dead_letters.redrive(1)
        now = await stands(app, "order-heavy", owed=0, lines=3)
        then = (await client.where("order-heavy", at=stuck_at)).case
        placed = (await client.where("order-heavy", at=now.started_at)).case
        with pytest.raises(RunNotFound, match="had not begun"):
            await client.where("order-heavy", at=now.started_at - timedelta(seconds=1))
        with pytest.raises(InvalidInput, match="has not come yet"):
            await client.where("order-heavy", at=now.at + timedelta(days=1))
    assert now.state == "ended" and not now.past
    assert then is not None and placed is not None
    assert (then.state, then.past, then.at, then.end) == ("open", True, stuck_at, None)
    assert [line.name for line in then.trail] == ["Placed", "Paid"]
    (owed,) = then.owed
    assert (owed.by, owed.why.kind, owed.gives) == ("shipping.ship", Reason.DEAD_LETTER, ("Shipped",))
    assert owed.why.text == "was dead letter 1, after 1 attempt: KeyError: 'sku'"
    assert [line.name for line in placed.trail] == ["Placed"]
    assert [(each.by, each.why.kind) for each in placed.owed] == [("payments.pay", Reason.NOT_KNOWN)]


def test_the_blocking_client_tells_the_same(tmp_path: Path) -> None:
    with Shop().app(tmp_path) as client:
        client.emit(Placed("heavy"))
        until(client.dead_letters.list, "it is a dead letter")
        case, told = client.where("heavy").case, client.explain("order-heavy")
    assert case is not None
    assert (
        [each.kind for each in told.reasons] == [each.kind for each in case.reasons] == [Reason.DEAD_LETTER]
    )


@pytest.mark.asyncio
async def test_many_cases_are_grouped_by_the_reason_that_binds(tmp_path: Path) -> None:
    app = Shop().app(tmp_path)
    async with app as client:
        await client.emit(*(Placed(f"heavy {n}") for n in range(5)))
        await client.emit(Placed("1"))

        async def all_dead() -> bool:
            return len(await client.dead_letters.list()) == 5

        await eventually(all_dead, "five dead letters")
        await stands(app, "order-1", owed=0, lines=3)
        found, stuck = await client.cases.why(), await client.cases.stuck("order")
        few = await client.cases.why("order", limit=2)
        none = await client.cases.stuck("parcel")
    (group,) = found.groups
    assert (group.kind, group.about, group.count) == (Reason.DEAD_LETTER, "shipping.ship", 5)
    assert group.examples == ("order-heavy 0", "order-heavy 1", "order-heavy 2")
    assert {case.id for case in stuck.cases} == {f"order-heavy {n}" for n in range(5)}
    assert {case.why.kind for case in stuck.cases} == {Reason.DEAD_LETTER}
    assert (few.looked, few.more, few.groups[0].count) == (2, True, 2)
    assert not none.cases
    assert "     5  dead letter  shipping.ship  since" in render_groups(found, Style())
    assert "order-heavy 3" in render_stuck(stuck, Style())
