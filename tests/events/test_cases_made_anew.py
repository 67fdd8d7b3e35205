"""Rows of cases are a read model: made anew from the log and the runs, they are what they were."""

from __future__ import annotations

import random
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dalsegno import App, AsyncClient, Process, Service, all_of, event, workflow
from dalsegno.core.cases import TRACKINGS, CaseRow, RebuildCases
from dalsegno.core.commit import Done
from tests.helpers.room import eventually

pytestmark = pytest.mark.asyncio

_STATE, _TRACKING, _HEARD = (  # the number is left out
    CaseRow.__struct_fields__.index(name) - 1 for name in ("state", "tracking", "heard")
)


@event(key="order")
@dataclass
class Placed:
    order: str
    payment: str


@event(key="order")
@dataclass
class Packed:
    order: str
    parcel: str


@event(key="parcel")
@dataclass
class Arrived:
    parcel: str


@event(key="payment")
@dataclass
class Settled:
    payment: str


@event(key="order")
@dataclass
class CalledOff:
    order: str


order = Process(
    "order",
    starts=Placed,
    ends=all_of(Arrived, Settled),
    cancel=CalledOff,
    due="1h",
    keys={"payment": "payment", "parcel": "parcel"},
)


@event(key="ticket")
@dataclass
class Opened:
    ticket: str


@event(key="ticket")
@dataclass
class Answered:
    ticket: str


@event(key="ticket")
@dataclass
class Rated:
    ticket: str


@event(key="ticket")
@dataclass
class Dropped:
    ticket: str


@event(key="ticket")
@dataclass
class Withdrawn:
    ticket: str


@event(key="visit")
@dataclass
class Came:
    visit: str
    badge: str


@event(key="badge")
@dataclass
class Left:
    badge: str


ticket = Process(
    "ticket", starts=Opened, ends=all_of(Answered, Rated) | Dropped, cancel=Withdrawn, tracking="stamp"
)
visit = Process("visit", starts=Came, ends=Left, keys={"badge": "badge"}, tracking="front_controller")
warehouse = Service("warehouse")


@warehouse.on()
async def pack(e: Placed) -> Packed:
    return Packed(e.order, f"parcel {int(e.order) // 3}")  # three orders share one, and become one case


@workflow
async def by_hand(order: str) -> None:
    return None


def an_app(folder: Path) -> App:
    return App(
        "made-anew", include=[order, ticket, visit, warehouse, by_hand], store=f"sqlite:///{folder}/cases.db"
    )


async def play(client: AsyncClient, seed: int) -> None:
    """Let 40 orders take some of the ways that there are; some are begun by a run."""
    chance = random.Random(seed)
    for number in map(str, range(40)):
        if chance.random() < 0.2:
            await client.start(by_hand, number, id=f"run-{number}", case_id=f"order-{number}")
        if chance.random() < 0.9:
            await client.emit(Placed(number, f"pay {number}"))
    await eventually(lambda: _caught_up(client), "all are packed")
    for number in chance.sample(range(40), 30):
        what = chance.choice([Arrived(f"parcel {number // 3}"), Settled(f"pay {number}")])
        await client.emit(what)
        if chance.random() < 0.1:
            await client.cancel_case(CalledOff(str(number)))
    await play_others(client, chance)


async def play_others(client: AsyncClient, chance: random.Random) -> None:
    """Let tickets and visits come in any order, alone and several at once, what ends one before what starts it."""
    names = list(map(str, range(12)))
    ways = (Opened, Opened, Answered, Rated, Rated, Dropped)
    said: list[Any] = [(kind(name), f"ticket-{name}") for name in names for kind in chance.sample(ways, 4)]
    said += [(Came(name, f"badge {int(name) // 2}"), f"visit-{name}") for name in names]
    said += [(Left(f"badge {int(name) // 2}"), None) for name in chance.sample(names, 6)]
    chance.shuffle(said)
    while said:
        few = [said.pop() for _ in range(min(len(said), chance.randint(1, 4)))]
        if chance.random() < 0.5:
            await client.emit(*(one for one, _ in few))
        else:
            for one, case in few:
                await client.emit(one, case_id=case)
        if chance.random() < 0.1:
            await client.cancel_case(Withdrawn(chance.choice(names)))


async def _caught_up(client: AsyncClient) -> bool:
    return (await client.services.get("warehouse")).lag_events == 0


def rows(file: Path) -> dict[str, list[Any]]:
    """Read the tables, the cases in their order and without their numbers, which only say that."""
    with sqlite3.connect(file) as db:
        found: dict[str, list[Any]] = {
            "cases": [row[1:] for row in db.execute("SELECT * FROM cases ORDER BY number")],
            "case_aliases": db.execute("SELECT * FROM case_aliases ORDER BY 1, 2, 3, 4").fetchall(),
            "merged_cases": db.execute("SELECT * FROM merged_cases ORDER BY 1, 2").fetchall(),
        }
    db.close()
    return found


@pytest.mark.parametrize("seed", range(4))
async def test_rows_that_were_lost_are_made_anew_as_they_were(tmp_path: Path, seed: int) -> None:
    file, app = tmp_path / "cases.db", an_app(tmp_path)
    async with app as client:
        await play(client, seed)
    before = rows(file)
    with sqlite3.connect(file) as db:
        for table in before:
            db.execute(f"DELETE FROM {table}")
    db.close()
    assert rows(file) == {table: [] for table in before}
    async with an_app(tmp_path) as client:
        done = await client.cases.desk.write(RebuildCases("default"))
    assert done == Done(len(before["cases"]))
    assert rows(file) == before
    assert {row[_STATE] for row in before["cases"]} == {"open", "ended", "cancelled"}
    assert {row[_TRACKING] for row in before["cases"]} == set(TRACKINGS)
    assert any(row[_HEARD] for row in before["cases"]), "some wait for what ends them together"
    assert before["merged_cases"]
    assert before["case_aliases"]
