"""``where``, of runs: how far one has come, what it waits for, and why it does not move.

Everything comes from the store: the journal for the trail, the notes that the run's last commit left,
its inbox, and the workers' sessions. No code of the workflow is needed.
"""

from __future__ import annotations

from datetime import datetime

from dalsegno.client.standing import Awaited, Because, Doing, Fact, Kept, Mark, Reason, Standing, Why
from dalsegno.core import notes
from dalsegno.core.clock import to_datetime
from dalsegno.core.entries import Kind, Timer
from dalsegno.core.notes import Notes, Wait
from dalsegno.core.runs import Run, Status
from dalsegno.insight.causes import causes
from dalsegno.insight.proposals import store_commands
from dalsegno.insight.reacts import Reacts, read_reaction
from dalsegno.insight.reasons import Facts, shut
from dalsegno.insight.roster import Roster, read_roster
from dalsegno.insight.trail import Marks, condensed, trouble
from dalsegno.insight.workers import Workers
from dalsegno.store.protocol import Store

_PAGE = 200  # entries that are read at once
_TRAIL = 60  # marks that are shown
_DEPTH = 3  # of children of children
_CHILDREN = 5  # that are looked up


async def read_trail(store: Store, run: int) -> tuple[Mark, ...]:
    """Return the marks of a run's trail."""
    made, found, after = Marks(), [], 0
    more = True
    while more:
        entries = await store.journal(run, after, _PAGE)
        found += [made.mark(entry) for entry in entries]
        more = len(entries) == _PAGE
        after = entries[-1].position if more else after
    return tuple(condensed(found))


