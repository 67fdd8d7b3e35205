"""Safeguards taken out, one at a time: what the simulation must notice, or it would notice nothing.

Each function here is a context in which one well-named place of the package does without its safeguard.
They are patches of tests: nothing in the package can be told to do so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest.mock import patch

from msgspec.structs import replace

from dalsegno.core.commit import Commit, Committed, Loaded, Send, Sent, SentHow
from dalsegno.core.entries import Entry, Kind
from dalsegno.core.execution import Execution
from dalsegno.core.writes import Verdict
from dalsegno.engine import engine as engines
from dalsegno.engine.alarms import Alarms
from dalsegno.engine.cache import Cache
from dalsegno.engine.commits import CommitQueue
from dalsegno.engine.engine import Engine
from dalsegno.engine.live import LiveRun
from dalsegno.engine.runner import StepRunner
from dalsegno.engine.steps import Steps
from dalsegno.models import saga as sagas
from dalsegno.models.saga import Saga
from dalsegno.store.memory import MemoryStore
from dalsegno.store.verbs.group import Standing
from dalsegno.testing.faults import FaultyStore
from dalsegno.testing.simclock import SimClock
from dalsegno.testing.simloop import SimLoop
from dalsegno.worker.claimer import Claimer

Without = Callable[[], AbstractContextManager[Any]]


@contextmanager
def instead(owner: Any, name: str, make: Callable[[Any], Any]) -> Iterator[None]:
    """Replace a method by what ``make`` makes of it; one that is not there any more is an ``AttributeError``."""
    with patch.object(owner, name, make(getattr(owner, name))):
        yield


# -- sessions, leases, fences


def fence() -> AbstractContextManager[Any]:
    """A session that was fenced goes on writing."""

    def make(real: Any) -> Any:
        def hold(self: MemoryStore, fence: Any) -> Standing:
            session = self._sessions[fence.session]
            standing: Standing = real(self, fence)
            if session.fenced_at is None or standing is not Standing.LOST:
                return standing
            self._sessions[fence.session] = replace(session, commits=fence.commits)
            return Standing.HELD

        return hold

    return instead(MemoryStore, "_hold", make)


def count_in_the_fence() -> AbstractContextManager[Any]:
    """A group that landed, and whose reply was lost, is written a second time."""

    def make(real: Any) -> Any:
        def hold(self: MemoryStore, fence: Any) -> Standing:
            standing: Standing = real(self, fence)
            return Standing.HELD if standing is Standing.LANDED else standing

        return hold

    return instead(MemoryStore, "_hold", make)


def knowing_ones_own_write() -> AbstractContextManager[Any]:
    """A group that landed, and whose reply was lost, is refused as if somebody had fenced its session."""

    def make(real: Any) -> Any:
        def hold(self: MemoryStore, fence: Any) -> Standing:
            standing: Standing = real(self, fence)
            return Standing.LOST if standing is Standing.LANDED else standing

        return hold

    return instead(MemoryStore, "_hold", make)


def owner_at_commit() -> AbstractContextManager[Any]:
    """A commit is not asked whether its run is still its session's."""

    def make(real: Any) -> Any:
        def commit(self: MemoryStore, item: Commit) -> Verdict:
            run = self._rows[item.run].run
            verdict: Verdict = real(self, replace(item, session=run.session or item.session, turn=run.turn))
            return verdict

        return commit

    return instead(MemoryStore, "_commit", make)


def own_fence_for_old_commits() -> AbstractContextManager[Any]:
    """What a session wanted that was fenced meanwhile is written under the fence of the next one."""
    return patch.object(CommitQueue, "_of_this_session", lambda self, group: group)


def fencing_before_release() -> AbstractContextManager[Any]:
    """Runs of sessions that nobody fenced are handed on too."""

    def make(real: Any) -> Any:
        def release(self: MemoryStore, item: Any) -> Any:
            for number, session in self._sessions.items():
                if session.fenced_at is None:
                    for rows in self._owned(number):
                        self._hand_on(rows, crashed=1, max_crashes=item.max_crashes)
            return real(self, item)

        return release

    return instead(MemoryStore, "_release", make)


def judging_by_the_stores_clock() -> AbstractContextManager[Any]:
    """A session is fenced because its lease was over when somebody looked, though it was renewed since."""

    def make(real: Any) -> Any:
        return lambda self, item: real(self, replace(item, expired_only=False))

    return instead(MemoryStore, "_end_session", make)


