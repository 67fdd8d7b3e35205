"""States that are merged by sequence: which one is too late, and by what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dalsegno import App, Service, event, keep
from dalsegno.core.reactions import ReactedAs
from dalsegno.errors import DefinitionError
from dalsegno.events.ways import all_of
from tests.helpers.room import eventually

pytestmark = [pytest.mark.promise("P8"), pytest.mark.asyncio]


@event(key="key")
@dataclass
class Counted:
    key: str
    place: int


@event(key="key")
@dataclass
class Moved:
    key: str
    place: int


@dataclass
class Last:
    of: str


def by_sequence() -> Service:
    return Service("shelf", state=Last, merge="by_sequence")


def app(folder: Path, service: Service) -> App:
    return App("shelf", include=[service], store=f"sqlite:///{folder}/shelf.db")


async def test_of_handlers_that_count_the_one_that_is_behind_keeps_nothing(tmp_path: Path) -> None:
    shelf = by_sequence()

    @shelf.on(sequence="place")
    def count(e: Counted) -> None:
        keep(Last(f"count {e.place}"))

    @shelf.on(sequence="place")
    def move(e: Moved) -> None:
        keep(Last(f"move {e.place}"))

    async with app(tmp_path, shelf) as client:
        events = [Counted("a", 1), Counted("a", 2), Moved("a", 1), Moved("a", 2)]
        numbers = await client.emit(*events)

        async def outcomes() -> list[str] | None:
            found = [(await client.events.show(number)).reactions for number in numbers]
            return [one.outcome for (one,) in found] if all(found) else None

        said = await eventually(outcomes, "all have their reaction")
        done, stale = (each.name.lower() for each in (ReactedAs.DONE, ReactedAs.STALE))
        assert said == [done, done, stale, done]
        assert await client.services.state("shelf", "a") == Last("move 2")


async def test_without_a_count_what_a_key_has_gone_on_past_keeps_nothing_later(tmp_path: Path) -> None:
    shelf, down = by_sequence(), [True]

    @shelf.on(attempts=1, after_dead_letter="go on")
    def count(e: Counted) -> None:
        if e.place == 1 and down:
            raise OSError("not now")
        keep(Last(f"count {e.place}"))

    async with app(tmp_path, shelf) as client:
        await client.emit(Counted("a", 1), Counted("a", 2))

        async def both() -> list[Any] | None:
            kept = await client.services.state("shelf", "a")
            return await client.dead_letters.list() if kept == Last("count 2") else None

        (letter,) = await eventually(both, "one is a dead letter, and the other is kept")
        down.clear()
        await client.dead_letters.redrive(letter.number)

        async def resolved() -> object:
            return await client.dead_letters.list(state="resolved")

        await eventually(resolved, "it is resolved")
        assert await client.services.state("shelf", "a") == Last("count 2")


async def test_one_that_counts_not_beside_others_that_do_keeps_nothing(tmp_path: Path) -> None:
    shelf = by_sequence()

    @shelf.on(sequence="place")
    def count(e: Counted) -> None:
        keep(Last(f"count {e.place}"))

    @shelf.on(attempts=1)
    def move(e: Moved) -> None:
        keep(Last(f"move {e.place}"))

    async with app(tmp_path, shelf) as client:
        await client.emit(Moved("a", 1))
        letters = await eventually(client.dead_letters.list, "it is a dead letter")
        assert "without sequence=" in letters[0].error


async def test_a_service_in_which_nothing_can_come_too_late_is_refused() -> None:
    shelf = by_sequence()

    @shelf.on
    def count(e: Counted) -> None: ...

    with pytest.raises(DefinitionError, match="no handler with sequence=") as raised:
        App("shelf", include=[shelf], store="memory:").known()
    assert __file__ in str(raised.value)


async def test_one_that_asks_for_the_state_counts_if_others_do() -> None:
    shelf = by_sequence()

    @shelf.on(sequence="place")
    def count(e: Counted) -> None: ...

    @shelf.on
    def move(e: Moved, state: Last | None) -> None: ...

    with pytest.raises(DefinitionError, match=r"shelf.move .* has no sequence="):
        App("shelf", include=[shelf], store="memory:").known()


async def test_where_a_join_lets_a_key_go_on_the_place_on_the_log_counts() -> None:
    shelf = by_sequence()

    @shelf.on(all_of(Counted, Moved))
    def both(e: Counted, other: Moved) -> None: ...

    App("shelf", include=[shelf], store="memory:").known()
