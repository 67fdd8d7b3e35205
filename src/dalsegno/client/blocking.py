"""The rooms of the blocking client: each verb waits for its operation, and that is all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dalsegno.client.case_times import CaseTimes, Comparison, Dues, Forecast, Pace
from dalsegno.client.case_views import CaseInfo, CaseStory
from dalsegno.client.cases import AsyncCases, CaseInfos, States
from dalsegno.client.dead_letters import (
    AsyncDeadLetters,
    DeadLetterGroups,
    DeadLetterInfos,
    DeadLetterStory,
)
from dalsegno.client.event_views import EventInfo, EventStory
from dalsegno.client.events import AsyncEvents, EventInfos
from dalsegno.client.importing import ImportReport
from dalsegno.client.past import By
from dalsegno.client.portal import Portal
from dalsegno.client.redriving import RedriveReport
from dalsegno.client.schemas import AsyncSchemas, Language
from dalsegno.client.services import AsyncServices, PartitionInfo, ServiceInfo, ServiceInfos
from dalsegno.client.timing import LAST
from dalsegno.events.envelope import Envelope
from dalsegno.events.types import Compatibility

if TYPE_CHECKING:
    from dalsegno.client.case_groups import CaseGroups, StuckCases


class Events:
    """The log, in ``def`` code."""

    def __init__(self, events: AsyncEvents, portal: Portal) -> None:
        self._events = events
        self._portal = portal

    def list(
        self,
        type: str | None = None,
        *,
        key: str | None = None,
        case_id: str | None = None,
        after: int | None = None,
        before: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        newest: bool = False,
        limit: int = 100,
    ) -> EventInfos:
        """List events in the order of the log, or with ``newest`` the other way round.

        ``after`` and ``before`` are numbers, ``since`` and ``until`` times of acceptance; ``until``
        and both numbers are not part of what they bound. Without ``after`` it is what the log still has;
        with it, RetentionPassed is raised where events behind it were removed.
        """
        return self._portal.call(
            self._events.list(
                type,
                key=key,
                case_id=case_id,
                after=after,
                before=before,
                since=since,
                until=until,
                newest=newest,
                limit=limit,
            )
        )

    def get(self, event: int | str) -> EventInfo:
        """Read an event by its number, or by ``source#id``; raise ``EventNotFound``."""
        return self._portal.call(self._events.get(event))

    def show(self, event: int | str) -> EventStory:
        """Read an event with what came of it; raise ``EventNotFound``."""
        return self._portal.call(self._events.show(event))

    def tail(
        self,
        type: str | None = None,
        *,
        key: str | None = None,
        case_id: str | None = None,
        after: int | None = None,
    ) -> Iterator[EventInfo]:
        """Yield events as they come, without end; ``after`` a number begins behind that one.

        Raises RetentionPassed where events were removed that had not been read yet.
        """
        begin = self._portal.call(self._events.end()) if after is None else after
        return self._coming(self._events.tail(type, key=key, case_id=case_id, after=begin))

    def _coming(self, coming: AsyncIterator[EventInfo]) -> Iterator[EventInfo]:
        while True:
            yield self._portal.call(_next(coming))

    def import_(
        self,
        events: Iterable[Envelope],
        *,
        service: str | None = None,
        rate: float = 1_000.0,
        dry_run: bool = True,
    ) -> ImportReport:
        """Bring events in that happened before, with their own ids and times; each once.

        With ``dry_run``, which is the default, it only says what would be done. ``service`` names the
        one that is to react, and nobody else will. At most ``rate`` are written a second.
        """
        return self._portal.call(self._events.import_(events, service=service, rate=rate, dry_run=dry_run))


async def _next(coming: AsyncIterator[EventInfo]) -> EventInfo:
    return await anext(coming)


