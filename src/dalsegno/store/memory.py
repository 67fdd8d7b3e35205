"""The store in memory: the oracle that every other store is compared with.

Nothing survives the process. It is the shortest telling of what the verbs mean: a group is applied to
the rows item by item, and what refuses does so before its first change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from dalsegno.core.clock import Clock
from dalsegno.core.commit import (
    Beat,
    Claim,
    Claimed,
    Commit,
    Committed,
    Done,
    EndSession,
    Failed,
    Fence,
    Loaded,
    OpenSession,
    Refused,
    Release,
    Rest,
    Retry,
    Send,
    Sent,
    SentHow,
    Session,
    Start,
    Started,
)
from dalsegno.core.entries import Delivery, Entry, Kind, Timer
from dalsegno.core.notes import LongAttempt
from dalsegno.core.runs import KILLS_ITS_WORKER, PARKED, Ending, Run, Status, ending_of
from dalsegno.core.writes import Verdict, Write
from dalsegno.store.protocol import DueRuns, RunQuery, StoreFacts
from dalsegno.store.rows import is_child, new_run
from dalsegno.store.verbs import for_session
from dalsegno.store.verbs.group import Standing
from dalsegno.store.verbs.sessions import is_same_session


class Rows(msgspec.Struct):
    """What hangs on one run."""

    run: Run
    queue: str
    entries: list[Entry] = []
    timers: dict[int, Timer] = {}
    inbox: dict[int, Delivery] = {}
    known: set[str] = set()


class MemoryStore:
    """Implements ``store.protocol.Store`` with dictionaries."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: dict[int, Rows] = {}
        self._ids: dict[tuple[str, str], int] = {}
        self._sessions: dict[int, Session] = {}
        self._released: set[int] = set()
        self._abilities: set[tuple[str, str, int]] = set()
        self._attempts: dict[int, tuple[LongAttempt, ...]] = {}
        self._mark = 0

    @property
    def address(self) -> str:
        return "memory:"

    def now(self) -> int:
        return self._clock.now()

    def lease_now(self) -> int:
        return self._clock.boot()

    async def open(self) -> None:
        return None

    async def close(self) -> None:
        return None

    # -- writing

    async def write(self, group: Sequence[Write], fence: Fence | None = None) -> list[Verdict]:
        return self.apply(group, fence)

    def apply(self, group: Sequence[Write], fence: Fence | None = None) -> list[Verdict]:
        """Write a group without awaiting; ``write`` for whoever has no loop."""
        self._mark += 1
        standing = Standing.HELD if fence is None else self._hold(fence)
        session = fence.session if fence is not None and standing is not Standing.LOST else None
        return [self._item(for_session(item, session), standing) for item in group]

    def _item(self, item: Write, standing: Standing) -> Verdict:
        if standing is Standing.LOST and isinstance(item, Commit | Claim):
            return Refused.FENCED
        if standing is Standing.LANDED and (verdict := self._landed(item)) is not None:
            return verdict
        verbs: dict[type, Callable[[Any], Verdict]] = {
            Start: self._start,
            Send: self._send,
            Commit: self._commit,
            Claim: self._claim,
            OpenSession: self._open_session,
            Beat: self._beat,
            EndSession: self._end_session,
            Release: self._release,
            Retry: self._retry,
        }
        try:
            return verbs[type(item)](item)
        except Exception as error:
            return Failed(error)

    def _hold(self, fence: Fence) -> Standing:
        session = self._sessions.get(fence.session)
        if session is None or session.fenced_at is not None:
            return Standing.LOST
        if session.commits == fence.commits - 1:
            until = self.lease_now() + fence.lease
            self._sessions[fence.session] = replace(
                session, commits=fence.commits, lease_until=until, loop_turn_at=fence.loop_turn_at
            )
            return Standing.HELD
        return Standing.LANDED if session.commits == fence.commits else Standing.LOST

    def _landed(self, item: Write) -> Verdict | None:
        """Answer again for what landed when its reply was lost; None if it is to be written after all."""
        if isinstance(item, Claim):
            owned = sorted((rows.run for rows in self._owned(item.session)), key=lambda run: run.number)
            return Claimed(tuple(owned), tuple((run.number, run.wakes) for run in owned), self.now())
        rows = self._rows.get(item.run) if isinstance(item, Commit) else None
        if rows is None or not isinstance(item, Commit) or rows.run.turn != item.turn:
            return None
        if item.entries:
            found = (e.at for e in rows.entries if e.position == item.entries[0].position)
            return next(map(Committed, found), None)
        at_rest = item.rest is not None and rows.run.session is None
        return Committed(rows.run.changed_at) if at_rest else None

    def _commit(self, item: Commit) -> Verdict:
        at = max(self.now(), item.floor)
        rows = self._rows.get(item.run)
        if any(self._foreign(start, item) for start in item.starts):
            return Refused.CHILD_EXISTS
        if any(start.number in self._rows for start in item.starts if not self._known(start)):
            return Refused.NUMBER_TAKEN
        if rows is None or (rows.run.session, rows.run.turn) != (item.session, item.turn):
            return Refused.STALE
        if item.rest is not None and rows.run.wakes != item.rest.wakes:
            return Refused.MISSED
        known = {entry.position for entry in rows.entries}
        if len(known | {e.position for e in item.entries}) < len(known) + len(item.entries):
            raise ValueError(f"run {item.run} has an entry in that place: an entry never changes")
        for start in item.starts:
            self._start(start)
        rows.entries += [replace(entry, at=at) for entry in item.entries]
        rows.timers |= {timer.op: timer for timer in item.timers}
        for op in item.dropped:
            rows.timers.pop(op, None)
        for number in item.consumed:
            rows.inbox.pop(number, None)
        self._rest(rows, item, item.rest, at)
        for send in item.sends:
            self._send(send)
        return Committed(at)

    def _rest(self, rows: Rows, item: Commit, rest: Rest | None, at: int) -> None:
        if rest is None:
            if item.reason is not None:
                rows.run = replace(rows.run, reason=item.reason or None, notes=item.notes, changed_at=at)
            if item.clear_crashes:
                rows.run = replace(rows.run, crashes=0)
            return
        shared: dict[str, Any] = {
            "status": rest.status,
            "reason": rest.reason,
            "changed_at": at,
            "session": None,
            "crashes": 0,
        }
        if rest.status.ended:
            rows.timers.clear()
            shared |= {"output": rest.output, "output_codec": rest.output_codec, "error": rest.error}
            rows.run = replace(rows.run, **shared, notes=None, due_at=None, ended_at=at)
        else:
            rows.run = replace(rows.run, **shared, due_at=rest.due_at, error=rest.error, notes=rest.notes)

    def _foreign(self, start: Start, item: Commit) -> bool:
        number = self._ids.get((start.namespace, start.id))
        return number is not None and not is_child(self._rows[number].run, item.run, start)

    def _known(self, start: Start) -> bool:
        return (start.namespace, start.id) in self._ids

    def _start(self, item: Start) -> Verdict:
        number = self._ids.get((item.namespace, item.id))
        if number is not None:
            return Started(False, self._rows[number].run)
        if item.number in self._rows:
            return Refused.NUMBER_TAKEN
        now = self.now()
        run = new_run(item, now)
        self._rows[item.number] = Rows(run, item.queue)
        self._ids[item.namespace, item.id] = item.number
        return Started(True, run)

    def _send(self, item: Send) -> Sent:
        number = item.run if item.run is not None else self._ids.get((item.namespace, item.run_id))
        rows = None if number is None else self._rows.get(number)
        if rows is None:
            return Sent(SentHow.UNKNOWN)
        run, now = rows.run, self.now()
        if item.id is not None and item.id in rows.known:
            return Sent(SentHow.REPEATED, run.number, run.status)
        if run.status.ended:
            return Sent(SentHow.ENDED, run.number, run.status)
        due: int | None = run.due_at if run.due_at is not None and run.due_at < now else now
        if (run.reason or "").startswith(PARKED) and not item.release:
            due = run.due_at
        rows.run = replace(run, wakes=run.wakes + 1, due_at=due)
        rows.inbox[run.wakes + 1] = Delivery(
            number=run.wakes + 1,
            kind=item.kind,
            name=item.name,
            id=item.id,
            source=item.source,
            op=item.op,
            outcome=item.outcome,
            codec=item.codec,
            data=item.data,
            accepted_at=now,
        )
        if item.id is not None:
            rows.known.add(item.id)
        return Sent(SentHow.ACCEPTED, run.number, run.status)

    def _retry(self, item: Retry) -> Sent:
        number = self._ids.get((item.namespace, item.run_id))
        if number is None:
            return Sent(SentHow.UNKNOWN)
        rows = self._rows[number]
        if not rows.run.parked:
            return Sent(SentHow.NOT_PARKED, number, rows.run.status)
        self._send(Send(kind=Kind.HOLD, run=number, source=item.source, release=True))
        rows.run = replace(rows.run, due_at=self.now(), crashes=0, changed_at=self.now())
        return Sent(SentHow.ACCEPTED, number, rows.run.status)

    def _claim(self, item: Claim) -> Claimed:
        owned = [rows.run for rows in self._owned(item.session)] if item.recall else []
        due = sorted(
            (rows for rows in self._rows.values() if self._claimable(rows, item)),
            key=lambda rows: (rows.run.due_at, rows.run.number),
        )
        calm = [rows for rows in due if rows.run.crashes < item.suspect_after][: item.limit]
        suspects = [rows for rows in due if rows.run.crashes >= item.suspect_after][: item.suspects]
        claimed = [self._take(rows, item.session) for rows in (*calm, *suspects)]
        news = {}
        for rows in self._rows.values():
            run = rows.run
            if run.session == item.session and run.due_at is not None:
                rows.run = replace(run, due_at=None)
                news[run.number] = run.wakes
        news |= {run.number: run.wakes for run in owned}
        claimed = sorted([*owned, *claimed], key=lambda run: run.number)
        return Claimed(tuple(claimed), tuple(news.items()), self.now())

    def _claimable(self, rows: Rows, item: Claim) -> bool:
        run = rows.run
        able = (run.workflow, run.version, item.session) in self._abilities
        due = run.due_at is not None and run.due_at <= self.now()
        return able and due and run.session is None and rows.queue == item.queue

    def _take(self, rows: Rows, session: int) -> Run:
        run, now = rows.run, self.now()
        rows.run = replace(
            run,
            session=session,
            turn=run.turn + 1,
            status=Status.RUNNING,
            due_at=None,
            changed_at=now,
            started_at=now if run.started_at is None else run.started_at,
            reason=None if (run.reason or "").startswith(PARKED) else run.reason,
        )
        return rows.run

    def _open_session(self, item: OpenSession) -> Verdict:
        if item.number in self._sessions:
            same = is_same_session(self._sessions[item.number], item)
            return Done(1) if same else Refused.NUMBER_TAKEN
        names = (
            "number",
            "pid",
            "pid_start",
            "pid_namespace",
            "boot_id",
            "host",
            "python",
            "program",
            "lease",
        )
        until = self.lease_now() + item.lease
        self._sessions[item.number] = Session(
            **{name: getattr(item, name) for name in names},
            lease_until=until,
            commits=0,
            loop_turn_at=self.lease_now(),
            opened_at=self.now(),
            fenced_at=None,
        )
        self._abilities |= {(workflow, version, item.number) for workflow, version in item.abilities}
        return Done(1)

    def _beat(self, item: Beat) -> Verdict:
        session = self._sessions.get(item.session)
        if session is None or session.fenced_at is not None:
            return Refused.FENCED
        until = self.lease_now() + item.lease
        self._sessions[item.session] = replace(session, lease_until=until, loop_turn_at=item.loop_turn_at)
        if item.attempts is not None:
            self._attempts[item.session] = item.attempts
        return Done(1)

    def _end_session(self, item: EndSession) -> Done:
        session = self._sessions.get(item.number)
        if session is None or session.fenced_at is not None:
            return Done(0)
        if item.expired_only and session.lease_until >= self.lease_now():
            return Done(0)
        self._sessions[item.number] = replace(session, fenced_at=self.now())
        self._attempts.pop(item.number, None)
        self._abilities = {ability for ability in self._abilities if ability[2] != item.number}
        if item.goodbye:
            for rows in self._owned(item.number):
                self._hand_on(rows, crashed=0, max_crashes=1)
            self._released.add(item.number)
        return Done(1)

    def _release(self, item: Release) -> Done:
        left = item.limit
        for _, session in sorted(self._sessions.items()):
            if session.fenced_at is None or session.number in self._released:
                continue
            owned = self._owned(session.number)
            for rows in owned[:left]:
                self._hand_on(rows, crashed=1, max_crashes=item.max_crashes)
            if len(owned) < left:
                self._released.add(session.number)
            left -= min(left, len(owned))
        return Done(item.limit - left)

    def _owned(self, session: int) -> list[Rows]:
        owned = (rows for rows in self._rows.values() if rows.run.session == session)
        return sorted(owned, key=lambda rows: rows.run.number)

    def _hand_on(self, rows: Rows, *, crashed: int, max_crashes: int) -> None:
        crashes = rows.run.crashes + crashed
        rows.run = replace(rows.run, session=None, crashes=crashes, due_at=self.now(), changed_at=self.now())
        if crashed and crashes > max_crashes:
            rows.run = replace(rows.run, due_at=None, status=Status.WAITING, reason=KILLS_ITS_WORKER)

    # -- reading

    async def load(self, numbers: Sequence[int]) -> Mapping[int, Loaded]:
        return {number: self._loaded(self._rows.get(number)) for number in numbers}

    def _loaded(self, rows: Rows | None) -> Loaded:
        if rows is None:
            return Loaded((), (), ())
        timers = sorted(rows.timers.values(), key=lambda timer: (timer.due_at, timer.op))
        return Loaded(tuple(rows.entries), tuple(rows.inbox.values()), tuple(timers))

    async def inbox(self, numbers: Sequence[int]) -> Mapping[int, tuple[Delivery, ...]]:
        return {number: self._loaded(self._rows.get(number)).inbox for number in numbers}

    async def find(self, namespace: str, run_id: str) -> Run | None:
        number = self._ids.get((namespace, run_id))
        return None if number is None else self._rows[number].run

    async def ending(self, namespace: str, run_id: str) -> Ending | None:
        run = await self.find(namespace, run_id)
        return None if run is None else ending_of(run)

    async def endings(self, numbers: Sequence[int]) -> list[Ending]:
        found = (self._rows[number].run for number in numbers if number in self._rows)
        return [ending_of(run) for run in found if run.status.ended]

    async def get(self, number: int) -> Run | None:
        rows = self._rows.get(number)
        return None if rows is None else rows.run

    async def runs(self, query: RunQuery) -> list[Run]:
        found = (rows.run for rows in self._rows.values())
        listed = sorted((run for run in found if _listed(run, query)), key=lambda run: -run.number)
        return listed[: query.limit]

    async def journal(self, number: int, after: int = 0, limit: int = 1_000_000) -> list[Entry]:
        rows = self._rows.get(number)
        return [] if rows is None else [e for e in rows.entries if e.position > after][:limit]

    async def timers(self, number: int) -> list[Timer]:
        return list(self._loaded(self._rows.get(number)).timers)

    async def attempts(self, number: int) -> list[LongAttempt]:
        rows = self._rows.get(number)
        reported = self._attempts.get(rows.run.session or 0, ()) if rows is not None else ()
        mine = (attempt for attempt in reported if attempt.run == number)
        return sorted(mine, key=lambda attempt: (attempt.began_at, attempt.op))

    async def counts(self, namespace: str) -> dict[str, int]:
        counts: dict[str, int] = {}
        for rows in self._rows.values():
            if rows.run.namespace == namespace:
                counts[rows.run.status.value] = counts.get(rows.run.status.value, 0) + 1
        return counts

    async def sessions(self, *, live: bool = True) -> list[Session]:
        return [s for _, s in sorted(self._sessions.items()) if not live or s.fenced_at is None]

    async def abilities(self) -> set[tuple[str, str, int]]:
        return set(self._abilities)

    async def next_due(self, queue: str, after: int = 0) -> int | None:
        return min(
            (
                rows.run.due_at
                for rows in self._rows.values()
                if rows.run.due_at is not None
                and rows.run.due_at > after
                and rows.run.session is None
                and rows.queue == queue
            ),
            default=None,
        )

    async def due(self) -> list[DueRuns]:
        now = self.now()
        groups: dict[tuple[str, str, str], list[int]] = {}
        for rows in self._rows.values():
            run = rows.run
            if run.session is None and run.due_at is not None and run.due_at <= now:
                groups.setdefault((rows.queue, run.workflow, run.version), []).append(run.due_at)
        found = [DueRuns(*key, len(due), min(due)) for key, due in groups.items()]
        return sorted(found, key=lambda group: group.oldest)

    async def facts(self) -> StoreFacts:
        return StoreFacts(kind="memory", library="memory of this process")

    async def check(self) -> list[str]:
        return []

    def holder(self) -> int | None:
        return None

    async def anything_to_release(self) -> bool:
        ended = (s.number for s in self._sessions.values() if s.fenced_at is not None)
        return any(number not in self._released for number in ended)

    async def anything_due(self, session: int, queue: str) -> bool:
        wanted = Claim(session, queue, 1)
        return any(
            self._claimable(rows, wanted) or (rows.run.session == session and rows.run.due_at is not None)
            for rows in self._rows.values()
        )

    def change_mark(self) -> int:
        return self._mark


def _listed(run: Run, query: RunQuery) -> bool:
    return (
        run.namespace == query.namespace
        and (not query.statuses or run.status.value in query.statuses)
        and (query.workflow is None or run.workflow == query.workflow)
        and (query.id_prefix is None or run.id.startswith(query.id_prefix))
        and (query.reason is None or (run.reason or "").startswith(query.reason))
        and (query.case_id is None or run.case_id == query.case_id)
        and (query.parent is None or run.parent == query.parent)
        and (query.before is None or run.number < query.before)
    )