class Look:
    """One look at a store, however many runs are asked about.

    Its workers and its lock are read once, what is registered again only where somebody has written meanwhile.
    """

    def __init__(
        self,
        store: Store,
        workers: Workers,
        holder: int | None,
        trail: int = _TRAIL,
        *,
        full: bool = False,
    ) -> None:
        self._store = store
        self.workers = workers
        self._holder = holder
        self._full = full
        self._trail = trail
        self._rosters: dict[str, Roster] = {}

    async def roster(self, namespace: str) -> Roster:
        """Read what is registered in a namespace."""
        known = self._rosters.get(namespace)
        if known is None or known.mark != self._store.change_mark():
            known = self._rosters[namespace] = await read_roster(self._store, namespace)
        return known

    def shut(self) -> Because | None:
        """Say what keeps everybody from writing, if something does."""
        found = shut(self._full, self._holder, self.workers)
        if found is None:
            return None
        held = found.kind is Reason.STORE_HELD
        told: dict[str, Fact] = {"pid": self._holder} if held else {}
        return Because(found.kind, found.text, "", told, store_commands(found.kind, self._holder))

    async def standing(self, run: Run, depth: int = 0) -> Standing:
        """Tell where one run stands."""
        told = notes.decode(run.notes)
        tells = run.status in (Status.PENDING, Status.RUNNING)  # its journal says what it waits for
        marks = () if depth and not tells else await read_trail(self._store, run.number)
        waits = await self._waits(run, told, marks, depth)
        earlier = max(0, len(marks) - self._trail)
        earlier, trail = (0, ()) if depth else (earlier, marks[earlier:])
        facts = Facts(
            run=run,
            now=self._store.now(),
            workers=self.workers,
            holder=self._holder,
            doing=await self._doing(run),
            waits=waits,
            undone=told.undone,
            to_undo=told.to_undo,
            error=trouble(run.error),
            full=self._full,
            reacts=await self._reacts(run),
        )
        return await self._standing(facts, told, earlier, trail, depth)

    async def _reacts(self, run: Run) -> Reacts | None:
        if run.status.ended or run.cause is None:
            return None
        return await read_reaction(self._store, run, await self.roster(run.namespace))

    async def _standing(
        self, facts: Facts, told: Notes, earlier: int, trail: tuple[Mark, ...], depth: int
    ) -> Standing:
        run, reasons = facts.run, await self._reasons(facts, depth)
        parent = None if run.parent is None else await self._store.get(run.parent)
        return Standing(
            id=run.id,
            workflow=run.workflow,
            version=run.version,
            status=run.status.value,
            reason=run.reason,
            why=Why(reasons[0].kind, reasons[0].text),
            at=to_datetime(facts.now),
            since=to_datetime(run.changed_at),
            created_at=to_datetime(run.created_at),
            started_at=_moment(run.started_at),
            ended_at=_moment(run.ended_at),
            due_at=_moment(run.due_at),
            case_id=run.case_id,
            parent=None if parent is None else parent.id,
            worker=facts.owner,
            error=facts.error,
            earlier=earlier,
            trail=trail,
            doing=tuple(facts.doing),
            waits=tuple(facts.waits),
            kept=await self._kept(run),
            undone=told.undone,
            to_undo=told.to_undo,
            crashes=run.crashes,
            line=told.line,
            next=reasons[0].next,
            reasons=reasons,
        )

    async def _reasons(self, facts: Facts, depth: int) -> tuple[Because, ...]:
        """Return what holds a run; one that stands behind another is held by what holds that one."""
        reasons = causes(facts)
        ahead = None if facts.reacts is None else facts.reacts.ahead
        if reasons[0].kind is not Reason.BLOCKED or ahead is None or depth >= _DEPTH:
            return reasons
        first = await self._store.find(facts.run.namespace, ahead)
        if first is None or first.status.ended:
            return reasons
        return (*reasons, *(await self.standing(first, depth + 1)).reasons)

    async def _waits(self, run: Run, told: Notes, trail: tuple[Mark, ...], depth: int) -> tuple[Awaited, ...]:
        if run.status.ended:
            return ()
        if run.status is Status.PENDING:
            return _first_retry(run, trail)
        if run.status is not Status.WAITING:  # claimed since: its notes are those of an earlier rest
            return tuple(_timer(timer, run, trail) for timer in await self._store.timers(run.number))
        children = [wait.detail for wait in told.waits if wait.kind == "child"][:_CHILDREN]
        stands = {name: await self._child(run, name, depth + 1) for name in children if depth < _DEPTH}
        return tuple(_awaited(wait, stands.get(wait.detail)) for wait in told.waits)

    async def _child(self, parent: Run, id: str, depth: int) -> Standing | None:
        run = await self._store.find(parent.namespace, id)
        return None if run is None else await self.standing(run, depth)

    async def _doing(self, run: Run) -> tuple[Doing, ...]:
        if run.session is None:
            return ()
        reported = await self._store.attempts(run.number)
        return tuple(Doing(a.name, a.op, a.attempt, a.of, to_datetime(a.began_at)) for a in reported)

    async def _kept(self, run: Run) -> tuple[Kept, ...]:
        inbox = (await self._store.inbox([run.number])).get(run.number, ())
        return tuple(
            Kept(
                "answer" if d.kind is Kind.HOLD else d.kind.name.lower(),
                d.name,
                d.source,
                to_datetime(d.accepted_at),
            )
            for d in inbox
        )


def _awaited(wait: Wait, child: Standing | None) -> Awaited:
    return Awaited(
        kind=wait.kind,
        name=wait.name,
        op=wait.op,
        since=to_datetime(wait.since),
        due_at=_moment(wait.due_at),
        attempt=wait.attempt,
        of=wait.of,
        detail=wait.detail,
        run=child if wait.kind == "child" else None,
    )


def _timer(timer: Timer, run: Run, trail: tuple[Mark, ...]) -> Awaited:
    """What a run under way waits for beside its steps, so far as its timers and its trail tell."""
    due, since = to_datetime(timer.due_at), to_datetime(run.changed_at)
    failed = [mark for mark in trail if mark.kind == "attempt" and mark.op == timer.op]
    if not timer.retry or not failed:  # an event, or a step, may be held back before it was ever tried
        return Awaited("held" if timer.retry else "timer", "timer", timer.op, since, due)
    last = failed[-1]
    return Awaited("retry", last.name, timer.op, last.at, due, last.attempt + 1, detail=last.error)


def _first_retry(run: Run, trail: tuple[Mark, ...]) -> tuple[Awaited, ...]:
    """What a reaction waits for that failed before it was a run, and is to be tried again."""
    if run.due_at is None or not trail or trail[-1].kind != "attempt":
        return ()
    last, due = trail[-1], to_datetime(run.due_at)
    return (Awaited("retry", last.name, last.op, last.at, due, last.attempt + 1, detail=last.error),)


def _moment(at: int | None) -> datetime | None:
    return None if at is None else to_datetime(at)
