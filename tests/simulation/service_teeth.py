"""Safeguards of services taken out, one at a time; see ``teeth``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from msgspec.structs import replace

from dalsegno.core.event import NewEvent
from dalsegno.core.reactions import React, TakePartitions
from dalsegno.events import emit as emitting
from dalsegno.events.progress import Lines, Progress
from dalsegno.events.reader import Reader
from dalsegno.store.memory import MemoryStore
from dalsegno.store.verbs.group import Standing
from tests.simulation.teeth import instead

Without = Callable[[], AbstractContextManager[Any]]


def fence_of_reactions() -> AbstractContextManager[Any]:
    """A session that was fenced goes on writing reactions, as if its partitions were its own."""

    def make(real: Any) -> Any:
        def item(self: MemoryStore, item: Any, standing: Standing) -> Any:
            if isinstance(item, React) and standing is Standing.LOST:
                return real(self, item, Standing.HELD)
            return real(self, item, standing)

        return item

    return instead(MemoryStore, "_item", make)


def owner_of_partitions() -> AbstractContextManager[Any]:
    """Whoever asks gets the partitions of a service, also those that others own."""

    def make(real: Any) -> Any:
        def take(self: MemoryStore, item: TakePartitions) -> Any:
            for key, one in self._partitions.items():
                if key[0] == item.service and one.session not in (None, item.session):
                    self._partitions[key] = replace(one, session=None)
            return real(self, item)

        return take

    return instead(MemoryStore, "_take_partitions", make)


@contextmanager
def lines_of_keys() -> Iterator[None]:
    """Events of a key are handled side by side."""
    with (
        instead(Lines, "enter", lambda _: lambda *_: True),
        instead(Lines, "leave", lambda _: lambda *_: None),
    ):
        yield


def freeing_of_lanes() -> AbstractContextManager[Any]:
    """A reaction that has ended stays in the way of those behind it."""

    def make(_: Any) -> Any:
        return lambda *_: None

    return instead(MemoryStore, "_leave_lane", make)


def position_after_the_reaction() -> AbstractContextManager[Any]:
    """A position passes events that are still under way."""

    def make(_: Any) -> Any:
        def reached(self: Progress, read_to: int, passing: int = 0) -> int:
            return max(read_to, self.taken, self.position)

        return reached

    return instead(Progress, "reached", make)


def ends_of_cases() -> AbstractContextManager[Any]:
    """The row of a case stays open, whatever its events say."""
    return instead(MemoryStore, "_hear", lambda _: lambda *_: None)


def cases_that_are_one() -> AbstractContextManager[Any]:
    """Two cases that turn out to be one are left apart."""
    return instead(MemoryStore, "_merge", lambda _: lambda *_: None)


def cases_of_runs() -> AbstractContextManager[Any]:
    """What a run or a service emits opens and ends no case: only what comes from outside does."""

    def make(real: Any) -> Any:
        def follow(self: MemoryStore, event: Any) -> Any:
            return real(self, event) if event.id is not None else event

        return follow

    return instead(MemoryStore, "_follow_event", make)


def calling_off_of_runs() -> AbstractContextManager[Any]:
    """The event that cancels a case tells none of its runs."""
    return instead(MemoryStore, "_to_call_off", lambda _: lambda *_: iter(()))


def calling_off_of_latecomers() -> AbstractContextManager[Any]:
    """A reaction to what came before its case was cancelled becomes a run after it, and nobody tells that."""
    return instead(MemoryStore, "_call_off_late", lambda _: lambda *_: None)


@contextmanager
def silence_of_failed_attempts() -> Iterator[None]:
    """What a failed attempt has emitted is written as well."""
    said: dict[str, list[NewEvent]] = {}

    def note(real: Any) -> Any:
        def emit_in_step(info: Any, event: Any) -> None:
            if isinstance(event, NewEvent):
                said.setdefault(info.idempotency_key, []).append(event)
            real(info, event)

        return emit_in_step

    def leak(real: Any) -> Any:
        def as_run(self: Reader, work: Any, plan: Any, **how: Any) -> None:
            if how.get("error") is not None:
                self._writing.out.events += said.pop(f"{plan.title}/{work.event.number}", [])
            real(self, work, plan, **how)

        return as_run

    with instead(emitting, "emit_in_step", note), instead(Reader, "_as_run", leak):
        yield


def keys_that_are_blocked() -> AbstractContextManager[Any]:
    """Events are handled though an earlier one of their key is being retried."""

    def make(real: Any) -> Any:
        def react(self: Reader, work: Any) -> None:
            self._blocked.clear()
            real(self, work)

        return react

    return instead(Reader, "_react", make)


def states_not_written_yet() -> AbstractContextManager[Any]:
    """A handler is called with the state that is written, though a later one is on its way."""

    def make(_: Any) -> Any:
        async def kept(self: Reader, key: str) -> Any:
            return await self._store.kept(self.row.number, key)

        return kept

    return instead(Reader, "kept", make)
