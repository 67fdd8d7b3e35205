"""A run that is a reaction: to which event, of which handler, and what stands before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from dalsegno.client.standing import Awaited
from dalsegno.core.event import event_signal, hear
from dalsegno.core.reactions import DeadLetterRow
from dalsegno.core.runs import Run
from dalsegno.insight.roster import Roster
from dalsegno.store.log import lane_of
from dalsegno.store.protocol import Store

_EVENT = event_signal("")


@dataclass(frozen=True, slots=True)
class Reacts:
    """What a run reacts to.

    ``joins`` says that it brings several events together; ``letter`` is the dead letter that it is, or
    was; ``ahead`` the run that comes first in the order of its key, where that is another one.
    ``ordered`` says that the events of a key are put in order by a number that they carry, ``open_until``
    how long the handler's circuit is open.
    """

    service: str
    handler: str
    event: int
    key: str | None
    joins: bool
    letter: DeadLetterRow | None
    ahead: str | None
    ordered: bool = False
    open_until: int | None = None


async def read_reaction(store: Store, run: Run, roster: Roster) -> Reacts | None:
    """Read what a run reacts to; None for one that is no reaction."""
    room = roster.by_title.get(run.workflow)
    if run.cause is None or room is None:
        return None
    key = hear(run.input).key if run.input else None
    lane = await lane_of(store, room.service.number, key, run.number, run.cause)
    first = await store.get(lane[0]) if run.number in lane[1:] else None
    declared = msgspec.json.decode(room.declared)
    return Reacts(
        service=room.service.name,
        handler=room.handler.name,
        event=run.cause,
        key=key,
        joins=bool(declared.get("joins")),
        letter=await store.dead_letter_of(run.number),
        ahead=None if first is None else first.id,
        ordered=bool(declared.get("ordered")),
        open_until=room.handler.open_until,
    )


def event_names(waits: Sequence[Awaited]) -> list[str]:
    """Name the events that are waited for, where only such are."""
    names = [name for wait in waits if wait.kind == "signal" for name in wait.name.split(" | ")]
    if not all(name.startswith(_EVENT) for name in names):
        return []
    return [name.removeprefix(_EVENT) for name in names]
