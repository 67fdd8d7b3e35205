"""Events as a program sees them: one line of the log, what came of it, and what it led to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from dalsegno.core.clock import SECOND, to_datetime
from dalsegno.core.codec import JSON
from dalsegno.core.event import Event
from dalsegno.core.reactions import HandlerRow, ReactedAs
from dalsegno.core.runs import Run
from dalsegno.core.stamps import Stamped, read_stamp
from dalsegno.events.outside import source_of
from dalsegno.store.log import ReactionRow


@dataclass(frozen=True, slots=True)
class StampInfo:
    """What an event carries of its case's state, in so many ``bytes``; of a case, what its events know together.

    ``state`` is open, ended or cancelled as far as the event knew, ``end`` the type that closed it.
    ``parts`` are what services have added, by their names.
    """

    bytes: int
    process: str
    state: str
    started_at: datetime | None
    end: str | None
    ended_at: datetime | None
    parts: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class EventInfo:
    """One line of the log.

    ``id`` is the one that it came with, or its number. ``at`` is when it was accepted, ``happened_at``
    when it happened as far as whoever emitted it said. ``data`` is its payload as plain JSON values,
    ``more`` what else its CloudEvent said. ``only`` names the service that it was brought in for. ``stamp``
    is what it carries of its case's state, where that is known by stamps.
    """

    number: int
    type: str
    version: int
    source: str
    id: str
    key: str | None
    case_id: str | None
    cause: int | None
    hops: int
    traceparent: str | None
    at: datetime
    happened_at: datetime
    data: Any
    more: Mapping[str, Any]
    only: str | None
    stamp: StampInfo | None = None


@dataclass(frozen=True, slots=True)
class ReactionInfo:
    """What came of an event for one handler.

    ``outcome`` is done, filtered (the handler's own filter left it out), stale (it came too late for
    the state of its key), cancelled (its case was, before) or run: then it went on as ``run``, which is
    in ``status`` for ``reason``. ``took`` is in seconds; ``generation`` counts the replays of the service.
    """

    service: str
    handler: str
    outcome: str
    at: datetime
    took: float
    generation: int
    run: str | None = None
    status: str | None = None
    reason: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class EventStory:
    """An event, who emitted it (``run``), what came of it, and the events that it led to.

    ``partial`` says that there may be more of these than were looked for.
    """

    event: EventInfo
    run: str | None
    reactions: tuple[ReactionInfo, ...]
    followed: tuple[EventInfo, ...]
    partial: bool


def info_of(event: Event) -> EventInfo:
    """Show a row of the log."""
    more = {} if event.extra is None else msgspec.json.decode(event.extra)
    more |= more.pop("extensions", {})
    stamp = None if event.stamp is None else read_stamp(event.stamp)
    if stamp is not None:
        del more["stamp"]
    return EventInfo(
        number=event.number,
        type=event.type,
        version=event.version,
        source=event.source
        if event.id is not None and event.source
        else source_of(event.namespace, event.source),
        id=event.id if event.id is not None else str(event.number),
        key=event.key,
        case_id=event.case_id,
        cause=event.cause,
        hops=event.hops,
        traceparent=event.traceparent,
        at=to_datetime(event.at),
        happened_at=to_datetime(event.happened_at),
        data=data_of(event),
        only=more.pop("only", None),
        more=more,
        stamp=None if stamp is None else stamp_info(stamp, event.stamp),
    )


def stamp_info(stamp: Stamped, text: str | None = None) -> StampInfo:
    """Show a stamp, which was read from this text."""
    data = msgspec.json.encode(stamp)
    return StampInfo(
        bytes=len(data if text is None else text.encode()),
        process=stamp.process,
        state=stamp.state,
        started_at=None if stamp.began is None else to_datetime(stamp.began),
        end=stamp.end,
        ended_at=None if stamp.ended is None else to_datetime(stamp.ended),
        parts=msgspec.json.decode(data).get("parts", {}),
    )


def reaction_info(row: ReactionRow, title: tuple[str, HandlerRow], run: Run | None) -> ReactionInfo:
    """Show a row of reactions, of that service's handler; ``run`` is what it became, if it did."""
    service, handler = title
    return ReactionInfo(
        service=service,
        handler=handler.name,
        outcome=ReactedAs(row.outcome).name.lower(),
        at=to_datetime(row.at),
        took=row.took / SECOND,
        generation=row.generation,
        run=None if run is None else run.id,
        status=None if run is None else run.status.value,
        reason=None if run is None else run.reason,
        note=row.note,
    )


def data_of(event: Event) -> Any:
    """Read an event's payload as plain values; one of another codec is its bytes."""
    if event.data is None or event.codec != JSON:
        return event.data
    return msgspec.json.decode(event.data)
