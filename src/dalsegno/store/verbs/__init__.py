"""What each written item means, once for every SQL database.

A verb is a generator: it yields ``(statement, parameters)`` and is sent back the rows, or for a
statement without rows how many it changed (for a list of parameters: how many each changed); what it
returns is the verdict. Whoever drives it holds one open transaction, and decides between blocking
calls (SQLite) and awaited ones (PostgreSQL).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

from msgspec.structs import astuple, replace

from dalsegno.core.alerts import Seen, Tally, Tell, Watch
from dalsegno.core.cases import RebuildCases, RegisterProcesses
from dalsegno.core.commit import (
    Beat,
    Claim,
    Claimed,
    Commit,
    Committed,
    Emit,
    EndSession,
    Fence,
    OpenSession,
    Refused,
    Release,
    Retry,
    Send,
    Start,
)
from dalsegno.core.reactions import (
    Forget,
    GivePartitions,
    Partition,
    React,
    Register,
    SteerService,
    Taken,
    TakePartitions,
)
from dalsegno.core.schemas import RegisterSchemas
from dalsegno.core.sourcing import Clear, Project, Serve, Snapshot, Source
from dalsegno.core.writes import OWNED, Verdict, Write
from dalsegno.store.rows import run_of
from dalsegno.store.verbs import alerts, cases, commits, log, runs, schemas, services, sessions, sourcing
from dalsegno.store.verbs.group import Ask, Group, Standing, Verb


def write_group(
    items: Sequence[Write], fence: Fence | None, group: Group
) -> Generator[Ask, Any, list[Verdict]]:
    """Write a group; commits of a session that lost its fence are refused, the rest goes on."""
    standing = yield from hold(fence, group)
    held = standing is Standing.HELD
    verdicts: list[Verdict] = []
    # What most items are: one entry. These depend on nothing else in the group, so they go together, at its end.
    plain: list[int] = []
    rows: list[tuple[Any, ...]] = []
    for item in items:
        if held and type(item) is Commit and item.plain:
            at = max(group.wall, item.floor)
            plain.append(len(verdicts))
            rows.append((item.run, *astuple(item.entries[0])[:-1], at, item.session, item.turn))
            verdicts.append(Committed(at))
        else:
            verdicts.append((yield from write_item(item, fence, standing, group)))
    if rows:
        for place, written in zip(plain, (yield "insert_owned_entry", rows), strict=True):
            if not written:
                verdicts[place] = Refused.STALE
    yield from log.append(group)
    return verdicts


def for_session(item: Write, session: int | None) -> Write:
    """Return the item as this session may write it: a start for another one is left to be claimed."""
    if isinstance(item, Start) and item.session is not None and item.session != session:
        return replace(item, session=None)
    return item


def write_item(
    item: Write, fence: Fence | None, standing: Standing, group: Group
) -> Generator[Ask, Any, Verdict]:
    """Write one item of a group whose fence stands like this."""
    if standing is Standing.LOST and isinstance(item, OWNED):
        return Refused.FENCED
    verdict: Verdict | None = None
    if standing is Standing.LANDED:
        verdict = yield from landed(item, group)
    if verdict is None:
        session = fence.session if fence is not None and standing is not Standing.LOST else None
        verdict = yield from _VERBS[type(item)](for_session(item, session), group)
    return verdict


def hold(fence: Fence | None, group: Group) -> Generator[Ask, Any, Standing]:
    """Hold the fence of a group, if it has one, and tell how it stands."""
    if fence is None:
        return Standing.HELD
    until = group.lease + fence.lease
    renewed = yield (
        "renew",
        (fence.session, fence.commits, fence.commits - 1, until, fence.loop_turn_at),
    )
    if renewed:
        return Standing.HELD
    rows = yield "count_commits", (fence.session,)
    landed = bool(rows) and rows[0][0] == fence.commits and rows[0][1] is None
    return Standing.LANDED if landed else Standing.LOST


def landed(item: Write, group: Group) -> Verb:
    """Answer again for an item that landed, whose reply was lost; None if it is to be written after all.

    A claim tells of all runs that the session owns: its caller knows which of them it has.
    """
    if isinstance(item, Claim):
        owned = [run_of(row) for row in (yield "owned_runs", (item.session,))]
        return Claimed(tuple(owned), tuple((run.number, run.wakes) for run in owned), group.wall)
    if isinstance(item, TakePartitions):
        rows = yield "owned_partitions", (item.service, item.session)
        return Taken(tuple(Partition(*row) for row in rows))
    if isinstance(item, React):
        return (yield from services.landed(item, group))
    if isinstance(item, Commit):
        rows = yield "get_run", (item.run,)
        run = run_of(rows[0]) if rows else None
        if run is not None and run.turn == item.turn:
            if item.entries:
                rows = yield "entry_time", (item.run, item.entries[0].position)
                return Committed(rows[0][0]) if rows else None
            if item.rest is not None and run.session is None:
                return Committed(run.changed_at)
    return None


_VERBS: dict[type, Callable[[Any, Group], Verb]] = {
    Start: runs.start,
    Send: runs.send,
    Retry: runs.retry,
    Claim: runs.claim,
    Release: runs.release,
    Commit: commits.commit,
    OpenSession: sessions.open_session,
    Beat: sessions.beat,
    EndSession: sessions.end_session,
    Emit: log.emit,
    Forget: log.forget,
    Register: services.register,
    TakePartitions: services.take_partitions,
    GivePartitions: services.give_partitions,
    React: services.react,
    SteerService: services.steer,
    Source: sourcing.source,
    Snapshot: sourcing.snapshot,
    Project: sourcing.project,
    Serve: sourcing.serve,
    Clear: sourcing.clear,
    RegisterSchemas: schemas.register,
    RegisterProcesses: cases.register,
    RebuildCases: cases.rebuild,
    Watch: alerts.watch,
    Seen: alerts.see,
    Tell: alerts.tell,
    Tally: alerts.tally,
}