def margin_of_the_lease() -> AbstractContextManager[Any]:
    """A worker begins steps though its lease may be over."""
    return patch.object(engines, "_LEASE_MARGIN", 1_000_000.0)


def heartbeat_off_the_loop() -> AbstractContextManager[Any]:
    """The heart beats on the main loop, which user code may hold up."""
    return patch.object(SimLoop, "APART", frozenset())


def crash_count() -> AbstractContextManager[Any]:
    """A run whose worker died under it is handed on as if nothing had happened."""

    def make(real: Any) -> Any:
        return lambda self, rows, *, crashed, max_crashes: real(
            self, rows, crashed=0, max_crashes=max_crashes
        )

    return instead(MemoryStore, "_hand_on", make)


def suspects_alone() -> AbstractContextManager[Any]:
    """Suspects of killing their worker are claimed like any other run."""

    def make(real: Any) -> Any:
        return lambda self, item: real(self, replace(item, suspect_after=1_000_000))

    return instead(MemoryStore, "_claim", make)


# -- what is durable


def durable_before_delivered() -> AbstractContextManager[Any]:
    """A run goes on with what a step returned before that is written."""

    def make(real: Any) -> Any:
        def put(self: CommitQueue, item: Any, answer: Any, **options: Any) -> None:
            if isinstance(item, Commit) and item.rest is None:
                real(self, item, lambda verdict: None, **options)
                answer(Committed(self._store.now()))
            else:
                real(self, item, answer, **options)

        return put

    return instead(CommitQueue, "put", make)


def durable_before_acknowledged() -> AbstractContextManager[Any]:
    """A sender hears that its signal was accepted before that is written."""

    def make(real: Any) -> Any:
        async def submit(self: CommitQueue, item: Any, *rest: Any, **options: Any) -> Any:
            if not isinstance(item, Send):
                return await real(self, item, *rest, **options)
            self.put(item, lambda verdict: None)
            return Sent(SentHow.ACCEPTED)

        return submit

    return instead(CommitQueue, "submit", make)


def commit_takes_the_signal() -> AbstractContextManager[Any]:
    """A signal is gone from the inbox as soon as somebody has read it."""

    def make(real: Any) -> Any:
        async def read(self: FaultyStore, member: Any, *args: Any, **kwargs: Any) -> Any:
            value = await real(self, member, *args, **kwargs)
            if member.__name__ in ("inbox", "load") and isinstance(self._seam.store, MemoryStore):
                for number in value:
                    inbox = self._seam.store._rows[number].inbox
                    for place in [place for place, there in inbox.items() if there.kind is Kind.SIGNAL]:
                        del inbox[place]
            return value

        return read

    return instead(FaultyStore, "_read", make)


def wakes_when_parking() -> AbstractContextManager[Any]:
    """A run comes to rest without looking whether something has come meanwhile."""

    def make(real: Any) -> Any:
        def commit(self: MemoryStore, item: Commit) -> Verdict:
            if item.rest is not None:
                item = replace(item, rest=replace(item.rest, wakes=self._rows[item.run].run.wakes))
            verdict: Verdict = real(self, item)
            return verdict

        return commit

    return instead(MemoryStore, "_commit", make)


def one_delivery_per_id() -> AbstractContextManager[Any]:
    """A signal that is sent again comes again."""

    def make(real: Any) -> Any:
        return lambda self, item: real(self, replace(item, id=None))

    return instead(MemoryStore, "_send", make)


def one_run_per_id() -> AbstractContextManager[Any]:
    """A start makes a run though there is one of its id."""

    def make(real: Any) -> Any:
        def start(self: MemoryStore, item: Any) -> Any:
            self._ids.pop((item.namespace, item.id), None)
            return real(self, item)

        return start

    return instead(MemoryStore, "_start", make)


def looking_at_other_writes() -> AbstractContextManager[Any]:
    """A worker claims when something in its own process says so, and never looks by itself."""

    def make(real: Any) -> Any:
        async def wait(self: Claimer) -> None:
            await self._nudged.wait()

        return wait

    return instead(Claimer, "_wait", make)


# -- replay and time


def replaying() -> AbstractContextManager[Any]:
    """A run that was evicted goes on from its first line, and its journal is not read to it."""

    def make(real: Any) -> Any:
        def replay(live: LiveRun, loaded: Loaded | None) -> None:
            real(live, None if loaded is None else replace(loaded, entries=()))

        return replay

    return instead(LiveRun, "replay", make)


