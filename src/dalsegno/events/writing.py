"""What a service's reader writes: all that has ended meanwhile in one commit, with how far its partitions have come.

One such commit is on its way at a time; what ends meanwhile follows in the next. A handler that has a
transaction of its own takes what has ended with it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial

from dalsegno.core.clock import SECOND
from dalsegno.core.commit import Committed, Kept
from dalsegno.core.reactions import KeptRow, React, ServiceRow, SteerService
from dalsegno.core.sourcing import Conflict
from dalsegno.core.transact import RolledBack, Transacted
from dalsegno.core.writes import Verdict
from dalsegno.engine.commits import CommitQueue
from dalsegno.events.keeping import kept_row
from dalsegno.events.one_call import Ended
from dalsegno.events.plan import Plan
from dalsegno.events.progress import Progress
from dalsegno.events.transacting import Alone
from dalsegno.events.work import Out, Work, reaction_of

log = logging.getLogger("dalsegno.events")

_TELL = 0.5  # seconds after which one at work writes how far it has come also where no event was for it

_NOTHING = React(0, 0, 0)


class Writing:
    """What one reader has to write; ``written`` and ``refused`` hear of each commit."""

    def __init__(
        self,
        row: ServiceRow,
        session: int,
        commits: CommitQueue,
        owned: Mapping[int, Progress],
        *,
        read_to: Callable[[], int],
        written: Callable[[React], None],
        refused: Callable[[Verdict], None],
        now: Callable[[], int],
    ) -> None:
        self.out = Out()
        self.told_at = 0.0
        self._row = row
        self._session = session
        self._commits = commits
        self._owned = owned
        self._read_to = read_to
        self._on_written = written
        self._on_refused = refused
        self._now = now
        self._under_way: React | None = None
        self._alone: deque[Alone] = deque()  # handlers that wait for their transaction
        self._fresh: dict[str, Kept] = {}  # states that are not written yet
        self._behind_states: list[Callable[[], None]] = []  # decisions that wait for a state to be written
        self._soon = False
        self._dropped = False

    @property
    def busy(self) -> bool:
        """Whether anything is not written yet."""
        return bool(self.out or self._under_way is not None)

    def drop(self) -> None:
        """Write nothing more."""
        self._dropped = True
        self._alone.clear()

    def concerns(self, partition: int) -> bool:
        """Whether the position of a partition is being written, or is to be."""
        positions = (self._under_way or _NOTHING).positions
        return partition in self.out.touched or any(partition == one for one, _ in positions)

    def blocks(self, key: str) -> bool:
        """Whether a reaction of a key is on its way to become a run."""
        laned = (*self.out.laned, *(self._under_way or _NOTHING).laned)
        return any(one.key == key for one in laned)

    def fresh(self, key: str) -> KeptRow | None:
        """Return the state of a key, if there is one that is not written yet."""
        kept = self._fresh.get(key)
        return None if kept is None else kept_row(kept, 0)

    # -- what has ended

    def reacted(self, work: Work, plan: Plan, how: Ended) -> None:
        """Note how a handler's call has ended, which has not failed."""
        self.out.reactions.append(reaction_of(work, plan, how))
        if how.events:
            self.out.events += how.events
        for kept in how.kept:
            self.out.kept.append(kept)
            self._fresh[kept.key] = kept

    def passed(self, work: Work) -> None:
        """Note that all handlers of an event are done with it."""
        if not work.told:
            self.out.touched.add(work.progress.partition)
            if not self._soon:
                self._soon = True
                asyncio.get_running_loop().call_soon(self.flush)

    def transact(self, alone: Alone) -> None:
        """Let a handler have its transaction, when it is its turn."""
        self._alone.append(alone)
        self.flush()

    def decided(self, work: Work, plan: Plan, how: Ended, told: Callable[[Verdict], None]) -> None:
        """Write a reaction that was decided by an aggregate by itself, since it may not be so any more."""
        keys = {kept.key for kept in how.kept}
        if any(kept.key in keys for kept in self.out.kept):  # an earlier state of the key is written first
            self._behind_states.append(partial(self.decided, work, plan, how, told))
            return
        react = React(
            self._session,
            self._row.number,
            self._row.generation,
            reactions=(reaction_of(work, plan, how),),
            events=tuple(how.events),
            kept=tuple(how.kept),
            expects=how.expects,
        )
        self._commits.put(react, told)

    def circuit(self, plan: Plan, seconds: float | None) -> None:
        """Let it be seen that a handler's circuit has opened, or closed."""
        if self._dropped:
            return
        until = None if seconds is None else self._now() + int(seconds * SECOND)
        told = "is left alone" if seconds is not None else "is called again"
        log.warning("handler %s %s", plan.title, told)
        steer = SteerService(self._row.namespace, self._row.name, circuit=(plan.number, until))
        self._commits.put(steer, lambda _: None)

    # -- writing it

    def tell_position(self) -> None:
        """Write how far the partitions have come of which no event was for us."""
        self.out.touched |= self._behind()
        if self.out.touched:
            self.flush()

    def _behind(self) -> set[int]:
        """Return the partitions that have come further than is written."""
        self.told_at = asyncio.get_running_loop().time()
        read_to = self._read_to()
        return {p.partition for p in self._owned.values() if p.reached(read_to) > p.position}

    def flush(self) -> None:
        """Write what has ended, unless something is being written: then it follows."""
        self._soon = False
        if self._under_way is not None or self._dropped or not (self.out or self._alone):
            return
        if asyncio.get_running_loop().time() >= self.told_at + _TELL:
            self.out.touched |= self._behind()
        out, self.out = self.out, Out()
        if self._alone:
            self._transact(self._alone.popleft(), out)
        else:
            self._under_way = self._react_of(out)
            self._commits.put(self._under_way, self._written)

    def _react_of(self, out: Out, passing: Work | None = None) -> React:
        """Make what is to be written of what has ended, and, of ``passing``, ends with it."""
        positions = []
        read_to = self._read_to()
        passed = {} if passing is None else {passing.progress.partition: passing.event.number}
        for partition in out.touched | passed.keys():
            progress = self._owned.get(partition)
            if progress is not None:
                reached = progress.reached(read_to, passed.get(partition, 0))
                if reached > progress.position:
                    positions.append((partition, reached))
        return React(
            self._session,
            self._row.number,
            self._row.generation,
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
        self._under_way = self._react_of(out, work if work.told else None)
        self._commits.put(alone.transact(self._under_way), partial(self._transacted, alone, out))

    def _transacted(self, alone: Alone, out: Out, verdict: Verdict) -> None:
        if self._dropped:
            return
        match verdict:
            case Transacted((*_, React() as react), (*_, Committed() as committed)):
                self._under_way = react
                alone.told(alone.how)
                self._written(committed)
            case RolledBack() | Conflict():
                self._under_way, self.out = None, out.before(self.out)
                alone.work.told = False
                alone.told(alone.rolled_back(verdict))
                self.flush()
            case _:
                self._written(verdict)

    def _written(self, verdict: Verdict) -> None:
        react, self._under_way = self._under_way, None
        if self._dropped or react is None:
            return
        if not isinstance(verdict, Committed):
            self._on_refused(verdict)
            return
        for partition, position in react.positions:
            progress = self._owned.get(partition)
            if progress is not None:
                progress.position = position
                progress.crashes, progress.suspect = 0, None
        for kept in react.kept:
            if self._fresh.get(kept.key) is kept:
                del self._fresh[kept.key]
        self.flush()
        self._on_written(react)
        waiting, self._behind_states = self._behind_states, []
        for go_on in waiting:
            go_on()