class Cases:
    """Cases, in ``def`` code."""

    def __init__(self, cases: AsyncCases, portal: Portal) -> None:
        self._cases = cases
        self._portal = portal

    def list(
        self,
        process: str | None = None,
        *,
        state: States = (),
        since: datetime | None = None,
        until: datetime | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> CaseInfos:
        """List cases, those that began last first.

        ``state`` is open, ended or cancelled, or several of these; ``since`` and ``until`` are times of
        the beginning; below ``before``, the number of the last one seen, is the next page.
        """
        return self._portal.call(
            self._cases.list(process, state=state, since=since, until=until, before=before, limit=limit)
        )

    def late(self, process: str | None = None, *, before: int | None = None, limit: int = 100) -> CaseInfos:
        """List the cases that are open and past their time, the longest past first; ``before`` pages on."""
        return self._portal.call(self._cases.late(process, before=before, limit=limit))

    def find(self, value: str, *, limit: int = 10) -> CaseInfos:
        """Find cases by their name, their key or another key, the newest first."""
        return self._portal.call(self._cases.find(value, limit=limit))

    def get(self, case: str) -> CaseInfo:
        """Read a case by its name, or by a key that no other has; raise ``CaseNotFound``."""
        return self._portal.call(self._cases.get(case))

    def show(self, case: str, *, at: datetime | None = None, by: By = "accepted") -> CaseStory:
        """Read a case with all that it has left in the store; raise ``CaseNotFound``.

        With ``at`` it is as it was then: by what the store had accepted, or ``by="happened"`` by the events'
        own times, in the order in which they happened; CaseNotFound is raised where it had not begun.
        """
        return self._portal.call(self._cases.show(case, at=at, by=by))

    def stuck(self, process: str | None = None, *, limit: int = 1_000) -> StuckCases:
        """List the cases of which nothing moves until somebody acts, of up to ``limit`` that are looked at.

        Beside open ones these are those over of which something is a dead letter or parked.
        """
        return self._portal.call(self._cases.stuck(process, limit=limit))

    def why(self, process: str | None = None, *, late: bool = False, limit: int = 1_000) -> CaseGroups:
        """Group up to ``limit`` open cases, or only those that are ``late``, by the reason that binds."""
        return self._portal.call(self._cases.why(process, late=late, limit=limit))

    def times(self, case: str) -> CaseTimes:
        """Say where a case's time went: running, retrying, queued, waiting; raise ``CaseNotFound``."""
        return self._portal.call(self._cases.times(case))

    def due(self, case: str) -> Dues:
        """Say by when what a case owes now is to come, the soonest first: as declared, else as past cases had it.

        What neither is declared nor was seen in 20 past cases is left out. Raises CaseNotFound.
        """
        return self._portal.call(self._cases.due(case))

    def pace(self, process: str, *, last: int = LAST) -> Pace:
        """Say how long a process and its steps take: p50, p95, p99 of its ``last`` cases that ended.

        These are read, at most 1,000 of them, and nothing else. Raises InvalidInput.
        """
        return self._portal.call(self._cases.pace(process, last=last))

    def forecast(self, case: str, *, last: int = LAST) -> Forecast:
        """Say when a case is likely to end, by the ``last`` of its process that ended; raise ``CaseNotFound``."""
        return self._portal.call(self._cases.forecast(case, last=last))

    def compare(self, first: str, second: str) -> Comparison:
        """Lay two cases side by side: say, one that is stuck and one that is not; raise ``CaseNotFound``."""
        return self._portal.call(self._cases.compare(first, second))

    def cancel(self, case: str, data: Mapping[str, Any] | None = None, *, by: str = "") -> bool:
        """Cancel a case: put the event on the log that its process declares for it, and cancel its runs.

        The event gets the case's key, and ``data`` for what else it has. False for a case that is over.
        Raises CaseNotFound, and InvalidInput where no event can be made of that.
        """
        return self._portal.call(self._cases.cancel(case, data, by=by))


class Services:
    """Services, in ``def`` code."""

    def __init__(self, services: AsyncServices, portal: Portal) -> None:
        self._services = services
        self._portal = portal

    def list(self) -> ServiceInfos:
        """List the services that the store knows, in the order in which they came to it."""
        return self._portal.call(self._services.list())

    def get(self, name: str) -> ServiceInfo:
        """Read a service; raise ``ServiceNotFound``."""
        return self._portal.call(self._services.get(name))

    def partitions(self, name: str) -> tuple[PartitionInfo, ...]:
        """Read how far each part of a service's keys has come; raise ``ServiceNotFound``."""
        return self._portal.call(self._services.partitions(name))

    def state(self, name: str, key: str) -> Any:
        """Read what a service keeps of a key; None where it has kept nothing of it.

        It is an instance of the service's ``state=`` class where this App knows the service, else plain
        data. Raises ServiceNotFound, InvalidInput where the service keeps no states, and NotDecodable.
        """
        return self._portal.call(self._services.state(name, key))

    def pause(self, name: str, *, by: str = "") -> bool:
        """Have a service begin no more reactions until it is resumed; False when it was paused before."""
        return self._portal.call(self._services.pause(name, by=by))

    def resume(self, name: str, *, by: str = "") -> bool:
        """Let a service go on where it was paused; False when it was not."""
        return self._portal.call(self._services.resume(name, by=by))

    def replay(
        self, name: str, *, after: int | None = None, since: datetime | None = None, by: str = ""
    ) -> int:
        """Have a service react again to all behind a number of the log, or from a time on; return that number.

        It is a new generation: the handlers are called again for what they have done, under the same
        idempotency keys. Raises ServiceNotFound, and RetentionPassed for what the log no longer has.
        """
        return self._portal.call(self._services.replay(name, after=after, since=since, by=by))

    def skip(self, name: str, *, by: str = "") -> bool:
        """Have a service pass over what retention has removed before it had read it; False if there is nothing.

        It goes on with what the log still has.
        """
        return self._portal.call(self._services.skip(name, by=by))

    def count(self, name: str, after: int, *, limit: int = 10_000) -> int:
        """Count the events behind a number that a service would react to, up to a limit."""
        return self._portal.call(self._services.count(name, after, limit=limit))


class Schemas:
    """The schemas of events, in ``def`` code."""

    def __init__(self, schemas: AsyncSchemas, portal: Portal) -> None:
        self._schemas = schemas
        self._portal = portal

    def register(
        self,
        type: str,
        version: int,
        schema: Any,
        *,
        format: Language = "json",
        compatibility: Compatibility | None = None,
    ) -> bool:
        """Register a schema that somebody else's events follow; False when it was there already.

        ``schema`` is plain data, or its JSON text: a JSON Schema, or with ``format="avro"`` an Avro
        schema, which needs the extra ``avro``. ``compatibility`` is as that of ``@event``. Raises
        InvalidInput for what is no schema, SchemaRefused for what does not fit the other versions.
        """
        return self._portal.call(
            self._schemas.register(type, version, schema, format=format, compatibility=compatibility)
        )


class DeadLetters:
    """Dead letters, in ``def`` code."""

    def __init__(self, letters: AsyncDeadLetters, portal: Portal) -> None:
        self._letters = letters
        self._portal = portal

    def list(
        self,
        *,
        state: str | None = "open",
        service: str | None = None,
        handler: str | None = None,
        cause: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> DeadLetterInfos:
        """List dead letters, the newest first; ``state=None`` those of all states."""
        return self._portal.call(
            self._letters.list(
                state=state, service=service, handler=handler, cause=cause, before=before, limit=limit
            )
        )

    def groups(self) -> DeadLetterGroups:
        """Count the open dead letters by what they failed of, the largest group first."""
        return self._portal.call(self._letters.groups())

    def show(self, number: int) -> DeadLetterStory:
        """Read a dead letter in full; raise ``DeadLetterNotFound``."""
        return self._portal.call(self._letters.show(number))

    def redrive(self, number: int, *, by: str = "", why: str = "", force: bool = False) -> bool:
        """Have a dead letter tried again; False when it is not open, and nothing was done.

        Raises DeadLetterNotFound, and RedriveRefused for one that came back too often; ``force`` has
        it tried all the same.
        """
        return self._portal.call(self._letters.redrive(number, by=by, why=why, force=force))

    def edit(self, number: int, data: Any, *, by: str = "", why: str = "") -> bool:
        """Have a dead letter tried again with other data; the event on the log stays what it is.

        ``data`` is an instance of the event's class, or its plain values, which must fit it where this
        process knows the class. Raises RedriveRefused for data that does not, or has another key.
        """
        return self._portal.call(self._letters.edit(number, data, by=by, why=why))

    def discard(self, number: int, *, why: str, by: str = "") -> bool:
        """Give a dead letter up, for a reason; what waits behind it goes on. False when it is not open."""
        return self._portal.call(self._letters.discard(number, why=why, by=by))

    def redrive_many(
        self,
        *numbers: int,
        alike: int | None = None,
        service: str | None = None,
        handler: str | None = None,
        cause: str | None = None,
        by: str = "",
        why: str = "",
        rate: float = 50.0,
        force: bool = False,
        limit: int = 10_000,
        dry_run: bool = True,
    ) -> RedriveReport:
        """Have dead letters tried again: these, those that failed as ``alike`` did, or those of a query.

        With ``dry_run``, which is the default, it only says what would be done. At most ``rate`` are
        answered a second, those of one key in their order and one after the other: the next one once
        the one before has succeeded. One that came back too often is left out, unless ``force``.
        """
        return self._portal.call(
            self._letters.redrive_many(
                *numbers,
                alike=alike,
                service=service,
                handler=handler,
                cause=cause,
                by=by,
                why=why,
                rate=rate,
                force=force,
                limit=limit,
                dry_run=dry_run,
            )
        )

    def discard_many(
        self,
        *numbers: int,
        why: str,
        alike: int | None = None,
        service: str | None = None,
        handler: str | None = None,
        cause: str | None = None,
        by: str = "",
        rate: float = 50.0,
        limit: int = 10_000,
        dry_run: bool = True,
    ) -> RedriveReport:
        """Give dead letters up, for a reason: these, those that failed as ``alike`` did, or those of a query.

        With ``dry_run``, which is the default, it only says what would be done.
        """
        return self._portal.call(
            self._letters.discard_many(
                *numbers,
                why=why,
                alike=alike,
                service=service,
                handler=handler,
                cause=cause,
                by=by,
                rate=rate,
                limit=limit,
                dry_run=dry_run,
            )
        )
