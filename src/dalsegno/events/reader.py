"""One service at work in one worker: reads the log, reacts, and writes what came of it.

The path of an event: it is *read* in order, *enters* the line of its key, a handler is *called*, and
what that returned is *written* with its reaction and the service's position, all that has ended
meanwhile in one commit. What cannot be done at once (it failed, its key is blocked, it is a workflow
or a join) is written as a run, which goes on by itself; the position passes it either way.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from dalsegno.core.clock import SECOND
from dalsegno.core.commit import Committed, Failed, Kept
from dalsegno.core.event import Event
from dalsegno.core.ids import Numbers, seeded
from dalsegno.core.reactions import (
    KeptRow,
    Laned,
    React,
    ReactedAs,
    Reaction,
    ServiceRow,
    SteerService,
    is_of_rounds,
)
from dalsegno.core.runs import KILLS_ITS_WORKER
from dalsegno.core.sourcing import Conflict
from dalsegno.core.transact import OpenTx, RolledBack, Transacted
from dalsegno.core.writes import Verdict
from dalsegno.engine.commits import CommitQueue
from dalsegno.engine.outgoing import version_conflict
from dalsegno.errors import RetentionPassed, StoreError
from dalsegno.events.calls import Calls, Ended
from dalsegno.events.cancelled import Cancelled
from dalsegno.events.careful import Care, Careful, Ways, note_of
from dalsegno.events.keeping import kept_row
from dalsegno.events.plan import Plan, too_many_hops
from dalsegno.events.progress import Lines, Progress
from dalsegno.events.readable import Readable
from dalsegno.events.retention import retention_passed
from dalsegno.events.transacting import Alone
from dalsegno.events.work import Out, Work, reaction_of
from dalsegno.store.protocol import Store

log = logging.getLogger("dalsegno.events")

_BATCH = 512  # events read at once
_LOOK = 0.05  # seconds between looks at the change mark
_IDLE = 0.5  # seconds after which a service writes how far it has come where no event was for it
_TELL = 0.5  # seconds after which one at work does, also of the parts that had nothing to do


_NOTHING = React(0, 0, 0)


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
        cancelling: frozenset[str],
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
        self._numbers = numbers
        self._readable = readable
        self._namespace = namespace
        self._queue = queue
        self._window = window
        self._hops = hops
        self._on_written = written
        self._plans: dict[str, tuple[Plan, ...]] = {}
        for plan in plans:
            calls.prepare(plan, partial(self._circuit, plan))
            for name in {kind.name for kind in plan.handler.takes}:
                self._plans[name] = (*self._plans.get(name, ()), plan)
        self._cursor = 0
        self._went_back = 0  # times that the cursor was set back
        self._open = 0
        self._running = 0
        self._lines: Lines[Work] = Lines()
        self._cancelled = Cancelled(store, namespace)
        self._cancelling = cancelling
        self._blocked: set[str] = set()
        self._fresh: dict[str, Kept] = {}  # states that are not written yet
        self._already: set[tuple[int, int]] = set()
        self._careful = self._careful_path(care)
        self._out = Out()
        self._alone: deque[Alone] = deque()  # handlers that wait for their transaction
        self._writing: React | None = None
        self._expecting: list[tuple[Work, Plan, Ended]] = []  # reactions that are written each by itself
        self._flush_soon = False
        self._told_at = 0.0
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
        busy = self._out.touched | {partition for partition, _ in (self._writing or _NOTHING).positions}
        idle = [p for p, progress in self.owned.items() if not progress.open and p not in busy][-many:]
        for partition in idle:
            del self.owned[partition]
        return idle

    def stop(self) -> None:
        """Begin nothing more, and write how far it has come."""
        self._stopping = True
        self._nudged.set()
        if not self._dropped:
            self._tell_position()

    def drop(self) -> None:
        """Let go of everything: others go on with it."""
        self._dropped = self._stopping = True
        self._alone.clear()
        self._calls.abandon(self)
        self._nudged.set()

    @property
    def generation(self) -> int:
        """Which replay of the log this is."""
        return self.row.generation

    @property
    def busy(self) -> bool:
        """Whether anything has begun that is not written."""
        return bool(self._running or self._out or self._writing is not None)

    async def kept(self, key: str) -> KeptRow | None:
        """Read the state of a key, as the last reaction left it."""
        fresh = self._fresh.get(key)
        return await self._store.kept(self.row.number, key) if fresh is None else kept_row(fresh, 0)

    async def own(self, progress: Sequence[Progress]) -> None:
        """Take over partitions: what is done of them already, and which keys are blocked, is read first."""
        if not progress:
            return
        after = min(each.position for each in progress)
        self._already |= await self._store.reacted(self.row.number, self.row.generation, after)
        lanes = await self._store.lanes(self.row.number)
        self._blocked |= {lane.key for lane in lanes if not is_of_rounds(lane.key)}
        await self._cancelled.look()
        head = await self._store.head()
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
                if asyncio.get_running_loop().time() >= self._told_at + _IDLE:
                    self._tell_position()
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
        if self._cancelling and any(event.type in self._cancelling for event in events):
            await self._cancelled.look()
        if self._cancelled:
            await self._cancelled.prepare(events)
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
        waits = any(laned.key == key for laned in self._out.laned)
        writing = self._writing is not None and any(laned.key == key for laned in self._writing.laned)
        return waits or writing or bool(await self._store.lane(self.row.number, key, 1))

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

    def _tell_position(self) -> None:
        """Write how far the partitions have come of which no event was for us."""
        self._out.touched |= self._behind()
        if self._out.touched:
            self._flush()

    def _behind(self) -> set[int]:
        """Return the partitions that have come further than is written."""
        self._told_at = asyncio.get_running_loop().time()
        return {p.partition for p in self.owned.values() if p.reached(self._cursor) > p.position}

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
                self._out.reactions.append(Reaction(event.number, plan.number, ReactedAs.CANCELLED))
            elif event.hops > self._hops:
                self._as_run(work, plan, error=too_many_hops(event, self._hops))
            elif plan.is_run or (event.key is not None and event.key in self._blocked):
                self._as_run(work, plan)
            elif plan.left_to_others(event):
                self._as_run(work, plan)  # which only they may claim
            else:
                self._running += 1
                self._calls.begin(self, work, plan, event)
                return  # it answers by ``ended``
        self._passed(work)

    def ended(self, work: Work, plan: Plan, how: Ended) -> None:
        """Hear how a call has ended."""
        if self._dropped:
            return
        self._running -= 1
        if how.error is not None:
            self._as_run(work, plan, error=None if how.among else how.error)
        elif how.early:
            gap = plan.handler.options.gap
            self._as_run(work, plan, due=None if gap is None else self._store.now() + gap)
        elif how.expects and not how.written:
            self._write_alone(work, plan, how)
            return  # it answers by ``_written_alone``
        elif not how.written:
            self._out.reactions.append(reaction_of(work, plan, how))
            if how.events:
                self._out.events += how.events
            for kept in how.kept:
                self._out.kept.append(kept)
                self._fresh[kept.key] = kept
        self._react(work)

    def transact(
        self, work: Work, plan: Plan, body: Callable[[OpenTx], Ended], told: Callable[[Ended], None]
    ) -> None:
        """Call a handler in a transaction that has its reaction as well; ``told`` hears how that ended."""
        if not self._dropped:
            self._alone.append(Alone(work, plan, body, told))
            self._flush()

    def _as_run(
        self, work: Work, plan: Plan, *, error: BaseException | None = None, due: int | None = None
    ) -> None:
        """Let a reaction go on as a run, which waits behind those of its key, and at most until it is ``due``."""
        event = work.event
        number = self._numbers.take()[0]
        start = plan.start(event, number, self.row.generation, self._namespace, self._queue)
        self._out.reactions.append(Reaction(event.number, plan.number, ReactedAs.RUN, number))
        if plan.joins:
            self._out.joined.append(plan.joined(event, start, self.row.generation))
            return
        key = event.key if plan.in_order else None
        laned = Laned(start, plan.number, plan.rank(event), key, due_at=due)
        if error is not None:
            rng = seeded("reaction", event.number, plan.number)
            failed, delay = plan.failed(event, self.row.generation, error, rng)
            due = None if delay is None else self._store.now() + delay
            laned = msgspec.structs.replace(laned, failed=failed, due_at=due)
        self._out.laned.append(laned)
        if key is not None:
            self._blocked.add(key)

    def _passed(self, work: Work) -> None:
        """All handlers of an event are done with it: the next of its key may begin."""
        self._open -= 1
        work.progress.end(work.event.number)
        if not work.told:
            self._out.touched.add(work.progress.partition)
            if not self._flush_soon:
                self._flush_soon = True
                asyncio.get_running_loop().call_soon(self._flush)
        if work.lined and work.event.key is not None:
            behind = self._lines.leave(work.event.key)
            if behind is not None:
                asyncio.get_running_loop().call_soon(self._begin, behind)

    # -- what may turn out not to be so any more

    def _write_alone(self, work: Work, plan: Plan, how: Ended) -> None:
        """Write a reaction that was decided by an aggregate; its key waits, since it may have to be tried again."""
        self._running += 1
        keys = {kept.key for kept in how.kept}
        if any(kept.key in keys for kept in self._out.kept):  # an earlier state of the key is written first
            self._expecting.append((work, plan, how))
            return
        react = React(
            self.session,
            self.row.number,
            self.row.generation,
            reactions=(reaction_of(work, plan, how),),
            events=tuple(how.events),
            kept=tuple(how.kept),
            expects=how.expects,
        )
        self._commits.put(react, partial(self._written_alone, work, plan))

    def _written_alone(self, work: Work, plan: Plan, verdict: Verdict) -> None:
        if self._dropped:
            return
        self._running -= 1
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
        async def note(partition: int, event: int) -> Verdict:
            number, generation = self.row.number, self.row.generation
            item = note_of(self.session, number, generation, partition, event)
            return await self._commits.submit(item, patient=True)

        return Careful(
            care,
            Ways(
                react=self._react,
                park=self._park,
                note=note,
                give_up=self._give_up,
                spawn=partial(self._calls.spawn, self),
                is_over=lambda: self._stopping,
            ),
        )

    def _park(self, work: Work) -> None:
        """Put aside an event at which worker after worker has died."""
        log.error("event %d kills its worker; it is parked", work.event.number)
        for plan in work.plans[work.next :]:
            number = self._numbers.take()[0]
            start = plan.start(work.event, number, self.row.generation, self._namespace, self._queue)
            parked = msgspec.structs.replace(start, reason=KILLS_ITS_WORKER, held=True)
            self._out.reactions.append(Reaction(work.event.number, plan.number, ReactedAs.RUN, number))
            self._out.laned.append(Laned(parked, plan.number, work.event.number, work.event.key))
            if work.event.key is not None:
                self._blocked.add(work.event.key)
        self._passed(work)

    # -- writing

    def _circuit(self, plan: Plan, seconds: float | None) -> None:
        """Let it be seen that a handler's circuit has opened, or closed."""
        if self._dropped:
            return
        until = None if seconds is None else self._store.now() + int(seconds * SECOND)
        told = "is left alone" if seconds is not None else "is called again"
        log.warning("handler %s %s", plan.title, told)
        steer = SteerService(self._namespace, self.row.name, circuit=(plan.number, until))
        self._commits.put(steer, lambda _: None)

    def _flush(self) -> None:
        """Write what has ended, unless something is being written: then it follows."""
        self._flush_soon = False
        if self._writing is not None or self._dropped or not (self._out or self._alone):
            return
        if asyncio.get_running_loop().time() >= self._told_at + _TELL:
            self._out.touched |= self._behind()
        out, self._out = self._out, Out()
        if self._alone:
            self._transact(self._alone.popleft(), out)
        else:
            self._writing = self._react_of(out)
            self._commits.put(self._writing, self._written)

    def _react_of(self, out: Out, passing: Work | None = None) -> React:
        """Make what is to be written of what has ended, and, of ``passing``, ends with it."""
        positions = []
        passed = {} if passing is None else {passing.progress.partition: passing.event.number}
        for partition in out.touched | passed.keys():
            progress = self.owned.get(partition)
            if progress is not None:
                reached = progress.reached(self._cursor, passed.get(partition, 0))
                if reached > progress.position:
                    positions.append((partition, reached))
        return React(
            self.session,
            self.row.number,
            self.row.generation,
            positions=tuple(positions),
            reactions=tuple(out.reactions),
            events=tuple(out.events),
            laned=tuple(out.laned),
            joined=tuple(out.joined),
            kept=tuple(out.kept),
        )

    def _transact(self, alone: Alone, out: Out) -> None:
        """Let a handler have its transaction; what has ended meanwhile is written with it."""
        work: Work = alone.work
        work.told = work.next == len(work.plans)
        self._writing = self._react_of(out, work if work.told else None)
        self._commits.put(alone.transact(self._writing), partial(self._transacted, alone, out))

    def _transacted(self, alone: Alone, out: Out, verdict: Verdict) -> None:
        if self._dropped:
            return
        match verdict:
            case Transacted((*_, React() as react), (*_, Committed() as committed)):
                self._writing = react
                alone.told(alone.how)
                self._written(committed)
            case RolledBack() | Conflict():
                self._writing, self._out = None, out.before(self._out)
                alone.work.told = False
                alone.told(alone.rolled_back(verdict))
                self._flush()
            case _:
                self._written(verdict)

    def _written(self, verdict: Verdict) -> None:
        react, self._writing = self._writing, None
        if self._dropped or react is None:
            return
        if isinstance(verdict, Committed):
            for partition, position in react.positions:
                progress = self.owned.get(partition)
                if progress is not None:
                    progress.position = position
                    progress.crashes, progress.suspect = 0, None
            for kept in react.kept:
                if self._fresh.get(kept.key) is kept:
                    del self._fresh[kept.key]
            if react.events or react.laned or react.joined:
                self._on_written()
            self._flush()
            self._careful.written()
            self.nudge()
            expecting, self._expecting = self._expecting, []
            for work, plan, how in expecting:
                self._running -= 1
                self._write_alone(work, plan, how)
        else:
            self._give_up(verdict)

    def _give_up(self, verdict: Verdict) -> None:
        """Let go of everything: what was to be written was refused."""
        if isinstance(verdict, Failed):
            log.error("service %s: its reactions could not be written: %r", self.row.name, verdict.error)
        else:
            log.warning("service %s moved on without this worker (%s)", self.row.name, verdict)
        self.drop()
        self.stale = True
