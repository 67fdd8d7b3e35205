"""Events that happened before, or elsewhere, brought in: with their own ids and times, each of them once."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from dataclasses import dataclass

from msgspec.structs import replace

from dalsegno.client.desk import Desk
from dalsegno.client.services import service_row
from dalsegno.core.clock import nap
from dalsegno.core.commit import Emit, Emitted
from dalsegno.core.event import NewEvent, meant_for
from dalsegno.engine.calls import too_large
from dalsegno.errors import EventRefused, InvalidInput, Overloaded, PayloadTooLarge
from dalsegno.events.envelope import Envelope
from dalsegno.events.holding import Holding

_BATCH = 100  # events that are written together
_TOLD = 20  # of those that were refused


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """An event that cannot be brought in: the place where it was read (from 1 on), its id, and why."""

    place: int
    id: str
    why: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import has done, or with ``dry_run`` would do.

    ``new`` events are on the log now, as ``first`` to ``last``; ``known`` were there before, by their
    source and id. Of the ``refused`` the first are told.
    """

    dry_run: bool
    read: int
    new: int
    known: int
    refused: int
    told: tuple[RefusedEvent, ...]
    service: str | None
    first: int | None = None
    last: int | None = None


class Importing:
    """One import; ``add`` takes events, ``finish`` writes what is left and tells what came of it."""

    def __init__(self, desk: Desk, *, service: str | None, rate: float, dry_run: bool) -> None:
        if not rate > 0:
            raise InvalidInput(
                f"rate={rate!r} is no rate.",
                "A rate is a number per second, above 0.",
                "Write rate=10, or leave it out.",
                value=rate,
            )
        self._desk = desk
        self._holding = Holding(desk.store, desk.namespace)
        self._service = service
        self._rate = rate
        self._dry_run = dry_run
        self._batch: list[NewEvent] = []
        self._seen: set[int] = set()  # of a dry run, which finds doubles in what it reads
        self._told: list[RefusedEvent] = []
        self._read = self._new = self._known = self._refused = 0
        self._first: int | None = None
        self._last: int | None = None

    async def begin(self) -> None:
        """See that the service is there that it is meant for. Raises ServiceNotFound."""
        if self._service is not None:
            await service_row(self._desk, self._service)

    async def add(self, envelope: Envelope) -> None:
        """Take one event."""
        self._read += 1
        try:
            event = self._event(envelope)
            await self._holding.hold(event)
        except (EventRefused, PayloadTooLarge) as error:
            self.refuse(envelope.id, error.what)
            return
        self._batch.append(event)
        if len(self._batch) >= min(_BATCH, max(1, int(self._rate))):
            await self._flush()

    def refuse(self, id: str, why: str, *, read: bool = False) -> None:
        """Note that one is left out; with ``read`` one that could not even be read."""
        self._read += read
        self._refused += 1
        if len(self._told) < _TOLD:
            self._told.append(RefusedEvent(self._read, id, why))

    async def finish(self) -> ImportReport:
        """Write what is left."""
        await self._flush()
        return ImportReport(
            dry_run=self._dry_run,
            read=self._read,
            new=self._new,
            known=self._known,
            refused=self._refused,
            told=tuple(self._told),
            service=self._service,
            first=self._first,
            last=self._last,
        )

    def _event(self, envelope: Envelope) -> NewEvent:
        made = self._desk.known.accept(envelope, self._desk.namespace)
        assert made is not None
        size, limit = len(made.data or b""), self._desk.limits.payload
        if size > limit:
            raise too_large(f"event {made.type}", size, limit, made.id or "")
        case_id = made.case_id or self._desk.known.case_of(made.type, made.key)
        extra = made.extra if self._service is None else meant_for(made.extra, self._service)
        return replace(made, case_id=case_id, extra=extra)

    async def _flush(self) -> None:
        batch, self._batch = self._batch, []
        if not batch:
            return
        if self._dry_run:
            for event in batch:
                await self._foretell(event)
            return
        await self._wait_for_services({event.type for event in batch})
        verdict = await self._desk.write(Emit(tuple(batch)))
        assert isinstance(verdict, Emitted)
        new = len(batch) - verdict.repeated
        self._new += new
        self._known += verdict.repeated
        if new:
            self._last = max(verdict.numbers)
            self._first = self._last - new + 1 if self._first is None else self._first
        await nap(len(batch) / self._rate)

    async def _wait_for_services(self, types: set[str]) -> None:
        """Wait while a service that is to react is further behind than it may be."""
        pressure = self._desk.pressure
        while pressure is not None:
            try:
                await pressure.refuse_if_behind(types)
            except Overloaded as error:
                if self._service in (None, error.service):
                    await nap(error.retry_after)
                    continue
            return

    async def _foretell(self, event: NewEvent) -> None:
        assert event.id is not None
        name = hash((event.source, event.id))  # as short as it may be: there may be millions
        known = name in self._seen or await self._desk.store.known_event(
            event.namespace, event.source, event.id
        )
        self._seen.add(name)
        self._known += bool(known)
        self._new += not known


async def import_events(
    desk: Desk,
    events: Iterable[Envelope] | AsyncIterable[Envelope],
    *,
    service: str | None,
    rate: float,
    dry_run: bool,
) -> ImportReport:
    """Bring events in, or say what that would do."""
    importing = Importing(desk, service=service, rate=rate, dry_run=dry_run)
    await importing.begin()
    if isinstance(events, AsyncIterable):
        async for envelope in events:
            await importing.add(envelope)
    else:
        for envelope in events:
            await importing.add(envelope)
    return await importing.finish()
