"""Rounds of a join: of one key one after the other, and those of a replay apart from those before it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from dalsegno import App, Retry, Service, all_of, event, keep
from tests.helpers.room import eventually

pytestmark = [
    pytest.mark.promise("P8"),
    pytest.mark.asyncio,
    pytest.mark.parametrize("kind", ["memory", "sqlite"]),
]


@event(key="key")
@dataclass
class Left:
    key: str
    place: int


@event(key="key")
@dataclass
class Right:
    key: str
    place: int


@dataclass
class Pairs:
    places: list[int]


def _app(service: Service, kind: str, folder: Path) -> App:
    return App(
        "joins", include=[service], store="memory:" if kind == "memory" else f"sqlite:///{folder}/j.db"
    )


async def _pairs(app: App) -> list[int]:
    assert app._runtime is not None
    row = await app._runtime.store.kept(1, "a")
    return [] if row is None else msgspec.json.decode(row.data or b"", type=Pairs).places


async def test_the_rounds_of_a_key_go_one_after_the_other_and_none_is_lost(tmp_path: Path, kind: str) -> None:
    under_way = most = 0
    service = Service("pairs", state=Pairs)

    @service.on(all_of(Left, Right))
    async def pair(left: Left, right: Right, state: Pairs | None) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.02 if left.place % 2 else 0)
        assert left.place == right.place
        keep(Pairs([*(state.places if state else ()), left.place]))
        under_way -= 1

    app = _app(service, kind, tmp_path)
    async with app as client:
        await client.emit(*(Left("a", place) for place in range(10)))
        await client.emit(*(Right("a", place) for place in range(10)))

        async def all_paired() -> bool:
            return len(await client.runs("completed", limit=100)) == 10

        await eventually(all_paired, "all rounds are over")
        assert await _pairs(app) == list(range(10))
    assert most == 1


async def test_a_round_that_fails_holds_those_behind_it_until_a_person_answers(
    tmp_path: Path, kind: str
) -> None:
    done: list[int] = []
    service = Service("pairs")
    mended = False

    @service.on(all_of(Left, Right), attempts=1)
    async def pair(left: Left, right: Right) -> None:
        if left.place == 0 and not mended:
            raise ValueError("no")
        done.append(left.place)

    async with _app(service, kind, tmp_path) as client:
        await client.emit(
            Left("a", 0), Right("a", 0), Left("a", 1), Right("a", 1), Left("b", 2), Right("b", 2)
        )
        (letter,) = await eventually(client.dead_letters.list, "the first round is a dead letter")
        await eventually(lambda: done == [2], "the other key goes on")
        (info,) = await client.services.list()
        assert (info.blocked_keys, info.waiting) == (1, 1)
        shown = await client.dead_letters.show(letter.number)
        assert len(shown.behind) == 1
        mended = True
        await client.dead_letters.redrive(letter.number)
        await eventually(lambda: done == [2, 0, 1], "the rest follows in order")


async def test_rounds_of_before_a_replay_add_nothing_to_what_it_makes(tmp_path: Path, kind: str) -> None:
    failing = True
    service = Service("pairs", state=Pairs)

    @service.on(all_of(Left, Right), retry=Retry(attempts=None, first="20ms", factor=1))
    async def pair(left: Left, right: Right, state: Pairs | None) -> None:
        if failing:
            raise ConnectionError("not yet")
        keep(Pairs([*(state.places if state else ()), left.place]))

    app = _app(service, kind, tmp_path)
    async with app as client:
        await client.emit(Left("a", 0), Right("a", 0), Left("a", 1))

        async def tried() -> bool:
            return len(await client.runs()) == 2

        await eventually(tried, "one round is tried, the other waits")
        await client.services.replay("pairs", after=0)

        async def again() -> bool:
            return len([run for run in await client.runs() if "/2" in run.id]) == 2

        await eventually(again, "the replay has come to them")
        failing = False
        await client.emit(Right("a", 1))

        async def over() -> bool:
            runs = await client.runs()
            return all(run.status in ("completed", "cancelled") for run in runs)

        await eventually(over, "all is over, also the round of before that nothing joins any more")
        assert await _pairs(app) == [0, 1]
        ends = sorted((run.id, run.status) for run in await client.runs())
        assert [status for _, status in ends] == ["completed", "completed", "cancelled", "completed"]
