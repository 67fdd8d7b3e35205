"""Whatever is decided, snapshot and forgotten: a state as of any version is the fold of the events up to there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dalsegno import App, Projection, event
from dalsegno.core.reactions import Forget
from dalsegno.errors import HistoryForgotten
from dalsegno.events.aggregate import Aggregate

pytestmark = pytest.mark.promise("P1", "P8")


@event(key="key")
@dataclass
class Grown:
    key: str
    by: int


@event(key="key")
@dataclass
class Doubled:
    key: str


class Plant(Aggregate, snapshot_every=3):
    height: int = 1
    rings: list[int] = []  # noqa: RUF012 - each plant gets its own

    def apply(self, e: Grown | Doubled) -> None:
        self.height = self.height + e.by if isinstance(e, Grown) else self.height * 2
        self.rings.append(self.height)

    def grow(self, by: int) -> list[Grown | Doubled]:
        return [Grown(self.id, by)] if by else [Grown(self.id, 1), Doubled(self.id)]


@dataclass(frozen=True)
class Heights:
    seen: tuple[int, ...] = ()


heights = Projection("heights", state=Heights)


@heights.on
def fold(e: Grown | Doubled, state: Heights | None) -> Heights | None:
    seen = state.seen if state is not None else ()
    height = seen[-1] if seen else 1
    height = height + e.by if isinstance(e, Grown) else height * 2
    return None if height % 11 == 0 else Heights((*seen, height))  # a row that goes, and may come again


def fold_heights(events: list[Any], key: str) -> Heights | None:
    state: Heights | None = None
    for e in events:
        if e.key == key:
            state = fold(e, state)
    return state


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["command", "command", "emit", "load", "compact", "forget"]), st.integers(0, 3)
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(ACTS)
def test_a_state_as_of_any_version_is_the_fold_of_the_events_up_to_there(acts: list[tuple[str, int]]) -> None:
    asyncio.run(_play(acts))


async def _play(acts: list[tuple[str, int]]) -> None:
    runtime = App("garden", include=[Plant, Grown, Doubled, heights], store="memory:").runtime(worker=False)
    client = await runtime.open()
    written: list[Any] = []
    try:
        for act, number in acts:
            key = f"p-{number % 2}"
            plant = client.aggregate(Plant, key)
            if act == "command":
                written += await plant.run(Plant.grow, number)
            elif act == "emit":
                written.append(Grown(key, number))
                await client.emit(written[-1])
            elif act == "load":
                await plant.load()
            elif act == "compact":
                await client.compact(Plant)
            else:
                await runtime.commits.submit(Forget(max(1, len(written) - number)))
            now = await plant.load()
            assert (now.height, now.rings) == _folded(written, key)
        await _look_back(client, runtime, written)
    finally:
        await runtime.close()


def _folded(events: list[Any], key: str) -> tuple[int, list[int]]:
    made = Plant.folded(key, [e for e in events if e.key == key])
    return made.height, made.rings


async def _look_back(client: Any, runtime: Any, written: list[Any]) -> None:
    first = (await runtime.store.head()).first
    for version in range(len(written) + 1):
        for key in ("p-0", "p-1"):
            try:
                then = await client.aggregate(Plant, key).load(as_of=version)
            except HistoryForgotten:
                assert any(e.key == key for e in written[: first - 1]), "nothing of it was forgotten"
                continue
            assert (then.height, then.rings) == _folded(written[:version], key)
    view = client.projection(heights)
    for version in range(len(written) + 1):
        if first > 1 and version > 0:
            with pytest.raises(HistoryForgotten):
                await view.get("p-0", as_of=version)
        else:
            assert await view.get("p-1", as_of=version) == fold_heights(written[:version], "p-1")
