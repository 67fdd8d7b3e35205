"""The store itself: groups, and the commits in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from dalsegno.core.alerts import Seen, Tally, Tell, Watch
from dalsegno.core.cases import RebuildCases, RegisterProcesses
from dalsegno.core.commit import (
    Beat,
    Claim,
    Claimed,
    Commit,
    Committed,
    Done,
    Emit,
    EndSession,
    Failed,
    Fence,
    OpenSession,
    Refused,
    Release,
    Rest,
    Retry,
    Send,
    Start,
)
from dalsegno.core.reactions import (
    Forget,
    GivePartitions,
    React,
    Register,
    SteerService,
    Taken,
    TakePartitions,
)
from dalsegno.core.schemas import RegisterSchemas
from dalsegno.core.sourcing import Clear, Project, Serve, Snapshot, Source
from dalsegno.core.transact import RolledBack, Transact, Transacted, refuses
from dalsegno.core.writes import OWNED, Verdict, Write
from dalsegno.errors import NoTransactions
from dalsegno.store.memory.alerts import AlertVerbs
from dalsegno.store.memory.case_reads import CaseReads
from dalsegno.store.memory.dead_letters import DeadLetterVerbs
from dalsegno.store.memory.figures import FigureReads
from dalsegno.store.memory.reads import RunReads
from dalsegno.store.memory.schemas import SchemaVerbs
from dalsegno.store.memory.sourcing import SourcingVerbs
from dalsegno.store.memory.tables import Rows
from dalsegno.store.rows import is_child
from dalsegno.store.verbs import for_session
from dalsegno.store.verbs.group import Standing


class MemoryStore(DeadLetterVerbs, SourcingVerbs, SchemaVerbs, AlertVerbs, FigureReads, RunReads, CaseReads):
    """Implements ``store.protocol.Store`` with dictionaries."""

    @property
    def address(self) -> str:
        return "memory:"

    async def open(self) -> None:
        return None

    async def close(self) -> None:
        return None

    async def write(self, group: Sequence[Write], fence: Fence | None = None) -> list[Verdict]:
        return self.apply(group, fence)

    def apply(self, group: Sequence[Write], fence: Fence | None = None) -> list[Verdict]:
        """Write a group without awaiting; ``write`` for whoever has no loop."""
        self._mark += 1
        if group and isinstance(group[0], Transact):
            return [self._transact(group[0], fence)]
        standing = Standing.HELD if fence is None else self._hold(fence)
        session = fence.session if fence is not None and standing is not Standing.LOST else None
        verdicts = [self._item(for_session(item, session), standing) for item in group]
        self._append()
        return verdicts

    def _transact(self, item: Transact, fence: Fence | None) -> Verdict:
        """Run user code in place, with tables of its own; what it returns is written at once with its rows."""
        if item.once:
            return RolledBack(
                NoTransactions(
                    f"The store memory: has no transaction for {item.what}.",
                    "It runs in place: nothing can be held open in it while other code goes on.",
                    "Use a file, such as sqlite:///orders.db; a test's may lie in its temporary folder.",
                )
            )
        if item.tried is not None and not self._held(fence):
            return Refused.FENCED
        if item.tried is not None and self._landed(item.tried.items[-1]) is not None:
            return item.tried
        before: dict[str, Any] = {}

        def write(made: Write) -> Verdict:
            before.update(before or self._all())
            return self._item(for_session(made, None), Standing.HELD)

        with self._tables.transaction(item, write) as guest:
            try:
                made = item.work(guest)
                guest.check()
            except BaseException as error:  # whatever user code raises is its outcome
                vars(self).update(before)
                return RolledBack(error)
            before.update(before or self._all())
            if not self._held(fence):
                vars(self).update(before)
                return Refused.FENCED
            verdict = None if made is None else guest.write(made)
            if verdict is not None and refuses(verdict):
                vars(self).update(before)
                return verdict
            item.tried = Transacted(tuple(guest.items), tuple(guest.verdicts))
            guest.keep = True
        self._append()
        return item.tried

    def _held(self, fence: Fence | None) -> bool:
        """Hold the fence of a transaction, after the user's code has had its time."""
        return fence is None or self._beat(Beat(fence.session, fence.lease, fence.loop_turn_at)) == Done(1)

    def _item(self, item: Write, standing: Standing) -> Verdict:
        if standing is Standing.LOST and isinstance(item, OWNED):
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
            Emit: self._emit,
            Forget: self._forget,
            Register: self._register,
            TakePartitions: self._take_partitions,
            GivePartitions: self._give_partitions,
            React: self._react,
            SteerService: self._steer,
            Source: self._know_source,
            Snapshot: self._save_snapshot,
            Project: self._project,
            Serve: self._serve,
            Clear: self._clear,
            RegisterSchemas: self._register_schemas,
            RegisterProcesses: self._register_processes,
            RebuildCases: self._rebuild_cases,
            Watch: self._watch,
            Seen: self._see,
            Tell: self._tell_alert,
            Tally: self._tally,
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
        if isinstance(item, TakePartitions):
            return Taken(tuple(self._owned_partitions(item.service, item.session)))
        if isinstance(item, React):
            return self._landed_reaction(item)
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
        if (refusal := self._conflict(item.expects)) is not None:
            return refusal
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
        self._follow(item)
        return Committed(at)

    def _follow(self, item: Commit) -> None:
        """Do what concerns events: those that it emits, those that it waits for, the one that it came of."""
        self._emitted += [(event, None) for event in item.events]
        self._subscribe(item)
        if item.unsubscribes:
            self._rows[item.run].subscribed.clear()
        self._keep(item.kept)
        if item.laned or item.dead is not None:
            self._follow_reaction(item)

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