def turn_in_the_cache() -> AbstractContextManager[Any]:
    """A run goes on from what this worker remembers, whoever has moved it on meanwhile."""

    def make(real: Any) -> Any:
        def take(self: Cache, run: Any) -> LiveRun | None:
            live = self._runs.get(run.number)
            if live is not None:
                live.run = replace(live.run, turn=run.turn - 1)
            taken: LiveRun | None = real(self, run)
            return taken

        return take

    return instead(Cache, "take", make)


def one_entry_at_a_time() -> AbstractContextManager[Any]:
    """Entries that became durable together are delivered together, and the code runs once for all."""

    def make(real: Any) -> Any:
        def deliver(self: Engine, live: LiveRun, entries: Sequence[Entry], at: int) -> bool:
            with patch.object(Execution, "_advance", lambda self: None):
                before = entries[:-1]
                if before and not real(self, live, before, at):
                    return False
            done: bool = real(self, live, entries[-1:], at)
            return done

        return deliver

    return instead(Engine, "_deliver", make)


class _OwnClock:
    """A store as an engine sees it that asks its own machine for the time, where that is ahead."""

    def __init__(self, store: Any, clock: Any) -> None:
        self._store = store
        self._clock = clock

    def now(self) -> int:
        return max(self._store.now(), self._clock.now())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def clock_of_the_store() -> AbstractContextManager[Any]:
    """A worker fires timers by its own clock."""

    def make(real: Any) -> Any:
        def init(self: Engine, store: Any, *args: Any, **options: Any) -> None:
            clock = next(arg for arg in args if isinstance(arg, SimClock))
            real(self, _OwnClock(store, clock), *args, **options)

        return init

    return instead(Engine, "__init__", make)


def timers_from_the_store() -> AbstractContextManager[Any]:
    """A wait begins again when its run is resumed."""

    def make(real: Any) -> Any:
        def take(self: LiveRun, loaded: Loaded) -> None:
            real(self, replace(loaded, timers=tuple(timer for timer in loaded.timers if timer.retry)))

        return take

    return instead(LiveRun, "_take", make)


def alarm_beside_a_step() -> AbstractContextManager[Any]:
    """While a step is under way nobody looks at timers."""
    return patch.object(Alarms, "set", lambda self, live, due: None)


# -- steps and sagas


def stable_key() -> AbstractContextManager[Any]:
    """Each attempt names itself anew to the services that it calls."""

    def make(real: Any) -> Any:
        def start(self: StepRunner, call: Any, info: Any, *rest: Any) -> Any:
            head, _, number = info.idempotency_key.rpartition("/")
            if info.attempt > 1 and number.isdigit():
                info = replace(info, idempotency_key=f"{head}/{int(number) + 1000 * info.attempt}")
            return real(self, call, info, *rest)

        return start

    return instead(StepRunner, "start", make)


def intent_before_the_call() -> AbstractContextManager[Any]:
    """An at_most_once step is called without a word in the journal."""

    def make(real: Any) -> Any:
        def begin(self: Steps, live: LiveRun, op: Any, *rest: Any) -> Any:
            intended, op.intent = op.intent, 1
            entry = real(self, live, op, *rest)
            op.intent = intended
            return entry

        return begin

    return instead(Steps, "begin", make)


def registering_before_the_step() -> AbstractContextManager[Any]:
    """A saga learns of a step when that has answered."""

    def make(real: Any) -> Any:
        def joins(self: Saga, op: Any, call: Any) -> None:
            def answered(promise: Any) -> None:
                if not promise.cancelled() and promise.exception() is None:
                    real(self, op, call)

            op.add_done_callback(answered)

        return joins

    return instead(Saga, "joins", make)


def shield_of_compensation() -> AbstractContextManager[Any]:
    """A cancel reaches the code also while it undoes itself."""

    def make(real: Any) -> Any:
        def cancel(self: Execution) -> None:
            shielded, self.shielded = self.shielded, 0
            real(self)
            self.shielded = shielded

        return cancel

    return instead(Execution, "_cancel", make)


def reverse_order() -> AbstractContextManager[Any]:
    """A saga undoes its first step first."""

    def make(real: Any) -> Any:
        async def compensate(self: Saga, steps: Any) -> Any:
            return await real(self, list(reversed(steps)))

        return compensate

    return instead(Saga, "_compensate", make)


def undoing_what_is_unknown() -> AbstractContextManager[Any]:
    """A saga undoes only steps that have answered with a value."""

    def make(real: Any) -> Any:
        return lambda op: real(op) and not op.unknown

    return instead(sagas, "_owed", make)
