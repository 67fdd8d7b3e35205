"""Events that were written though the store did not say so: they are on the log once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dalsegno import App, event
from dalsegno.core.commit import Emit, Fence
from dalsegno.core.transact import Transact
from dalsegno.core.writes import Verdict, Write
from dalsegno.errors import StoreUnreachable
from dalsegno.store.sqlite.store import SqliteStore
from dalsegno.testing.faults import Exactly, Fault, Moment
from dalsegno.testing.world import World
from tests.simulation.playing import play

pytestmark = pytest.mark.promise("P1", "P8")


@event(version=1, key="key")
@dataclass
class Placed:
    key: str


class Replies:
    """How many replies to writes with events in them are lost."""

    def __init__(self, lost: int) -> None:
        self.lost = lost


@pytest.fixture
def replies(monkeypatch: pytest.MonkeyPatch) -> Replies:
    replies, write = Replies(1), SqliteStore.write

    async def writes(store: SqliteStore, group: Sequence[Write], fence: Fence | None = None) -> list[Verdict]:
        verdicts = await write(store, group, fence)
        if replies.lost and any(isinstance(item, Emit | Transact) for item in group):
            replies.lost -= 1
            raise StoreUnreachable("The reply is lost.", "", "")
        return verdicts

    monkeypatch.setattr(SqliteStore, "write", writes)
    return replies


def app_in(folder: Path) -> App:
    return App("till", include=[Placed], store=f"sqlite:///{folder / 'till.db'}")


def test_from_def_code(tmp_path: Path, replies: Replies) -> None:
    with app_in(tmp_path) as client:
        numbers = client.emit(Placed("a"), Placed("b"))
        assert [each.number for each in client.events.list()] == numbers
    assert not replies.lost


@pytest.mark.asyncio
async def test_from_async_def_code(tmp_path: Path, replies: Replies) -> None:
    async with app_in(tmp_path) as client:
        numbers = await asyncio.gather(client.emit(Placed("a")), client.emit(Placed("b")))
        assert [[each.number] for each in await client.events.list()] == numbers
    assert not replies.lost


def test_in_a_transaction_of_the_caller(tmp_path: Path, replies: Replies) -> None:
    with app_in(tmp_path) as client:
        with client.transaction() as tx:
            tx.execute("CREATE TABLE mine (key TEXT)")
            client.emit(Placed("a"), tx=tx)
        assert [each.key for each in client.events.list()] == ["a"]
    assert not replies.lost


def test_who_is_told_of_trouble_is_told_how_to_try_again(
    tmp_path: Path, replies: Replies, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_in(tmp_path)
    monkeypatch.setattr(app, "options", app.options.__class__(**{**vars_of(app.options), "patience": 0.0}))
    with app as client:
        with pytest.raises(StoreUnreachable) as caught:
            client.emit(Placed("a"))
        (note,) = caught.value.__notes__
        id_ = note.partition("id='")[2].partition("'")[0]
        (number,) = client.emit(Placed("a"), id=id_)
        assert [each.number for each in client.events.list()] == [number]


def vars_of(options: Any) -> dict[str, Any]:
    return {name: getattr(options, name) for name in options.__dataclass_fields__}


class LateEmits(Exactly):
    """The reply to each first write of an emission comes too late."""

    def __init__(self) -> None:
        super().__init__()
        self.late: set[str | None] = set()

    def write(self, moment: Moment) -> Fault | None:
        ids = {each.id for item in moment.group if isinstance(item, Emit) for each in item.events}
        if ids <= self.late:
            return None
        self.late |= ids
        return Fault.LATE


@pytest.mark.parametrize("seed", range(20))
def test_in_a_simulated_room_where_every_emission_is_acknowledged_too_late(seed: int) -> None:
    plan = LateEmits()

    async def scenario(world: World) -> None:
        for number in range(5):
            await world.ask(lambda client, number=number: client.emit(Placed(f"{number}")))

    world = play(scenario, seed, plan=plan)
    placed = [each.key for each in world.invariants.chronicle.events.values()]
    assert placed == [f"{number}" for number in range(5)] and len(plan.late) == 5
