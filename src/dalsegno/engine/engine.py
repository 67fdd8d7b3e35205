"""Runs moved forward: replay, turns, commits; whatever a turn produced becomes one commit.

The path of one step: a claimed run is *adopted* (replayed, or taken from the cache); in its *turn*
steps begin and whatever has answered is committed; once durable, the entries are *delivered* and the
next turn follows. A run with nothing under way is parked, and kept in a bounded cache.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import Any

from msgspec.structs import replace

from dalsegno.core import failure
from dalsegno.core.clock import SECOND, Clock
from dalsegno.core.commit import Commit, Committed, Failed, Loaded, Refused, Rest, Send, Start
from dalsegno.core.entries import Entry, Kind
from dalsegno.core.execution import Execution
from dalsegno.core.failure import Failure
from dalsegno.core.ids import Numbers
from dalsegno.core.limits import Limits
from dalsegno.core.notes import LongAttempt, encode
from dalsegno.core.ops import Op
from dalsegno.core.runs import DIVERGED, UNWRITABLE, WAITS_FOR_NOTHING, Run, Status
from dalsegno.core.sourcing import Conflict
from dalsegno.core.transact import RolledBack, Transacted
from dalsegno.core.writes import Verdict
from dalsegno.engine import family
from dalsegno.engine.alarms import Alarms
from dalsegno.engine.cache import Cache
from dalsegno.engine.commits import CommitQueue
from dalsegno.engine.context import StepInfo
from dalsegno.engine.emitting import emission
from dalsegno.engine.ending import ending
from dalsegno.engine.live import LiveRun
from dalsegno.engine.notes import long_attempts, notes_of, warn_of_excess
from dalsegno.engine.outgoing import commit_of, version_conflict, written
from dalsegno.engine.reads import of_each, patiently
from dalsegno.engine.registry import Registry
from dalsegno.engine.runner import StepRunner
from dalsegno.engine.steps import Steps, is_transactional
from dalsegno.errors import Diverged, NotDecodable
from dalsegno.store.protocol import Store

log = logging.getLogger("dalsegno.engine")

_STEP, _EMIT = Kind.STEP, Kind.EMIT  # asked for at each step; an enum's member is a slow read before 3.12
_LONG = SECOND  # an attempt that has run for longer is reported by the heartbeat
_MOST_REPORTED = 1_000
_HELD_FOR = 50_000  # microseconds until a worker that did not renew looks again
_BREATH = SECOND  # until a run goes on for whose turn there was no memory
_LEASE_MARGIN = 0.8  # of the lease: a worker that did not renew for longer starts no step


class Engine:
    """All runs that this worker owns.

    ``on_rest`` is told when a run waits (with its due time) or has ended, ``on_cleared`` when one is
    not suspected any more: the claimer may claim again; ``on_emitted`` when there are new events, ``on_ended``
    when an attempt of a step has ended, ``on_wake`` when a run goes on here, and which entries were replayed.
    ``hold_back`` says for how many seconds runs are not to emit any of a type.
    """

    def __init__(
        self,
        store: Store,
        commits: CommitQueue,
        registry: Registry,
        runner: StepRunner,
        clock: Clock,
        numbers: Numbers,
        *,
        limits: Limits,
        lease: float,
        cache: int = 1_000,
        queue: str = "default",
    ) -> None:
        self.live: dict[int, LiveRun] = {}
        self.session = 0
        self.draining = False
        self.on_cleared: Callable[[], None] | None = None
        self.on_rest: Callable[[Run, Rest], None] | None = None
        self.on_emitted: Callable[[], None] | None = None
        self.on_ended: Callable[[LiveRun, Op, BaseException | None], None] | None = None
        self.on_wake: Callable[[LiveRun, Sequence[Entry]], None] | None = None
        self.hold_back: Callable[[str], float | None] | None = None
        self._store = store
        self._now = store.now
        self._monotonic = clock.monotonic
        self._commits = commits
        self._registry = registry
        self._clock = clock
        self._numbers = numbers
        self._limits = limits
        self._margin = lease * _LEASE_MARGIN
        self._queue = queue  # its runs came from there, and their children go there
        self._steps = Steps(store, runner, limits.payload)
        self._cache = Cache(cache)
        self.versions: object = None
        self._alarms = Alarms(store.now, self.turn)
        self._background: set[asyncio.Task[None]] = set()

    def give(self, within: object) -> None:
        """Give the bodies of steps what they may reach of the store."""
        self._steps.within = within

    @property
    def busy(self) -> bool:
        """Whether any step is under way, or anything waits to be committed."""
        return any(live.attempts or live.committing for live in self.live.values())

    @property
    def suspects(self) -> int:
        """How many runs under way are suspected of killing their worker."""
        return sum(live.run.crashes >= self._limits.suspect for live in self.live.values())

    def long_attempts(self) -> tuple[LongAttempt, ...]:
        """Attempts that have run for a while, for the heartbeat to report; a bounded number."""
        before = self._store.now() - _LONG
        found = (attempt for live in self.live.values() for attempt in long_attempts(live, before))
        return tuple(islice(found, _MOST_REPORTED))

    # -- claimed runs

    async def adopt(self, runs: Sequence[Run]) -> None:
        """Take over claimed runs, and let them go on."""
        await self.wake(self.take(runs))

    def take(self, runs: Sequence[Run]) -> list[LiveRun]:
        """Take over claimed runs, as soon as the claim has its answer; ``wake`` lets them go on.

        A repeated claim tells of all that the session owns. Should the worker be fenced before they go
        on, it drops them with the others.
        """
        ours = [run for run in runs if run.session == self.session and run.number not in self.live]
        taken = [self._cache.take(run) or self._new(run) for run in ours]
        for live in taken:
            live.replaying = True
            self.live[live.number] = live
        return taken

    async def wake(self, taken: Sequence[LiveRun]) -> None:
        """Let runs go on from where they are: in the cache, or at the end of their journals."""
        cold = [live for live in taken if live.cold]
        warm = [live for live in taken if not live.cold]
        written = [live.number for live in cold if live.turn > 1 or live.wakes or live.run.cause is not None]
        heard = [live.number for live in warm if live.wakes != live.run.wakes]
        loaded, alien = await of_each(written, self._store.load)
        inboxes, unheard = await of_each(heard, self._store.inbox)
        loop = asyncio.get_running_loop()
        for number, error in (alien | unheard).items():
            await self._park_alien(self.live.get(number), error)
        for live in cold:
            # Not in this task: the run's own tasks are entered while it replays.
            loop.call_soon(self._resume, live, loaded.get(live.number))
        for live in warm:
            live.replaying = False
            live.hear(inboxes.get(live.number, ()))
            self._woke(live, ())
            self.turn(live)

    def _woke(self, live: LiveRun, entries: Sequence[Entry]) -> None:
        if self.on_wake is not None:
            self.on_wake(live, entries)

    def adopt_new(self, run: Run) -> None:
        """Take over a run that was just started for this session; called from no task, for its own are entered."""
        if run.number not in self.live:
            live = self.live[run.number] = self._new(run)
            self._resume(live, None)

    async def refresh(self, numbers: Sequence[int]) -> None:
        """Look again at what waits for runs under way."""
        wanted = [number for number in numbers if number in self.live]
        # A run whose inbox cannot be read is found out at its rest: that commit misses the delivery.
        inboxes, _ = await of_each(wanted, self._store.inbox)
        for number, inbox in inboxes.items():
            live = self.live.get(number)
            if live is not None:
                live.hear(inbox)
                self.turn(live)

    def _new(self, run: Run) -> LiveRun:
        workflow = self._registry.workflow(run.workflow, run.version)
        execution = Execution(
            run.number,
            run.id,
            is_async=workflow.is_async,
            limits=self._limits,
            depth=run.depth,
            case_id=run.case_id,
        )
        execution.versions = self.versions
        live = LiveRun(run, workflow, execution)
        live.replaying = True
        return live

    def _resume(self, live: LiveRun, loaded: Loaded | None) -> None:
        if live.dropped or live.broken is not None:
            return
        live.cold = False
        try:
            live.replay(loaded)
        except (Diverged, NotDecodable) as error:
            live.replaying = False
            self._park_broken(live, DIVERGED, error)
        except MemoryError:
            live.replaying = False
            self._begin_again(live)
        else:
            live.replaying = False
            self._woke(live, loaded.entries if loaded is not None else ())
            self.turn(live, resumed=True)

    # -- one turn

    def turn(self, live: LiveRun, *, resumed: bool = False) -> None:
        """Begin what the code wants, commit what has answered; park or end the run if that is all."""
        if live.committing or live.dropped or live.replaying or live.broken is not None:
            return
        execution = live.execution
        if execution.ended:
            self._end(live)
            return
        if execution.loop.torn:
            self._begin_again(live)
            return
        now = self._now()
        entries, live.answers = live.answers, []
        sends, live.unsent = live.unsent, []
        starts: list[Start] = []
        consumed: list[int] = []
        cancelled = False
        if execution.alarms or live.due:
            live.follow_timers(now, resumed=resumed)
        if live.inbox or live.due:
            arrived, consumed = live.arrivals(now)
            cancelled = any(entry.kind is Kind.CANCEL for entry in arrived)
            entries += arrived
        if execution.withdrawn:
            entries += self._steps.withdraw(live, entries)
            sends += [family.cancel(live.run, op) for op in execution.take_withdrawn(Kind.CHILD)]
        if (execution.wants or live.waiting) and not cancelled:
            self._begin_wants(live, now, entries, starts)
        if entries or starts or consumed or sends:
            self._commit(live, entries, consumed, starts, sends, None)
        elif live.waiting and (op := self._alone(live, now)) is not None:
            self._transact(live, op, now)
        elif live.attempts or live.waiting.keys() - live.retries.keys():
            if self._alarms or live.due or live.retries or live.waiting:
                self._alarms.set(live, live.next_due() if self._may_begin else now + _HELD_FOR)
        else:
            self._park(live)

    @property
    def _may_begin(self) -> bool:
        """Whether steps may begin: the worker is not ending, and its lease was renewed lately enough."""
        return not self.draining and self._commits.unrenewed < self._margin

    def _begin_wants(self, live: LiveRun, now: int, entries: list[Entry], starts: list[Start]) -> None:
        waiting = live.waiting
        for op in live.execution.take_wants():
            if op.intent:
                entries.append(self._steps.interrupted(live, op))
            elif op.kind is _STEP:
                waiting[op.number] = op
            elif op.kind is Kind.CHILD:
                starts.append(self._child(live, op))
                if family.is_detached(op):
                    entries.append(family.detached(op))
            elif op.kind is _EMIT:
                waiting[op.number] = op
        if waiting and self._may_begin:
            self._begin_waiting(live, now, entries)

    def _begin_waiting(self, live: LiveRun, now: int, entries: list[Entry]) -> None:
        """Begin the attempts that are due, and emit what need not wait."""
        waiting, retries = live.waiting, live.retries
        # Their last failure is to be written first.
        failing = {entry.op for entry in entries} if entries else ()
        held_until = 0  # an event: those after it wait too
        for op in list(waiting.values()):
            due = retries.get(op.number, 0) if retries else 0
            if op.kind is _EMIT:
                held_until = max(held_until, due) if due > now or held_until else self._held_until(op, now)
                if held_until:
                    retries[op.number] = held_until
                    continue
                del waiting[op.number]
                retries.pop(op.number, None)
                entries.append(emission(live.execution, op))
            elif op.number not in failing and due <= now and not is_transactional(op):
                entry = self._steps.begin(live, op, now, self._ended)
                if entry is not None:
                    entries.append(entry)

    def _held_until(self, op: Op, now: int) -> int:
        """Say until when an event has to wait, since services are too far behind; 0 if it need not."""
        held = None if self.hold_back is None else self.hold_back(op.name)
        return 0 if held is None else now + int(held * SECOND)

    def _ended(self, whose: tuple[LiveRun, Op, StepInfo], value: Any, error: BaseException | None) -> None:
        live, op, info = whose
        if not live.dropped:
            if self.on_ended is not None:
                self.on_ended(live, op, error)
            live.answers.append(self._steps.end(live, op, info, value, error))
            self.turn(live)

    def _alone(self, live: LiveRun, now: int) -> Op | None:
        """Return a step that is to begin now, alone in its commit."""
        due = (op for op in live.waiting.values() if is_transactional(op))
        found = next((op for op in due if live.retries.get(op.number, 0) <= now), None)
        if found is None or not self._may_begin or self._steps.held_back(live, found, now):
            return None
        return found

    def _transact(self, live: LiveRun, op: Op, now: int) -> None:
        live.committing = True
        item = self._steps.transact(live, op, now, self.session)
        self._commits.put(item, partial(self._transacted, live, op))

    def _transacted(self, live: LiveRun, op: Op, verdict: Verdict) -> None:
        live.committing = False
        if live.dropped:
            return
        match verdict:
            case Transacted((*_, Commit() as commit), (*_, Committed(at))):
                self._steps.heard(live, op, None)
                if commit.events:
                    live.execution.post()  # they were emitted in the body: others are to hear of them
                self._committed(live, commit, at)
            case RolledBack(error):
                live.answers.append(self._steps.rolled_back(live, op, error))
                self.turn(live)
            case Conflict():
                live.answers.append(self._steps.rolled_back(live, op, version_conflict(verdict)))
                self.turn(live)
            case Failed(error):
                self._unwritable(live, error)
            case _:
                self._drop(live)

    def _child(self, live: LiveRun, op: Op) -> Start:
        return family.start(live.run, op, self._numbers.take()[0], self._queue)

    # -- coming to rest

    def _park(self, live: LiveRun) -> None:
        notes = notes_of(live)
        # Code that awaits only itself, such as an Event that nobody sets, would rest for ever unseen.
        reason = live.execution.reason if notes.waits else WAITS_FOR_NOTHING
        rest = Rest(Status.WAITING, live.wakes, reason, live.next_due(), notes=encode(notes))
        self._commit(live, [], [], [], [], rest)

    def _end(self, live: LiveRun) -> None:
        # May come here again, when a delivery was missed: so nothing is taken away from the execution.
        self._steps.abandon(live)
        emissions = live.execution.open_emissions()
        now = self._now()
        held_until = max((self._held_until(op, now) for op in emissions), default=0)
        live.at_the_end(emissions, held_until)
        if held_until:
            self._park(live)
            return
        rest = ending(live, self._limits.payload)
        refused = [entry for entry in live.answers if entry.kind is Kind.CHILD]  # detached, under a taken id
        settled = {entry.op for entry in refused}
        starts, sends = [], []
        for op in live.execution.open_children():
            if op.number in settled:
                continue
            if family.is_detached(op):
                starts.append(self._child(live, op))
            elif op.cancelled() or (rest.status is not Status.COMPLETED and op.outlived):
                sends.append(family.cancel(live.run, op))
        if live.run.parent is not None and live.run.attached:
            sends.append(family.result_for_parent(live.run, rest))
        emitted = [emission(live.execution, op) for op in emissions]
        self._commit(live, refused + emitted, [], starts, sends, rest)

    def _begin_again(self, live: LiveRun) -> None:
        """Let a run go on from its journal: there was no memory for its turn, so what it has in memory is torn."""
        log.error("run %s goes on from its journal soon: there was no memory for its turn", live.run.id)
        live.execution.loop.torn = True
        self._steps.abandon(live)
        entries, live.answers = live.answers, []
        rest = Rest(Status.WAITING, live.wakes, None, self._now() + _BREATH)
        self._commit(live, entries, [], [], [], rest)

    def _park_broken(self, live: LiveRun, reason: str, error: BaseException) -> None:
        """Park a run whose code cannot go on as it is; it takes no turn until somebody acts."""
        log.error("%s", error)
        live.broken = reason, error
        self._steps.abandon(live)
        live.execution.evict()
        rest = Rest(Status.WAITING, live.wakes, reason, None, error=failure.encode(Failure.of(error)))
        self._commit(live, [], [], [], [], rest)

    # -- commits and their verdicts

    def _commit(
        self,
        live: LiveRun,
        entries: list[Entry],
        consumed: list[int],
        starts: list[Start],
        sends: list[Send],
        rest: Rest | None,
    ) -> None:
        commit = commit_of(live, self.session, entries, consumed, starts, sends, rest)
        live.committing = True
        self._commits.put(commit, partial(self._verdict, live, commit))

    def _verdict(self, live: LiveRun, commit: Commit, verdict: Verdict) -> None:
        live.committing = False
        if live.dropped:
            return
        if type(verdict) is Committed:
            self._committed(live, commit, verdict.at)
        else:
            self._refused(live, commit, verdict)

    def _refused(self, live: LiveRun, commit: Commit, verdict: Verdict) -> None:
        match verdict:
            case Refused.MISSED:
                live.want_again(commit)
                self._later(self._look_again(live))
            case Refused.CHILD_EXISTS | Refused.NUMBER_TAKEN:
                live.committing = True  # until it is known which
                self._later(self._refuse_children(live, commit))
            case Conflict():
                self._refute(live, commit, verdict)
            case Failed(error):
                self._unwritable(live, error)
            case _:
                log.warning("run %s moved on without this worker (%s)", live.run.id, verdict)
                self._drop(live)

    def _refute(self, live: LiveRun, commit: Commit, verdict: Conflict) -> None:
        """Let the steps fail whose events were decided by what is not so any more; all else is tried again."""
        outbox = live.execution.post()
        refuted = {op for op, emitted in outbox.emitted.items() if verdict.expect in emitted}
        live.take_back(commit, ())
        live.answers = [
            self._steps.refuted(live, live.execution.ops[entry.op], version_conflict(verdict))
            if entry.op in refuted and entry.kind is _STEP
            else entry
            for entry in live.answers
        ]
        self.turn(live)

    def _committed(self, live: LiveRun, commit: Commit, at: int) -> None:
        if commit.timers or commit.dropped:
            live.note_timers(commit.timers, commit.dropped)
        if commit.reason is not None:
            live.shown = (live.execution.reason, live.execution.undone)
        if commit.consumed:
            live.took(commit.consumed)
        if live.execution.outbox is not None:
            self._sent(live, commit)
        if commit.clear_crashes:
            self._clear_of_suspicion(live)
        if commit.rest is not None:
            self._rested(live, commit.rest)
            return
        if commit.entries:
            live.position += len(commit.entries)
            live.at = at
            if not self._deliver(live, commit.entries, at):
                return
        self.turn(live)

    def _sent(self, live: LiveRun, commit: Commit) -> None:
        written(live, commit)
        if commit.events and self.on_emitted is not None:
            self.on_emitted()

    def _clear_of_suspicion(self, live: LiveRun) -> None:
        """A run that makes progress is not what kills its worker: the next suspect may be looked at."""
        live.run = replace(live.run, crashes=0)
        if self.on_cleared is not None:
            self.on_cleared()

    def _deliver(self, live: LiveRun, entries: Sequence[Entry], at: int) -> bool:
        began = self._monotonic()
        execution = live.execution
        try:
            for entry in entries:
                entry.at = at
                execution.deliver(entry)
        except (Diverged, NotDecodable) as error:
            self._park_broken(live, DIVERGED, error)
            return False
        except MemoryError:
            self._begin_again(live)
            return False
        took = self._monotonic() - began
        if took > self._limits.turn_seconds or execution.made >= self._limits.ops_warned:
            warn_of_excess(live, took, self._limits)
        return True

    def _rested(self, live: LiveRun, rest: Rest) -> None:
        self.live.pop(live.number, None)
        self._alarms.silence(live)
        if rest.status.ended or live.execution.loop.dead or live.execution.loop.torn:
            live.dropped = True
            live.execution.evict()
        else:
            self._cache.keep(live)
        if self.on_rest is not None:
            self.on_rest(live.run, rest)

    async def _look_again(self, live: LiveRun) -> None:
        inboxes, alien = await of_each([live.number], self._store.inbox)
        if self.live.get(live.number) is not live:  # it has heard the same news by another way, and rests
            return
        live.hear(inboxes.get(live.number, ()))
        if alien:
            await self._park_alien(live, alien[live.number])
        elif live.broken is not None:
            self._park_broken(live, *live.broken)
        else:
            self.turn(live)

    async def _park_alien(self, live: LiveRun | None, error: NotDecodable) -> None:
        """Park a run of which the store holds what cannot be read; it may not even tell what arrived."""
        if live is None:
            return
        row = await patiently(partial(self._store.get, live.number))
        if row is not None and self.live.get(live.number) is live and not live.committing:
            live.wakes = max(live.wakes, row.wakes)
            self._park_broken(live, DIVERGED, error)

    async def _refuse_children(self, live: LiveRun, commit: Commit) -> None:
        """Fail the children whose id is taken; everything else of the commit is tried again."""
        self._numbers.renew()  # where it was a child's number that is taken
        others = await family.namesakes(self._store, commit.starts)
        live.committing = False
        if live.dropped:
            return
        try:
            refused = family.refused(live, commit.starts, others)
        except Diverged as error:
            self._park_broken(live, DIVERGED, error)
            return
        live.take_back(commit, refused)
        self.turn(live)

    def _unwritable(self, live: LiveRun, error: Exception) -> None:
        """Park a run whose commit the store refuses for itself; let go of it if even that is refused."""
        if live.broken is None:
            self._park_broken(live, UNWRITABLE, error)
        else:
            log.error("run %s cannot be parked: %r", live.run.id, error)
            self._drop(live)

    # -- letting go

    def _drop(self, live: LiveRun) -> None:
        live.dropped = True
        self._steps.abandon(live)
        live.execution.evict()
        self.live.pop(live.number, None)
        self._alarms.silence(live)

    def let_go_of_unbegun(self, taken: Sequence[LiveRun]) -> None:
        """Let go of claimed runs that could not go on; those that have begun are left to themselves."""
        for live in taken:
            if live.replaying and not live.dropped:
                self._drop(live)

    def drop_all(self) -> None:
        """Let go of everything: the session is over, other workers own these runs."""
        for live in [*self.live.values(), *self._cache.empty()]:
            self._drop(live)

    def _later(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
