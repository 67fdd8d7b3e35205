"""Events that a program emits: made, held to their schemas, and put on the log in the order of the calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from dalsegno.client.places import Places
from dalsegno.client.sending import Sending
from dalsegno.core.commit import Emit, Emitted
from dalsegno.core.event import NewEvent
from dalsegno.core.ids import new_id
from dalsegno.core.limits import Limits
from dalsegno.core.sourcing import Conflict, Expect
from dalsegno.core.writes import Verdict
from dalsegno.engine.calls import too_large
from dalsegno.errors import InvalidInput, StoreError
from dalsegno.events.emit import new_event
from dalsegno.events.holding import Holding
from dalsegno.events.known import Known
from dalsegno.events.pressure import Pressure
from dalsegno.events.registering import Registering
from dalsegno.events.types import own_event_type
from dalsegno.store.protocol import Store


class Emissions:
    """The way from a client to the log."""

    def __init__(
        self,
        store: Store,
        sending: Sending,
        known: Known,
        limits: Limits,
        namespace: str,
        *,
        emitted: Callable[[], None] | None = None,
        pressure: Pressure | None = None,
        registering: Registering,
    ) -> None:
        self._sending = sending
        self._known = known
        self._limits = limits
        self._namespace = namespace
        self._emitted = emitted
        self._pressure = pressure
        self._holding = Holding(store, namespace)
        self._registering = registering
        self._places = Places()
        self._places_in_tx = Places()  # which wait for no one who may wait for the end of the transaction

    async def emit(
        self,
        events: Sequence[Any],
        event_id: str | None,
        case_id: str | None,
        tx: Any = None,
        *,
        sender: str = "",
    ) -> list[int]:
        """Put events on the log; return their numbers, for one that was there before its first.

        In a transaction they get their numbers at its end, and none are returned.
        """
        if event_id is not None and len(events) != 1:
            raise _needs_no_id(event_id, f"{len(events)} events")
        made = tuple(self._new_event(event, event_id, case_id, sender) for event in events)
        numbers = await self._put(events, Emit(made), tx)
        assert not isinstance(numbers, Conflict)
        return numbers

    async def emit_expecting(
        self, events: Sequence[Any], expects: tuple[Expect, ...]
    ) -> list[int] | Conflict:
        """Put events on the log if what they were decided by is still so."""
        made = tuple(self._new_event(event, None, None) for event in events)
        return await self._put(events, Emit(made, expects))

    def _new_event(self, event: Any, event_id: str | None, case_id: str | None, sender: str = "") -> NewEvent:
        made = self._known.accept(event, self._namespace)
        if made is None:
            made = new_event(event, namespace=self._namespace, id=event_id or new_id())
        elif event_id is not None:
            raise _needs_no_id(event_id, "a CloudEvent, which has its own")
        size = len(made.data or b"")
        if size > self._limits.payload:
            raise too_large(f"event {made.type}", size, self._limits.payload, made.id or "")
        case_id = case_id or made.case_id or self._known.case_of(made.type, made.key)
        return replace(made, case_id=case_id, sender=sender)

    async def _put(self, events: Sequence[Any], item: Emit, tx: Any = None) -> list[int] | Conflict:
        place = (self._places if tx is None else self._places_in_tx).take()
        try:
            await self._fit(events, item.events, tx)
            if self._pressure is not None:
                await self._pressure.refuse_if_behind({event.type for event in item.events})
            await place.turn()
            if tx is None:
                place.leave()  # the next one goes on once this one has been put into the queue
            return await self._write(item, tx)
        finally:
            place.leave()

    async def _fit(self, events: Sequence[Any], made: Sequence[NewEvent], tx: Any) -> None:
        """See that what is to be emitted fits what the store knows of its types."""
        kinds = [own_event_type(type(event)) for event in events]
        await self._registering.admit(
            (kind for kind in kinds if kind is not None),
            lambda item, heard: self._sending.submit(item, tx, heard),
        )
        for kind, event in zip(kinds, made, strict=True):
            if kind is None:
                await self._holding.hold(event)

    async def _write(self, item: Emit, tx: Any) -> list[int] | Conflict:
        try:
            verdict = await self._sending.submit(item, tx, self._have_emitted)
        except StoreError as error:
            if tx is None:
                error.add_note(_unsure(item.events))
            raise
        if isinstance(verdict, Conflict):
            return verdict
        assert isinstance(verdict, Emitted)
        return verdict.numbers if tx is None else []

    def _have_emitted(self, _: Verdict) -> None:
        if self._emitted is not None:
            self._emitted()


def _unsure(events: Sequence[NewEvent]) -> str:
    """Say how to try again what may have been written, though the store did not say so."""
    ids = ", ".join(f"{event.type}: id={event.id!r}" for event in events)
    return f"It may have been written. Emitted one by one under these ids, nothing is written twice: {ids}."


def _needs_no_id(event_id: str, whose: str) -> InvalidInput:
    return InvalidInput(
        f"The id {event_id!r} was given for {whose}.",
        "By its id it is told whether an event was there before.",
        "Emit events one by one, each with an id of its own, and a CloudEvent without.",
    )
