"""What one advance of a run produced, as the one commit that it becomes."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from dalsegno.core.commit import Commit, Kept, Rest, Send, Start
from dalsegno.core.entries import Entry
from dalsegno.core.event import NewEvent
from dalsegno.core.notes import encode
from dalsegno.core.runs import DEAD_LETTER
from dalsegno.core.sourcing import Conflict, Expect
from dalsegno.engine.definitions import REACTION
from dalsegno.engine.live import LiveRun
from dalsegno.engine.notes import notes_of
from dalsegno.errors import VersionConflict


def commit_of(
    live: LiveRun,
    session: int,
    entries: list[Entry],
    consumed: list[int],
    starts: list[Start],
    sends: list[Send],
    rest: Rest | None,
) -> Commit:
    """Make the commit; its entries get their positions."""
    for position, entry in enumerate(entries, live.position + 1):
        entry.position = position
    ends = rest is not None and rest.status.ended
    shown = (live.execution.reason, live.execution.undone)
    explains = rest is None and shown != live.shown
    commit = Commit(
        run=live.number,
        session=session,
        turn=live.turn,
        floor=live.floor(entries),
        entries=tuple(entries),
        timers=() if ends or not (live.due or live.retries) else live.new_timers(),
        dropped=() if ends or not live.stored else live.stale_timers(),
        consumed=tuple(consumed),
        starts=tuple(starts),
        sends=tuple(sends),
        rest=rest,
        reason=(shown[0] or "") if explains else None,
        notes=encode(notes_of(live)) if explains else None,
        clear_crashes=live.run.crashes > 0 and bool(entries),
        laned=live.run.cause is not None and rest is not None,
    )
    return commit if live.execution.outbox is None else _with_outbox(commit, live, entries)


def _with_outbox(commit: Commit, live: LiveRun, entries: Sequence[Entry]) -> Commit:
    """Add what concerns events."""
    outbox = live.execution.outbox
    assert outbox is not None
    rest = commit.rest
    emitted = [one for entry in entries for one in outbox.emitted.get(entry.op, ())]
    return replace(
        commit,
        events=tuple(addressed(one, live) for one in emitted if isinstance(one, NewEvent)),
        kept=tuple(one for one in emitted if isinstance(one, Kept)),
        expects=tuple(one for one in emitted if isinstance(one, Expect)),
        subscribes=tuple(outbox.subscribes) if rest is None or not rest.status.ended else (),
        unsubscribes=outbox.subscribed and rest is not None and rest.status.ended,
        dead=outbox.dead if rest is not None and rest.reason == DEAD_LETTER else None,
    )


def with_step(
    commit: Commit, live: LiveRun, data: bytes, emitted: Sequence[NewEvent | Kept | Expect]
) -> Commit:
    """Complete the commit of a step that runs in its transaction: with its result, and what its body emitted."""
    (entry,) = commit.entries
    events = tuple(addressed(one, live) for one in emitted if isinstance(one, NewEvent))
    kept = tuple(one for one in emitted if isinstance(one, Kept))
    expects = tuple(one for one in emitted if isinstance(one, Expect))
    return replace(
        commit,
        entries=(replace(entry, data=data),),
        events=commit.events + events,
        kept=commit.kept + kept,
        expects=commit.expects + expects,
    )


def addressed(event: NewEvent, live: LiveRun) -> NewEvent:
    """Say of an event who emitted it, and to what it belongs: a run without a case is one of its own.

    The reaction of a plain function is not, so that its events are the same whether it failed before or not.
    """
    run = live.run
    own = None if live.workflow.model == REACTION else run.id
    return replace(
        event,
        namespace=run.namespace,
        source=event.source or run.workflow,
        case_id=event.case_id or run.case_id or own,
        cause=run.cause,
        run=run.number,
        traceparent=event.traceparent or run.traceparent,
        extra=event.extra or live.execution.extra,
    )


def version_conflict(verdict: Conflict) -> VersionConflict:
    """Make the error of what was decided by events that are not the last ones any more."""
    expect = verdict.expect
    return VersionConflict(
        f"{expect.name} {expect.key} has version {verdict.actual}, and version {expect.version} was expected.",
        "Others have changed it since it was loaded; nothing of the command was written.",
        "Load it and decide again: retry= does that.",
        aggregate=expect.name,
        key=expect.key,
        expected=expect.version,
        actual=verdict.actual,
    )


def written(live: LiveRun, commit: Commit) -> None:
    """Note that what concerns events is durable."""
    outbox = live.execution.outbox
    if outbox is not None:
        del outbox.subscribes[: len(commit.subscribes)]
        for entry in commit.entries:
            outbox.emitted.pop(entry.op, None)
