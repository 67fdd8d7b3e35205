"""Transactions with user code in them: what is written last, and how a lost reply is told from a lost commit."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from dalsegno.core.commit import Commit, Committed, Emit, Emitted, Fence, Send, Sent, SentHow, Start, Started
from dalsegno.core.reactions import React
from dalsegno.core.transact import Transacted
from dalsegno.store.verbs import landed
from dalsegno.store.verbs.group import Ask, Group


def hold_late(fence: Fence, group: Group) -> Generator[Ask, Any, bool]:
    """Hold the fence, without counting: user code has had its time, and heartbeats went on beside it."""
    held = yield "beat", (fence.session, group.lease + fence.lease, fence.loop_turn_at)
    return bool(held)


def landed_all(tried: Transacted, group: Group) -> Generator[Ask, Any, bool | None]:
    """Tell whether what was about to be committed is there; None where nothing in it can tell."""
    for item, verdict in zip(tried.items, tried.verdicts, strict=True):
        match item, verdict:
            case ((Commit() | React()), Committed()):
                return (yield from landed(item, group)) is not None
            case Start(number=number), Started(created=True):
                return bool((yield "seek_number", (number,)))
            case Send(id=str(known_as)), Sent(how=SentHow.ACCEPTED, run=int(number)):
                return bool((yield "known_delivery", (number, known_as)))
            case Emit(events=(first, *_)), Emitted(repeated=0) if first.id is not None:
                return bool((yield "known_event", (first.namespace, first.source, first.id)))
    return None
