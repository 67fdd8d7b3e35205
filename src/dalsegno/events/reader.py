"""One service at work in one worker: reads the log, reacts, and writes what came of it.

The path of an event: it is *read* in order, *enters* the line of its key, a handler is *called*, and
what that returned is *written* with its reaction and the service's position, all that has ended
meanwhile in one commit. What cannot be done at once (it failed, its key is blocked, it is a workflow
or a join) is written as a run, which goes on by itself; the position passes it either way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from dalsegno.core.commit import Committed, Failed
from dalsegno.core.event import Event
from dalsegno.core.ids import Numbers
from dalsegno.core.reactions import (
    KeptRow,
    React,
    ReactedAs,
    Reaction,
    ServiceRow,
    is_of_rounds,
)
from dalsegno.core.sourcing import Conflict
from dalsegno.core.transact import OpenTx
from dalsegno.core.writes import Verdict
from dalsegno.engine.commits import CommitQueue
from dalsegno.engine.outgoing import version_conflict
from dalsegno.errors import RetentionPassed, StoreError
from dalsegno.events.calls import Calls
from dalsegno.events.cancelled import Cancelled
from dalsegno.events.careful import Care, Careful, Ways
from dalsegno.events.going_on import GoingOn
from dalsegno.events.one_call import Ended
from dalsegno.events.plan import Plan, too_many_hops
from dalsegno.events.progress import Lines, Progress
from dalsegno.events.readable import Readable
from dalsegno.events.retention import retention_passed
from dalsegno.events.transacting import Alone
from dalsegno.events.work import Work
from dalsegno.events.writing import Writing
from dalsegno.store.protocol import Store

log = logging.getLogger("dalsegno.events")

_BATCH = 512  # events read at once
_LOOK = 0.05  # seconds between looks at the change mark
_IDLE = 0.5  # seconds after which a service writes how far it has come where no event was for it


class Reader:
    """One service, while a session lasts. Everything happens on the worker's loop."""

    def __init__(
        self,
        row: ServiceRow,
        plans: Sequence[Plan],
        store: Store,
        commits: CommitQueue,
        calls: Calls,
        numbers: Numbers,
        readable: Readable,
        *,
        session: int,
        namespace: str,
        queue: str,
        window: int,
        hops: int,
        care: Care,
        written: Callable[[], None],
    ) -> None:
        self.row = row
        self.session = session
        self.owned: dict[int, Progress] = {}
        self.paused = row.paused_at is not None
        self.stale = False  # its generation is over
        self.unsure = True  # the session may own partitions of which it does not know
        self.lost: RetentionPassed | None = None
        self._store = store
        self._commits = commits
        self._calls = calls
        self._readable = readable
        self._namespace = namespace
        self._window = window
        self._hops = hops
        self._on_written = written
        self._plans = _by_type(plans)
        self._cursor = 0
        self._went_back = 0  # times that the cursor was set back
        self._open = 0
        self._called: dict[int, tuple[Work, Plan]] = {}  # by the event's number
        self._lines: Lines[Work] = Lines()
        self._cancelled = Cancelled(store, namespace)
        self._blocked: set[str] = set()
        self._already: set[tuple[int, int]] = set()
        self._careful = self._careful_path(care)
        self._going_on = GoingOn(row, numbers, queue, store.now)
        self._writing = Writing(
            row,
            session,
            commits,
            self.owned,
            read_to=lambda: self._cursor,
            written=self._written,
            refused=self._give_up,
            now=store.now,
        )
        for plan in plans:
            calls.prepare(plan, partial(self._writing.circuit, plan))
        self._nudged = asyncio.Event()
        self._stopping = self._dropped = False

    # -- what it is told

    def nudge(self) -> None:
        """Hear that there may be news."""
        self._nudged.set()

    def pause(self, paused: bool) -> None:
        """Read no more until somebody says so."""
        if self.paused and not paused:
            self.nudge()
        self.paused = paused

    def let_go(self, many: int) -> list[int]:
        """Give back up to so many partitions of which nothing is under way."""
        idle = [p for p, one in self.owned.items() if not (one.open or self._writing.concerns(p))][-many:]
        for partition in idle:
            del self.owned[partition]
        return idle

    def stop(self) -> None:
        """Begin nothing more, and write how far it has come."""
        self._stopping = True
        self._nudged.set()
        if not self._dropped:
            self._writing.tell_position()

    def drop(self) -> None:
        """Let go of everything: others go on with it."""
        self._dropped = self._stopping = True
        self._writing.drop()
        self._calls.abandon(self)
        self._nudged.set()

    @property
    def generation(self) -> int:
        """Which replay of the log this is."""
        return self.row.generation

    @property
    def busy(self) -> bool:
        """Whether anything has begun that is not written."""
        return bool(self._called or self._writing.busy)

    @property
    def called(self) -> Iterator[tuple[int, Plan]]:
        """The calls of handlers that are under way: the event's number, and the plan."""
        for number, (work, plan) in self._called.items():
            if self._calls.has_begun(work, plan):
                yield number, plan

    async def kept(self, key: str) -> KeptRow | None:
        """Read the state of a key, as the last reaction left it."""
        return self._writing.fresh(key) or await self._store.kept(self.row.number, key)

    async def own(self, progress: Sequence[Progress]) -> None:
        """Take over partitions: what is done of them already, and which keys are blocked, is read first."""
        if not progress:
            return
        after = min(each.position for each in progress)
        self._already |= await self._store.reacted(self.row.number, self.row.generation, after)
        lanes = await self._store.lanes(self.row.number)
        self._blocked |= {lane.key for lane in lanes if not is_of_rounds(lane.key)}
        head = await self._store.head()
        self._cancelled.begin(head.last)
        if after + 1 < head.first:
            self._lose(after + 1, head.first - 1)
        for own in self.owned.values():
            own.taken = max(own.taken, self._cursor)
        self._cursor = min(self._cursor, after) if self.owned else after
        self._went_back += 1
        for each in progress:
            self.owned[each.partition] = each
        self.nudge()

    # -- reading

    async def run(self) -> None:
        """Read and react until stopped."""
        while not self._stopping:
            self._nudged.clear()
            try:
                mark = self._store.change_mark()
                if not await self._read():
                    await self._wait(mark)
                if asyncio.get_running_loop().time() >= self._writing.told_at + _IDLE:
                    self._writing.tell_position()
            except StoreError as error:
                log.warning("service %s waits: %s", self.row.name, error.what)
                await self._nap(1.0)

    async def _read(self) -> bool:
        """Read the next events, if there is room for some; return whether to go on at once."""
        room = self._window - self._open
        if self.paused or self.stale or self.lost or not self.owned or room <= 0:
            return False
        went_back = self._went_back
        events = await self._store.read_log(self._cursor, min(room, _BATCH))
        if self._dropped or not events:
            return went_back != self._went_back
        if went_back == self._went_back and events[0].number > self._cursor + 1:
            # along the log no number is left out
            self._lose(self._cursor + 1, events[0].number - 1)
            return False
        await self._cancelled.look(events, self._plans)
        for key in sorted(self._blocked & {event.key for event in events if event.key is not None}):
            if not await self._still_blocked(key):
                self._blocked.discard(key)
        await self._readable.look(
            {(event.type, event.version) for event in events if event.type in self._plans}
        )
        if went_back != self._went_back:
            return True  # partitions came meanwhile whose events are before these
        for event in events:
            self._take(event)
        self._cursor = max(self._cursor, events[-1].number)
        return True

    def _lose(self, first: int, last: int) -> None:
        """Stand still: events that this service has not read are not there any more."""
        self.lost = retention_passed(self.row.name, first, last)
        log.error("%s", self.lost)

    async def _still_blocked(self, key: str) -> bool:
        return self._writing.blocks(key) or bool(await self._store.lane(self.row.number, key, 1))

    async def _wait(self, mark: int) -> None:
        waited = 0.0
        while not self._nudged.is_set() and waited < _IDLE and mark == self._store.change_mark():
            waited += _LOOK
            await self._nap(_LOOK)

    async def _nap(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._nudged.wait(), seconds)
        except TimeoutError:
            return

    def _take(self, event: Event) -> None:
        """Let an event enter the line of its key, if it is ours."""
        if event.namespace != self._namespace:
            return
        progress = self.owned.get(event.partition(self.row.partitions))
        if progress is None or not progress.is_new(event.number):
            return
        plans = self._plans.get(event.type)
        if plans is None or (event.extra is not None and event.only not in (None, self.row.name)):
            return
        work = Work(event, plans, progress)
        progress.begin(event.number)
        self._open += 1
        work.lined = event.key is not None and not all(plan.batched for plan in plans)
        if event.key is None or not work.lined or self._lines.enter(event.key, work):
            self._begin(work)

    # -- reacting

    def _begin(self, work: Work) -> None:
        if self._stopping:
            return  # it is not passed: whoever comes next begins with it
        if work.progress.careful:
            self._careful.begin(work)
        else:
            self._react(work)

    def _react(self, work: Work) -> None:
        """Go through the handlers of an event, as far as nothing is to be waited for."""
        event = work.event
        while work.next < len(work.plans):
            plan = work.plans[work.next]
            work.next += 1
            if (event.number, plan.number) in self._already:
                self._already.discard((event.number, plan.number))
            elif self._cancelled.stops(event, plan):
                self._writing.out.reactions.append(Reaction(event.number, plan.number, ReactedAs.CANCELLED))
            elif event.hops > self._hops:
                self._as_run(work, plan, error=too_many_hops(event, self._hops))
            elif plan.is_run or event.key in self._blocked or plan.left_to_others(event):
                self._as_run(work, plan)  # if it is left to others, only they may claim it
            else:
                self._called[event.number] = work, plan
                self._calls.begin(self, work, plan, event)
                return  # it answers by ``ended``
        self._passed(work)

    def ended(self, work: Work, plan: Plan, how: Ended) -> None:
        """Hear how a call has ended."""
        if self._dropped:
            return
        self._called.pop(work.event.number, None)
        if how.error is not None:
            self._as_run(work, plan, error=None if how.among else how.error)
        elif how.early:
            gap = plan.handler.options.gap
            self._as_run(work, plan, due=None if gap is None else self._store.now() + gap)
        elif how.expects and not how.written:
            self._called[work.event.number] = work, plan
            self._writing.decided(work, plan, how, partial(self._decided, work, plan))
            return  # it answers by ``_decided``; its key waits, since it may have to be tried again
        elif not how.written:
            self._writing.reacted(work, plan, how)
        self._react(work)

    def transact(
        self, work: Work, plan: Plan, body: Callable[[OpenTx], Ended], told: Callable[[Ended], None]
    ) -> None:
        """Call a handler in a transaction that has its reaction as well; ``told`` hears how that ended."""
        if not self._dropped:
            self._writing.transact(Alone(work, plan, body, told))

    def _as_run(
        self, work: Work, plan: Plan, *, error: BaseException | None = None, due: int | None = None
    ) -> None:
        """Let a reaction go on as a run: what comes of its key goes behind it."""
        key = self._going_on.as_run(self._writing.out, plan, work.event, error, due)
        if key is not None:
            self._blocked.add(key)

    def _passed(self, work: Work) -> None:
        """All handlers of an event are done with it: the next of its key may begin."""
        self._open -= 1
        work.progress.end(work.event.number)
        self._writing.passed(work)
        if work.lined and work.event.key is not None:
            behind = self._lines.leave(work.event.key)
            if behind is not None:
                asyncio.get_running_loop().call_soon(self._begin, behind)

    def _decided(self, work: Work, plan: Plan, verdict: Verdict) -> None:
        """Hear whether what an aggregate decided was still so."""
        if self._dropped:
            return
        self._called.pop(work.event.number, None)
        if isinstance(verdict, Committed):
            self._on_written()
        elif isinstance(verdict, Conflict):
            self._as_run(work, plan, error=version_conflict(verdict))
        else:
            self._give_up(verdict)
            return
        self._react(work)

    # -- where a worker has died again and again

    def _careful_path(self, care: Care) -> Careful:
        ways = Ways(
            react=self._react,
            park=self._park,
            give_up=self._give_up,
            spawn=partial(self._calls.spawn, self),
            is_over=lambda: self._stopping,
        )
        return Careful(care, self.row, self.session, self._commits, ways)

    def _park(self, work: Work) -> None:
        """Put aside an event at which worker after worker has died."""
        log.error("event %d kills its worker; it is parked", work.event.number)
        for plan in work.plans[work.next :]:
            key = self._going_on.parked(self._writing.out, plan, work.event)
            if key is not None:
                self._blocked.add(key)
        self._passed(work)

    # -- what became of it

    def _written(self, react: React) -> None:
        """Hear that what has ended is written."""
        if react.events or react.laned or react.joined:
            self._on_written()
        self._careful.written()
        self.nudge()

    def _give_up(self, verdict: Verdict) -> None:
        """Let go of everything: what was to be written was refused."""
        if isinstance(verdict, Failed):
            log.error("service %s: its reactions could not be written: %r", self.row.name, verdict.error)
        else:
            log.warning("service %s moved on without this worker (%s)", self.row.name, verdict)
        self.drop()
        self.stale = True


def _by_type(plans: Sequence[Plan]) -> dict[str, tuple[Plan, ...]]:
    """Say which handlers an event of each type goes through, in the order of their definition."""
    found: dict[str, tuple[Plan, ...]] = {}
    for plan in plans:
        for name in {kind.name for kind in plan.handler.takes}:
            found[name] = (*found.get(name, ()), plan)
    return found
