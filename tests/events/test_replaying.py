"""A service that reacts again to all of the log makes the same of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from dalsegno import App, AsyncClient, Retry, Service, event, keep
from dalsegno.errors import InvalidInput
from tests.helpers.room import eventually

pytestmark = [pytest.mark.promise("P8"), pytest.mark.asyncio]


@event(key="key")
@dataclass
class Added:
    key: str
    amount: int


@dataclass
class Total:
    amounts: list[int]


totals = Service("totals", state=Total)


@totals.on()
def add(e: Added, state: Total | None) -> None:
    keep(Total([*(state.amounts if state else ()), e.amount]))


async def _caught_up(client: AsyncClient, generation: int) -> None:
    async def there() -> bool:
        info = await client.services.get("totals")
        return info.lag_events == 0 and info.generation == generation

    await eventually(there, "the service is where the log ends")


async def _states(app: App, *keys: str) -> dict[str, list[int]]:
    assert app._runtime is not None
    store = app._runtime.store
    (row,) = await store.services("default")
    kept = {key: await store.kept(row.number, key) for key in keys}
    return {
        key: msgspec.json.decode(one.data or b"", type=Total).amounts
        for key, one in kept.items()
        if one is not None
    }


failing: set[int] = set()
shaky = Service("totals", state=Total)


@shaky.on(retry=Retry(attempts=None, first="20ms", factor=1))
def add_at_last(e: Added, state: Total | None) -> None:
    keep(Total([*(state.amounts if state else ()), e.amount]))
    if e.amount in failing:
        raise ConnectionError("not yet")


@pytest.mark.parametrize("kind", ["memory:", "sqlite"])
async def test_states_are_the_same_after_a_replay(tmp_path: Path, kind: str) -> None:
    app = App(include=[totals], store=kind if kind == "memory:" else f"sqlite:///{tmp_path}/totals.db")
    async with app as client:
        await client.emit(*(Added("ab"[n % 2], n) for n in range(20)))
        await eventually(lambda: app._runtime and app._runtime.reacting._readers, "the service is known")
        await _caught_up(client, 1)
        before = await _states(app, "a", "b")
        assert before == {"a": [*range(0, 20, 2)], "b": [*range(1, 20, 2)]}
        await client.services.replay("totals", after=0)
        await _caught_up(client, 2)
        assert await _states(app, "a", "b") == before


async def test_a_service_with_states_is_not_replayed_from_the_middle() -> None:
    app = App(include=[totals], store="memory:")
    async with app as client:
        await client.emit(Added("a", 1), Added("a", 2))
        await eventually(lambda: app._runtime and app._runtime.reacting._readers, "the service is known")
        with pytest.raises(InvalidInput, match="counted twice"):
            await client.services.replay("totals", after=1)


@pytest.mark.parametrize("kind", ["memory:", "sqlite"])
async def test_what_was_still_being_tried_when_a_replay_began_is_not_counted_twice(
    tmp_path: Path, kind: str
) -> None:
    app = App(include=[shaky], store=kind if kind == "memory:" else f"sqlite:///{tmp_path}/totals.db")
    failing.add(1)
    async with app as client:
        await client.emit(*(Added("a", n) for n in range(4)))

        async def blocked() -> bool:
            return bool(
                [info for info in await client.services.list() if info.blocked_keys and info.waiting == 2]
            )

        await eventually(blocked, "the second event is tried again, and two wait behind it")
        await client.services.replay("totals", after=0)

        async def again() -> bool:
            return any("/2" in run.id for run in await client.runs())

        await eventually(again, "the replay has come to it")
        failing.clear()

        async def over() -> bool:
            (info,) = await client.services.list()
            return info.lag_events == 0 and info.blocked_keys == 0

        await eventually(over, "nothing is blocked any more")
        assert await _states(app, "a") == {"a": [0, 1, 2, 3]}
